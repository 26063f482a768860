"""Functions of instant vectors that look into histograms, native or classic, as they come.

Source: promql/functions.go and `resetHistograms` in promql/engine.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sereno.promql import annotations as notes_of
from sereno.promql.annotations import Annotations
from sereno.promql.columns import Float64s, Grid, Int64s
from sereno.promql.histogram import (
    SMALL_DELTA,
    Mended,
    bad_labels,
    classic_fraction,
    classic_quantile,
    classic_rows,
)
from sereno.promql.native import Histogram
from sereno.promql.native_places import Places, fractions, quantiles
from sereno.promql.native_quantile import fraction, quantile, variance
from sereno.promql.native_stack import FIXED, Stack
from sereno.promql.values import Bools, LabelRows, Vector, drop_name, merged


@dataclass(frozen=True, slots=True)
class Asked:
    """The circumstances of a call: whom to tell, about which place, at which instants (of `grid`); `named` if
    warnings name the metric."""

    notes: Annotations
    position: int
    grid: Grid
    dialect: int = 3
    named: bool = False

    def name(self, labels: LabelRows, row: int) -> str:
        """The name of the metric of a row, as warnings show it."""
        return labels[row].get("__name__", "") if self.named else ""


_OfOne = Callable[[Histogram, int, int], float]
_OfMany = Callable[[Places, Int64s], tuple[Float64s, Bools]]
_MANY, _PART = 32, 20_000


def _mean(h: Histogram) -> float:
    return float(np.divide(h.sum, h.count))


_OF_ONE: dict[str, Callable[[Histogram], float]] = {
    "histogram_count": lambda h: h.count,
    "histogram_sum": lambda h: h.sum,
    "histogram_avg": _mean,
    "histogram_stdvar": variance,
    "histogram_stddev": lambda h: float(np.sqrt(variance(h))),
}
OF_NATIVE = frozenset(_OF_ONE)
"""Functions of native histograms alone; floats are passed over."""


def of_native(name: str, vector: Vector) -> Vector:
    """One of `OF_NATIVE` of each histogram."""
    function = _OF_ONE[name]
    return drop_name(_each(vector, lambda h, row, column: function(h)))


def _each(vector: Vector, function: _OfOne, many: _OfMany | None = None) -> Vector:
    """A number for each histogram; nothing where there is a float. `many` finds those of one layout at once."""
    native = vector.native
    values = np.zeros(vector.values.shape)
    if vector.histograms is not None:
        rows, columns = np.nonzero(native)
        rest = np.arange(len(rows))
        if many is not None and len(rows) >= _MANY:
            rest = _at_once(vector.histograms[rows, columns].tolist(), rows, columns, values, many)
        for row, column in zip(rows[rest].tolist(), columns[rest].tolist(), strict=True):
            values[row, column] = function(vector.histograms[row, column], row, column)
    return Vector(vector.labels, values, native)


def _at_once(histograms: list[Histogram], rows: Int64s, columns: Int64s, values: Float64s, many: _OfMany) -> Int64s:
    """Put the numbers that can be found at once into `values`; which of `histograms` are left to be done one by one."""
    kinds: dict[tuple[int, float, tuple[float, ...]], list[int]] = {}
    for index, h in enumerate(histograms):
        kinds.setdefault((h.schema, h.zero_threshold, h.bounds), []).append(index)
    left: list[int] = []
    for same in kinds.values():
        for begin in range(0, len(same), _PART):
            part = np.array(same[begin : begin + _PART])
            chosen = [histograms[index] for index in part.tolist()]
            stack = Stack.of(chosen)
            if stack is None or not stack.plain or stack.table.shape[1] == FIXED:
                left += part.tolist()
                continue
            found, unsure = many(Places(stack, chosen), columns[part])
            values[rows[part], columns[part]] = found
            left += part[unsure].tolist()
    return np.array(sorted(left), dtype=np.int64)


# Quantiles and fractions ----------------------------------------------------------------------------------------------


def check_quantile(q: Float64s, notes: Annotations, position: int) -> None:
    """Warn of quantiles outside 0 … 1."""
    for wrong in np.unique(q[~((q >= 0) & (q <= 1))]).tolist():
        notes.add(notes_of.invalid_quantile(wrong, position))


def histogram_quantile(q: Float64s, vector: Vector, asked: Asked) -> Vector:
    """The q-quantile of each histogram at each instant."""
    return _quantile(q, *_parted(vector, asked), asked)


def histogram_quantiles(vector: Vector, label: str, qs: list[Float64s], asked: Asked) -> Vector:
    """Each of the quantiles `qs` of each histogram, told apart by `label`."""
    native, classic = _parted(vector, asked)
    found: list[Vector] = []
    for q in qs:
        one = _quantile(q, native, classic, asked)
        for value in np.unique(q).tolist():
            here = np.isnan(q) if math.isnan(value) else q == value
            labels = tuple(row.merged({label: open_metrics_number(value)}) for row in one.labels)
            found.append(Vector(labels, one.values, one.present & here))
    return stacked(found)


def histogram_fraction(lower: Float64s, upper: Float64s, vector: Vector, asked: Asked) -> Vector:
    """The share of each histogram's observations between `lower` and `upper`."""
    native, classic = _parted(vector, asked)

    def of(h: Histogram, row: int, column: int) -> float:
        found = fraction(float(lower[column]), float(upper[column]), h, dialect=asked.dialect)
        if found.nan_left_out:
            asked.notes.add(notes_of.nan_fraction(asked.name(native.labels, row), asked.position))
        return found.value

    def many(places: Places, columns: Int64s) -> tuple[Float64s, Bools]:
        return fractions(lower[columns], upper[columns], places, dialect=asked.dialect)

    parts = [drop_name(_each(native, of, many))]
    if asked.dialect == 3:  # version 2 knows fractions of native histograms only
        parts.append(classic_fraction(lower, upper, classic))
    return stacked(parts)


def _quantile(q: Float64s, native: Vector, classic: Vector, asked: Asked) -> Vector:
    def of(h: Histogram, row: int, column: int) -> float:
        found = quantile(float(q[column]), h, dialect=asked.dialect)
        if found.nan_result:
            asked.notes.add(notes_of.nan_quantile_result(asked.name(native.labels, row), asked.position))
        if found.nan_skew:
            asked.notes.add(notes_of.nan_quantile_skew(asked.name(native.labels, row), asked.position))
        return found.value

    def many(places: Places, columns: Int64s) -> tuple[Float64s, Bools]:
        return quantiles(q[columns], places, dialect=asked.dialect)

    mended = Mended() if asked.dialect == 3 else None
    parts = [
        drop_name(_each(native, of, many)),
        classic_quantile(q, classic, SMALL_DELTA if asked.dialect == 3 else 0.0, mended),
    ]
    for one in mended.found if mended is not None else ():
        name = one.labels.get("__name__", "") if asked.named else ""
        asked.notes.add(
            notes_of.forced_monotonicity(
                name,
                asked.position,
                instant_ms=int(asked.grid.instants_ms[one.column]),
                least_bucket=one.least_bucket,
                most_bucket=one.most_bucket,
                diff=one.diff,
            )
        )
    return stacked(parts)


def stacked(parts: list[Vector]) -> Vector:
    """The rows of all `parts`; rows that are alike made one."""
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return merged(some[0] if some else parts[0])
    labels = tuple(one for part in some for one in part.labels)
    return merged(Vector(labels, np.concatenate([p.values for p in some]), np.concatenate([p.present for p in some])))


def _parted(vector: Vector, asked: Asked) -> tuple[Vector, Vector]:
    """The native histograms and the buckets of classic ones; a metric that is both at one instant is neither."""
    floats = vector.present & ~vector.native
    for row, label in bad_labels(vector.labels):
        if floats[row].any():
            asked.notes.add(notes_of.bad_bucket_label(asked.name(vector.labels, row), label, asked.position))
    if vector.histograms is None:
        return vector, vector
    native, present = vector.native, floats
    kept = native.copy()
    rows = {labels.pairs: row for row, labels in enumerate(vector.labels)}
    for labels, buckets in classic_rows(vector.labels):
        row = rows.get(labels.pairs, -1)
        if row < 0:
            continue
        both = native[row] & present[list(buckets)].any(axis=0)
        if both.any():
            asked.notes.add(notes_of.mixed_classic_native(asked.name(vector.labels, row), asked.position))
            kept[row] &= ~both
            present[list(buckets)] &= ~both
    return replace(vector, present=kept), Vector(vector.labels, vector.values, present)


def open_metrics_number(value: float) -> str:
    """`value` as a label of OpenMetrics: with a point or an exponent always."""
    text = notes_of.go_number(value)
    return text if any(c in text for c in ".eIN") else f"{text}.0"
