"""Writes a document as Markdown: CommonMark with the tables of code hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sereno.compiler.manual_blocks import (
    Block,
    Bullets,
    Code,
    Document,
    Emphasis,
    Fenced,
    Heading,
    Link,
    Paragraph,
    Quote,
    Strong,
    Table,
    Terms,
    Words,
    plain,
    slug,
)
from sereno.kernel.inert import inert

_MEANS_SOMETHING = re.compile(r"([\\`*\[\]<|])|(?<!\w)(_)|(_)(?!\w)|&(?=#?\w+;)")
_BEGINS = re.compile(r"(?m)^( *)([-+#>]|\d+[.)])(?=\s|#|$)")


def to_markdown(document: Document) -> str:
    """`document` as Markdown that ends in a line feed; links to its headings use the names that code hosts give."""
    writer = _Writer(_anchors(document))
    parts = [f"# {_escaped(document.title)}", *(writer.block(block) for block in document.blocks)]
    return inert("\n\n".join(part for part in parts if part)) + "\n"


def _anchors(document: Document) -> Mapping[str, str]:
    """What a code host calls each heading, by our own name for it."""
    used: dict[str, int] = {slug(document.title): 1}
    found: dict[str, str] = {}
    for block in document.blocks:
        if isinstance(block, Heading):
            name = slug(plain(block.words))
            count = used.get(name, 0)
            used[name] = count + 1
            found[block.anchor] = f"{name}-{count}" if count else name
    return found


class _Writer:
    def __init__(self, anchors: Mapping[str, str]) -> None:
        self._anchors = anchors

    def block(self, block: Block) -> str:
        if isinstance(block, Heading):
            return f"{'#' * block.level} {self.words(block.words)}"
        if isinstance(block, Paragraph):
            return self.line(block.words)
        if isinstance(block, Bullets):
            return self.bullets(block)
        if isinstance(block, Table):
            return self.table(block)
        if isinstance(block, Terms):
            return "\n".join(f"- **{self.words(name)}**: {self.words(what)}" for name, what in block.pairs)
        if isinstance(block, Fenced):
            longest = max((len(run) for run in re.findall("`+", block.text)), default=0)
            mark = "`" * max(3, longest + 1)
            return f"{mark}{block.language}\n{block.text}\n{mark}"
        if isinstance(block, Quote):
            inner = "\n\n".join(self.block(each) for each in block.blocks)
            return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
        return "---"

    def bullets(self, block: Bullets) -> str:
        lines = []
        for index, item in enumerate(block.items):
            mark = "- " if block.first is None else f"{block.first + index}. "
            tight = all(isinstance(each, Paragraph | Bullets) for each in item)
            inner = ("\n" if tight else "\n\n").join(self.block(each) for each in item)
            lines.append(mark + inner.replace("\n", "\n" + " " * len(mark)))
        return re.sub(r"(?m)^ +$", "", "\n".join(lines))

    def table(self, block: Table) -> str:
        # A bar would begin the next cell, even within code.
        rows = [[self.words(cell, bars=False).replace("\n", " ") for cell in row] for row in block.rows]
        lines = [[_escaped(name) for name in block.head], ["---"] * len(block.head), *rows]
        text = "\n".join(f"| {' | '.join(row)} |" for row in lines)
        return f"{_escaped(block.caption)}:\n\n{text}" if block.caption else text

    def line(self, words: Words) -> str:
        return _BEGINS.sub(r"\1\\\2", self.words(words)) if words and isinstance(words[0], str) else self.words(words)

    def words(self, words: Words, *, bars: bool = True) -> str:
        return "".join(self.word(word, bars=bars) for word in words)

    def word(self, word: str | Code | Strong | Emphasis | Link, *, bars: bool) -> str:
        if isinstance(word, str):
            return _escaped(word)
        if isinstance(word, Code):
            return _code(word.text) if bars else _code(word.text).replace("|", "\\|")
        inner = self.words(word.words, bars=bars)
        if isinstance(word, Strong):
            return f"**{inner}**"
        if isinstance(word, Emphasis):
            return f"*{inner}*"
        to = "#" + self._anchors.get(word.to[1:], word.to[1:]) if word.to.startswith("#") else word.to
        return f"[{inner}]({_address(to)})"


def _escaped(text: str) -> str:
    return _MEANS_SOMETHING.sub(lambda found: "\\" + found[0] if found[0] != "&" else "&amp;", text)


def _code(text: str) -> str:
    flat = " ".join(text.split("\n"))
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    mark = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{mark}{pad}{flat}{pad}{mark}"


def _address(to: str) -> str:
    return f"<{to}>" if re.search(r"[\s()]", to) else to
