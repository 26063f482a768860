"""Evaluate an expression on a grid, all instants at once.

The grid is cut into tiles so that what is held at one time stays bounded, however many series and instants. Equal
parts of an expression are computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import functions as fn
from sereno.promql import (
    native_aggregate,
    native_binary,
    native_extended,
    native_functions,
    native_stats,
    native_windows,
    newer,
    overtime3,
)
from sereno.promql.aggregate import aggregate, count_values
from sereno.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    RangeSelector,
    Selector,
    Subquery,
    Text,
    Unary,
    bare,
)
from sereno.promql.binary import binary
from sereno.promql.columns import Columns, Float64s, Grid, Int64s, Result, Select, Selection
from sereno.promql.durations import context_of, resolved
from sereno.promql.extended import smoothed
from sereno.promql.late import lately, settled
from sereno.promql.limits import Limits
from sereno.promql.memory import Memory
from sereno.promql.parser import parse
from sereno.promql.plan import Query, Settings, needs, united
from sereno.promql.run import Outcome, Run, outcomes
from sereno.promql.signatures import TRIED_AGGREGATIONS, kind_of
from sereno.promql.starts import Starts
from sereno.promql.tiles import steps_of
from sereno.promql.values import (
    Ranges,
    Scalar,
    String,
    Value,
    Vector,
    drop_name,
    floats_only,
    merged,
    pruned,
    without_name,
)
from sereno.promql.windows import Samples


def selections(expr: Expr | str, grid: Grid, *, settings: Settings | None = None) -> tuple[Selection, ...]:
    """The samples that `evaluate` will ask for on `grid`: windows, lookback, offsets and @ included.

    Selectors of the same matchers whose spans meet share one selection; so a rule over 1h and 5m loads once.
    """
    settings = settings or Settings()
    tree = parse(expr, settings.language) if isinstance(expr, str) else expr
    query = Query(grid.start_ms, grid.end_ms, settings)
    return united(needs(resolved(tree, context_of(grid)), grid, query))


def evaluate(
    expr: Expr | str,
    grid: Grid,
    select: Select,
    *,
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> Result:
    """The value of `expr` at every instant of `grid`, as Prometheus 2.42 computes it.

    `select` is called once for each of `selections(expr, grid)`; where that is too much to be held at once, it is
    called for parts of their time instead, in ascending order (a source that raises LookupError for those is asked
    for the whole). Raises QueryError if the expression is wrong or its series do not match, UnsupportedQuery for
    what is not computed, QueryLimit when it would cost too much.
    """
    settings = settings or Settings()
    tree = parse(expr, settings.language) if isinstance(expr, str) else expr
    (found,) = evaluated([(tree, expr if isinstance(expr, str) else None)], grid, select, limits, settings)
    if isinstance(found, Exception):
        raise found
    return found


def evaluated(
    asked: Sequence[tuple[Expr, str | None]],
    grid: Grid,
    select: Select,
    limits: Limits | None,
    settings: Settings | None,
) -> list[Outcome]:
    """What each expression (and its text, if there is one) comes to: a Result, or the exception that ended it."""

    settings = settings or Settings()
    starts = Starts()
    late = settings.features.delayed_name_removal and settings.dialect == 3
    if settings.features.start_timestamps:
        select = starts.noting(select)
    if late:
        select = lately(select)

    def compute(run: Run, memory: Memory, tile: Grid) -> Value:
        value = _Tile(run, memory, starts).value(run.tree, tile)
        if late and isinstance(value, Vector):
            return merged(replace(value, labels=tuple(map(settled, value.labels))))
        return value

    trees: list[tuple[Expr, str | None]] = []
    found: list[Outcome | None] = []
    for tree, text in asked:
        try:
            trees.append((native_stats.marked(resolved(tree, context_of(grid))), text))
            found.append(None)
        except QueryError as error:
            found.append(error)
        except RecursionError:
            found.append(QueryError("the expression is nested too deep", position=tree.position))
    rest = iter(outcomes(trees, grid, select, limits or Limits(), settings, compute))
    return [next(rest) if one is None else one for one in found]


class _Tile:
    """The evaluation of one part of the grid."""

    def __init__(self, run: Run, memory: Memory, starts: Starts) -> None:
        self.run = run
        self.starts = starts
        self.memory = memory

    def value(self, expr: Expr, grid: Grid) -> Value:
        """The value of `expr` on `grid`, computed once."""
        if isinstance(expr, Paren):
            return self.value(expr.expr, grid)
        if isinstance(expr, Number):
            return Scalar(np.full(len(grid.instants_ms), expr.value))
        try:
            self.run.watch.check(expr.position)
            return self.memory.value(self.run, expr, grid, lambda: self.compute(expr, grid))
        except QueryError as error:
            if error.position is None:
                error.position = expr.position
            raise

    def vector(self, expr: Expr, grid: Grid) -> Vector:
        found = self.value(expr, grid)
        assert isinstance(found, Vector)
        return found

    def scalar(self, expr: Expr, grid: Grid) -> Float64s:
        found = self.value(expr, grid)
        assert isinstance(found, Scalar)
        return found.values

    def compute(self, expr: Expr, grid: Grid) -> Value:
        match expr:
            case Selector():
                return self.selector(expr, grid)
            case Call():
                return self.call(expr, grid)
            case Aggregate():
                return self.aggregate(expr, grid)
            case Binary():
                sides = self.value(expr.left, grid), self.value(expr.right, grid)
                return binary(expr, *sides, dialect=self.run.query.settings.dialect, notes=self.run.notes)
            case Unary():
                return self.unary(expr, grid)
            case Text():
                return String(expr.value)
            case _:
                return newer.ranges(self, expr, grid)

    def unary(self, expr: Unary, grid: Grid) -> Value:
        inner = self.value(expr.expr, grid)
        if expr.op == "+" or isinstance(inner, String | Ranges):
            return inner
        if isinstance(inner, Scalar):
            return Scalar(-inner.values)
        self.run.refuse_alike(expr, inner, without_name(inner.labels))
        if inner.histograms is not None:
            inner = replace(inner, histograms=native_binary.negated_all(inner.histograms))
        return drop_name(replace(inner, values=-inner.values))

    def aggregate(self, expr: Aggregate, grid: Grid) -> Vector:
        vector = self.vector(expr.expr, grid)
        if expr.op == "count_values":
            label = bare(expr.param) if expr.param is not None else None
            assert isinstance(label, Text)

            def check(numbers: int) -> None:
                self.run.limits.check("samples_max", numbers, "values of count_values", expr.position)

            floats = floats_only(vector)
            counts = count_values(floats, label.value, expr.grouping, without=expr.without, check=check)
            return native_aggregate.count_values(expr, vector, label.value, counts, check)
        param = None if expr.param is None else self.scalar(expr.param, grid)
        if param is not None:
            newer.check_param(self, expr, param)
            if expr.op in TRIED_AGGREGATIONS:
                return newer.limited(expr, vector, param)
        names = tuple(sorted(set(expr.grouping)))
        dialect = self.run.query.settings.dialect

        def of_floats(floats: Vector) -> Vector:
            return aggregate(expr.op, floats, names, without=expr.without, param=param, dialect=dialect)

        if vector.histograms is None:
            return newer.groups_named(expr, vector, of_floats(vector))
        found = native_aggregate.aggregate(expr, vector, names, of_floats, self.run.notes)
        return newer.groups_named(expr, vector, found)

    # Samples -----------------------------------------------------------------------------------------------

    def selector(self, expr: Selector, grid: Grid, *, times: bool = False) -> Vector:
        """The latest value of each series at each instant, or with `times` when it was taken."""
        instants = grid.instants_ms
        looks = self.run.query.reference(expr, grid).instants_ms
        settings = self.run.query.settings
        starts = looks - settings.lookback_ms
        if expr.extended == "smoothed":
            around = self.run.find(expr.matchers, int(starts[0]), int(looks[-1]) + settings.lookback_ms)
            vector = smoothed(expr, around.fresh, looks, settings.lookback_ms)
            if around.histograms is not None:
                told = looks, settings.lookback_ms, self.run.notes, expr.position
                vector = native_extended.smoothed(vector, around.fresh, *told)
            return _spread(vector, len(instants))
        samples = self.run.find(expr.matchers, int(starts[0]), int(looks[-1]))
        values = np.zeros((len(samples), len(looks)))
        present = np.zeros(values.shape, dtype=bool)
        for rows, lane in samples.lanes(starts, looks, looks, settings.left_ms):
            last, present[rows] = lane.latest(markers=samples.stale is not None)
            values[rows] = lane.frame.last_time / 1000 if times else last
        vector = Vector(samples.labels, values, present)
        if samples.histograms is not None and not times:
            samples = native_stats.counted(samples, int(starts[0])) if expr.counted else samples
            vector = native_windows.latest(samples, vector, starts, looks, settings.left_ms)
        return _spread(vector, len(instants))

    def windows(self, expr: Expr, grid: Grid) -> tuple[Samples, int, Int64s, Int64s]:
        """The samples of a range, its length, and the starts and ends of the windows."""
        expr = bare(expr)
        query = self.run.query
        if isinstance(expr, RangeSelector):
            ends = query.reference(expr.selector, grid).instants_ms
            starts = ends - expr.range_ms
            samples = self.run.find(expr.selector.matchers, int(starts[0]), int(ends[-1]))
            fresh = samples.fresh
            if expr.selector.counted:
                fresh = native_stats.counted(fresh, int(starts[0]) + query.settings.left_ms)
            return fresh, expr.range_ms, starts, ends
        assert isinstance(expr, Subquery)
        ends = query.reference(expr, grid).instants_ms
        return self.subquery(expr, grid), expr.range_ms, ends - expr.range_ms, ends

    def subquery(self, expr: Subquery, grid: Grid) -> Samples:
        """The values of the inside of a subquery, as samples."""
        inner = self.run.query.inner(expr, grid)
        if inner.start_ms > inner.end_ms:
            return Samples.of(Columns.of([]))
        steps = steps_of(inner)
        self.run.limits.check("steps_max", steps, "instants in a subquery", expr.position)
        self.run.limits.check("samples_max", steps * max(1, self.run.series), "values in a subquery", expr.position)
        vector = self.vector(expr.expr, inner)
        times = np.broadcast_to(inner.instants_ms, vector.present.shape)[vector.present]
        offsets = np.concatenate(([0], np.cumsum(vector.present.sum(axis=1))))
        native = None if vector.histograms is None else native_windows.as_samples(vector.histograms[vector.present])
        return Samples(vector.labels, offsets, times, vector.values[vector.present], native)

    # Functions ---------------------------------------------------------------------------------------------

    def call(self, expr: Call, grid: Grid) -> Value:
        name, args = expr.function, expr.args
        if name in overtime3.NAMES:
            return self.over_time(expr, grid)
        if name == "absent_over_time":
            return self.absent_over_time(expr, grid)
        if name in native_functions.OF_NATIVE:
            return native_functions.of_native(name, self.vector(args[0], grid))
        if name in fn.ELEMENTWISE:
            return fn.elementwise(name, self.vector(args[0], grid))
        if name in fn.DATES:
            return self.date(expr, grid)
        if name in ("label_replace", "label_join"):
            texts = [arg.value for arg in map(bare, args[1:]) if isinstance(arg, Text)]
            return fn.label_call(expr, self.vector(args[0], grid), texts)
        return _OTHERS[name](self, expr, grid)

    def over_time(self, expr: Call, grid: Grid) -> Vector:
        ranged = bare(next(arg for arg in expr.args if kind_of(arg) == "range"))
        special = newer.special_windows(self, expr, ranged, grid)
        if special is not None:
            return self.without_names(expr, _spread(special, len(grid.instants_ms)), [])
        function = overtime3.function(expr.function, self.run.query.settings.dialect)
        scalars = [self.scalar(arg, grid) for arg in expr.args if bare(arg) is not ranged]
        samples, range_ms, starts, ends = self.windows(ranged, grid)
        instants = grid.instants_ms
        if len(ends) < len(instants) and scalars:
            starts, ends = (np.broadcast_to(edge, instants.shape) for edge in (starts, ends))
        sight = native_windows.Sight(starts, ends, range_ms, self.run.query.settings, self.run.notes, expr)
        if samples.histograms is not None and expr.function in native_windows.FLOATS_ONLY:
            samples = native_windows.only_floats(samples, sight)
        shape = (len(samples), len(ends))
        values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
        for rows, lane in samples.lanes(starts, ends, instants, self.run.query.settings.left_ms):
            values[rows] = function.compute(lane, range_ms, scalars)
            present[rows] = lane.frame.count >= function.least
        vector = Vector(samples.labels, values, present)
        if samples.histograms is not None:
            vector = native_windows.over_time(vector, samples, sight)
        return self.without_names(expr, _spread(vector, len(instants)), scalars)

    def without_names(self, expr: Call, vector: Vector, scalars: list[Float64s]) -> Vector:
        """The result of a function of windows, without the metrics' names; what is odd about it is noted."""
        newer.note_over_time(self, expr, vector, scalars)
        if expr.function in ("last_over_time", "first_over_time"):
            return vector
        labels = without_name(vector.labels)
        self.run.refuse_alike(expr, vector, labels)
        return drop_name(vector)

    def absent_over_time(self, expr: Call, grid: Grid) -> Vector:
        samples, _, starts, ends = self.windows(expr.args[0], grid)
        found = np.zeros(len(ends), dtype=bool)
        for _, lane in samples.lanes(starts, ends, grid.instants_ms, self.run.query.settings.left_ms):
            found |= (lane.frame.count > 0).any(axis=0)
        missing = np.broadcast_to(~found[None, :], (1, len(grid.instants_ms)))
        return Vector((fn.absent_labels(expr.args[0]),), np.ones(missing.shape), missing)

    def date(self, expr: Call, grid: Grid) -> Vector:
        if expr.args:
            vector = floats_only(self.vector(expr.args[0], grid))
            return drop_name(replace(vector, values=fn.date_part(expr.function, vector.values)))
        seconds = (grid.instants_ms // 1000).astype(np.float64)[None, :]
        return Vector((Labels(),), fn.date_part(expr.function, seconds), np.ones(seconds.shape, dtype=bool))

    def timestamp(self, expr: Call, grid: Grid) -> Vector:
        inner = bare(expr.args[0])
        if isinstance(inner, Selector):
            return drop_name(self.selector(inner, grid, times=True))
        vector = self.vector(inner, grid)
        seconds = np.broadcast_to(grid.instants_ms / 1000, vector.values.shape)
        return drop_name(replace(vector, values=seconds, histograms=None))


def _spread(vector: Vector, count: int) -> Vector:
    """A vector computed at the one instant of an @ modifier, for all instants."""
    if vector.values.shape[1] == count:
        return vector
    shape = (len(vector), count)
    histograms = None if vector.histograms is None else np.broadcast_to(vector.histograms, shape)
    return Vector(
        vector.labels, np.broadcast_to(vector.values, shape), np.broadcast_to(vector.present, shape), histograms
    )


def _round(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    to = tile.scalar(expr.args[1], grid) if len(expr.args) > 1 else np.ones(1)
    return fn.rounded(tile.vector(expr.args[0], grid), to)


def _clamp(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    bounds = [tile.scalar(arg, grid) for arg in expr.args[1:]]
    least = bounds[0] if expr.function in ("clamp", "clamp_min") else None
    most = bounds[-1] if expr.function in ("clamp", "clamp_max") else None
    return fn.clamp(tile.vector(expr.args[0], grid), least, most)


def _asked(tile: _Tile, expr: Expr, grid: Grid) -> native_functions.Asked:
    settings = tile.run.query.settings
    named = settings.features.delayed_name_removal
    return native_functions.Asked(tile.run.notes, expr.position, grid, settings.dialect, named)


def _histogram_quantile(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    q, inner = tile.scalar(expr.args[0], grid), expr.args[1]
    native_functions.check_quantile(q, tile.run.notes, expr.args[0].position)
    return native_functions.histogram_quantile(q, tile.vector(inner, grid), _asked(tile, inner, grid))


def _histogram_fraction(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    lower, upper = (tile.scalar(arg, grid) for arg in expr.args[:2])
    inner = expr.args[2]
    return native_functions.histogram_fraction(lower, upper, tile.vector(inner, grid), _asked(tile, inner, grid))


def _histogram_quantiles(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    inner, label = expr.args[0], bare(expr.args[1])
    assert isinstance(label, Text)
    qs = [tile.scalar(arg, grid) for arg in expr.args[2:]]
    for q, arg in zip(qs, expr.args[2:], strict=True):
        native_functions.check_quantile(q, tile.run.notes, arg.position)
    return native_functions.histogram_quantiles(tile.vector(inner, grid), label.value, qs, _asked(tile, inner, grid))


def _sort(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    newer.note_sort(tile, expr, grid)
    vector = floats_only(tile.vector(expr.args[0], grid))
    return fn.ordered(pruned(vector), descending=expr.function == "sort_desc")


def _vector(tile: _Tile, expr: Call, grid: Grid) -> Vector:
    values = tile.scalar(expr.args[0], grid)[None, :]
    return Vector((Labels(),), values, np.ones(values.shape, dtype=bool))


_OTHERS: dict[str, Callable[[_Tile, Call, Grid], Value]] = {
    "absent": lambda tile, expr, grid: fn.absent(expr.args[0], tile.vector(expr.args[0], grid)),
    "clamp": _clamp,
    "clamp_max": _clamp,
    "clamp_min": _clamp,
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
    "histogram_quantiles": _histogram_quantiles,
    "info": newer.info,
    "max_of": newer.extreme_of,
    "min_of": newer.extreme_of,
    "pi": lambda tile, expr, grid: Scalar(np.full(len(grid.instants_ms), np.pi)),
    "round": _round,
    "scalar": lambda tile, expr, grid: fn.scalar(tile.vector(expr.args[0], grid)),
    "sort": _sort,
    "sort_by_label": newer.sort_by_label,
    "sort_by_label_desc": newer.sort_by_label,
    "sort_desc": _sort,
    "start_timestamp": lambda tile, expr, grid: drop_name(newer.start_timestamp(tile, expr, grid)),
    "time": lambda tile, expr, grid: Scalar(grid.instants_ms / 1000),
    "timestamp": lambda tile, expr, grid: tile.timestamp(expr, grid),
    "vector": _vector,
}
