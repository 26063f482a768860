"""Variances and least-squares lines of all windows from running sums, in constant time a window.

Σx² − (Σx)²/n cancels; so everything is summed and multiplied in pairs of floats (some 100 bits: T. J. Dekker, "A
floating-point technique for extending the available precision", 1971). What is left of the digits is known for
each window; where that is not enough to give what Prometheus would, the window is summed sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.prefix import Prefix
from sereno.promql.values import Bools
from sereno.promql.windows import Lane

Pair = tuple[Float64s, Float64s]
_SPLIT = 134217729.0  # 2^27 + 1
_LARGE, _SMALL = 1e120, 1e-100
_LEFT_OF_SQUARES = 2.0**-27
"""How small a variance may be beside the squares it is the difference of. There would be digits enough for less, but
not in Prometheus, which has 53 bits: beyond that it must be followed step by step."""
_LEFT_OF_SUMS = 1e-4
"""The same for lines."""
WINDOW_MIN = 24
"""Windows of fewer samples on average are summed sample by sample at once."""


def two_product(a: Float64s, b: Float64s) -> Pair:
    """The product and its rounding error, exactly."""
    product = a * b
    a_high = a * _SPLIT - (a * _SPLIT - a)
    b_high = b * _SPLIT - (b * _SPLIT - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _less(a: Pair, b: Pair) -> Float64s:
    """a − b, rounded."""
    total = a[0] - b[0]
    part = total - a[0]
    return total + (((a[0] - (total - part)) - (b[0] + part)) + (a[1] - b[1]))


def _times(a: Pair, b: Pair) -> Pair:
    high, error = two_product(a[0], b[0])
    return high, error + (a[0] * b[1] + a[1] * b[0])


def _over(a: Pair, n: Float64s) -> Pair:
    quotient = a[0] / n
    back, error = two_product(quotient, n)
    return quotient, (((a[0] - back) - error) + a[1]) / n


class Products:
    """The sums of the products of two columns, over any window."""

    def __init__(self, a: Float64s, b: Float64s) -> None:
        products, errors = two_product(a, b)
        self._products, self._errors = Prefix(products), Prefix(errors)

    def pair(self, low: Int64s, high: Int64s) -> Pair:
        """The sum of each window."""
        total, rest = self._products.pair(low, high)
        return total, rest + self._errors.between(low, high)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What windows of a lane can be: all equal, not to be trusted to running sums, or fine."""

    level: Bools
    odd: Bools


def _kinds(lane: Lane, changes: Int64s) -> _Kind:
    low, high = lane.frame.low, lane.frame.high
    sizes = np.abs(lane.values)
    strange = ~(sizes < _LARGE) | ((sizes < _SMALL) & (sizes > 0))
    odd = np.zeros(low.shape, dtype=bool)
    if strange.any():
        seen = np.concatenate(([0], np.cumsum(strange)))
        odd = seen[high] > seen[low]
    level = changes.take(high - 1, mode="clip") == changes.take(low, mode="clip")
    return _Kind(level & ~odd, odd)


def _clean(values: Float64s) -> Float64s:
    return np.where(np.abs(values) < _LARGE, values, 0.0)


def variance(lane: Lane, changes: Int64s) -> tuple[Float64s, Bools]:
    """The population variance of each window, and which must be computed afresh.

    `changes` counts how often the value has changed up to each sample.
    """
    low, high = lane.frame.low, lane.frame.high
    kind = _kinds(lane, changes)
    values = _clean(lane.values)
    n = np.maximum(lane.frame.count, 1).astype(np.float64)
    total = Prefix(values).pair(low, high)
    squares = Products(values, values).pair(low, high)
    spread = _less(squares, _over(_times(total, total), n))
    doubtful = (kind.odd | ~(spread > squares[0] * _LEFT_OF_SQUARES)) & ~kind.level & (high > low)
    return np.where(kind.level, 0.0, spread / n), doubtful


def line(lane: Lane, origin: Int64s, changes: Int64s) -> tuple[Float64s, Float64s, Bools]:
    """Slope per second, value at `origin` (ms), and which windows must be computed afresh."""
    low, high, times = lane.frame.low, lane.frame.high, lane.frame.times
    kind = _kinds(lane, changes)
    n = np.maximum(lane.frame.count, 1).astype(np.float64)
    base = int(times[0])
    x, y = (times - base).astype(np.float64), _clean(lane.values)
    sums = np.concatenate(([0], np.cumsum(times - base)))
    x_whole = sums[high] - sums[low]
    x_sum = x_whole.astype(np.float64), np.zeros(low.shape)
    y_sum = Prefix(y).pair(low, high)
    xy, xx = Products(x, y).pair(low, high), Products(x, x).pair(low, high)
    together = _less(xy, _over(_times(x_sum, y_sum), n))
    alone = _less(xx, _over(_times(x_sum, x_sum), n))
    slope = together / alone
    # What Prometheus has before it subtracts, in its own coordinates: times from the origin on.
    shift = np.broadcast_to(origin - base, low.shape).astype(np.float64)
    from_origin = (x_whole - lane.frame.count * (origin - base)).astype(np.float64)
    its_xy = np.abs(xy[0] - shift * y_sum[0]) + np.abs(from_origin * (y_sum[0] / n))
    its_xx = np.abs(alone) + from_origin * (from_origin / n)
    clear = (np.abs(together) > its_xy * _LEFT_OF_SUMS) & (alone > its_xx * _LEFT_OF_SUMS)
    intercept = y_sum[0] / n - slope * (from_origin / n)
    doubtful = (kind.odd | ~clear | (np.abs(x_whole) > 2**53)) & ~kind.level & (high > low)
    first = lane.first
    return (
        np.where(kind.level, 0.0, slope * 1000.0),
        np.where(kind.level, first, intercept),
        doubtful,
    )
