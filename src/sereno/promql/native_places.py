"""Quantiles and fractions of many native histograms of one layout at once, as `sereno.promql.native_quantile` finds
them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.native_bounds import exponential_bounds, upper_bounds
from sereno.promql.native_stack import FIXED, Stack
from sereno.promql.values import Bools

_PER_LN2 = 1 / np.log(2)


class Places:
    """Histograms of one layout, a row each, their buckets from the lowest to the highest."""

    def __init__(self, stack: Stack, histograms: Sequence[Histogram]) -> None:
        self.custom = stack.schema == CUSTOM_BOUNDS
        self.count, self.sum = stack.table[:, 0], stack.table[:, 1]
        middle = FIXED + len(stack.positive)
        above, below = stack.table[:, FIXED:middle], stack.table[:, middle:][:, ::-1]
        zero = np.zeros((len(stack.table), 0)) if self.custom else stack.table[:, 2:3]
        self.counts = np.concatenate((below, zero, above), axis=1)
        self.lower, self.upper = _edges(stack)
        self.only_positive = _one_sided(histograms, positive=True)
        self.only_negative = _one_sided(histograms, positive=False)

    def bounds(self, place: Int64s) -> tuple[Float64s, Float64s]:
        """The bounds of one bucket of each histogram; the zero bucket ends at zero if all else is on one side."""
        lower, upper = self.lower[place], self.upper[place]
        if self.custom:
            return lower, upper
        zero = (lower < 0) & (upper > 0)
        return np.where(zero & self.only_positive, 0.0, lower), np.where(zero & self.only_negative, 0.0, upper)


def _edges(stack: Stack) -> tuple[Float64s, Float64s]:
    upper = upper_bounds(stack.positive, stack.schema, stack.bounds)
    lower = upper_bounds(stack.positive - 1, stack.schema, stack.bounds)
    if stack.schema == CUSTOM_BOUNDS:
        return lower, upper
    edge, below = np.array([stack.zero_threshold]), stack.negative[::-1]
    return (
        np.concatenate((-exponential_bounds(below, stack.schema), -edge, np.maximum(lower, edge))),
        np.concatenate((np.minimum(-exponential_bounds(below - 1, stack.schema), -edge), edge, upper)),
    )


def _one_sided(histograms: Sequence[Histogram], *, positive: bool) -> Bools:
    sides = [(bool(len(h.positive.index)), bool(len(h.negative.index))) == (positive, not positive) for h in histograms]
    return np.array(sides, dtype=bool)


def _log2(values: Float64s) -> Float64s:
    """As Go computes it: exact for powers of two."""
    fraction, exponent = np.frexp(values)
    found = np.where(fraction == 0.5, exponent - 1.0, np.log(fraction) * _PER_LN2 + exponent)
    return np.where(np.isinf(values), np.inf, np.where(values == 0, -np.inf, found))


def quantiles(q: Float64s, places: Places, *, dialect: int) -> tuple[Float64s, Bools]:
    """The quantile `q[i]` of histogram i, and which must be found one by one: NaN among the observations, or a rank
    that no bucket reaches."""
    forwards = (q < 0.5) | (dialect == 2)
    rank = np.where(forwards, q, 1 - q) * places.count
    counts = places.counts
    up, down = np.cumsum(counts, axis=1), np.cumsum(counts[:, ::-1], axis=1)
    ahead = (up >= rank[:, None]) & (counts != 0)
    behind = (down >= rank[:, None]) & (counts[:, ::-1] != 0)
    rows = np.arange(len(q))
    first, last = ahead.argmax(axis=1), behind.argmax(axis=1)
    place = np.where(forwards, first, counts.shape[1] - 1 - last)
    total = np.where(forwards, up[rows, first], down[rows, last])
    hit = np.where(forwards, ahead[rows, first], behind[rows, last])
    lower, upper = places.bounds(place)
    content = counts[rows, place]
    total = np.minimum(total, places.count)
    one_by_one = np.isnan(places.sum) | ~hit | (total < rank)
    share = np.where(forwards, rank - (total - content), total - rank) / content
    value = _within(lower, upper, share, linear=places.custom or dialect == 2)
    if places.custom:
        value = np.where(places.upper[place] == np.inf, lower, value)
        first_ends = places.upper[place]
        from_zero = first_ends * share
        value = np.where(places.lower[place] == -np.inf, np.where(first_ends <= 0, first_ends, from_zero), value)
    value = np.where((places.count == 0) | np.isnan(q), np.nan, value)
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return value, one_by_one & (places.count != 0) & (q >= 0) & (q <= 1)


def _within(lower: Float64s, upper: Float64s, share: Float64s, *, linear: bool) -> Float64s:
    """The point of each bucket that has `share` of its observations below it."""
    flat = lower + (upper - lower) * share
    if linear:
        return flat
    low, high = _log2(np.abs(lower)), _log2(np.abs(upper))
    curved = np.where(lower > 0, np.exp2(low + (high - low) * share), -np.exp2(high + (low - high) * (1 - share)))
    return np.where((lower <= 0) & (upper >= 0), flat, curved)


def fractions(lower: Float64s, upper: Float64s, places: Places, *, dialect: int) -> tuple[Float64s, Bools]:
    """The share of what histogram i observed between `lower[i]` and `upper[i]`, and which must be found one by one: NaN
    among the observations, or more of them than are in the buckets."""
    total = places.count
    whole = np.abs(places.counts.sum(axis=1) - total) <= 1e-9 * np.abs(total)
    below = _rank(lower, places, dialect), _rank(upper, places, dialect)
    least, most = (np.where(rank > total, total, rank) for rank in below)
    value = np.where(lower >= upper, 0.0, (most - least) / total)
    value = np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, value)
    return value, (np.isnan(places.sum) | ~whole) & (total != 0)


def _rank(value: Float64s, places: Places, dialect: int) -> Float64s:
    """How many observations of each histogram lie below `value`; infinitely many if all do."""
    zero = (places.lower <= 0) & (places.upper >= 0)
    lowers = np.where(zero & places.only_positive[:, None], 0.0, places.lower)
    uppers = np.where(zero & places.only_negative[:, None], 0.0, places.upper)
    reached = (uppers > value[:, None]) | (lowers >= value[:, None])
    rows, first = np.arange(len(value)), reached.argmax(axis=1)
    running = np.concatenate((np.zeros((len(value), 1)), np.cumsum(places.counts, axis=1)), axis=1)
    before, low, high = running[rows, first], lowers[rows, first], uppers[rows, first]
    count = places.counts[rows, first]
    flat = zero[first] | (places.custom or dialect == 2)
    share = np.where(flat, (value - low) / (high - low), _curved_share(low, high, value))
    inside = np.where((low == -np.inf) & (zero[first] | places.custom), count, before + count * share)
    found = np.where(low >= value, before, inside)
    return np.where(reached.any(axis=1), found, np.inf)


def _curved_share(lower: Float64s, upper: Float64s, value: Float64s) -> Float64s:
    """The share of each bucket below `value`, on a logarithmic scale."""
    low, high, middle = _log2(np.abs(lower)), _log2(np.abs(upper)), _log2(np.abs(value))
    return np.where(value > 0, (middle - low) / (high - low), 1 - (middle - high) / (low - high))
