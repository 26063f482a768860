"""What keeps the store small: compressing what is old enough, merging finished days, forgetting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sereno.adapters.samples import journal as journals
from sereno.adapters.samples.chunk_writer import ChunkWriter
from sereno.adapters.samples.database import transaction
from sereno.adapters.samples.head import Stream
from sereno.adapters.samples.journal import Journal
from sereno.adapters.samples.packing import Run, packed
from sereno.adapters.samples.registry import Registry
from sereno.kernel.moment import to_ms
from sereno.promql.columns import Int64s

CHUNK_MS = 2 * 3_600_000
DAY_MS = 86_400_000
_SEGMENTS_MAX = 256
_HEAD_BYTES_MAX = 16 << 20
_JOURNAL_SAMPLES_MAX = 8_000_000
_FREE_PAGES = 2_000
_LAYOUTS_MAX = 1_000
_FILLED = 0.5
_NEVER = 1 << 62


class Upkeep:
    """The store's chores. Each is one transaction; the caller serialises them with all else."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        registry: Registry,
        journal: Journal,
        writer: ChunkWriter,
        retention_ms: int,
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._journal = journal
        self._writer = writer
        self._retention_ms = retention_ms
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
            with self.undoable(), transaction(self._connection):
                self._writer.merge(stream_id, day * DAY_MS, (day + 1) * DAY_MS)
            yield
        crowded = len(self._registry.layouts) > _LAYOUTS_MAX + 4 * len(self._registry.streams)
        if crowded or now_ms // DAY_MS != self._swept_day:
            self.sweep(now_ms - self._retention_ms)
            self._swept_day = now_ms // DAY_MS
        yield

    def compress(self, stream: Stream, until_ms: int) -> None:
        """Turn the scrapes of `stream` before `until_ms` into chunks, none longer than two hours."""
        oldest = stream.oldest_ms
        if oldest is None:
            return
        with self.undoable(), transaction(self._connection):
            for start in range(oldest // CHUNK_MS * CHUNK_MS, until_ms, CHUNK_MS):
                piece = stream.before(start, min(start + CHUNK_MS, until_ms))
                if piece is not None:
                    self._writer.write(stream.id, piece, self._registry.metrics_of(piece.numbers))
            self._connection.execute("DELETE FROM head WHERE stream=? AND at_ms<?", (stream.id, until_ms))
        stream.drop_before(until_ms)

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

    def sweep(self, before_ms: int) -> None:
        """Forget blocks that ended before `before_ms`, then layouts, series and streams that nothing refers to."""
        execute = self._connection.execute
        with self.undoable(), transaction(self._connection):
            self._writer.drop(
                [block for (block,) in execute("SELECT id FROM block WHERE t1<?", (before_ms,)).fetchall()]
            )
            execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM head)")
            used = {layout for (layout,) in execute("SELECT DISTINCT layout FROM head").fetchall()}
            layouts = {blob: layout for blob, layout in self._registry.layouts.items() if layout.id in used}
            alive = self._writer.referenced().union(*(layout.numbers.tolist() for layout in layouts.values()))
            dead = self._registry.index.labels.keys() - alive - self._journal.tails.keys()
            self._connection.executemany("DELETE FROM series WHERE id=?", [(number,) for number in dead])
            execute("DELETE FROM stream WHERE id NOT IN (SELECT stream FROM head UNION SELECT stream FROM block)")
            streams = {stream for (stream,) in execute("SELECT id FROM stream").fetchall()}
            execute(f"PRAGMA incremental_vacuum({_FREE_PAGES})").fetchall()
        self._registry.layouts = layouts
        self._registry.forget(dead)
        self._registry.streams = {n: s for n, s in self._registry.streams.items() if s.id in streams}
        self._registry.recent.clear()

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
        """Up to which instant what was sent should be compressed now: once every two hours, or when it is much."""
        bounds, boundary = self._journal.bounds, now_ms // CHUNK_MS * CHUNK_MS
        if bounds is None:
            return None
        if self._journal.samples > _JOURNAL_SAMPLES_MAX:
            return bounds[1] + 1
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
