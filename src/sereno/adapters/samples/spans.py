"""From when to when each series has samples."""

from __future__ import annotations

import sqlite3

import numpy as np
import numpy.typing as npt

from sereno.promql.columns import Int64s

_NEVER = 1 << 62
_NUMBERS = np.dtype("<i8")


class Spans:
    """The first and the last instant of every series, by its number.

    What is in chunks is known by the chunk: after opening a file a span may reach further than its series (`rough`).
    """

    def __init__(self) -> None:
        self.first: Int64s = np.full(1024, _NEVER, np.int64)
        self.last: Int64s = np.full(1024, -_NEVER, np.int64)
        self.rough: npt.NDArray[np.bool_] = np.zeros(1024, np.bool_)
        self._whole = False

    def note(self, numbers: Int64s, first_ms: int | Int64s, last_ms: int | Int64s) -> None:
        """These series (none twice) have samples at these instants."""
        self._reach(numbers)
        self.rough[numbers] &= self.last[numbers] >= last_ms
        self.last[numbers] = np.maximum(self.last[numbers], last_ms)
        self.first[numbers] = np.minimum(self.first[numbers], first_ms)

    def forget(self, numbers: Int64s) -> None:
        """These series have no samples any more."""
        self.first[numbers], self.last[numbers], self.rough[numbers] = _NEVER, -_NEVER, False

    def load(self, connection: sqlite3.Connection, most: int) -> None:
        """Take in what the file's chunks hold of series up to number `most`; done once, when it is first needed."""
        if self._whole:
            return
        rows = connection.execute(
            "SELECT substr(numbers, 1, length(numbers) / 8 * 8) AS series, min(t0), max(t1) FROM chunk GROUP BY series"
        )
        for blob, first_ms, last_ms in rows:
            numbers = np.frombuffer(blob, _NUMBERS, len(blob) // 8)
            numbers = numbers[(numbers >= 0) & (numbers <= most)]
            self._reach(numbers)
            self.first[numbers] = np.minimum(self.first[numbers], first_ms)
            self.rough[numbers] |= self.last[numbers] < last_ms
            self.last[numbers] = np.maximum(self.last[numbers], last_ms)
        self._whole = True

    def last_of(self, number: int) -> int:
        """The last instant of one series; long ago if it has none."""
        return int(self.last[number]) if number < len(self.last) else -_NEVER

    def settle(self, number: int, last_ms: int) -> None:
        """The last instant of a series is now known exactly."""
        self.last[number], self.rough[number] = last_ms, False

    def overlapping(self, numbers: Int64s, start_ms: int, end_ms: int) -> Int64s:
        """Those of `numbers` whose span meets start <= t <= end."""
        self._reach(numbers)
        found: Int64s = numbers[(self.first[numbers] <= end_ms) & (self.last[numbers] >= start_ms)]
        return found

    def _reach(self, numbers: Int64s) -> None:
        size, wanted = len(self.first), int(numbers.max(initial=0)) + 1
        if wanted <= size:
            return
        more = max(wanted, size * 2) - size
        self.first = np.concatenate([self.first, np.full(more, _NEVER, np.int64)])
        self.last = np.concatenate([self.last, np.full(more, -_NEVER, np.int64)])
        self.rough = np.concatenate([self.rough, np.zeros(more, np.bool_)])
