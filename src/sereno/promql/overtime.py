"""Functions of a window of samples: rate, increase, sum_over_time and their kin, as Prometheus 2.42 computes them.

Each takes a lane and gives one value a window; windows with fewer samples than the function needs are masked by
the caller. Source: promql/functions.go of Prometheus 2.42.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.promql import kernels, moments
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.ranks import Ranks
from sereno.promql.rates import extrapolated, instant_change
from sereno.promql.values import Bools
from sereno.promql.windows import Lane

Kernel = Callable[..., Float64s]


def walk(values: Float64s, low: Int64s, high: Int64s) -> Iterator[tuple[Bools, Float64s, Int64s]]:
    """Step through all windows at once, first samples first: which windows still go on, their values and indices."""
    for ahead in range(int((high - low).max(initial=0))):
        index = low + ahead
        yield index < high, values.take(index, mode="clip"), index


class Kahan:
    """Running sums with Neumaier's compensation, one a window, exactly as Prometheus keeps them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sum = np.zeros(shape)
        self.low = np.zeros(shape)

    def add(self, inc: Float64s, live: Bools) -> None:
        """Add `inc` where `live`."""
        total = self.sum + inc
        larger = np.abs(self.sum) >= np.abs(inc)
        low = self.low + np.where(larger, (self.sum - total) + inc, (inc - total) + self.sum)
        self.sum = np.where(live, total, self.sum)
        self.low = np.where(live, low, self.low)

    def add_to(self, row: int, inc: Float64s, live: Bools) -> None:
        """Add `inc` to one row of sums, where `live`."""
        if kernels.native is not None and inc.flags.c_contiguous and live.flags.c_contiguous:
            kernels.native.compensate(inc, live, self.sum[row], self.low[row])
            return
        one = Kahan(inc.shape)
        one.sum, one.low = self.sum[row], self.low[row]
        one.add(inc, live)
        self.sum[row], self.low[row] = one.sum, one.low

    @property
    def total(self) -> Float64s:
        """The compensated sum."""
        return np.where(np.isinf(self.sum), self.sum, self.sum + self.low)


# Changes ----------------------------------------------------------------------------------------------------------


def _pairs(values: Float64s, flags: Bools) -> Int64s:
    """Running counts of flagged neighbours: [k] counts those up to the pair that ends at k."""
    total = np.zeros(len(values), dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    return total


def _count_resets(values: Float64s) -> Int64s:
    return _pairs(values, values[1:] < values[:-1])


def _count_changes(values: Float64s) -> Int64s:
    now, before = values[1:], values[:-1]
    return _pairs(values, (now != before) & ~(np.isnan(now) & np.isnan(before)))


def _counted(lane: Lane, key: str, count: Callable[[Float64s], Int64s]) -> Float64s:
    running = lane.derived(key, count)
    found = running.take(lane.frame.last, mode="clip") - running.take(lane.frame.low, mode="clip")
    return found.astype(np.float64)


def resets(lane: Lane) -> Float64s:
    """How often the value fell."""
    return _counted(lane, "count_resets", _count_resets)


def changes(lane: Lane) -> Float64s:
    """How often the value changed."""
    return _counted(lane, "count_changes", _count_changes)


# Sums ------------------------------------------------------------------------------------------------------------


def sum_over_time(lane: Lane) -> Float64s:
    """The sum."""
    return _summed(lane, _sum_afresh)


def avg_over_time(lane: Lane) -> Float64s:
    """The mean."""
    return _summed(lane, _mean_afresh, divide=True)


def _summed(lane: Lane, afresh: Callable[[Float64s, Int64s, Int64s], Float64s], *, divide: bool = False) -> Float64s:
    low, high = lane.frame.low, lane.frame.high
    total = lane.prefix.between(low, high)
    doubtful = lane.prefix.doubtful(total, low, high)
    if divide:
        total = total / lane.frame.count
    if doubtful.any():
        total[doubtful] = afresh(lane.values, low[doubtful], high[doubtful])
    return total


def _sum_afresh(values: Float64s, low: Int64s, high: Int64s) -> Float64s:
    sums = Kahan(low.shape)
    for live, value, _ in walk(values, low, high):
        sums.add(value, live)
    return sums.total


def _mean_afresh(values: Float64s, low: Int64s, high: Int64s) -> Float64s:
    mean = Kahan(low.shape)
    for ahead, (live, value, _) in enumerate(walk(values, low, high)):
        infinite = np.isinf(mean.sum)
        same = infinite & np.isinf(value) & ((mean.sum > 0) == (value > 0))
        stays = same | (infinite & np.isfinite(value))
        mean.add(value / (ahead + 1) - mean.sum / (ahead + 1), live & ~stays)
    return mean.total


def _better(first: Float64s, then: Float64s, *, greatest: bool) -> Float64s:
    """The greater or lesser of each pair: the first of equals (0 and −0 are), NaN only if both are."""
    return np.where((then > first if greatest else then < first) | np.isnan(first), then, first)


def extreme_over_time(lane: Lane, *, greatest: bool) -> Float64s:
    """The greatest or least value (NaN only if there is nothing else).

    Every window is covered by two of a power of two samples; those are built by doubling, so the cost is that
    of the samples times the logarithm of the window. Compiled, a queue of candidates goes along with the windows.
    """
    low, high = lane.frame.low, lane.frame.high
    found = np.full(low.shape, np.nan)
    if kernels.native is not None and _ascending(low):
        kernels.native.extremes(lane.values, low, high, low.shape[1], greatest, found)
        return found
    level = np.frexp(np.maximum(high - low, 1).astype(np.float64))[1] - 1
    table, span = lane.values, 1
    for power in range(int(level.max(initial=0)) + 1):
        here = (level == power) & (high > low)
        if here.any():
            found[here] = _better(table[low[here]], table[high[here] - span], greatest=greatest)
        if len(table) > span:
            table = _better(table[:-span], table[span:], greatest=greatest)
        span *= 2
    return found


def _ascending(low: Int64s) -> bool:
    """Whether windows go forwards, as they do unless an expression makes them jump."""
    return low.shape[1] < 2 or bool((low[:, 1:] >= low[:, :-1]).all())


def _variance(lane: Lane) -> Float64s:
    if _small(lane):
        return _spread(lane, lane.frame.low, lane.frame.high)
    found, doubtful = moments.variance(lane, lane.derived("count_changes", _count_changes))
    if doubtful.any():
        found[doubtful] = _spread(lane, lane.frame.low[doubtful], lane.frame.high[doubtful])
    return found


def _small(lane: Lane) -> bool:
    """Whether windows hold so few samples that running sums are not worth it."""
    return int(lane.frame.count.sum()) < moments.WINDOW_MIN * (lane.frame.low.size + len(lane.values))


def _spread(lane: Lane, low: Int64s, high: Int64s) -> Float64s:
    """The variance, by Welford's recurrence with compensation."""
    found = np.empty(low.shape)
    if kernels.native is not None:
        kernels.native.spread(lane.values, low, high, found)
        return found
    mean, squares = Kahan(low.shape), Kahan(low.shape)
    for ahead, (live, value, _) in enumerate(walk(lane.values, low, high)):
        delta = value - (mean.sum + mean.low)
        mean.add(delta / (ahead + 1), live)
        squares.add(delta * (value - (mean.sum + mean.low)), live)
    return (squares.sum + squares.low) / (high - low)


def stdvar_over_time(lane: Lane) -> Float64s:
    """The population variance."""
    return _variance(lane)


def stddev_over_time(lane: Lane) -> Float64s:
    """The population standard deviation."""
    return np.sqrt(_variance(lane))


# Lines, quantiles, smoothing ----------------------------------------------------------------------------------------


def _line(lane: Lane, origin: Int64s) -> tuple[Float64s, Float64s]:
    """Slope per second and value at `origin` (ms) of the least-squares line."""
    low, high = lane.frame.low, lane.frame.high
    origin = np.ascontiguousarray(np.broadcast_to(origin, low.shape))
    if _small(lane):
        return _line_afresh(lane, low, high, origin)
    slope, intercept, doubtful = moments.line(lane, origin, lane.derived("count_changes", _count_changes))
    if doubtful.any():
        part = _line_afresh(lane, low[doubtful], high[doubtful], origin[doubtful])
        slope[doubtful], intercept[doubtful] = part
    return slope, intercept


def _line_afresh(lane: Lane, low: Int64s, high: Int64s, origin: Int64s) -> tuple[Float64s, Float64s]:
    first = lane.values.take(low, mode="clip")
    changes = lane.derived("count_changes", _count_changes)
    level = changes.take(high - 1, mode="clip") == changes.take(low, mode="clip")
    level &= ~np.isnan(first)  # NaN is no level: it is not even itself
    sx, sy, sxy, sxx = _line_sums(lane, low, high, origin)
    n = high - low
    slope = (sxy - sx * sy / n) / (sxx - sx * sx / n)
    intercept = sy / n - slope * sx / n
    flat = np.where(np.isinf(first), np.nan, 0.0)
    return np.where(level, flat, slope), np.where(level, first + flat, intercept)


def _line_sums(lane: Lane, low: Int64s, high: Int64s, origin: Int64s) -> tuple[Float64s, ...]:
    """Σx, Σy, Σxy and Σx², in the order of the samples, compensated."""
    if kernels.native is not None:
        sums = tuple(np.empty(low.shape) for _ in range(4))
        kernels.native.line(np.ascontiguousarray(lane.frame.times), lane.values, low, high, origin, *sums)
        return sums
    x_sum, y_sum, xy_sum, xx_sum = (Kahan(low.shape) for _ in range(4))
    for live, y, index in walk(lane.values, low, high):
        x = (lane.frame.times.take(index, mode="clip") - origin) / 1e3
        for total, inc in ((x_sum, x), (y_sum, y), (xy_sum, x * y), (xx_sum, x * x)):
            total.add(inc, live)
    return tuple(k.sum + k.low for k in (x_sum, y_sum, xy_sum, xx_sum))


def deriv(lane: Lane) -> Float64s:
    """The slope of the least-squares line, per second."""
    return _line(lane, lane.frame.first_time)[0]


def predict_linear(lane: Lane, ahead: Float64s) -> Float64s:
    """Where the least-squares line will be `ahead` seconds from the instant of evaluation."""
    slope, intercept = _line(lane, lane.instants)
    return slope * ahead + intercept


def quantile_over_time(lane: Lane, q: Float64s) -> Float64s:
    """The q-quantile, by interpolation between the two nearest samples; NaN sorts first."""
    low, count = lane.frame.low, lane.frame.count
    found = np.full(low.shape, np.nan)
    wanted = np.broadcast_to(q, low.shape)
    if not _small(lane):
        full = count > 0
        found[full] = _ranked_in(lane, low[full], lane.frame.high[full], wanted[full])
        return found
    for size in np.unique(count[count > 0]):
        cells = np.nonzero(count == size)
        for begin in range(0, len(cells[0]), max(1, 2_000_000 // int(size))):
            part = tuple(axis[begin : begin + max(1, 2_000_000 // int(size))] for axis in cells)
            windows = lane.values[low[part][:, None] + np.arange(size)]
            windows.sort(axis=1)
            found[part] = ranked(windows, np.isnan(windows).sum(axis=1), np.full(len(windows), size), wanted[part])
    return found


def _ranked_in(lane: Lane, low: Int64s, high: Int64s, q: Float64s) -> Float64s:
    """As `ranked`, of windows without sorting each."""
    ranks = Ranks(lane.values)
    return interpolated(q, high - low, lambda index: ranks.smallest(low, high, index.astype(np.int64)))


def ranked(ascending: Float64s, nans: Int64s, counts: Int64s, q: Float64s) -> Float64s:
    """The q-quantile of each row of `ascending`, whose first `counts − nans` values are numbers in order.

    Prometheus sorts NaN before everything else.
    """
    rows = np.arange(len(ascending))

    def at(index: Float64s) -> Float64s:
        place = index.astype(np.int64) - nans
        return np.where(place < 0, np.nan, ascending[rows, np.maximum(place, 0)])

    return interpolated(q, counts, at)


def interpolated(q: Float64s, counts: Int64s, at: Callable[[Float64s], Float64s]) -> Float64s:
    """The q-quantile between the two nearest of `counts` values, which `at` gives by their rank."""
    rank = np.clip(q, 0, 1) * (counts - 1)
    rank = np.where(np.isnan(rank), 0, rank)
    lower = np.floor(rank)
    weight = rank - lower
    value = at(lower) * (1 - weight) + at(np.minimum(counts - 1, lower + 1)) * weight
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)


def holt_winters(lane: Lane, smoothing: Float64s, trend: Float64s) -> Float64s:
    """Double exponential smoothing. Raises QueryError unless both factors lie between 0 and 1."""
    for factor in (smoothing, trend):
        if ((factor <= 0) | (factor >= 1)).any():
            raise QueryError("the factors of holt_winters must lie between 0 and 1")
    low, high = lane.frame.low, lane.frame.high
    level = lane.first
    before = np.zeros(low.shape)
    slope = lane.values.take(low + 1, mode="clip") - level
    for ahead, (live, value, _) in enumerate(walk(lane.values, low, high)):
        if ahead == 0:
            continue
        steeper = slope if ahead == 1 else trend * (level - before) + (1 - trend) * slope
        new = smoothing * value + (1 - smoothing) * (level + steeper)
        before, level = np.where(live, level, before), np.where(live, new, level)
        slope = np.where(live, steeper, slope)
    return level


@dataclass(frozen=True, slots=True)
class OverTime:
    """A function of windows: `compute(lane, range_ms, scalar arguments)`, and how many samples it needs."""

    compute: Callable[[Lane, int, list[Float64s]], Float64s]
    least: int = 1


FUNCTIONS: dict[str, OverTime] = {
    "rate": OverTime(lambda lane, w, _: extrapolated(lane, w, counter=True, per_second=True), 2),
    "increase": OverTime(lambda lane, w, _: extrapolated(lane, w, counter=True, per_second=False), 2),
    "delta": OverTime(lambda lane, w, _: extrapolated(lane, w, counter=False, per_second=False), 2),
    "irate": OverTime(lambda lane, w, _: instant_change(lane, per_second=True), 2),
    "idelta": OverTime(lambda lane, w, _: instant_change(lane, per_second=False), 2),
    "deriv": OverTime(lambda lane, w, _: deriv(lane), 2),
    "predict_linear": OverTime(lambda lane, w, args: predict_linear(lane, args[0]), 2),
    "holt_winters": OverTime(lambda lane, w, args: holt_winters(lane, args[0], args[1]), 2),
    "changes": OverTime(lambda lane, w, _: changes(lane)),
    "resets": OverTime(lambda lane, w, _: resets(lane)),
    "sum_over_time": OverTime(lambda lane, w, _: sum_over_time(lane)),
    "avg_over_time": OverTime(lambda lane, w, _: avg_over_time(lane)),
    "min_over_time": OverTime(lambda lane, w, _: extreme_over_time(lane, greatest=False)),
    "max_over_time": OverTime(lambda lane, w, _: extreme_over_time(lane, greatest=True)),
    "count_over_time": OverTime(lambda lane, w, _: lane.frame.count.astype(np.float64)),
    "last_over_time": OverTime(lambda lane, w, _: lane.last),
    "present_over_time": OverTime(lambda lane, w, _: np.ones(lane.frame.low.shape)),
    "stddev_over_time": OverTime(lambda lane, w, _: stddev_over_time(lane)),
    "stdvar_over_time": OverTime(lambda lane, w, _: stdvar_over_time(lane)),
    "quantile_over_time": OverTime(lambda lane, w, args: quantile_over_time(lane, args[0])),
}


def _precise_avg_over_time(lane: Lane) -> Float64s:
    """The mean as the compensated sum by the count, unless that is too large for a float."""
    mean = sum_over_time(lane) / lane.frame.count
    return np.where(np.isinf(mean), avg_over_time(lane), mean)


_VERSION_3: dict[str, OverTime] = {
    "avg_over_time": OverTime(lambda lane, w, _: _precise_avg_over_time(lane)),
    "rate": OverTime(lambda lane, w, _: extrapolated(lane, w, counter=True, per_second=True, dialect=3), 2),
    "increase": OverTime(lambda lane, w, _: extrapolated(lane, w, counter=True, per_second=False, dialect=3), 2),
}


def function(name: str, dialect: int) -> OverTime:
    """The function `name` as that major version of Prometheus computes it."""
    return _VERSION_3.get(name, FUNCTIONS[name]) if dialect == 3 else FUNCTIONS[name]
