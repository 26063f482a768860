"""Whether a service is too quiet for its alerts: where one failure alone would fire them.

One failure is a share of 1/tot(W) of the events of a window W, which exceeds f·b where tot(W) < 1/(f·b).
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from sereno.kernel.duration import to_ms
from sereno.kernel.language import Phrases, number, percent, say, span
from sereno.kernel.message import Language
from sereno.slo.composites import in_slices
from sereno.slo.exact import written
from sereno.slo.model import Budget, SloPlan, Tier
from sereno.slo.words import percentage
from sereno.spec.model import CompositeSli, GaugeSli, Slo

_HOUR_MS = 3_600_000
PHRASES: Phrases = {
    "quiet": {
        "es": "{window}: con {events} eventos en ella un solo fallo ya es el {one}, más que el {threshold} con que se"
        " dispara; con menos de {least} eventos avisaría por uno",
        "en": "{window}: with {events} events in it one failure alone is {one}, more than the {threshold} at which it"
        " fires; below {least} events it would page for one",
    },
}


def events_least(slo: Slo, tier: Tier) -> Decimal:
    """How many events the long window of `tier` must hold for one failure not to fire it: 1/(f·b)."""
    return written(1 / (Fraction(tier.factor) * Fraction(slo.objective.budget)))


def too_quiet(plan: SloPlan, events_per_hour: Decimal, language: Language) -> tuple[str, ...]:
    """The tiers that a single failure fires at `events_per_hour`, each in a sentence with its numbers.

    None where there are no events at all, where too few of them hold the alert back already (`low_traffic`), and for
    objectives that count time or parts.
    """
    slo = plan.slo
    if events_per_hour <= 0 or in_slices(slo) or isinstance(slo.sli, GaugeSli | CompositeSli):
        return ()
    expected = [(tier, Fraction(events_per_hour) * Fraction(to_ms(tier.long), _HOUR_MS)) for tier in plan.tiers]
    return tuple(
        _sentence(slo, tier, events, language)
        for tier, events in expected
        if events < Fraction(events_least(slo, tier)) and not _held_back(slo, events)
    )


def events_per_hour(budget: Budget) -> Decimal | None:
    """How many events an hour of watched time there were; None where nobody knows, or none are counted."""
    if budget.total is None or budget.counts != "events" or not budget.coverage or budget.starts_at is None:
        return None
    excluded = budget.excluded if budget.ends_at == budget.at else timedelta(0)  # of a calendar, also what is to come
    hours = Fraction(to_ms(budget.at - budget.starts_at - excluded), _HOUR_MS) * Fraction(budget.coverage)
    return written(Fraction(budget.total) / hours) if hours > 0 else None


def quiet_tiers(plan: SloPlan | None, budget: Budget | None, language: Language) -> tuple[str, ...]:
    """`too_quiet` at the traffic that the budget has seen; nothing where that is not known."""
    observed = events_per_hour(budget) if budget is not None else None
    return () if plan is None or observed is None else too_quiet(plan, observed, language)


def _held_back(slo: Slo, events: Fraction) -> bool:
    low = slo.low_traffic
    if low is None:
        return False
    few = low.events_min is not None and events < Fraction(low.events_min)
    return few or (low.failures_min is not None and low.failures_min > 1) or low.budget_fraction


def _sentence(slo: Slo, tier: Tier, events: Fraction, language: Language) -> str:
    threshold = written(Fraction(tier.factor) * Fraction(slo.objective.budget))
    return say(
        PHRASES, "quiet", language, window=span(tier.long, language), events=number(float(events), language),
        one=percent(written(1 / max(events, Fraction(1))), language), threshold=percentage(threshold, language),
        least=number(ceil(events_least(slo, tier)), language),
    )  # fmt: skip
