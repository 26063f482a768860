"""What if: hundreds of variants of one objective's alerts, judged on one look at the past.

The share of bad events over each window is computed once (see `ratios.py`); targets, factors and `for` only move the
line that it is held against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import product

import numpy as np

from sereno.insight.counts import Counts
from sereno.insight.history import LADDER
from sereno.insight.known import Known
from sereno.insight.model import Incident, Knobs, Question, Tried, Variant
from sereno.insight.score import Raised, noticed, right, summed
from sereno.insight.states import stretches
from sereno.kernel.duration import to_ms
from sereno.slo import SloPlan, Tier
from sereno.slo.exact import ratio, written
from sereno.slo.tiers import snap
from sereno.spec.model import Objective, Slo

VARIANTS_MAX = 5000
_SHORT_PART = 12


def variants_of(plan: SloPlan, knobs: Knobs, floor: timedelta) -> tuple[Variant, ...]:
    """Every combination of `knobs` that means something, the declared one first.

    `floor` is the shortest window that holds enough samples. As in `slo.tiers`, tiers that could never fire, or would
    with the budget in no danger, are left out; a variant that then has no tier is none.
    """
    pages = tuple(tier for tier in plan.tiers if tier.kind == "page")
    if not pages:
        return ()
    declared = Variant(plan.slo.objective, pages, max((tier.for_ for tier in pages), default=timedelta(0)), True)
    found = {_key(declared): declared}
    targets = neighbours(plan.slo.objective) if knobs.targets is None else knobs.targets
    for target, speed, share, for_ in product(targets, knobs.speeds, knobs.shares, knobs.fors):
        tiers = tuple(
            moved for tier in pages if (moved := _moved(plan.slo, target, tier, speed, share, for_, floor)) is not None
        )
        if tiers:
            variant = Variant(target, tiers, for_)
            found.setdefault(_key(variant), variant)
    return tuple(found.values())[:VARIANTS_MAX]


def neighbours(objective: Objective) -> tuple[Objective, ...]:
    """The objective, and the ones before and after it that people promise."""
    below = [one for one in LADDER if one < objective.ratio][-1:]
    above = [one for one in LADDER if one > objective.ratio][:1]
    return (objective, *(Objective(f"{(one * 100).normalize():f}%", one) for one in (*below, *above)))


def tiers_needed(variants: Iterable[Variant]) -> tuple[Tier, ...]:
    """All tiers whose windows must be looked at."""
    return tuple({(tier.long, tier.short): tier for variant in variants for tier in variant.tiers}.values())


def tried(
    known: Known, variants: Sequence[Variant], incidents: Sequence[Incident], question: Question
) -> tuple[Tried, ...]:
    """What each variant would have done, in the order given, the Pareto front marked: of those that found any incident.

    A page lasts while any of the tiers fires, as the product groups them. One that ends at the very instant at which
    the next begins is counted as one.
    """
    lines = {key: known.ratios.over(tier) for tier in tiers_needed(variants) for key in [(tier.long, tier.short)]}
    found = []
    for number, variant in enumerate(variants):
        raised = _pages(known, variant, lines)
        found.append(_judged(number, variant, raised, known, incidents, question))
    judged = [one for one in found if one.score.found]
    front = {judged[place].number for place in pareto([_cost(one) for one in judged])}
    return tuple(replace(one, best=number in front) for number, one in enumerate(found))


def pareto(costs: Sequence[tuple[float, ...]]) -> frozenset[int]:
    """The places of those that no other beats: none is at most as costly in everything and less so in something.

    Of several that cost the same the first stands for all.
    """
    first: dict[tuple[float, ...], int] = {}
    for place, cost in enumerate(costs):
        first.setdefault(tuple(cost), place)
    if not first:
        return frozenset()
    table = np.array(list(first), dtype=np.float64)
    beaten = [bool(((table <= row).all(axis=1) & (table < row).any(axis=1)).any()) for row in table]
    return frozenset(place for place, lost in zip(first.values(), beaten, strict=True) if not lost)


def _pages(known: Known, variant: Variant, lines: dict[tuple[timedelta, timedelta], np.ndarray]) -> list[Raised]:
    instants = known.ratios.instants_ms
    budget = Fraction(variant.objective.budget)
    fired: list[tuple[int, int | None]] = []
    for tier in variant.tiers:
        limit = float(written(Fraction(tier.factor) * budget))
        with np.errstate(invalid="ignore"):
            holds = lines[tier.long, tier.short] > limit
        fired += [(one.fired_ms, one.resolved_ms) for one in stretches(holds, instants, for_ms=to_ms(tier.for_))]
    united: list[tuple[int, int | None]] = []
    for begin, end in sorted(fired, key=lambda one: (one[0], one[1] is None, one[1] or 0)):
        last = united[-1] if united else None
        if last is not None and (last[1] is None or begin <= last[1]):
            united[-1] = (last[0], None if last[1] is None or end is None else max(last[1], end))
        else:
            united.append((begin, end))
    return [Raised(known.plan.service, begin, end) for begin, end in united]


def _judged(
    number: int,
    variant: Variant,
    raised: Sequence[Raised],
    known: Known,
    incidents: Sequence[Incident],
    question: Question,
) -> Tried:
    grace = to_ms(question.grace)
    found = [one for incident in incidents if (one := noticed(incident, raised, grace)) is not None]
    good = sum(right(one, incidents, grace) for one in raised)
    spent = sorted(
        _spent(known.plan.slo, known.counts, one.incident, one.incident.start_ms + to_ms(one.detection))
        for one in found
    )  # fmt: skip
    middle = spent[(len(spent) - 1) // 2] if spent else None
    return Tried(
        number, variant, summed(len(raised), good, len(incidents), found, question),
        None if middle is None else ratio(middle),
    )  # fmt: skip


def _spent(slo: Slo, counts: Counts, incident: Incident, at_ms: int) -> Fraction:
    window = to_ms(slo.window)
    part, whole = counts.over(incident.start_ms, max(at_ms, incident.start_ms)), counts.over(at_ms - window, at_ms)
    return Fraction(part.bad) / (Fraction(slo.objective.budget) * Fraction(whole.total)) if whole.total else Fraction(0)


def _cost(one: Tried) -> tuple[float, ...]:
    """What is better when smaller: detection, pages a week, lack of precision and of recall, budget spent."""
    score, endless = one.score, float("inf")
    return (
        endless if score.detection is None else score.detection.total_seconds(),
        float(score.per_week),
        -float(score.precision if score.precision is not None else 1),
        -float(score.recall if score.recall is not None else 1),
        endless if one.spent is None else float(one.spent),
    )


def _moved(
    slo: Slo, target: Objective, tier: Tier, speed: Fraction, share: Fraction, for_: timedelta, floor: timedelta
) -> Tier | None:
    long_ms = to_ms(tier.long) if speed == 1 else snap(to_ms(tier.long) * speed)
    short_ms = to_ms(tier.short) if speed == 1 else snap(Fraction(long_ms, _SHORT_PART), at_least=to_ms(floor))
    part = Fraction(tier.factor) * to_ms(tier.long) / to_ms(slo.window) * share
    factor = part * to_ms(slo.window) / long_ms
    if long_ms <= short_ms or factor <= 1 or factor * Fraction(target.budget) >= 1 or part >= 1:
        return None
    return replace(
        tier, long=timedelta(milliseconds=long_ms), short=timedelta(milliseconds=short_ms), factor=written(factor),
        share=written(part), exhausts_in=timedelta(milliseconds=round(Fraction(long_ms) / part)), for_=for_,
    )  # fmt: skip


def _key(variant: Variant) -> tuple[object, ...]:
    return (
        variant.objective.ratio,
        *((tier.long, tier.short, Fraction(tier.factor), tier.for_) for tier in variant.tiers),
    )


def ranked(tried_: Iterable[Tried]) -> list[Tried]:
    """The variants from the best compromise on: recall first, then precision, then detection, then pages."""

    def key(one: Tried) -> tuple[float, ...]:
        detection, per_week, precision, recall, _ = _cost(one)
        return recall, precision, detection, per_week, one.number

    return sorted(tried_, key=key)
