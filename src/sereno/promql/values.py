"""What an expression is worth on a grid: one row a series, one column an instant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s, Objects
from sereno.promql.known import by_identity
from sereno.promql.late import nameless

Bools = npt.NDArray[np.bool_]
LabelRows = tuple[Labels, ...]


def holding(histograms: Objects) -> Bools:
    """Where there is a histogram."""
    return np.asarray(np.not_equal(histograms, cast("Any", None)), dtype=bool)


@dataclass(frozen=True, slots=True)
class Vector:
    """Series by instants; `values` where not `present` mean nothing. Arrays may be shared: never write to them.

    `histograms`, of the same shape, holds native histograms where the value is one; None when there are none at all.
    """

    labels: LabelRows
    values: Float64s
    present: Bools
    histograms: Objects | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Int64s) -> Vector:
        """Only `rows`, in that order."""
        labels = tuple(self.labels[row] for row in rows)
        histograms = None if self.histograms is None else self.histograms[rows]
        return Vector(labels, self.values[rows], self.present[rows], histograms)

    @property
    def native(self) -> Bools:
        """Where the value is a native histogram."""
        if self.histograms is None:
            return np.zeros(self.values.shape, dtype=bool)
        return holding(self.histograms) & self.present


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number for each instant."""

    values: Float64s


@dataclass(frozen=True, slots=True)
class String:
    """A string."""

    text: str


@dataclass(frozen=True, slots=True)
class Ranges:
    """The samples of a range vector at one instant."""

    columns: Columns


Value = Vector | Scalar | String | Ranges


def empty(count: int) -> Vector:
    """No series over `count` instants."""
    return Vector((), np.zeros((0, count)), np.zeros((0, count), dtype=bool))


@by_identity
def without_name(labels: LabelRows) -> LabelRows:
    """`labels` without the names of the metrics, their types and units."""
    return tuple(nameless(one) for one in labels)


@by_identity
def grouped(labels: LabelRows, names: tuple[str, ...], *, without: bool) -> tuple[LabelRows, Int64s]:
    """The labels of each group, in order of appearance, and the group of each row.

    Rows are alike when they agree on `names`, or with `without` on all labels but `names` and the metric's name.
    """
    if not without and not names:
        return (Labels(),) if labels else (), np.zeros(len(labels), dtype=np.int64)
    left_out = (*names, "__name__")
    found: dict[Labels, int] = {}
    ids = np.empty(len(labels), dtype=np.int64)
    for row, one in enumerate(labels):
        key = one.without(*left_out) if without else one.only(*names)
        ids[row] = found.setdefault(key, len(found))
    return tuple(found), ids


def drop_name(vector: Vector) -> Vector:
    """`vector` without the metrics' names; rows that become alike are one, if they never meet."""
    return merged(replace(vector, labels=without_name(vector.labels)))


@by_identity
def alike(labels: LabelRows) -> tuple[LabelRows, list[int]] | None:
    """The distinct ones of `labels`, and which of them each is; None if they all differ."""
    rows: dict[Labels, int] = {}
    ids = [rows.setdefault(one, len(rows)) for one in labels]
    return None if len(rows) == len(ids) else (tuple(rows), ids)


def merged(vector: Vector) -> Vector:
    """Rows of equal labels made one. Raises QueryError if two of them have a value at the same instant."""
    found = alike(vector.labels)
    if found is None:
        return vector
    rows, ids = found
    values = np.zeros((len(rows), vector.values.shape[1]))
    present = np.zeros(values.shape, dtype=bool)
    histograms = None if vector.histograms is None else np.full(values.shape, None, dtype=object)
    for row, target in enumerate(ids):
        here = vector.present[row]
        if (present[target] & here).any():
            raise QueryError(
                "vector cannot contain metrics with the same labelset", hint=f"two series became {vector.labels[row]}"
            )
        values[target][here] = vector.values[row][here]
        present[target] |= here
        if histograms is not None and vector.histograms is not None:
            histograms[target][here] = vector.histograms[row][here]
    return Vector(rows, values, present, histograms)


def floats_only(vector: Vector) -> Vector:
    """`vector` without its native histograms: for functions that know only floats."""
    if vector.histograms is None:
        return vector
    return Vector(vector.labels, vector.values, vector.present & ~vector.native)


def pruned(vector: Vector) -> Vector:
    """`vector` without the rows that never have a value."""
    alive = vector.present.any(axis=1)
    return vector if alive.all() else vector.take(np.flatnonzero(alive))
