"""What of a batch is taken: pure decisions on the samples of one series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from sereno.adapters.samples.histograms import same_histogram
from sereno.adapters.samples.packing import Run
from sereno.adapters.samples.source import SeriesSamples, Written
from sereno.kernel.labels import Labels
from sereno.promql.columns import Int64s

_INSTANT_MAX = 1 << 53
NAMED_MAX = 3
NOTHING_KNOWN = Run(np.zeros(0, np.int64), np.zeros(0))


@dataclass(slots=True)
class Count:
    """Samples counted while a batch is judged."""

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    too_old: int = 0
    named: dict[Labels, None] = field(default_factory=dict)

    @property
    def written(self) -> Written:
        """As the sender is told."""
        return Written(self.stored, self.duplicates, self.conflicting, self.too_old, tuple(self.named))

    @contextmanager
    def naming(self, labels: Labels) -> Iterator[None]:
        """Remember the series if any of its samples are refused meanwhile; the first few of them."""
        before = self.conflicting + self.too_old
        yield
        if self.conflicting + self.too_old > before and len(self.named) < NAMED_MAX:
            self.named[labels] = None


def tidied(batch: Sequence[SeriesSamples], count: Count) -> dict[Labels, Run]:
    """Each series once, its times increasing; of two samples at one instant the first stays, the other is counted.

    Raises ValueError if a series has not as many values as times, or one of those is no instant.
    """
    found: dict[Labels, Run] = {}
    for one in batch:
        run = Run(np.asarray(one.times, np.int64), np.asarray(one.values, np.float64), one.histograms)
        if len(run.values) != len(run.times) or len(run.times if run.histograms is None else run.histograms) != len(
            run.times
        ):
            raise ValueError(f"{one.labels} has not as many values as times")
        if len(run.times) and not (run.times.min() > -_INSTANT_MAX and run.times.max() < _INSTANT_MAX):
            raise ValueError(f"{one.labels} has a sample at no instant")
        if not len(run.times):
            continue
        before = found.get(one.labels)
        if before is not None:
            run = joined([before, run])
        if len(run.times) > 1 and (np.diff(run.times) <= 0).any():
            with count.naming(one.labels):
                run = _sorted(run, count)
        found[one.labels] = run
    return found


def joined(runs: Sequence[Run]) -> Run:
    """Samples one after the other, in the order of `runs`."""
    histograms = None
    if any(run.histograms is not None for run in runs):
        sides = [np.full(len(r.times), None, object) if r.histograms is None else r.histograms for r in runs]
        histograms = np.concatenate(sides)
    return Run(np.concatenate([r.times for r in runs]), np.concatenate([r.values for r in runs]), histograms)


def judged(run: Run, known: Run, oldest_ms: int, count: Count) -> Run:
    """What of `run` is new and not before `oldest_ms`, beside the `known` samples of its series; counts the rest."""
    places = np.searchsorted(known.times, run.times)
    inside = np.minimum(places, max(len(known.times) - 1, 0))
    there = known.times[inside] == run.times if len(known.times) else np.zeros(len(run.times), np.bool_)
    if there.any():
        _count_rivals(run, np.flatnonzero(there), known, places[there], count)
    old = ~there & (run.times < oldest_ms)
    count.too_old += int(old.sum())
    taken: Int64s = np.flatnonzero(~there & ~old)
    return run if len(taken) == len(run.times) else run.take(taken)


def _sorted(run: Run, count: Count) -> Run:
    run = run.take(np.argsort(run.times, kind="stable"))
    first = np.concatenate(([True], np.diff(run.times) > 0))
    leaders = np.flatnonzero(first)[np.cumsum(first) - 1]
    again = np.flatnonzero(~first)
    _count_rivals(run, again, run, leaders[again], count)
    return run.take(np.flatnonzero(first))


def _count_rivals(new: Run, at: Int64s, old: Run, places: Int64s, count: Count) -> None:
    """Are the samples `at` of `new` those at `places` of `old` again, or others at the same instants?"""
    same = new.values[at].view(np.uint64) == old.values[places].view(np.uint64)
    if new.histograms is not None or old.histograms is not None:
        for i, (a, b) in enumerate(zip(at.tolist(), places.tolist(), strict=True)):
            ours = None if new.histograms is None else new.histograms[a]
            theirs = None if old.histograms is None else old.histograms[b]
            if ours is not None or theirs is not None:
                same[i] = same_histogram(ours, theirs)
    count.duplicates += int(same.sum())
    count.conflicting += int(len(same) - same.sum())
