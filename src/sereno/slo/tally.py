"""What happened to one objective's events, between any instants of the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sereno.promql.columns import Select
from sereno.slo.counters import Counter, counters_of, judge_births, pair
from sereno.slo.coverage import Interval, covered_until, known_intervals
from sereno.slo.exact import Exact
from sereno.slo.selectors import counts_good, selections_between
from sereno.slo.thinned import WHOLE, Thinned
from sereno.spec.model import LatencySli, Slo


@dataclass(frozen=True, slots=True)
class Span:
    """Events in (start, end] and how much of it was watched. `total` and `bad` are exact."""

    total: Exact
    bad: Exact
    covered_ms: int
    length_ms: int

    @property
    def coverage(self) -> Fraction:
        """The share of the span about which something is known."""
        return Fraction(self.covered_ms, self.length_ms) if self.length_ms else Fraction(0)

    @property
    def known(self) -> bool:
        """Whether any of it was watched, or events that happened unwatched were seen by its end."""
        return bool(self.covered_ms or self.total)

    @property
    def share(self) -> Fraction | None:
        """bad/total; None when nothing is known, or there was no event to take a share of."""
        if not self.total:
            return None
        return Fraction(self.bad) / Fraction(self.total)

    @property
    def idle(self) -> bool:
        """Whether it was watched and nothing happened."""
        return self.known and not self.total and not self.bad


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of an objective and the time in which its targets were known."""

    totals: list[Counter]
    parts: list[Counter]
    counts_good: bool
    known: list[Interval]

    def between(self, instants_ms: Sequence[int]) -> list[Span]:
        """The spans from each instant to the next."""
        at = np.array(instants_ms, dtype=np.int64)
        total = _sum_until(self.totals, at)
        part = _sum_until(self.parts, at)
        covered = covered_until(self.known, at)
        spans = []
        for i in range(1, len(at)):
            all_, one = total[i] - total[i - 1], part[i] - part[i - 1]
            bad = all_ - one if self.counts_good else one
            spans.append(Span(all_, bad, covered[i] - covered[i - 1], instants_ms[i] - instants_ms[i - 1]))
        return spans

    def over(self, start_ms: int, end_ms: int) -> Span:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]


def tally(slo: Slo, select: Select, start_ms: int, end_ms: int, thinned: Thinned = WHOLE) -> Tally:
    """Everything known about the events of `slo` in (start, end]; asks `select` for two selections.

    Where samples are `thinned`, spans must begin and end at its steps: what happened within one is not known.
    """
    wanted = selections_between(slo, start_ms, end_ms)
    totals, parts = judge_births(*(counters_of(select(selection)) for selection in wanted), thinned=thinned)
    if isinstance(slo.sli, LatencySli):
        totals, parts = pair(totals, parts, thinned)
    return Tally(totals, parts, counts_good(slo), known_intervals(totals, end_ms, thinned))


def _sum_until(counters: list[Counter], instants_ms: np.ndarray) -> list[Exact]:
    sums: list[Exact] = [0] * len(instants_ms)
    for counter in counters:
        sums = [a + b for a, b in zip(sums, counter.until(instants_ms), strict=True)]
    return sums
