"""What counters counted: increases without extrapolation, resets put right, every figure exact.

An increase belongs to the instant at which it was seen: the samples at t₁ < t₂ say that v₂ − v₁ events (v₂ after a
reset) had happened by t₂. So windows side by side add up to the window that covers both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s
from sereno.slo.exact import Exact, exact
from sereno.slo.thinned import WHOLE, Thinned

Bools = npt.NDArray[np.bool_]
Exacts = npt.NDArray[Any]
"""Exact numbers: 64-bit integers, or objects that are `int` or `Fraction`."""
_WHOLE_MAX = float(2**53)


class Target(NamedTuple):
    """Where a series was scraped: series of one target are born and die together."""

    job: str
    instance: str


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter's samples, without those that are no count (NaN, staleness markers, infinities, negatives).

    `resets` are the positions whose value is the count since a restart; `from_zero` says that the series was born
    while its target was being watched, so that its first value is an increase too.
    """

    labels: Labels
    times: Int64s
    values: Float64s
    resets: Int64s
    from_zero: bool = False

    @property
    def target(self) -> Target:
        """The target of which this is a series."""
        return Target(self.labels.get("job", ""), self.labels.get("instance", ""))

    def until(self, instants_ms: Int64s) -> list[Exact]:
        """The exact number of events seen by each instant, since the first sample: O(log n) an instant."""
        if not len(self.times):
            return [0] * len(instants_ms)
        positions = np.searchsorted(self.times, instants_ms, side="right") - 1
        lost = _running(self.values[self.resets - 1])
        before = np.searchsorted(self.resets, positions, side="right")
        base: Exact = 0 if self.from_zero else exact(float(self.values[0]))
        seen = self.values[np.maximum(positions, 0)]
        return [
            exact(value) - base + lost[resets] if position >= 0 else 0
            for position, value, resets in zip(positions.tolist(), seen.tolist(), before.tolist(), strict=True)
        ]


def seen(counters: Sequence[Counter], instants_ms: Int64s) -> Exacts:
    """How many events all `counters` together had counted by each instant, exactly."""
    found: Exacts = np.zeros(len(instants_ms), np.int64)
    for counter in counters:
        values = counter.values
        whole = type(counter) is Counter  # others count what their values do not say
        if whole and len(values) and values.max() < _WHOLE_MAX and (np.floor(values) == values).all():
            found = found + _whole(counter, instants_ms)
        else:
            found = found + np.array(counter.until(instants_ms), dtype=object)
    return found


def _whole(counter: Counter, at: Int64s) -> Int64s:
    values = counter.values.astype(np.int64)
    lost = np.zeros(len(values), np.int64)
    lost[counter.resets] = values[counter.resets - 1]
    base = 0 if counter.from_zero else values[0]
    so_far = values - base + np.cumsum(lost)
    places = np.searchsorted(counter.times, at, side="right") - 1
    return np.where(places >= 0, so_far[np.maximum(places, 0)], 0)


def counters_of(columns: Columns) -> list[Counter]:
    """The counters of `columns` that have at least one sample, births not yet judged."""
    legal = (columns.values >= 0) & (columns.values < np.inf)
    whole = bool(legal.all())
    found = []
    for index, labels in enumerate(columns.labels):
        times, values = columns.series(index)
        if not whole:
            kept = legal[columns.offsets[index] : columns.offsets[index + 1]]
            times, values = times[kept], values[kept]
        if len(times):
            found.append(Counter(labels, times, values, _falls(values)))
    return found


def judge_births(*sides: list[Counter], thinned: Thinned = WHOLE) -> list[list[Counter]]:
    """The same counters, those marked `from_zero` that appeared while another series of their target was already seen.

    "Already" means more than half a scrape interval before, so that the jitter of a scrape's samples is no birth.
    """
    first_ms: dict[Target, int] = {}
    longest: dict[Target, Int64s] = {}
    for counter in (c for side in sides for c in side):
        target, times = counter.target, counter.times
        first_ms[target] = min(int(times[0]), first_ms.get(target, int(times[0])))
        if len(times) > len(longest.get(target, ())):
            longest[target] = times
    grace_ms = {target: interval_ms(times, thinned) / 2 for target, times in longest.items()}
    return [
        [replace(c, from_zero=int(c.times[0]) - first_ms[c.target] > grace_ms[c.target]) for c in side]
        for side in sides
    ]


def interval_ms(times: Int64s, thinned: Thinned = WHOLE) -> float:
    """The median distance between samples; 0 for fewer than two. Where they are thinned, of those that are as far
    apart as they were, if there are any."""
    if len(times) < 2:
        return 0.0
    apart = np.diff(times)
    real = apart[~thinned.together(times)]
    return float(np.median(real if len(real) else apart))


def pair(
    counts: list[Counter], buckets: list[Counter], thinned: Thinned = WHOLE
) -> tuple[list[Counter], list[Counter]]:
    """Histograms' counts and buckets, only where both are known, with the restarts of either seen in both.

    A boundary that is not exported, or was not yet, tells nothing of its events: they are left out, not called slow.
    One boundary written in two ways (`1` and `1.0`) is one counter. Where samples are `thinned`, a restart that only
    one of them shows is counted in it if the other stood still in that step.
    """
    by_key: dict[Labels, list[Counter]] = {}
    for bucket in buckets:
        by_key.setdefault(bucket.labels.without("__name__", "le"), []).append(bucket)
    paired = [
        _pair_one(count, _merged(by_key[key]), thinned)
        for count in counts
        if (key := count.labels.without("__name__", "le")) in by_key
    ]
    kept = [both for both in paired if len(both[0].times)]
    return [count for count, _ in kept], [bucket for _, bucket in kept]


def _pair_one(count: Counter, bucket: Counter, thinned: Thinned) -> tuple[Counter, Counter]:
    if thinned.steps and not np.array_equal(count.times, bucket.times):
        count, bucket = _stood_still(count, bucket.times, thinned), _stood_still(bucket, count.times, thinned)
    times, count_values, bucket_values = count.times, count.values, bucket.values
    if not np.array_equal(times, bucket.times):
        times, in_count, in_bucket = np.intersect1d(times, bucket.times, assume_unique=True, return_indices=True)
        count_values, bucket_values = count_values[in_count], bucket_values[in_bucket]
    # Born together and watched from the beginning, or else the first values hold events of another time.
    newborn = count.from_zero and bucket.from_zero and count.times[0] == bucket.times[0]
    resets = np.union1d(_falls(count_values), _falls(bucket_values))
    return (
        Counter(count.labels, times, count_values, resets, newborn),
        Counter(bucket.labels, times, bucket_values, resets, newborn),
    )


def _stood_still(counter: Counter, instants_ms: Int64s, thinned: Thinned) -> Counter:
    """The counter, also at those of `instants_ms` that thinning left out and at which its value is known all the same:
    between two samples of one step that are equal."""
    times, values = counter.times, counter.values
    if len(times) < 2:
        return counter
    after = np.searchsorted(times, instants_ms)
    inside = (after > 0) & (after < len(times))
    place = np.where(inside, after, 1)
    still = thinned.together(times) & (values[1:] == values[:-1])
    known = inside & still[place - 1] & (times[place] != instants_ms)
    added = np.concatenate((times, instants_ms[known]))
    order = np.argsort(added, kind="stable")
    filled = np.concatenate((values, values[place[known]]))[order]
    return Counter(counter.labels, added[order], filled, _falls(filled), counter.from_zero)


def _merged(counters: list[Counter]) -> Counter:
    if len(counters) == 1:
        return counters[0]
    earliest = min(counters, key=lambda c: int(c.times[0]))
    times, first = np.unique(np.concatenate([c.times for c in counters]), return_index=True)
    values = np.concatenate([c.values for c in counters])[first]
    return Counter(earliest.labels, times, values, _falls(values), earliest.from_zero)


def _falls(values: Float64s) -> Int64s:
    return np.flatnonzero(values[1:] < values[:-1]) + 1


def _running(values: Iterable[float]) -> list[Exact]:
    """Exact running sums, beginning with 0."""
    sums: list[Exact] = [0]
    for value in values:
        sums.append(sums[-1] + exact(float(value)))
    return sums
