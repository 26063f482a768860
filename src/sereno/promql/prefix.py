"""Prefix sums that lose nothing that matters: the sum of any window in constant time.

Plain prefix sums cancel: a window of small values after large ones loses its digits. Here each partial sum is
kept as three floats, the running sum, its rounding errors (exact, by Knuth's TwoSum) and their rounding errors,
some 150 bits together; what is not finite is counted apart.
"""

from __future__ import annotations

import numpy as np

from sereno.promql import kernels
from sereno.promql.columns import Float64s, Int64s

_HUGE = 1e290


def _running(values: Float64s) -> tuple[Float64s, Float64s]:
    """Running sums with a leading zero, and the exact error of each addition."""
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    before, after = total[:-1], total[1:]
    part = after - before
    return total, (before - (after - part)) + (values - part)


def _count(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Int64s:
    """Running counts with a leading zero."""
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    return total


class Prefix:
    """The sums of all windows of `values`.

    `doubt` is the size below which a sum other than an exact zero has too few digits left, and must be summed
    afresh.
    """

    def __init__(self, values: Float64s) -> None:
        self._values = values
        self._nonzero: Int64s | None = None
        self.huge: Int64s | None = None
        self.doubt: float
        self.peak: float
        self.odd: bool
        if kernels.native is not None:
            self._sum, self._low, self._lowest = (np.empty(len(values) + 1) for _ in range(3))
            self.peak, top, odd = kernels.native.running(values, self._sum, self._low, self._lowest)
            if not odd and self.peak <= _HUGE / 1e7:
                self.odd, self.doubt = False, float(top) * 2.0**-50
                return
        self._add_up(values)

    def _add_up(self, values: Float64s) -> None:
        finite = np.isfinite(values)
        self.odd = not finite.all()
        clean = np.where(finite, values, 0.0) if self.odd else values
        self.peak = float(np.abs(clean).max(initial=0.0))
        self.huge = _count(np.abs(clean) > _HUGE / max(1, len(values))) if self.peak > _HUGE / 1e7 else None
        if self.huge is not None:
            clean = np.where(np.abs(clean) > _HUGE / max(1, len(values)), 0.0, clean)
        self._sum, errors = _running(clean)
        self._low, errors = _running(errors)
        self._lowest = np.zeros(len(values) + 1)
        np.cumsum(errors, out=self._lowest[1:])
        self.doubt = float(np.abs(self._sum).max(initial=0.0)) * 2.0**-50
        if self.odd:
            self._nan = _count(np.isnan(values))
            self._up = _count(values == np.inf)
            self._down = _count(values == -np.inf)

    def between(self, low: Int64s, high: Int64s) -> Float64s:
        """The sum of values[low:high] for each pair, NaN and infinities as they add up."""
        if kernels.native is not None and not self.odd and low.flags.c_contiguous and high.flags.c_contiguous:
            found = np.empty(low.shape)
            kernels.native.between(self._sum, self._low, self._lowest, low, high, found)
            return found
        s1, s0 = self._sum[high], self._sum[low]
        total = s1 - s0
        part = total - s1
        error = (s1 - (total - part)) - (s0 + part)
        total = total + (error + ((self._low[high] - self._low[low]) + (self._lowest[high] - self._lowest[low])))
        return self._with_odd(total, low, high) if self.odd else total

    def pair(self, low: Int64s, high: Int64s) -> tuple[Float64s, Float64s]:
        """The sums of finite values as pairs of floats, the second what the first lacks."""
        s1, s0 = self._sum[high], self._sum[low]
        total = s1 - s0
        part = total - s1
        error = (s1 - (total - part)) - (s0 + part)
        rest = error + ((self._low[high] - self._low[low]) + (self._lowest[high] - self._lowest[low]))
        return total, rest

    def _with_odd(self, total: Float64s, low: Int64s, high: Int64s) -> Float64s:
        up = self._up[high] > self._up[low]
        down = self._down[high] > self._down[low]
        nan = (self._nan[high] > self._nan[low]) | (up & down)
        return np.where(nan, np.nan, np.where(up, np.inf, np.where(down, -np.inf, total)))

    def doubtful(self, total: Float64s, low: Int64s, high: Int64s) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which of the sums `between` gave must be computed afresh."""
        found = np.abs(total) < self.doubt
        if found.any():
            if self._nonzero is None:
                self._nonzero = _count(self._values != 0)
            found &= self._nonzero[high] > self._nonzero[low]
        if self.huge is not None:
            found |= self.huge[high] > self.huge[low]
        return found
