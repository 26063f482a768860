"""Native histograms as remote write 1.0 and 2.0 send them: the message is the same in both."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from sereno.adapters.samples.protocols import wire
from sereno.promql.columns import STALE_BITS, Float64s
from sereno.promql.native import Buckets, Histogram, ResetHint
from sereno.promql.native_math import validated

_HINTS: tuple[ResetHint, ...] = ("unknown", "reset", "not_reset", "gauge")
_BUCKETS_MAX = 20_000


class BadHistogram(ValueError):
    """A native histogram that contradicts itself."""


@dataclass(slots=True)
class _Side:
    """Spans (offset, length) and counts of one side; of integer histograms differences between buckets."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    deltas: list[int] = field(default_factory=list)
    counts: list[Float64s] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WireHistogram:
    """A native histogram with its time; `stale` instead of one that marks the end; `start_ms` 0 if unknown."""

    at_ms: int
    histogram: Histogram | None
    start_ms: int = 0


def read_histogram(data: bytes, begin: int, end: int) -> WireHistogram:
    """The message `Histogram` at data[begin:end]; a stale marker has no histogram.

    Raises WireError if it is none, BadHistogram if it contradicts itself.
    """
    numbers: dict[int, float] = {}
    negative, positive, bounds = _Side(), _Side(), []
    sum_bits = 0
    for one in wire.fields(data, begin, end):
        place, _, at, _ = one
        match place:
            case 1 | 4 | 6 | 14 | 15 | 17:
                wire.expect(one, wire.VARINT, "a whole number of a histogram")
                numbers[place] = at
            case 2 | 3 | 5 | 7:
                wire.expect(one, wire.FIXED64, "a number of a histogram")
                numbers[place] = wire.number(data, at)
                if place == 3:
                    sum_bits = int.from_bytes(data[at : at + 8], "little")
            case 8 | 11:
                wire.expect(one, wire.BYTES, "a span")
                spans = (negative if place == 8 else positive).spans
                spans.append(_span(data, one))
                if len(spans) > _BUCKETS_MAX:
                    raise BadHistogram(f"more than {_BUCKETS_MAX} spans")
            case 9 | 12:
                deltas = (negative if place == 9 else positive).deltas
                deltas.extend(map(wire.zigzag, wire.varints(data, one, "differences of buckets", _BUCKETS_MAX)))
                if len(deltas) > _BUCKETS_MAX:
                    raise BadHistogram(f"more than {_BUCKETS_MAX} buckets")
            case 10 | 13:
                counts = (negative if place == 10 else positive).counts
                counts.append(wire.doubles(data, one, "counts of buckets"))
                if len(counts) > _BUCKETS_MAX:
                    raise BadHistogram(f"more than {_BUCKETS_MAX} buckets")
            case 16:
                bounds.append(wire.doubles(data, one, "bounds of buckets"))
                if len(bounds) > _BUCKETS_MAX:
                    raise BadHistogram(f"more than {_BUCKETS_MAX} bounds")
            case _:
                pass
    at_ms, start_ms = (wire.signed(cast(int, numbers.get(place, 0))) for place in (15, 17))
    if sum_bits == STALE_BITS:
        return WireHistogram(at_ms, None, start_ms)
    return WireHistogram(at_ms, _built(numbers, positive, negative, bounds), start_ms)


def _built(numbers: dict[int, float], positive: _Side, negative: _Side, bounds: list[Float64s]) -> Histogram:
    schema = wire.zigzag(cast(int, numbers.get(4, 0)))
    integer = 2 not in numbers
    reset = cast(int, numbers.get(14, 0))
    found = Histogram(
        schema=schema,
        count=float(numbers.get(1, 0) if integer else numbers[2]),
        sum=float(numbers.get(3, 0.0)),
        zero_threshold=float(numbers.get(5, 0.0)),
        zero_count=float(numbers.get(6, 0) if 7 not in numbers else numbers[7]),
        positive=_buckets(positive, integer=integer),
        negative=_buckets(negative, integer=integer),
        bounds=tuple(np.concatenate(bounds).tolist()) if bounds else (),
        reset=_HINTS[reset] if reset < len(_HINTS) else "unknown",
    )
    check(found)
    return found


def check(found: Histogram) -> None:
    """Raises BadHistogram for a histogram that contradicts itself (as Prometheus's histogram.Validate)."""
    try:
        validated(found)
    except ValueError as problem:
        raise BadHistogram(str(problem)) from None
    total = sum(float(side.counts.sum()) for side in (found.positive, found.negative)) + found.zero_count
    # Observations of NaN are counted but lie in no bucket; floats may have lost a little.
    if total > found.count * (1 + 1e-9) and not math.isnan(found.count):
        raise BadHistogram(f"{total:g} observations in buckets are more than the count of {found.count:g}")


def _span(data: bytes, one: wire.Field) -> tuple[int, int]:
    offset = length = 0
    for inner in wire.fields(data, one[2], one[3]):
        if inner[0] in (1, 2):
            wire.expect(inner, wire.VARINT, "a number of a span")
        if inner[0] == 1:
            offset = wire.zigzag(inner[2])
        elif inner[0] == 2:
            length = inner[2]
    return offset, length


def _buckets(side: _Side, *, integer: bool) -> Buckets:
    if integer:
        counts = np.cumsum(np.array(side.deltas, np.float64)) if side.deltas else np.zeros(0)
    else:
        counts = np.concatenate(side.counts) if side.counts else np.zeros(0)
    if sum(length for _, length in side.spans) != len(counts):
        raise BadHistogram("spans and counts of buckets differ in number")
    index = np.zeros(len(counts), np.int64)
    at = place = 0
    for number, (offset, length) in enumerate(side.spans):
        if number and offset < 0:
            raise BadHistogram("a span begins before the one before it ends")
        at += offset
        if abs(at) + length > 1 << 40:
            raise BadHistogram("a span lies out of this world")
        index[place : place + length] = np.arange(at, at + length)
        at, place = at + length, place + length
    filled = counts != 0
    return Buckets(index[filled], counts[filled])
