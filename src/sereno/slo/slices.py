"""Time in slices: each is good or bad (`timeslices`), or as good as the share of its good events
(`ratio_timeslices`).

A slice in which events were watched is judged by them; one that was watched without any is good; one that nobody
watched is left out, bad or good, as the objective's `unknown` says. Slices are aligned with the epoch; a window begins
and ends at the border at or before its own. Source: OpenSLO v1, budgeting methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np

from sereno.kernel.duration import to_ms
from sereno.promql.columns import Int64s
from sereno.slo.counters import Exacts
from sereno.slo.coverage import Interval
from sereno.slo.exact import Exact
from sereno.slo.exclusions import Left
from sereno.slo.methods import method_of
from sereno.slo.spans import Span
from sereno.spec.model import Slo

SCALE = 10**30
"""Shares of slices are kept to 30 decimal places, so that any number of them adds up fast and to 24."""

Judge = Literal["timeslices", "ratio_timeslices"]


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """All events, bad events and milliseconds watched in each slice of `slice_ms` from `start_ms` on."""

    start_ms: int
    slice_ms: int
    total: Exacts
    bad: Exacts
    covered_ms: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The slices from `start_ms` on, as running sums that begin with 0: how many count, how bad they were (in units
    of 1/`scale`), how much of them was watched, and how long those are that are not left out."""

    start_ms: int
    slice_ms: int
    scale: int
    counted: Int64s
    bad: Exacts
    covered_ms: Int64s
    length_ms: Int64s
    scraped_ms: int = 0

    def between(self, instants_ms: Sequence[int]) -> list[Span]:
        """The spans from each instant to the next, both moved back to the borders of slices."""
        at = [self._place(instant) for instant in instants_ms]
        return [self._span(a, b) for a, b in pairwise(at)]

    def over(self, start_ms: int, end_ms: int) -> Span:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """The borders in (start, end); thinned out when there are too many."""
        first = (start_ms // self.slice_ms + 1) * self.slice_ms
        inside = range(first, end_ms, self.slice_ms)
        return list(inside[:: len(inside) // at_most + 1])

    def _place(self, instant_ms: int) -> int:
        return min(max((instant_ms - self.start_ms) // self.slice_ms, 0), len(self.counted) - 1)

    def _span(self, a: int, b: int) -> Span:
        bad = int(self.bad[b] - self.bad[a])
        return Span(
            int(self.counted[b] - self.counted[a]),
            bad if self.scale == 1 else Fraction(bad, self.scale),
            int(self.covered_ms[b] - self.covered_ms[a]),
            int(self.length_ms[b] - self.length_ms[a]),
        )


def borders(slice_ms: int, start_ms: int, end_ms: int) -> Int64s:
    """The borders of slices from the one at or before `start_ms` to the one at or before `end_ms`."""
    first, last = start_ms // slice_ms, end_ms // slice_ms
    return np.arange(first, last + 1, dtype=np.int64) * slice_ms


def badness(watched: Watched, judge: Judge, target: Fraction) -> tuple[Exacts, np.ndarray]:
    """How bad each slice was, and whether anything is known of it: 0 or 1 for `timeslices`, else its share of bad
    events times `SCALE`. Watched without an event is good."""
    total, bad = watched.total.tolist(), watched.bad.tolist()
    if judge == "timeslices":
        over, under = target.denominator, target.denominator - target.numerator
        rows: list[int] = [int(b * over > t * under) for t, b in zip(total, bad, strict=True)]
    else:
        rows = [_scaled(b, t) for t, b in zip(total, bad, strict=True)]
    known = (watched.covered_ms > 0) | np.array([t != 0 for t in total], bool)
    return np.array(rows, dtype=object), known


def slices_of(slo: Slo, start_ms: int, bad: Exacts, known: np.ndarray, covered_ms: Int64s, left: Left) -> Slices:
    """The slices of `slo` from `start_ms` on, put together with what is left out of them."""
    slice_ms, judge = to_ms(slo.slice_length), method_of(slo)
    scale = SCALE if judge == "ratio_timeslices" else 1
    count = len(bad)
    out, good = _touched(left.out, start_ms, slice_ms, count), _touched(left.good, start_ms, slice_ms, count)
    bad = np.where(known, bad, scale if slo.unknown == "bad" else 0)
    counted = (known | (slo.unknown != "ignore") | good) & ~out
    bad = np.where(good | ~counted, 0, bad)
    covered = np.where(out, 0, np.where(good, slice_ms, np.minimum(covered_ms, slice_ms)))
    return Slices(
        start_ms,
        slice_ms,
        scale,
        _running(counted.astype(np.int64)),
        _running(bad.astype(object)),
        _running(covered.astype(np.int64)),
        _running(np.where(out, 0, slice_ms).astype(np.int64)),
    )


def slices_within(slice_ms: int, start_ms: int, end_ms: int, out: Sequence[Interval]) -> int:
    """How many slices (start, end] holds that are not left out."""
    first, last = start_ms // slice_ms, end_ms // slice_ms
    count = max(0, last - first)
    return count - int(_touched(out, first * slice_ms, slice_ms, count).sum())


def _touched(intervals: Sequence[Interval], start_ms: int, slice_ms: int, count: int) -> np.ndarray:
    """The slices that any of `intervals` touches."""
    found = np.zeros(count, bool)
    for begin, end in intervals:
        found[max(0, (begin - start_ms) // slice_ms) : max(0, -((start_ms - end) // slice_ms))] = True
    return found


def _scaled(bad: Exact, total: Exact) -> int:
    if not total:
        return SCALE if bad else 0
    share = Fraction(bad) / Fraction(total)
    return share.numerator * SCALE // share.denominator


def _running(values: Exacts) -> Exacts:
    return np.concatenate((np.zeros(1, values.dtype), np.cumsum(values)))
