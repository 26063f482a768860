"""The samples of one series that holds native histograms, and what is known of all its windows at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.native import CUSTOM_BOUNDS, Histogram, ResetHint
from sereno.promql.native_math import detect_reset, equal
from sereno.promql.native_stack import Stack, resets
from sereno.promql.starts import Window, overlaps, resets_between
from sereno.promql.values import Bools, holding
from sereno.promql.windows import Samples

StartsOf = Callable[[Labels, Int64s], Int64s]
"""When the counters of a series's samples of these times began, in milliseconds; 0 where that is not known."""


class NativeSeries:
    """A series of floats and native histograms in order of time."""

    def __init__(
        self, labels: Labels, times: Int64s, values: Float64s, histograms: Objects, starts: Int64s | None = None
    ) -> None:
        self.labels = labels
        self.times = times
        self.values = values
        self.histograms = histograms
        self.native: Bools = holding(histograms)
        self.starts = starts

    @property
    def name(self) -> str:
        """The metric's name, empty if it has none."""
        return self.labels.get("__name__", "")

    def at(self, index: int) -> Histogram:
        """The histogram at `index`, where there is one."""
        found: Histogram = self.histograms[index]
        return found

    def window(self, low: int, high: int) -> list[Histogram]:
        """The histograms from index `low` to before `high`, where there is nothing else."""
        found: list[Histogram] = self.histograms[low:high].tolist()
        return found

    def reset_at(self, index: int) -> bool:
        """Whether the histogram at `index` was reset since the one right before it."""
        return bool(self.reset[index])

    @cached_property
    def stack(self) -> Stack | None:
        """All its histograms as one table; None if it has floats too, or their layouts differ."""
        return Stack.of(self.window(0, len(self.times))) if self.native.all() else None

    @cached_property
    def plain(self) -> bool:
        """Whether its table can be reckoned with column by column."""
        return self.stack is not None and self.stack.plain

    @cached_property
    def reset(self) -> Bools:
        """Of each histogram that follows another, whether it was reset since that one."""
        found = np.zeros(len(self.times), dtype=bool)
        asked = np.flatnonzero(self.native[1:] & self.native[:-1]) + 1
        if self.stack is not None and self.plain:
            found[1:] = resets(self.stack)
            asked = asked[[self.at(index).reset in ("reset", "not_reset") for index in asked.tolist()]]
        for index in asked.tolist():
            found[index] = detect_reset(self.at(index), self.at(index - 1))
        found[1:] |= self.anew
        return found

    @cached_property
    def anew(self) -> Bools:
        """Of each sample but the first, whether it says that its counter began since the one before."""
        if self.starts is None:
            return np.zeros(max(0, len(self.times) - 1), dtype=bool)
        return resets_between(self._window(0, len(self.times)))

    def overlaps(self, low: int, high: int) -> bool:
        """Whether a sample from `low` to before `high` says that its counter began before the sample before it."""
        return self.starts is not None and overlaps(self._window(low, high))

    def began(self, index: int) -> int:
        """When the counter of a sample began, in milliseconds; 0 where that is not known."""
        return 0 if self.starts is None else int(self.starts[index])

    def _window(self, low: int, high: int) -> Window:
        assert self.starts is not None
        part = slice(low, high)
        return Window(self.times[part], np.zeros(high - low), self.starts[part], 0, 0)

    @cached_property
    def natives(self) -> Int64s:
        """Running counts of histograms, with a leading zero."""
        return _running(self.native)

    @cached_property
    def resets(self) -> Int64s:
        """Running counts of the neighbours of which the second was reset: [k] counts those up to the pair ending at k.

        A float after a histogram, or the other way round, is a reset.
        """
        return self._pairs((self.values[1:] < self.values[:-1]) | self.anew, self.reset_at)

    @cached_property
    def changes(self) -> Int64s:
        """Running counts of the neighbours that differ."""
        now, before = self.values[1:], self.values[:-1]
        differ = (now != before) & ~(np.isnan(now) & np.isnan(before))
        return self._pairs(differ, lambda k: not equal(self.at(k), self.at(k - 1)))

    def _pairs(self, floats: Bools, between: Callable[[int], bool]) -> Int64s:
        flags = floats.copy()
        flags[self.native[1:] != self.native[:-1]] = True
        for index in (np.flatnonzero(self.native[1:] & self.native[:-1]) + 1).tolist():
            flags[index - 1] = between(index)
        return _running(flags)

    @cached_property
    def gauges(self) -> Int64s:
        """Running counts of histograms that are gauges."""
        return self.hints("gauge")

    def hints(self, hint: ResetHint) -> Int64s:
        """Running counts of histograms that say `hint` of resets."""
        return _running(np.array([h is not None and h.reset == hint for h in self.histograms], dtype=bool))

    @cached_property
    def customs(self) -> Int64s:
        """Running counts of histograms of custom bounds."""
        return _running(np.array([h is not None and h.schema == CUSTOM_BOUNDS for h in self.histograms], dtype=bool))

    @cached_property
    def schemas(self) -> Int64s:
        """The schema of each sample."""
        return np.array([0 if h is None else h.schema for h in self.histograms], dtype=np.int64)

    @cached_property
    def one_schema(self) -> bool:
        """Whether all histograms have the same schema."""
        there = self.schemas[self.native]
        return bool((there == there[:1]).all())

    def reset_indices(self, low: int, high: int) -> list[int]:
        """The indices from `low` to before `high` at which a histogram was reset since the one before."""
        return (np.flatnonzero(np.diff(self.resets[low:high])) + low + 1).tolist() if high - low > 1 else []


def _running(flags: Bools) -> Int64s:
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    return total


def native_series(samples: Samples, starts: StartsOf | None = None) -> list[tuple[int, NativeSeries]]:
    """The series of `samples` that hold histograms, and their places in a result; made once.

    `starts` says when the counters of the samples of a series began.
    """
    key = "native" if starts is None else "native with starts"
    known: list[tuple[int, NativeSeries]] | None = samples.known.get(key)  # type: ignore[assignment]
    if known is None:
        known = []
        for place, begin, end in samples.native_rows:
            part, labels = slice(begin, end), samples.labels[place]
            assert samples.histograms is not None
            times = samples.times[part]
            began = None if starts is None else starts(labels, times)
            known.append((place, NativeSeries(labels, times, samples.values[part], samples.histograms[part], began)))
        samples.known[key] = known
    return known
