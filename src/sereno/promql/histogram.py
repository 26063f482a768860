"""histogram_quantile of classic histograms. Source: promql/quantile.go of Prometheus 2.42."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.values import Bools, LabelRows, Vector, empty, merged

_BOUND = re.compile(r"[+-]?(?:inf(?:inity)?|nan|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)", re.IGNORECASE)


@lru_cache(maxsize=128)
def _buckets(labels: LabelRows) -> tuple[tuple[Labels, tuple[int, ...], tuple[float, ...]], ...]:
    """For each histogram its labels, the rows of its buckets by ascending bound, and those bounds."""
    found: dict[Labels, list[tuple[float, int]]] = {}
    for row, one in enumerate(labels):
        text = one.get("le", "")
        if _BOUND.fullmatch(text):
            found.setdefault(one.without("le"), []).append((float(text), row))
    ordered = ((key, sorted(rows, key=lambda pair: pair[0])) for key, rows in found.items())
    return tuple(
        (key.without("__name__"), tuple(row for _, row in rows), tuple(bound for bound, _ in rows))
        for key, rows in ordered
    )


SMALL_DELTA = 1e-12
"""The relative difference between neighbouring buckets that Prometheus 3 takes for a rounding error."""


def histogram_quantile(q: Float64s, vector: Vector, tolerance: float = 0.0) -> Vector:
    """The q-quantile of each histogram, interpolated inside its bucket; rows without a usable `le` are left out."""
    histograms = _buckets(vector.labels)
    instants = vector.values.shape[1]
    if not histograms:
        return empty(instants)
    values = np.full((len(histograms), instants), np.nan)
    present = np.zeros(values.shape, dtype=bool)
    for index, (_, rows, bounds) in enumerate(histograms):
        here = vector.present[list(rows)]
        counts = vector.values[list(rows)]
        present[index] = here.any(axis=0)
        for chosen, columns in _patterns(here):
            if chosen.any():
                part = counts[np.ix_(chosen, columns)]
                values[index, columns] = _quantiles(q[columns], np.array(bounds)[chosen], part, tolerance)
    return merged(Vector(tuple(labels for labels, _, _ in histograms), values, present))


def _patterns(here: Bools) -> list[tuple[Bools, Int64s]]:
    """The instants sorted by which buckets have a value at them."""
    if (here == here[:1]).all():
        both = [(np.full(len(here), True), here[0]), (np.full(len(here), False), ~here[0])]
        return [(chosen, np.flatnonzero(columns)) for chosen, columns in both if columns.any()]
    distinct, ids = np.unique(here, axis=1, return_inverse=True)
    return [(distinct[:, i], np.flatnonzero(ids.reshape(-1) == i)) for i in range(distinct.shape[1])]


def _quantiles(q: Float64s, bounds: Float64s, counts: Float64s, tolerance: float) -> Float64s:
    """The quantile of each column of `counts`, the cumulative buckets at ascending `bounds`."""
    if not math.isinf(bounds[-1]) or bounds[-1] < 0:
        return _outside(q, np.full(len(q), np.nan))
    bounds, counts = _coalesced(bounds, counts)
    counts = _monotonic(counts, tolerance)
    last = len(bounds) - 1
    if last < 1:
        return _outside(q, np.full(len(q), np.nan))
    total = counts[-1]
    rank = q * total
    bucket = _search(counts, rank, last)
    columns = np.arange(len(q))
    inside = np.minimum(bucket, last - 1)
    start = np.where(inside > 0, bounds[inside - 1], 0.0)
    before = np.where(inside > 0, counts[inside - 1, columns], 0.0)
    width = bounds[inside] - start
    value = start + width * ((rank - before) / (counts[inside, columns] - before))
    value = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], value)
    value = np.where(bucket == last, bounds[last - 1], value)
    return _outside(q, np.where(total == 0, np.nan, value))


def _outside(q: Float64s, value: Float64s) -> Float64s:
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)


def _coalesced(bounds: Float64s, counts: Float64s) -> tuple[Float64s, Float64s]:
    """Buckets of the same bound made one."""
    distinct, starts = np.unique(bounds, return_index=True)
    if len(distinct) == len(bounds):
        return bounds, counts
    return distinct, np.asarray(np.add.reduceat(counts, starts, axis=0))


def _monotonic(counts: Float64s, tolerance: float) -> Float64s:
    """Counts that never fall from bucket to bucket; NaN stays. What rises by less than `tolerance` is level."""
    if not tolerance and not (counts[1:] < counts[:-1]).any() and not np.isnan(counts).any():
        return counts
    counts = counts.copy()
    most = counts[0].copy()
    for index in range(1, len(counts)):
        row = counts[index]
        level = np.abs(row - most) < tolerance * (np.abs(row) + np.abs(most))
        greater, less = (row > most) & ~level, (row < most) | level
        most = np.where(greater, row, most)
        counts[index] = np.where(less, most, row)
    return counts


def _search(counts: Float64s, rank: Float64s, last: int) -> Int64s:
    """Binary search as Go's sort.Search does it: the first bucket below `last` whose count reaches the rank."""
    columns = np.arange(counts.shape[1])
    low = np.zeros(counts.shape[1], dtype=np.int64)
    high = np.full(counts.shape[1], last, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        reached = counts[middle, columns] >= rank
        open_ = low < high
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle + 1, low)
    return low
