"""Edits put into a text; what they make is checked again, and a file is never left worse than it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sereno.lint.model import Edit, Finding

ROUNDS_MAX = 10
ALONE_MAX = 100
"""So many are tried one by one, where all together make something worse."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A text with everything put right that safely can be, and the findings that are gone."""

    text: str
    fixed: tuple[Finding, ...]


def mend(text: str, look: Callable[[str], Sequence[Finding]]) -> Mended:
    """Apply the edits of what `look` finds, until it finds nothing that can be mended.

    What brings a new kind of finding, or more of one, is not done; unless an error goes by it.

    Args:
        text: the file.
        look: lints that file alone with another text; its edits count characters of the text it was given.
    """
    findings = look(text)
    fixed: list[Finding] = []
    for _ in range(ROUNDS_MAX):
        chosen = [finding for finding in findings if finding.edits]
        if not chosen:
            break
        taken, after = _applied(text, chosen)
        if after == text:
            break
        now = look(after)
        if _more(findings, now):
            taken, after, now = _harmless(text, chosen, findings, look)
        if after == text:
            break
        fixed += taken
        text, findings = after, now
    return Mended(text, tuple(fixed))


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with `edits` made; of two that overlap only the first counts."""
    parts, end = [], 0
    for edit in sorted(set(edits), key=lambda e: (e.start, e.end, e.text)):
        if edit.start >= end:
            parts += [text[end : edit.start], edit.text]
            end = edit.end
    return "".join((*parts, text[end:]))


def _applied(text: str, findings: Sequence[Finding]) -> tuple[list[Finding], str]:
    """The findings whose edits do not overlap with those before them, and the text with all of these made."""
    taken: list[Finding] = []
    made: list[Edit] = []
    for finding in findings:
        fresh = [edit for edit in finding.edits if edit not in made]
        if not any(edit.start < m.end and m.start < edit.end for edit in fresh for m in made):
            taken.append(finding)
            made += fresh
    return taken, apply(text, made)


def _harmless(
    text: str, chosen: Sequence[Finding], findings: Sequence[Finding], look: Callable[[str], Sequence[Finding]]
) -> tuple[list[Finding], str, Sequence[Finding]]:
    """Those findings whose edits, each alone, make nothing worse; the first of them alone, if together they do.

    An error that goes may uncover warnings: what was no PromQL, or of a type that is gone, could not be judged.
    """
    some = chosen[:ALONE_MAX]
    good = [finding for finding in some if _better(findings, look(apply(text, finding.edits)))]
    for those in (good, good[:1]):
        taken, after = _applied(text, those)
        now = look(after)
        if after != text and not _more(findings, now, errors=True):
            return taken, after, now
    return [], text, findings


def _better(before: Sequence[Finding], after: Sequence[Finding]) -> bool:
    """Whether nothing was added; or fewer errors are left, and none is new."""
    if not _more(before, after):
        return True
    return _errors(after) < _errors(before) and not _more(before, after, errors=True)


def _errors(findings: Sequence[Finding]) -> int:
    return sum(finding.diagnostic.level == "error" for finding in findings)


def _more(before: Sequence[Finding], after: Sequence[Finding], *, errors: bool = False) -> bool:
    """Whether there is more of some code (of errors alone) than there was."""
    had = Counter(f.diagnostic.code for f in before)
    has = Counter(f.diagnostic.code for f in after if not errors or f.diagnostic.level == "error")
    return any(count > had[code] for code, count in has.items())
