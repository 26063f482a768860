"""Aggregations of more samples than can be held: over a share of the series after another.

`sum by (job) (rate(m[3d]))` over thousands of series needs three days of all of them at every instant; cut along
time that stays as much. So the series are dealt out by the values of one label, mostly `instance`; each share is
loaded for the whole time, aggregated and let go; the shares' aggregates are put together. What is added in another
order may differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import overtime3
from sereno.promql.ast import Aggregate, Binary, Call, Expr, RangeSelector, Selector, Subquery, Unary, bare, children
from sereno.promql.columns import Columns, Float64s, Matcher, Result, Select, Selection
from sereno.promql.functions import ELEMENTWISE
from sereno.promql.matching import canonical
from sereno.promql.signatures import kind_of
from sereno.promql.values import Bools, Vector

VALUES_MAX = 2000
"""How many values of a label may be told apart."""
_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_WHOLE = frozenset(("sum", "count", "min", "max", "group", "avg"))
_BY_ROWS = frozenset((*overtime3.NAMES, *ELEMENTWISE, "clamp", "clamp_max", "clamp_min", "round", "timestamp"))
_NOT_DEALT_BY = frozenset(("__name__", "le"))


def dealt(expr: Expr) -> list[Aggregate] | None:
    """The aggregations in `expr` under which all of its selectors stand, each of windows or latest values of one
    selector, so that they may be computed by shares; None if there are other selectors."""
    expr = bare(expr)
    if isinstance(expr, Aggregate) and _of_one_selector(expr):
        return [expr]
    if isinstance(expr, Selector | RangeSelector | Subquery):  # the inside of a subquery has a grid of its own
        return None
    found: list[Aggregate] = []
    for child in children(expr):
        inner = dealt(child)
        if inner is None:
            return None
        found += inner
    return found


def _of_one_selector(expr: Aggregate) -> bool:
    inner = bare(expr.expr)
    if expr.op not in _WHOLE or expr.param is not None:
        return False
    if isinstance(inner, Call):
        ranged = [bare(arg) for arg in inner.args if kind_of(arg) == "range"]
        others = [arg for arg in inner.args if kind_of(arg) != "range"]
        plain = len(ranged) == 1 and isinstance(ranged[0], RangeSelector)
        return plain and inner.function != "absent_over_time" and not any(map(_looks, others))
    return isinstance(inner, Selector)


def _looks(expr: Expr) -> bool:
    """Whether `expr` has a selector anywhere."""
    return isinstance(expr, Selector | RangeSelector) or any(map(_looks, children(expr)))


def by_rows(expr: Expr, label: str) -> bool:
    """Whether each series of the value of `expr` depends on series of the same `label` alone, whose value it keeps;
    then the value is that of all shares, side by side."""
    expr = bare(expr)
    match expr:
        case Selector() | RangeSelector():
            return True
        case Unary():
            return by_rows(expr.expr, label)
        case Call():
            inner = [arg for arg in expr.args if kind_of(arg) != "string" and not (_scalar(arg))]
            return expr.function in _BY_ROWS and len(inner) == 1 and by_rows(inner[0], label)
        case Aggregate():
            kept = (label not in expr.grouping) if expr.without else (label in expr.grouping)
            return kept and expr.param is None and by_rows(expr.expr, label)
        case Binary():
            sides = [side for side in (expr.left, expr.right) if not _scalar(side)]
            if len(sides) == 2:
                matching = expr.matching
                kept = (label in matching.labels) == matching.on and label not in matching.include
                return kept and all(by_rows(side, label) for side in sides)
            return len(sides) == 1 and by_rows(sides[0], label)
        case _:
            return False


def _scalar(expr: Expr) -> bool:
    """Whether `expr` is a scalar that no series has a part in."""
    return kind_of(expr) == "scalar" and not _looks(expr)


# Shares --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shares:
    """Conditions, of which each series fulfils exactly one; `most` is how many samples any share has, about."""

    label: str
    conditions: tuple[Matcher, ...]
    most: float


def shares_of(weights: Mapping[Labels, float], share: float) -> Shares | None:
    """Shares of no more than `share` samples each, if possible.

    `weights` is how many samples each series has, about. None if no label tells the series apart.
    """
    total = sum(weights.values())
    best: tuple[tuple[bool, float, str], str, dict[str, float]] | None = None
    for name in {name for labels in weights for name in labels} - _NOT_DEALT_BY:
        sizes: dict[str, float] = {}
        for labels, weight in weights.items():
            value = labels.get(name, "")
            sizes[value] = sizes.get(value, 0.0) + weight
        most = max(sizes.values())
        if len(sizes) > VALUES_MAX or most > total / 2:
            continue
        # Targets are kept together on disk: where they are small enough, no other label is as good.
        rank = (name != "instance" or most > share, most, name)
        if best is None or rank < best[0]:
            best = (rank, name, sizes)
    if best is None:
        return None
    return Shares(best[1], tuple(_conditions(best[1], best[2], share)), max(share, *best[2].values()))


def _conditions(name: str, sizes: Mapping[str, float], share: float) -> Iterator[Matcher]:
    together: list[str] = []
    weight = 0.0
    for value, size in sorted(sizes.items()):
        if together and weight + size > share:
            yield _one_of(name, together)
            together, weight = [], 0.0
        together.append(value)
        weight += size
    yield _one_of(name, together)
    yield replace(_one_of(name, sorted(sizes)), op="!~")  # values that nobody has seen yet


def _one_of(name: str, values: Sequence[str]) -> Matcher:
    return Matcher(name, "=~", "|".join("".join("\\" + c if c in _SPECIAL else c for c in v) for v in values))


def only(select: Select, share: Matcher) -> Select:
    """`select`, but only the series of one share."""

    def part(selection: Selection) -> Columns:
        return select(replace(selection, matchers=canonical((*selection.matchers, share))))

    return part


# Put together --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Gathered:
    """An aggregation, put together from those of the shares."""

    node: Expr
    rows: dict[Labels, int]
    values: Float64s
    present: Bools
    counts: Float64s

    @staticmethod
    def of(node: Expr, steps: int) -> Gathered:
        """One of nothing yet."""
        return Gathered(node, {}, np.zeros((0, steps)), np.zeros((0, steps), dtype=bool), np.zeros((0, steps)))

    @property
    def op(self) -> str:
        """How the values of shares become one; `rows`: side by side."""
        return self.node.op if isinstance(self.node, Aggregate) and _of_one_selector(self.node) else "rows"

    @property
    def parts(self) -> tuple[Expr, ...]:
        """What must be asked of each share."""
        if self.op == "avg":
            assert isinstance(self.node, Aggregate)
            return replace(self.node, op="sum"), replace(self.node, op="count")
        return (self.node,)

    def add(self, results: Sequence[Result]) -> None:
        """Put in the results of one share."""
        rows = self._rows(results[0].labels)
        there, here = self.present[rows], results[0].present
        mine, theirs = self.values[rows], results[0].values
        self.values[rows] = np.where(there & here, _COMBINED[self.op](mine, theirs), np.where(here, theirs, mine))
        self.present[rows] = there | here
        if len(results) > 1:
            self.counts[self._rows(results[1].labels)] += np.where(results[1].present, results[1].values, 0.0)

    def _rows(self, labels: Iterable[Labels]) -> list[int]:
        found = [self.rows.setdefault(one, len(self.rows)) for one in labels]
        more = len(self.rows) - len(self.values)
        if more:
            steps = self.values.shape[1]
            self.values = np.concatenate((self.values, np.zeros((more, steps))))
            self.counts = np.concatenate((self.counts, np.zeros((more, steps))))
            self.present = np.concatenate((self.present, np.zeros((more, steps), dtype=bool)))
        return found

    def vector(self) -> Vector:
        """The value of the aggregation."""
        values = self.values / self.counts if self.op == "avg" else self.values
        return Vector(tuple(self.rows), values, self.present)


_COMBINED: dict[str, Callable[[Float64s, Float64s], Float64s]] = {
    "sum": np.add,
    "avg": np.add,
    "count": np.add,
    "min": np.fmin,
    "max": np.fmax,
    "group": np.fmax,
    "rows": lambda mine, theirs: theirs,
}
