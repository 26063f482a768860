"""Native histograms: every value in the one bucket that holds it, however coarse the buckets had to become."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_kit.metrics.native import SCHEMA_LEAST, Snapshot, Spans, SparseHistogram, bucket_of, spans

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
positive = st.floats(min_value=2.0**-120, max_value=1e300, allow_nan=False, allow_infinity=False)


def unspun(buckets: Spans) -> dict[int, int]:
    """What a reader makes of spans and deltas, by the specification."""
    indices, at = [], 0
    for offset, length in buckets.spans:
        at += offset
        indices += range(at, at + length)
        at += length
    assert len(indices) == len(buckets.deltas)
    return {index: count for index, count in zip(indices, accumulate(buckets.deltas), strict=True) if count}


def quantile_bounds(snapshot: Snapshot, share: float) -> tuple[float, float]:
    """The bucket that holds the quantile, of values above zero."""
    rank, seen = share * snapshot.count, snapshot.zero_count
    for index, count in sorted(unspun(snapshot.positive).items()):
        seen += count
        if seen >= rank:
            base = 2.0 ** (2.0**-snapshot.schema)
            return base ** (index - 1), base**index
    raise AssertionError


@given(value=positive, schema=st.integers(-4, 8))
def test_a_bucket_holds_what_is_above_its_lower_and_not_above_its_upper_bound(value: float, schema: int) -> None:
    index = bucket_of(value, schema)
    upper = index * 2.0**-schema  # as logarithms of two
    exact = math.log2(value)
    assert upper - 2.0**-schema - 1e-9 <= exact <= upper + 1e-9


@pytest.mark.parametrize("schema", range(-4, 9))
def test_powers_of_two_are_upper_bounds_themselves(schema: int) -> None:
    for exponent in (-64, -16, 0, 16, 64):
        index = bucket_of(2.0**exponent, schema)
        assert index == exponent * 2.0**schema
        assert bucket_of(math.nextafter(2.0**exponent, math.inf), schema) == index + 1


@given(counts=st.dictionaries(st.integers(-500, 500), st.integers(1, 1000), max_size=60))
def test_spans_say_the_buckets_and_nothing_else(counts: dict[int, int]) -> None:
    assert unspun(spans(counts)) == counts
    assert all(offset >= 3 for offset, _ in spans(counts).spans[1:]), "small gaps are filled"


@given(values=st.lists(finite, max_size=300), limit=st.integers(2, 40))
def test_nothing_is_lost_and_the_limit_holds(values: list[float], limit: int) -> None:
    histogram = SparseHistogram(buckets_max=limit)
    for value in values:
        histogram.observe(value)
    got = histogram.snapshot()
    up, down = unspun(got.positive), unspun(got.negative)
    assert got.count == len(values) == got.zero_count + sum(up.values()) + sum(down.values())
    assert got.sum == pytest.approx(sum(values), nan_ok=True) or not math.isfinite(sum(values))
    assert len(up) + len(down) <= limit or got.schema == SCHEMA_LEAST
    again = {side: {} for side in (1, -1)}  # type: ignore[var-annotated]
    for value in values:
        if abs(value) > got.zero_threshold:
            side = again[1 if value > 0 else -1]
            side[bucket_of(abs(value), got.schema)] = side.get(bucket_of(abs(value), got.schema), 0) + 1
    assert (up, down) == (again[1], again[-1]), "coarsened is the same as counted coarsely"


def test_as_many_buckets_as_the_schema_allows_and_then_half_the_resolution() -> None:
    histogram = SparseHistogram()
    for i in range(160):
        histogram.observe(2.0 ** ((i + 0.5) / 8))
    assert histogram.snapshot().schema == 3
    histogram.observe(2.0**40)
    got = histogram.snapshot()
    assert got.schema == 2
    assert len(unspun(got.positive)) == 81


def test_quantiles_err_by_less_than_one_bucket() -> None:
    histogram = SparseHistogram()
    values = sorted(0.001 * 1.013**i for i in range(1000))
    for value in values:
        histogram.observe(value)
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        low, high = quantile_bounds(histogram.snapshot(), share)
        assert low * (1 - 1e-12) <= values[math.ceil(share * 1000) - 1] <= high * (1 + 1e-12)
    assert histogram.snapshot().schema == 3


def test_a_schema_that_does_not_exist_is_refused() -> None:
    for schema in (-5, 9):
        with pytest.raises(ValueError, match="-4 to 8"):
            SparseHistogram(schema=schema)
