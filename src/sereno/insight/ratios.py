"""The share of bad events over each window, once for all factors and targets: thresholds are applied afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np

from sereno.insight.model import TierLine
from sereno.kernel.errors import QueryError
from sereno.promql import Grid, Limits, Select, Settings
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.together import evaluate_all
from sereno.slo import SloPlan, Tier
from sereno.slo.exact import written
from sereno.slo.expressions import bad_ratio
from sereno.spec.model import Slo

POINTS = 480


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """The shares of bad events of one objective on a grid, by window; NaN where there is none."""

    slo: Slo
    instants_ms: Int64s
    by_window: dict[timedelta, Float64s]

    def over(self, tier: Tier) -> Float64s:
        """The lesser of what both windows of `tier` show: what must exceed its threshold for it to fire."""
        return np.minimum(self.by_window[tier.long], self.by_window[tier.short])

    def holds(self, tier: Tier, budget: Decimal) -> np.ndarray:
        """Where the rule of `tier` holds, for an objective that leaves `budget`."""
        limit = float(written(Fraction(tier.factor) * Fraction(budget)))
        with np.errstate(invalid="ignore"):
            return np.asarray(self.over(tier) > limit)


def ratios(
    slo: Slo, windows: Iterable[timedelta], grid: Grid, select: Select, *, limits: Limits, settings: Settings
) -> Ratios:
    """The shares of bad events over each of `windows`, as the rules themselves compute them; samples are read once.

    Raises QueryError, or QueryLimit, if they cannot be computed.
    """
    found: dict[timedelta, Float64s] = {}
    instants, wanted = grid.instants_ms, sorted(set(windows))
    texts = [bad_ratio(slo.sli, window) for window in wanted]
    results = evaluate_all(texts, grid, select, limits=limits, settings=settings)
    for window, result in zip(wanted, results, strict=True):
        if isinstance(result, QueryError):
            raise result
        row = np.full(len(instants), np.nan)
        if len(result.labels):
            row = np.where(result.present[0], result.values[0], np.nan)
        found[window] = row
    return Ratios(slo, instants, found)


def windows_of(tiers: Iterable[Tier]) -> set[timedelta]:
    """Both windows of every tier."""
    return {window for tier in tiers for window in (tier.long, tier.short)}


def lines_of(plan: SloPlan, found: Ratios) -> tuple[TierLine, ...]:
    """One line a tier for a plot, each point the worst of its stretch of time."""
    lines = []
    for tier, rule in zip(plan.tiers, plan.rules, strict=True):
        limit = float(Fraction(tier.factor) * Fraction(plan.slo.objective.budget))
        times, worst = worst_of(found.instants_ms, found.over(tier) / limit)
        lines.append(TierLine(rule.name, tier.long, tier.short, tier.factor, tier.kind, times, worst))
    return tuple(lines)


def worst_of(
    instants_ms: Int64s, values: Float64s, points: int = POINTS
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """At most `points` stretches of time, each with its greatest value; None where nothing is known."""
    size = -(-len(values) // points)
    padded = np.full(size * -(-len(values) // size), np.nan)
    padded[: len(values)] = values
    table = padded.reshape(-1, size)
    known = ~np.isnan(table).all(axis=1)
    best = np.where(known, np.nanmax(np.where(np.isnan(table), -np.inf, table), axis=1), np.nan)
    times = tuple(int(t) for t in instants_ms[::size])
    return times, tuple(float(f"{value:.4g}") if ok else None for value, ok in zip(best, known, strict=True))
