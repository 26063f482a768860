"""Aggregations over groups of series, all instants at once. Source: `aggregation` in promql/engine.go, 2.42."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.overtime import Kahan, ranked
from sereno.promql.values import Bools, LabelRows, Vector, empty, grouped, merged

_Reduce = Callable[[Vector, Int64s, int], Float64s]


def aggregate(
    op: str, vector: Vector, names: tuple[str, ...], *, without: bool, param: Float64s | None, dialect: int = 2
) -> Vector:
    """`op by (names) (vector)`, or `without`; `param` is k or q at each instant.

    Version 3 adds with compensation, and takes the deviation of a single NaN or infinity for NaN, not 0.
    """
    if op in ("topk", "bottomk") and param is not None and not (np.abs(param) < 2.0**63).all():
        raise QueryError("the k of topk and bottomk must be a whole number")
    if not len(vector):
        return vector
    labels, ids = grouped(vector.labels, names, without=without)
    if op in ("topk", "bottomk"):
        assert param is not None
        return _top(vector, ids, len(labels), param, largest=op == "topk")
    if op == "quantile":
        assert param is not None
        return _quantile(vector, labels, ids, param)
    present = _any(vector.present, ids, len(labels))
    reducer = _VERSION_3.get(op, _REDUCERS[op]) if dialect == 3 else _REDUCERS[op]
    return Vector(labels, reducer(vector, ids, len(labels)), present)


def _reduced(ufunc: np.ufunc, values: Float64s, ids: Int64s, groups: int) -> Float64s:
    """`ufunc` over the rows of each group, in their order."""
    if groups == 1:
        return np.asarray(ufunc.reduce(values, axis=0, keepdims=True))
    if groups == len(ids):
        return values
    if values.shape[1] <= 256:
        order = np.argsort(ids, kind="stable")
        starts = np.searchsorted(ids[order], np.arange(groups))
        return np.asarray(ufunc.reduceat(values[order], starts, axis=0))
    found = np.empty((groups, values.shape[1]), dtype=values.dtype)
    seen = np.zeros(groups, dtype=bool)
    for row, group in enumerate(ids):
        if seen[group]:
            ufunc(found[group], values[row], out=found[group])
        else:
            found[group] = values[row]
            seen[group] = True
    return found


def _any(present: Bools, ids: Int64s, groups: int) -> Bools:
    return _reduced(np.logical_or, present, ids, groups)  # type: ignore[arg-type,return-value]


def _filled(vector: Vector, filler: float) -> Float64s:
    return vector.values if vector.present.all() else np.where(vector.present, vector.values, filler)


def _sum(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return _reduced(np.add, _filled(vector, 0.0), ids, groups)


def _count(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return _reduced(np.add, vector.present.astype(np.float64), ids, groups)


def _min(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return _reduced(np.fmin, _filled(vector, np.nan), ids, groups)


def _max(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return _reduced(np.fmax, _filled(vector, np.nan), ids, groups)


def _group(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return np.ones((groups, vector.values.shape[1]))


def _avg(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    size = _count(vector, ids, groups)
    mean = _sum(vector, ids, groups) / size
    over = np.isinf(mean)
    if over.any():  # either an infinity among the values, or a sum too large for a float
        shares = Vector(vector.labels, vector.values / size[ids], vector.present)
        mean = np.where(over, _sum(shares, ids, groups), mean)
    return mean


def _stdvar(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    """The population variance of differences to each group's first value, so that equal values give exactly 0."""
    size = _count(vector, ids, groups)
    first = np.zeros((groups, vector.values.shape[1]))
    seen = np.zeros(first.shape, dtype=bool)
    for row, group in enumerate(ids):
        here = vector.present[row] & ~seen[group]
        first[group][here] = vector.values[row][here]
        seen[group] |= here
    shifted = Vector(vector.labels, vector.values - first[ids], vector.present)
    mean = _sum(shifted, ids, groups) / size
    squares = Vector(vector.labels, (shifted.values - mean[ids]) ** 2, vector.present)
    return np.where(size == 1, 0.0, _sum(squares, ids, groups) / size)


def _stddev(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    return np.sqrt(_stdvar(vector, ids, groups))


_REDUCERS: dict[str, _Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "count": _count,
    "min": _min,
    "max": _max,
    "group": _group,
    "stddev": _stddev,
    "stdvar": _stdvar,
}


def _precise_sum(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    sums = Kahan((groups, vector.values.shape[1]))
    for row, group in enumerate(ids):
        sums.add_to(int(group), vector.values[row], vector.present[row])
    return sums.total


def _precise_avg(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    mean = _precise_sum(vector, ids, groups) / _count(vector, ids, groups)
    return np.where(np.isinf(mean), _avg(vector, ids, groups), mean)


def _strict_stdvar(vector: Vector, ids: Int64s, groups: int) -> Float64s:
    odd = Vector(vector.labels, np.where(np.isfinite(vector.values), 0.0, np.nan), vector.present)
    return _stdvar(vector, ids, groups) + _sum(odd, ids, groups)


_VERSION_3: dict[str, _Reduce] = {
    "sum": _precise_sum,
    "avg": _precise_avg,
    "stdvar": _strict_stdvar,
    "stddev": lambda vector, ids, groups: np.sqrt(_strict_stdvar(vector, ids, groups)),
}


def _quantile(vector: Vector, labels: LabelRows, ids: Int64s, q: Float64s) -> Vector:
    values = np.zeros((len(labels), vector.values.shape[1]))
    present = _any(vector.present, ids, len(labels))
    for group in range(len(labels)):
        rows = np.flatnonzero(ids == group)
        here = vector.present[rows]
        ordered = np.where(here, vector.values[rows], np.nan).T
        nans = (here & np.isnan(vector.values[rows])).sum(axis=0)
        ordered = np.sort(ordered, axis=1)
        values[group] = ranked(ordered, nans, np.maximum(1, here.sum(axis=0)), q)
    return Vector(labels, values, present)


# The largest and the smallest -----------------------------------------------------------------------------------------


def _top(vector: Vector, ids: Int64s, groups: int, k: Float64s, *, largest: bool) -> Vector:
    wanted = np.trunc(k)
    keys = -vector.values if largest else vector.values
    keys = np.where(np.isnan(keys), np.inf, keys)  # NaN is taken last, after infinities
    kept = np.zeros(vector.present.shape, dtype=bool)
    ranks = np.full(vector.present.shape, len(vector))
    for group in range(groups):
        rows = np.flatnonzero(ids == group)
        here = vector.present[rows]
        order = np.lexsort((keys[rows], np.isnan(vector.values[rows]), ~here), axis=0)
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.arange(len(rows))[:, None], axis=0)
        kept[rows] = here & (place < wanted)
        ranks[rows] = place
        _break_ties(vector, rows, kept, wanted, largest=largest)
    if vector.values.shape[1] == 1:
        order = np.lexsort((ranks[:, 0], ids))
        return Vector(vector.labels, vector.values, kept).take(order[kept[order, 0]])
    return Vector(vector.labels, vector.values, kept)


def _break_ties(vector: Vector, rows: Int64s, kept: Bools, wanted: Float64s, *, largest: bool) -> None:
    """Where equal values lie on both sides of the cut, keep those that Prometheus's heap would keep."""
    inside, here = kept[rows], vector.present[rows]
    values = np.where(np.isnan(vector.values[rows]), -np.inf if largest else np.inf, vector.values[rows])
    cut_in = np.where(inside, values, np.inf if largest else -np.inf)
    cut_out = np.where(here & ~inside, values, -np.inf if largest else np.inf)
    worst = cut_in.min(axis=0) if largest else cut_in.max(axis=0)
    best = cut_out.max(axis=0) if largest else cut_out.min(axis=0)
    tied = (worst == best) & (here & ~inside).any(axis=0) & inside.any(axis=0)
    for column in np.flatnonzero(tied):
        candidates = rows[here[:, column]]
        chosen = heap_top(vector.values[candidates, column].tolist(), int(wanted[column]), largest=largest)
        kept[rows, column] = False
        kept[candidates[chosen], column] = True


def heap_top(values: list[float], k: int, *, largest: bool) -> list[int]:
    """The indices that Go's container/heap keeps when `values` pass through it as in Prometheus's topk."""
    heap: list[int] = []

    def less(a: float, b: float) -> bool:
        return math.isnan(a) or (a < b if largest else a > b)

    def down(index: int, size: int) -> None:
        while (child := 2 * index + 1) < size:
            if child + 1 < size and less(values[heap[child + 1]], values[heap[child]]):
                child += 1
            if not less(values[heap[child]], values[heap[index]]):
                return
            heap[index], heap[child] = heap[child], heap[index]
            index = child

    def up(index: int) -> None:
        while index and less(values[heap[index]], values[heap[(index - 1) // 2]]):
            parent = (index - 1) // 2
            heap[index], heap[parent] = heap[parent], heap[index]
            index = parent

    for index, value in enumerate(values):
        if len(heap) >= k:
            top = values[heap[0]]
            if not (math.isnan(top) or (top < value if largest else top > value)):
                continue
            if k == 1:
                heap[0] = index
                continue
            heap[0], heap[-1] = heap[-1], heap[0]
            down(0, len(heap) - 1)
            heap.pop()
        heap.append(index)
        up(len(heap) - 1)
    return heap


# count_values ---------------------------------------------------------------------------------------------------------


def count_values(
    vector: Vector, label: str, names: tuple[str, ...], *, without: bool, check: Callable[[int], None]
) -> Vector:
    """How many series of each group have each value, the value written into `label`.

    `check` is told how many numbers that takes so far, and raises when it is too many.
    """
    instants = vector.values.shape[1]
    if not len(vector):
        return empty(instants)
    kept = names if without else (*names, label)
    counts: dict[Labels, Float64s] = {}
    for row, labels in enumerate(vector.labels):
        here = vector.present[row]
        base = labels.without(*names, "__name__") if without else labels.only(*kept)
        for value in _distinct(vector.values[row][here]):
            same = np.isnan(vector.values[row]) if math.isnan(value) else vector.values[row] == value
            written = base.merged({label: go_float(value)})
            written = written.without(*names) if without and label in names else written
            if written not in counts:
                check((len(counts) + 1) * instants)
                counts[written] = np.zeros(instants)
            counts[written] += here & same
    if not counts:
        return empty(instants)
    table = np.vstack(list(counts.values()))
    return merged(Vector(tuple(counts), table, table > 0))


def _distinct(values: Float64s) -> list[float]:
    found: list[float] = np.unique(values).tolist()
    return found


def go_float(value: float) -> str:
    """`value` as Go's FormatFloat(value, 'f', -1, 64) writes it: the shortest digits, no exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text[:-2] if text.endswith(".0") else text
