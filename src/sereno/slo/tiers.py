"""Multi-window multi-burn-rate tiers: scaled to the objective's window, snapped, and dropped where they lie.

The share of the budget gone at detection stays fixed (2, 5, 10, 10 %); everything else follows from it, in exact
fractions: a window W of a period P fires at a burn rate above f = share·P/W (Google SRE workbook, chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from sereno.kernel.duration import to_ms
from sereno.kernel.message import Language
from sereno.slo.composites import in_slices
from sereno.slo.exact import written
from sereno.slo.model import DroppedTier, Tier
from sereno.slo.words import explain_dropped
from sereno.spec.model import Slo

Kind = Literal["page", "ticket"]

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_FULL_PERIOD_MS = 28 * _DAY_MS
# Three times apart or more, while the steps are never more than twice apart: no two snap to one window, save at 5m,
# where both are too short.
_CATALOGUE: tuple[tuple[Kind, int, Fraction], ...] = (
    ("page", 1 * _HOUR_MS, Fraction(2, 100)),
    ("page", 6 * _HOUR_MS, Fraction(5, 100)),
    ("ticket", 1 * _DAY_MS, Fraction(10, 100)),
    ("ticket", 3 * _DAY_MS, Fraction(10, 100)),
)
STEPS_MS = (
    *(n * _MINUTE_MS for n in (5, 10, 15, 30)),
    *(n * _HOUR_MS for n in (1, 2, 3, 6, 12)),
    *(n * _DAY_MS for n in (1, 2, 3)),
)
_SHORT_PART = 12
_Wanted = tuple[Kind, int, int, Fraction, timedelta]
_SCRAPES_MIN = 4


def tiers_of(
    slo: Slo,
    *,
    scrape_interval: timedelta,
    evaluation_interval: timedelta,
    language: Language = "en",
) -> tuple[tuple[Tier, ...], tuple[DroppedTier, ...]]:
    """The tiers that mean something for `slo`, fastest burn first, and those left out with the reason in `language`.

    Those that the objective declares, as it declares them; without any, those of the catalogue.
    """
    every = max(scrape_interval, evaluation_interval)
    floor_ms = _SCRAPES_MIN * to_ms(max(every, slo.slice_length) if in_slices(slo) else every)
    period_ms = to_ms(slo.window)
    budget = Fraction(slo.objective.budget)
    kept: list[Tier] = []
    dropped: list[DroppedTier] = []
    wanted = list(_declared(slo)) if slo.tiers else list(_catalogue(period_ms, floor_ms))
    for kind, long_ms, short_ms, share, for_ in wanted:
        factor = share * period_ms / long_ms
        reason = _reason(long_ms, short_ms, factor, budget)
        long, short = timedelta(milliseconds=long_ms), timedelta(milliseconds=short_ms)
        if reason is None:
            # period/factor is long/share: exact, and in whole milliseconds for every window of the list.
            exhausts_in = timedelta(milliseconds=round(long_ms / share))
            kept.append(Tier(kind, long, short, written(factor), written(share), exhausts_in, for_))
        else:
            lost = DroppedTier(kind, long, short, written(factor), reason, "")
            dropped.append(replace(lost, explanation=explain_dropped(lost, slo, language)))
    return tuple(kept), tuple(dropped)


def _catalogue(period_ms: int, floor_ms: int) -> Iterator[_Wanted]:
    for kind, base_ms, share in _CATALOGUE:
        long_ms = base_ms if period_ms >= _FULL_PERIOD_MS else snap(Fraction(base_ms * period_ms, _FULL_PERIOD_MS))
        yield kind, long_ms, snap(Fraction(long_ms, _SHORT_PART), at_least=floor_ms), share, timedelta(0)


def _declared(slo: Slo) -> Iterator[_Wanted]:
    for tier in slo.tiers:
        long_ms = to_ms(tier.long)
        yield tier.kind, long_ms, to_ms(tier.short), Fraction(tier.factor) * long_ms / to_ms(slo.window), tier.for_


def _reason(
    long_ms: int, short_ms: int, factor: Fraction, budget: Fraction
) -> Literal["meaningless", "unreachable", "too_short"] | None:
    if long_ms <= short_ms:
        return "too_short"
    if factor <= 1:
        return "meaningless"
    if factor * budget >= 1:
        return "unreachable"
    return None


def snap(wanted_ms: Fraction, *, at_least: int = 0) -> int:
    """The window of the list nearest to `wanted_ms` by ratio, ties to the shorter, none shorter than `at_least`.

    When even the longest of the list is shorter than `at_least`, that floor itself (in milliseconds).
    """
    allowed = [step for step in STEPS_MS if step >= at_least]
    if not allowed:
        return at_least
    nearest = allowed[0]
    for step in allowed[1:]:
        # Nearer by ratio means beyond the geometric mean; squared, so that it is exact.
        if wanted_ms * wanted_ms > nearest * step:
            nearest = step
    return nearest
