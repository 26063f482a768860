"""Samples seen through windows: for every series and instant, which samples lie in [start, end].

Few instants: one search over all series at once. Many instants: one search for each distinct vector of times,
shared by all series of a target. Either way the cost is that of the samples plus that of the instants, however
long the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import kernels
from sereno.promql.columns import STALE_BITS, Columns, Float64s, Int64s, Objects
from sereno.promql.known import by_identity, one_and_the_same
from sereno.promql.prefix import Prefix
from sereno.promql.values import Bools, LabelRows, holding

FLAT_INSTANTS_MAX = 64
_BLOCK_SAMPLES = 2_000_000
_KEPT_SAMPLES_MAX = 8_000_000
_Derived = TypeVar("_Derived")


def stale_of(values: Float64s) -> Bools:
    """Which values are staleness markers: told from other NaNs by their bits."""
    return np.equal(values.view(np.int64), STALE_BITS)


class Frame:
    """Windows [start, end] over one vector of times: `low` and `high` are the first index in and the first past."""

    def __init__(self, times: Int64s, low: Int64s, high: Int64s, starts: Int64s, ends: Int64s) -> None:
        self.times = times
        self.low = low
        self.high = high
        self.starts = starts
        self.ends = ends

    @cached_property
    def count(self) -> Int64s:
        """How many samples each window holds."""
        return self.high - self.low

    @cached_property
    def last(self) -> Int64s:
        """The index of the last sample of each window (of nothing, if it is empty)."""
        return self.high - 1

    @cached_property
    def first_time(self) -> Int64s:
        """When the first sample was taken."""
        return self.times.take(self.low, mode="clip")

    @cached_property
    def last_time(self) -> Int64s:
        """When the last sample was taken."""
        return self.times.take(self.last, mode="clip")

    @cached_property
    def spacing(self) -> tuple[Float64s, Float64s, Float64s, Float64s]:
        """Seconds between first and last sample, between neighbours on average, from the start to the first
        sample, and that part by which Prometheus extrapolates beyond the last."""
        if kernels.native is not None:
            out = tuple(np.empty(self.low.shape) for _ in range(4))
            edges = map(np.ascontiguousarray, (self.times, self.low, self.high, self.starts, self.ends))
            kernels.native.spacing(*edges, *out)
            return out  # type: ignore[return-value]
        sampled = (self.last_time - self.first_time) / 1000
        average = sampled / (self.count - 1)
        to_start = (self.first_time - self.starts) / 1000
        to_end = (self.ends - self.last_time) / 1000
        beyond = np.where(to_end < average * 1.1, to_end, average / 2)
        return sampled, average, to_start, beyond


@dataclass(frozen=True, slots=True)
class Lane:
    """The windows of one frame over values of the same times; what is derived of the values is kept in `kept`."""

    frame: Frame
    values: Float64s
    instants: Int64s
    kept: dict[str, object]

    def derived(self, key: str, make: Callable[[Float64s], _Derived]) -> _Derived:
        """`make(values)`, made once for all windows over these values."""
        if key not in self.kept:
            self.kept[key] = make(self.values)
        return self.kept[key]  # type: ignore[return-value]

    @property
    def prefix(self) -> Prefix:
        """The sums of all windows."""
        return self.derived("prefix", Prefix)

    @property
    def first(self) -> Float64s:
        """The first value of each window."""
        return self.values.take(self.frame.low, mode="clip")

    @property
    def last(self) -> Float64s:
        """The last value of each window."""
        return self.values.take(self.frame.last, mode="clip")

    def latest(self, *, markers: bool) -> tuple[Float64s, Bools]:
        """The last value of each window, and whether there is one; staleness markers (if there may be `markers`) are
        none."""
        frame = self.frame
        if kernels.native is not None:
            found, present = np.empty(frame.low.shape), np.empty(frame.low.shape, dtype=bool)
            kernels.native.latest(np.ascontiguousarray(self.values), frame.low, frame.high, found, present)
            return found, present
        here = frame.count > 0
        if markers:
            here = here & ~self.derived("stale", stale_of).take(frame.last, mode="clip")
        return self.last, here


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows first … last − 1, whose samples are `part`; the key of a sample is row · stride + time − base."""

    first: int
    last: int
    part: slice
    base: int
    stride: int
    keys: Int64s


def _searched(times: Int64s, starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """The first index within and the first past each window, as one row."""
    found = kernels.windows(times, np.array([0, len(times)]), starts, ends)
    if found is not None:
        return found
    low = np.searchsorted(times, starts, side="left")[None, :]
    return low, np.searchsorted(times, ends, side="right")[None, :]


@by_identity
def _places(labels: LabelRows) -> tuple[LabelRows, Int64s | None]:
    """`labels` in order, and the place of each row in that order (None: they are in order as they stand)."""
    order = sorted(range(len(labels)), key=lambda row: labels[row].pairs)
    if order == list(range(len(order))):
        return labels, None
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return tuple(labels[row] for row in order), places


class Samples:
    """Columns made ready for windows. Results come in the order of the labels, whatever that of the columns."""

    def __init__(
        self, labels: LabelRows, offsets: Int64s, times: Int64s, values: Float64s, histograms: Objects | None = None
    ) -> None:
        self._labels = one_and_the_same(labels)
        self.labels, self._places = _places(self._labels)
        self.offsets = offsets
        self.times = times
        self.values = values
        self.histograms = histograms
        self._kept: dict[int, dict[str, object]] = {}
        self.known: dict[str, object] = {}
        """What others worked out of these samples, kept for the next window."""

    @staticmethod
    def of(columns: Columns) -> Samples:
        """Columns as they are selected."""
        values, histograms = columns.values, columns.histograms
        if histograms is not None:
            values = np.where(holding(histograms), 0.0, values)
        return Samples(columns.labels, columns.offsets, columns.times, values, histograms)

    def __len__(self) -> int:
        return len(self.labels)

    def row(self, index: int) -> tuple[Labels, Int64s, Float64s, Objects | None]:
        """One series as it was loaded: its labels, times, values and native histograms."""
        part = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        histograms = None if self.histograms is None else self.histograms[part]
        return self._labels[index], self.times[part], self.values[part], histograms

    @cached_property
    def stale(self) -> Bools | None:
        """Which samples are staleness markers; None if there are none."""
        found = stale_of(self.values)
        if self.histograms is not None:
            found &= ~holding(self.histograms)
        return found if found.any() else None

    @property
    def fresh(self) -> Samples:
        """The same samples without staleness markers."""
        return self if self.stale is None else self._fresh

    @cached_property
    def _fresh(self) -> Samples:  # never itself: what refers to itself is let go late, and this may be large
        assert self.stale is not None
        return self._only(~self.stale)

    @property
    def floats(self) -> Samples:
        """The same samples without native histograms."""
        return self if self.histograms is None else self._floats

    @cached_property
    def _floats(self) -> Samples:
        assert self.histograms is not None
        return self._only(~holding(self.histograms))

    def with_histograms(self, histograms: Objects) -> Samples:
        """The same samples with other native histograms."""
        return Samples(self._labels, self.offsets, self.times, self.values, histograms)

    def _only(self, keep: Bools) -> Samples:
        counts = np.concatenate(([0], np.cumsum(keep)))
        histograms = None if self.histograms is None else self.histograms[keep]
        if histograms is not None and not holding(histograms).any():
            histograms = None
        return Samples(self._labels, counts[self.offsets], self.times[keep], self.values[keep], histograms)

    @cached_property
    def native_rows(self) -> list[tuple[int, int, int]]:
        """The rows that hold native histograms: their place in the result, and where their samples begin and end."""
        if self.histograms is None:
            return []
        at = np.flatnonzero(holding(self.histograms))
        rows = np.unique(np.searchsorted(self.offsets, at, side="right") - 1).tolist()
        places = range(len(self)) if self._places is None else self._places.tolist()
        return [(int(places[row]), int(self.offsets[row]), int(self.offsets[row + 1])) for row in rows]

    @cached_property
    def _blocks(self) -> list[_Block] | None:
        """All rows, in blocks of bounded size with one ascending key a sample. None if the keys would overflow."""
        if not len(self.times):
            return None
        base = int(self.times.min())
        stride = int(self.times.max()) - base + 2
        if stride * (len(self) + 1) >= 2**62:
            return None
        blocks, first = [], 0
        while first < len(self):
            limit = self.offsets[first] + _BLOCK_SAMPLES
            last = max(first + 1, int(np.searchsorted(self.offsets, limit, side="right")) - 1)
            part = slice(int(self.offsets[first]), int(self.offsets[last]))
            sizes = np.diff(self.offsets[first : last + 1])
            rows = np.repeat(np.arange(last - first, dtype=np.int64) * stride, sizes)
            blocks.append(_Block(first, last, part, base, stride, rows + (self.times[part] - base)))
            first = last
        return blocks

    @cached_property
    def _alike(self) -> list[list[int]]:
        """Rows put together whose times are equal: the series of one target."""
        found: dict[tuple[int, int, int], list[list[int]]] = {}
        groups: list[list[int]] = []
        for row in range(len(self)):
            begin, end = int(self.offsets[row]), int(self.offsets[row + 1])
            if begin == end:
                continue
            key = (end - begin, int(self.times[begin]), int(self.times[end - 1]))
            times = self.times[begin:end]
            for group in found.get(key, ())[-4:]:
                other = int(self.offsets[group[0]])
                if np.array_equal(self.times[other : other + len(times)], times):
                    group.append(row)
                    break
            else:
                group = [row]
                groups.append(group)
                found.setdefault(key, []).append(group)
        return groups

    def lanes(
        self, starts: Int64s, ends: Int64s, instants: Int64s, left_ms: int = 0
    ) -> Iterator[tuple[slice | Int64s, Lane]]:
        """The windows [starts + left_ms, ends] of the evaluation at `instants`: which rows of the result, and their
        lane. Rows without any sample may not come up.
        """
        places = self._places
        few = len(instants) <= FLAT_INSTANTS_MAX
        if few and len(self.times) and (found := kernels.windows(self.times, self.offsets, starts + left_ms, ends)):
            frame = Frame(self.times, *found, starts, ends)
            yield (
                slice(0, len(self)) if places is None else places,
                Lane(frame, self.values, instants, self._kept_for(-1)),
            )
            return
        if few and self._blocks is not None:
            for block in self._blocks:
                target = slice(block.first, block.last) if places is None else places[block.first : block.last]
                yield target, self._block_lane(block, starts, ends, instants, left_ms)
            return
        for group in self._alike:
            begin, end = int(self.offsets[group[0]]), int(self.offsets[group[0] + 1])
            times = self.times[begin:end]
            frame = Frame(times, *_searched(times, starts + left_ms, ends), starts, ends)
            for row in group:
                values = self.values[self.offsets[row] : self.offsets[row + 1]]
                place = row if places is None else int(places[row])
                yield slice(place, place + 1), Lane(frame, values, instants, self._kept_for(row))

    def _kept_for(self, key: int) -> dict[str, object]:
        """Where to keep what is derived of the values; nowhere for long if there are too many of them."""
        return self._kept.setdefault(key, {}) if len(self.times) <= _KEPT_SAMPLES_MAX else {}

    def _block_lane(self, block: _Block, starts: Int64s, ends: Int64s, instants: Int64s, left_ms: int) -> Lane:
        base, stride = block.base, block.stride
        rows = np.arange(block.last - block.first, dtype=np.int64)[:, None] * stride
        low = np.searchsorted(block.keys, rows + np.clip(starts + left_ms - base, 0, stride - 1), side="left")
        high = np.searchsorted(block.keys, rows + np.clip(ends - base, -1, stride - 2), side="right")
        frame = Frame(self.times[block.part], low, np.maximum(low, high), starts, ends)
        return Lane(frame, self.values[block.part], instants, self._kept_for(-1 - block.first))
