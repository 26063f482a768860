"""Native histograms as Prometheus's query API writes them: bounds in place of the schema, which they reveal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sereno.kernel.errors import UnsupportedQuery
from sereno.promql.native import Buckets, Histogram

_CLOSED = 3
_SCHEMAS = range(-4, 9)
_NEAR = 1e-9
Bucket = tuple[int, str, str, str]
"""Which ends belong to it, its lower and upper bound, how many observations."""


def histogram_of(count: str, total: str, buckets: Sequence[Bucket]) -> Histogram:
    """The histogram of one sample.

    Raises UnsupportedQuery for buckets with bounds of their own (the API leaves out the empty ones, and with them
    bounds), ValueError for what is no histogram.
    """
    zero_threshold = zero_count = 0.0
    sides: dict[int, list[tuple[float, float, float]]] = {1: [], -1: []}
    for rule, lower, upper, held in buckets:
        low, high = float(lower), float(upper)
        if rule == _CLOSED and low <= 0 <= high:
            zero_threshold, zero_count = high, float(held)
        elif 0 < low < high or low < high < 0:
            sign = 1 if low > 0 else -1
            sides[sign].append((min(abs(low), abs(high)), max(abs(low), abs(high)), float(held)))
        else:
            raise _unknown()
    schema = _schema_of([(low, high) for side in sides.values() for low, high, _ in side])
    positive, negative = (_side(sides[sign], schema) for sign in (1, -1))
    return Histogram(schema, float(count), float(total), zero_threshold, zero_count, positive, negative)


def _unknown() -> UnsupportedQuery:
    return UnsupportedQuery(
        "Prometheus answers native histograms with bounds of their own, which its query API does not tell in full",
        hint="send them to Sereno by remote write instead",
    )


def _schema_of(bounds: Sequence[tuple[float, float]]) -> int:
    """The schema whose buckets are as wide as all of these."""
    found = set()
    for low, high in bounds:
        if not math.isfinite(high):
            raise _unknown()
        found.add(round(-math.log2(math.log2(high / low))))
    if len(found) > 1 or not found <= set(_SCHEMAS):
        raise _unknown()
    return found.pop() if found else 0


def _side(buckets: Sequence[tuple[float, float, float]], schema: int) -> Buckets:
    numbered = []
    for _, high, held in buckets:
        number = round(math.log2(high) * 2.0**schema)
        if abs(2.0 ** (number * 2.0**-schema) / high - 1) > _NEAR:
            raise _unknown()
        numbered.append((number, held))
    numbered.sort()
    index = np.array([number for number, _ in numbered], np.int64)
    if (np.diff(index) <= 0).any():
        raise ValueError("a bucket occurs twice")
    return Buckets(index, np.array([held for _, held in numbered], np.float64))
