"""When counters began: resets that are told by start timestamps, not by a fall of the value.

Source: isStartTimestampReset, checkStartTimeOverlap and extrapolatedRate in promql/functions.go of Prometheus 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s, Select, Selection
from sereno.promql.values import Bools, Vector

FUNCTIONS = frozenset({"rate", "irate", "increase", "resets"})
"""The functions that ask when a counter began."""


@dataclass(slots=True)
class Starts:
    """What samples said about when their counters began: milliseconds by series and time of the sample."""

    known: dict[Labels, dict[int, int]] = field(default_factory=dict)

    def noting(self, select: Select) -> Select:
        """`select`, and what it brings is remembered."""

        def selected(selection: Selection) -> Columns:
            columns = select(selection)
            if columns.starts is not None:
                for row in np.unique(
                    np.searchsorted(columns.offsets, np.flatnonzero(columns.starts), side="right") - 1
                ):
                    part = slice(int(columns.offsets[row]), int(columns.offsets[row + 1]))
                    pairs = zip(columns.times[part].tolist(), columns.starts[part].tolist(), strict=True)
                    self.known.setdefault(columns.labels[row], {}).update(pairs)
            return columns

        return selected

    def of(self, labels: Labels, times: Int64s) -> Int64s:
        """The start of each sample; 0 where it is not known."""
        known = self.known.get(labels, {})
        return np.array([known.get(int(t), 0) for t in times], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series in one window."""

    times: Int64s
    values: Float64s
    starts: Int64s
    start_ms: int
    end_ms: int


def resets_between(window: Window) -> Bools:
    """Which samples, from the second on, come after a reset: the value fell, or the counter began anew."""
    t0, t1, s0, s1 = window.times[:-1], window.times[1:], window.starts[:-1], window.starts[1:]
    known = (s1 != 0) & (s1 < t1) & (s1 >= t0)
    anew = (s1 > t0) | ((s0 <= t0) & (s0 != 0) & (s0 != t0))
    return np.asarray((window.values[1:] < window.values[:-1]) | (known & anew), dtype=bool)


def overlaps(window: Window) -> bool:
    """Whether a sample says that its counter began before the sample before it, and not when that one's did."""
    s0, s1, t0 = window.starts[:-1], window.starts[1:], window.times[:-1]
    return bool(((s1 != 0) & (s1 < t0) & (s1 != s0)).any())


def increase(window: Window) -> float | None:
    """How much the counter grew, extrapolated to the edges of the window; None if that cannot be said."""
    times, values, starts = window.times, window.values, window.starts
    if not len(times):
        return None
    found = float(values[-1] - values[0])
    for before in values[:-1][resets_between(window)]:
        found += float(before)
    first, last = int(times[0]), int(times[-1])
    to_start, to_end = (first - window.start_ms) / 1000, (window.end_ms - last) / 1000
    sampled = (last - first) / 1000
    average = sampled / (len(times) - 1) if len(times) > 1 else 0.0
    began = int(starts[0])
    if began != 0 and window.start_ms < began < first:
        to_start, sampled = 0.0, (last - began) / 1000
        found += float(values[0])
    elif len(times) == 1:
        return None
    else:
        if to_start >= average * 1.1:
            to_start = average / 2
        if found > 0 and values[0] >= 0:
            to_start = min(to_start, sampled * (float(values[0]) / found))
    if to_end >= average * 1.1:
        to_end = average / 2
    return found * ((sampled + to_start + to_end) / sampled) if sampled else found


def irate(window: Window) -> float | None:
    """The rate of the last two samples."""
    if len(window.times) < 2:
        return None
    last = Window(window.times[-2:], window.values[-2:], window.starts[-2:], window.start_ms, window.end_ms)
    change = float(last.values[1]) if resets_between(last)[0] else float(last.values[1] - last.values[0])
    return change / ((int(last.times[1]) - int(last.times[0])) / 1000)


def computed(function: str, window: Window) -> float | None:
    """`function` of one window."""
    if function == "resets":
        return float(resets_between(window).sum()) if len(window.times) else None
    if function == "irate":
        return irate(window)
    found = increase(window)
    if found is None or function == "increase":
        return found
    return found / ((window.end_ms - window.start_ms) / 1000)


def started(vector: Vector, times: Float64s, starts: Starts) -> Vector:
    """When the counter of each value began, in seconds; `times` says when each was sampled."""
    values = np.zeros(vector.values.shape)
    for row, labels in enumerate(vector.labels):
        known = starts.known.get(labels, {})
        values[row] = [known.get(int(t), 0) / 1000 for t in np.round(times[row] * 1000)]
    return Vector(vector.labels, values, vector.present)
