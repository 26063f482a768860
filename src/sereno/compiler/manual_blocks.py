"""A text as blocks and words, from which both Markdown and HTML are written: nothing in it is markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sereno.kernel.message import Language


@dataclass(frozen=True, slots=True)
class Code:
    """What is typed or read letter by letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """What must not be overlooked."""

    words: Words


@dataclass(frozen=True, slots=True)
class Emphasis:
    """What is stressed."""

    words: Words


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to `to`: an address, a file beside this one, or `#anchor` of a heading."""

    words: Words
    to: str


Words = tuple[str | Code | Strong | Emphasis | Link, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows; `anchor` is what links in the same document call it."""

    level: int
    words: Words
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A run of words; `lead` is the first one of a document."""

    words: Words
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; `first` is the number of an ordered one's first item, None of one without order."""

    items: tuple[tuple[Block, ...], ...]
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below the names of their columns; the first cell names its row. `caption` says what it is."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Names, and what each stands for."""

    pairs: tuple[tuple[Words, Words], ...]


@dataclass(frozen=True, slots=True)
class Fenced:
    """Lines of code."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """What is set apart: a remark, a warning."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Break:
    """The subject changes."""


Block = Heading | Paragraph | Bullets | Table | Terms | Fenced | Quote | Break


@dataclass(frozen=True, slots=True)
class Document:
    """A whole page: its title (its only heading of level 1), its language, and what it says."""

    title: str
    language: Language
    blocks: tuple[Block, ...]
    contents: bool = False


def plain(words: Words) -> str:
    """`words` without emphasis and links."""
    return "".join(
        word if isinstance(word, str) else word.text if isinstance(word, Code) else plain(word.words) for word in words
    )


def slug(text: str) -> str:
    """What a heading of that text is called in addresses, as code hosts do."""
    folded = unicodedata.normalize("NFC", text).lower().strip()
    return re.sub(r"[^\w\- ]", "", folded).replace(" ", "-")


def ordered(blocks: Iterable[Block], below: int) -> Iterator[Block]:
    """`blocks` with their headings below level `below`, none deeper than one level under the one it belongs to."""
    parents: list[int] = []
    for block in blocks:
        if isinstance(block, Heading):
            while parents and parents[-1] >= block.level:
                parents.pop()
            parents.append(block.level)
            yield replace(block, level=min(6, below + len(parents)))
        else:
            yield block


def anchored(blocks: Iterable[Block], taken: Iterable[str] = ()) -> tuple[Block, ...]:
    """`blocks` in which every heading has an anchor of its own: the one it asks for, or what its text gives."""
    used = set(taken)
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Heading):
            wanted = block.anchor or slug(plain(block.words)) or "section"
            name, count = wanted, 1
            while name in used:
                name, count = f"{wanted}-{count}", count + 1
            used.add(name)
            found.append(replace(block, anchor=name))
        else:
            found.append(block)
    return tuple(found)
