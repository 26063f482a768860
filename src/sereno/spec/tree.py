"""YAML text to documents: PyYAML's events, our own tree, YAML 1.2's meaning, and limits against bombs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from sereno.spec.source import File, Mapping, Node, Scalar, Sequence, Style

DEPTH_MAX = 32
NODES_MAX = 250_000
MISTAKES_MAX = 100
"""After so many mistakes of grammar in one file the rest of it is left unread."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NEXT_DOCUMENT = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
# Beyond what YAML forbids: U+0085, U+2028 and U+2029, which its versions 1.1 and 1.2 read differently.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_STYLES: dict[str, Style] = {"'": "single", '"': "double", "|": "literal", ">": "folded"}
_CORE = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {None, "!", _CORE + "map", _CORE + "seq"}
_SCALAR_TAGS = {None, "!", *(_CORE + name for name in ("str", "int", "float", "bool", "null"))}

Complain = Callable[[str, int, int, str, str | None], None]
"""code, index, length, message, hint"""


class _TooBigError(Exception):
    """Reading this file must stop."""

    def __init__(self, index: int, message: str) -> None:
        self.index, self.message = index, message


def documents(file: File, complain: Complain, *, nodes_max: int = NODES_MAX) -> tuple[Node, ...]:
    """The documents of `file`, as far as they can be read; what cannot goes to `complain`.

    After a mistake of grammar reading goes on at the next `---`; after `nodes_max` values not at all. Never raises.
    """
    found: list[Node] = []
    forbidden = _FORBIDDEN.search(file.text)
    if forbidden:
        point = f"U+{ord(forbidden.group()):04X}"
        complain("SER003", forbidden.start(), 1, f"the character {point} may not stand in YAML", "remove it")
        return ()
    base = mistakes = 0
    while True:
        composer = _Composer(file, base, complain, nodes_max)
        try:
            found.extend(composer.documents())
            return tuple(found)
        except _TooBigError as stop:
            found.extend(composer.done)
            complain("SER005", stop.index, 1, stop.message, None)
            return tuple(found)
        except yaml.YAMLError as error:
            found.extend(composer.done)
            index = base + _index_of(error, len(file.text) - base)
            shown = base + _beginning_of(error, index - base)
            complain("SER003", shown, 1, _problem(error), _hint(file.text, index, error))
            again = _NEXT_DOCUMENT.search(file.text, max(index, base + 1))
            mistakes += 1
            if again is None or mistakes >= MISTAKES_MAX:
                return tuple(found)
            base = again.start()


def _index_of(error: yaml.YAMLError, otherwise: int) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return int(mark.index) if mark is not None else otherwise


def _beginning_of(error: yaml.YAMLError, otherwise: int) -> int:
    """Text that is never closed is shown where it was opened."""
    mark = getattr(error, "context_mark", None)
    unclosed = "end of stream" in str(getattr(error, "problem", ""))
    return int(mark.index) if unclosed and mark is not None else otherwise


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "the text is not YAML"
    context = getattr(error, "context", None)
    return f"{problem} ({context})" if context else str(problem)


def _hint(text: str, index: int, error: yaml.YAMLError) -> str | None:
    char = text[index : index + 1]
    problem = str(getattr(error, "problem", ""))
    if char == "\t":
        return "YAML does not allow tabs for indentation; use spaces"
    if char in ("@", "`", "%", "&", "*", "!"):
        return f"text that begins with {char} needs quotes"
    if "mapping values are not allowed" in problem:
        return "text that holds a colon and a space needs quotes"
    if "expected ':'" in problem:
        return "a key needs a colon and a space after it"
    if "block" in problem and "expected" in problem:
        return "look at the indentation, and whether text that begins with a quote goes on after it"
    return None


class _Composer:
    """Builds the documents of one stretch of a file."""

    def __init__(self, file: File, base: int, complain: Complain, nodes_max: int) -> None:
        self._file, self._base, self._complain, self._nodes_max = file, base, complain, nodes_max
        self._events: Iterator[Event] = iter(yaml.parse(file.text[base:], Loader=_LOADER))
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._size = self._count = 0
        self.done: list[Node] = []

    def documents(self) -> list[Node]:
        """All documents. Raises yaml.YAMLError, keeping those that were complete in `done`."""
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._anchors = {}
                self.done.append(self._node(next(self._events), 0)[0])
        done, self.done = self.done, []
        return done

    def _node(self, event: Event, depth: int) -> tuple[Node, int]:
        """The node that begins with `event`, and how many values it holds with aliases followed."""
        start = self._index(event.start_mark)
        self._count += 1
        if self._count > self._nodes_max:
            raise _TooBigError(start, f"this file holds more than {self._nodes_max:,} values")
        if depth > DEPTH_MAX:
            raise _TooBigError(start, f"this is nested more than {DEPTH_MAX} deep")
        if isinstance(event, AliasEvent):
            node, size = self._alias(event, start)
        elif isinstance(event, ScalarEvent):
            node, size = self._scalar(event, start), 1
        elif isinstance(event, SequenceStartEvent):
            node, size = self._sequence(event, start, depth)
        else:
            assert isinstance(event, MappingStartEvent)
            node, size = self._mapping(event, start, depth)
        if depth == 0:
            self._size += size
        if size > self._nodes_max or self._size > self._nodes_max:
            many = f"{self._nodes_max:,} values once its aliases are followed"
            raise _TooBigError(start, f"this file holds more than {many}")
        anchor = getattr(event, "anchor", None)
        if anchor is not None and not isinstance(event, AliasEvent):
            self._anchors[anchor] = (node, size)
        return node, size

    def _index(self, mark: object) -> int:
        """The index in the file of one of PyYAML's marks (both of its parsers count characters)."""
        return self._base + int(getattr(mark, "index", 0))

    def _alias(self, event: AliasEvent, start: int) -> tuple[Node, int]:
        found = self._anchors.get(event.anchor or "")
        if found is not None:
            return found
        end = self._index(event.end_mark)
        message = f"the alias *{event.anchor} has no anchor before it"
        self._complain("SER006", start, end - start, message, "text that begins with * needs quotes")
        return Scalar(self._file, start, end, "", broken=True), 1

    def _scalar(self, event: ScalarEvent, start: int) -> Scalar:
        self._check_tag(event, _SCALAR_TAGS)
        style = _STYLES.get(event.style or "", "plain")
        end = self._index(event.end_mark)
        return Scalar(self._file, start, end, event.value, style, event.tag in ("!", _CORE + "str"))

    def _sequence(self, event: SequenceStartEvent, start: int, depth: int) -> tuple[Node, int]:
        self._check_tag(event, _COLLECTION_TAGS)
        items, total = [], 1
        while not isinstance(following := next(self._events), SequenceEndEvent):
            item, size = self._node(following, depth + 1)
            items.append(item)
            total += size
        return Sequence(self._file, start, self._index(following.end_mark), tuple(items)), total

    def _mapping(self, event: MappingStartEvent, start: int, depth: int) -> tuple[Node, int]:
        self._check_tag(event, _COLLECTION_TAGS)
        entries: dict[str, tuple[Scalar, Node]] = {}
        total = 1
        while not isinstance(following := next(self._events), MappingEndEvent):
            key, key_size = self._node(following, depth + 1)
            value, size = self._node(next(self._events), depth + 1)
            total += key_size + size
            if isinstance(key, Scalar):
                self._enter(entries, key, value)
            else:
                self._complain("SER008", key.start, 1, "a key must be text", "put quotes around text with { or [")
        return Mapping(self._file, start, self._index(following.end_mark), tuple(entries.values())), total

    def _enter(self, entries: dict[str, tuple[Scalar, Node]], key: Scalar, value: Node) -> None:
        length = max(1, key.end - key.start)
        if key.value == "<<" and key.style == "plain":
            message = "merge keys (<<) are not part of YAML 1.2 and are not read"
            self._complain("SER006", key.start, length, message, "write the values out")
        elif key.value in entries:
            line, _ = self._file.place(entries[key.value][0].start)
            message = f"the key `{key.value}` is already given on line {line}"
            self._complain("SER004", key.start, length, message, "remove one of the two")
        else:
            entries[key.value] = (key, value)

    def _check_tag(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent, known: set[str | None]) -> None:
        if event.tag not in known:
            start = self._index(event.start_mark)
            tag = event.tag.replace(_CORE, "!!") if event.tag else ""
            self._complain("SER006", start, 1, f"the tag {tag} is not used here", "remove it")
