"""The events of one objective, counted once over the whole past: exact, and read a piece of time at a time.

As `slo.tally` counts, with one difference that only gaps show: nothing is forgotten at a window's edge, so that an
increase over a gap belongs to the instant at which it was seen, wherever the window begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from sereno.kernel.errors import QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s, Select, Selection
from sereno.slo.counters import seen
from sereno.slo.coverage import covered_until
from sereno.slo.selectors import LOOKBACK_MS, counts_good
from sereno.slo.spans import Span
from sereno.slo.tally import tally
from sereno.slo.thinned import WHOLE, Thinned
from sereno.spec.model import Slo

TILE_SAMPLES = 2_000_000
_TILE_FIRST_MS = 2 * 3_600_000
_TILE_LEAST_MS = 5 * 60_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Events seen by each instant, since the first one: exact (whole numbers, or fractions where counters are not).

    `covered_ms` is how much of the time until then was watched.
    """

    instants_ms: Int64s
    total: npt.NDArray[Any]
    bad: npt.NDArray[Any]
    covered_ms: Int64s

    def place(self, instant_ms: int) -> int:
        """The index of the last instant at or before `instant_ms` (the first, if there is none)."""
        return max(0, int(np.searchsorted(self.instants_ms, instant_ms, side="right")) - 1)

    def over(self, start_ms: int, end_ms: int) -> Span:
        """What happened in (start, end], both moved back to the instants that were counted at."""
        a, b = self.place(start_ms), self.place(end_ms)
        start_ms, end_ms = min(start_ms, int(self.instants_ms[a])), int(self.instants_ms[b])
        return Span(
            _plain(self.total[b] - self.total[a]),
            _plain(self.bad[b] - self.bad[a]),
            int(self.covered_ms[b] - self.covered_ms[a]),
            end_ms - start_ms,
        )

    def back(self, window_ms: int) -> Int64s:
        """For each instant the place of the one `window_ms` before it."""
        places = np.searchsorted(self.instants_ms, self.instants_ms - window_ms, side="right") - 1
        return np.maximum(places, 0).astype(np.int64)


def count(
    slo: Slo, select: Select, instants_ms: Int64s, *, tile_samples: int = TILE_SAMPLES, thinned: Thinned = WHOLE
) -> Counts:
    """The events of `slo` seen by each of `instants_ms` (increasing, at least two).

    `select` is asked for a piece of time at a time, about `tile_samples` samples each. Where samples are `thinned`,
    only at the borders of steps can anything be counted: instants are moved back to them.
    """
    instants_ms = thinned.floors(instants_ms)
    carry = _Carry(select)
    total: list[npt.NDArray[Any]] = [np.zeros(1, np.int64)]
    bad: list[npt.NDArray[Any]] = [np.zeros(1, np.int64)]
    covered: list[Int64s] = [np.zeros(1, np.int64)]
    first, length = 0, _TILE_FIRST_MS
    while first < len(instants_ms) - 1:
        start = int(instants_ms[first])
        last = int(np.searchsorted(instants_ms, _end_of_tile(start, length), side="right")) - 1
        last = min(max(last, first + 1), len(instants_ms) - 1)
        at = instants_ms[first : last + 1]
        carry.samples, carry.first_ms = 0, int(instants_ms[-1])
        try:
            found = tally(slo, carry.select, start, int(at[-1]), thinned)
        except QueryLimit:
            if length <= _TILE_LEAST_MS or last == first + 1:
                raise
            length = max(_TILE_LEAST_MS, length // 4)
            carry.undo()
            continue
        carry.keep()
        for kept, counters in ((total, found.totals), (bad, found.parts)):
            so_far = seen(counters, at)
            kept.append(kept[-1][-1:] + (so_far[1:] - so_far[0]))
        passed = np.array(covered_until(found.known, at), np.int64)
        covered.append(covered[-1][-1:] + (passed[1:] - passed[0]))
        length = _next_length(length, int(at[-1]) - max(start, carry.first_ms), carry.samples, tile_samples)
        first = last
    totals, parts = np.concatenate(total), np.concatenate(bad)
    return Counts(instants_ms, totals, totals - parts if counts_good(slo) else parts, np.concatenate(covered))


def _end_of_tile(start_ms: int, length_ms: int) -> int:
    """The store keeps days together: a tile shorter than a day does not reach into the next one."""
    end = start_ms + length_ms
    return end if length_ms >= _DAY_MS else min(end, (start_ms // _DAY_MS + 1) * _DAY_MS)


def _next_length(length: int, seen_ms: int, samples: int, wanted: int) -> int:
    """How long the next tile may be, by how many samples there were in the time in which there were any."""
    if not samples:
        return _TILE_FIRST_MS  # what comes after silence may be thousands of series
    fitting = max(seen_ms, 1) * wanted // samples
    return max(_TILE_LEAST_MS, min(fitting, length * 8))


def _plain(value: Any) -> int | Fraction:
    return value if isinstance(value, Fraction) else int(value)


class _Carry:
    """A source that remembers the last count of every series, so that pieces of time join without a seam."""

    def __init__(self, select: Select) -> None:
        self._select = select
        self._last: dict[object, dict[Labels, tuple[int, float]]] = {}
        self._next: dict[object, dict[Labels, tuple[int, float]]] = {}
        self.samples = 0
        self.first_ms = 0

    def select(self, selection: Selection) -> Columns:
        """The samples of `selection`, each series' last one before it in the place of the lookback."""
        if selection.matchers in self._last:
            selection = replace(selection, start_ms=selection.start_ms + LOOKBACK_MS + 1)
        columns = self._select(selection)
        self.samples += len(columns.times)
        if len(columns.times):
            self.first_ms = min(self.first_ms, int(columns.times.min()))
        before = self._last.get(selection.matchers, {})
        self._next[selection.matchers] = {**before, **_last_counts(columns)}
        rows = [_joined(columns, i, before) for i in range(len(columns))]
        there = set(columns.labels)
        gone = [(labels, at, value) for labels, (at, value) in before.items() if labels not in there]
        rows += [(labels, np.array([at], np.int64), np.array([value])) for labels, at, value in gone]
        changed = bool(gone) or any(
            len(row[1]) != size for row, size in zip(rows, np.diff(columns.offsets), strict=False)
        )
        return Columns.of(rows) if changed else columns

    def keep(self) -> None:
        """Go on from what was read."""
        self._last.update(self._next)
        self._next = {}

    def undo(self) -> None:
        """Forget what was read."""
        self._next = {}


def _joined(columns: Columns, index: int, before: dict[Labels, tuple[int, float]]) -> tuple[Labels, Int64s, Float64s]:
    labels = columns.labels[index]
    times, values = columns.series(index)
    known = before.get(labels)
    if known is None or known[0] >= int(times[0]):
        return labels, times, values
    return labels, np.concatenate(([known[0]], times)).astype(np.int64), np.concatenate(([known[1]], values))


def _last_counts(columns: Columns) -> dict[Labels, tuple[int, float]]:
    """The last sample of each series that is a count: no staleness marker, no infinity."""
    found: dict[Labels, tuple[int, float]] = {}
    for index, labels in enumerate(columns.labels):
        times, values = columns.series(index)
        if values[-1] >= 0 and values[-1] < np.inf:
            found[labels] = (int(times[-1]), float(values[-1]))
            continue
        legal = np.flatnonzero((values >= 0) & (values < np.inf))
        if len(legal):
            found[labels] = (int(times[legal[-1]]), float(values[legal[-1]]))
    return found


def instants_of(start_ms: int, end_ms: int, step_ms: int, *more_ms: int) -> Int64s:
    """The instants start, start + step, … end, and `more_ms` where they lie between."""
    grid = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
    inside = [at for at in more_ms if start_ms <= at <= end_ms]
    return np.unique(np.concatenate((grid, np.array([*inside, start_ms, end_ms], np.int64))))
