"""What can be read off an expression: its parts, its constants, and which labels its result can have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from sereno.promql.ast import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    RangeSelector,
    Selector,
    Subquery,
    Text,
    Unary,
    bare,
    children,
)
from sereno.promql.signatures import kind_of

RATES = frozenset({"rate", "irate", "increase"})
LATEST = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that choose series and keep their labels."""
_SYNTHETIC = frozenset({"ALERTS", "ALERTS_FOR_STATE", "scalar"})

DEPTH_MAX = 60
PARTS_MAX = 2_000
Path = tuple[Expr, ...]


def too_deep(expr: Expr) -> bool:
    """Whether `expr` is nested deeper, or has more parts, than anyone can mean: judging it would take too long."""
    parts, waiting = 0, [(expr, 0)]
    while waiting:
        part, depth = waiting.pop()
        parts += 1
        if depth > DEPTH_MAX or parts > PARTS_MAX:
            return True
        waiting += [(child, depth + 1) for child in children(part)]
    return False


def walk(expr: Expr, above: Path = ()) -> Iterator[tuple[Expr, Path]]:
    """Every part of `expr` with those around it, the nearest last."""
    yield expr, above
    for child in children(expr):
        yield from walk(child, (*above, expr))


def metric_of(selector: Selector) -> str:
    """The metric that is selected by name; empty if none is."""
    return next((m.value for m in selector.matchers if m.name == "__name__" and m.op == "="), "")


def selectors_of(expr: Expr) -> list[Selector]:
    """Every selector in `expr`."""
    return [part for part, _ in walk(expr) if isinstance(part, Selector)]


def matcher_of(selector: Selector, label: str) -> tuple[str, str] | None:
    """Operator and value of the first condition on `label`."""
    return next(((m.op, m.value) for m in selector.matchers if m.name == label), None)


def ranges_of(expr: Expr) -> frozenset[int]:
    """The lengths in milliseconds of all windows in `expr`."""
    return frozenset(
        part.range_ms for part, _ in walk(expr) if isinstance(part, RangeSelector | Subquery) and part.range is None
    )


def constant(expr: Expr) -> Decimal | None:
    """The value of `expr`, if nothing but numbers is in it."""
    match bare(expr):
        case Number(value=value):
            try:
                return Decimal(repr(value)) if abs(value) < 1e300 else None
            except DecimalException:
                return None
        case Unary(op=op, expr=inner):
            found = constant(inner)
            return found if found is None or op == "+" else -found
        case Binary(op=op, left=left, right=right):
            return _computed(op, constant(left), constant(right))
        case Call(function="vector", args=(inner,)):
            return constant(inner)
        case _:
            return None


def _computed(op: str, left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    try:
        match op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case _:
                return None
    except DecimalException:
        return None


def is_vector(expr: Expr) -> bool:
    """Whether `expr` gives series."""
    return kind_of(expr) == "vector" and constant(expr) is None


def scaled(expr: Expr) -> Expr:
    """`expr` without parentheses, signs and factors that are numbers."""
    while True:
        expr = bare(expr)
        if isinstance(expr, Binary) and expr.op in ("*", "/", "+", "-"):
            if constant(expr.right) is not None and expr.op in ("*", "/"):
                expr = expr.left
                continue
            if constant(expr.left) is not None and expr.op == "*":
                expr = expr.right
                continue
        return expr


def of_counter(expr: Expr) -> Selector | None:
    """The selector in `rate(selector[…])` and its kin; None for anything else."""
    expr = scaled(expr)
    if isinstance(expr, Call) and expr.function in RATES and isinstance(expr.args[0], RangeSelector):
        return expr.args[0].selector
    return None


def counted(expr: Expr) -> Selector | None:
    """The selector of a counter whose rate is taken and then, perhaps, summed."""
    expr = scaled(expr)
    while isinstance(expr, Aggregate) and expr.op == "sum":
        expr = scaled(expr.expr)
    if isinstance(expr, Binary) and expr.op == "or":
        return counted(expr.left)
    return of_counter(expr)


def comparisons_of(expr: Expr) -> list[Binary]:
    """The comparisons that decide whether `expr` gives anything: those at its top, under and/or/unless."""
    expr = bare(expr)
    if isinstance(expr, Binary) and expr.op in SET_OPERATORS:
        if expr.op == "unless":
            return comparisons_of(expr.left)
        return comparisons_of(expr.left) + comparisons_of(expr.right)
    if isinstance(expr, Aggregate | Call):
        inner = expr.expr if isinstance(expr, Aggregate) else expr.args[0] if expr.args else None
        kept = isinstance(expr, Aggregate) and expr.op in ("max", "min", "sum", "count", "avg", "group")
        return comparisons_of(inner) if inner is not None and kept else []
    return [expr] if isinstance(expr, Binary) and expr.op in COMPARISONS and not expr.bool_ else []


def threshold_of(comparison: Binary) -> tuple[Expr, str, Decimal] | None:
    """What is compared, how, and with which number; as if the number stood on the right."""
    right, left = constant(comparison.right), constant(comparison.left)
    if right is not None:
        return comparison.left, comparison.op, right
    turned = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
    return None if left is None else (comparison.right, turned[comparison.op], left)


@dataclass(frozen=True, slots=True)
class Has:
    """The labels of a result. `closed`: none but `names`; otherwise any but `lost`, `names` among them. `scraped`:
    some series under it are taken as a target gave them, so that `instance` and `job` are there."""

    names: frozenset[str] = frozenset()
    closed: bool = True
    lost: frozenset[str] = frozenset()
    scraped: bool = False

    def can(self, label: str) -> bool:
        """Whether a series may have `label`."""
        return label in self.names if self.closed else label not in self.lost

    def surely(self, label: str) -> bool:
        """Whether every series has `label`, as far as one can tell."""
        return label in self.names or (self.scraped and label in ("instance", "job") and label not in self.lost)

    def without(self, labels: frozenset[str]) -> Has:
        """After these labels were dropped."""
        scraped = self.scraped and not labels & {"instance", "job"}
        return Has(self.names - labels, self.closed, self.lost | labels, scraped)


def labels_of(expr: Expr) -> Has:
    """Which labels the series of `expr` can have."""
    match expr:
        case Paren(expr=inner) | Unary(expr=inner) | Subquery(expr=inner):
            return labels_of(inner)
        case RangeSelector(selector=selector):
            return labels_of(selector)
        case Selector():
            return _of_selector(expr)
        case Aggregate():
            return _of_aggregate(expr)
        case Call():
            return _of_call(expr)
        case Binary():
            return _of_binary(expr)
        case _:
            return Has()


def _of_selector(selector: Selector) -> Has:
    name = metric_of(selector)
    empty = frozenset(m.name for m in selector.matchers if m.op == "=" and m.value == "")
    sure = frozenset(m.name for m in selector.matchers if m.op == "=" and m.value) - {"__name__"}
    return Has(sure, False, empty, bool(name) and ":" not in name and name not in _SYNTHETIC)


def _of_aggregate(expr: Aggregate) -> Has:
    inner = labels_of(expr.expr)
    if expr.op in LATEST:
        return inner
    grouping = frozenset(expr.grouping)
    if expr.without:
        found = inner.without(grouping)
    elif inner.closed:
        found = Has(grouping & inner.names)
    else:
        found = Has(grouping - inner.lost)
    if expr.op == "count_values" and isinstance(expr.param, Text):
        return Has(found.names | {expr.param.value}, found.closed, found.lost - {expr.param.value}, found.scraped)
    return found


def _of_call(expr: Call) -> Has:
    vectors = [arg for arg in expr.args if kind_of(arg) in ("vector", "range")]
    if expr.function in ("absent", "absent_over_time"):
        inner = bare(expr.args[0])
        selector = inner.selector if isinstance(inner, RangeSelector) else inner
        named = selector.matchers if isinstance(selector, Selector) else ()
        return Has(frozenset(m.name for m in named if m.op == "=") - {"__name__"})
    if expr.function == "info":
        return Has(closed=False)
    if not vectors:
        return Has()
    found = labels_of(vectors[0])
    if expr.function == "histogram_quantile":
        return found.without(frozenset({"le"}))
    if expr.function in ("label_replace", "label_join") and isinstance(expr.args[1], Text):
        made = expr.args[1].value
        return Has(found.names | {made}, found.closed, found.lost - {made}, found.scraped)
    return found


def _of_binary(expr: Binary) -> Has:
    if not is_vector(expr.right):
        return labels_of(expr.left)
    if not is_vector(expr.left):
        return labels_of(expr.right)
    left, right = labels_of(expr.left), labels_of(expr.right)
    if expr.op == "or":
        closed = left.closed and right.closed
        return Has(left.names | right.names, closed, left.lost & right.lost, left.scraped and right.scraped)
    if expr.op in ("and", "unless"):
        return left
    matching = expr.matching
    if matching.many == "right":
        left, right = right, left
    if matching.many:
        taken = frozenset(matching.include)
        return Has(left.names | taken, left.closed, left.lost - taken, left.scraped)
    if expr.op in COMPARISONS and not expr.bool_:
        return left
    named = frozenset(matching.labels)
    if matching.on:
        return Has(named & left.names if left.closed else named)
    return left.without(named) if named else left


def is_ratio(expr: Expr) -> bool:
    """Whether `expr` is a share: 1 minus a share, or one sum of a counter over another of the same or a like name."""
    expr = bare(expr)
    if isinstance(expr, Binary) and expr.op == "-" and constant(expr.left) == 1:
        return is_ratio(expr.right)
    if not isinstance(expr, Binary) or expr.op != "/":
        return False
    top, bottom = counted(expr.left), counted(expr.right)
    if top is None or bottom is None or _has_factor(expr.left) or _has_factor(expr.right):
        return False
    if metric_of(top) == metric_of(bottom):
        return bool(set(bottom.matchers) <= set(top.matchers))
    return bool(re.search(r"err|fail|reject|drop|timeout|bad|invalid", metric_of(top)))


def _has_factor(expr: Expr) -> bool:
    """Whether `expr` is multiplied by a number."""
    expr = bare(expr)
    while isinstance(expr, Aggregate):
        expr = bare(expr.expr)
    return scaled(expr) is not expr
