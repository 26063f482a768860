"""Two vectors that find no partners, or the wrong ones."""

from __future__ import annotations

import re

from sereno.lint.expressions import Has, counted, is_vector, labels_of, metric_of, scaled, walk
from sereno.lint.model import Edit
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.promql.ast import COMPARISONS, Binary, Call, Expr, Selector

_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^", "atan2"})
_OURS = re.compile(
    r"(db|database|slo|sli|app|application|applications|api|service|server|client|pool|queue|cache|worker|job|jobs|task"
    r"|tasks|payment|payments|order|orders|checkout|user|users|login|logins|loan|loans|credit|credits|integration|errors"
    r"|failures|requests|message|messages|event|events|business|http|pedidos|pagos|solicitudes|creditos)_"
)
"""First words of metrics that a program of the house exports, whose labels nobody but the house knows."""


def check(query: Query, expr: Expr, report: Report) -> None:
    """Report operators between vectors whose series do not find each other as was meant."""
    for part, _ in walk(expr):
        both = isinstance(part, Binary) and is_vector(part.left) and is_vector(part.right)
        if isinstance(part, Binary) and both and not _itself(query, part, report):
            _partners(query, part, report)


def _itself(query: Query, part: Binary, report: Report) -> bool:
    """`rate(x{status=~"5.."}[5m]) / rate(x[5m])`: each failing series divided by itself."""
    top, bottom = _single(part.left), _single(part.right)
    if part.op != "/" or part.matching.labels or part.matching.on or top is None or bottom is None:
        return False
    more = set(top.matchers) - set(bottom.matchers)
    same = metric_of(top) == metric_of(bottom) != ""
    if not same or not more or set(bottom.matchers) - set(top.matchers):
        return False
    if all(m.op == "=" and m.value == "" for m in more):
        return False
    kept = f" by ({', '.join(sorted(query.keeps))})" if query.keeps else ""
    label = sorted(m.name for m in more)[0]
    query.complain(
        report, "SER210", part.position, part.end,
        f"each series with its `{label}` is divided by itself: the result is 1 wherever there is one",
        expected="the sum of one side over the sum of the other, grouped alike",
        hint=f"sum{kept}(…) / sum{kept}(…)", edits=_summed(query, part, kept),
    )  # fmt: skip
    return True


def _summed(query: Query, part: Binary, kept: str) -> tuple[Edit, ...]:
    found: list[Edit] = []
    for side in (part.left, part.right):
        inner = scaled(side)
        opening = f"sum{kept} (" if kept else "sum("
        found += [query.edit(inner.position, inner.position, opening), query.after(inner.end, ")")]
    return tuple(found)


def _single(expr: Expr) -> Selector | None:
    """The selector of a rate, or of a plain metric, that nothing sums."""
    expr = scaled(expr)
    if isinstance(expr, Selector):
        return expr
    return counted(expr) if isinstance(expr, Call) else None


def _partners(query: Query, part: Binary, report: Report) -> None:
    if part.op == "or":
        return
    left, right = labels_of(part.left), labels_of(part.right)
    why = _never(part, left, right)
    if why:
        query.complain(
            report, "SER211", part.op_position, part.op_position + len(part.op), why,
            expected="both sides with the same labels, or `on (…)` with `group_left`",
        )  # fmt: skip
    elif part.op in _ARITHMETIC | COMPARISONS:
        _two_sources(query, part, report)


def _never(part: Binary, left: Has, right: Has) -> str:
    """Why no series of one side can meet one of the other; empty if some may."""
    matching = part.matching
    if matching.on:
        for label in matching.labels:
            for one, other, side in ((left, right, "left"), (right, left, "right")):
                if not one.can(label) and other.surely(label):
                    return f"the {side} side has no label `{label}` to be matched on: nothing is ever found"
        return ""
    ignored = frozenset(matching.labels)
    if left.closed and right.closed:
        differ = sorted((left.names ^ right.names) - ignored)
        if not differ:
            return ""
        side = "left" if differ[0] in left.names else "right"
        hint = "" if not matching.many else " (group_left does not drop it)"
        return f"only the {side} side has the label `{differ[0]}`, so nothing matches: the result is empty{hint}"
    one, other, name = (left, right, "right") if left.closed else (right, left, "left")
    missing = {"instance", "job"} - one.names - ignored
    if one.closed and other.scraped and missing:
        label = "instance" if "instance" in missing else "job"
        return f"only the {name} side has the label `{label}`, so nothing matches: the result is empty"
    return ""


def _two_sources(query: Query, part: Binary, report: Report) -> None:
    """Two metrics of the application matched on all of their labels, whatever these are."""
    top, bottom = _single(part.left), _single(part.right)
    if part.matching.on or part.matching.labels or top is None or bottom is None:
        return
    names = metric_of(top), metric_of(bottom)
    if not all(names) or names[0] == names[1] or any(":" in name or not _OURS.match(name) for name in names):
        return
    if names[0].removesuffix("_sum") == names[1].removesuffix("_count"):
        return  # of one histogram
    counters = counted(part.left) is not None and counted(part.right) is not None
    hint = "sum(…) of each side, grouped alike" if counters else "max by (…) of each side, or on (…) with group_left"
    kept = f" by ({', '.join(sorted(query.keeps))})" if query.keeps else ""
    query.complain(
        report, "SER212", part.position, part.end,
        f"`{names[0]}` and `{names[1]}` are matched on all their labels: one label more on either and nothing is left",
        expected="labels that both surely have", hint=hint,
        edits=_summed(query, part, kept) if counters and part.op == "/" and query.purpose != "record" else (),
    )  # fmt: skip
