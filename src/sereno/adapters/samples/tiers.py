"""Tiers: what stays of samples when they are too old to be kept all, and how those who ask are told.

When a day of a stream is finished, each tier gets its part of it (see `thinning.py`); retention then forgets the
samples themselves sooner than their tiers. Because every tier holds a part of what was there, reading is a union: the
samples, and where those have been forgotten, what the tiers still hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.chunk_writer import ChunkWriter
from sereno.adapters.samples.chunks import Chunks
from sereno.adapters.samples.database import note_of, set_note
from sereno.adapters.samples.thinning import thinned, totals
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import from_ms

if TYPE_CHECKING:
    from sereno.slo.thinned import Thinned

DAY_MS = 86_400_000
_COUNTED = ("_total", "_count", "_sum", "_bucket")


@dataclass(frozen=True, slots=True)
class Tier:
    """Samples thinned to one `step`, and how long they are kept."""

    step: timedelta
    retention: timedelta

    @property
    def step_ms(self) -> int:
        """The step in milliseconds."""
        return self.step // timedelta(milliseconds=1)


TIERS = (Tier(timedelta(minutes=5), timedelta(days=365)), Tier(timedelta(hours=1), timedelta(days=1825)))


class Tiers:
    """Builds tiers, and knows from when on each is whole. Inside the caller's transactions."""

    def __init__(
        self, connection: sqlite3.Connection, chunks: Chunks, writer: ChunkWriter, tiers: Iterable[Tier]
    ) -> None:
        self._connection = connection
        self._chunks = chunks
        self._writer = writer
        self.tiers = tuple(sorted(tiers, key=lambda tier: tier.step))

    def build(self, stream: int, day: int) -> None:
        """Give each tier its part of a finished day, in place of what it had; samples that came after those of their
        day had been forgotten are added to what it has."""
        start, end = day * DAY_MS, (day + 1) * DAY_MS
        if start >= whole_from(self._connection, 0):
            self._writer.drop(self._blocks(stream, start, end, raw=False))
        blocks: dict[tuple[int, bytes], int] = {}
        for block in self._blocks(stream, start, end, raw=True):
            rows = self._connection.execute(
                "SELECT c.id, m.name FROM chunk c JOIN metric m ON m.id = c.metric WHERE c.block=?", (block,)
            ).fetchall()
            for chunk, metric in rows:
                piece = self._chunks.decoded(chunk)
                if piece is not None:
                    self._write(stream, metric, piece, blocks)

    def _write(self, stream: int, metric: str, piece: Piece, blocks: dict[tuple[int, bytes], int]) -> None:
        counted = metric.endswith(_COUNTED)
        for tier in self.tiers:
            part = thinned(piece, tier.step_ms, counter=counted)
            if part.values.size:
                self._writer.write(stream, part, [metric] * len(part.numbers), tier.step_ms, blocks)
            found = totals(piece, tier.step_ms)
            self._writer.write_totals(
                stream, metric, piece.numbers, found, tier.step_ms, counter=counted, blocks=blocks
            )

    def _blocks(self, stream: int, start: int, end: int, *, raw: bool) -> list[int]:
        found = self._connection.execute(
            "SELECT id FROM block WHERE stream=? AND (step = 0) = ? AND t0>=? AND t1<?", (stream, raw, start, end)
        )
        return [block for (block,) in found]


def whole_from(connection: sqlite3.Connection, step_ms: int) -> int:
    """From which instant on nothing of a tier (0: the samples themselves) has been forgotten."""
    found = note_of(connection, f"whole_from_{step_ms}")
    return -(1 << 62) if found is None else found


def note_forgotten(connection: sqlite3.Connection, step_ms: int, last_ms: int) -> None:
    """What a tier held up to `last_ms` is being forgotten."""
    known = whole_from(connection, step_ms)
    if last_ms >= known:
        set_note(connection, f"whole_from_{step_ms}", last_ms + 1)


@dataclass(frozen=True, slots=True)
class Resolution:
    """From when on which detail is whole: (0, t) for the samples themselves, then the tiers, finest first."""

    whole: tuple[tuple[int, int], ...]

    @staticmethod
    def of(connection: sqlite3.Connection) -> Resolution:
        """As the file is now."""
        rows = connection.execute("SELECT substr(name, 12), value FROM note WHERE name LIKE 'whole_from_%'")
        return Resolution(tuple(sorted((int(step), value) for step, value in rows)))

    def reads(self, start_ms: int, end_ms: int, steps: Iterable[int]) -> list[tuple[int, int, int]]:
        """What to read for start <= t <= end: (step, start, end), coarsest first."""
        found = [(0, start_ms, end_ms)]
        whole = dict(self.whole)
        until = whole.get(0, -(1 << 62))
        for step in sorted(steps):
            if start_ms >= until:
                break
            found.append((step, start_ms, min(end_ms, until - 1)))
            until = min(until, whole.get(step, -(1 << 62)))
        return found[::-1]

    def splits(self, start_ms: int, end_ms: int, steps: Iterable[int], bucket_ms: int) -> list[tuple[int, int, int]]:
        """Which detail counts where, in buckets of `bucket_ms`: (step, after, until), side by side, after < t <= until.

        Raises UsageError if buckets are not made of whole steps where samples are thinned.
        """
        whole = dict(self.whole)
        found: list[tuple[int, int, int]] = []
        until = end_ms
        for step in (0, *sorted(steps)):
            known = whole.get(step, start_ms - 1)
            after = max(start_ms - 1, min(until, -(-known // bucket_ms) * bucket_ms))
            if after < until:
                if step and bucket_ms % step:
                    raise UsageError(f"samples are thinned to {step // 1000} s there: buckets must be multiples of it")
                found.append((step, after, until))
            until = min(until, after)
        return found

    def thinned(self, steps: Iterable[int]) -> Thinned:
        """What those who count must know: before which instants only steps can be told apart."""
        whole = dict(self.whole)
        found: list[tuple[int, int]] = []
        until = whole.get(0)
        for step in sorted(steps):
            if until is None:
                break
            found.append((until, step))
            coarser = whole.get(step)
            until = None if coarser is None else min(until, coarser)
        from sereno.slo.thinned import Thinned  # here: the promises behind it take a while to import

        return Thinned(tuple(found))

    def note(self, start_ms: int, steps: Collection[int]) -> str | None:
        """What somebody who reads from `start_ms` on must be told; None when all samples are there."""
        whole = dict(self.whole).get(0)
        if whole is None or start_ms >= whole or not steps:
            return None
        return (
            f"samples before {from_ms(whole):%Y-%m-%dT%H:%M:%SZ} are thinned: of each step of a tier the first, last, "
            "lowest and highest are kept, and the resets of counters. increase, rate, delta, min_, max_ and "
            "last_over_time over whole steps are exact; count_, sum_, avg_, stddev_ and quantile_over_time are not"
        )


def steps_in(connection: sqlite3.Connection) -> tuple[int, ...]:
    """The tiers that the file holds, by step in milliseconds."""
    rows = connection.execute("SELECT DISTINCT step FROM block WHERE step > 0").fetchall()
    return tuple(sorted(int(np.int64(step)) for (step,) in rows))
