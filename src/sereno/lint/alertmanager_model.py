"""Alertmanager's routing tree as it stands in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sereno.kernel.errors import QueryError
from sereno.lint.paths import at, entries, items, mappings, text
from sereno.promql.columns import Matcher
from sereno.promql.matching import predicate
from sereno.spec.source import Mapping, Node, Scalar

_CONDITION = re.compile(
    r"""\s*([A-Za-z_:][\w:.-]*|"(?:[^"\\]|\\.)+")\s*(=~|!~|!=|=)"""
    r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,"']*?)\s*(?=,|\Z)"""
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a route or an inhibition, and where it stands."""

    label: str
    op: str
    value: str
    place: Node

    def holds(self, value: str) -> bool | None:
        """Whether a label of that value meets it; None if its regular expression is wrong."""
        try:
            return predicate(Matcher(self.label, self.op, self.value))(value)  # type: ignore[arg-type]
        except QueryError:
            return None

    def implied_by(self, others: tuple[Condition, ...]) -> bool:
        """Whether whatever meets all `others` surely meets this."""
        return any(self._follows(other) for other in others if other.label == self.label)

    def _follows(self, other: Condition) -> bool:
        if (other.op, other.value) == (self.op, self.value):
            return True
        return other.op == "=" and self.holds(other.value) is True

    def excludes(self, other: Condition) -> bool:
        """Whether nothing meets both."""
        if self.label != other.label:
            return False
        if other.op == "=":
            return self.holds(other.value) is False
        return self.op == "=" and other.holds(self.value) is False


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `above` are the conditions that its parents have; `broken` says that some could not be read."""

    node: Mapping
    conditions: tuple[Condition, ...]
    above: tuple[Condition, ...]
    parents: tuple[Mapping, ...]
    routes: tuple[Route, ...]
    broken: bool = False

    @property
    def every(self) -> tuple[Condition, ...]:
        """All conditions that an alert must meet to come here."""
        return (*self.above, *self.conditions)

    @property
    def goes_on(self) -> bool:
        """Whether the routes after it are tried as well."""
        return text(self.node.get("continue")).lower() == "true"

    @property
    def receiver(self) -> str:
        """Who is told: its own receiver, or the nearest above."""
        return self.inherited("receiver")

    def inherited(self, key: str) -> str:
        """The value of `key`, its own or the nearest above."""
        found = (text(node.get(key)) for node in (self.node, *reversed(self.parents)))
        return next((value for value in found if value), "")

    def placed(self, key: str) -> Scalar | None:
        """Where `key` is written here."""
        return next((name for name, _ in self.node.entries if name.value == key), None)


def tree(node: Node | None) -> Route | None:
    """The routing tree of a configuration."""
    root = at(node, "route")
    return _route(root, (), ()) if isinstance(root, Mapping) else None


def _route(node: Mapping, above: tuple[Condition, ...], parents: tuple[Mapping, ...]) -> Route:
    conditions, broken = conditions_of(node)
    here = (*above, *conditions)
    below = mappings(node.get("routes")) if len(parents) < 30 else ()
    routes = tuple(_route(child, here, (*parents, node)) for child in below)
    return Route(node, conditions, above, parents, routes, broken)


def every_route(route: Route | None) -> Iterator[Route]:
    """`route` and all below it."""
    if route is not None:
        yield route
        for child in route.routes:
            yield from every_route(child)


def conditions_of(node: Mapping, kind: str = "") -> tuple[tuple[Condition, ...], bool]:
    """The conditions of a route; of an inhibition's `source_` or `target_`. True if some could not be read."""
    found: list[Condition] = []
    for key, op in ((f"{kind}match", "="), (f"{kind}match_re", "=~")):
        for name, value in entries(node.get(key)):
            found.append(Condition(name.value, op, text(value), value))
    broken = False
    written = node.get(f"{kind}matchers")
    places = items(written) if not isinstance(written, Scalar) else (written,)
    for place in places:
        conditions = parse(place)
        broken = broken or conditions is None
        found += conditions or ()
    return tuple(found), broken


def parse(place: Node) -> tuple[Condition, ...] | None:
    """The conditions in one text of `matchers`, or None if it is none."""
    if not isinstance(place, Scalar):
        return None
    written = place.value.strip()
    if written.startswith("{") and written.endswith("}"):
        written = written[1:-1]
    found: list[Condition] = []
    index = 0
    while index < len(written):
        match = _CONDITION.match(written, index)
        if match is None or (match.end() < len(written) and written[match.end()] != ","):
            return None
        found.append(Condition(_unquoted(match[1]), match[2], _unquoted(match[3]), place))
        index = match.end() + 1
    return tuple(found)


def _unquoted(word: str) -> str:
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "\"'":
        return re.sub(r'\\(["\\])', r"\1", word[1:-1])
    return word
