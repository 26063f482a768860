"""Samples bucket by bucket: counts, sums, extremes and increases, from the samples or from what the tiers kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sereno.adapters.samples.chunks import Chunks
from sereno.adapters.samples.thinning import bucket_of
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE_BITS, Columns, Float64s, Int64s

Splits = Sequence[tuple[int, int, int]]
"""(step, after, until): which detail counts in after < t <= until."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """One series, an entry a bucket that has samples; `ends` are the ends of the buckets.

    `increase` is what a counter gained by the samples of the bucket since the sample before each, resets put right: the
    increases of buckets side by side add up. The first sample there is adds nothing.
    """

    labels: Labels
    ends: Int64s
    count: Float64s
    sum: Float64s
    min: Float64s
    max: Float64s
    first: Float64s
    last: Float64s
    increase: Float64s


def aggregates_of(
    columns: Columns, numbers: Mapping[Labels, int], chunks: Chunks, splits: Splits, step_ms: int
) -> list[Aggregates]:
    """The aggregates of every series of `columns`, counts and sums of thinned time from `chunks`."""
    kept = _kept(columns, numbers, chunks, splits, step_ms)
    found = []
    for row, labels in enumerate(columns.labels):
        times, values = columns.series(row)
        part = slice(columns.offsets[row], columns.offsets[row + 1])
        valid = np.ascontiguousarray(values).view(np.uint64) != STALE_BITS
        if columns.histograms is not None:
            valid &= np.array([one is None for one in columns.histograms[part]], np.bool_)
        if valid.any():
            found.append(_aggregated(labels, times[valid], values[valid], kept.get(numbers[labels], {}), step_ms))
    return found


def _aggregated(
    labels: Labels, times: Int64s, values: Float64s, kept: Mapping[int, tuple[float, float]], step_ms: int
) -> Aggregates:
    buckets = bucket_of(times, step_ms)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(buckets)) + 1))
    ends = np.append(starts[1:], len(times)) - 1
    with np.errstate(invalid="ignore", over="ignore"):
        gains = np.where(values[1:] < values[:-1], values[1:], values[1:] - values[:-1])
        sums = np.add.reduceat(values, starts)
        increases = np.add.reduceat(np.concatenate(([0.0], gains)), starts)
        low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    counts = (ends - starts + 1).astype(np.float64)
    for place, bucket in enumerate(buckets[starts].tolist()):
        if bucket in kept:
            counts[place], sums[place] = kept[bucket]
    return Aggregates(labels, buckets[starts], counts, sums, low, high, values[starts], values[ends], increases)


def _kept(
    columns: Columns, numbers: Mapping[Labels, int], chunks: Chunks, splits: Splits, step_ms: int
) -> dict[int, dict[int, tuple[float, float]]]:
    """By series and bucket: the count and the sum of all samples there were, where they are thinned."""
    found: dict[int, dict[int, tuple[float, float]]] = {}
    metrics: dict[str, list[int]] = {}
    for labels in columns.labels:
        metrics.setdefault(labels.get("__name__", ""), []).append(numbers[labels])
    for step, after, until in splits:
        for metric, members in metrics.items() if step else ():
            for ids, times, counts, sums in chunks.totals(metric, np.array(sorted(members)), after + 1, until, step):
                buckets = bucket_of(times, step_ms).tolist()
                for row, number in enumerate(ids.tolist()):
                    mine = found.setdefault(number, {})
                    for bucket, count, total in zip(buckets, counts[row].tolist(), sums[row].tolist(), strict=True):
                        before = mine.get(bucket, (0.0, 0.0))
                        mine[bucket] = (before[0] + count, before[1] + total)
    return found
