"""What lies where in one native histogram: quantiles, fractions, spread.

Source: promql/quantile.go of Prometheus 3.14, and of 2.42 where that knows only linear interpolation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.native_bounds import Cells, cells
from sereno.promql.native_layout import kahan

_PER_LN2 = 1 / math.log(2)


class Quantile(NamedTuple):
    """A quantile; whether it is NaN, or too high, because observations were NaN."""

    value: float
    nan_result: bool = False
    nan_skew: bool = False


class Fraction(NamedTuple):
    """A fraction, and whether NaN observations were left out of it."""

    value: float
    nan_left_out: bool = False


def _log2(value: float) -> float:
    """The logarithm as Go computes it: exact for powers of two."""
    if value == 0:
        return -math.inf
    fraction, exponent = math.frexp(value)
    return float(exponent - 1) if fraction == 0.5 else math.log(fraction) * _PER_LN2 + exponent


def _finite_log2(value: float) -> float:
    return math.inf if math.isinf(value) else _log2(value)


def _exp2(value: float) -> float:
    try:
        return math.exp2(value)
    except OverflowError:
        return math.inf


def _one_sided(h: Histogram, lower: float, upper: float) -> tuple[float, float]:
    """The bounds of the zero bucket: it ends at zero if all other observations are on one side of it."""
    if not len(h.negative.index) and len(h.positive.index):
        return 0.0, upper
    if not len(h.positive.index) and len(h.negative.index):
        return lower, 0.0
    return lower, upper


def quantile(q: float, h: Histogram, *, dialect: int = 3) -> Quantile:
    """The q-quantile of what `h` observed: ±Inf outside 0 … 1, NaN if nothing was observed.

    Inside its bucket it is interpolated exponentially, linearly in custom buckets and the zero bucket.
    """
    if q < 0 or q > 1:
        return Quantile(-math.inf if q < 0 else math.inf)
    if h.count == 0 or math.isnan(q):
        return Quantile(math.nan)
    odd = math.isnan(h.sum)
    forwards = odd or q < 0.5 or dialect == 2
    rank = (q if forwards else 1 - q) * h.count
    found = cells(h)
    counts = found.counts if forwards else found.counts[::-1]
    running = np.cumsum(counts)
    hits = np.flatnonzero((running >= rank) & (counts != 0))
    if not len(found):
        place, content, count = -1, 0.0, 0.0
        lower = upper = 0.0
    else:
        place = int(hits[0]) if len(hits) else len(found) - 1
        content, count = float(counts[place]), float(running[place])
        at = place if forwards else len(found) - 1 - place
        lower, upper = float(found.lower[at]), float(found.upper[at])
    custom = h.schema == CUSTOM_BOUNDS
    if not custom and lower < 0 < upper:
        lower, upper = _one_sided(h, lower, upper)
    elif custom and lower == -math.inf:
        if upper <= 0:
            return Quantile(upper)
        lower = 0.0
    elif custom and upper == math.inf:
        return Quantile(lower)
    count = min(count, h.count)
    if count < rank:
        return Quantile(math.nan, nan_result=True) if odd and dialect == 3 else Quantile(upper)
    rank = rank - (count - content) if forwards else count - rank
    skew = odd and dialect == 3 and count + float(counts[place + 1 :].sum()) < h.count
    share = float(np.divide(rank, content))
    linear = custom or (lower <= 0 <= upper) or dialect == 2
    value = lower + (upper - lower) * share if linear else _between(lower, upper, share)
    return Quantile(value, nan_skew=skew)


def _between(lower: float, upper: float, share: float) -> float:
    """The point that has `share` of a bucket's observations below it, on a logarithmic scale."""
    low, high = _finite_log2(abs(lower)), _finite_log2(abs(upper))
    if lower > 0:
        return _exp2(low + (high - low) * share)
    return -_exp2(high + (low - high) * (1 - share))


def share_below(lower: float, upper: float, value: float, *, linear: bool) -> float:
    """The share of the bucket (lower, upper] that lies below `value`."""
    if linear:
        return (value - lower) / (upper - lower)
    low, high, middle = _finite_log2(abs(lower)), _finite_log2(abs(upper)), _finite_log2(abs(value))
    if value > 0:
        return (middle - low) / (high - low)
    return 1 - (middle - high) / (low - high)


def fraction(lower: float, upper: float, h: Histogram, *, dialect: int = 3) -> Fraction:
    """The share of the observations between `lower` and `upper`; NaN if there are none, or a bound is NaN."""
    if h.count == 0 or math.isnan(lower) or math.isnan(upper):
        return Fraction(math.nan)
    if lower >= upper:
        return Fraction(0.0)
    found = cells(h)
    total, odd = h.count, False
    if math.isnan(h.sum):
        total = float(np.cumsum(found.counts)[-1]) if len(found) else 0.0
        odd = total < h.count
    below = _rank(lower, found, h, dialect), _rank(upper, found, h, dialect)
    least, most = (total if rank is None or rank > total else rank for rank in below)
    return Fraction((most - least) / h.count, odd and dialect == 3)


def _rank(value: float, found: Cells, h: Histogram, dialect: int) -> float | None:
    """How many observations lie below `value`; None if all do."""
    custom = h.schema == CUSTOM_BOUNDS
    rank = 0.0
    for lower, upper, count in zip(found.lower.tolist(), found.upper.tolist(), found.counts.tolist(), strict=True):
        zero = lower <= 0 <= upper
        low, high = _one_sided(h, lower, upper) if zero else (lower, upper)
        if low >= value:
            return rank
        if high > value:
            if low == -math.inf and (custom or zero):
                return float(count)
            return rank + float(count) * share_below(low, high, value, linear=custom or zero or dialect == 2)
        rank += count
    return None


def variance(h: Histogram) -> float:
    """The population variance, each observation taken for the middle of its bucket: the geometric one of exponential
    buckets, zero in the zero bucket."""
    mean = float(np.divide(h.sum, h.count))
    found = cells(h)
    total, low = 0.0, 0.0
    for lower, upper, count in zip(found.lower.tolist(), found.upper.tolist(), found.counts.tolist(), strict=True):
        if count == 0:
            continue
        if h.schema == CUSTOM_BOUNDS:
            middle = (upper + lower) / 2
        elif lower <= 0 <= upper:
            middle = 0.0
        else:
            middle = math.copysign(math.sqrt(upper * lower), upper)
        delta = middle - mean
        total, low = kahan(count * delta * delta, total, low)
    return float(np.divide(total + low, h.count))
