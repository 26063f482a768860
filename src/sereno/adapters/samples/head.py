"""The latest samples, in memory as they are in the `head` table: one row a scrape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sereno.adapters.samples.assembly import Piece, contains, union
from sereno.promql.columns import Float64s, Int64s

_ROWS_FIRST = 16
_ROWS_MAX = 512


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which series the values of a scrape belong to, in order. `low` and `high` are the outermost numbers."""

    id: int
    numbers: Int64s
    low: int
    high: int

    @staticmethod
    def of(id_: int, numbers: Int64s) -> Layout:
        """The layout of these series."""
        return Layout(id_, numbers, int(numbers.min(initial=0)), int(numbers.max(initial=-1)))


class Segment:
    """Consecutive scrapes of one layout, growing."""

    __slots__ = ("count", "layout", "times", "values")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.count = 0
        self.times = np.empty(_ROWS_FIRST, np.int64)
        self.values = np.empty((_ROWS_FIRST, len(layout.numbers)), np.float64)

    @property
    def full(self) -> bool:
        """Whether the next scrape needs another segment."""
        return self.count == _ROWS_MAX

    def add(self, at_ms: int, values: Float64s) -> None:
        """Take in one scrape."""
        if self.count == len(self.times):
            rows = self.count * 2
            self.times = np.resize(self.times, rows)
            grown = np.empty((rows, self.values.shape[1]), np.float64)
            grown[: self.count] = self.values
            self.values = grown
        self.times[self.count] = at_ms
        self.values[self.count] = values
        self.count += 1

    def drop_before(self, at_ms: int) -> None:
        """Forget scrapes before `at_ms`."""
        first = int(np.searchsorted(self.times[: self.count], at_ms))
        if first:
            self.times = self.times[first:].copy()
            self.values = self.values[first:].copy()
            self.count -= first


@dataclass(slots=True)
class Stream:
    """One target's scrapes that are not yet in chunks."""

    id: int
    name: str
    newest_ms: int
    segments: list[Segment] = field(default_factory=list)
    latest: tuple[Int64s, Float64s] | None = None
    """The numbers and values of the latest scrape, also when it is in chunks by now; None if it is not remembered."""

    def add(self, at_ms: int, layout: Layout, values: Float64s) -> None:
        """Take in one scrape, later than all before."""
        if not self.segments or self.segments[-1].layout is not layout or self.segments[-1].full:
            self.segments.append(Segment(layout))
        self.segments[-1].add(at_ms, values)
        self.newest_ms = at_ms
        self.latest = layout.numbers, values

    @property
    def samples(self) -> int:
        """How many samples are here."""
        return sum(segment.count * len(segment.layout.numbers) for segment in self.segments)

    @property
    def oldest_ms(self) -> int | None:
        """The instant of the first scrape here."""
        return next((int(segment.times[0]) for segment in self.segments if segment.count), None)

    def drop_before(self, at_ms: int) -> None:
        """Forget scrapes before `at_ms`."""
        for segment in self.segments:
            segment.drop_before(at_ms)
        self.segments = [segment for segment in self.segments if segment.count]

    def slots(self, until_ms: int, width_ms: int) -> list[int]:
        """Where the spans of `width_ms` begin that hold scrapes before `until_ms`, in order."""
        found: set[int] = set()
        for segment in self.segments:
            times = segment.times[: segment.count]
            found.update(np.unique(times[times < until_ms] // width_ms).tolist())
        return [slot * width_ms for slot in sorted(found)]

    def pieces(self, wanted: Int64s, start_ms: int, end_ms: int) -> Iterator[Piece]:
        """The samples of the series in `wanted` (sorted), start <= t <= end."""
        for segment in self.segments:
            layout = segment.layout
            if layout.high < wanted[0] or layout.low > wanted[-1]:
                continue
            a, b = np.searchsorted(segment.times[: segment.count], (start_ms, end_ms + 1)).tolist()
            if a >= b:
                continue
            rows = np.flatnonzero(contains(wanted, layout.numbers))
            if len(rows):
                values = np.ascontiguousarray(segment.values[a:b, rows].T)
                yield Piece(layout.numbers[rows], segment.times[a:b].copy(), values)

    def before(self, start_ms: int, end_ms: int) -> Piece | None:
        """Everything with start <= t < end as one matrix, series sorted by number; None if there is nothing."""
        parts = []
        for segment in self.segments:
            a, b = np.searchsorted(segment.times[: segment.count], (start_ms, end_ms)).tolist()
            if a < b:
                parts.append(Piece(segment.layout.numbers, segment.times[a:b], segment.values[a:b].T))
        return union(parts) if parts else None
