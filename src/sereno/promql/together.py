"""Many expressions over one grid: the rules of a round, the windows of an objective."""

from __future__ import annotations

from collections.abc import Sequence

from sereno.kernel.errors import QueryError, SerenoError
from sereno.promql.ast import Expr
from sereno.promql.columns import Grid, Result, Select
from sereno.promql.evaluate import evaluate
from sereno.promql.limits import Limits
from sereno.promql.plan import Settings


def evaluate_all(
    exprs: Sequence[Expr | str],
    grid: Grid,
    select: Select,
    *,
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> list[Result | QueryError]:
    """The value of each of `exprs` at every instant of `grid`, in their order; equal parts are computed once.

    An expression that fails gives its QueryError in place of a Result, and never spoils the others; so does a fault
    of ours, which is its `__cause__`. Raises what `select` raises, unless that is a QueryError.
    """
    return [_one(expr, grid, select, limits, settings) for expr in exprs]


def _one(
    expr: Expr | str, grid: Grid, select: Select, limits: Limits | None, settings: Settings | None
) -> Result | QueryError:
    try:
        return evaluate(expr, grid, select, limits=limits, settings=settings)
    except QueryError as error:
        return error
    except SerenoError:
        raise
    except Exception as fault:
        failed = QueryError(f"it cannot be computed ({type(fault).__name__})")
        failed.__cause__ = fault
        return failed
