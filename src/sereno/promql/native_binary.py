"""Operators where a native histogram stands on either side. Source: `vectorElemBinop` in promql/engine.go, 3.14."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sereno.promql import annotations as notes_of
from sereno.promql.annotations import Annotation, Annotations
from sereno.promql.ast import Binary
from sereno.promql.columns import Float64s, Objects
from sereno.promql.native import Histogram
from sereno.promql.native_math import (
    Combined,
    IncompatibleSchemas,
    add,
    compact,
    divided,
    equal,
    hinted,
    negated,
    scaled,
    subtract,
)
from sereno.promql.native_trim import trim_lower, trim_upper
from sereno.promql.values import Bools, holding

TRIMS = frozenset(("</", ">/"))
"""The operators that cut a histogram at a value; between floats they come to nothing."""


class Operands(NamedTuple):
    """Both sides of an operator, cell by cell, and where both are there. None: no histograms at all."""

    left: Float64s
    right: Float64s
    left_histograms: Objects | None
    right_histograms: Objects | None
    present: Bools


class Cells(NamedTuple):
    """What an operator comes to, cell by cell."""

    values: Float64s
    present: Bools
    histograms: Objects


def with_histograms(expr: Binary, sides: Operands, values: Float64s, present: Bools, notes: Annotations) -> Cells:
    """`values` and `present`, what the operator of `expr` makes of floats, with what it makes of histograms put in.

    A pair that has no result is left out, with a word about it in `notes`.
    """
    shape = sides.present.shape
    nothing = np.full(shape, None, dtype=object)
    lefts = nothing if sides.left_histograms is None else np.broadcast_to(sides.left_histograms, shape)
    rights = nothing if sides.right_histograms is None else np.broadcast_to(sides.right_histograms, shape)
    floats_left, floats_right = np.broadcast_to(sides.left, shape), np.broadcast_to(sides.right, shape)
    values, present = np.array(np.broadcast_to(values, shape)), np.array(np.broadcast_to(present, shape))
    found = np.full(shape, None, dtype=object)
    for cell in zip(*np.nonzero(sides.present), strict=True):
        left, right = lefts[cell], rights[cell]
        if left is None and right is None and expr.op not in TRIMS:
            continue
        a = float(floats_left[cell]) if left is None else left
        b = float(floats_right[cell]) if right is None else right
        outcome = _cell(expr.op, a, b, expr.position)
        for note in outcome.notes:
            notes.add(note)
        if expr.bool_ and outcome.value is not None:
            values[cell], present[cell] = float(outcome.keep), True
        else:
            present[cell], found[cell] = outcome.value is not None and outcome.keep, outcome.value
    return Cells(values, present, found)


class _Outcome(NamedTuple):
    """A histogram or nothing, whether a comparison keeps it, and what is to be said."""

    value: Histogram | None
    keep: bool = True
    notes: tuple[Annotation, ...] = ()


def _cell(op: str, a: float | Histogram, b: float | Histogram, position: int) -> _Outcome:
    if isinstance(a, Histogram) and isinstance(b, Histogram):
        if op in ("+", "-"):
            return _sum(op, a, b, position)
        if op in ("==", "!="):
            return _Outcome(a, equal(a, b) == (op == "=="))
    elif isinstance(a, Histogram) and isinstance(b, float):
        if op in _WITH_FLOAT:
            return _Outcome(_WITH_FLOAT[op](a, b))
    elif isinstance(b, Histogram) and isinstance(a, float) and op == "*":
        return _Outcome(compact(scaled(b, a)))
    kinds = ["histogram" if isinstance(side, Histogram) else "float" for side in (a, b)]
    return _Outcome(None, notes=(notes_of.incompatible_types(kinds[0], op, kinds[1], position),))


_WITH_FLOAT: dict[str, Callable[[Histogram, float], Histogram]] = {
    "*": lambda h, factor: compact(scaled(h, factor)),
    "/": lambda h, divisor: compact(divided(h, divisor)),
    "</": trim_upper,
    ">/": trim_lower,
}


def _sum(op: str, a: Histogram, b: Histogram, position: int) -> _Outcome:
    name = "addition" if op == "+" else "subtraction"
    try:
        found: Combined = add(a, b) if op == "+" else subtract(a, b)
    except IncompatibleSchemas:
        return _Outcome(None, notes=(notes_of.incompatible_bucket_layout(op, position),))
    if found.collision:
        return _Outcome(None, notes=(notes_of.counter_reset_collision(name, position),))
    said = (notes_of.mismatched_custom_buckets(name, position),) if found.reconciled else ()
    value = compact(found.histogram)
    return _Outcome(hinted(value, "gauge") if op == "-" else value, notes=said)


def negated_all(histograms: Objects) -> Objects:
    """Each histogram times −1."""
    found = np.full(histograms.shape, None, dtype=object)
    for cell in zip(*np.nonzero(holding(histograms)), strict=True):
        found[cell] = negated(histograms[cell])
    return found
