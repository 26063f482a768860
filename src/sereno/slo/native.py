"""Native histograms as counters: what each had counted in all, and how much of it lay at or below a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sereno.promql.columns import Columns, Int64s
from sereno.promql.native import Histogram
from sereno.promql.native_quantile import fraction
from sereno.slo.counters import Counter, judge_births
from sereno.slo.exact import Exact, exact
from sereno.slo.thinned import WHOLE, Thinned

_NEARLY = 1e-6


@dataclass(frozen=True, slots=True)
class NativeCounter(Counter):
    """The observations at or below `threshold` of a native histogram; where it is no boundary, interpolated within
    its bucket as `histogram_fraction` does. Only the samples that are asked for are looked into."""

    histograms: tuple[Histogram, ...] = ()
    threshold: float = 0.0

    def until(self, instants_ms: Int64s) -> list[Exact]:
        """The number of events seen by each instant, since the first sample; exact if the threshold is a boundary."""
        known: dict[int, Exact] = {}

        def below(place: int) -> Exact:
            if place not in known:
                known[place] = _below(self.histograms[place], self.threshold)
            return known[place]

        positions = np.searchsorted(self.times, instants_ms, side="right") - 1
        before = np.searchsorted(self.resets, positions, side="right")
        lost: list[Exact] = [0]
        for reset in self.resets.tolist():
            lost.append(lost[-1] + below(reset - 1))
        base = 0 if self.from_zero or not len(self.times) else below(0)
        return [
            below(place) - base + lost[resets] if place >= 0 else 0
            for place, resets in zip(positions.tolist(), before.tolist(), strict=True)
        ]


def native_counters(
    columns: Columns, threshold: float, thinned: Thinned = WHOLE
) -> tuple[list[Counter], list[Counter]]:
    """The counters of all observations and of those at or below `threshold` seconds, one of each a histogram.

    A restart is a count that fell, or one that the histogram itself tells of. Samples that are no histograms, or whose
    count is none, are left out.
    """
    counts: list[Counter] = []
    parts: list[NativeCounter] = []
    for index, labels in enumerate(columns.labels):
        place = slice(int(columns.offsets[index]), int(columns.offsets[index + 1]))
        there = [] if columns.histograms is None else columns.histograms[place].tolist()
        kept = [
            (int(at), one)
            for at, one in zip(columns.times[place].tolist(), there, strict=bool(there))
            if one is not None and 0 <= one.count < np.inf
        ]
        if not kept:
            continue
        times = np.array([at for at, _ in kept], np.int64)
        histograms = tuple(one for _, one in kept)
        values = np.array([one.count for one in histograms])
        told = np.array([one.reset == "reset" for one in histograms[1:]], bool)
        resets = np.flatnonzero((values[1:] < values[:-1]) | told) + 1
        counts.append(Counter(labels, times, values, resets))
        parts.append(NativeCounter(labels, times, values, resets, False, histograms, threshold))
    (judged,) = judge_births(counts, thinned=thinned)
    born = [replace(part, from_zero=count.from_zero) for part, count in zip(parts, judged, strict=True)]
    return judged, list(born)


def _below(histogram: Histogram, threshold: float) -> Exact:
    share = fraction(float("-inf"), threshold, histogram).value
    found = share * histogram.count if histogram.count else 0.0
    near = round(found)
    return near if abs(found - near) <= _NEARLY else exact(found)
