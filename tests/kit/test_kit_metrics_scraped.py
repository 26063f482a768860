"""Debian's Prometheus scrapes what the kit shows, in text and in protobuf, and counts the same."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.metric_pages import ask, fresh, samples
from tests.kit.scraping import Scraper, scraping

from sereno_kit.context import Trace
from sereno_kit.metrics.http import HttpMetrics
from sereno_kit.metrics.native import bucket_of
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.metrics.server import serve
from sereno_kit.options import Metrics

pytestmark = [pytest.mark.prometheus, pytest.mark.slow(minutes=0.3)]

DURATIONS = [random.Random(3).lognormvariate(-3, 1.2) for _ in range(500)]
SIGNED = [random.Random(5).gauss(0, 50) for _ in range(400)] + [0.0] * 7


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A program that has answered five hundred requests."""
    with use(fresh(native=True)) as made:
        http = HttpMetrics(made, Metrics(native=True), [0.2, 0.3])
        for i, seconds in enumerate(DURATIONS):
            http.begin()
            trace = Trace(f"{i:032x}", f"{i + 1:016x}") if i % 50 == 0 else None
            http.end("GET", "/orders/{id}", 500 if i % 25 == 0 else 200, seconds, trace=trace)
        wide = made.histogram("balance_mxn", "Balances", unit="mxn", bounds=[-10, 0, 10])
        for value in SIGNED:
            wide.observe(value)
        made.histogram("idle_seconds", "Never seen").labels()
        yield made


def settled(folder: Path, registry: Registry, *, native: bool) -> Iterator[Scraper]:
    """Prometheus, when it has scraped twice."""
    server = serve(registry, 0, host="127.0.0.1")
    try:
        with scraping(folder, {"orders": server.port}, native=native) as prometheus:
            prometheus.until(lambda: prometheus.value("min_over_time(up[1m]) == 1 and count_over_time(up[1m]) >= 2"))
            yield prometheus
    finally:
        server.close()


def test_by_text_every_sample_is_the_one_on_the_page(registry: Registry, tmp_path: Path) -> None:
    shown = samples(ask(registry).body)
    for prometheus in settled(tmp_path, registry, native=False):
        scraped = {}
        for series in prometheus.query('{job="orders",__name__!~"up|scrape_.*"}'):
            labels = {k: v for k, v in series["metric"].items() if k not in ("job", "instance", "__name__")}
            inside = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
            scraped[series["metric"]["__name__"] + (f"{{{inside}}}" if inside else "")] = float(series["value"][1])
        assert {name.replace('.0"', '"') for name in scraped} == {name.replace('.0"', '"') for name in shown}
        assert sorted(scraped.values()) == sorted(shown.values())
        within = "http_request_duration_seconds_bucket{le='0.3'}"
        assert prometheus.value(within) == sum(seconds <= 0.3 for seconds in DURATIONS)
        found = prometheus.get(
            "/api/v1/query_exemplars", query="http_request_duration_seconds_bucket", start="0", end="9999999999"
        )
        traces = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
        assert traces
        assert traces <= {f"{i:032x}" for i in range(0, 500, 50)}


def test_by_protobuf_histograms_are_native_and_quantiles_exact_to_a_bucket(registry: Registry, tmp_path: Path) -> None:
    for prometheus in settled(tmp_path, registry, native=True):
        name = "http_request_duration_seconds"
        assert prometheus.value(f"histogram_count({name})") == 500
        assert prometheus.value(f"histogram_sum({name})") == pytest.approx(math.fsum(DURATIONS), rel=1e-12)
        ordered = sorted(DURATIONS)
        for share in (0.1, 0.5, 0.9, 0.95, 0.99):
            got = prometheus.value(f"histogram_quantile({share}, {name})")
            assert got is not None
            assert bucket_of(got, 3) == pytest.approx(bucket_of(ordered[math.ceil(share * 500) - 1], 3), abs=1)
            assert got == pytest.approx(ordered[math.ceil(share * 500) - 1], rel=0.095)
        buckets = prometheus.query("balance_mxn")[0]["histogram"][1]
        assert float(buckets["count"]) == len(SIGNED)
        counted = {(float(low), float(high)): float(count) for _, low, high, count in buckets["buckets"]}
        for (low, high), count in counted.items():
            inside = [v for v in SIGNED if (low < v <= high if low > 0 else low <= v < high if high < 0 else v == 0)]
            assert count == len(inside), (low, high)
        assert sum(counted.values()) == len(SIGNED)
        assert prometheus.value("histogram_count(idle_seconds)") == 0
        assert prometheus.value('http_requests_total{status="500"}') == 20
        assert prometheus.value("http_requests_in_progress") == 0
