"""What samples an evaluation will ask for, known before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sereno.promql.ast import At, Call, Expr, RangeSelector, Selector, Subquery, children
from sereno.promql.columns import Grid, Matcher, Selection
from sereno.promql.dialect import STABLE, Features, Language
from sereno.promql.extended import reach
from sereno.promql.info import info_selector
from sereno.promql.matching import canonical

LOOKBACK_MS = 300_000
SUBQUERY_STEP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How Prometheus would be configured: `--query.lookback-delta`, and the step of subqueries that name none
    (its global evaluation interval).

    `dialect` is the major version whose arithmetic is followed. Version 2 (2.42) counts a sample at the very
    beginning of a window in, version 3 does not; they also differ in how a rate reaches for a counter's zero,
    in what unevenness of buckets histogram_quantile forgives, and in the name that atan2 leaves. `features` are
    those of version 3 that must be switched on.
    """

    lookback_ms: int = LOOKBACK_MS
    subquery_step_ms: int = SUBQUERY_STEP_MS
    dialect: Literal[2, 3] = 2
    features: Features = STABLE

    @staticmethod
    def of(dialect: Literal[2, 3] = 3, *, features: Iterable[str] = ()) -> Settings:
        """Settings of one major version, with the features that Prometheus's flags `features` switch on.

        Raises UsageError for a flag that there is not.
        """
        return Settings(dialect=dialect, features=Features.of(features))

    @property
    def language(self) -> Language:
        """What the parser accepts under these settings."""
        return Language(self.dialect, self.features)

    @property
    def left_ms(self) -> int:
        """How much later than its nominal start a window begins to hold samples."""
        return self.dialect - 2


@dataclass(frozen=True, slots=True)
class Query:
    """The bounds of the whole query, to which @ start() and @ end() refer, and its settings."""

    start_ms: int
    end_ms: int
    settings: Settings

    def at_ms(self, at: At) -> int | None:
        """The instant that an @ modifier names; None without one."""
        if at == "start":
            return self.start_ms
        return self.end_ms if at == "end" else at

    def reference(self, expr: Selector | Subquery, grid: Grid) -> Grid:
        """The instants at which `expr` looks, for the instants of `grid`: shifted by offset, or one alone with @."""
        fixed = self.at_ms(expr.at)
        if fixed is not None:
            return Grid.at(fixed - expr.offset_ms)
        return Grid(grid.start_ms - expr.offset_ms, grid.end_ms - expr.offset_ms, grid.step_ms)

    def inner(self, expr: Subquery, grid: Grid) -> Grid:
        """The grid on which the inside of a subquery is evaluated: multiples of its step, window included."""
        outer = self.reference(expr, grid)
        step = expr.step_ms or self.settings.subquery_step_ms
        start = -(-(outer.start_ms - expr.range_ms + self.settings.left_ms) // step) * step
        return Grid(start, outer.end_ms, step)


def needs(expr: Expr, grid: Grid, query: Query) -> Iterator[Selection]:
    """Each selector's samples, in the order in which the selectors stand."""
    lookback_ms = query.settings.lookback_ms
    if isinstance(expr, RangeSelector):
        outer = query.reference(expr.selector, grid)
        back, ahead = reach(expr.selector, lookback_ms, ranged=True)
        start_ms, end_ms = outer.start_ms - expr.range_ms - back, outer.end_ms + ahead
        yield Selection(canonical(expr.selector.matchers), start_ms, end_ms)
    elif isinstance(expr, Selector):
        outer = query.reference(expr, grid)
        _, ahead = reach(expr, lookback_ms, ranged=False)
        yield Selection(canonical(expr.matchers), outer.start_ms - lookback_ms, outer.end_ms + ahead)
    elif isinstance(expr, Call) and expr.function == "info":
        yield from needs(expr.args[0], grid, query)
        yield from needs(info_selector(expr), grid, query)
    elif isinstance(expr, Subquery):
        inner = query.inner(expr, grid)
        if inner.start_ms <= inner.end_ms:
            yield from needs(expr.expr, inner, query)
    else:
        for child in children(expr):
            yield from needs(child, grid, query)


def united(selections: Iterator[Selection]) -> tuple[Selection, ...]:
    """Selections of the same matchers whose spans meet made one, in order of first appearance."""
    spans: dict[tuple[Matcher, ...], list[tuple[int, int]]] = {}
    for selection in selections:
        spans.setdefault(selection.matchers, []).append((selection.start_ms, selection.end_ms))
    found: list[Selection] = []
    for matchers, parts in spans.items():
        merged: list[tuple[int, int]] = []
        for start, end in sorted(parts):
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        found += [Selection(matchers, start, end) for start, end in merged]
    return tuple(found)
