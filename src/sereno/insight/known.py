"""What is computed of one objective before anything is judged: events, and shares of bad ones, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sereno.insight.budgets import budget_at, instants_for
from sereno.insight.counts import Counts, count
from sereno.insight.history import days_of, low_traffic, suggest
from sereno.insight.model import Fired, Promise, Question
from sereno.insight.ratios import Ratios, lines_of, ratios, windows_of
from sereno.promql import Grid, Limits, Select
from sereno.slo import SloPlan, Tier
from sereno.slo.exact import ratio, terminating


@dataclass(frozen=True, slots=True)
class Seen:
    """One objective's plan, and the share of bad events over each window of its tiers."""

    plan: SloPlan
    ratios: Ratios


@dataclass(frozen=True, slots=True)
class Known:
    """One objective's plan, its events by the minute, and the share of bad ones over each window of its tiers."""

    plan: SloPlan
    counts: Counts
    ratios: Ratios


def see(plan: SloPlan, question: Question, select: Select, limits: Limits, *, tiers: Sequence[Tier] = ()) -> Seen:
    """The shares of bad events of `plan` over the time of `question`; `tiers` are others whose windows will be looked
    at too. Raises QueryError if they cannot be computed.
    """
    grid = Grid(question.start_ms, question.end_ms, question.interval_ms)
    windows = windows_of((*plan.tiers, *tiers))
    return Seen(plan, ratios(plan.slo, windows, grid, select, limits=limits, settings=question.settings))


def learn(seen: Seen, fired: Iterable[Fired], question: Question, select: Select) -> Known:
    """All that is known of an objective, its events counted also for the budgets at the moments of `fired`."""
    at = sorted({one.fired_ms for one in fired})
    instants = instants_for(seen.plan.slo, question.start_ms, question.end_ms, at)
    return Known(seen.plan, count(seen.plan.slo, select, instants, thinned=question.thinned), seen.ratios)


def promise_of(known: Known, question: Question) -> Promise:
    """What one objective was over the time asked about."""
    plan, counts, start, end = known.plan, known.counts, question.start_ms, question.end_ms
    span = counts.over(start, end)
    days = days_of(counts, start, end, question.zone)
    return Promise(
        service=plan.service,
        slo=plan.slo.name,
        objective=plan.slo.objective.ratio,
        window=plan.slo.window,
        total=terminating(span.total),
        bad=terminating(span.bad),
        sli=None if span.share is None else ratio(1 - span.share),
        consumed_at_end=budget_at(plan.slo, counts, end).consumed,
        coverage=ratio(span.coverage),
        days=days,
        suggestion=suggest(plan.slo, counts, days, start, end),
        low_traffic=low_traffic(plan, counts, start, end, question.zone),
        lines=lines_of(plan, known.ratios),
    )
