"""rate, increase and delta of all windows over one series of native histograms at once."""

from __future__ import annotations

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import Histogram
from sereno.promql.native_series import NativeSeries
from sereno.promql.native_stack import Stack
from sereno.promql.values import Bools

_CHUNK = 2_000_000


def rates(
    series: NativeSeries, stack: Stack, low: Int64s, high: Int64s, factor: Factor, *, counter: bool
) -> list[Histogram | None]:
    """The change over each of the windows low … high − 1 of the histograms in `stack`, times what `factor` makes of the
    windows and of the growth of their counts; None for windows of fewer than two samples."""
    found: list[Histogram | None] = [None] * len(low)
    some = np.flatnonzero(high - low >= 2)
    size = max(1, _CHUNK // stack.table.shape[1])
    for begin in range(0, len(some), size):
        part = some[begin : begin + size]
        change = _changes(series, stack, low[part], high[part] - 1, counter=counter)
        change *= factor(part, change[:, 0])[:, None]
        for column, histogram in zip(part.tolist(), stack.histograms(change, ["gauge"] * len(part)), strict=True):
            found[column] = histogram
    return found


class Factor:
    """By how much the changes over windows are extrapolated, as Prometheus extrapolates rates, by `divisor`."""

    def __init__(
        self, series: NativeSeries, low: Int64s, high: Int64s, starts: Int64s, ends: Int64s, *, to_zero: bool
    ) -> None:
        self.first, self.last = series.times.take(low, mode="clip"), series.times.take(high - 1, mode="clip")
        self.count, self.starts, self.ends = high - low, starts, ends
        self.divisor = 1.0
        self.begin = None
        if to_zero and series.stack is not None:
            self.begin = series.stack.table[:, 0].take(low, mode="clip")

    def __call__(self, part: Int64s, growth: Float64s) -> Float64s:
        """The factor of the windows `part`, whose counts grew by `growth`."""
        sampled = (self.last[part] - self.first[part]) / 1000
        average = sampled / (self.count[part] - 1)
        to_start, to_end = (self.first[part] - self.starts[part]) / 1000, (self.ends[part] - self.last[part]) / 1000
        to_start = np.where(to_start >= average * 1.1, average / 2, to_start)
        if self.begin is not None:
            begin = self.begin[part]
            to_zero = sampled * (begin / growth)
            to_start = np.where((growth > 0) & (begin >= 0) & (to_zero < to_start), to_zero, to_start)
        to_end = np.where(to_end >= average * 1.1, average / 2, to_end)
        return np.asarray((sampled + to_start + to_end) / sampled) / self.divisor


def _changes(series: NativeSeries, stack: Stack, first: Int64s, last: Int64s, *, counter: bool) -> Float64s:
    """The difference of the last and the first of each window, and what was lost at each reset between."""
    table = stack.table
    if not counter:
        return table[last] - table[first]
    base = table[first]
    fresh: Bools = series.reset[first + 1]
    base[fresh] = 0.0
    change = table[last] - base
    at = np.flatnonzero(series.reset)
    begin = np.searchsorted(at, first + 2, side="left")
    end = np.maximum(np.searchsorted(at, last, side="right"), begin)
    for ahead in range(int((end - begin).max(initial=0))):
        live = begin + ahead < end
        change[live] += table[at[begin[live] + ahead] - 1]
    return change
