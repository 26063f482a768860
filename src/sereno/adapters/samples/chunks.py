"""Chunks: the samples of one metric of one stream over a while, compressed; and the cache of those decoded."""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from sereno.adapters.samples.assembly import Piece, contains, union
from sereno.adapters.samples.codec import CorruptChunk, decode_matrix, decode_times, encode_matrix, encode_times
from sereno.kernel.errors import QueryLimit
from sereno.promql.columns import Int64s

_log = logging.getLogger(__name__)
_NUMBERS = np.dtype("<i8")
_TIMES_MAX = 128


class Chunks:
    """Reads and writes blocks (timestamps of a stream) and their chunks (values of one metric).

    Writing happens inside the caller's transaction. `cache_bytes` bounds what is kept decoded, `samples_max` what
    one request may read.
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
        self.reload()

    def reload(self) -> None:
        """Read again what is known of the file: after opening, and after a transaction was undone."""
        self._metrics = dict(self._connection.execute("SELECT name, id FROM metric").fetchall())
        self._times.clear()
        self._cache.clear()
        self._cached_bytes = 0

    # -- reading ----------------------------------------------------------------------------------------

    def pieces(self, metric: str, wanted: Int64s, start_ms: int, end_ms: int) -> list[Piece]:
        """The samples of the series in `wanted` (sorted), all of `metric`, start <= t <= end, in order of writing.

        One request may fill only half of the cache, with its latest chunks: a report over a month does not push
        out what the rules read every few seconds. Raises QueryLimit when there are too many.
        """
        known = self._metrics.get(metric)
        if known is None:
            return []
        rows = self._connection.execute(
            "SELECT id, numbers FROM chunk WHERE metric=? AND t1>=? AND t0<=? ORDER BY t1 DESC, id DESC",
            (known, start_ms, end_ms),
        ).fetchall()
        budget = self._cache_bytes // 2
        found: list[tuple[int, Piece]] = []
        samples = 0
        for chunk, blob in rows:
            if not contains(wanted, np.frombuffer(blob, _NUMBERS)).any():
                continue
            piece = self._cache.get(chunk)
            if piece is None:
                piece = self._decoded(chunk)
                if piece is None:
                    continue
                budget -= _size(piece)
                if budget >= 0:
                    self._keep(chunk, piece)
            else:
                self._cache.move_to_end(chunk)
            part = piece.cut(wanted, start_ms, end_ms)
            if part is not None:
                found.append((chunk, part))
                samples += part.values.size
                check_samples(samples, self._samples_max)
        found.sort(key=lambda pair: pair[0])
        return [part for _, part in found]

    def _decoded(self, chunk: int) -> Piece | None:
        """The chunk's samples; None, counted and logged once, if it is damaged: it costs only itself."""
        row = self._connection.execute("SELECT block, numbers, data FROM chunk WHERE id=?", (chunk,)).fetchone()
        times = self._times_of(row[0]) if row else None
        if times is None:
            return None
        numbers = np.frombuffer(row[1], _NUMBERS)
        try:
            return Piece(numbers, times, *decode_matrix(row[2], len(numbers), len(times)))
        except CorruptChunk as problem:
            self._damaged(("chunk", chunk), problem)
            return None

    def _times_of(self, block: int) -> Int64s | None:
        """The timestamps of a block, None if they are damaged; one array is shared by all its chunks."""
        times = self._times.get(block)
        if times is None:
            row = self._connection.execute("SELECT count, times FROM block WHERE id=?", (block,)).fetchone()
            try:
                times = decode_times(row[1], row[0])
            except CorruptChunk as problem:
                self._damaged(("timestamps of block", block), problem)
                return None
            self._times[block] = times
            if len(self._times) > _TIMES_MAX:
                self._times.popitem(last=False)
        return times

    def _damaged(self, what: tuple[str, int], problem: CorruptChunk) -> None:
        if what not in self.corrupt:
            self.corrupt.add(what)
            _log.error("sample store: %s %d is corrupt and left out: %s", *what, problem)

    def _keep(self, chunk: int, piece: Piece) -> None:
        self._cache[chunk] = piece
        self._cached_bytes += _size(piece)
        while self._cached_bytes > self._cache_bytes:
            _, old = self._cache.popitem(last=False)
            self._cached_bytes -= _size(old)

    # -- writing ----------------------------------------------------------------------------------------

    def write(self, stream: int, piece: Piece, metric_of: Iterable[str]) -> None:
        """Write `piece` as one block of `stream`; `metric_of` names the metric of each of its series."""
        block = self._write_block(stream, piece.times)
        groups: dict[str, list[int]] = {}
        for row, metric in enumerate(metric_of):
            groups.setdefault(metric, []).append(row)
        for metric, rows in groups.items():
            present = None if piece.present is None else piece.present[rows]
            part = Piece(piece.numbers[rows], piece.times, piece.values[rows], present)
            self._write_chunk(block, self._metric(metric), part)

    def _write_block(self, stream: int, times: Int64s) -> int:
        return int(
            self._connection.execute(
                "INSERT INTO block (stream, t0, t1, count, times) VALUES (?, ?, ?, ?, ?)",
                (stream, int(times[0]), int(times[-1]), len(times), encode_times(times)),
            ).lastrowid
            or 0
        )

    def _write_chunk(self, block: int, metric: int, piece: Piece) -> None:
        samples = piece.values.size if piece.present is None else int(piece.present.sum())
        if not samples:
            return
        numbers = piece.numbers.astype(_NUMBERS).tobytes()
        blob = encode_matrix(np.ascontiguousarray(piece.values), piece.present)
        self._connection.execute(
            "INSERT INTO chunk (block, metric, t0, t1, samples, numbers, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (block, metric, int(piece.times[0]), int(piece.times[-1]), samples, numbers, blob),
        )

    def _metric(self, name: str) -> int:
        known = self._metrics.get(name)
        if known is None:
            self._connection.execute("INSERT OR IGNORE INTO metric (name) VALUES (?)", (name,))
            known = int(self._connection.execute("SELECT id FROM metric WHERE name=?", (name,)).fetchone()[0])
            self._metrics[name] = known
        return known

    def merge(self, stream: int, start_ms: int, end_ms: int) -> None:
        """Rewrite all blocks of `stream` that lie in start <= t < end as one, a metric at a time."""
        blocks = [
            block
            for (block,) in self._connection.execute(
                "SELECT id FROM block WHERE stream=? AND t0>=? AND t1<? ORDER BY id", (stream, start_ms, end_ms)
            )
        ]
        pieces: dict[int, list[int]] = {}
        for block in blocks:
            for chunk, metric in self._connection.execute("SELECT id, metric FROM chunk WHERE block=?", (block,)):
                pieces.setdefault(metric, []).append(chunk)
        times = [found for found in (self._times_of(block) for block in blocks) if found is not None]
        if times:
            self._rewrite(stream, np.unique(np.concatenate(times)), pieces)
        self.drop(blocks)

    def _rewrite(self, stream: int, times: Int64s, chunks: dict[int, list[int]]) -> None:
        block = self._write_block(stream, times)
        for metric, members in chunks.items():
            pieces = [piece for piece in map(self._decoded, members) if piece is not None]
            if pieces:
                self._write_chunk(block, metric, union(pieces, times))

    def drop(self, blocks: list[int]) -> None:
        """Delete blocks and their chunks."""
        for block in blocks:
            for (chunk,) in self._connection.execute("SELECT id FROM chunk WHERE block=?", (block,)).fetchall():
                old = self._cache.pop(chunk, None)
                self._cached_bytes -= _size(old) if old else 0
            self._times.pop(block, None)
            self._connection.execute("DELETE FROM chunk WHERE block=?", (block,))
            self._connection.execute("DELETE FROM block WHERE id=?", (block,))

    def referenced(self) -> set[int]:
        """The numbers of all series that have chunks."""
        found: set[int] = set()
        for (blob,) in self._connection.execute("SELECT DISTINCT numbers FROM chunk"):
            found.update(np.frombuffer(blob, _NUMBERS).tolist())
        return found


def check_samples(samples: int, samples_max: int) -> None:
    """Raises QueryLimit if a request reads more than `samples_max`."""
    if samples > samples_max:
        hint = "ask for a shorter time, or fewer series"
        raise QueryLimit(f"one selection would read more than {samples_max} samples", hint=hint)


def _size(piece: Piece) -> int:
    holes = 0 if piece.present is None else piece.present.nbytes
    return int(piece.values.nbytes + piece.times.nbytes + holes)
