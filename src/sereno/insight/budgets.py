"""Where objectives stood at any instant of the past, from one counting of their events."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np

from sereno.insight.counts import Counts, instants_of
from sereno.insight.model import BudgetAt
from sereno.promql.columns import Int64s
from sereno.slo.budgets import burn_window_ms
from sereno.slo.exact import ratio
from sereno.slo.spans import Span
from sereno.spec.model import Slo

GRID_MS = 60_000


def window_ms(slo: Slo) -> int:
    """The objective's window in milliseconds."""
    return slo.window // timedelta(milliseconds=1)


def instants_for(slo: Slo, start_ms: int, end_ms: int, at_ms: list[int]) -> Int64s:
    """The instants at which the events of `slo` must be counted to tell of each minute of [start, end] and of `at_ms`:
    the objective's window before the start is among them.
    """
    window, burn = window_ms(slo), burn_window_ms(slo)
    more = {at - back for at in [*at_ms, start_ms, end_ms] for back in (0, window, burn)}
    return instants_of(start_ms - window, end_ms, GRID_MS, *more)


def budget_at(slo: Slo, counts: Counts, at_ms: int) -> BudgetAt:
    """What `slo.budget` says at `at_ms`, which must be among the instants counted at; rounded as it rounds."""
    allowed, window = Fraction(slo.objective.budget), window_ms(slo)
    whole = counts.over(at_ms - window, at_ms)
    consumed = burn_of(whole, allowed)
    burn = burn_of(counts.over(at_ms - burn_window_ms(slo), at_ms), allowed)
    remaining = None if consumed is None else 1 - consumed
    return BudgetAt(
        slo=slo.name,
        consumed=None if consumed is None else ratio(consumed),
        remaining=None if remaining is None else ratio(remaining),
        burn_rate=None if burn is None else ratio(burn),
        exhausts_in=_exhausts_in(remaining, burn, window),
        coverage=ratio(whole.coverage),
    )


def burn_of(span: Span, allowed: Fraction) -> Fraction | None:
    """How many times faster than allowed; 0 while idle, None while unknown."""
    if span.idle:
        return Fraction(0)
    return None if span.share is None else span.share / allowed


def _exhausts_in(remaining: Fraction | None, burn: Fraction | None, window: int) -> timedelta | None:
    if remaining is None or burn is None or remaining <= 0 or burn <= 0:
        return None
    try:
        return timedelta(milliseconds=round(remaining * window / burn))
    except OverflowError:
        return None


def shares(slo: Slo, counts: Counts, length_ms: int) -> np.ndarray:
    """For each instant the share of its window's budget that the `length_ms` before it spent; NaN where unknown.

    In floats: it chooses where to look, exact figures are computed there.
    """
    back, whole = counts.back(length_ms), counts.back(window_ms(slo))
    bad = (counts.bad - counts.bad[back]).astype(np.float64)
    total = (counts.total - counts.total[whole]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, bad / (float(slo.objective.budget) * total), np.nan)
