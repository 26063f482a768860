"""Aggregations over native histograms, or over floats among them. Source: `aggregation` in promql/engine.go, 3.14."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import annotations as notes_of
from sereno.promql.annotations import Annotations
from sereno.promql.ast import Aggregate
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.native_math import Combined, IncompatibleSchemas, compact
from sereno.promql.native_sums import sums_across
from sereno.promql.native_text import text
from sereno.promql.native_total import mean_of, sum_of
from sereno.promql.values import Vector, floats_only, grouped, merged

OfFloats = Callable[[Vector], Vector]
"""The aggregation of floats alone."""

_CHUNK = 50_000
_FEW = 8
_NOBODY: Any = None
_COUNTING = frozenset(("count", "group"))
_SUMS: dict[str, Callable[[list[Histogram]], Combined]] = {"sum": sum_of, "avg": mean_of}


def aggregate(
    expr: Aggregate, vector: Vector, names: tuple[str, ...], of_floats: OfFloats, notes: Annotations
) -> Vector:
    """The aggregation `expr` of `vector`, which holds histograms; `of_floats` does it for floats.

    Only sum and avg add histograms up, count and group count them, and the others pass over them.
    """
    if expr.op in _COUNTING:
        return of_floats(replace(vector, histograms=None))
    found = of_floats(floats_only(vector))
    if expr.op in _SUMS:
        ids = grouped(vector.labels, names, without=expr.without)[1]
        return _summed(expr.op, vector, found, ids, notes, expr.expr.position)
    if vector.native.any():
        about = expr if expr.op in ("topk", "bottomk") else expr.expr
        notes.add(notes_of.histogram_ignored_in_aggregation(expr.op, about.position))
    return found


def _summed(op: str, vector: Vector, floats: Vector, ids: Int64s, notes: Annotations, position: int) -> Vector:
    """`floats`, the sums of floats, one row a group, with the sums of histograms put in."""
    assert vector.histograms is not None
    values, present = floats.values, floats.present.copy()
    histograms = np.full(values.shape, None, dtype=object)
    native = vector.native
    for group in range(len(floats)):
        rows = np.flatnonzero(ids == group)
        there = native[rows].any(axis=0)
        mixed = there & present[group]
        if mixed.any():
            notes.add(notes_of.mixed_floats_histograms_in_aggregation(position))
            present[group] &= ~mixed
        columns = np.flatnonzero(there & ~mixed)
        size = max(1, _CHUNK // len(rows))
        for begin in range(0, len(columns), size):
            part = columns[begin : begin + size]
            found = _sums_at_once(op, vector, rows, part, notes, position)
            for number, column in enumerate(part.tolist()):
                one = (
                    found[number] if found else _sum_of(op, vector, rows[native[rows, column]], column, notes, position)
                )
                histograms[group, column], present[group, column] = one, one is not None
    return Vector(floats.labels, values, present, histograms)


def _sums_at_once(
    op: str, vector: Vector, rows: Int64s, columns: Int64s, notes: Annotations, position: int
) -> list[Histogram] | None:
    """The sums of the histograms of `rows` at each of `columns`; None where they must be taken one by one."""
    assert vector.histograms is not None
    if len(rows) * len(columns) < _FEW:
        return None
    cells = np.where(vector.present[np.ix_(rows, columns)], vector.histograms[np.ix_(rows, columns)], _NOBODY)
    found = sums_across(cells.tolist(), mean=op == "avg")
    if found is None:
        return None
    if any(hints.collision for _, hints in found):
        notes.add(notes_of.counter_reset_collision("aggregation", position))
    return [histogram for histogram, _ in found]


def _sum_of(op: str, vector: Vector, rows: Int64s, column: int, notes: Annotations, position: int) -> Histogram | None:
    assert vector.histograms is not None
    window: list[Histogram] = vector.histograms[rows, column].tolist()
    try:
        found = _SUMS[op](window)
    except IncompatibleSchemas:
        first = window[0].schema == CUSTOM_BOUNDS
        odd = next(row for row, h in zip(rows.tolist(), window, strict=True) if (h.schema == CUSTOM_BOUNDS) != first)
        notes.add(notes_of.mixed_exponential_custom(vector.labels[odd].get("__name__", ""), position))
        return None
    if found.collision:
        notes.add(notes_of.counter_reset_collision("aggregation", position))
    if found.reconciled:
        notes.add(notes_of.mismatched_custom_buckets("aggregation", position))
    return compact(found.histogram)


def count_values(expr: Aggregate, vector: Vector, label: str, found: Vector, check: Callable[[int], None]) -> Vector:
    """`found`, how many floats of each group have each value, and so for histograms, their text in `label`."""
    if vector.histograms is None:
        return found
    names = expr.grouping
    counts: dict[Labels, Float64s] = {}
    for row, column in np.argwhere(vector.native).tolist():
        labels = vector.labels[row]
        base = labels.without(*names, "__name__") if expr.without else labels.only(*names)
        hidden = expr.without and label in names
        key = base if hidden else base.merged({label: text(vector.histograms[row, column])})
        if key not in counts:
            check((len(counts) + 1) * vector.values.shape[1])
            counts[key] = np.zeros(vector.values.shape[1])
        counts[key][column] += 1
    for row, labels in enumerate(found.labels):
        counts[labels] = counts.get(labels, 0.0) + np.where(found.present[row], found.values[row], 0.0)
    if not counts:
        return found
    table = np.vstack(list(counts.values()))
    return merged(Vector(tuple(counts), table, table > 0))
