"""Quantiles and fractions of classic histograms. Source: promql/quantile.go of Prometheus 2.42 and 3.14."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.values import Bools, LabelRows, Vector, drop_name, empty

_BOUND = re.compile(r"[+-]?(?:inf(?:inity)?|nan|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)", re.IGNORECASE)


SMALL_DELTA = 1e-12
"""The relative difference between neighbouring buckets that Prometheus 3 takes for a rounding error."""


@lru_cache(maxsize=128)
def _buckets(labels: LabelRows) -> tuple[tuple[Labels, tuple[int, ...], tuple[float, ...]], ...]:
    """For each histogram its labels, the rows of its buckets by ascending bound, and those bounds."""
    found: dict[Labels, list[tuple[float, int]]] = {}
    for row, one in enumerate(labels):
        text = one.get("le", "")
        if _BOUND.fullmatch(text):
            found.setdefault(one.without("le"), []).append((float(text), row))
    ordered = ((key, sorted(rows, key=lambda pair: pair[0])) for key, rows in found.items())
    return tuple((key, tuple(row for _, row in rows), tuple(bound for bound, _ in rows)) for key, rows in ordered)


def classic_rows(labels: LabelRows) -> tuple[tuple[Labels, tuple[int, ...]], ...]:
    """The labels of each classic histogram, and the rows of its buckets."""
    return tuple((key, rows) for key, rows, _ in _buckets(labels))


@lru_cache(maxsize=128)
def bad_labels(labels: LabelRows) -> tuple[tuple[int, str], ...]:
    """The rows that are no buckets, and what they have for `le`."""
    found = ((row, one.get("le", "")) for row, one in enumerate(labels))
    return tuple((row, text) for row, text in found if not _BOUND.fullmatch(text))


@dataclass(frozen=True, slots=True)
class MendedBuckets:
    """A histogram whose counts fell somewhere at one instant: between which bounds, and by how much at most."""

    labels: Labels
    column: int
    least_bucket: float
    most_bucket: float
    diff: float


@dataclass(slots=True)
class Mended:
    """The histograms that had to be mended."""

    found: list[MendedBuckets] = field(default_factory=list)

    def look(self, labels: Labels, columns: Int64s, bounds: Float64s, fell: Float64s) -> None:
        """Take note of the instants at which counts `fell` by more than nothing, bucket by bucket."""
        for at in np.flatnonzero((fell > 0).any(axis=0)).tolist():
            rows = np.flatnonzero(fell[:, at] > 0)
            least, most, diff = float(bounds[rows[0]]), float(bounds[rows[-1]]), float(fell[:, at].max())
            self.found.append(MendedBuckets(labels, int(columns[at]), least, most, diff))


def classic_quantile(q: Float64s, vector: Vector, tolerance: float = 0.0, mended: Mended | None = None) -> Vector:
    """The q-quantile of each classic histogram, interpolated inside its bucket; rows without a usable `le` are left
    out. What had to be mended for that is noted in `mended`."""

    def compute(labels: Labels, columns: Int64s, bounds: Float64s, counts: Float64s) -> Float64s:
        look = None if mended is None else (lambda bounds, fell: mended.look(labels, columns, bounds, fell))
        return _quantiles(q[columns], bounds, counts, tolerance, look)

    return _each_histogram(vector, compute)


def classic_fraction(lower: Float64s, upper: Float64s, vector: Vector) -> Vector:
    """The share of each classic histogram's observations between `lower` and `upper`, interpolated inside buckets."""
    return _each_histogram(
        vector, lambda labels, columns, bounds, counts: _fractions(lower[columns], upper[columns], bounds, counts)
    )


def _each_histogram(vector: Vector, compute: Callable[[Labels, Int64s, Float64s, Float64s], Float64s]) -> Vector:
    """What `compute` makes of the labels, the instants, the bounds and the cumulative counts of each histogram."""
    histograms = _buckets(vector.labels)
    instants = vector.values.shape[1]
    if not histograms:
        return empty(instants)
    values = np.full((len(histograms), instants), np.nan)
    present = np.zeros(values.shape, dtype=bool)
    for index, (labels, rows, bounds) in enumerate(histograms):
        here = vector.present[list(rows)]
        counts = vector.values[list(rows)]
        present[index] = here.any(axis=0)
        for chosen, columns in _patterns(here):
            if chosen.any():
                part = counts[np.ix_(chosen, columns)]
                values[index, columns] = compute(labels, columns, np.array(bounds)[chosen], part)
    return drop_name(Vector(tuple(labels for labels, _, _ in histograms), values, present))


def _patterns(here: Bools) -> list[tuple[Bools, Int64s]]:
    """The instants sorted by which buckets have a value at them."""
    if (here == here[:1]).all():
        both = [(np.full(len(here), True), here[0]), (np.full(len(here), False), ~here[0])]
        return [(chosen, np.flatnonzero(columns)) for chosen, columns in both if columns.any()]
    distinct, ids = np.unique(here, axis=1, return_inverse=True)
    return [(distinct[:, i], np.flatnonzero(ids.reshape(-1) == i)) for i in range(distinct.shape[1])]


def _quantiles(
    q: Float64s,
    bounds: Float64s,
    counts: Float64s,
    tolerance: float,
    look: Callable[[Float64s, Float64s], None] | None = None,
) -> Float64s:
    """The quantile of each column of `counts`, the cumulative buckets at ascending `bounds`."""
    if not math.isinf(bounds[-1]) or bounds[-1] < 0:
        return _outside(q, np.full(len(q), np.nan))
    bounds, counts = _coalesced(bounds, counts)
    level = _monotonic(counts, tolerance)
    if look is not None and level is not counts:
        look(bounds, np.where((q >= 0) & (q <= 1), _fallen(counts, level, tolerance), 0.0))
    counts = level
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


def _fractions(lower: Float64s, upper: Float64s, bounds: Float64s, counts: Float64s) -> Float64s:
    """The share of each column of `counts`, the cumulative buckets at ascending `bounds`, between two values."""
    if not math.isinf(bounds[-1]) or bounds[-1] < 0:
        return np.full(len(lower), np.nan)
    bounds, counts = _coalesced(bounds, counts)
    total = counts[-1]
    below = _rank(lower, bounds, counts), _rank(upper, bounds, counts)
    least, most = (np.where(rank > total, total, rank) for rank in below)
    value = np.where(lower >= upper, 0.0, (most - least) / total)
    return np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, value)


def _rank(value: Float64s, bounds: Float64s, counts: Float64s) -> Float64s:
    """How many observations lie below `value`. The first bucket begins at zero, unless it ends there or before."""
    columns = np.arange(len(value))
    bucket = np.minimum(np.searchsorted(bounds, value, side="left"), len(bounds) - 1)
    start = np.where(bucket > 0, bounds[bucket - 1], 0.0 if bounds[0] > 0 else -np.inf)
    before = np.where(bucket > 0, counts[bucket - 1, columns], 0.0)
    here, end = counts[bucket, columns], bounds[bucket]
    inside = np.where(np.isinf(start), here, before + (here - before) * (value - start) / (end - start))
    return np.where(start >= value, before, np.where(end == value, here, inside))


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


def _fallen(counts: Float64s, level: Float64s, tolerance: float) -> Float64s:
    """By how much each count lay below those before it, rounding errors left aside."""
    fell = level - counts
    return np.where(fell > tolerance * (np.abs(level) + np.abs(counts)), fell, 0.0)


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
