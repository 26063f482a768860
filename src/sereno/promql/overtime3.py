"""Functions of windows that only version 3 has. Source: promql/functions.go of Prometheus 3."""

from __future__ import annotations

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.promql import overtime
from sereno.promql.annotations import go_number
from sereno.promql.columns import Float64s
from sereno.promql.overtime import OverTime, holt_winters, quantile_over_time, walk
from sereno.promql.windows import Lane

_CELLS_MAX = 2_000_000


def mad_over_time(lane: Lane) -> Float64s:
    """The median of the distances to the median; NaN if a sample is."""
    low, count = lane.frame.low, lane.frame.count
    half = np.full(1, 0.5)
    middle = quantile_over_time(lane, half)
    found = np.full(low.shape, np.nan)
    for size in np.unique(count[count > 0]):
        cells = np.nonzero(count == size)
        part_size = max(1, _CELLS_MAX // int(size))
        for begin in range(0, len(cells[0]), part_size):
            part = tuple(axis[begin : begin + part_size] for axis in cells)
            windows = lane.values[low[part][:, None] + np.arange(size)]
            distances = np.sort(np.abs(windows - middle[part][:, None]), axis=1)
            zero = np.zeros(len(windows), dtype=np.int64)
            whole = np.full(len(windows), size)
            value = overtime.ranked(distances, zero, whole, np.full(len(windows), 0.5))
            found[part] = np.where(np.isnan(windows).any(axis=1), np.nan, value)
    return found


def time_of_extreme(lane: Lane, *, greatest: bool) -> Float64s:
    """When the greatest or the least sample was taken, the last of equals, in seconds."""
    low, high = lane.frame.low, lane.frame.high
    best, when = lane.first.copy(), lane.frame.first_time.copy()
    for live, value, index in walk(lane.values, low, high):
        better = live & (((value >= best) if greatest else (value <= best)) | np.isnan(best))
        best = np.where(better, value, best)
        when = np.where(better, lane.frame.times.take(index, mode="clip"), when)
    return when / 1000


def double_exponential_smoothing(lane: Lane, smoothing: Float64s, trend: Float64s) -> Float64s:
    """Double exponential smoothing. Raises QueryError unless both factors lie between 0 and 1."""
    for name, short, factor in (("smoothing", "sf", smoothing), ("trend", "tf", trend)):
        wrong = factor[(factor <= 0) | (factor >= 1)]
        if len(wrong) and bool((lane.frame.count > 0).any()):
            raise QueryError(f"invalid {name} factor. Expected: 0 < {short} < 1, got: {go_number(float(wrong[0]))}")
    return holt_winters(lane, smoothing, trend)


FUNCTIONS: dict[str, OverTime] = {
    "double_exponential_smoothing": OverTime(
        lambda lane, w, args: double_exponential_smoothing(lane, args[0], args[1]), 2
    ),
    "first_over_time": OverTime(lambda lane, w, _: lane.first),
    "mad_over_time": OverTime(lambda lane, w, _: mad_over_time(lane)),
    "ts_of_first_over_time": OverTime(lambda lane, w, _: lane.frame.first_time / 1000),
    "ts_of_last_over_time": OverTime(lambda lane, w, _: lane.frame.last_time / 1000),
    "ts_of_max_over_time": OverTime(lambda lane, w, _: time_of_extreme(lane, greatest=True)),
    "ts_of_min_over_time": OverTime(lambda lane, w, _: time_of_extreme(lane, greatest=False)),
}
NAMES = frozenset(overtime.FUNCTIONS) | frozenset(FUNCTIONS)
"""All functions of windows."""


def function(name: str, dialect: int) -> OverTime:
    """The function `name`, as that major version of Prometheus computes it."""
    return FUNCTIONS[name] if name in FUNCTIONS else overtime.function(name, dialect)
