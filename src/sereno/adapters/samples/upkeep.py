"""What keeps the store small: compressing what is old enough, merging finished days, forgetting."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sereno.adapters.samples import journal as journals
from sereno.adapters.samples.chunk_writer import ChunkWriter
from sereno.adapters.samples.database import transaction
from sereno.adapters.samples.head import Stream
from sereno.adapters.samples.journal import Journal
from sereno.adapters.samples.packing import Run, packed
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.tiers import DAY_MS, TIERS, Tier, Tiers, note_forgotten
from sereno.kernel.errors import Unavailable
from sereno.kernel.moment import to_ms
from sereno.promql.columns import Int64s

_log = logging.getLogger(__name__)
CHUNK_MS = 2 * 3_600_000
_SEGMENTS_MAX = 256
_HEAD_BYTES_MAX = 16 << 20
_JOURNAL_SAMPLES_MAX = 4_000_000
_FREE_PAGES = 2_000
_LAYOUTS_MAX = 1_000
_FILLED = 0.5
_NEVER = 1 << 62


_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept: samples for `retention`, then what the `tiers` hold, all within `bytes_max` (None: no bound)."""

    retention: timedelta = timedelta(days=90)
    tiers: tuple[Tier, ...] = TIERS
    bytes_max: int | None = None


class Upkeep:
    """The store's chores. Each is one transaction; the caller serialises them with all else."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        registry: Registry,
        journal: Journal,
        writer: ChunkWriter,
        tiers: Tiers,
        keep: Keep,
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._journal = journal
        self._writer = writer
        self._tiers = tiers
        self._kept = {0: keep.retention // _MS} | {tier.step_ms: tier.retention // _MS for tier in keep.tiers}
        self._bytes_max = keep.bytes_max
        self._complained = False
        self._swept_day = -1
        self._compacted_ms = -_NEVER

    def chores(self, now: datetime) -> Iterator[None]:
        """Do one chore for each step of the iterator; what is not due costs next to nothing."""
        now_ms = to_ms(now)
        for stream in list(self._registry.streams.values()):
            until = self._due(stream, now_ms)
            if until is not None:
                self.compress(stream, until)
                yield
        until = self._journal_due(now_ms)
        if until is not None:
            self.compress_journal(until)
            yield
        for stream_id, day in self._unfinished(now_ms):
            self.finish(stream_id, day)
            yield
        crowded = len(self._registry.layouts) > _LAYOUTS_MAX + 4 * len(self._registry.streams)
        if crowded or now_ms // DAY_MS != self._swept_day:
            self.sweep(now_ms)
            self._swept_day = now_ms // DAY_MS
            yield
        while self._too_large() and self.shrink(now_ms):
            yield
        while self._pages("freelist_count") > _FREE_PAGES:
            self._give_back()
            yield
        yield

    def finish(self, stream: int, day: int) -> None:
        """Put a day that is over into its final blocks, and into the tiers."""
        with self.undoable(), transaction(self._connection):
            self._writer.merge(stream, day * DAY_MS, (day + 1) * DAY_MS)
            self._tiers.build(stream, day)

    def compress(self, stream: Stream, until_ms: int) -> None:
        """Turn the scrapes of `stream` before `until_ms` into chunks, none longer than two hours."""
        with self.undoable(), transaction(self._connection):
            for start in stream.slots(until_ms, CHUNK_MS):
                piece = stream.before(start, min(start + CHUNK_MS, until_ms))
                if piece is not None:
                    self._writer.write(stream.id, piece, self._registry.metrics_of(piece.numbers))
            self._connection.execute("DELETE FROM head WHERE stream=? AND at_ms<?", (stream.id, until_ms))
        stream.drop_before(until_ms)

    def relieve(self) -> None:
        """Turn what was sent into chunks at once when it is more than memory should hold, as in a large import.

        A disk that is full then is no fault of what was kept just before: it is tried again with the next batch.
        """
        bounds = self._journal.bounds
        if bounds is not None and self._journal.samples > _JOURNAL_SAMPLES_MAX:
            try:
                self.compress_journal(bounds[1] + 1)
            except Unavailable as problem:
                _log.warning("sample store: what was sent could not be compressed yet: %s", problem.message)

    def compress_journal(self, until_ms: int) -> None:
        """Turn what was sent of before `until_ms` into chunks, by target and day."""
        fresh: dict[str, Stream] = {}
        with self.undoable(), transaction(self._connection):
            for (name, _), series in self._sent_before(until_ms).items():
                stream = fresh.get(name) or self._registry.new_stream(name)
                fresh[name] = stream
                for piece in packed(series, filled=_FILLED):
                    self._writer.write(stream.id, piece, self._registry.metrics_of(piece.numbers))
            journals.trim(self._connection, until_ms)
        for stream in fresh.values():
            self._registry.learn((), None, stream)
        self._journal.drop_before(until_ms)
        self._compacted_ms = until_ms

    def _sent_before(self, until_ms: int) -> dict[tuple[str, int], list[tuple[int, Run]]]:
        """By stream and day: the series of one target share their times."""
        found: dict[tuple[str, int], list[tuple[int, Run]]] = {}
        for source, number, run in self._journal.before(until_ms):
            labels = self._registry.index.labels.get(number)
            if labels is None:
                continue
            name = f"+{source} {labels.get('job', '')} {labels.get('instance', '')}"
            for day, part in by_day(run):
                found.setdefault((name, day), []).append((number, part))
        return found

    def sweep(self, now_ms: int) -> None:
        """Forget what is past its retention, then layouts, series and streams that nothing refers to."""
        execute = self._connection.execute
        with self.undoable(), transaction(self._connection):
            for step_ms, kept_ms in self._kept.items():
                self._forget(step_ms, now_ms - kept_ms)
            execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM head)")
            used = {layout for (layout,) in execute("SELECT DISTINCT layout FROM head").fetchall()}
            layouts = {blob: layout for blob, layout in self._registry.layouts.items() if layout.id in used}
            alive = self._writer.referenced().union(*(layout.numbers.tolist() for layout in layouts.values()))
            dead = self._registry.index.labels.keys() - alive - self._journal.tails.keys()
            self._connection.executemany("DELETE FROM series WHERE id=?", [(number,) for number in dead])
            execute("DELETE FROM stream WHERE id NOT IN (SELECT stream FROM head UNION SELECT stream FROM block)")
            streams = {stream for (stream,) in execute("SELECT id FROM stream").fetchall()}
        self._registry.layouts = layouts
        self._registry.forget(dead)
        self._registry.streams = {n: s for n, s in self._registry.streams.items() if s.id in streams}
        self._registry.recent.clear()

    def _forget(self, step_ms: int, before_ms: int) -> int:
        """Forget the blocks of a tier (0: samples) that ended before `before_ms`; returns how many."""
        found = self._connection.execute(
            "SELECT id, t1 FROM block WHERE step IN (?, ?) AND t1 < ?", (step_ms, -step_ms, before_ms)
        ).fetchall()
        if found:
            self._writer.drop(block for block, _ in found)
            note_forgotten(self._connection, step_ms, max(t1 for _, t1 in found))
        return len(found)

    def shrink(self, now_ms: int) -> bool:
        """Forget the oldest day that is over: samples first, then the finest tier. False: there is none."""
        for step_ms in self._kept:
            row = self._connection.execute("SELECT min(t1) FROM block WHERE step=?", (step_ms,)).fetchone()
            if row[0] is not None and row[0] < now_ms - DAY_MS:
                day_end = min((row[0] // DAY_MS + 1) * DAY_MS, now_ms - DAY_MS)
                with self.undoable(), transaction(self._connection):
                    self._forget(step_ms, day_end)
                return True
        if not self._complained:
            self._complained = True
            _log.warning("sample store: the last day alone is larger than the bytes it may take; it is kept")
        return False

    def _too_large(self) -> bool:
        if self._bytes_max is None:
            return False
        used = self._pages("page_count") - self._pages("freelist_count")
        return used * self._pages("page_size") > self._bytes_max

    def _give_back(self) -> None:
        """Give some free pages back to the file system."""
        with transaction(self._connection):
            self._connection.execute(f"PRAGMA incremental_vacuum({_FREE_PAGES})").fetchall()

    def _pages(self, what: str) -> int:
        return int(self._connection.execute(f"PRAGMA {what}").fetchone()[0])

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """If the transaction inside is undone, what is remembered of the file is read again."""
        try:
            yield
        except BaseException:
            self._writer.reload()
            raise

    def _due(self, stream: Stream, now_ms: int) -> int | None:
        """Up to which instant `stream` should be compressed now, if at all."""
        oldest, boundary = stream.oldest_ms, now_ms // CHUNK_MS * CHUNK_MS
        if oldest is None:
            return None
        if len(stream.segments) > _SEGMENTS_MAX or stream.samples * 8 > _HEAD_BYTES_MAX:
            return stream.newest_ms + 1
        return boundary if oldest < boundary else None

    def _journal_due(self, now_ms: int) -> int | None:
        """Up to which instant what was sent should be compressed now: once every two hours."""
        bounds, boundary = self._journal.bounds, now_ms // CHUNK_MS * CHUNK_MS
        if bounds is None:
            return None
        return boundary if bounds[0] < boundary and boundary > self._compacted_ms else None

    def _unfinished(self, now_ms: int) -> list[tuple[int, int]]:
        """Days of streams that are over and not yet in their final blocks."""
        return self._connection.execute(
            "SELECT DISTINCT stream, t0 / ? FROM block WHERE t0 < ? AND step = 0 AND finished = 0",
            (DAY_MS, now_ms // DAY_MS * DAY_MS),
        ).fetchall()


def by_day(run: Run) -> Iterator[tuple[int, Run]]:
    """The samples of `run` day by day."""
    days: Int64s = run.times // DAY_MS
    for day in dict.fromkeys(days.tolist()):
        yield day, run.between(day * DAY_MS, (day + 1) * DAY_MS - 1)
