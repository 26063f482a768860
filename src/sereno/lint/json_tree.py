"""JSON text to a tree with places, as RFC 8259 has it; comments and trailing commas are read over and reported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from sereno.lint.model import Edit
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence

DEPTH_MAX = 100
_BLANK = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WORD = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")

Complain = Callable[[int, int, str, str | None, tuple[Edit, ...]], None]
"""index, length, message, hint, edits"""


class _WrongError(Exception):
    """Reading must stop at `index`."""

    def __init__(self, index: int, message: str, hint: str | None = None) -> None:
        self.index, self.message, self.hint = index, message, hint


def json_document(file: File, complain: Complain, *, nodes_max: int = 1_000_000) -> Node | None:
    """The value in `file`, or None after a report. Never raises."""
    reader = _Reader(file, complain, nodes_max)
    try:
        return reader.whole()
    except _WrongError as wrong:
        complain(wrong.index, 1, wrong.message, wrong.hint, ())
        return None


class _Reader:
    def __init__(self, file: File, complain: Complain, nodes_max: int) -> None:
        self._file, self._text, self._complain, self._left = file, file.text, complain, nodes_max
        self._index = 1 if file.text.startswith("\ufeff") else 0

    def whole(self) -> Node:
        self._blank()
        found = self._value(0)
        self._blank()
        if self._index < len(self._text):
            raise _WrongError(self._index, "there is more text after the value")
        return found

    def _blank(self) -> None:
        """Go on to what counts; comments are reported with their removal."""
        while True:
            match = _BLANK.match(self._text, self._index)
            self._index = match.end() if match else self._index
            comment = _COMMENT.match(self._text, self._index)
            if comment is None:
                return
            self._complain(
                comment.start(), comment.end() - comment.start(), "JSON has no comments", None,
                (self._without(comment.start(), comment.end()),),
            )  # fmt: skip
            self._index = comment.end()

    def _without(self, start: int, end: int) -> Edit:
        """Take out the text, and its line if nothing else stands in it."""
        begin = max(self._text.rfind("\n", 0, start), self._text.rfind("\r", 0, start)) + 1
        after = re.compile(r"[ \t]*(\r\n|\n|\r|\Z)").match(self._text, end)
        if after and not self._text[begin:start].strip():
            return Edit(begin, after.end(), "")
        if after:
            start = begin + len(self._text[begin:start].rstrip())
        return Edit(start, end, "")

    def _here(self) -> str:
        return self._text[self._index : self._index + 1]

    def _value(self, depth: int) -> Node:
        self._left -= 1
        if depth > DEPTH_MAX or self._left < 0:
            deep = f"this is nested more than {DEPTH_MAX} deep" if self._left >= 0 else "the file holds too many values"
            raise _WrongError(self._index, deep)
        here = self._here()
        if here == "{":
            return self._mapping(depth)
        if here == "[":
            return self._sequence(depth)
        if here == '"':
            return self._string()
        match = _WORD.match(self._text, self._index)
        if match is None or re.match(r"[\w.]", self._text[match.end() : match.end() + 1]):
            hint = "JSON's strings have double quotes" if here == "'" else None
            raise _WrongError(self._index, "a value was expected here" if here else "the text ends too early", hint)
        self._index = match.end()
        return Scalar(self._file, match.start(), match.end(), match.group())

    def _string(self) -> Scalar:
        match = _STRING.match(self._text, self._index)
        if match is None:
            raise _WrongError(self._index, "this text in quotes is not closed, or holds what JSON does not allow")
        self._index = match.end()
        return Scalar(self._file, match.start(), match.end(), json.loads(match.group()), "double")

    def _sequence(self, depth: int) -> Sequence:
        start = self._index
        items: list[Node] = []
        self._each("]", lambda: items.append(self._value(depth + 1)))
        return Sequence(self._file, start, self._index, tuple(items))

    def _mapping(self, depth: int) -> Mapping:
        start = self._index
        entries: dict[str, tuple[Scalar, Node]] = {}
        self._each("}", lambda: self._entry(entries, depth))
        return Mapping(self._file, start, self._index, tuple(entries.values()))

    def _entry(self, entries: dict[str, tuple[Scalar, Node]], depth: int) -> None:
        if self._here() != '"':
            raise _WrongError(self._index, "a key in double quotes was expected here")
        key = self._string()
        self._blank()
        if self._here() != ":":
            raise _WrongError(self._index, "a colon was expected here")
        self._index += 1
        self._blank()
        value = self._value(depth + 1)
        if key.value in entries:
            message = f"the key `{key.value[:80]}` is given twice: the last one counts"
            self._complain(key.start, key.end - key.start, message, "remove one of the two", ())
        entries[key.value] = (key, value)

    def _each(self, closing: str, read: Callable[[], None]) -> None:
        """Read what stands between the bracket here and `closing`, with commas between."""
        self._index += 1
        self._blank()
        while self._here() != closing:
            read()
            self._blank()
            comma = self._index
            if self._here() == ",":
                self._index += 1
                self._blank()
                if self._here() == closing:
                    self._complain(comma, 1, "there is a comma after the last one", None, (Edit(comma, comma + 1, ""),))
            elif self._here() != closing:
                raise _WrongError(self._index, f"a comma or {closing} was expected here")
        self._index += 1
