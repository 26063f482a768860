"""What Google's protobuf writes, ours reads the same; what nobody wrote, it refuses and never worse."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from tests.samples.prompb import Symbols, series_v1, v1, v2, write_v1
from tests.samples.receiving import T0

from sereno.adapters.samples import remote_write, remote_write_v2
from sereno.adapters.samples.intake import BadSamples, KnownSeries, Received
from sereno.adapters.samples.otlp import OtlpReader
from sereno.adapters.samples.protocols import wire
from sereno.adapters.samples.remote_read import answer
from sereno.kernel.labels import Labels

NAMES = st.sampled_from(["up", "http_requests_total", "job:x:rate5m"])
LABELS = st.dictionaries(st.sampled_from(["job", "instance", "le", "a", "b"]), st.text(max_size=12), max_size=5)
TIMES = st.one_of(st.integers(0, T0), st.integers(T0 - 100, T0), st.sampled_from([0, 1, 127, 128, 1 << 35]))
FLOATS = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0]))
SAMPLES = st.lists(st.tuples(TIMES, FLOATS), max_size=8, unique_by=lambda one: one[0])
SERIES = st.lists(st.tuples(NAMES, LABELS, SAMPLES), max_size=6)


def expected(series: list[tuple[str, dict[str, str], list[tuple[int, float]]]]) -> dict[Labels, dict[int, bytes]]:
    """By labels and time, the bits of the first value."""
    found: dict[Labels, dict[int, bytes]] = {}
    for name, labels, samples in series:
        for t, value in samples:
            found.setdefault(Labels(labels, __name__=name), {}).setdefault(t, np.float64(value).tobytes())
    return found


def read(received: Received) -> dict[Labels, dict[int, bytes]]:
    return {
        one.labels: {t: v.tobytes() for t, v in zip(one.times.tolist(), one.values, strict=True)}
        for one in received.batch
    }


@given(st.lists(SERIES, min_size=1, max_size=3))
@example_settings(max_examples=40)
def test_version_one_is_read_as_it_was_written(requests: list[Any]) -> None:
    """The same reader for all requests: what it remembers of one must not colour the next."""
    known = KnownSeries()
    for series in [*requests, *requests]:
        body = write_v1(*(series_v1({"__name__": n, **labels}, samples) for n, labels, samples in series))
        assert read(remote_write.read_request(body, known, T0)) == expected(series)


@given(st.lists(SERIES, min_size=1, max_size=2))
@example_settings(max_examples=40)
def test_version_two_is_read_as_it_was_written(requests: list[Any]) -> None:
    known = KnownSeries()
    for series in [*requests, *requests]:
        symbols = Symbols()
        made = [symbols.series({"__name__": n, **ls}, [(t, v, 0) for t, v in samples]) for n, ls, samples in series]
        received = remote_write_v2.read_request(symbols.request(*made), known, T0)
        assert read(received) == expected(series)


@given(SERIES)
@example_settings(max_examples=40)
def test_remote_read_is_read_as_it_was_written(series: list[Any]) -> None:
    distinct = {Labels(labels, __name__=n): samples for n, labels, samples in series if samples}
    made = [series_v1(dict(labels), sorted(samples)) for labels, samples in distinct.items()]
    body = v1["ReadResponse"](results=[v1["QueryResult"](timeseries=made)]).SerializeToString()
    found, problems = answer(body, KnownSeries())
    assert problems == ()
    assert {
        one.labels: list(zip(one.times.tolist(), map(float, one.values), strict=True)) for one in found
    }.keys() == distinct.keys()
    for one in found:
        samples = sorted(distinct[one.labels])
        assert one.times.tolist() == [t for t, _ in samples]
        assert one.values.tobytes() == np.array([v for _, v in samples]).tobytes()


SPANS = st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 20), min_size=1, max_size=4)), max_size=3)


@given(SPANS, SPANS, st.integers(-4, 8), st.floats(), st.booleans(), st.integers(0, 5))
def test_histograms_are_read_as_they_were_written(
    positive: list[Any], negative: list[Any], schema: int, total: float, whole: bool, zero: int
) -> None:
    count = zero + sum(sum(counts) for _, counts in [*positive, *negative])
    message = v1["Histogram"](sum=total, schema=schema, timestamp=T0, reset_hint=1)
    if whole:
        message.count_int, message.zero_count_int = count, zero
    else:
        message.count_float, message.zero_count_float = count, zero
    buckets: dict[str, dict[int, float]] = {"positive": {}, "negative": {}}
    for side, spans in (("positive", positive), ("negative", negative)):
        at, last = 0, 0
        for offset, counts in spans:
            getattr(message, f"{side}_spans").add(offset=offset, length=len(counts))
            at += offset
            for one in counts:
                getattr(message, f"{side}_{'deltas' if whole else 'counts'}").append(one - last if whole else one)
                last = one
                if one:
                    buckets[side][at] = float(one)
                at += 1
    received = remote_write.read_request(
        write_v1(series_v1({"__name__": "h"}, histograms=[message])), KnownSeries(), T0
    )
    assert received.reasons == ()
    assert received.batch[0].histograms is not None
    found = received.batch[0].histograms[0]
    assert (found.schema, found.count, found.zero_count, found.reset) == (schema, count, zero, "reset")
    assert np.float64(found.sum).tobytes() == np.float64(total).tobytes()
    for side in ("positive", "negative"):
        got = getattr(found, side)
        assert dict(zip(got.index.tolist(), got.counts.tolist(), strict=True)) == buckets[side]


def _whole(version: int) -> bytes:
    if version == 1:
        histogram = v1["Histogram"](count_int=3, sum=1.0, timestamp=T0, positive_deltas=[1, 1])
        histogram.positive_spans.add(offset=1, length=2)
        told = v1["MetricMetadata"](type=1, metric_family_name="up", help="Up.")
        exemplar = v1["Exemplar"](value=1.0, timestamp=T0)
        one = series_v1({"__name__": "up", "job": "ñ"}, [(T0, 1.0), (T0 + 1, 0.0)], exemplars=[exemplar])
        return write_v1(one, series_v1({"__name__": "h"}, histograms=[histogram]), metadata=[told])
    symbols = Symbols()
    histogram = v2["Histogram"](
        count_float=3, sum=1.0, timestamp=T0, positive_counts=[1, 2], schema=-53, custom_values=[1, 2]
    )
    histogram.positive_spans.add(offset=1, length=2)
    metadata = v2["Metadata"](type=2, help_ref=symbols.ref("Help."))
    one = symbols.series({"__name__": "up", "job": "a"}, [(T0, 1.0, 5)], metadata=metadata)
    return symbols.request(one, symbols.series({"__name__": "h"}, histograms=[histogram]))


@pytest.mark.parametrize("version", [1, 2])
@given(data=st.data())
@example_settings(max_examples=120)
def test_bytes_turned_around_are_read_or_refused(version: int, data: Any) -> None:
    """Nothing but BadSamples comes out, whatever goes in; and what a mended sender sends next is read."""
    body = bytearray(_whole(version))
    for _ in range(data.draw(st.integers(1, 4))):
        kind, at = data.draw(st.integers(0, 2)), data.draw(st.integers(0, len(body) - 1))
        if kind == 0:
            body[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            del body[at : at + data.draw(st.integers(1, 5))]
        else:
            body[at:at] = data.draw(st.binary(min_size=1, max_size=6))
        if not body:
            break
    known, reader = KnownSeries(), remote_write if version == 1 else remote_write_v2
    with contextlib.suppress(BadSamples):
        reader.read_request(bytes(body), known, T0)
    whole = reader.read_request(_whole(version), known, T0 + 1)
    assert whole.refused == 0
    assert {one.labels["__name__"] for one in whole.batch} == {"up", "h"}


@given(st.binary(max_size=300))
def test_noise_is_refused_kindly(noise: bytes) -> None:
    for read_it in (
        lambda: remote_write.read_request(noise, KnownSeries(), T0),
        lambda: remote_write_v2.read_request(noise, KnownSeries(), T0),
        lambda: OtlpReader(KnownSeries()).read(noise, T0),
        lambda: OtlpReader(KnownSeries()).read(noise, T0, is_json=True),
    ):
        with contextlib.suppress(BadSamples):
            read_it()
    with contextlib.suppress(wire.WireError):
        wire.unsnapped(noise, 1000)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                        ["resourceMetrics", "scopeMetrics", "metrics", "gauge", "sum", "dataPoints", "asInt", "timeUnixNano",
                         "attributes", "key", "value", "name", "histogram", "bucketCounts"]), inner, max_size=3), max_leaves=20))  # fmt: skip
def test_json_of_any_shape_is_read_or_refused(value: Any) -> None:
    for shaped in (value, {"resourceMetrics": value}, {"resourceMetrics": [{"scopeMetrics": [{"metrics": value}]}]}):
        with contextlib.suppress(BadSamples):
            OtlpReader(KnownSeries()).read(json.dumps(shaped).encode(), T0, is_json=True)
