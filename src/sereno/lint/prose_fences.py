"""Blocks of code in Markdown: configuration quoted in a manual is judged as if it stood in a file of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sereno.lint.documents import read
from sereno.lint.model import Context, Document, Edit
from sereno.lint.reporting import Report

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^\r\n`]*)$", re.MULTILINE)
_ENDINGS = {"yaml": "yaml", "yml": "yaml", "json": "json", "promql": "promql"}
_BLANKED = re.compile(r"[^\r\n]")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences: its language, and where its text begins and ends."""

    language: str
    start: int
    end: int


def check_nested(document: Document, report: Report) -> None:
    """Fences inside of fences of the same length: the inner one ends the outer."""
    open_: re.Match[str] | None = None
    fences = list(_FENCE.finditer(document.file.text))
    for index, fence in enumerate(fences):
        info = fence["info"].strip()
        if open_ is None:
            open_ = fence
        elif info and fence["marks"][0] == open_["marks"][0] and len(fence["marks"]) >= len(open_["marks"]):
            report.complain_at(
                "SER784", document.file, fence.start("marks"), len(fence["marks"]) + len(fence["info"]),
                "a block inside of a block with as many marks: its end is taken for that of the outer one, the rest is "
                "shown as text", expected=f"{open_['marks']}{open_['marks'][0]} around the outer block",
                edits=_longer(open_, fences[index:]),
            )  # fmt: skip
            return
        elif not info and fence["marks"].startswith(open_["marks"]):
            open_ = None


def _longer(outer: re.Match[str], rest: list[re.Match[str]]) -> tuple[Edit, ...]:
    """One mark more around the outer block, if it can be told where that ends."""
    mark = outer["marks"][0]
    depth = 1
    longest = len(outer["marks"])
    for fence in rest:
        if fence["marks"][0] != mark:
            continue
        depth += 1 if fence["info"].strip() else -1
        if depth == 0:
            new = mark * (longest + 1)
            return tuple(Edit(f.start("marks"), f.end("marks"), new) for f in (outer, fence))
        longest = max(longest, len(fence["marks"]))
    return ()


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text, as Markdown has them."""
    open_: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if open_ is None:
            open_ = fence
        elif not fence["info"].strip() and fence["marks"].startswith(open_["marks"]):
            language = (open_["info"].split() or [""])[0].lower()
            yield Block(language, open_.end() + 1, fence.start())
            open_ = None


def quoted(document: Document, report: Report) -> tuple[Document, ...]:
    """The documents in the blocks of a Markdown text, with its places; what cannot be read is reported."""
    file = document.file
    found: list[Document] = []
    for block in blocks(file.text):
        ending = _ENDINGS.get(block.language)
        if ending is None or block.end <= block.start:
            continue
        body = _BLANKED.sub(" ", file.text[: block.start]) + file.text[block.start : block.end]
        inner = read(f"{file.name}.{ending}", body, file.shown)
        for finding in inner.findings:
            if finding.diagnostic.code == "SER201":
                index = file.starts[finding.diagnostic.line - 1] + finding.diagnostic.column - 1
                d = finding.diagnostic
                report.complain_at(d.code, file, index, d.length, d.message, expected=d.expected, hint=d.hint,
                                   edits=finding.edits)  # fmt: skip
        found += inner.documents
    return tuple(found)


def check_quoted(document: Document, context: Context, report: Report) -> None:
    """Every check on what a manual quotes."""
    from sereno.lint.checks import checks_of

    inner = quoted(document, report)
    around = replace(context, documents=(*(d for d in context.documents if d is not document), *inner))
    for part in inner:
        if part.kind not in ("prose", "runbook"):
            for check in checks_of(part.kind):
                check(part, around, report)
