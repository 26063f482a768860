"""Thinning: of each step of time only the samples that matter stay, as they were.

Of the samples of a series in a bucket (k·step, (k+1)·step] these are kept, each with its own instant and value: the
first, the last, the lowest, the highest, and both sides of every reset of a counter. (The first four are M4: Jugel
et al., "M4: a visualization-oriented time series data aggregation", VLDB 2014.) A tier so holds no made-up sample,
it is a part of what was there, and the wider tier is a part of the narrower. Over windows that begin and end at
multiples of the step:

- increase, delta and resets of counters find the same first and last sample and the same resets, to the bit; what
  `increase` and `rate` add towards the edges of a window is the same wherever scrapes are regular up to the edges
  (they judge that by the mean distance of samples, which is wider here);
- min_, max_ and last_over_time are exact;
- count_, sum_, avg_, stddev_ and quantile_over_time, changes and deriv are not: the counts and sums are kept beside
  (`totals`) and asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.codec import Bools
from sereno.promql.columns import STALE_BITS, Float64s, Int64s
from sereno.promql.native import Buckets, Histogram

_COUNTER_FALLS_MAX = 0.25
"""A series that falls at more than so many of its steps is no counter: its falls are not kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """How many samples each series had in each bucket, and their sum (NaN if one was), a column a bucket."""

    counts: Float64s
    sums: Float64s
    times: Int64s
    """The last instant of the piece in each bucket: it tells the bucket, and that it had begun."""


def thinned(piece: Piece, step_ms: int, *, counter: bool = False) -> Piece:
    """The part of `piece` that a tier of `step_ms` keeps. `counter`: all its falls are resets, however many."""
    valid, live = _valid(piece), _live(piece)
    starts = _starts(piece.times, step_ms)
    kept = _firsts(valid, starts) | _lasts(valid, starts) | (_lasts(live, starts) & ~valid)
    kept |= _extremes(piece.values, valid & _floats(piece), starts)
    kept |= _falls(piece, valid, 1.0 if counter else _COUNTER_FALLS_MAX)
    columns = np.flatnonzero(kept.any(axis=0))
    rows = np.flatnonzero(kept.any(axis=1))
    place = np.ix_(rows, columns)
    histograms = None if piece.histograms is None else piece.histograms[place]
    present = kept[place]
    return Piece(
        piece.numbers[rows], piece.times[columns], piece.values[place], None if present.all() else present, histograms
    )


def totals(piece: Piece, step_ms: int) -> Totals:
    """Counts and sums of the samples of `piece`, staleness markers and histograms left out."""
    valid = _valid(piece) & _floats(piece)
    starts = _starts(piece.times, step_ms)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = np.add.reduceat(np.where(valid, piece.values, 0.0), starts, axis=1)
    counts = np.add.reduceat(valid.astype(np.float64), starts, axis=1)
    ends = np.append(starts[1:], len(piece.times)) - 1
    return Totals(counts, sums, piece.times[ends])


def bucket_of(times: Int64s, step_ms: int) -> Int64s:
    """The end of the bucket in which each instant lies."""
    found: Int64s = -(-times // step_ms) * step_ms
    return found


def _starts(times: Int64s, step_ms: int) -> Int64s:
    """Where each bucket begins."""
    changes = np.flatnonzero(np.diff(bucket_of(times, step_ms))) + 1
    return np.concatenate(([0], changes)).astype(np.int64)


def _live(piece: Piece) -> Bools:
    return np.ones(piece.values.shape, np.bool_) if piece.present is None else piece.present


def _valid(piece: Piece) -> Bools:
    """Samples that are no staleness markers."""
    fresh = np.ascontiguousarray(piece.values).view(np.uint64) != STALE_BITS
    return np.asarray(fresh & _live(piece))


def _floats(piece: Piece) -> Bools:
    if piece.histograms is None:
        return np.ones(piece.values.shape, np.bool_)
    flat = [one is None for one in piece.histograms.reshape(-1)]
    return np.array(flat, np.bool_).reshape(piece.values.shape)


def _firsts(chosen: Bools, starts: Int64s) -> Bools:
    """The first that is chosen of each row and bucket."""
    count = chosen.shape[1]
    places = np.minimum.reduceat(np.where(chosen, np.arange(count), count), starts, axis=1)
    return _at(places, places < count, chosen.shape)


def _lasts(chosen: Bools, starts: Int64s) -> Bools:
    """The last that is chosen of each row and bucket."""
    places = np.maximum.reduceat(np.where(chosen, np.arange(chosen.shape[1]), -1), starts, axis=1)
    return _at(places, places >= 0, chosen.shape)


def _at(places: Int64s, there: Bools, shape: tuple[int, ...]) -> Bools:
    found = np.zeros(shape, np.bool_)
    rows, _ = np.nonzero(there)
    found[rows, places[there]] = True
    return found


def _extremes(values: Float64s, chosen: Bools, starts: Int64s) -> Bools:
    """The first of the lowest and the last of the highest: of a counter, its first and its last sample."""
    chosen = chosen & ~np.isnan(values)
    widths = np.diff(np.append(starts, values.shape[1]))
    low = np.minimum.reduceat(np.where(chosen, values, np.inf), starts, axis=1)
    high = np.maximum.reduceat(np.where(chosen, values, -np.inf), starts, axis=1)
    lowest = chosen & (values == np.repeat(low, widths, axis=1))
    highest = chosen & (values == np.repeat(high, widths, axis=1))
    return _firsts(lowest, starts) | _lasts(highest, starts)


def _falls(piece: Piece, valid: Bools, most: float) -> Bools:
    """Both sides of the resets of those rows that fall at no more than the share `most` of their steps."""
    kept = np.zeros(valid.shape, np.bool_)
    values, histograms = piece.values, piece.histograms
    for row in np.flatnonzero(valid.any(axis=1)).tolist():
        places = np.flatnonzero(valid[row])
        if histograms is not None and any(one is not None for one in histograms[row, places]):
            ours = histograms[row, places].tolist()
            fell = np.array([_fell(a, b) for a, b in pairwise(ours)], np.bool_)
        else:
            mine = values[row, places]
            fell = mine[1:] < mine[:-1]
        falls = np.flatnonzero(fell)
        if len(falls) and len(falls) <= most * len(places) + 1:
            kept[row, places[falls]] = kept[row, places[falls + 1]] = True
    return kept


def _fell(before: Histogram | None, after: Histogram | None) -> bool:
    """Whether a counting histogram may have begun anew between two samples."""
    if before is None or after is None:
        return before is not after
    if after.reset == "gauge":
        return False
    if (before.schema, before.zero_threshold, before.bounds) != (after.schema, after.zero_threshold, after.bounds):
        return True
    if after.reset == "reset" or after.count < before.count or after.zero_count < before.zero_count:
        return True
    return _lost(before.positive, after.positive) or _lost(before.negative, after.negative)


def _lost(before: Buckets, after: Buckets) -> bool:
    if not len(before.index):
        return False
    if not len(after.index):
        return bool(before.counts.any())
    places = np.minimum(np.searchsorted(after.index, before.index), len(after.index) - 1)
    now = np.where(after.index[places] == before.index, after.counts[places], 0.0)
    return bool((now < before.counts).any())
