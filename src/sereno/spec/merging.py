"""Joins two mappings: what one says over what another says."""

from __future__ import annotations

from dataclasses import replace

from sereno.spec.source import Mapping, Node, Scalar, Sequence

_NAMES = ("name", "alert", "job")
# Of these only one can stand in a mapping: to say one takes the others away.
_RIVALS: tuple[frozenset[str], ...] = (
    frozenset((
        "events", "latency", "query", "gauge", "composite",
        "http", "grpc", "queue", "database", "cache", "batch", "payment", "time_to_complete", "business",
    )),
    frozenset(("bad", "good")),
    frozenset(("within", "promises")),
    frozenset(("succeeded", "failed")),
)  # fmt: skip
_WITH_RIVALS = frozenset(("sli", *_RIVALS[0]))


def merged(base: Mapping, over: Mapping, key: str = "") -> Mapping:
    """`over`, and what only `base` says. Null in `over` takes away what `base` says. `key` is whose values they are."""
    below = {name.value: (name, value) for name, value in base.entries}
    entries: list[tuple[Scalar, Node]] = []
    said = {name.value for name, _ in over.entries}
    if key in _WITH_RIVALS:
        said |= {rival for rivals in _RIVALS for rival in rivals if rivals & said}
    for name, value in over.entries:
        if name.value not in below:
            entries.append((name, value))
        elif not (isinstance(value, Scalar) and value.kind == "null" and not value.broken):
            entries.append((name, _joined(below[name.value][1], value, name.value)))
    entries += [entry for name, entry in below.items() if name not in said]
    return replace(over, entries=tuple(entries))


def without(node: Mapping, key: str) -> Mapping:
    """`node` without one of its keys."""
    return replace(node, entries=tuple(entry for entry in node.entries if entry[0].value != key))


def _joined(base: Node, over: Node, key: str) -> Node:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return merged(base, over, key)
    if isinstance(base, Sequence) and isinstance(over, Sequence):
        below, above = _named(base), _named(over)
        if below is not None and above is not None:
            return replace(over, items=tuple(_by_name(below, above)))
    return over


def _by_name(below: dict[str, Mapping], above: dict[str, Mapping]) -> list[Node]:
    """First those below in their order, joined with those above of the same name, then the rest of those above."""
    found: list[Node] = [merged(item, above[name]) if name in above else item for name, item in below.items()]
    return found + [item for name, item in above.items() if name not in below]


def _named(node: Sequence) -> dict[str, Mapping] | None:
    """The items by name; None if they have none, or two have the same."""
    found: dict[str, Mapping] = {}
    for item in node.items:
        name = next((item.get(key) for key in _NAMES if item.get(key)), None) if isinstance(item, Mapping) else None
        if not isinstance(name, Scalar) or name.value in found or not isinstance(item, Mapping):
            return None
        found[name.value] = item
    return found
