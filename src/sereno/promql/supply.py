"""Samples on their way to the evaluation: asked for a part of the time after another, and let go behind it.

What is small is asked for once and whole. What is large comes in parts: each part is put behind what is still
looked at of the parts before, so that every sample is read once, and what is held at any time stays bounded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Grid, Int64s, Matcher, Select, Selection
from sereno.promql.limits import Limits
from sereno.promql.native import weight
from sereno.promql.windows import Samples

WHOLE_SAMPLES = 12_000_000
"""Up to so many samples (16 bytes each) are asked for once and whole."""
RESIDENT_SAMPLES = 6_000_000
"""When they come in parts, about so many are held; twice that while parts are put together."""
_LONG = 64
"""Of so many samples a series, series are copied one by one."""
_PROBE_MS = 900_000
_PROBED_FROM_MS = 6 * 3_600_000
_PROBED_ALONE_FROM_MS = 7 * 86_400_000

Wanted = Callable[[Grid], tuple[Selection, ...]]
"""What the evaluation on a part of the grid looks at."""


@dataclass(slots=True)
class _Held:
    """The samples that are there now, for one selection."""

    selection: Selection
    columns: Columns
    samples: Samples


class Supply:
    """Samples for one or several expressions, held as long as they are looked at."""

    def __init__(self, select: Select, limits: Limits) -> None:
        self._select = select
        self._limits = limits
        self._held: dict[tuple[Matcher, ...], list[_Held]] = {}
        self._failed: dict[tuple[Matcher, ...], QueryError] = {}

    @property
    def series(self) -> int:
        """The most series that any selection has."""
        return max((len(held.columns) for group in self._held.values() for held in group), default=0)

    def find(self, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int) -> Samples:
        """The samples of [start, end]. Raises QueryError if they could not be had."""
        if matchers in self._failed:
            raise copy.copy(self._failed[matchers])  # each expression marks its own place in it
        for held in self._held.get(matchers, ()):
            if held.selection.start_ms <= start_ms and end_ms <= held.selection.end_ms:
                return held.samples
        raise AssertionError("an evaluation looks only at what it had planned")

    def loaded(self, selections: Iterable[Selection]) -> int:
        """How many samples are held for `selections`."""
        wanted = {selection.matchers for selection in selections}
        return sum(len(held.columns.times) for matchers in wanted for held in self._held.get(matchers, ()))

    def advance(self, wanted: Iterable[Selection]) -> None:
        """Hold exactly `wanted`, asking for what is not there yet."""
        before, self._held = self._held, {}
        for selection in wanted:
            if selection.matchers in self._failed:
                continue
            try:
                self._held.setdefault(selection.matchers, []).append(
                    self._next(selection, before.get(selection.matchers, []))
                )
            except QueryError as error:
                self._failed[selection.matchers] = error

    def _next(self, selection: Selection, before: list[_Held]) -> _Held:
        for index, held in enumerate(before):
            there = held.selection
            if there.start_ms <= selection.start_ms <= there.end_ms + 1:
                if selection.end_ms <= there.end_ms:
                    return held if there == selection else _held(selection, cut(held.columns, selection))
                rest = self._ask(Selection(selection.matchers, there.end_ms + 1, selection.end_ms))
                kept = cut(held.columns, Selection(selection.matchers, selection.start_ms, there.end_ms))
                before.pop(index)
                del held
                return _held(selection, end_to_end(kept, rest))
        return _held(selection, self._ask(selection, exactly=False))

    def _ask(self, selection: Selection, *, exactly: bool = True) -> Columns:
        columns = self._select(selection)
        self._limits.check("series_max", len(columns), "series")
        native = 0 if columns.histograms is None else weight(columns.histograms)
        self._limits.check("samples_max", len(columns.times) + native, "samples")
        return cut(columns, selection) if exactly else columns

    # A look ahead ------------------------------------------------------------------------------------------

    def looked_ahead(self, whole: tuple[Selection, ...], steps: int) -> LookAhead | None:
        """How much `whole` is, from a look at a few moments; None if it is little enough to be asked for as it is.

        Nor is there a look ahead where what was looked at came with more than was asked for (then all is in memory
        anyway), or where the source knows nothing but the whole of a selection (LookupError).
        """
        span = max((one.end_ms - one.start_ms for one in whole), default=0)
        if span < (_PROBED_FROM_MS if steps > 1 else _PROBED_ALONE_FROM_MS):
            return None
        looked = LookAhead({}, {})
        try:
            for one in whole:
                if not self._look_at(one, looked):
                    return None
        except (LookupError, QueryError):  # if it is wrong, that will be said when it is asked for in earnest
            return None
        return looked if looked.size(whole) > WHOLE_SAMPLES else None

    def _look_at(self, one: Selection, looked: LookAhead) -> bool:
        """Look at the beginning, the middle and the end of `one`; False if more was there than was asked for."""
        if one.end_ms - one.start_ms < 4 * _PROBE_MS:
            return True
        middle = (one.start_ms + one.end_ms) // 2
        for start in (one.start_ms, middle, one.end_ms - _PROBE_MS):
            probe = Selection(one.matchers, start, start + _PROBE_MS)
            columns = self._select(probe)
            if len(columns.times) and (columns.times.min() < start or columns.times.max() > probe.end_ms):
                return False
            density = len(columns.times) / _PROBE_MS
            looked.densities[one.matchers] = max(looked.densities.get(one.matchers, 0.0), density)
            for labels, count in zip(columns.labels, np.diff(columns.offsets).tolist(), strict=True):
                weight = count / _PROBE_MS * (one.end_ms - one.start_ms)
                looked.weights[labels] = max(looked.weights.get(labels, 0.0), weight)
        return True


@dataclass(frozen=True, slots=True)
class LookAhead:
    """How much will be asked for, about: samples a millisecond of each selector, samples of each series."""

    densities: dict[tuple[Matcher, ...], float]
    weights: dict[Labels, float]

    def size(self, selections: Iterable[Selection]) -> float:
        """How many samples `selections` are."""
        return sum((one.end_ms - one.start_ms) * self.densities.get(one.matchers, 0.0) for one in selections)

    def parts(self, grid: Grid, steps: int, wanted: Wanted) -> list[Grid]:
        """`grid` in parts, for each of which `wanted` is little enough to be held: as many instants as fit beside
        the windows, and so many at least that there is more to do than to put parts together."""
        if self.size(wanted(grid)) <= WHOLE_SAMPLES:
            return [grid]
        windows = self.size(wanted(Grid(grid.start_ms, grid.start_ms, grid.step_ms)))
        some = max(1, min(steps - 1, 3_600_000 // grid.step_ms))
        more = self.size(wanted(Grid(grid.start_ms, grid.start_ms + some * grid.step_ms, grid.step_ms)))
        a_step = max((more - windows) / some, 1e-9)
        size = min(steps, max(int((RESIDENT_SAMPLES - windows) / a_step), int(windows / 4 / a_step), 1))
        return [
            Grid(
                grid.start_ms + begin * grid.step_ms,
                grid.start_ms + (min(begin + size, steps) - 1) * grid.step_ms,
                grid.step_ms,
            )
            for begin in range(0, steps, size)
        ]


# Columns -----------------------------------------------------------------------------------------------------------


def _held(selection: Selection, columns: Columns) -> _Held:
    return _Held(selection, columns, Samples.of(columns))


def cut(columns: Columns, selection: Selection) -> Columns:
    """Only the samples within the times of `selection`; series that have none are left out."""
    if len(columns.times) > _LONG * max(len(columns), 1):
        return _cut_long(columns, selection)
    keep = (columns.times >= selection.start_ms) & (columns.times <= selection.end_ms)
    if keep.all():
        return columns
    counts = np.concatenate(([0], np.cumsum(keep)))
    ends = counts[columns.offsets]
    sizes = np.diff(ends)
    alive = np.flatnonzero(sizes)
    labels = columns.labels
    if len(alive) < len(labels):
        labels = tuple(labels[row] for row in alive.tolist())
    offsets = np.concatenate(([0], np.cumsum(sizes[alive])))
    histograms = None if columns.histograms is None else columns.histograms[keep]
    starts = None if columns.starts is None else columns.starts[keep]
    return Columns(labels, offsets, columns.times[keep], columns.values[keep], histograms, starts)


def _cut_long(columns: Columns, selection: Selection) -> Columns:
    """As `cut`, series by series: nothing is as long as the samples but what is handed back."""
    bounds = columns.offsets.tolist()
    parts: list[slice] = []
    rows: list[int] = []
    for row, (begin, end) in enumerate(pairwise(bounds)):
        times = columns.times[begin:end]
        a, b = np.searchsorted(times, (selection.start_ms, selection.end_ms + 1)).tolist()
        if a < b:
            rows.append(row)
            parts.append(slice(begin + a, begin + b))
    if len(rows) == len(columns) and sum(part.stop - part.start for part in parts) == len(columns.times):
        return columns
    offsets = np.concatenate(([0], np.cumsum([part.stop - part.start for part in parts], dtype=np.int64)))
    whole = Columns((), offsets, columns.times[:0], columns.values[:0])
    if not parts:
        return whole
    histograms = None if columns.histograms is None else np.concatenate([columns.histograms[one] for one in parts])
    starts = None if columns.starts is None else np.concatenate([columns.starts[one] for one in parts])
    labels = tuple(columns.labels[row] for row in rows)
    times = np.concatenate([columns.times[one] for one in parts])
    return Columns(labels, offsets, times, np.concatenate([columns.values[one] for one in parts]), histograms, starts)


def end_to_end(first: Columns, then: Columns) -> Columns:
    """The series of both, with the samples of `then` behind those of `first`."""
    if not len(first) or not len(then):
        return first if len(first) else then
    rows = {labels: row for row, labels in enumerate(first.labels)}
    places = np.array([rows.setdefault(labels, len(rows)) for labels in then.labels], dtype=np.int64)
    sizes = np.zeros(len(rows), dtype=np.int64)
    own = np.diff(first.offsets)
    sizes[: len(first)] = own
    sizes[places] += np.diff(then.offsets)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    begins = offsets[places].copy()
    there = places < len(first)
    begins[there] += own[places[there]]
    times = np.empty(int(offsets[-1]), dtype=np.int64)
    values = np.empty(len(times))
    native = first.histograms is not None or then.histograms is not None
    histograms = np.full(len(times), None, dtype=object) if native else None
    starts = None if first.starts is None and then.starts is None else np.zeros(len(times), dtype=np.int64)
    for part, begin in ((first, offsets[: len(first)]), (then, begins)):
        for target, source in _places(begin, part.offsets):
            times[target], values[target] = part.times[source], part.values[source]
            if histograms is not None and part.histograms is not None:
                histograms[target] = part.histograms[source]
            if starts is not None and part.starts is not None:
                starts[target] = part.starts[source]
    return Columns(tuple(rows), offsets, times, values, histograms, starts)


def _places(begins: Int64s, offsets: Int64s) -> Iterator[tuple[slice | Int64s, slice]]:
    """Where the samples of each series go, and where they are: those of series i to `begins[i]` and behind."""
    if int(offsets[-1]) > _LONG * len(begins):
        for begin, (first, last) in zip(begins.tolist(), pairwise(offsets.tolist()), strict=True):
            yield slice(begin, begin + last - first), slice(first, last)
        return
    sizes = np.diff(offsets)
    before = np.cumsum(sizes) - sizes
    yield np.repeat(begins - before, sizes) + np.arange(int(sizes.sum())), slice(None)
