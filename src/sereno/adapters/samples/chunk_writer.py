"""Writing blocks and chunks, merging and dropping them: always inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from sereno.adapters.samples.assembly import Piece, union
from sereno.adapters.samples.chunks import MIXED, Chunks, encode_totals
from sereno.adapters.samples.codec import encode_matrix, encode_times
from sereno.adapters.samples.database import note_lost, note_of, set_note
from sereno.adapters.samples.histograms import encode_mixed
from sereno.adapters.samples.marks import crc_of, marked_numbers
from sereno.adapters.samples.packing import packed, runs_of
from sereno.adapters.samples.thinning import Totals
from sereno.promql.columns import Float64s, Int64s

_FILLED = 0.5


class ChunkWriter:
    """Writes to the file that `chunks` reads through the same connection.

    Identifiers are never used again, not even after a restart: what somebody still remembers of a block that is gone
    is never taken for another.
    """

    def __init__(self, connection: sqlite3.Connection, chunks: Chunks) -> None:
        self._connection = connection
        self._chunks = chunks
        self._metrics: dict[str, int] = {}
        self._next = 0
        self.reload()

    @property
    def corrupt(self) -> set[tuple[str, int]]:
        """What was found damaged."""
        return self._chunks.corrupt

    def reload(self) -> None:
        """Read again what is known of the file: after opening, and after a transaction was undone."""
        execute = self._connection.execute
        self._chunks.forget()
        self._metrics = dict(execute("SELECT name, id FROM metric").fetchall())
        most = execute("SELECT max(coalesce((SELECT max(id) FROM block), 0), coalesce((SELECT max(id) FROM chunk), 0))")
        self._next = max(note_of(self._connection, "next_id") or 1, most.fetchone()[0] + 1)

    def write(
        self,
        stream: int,
        piece: Piece,
        metric_of: Iterable[str],
        step_ms: int = 0,
        blocks: dict[tuple[int, bytes], int] | None = None,
    ) -> None:
        """Write `piece` as one block of `stream`; `metric_of` names the metric of each of its series.

        `blocks` are those written before that may be shared, by their step and times.
        """
        groups: dict[str, list[int]] = {}
        for row, metric in enumerate(metric_of):
            groups.setdefault(metric, []).append(row)
        blocks = {} if blocks is None else blocks
        for metric, rows in groups.items():
            self._write_chunk(stream, blocks, self._metric(metric), _rows(piece, rows), step_ms)
        self._note_next()

    def write_totals(
        self,
        stream: int,
        metric: str,
        numbers: Int64s,
        found: Totals,
        step_ms: int,
        *,
        counter: bool,
        blocks: dict[tuple[int, bytes], int],
    ) -> None:
        """Write counts and sums beside a tier; sums of counters mean nothing and are not kept."""
        block, known = self._shared_block(stream, blocks, found.times, -step_ms), self._metric(metric)
        t0, t1, samples = int(found.times[0]), int(found.times[-1]), int(found.counts.sum())
        marked = marked_numbers(numbers, block, known, t0, t1, samples)
        data = encode_totals(found.counts, None if counter else found.sums)
        self._insert(block, known, t0, t1, samples, marked, data, -step_ms)
        self._note_next()

    def merge(self, stream: int, start_ms: int, end_ms: int) -> None:
        """Rewrite all blocks of `stream` that lie in start <= t < end as few, a metric at a time: they are finished."""
        found = self._connection.execute(
            "SELECT id, t0, t1 FROM block WHERE stream=? AND step=0 AND t0>=? AND t1<? ORDER BY t0, id",
            (stream, start_ms, end_ms),
        ).fetchall()
        blocks = [block for block, _, _ in found]
        if len(blocks) == 1:
            self._connection.execute("UPDATE block SET finished=1 WHERE id=?", blocks)
            return
        apart = all(one[2] < other[1] for one, other in pairwise(found))
        chunks: dict[int, list[int]] = {}
        for block in sorted(blocks):
            for chunk, metric in self._connection.execute("SELECT id, metric FROM chunk WHERE block=?", (block,)):
                chunks.setdefault(metric, []).append(chunk)
        times = [one for one in map(self._chunks.times_of, blocks) if one is not None] if apart else []
        shared = np.concatenate(times) if times else None
        written: dict[tuple[int, bytes], int] = {}
        lost = 0
        for metric, members in chunks.items():
            pieces = [piece for piece in map(self._chunks.decoded, members) if piece is not None]
            for piece in repacked(pieces, shared):
                self._write_chunk(stream, written, metric, piece, 0)
            lost += len(members) - len(pieces)
        note_lost(self._connection, lost)
        self.drop(blocks)
        self._connection.executemany("UPDATE block SET finished=1 WHERE id=?", [(id_,) for id_ in written.values()])
        self._note_next()

    def drop(self, blocks: Iterable[int]) -> None:
        """Delete blocks and their chunks."""
        for block in blocks:
            self._connection.execute("DELETE FROM chunk WHERE block=?", (block,))
            self._connection.execute("DELETE FROM block WHERE id=?", (block,))

    def latest(self, stream: int) -> tuple[Int64s, Float64s]:
        """The numbers and values of the last samples of a stream's chunks."""
        rows = self._connection.execute(
            "SELECT id FROM chunk WHERE block IN "
            "(SELECT id FROM block WHERE stream=? AND step=0 ORDER BY t1 DESC LIMIT 1)",
            (stream,),
        ).fetchall()
        pieces = [piece for (chunk,) in rows if (piece := self._chunks.decoded(chunk)) is not None]
        numbers = [p.numbers if p.present is None else p.numbers[p.present[:, -1]] for p in pieces]
        values = [p.values[:, -1] if p.present is None else p.values[p.present[:, -1], -1] for p in pieces]
        return np.concatenate([np.zeros(0, np.int64), *numbers]), np.concatenate([np.zeros(0), *values])

    def referenced(self) -> set[int]:
        """The numbers of all series that have chunks."""
        found: set[int] = set()
        for (content,) in self._connection.execute(
            "SELECT DISTINCT substr(numbers, 1, length(numbers) / 8 * 8) FROM chunk"
        ):
            found.update(np.frombuffer(content, np.dtype("<i8")).tolist())
        return found

    # -- inside -----------------------------------------------------------------------------------------

    def _write_chunk(
        self, stream: int, blocks: dict[tuple[int, bytes], int], metric: int, piece: Piece, step_ms: int
    ) -> None:
        samples = piece.values.size if piece.present is None else int(piece.present.sum())
        if not samples:
            return
        block = self._shared_block(stream, blocks, piece.times, step_ms)
        t0, t1 = int(piece.times[0]), int(piece.times[-1])
        numbers = marked_numbers(piece.numbers, block, metric, t0, t1, samples)
        values = np.ascontiguousarray(piece.values)
        if piece.histograms is not None and any(one is not None for one in piece.histograms.reshape(-1)):
            data = MIXED + encode_mixed(values, piece.histograms, piece.present)
        else:
            data = encode_matrix(values, piece.present)
        self._insert(block, metric, t0, t1, samples, numbers, data, step_ms)

    def _insert(self, *row: object) -> None:
        self._connection.execute(
            "INSERT INTO chunk (id, block, metric, t0, t1, samples, numbers, data, step) VALUES (?,?,?,?,?,?,?,?,?)",
            (self._new_id(), *row),
        )

    def _shared_block(self, stream: int, blocks: dict[tuple[int, bytes], int], times: Int64s, step_ms: int) -> int:
        key = (step_ms, times.tobytes())
        block = blocks.get(key)
        if block is None:
            block = blocks[key] = self._write_block(stream, times, step_ms)
        return block

    def _write_block(self, stream: int, times: Int64s, step_ms: int) -> int:
        block = self._new_id()
        self._connection.execute(
            "INSERT INTO block (id, stream, t0, t1, count, times, step) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (block, stream, int(times[0]), int(times[-1]), len(times), encode_times(times), step_ms),
        )
        return block

    def _new_id(self) -> int:
        self._next += 1
        return self._next - 1

    def _note_next(self) -> None:
        set_note(self._connection, "next_id", self._next)

    def _metric(self, name: str) -> int:
        known = self._metrics.get(name)
        if known is None:
            row = self._connection.execute("SELECT id FROM metric WHERE name=?", (name,)).fetchone()
            if row is None:
                crc = crc_of(name.encode())
                known = self._connection.execute("INSERT INTO metric (name, crc) VALUES (?, ?)", (name, crc)).lastrowid
            else:
                known = row[0]
            self._metrics[name] = known = int(known or 0)
        return known


def repacked(pieces: Sequence[Piece], times: Int64s | None) -> list[Piece]:
    """The samples of `pieces`, a later one winning, in as few matrices as is sensible: one on `times` if given."""
    if not pieces:
        return []
    if times is not None:
        return [union(pieces, times)]
    numbers = np.unique(np.concatenate([piece.numbers for piece in pieces]))
    runs = []
    for number in numbers.tolist():
        parts = [_one(piece, number) for piece in pieces if number in piece.numbers]
        runs += runs_of(union(parts))
    return packed(runs, filled=_FILLED)


def _one(piece: Piece, number: int) -> Piece:
    return _without_holes(_rows(piece, np.flatnonzero(piece.numbers == number).tolist()))


def _without_holes(piece: Piece) -> Piece:
    ((number, run),) = runs_of(piece)
    histograms = None if run.histograms is None else run.histograms[None, :]
    return Piece(np.array([number], np.int64), run.times, run.values[None, :], None, histograms)


def _rows(piece: Piece, rows: list[int]) -> Piece:
    present = None if piece.present is None else piece.present[rows]
    histograms = None if piece.histograms is None else piece.histograms[rows]
    return Piece(piece.numbers[rows], piece.times, piece.values[rows], present, histograms)
