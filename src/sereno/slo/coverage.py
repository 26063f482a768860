"""When was anyone watching? Known time as intervals, from the samples' own rhythm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sereno.promql.columns import Int64s
from sereno.slo.counters import Counter, Target, interval_ms
from sereno.slo.thinned import WHOLE, Thinned

Interval = tuple[int, int]
_GAP = 2


def known_intervals(counters: Iterable[Counter], end_ms: int, thinned: Thinned = WHOLE) -> list[Interval]:
    """The time in which at least one target was known, as sorted, disjoint intervals up to `end_ms`.

    A target is known from its first sample; not between two samples more than twice its median scrape interval
    apart, nor after a last sample that is older than that at `end_ms`. Where samples are `thinned`, a gap that reaches
    over the border of a step is seen as it was; one that lies wholly within a step cannot be seen, so that the time
    known is too long by less than a step for each of those.
    """
    scrapes = _times_by_target(counters).values()
    return list(union([interval for times in scrapes for interval in _known_of(times, end_ms, thinned)]))


def covered_until(intervals: list[Interval], instants_ms: Int64s) -> list[int]:
    """How many milliseconds of `intervals` had passed by each instant."""
    if not intervals:
        return [0] * len(instants_ms)
    starts, ends = np.array(intervals, dtype=np.int64).T
    before = np.concatenate(([0], np.cumsum(ends - starts)))
    at = np.searchsorted(starts, instants_ms, side="right") - 1
    inside = np.minimum(instants_ms, ends[at]) - starts[at]
    passed: list[int] = np.where(at >= 0, before[at] + inside, 0).tolist()
    return passed


def _times_by_target(counters: Iterable[Counter]) -> dict[Target, Int64s]:
    """The scrapes of each target. Its series share them, so all but the longest series usually add nothing."""
    scrapes: dict[Target, Int64s] = {}
    for counter in sorted(counters, key=lambda c: -len(c.times)):
        known = scrapes.get(counter.target)
        if known is None:
            scrapes[counter.target] = counter.times
        elif not _is_part(counter.times, known):
            scrapes[counter.target] = _either(known, counter.times)
    return scrapes


def _is_part(times: Int64s, whole: Int64s) -> bool:
    if times is whole:
        return True
    at = int(np.searchsorted(whole, times[0]))
    return np.array_equal(times, whole[at : at + len(times)])


def _either(left: Int64s, right: Int64s) -> Int64s:
    # np.union1d hashes, twenty times slower than merging two runs that are already in order.
    both = np.sort(np.concatenate((left, right)), kind="stable")
    return both[np.concatenate(([True], both[1:] != both[:-1]))]


def _known_of(times: Int64s, end_ms: int, thinned: Thinned) -> list[Interval]:
    bound_ms = _GAP * interval_ms(times, thinned)
    gaps = np.flatnonzero((np.diff(times) > bound_ms) & ~thinned.together(times))
    starts = times[np.concatenate(([0], gaps + 1))].tolist()
    ends = times[np.concatenate((gaps, [len(times) - 1]))].tolist()
    if end_ms > ends[-1] and end_ms - ends[-1] <= bound_ms:
        ends[-1] = end_ms
    return list(zip(starts, ends, strict=True))


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same time as sorted, disjoint intervals."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
