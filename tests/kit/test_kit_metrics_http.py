"""RED of every request: bounded whatever callers send, counted once, thresholds of objectives among the bounds."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from tests.kit.metric_pages import PROTOBUF, ask, fresh, promtool_complaints, read_protobuf, samples

from sereno_kit.context import Trace
from sereno_kit.errors import Category
from sereno_kit.metrics import faults
from sereno_kit.metrics.http import HttpMetrics
from sereno_kit.metrics.labels import OTHER
from sereno_kit.metrics.names import MetricError
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.options import Metrics


@pytest.fixture
def registry() -> Iterator[Registry]:
    faults._told.clear()
    with use(fresh()) as made:
        yield made


def request(http: HttpMetrics, method: str, route: str, status: int, seconds: float = 0.01, **more: object) -> None:
    http.begin(method)
    http.end(method, route, status, seconds, **more)  # type: ignore[arg-type]


def test_a_request_is_counted_once_everywhere(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(), [0.2, 0.3])
    http.begin("GET")
    assert registry.value("http_requests_in_progress") == 1
    http.end("GET", "/orders/{id}", 200, 0.25)
    page = samples(ask(registry).body)
    where = 'endpoint="/orders/{id}"'
    assert page[f'http_requests_total{{{where},method="GET",status="200"}}'] == 1
    assert page[f'http_request_duration_seconds_count{{{where},method="GET"}}'] == 1
    assert page[f'http_request_duration_seconds_sum{{{where},method="GET"}}'] == 0.25
    assert page["http_requests_in_progress"] == 0
    errors = {name: value for name, value in page.items() if name.startswith("http_errors")}
    assert errors == {f'http_errors_total{{{where},error_type="server_error",method="GET"}}': 0}


def test_thresholds_of_objectives_count_exactly(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(), [0.2, 0.3])
    for seconds in (0.1, 0.2, 0.200001, 0.3, 0.4):
        request(http, "GET", "/", 200, seconds)
    for bound, within in (("0.2", 2), ("0.3", 4), ("+Inf", 5)):
        name = "http_request_duration_seconds_bucket"
        assert registry.value(name, method="GET", endpoint="/", le=bound) == within


@pytest.mark.parametrize(
    ("status", "given", "told"),
    [
        (200, None, None),
        (404, None, "client_error"),
        (429, "rejected", "rejected"),
        (500, None, "server_error"),
        (503, "transient", "transient"),
        (502, Category.DEPENDENCY, "dependency_error"),
        (200, "client_disconnect", "client_disconnect"),
        (500, "builtins.ValueError", OTHER),
        (500, "' or 1=1", OTHER),
    ],
)
def test_errors_are_told_by_whose_fault_they_are(
    registry: Registry, status: int, given: str | None, told: str | None
) -> None:
    request(HttpMetrics(registry, Metrics()), "GET", "/", status, error_type=given)
    errors = {n: v for n, v in samples(ask(registry).body).items() if n.startswith("http_errors_total") and v}
    assert errors == ({f'http_errors_total{{endpoint="/",error_type="{told}",method="GET"}}': 1} if told else {})


def test_ten_thousand_hostile_requests_make_a_handful_of_series(registry: Registry) -> None:
    http, dice = HttpMetrics(registry, Metrics()), random.Random(7)
    request(http, "GET", "/known", 200)
    before = len(ask(registry).body.splitlines())
    for i in range(10_000):
        method = dice.choice(["GET\r\nX: y", f"M{i}", "get", "", "\udcff", "G" * 10_000])
        request(http, method, "/known", dice.choice([200, 999, -1, 0, 10**9, 99, 600]))
    page = samples(ask(registry).body)
    assert len(ask(registry).body.splitlines()) - before < 40
    assert page['http_requests_total{endpoint="/known",method="_OTHER",status="200"}'] > 1000
    assert page[f'http_requests_total{{endpoint="/known",method="_OTHER",status="{OTHER}"}}'] > 5000
    assert len(http._hot) == 1


def test_even_routes_are_bounded_and_method_and_status_survive(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(series_max=80))
    for i in range(5000):
        request(http, "POST", f"/leak/{i}", 500 if i % 10 == 0 else 201)
    page = samples(ask(registry).body)
    totals = {name: value for name, value in page.items() if name.startswith("http_requests_total")}
    assert len(totals) <= 82
    assert sum(totals.values()) == 5000
    assert sum(value for name, value in totals.items() if 'status="500"' in name) == 500
    assert totals[f'http_requests_total{{endpoint="{OTHER}",method="POST",status="500"}}'] > 400
    assert len(http._hot) <= 80


def test_when_series_run_out_the_status_is_not_what_is_lost(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(series_max=8))
    for status in range(200, 230):
        for _ in range(3):
            request(http, "GET", "/", status)
    totals = {n: v for n, v in samples(ask(registry).body).items() if n.startswith("http_requests_total")}
    assert sorted(totals.values()) == [0, 0] + [3] * 30  # the failures that may come are there before they do


def test_the_first_failure_of_all_is_an_increase(registry: Registry) -> None:
    request(HttpMetrics(registry, Metrics()), "GET", "/", 200)
    for status in ("500", "503"):
        assert registry.value("http_requests_total", method="GET", endpoint="/", status=status) == 0


def test_two_apps_of_one_process_count_into_the_same_metrics(registry: Registry) -> None:
    for _ in range(2):
        request(HttpMetrics(registry, Metrics(), [0.2]), "GET", "/", 200)
    assert registry.value("http_requests_total", method="GET", endpoint="/", status="200") == 2
    with pytest.raises(MetricError, match="bounds"):
        HttpMetrics(registry, Metrics(), [0.7])


def test_recorded_traces_become_examples_and_others_do_not(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics())
    request(http, "GET", "/", 200, 0.03, trace=Trace("a" * 32, "b" * 16, True))
    request(http, "GET", "/", 200, 0.7, trace=Trace("c" * 32, "d" * 16, False))
    page = ask(registry, "application/openmetrics-text").body.decode()
    marked = [line for line in page.splitlines() if " # {" in line]
    assert len(marked) == 1
    assert 'le="0.05"' in marked[0]
    assert f'# {{span_id="{"b" * 16}",trace_id="{"a" * 32}"}} 0.03' in marked[0]
    assert "trace_id" not in ask(registry).body.decode()
    families = {family.name: family for family in read_protobuf(ask(registry, PROTOBUF).body)}
    (series,) = families["http_request_duration_seconds"].metric
    (example,) = [bucket.exemplar for bucket in series.histogram.bucket if bucket.HasField("exemplar")]
    assert {pair.name: pair.value for pair in example.label} == {"trace_id": "a" * 32, "span_id": "b" * 16}
    assert example.value == 0.03
    assert abs(example.timestamp.seconds - time.time()) < 60


def test_examples_can_be_left_out(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(exemplars=False))
    request(http, "GET", "/", 200, trace=Trace("a" * 32, "b" * 16, True))
    assert b"trace_id" not in ask(registry, "application/openmetrics-text").body


def test_what_cannot_be_counted_breaks_no_request(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    http = HttpMetrics(registry, Metrics())
    http.begin()
    http.end(None, ["route"], "200", None)  # type: ignore[arg-type]
    assert registry.value("http_requests_in_progress") == 0
    assert registry.value("sereno_kit_errors_total", part="metrics") == 1
    monkeypatch.setattr(http, "_enter", lambda: 1 / 0)
    monkeypatch.setattr(http, "_leave", lambda: 1 / 0)
    request(http, "GET", "/", 200)
    assert registry.value("sereno_kit_errors_total", part="metrics") == 3


def test_promtool_likes_all_of_it(registry: Registry) -> None:
    request(HttpMetrics(registry, Metrics()), "GET", "/", 500)
    assert promtool_complaints(ask(registry).body) == []
