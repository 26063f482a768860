"""The tree of an expression: frozen values that compare by meaning, and carry where they stood in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sereno.promql.columns import Matcher

Kind = Literal["scalar", "vector", "range", "string"]
At = int | Literal["start", "end"] | None
"""The `@` modifier: an instant in milliseconds, or the start or end of the query."""

KIND_NAMES: dict[Kind, str] = {
    "scalar": "scalar",
    "vector": "instant vector",
    "range": "range vector",
    "string": "string",
}


def _place() -> int:
    """A character offset: carried, but no part of what an expression means."""
    return field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `duration` if it was written as one."""

    value: float
    position: int = _place()
    end: int = _place()
    duration: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A string in quotes."""

    value: str
    position: int = _place()
    end: int = _place()


@dataclass(frozen=True, slots=True)
class Span:
    """A duration that is computed: `op` of `left` and `right` (seconds, or spans), where step() and range() are those
    of the query. A sign has no `left`; step() and range() have neither side."""

    op: Literal["+", "-", "*", "/", "%", "^", "step", "range", "min_of", "max_of"]
    left: Span | float | None = None
    right: Span | float | None = None
    wrapped: bool = False
    position: int = _place()
    end: int = _place()


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant selector: the latest sample of each matching series at each instant.

    `extended` says what becomes of the edges of a window: anchored at the sample before it, or smoothed between the
    samples around them. Until `sereno.promql.durations.resolved` has computed it, `offset` holds a computed offset.
    `named` if its metric stands before the braces; `counted` if of native histograms only count and sum matter.
    """

    matchers: tuple[Matcher, ...]
    offset_ms: int = 0
    at: At = None
    position: int = _place()
    end: int = _place()
    extended: Literal["", "anchored", "smoothed"] = ""
    offset: Span | None = None
    named: bool = field(default=False, compare=False, repr=False)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """A range selector: all samples of the last `range_ms` of each matching series (`range` before it is computed)."""

    selector: Selector
    range_ms: int
    position: int = _place()
    end: int = _place()
    range: Span | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """The values of `expr` over the last `range_ms`, one every `step_ms` (None: the default step).

    `range`, `step` and `offset` hold what is still to be computed of them.
    """

    expr: Expr
    range_ms: int
    step_ms: int | None = None
    offset_ms: int = 0
    at: At = None
    position: int = _place()
    end: int = _place()
    range: Span | None = None
    step: Span | None = None
    offset: Span | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to its arguments."""

    function: str
    args: tuple[Expr, ...]
    position: int = _place()
    end: int = _place()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation over groups of series. `param` is the k of topk, the q of quantile, the label of count_values."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    position: int = _place()
    end: int = _place()


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find each other.

    `many` says which side may hold several series for one of the other (group_left: left), `include` the
    labels taken from the one side. `fill_left` and `fill_right` stand in for a series that one side lacks.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions; `position` is that of the left one, `op_position` the operator's."""

    op: str
    left: Expr
    right: Expr
    bool_: bool = False
    matching: Matching = Matching()
    position: int = _place()
    end: int = _place()
    op_position: int = _place()


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before an expression."""

    op: Literal["+", "-"]
    expr: Expr
    position: int = _place()
    end: int = _place()


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in parentheses."""

    expr: Expr
    position: int = _place()
    end: int = _place()


Expr = Number | Text | Selector | RangeSelector | Subquery | Call | Aggregate | Binary | Unary | Paren

TRIMS = frozenset({"</", ">/"})
"""The operators that cut a native histogram off above or below a value."""
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS = frozenset({"and", "or", "unless"})


def bare(expr: Expr) -> Expr:
    """`expr` without the parentheses around it."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below `expr`, in the order in which they stand."""
    match expr:
        case Subquery() | Unary() | Paren():
            return (expr.expr,)
        case RangeSelector():
            return (expr.selector,)
        case Call():
            return expr.args
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Binary():
            return (expr.left, expr.right)
        case _:
            return ()
