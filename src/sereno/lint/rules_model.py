"""Rules as they stand in a document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sereno.kernel.errors import QueryError
from sereno.kernel.severity import DEFAULT_SEVERITIES, Severities
from sereno.lint.expressions import is_ratio, metric_of, selectors_of, too_deep, walk
from sereno.lint.model import Context, Document
from sereno.lint.paths import at, key, mappings, text
from sereno.lint.query import Query, query_of
from sereno.promql.ast import Aggregate, Binary, Call, Expr, Selector, bare
from sereno.promql.dialect import ANY
from sereno.promql.parser import parse
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_LABEL = re.compile(r"\$labels\.([A-Za-z_][A-Za-z0-9_]*)|index\s+\$labels\s+\"([^\"]+)\"")
OWNERS = ("team", "owner", "squad", "equipo")
DASHBOARDS = ("dashboard_url", "dashboard", "grafana_url", "dashboardURL", "__dashboardUid__")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """One rule: its keys with their places. `group` is what stands around it."""

    node: Mapping
    group: Mapping | None
    alert: bool
    name: Scalar
    expr: Scalar | None

    def label(self, name: str) -> Scalar | None:
        """A label of the rule, or of its group."""
        own = at(self.node, "labels", name) or at(self.group, "labels", name) or self.node.get(name)
        return own if isinstance(own, Scalar) else None

    def annotation(self, *names: str) -> Scalar | None:
        """The first of these annotations that there is."""
        found = (at(self.node, "annotations", name) or self.node.get(name) for name in names)
        return next((n for n in found if isinstance(n, Scalar)), None)

    def says(self, *names: str) -> bool:
        """Whether one of these labels or annotations is there."""
        return any(self.label(name) or self.annotation(name) for name in names)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that are put on, the group's among them."""
        node, group = self.node.get("labels"), at(self.group, "labels")
        both = [
            *(group.entries if isinstance(group, Mapping) else ()),
            *(node.entries if isinstance(node, Mapping) else ()),
        ]
        return {name.value: text(value) for name, value in both}

    @property
    def texts(self) -> tuple[tuple[Scalar, Scalar], ...]:
        """Labels and annotations: names and values."""
        found = [self.node.get("labels"), self.node.get("annotations")]
        return tuple(
            (name, value) for node in found if isinstance(node, Mapping) for name, value in node.entries
            if isinstance(value, Scalar)
        )  # fmt: skip

    @property
    def shown_labels(self) -> frozenset[str]:
        """The labels that the texts show."""
        return frozenset(a or b for _, value in self.texts for a, b in _LABEL.findall(value.value))

    @property
    def words(self) -> str:
        """Summary and description (or message), as written."""
        return " ".join(
            text(self.annotation(n)) for n in ("summary", "title", "description", "message") if self.annotation(n)
        )

    @property
    def for_(self) -> str:
        """How long it must hold, as written; empty or 0s for not at all."""
        return text(self.node.get("for"))

    @property
    def query(self) -> Query | None:
        """The expression, with what else is known of its use."""
        if self.expr is None or not self.expr.value.strip():
            return None
        found = query_of(self.expr, "alert" if self.alert else "record")
        return Query(found.text, found.file, found.place, found.purpose, self.shown_labels, False, self.name.value,
                     self.expr.style)  # fmt: skip

    @property
    def tree(self) -> Expr | None:
        """The expression's tree, if it is PromQL."""
        return tree_of(self.expr.value) if self.expr is not None else None


@lru_cache(maxsize=4096)
def tree_of(expr: str) -> Expr | None:
    """The tree of an expression, or None if it is no PromQL (or none that anyone can mean)."""
    try:
        found = parse(expr, ANY)
    except QueryError:
        return None
    return None if too_deep(found) else found


def rules_of(document: Document) -> tuple[WrittenRule, ...]:
    """Every rule of a document of kind `rules`, whatever it is wrapped in."""
    return tuple(_rules(document.node))


@dataclass(frozen=True, slots=True)
class Names:
    """What the rules of all documents are called: alerts by name, how many of each severity, and the selectors whose
    absence some alert asks for; the files in which most alerts have an owner, and a link to a dashboard; and which
    recorded series are sums of counters as they stand, and which are shares."""

    alerts: dict[str, tuple[WrittenRule, ...]]
    severities: dict[str, int]
    absent: tuple[Selector, ...]
    owned: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()
    sums: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()


_latest: list[tuple[tuple[Document, ...], Names]] = []
"""The documents last asked about, and their names: they are asked about for each rule, and are the same tuple."""


def names_of(context: Context) -> Names:
    """The names in all documents."""
    if not _latest or _latest[0][0] is not context.documents:
        _latest[:] = [(context.documents, _names(context.documents))]
    return _latest[0][1]


def _names(documents: tuple[Document, ...]) -> Names:
    alerts: dict[str, list[WrittenRule]] = {}
    severities: Counter[str] = Counter()
    absent: list[Selector] = []
    sums, shares = set(), set()
    for rule in (rule for document in documents if document.kind in ("rules", "spec") for rule in rules_of(document)):
        if not rule.alert and (made := rule.tree) is not None:
            sums |= {rule.name.value} if _is_sum_of_counters(made) else set()
            shares |= {rule.name.value} if is_ratio(made) else set()
        if rule.alert:
            alerts.setdefault(rule.name.value, []).append(rule)
            severities[text(rule.label("severity")).lower()] += 1
            tree = rule.tree
            absent += asked_for(tree) if tree is not None else ()
    every = [rule for rules in alerts.values() for rule in rules]
    return Names(
        {name: tuple(rules) for name, rules in alerts.items()}, dict(severities), tuple(absent),
        _mostly(every, OWNERS), _mostly(every, DASHBOARDS), frozenset(sums), frozenset(shares),
    )  # fmt: skip


def _is_sum_of_counters(expr: Expr) -> bool:
    inner = bare(expr)
    if not isinstance(inner, Aggregate) or inner.op != "sum":
        return False
    selector = bare(inner.expr)
    return isinstance(selector, Selector) and metric_of(selector).endswith(("_total", "_count", "_bucket"))


def _mostly(rules: list[WrittenRule], names: tuple[str, ...]) -> frozenset[str]:
    """The files in which more than half of the rules have one of these labels or annotations."""
    counts: dict[str, int] = {}
    for rule in rules:
        had = counts.setdefault(rule.node.file.shown, 0)
        counts[rule.node.file.shown] = had + (1 if rule.says(*names) else -1)
    return frozenset(file for file, more in counts.items() if more > 0)


def asked_for(expr: Expr) -> list[Selector]:
    """The selectors whose absence `expr` asks for: absent(…), … unless …."""
    asking = [p for p, _ in walk(expr) if isinstance(p, Call) and p.function in ("absent", "absent_over_time")]
    missed = [p.right for p, _ in walk(expr) if isinstance(p, Binary) and p.op == "unless"]
    return [selector for part in (*asking, *missed) for selector in selectors_of(part)]


def _rules(node: Node | None) -> Iterator[WrittenRule]:
    if isinstance(node, Sequence):
        for item in mappings(node):
            yield from _rule(item, None)
        return
    if key(node, "expr") is not None:
        yield from _rule(node, None)
        return
    for alert in mappings(at(node, "alerts")):
        yield from _rule(alert, None)
    groups = at(node, "spec", "groups") if at(node, "kind") is not None else at(node, "groups")
    for group in mappings(groups):
        for rule in mappings(group.get("rules")):
            yield from _rule(rule, group)


def _rule(node: Node | None, group: Mapping | None) -> Iterator[WrittenRule]:
    if not isinstance(node, Mapping):
        return
    for word in ("alert", "record"):
        name = node.get(word)
        if isinstance(name, Scalar):
            expr = node.get("expr")
            yield WrittenRule(node, group, word == "alert", name, expr if isinstance(expr, Scalar) else None)
            return


def severities_of(context: Context) -> Severities:
    """The workspace's scale of severities, or the usual one."""
    return context.spec.severities if context.spec else DEFAULT_SEVERITIES


def pages(rule: WrittenRule, context: Context) -> bool:
    """Whether the rule's severity wakes people."""
    severity = rule.label("severity")
    found = severities_of(context).find(severity.value) if severity is not None else None
    return found is not None and found.page == "always"


def without_actions(written: str) -> str:
    """A template's own words."""
    return _ACTION.sub(" ", written)
