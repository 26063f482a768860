"""Many expressions over one grid: the rules of a round, the windows of an objective."""

from __future__ import annotations

from collections.abc import Sequence

from sereno.kernel.errors import QueryError
from sereno.promql.ast import Expr
from sereno.promql.columns import Grid, Result, Select
from sereno.promql.evaluate import evaluated
from sereno.promql.limits import Limits
from sereno.promql.parser import parse
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

    Samples are asked for once for all of them (in parts, as `evaluate` says). An expression that fails gives its
    QueryError in place of a Result, and never spoils the others; so does a fault of ours, which is its `__cause__`.
    `limits` hold for each by itself. Raises what `select` raises, unless that is a QueryError.
    """
    found: list[Result | QueryError | None] = []
    asked: list[tuple[Expr, str | None]] = []
    language = (settings or Settings()).language
    for expr in exprs:
        try:
            asked.append((parse(expr, language), expr) if isinstance(expr, str) else (expr, None))
            found.append(None)
        except QueryError as error:
            found.append(error)
        except RecursionError:
            found.append(QueryError("the expression is nested too deep"))
    outcomes = iter(evaluated(asked, grid, select, limits, settings))
    return [_told(next(outcomes)) if one is None else one for one in found]


def _told(outcome: Result | Exception) -> Result | QueryError:
    if isinstance(outcome, Result | QueryError):
        return outcome
    failed = QueryError(f"it cannot be computed ({type(outcome).__name__})")
    failed.__cause__ = outcome
    return failed
