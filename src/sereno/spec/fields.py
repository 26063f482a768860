"""A mapping read key by key: what is unknown, missing or empty is reported once, typing mistakes are forgiven."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, Sequence

T = TypeVar("T")
Reader = Callable[[Reading, Node], T | None]
"""Reads a value; None means that it is wrong and has been reported."""


def takes(reader: Reader[T], kind: str, *parts: object) -> Reader[T]:
    """`reader`, with a note of what it takes for those who describe the spec: `kind` of value, and its bounds."""
    reader.__dict__["takes"] = (kind, parts)
    return reader


_SYNONYMS = {
    "target": "objective",
    "goal": "objective",
    "period": "window",
    "indicator": "sli",
    "threshold": "within",
    "exclude": "except",
    "interval": "every",
    "query": "expr",
    "expression": "expr",
    "owner": "team",
    "timezone": "zone",
    "time_zone": "zone",
    "lang": "language",
    "runbook_url": "runbook",
    "errors": "bad",
    "members": "people",
    "rotation": "people",
    "repeat": "repeat_every",
}
_ELSEWHERE = {
    "annotations": "write `summary`, `description` and `runbook` directly",
    "probes": "probes are not read yet",
}


class Fields:
    """The keys of one mapping.

    `what` names the mapping in messages; `required` and `optional` are its keys; `planned` keys are skipped with
    a warning. A key that is nearly one of the known is reported and then read as meant, so that one typing mistake
    is one message.
    """

    def __init__(
        self,
        reading: Reading,
        node: Node,
        what: str,
        *,
        required: Iterable[str] = (),
        optional: Iterable[str] = (),
        planned: Iterable[str] = (),
    ) -> None:
        self.reading = self._reading = reading
        self.node = node
        self._entries: dict[str, tuple[Scalar, Node]] = {}
        if not isinstance(node, Mapping):
            expect(reading, node, f"a mapping: {what} with keys such as {', '.join((*required, *optional)[:3])}")
            return
        known = (*required, *optional)
        for key, value in node.entries:
            if key.value in known:
                self._entries[key.value] = (key, value)
        for key, value in node.entries:
            if key.value in planned:
                reading.complain("SER011", key, f"`{key.value}` is not read yet; it is skipped")
            elif key.value not in known and not key.broken:
                self._meant(key, value, known, what)
        for name in required:
            if name not in self._entries:
                reading.complain("SER022", node, f"{what} needs `{name}`", expected=f"the key `{name}`")

    def _meant(self, key: Scalar, value: Node, known: tuple[str, ...], what: str) -> None:
        if self.reading.overlooks:
            return
        free = [name for name in known if name not in self._entries]
        word = key.value.lower().replace("-", "_")
        synonym = _SYNONYMS.get(word)
        near = word if word in free else synonym if synonym in free else self.reading.nearest(key.value, free, key=True)
        self._reading.complain(
            "SER021",
            key,
            f"{what} has no key `{key.value}`",
            expected=f"one of {', '.join(known)}",
            hint=f"did you mean `{near}`?" if near else _ELSEWHERE.get(word),
        )
        if near:
            self._entries[near] = (key, value)

    def has(self, key: str) -> bool:
        """Whether the key is there, even if empty."""
        return key in self._entries

    def key(self, key: str) -> Scalar | None:
        """The key itself, as it was written."""
        return self._entries[key][0] if key in self._entries else None

    def value(self, key: str) -> Node | None:
        """The raw value, unread."""
        return self._entries[key][1] if key in self._entries else None

    def read(self, key: str, reader: Reader[T]) -> T | None:
        """The value of `key` as `reader` understands it; None if it is absent, empty or wrong."""
        if key not in self._entries:
            return None
        name, value = self._entries[key]
        if isinstance(value, Scalar) and value.broken:
            return None
        if isinstance(value, Scalar) and value.kind == "null":
            self._reading.complain("SER023", name, f"`{key}` has no value", expected="a value, or no key at all")
            return None
        return reader(self._reading, value)

    def exactly_one(self, *keys: str) -> str | None:
        """The one of `keys` that is there; reported if there are none or several."""
        there = [key for key in keys if key in self._entries]
        if len(there) == 1:
            return there[0]
        choices = " or ".join(f"`{key}`" for key in keys)
        if there:
            second = self._entries[there[1]][0]
            self._reading.complain("SER024", second, f"only one of {choices} can be given", expected=choices)
        elif isinstance(self.node, Mapping):
            self._reading.complain("SER024", self.node, f"{choices} is needed", expected=f"exactly one of {choices}")
        return None


def expect(reading: Reading, node: Node, expected: str, hint: str | None = None) -> None:
    """Report that `node` is of the wrong type; an empty value is said to be empty."""
    if isinstance(node, Scalar) and node.broken:
        return
    if isinstance(node, Scalar) and node.kind == "null":
        reading.complain("SER023", node, "there is no value here", expected=expected)
        return
    reading.complain("SER020", node, f"this is {type_of(node)}", expected=expected, hint=hint)


def type_of(node: Node) -> str:
    """The type of `node` in words."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    words = {"boolean": f"true or false (`{node.value}`)", "number": f"a number ({node.value})", "null": "empty"}
    return words.get(node.kind, "text")
