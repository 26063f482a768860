"""Programs instrumented with OpenTelemetry send their metrics; they arrive under the names Prometheus gives them."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tests.samples.receiving import PROTO, T0, Plane, plane_in

from sereno.adapters.samples.otlp_delta import add_native
from sereno.adapters.samples.otlp_names import label_name, metric_name, unit_name
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE_BITS
from sereno.promql.native import Buckets, Histogram

OTLP = "/otlp/v1/metrics"
DELTA, CUMULATIVE = 1, 2
RESOURCE = {
    "service.name": "checkout",
    "service.namespace": "shop",
    "service.instance.id": "pod-1",
    "cloud.region": "eu",
}
WHO = {"job": "shop/checkout", "instance": "pod-1"}


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with plane_in(tmp_path) as made:
        yield made


def ns(seconds: float = 0) -> int:
    return T0 * 1_000_000 + int(seconds * 1e9)


def request(*metrics: Metric, resource: dict[str, Any] = RESOURCE, scope: str = "") -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    one = made.resource_metrics.add()
    for key, value in resource.items():
        one.resource.attributes.add(key=key).value.string_value = value
    inner = one.scope_metrics.add()
    inner.scope.name = scope
    inner.metrics.extend(metrics)
    return made


def point(
    seconds: float = 0, start: float | None = None, attributes: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    pairs = [{"key": k, "value": {"string_value": v}} for k, v in (attributes or {}).items()]
    begun = {} if start is None else {"start_time_unix_nano": ns(start)}
    return {"time_unix_nano": ns(seconds), "attributes": pairs, **begun, **more}


async def send(plane: Plane, *metrics: Metric, **more: Any) -> ExportMetricsServiceResponse:
    answer = await plane.client.post(OTLP, content=request(*metrics, **more).SerializeToString(), headers=PROTO)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-protobuf"
    return ExportMetricsServiceResponse.FromString(answer.content)


def metric(kind: str, *points: dict[str, Any], name: str = "orders", unit: str = "", **more: Any) -> Metric:
    return json_format.ParseDict({"name": name, "unit": unit, kind: {"data_points": list(points), **more}}, Metric())


def values(plane: Plane, name: str, **labels: str) -> list[tuple[float, float]]:
    """Seconds since T0 and values of the one series of that name."""
    (found,) = plane.kept(name, **labels).values()
    return [((t - T0) / 1000, v) for t, v in found]


# -- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        # From prometheus/otlptranslator's own tables.
        ("active_directory.ds.replication.network.io", "By", "counter", "active_directory_ds_replication_network_io_bytes_total"),
        ("system.network.io", "By", "counter", "system_network_io_bytes_total"),
        ("system.network.io.bytes.total", "By", "counter", "system_network_io_bytes_total"),
        ("memory_usage_bytes", "By", "gauge", "memory_usage_bytes"),
        ("storage.filesystem.utilization", "1", "gauge", "storage_filesystem_utilization_ratio"),
        ("2xx_requests", "", "gauge", "_2xx_requests"),
        ("bps", "By/s", "gauge", "bps_bytes_per_second"),
        ("broken.metric.speed", "km/h", "gauge", "broken_metric_speed_km_per_hour"),
        ("astro.light.speed_limit", "Gm/s", "gauge", "astro_light_speed_limit_Gm_per_second"),
        ("unsupported.metric.temperature", "°F", "gauge", "unsupported_metric_temperature_F"),
        ("redundant___test $ %", "", "gauge", "redundant_test"),
        ("requests", "{requests}/s", "gauge", "requests_per_second"),
        ("http.server.duration", "ms", "other", "http_server_duration_milliseconds"),
        ("foo.ratio.total", "1", "counter", "foo_ratio_total"),
        ("envoy::cluster", "", "gauge", "envoy::cluster"),
        ("%%%", "", "gauge", ""),
    ],
)  # fmt: skip
def test_metrics_are_called_as_prometheus_calls_them(name: str, unit: str, kind: Any, expected: str) -> None:
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.method", "http_method"), ("123invalid", "key_123invalid"), ("_private", "_private"),
        ("__reserved__", "__reserved__"), ("a..b", "a_b"), ("ñandú", "_and_"), ("...", ""),
        ("already_fine", "already_fine"),
    ],
)  # fmt: skip
def test_attributes_become_labels(key: str, expected: str) -> None:
    assert label_name(key) == expected


def test_units_in_words() -> None:
    assert [unit_name(u) for u in ("By/s", "1", "{packet}", "s")] == ["bytes_per_second", "", "", "seconds"]


# -- points --------------------------------------------------------------------------------------------


async def test_a_gauge_with_its_resource_and_scope(plane: Plane) -> None:
    told = await send(
        plane, metric("gauge", point(as_double=36.6, attributes={"http.method": "GET"}), name="temp", unit="Cel"),
        scope="meters",
    )  # fmt: skip
    assert told == ExportMetricsServiceResponse()
    labels = {"__name__": "temp_celsius", **WHO, "http_method": "GET", "otel_scope_name": "meters"}
    info = {"__name__": "target_info", **WHO, "cloud_region": "eu"}
    assert plane.kept() == {Labels(labels): [(T0, 36.6)], Labels(info): [(T0, 1.0)]}
    assert plane.control.store is not None
    assert plane.control.store.metadata()["temp_celsius"][0].type == "gauge"


async def test_whole_numbers_and_up_down_counters(plane: Plane) -> None:
    await send(plane, metric("sum", point(as_int="-7"), name="queue", aggregation_temporality=CUMULATIVE))
    assert values(plane, "queue") == [(0.0, -7.0)]


async def test_a_counter_that_restarted_counts_from_zero_where_it_began(plane: Plane) -> None:
    for seconds, start, value in ((0, -3600, 10.0), (15, 5, 50.0), (30, 5, 60.0)):
        await send(
            plane,
            metric(
                "sum", point(seconds, start, as_double=value), aggregation_temporality=CUMULATIVE, is_monotonic=True
            ),
        )
    assert values(plane, "orders_total") == [(0.0, 10.0), (5.0, 0.0), (15.0, 50.0), (30.0, 60.0)]


async def test_deltas_are_added_up_and_what_comes_twice_counts_once(plane: Plane) -> None:
    def delta(seconds: float, value: float) -> Metric:
        one = point(seconds, seconds - 10, as_double=value)
        return metric("sum", one, aggregation_temporality=DELTA, is_monotonic=True)

    for seconds, value in ((0, 5.0), (10, 2.0), (10, 2.0), (20, 3.0)):
        await send(plane, delta(seconds, value))
    assert values(plane, "orders_total") == [(-9.999, 0.0), (0.0, 5.0), (10.0, 7.0), (20.0, 10.0)]


async def test_deltas_that_were_not_kept_are_not_counted(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full for a moment; the sender tries again; the delta counts once."""
    one = metric("sum", point(0, -10, as_double=5.0), aggregation_temporality=DELTA, is_monotonic=True)
    body = request(one).SerializeToString()

    async def full(*_: object, **__: object) -> None:
        raise Unavailable("disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(plane.control.store), "write", full)
        answer = await plane.client.post(OTLP, content=body, headers=PROTO)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    await send(plane, one)
    assert values(plane, "orders_total")[-1] == (0.0, 5.0)


async def test_a_point_from_the_future_does_not_stop_its_stream(plane: Plane) -> None:
    def delta(seconds: float) -> Metric:
        return metric("sum", point(seconds, as_double=1.0), aggregation_temporality=DELTA, is_monotonic=True)

    told = await send(plane, delta(86_400))
    assert told.partial_success.rejected_data_points == 1
    await send(plane, delta(10))
    assert values(plane, "orders_total") == [(10.0, 1.0)]


async def test_a_histogram_of_explicit_bounds(plane: Plane) -> None:
    one = point(explicit_bounds=[0.005, 1, 10], bucket_counts=["1", "2", "0", "4"], count="7", sum=99.5)
    await send(plane, metric("histogram", one, name="latency", unit="s", aggregation_temporality=CUMULATIVE))
    buckets = {one["le"]: found[0][1] for one, found in plane.kept("latency_seconds_bucket").items()}
    assert buckets == {"0.005": 1.0, "1": 3.0, "10": 3.0, "+Inf": 7.0}
    assert values(plane, "latency_seconds_count") == [(0.0, 7.0)]
    assert values(plane, "latency_seconds_sum") == [(0.0, 99.5)]


async def test_histograms_sent_as_deltas(plane: Plane) -> None:
    for seconds in (0, 10):
        one = point(seconds, explicit_bounds=[1], bucket_counts=["1", "2"], count="3", sum=4.5)
        await send(plane, metric("histogram", one, name="latency", aggregation_temporality=DELTA))
    assert values(plane, "latency_bucket", le="1") == [(0.0, 1.0), (10.0, 2.0)]
    assert values(plane, "latency_bucket", le="+Inf") == [(0.0, 3.0), (10.0, 6.0)]
    assert values(plane, "latency_sum") == [(0.0, 4.5), (10.0, 9.0)]


async def test_an_exponential_histogram_becomes_a_native_one(plane: Plane) -> None:
    """Bucket i there is (base^i, base^(i+1)]; bucket i here is (base^(i-1), base^i]."""
    one = point(
        scale=1, count="10", sum=12.5, zero_count="1", zero_threshold=0.25,
        positive={"offset": -1, "bucket_counts": ["2", "0", "3"]}, negative={"offset": 4, "bucket_counts": ["4"]},
    )  # fmt: skip
    await send(plane, metric("exponential_histogram", one, name="size", unit="By", aggregation_temporality=CUMULATIVE))
    found = plane.columns("size_bytes").histograms[0]
    assert (found.schema, found.count, found.sum, found.zero_count, found.zero_threshold) == (1, 10.0, 12.5, 1.0, 0.25)
    assert (found.positive.index.tolist(), found.positive.counts.tolist()) == ([0, 2], [2.0, 3.0])
    assert (found.negative.index.tolist(), found.negative.counts.tolist()) == ([5], [4.0])


async def test_scales_too_fine_are_made_coarser_and_too_coarse_ones_refused(plane: Plane) -> None:
    fine = point(scale=10, count="4", positive={"offset": 3, "bucket_counts": ["1", "1", "1", "1"]})
    told = await send(plane, metric("exponential_histogram", fine, name="size", aggregation_temporality=CUMULATIVE))
    assert told.partial_success.rejected_data_points == 0
    found = plane.columns("size").histograms[0]
    # (base^3, base^7] at scale 10 lies in (base^0, base^1] and (base^1, base^2] at scale 8.
    assert (found.schema, found.positive.index.tolist(), found.positive.counts.tolist()) == (8, [1, 2], [1.0, 3.0])
    coarse = point(scale=-5, count="1", positive={"offset": 0, "bucket_counts": ["1"]})
    told = await send(plane, metric("exponential_histogram", coarse, name="vast", aggregation_temporality=CUMULATIVE))
    assert told.partial_success.rejected_data_points == 1
    assert "-5" in told.partial_success.error_message


def test_exponential_deltas_of_different_scales_add_up_to_what_was_observed() -> None:
    """Oracle: the observations themselves, put into buckets at the coarser scale."""
    rng = np.random.default_rng(3)

    def histogram(observed: Any, schema: int) -> Histogram:
        index, counts = np.unique(np.ceil(np.log2(observed) * 2.0**schema).astype(np.int64), return_counts=True)
        return Histogram(
            schema, float(len(observed)), float(observed.sum()), positive=Buckets(index, counts.astype(float))
        )

    one, other = rng.lognormal(0, 2, 500), rng.lognormal(1, 1, 300)
    found, expected = add_native(histogram(one, 5), histogram(other, 2)), histogram(np.concatenate([one, other]), 2)
    assert (found.schema, found.count) == (expected.schema, expected.count)
    assert found.positive.index.tolist() == expected.positive.index.tolist()
    assert found.positive.counts.tolist() == expected.positive.counts.tolist()


async def test_a_summary(plane: Plane) -> None:
    one = point(count="3", sum=6.0, quantile_values=[{"quantile": 0.5, "value": 2.0}, {"quantile": 1, "value": 3.0}])
    await send(plane, metric("summary", one, name="pause", unit="s"))
    assert {k["quantile"]: v[0][1] for k, v in plane.kept("pause_seconds").items()} == {"0.5": 2.0, "1": 3.0}
    assert values(plane, "pause_seconds_count") == [(0.0, 3.0)]


@pytest.mark.parametrize(
    ("kind", "more", "series"),
    [
        ("gauge", {}, {"orders"}),
        ("histogram", {"explicit_bounds": [1.0]}, {"orders_bucket", "orders_count", "orders_sum"}),
        ("exponential_histogram", {}, {"orders"}),
        ("summary", {"quantile_values": [{"quantile": 0.5}]}, {"orders", "orders_count", "orders_sum"}),
    ],
)
async def test_no_recorded_value_ends_the_series(
    plane: Plane, kind: str, more: dict[str, Any], series: set[str]
) -> None:
    temporality = {"aggregation_temporality": CUMULATIVE} if "histogram" in kind else {}
    await send(plane, metric(kind, point(flags=1, **more), **temporality))
    found = {k: v for k, v in plane.kept().items() if k["__name__"] != "target_info"}
    assert {k["__name__"] for k in found} == series
    assert {int(np.float64(v[0][1]).view(np.uint64)) for v in found.values()} == {STALE_BITS}


async def test_attributes_that_become_one_label_are_joined(plane: Plane) -> None:
    await send(plane, metric("gauge", point(as_double=1.0, attributes={"a.b": "1", "a_b": "2"})))
    assert values(plane, "orders", a_b="1;2") == [(0.0, 1.0)]


async def test_no_attribute_can_pass_for_another_metric(plane: Plane) -> None:
    told = await send(plane, metric("gauge", point(as_double=1.0, attributes={"__name__": "up"}), point(as_double=2.0)))
    assert told.partial_success.rejected_data_points == 1
    assert {k["__name__"] for k in plane.kept()} == {"orders", "target_info"}


async def test_resource_attributes_can_be_promoted(tmp_path: Path) -> None:
    async with plane_in(tmp_path, otlp_promote=("cloud.region",), otlp_scopes=False) as plane:
        await send(plane, metric("gauge", point(as_double=1.0)), scope="meters")
        labels = {"__name__": "orders", **WHO, "cloud_region": "eu"}
        assert plane.kept("orders") == {Labels(labels): [(T0, 1.0)]}


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (metric("gauge", point()), "no value"),
        (metric("gauge", point(as_double=1.0, time_unix_nano=0)), "no time"),
        (metric("sum", point(as_double=1.0)), "temporality is unspecified"),
        (metric("gauge", point(as_double=1.0), name="%%%"), "nothing is left of its name"),
        (metric("gauge", point(as_double=1.0, attributes={"...": "x"})), "cannot be a label"),
        (metric("gauge", point(as_double=1.0, attributes={"l": "x" * 20_000})), "longer than the limit"),
        (
            metric("histogram", point(explicit_bounds=[1], bucket_counts=["1"]), aggregation_temporality=2),
            "do not go with",
        ),
        (
            metric(
                "histogram", point(explicit_bounds=[2, 1], bucket_counts=["1", "1", "1"]), aggregation_temporality=2
            ),
            "do not increase",
        ),
    ],
)
async def test_what_cannot_be_taken_is_told_as_partial_success(plane: Plane, wrong: Metric, said: str) -> None:
    told = await send(plane, wrong, metric("gauge", point(as_double=1.0), name="fine"))
    assert told.partial_success.rejected_data_points == 1
    assert said in told.partial_success.error_message
    assert values(plane, "fine") == [(0.0, 1.0)]


async def test_what_contradicts_the_store_is_told_too(plane: Plane) -> None:
    await send(plane, metric("gauge", point(as_double=1.0)), resource={})
    told = await send(plane, metric("gauge", point(as_double=2.0)), resource={})
    assert told.partial_success.rejected_data_points == 1
    assert values(plane, "orders") == [(0.0, 1.0)]


async def test_json_and_gzip_say_the_same(plane: Plane) -> None:
    one = metric("gauge", point(as_int="5", exemplars=[{"as_double": 1.0}]))
    told = json_format.MessageToDict(request(one))
    # As OTLP has it: ids in hexadecimal, which protobuf's own JSON does not know; and a field of tomorrow.
    inner = told["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]
    inner["exemplars"][0]["traceId"], inner["tomorrow"] = "5b8efff798038103d269b633813fc60c", 1
    content = gzip.compress(json.dumps(told).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await plane.client.post("/v1/metrics", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})
    assert values(plane, "orders") == [(0.0, 5.0)]


BOMB = gzip.compress(b"\0" * (40 << 20))


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTO, 400),
        (b"[1]", {"content-type": "application/json"}, 400),
        (b'{"resourceMetrics": 1}', {"content-type": "application/json"}, 400),
        (b"[" * 100_000, {"content-type": "application/json"}, 400),
        (b'{"a":' * 5_000, {"content-type": "application/json"}, 400),
        (BOMB, {**PROTO, "content-encoding": "gzip"}, 400),
        (gzip.compress(b"abc", mtime=0)[:-4], {**PROTO, "content-encoding": "gzip"}, 400),
        (b"abc", {**PROTO, "content-encoding": "gzip"}, 400),
        (b"", {**PROTO, "content-encoding": "zstd"}, 415),
        (b"", {"content-type": "text/plain"}, 415),
        (b"x" * (9 << 20), PROTO, 413),
    ],
)  # fmt: skip
async def test_strangers(plane: Plane, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = await plane.client.post(OTLP, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert len(answer.content) < 2000
    assert plane.kept() == {}


async def test_an_error_is_told_as_otlp_wants_it(plane: Plane) -> None:
    answer = await plane.client.post(OTLP, content=b"{", headers={"content-type": "application/json"})
    assert answer.json()["code"] == 3
    answer = await plane.client.post(OTLP, content=b"\xff", headers=PROTO)
    assert answer.content[:3] == b"\x08\x03\x12"
    assert b"not an OTLP metrics request" in answer.content


async def test_a_small_body_that_would_be_huge_in_memory(plane: Plane) -> None:
    """Two bytes a data point, seven million of them: counted before they are built."""
    points = b"\x0a\x00" * 7_000_000
    layers = points
    for key in (b"\x2a", b"\x12", b"\x12", b"\x0a"):  # gauge of a metric, metric, scope, resource
        layers = key + _varint(len(layers)) + layers
    content = gzip.compress(layers, 1)
    answer = await plane.client.post(OTLP, content=content, headers={**PROTO, "content-encoding": "gzip"})
    assert answer.status_code == 400
    assert b"too many messages" in answer.content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


async def test_nobody_sends_without_a_token(plane: Plane) -> None:
    async with httpx.AsyncClient(transport=plane.client._transport, base_url="http://sereno.test") as stranger:
        assert (await stranger.post(OTLP, content=b"", headers=PROTO)).status_code == 401
        assert (await stranger.post("/v1/metrics", content=b"", headers=PROTO)).status_code == 401
