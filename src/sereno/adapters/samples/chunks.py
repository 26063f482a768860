"""Chunks: the samples of one metric over a while, compressed. Reading them, with a cache of those decoded."""

from __future__ import annotations

import logging
import sqlite3
import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sereno.adapters.samples.assembly import Piece, contains
from sereno.adapters.samples.codec import CorruptChunk, decode_matrix, decode_times, encode_matrix
from sereno.adapters.samples.database import FAULTS
from sereno.adapters.samples.histograms import decode_mixed
from sereno.adapters.samples.marks import numbers_of
from sereno.kernel.errors import QueryLimit
from sereno.promql.columns import Float64s, Int64s

_log = logging.getLogger(__name__)
_TIMES_MAX = 128
MIXED = b"H"
"""The first byte of a chunk that holds native histograms; matrices of floats begin with their kind, 1 or 2."""
TOTALS = b"T"
"""The first byte of a chunk of counts and sums (`totals`), whose step is negative."""
_LENGTH = struct.Struct("<I")


class _Row(NamedTuple):
    """A chunk as it stands in the file, without its samples."""

    id: int
    block: int
    metric: int
    t0: int
    t1: int
    samples: int
    numbers: bytes

    @property
    def series(self) -> Int64s | None:
        """The numbers of its series; None if the row is damaged."""
        return numbers_of(self.numbers, self.block, self.metric, self.t0, self.t1, self.samples)


_ROW = "SELECT id, block, metric, t0, t1, samples, numbers FROM chunk"


class Chunks:
    """Reads blocks (timestamps) and their chunks (values of one metric) through one connection.

    `cache_bytes` bounds what is kept decoded, `samples_max` what one request may read. What is damaged costs itself:
    it is left out, logged once and counted in `corrupt`. Not for two threads at once.
    """

    def __init__(self, connection: sqlite3.Connection, cache_bytes: int, samples_max: int) -> None:
        self._connection = connection
        self._samples_max = samples_max
        self._cache: OrderedDict[int, Piece] = OrderedDict()
        self._cached_bytes = 0
        self._cache_bytes = cache_bytes
        self._times: OrderedDict[int, Int64s] = OrderedDict()
        self._metrics: dict[str, int] = {}
        self.corrupt: set[tuple[str, int]] = set()

    def pieces(
        self,
        metric: str,
        wanted: Int64s,
        start_ms: int,
        end_ms: int,
        step_ms: int = 0,
        *,
        samples_max: int | None = None,
    ) -> list[Piece]:
        """The samples of the series in `wanted` (sorted), all of `metric`, start <= t <= end, in order of writing.

        `step_ms` names the tier; 0 is what was written. One request may fill only half of the cache, with its latest
        chunks: a report over a month does not push out what the rules read every few seconds. Raises QueryLimit when
        there are too many.
        """
        known = self._metric(metric)
        if known is None:
            return []
        rows = self._connection.execute(
            f"{_ROW} WHERE metric=? AND step=? AND t1>=? AND t0<=? ORDER BY t1 DESC, id DESC",
            (known, step_ms, start_ms, end_ms),
        ).fetchall()
        budget = self._cache_bytes // 2
        found: list[tuple[int, Piece]] = []
        samples = 0
        for row in map(_Row._make, rows):
            numbers = row.series
            if numbers is None:
                self.damaged(("chunk", row.id), "its series are not what they were")
                continue
            if not contains(wanted, numbers).any():
                continue
            piece = self._cache.get(row.id)
            if piece is None:
                piece = self._read(row, numbers)
                if piece is None:
                    continue
                budget -= _size(piece)
                if budget >= 0:
                    self._keep(row.id, piece)
            else:
                self._cache.move_to_end(row.id)
            part = piece.cut(wanted, start_ms, end_ms)
            if part is not None:
                found.append((row.id, part))
                samples += part.values.size
                check_samples(samples, samples_max or self._samples_max)
        found.sort(key=lambda pair: pair[0])
        return [part for _, part in found]

    def totals(
        self, metric: str, wanted: Int64s, start_ms: int, end_ms: int, step_ms: int
    ) -> Iterator[tuple[Int64s, Int64s, Float64s, Float64s]]:
        """What is kept beside a tier of the series in `wanted`, of buckets that begin in start <= t <= end: numbers,
        an instant in each bucket, and series by buckets the counts and the sums (NaN where they are not kept)."""
        rows = self._connection.execute(
            f"{_ROW} WHERE metric=? AND step=? AND t1>=? AND t0<=? ORDER BY id",
            (self._metric(metric), -step_ms, start_ms, end_ms),
        ).fetchall()
        for row in map(_Row._make, rows):
            numbers, times = row.series, self.times_of(row.block)
            if numbers is None or times is None:
                continue
            try:
                (data,) = self._connection.execute("SELECT data FROM chunk WHERE id=?", (row.id,)).fetchone()
                counts, sums = decode_totals(data, len(numbers), len(times))
            except (CorruptChunk, *FAULTS, TypeError) as problem:
                self.damaged(("chunk", row.id), str(problem))
                continue
            rows_in = np.flatnonzero(contains(wanted, numbers))
            inside = (times >= start_ms) & (times <= end_ms)
            yield numbers[rows_in], times[inside], counts[rows_in][:, inside], sums[rows_in][:, inside]

    def decoded(self, chunk: int) -> Piece | None:
        """The samples of one chunk, past the cache; None if it is damaged or gone."""
        row = self._connection.execute(f"{_ROW} WHERE id=?", (chunk,)).fetchone()
        if row is None:
            return None
        numbers = (found := _Row._make(row)).series
        if numbers is None:
            self.damaged(("chunk", chunk), "its series are not what they were")
            return None
        return self._read(found, numbers)

    def forget(self) -> None:
        """Read everything anew: what was read may have been undone."""
        self._cache.clear()
        self._times.clear()
        self._metrics.clear()
        self._cached_bytes = 0

    def _read(self, row: _Row, numbers: Int64s) -> Piece | None:
        """The chunk's samples; None, counted and logged once, if it is damaged."""
        times = self.times_of(row.block)
        if times is None:
            return None
        try:
            (data,) = self._connection.execute("SELECT data FROM chunk WHERE id=?", (row.id,)).fetchone()
            return decode_chunk(data, numbers, times)
        except (CorruptChunk, *FAULTS, TypeError) as problem:
            self.damaged(("chunk", row.id), str(problem))
            return None

    def times_of(self, block: int) -> Int64s | None:
        """The timestamps of a block, None if they are damaged; one array is shared by all its chunks."""
        times = self._times.get(block)
        if times is None:
            try:
                row = self._connection.execute("SELECT count, times, t0, t1 FROM block WHERE id=?", (block,)).fetchone()
                if row is None:
                    raise CorruptChunk("there is no such block")
                times = decode_times(row[1], row[0])
                if not len(times) or (times[0], times[-1]) != (row[2], row[3]):
                    raise CorruptChunk("they are not those that its row says")
            except (CorruptChunk, *FAULTS, TypeError, ValueError) as problem:
                self.damaged(("timestamps of block", block), str(problem))
                return None
            self._times[block] = times
            if len(self._times) > _TIMES_MAX:
                self._times.popitem(last=False)
        return times

    def damaged(self, what: tuple[str, int], problem: str) -> None:
        """Count and log something damaged, once."""
        if what not in self.corrupt:
            self.corrupt.add(what)
            _log.error("sample store: %s %s is corrupt and left out: %s", *what, problem)

    def _metric(self, name: str) -> int | None:
        known = self._metrics.get(name)
        if known is None:
            row = self._connection.execute("SELECT id FROM metric WHERE name=?", (name,)).fetchone()
            if row is None:
                return None
            known = self._metrics[name] = int(row[0])
        return known

    def _keep(self, chunk: int, piece: Piece) -> None:
        self._cache[chunk] = piece
        self._cached_bytes += _size(piece)
        while self._cached_bytes > self._cache_bytes:
            _, old = self._cache.popitem(last=False)
            self._cached_bytes -= _size(old)


def decode_chunk(data: bytes, numbers: Int64s, times: Int64s) -> Piece:
    """The samples in a chunk's bytes. Raises CorruptChunk."""
    if data[:1] == MIXED:
        values, histograms, present = decode_mixed(data[1:], len(numbers), len(times))
        return Piece(numbers, times, values, present, histograms)
    values, present = decode_matrix(data, len(numbers), len(times))
    return Piece(numbers, times, values, present)


def encode_totals(counts: Float64s, sums: Float64s | None) -> bytes:
    """Counts and sums, series x buckets, as a chunk's bytes."""
    matrix = encode_matrix(counts)
    return TOTALS + _LENGTH.pack(len(matrix)) + matrix + (b"" if sums is None else encode_matrix(sums))


def decode_totals(data: bytes, rows: int, columns: int) -> tuple[Float64s, Float64s]:
    """What `encode_totals` was given; sums that are not kept are NaN. Raises CorruptChunk."""
    if data[:1] != TOTALS or len(data) < 5:
        raise CorruptChunk("no counts and sums")
    end = 5 + _LENGTH.unpack_from(data, 1)[0]
    counts, _ = decode_matrix(data[5:end], rows, columns)
    return counts, decode_matrix(data[end:], rows, columns)[0] if len(data) > end else np.full(counts.shape, np.nan)


def check_samples(samples: int, samples_max: int) -> None:
    """Raises QueryLimit if a request reads more than `samples_max`."""
    if samples > samples_max:
        hint = "ask for a shorter time, or fewer series"
        raise QueryLimit(f"one selection would read more than {samples_max} samples", hint=hint)


def _size(piece: Piece) -> int:
    holes = 0 if piece.present is None else piece.present.nbytes
    objects = 0 if piece.histograms is None else piece.histograms.size * 500
    return int(piece.values.nbytes + piece.times.nbytes + holes + objects)
