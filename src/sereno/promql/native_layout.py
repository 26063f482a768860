"""The buckets of native histograms brought to one layout, so that they can be added and compared.

Source: model/histogram/float_histogram.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import Buckets
from sereno.promql.native_bounds import exponential_bounds


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The buckets on one side of zero, and what rounding lost of each count (None: nobody keeps that)."""

    index: Int64s
    counts: Float64s
    low: Float64s | None = None

    @property
    def buckets(self) -> Buckets:
        """The buckets without what was lost."""
        return Buckets(self.index, self.counts)

    def where(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Side:
        """Only some of the buckets."""
        return Side(self.index[keep], self.counts[keep], None if self.low is None else self.low[keep])


def side_of(buckets: Buckets, *, compensated: bool = False) -> Side:
    """The buckets of one side; with `compensated` nothing was lost so far."""
    return Side(buckets.index, buckets.counts, np.zeros(len(buckets.counts)) if compensated else None)


def kahan(inc: float, total: float, low: float) -> tuple[float, float]:
    """`total` and its lost digits `low` after `inc` is added, as Neumaier's compensated sum keeps them."""
    after = total + inc
    if math.isinf(after):
        return after, 0.0
    if abs(total) >= abs(inc):
        return after, low + ((total - after) + inc)
    return after, low + ((inc - after) + total)


def kahan_many(inc: Float64s, total: Float64s, low: Float64s) -> tuple[Float64s, Float64s]:
    """`kahan` of each element."""
    after = total + inc
    larger = np.abs(total) >= np.abs(inc)
    lost = low + np.where(larger, (total - after) + inc, (inc - after) + total)
    return after, np.where(np.isinf(after), 0.0, lost)


# Resolution -----------------------------------------------------------------------------------------------------------


def _positions(index: Int64s) -> tuple[Int64s, Int64s]:
    """The distinct values of ascending `index`, and the place of each among them."""
    fresh = np.ones(len(index), dtype=bool)
    np.not_equal(index[1:], index[:-1], out=fresh[1:])
    return index[fresh], np.cumsum(fresh) - 1


def coarser(side: Side, schema: int, target: int) -> Side:
    """The buckets merged from `schema` to the coarser `target`."""
    if schema == target or not len(side.index):
        return side
    merged, place = _positions(((side.index - 1) >> (schema - target)) + 1)
    counts = np.zeros(len(merged))
    if side.low is None:
        np.add.at(counts, place, side.counts)
        return Side(merged, counts)
    low = np.zeros(len(merged))
    for at, count, lost in zip(place.tolist(), side.counts.tolist(), side.low.tolist(), strict=True):
        for inc in (count, lost):
            counts[at], low[at] = kahan(inc, float(counts[at]), float(low[at]))
    return Side(merged, counts, low)


def onto(index: Int64s, bounds: tuple[float, ...], common: tuple[float, ...]) -> Int64s:
    """The bucket of the bounds `common` that each bucket of the bounds `bounds` falls into."""
    own = np.array((*bounds, math.inf))[np.minimum(index, len(bounds))]
    return np.searchsorted(np.array(common), own, side="left").astype(np.int64)


def shared_bounds(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    """The bounds that both have."""
    there = frozenset(b)
    return tuple(bound for bound in a if bound in there)


# Sums -----------------------------------------------------------------------------------------------------------------


def beyond(side: Side, schema: int, threshold: float) -> Side:
    """Without the buckets that lie within the zero bucket."""
    inside = exponential_bounds(side.index, schema) <= threshold
    return side.where(~inside) if inside.any() else side


def added(a: Side, b: Side, *, negative: bool = False) -> Side:
    """The buckets of both, those of `b` added to (or subtracted from) those of `a`."""
    counts = -b.counts if negative else b.counts
    if len(a.index) == len(b.index) and (a.index == b.index).all():
        if a.low is None:
            return Side(a.index, a.counts + counts)
        total, low = kahan_many(counts, a.counts, a.low)
        return Side(a.index, total, low) if b.low is None else Side(a.index, *kahan_many(b.low, total, low))
    index = np.union1d(a.index, b.index)
    at_a, at_b = np.searchsorted(index, a.index), np.searchsorted(index, b.index)
    total = np.zeros(len(index))
    total[at_a] = a.counts
    if a.low is None:
        total[at_b] += counts
        return Side(index, total)
    low = np.zeros(len(index))
    low[at_a] = a.low
    total[at_b], low[at_b] = kahan_many(counts, total[at_b], low[at_b])
    if b.low is not None:
        total[at_b], low[at_b] = kahan_many(b.low, total[at_b], low[at_b])
    return Side(index, total, low)


def added_onto(
    a: Side, b: Side, bounds_a: tuple[float, ...], bounds_b: tuple[float, ...], *, negative: bool = False
) -> tuple[Side, tuple[float, ...]]:
    """The buckets of both on the bounds they share, and those bounds. Empty buckets are left out."""
    common = shared_bounds(bounds_a, bounds_b)
    counts, low = np.zeros(len(common) + 1), np.zeros(len(common) + 1)

    def add(at: int, inc: float) -> None:
        counts[at], low[at] = kahan(inc, float(counts[at]), float(low[at]))

    for number, at in enumerate(onto(a.index, bounds_a, common).tolist()):
        add(at, float(a.counts[number]))
        if a.low is not None:
            add(at, float(a.low[number]))
    for number, at in enumerate(onto(b.index, bounds_b, common).tolist()):
        add(at, -float(b.counts[number]) if negative else float(b.counts[number]))
    full = np.flatnonzero((counts != 0) | (low != 0))
    return Side(full, counts[full], None if a.low is None else low[full]), common


# The zero bucket ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Zero:
    """A zero bucket: what it holds, what rounding lost of that, and its threshold."""

    count: float
    low: float
    threshold: float


def widened(zero: Zero, positive: Side, negative: Side, schema: int, threshold: float) -> Zero:
    """The zero bucket with at least the larger `threshold`, taking in all that lies within.

    A threshold inside a bucket that holds anything moves outwards to that bucket's end.
    """
    if threshold == zero.threshold:
        return zero
    low = zero.low
    while True:
        count, wider = zero.count, threshold
        for side in (positive, negative):
            count, low, wider = _taken(side, schema, count, low, wider)
            if side is positive:
                threshold = wider
        if wider == threshold:
            return Zero(count, low, threshold)
        threshold = wider  # the positive side was judged by a threshold that was too small


def _taken(side: Side, schema: int, count: float, low: float, threshold: float) -> tuple[float, float, float]:
    upper = exponential_bounds(side.index, schema).tolist()
    lower = exponential_bounds(side.index - 1, schema).tolist()
    for number, content in enumerate(side.counts.tolist()):
        if lower[number] >= threshold:
            break
        count, low = kahan(content, count, low)
        if side.low is not None:
            count, low = kahan(float(side.low[number]), count, low)
        if upper[number] > threshold:
            return count, low, upper[number] if content != 0 else threshold
    return count, low, threshold


def outside(side: Side, schema: int, threshold: float) -> Side:
    """The buckets that are left once the zero bucket took in all below `threshold`; empty ones are left out."""
    keep = exponential_bounds(side.index - 1, schema) >= threshold
    keep &= (side.counts != 0) if side.low is None else (side.counts != 0) | (side.low != 0)
    return side.where(keep)
