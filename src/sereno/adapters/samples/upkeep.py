"""What keeps the store small: compressing what is old enough, merging finished days, forgetting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sereno.adapters.samples.chunks import Chunks
from sereno.adapters.samples.database import transaction
from sereno.adapters.samples.head import Stream
from sereno.adapters.samples.registry import Registry
from sereno.kernel.moment import to_ms

CHUNK_MS = 2 * 3_600_000
DAY_MS = 86_400_000
_SEGMENTS_MAX = 256
_HEAD_BYTES_MAX = 16 << 20
_FREE_PAGES = 2_000
_LAYOUTS_MAX = 1_000


class Upkeep:
    """The store's chores. Each is one transaction; the caller serialises them with all else."""

    def __init__(self, connection: sqlite3.Connection, registry: Registry, chunks: Chunks, retention_ms: int) -> None:
        self._connection = connection
        self._registry = registry
        self._chunks = chunks
        self._retention_ms = retention_ms
        self._swept_day = -1

    def chores(self, now: datetime) -> Iterator[None]:
        """Do one chore for each step of the iterator; what is not due costs next to nothing."""
        now_ms = to_ms(now)
        for stream in list(self._registry.streams.values()):
            until = self._due(stream, now_ms)
            if until is not None:
                self.compress(stream, until)
                yield
        for stream_id, day in self._unmerged(now_ms):
            with self.undoable(), transaction(self._connection):
                self._chunks.merge(stream_id, day * DAY_MS, (day + 1) * DAY_MS)
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
                    self._chunks.write(stream.id, piece, self._registry.metrics_of(piece.numbers))
            self._connection.execute("DELETE FROM head WHERE stream=? AND at_ms<?", (stream.id, until_ms))
        stream.drop_before(until_ms)

    def sweep(self, before_ms: int) -> None:
        """Forget blocks that ended before `before_ms`, then layouts, series and streams that nothing refers to."""
        execute = self._connection.execute
        with self.undoable(), transaction(self._connection):
            self._chunks.drop(
                [block for (block,) in execute("SELECT id FROM block WHERE t1<?", (before_ms,)).fetchall()]
            )
            execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM head)")
            used = {layout for (layout,) in execute("SELECT DISTINCT layout FROM head").fetchall()}
            layouts = {blob: layout for blob, layout in self._registry.layouts.items() if layout.id in used}
            alive = self._chunks.referenced().union(*(layout.numbers.tolist() for layout in layouts.values()))
            dead = self._registry.index.labels.keys() - alive
            self._connection.executemany("DELETE FROM series WHERE id=?", [(number,) for number in dead])
            execute("DELETE FROM stream WHERE id NOT IN (SELECT stream FROM head UNION SELECT stream FROM block)")
            streams = {stream for (stream,) in execute("SELECT id FROM stream").fetchall()}
            execute(f"PRAGMA incremental_vacuum({_FREE_PAGES})").fetchall()
        self._registry.layouts = layouts
        self._registry.index.remove(dead)
        self._registry.streams = {n: s for n, s in self._registry.streams.items() if s.id in streams}
        self._registry.recent.clear()

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """If the transaction inside is undone, what is remembered of the file is read again."""
        try:
            yield
        except BaseException:
            self._chunks.reload()
            raise

    def _due(self, stream: Stream, now_ms: int) -> int | None:
        """Up to which instant `stream` should be compressed now, if at all."""
        oldest, boundary = stream.oldest_ms, now_ms // CHUNK_MS * CHUNK_MS
        if oldest is None:
            return None
        if len(stream.segments) > _SEGMENTS_MAX or stream.samples * 8 > _HEAD_BYTES_MAX:
            return stream.newest_ms + 1
        return boundary if oldest < boundary else None

    def _unmerged(self, now_ms: int) -> list[tuple[int, int]]:
        """Finished days of streams that are in several blocks."""
        return self._connection.execute(
            "SELECT stream, t0 / ? AS day FROM block WHERE t0 < ? GROUP BY stream, day HAVING count(*) > 1",
            (DAY_MS, now_ms // DAY_MS * DAY_MS),
        ).fetchall()
