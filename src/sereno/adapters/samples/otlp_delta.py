"""Deltas added up: what a stream has counted since we first heard of it.

The sums live in memory. After a restart they begin at zero, which every rate takes for what it is, a counter's reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import Buckets, Histogram

_STREAMS_MAX = 200_000
T = TypeVar("T", "Number", "Classic", "Native")


@dataclass(frozen=True, slots=True)
class Number:
    """A sum."""

    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Classic:
    """A histogram of explicit bounds: counts of each bucket, the last of them beyond all bounds."""

    bounds: tuple[float, ...]
    counts: Float64s
    count: float
    sum: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Native:
    """A histogram of exponential bounds."""

    histogram: Histogram


Total = Number | Classic | Native


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Where a stream stands: the instant of its last point, and all it counted."""

    last_ns: int
    total: Total


class Deltas:
    """The streams of deltas that we hear of; the least recently heard are forgotten beyond `streams_max`."""

    def __init__(self, streams_max: int = _STREAMS_MAX) -> None:
        self._streams: dict[Labels, Stream] = {}
        self._max = streams_max

    def find(self, labels: Labels) -> Stream | None:
        """The stream, if it is known."""
        return self._streams.get(labels)

    def learn(self, fresh: Mapping[Labels, Stream]) -> None:
        """Remember what a batch that is now kept has added up."""
        for labels, stream in fresh.items():
            self._streams.pop(labels, None)
            self._streams[labels] = stream
        while len(self._streams) > self._max:
            self._streams.pop(next(iter(self._streams)))


def sum_of(one: Total, other: Total) -> Total:
    """Both together; `other` alone where they cannot be added (other bounds, another kind): it began anew."""
    if isinstance(one, Number) and isinstance(other, Number):
        return Number(one.value + other.value)
    if isinstance(one, Classic) and isinstance(other, Classic) and one.bounds == other.bounds:
        known = one.sum is not None and other.sum is not None
        total = one.sum + other.sum if known else None  # type: ignore[operator]
        return Classic(one.bounds, one.counts + other.counts, one.count + other.count, total)
    if isinstance(one, Native) and isinstance(other, Native):
        return Native(add_native(one.histogram, other.histogram))
    return other


def add_native(one: Histogram, other: Histogram) -> Histogram:
    """Two exponential histograms as one, of the coarser schema and the wider zero bucket."""
    schema = min(one.schema, other.schema)
    one, other = reduced(one, schema), reduced(other, schema)
    threshold = max(one.zero_threshold, other.zero_threshold)
    one, other = _wider(one, threshold), _wider(other, threshold)
    return replace(
        one,
        count=one.count + other.count,
        sum=one.sum + other.sum,
        zero_threshold=threshold,
        zero_count=one.zero_count + other.zero_count,
        positive=_together([one.positive, other.positive]),
        negative=_together([one.negative, other.negative]),
    )


def reduced(one: Histogram, schema: int) -> Histogram:
    """The same observations in the wider buckets of a lower schema."""
    by = one.schema - schema
    if not by:
        return one
    positive, negative = (_merged(((side.index - 1) >> by) + 1, side.counts) for side in (one.positive, one.negative))
    return replace(one, schema=schema, positive=positive, negative=negative)


def _wider(one: Histogram, threshold: float) -> Histogram:
    """The same with a zero bucket as wide as `threshold`: buckets that begin inside of it fall into it."""
    if one.zero_threshold == threshold:
        return one
    moved = one.zero_count
    sides = []
    for side in (one.positive, one.negative):
        inside = np.exp2((side.index - 1) * 2.0**-one.schema) < threshold
        moved += float(side.counts[inside].sum())
        sides.append(Buckets(side.index[~inside], side.counts[~inside]))
    return replace(one, zero_threshold=threshold, zero_count=moved, positive=sides[0], negative=sides[1])


def _together(sides: list[Buckets]) -> Buckets:
    return _merged(np.concatenate([s.index for s in sides]), np.concatenate([s.counts for s in sides]))


def _merged(index: Int64s, counts: Float64s) -> Buckets:
    found, places = np.unique(index, return_inverse=True)
    total = np.zeros(len(found))
    np.add.at(total, places, counts)
    return Buckets(found.astype(np.int64), total)
