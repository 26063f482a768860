"""What happened to one objective's events, between any instants of the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sereno.promql.columns import Int64s, Select
from sereno.slo.counters import Counter, Exacts, counters_of, interval_ms, judge_births, pair, seen
from sereno.slo.coverage import Interval, covered_until, known_intervals
from sereno.slo.native import native_counters
from sereno.slo.selectors import counts_good, selections_between
from sereno.slo.spans import Span
from sereno.slo.thinned import WHOLE, Thinned
from sereno.spec.model import LatencySli, NativeLatencySli, Slo


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of an objective and the time in which its targets were known."""

    totals: list[Counter]
    parts: list[Counter]
    counts_good: bool
    known: list[Interval]

    def columns(self, instants_ms: Int64s) -> tuple[Exacts, Exacts, list[int]]:
        """All events, bad events and milliseconds watched by each instant."""
        total = seen(self.totals, instants_ms)
        part = seen(self.parts, instants_ms)
        return total, total - part if self.counts_good else part, covered_until(self.known, instants_ms)

    def between(self, instants_ms: Sequence[int]) -> list[Span]:
        """The spans from each instant to the next."""
        columns = self.columns(np.array(instants_ms, dtype=np.int64))
        total, bad, covered = columns[0].tolist(), columns[1].tolist(), columns[2]
        return [
            Span(total[i] - total[i - 1], bad[i] - bad[i - 1], covered[i] - covered[i - 1], at - instants_ms[i - 1])
            for i, at in enumerate(instants_ms)
            if i
        ]

    def settled(self, at_ms: int) -> int:
        """The first instant at or after `at_ms` by which every target was seen again, as far as they go on."""
        return max((_next(counter, at_ms) for counter in self.totals), default=at_ms)

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """The instants in (start, end) at which something was seen; thinned out when there are too many."""
        longest = max(self.totals, key=lambda counter: len(counter.times), default=None)
        inside = [] if longest is None else [int(t) for t in longest.times if start_ms < t < end_ms]
        return inside[:: len(inside) // at_most + 1]

    def over(self, start_ms: int, end_ms: int) -> Span:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]


def tally(slo: Slo, select: Select, start_ms: int, end_ms: int, thinned: Thinned = WHOLE) -> Tally:
    """Everything known about the events of `slo` in (start, end], counted by counters or by native histograms.

    Where samples are `thinned`, spans must begin and end at its steps: what happened within one is not known.
    """
    wanted = selections_between(slo, start_ms, end_ms)
    if isinstance(slo.sli, NativeLatencySli):
        totals, parts = native_counters(select(wanted[0]), float(slo.sli.within_seconds), thinned)
        return Tally(totals, parts, True, known_intervals(totals, end_ms, thinned))
    totals, parts = judge_births(*(counters_of(select(selection)) for selection in wanted), thinned=thinned)
    if isinstance(slo.sli, LatencySli):
        totals, parts = pair(totals, parts, thinned)
    return Tally(totals, parts, counts_good(slo), known_intervals(totals, end_ms, thinned))


def _next(counter: Counter, at_ms: int) -> int:
    """When `counter` was next seen; `at_ms` itself where it was not for longer than two of its scrapes."""
    place = int(np.searchsorted(counter.times, at_ms))
    if place in (0, len(counter.times)):
        return at_ms
    before, after = int(counter.times[place - 1]), int(counter.times[place])
    return after if after - before <= 2 * interval_ms(counter.times) else at_ms
