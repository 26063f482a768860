"""The embedded sample store: one SQLite file of its own, for those without a Prometheus.

A scrape is one row and one commit (see `database.py` for what that survives). Every two hours the rows of a
stream become compressed chunks, a chunk a metric; the chunks of a finished day become one. What was written
lately is also in memory, so that rules read nothing from the disk.

Time moves forward within a stream: a scrape at or before the stream's latest is refused and counted. Several
streams may hold the same series (history that was brought in, and the target itself): their samples are merged
by time, and of two at the same millisecond the one written later is taken.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import RLock
from typing import TypeVar

import numpy as np

from sereno.adapters.samples.assembly import Piece, columns_of
from sereno.adapters.samples.chunks import Chunks, check_samples
from sereno.adapters.samples.database import connect, hold, transaction
from sereno.adapters.samples.head import Layout, Stream
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.upkeep import DAY_MS, Upkeep
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Columns, Float64s, Int64s, Selection

T = TypeVar("T")
CACHE_BYTES = 48 << 20
SAMPLES_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What the store holds. `refused` scrapes were not later than their stream's latest."""

    series: int
    samples: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    corrupt_chunks: int
    refused: int


class SampleStore:
    """Keeps samples; hands them out as columns.

    `path` is the file (None: in memory only), `retention` how long samples are kept, `cache_bytes` the bound of
    the cache of decoded chunks, `samples_max` the most that one selection may read. The plain methods may be called
    from any thread; the asynchronous ones run them in one thread of the store's own. Raises Conflict if another
    process holds the file, Unavailable if it cannot be opened. With `read_only` it shows the file as it was when
    opened.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        retention: timedelta = timedelta(days=90),
        cache_bytes: int = CACHE_BYTES,
        samples_max: int = SAMPLES_MAX,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.refused = 0
        self._samples_max = samples_max
        self._lock = RLock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="samples")
        self._hold = hold(path) if path is not None and not read_only else None
        try:
            self._connection = connect(path, read_only=read_only)
            self._chunks = Chunks(self._connection, cache_bytes, samples_max)
            self._registry = Registry(self._connection)
            retention_ms = retention // timedelta(milliseconds=1)
            self._upkeep = Upkeep(self._connection, self._registry, self._chunks, retention_ms)
        except BaseException:
            self._release()
            raise

    # -- reading ----------------------------------------------------------------------------------------

    def select(self, selection: Selection) -> Columns:
        """The samples with start <= t <= end of the series that match; series without any are left out.

        Raises QueryError for a wrong regular expression, QueryLimit for more than `samples_max` samples, Unavailable
        if the file cannot be read.
        """
        with self._lock, _reading():
            found = self._registry.index.find(selection.matchers)
            pieces: list[Piece] = []
            start, end = selection.start_ms, selection.end_ms
            for metric, wanted in found.items():
                pieces.extend(self._chunks.pieces(metric, wanted, start, end))
                check_samples(sum(piece.values.size for piece in pieces), self._samples_max)
            if found:
                wanted = np.unique(np.concatenate(list(found.values())))
                for stream in self._registry.streams.values():
                    pieces.extend(stream.pieces(wanted, start, end))
            return columns_of(pieces, self._registry.index.labels)

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection, as `select`."""
        wanted = tuple(dict.fromkeys(selections))
        return await self._run(lambda: {selection: self.select(selection) for selection in wanted})

    def series(self) -> list[Labels]:
        """The labels of every series known."""
        with self._lock:
            return list(self._registry.index.labels.values())

    def stats(self) -> StoreStats:
        """How much there is, from when to when."""
        with self._lock, _reading():
            execute = self._connection.execute
            chunked, oldest, newest = execute(
                "SELECT coalesce(sum(samples), 0), min(t0), max(t1) FROM chunk"
            ).fetchone()
            pages, size = (execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            streams = [stream for stream in self._registry.streams.values() if stream.segments]
            begins = [t for t in (oldest, *(stream.oldest_ms for stream in streams)) if t is not None]
            ends = [t for t in (newest, *(stream.newest_ms for stream in streams)) if t is not None]
            return StoreStats(
                series=len(self._registry.index.labels),
                samples=int(chunked) + sum(stream.samples for stream in streams),
                bytes=int(pages * size) + self._log_bytes(),
                oldest=from_ms(min(begins)) if begins else None,
                newest=from_ms(max(ends)) if ends else None,
                corrupt_chunks=len(self._chunks.corrupt) + self._registry.damaged_rows,
                refused=self.refused,
            )

    # -- writing ----------------------------------------------------------------------------------------

    def append_sync(self, scrape: Scrape) -> bool:
        """Keep a scrape, for good once this returns True. False: refused, not later than the stream's latest.

        Raises Unavailable (nothing is kept) when the disk is full, ValueError if a series occurs twice.
        """
        with self._lock:
            registry = self._registry
            stream = registry.streams.get(scrape.stream)
            if stream is not None and scrape.at_ms <= stream.newest_ms:
                self.refused += 1
                return False
            labels, layout = registry.recent.get(scrape.stream, (None, None))
            if stream is None or layout is None or labels is not scrape.labels:
                stream, layout = self._append_new(scrape)
            else:
                with transaction(self._connection):
                    registry.insert(stream.id, scrape.at_ms, layout.id, scrape.values)
            stream.add(scrape.at_ms, layout, scrape.values)
            return True

    def _append_new(self, scrape: Scrape) -> tuple[Stream, Layout]:
        """Write a scrape whose labels are not those of its stream's scrape before."""
        registry = self._registry
        with transaction(self._connection):
            stream = registry.new_stream(scrape.stream)
            numbers, fresh = registry.new_series(scrape.labels)
            layout = registry.new_layout(numbers)
            registry.insert(stream.id, scrape.at_ms, layout.id, scrape.values)
        registry.learn(fresh, layout, stream)
        registry.recent[scrape.stream] = (scrape.labels, layout)
        return stream, layout

    async def append(self, scrape: Scrape) -> bool:
        """Keep a scrape, as `append_sync`."""
        return await self._run(lambda: self.append_sync(scrape))

    def backfill_sync(self, series: Sequence[tuple[Labels, Int64s, Float64s]], stream: str = "backfill") -> int:
        """Bring in history straight as chunks of a day: per series its labels, times (ms, increasing) and values.

        Series that share their times (the same array, best) are kept together. Returns the number of samples.
        All or nothing. Raises Unavailable when the disk is full.
        """
        registry = self._registry
        with self._lock:
            with self._upkeep.undoable(), transaction(self._connection):
                numbers, fresh = registry.new_series([labels for labels, _, _ in series])
                streams = []
                for group, members in enumerate(_by_times(series)):
                    streams.append(registry.new_stream(f"{stream}/{group}"))
                    self._write_history(streams[-1].id, [series[i] for i in members], numbers[members])
            registry.learn(fresh)
            for one in streams:
                registry.learn((), None, one)
        return sum(len(times) for _, times, _ in series)

    async def backfill(self, series: Sequence[tuple[Labels, Int64s, Float64s]], stream: str = "backfill") -> int:
        """Bring in history, as `backfill_sync`."""
        return await self._run(lambda: self.backfill_sync(series, stream))

    # -- upkeep -----------------------------------------------------------------------------------------

    def maintain_sync(self, now: datetime) -> None:
        """Compress what is two hours old, merge finished days, forget what is past retention. Cheap when idle.

        Raises Unavailable, with nothing half done, when the disk is full.
        """
        with self._lock:
            for _ in self._upkeep.chores(now):
                pass

    async def maintain(self, now: datetime) -> None:
        """As `maintain_sync`, a stream at a time, so that scrapes and rules get their turn in between."""
        chores = self._upkeep.chores(now)
        while await self._run(lambda: self._next(chores)):
            pass

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        self._thread.shutdown()
        with self._lock:
            self._release()

    # -- inside -----------------------------------------------------------------------------------------

    def _next(self, chores: Iterator[None]) -> bool:
        with self._lock:
            return next(chores, self) is None

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _release(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()
        if self._hold is not None:
            self._hold.close()

    def _write_history(self, stream: int, series: Sequence[tuple[Labels, Int64s, Float64s]], numbers: Int64s) -> None:
        """Write series that share their times, a block a day."""
        times = series[0][1]
        order = np.argsort(numbers)
        names = [series[i][0].get("__name__", "") for i in order.tolist()]
        days = [0, *(np.flatnonzero(np.diff(times // DAY_MS)) + 1).tolist(), len(times)]
        for a, b in pairwise(days):
            values = np.stack([series[i][2][a:b] for i in order.tolist()])
            self._chunks.write(stream, Piece(numbers[order], times[a:b], values), names)

    def _log_bytes(self) -> int:
        """Bytes that wait in the write-ahead log."""
        log = None if self.path is None else self.path.with_name(self.path.name + "-wal")
        return log.stat().st_size if log is not None and log.exists() else 0


def _by_times(series: Sequence[tuple[Labels, Int64s, Float64s]]) -> list[list[int]]:
    """Places of series with the same times, together."""
    groups: dict[object, list[int]] = {}
    seen: dict[int, object] = {}
    for place, (_, times, values) in enumerate(series):
        if len(times) != len(values) or (np.diff(times) <= 0).any():
            raise ValueError("history needs as many values as times, and times that increase")
        if len(times):
            key = seen.setdefault(id(times), (len(times), times.tobytes()))
            groups.setdefault(key, []).append(place)
    return list(groups.values())


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as problem:
        raise Unavailable(f"the sample store cannot be read: {problem}") from problem
