"""Series with times of their own, put together into as few matrices as is sensible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.promql.columns import Float64s, Int64s, Objects

Numbered = Sequence[tuple[int, "Run"]]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Samples of one series, times increasing; `histograms` as in Columns."""

    times: Int64s
    values: Float64s
    histograms: Objects | None = None

    def between(self, start_ms: int, end_ms: int) -> Run:
        """The samples with start <= t <= end; shares memory."""
        a, b = np.searchsorted(self.times, (start_ms, end_ms + 1)).tolist()
        return Run(self.times[a:b], self.values[a:b], None if self.histograms is None else self.histograms[a:b])

    def take(self, places: Int64s) -> Run:
        """Only the samples at `places`."""
        return Run(
            self.times[places], self.values[places], None if self.histograms is None else self.histograms[places]
        )


def packed(series: Numbered, *, filled: float = 1.0) -> list[Piece]:
    """`series` as matrices, each series once, numbers ascending within a matrix.

    Series with exactly the same times share a matrix; so do all of them when at least the share `filled` of that one
    matrix would be samples.
    """
    groups: dict[bytes, list[tuple[int, Run]]] = {}
    for number, run in series:
        groups.setdefault(run.times.tobytes(), []).append((number, run))
    if len(groups) > 1 and filled < 1.0:
        times = np.unique(np.concatenate([members[0][1].times for members in groups.values()]))
        if sum(len(run.times) for _, run in series) >= filled * len(times) * len(series):
            return [_with_holes(series, times)]
    return [_without_holes(members) for members in groups.values()]


def _without_holes(members: Numbered) -> Piece:
    members = sorted(members, key=lambda pair: pair[0])
    numbers = np.array([number for number, _ in members], np.int64)
    times = members[0][1].times.copy()
    values = np.stack([run.values for _, run in members])
    histograms = None
    if any(run.histograms is not None for _, run in members):
        histograms = np.full(values.shape, None, object)
        for row, (_, run) in enumerate(members):
            histograms[row] = run.histograms
    return Piece(numbers, times, values, None, histograms)


def _with_holes(series: Numbered, times: Int64s) -> Piece:
    members = sorted(series, key=lambda pair: pair[0])
    values = np.zeros((len(members), len(times)))
    present = np.zeros(values.shape, np.bool_)
    histograms = None
    if any(run.histograms is not None for _, run in members):
        histograms = np.full(values.shape, None, object)
    for row, (_, run) in enumerate(members):
        places = np.searchsorted(times, run.times)
        values[row, places], present[row, places] = run.values, True
        if histograms is not None:
            histograms[row, places] = run.histograms
    numbers = np.array([number for number, _ in members], np.int64)
    return Piece(numbers, times, values, None if present.all() else present, histograms)


def runs_of(piece: Piece) -> list[tuple[int, Run]]:
    """The series of `piece` one by one, without its holes; may share memory."""
    found = []
    for row, number in enumerate(piece.numbers.tolist()):
        own = None if piece.histograms is None else piece.histograms[row]
        run = Run(piece.times, piece.values[row], own)
        found.append((number, run if piece.present is None else run.take(np.flatnonzero(piece.present[row]))))
    return found
