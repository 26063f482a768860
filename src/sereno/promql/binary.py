"""Operators between scalars and vectors. Source: promql/engine.go of Prometheus 2.42."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sereno.kernel.errors import QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql.annotations import Annotations
from sereno.promql.ast import COMPARISONS, SET_OPERATORS, Binary, Matching
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.known import by_identity
from sereno.promql.late import METADATA, staying
from sereno.promql.native_binary import TRIMS, Operands, with_histograms
from sereno.promql.values import (
    Bools,
    LabelRows,
    Scalar,
    Value,
    Vector,
    drop_name,
    empty,
    grouped,
    merged,
    without_name,
)

PAIRS_MAX = 1_000_000
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
_COMPARE: dict[str, Callable[..., Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def _drops_name(op: str, dialect: int) -> bool:
    """Whether the result has no metric's name. In version 2 atan2, alone in arithmetic, leaves it."""
    return op not in COMPARISONS and op not in TRIMS and not (op == "atan2" and dialect == 2)


def binary(expr: Binary, left: Value, right: Value, *, dialect: int = 2, notes: Annotations | None = None) -> Value:
    """The value of `expr`, its sides already evaluated. Raises QueryError where series do not match one to one.

    What is odd about native histograms goes to `notes`.
    """
    notes = Annotations() if notes is None else notes
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        operator = _ARITHMETIC.get(expr.op) or _COMPARE[expr.op]
        return Scalar(operator(left.values, right.values).astype(np.float64))
    if isinstance(left, Vector) and isinstance(right, Scalar):
        if left.histograms is not None or expr.op in TRIMS:
            return _native_with_scalar(expr, left, right.values, dialect, notes, swapped=False)
        return _with_scalar(expr, left, left.values, right.values, left.values, dialect)
    if isinstance(left, Scalar) and isinstance(right, Vector):
        if right.histograms is not None or expr.op in TRIMS:
            return _native_with_scalar(expr, right, left.values, dialect, notes, swapped=True)
        return _with_scalar(expr, right, left.values, right.values, right.values, dialect)
    assert isinstance(left, Vector)
    assert isinstance(right, Vector)
    if expr.op in SET_OPERATORS:
        return _set_operation(expr, left, right)
    return _vectors(expr, left, right, dialect, notes)


def _native_with_scalar(
    expr: Binary, vector: Vector, scalar: Float64s, dialect: int, notes: Annotations, *, swapped: bool
) -> Vector:
    """A vector that holds native histograms against a scalar, which stands on the left if `swapped`."""
    own, native = vector.values, vector.histograms
    sides = Operands(own, scalar, native, None, vector.present)
    if swapped:
        sides = Operands(scalar, own, None, native, vector.present)
    values, present = own, vector.present
    if expr.op in COMPARISONS:
        holds = _COMPARE[expr.op](sides.left, sides.right)
        values = holds.astype(np.float64) if expr.bool_ else own
        present = present if expr.bool_ else present & holds
    elif expr.op not in TRIMS:
        values = _ARITHMETIC[expr.op](sides.left, sides.right)
    cells = with_histograms(expr, sides, values, present, notes)
    found = Vector(vector.labels, cells.values, cells.present, cells.histograms)
    return drop_name(found) if expr.bool_ or _drops_name(expr.op, dialect) else found


def _with_scalar(expr: Binary, vector: Vector, left: Float64s, right: Float64s, own: Float64s, dialect: int) -> Vector:
    """A vector against a scalar: a comparison keeps the vector's own value, on whichever side it stands."""
    if expr.op not in COMPARISONS:
        found = replace(vector, values=_ARITHMETIC[expr.op](left, right))
        return drop_name(found) if _drops_name(expr.op, dialect) else found
    holds = _COMPARE[expr.op](left, right)
    if expr.bool_:
        return drop_name(replace(vector, values=holds.astype(np.float64)))
    return Vector(vector.labels, own, vector.present & holds)


# Matching -----------------------------------------------------------------------------------------------------------


@by_identity
def _signatures(left: LabelRows, right: LabelRows, matching: Matching) -> tuple[Int64s, Int64s, int]:
    """The number of the match group of each row of either side, and how many groups there are."""
    names = matching.labels
    _, ids = grouped(left + right, names, without=not matching.on)
    return ids[: len(left)], ids[len(left) :], int(ids.max(initial=-1)) + 1


def _by_group(present: Bools, ids: Int64s, groups: int) -> Int64s:
    """How many rows of each group have a value, at each instant."""
    found = np.zeros((groups, present.shape[1]), dtype=np.int64)
    np.add.at(found, ids, present)
    return found


def _set_operation(expr: Binary, left: Vector, right: Vector) -> Vector:
    left_ids, right_ids, groups = _signatures(left.labels, right.labels, expr.matching)
    if expr.op == "or":
        free = _by_group(left.present, left_ids, groups)[right_ids] == 0
        return merged(
            Vector(
                left.labels + right.labels,
                np.concatenate((left.values, right.values)),
                np.concatenate((left.present, right.present & free)),
                _stacked(left, right),
            )
        )
    there = _by_group(right.present, right_ids, groups)[left_ids] > 0
    return replace(left, present=left.present & (there if expr.op == "and" else ~there))


def _stacked(left: Vector, right: Vector) -> Objects | None:
    """The histograms of both, one above the other; None if there are none."""
    if left.histograms is None and right.histograms is None:
        return None
    sides = (one.histograms for one in (left, right))
    shapes = (one.values.shape for one in (left, right))
    blanks = (np.full(shape, None, dtype=object) for shape in shapes)
    return np.concatenate([blank if side is None else side for side, blank in zip(sides, blanks, strict=True)])


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Which rows of the many side meet which of the one side, under what labels; `many_shared` if the many
    side has several rows in a group."""

    many: Int64s
    one: Int64s
    labels: LabelRows
    groups: Int64s
    many_shared: bool


@by_identity
def _pairs(many: LabelRows, one: LabelRows, matching: Matching, *, drop: bool, bool_: bool) -> _Pairs:
    many_ids, one_ids, groups = _signatures(many, one, matching)
    rows_of: list[list[int]] = [[] for _ in range(groups)]
    for row, group in enumerate(one_ids):
        rows_of[group].append(row)
    total = sum(len(rows_of[group]) for group in many_ids)
    if total > PAIRS_MAX:
        raise QueryLimit(
            f"the query matches {total:,} pairs of series, more than {PAIRS_MAX:,}",
            hint="narrow the selectors, or match by more labels",
        )
    pairs = [(i, j, group) for i, group in enumerate(many_ids) for j in rows_of[group]]
    labels = tuple(_result_labels(many[i], one[j], matching, drop=drop) for i, j, _ in pairs)
    return _Pairs(
        np.array([i for i, _, _ in pairs], dtype=np.int64),
        np.array([j for _, j, _ in pairs], dtype=np.int64),
        without_name(labels) if bool_ else labels,
        np.array([group for _, _, group in pairs], dtype=np.int64),
        _shared(many_ids),
    )


@by_identity
def _one_shared(many: LabelRows, one: LabelRows, matching: Matching) -> bool:
    """Whether the one side has several rows in a group."""
    return _shared(_signatures(many, one, matching)[1])


def _shared(ids: Int64s) -> bool:
    """Whether a group has several rows."""
    return len(np.unique(ids)) < len(ids)


def _result_labels(many: Labels, one: Labels, matching: Matching, *, drop: bool) -> Labels:
    found = many.without(*METADATA) if drop else many
    if matching.many is None:
        found = found.only(*matching.labels) if matching.on else found.without(*matching.labels)
    taken = {name: one.get(name, "") for name in matching.include}
    return staying(found.merged(taken) if taken else found, many)


@by_identity
def _filled_pairs(many: LabelRows, one: LabelRows, matching: Matching, *, drop: bool, bool_: bool) -> _Pairs:
    """As `_pairs`, and each row of either side with the stand-in for what it lacks on the other: row i of the many
    side with row len(one) + i of the one side, row j of the one side with row len(many) + j of the many side."""
    met = _pairs(many, one, matching, drop=drop, bool_=False)
    many_ids, one_ids, _ = _signatures(many, one, matching)
    alone = [_result_labels(row, _matched(row, matching), matching, drop=drop) for row in many]
    alone += [_result_labels(_matched(row, matching), row, matching, drop=drop) for row in one]
    labels = (*met.labels, *alone)
    return _Pairs(
        np.concatenate((met.many, np.arange(len(many) + len(one)))),
        np.concatenate((met.one, len(one) + np.arange(len(many)), np.arange(len(one)))),
        without_name(labels) if bool_ else labels,
        np.concatenate((met.groups, many_ids, one_ids)),
        True,
    )


def _matched(labels: Labels, matching: Matching) -> Labels:
    """The labels by which a series is matched."""
    return labels.only(*matching.labels) if matching.on else labels.without(*matching.labels, "__name__")


def _filled(many: Vector, one: Vector, matching: Matching) -> tuple[Vector, Vector]:
    """Both sides with the rows that stand in for series that are missing: present where nothing matches.

    As in Prometheus, `fill_right` stands in on the one side and `fill_left` on the many side, whichever is written
    first.
    """
    many_ids, one_ids, groups = _signatures(many.labels, one.labels, matching)
    for_many = many.present & (_by_group(one.present, one_ids, groups)[many_ids] == 0)
    for_one = one.present & (_by_group(many.present, many_ids, groups)[one_ids] == 0)
    return _with_stand_ins(many, for_one, matching.fill_left), _with_stand_ins(one, for_many, matching.fill_right)


def _with_stand_ins(vector: Vector, present: Bools, value: float | None) -> Vector:
    """`vector` and rows of `value`, where they are present; of nothing if there is no value."""
    rows = Vector(
        (Labels(),) * len(present),
        np.full(present.shape, 0.0 if value is None else value),
        np.zeros(present.shape, dtype=bool) if value is None else present,
    )
    return Vector(
        vector.labels + rows.labels,
        np.concatenate((vector.values, rows.values)),
        np.concatenate((vector.present, rows.present)),
        _stacked(vector, rows),
    )


def _vectors(expr: Binary, left: Vector, right: Vector, dialect: int, notes: Annotations) -> Vector:
    instants = left.values.shape[1]
    matching = expr.matching
    fills = matching.fill_left is not None or matching.fill_right is not None
    if not fills and (not len(left) or not len(right)):
        return empty(instants)
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    if _one_shared(many.labels, one.labels, matching):  # before there are as many pairs as their product
        _refuse_many_to_many(expr, many, one)
    pairing = _filled_pairs if fills else _pairs
    pairs = pairing(many.labels, one.labels, matching, drop=_drops_name(expr.op, dialect), bool_=expr.bool_)
    if not len(pairs.many):
        return empty(instants)
    if fills:
        many, one = _filled(many, one, matching)
        left, right = (one, many) if swapped else (many, one)
    a, b = _rows(many.values, pairs.many), _rows(one.values, pairs.one)
    present = _rows(many.present, pairs.many) & _rows(one.present, pairs.one)
    if swapped:
        a, b = b, a
    if pairs.many_shared and dialect == 3:  # version 2 looks only at what passes the comparison
        _refuse_unclear(expr, pairs, present)
    pairs_present, histograms = present, None
    if expr.op in COMPARISONS:
        holds = _COMPARE[expr.op](a, b)
        values = holds.astype(np.float64) if expr.bool_ else a
        present = present if expr.bool_ else present & holds
    else:
        values = a if expr.op in TRIMS else _ARITHMETIC[expr.op](a, b)
    if left.histograms is not None or right.histograms is not None or expr.op in TRIMS:
        rows = (pairs.one, pairs.many) if swapped else (pairs.many, pairs.one)
        native = [
            None if side.histograms is None else _rows(side.histograms, chosen)
            for side, chosen in zip((left, right), rows, strict=True)
        ]
        cells = with_histograms(expr, Operands(a, b, native[0], native[1], pairs_present), values, present, notes)
        values, present, histograms = cells.values, cells.present, cells.histograms
    if pairs.many_shared:
        _refuse_unclear(expr, pairs, present)
    return merged(Vector(pairs.labels, values, present, histograms))


def _rows(table: Any, rows: Int64s) -> Any:
    """`table[rows]`, without a copy when these are all rows in order."""
    if len(rows) == len(table) and (rows == np.arange(len(table))).all():
        return table
    return table[rows]


def _refuse_many_to_many(expr: Binary, many: Vector, one: Vector) -> None:
    """Raise QueryError if two series of the one side are in the same match group at the same instant."""
    _, ids, groups = _signatures(many.labels, one.labels, expr.matching)
    twice = (_by_group(one.present, ids, groups) > 1) & (
        many.present.any(axis=0) | (expr.matching.fill_left is not None)
    )
    if twice.any():
        group, column = np.argwhere(twice)[0]
        rows = [row for row in np.flatnonzero(ids == group) if one.present[row, column]]
        side = "left" if expr.matching.many == "right" else "right"
        both = ", ".join(sorted(str(one.labels[row]) for row in rows[:2]))
        group_labels = _matched(one.labels[rows[0]], expr.matching)
        raise QueryError(
            f"found duplicate series for the match group {group_labels} on the {side} hand-side of the operation: "
            f"[{both}];many-to-many matching not allowed: matching labels must be unique on one side",
            position=expr.op_position,
            end=expr.op_position + len(expr.op),
        )


def _refuse_unclear(expr: Binary, pairs: _Pairs, present: Bools) -> None:
    """Raise QueryError if several series of the many side claim the same result."""
    if expr.matching.many is None:
        groups = int(pairs.groups.max()) + 1
        if (_by_group(present, pairs.groups, groups) > 1).any():
            raise QueryError(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                position=expr.op_position,
            )
        return
    keys: dict[tuple[int, Labels], int] = {}
    ids = [keys.setdefault((int(g), labels), len(keys)) for g, labels in zip(pairs.groups, pairs.labels, strict=True)]
    if len(keys) < len(ids) and (_by_group(present, np.array(ids), len(keys)) > 1).any():
        raise QueryError(
            "multiple matches for labels: grouping labels must ensure unique matches", position=expr.op_position
        )
