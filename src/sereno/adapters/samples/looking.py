"""Finding samples: in chunks and tiers through one connection, and in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.chunks import Chunks, check_samples
from sereno.adapters.samples.journal import Journal
from sereno.adapters.samples.registry import Registry
from sereno.adapters.samples.tiers import Resolution
from sereno.promql.columns import Int64s


class Looking:
    """Looks through one connection, with one cache: for one thread at a time. `steps` are the tiers there may be."""

    def __init__(
        self, connection: sqlite3.Connection, chunks: Chunks, steps: Collection[int], samples_max: int
    ) -> None:
        self._connection = connection
        self.chunks = chunks
        self.steps = steps
        self._samples_max = samples_max

    def pieces(
        self, wanted: Mapping[str, Int64s], start_ms: int, end_ms: int, samples_max: int | None = None
    ) -> list[Piece]:
        """What the file's chunks hold of the series in `wanted` (sorted numbers by metric), in order of writing.

        Where samples have been forgotten, what their tiers hold. Raises QueryLimit when there are too many.
        """
        most = samples_max or self._samples_max
        found: list[Piece] = []
        if not wanted:
            return found
        for step, first, last in self.resolution.reads(start_ms, end_ms, self.steps):
            for metric, numbers in wanted.items():
                found.extend(self.chunks.pieces(metric, numbers, first, last, step, samples_max=most))
                check_samples(sum(piece.values.size for piece in found), most)
        return found

    @property
    def resolution(self) -> Resolution:
        """From when on there is which detail."""
        return Resolution.of(self._connection)


def fresh_pieces(
    registry: Registry, journal: Journal, wanted: Mapping[str, Int64s], start_ms: int, end_ms: int
) -> list[Piece]:
    """What is not yet in chunks of the series in `wanted`, copied.

    To be taken before one looks into chunks: what moves there meanwhile is found twice, which is no harm.
    """
    if not wanted:
        return []
    numbers = np.unique(np.concatenate(list(wanted.values())))
    pieces = journal.pieces(numbers, start_ms, end_ms)
    for stream in registry.streams.values():
        pieces.extend(stream.pieces(numbers, start_ms, end_ms))
    return pieces
