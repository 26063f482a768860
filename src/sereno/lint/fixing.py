"""Edits put into a text; what they make is checked again, and a file is never left worse than it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sereno.lint.model import Edit, Finding

ROUNDS_MAX = 10


@dataclass(frozen=True, slots=True)
class Mended:
    """A text with everything put right that safely can be, and the findings that are gone."""

    text: str
    fixed: tuple[Finding, ...]


def mend(text: str, look: Callable[[str], Sequence[Finding]]) -> Mended:
    """Apply the edits of what `look` finds, until it finds nothing that can be mended.

    A round that brings a new kind of finding, or more of one, is undone and ends the work.

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
        if _worse(findings, now):
            taken, after, now = _one_by_one(text, chosen, findings, look)
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


def _one_by_one(
    text: str, chosen: Sequence[Finding], findings: Sequence[Finding], look: Callable[[str], Sequence[Finding]]
) -> tuple[list[Finding], str, Sequence[Finding]]:
    """The first finding whose edits alone make nothing worse."""
    for finding in chosen:
        after = apply(text, finding.edits)
        now = look(after)
        if after != text and not _worse(findings, now):
            return [finding], after, now
    return [], text, findings


def _worse(before: Sequence[Finding], after: Sequence[Finding]) -> bool:
    had = Counter(finding.diagnostic.code for finding in before)
    has = Counter(finding.diagnostic.code for finding in after)
    return any(count > had[code] for code, count in has.items())
