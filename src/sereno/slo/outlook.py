"""What is still to come of a budget's period: all its slices, its traffic, and the time that is left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from sereno.kernel.duration import to_ms as length_ms
from sereno.kernel.moment import to_ms
from sereno.slo.exclusions import NONE, Exclusions, overlap_ms
from sereno.slo.methods import method_of
from sereno.slo.periods import Period
from sereno.slo.slices import slices_within
from sereno.slo.spans import AnySpan
from sereno.spec.model import CompositeSli, Slo

Counts = Literal["events", "slices", "ratios", "parts"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The whole of a period, seen from `at`.

    `slices` are all that it will have and that count (None where events are counted, or the window rolls). `stretch`
    is how much of the whole period's budget has come by `at`, if traffic goes on as so far: 1 where nothing is to come.
    """

    counts: Counts
    slices: int | None
    share_over: Fraction
    excluded: timedelta
    length: timedelta
    rolling: bool
    stretch: Fraction

    def projected(self, consumed: Fraction | None) -> Fraction | None:
        """The share of the whole period's budget that is gone if nothing fails any more; None where it rolls."""
        if self.rolling or consumed is None:
            return None
        return consumed if self.slices is not None else consumed * self.share_over

    def time_budget(self, allowed: Fraction) -> timedelta | None:
        """The budget as time: allowed·(period − excluded); None where events are counted."""
        if self.counts not in ("slices", "ratios"):
            return None
        return timedelta(milliseconds=round(allowed * (length_ms(self.length) - length_ms(self.excluded))))


def counts_of(slo: Slo) -> Counts:
    """What the objective counts: events, slices, the ratios of slices, or its parts."""
    if isinstance(slo.sli, CompositeSli):
        return "slices" if slo.sli.mode == "all" else "parts"
    found: dict[str, Counts] = {"occurrences": "events", "timeslices": "slices", "ratio_timeslices": "ratios"}
    return found[method_of(slo)]


def outlook(service: str, slo: Slo, period: Period, whole: AnySpan, exclusions: Exclusions = NONE) -> Outlook:
    """What `period` will have been for `slo`, of which `whole` has been seen."""
    start, at, end = to_ms(period.start), to_ms(period.at), to_ms(period.end)
    out = exclusions.of(service, slo, start, end).out
    counts = counts_of(slo)
    excluded = timedelta(milliseconds=overlap_ms(out, start, end))
    slices = None
    share_over, stretch = Fraction(1), Fraction(1)
    if not period.rolling:
        passed = at - start - overlap_ms(out, start, at)
        share_over = Fraction(passed, max(1, end - start - length_ms(excluded)))
        if counts in ("slices", "ratios"):
            slice_ms = length_ms(slo.slice_length)
            slices = int(whole.total) + slices_within(slice_ms, at // slice_ms * slice_ms, end, out)
            stretch = Fraction(whole.total) / slices if slices else Fraction(0)
    return Outlook(counts, slices, share_over, excluded, period.length, period.rolling, stretch)


def time_budget(slo: Slo, period: Period, excluded: timedelta = timedelta(0)) -> timedelta:
    """How much bad time the objective allows: (1 − target)·(period − excluded). 95 % of two weeks are 16 h 48 min."""
    counted = length_ms(period.length) - length_ms(excluded)
    return timedelta(milliseconds=round(Fraction(slo.objective.budget) * counted))
