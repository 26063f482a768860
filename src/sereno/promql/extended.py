"""Windows with edges of their own: anchored at the sample before them, or smoothed between the samples around them.

Source: extendedRate, smoothSeries and extendFloats in promql/functions.go and promql/engine.go of Prometheus 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.promql import overtime
from sereno.promql.ast import RangeSelector, Selector
from sereno.promql.columns import Columns, Float64s, Int64s
from sereno.promql.values import Bools, Vector
from sereno.promql.windows import Frame, Lane, Samples

ANCHORED = ("changes", "delta", "increase", "rate", "resets")
SMOOTHED = ("delta", "increase", "rate")


def reach(selector: Selector, lookback_ms: int, *, ranged: bool) -> tuple[int, int]:
    """How much further back and ahead than a window or an instant `selector` looks, in milliseconds."""
    if selector.extended == "smoothed":
        return lookback_ms, lookback_ms
    return (lookback_ms, 0) if selector.extended == "anchored" and ranged else (0, 0)


def refuse_unsafe(expr: RangeSelector, function: str) -> None:
    """Raise QueryError if `function` makes no sense over such a window."""
    which = expr.selector.extended
    safe = ANCHORED if which == "anchored" else SMOOTHED
    if which and function not in safe:
        raise QueryError(f"{which} modifier can only be used with: {', '.join(safe)} - not with {function}")


@dataclass(frozen=True, slots=True)
class _Edges:
    """The samples that a window goes by: indices of the first and the last, and which windows have any."""

    lane: Lane
    first: Int64s
    last: Int64s
    starts: Int64s
    ends: Int64s
    present: Bools
    smoothed: bool

    def value(self, index: Int64s) -> Float64s:
        return self.lane.values.take(index, mode="clip")

    def time(self, index: Int64s) -> Int64s:
        return self.lane.frame.times.take(index, mode="clip")

    def between(self, index: Int64s, instants: Int64s, *, counter: bool) -> Float64s:
        """The value at `instants`, on the line from sample `index` to the next; a counter that fell began at zero."""
        before, after = self.value(index), self.value(index + 1)
        if counter:
            before = np.where(after < before, 0.0, before)
        t0, t1 = self.time(index), self.time(index + 1)
        return before + (after - before) * (instants - t0).astype(np.float64) / (t1 - t0).astype(np.float64)

    def left(self, *, counter: bool) -> Float64s:
        """The value where the window begins."""
        found = self.value(self.first)
        if not self.smoothed:
            return found
        inside = self.between(self.first, self.starts, counter=counter)
        return np.where(self.time(self.first) < self.starts, inside, found)

    def right(self, *, counter: bool) -> Float64s:
        """The value where the window ends."""
        found = self.value(self.last)
        if not self.smoothed:
            return found
        inside = self.between(self.last - 1, self.ends, counter=counter)
        return np.where((self.last > self.lane.frame.low) & (self.time(self.last) > self.ends), inside, found)


def _edges(
    samples: Samples, starts: Int64s, ends: Int64s, instants: Int64s, which: str, lookback_ms: int
) -> Iterator[tuple[slice | Int64s, _Edges]]:
    """The edges of all windows, with the rows they are for."""
    smoothed = which == "smoothed"
    reaches = ends + lookback_ms if smoothed else ends
    whole = samples.lanes(starts - lookback_ms, reaches, instants, 1)
    later = samples.lanes(starts, reaches, instants, 1)
    beyond = samples.lanes(ends, reaches, instants, 0)
    for (rows, lane), (_, after), (_, past) in zip(whole, later, beyond, strict=True):
        frame = lane.frame
        final = frame.last
        first = np.maximum(frame.low, np.minimum(after.frame.low, final) - 1)
        last = np.minimum(past.frame.low, final) if smoothed else final
        times = frame.times
        present = (frame.count > 0) & (times.take(last, mode="clip") > starts)
        if smoothed:
            present = present & (times.take(first, mode="clip") <= ends)
        yield rows, _Edges(lane, first, last, starts, ends, present, smoothed)


def rated(edges: _Edges, range_ms: int, *, counter: bool, per_second: bool) -> Float64s:
    """rate, increase or delta from edge to edge."""
    left, right = edges.left(counter=counter), edges.right(counter=counter)
    found = right - left
    if counter:
        found = found + _lost(edges, left, right)
    return found / (range_ms / 1000) if per_second else found


def _lost(edges: _Edges, left: Float64s, right: Float64s) -> Float64s:
    """What a counter had before each of its resets within the window."""
    begin = edges.first + (edges.time(edges.first) <= edges.starts)
    end = edges.last - (edges.time(edges.last) >= edges.ends)
    lost, before = np.zeros(left.shape), left
    for ahead in range(int(np.where(edges.present, end - begin + 1, 0).max(initial=0))):
        index = begin + ahead
        live = index <= end
        now = edges.value(index)
        lost = lost + np.where(live & (now < before), before, 0.0)
        before = np.where(live, now, before)
    return lost + np.where(right < before, before, 0.0)


def over_time(
    function: str,
    expr: RangeSelector,
    samples: Samples,
    starts: Int64s,
    ends: Int64s,
    instants: Int64s,
    lookback_ms: int,
) -> Vector:
    """`function` over the windows [starts, ends] of `expr`, anchored or smoothed.

    Raises QueryError for a function that cannot.
    """
    refuse_unsafe(expr, function)
    shape = (len(samples), len(ends))
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    for rows, edges in _edges(samples, starts, ends, instants, expr.selector.extended, lookback_ms):
        if function in ("changes", "resets"):
            frame = edges.lane.frame
            lane = Lane(
                Frame(frame.times, edges.first, frame.high, starts, ends), edges.lane.values, instants, edges.lane.kept
            )
            values[rows] = overtime.changes(lane) if function == "changes" else overtime.resets(lane)
        else:
            counter, per_second = function != "delta", function == "rate"
            values[rows] = rated(edges, expr.range_ms, counter=counter, per_second=per_second)
        present[rows] = edges.present
    return Vector(samples.labels, values, present)


def refuse_native(samples: Samples, expr: RangeSelector | Selector) -> None:
    """Raise UnsupportedQuery if there is a native histogram among `samples`."""
    if getattr(samples, "histograms", None) is not None:
        raise UnsupportedQuery("native histograms in anchored or smoothed windows", position=expr.position)


def smoothed(expr: Selector, samples: Samples, looks: Int64s, lookback_ms: int) -> Vector:
    """The value of each series at each instant, on the line between the samples around it."""
    shape = (len(samples), len(looks))
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    whole = samples.lanes(looks - lookback_ms, looks + lookback_ms, looks, 1)
    later = samples.lanes(looks, looks + lookback_ms, looks, 0)
    for (rows, lane), (_, after) in zip(whole, later, strict=True):
        frame = lane.frame
        here = np.minimum(after.frame.low, frame.high)
        times, kept = frame.times, lane.values
        exact = (here < frame.high) & (times.take(here, mode="clip") == looks)
        inside = (here > frame.low) & (here < frame.high)
        edges = _Edges(lane, here - 1, here, looks, looks, inside, True)
        line = edges.between(here - 1, looks, counter=False)
        carried = kept.take(here - 1, mode="clip")
        values[rows] = np.where(exact, kept.take(here, mode="clip"), np.where(inside, line, carried))
        present[rows] = exact | (here > frame.low)
    return Vector(samples.labels, values, present)


def raw(expr: RangeSelector, samples: Samples, start_ms: int, end_ms: int, lookback_ms: int) -> Columns:
    """The samples of one window, with values at its edges."""
    refuse_native(samples, expr)
    found: list[tuple[Labels, Int64s, Float64s]] = []
    starts, ends = np.array([start_ms]), np.array([end_ms])
    for rows, edges in _edges(samples, starts, ends, ends, expr.selector.extended, lookback_ms):
        left, right = edges.left(counter=False), edges.right(counter=False)
        places = np.arange(len(samples))[rows] if isinstance(rows, slice) else rows
        for number, place in enumerate(places):
            if edges.present[number, 0]:
                times, values = _inner(edges, number)
                inside = (times > start_ms) & (times < end_ms)
                found.append((
                    samples.labels[place],
                    np.concatenate(([start_ms], times[inside], [end_ms])),
                    np.concatenate(([left[number, 0]], values[inside], [right[number, 0]])),
                ))  # fmt: skip
    return Columns.of(found)


def _inner(edges: _Edges, number: int) -> tuple[Int64s, Float64s]:
    part = slice(int(edges.first[number, 0]), int(edges.last[number, 0]) + 1)
    return edges.lane.frame.times[part], edges.lane.values[part]
