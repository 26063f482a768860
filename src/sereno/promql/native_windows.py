"""Functions of windows that hold native histograms: rate, sum_over_time and their kin.

The floats are computed as if there were nothing else; then the windows with histograms are put right, series by
series. Source: promql/functions.go of Prometheus 3.14.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sereno.promql import annotations as notes_of
from sereno.promql.annotations import Annotation, Annotations
from sereno.promql.ast import Call
from sereno.promql.columns import Int64s, Objects
from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.native_math import (
    IncompatibleSchemas,
    add,
    compact,
    divided,
    hinted,
    scaled,
    subtract,
    to_schema,
)
from sereno.promql.native_rates import Factor, rates
from sereno.promql.native_series import NativeSeries, StartsOf, native_series
from sereno.promql.native_stack import Stack
from sereno.promql.native_sums import sums_over_time
from sereno.promql.native_total import mean_of, sum_of
from sereno.promql.plan import Settings
from sereno.promql.values import Vector, holding
from sereno.promql.windows import Samples

FLOATS_ONLY = frozenset((
    "deriv", "predict_linear", "min_over_time", "max_over_time", "stddev_over_time", "stdvar_over_time",
    "quantile_over_time", "mad_over_time", "holt_winters", "double_exponential_smoothing",
    "ts_of_max_over_time", "ts_of_min_over_time",
))  # fmt: skip
"""Functions that pass over histograms, and say so where there are floats as well."""

Outcome = Histogram | float | None
"""What a window comes to; None: nothing."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The windows of a call: from where to where, how long they are meant to be, whom to tell what is odd, and when
    the counters of its samples began."""

    starts: Int64s
    ends: Int64s
    range_ms: int
    settings: Settings
    notes: Annotations
    call: Call
    began: StartsOf | None = None

    def of(self, series: NativeSeries) -> tuple[Int64s, Int64s]:
        """The first index in and the first past each window."""
        low = np.searchsorted(series.times, self.starts + self.settings.left_ms, side="left")
        return low, np.maximum(np.searchsorted(series.times, self.ends, side="right"), low)


@dataclass(frozen=True, slots=True)
class Frame:
    """The windows over one series, and the circumstances of the call."""

    sight: Sight
    low: list[int]
    high: list[int]

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.sight.call.function

    @property
    def position(self) -> int:
        """Where what is odd stands in the query."""
        return self.sight.call.args[0].position

    def note(self, annotation: Annotation) -> None:
        """Tell what is odd."""
        self.sight.notes.add(annotation)


_Kernel = Callable[[NativeSeries, Frame, int], Outcome]


def over_time(vector: Vector, samples: Samples, sight: Sight) -> Vector:
    """`vector`, what the function makes of the floats in its windows, with what it makes of the native histograms of
    `samples` put in."""
    kernel = _KERNELS.get(sight.call.function)
    if kernel is None:
        return vector
    values, present = vector.values.copy(), vector.present.copy()
    histograms = np.full(values.shape, None, dtype=object)
    for place, series in native_series(samples, sight.began):
        low, high = sight.of(series)
        if sight.call.function in _RATES and series.stack is not None and series.plain and series.starts is None:
            rated = np.empty(len(low), dtype=object)
            rated[:] = _all_rates(series, series.stack, sight, low, high)
            histograms[place], present[place] = rated, holding(rated)
            continue
        if sight.call.function in _SUMS and series.stack is not None and series.plain:
            summed = _all_sums(series, series.stack, sight, low, high)
            if summed is not None:
                histograms[place] = summed
                present[place] = holding(histograms[place])
                continue
        frame = Frame(sight, low.tolist(), high.tolist())
        for column in np.flatnonzero(series.natives[high] > series.natives[low]).tolist():
            found = kernel(series, frame, column)
            present[place, column] = found is not None
            if isinstance(found, Histogram):
                histograms[place, column] = found
            elif found is not None:
                values[place, column] = found
    return Vector(vector.labels, values, present, histograms if holding(histograms).any() else None)


def only_floats(samples: Samples, sight: Sight) -> Samples:
    """The floats of `samples`, for functions that know nothing else; said where that leaves histograms out."""
    for _, series in native_series(samples):
        low, high = sight.of(series)
        native = series.natives[high] - series.natives[low]
        if ((native > 0) & (native < high - low)).any():
            sight.notes.add(notes_of.histogram_ignored_in_range(series.name, sight.call.args[0].position))
    return samples.floats


def latest(samples: Samples, vector: Vector, starts: Int64s, ends: Int64s, left_ms: int) -> Vector:
    """`vector`, the latest floats in [starts + left_ms, ends], with the latest native histograms put in."""
    histograms = np.full(vector.values.shape, None, dtype=object)
    for place, series in native_series(samples):
        low = np.searchsorted(series.times, starts + left_ms, side="left")
        last = np.searchsorted(series.times, ends, side="right") - 1
        there = last >= low
        histograms[place][there] = series.histograms[last[there]]
    return replace(vector, histograms=histograms) if holding(histograms).any() else vector


_RATES = frozenset(("rate", "increase", "delta"))
_SUMS = frozenset(("sum_over_time", "avg_over_time"))


def _all_rates(series: NativeSeries, stack: Stack, sight: Sight, low: Int64s, high: Int64s) -> list[Histogram | None]:
    """The rates of all windows of a series of one layout."""
    counter, position = sight.call.function != "delta", sight.call.args[0].position
    rated = np.flatnonzero(high - low >= 2)
    gauges = series.gauges
    if counter and (gauges[high[rated]] > gauges[low[rated]]).any():
        sight.notes.add(notes_of.native_not_counter(series.name, position))
    edges = np.concatenate((low[rated], high[rated] - 1))
    if not counter and (gauges[edges + 1] == gauges[edges]).any():
        sight.notes.add(notes_of.native_not_gauge(series.name, position))
    to_zero = counter and sight.settings.dialect == 3
    starts, ends = (np.broadcast_to(edge, low.shape) for edge in (sight.starts, sight.ends))
    factor = Factor(series, low, high, starts, ends, to_zero=to_zero)
    if sight.call.function == "rate":
        factor.divisor = sight.range_ms / 1000
    return rates(series, stack, low, high, factor, counter=counter)


def _all_sums(series: NativeSeries, stack: Stack, sight: Sight, low: Int64s, high: Int64s) -> Objects | None:
    """The sums or means of all windows of a series of one layout; None where they must be taken one by one."""
    found = sums_over_time(series, stack, low, high, mean=sight.call.function == "avg_over_time")
    if found is None:
        return None
    histograms, collision = found
    if collision:
        sight.notes.add(notes_of.counter_reset_collision("aggregation", sight.call.args[0].position))
    rows = np.empty(len(histograms), dtype=object)
    rows[:] = histograms
    return rows


# Rates ----------------------------------------------------------------------------------------------------------------


def _mixed(series: NativeSeries, frame: Frame, column: int) -> bool:
    """Whether the window holds floats too; then it comes to nothing, with a warning."""
    low, high = frame.low[column], frame.high[column]
    if series.natives[high] - series.natives[low] == high - low:
        return False
    frame.note(notes_of.mixed_floats_histograms(series.name, frame.position))
    return True


def _rate(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    if _mixed(series, frame, column):
        return None
    low, high = frame.low[column], frame.high[column]
    counter = frame.function != "delta"
    change = _change(series, frame, low, high, counter=counter) if high - low > 1 else None
    if change is None and high - low > 1:
        return None
    if counter and series.overlaps(low, high):
        frame.note(notes_of.start_time_overlap(series.name, frame.position))
    began = series.began(low) if counter else 0
    if began and int(frame.sight.starts[column]) < began < int(series.times[low]):  # it counted from nothing then
        change = _with_first(series, frame, low, change)
        if change is None:
            return None
        factor = _reach_since(series, frame, column, began)
    elif change is None:
        return None
    else:
        factor = _reach(series, frame, column, change if counter and frame.sight.settings.dialect == 3 else None)
    if frame.function == "rate":
        factor /= frame.sight.range_ms / 1000
    return scaled(change, factor)


def _with_first(series: NativeSeries, frame: Frame, low: int, change: Histogram | None) -> Histogram | None:
    """The change from nothing: what the first sample counted, and the change after it."""
    if change is None:
        return series.at(low)
    try:
        summed = add(change, series.at(low))
    except IncompatibleSchemas:
        frame.note(notes_of.mixed_exponential_custom(series.name, frame.position))
        return None
    if summed.reconciled:
        frame.note(notes_of.mismatched_custom_buckets("addition", frame.position))
    return summed.histogram


def _reach_since(series: NativeSeries, frame: Frame, column: int, began: int) -> float:
    """How much longer the window is than from when the counter began to the last sample."""
    low, last = frame.low[column], frame.high[column] - 1
    last_ms = int(series.times[last])
    average = (last_ms - int(series.times[low])) / 1000 / (last - low) if last > low else 0.0
    to_end = (int(frame.sight.ends[column]) - last_ms) / 1000
    if to_end >= average * 1.1:
        to_end = average / 2
    sampled = (last_ms - began) / 1000
    return (sampled + to_end) / sampled


def _change(series: NativeSeries, frame: Frame, low: int, high: int, *, counter: bool) -> Histogram | None:
    """The difference over the window, resets of a counter taken into account."""
    first, last = series.at(low), series.at(high - 1)
    if counter and series.gauges[high] > series.gauges[low]:
        frame.note(notes_of.native_not_counter(series.name, frame.position))
    custom = first.schema == CUSTOM_BOUNDS
    if counter and series.reset_at(low + 1):  # then nothing of the first counts, whatever its buckets
        second = series.at(low + 1)
        first = Histogram(second.schema, 0.0, 0.0, bounds=second.bounds)
        custom = second.schema == CUSTOM_BOUNDS
    inner = series.customs[high - 1] - series.customs[low + 1]
    alike = inner == (high - low - 2 if custom else 0) or not counter
    if (last.schema == CUSTOM_BOUNDS) != custom or not alike:
        frame.note(notes_of.mixed_exponential_custom(series.name, frame.position))
        return None
    if not counter and (first.reset != "gauge" or last.reset != "gauge"):
        frame.note(notes_of.native_not_gauge(series.name, frame.position))
    schema = min(first.schema, last.schema)
    if counter and not series.one_schema:
        schema = min(schema, int(series.schemas[low + 1 : high].min()))
    found = subtract(to_schema(last, schema), first)
    if found.reconciled:
        frame.note(notes_of.mismatched_custom_buckets("subtraction", frame.position))
    change = found.histogram
    for index in series.reset_indices(low + 1, high) if counter else ():
        summed = add(change, series.at(index - 1))
        if summed.reconciled:
            frame.note(notes_of.mismatched_custom_buckets("addition", frame.position))
        change = summed.histogram
    return hinted(compact(change), "gauge")


def _reach(series: NativeSeries, frame: Frame, column: int, change: Histogram | None) -> float:
    """How much longer the extrapolated window is than that between its samples; `change` of a counter limits it."""
    low, last = frame.low[column], frame.high[column] - 1
    first_ms, last_ms = int(series.times[low]), int(series.times[last])
    sampled = (last_ms - first_ms) / 1000
    average = sampled / (last - low)
    to_start = (first_ms - int(frame.sight.starts[column])) / 1000
    to_end = (int(frame.sight.ends[column]) - last_ms) / 1000
    if to_start >= average * 1.1:
        to_start = average / 2
    if change is not None and change.count > 0 and series.at(low).count >= 0:
        to_start = min(to_start, sampled * (series.at(low).count / change.count))
    if to_end >= average * 1.1:
        to_end = average / 2
    return (sampled + to_start + to_end) / sampled


def _instant_change(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    """irate and idelta: the difference of the last two samples."""
    low, last = frame.low[column], frame.high[column] - 1
    if last - low < 1:
        return None
    if not series.native[last] and not series.native[last - 1]:
        return _of_floats(series, frame, last)
    if not (series.native[last] and series.native[last - 1]):
        frame.note(notes_of.mixed_floats_histograms(series.name, frame.position))
        return None
    before, now = series.at(last - 1), series.at(last)
    per_second = frame.function == "irate"
    gauges = (before.reset == "gauge") + (now.reset == "gauge")
    if per_second and gauges:
        frame.note(notes_of.native_not_counter(series.name, frame.position))
    if not per_second and gauges < 2:
        frame.note(notes_of.native_not_gauge(series.name, frame.position))
    found = now
    if not per_second or not series.reset_at(last):
        try:
            difference = subtract(now, before)
        except IncompatibleSchemas:
            frame.note(notes_of.mixed_exponential_custom(series.name, frame.position))
            return None
        if difference.reconciled:
            frame.note(notes_of.mismatched_custom_buckets("subtraction", frame.position))
        found = difference.histogram
    found = hinted(compact(found), "gauge")
    return divided(found, (series.times[last] - series.times[last - 1]) / 1000) if per_second else found


def _of_floats(series: NativeSeries, frame: Frame, last: int) -> float:
    before, now = float(series.values[last - 1]), float(series.values[last])
    if frame.function == "idelta":
        return now - before
    change = now if now < before or series.anew[last - 1] else now - before
    return change / (float(series.times[last] - series.times[last - 1]) / 1000)


# The rest -------------------------------------------------------------------------------------------------------------


def _summed(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    """sum_over_time and avg_over_time."""
    if _mixed(series, frame, column):
        return None
    window = series.window(frame.low[column], frame.high[column])
    try:
        found = (sum_of if frame.function == "sum_over_time" else mean_of)(window)
    except IncompatibleSchemas:
        frame.note(notes_of.mixed_exponential_custom(series.name, frame.position))
        return None
    if found.collision:
        frame.note(notes_of.counter_reset_collision("aggregation", frame.position))
    if found.reconciled:
        frame.note(notes_of.mismatched_custom_buckets("aggregation", frame.position))
    return found.histogram


def _counted(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    """resets and changes."""
    running = series.resets if frame.function == "resets" else series.changes
    return float(running[frame.high[column] - 1] - running[frame.low[column]])


def _first(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    return _at(series, frame.low[column])


def _last(series: NativeSeries, frame: Frame, column: int) -> Outcome:
    return _at(series, frame.high[column] - 1)


def _at(series: NativeSeries, index: int) -> Outcome:
    found: Histogram | None = series.histograms[index]
    return float(series.values[index]) if found is None else found


_KERNELS: dict[str, _Kernel] = {
    "rate": _rate,
    "increase": _rate,
    "delta": _rate,
    "irate": _instant_change,
    "idelta": _instant_change,
    "sum_over_time": _summed,
    "avg_over_time": _summed,
    "resets": _counted,
    "changes": _counted,
    "first_over_time": _first,
    "last_over_time": _last,
}


def as_samples(histograms: Objects) -> Objects:
    """The histograms that a subquery found: what they say of a reset since the sample before means nothing there."""
    found = histograms.copy()
    for index in np.flatnonzero(holding(found)).tolist():
        if found[index].reset != "gauge":
            found[index] = hinted(found[index], "unknown")
    return found
