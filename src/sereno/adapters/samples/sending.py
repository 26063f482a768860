"""Keeping what others send: any order, any number of times, each sample once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np

from sereno.adapters.samples import journal as journals
from sereno.adapters.samples.assembly import columns_of
from sereno.adapters.samples.database import transaction
from sereno.adapters.samples.journal import Entry, Journal
from sereno.adapters.samples.judging import NOTHING_KNOWN, Count, judged, tidied
from sereno.adapters.samples.looking import Looking, fresh_pieces
from sereno.adapters.samples.packing import Run
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.source import SeriesSamples, Written
from sereno.adapters.samples.tiers import DAY_MS
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Int64s

_NEVER = 1 << 62


class Sending:
    """Takes batches into the journal. `looking` goes through `connection`; `window_ms` is how late a sample may be.

    The caller serialises it with all else that writes.
    """

    def __init__(
        self, connection: sqlite3.Connection, registry: Registry, journal: Journal, looking: Looking, window_ms: int
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._journal = journal
        self._looking = looking
        self._window_ms = window_ms

    def load(self) -> None:
        """Read what the file holds."""
        for entry in self._journal.load(self._connection):
            self._note(entry)

    def write(self, batch: Sequence[SeriesSamples], source: str, *, any_age: bool) -> Written:
        """Keep what of `batch` is new, in one commit. Raises Unavailable, ValueError."""
        count = Count()
        taken = self._judged(tidied(batch, count), any_age, count)
        if not taken:
            return count.written
        with transaction(self._connection):
            numbers, fresh = self._registry.new_series(list(taken))
            entry = Entry(source, list(zip(numbers.tolist(), taken.values(), strict=True)))
            journals.insert(self._connection, entry)
        self._registry.learn(fresh)
        self._journal.add(entry)
        self._note(entry)
        count.stored = sum(len(run.times) for run in taken.values())
        return count.written

    def _judged(self, runs: Mapping[Labels, Run], any_age: bool, count: Count) -> dict[Labels, Run]:
        """What of a batch is to be kept; the rest is counted. Only what comes late is compared with what is known."""
        spans, numbers = self._registry.whole_spans, self._registry.index.numbers
        late: dict[int, Run] = {}
        for labels, run in runs.items():
            number = numbers.get(labels)
            if number is not None and int(run.times[0]) <= spans.last_of(number):
                late[number] = run
        known = self._known(late)
        if not any_age:
            self._refine(late)
        taken: dict[Labels, Run] = {}
        for labels, run in runs.items():
            number = numbers.get(labels)
            if number is not None and number in late:
                oldest = -_NEVER if any_age else spans.last_of(number) - self._window_ms
                with count.naming(labels):
                    run = judged(run, known.get(number, NOTHING_KNOWN), oldest, count)
            if len(run.times):
                taken[labels] = run
        return taken

    def _known(self, late: Mapping[int, Run]) -> dict[int, Run]:
        """What is known of the series in `late`, from the earliest of their new samples on."""
        if not late:
            return {}
        start = min(int(run.times[0]) for run in late.values())
        end = max(int(run.times[-1]) for run in late.values())
        columns = self._columns(sorted(late), start, end)
        numbers = self._registry.index.numbers
        return {numbers[labels]: _run_of(columns, row) for row, labels in enumerate(columns.labels)}

    def _columns(self, numbers: Sequence[int], start_ms: int, end_ms: int) -> Columns:
        labels = self._registry.index.labels
        found: dict[str, list[int]] = {}
        for number in numbers:
            found.setdefault(labels[number].get("__name__", ""), []).append(number)
        wanted: dict[str, Int64s] = {metric: np.array(members, np.int64) for metric, members in found.items()}
        fresh = fresh_pieces(self._registry, self._journal, wanted, start_ms, end_ms)
        return columns_of([*self._looking.pieces(wanted, start_ms, end_ms), *fresh], labels)

    def _refine(self, late: Mapping[int, Run]) -> None:
        """Look up the last sample of series that are only known to end by the end of some chunk, where it matters."""
        spans = self._registry.spans
        for number, run in late.items():
            end = spans.last_of(number)
            if spans.rough[number] and int(run.times[0]) < end - self._window_ms:
                columns = self._columns([number], end - DAY_MS, end)
                spans.settle(number, int(columns.times[-1]) if len(columns.times) else end)

    def _note(self, entry: Entry) -> None:
        """Remember from when to when the series of a batch have samples."""
        numbers = np.array([number for number, _ in entry.series], np.int64)
        first = np.array([run.times[0] for _, run in entry.series], np.int64)
        self._registry.spans.note(numbers, first, np.array([run.times[-1] for _, run in entry.series], np.int64))


def _run_of(columns: Columns, row: int) -> Run:
    times, values = columns.series(row)
    part = slice(columns.offsets[row], columns.offsets[row + 1])
    return Run(times, values, None if columns.histograms is None else columns.histograms[part])
