"""Native histograms in windows with edges of their own: anchored at the sample before them, or smoothed between the
samples around them.

Source: extendedHistogramRate, interpolateHistograms and smoothSeries in promql/functions.go and promql/engine.go of
Prometheus 3.14.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sereno.promql import annotations as notes_of
from sereno.promql.annotations import Annotation, Annotations
from sereno.promql.columns import Int64s
from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.native_math import (
    Combined,
    IncompatibleSchemas,
    add,
    compact,
    detect_reset,
    divided,
    hinted,
    scaled,
    subtract,
)
from sereno.promql.native_series import NativeSeries, native_series
from sereno.promql.native_windows import Sight
from sereno.promql.values import Vector, holding
from sereno.promql.windows import Samples


@dataclass(frozen=True, slots=True)
class _Told:
    """Whom to tell what is odd about a metric."""

    notes: Annotations
    name: str
    position: int

    def note(self, annotation: Annotation) -> None:
        self.notes.add(annotation)

    def mixed(self) -> None:
        """Floats and histograms together."""
        self.note(notes_of.mixed_floats_histograms(self.name, self.position))

    def incompatible(self) -> None:
        """Exponential and custom buckets together."""
        self.note(notes_of.mixed_exponential_custom(self.name, self.position))

    def whole(self, found: Combined, operation: str) -> Histogram:
        """A sum or difference; said if bounds had to be reconciled."""
        if found.reconciled:
            self.note(notes_of.mismatched_custom_buckets(operation, self.position))
        return found.histogram


def between(series: NativeSeries, index: int, instant_ms: int, told: _Told, *, counter: bool) -> Histogram:
    """The histogram at an instant, on the line from sample `index` to the next; a counter that was reset began at
    nothing. Raises IncompatibleSchemas."""
    before, after = series.at(index), series.at(index + 1)
    first, second = int(series.times[index]), int(series.times[index + 1])
    if instant_ms in (first, second):
        return before if instant_ms == first else after
    share = (instant_ms - first) / (second - first)
    if counter and series.reset_at(index + 1):
        return scaled(after, share)
    step = told.whole(subtract(after, before), "subtraction")
    return told.whole(add(scaled(step, share), before), "addition")


# Windows --------------------------------------------------------------------------------------------------------------


def over_time(vector: Vector, samples: Samples, sight: Sight, which: str) -> Vector:
    """`vector`, what a function makes of the floats in windows that are `which` (anchored or smoothed), with what it
    makes of the native histograms of `samples` put in."""
    lookback = sight.settings.lookback_ms
    values, present = vector.values.copy(), vector.present.copy()
    histograms = np.full(values.shape, None, dtype=object)
    counting = sight.call.function in ("changes", "resets")
    for place, series in native_series(samples):
        ends = sight.ends + lookback if which == "smoothed" else sight.ends
        low = np.searchsorted(series.times, sight.starts - lookback, side="right")
        high = np.maximum(np.searchsorted(series.times, ends, side="right"), low)
        for column in np.flatnonzero(series.natives[high] > series.natives[low]).tolist():
            window = _Window(series, int(low[column]), int(high[column]), sight, column, which == "smoothed")
            found = _counted(window) if counting else _rated(window)
            present[place, column] = found is not None
            if isinstance(found, Histogram):
                histograms[place, column] = found
            elif found is not None:
                values[place, column] = found
    return Vector(vector.labels, values, present, histograms if holding(histograms).any() else None)


@dataclass(frozen=True, slots=True)
class _Window:
    """One window and all samples that may matter for its edges: those from index `low` to before `high`."""

    series: NativeSeries
    low: int
    high: int
    sight: Sight
    column: int
    smoothed: bool

    @property
    def start(self) -> int:
        return int(self.sight.starts[self.column])

    @property
    def end(self) -> int:
        return int(self.sight.ends[self.column])

    @property
    def times(self) -> Int64s:
        return self.series.times

    @property
    def told(self) -> _Told:
        return _Told(self.sight.notes, self.series.name, self.sight.call.args[0].position)


def _counted(window: _Window) -> float | None:
    """changes and resets since the anchor: the last sample before the window, of whichever kind."""
    times = window.times[window.low : window.high]
    anchor = int(np.searchsorted(times, window.start, side="right")) - 1
    if anchor + 1 >= len(times):
        return None
    series = window.series
    running = series.resets if window.sight.call.function == "resets" else series.changes
    return float(running[window.high - 1] - running[window.low + max(0, anchor)])


def _rated(window: _Window) -> Histogram | None:
    """rate, increase and delta from edge to edge."""
    series, told = window.series, window.told
    if series.natives[window.high] - series.natives[window.low] < window.high - window.low:
        told.mixed()
        return None
    last = window.high - 1
    ahead = int(np.searchsorted(window.times[window.low : last], window.start, side="right"))
    first = window.low + max(0, ahead - 1)
    if window.smoothed:
        last = window.low + int(np.searchsorted(window.times[window.low : last], window.end, side="left"))
    if window.times[last] <= window.start or (window.smoothed and window.times[first] > window.end):
        return None
    counter = window.sight.call.function != "delta"
    try:
        return _change(window, first, last, counter=counter)
    except IncompatibleSchemas:
        told.incompatible()
        return None


def _change(window: _Window, first: int, last: int, *, counter: bool) -> Histogram | None:
    series, told = window.series, window.told
    inside = [series.at(index) for index in range(first, last + 1)]
    if len({h.schema == CUSTOM_BOUNDS for h in inside}) > 1:
        raise IncompatibleSchemas
    if counter and any(h.reset == "gauge" for h in inside):
        told.note(notes_of.native_not_counter(told.name, told.position))
    left, right = inside[0], inside[-1]
    if window.smoothed and window.times[first] < window.start:
        left = between(series, first, window.start, told, counter=counter)
    if window.smoothed and last > window.low and window.times[last] > window.end:
        right = between(series, last - 1, window.end, told, counter=counter)
    if not counter and (left.reset != "gauge" or right.reset != "gauge"):
        told.note(notes_of.native_not_gauge(told.name, told.position))
    change = told.whole(subtract(right, left), "subtraction")
    for lost in _lost(window, first, last, left, right) if counter else ():
        change = told.whole(add(change, lost), "addition")
    if window.sight.call.function == "rate":
        change = divided(change, window.sight.range_ms / 1000)
    return hinted(compact(change), "gauge")


def _lost(window: _Window, first: int, last: int, left: Histogram, right: Histogram) -> list[Histogram]:
    """What the counter had before each of its resets between the edges."""
    series, index, before = window.series, first + 1, left
    if window.smoothed and window.times[first] < window.start and series.reset_at(first + 1):
        before, index = series.at(first + 1), index + 1  # the left edge has that reset behind it
    if index > last:
        return []
    lost = []
    for now in (*(series.at(at) for at in range(index, last)), right):
        if detect_reset(now, before):
            lost.append(before)
        before = now
    return lost


# Instants -------------------------------------------------------------------------------------------------------------


def smoothed(
    vector: Vector, samples: Samples, looks: Int64s, lookback_ms: int, notes: Annotations, position: int
) -> Vector:
    """`vector`, the floats at each of the instants `looks` on the line between the samples around it, with the native
    histograms put in; nothing where there are both."""
    present = vector.present.copy()
    histograms = np.full(vector.values.shape, None, dtype=object)
    for place, series in native_series(samples):
        told = _Told(notes, series.name, position)
        low = np.searchsorted(series.times, looks - lookback_ms, side="right")
        high = np.maximum(np.searchsorted(series.times, looks + lookback_ms, side="right"), low)
        native = series.natives[high] - series.natives[low]
        for column in np.flatnonzero(native > 0).tolist():
            begin, end = int(low[column]), int(high[column])
            found = None
            if native[column] < end - begin:
                told.mixed()
            else:
                found = _at(series, begin, end, int(looks[column]), told)
            histograms[place, column], present[place, column] = found, found is not None
    return replace(vector, present=present, histograms=histograms if holding(histograms).any() else None)


def _at(series: NativeSeries, begin: int, end: int, look: int, told: _Told) -> Histogram | None:
    here = begin + int(np.searchsorted(series.times[begin:end], look, side="left"))
    if here < end and series.times[here] == look:
        return series.at(here)
    if here == begin:
        return None
    before = series.at(here - 1)
    if here == end:
        return hinted(before, "unknown")
    counter = before.reset != "gauge" or series.at(here).reset != "gauge"
    if (before.schema == CUSTOM_BOUNDS) != (series.at(here).schema == CUSTOM_BOUNDS):
        told.incompatible()
        return None
    return between(series, here - 1, look, told, counter=counter)
