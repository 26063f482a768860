"""Samples that were sent: in memory a tail a series, in the file a row a batch, until they become chunks."""

from __future__ import annotations

import logging
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.codec import CorruptChunk
from sereno.adapters.samples.histograms import decode_histograms, encode_histograms
from sereno.adapters.samples.packing import Run, packed
from sereno.promql.columns import Float64s, Int64s, Objects

_log = logging.getLogger(__name__)
_HEAD = struct.Struct("<HIIB")  # bytes of the source, series, samples, whether histograms follow
_INT, _COUNT, _REAL = np.dtype("<i8"), np.dtype("<i4"), np.dtype("<f8")
_NEVER = 1 << 62


class Tail:
    """The samples of one series, in order of time, growing."""

    __slots__ = ("_histograms", "_times", "_values", "count", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.count = 0
        self._times = np.empty(4, np.int64)
        self._values = np.empty(4, np.float64)
        self._histograms: Objects | None = None

    @property
    def run(self) -> Run:
        """All samples; views, not to be written to."""
        n = self.count
        return Run(
            self._times[:n], self._values[:n], None if self._histograms is None else self._histograms[:n]
        )  # fmt: skip

    def add(self, new: Run) -> None:
        """Take in samples at instants not yet here."""
        size = len(new.times)
        late = self.count > 0 and int(new.times[0]) <= int(self._times[self.count - 1])
        if new.histograms is not None and self._histograms is None:
            self._histograms = np.full(len(self._times), None, object)
        self._grow(self.count + size)
        part = slice(self.count, self.count + size)
        self._times[part], self._values[part] = new.times, new.values
        if self._histograms is not None:
            self._histograms[part] = new.histograms
        self.count += size
        if late:
            order = np.argsort(self._times[: self.count], kind="stable")
            self._keep(order)

    def drop_before(self, at_ms: int) -> None:
        """Forget samples before `at_ms`."""
        first = int(np.searchsorted(self._times[: self.count], at_ms))
        if first:
            self._keep(np.arange(first, self.count))

    def _keep(self, places: Int64s) -> None:
        """Only the samples at `places`, in that order; in new arrays, for a reader may still hold the old."""
        self._times, self._values = self._times[places], self._values[places]
        if self._histograms is not None:
            self._histograms = self._histograms[places]
        self.count = len(places)

    def _grow(self, size: int) -> None:
        if size <= len(self._times):
            return
        room = max(size, len(self._times) * 3 // 2)
        self._times, self._values = np.resize(self._times, room), np.resize(self._values, room)
        if self._histograms is not None:
            grown = np.full(room, None, object)
            grown[: self.count] = self._histograms[: self.count]
            self._histograms = grown


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch as it stands in the file: for each series its number and its samples."""

    source: str
    series: Sequence[tuple[int, Run]]


class Journal:
    """All tails, by the number of their series. `samples` counts them."""

    def __init__(self) -> None:
        self.tails: dict[int, Tail] = {}
        self.samples = 0
        self.lost_rows: list[int] = []
        self._numbers: Int64s | None = None
        self._first, self._last = _NEVER, -_NEVER

    def load(self, connection: sqlite3.Connection) -> list[Entry]:
        """Read the file's rows; a damaged row costs itself, is counted and logged."""
        entries = []
        for row, data in connection.execute("SELECT id, data FROM journal ORDER BY id"):
            try:
                entry = decode_entry(data)
            except CorruptChunk as problem:
                self.lost_rows.append(row)
                _log.error("sample store: batch %s is damaged and left out: %s", row, problem)
                continue
            entries.append(entry)
            self.add(entry)
        return entries

    def add(self, entry: Entry) -> None:
        """What was written is now committed."""
        for number, run in entry.series:
            tail = self.tails.get(number)
            if tail is None:
                tail = self.tails[number] = Tail(entry.source)
                self._numbers = None
            tail.add(run)
            self.samples += len(run.times)
            self._first = min(self._first, int(run.times[0]))
            self._last = max(self._last, int(run.times[-1]))

    def pieces(self, wanted: Int64s, start_ms: int, end_ms: int) -> list[Piece]:
        """The samples of the series in `wanted` (sorted), start <= t <= end. Copies."""
        if self._numbers is None:
            self._numbers = np.array(sorted(self.tails), np.int64)
        here = np.intersect1d(self._numbers, wanted, assume_unique=True)
        runs = ((number, self.tails[number].run.between(start_ms, end_ms)) for number in here.tolist())
        return packed([(number, run) for number, run in runs if len(run.times)])

    def before(self, until_ms: int) -> Iterator[tuple[str, int, Run]]:
        """Source, number and samples before `until_ms` of every series that has any."""
        for number, tail in self.tails.items():
            run = tail.run.between(-_NEVER, until_ms - 1)
            if len(run.times):
                yield tail.source, number, run

    def drop_before(self, until_ms: int) -> None:
        """Forget samples before `until_ms`."""
        for tail in self.tails.values():
            tail.drop_before(until_ms)
        self.tails = {number: tail for number, tail in self.tails.items() if tail.count}
        self.samples = sum(tail.count for tail in self.tails.values())
        self._first = min((int(tail.run.times[0]) for tail in self.tails.values()), default=_NEVER)
        self._last = self._last if self.tails else -_NEVER
        self._numbers = None

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The first and the last instant here; None if there is nothing."""
        return (self._first, self._last) if self.tails else None


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Write a batch, inside the caller's transaction."""
    first = min(int(run.times[0]) for _, run in entry.series)
    last = max(int(run.times[-1]) for _, run in entry.series)
    connection.execute("INSERT INTO journal (t0, t1, data) VALUES (?, ?, ?)", (first, last, encode_entry(entry)))


def trim(connection: sqlite3.Connection, until_ms: int) -> None:
    """Delete what is before `until_ms` from the file's rows, inside the caller's transaction."""
    rows = connection.execute(
        "SELECT id, data FROM journal WHERE t0 < ? AND t1 >= ?", (until_ms, until_ms)
    ).fetchall()  # fmt: skip
    for row, data in rows:
        try:
            entry = decode_entry(data)
        except CorruptChunk:
            continue  # the next opening counts it and clears it away
        kept = [(number, run.between(until_ms, _NEVER)) for number, run in entry.series]
        left = Entry(entry.source, [(number, run) for number, run in kept if len(run.times)])
        connection.execute("UPDATE journal SET t0=?, data=? WHERE id=?", (until_ms, encode_entry(left), row))
    connection.execute("DELETE FROM journal WHERE t1 < ?", (until_ms,))


def encode_entry(entry: Entry) -> bytes:
    """A batch as bytes, with a checksum."""
    runs = [run for _, run in entry.series]
    times = np.concatenate([run.times for run in runs]).astype(_INT)
    values = np.concatenate([run.values for run in runs]).astype(_REAL)
    source = entry.source.encode()
    mixed = any(run.histograms is not None for run in runs)
    body = b"".join((
        _HEAD.pack(len(source), len(runs), len(times), mixed), source,
        np.array([number for number, _ in entry.series], _INT).tobytes(),
        np.array([len(run.times) for run in runs], _COUNT).tobytes(), times.tobytes(), values.tobytes(),
        _encode_histograms(runs) if mixed else b"",
    ))  # fmt: skip
    return body + struct.pack("<I", zlib.crc32(body))


def decode_entry(data: bytes) -> Entry:
    """What `encode_entry` was given. Raises CorruptChunk if `data` is damaged."""
    if not isinstance(data, bytes) or len(data) < 4 or zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
        raise CorruptChunk("checksum does not match")
    named, series, samples, mixed = _HEAD.unpack_from(data)
    at = _HEAD.size + named
    source = data[_HEAD.size : at].decode()
    numbers = np.frombuffer(data, _INT, series, at)
    counts = np.frombuffer(data, _COUNT, series, at + 8 * series)
    times = np.frombuffer(data, _INT, samples, at + 12 * series)
    values = np.frombuffer(data, _REAL, samples, at + 12 * series + 8 * samples)
    histograms = _decode_histograms(data[at + 12 * series + 16 * samples : -4], samples) if mixed else None
    ends = np.cumsum(counts)
    cuts = zip((ends - counts).tolist(), ends.tolist(), strict=True)
    runs = [_run(times, values, histograms, a, b) for a, b in cuts]
    return Entry(source, list(zip(numbers.tolist(), runs, strict=True)))


def _run(times: Int64s, values: Float64s, histograms: Objects | None, a: int, b: int) -> Run:
    own = None if histograms is None else histograms[a:b]
    if own is not None and all(one is None for one in own):
        own = None
    return Run(times[a:b], values[a:b], own)


def _encode_histograms(runs: Iterable[Run]) -> bytes:
    """Which samples are histograms, a bit each, then those."""
    flat = [one for run in runs for one in ([None] * len(run.times) if run.histograms is None else run.histograms)]
    return np.packbits([one is not None for one in flat]).tobytes() + encode_histograms(
        [h for h in flat if h is not None]
    )


def _decode_histograms(data: bytes, samples: int) -> Objects:
    size = (samples + 7) // 8
    places = np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8, size), count=samples))
    found = np.full(samples, None, object)
    for place, one in zip(places.tolist(), decode_histograms(data[size:]), strict=True):
        found[place] = one
    return found
