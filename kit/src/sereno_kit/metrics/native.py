"""Native histograms: buckets that lie where the values are, each a fixed share wider than the one before.

Source: Prometheus, "Native Histograms" (https://prometheus.io/docs/specs/native_histograms/): schema s has
2^s buckets between powers of two; bucket i holds (base^(i-1), base^i] with base = 2^(2^-s). When there are more than
`buckets_max`, pairs of neighbours become one and s sinks by one, as client_golang does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import frexp

from sereno_kit import forks

SCHEMA_DEFAULT = 3
"""Neighbouring bounds are at most 1.0905 apart: quantiles err by less than 5 %."""
SCHEMA_LEAST = -4
SCHEMA_MOST = 8
ZERO_THRESHOLD = 2.0**-128
BUCKETS_MAX = 160


@dataclass(frozen=True, slots=True)
class Spans:
    """Buckets as they are sent: runs of neighbours, and each count as its difference from the one before.

    Each of `spans` is (empty buckets before it, or for the first its index; its length).
    """

    spans: tuple[tuple[int, int], ...]
    deltas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A native histogram at one instant."""

    schema: int
    zero_threshold: float
    zero_count: int
    count: int
    sum: float
    positive: Spans
    negative: Spans


@cache
def _fractions(schema: int) -> tuple[float, ...]:
    """The bounds within [0.5, 1) for a schema above 0."""
    each = 1 << schema
    return tuple(0.5 * 2.0 ** (i / each) for i in range(each))


def bucket_of(value: float, schema: int) -> int:
    """The index of the bucket that holds `value`, which is finite and above zero."""
    fraction, exponent = frexp(value)
    if schema > 0:
        bounds = _fractions(schema)
        return bisect_left(bounds, fraction) + (exponent - 1) * len(bounds)
    if fraction == 0.5:
        exponent -= 1
    return (exponent + (1 << -schema) - 1) >> -schema


class SparseHistogram:
    """Counts values in buckets that appear when they are needed. Safe between threads.

    Args:
        schema: the resolution to begin with, -4 to 8.
        zero_threshold: values whose size is at most this are counted as zero.
        buckets_max: above so many, the resolution is halved.
    """

    __slots__ = ("_count", "_lock", "_max", "_negative", "_positive", "_schema", "_sum", "_zero", "_zero_threshold")

    def __init__(
        self,
        *,
        schema: int = SCHEMA_DEFAULT,
        zero_threshold: float = ZERO_THRESHOLD,
        buckets_max: int = BUCKETS_MAX,
    ) -> None:
        if not SCHEMA_LEAST <= schema <= SCHEMA_MOST:
            raise ValueError(f"a schema is from {SCHEMA_LEAST} to {SCHEMA_MOST}, not {schema}")
        self._schema = schema
        self._zero_threshold = zero_threshold
        self._max = buckets_max
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        self._zero = 0
        self._count = 0
        self._sum = 0.0
        self._lock = forks.lock()

    def observe(self, value: float) -> None:
        """Count `value`, which is finite."""
        with self._lock:
            self._count += 1
            self._sum += value
            if value > self._zero_threshold:
                buckets = self._positive
            elif value < -self._zero_threshold:
                buckets = self._negative
            else:
                self._zero += 1
                return
            index = bucket_of(abs(value), self._schema)
            buckets[index] = buckets.get(index, 0) + 1
            while len(self._positive) + len(self._negative) > self._max and self._schema > SCHEMA_LEAST:
                self._coarsen()

    def _coarsen(self) -> None:
        self._schema -= 1
        self._positive = _halved(self._positive)
        self._negative = _halved(self._negative)

    def snapshot(self) -> Snapshot:
        """What was counted until now, all of one instant."""
        with self._lock:
            positive, negative = dict(self._positive), dict(self._negative)
            schema, zero, count, total = self._schema, self._zero, self._count, self._sum
        return Snapshot(schema, self._zero_threshold, zero, count, total, spans(positive), spans(negative))


def _halved(buckets: dict[int, int]) -> dict[int, int]:
    """Buckets 2k-1 and 2k become bucket k."""
    merged: dict[int, int] = {}
    for index, count in buckets.items():
        merged[(index + 1) >> 1] = merged.get((index + 1) >> 1, 0) + count
    return merged


def spans(buckets: dict[int, int]) -> Spans:
    """Counts by index as runs and differences. A gap of one or two empty buckets is cheaper filled than spanned."""
    runs: list[tuple[int, int]] = []
    deltas: list[int] = []
    before = following = 0
    for index, count in _filled(sorted(buckets.items())):
        if runs and index == following:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index - following if runs else index, 1))
        deltas.append(count - before)
        before, following = count, index + 1
    return Spans(tuple(runs), tuple(deltas))


def _filled(buckets: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    last: int | None = None
    for index, count in buckets:
        if last is not None and index - last <= 3:
            yield from ((empty, 0) for empty in range(last + 1, index))
        yield index, count
        last = index
