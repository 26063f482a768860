"""Durations that are computed: read in brackets and after `offset`, and resolved for one query.

Source: promql/durations.go of Prometheus 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from sereno.kernel.errors import QueryError
from sereno.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    RangeSelector,
    Selector,
    Span,
    Subquery,
    Unary,
    children,
)
from sereno.promql.columns import Grid

SECONDS_MAX = 2**63 / 1e9
"""The longest duration that there is: Go's, in nanoseconds."""
CONTEXT = frozenset({"start", "end", "step", "range"})
"""The functions whose value is that of the query."""


@dataclass(frozen=True, slots=True)
class Context:
    """The query that step(), range(), start() and end() speak of; an instant query has the step 0."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def range_ms(self) -> int:
        """How long the query is."""
        return self.end_ms - self.start_ms

    def value(self, function: str) -> float:
        """What a function of the query gives, in seconds."""
        if function == "step":
            return self.step_ms / 1000
        ms = {"start": self.start_ms, "end": self.end_ms, "range": self.range_ms}[function]
        return ms / 1000


def context_of(grid: Grid) -> Context:
    """The query of `grid`, for its own expression."""
    alone = grid.start_ms == grid.end_ms
    return Context(grid.start_ms, grid.end_ms, 0 if alone else grid.step_ms)


def milliseconds(seconds: float, position: int, *, signed: bool = False) -> int:
    """Whole milliseconds of `seconds`. Raises QueryError for what is no duration; a `signed` one may be below zero."""
    if not math.isfinite(seconds):
        raise QueryError("duration is NaN or infinite", position=position)
    if abs(seconds) > SECONDS_MAX:
        raise QueryError("duration out of range", position=position)
    if seconds <= 0 and not signed:
        raise QueryError("duration must be greater than 0", position=position)
    return int(seconds * 1000)


def _seconds(span: Span | float, context: Context) -> float:
    """The value of `span`, in seconds."""
    if not isinstance(span, Span):
        return span
    if span.op in ("step", "range"):
        return (context.step_ms if span.op == "step" else context.range_ms) / 1000
    right = _seconds(span.right, context) if span.right is not None else 0.0
    if span.left is None:
        return -right if span.op == "-" else right
    left = _seconds(span.left, context)
    try:
        return _computed(span, left, right)
    except (OverflowError, ZeroDivisionError):
        return math.nan if right != 0 or span.op not in "/%" else math.inf


def _computed(span: Span, left: float, right: float) -> float:
    match span.op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" | "%" if right == 0:
            what = "division" if span.op == "/" else "modulo"
            raise QueryError(f"{what} by zero", position=span.position, end=span.end)
        case "/":
            return left / right
        case "%":
            return math.fmod(left, right)
        case "^":
            power = left**right
            return power if isinstance(power, float) else math.nan
        case "min_of":
            return min(left, right)
        case _:
            return max(left, right)


@lru_cache(maxsize=2048)
def _unresolved(expr: Expr) -> bool:
    """Whether anything in `expr` depends on the query around it."""
    match expr:
        case Selector():
            return expr.offset is not None
        case RangeSelector():
            return expr.range is not None or expr.selector.offset is not None
        case Subquery() if expr.range is not None or expr.step is not None or expr.offset is not None:
            return True
        case Call() if expr.function in CONTEXT:
            return True
        case _:
            return any(_unresolved(child) for child in children(expr))


def resolved(expr: Expr, context: Context) -> Expr:
    """`expr` with every computed duration and every function of the query replaced by its value.

    Raises QueryError where a duration comes out as none.
    """
    if not _unresolved(expr):
        return expr
    match expr:
        case Selector():
            return _selector(expr, context)
        case RangeSelector():
            found = replace(expr, selector=_selector(expr.selector, context))
            if expr.range is not None:
                found = replace(found, range_ms=_length(expr.range, context), range=None)
            return found
        case Subquery():
            return _subquery(expr, context)
        case Call() if expr.function in CONTEXT:
            return Number(context.value(expr.function), expr.position, expr.end)
        case Call():
            return replace(expr, args=tuple(resolved(arg, context) for arg in expr.args))
        case Aggregate():
            param = None if expr.param is None else resolved(expr.param, context)
            return replace(expr, expr=resolved(expr.expr, context), param=param)
        case Binary():
            return replace(expr, left=resolved(expr.left, context), right=resolved(expr.right, context))
        case Unary() | Paren():
            return replace(expr, expr=resolved(expr.expr, context))
        case _:
            return expr


def _length(span: Span, context: Context) -> int:
    return milliseconds(_seconds(span, context), span.position)


def _selector(expr: Selector, context: Context) -> Selector:
    if expr.offset is None:
        return expr
    offset_ms = milliseconds(_seconds(expr.offset, context), expr.offset.position, signed=True)
    return replace(expr, offset_ms=offset_ms, offset=None)


def _subquery(expr: Subquery, context: Context) -> Subquery:
    found = replace(expr, expr=resolved(expr.expr, context))
    if expr.range is not None:
        found = replace(found, range_ms=_length(expr.range, context), range=None)
    if expr.step is not None:
        found = replace(found, step_ms=_length(expr.step, context), step=None)
    if expr.offset is not None:
        offset_ms = milliseconds(_seconds(expr.offset, context), expr.offset.position, signed=True)
        found = replace(found, offset_ms=offset_ms, offset=None)
    return found
