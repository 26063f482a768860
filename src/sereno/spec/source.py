"""Files as text with places, and the tree of values in them: every value knows where it was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Literal

Style = Literal["plain", "single", "double", "literal", "folded"]
ScalarKind = Literal["text", "number", "boolean", "null"]

_EXCERPT_MAX = 240
_BREAK = re.compile(r"\r\n|\r|\n")
_UNPRINTABLE = re.compile(
    r"[^\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SECRET = re.compile(r"""((?:slack|webhook)['"]?\s*:\s*['"]?https?://[^/\s]*/|://[^/\s:@]*:)([^\s'",}\]@]+)(?<!/)""")
# YAML 1.2, section 10.3.2, the core schema: no yes/no/on/off, no sexagesimals, no dates, no 012 as octal.
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the spec. `name` counts from the folder, `shown` is what people click on."""

    name: str
    text: str
    shown: str
    starts: tuple[int, ...]

    @staticmethod
    def of(name: str, text: str, shown: str | None = None) -> File:
        """The file `name` that holds `text`."""
        starts = (0, *(found.end() for found in _BREAK.finditer(text)))
        return File(name, text, shown or name, starts)

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at `index`; never beyond the last line that was written."""
        index = max(0, min(index, len(self.text)))
        row = bisect_right(self.starts, index) - 1
        if row and self.starts[row] == len(self.text):
            row -= 1
        column = min(index - self.starts[row], self._end(row + 1) - self.starts[row])
        return row + 1, column + 1

    def line(self, number: int) -> str:
        """The text of a line, from 1, without its break."""
        return self.text[self.starts[number - 1] : self._end(number)]

    def _end(self, number: int) -> int:
        """Where the text of a line ends; nothing is copied, for a line may be the whole file."""
        end, start = self.starts[number] if number < len(self.starts) else len(self.text), self.starts[number - 1]
        while end > start and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def excerpt(self, number: int, column: int) -> str:
        """The line for people: no secret, nothing that moves a terminal's cursor; empty when too long to help."""
        start = self.starts[number - 1]
        line = self.text[start : min(self._end(number), start + _EXCERPT_MAX)]
        line = _SECRET.sub(lambda found: found[1] + "*" * len(found[2]), line)
        line = _UNPRINTABLE.sub(" ", line)
        return "" if column > _EXCERPT_MAX else line


@dataclass(frozen=True, slots=True)
class Hole:
    """Characters of a value that stand for others as they were written: the value of a variable for `${name}`."""

    start: int
    end: int
    written_start: int
    written_end: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `value` is its text; `start` and `end` are indices into the file's text.

    Where variables have been put in, `written` is the text before that, and `holes` say what stands for what; with
    `unquoted` the value is taken for what it looks like, though its variable stands in quotes.
    """

    file: File = field(repr=False)
    start: int
    end: int
    value: str
    style: Style = "plain"
    forced_text: bool = False
    broken: bool = False
    written: str | None = None
    holes: tuple[Hole, ...] = ()
    unquoted: bool = False

    @property
    def original(self) -> str:
        """The text as it was written, before any variables were put in."""
        return self.value if self.written is None else self.written

    def as_written(self, offset: int) -> int:
        """Which character of the text as it was written stands for character `offset` of the value."""
        for hole in reversed(self.holes):
            if offset >= hole.end:
                return offset - hole.end + hole.written_end
            if offset >= hole.start:
                return hole.written_start
        return offset

    @property
    def kind(self) -> ScalarKind:
        """What YAML 1.2's core schema takes it for."""
        if self.forced_text or (self.style != "plain" and not self.unquoted):
            return "text"
        if _NULL.fullmatch(self.value):
            return "null"
        if _BOOLEAN.fullmatch(self.value):
            return "boolean"
        return "number" if _NUMBER.fullmatch(self.value) else "text"


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of values."""

    file: File = field(repr=False)
    start: int
    end: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values, in the order written; a key stands in it once."""

    file: File = field(repr=False)
    start: int
    end: int
    entries: tuple[tuple[Scalar, Node], ...]

    def get(self, key: str) -> Node | None:
        """The value of `key`."""
        return next((value for found, value in self.entries if found.value == key), None)


Node = Scalar | Sequence | Mapping

_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}
_BLANK_ESCAPES = {"n", "t", "\t", " ", "r", "N", "_", "L", "P", "v", "f"}


def locate(scalar: Scalar, offset: int) -> int:
    """The index in the file of character `offset` of the scalar's value.

    Exact for characters that are not white space, whatever the style: folding and indentation only touch white
    space, so the n-th visible character of the value is the n-th visible one of the text. White space follows
    the visible character before it.
    """
    offset = max(0, min(offset, len(scalar.value)))
    if scalar.written is not None:
        offset, scalar = scalar.as_written(offset), replace(scalar, value=scalar.written, written=None, holes=())
    visible = _visible(scalar)
    seen = sum(1 for c in scalar.value[:offset] if not c.isspace())
    if offset < len(scalar.value) and not scalar.value[offset].isspace():
        return visible[seen] if seen < len(visible) else scalar.start
    if not 0 < seen <= len(visible):
        return scalar.start
    before = len(scalar.value[:offset].rstrip())
    return min(visible[seen - 1] + 1 + (offset - before), max(scalar.end - 1, visible[seen - 1] + 1))


def _visible(scalar: Scalar) -> list[int]:
    """Indices in the file of the value's visible characters."""
    text, index, end = scalar.file.text, scalar.start, scalar.end
    if scalar.style in ("literal", "folded"):
        found = _BREAK.search(text, index, end)
        index = found.end() if found else end
    elif scalar.style in ("single", "double"):
        index, end = index + 1, end - 1
    places = []
    while index < end:
        char, step = text[index], 1
        shown = not char.isspace()
        if char == "\\" and scalar.style == "double" and index + 1 < end:
            escape = text[index + 1]
            step = 2 + _HEX_ESCAPES.get(escape, 0)
            shown = escape not in _BLANK_ESCAPES and escape not in "\r\n"
            if escape in _HEX_ESCAPES:
                shown = not _unescaped(text[index + 2 : index + step]).isspace()
        elif char == "'" and scalar.style == "single":
            step = 2
        if shown:
            places.append(index)
        index += step
    return places


def _unescaped(digits: str) -> str:
    try:
        return chr(int(digits, 16))
    except (ValueError, OverflowError):
        return "?"
