"""The embedded sample store: one SQLite file of its own, for those without a Prometheus.

A scrape is one row and one commit (see `database.py` for what that survives). Every two hours the rows of a
stream become compressed chunks, a chunk a metric; the chunks of a finished day become one. What was written
lately is also in memory, so that rules read nothing from the disk.

Samples come in three ways. A *scrape* (`append`) is all that a target said at one instant: time moves forward within
its stream, a scrape at or before the stream's latest is refused and counted. What *others send* (`write`) may come in
any order and twice: the first sample of a series at an instant stands. *History* (`backfill`) goes straight into
chunks. Several streams may hold the same series: their samples are merged by time, and of two at the same
millisecond the one written later is taken.

Reading has a connection and a thread of its own: it sees the file as it was when it began, and neither waits for
writing nor holds it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sereno.adapters.samples.aggregating import Aggregates, aggregates_of
from sereno.adapters.samples.assembly import columns_of, columns_of_each
from sereno.adapters.samples.chunk_writer import ChunkWriter
from sereno.adapters.samples.chunks import Chunks
from sereno.adapters.samples.database import FAULTS, LOST, connect, hold, note_lost, note_of, snapshot, transaction
from sereno.adapters.samples.head import Layout, Stream
from sereno.adapters.samples.history import History, learn_history, write_history
from sereno.adapters.samples.journal import Journal
from sereno.adapters.samples.looking import Looking, fresh_pieces
from sereno.adapters.samples.names import MetadataBook, names_of, numbers_matching, values_of
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.sending import Sending
from sereno.adapters.samples.source import Metadata, Scrape, SeriesSamples, Written
from sereno.adapters.samples.stats import StoreStats
from sereno.adapters.samples.tiers import TIERS, Tier, Tiers, steps_in
from sereno.adapters.samples.together import all_of, select_all
from sereno.adapters.samples.upkeep import Keep, Upkeep
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import STALE, STALE_BITS, Columns, Float64s, Matcher, Selection

if TYPE_CHECKING:
    from sereno.slo.thinned import Thinned

T = TypeVar("T")
CACHE_BYTES = 48 << 20
SAMPLES_MAX = 50_000_000
OUT_OF_ORDER_WINDOW = timedelta(hours=2)
_NEVER = 1 << 62
_NOTHING = np.zeros(0, np.int64)


class SampleStore:
    """Keeps samples; hands them out as columns.

    `path` is the file (None: in memory only), `retention` how long samples are kept, `tiers` what is kept of them for
    longer, `retention_bytes` how large the file may grow before the oldest is forgotten sooner, `out_of_order_window`
    how much older than its series' latest a sample that is sent may be, `cache_bytes` the bound of the cache of
    decoded chunks, `samples_max` the most that one selection may read. The plain methods may be called from any
    thread; the asynchronous ones run them in threads of the store's own, one that writes and one that reads. Raises
    Conflict if another process holds the file, Unavailable if it cannot be opened. With `read_only` the file may be
    held by another process: it is shown as it was when opened, less what has been forgotten since.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        retention: timedelta = timedelta(days=90),
        retention_bytes: int | None = None,
        tiers: Sequence[Tier] = TIERS,
        out_of_order_window: timedelta = OUT_OF_ORDER_WINDOW,
        cache_bytes: int = CACHE_BYTES,
        samples_max: int = SAMPLES_MAX,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.refused = 0
        self._samples_max = samples_max
        self._window_ms = out_of_order_window // timedelta(milliseconds=1)
        self._lock = RLock()
        self._reading_lock = RLock() if path is not None else self._lock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="samples")
        self._reader_thread = ThreadPoolExecutor(1, thread_name_prefix="samples-read")
        self._hold = hold(path) if path is not None and not read_only else None
        try:
            self._open(read_only, cache_bytes, Keep(retention, tuple(tiers), retention_bytes))
        except FAULTS as problem:
            self._release()
            raise Unavailable(f"the sample store {path} cannot be read: {problem}") from problem
        except BaseException:
            self._release()
            raise

    def _open(self, read_only: bool, cache_bytes: int, keep: Keep) -> None:
        self._connection = connect(self.path, read_only=read_only)
        self._reader = self._connection if self.path is None else connect(self.path, read_only=True)
        with snapshot(self._connection):
            self._registry = Registry(self._connection)
            self._journal = Journal()
            self._metadata = MetadataBook(self._connection)
            steps = {tier.step_ms for tier in keep.tiers} | set(steps_in(self._connection))
            own = Chunks(self._connection, cache_bytes // 4, self._samples_max)
            looking = Looking(self._connection, own, steps, self._samples_max)
            self._sending = Sending(self._connection, self._registry, self._journal, looking, self._window_ms)
            self._sending.load()
            self._writer = ChunkWriter(self._connection, own)
        self._looking = Looking(
            self._reader, Chunks(self._reader, cache_bytes, self._samples_max), steps, self._samples_max
        )
        if not read_only:
            self._clear_lost()
        builder = Tiers(self._connection, own, self._writer, keep.tiers)
        self._upkeep = Upkeep(self._connection, self._registry, self._journal, self._writer, builder, keep)
        self._until_ms = self._newest_ms() if read_only else _NEVER

    def _clear_lost(self) -> None:
        """Clear away rows that are damaged; they stay counted in the file."""
        lost = {"head": self._registry.lost_rows, "journal": self._journal.lost_rows}
        if any(lost.values()):
            with transaction(self._connection):
                for table, rows in lost.items():
                    statement = (
                        "DELETE FROM head WHERE rowid=?" if table == "head" else "DELETE FROM journal WHERE id=?"
                    )
                    self._connection.executemany(statement, [(row,) for row in rows])
                    note_lost(self._connection, len(rows))
                    rows.clear()

    def _newest_ms(self) -> int:
        """The instant of the latest sample of all."""
        (chunked,) = self._connection.execute("SELECT max(t1) FROM block").fetchone()
        sent = self._journal.bounds
        known = [chunked or -_NEVER, sent[1] if sent else -_NEVER]
        return max(*known, *(stream.newest_ms for stream in self._registry.streams.values()), -_NEVER)

    # -- reading ----------------------------------------------------------------------------------------

    def select(self, selection: Selection) -> Columns:
        """The samples with start <= t <= end of the series that match; series without any are left out.

        Of what is older than `retention` there is what the tiers hold: samples too, but not all. `notes` says so.
        Raises QueryError for a wrong regular expression, QueryLimit for more than `samples_max` samples, Unavailable
        if the file cannot be read.
        """
        start, end = selection.start_ms, min(selection.end_ms, self._until_ms)
        with self._lock:
            found = self._registry.index.find(selection.matchers)
            known = self._registry.index.labels
            labels = {number: known[number] for numbers in found.values() for number in numbers.tolist()}
            fresh = fresh_pieces(self._registry, self._journal, found, start, end)
        with self._reading():
            return columns_of([*self._looking.pieces(found, start, end), *fresh], labels)

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection, as `select`."""
        wanted = tuple(dict.fromkeys(selections))
        return await self._read(lambda: select_all(wanted, self.select, self._select_together))

    def _select_together(self, selections: Sequence[Selection], samples_max: int) -> list[Columns]:
        """The samples of selections of one span, as `select`, from one look. Raises QueryLimit when all of them
        together are more than `samples_max`."""
        start, end = selections[0].start_ms, min(selections[0].end_ms, self._until_ms)
        with self._lock:
            each = [self._registry.index.find(selection.matchers) for selection in selections]
            found = all_of(each)
            known = self._registry.index.labels
            labels = {number: known[number] for numbers in found.values() for number in numbers.tolist()}
            fresh = fresh_pieces(self._registry, self._journal, found, start, end)
        with self._reading():
            pieces = self._looking.pieces(found, start, end, min(samples_max, self._samples_max))
        asked = [np.sort(np.concatenate([*one.values(), _NOTHING])).tolist() for one in each]
        return columns_of_each([*pieces, *fresh], labels, asked)

    def notes(self, selections: Sequence[Selection]) -> tuple[str, ...]:
        """What must be told with numbers computed from `selections`: that samples are thinned, from when on, and what
        that changes. Nothing if all samples are there."""
        with self._reading():
            resolution = self._looking.resolution
        found = (resolution.note(selection.start_ms, self._looking.steps) for selection in selections)
        return tuple(dict.fromkeys(note for note in found if note is not None))

    def thinned(self) -> Thinned:
        """Where only a part of the samples is left, for those who count."""
        with self._reading():
            return self._looking.resolution.thinned(self._looking.steps)

    def aggregates(self, selection: Selection, step_ms: int) -> list[Aggregates]:
        """The samples of each series, bucket by bucket: how many, their sum, lowest, highest, first, last, increase.

        A bucket is (k·step, (k+1)·step]. Exact however old they are; the sums of thinned counters are NaN: they mean
        nothing and are not kept. Native histograms are left out. Raises as `select`, and UsageError for a step that is
        not made of whole steps of the tiers that are read.
        """
        columns = self.select(selection)
        with self._lock:
            numbers = {labels: self._registry.index.numbers[labels] for labels in columns.labels}
        with self._reading():
            splits = self._looking.resolution.splits(selection.start_ms, selection.end_ms, self._looking.steps, step_ms)
            return aggregates_of(columns, numbers, self._looking.chunks, splits, step_ms)

    async def reading(self, work: Callable[[SampleStore], T]) -> T:
        """What `work` finds in this store, in the thread that reads: `await store.reading(lambda s: s.metadata())`."""
        return await self._read(lambda: work(self))

    def series(self) -> list[Labels]:
        """The labels of every series known."""
        with self._lock:
            return list(self._registry.index.labels.values())

    def find_series(
        self, matchers: Sequence[Matcher] = (), start_ms: int = -_NEVER, end_ms: int = _NEVER, limit: int = 0
    ) -> list[Labels]:
        """The series that all `matchers` match and that have samples about start <= t <= end; at most `limit` (0: all).

        A series counts as there from its first to its last sample; what is in chunks is known by the chunk, so that
        one may be named that ended up to a day before `start_ms`. Raises QueryError for a wrong regular expression.
        """
        with self._lock, _readable():
            numbers = numbers_matching(self._registry.index, matchers)
            if start_ms > -_NEVER or end_ms < _NEVER:
                numbers = self._registry.whole_spans.overlapping(numbers, start_ms, end_ms)
            wanted = numbers[:limit] if limit else numbers
            return [self._registry.index.labels[number] for number in wanted.tolist()]

    def label_names(
        self, matchers: Sequence[Matcher] = (), start_ms: int = -_NEVER, end_ms: int = _NEVER, limit: int = 0
    ) -> list[str]:
        """The names of the labels of the series that `find_series` finds, sorted; at most `limit` (0: all)."""
        return names_of(self.find_series(matchers, start_ms, end_ms), limit)

    def label_values(
        self, name: str, matchers: Sequence[Matcher] = (), start_ms: int = -_NEVER, end_ms: int = _NEVER, limit: int = 0
    ) -> list[str]:
        """The values of label `name` among the series that `find_series` finds, sorted; at most `limit` (0: all)."""
        return values_of(self.find_series(matchers, start_ms, end_ms), name, limit)

    def metadata(self) -> dict[str, list[Metadata]]:
        """What metrics mean, as those who expose or send them said."""
        with self._lock:
            return self._metadata.all()

    def stats(self) -> StoreStats:
        """How much there is, from when to when."""
        with self._reading():
            execute = self._reader.execute
            (chunked,) = execute("SELECT coalesce(sum(samples), 0) FROM chunk WHERE step=0").fetchone()
            (thinned,) = execute("SELECT coalesce(sum(samples), 0) FROM chunk WHERE step>0").fetchone()
            oldest, newest = execute("SELECT min(t0), max(t1) FROM block").fetchone()
            pages, size = (execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            lost = note_of(self._reader, LOST) or 0
        with self._lock:
            streams = [stream for stream in self._registry.streams.values() if stream.segments]
            sent = self._journal.bounds or (None, None)
            begins = [t for t in (oldest, sent[0], *(stream.oldest_ms for stream in streams)) if t is not None]
            ends = [t for t in (newest, sent[1], *(stream.newest_ms for stream in streams)) if t is not None]
            return StoreStats(
                series=len(self._registry.index.labels),
                samples=int(chunked) + self._journal.samples + sum(stream.samples for stream in streams),
                bytes=int(pages * size) + self._log_bytes(),
                oldest=from_ms(min(begins)) if begins else None,
                newest=from_ms(max(ends)) if ends else None,
                corrupt_chunks=lost + self._damaged,
                refused=self.refused,
                thinned=int(thinned),
            )

    def damaged(self) -> int:
        """How many chunks and rows were found damaged, those cleared away included."""
        with self._reading():
            return (note_of(self._reader, LOST) or 0) + self._damaged

    @property
    def _damaged(self) -> int:
        """How much was found damaged and is still there."""
        chunks = len(self._looking.chunks.corrupt | self._writer.corrupt)
        rows = self._registry.damaged_rows + len(self._registry.lost_rows) + len(self._journal.lost_rows)
        return chunks + rows

    def check(self) -> tuple[str, ...]:
        """What is wrong with the file, all of it read: its pages, then every chunk. Nothing if it is sound.

        Reading notices damaged samples by itself; only this notices damage to the pages that say where they are.
        """
        with self._reading():
            found = [line for (line,) in self._reader.execute("PRAGMA integrity_check") if line != "ok"]
            for (chunk,) in self._reader.execute("SELECT id FROM chunk WHERE step >= 0").fetchall():
                self._looking.chunks.decoded(chunk)
            found += [f"{what} {number} is corrupt" for what, number in sorted(self._looking.chunks.corrupt)]
        with self._lock:
            damaged = self._registry.damaged_rows
        return (*found, f"{damaged} names are damaged") if damaged else tuple(found)

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
            registry.spans.note(layout.numbers, scrape.at_ms, scrape.at_ms)
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

    def record_sync(self, stream: str, at_ms: int, labels: tuple[Labels, ...], values: Float64s) -> bool:
        """Keep what a group of rules recorded at one instant: one row, as a scrape; `stream` names the group for good.

        Series of the group's instant before that are not among `labels` end here: they get a staleness marker, after
        a restart too. Handing over the same tuple again (the same object) makes the steady state cheap. Returns and
        raises as `append_sync`.
        """
        with self._lock:
            gone = self._gone(stream, labels)
            if gone:
                values = np.concatenate([values, np.full(len(gone), STALE)])
                labels = (*labels, *gone)
            return self.append_sync(Scrape(stream, at_ms, labels, values))

    async def record(self, stream: str, at_ms: int, labels: tuple[Labels, ...], values: Float64s) -> bool:
        """Keep what was recorded, as `record_sync`."""
        return await self._run(lambda: self.record_sync(stream, at_ms, labels, values))

    def _gone(self, name: str, labels: tuple[Labels, ...]) -> list[Labels]:
        """The series of a stream's latest scrape that had not ended and are not among `labels`."""
        known, _ = self._registry.recent.get(name, (None, None))
        stream = self._registry.streams.get(name)
        if known is labels or stream is None:
            return []
        numbers, values = stream.latest or self._writer.latest(stream.id)
        alive = numbers[np.ascontiguousarray(values).view(np.uint64) != STALE_BITS].tolist()
        now, names = set(labels), self._registry.index.labels
        return [names[number] for number in alive if number in names and names[number] not in now]

    def write_sync(self, batch: Sequence[SeriesSamples], source: str, *, any_age: bool = False) -> Written:
        """Keep samples that somebody sends or brings, in any order; what is kept is durable when this returns.

        One commit for the batch; sent twice, the second time changes nothing. Of a series' samples at one instant the
        first stands, a staleness marker like any other: the same again is a duplicate, another value is refused as
        conflicting. A sample more than `out_of_order_window` older than the latest of its series is refused as too
        old, unless `any_age` (an import). `source` says who sends (`remote-write`, `otlp`, …); it only decides what
        lies together in the file. Raises Unavailable (nothing is kept) when the disk is full, ValueError if a series
        has not as many values as times or one of those is no instant.
        """
        with self._lock, _readable():
            written = self._sending.write(batch, source, any_age=any_age)
            self._upkeep.relieve()
            return written

    async def write(self, batch: Sequence[SeriesSamples], source: str, *, any_age: bool = False) -> Written:
        """Keep samples, as `write_sync`."""
        return await self._run(lambda: self.write_sync(batch, source, any_age=any_age))

    def note_metadata_sync(self, said: Mapping[str, Metadata]) -> None:
        """Keep what metrics are said to mean; what is known already costs nothing. Raises Unavailable."""
        with self._lock:
            fresh = self._metadata.fresh(said)
            if fresh:
                with transaction(self._connection):
                    self._metadata.insert(self._connection, fresh)
                self._metadata.learn(fresh)

    async def note_metadata(self, said: Mapping[str, Metadata]) -> None:
        """Keep what metrics mean, as `note_metadata_sync`."""
        await self._run(lambda: self.note_metadata_sync(said))

    def backfill_sync(self, series: History, stream: str = "backfill") -> int:
        """Bring in history straight as chunks of a day: per series its labels, times (ms, increasing) and values.

        Series that share their times (the same array, best) are kept together. Returns the number of samples.
        All or nothing. Raises Unavailable when the disk is full.
        """
        with self._lock:
            with self._upkeep.undoable(), transaction(self._connection):
                written = write_history(self._registry, self._writer, series, stream)
            learn_history(self._registry, series, *written)
        return sum(len(times) for _, times, _ in series)

    async def backfill(self, series: History, stream: str = "backfill") -> int:
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
        self._reader_thread.shutdown()
        with self._reading_lock, self._lock:
            self._release()

    # -- inside -----------------------------------------------------------------------------------------

    def _next(self, chores: Iterator[None]) -> bool:
        with self._lock:
            return next(chores, self) is None

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _read(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader_thread, work)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One reader at a time, on the file as it is now."""
        with self._reading_lock, _readable(), snapshot(self._reader):
            yield

    def _release(self) -> None:
        for name in ("_reader", "_connection"):
            if hasattr(self, name):
                getattr(self, name).close()
        if self._hold is not None:
            self._hold.close()

    def _log_bytes(self) -> int:
        """Bytes that wait in the write-ahead log."""
        log = None if self.path is None else self.path.with_name(self.path.name + "-wal")
        return log.stat().st_size if log is not None and log.exists() else 0


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except FAULTS as problem:
        raise Unavailable(f"the sample store cannot be read: {problem}") from problem
