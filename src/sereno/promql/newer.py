"""What version 3 has beside the functions of version 2, and what is noted about them: hooks of the evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import annotations as notes
from sereno.promql import native_extended, native_windows
from sereno.promql.ast import Aggregate, Call, Expr, RangeSelector, Selector, Text, bare
from sereno.promql.columns import Columns, Float64s, Grid, Int64s, Objects
from sereno.promql.extended import over_time as extended_over_time
from sereno.promql.extended import raw, reach
from sereno.promql.info import enriched, info_selector
from sereno.promql.known import by_identity
from sereno.promql.late import LateLabels, inherited
from sereno.promql.run import Run
from sereno.promql.sampling import limit_ratio, limitk, refuse_odd_k
from sereno.promql.sorting import sorted_by_labels
from sereno.promql.starts import FUNCTIONS as SINCE_START
from sereno.promql.starts import Starts, Window, computed, overlaps, started
from sereno.promql.values import LabelRows, Ranges, Scalar, Vector, empty, grouped, pruned
from sereno.promql.windows import Samples

COUNTER_ENDINGS = ("_total", "_sum", "_count", "_bucket")


class Tile(Protocol):
    """The evaluation of one part of the grid."""

    run: Run
    starts: Starts

    def vector(self, expr: Expr, grid: Grid) -> Vector:
        """The value of a vector's expression."""

    def scalar(self, expr: Expr, grid: Grid) -> Float64s:
        """The value of a scalar's expression."""

    def selector(self, expr: Selector, grid: Grid, *, times: bool = False) -> Vector:
        """The latest value of each series, or when it was taken."""

    def windows(self, expr: Expr, grid: Grid) -> tuple[Samples, int, Int64s, Int64s]:
        """The samples of a range, its length, and the starts and ends of the windows."""


# Aggregations ------------------------------------------------------------------------------------------------------


def check_param(tile: Tile, expr: Aggregate, param: Float64s) -> None:
    """Note a parameter that lies outside its bounds. Raises QueryError for one that version 3 refuses."""
    assert expr.param is not None
    place = expr.param.position
    if expr.op in ("topk", "bottomk", "limitk") and tile.run.query.settings.dialect == 3:
        refuse_odd_k(param)
    elif expr.op == "quantile":
        for q in _odd(param):
            tile.run.notes.add(notes.invalid_quantile(q, place))
    elif expr.op == "limit_ratio" and (param != 0).any():
        greatest, least = float(np.nanmax(param, initial=0.0)), float(np.nanmin(param, initial=0.0))
        if greatest > 1:
            tile.run.notes.add(notes.invalid_ratio(greatest, 1.0, place))
        if least < -1:
            tile.run.notes.add(notes.invalid_ratio(least, -1.0, place))


def _odd(q: Float64s) -> list[float]:
    """What is no quantile among `q`: NaN, the greatest above 1, the least below 0."""
    found = [float("nan")] if np.isnan(q).any() else []
    if (q > 1).any():
        found.append(float(np.nanmax(q)))
    if (q < 0).any():
        found.append(float(np.nanmin(q)))
    return found


def limited(expr: Aggregate, vector: Vector, param: Float64s) -> Vector:
    """limitk and limit_ratio."""
    if expr.op == "limit_ratio":
        return limit_ratio(vector, param)
    return limitk(vector, tuple(sorted(set(expr.grouping))), param, without=expr.without)


@by_identity
def _any_late(labels: LabelRows) -> bool:
    return any(isinstance(one, LateLabels) for one in labels)


def groups_named(expr: Aggregate, vector: Vector, found: Vector) -> Vector:
    """The result of an aggregation over late labels: groups whose name is to be dropped late, too."""
    if expr.op in ("topk", "bottomk") or not _any_late(vector.labels):
        return found
    labels, ids = grouped(vector.labels, tuple(sorted(set(expr.grouping))), without=expr.without)
    if labels != found.labels:
        return found
    return Vector(inherited(labels, ids.tolist(), vector.labels), found.values, found.present, found.histograms)


# Windows -----------------------------------------------------------------------------------------------------------


def note_over_time(tile: Tile, expr: Call, vector: Vector, scalars: list[Float64s]) -> None:
    """Note a rate of what is no counter, a quantile that is none."""
    if expr.function == "quantile_over_time" and vector.present.any():
        for q in dict.fromkeys(float(q) for q in scalars[0] if not 0 <= q <= 1):
            tile.run.notes.add(notes.invalid_quantile(q, expr.args[0].position))
    if expr.function not in ("rate", "increase"):
        return
    typed = tile.run.query.settings.features.type_and_unit_labels
    place = expr.args[0].position
    for (name, kind), rows in _no_counters(vector.labels, typed):
        here = vector.present[rows]
        if (here if vector.histograms is None else here & ~vector.native[rows]).any():
            of_type = notes.possible_non_counter_label(name, kind, place)
            tile.run.notes.add(of_type if typed else notes.possible_non_counter(name, place))


@by_identity
def _no_counters(labels: LabelRows, typed: bool) -> list[tuple[tuple[str, str], list[int]]]:
    """Names and types that do not look like those of counters, and the rows that have them."""
    found: dict[tuple[str, str], list[int]] = {}
    for row, one in enumerate(labels):
        name, kind = one.get("__name__", ""), one.get("__type__", "") if typed else ""
        is_counter = kind in ("counter", "histogram") if typed else name.endswith(COUNTER_ENDINGS)
        if name and not is_counter:
            found.setdefault((name, kind), []).append(row)
    return list(found.items())


def special_windows(tile: Tile, expr: Call, ranged: Expr, grid: Grid) -> Vector | None:
    """`expr` over windows with edges of their own, or of counters that say when they began; None for all others."""
    if isinstance(ranged, RangeSelector) and ranged.selector.extended:
        return extended(tile, expr, ranged, grid)
    if isinstance(ranged, RangeSelector) and tile.starts.known and expr.function in SINCE_START:
        return since_start(tile, expr, ranged, grid)
    return None


def extended(tile: Tile, expr: Call, ranged: RangeSelector, grid: Grid) -> Vector:
    """A function of anchored or smoothed windows."""
    samples, starts, ends = _reached(tile, ranged, grid)
    settings = tile.run.query.settings
    vector = extended_over_time(expr.function, ranged, samples, starts, ends, grid.instants_ms, settings.lookback_ms)
    if samples.histograms is None:
        return vector
    sight = native_windows.Sight(starts, ends, ranged.range_ms, settings, tile.run.notes, expr)
    return native_extended.over_time(vector, samples, sight, str(ranged.selector.extended))


def _reached(tile: Tile, expr: RangeSelector, grid: Grid) -> tuple[Samples, Int64s, Int64s]:
    """The samples that windows and their edges look at, and the starts and ends of the windows."""
    query = tile.run.query
    ends = query.reference(expr.selector, grid).instants_ms
    back, ahead = reach(expr.selector, query.settings.lookback_ms, ranged=True)
    begin = int(ends[0]) - expr.range_ms - back
    samples = tile.run.find(expr.selector.matchers, begin, int(ends[-1]) + ahead)
    return samples.fresh, ends - expr.range_ms, ends


def since_start(tile: Tile, expr: Call, ranged: RangeSelector, grid: Grid) -> Vector:
    """rate, irate, increase and resets, where it is known when the counters began."""
    samples, range_ms, starts, ends = tile.windows(ranged, grid)
    shape = (len(samples), len(ends))
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    for rows, lane in samples.lanes(starts, ends, grid.instants_ms, 1):
        places = np.arange(len(samples))[rows] if isinstance(rows, slice) else rows
        low, high = (np.broadcast_to(edge, (len(places), len(ends))) for edge in (lane.frame.low, lane.frame.high))
        for number, place in enumerate(places):
            labels = samples.labels[place]
            for column in range(len(ends)):
                part = slice(int(low[number, column]), int(high[number, column]))
                times = lane.frame.times[part]
                began = tile.starts.of(labels, times)
                window = Window(times, lane.values[part], began, int(starts[column]), int(ends[column]))
                found = computed(expr.function, window)
                values[place, column] = 0.0 if found is None else found
                present[place, column] = found is not None
                if expr.function in ("rate", "increase") and overlaps(window):
                    name = labels.get("__name__", "")
                    tile.run.notes.add(notes.start_time_overlap(name, expr.args[0].position))
    vector = Vector(samples.labels, values, present)
    if samples.histograms is None:
        return vector
    settings = tile.run.query.settings
    sight = native_windows.Sight(starts, ends, range_ms, settings, tile.run.notes, expr, tile.starts.of)
    return native_windows.over_time(vector, samples, sight)


def ranges(tile: Tile, expr: Expr, grid: Grid) -> Ranges:
    """A range vector as the result of a query: the samples of its only window."""
    expr = bare(expr)
    settings = tile.run.query.settings
    if isinstance(expr, RangeSelector) and expr.selector.extended:
        samples, starts, ends = _reached(tile, expr, grid)
        return Ranges(raw(expr, samples, int(starts[0]), int(ends[0]), settings.lookback_ms))
    samples, _, starts, ends = tile.windows(expr, grid)
    found: list[tuple[Labels, Int64s, Float64s]] = []
    native: list[Objects] = []
    first, last = int(starts[0]) + settings.left_ms, int(ends[0])
    for index in range(len(samples)):
        labels, times, values, histograms = samples.row(index)
        part = slice(np.searchsorted(times, first), np.searchsorted(times, last, side="right"))
        if part.stop > part.start:
            found.append((labels, times[part], values[part]))
            native += [] if histograms is None else [histograms[part]]
    columns = Columns.of(found)
    return Ranges(replace(columns, histograms=np.concatenate(native)) if native else columns)


# Functions ---------------------------------------------------------------------------------------------------------


def note_sort(tile: Tile, expr: Call, grid: Grid) -> None:
    """Note a sort in a range query."""
    query = tile.run.query
    if query.start_ms != query.end_ms or grid.start_ms != grid.end_ms:
        tile.run.notes.add(notes.sort_in_range(expr.position))


def _texts(expr: Call) -> tuple[str, ...]:
    return tuple(arg.value for arg in map(bare, expr.args) if isinstance(arg, Text))


def sort_by_label(tile: Tile, expr: Call, grid: Grid) -> Vector:
    """sort_by_label and sort_by_label_desc."""
    note_sort(tile, expr, grid)
    vector = pruned(tile.vector(expr.args[0], grid))
    return sorted_by_labels(vector, _texts(expr), descending=expr.function.endswith("_desc"))


def extreme_of(tile: Tile, expr: Call, grid: Grid) -> Scalar:
    """min_of and max_of: as Go's math.Min and math.Max, for which an infinity outweighs NaN."""
    a, b = (tile.scalar(arg, grid) for arg in expr.args)
    if expr.function == "max_of":
        return Scalar(np.where((a == np.inf) | (b == np.inf), np.inf, np.maximum(a, b)))
    return Scalar(np.where((a == -np.inf) | (b == -np.inf), -np.inf, np.minimum(a, b)))


def info(tile: Tile, expr: Call, grid: Grid) -> Vector:
    """info(): series with the labels of their info metrics."""
    base = pruned(tile.vector(expr.args[0], grid))
    selector = info_selector(expr)
    found = tile.selector(selector, grid)
    return enriched(expr, base, found, tile.selector(selector, grid, times=True).values)


def start_timestamp(tile: Tile, expr: Call, grid: Grid) -> Vector:
    """When the counter of each latest sample began; nothing without that feature, or for what is no selector."""
    inner = bare(expr.args[0])
    if not isinstance(inner, Selector) or not tile.run.query.settings.features.start_timestamps:
        return empty(len(grid.instants_ms))
    if inner.extended:
        raise QueryError("start_timestamp of a smoothed selector", position=inner.position)
    when = tile.selector(inner, grid, times=True)
    return started(when, when.values, tile.starts)
