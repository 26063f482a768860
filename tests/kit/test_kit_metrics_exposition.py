"""The page that scrapers read: in the form they ask for, the same numbers in each, whoever else asks."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, UnknownMetricFamily
from tests.kit.metric_pages import OPENMETRICS, PROTOBUF, ask, fresh, promtool_complaints, read_protobuf, samples

from sereno_kit.endpoints import Answer, Ask
from sereno_kit.metrics import exposition, faults
from sereno_kit.metrics import server as server_module
from sereno_kit.metrics.http import HttpMetrics
from sereno_kit.metrics.protobuf import varint, zigzag
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.metrics.server import serve
from sereno_kit.options import Metrics


@pytest.fixture
def registry() -> Iterator[Registry]:
    faults._told.clear()
    with use(fresh()) as made:
        yield made


# -- which form -----------------------------------------------------------------------------------------

PROMETHEUS_2 = (
    f"{OPENMETRICS},application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text"),
        (PROMETHEUS_2, "openmetrics"),
        (PROMETHEUS_2_NATIVE, "protobuf"),
        (PROTOBUF, "protobuf"),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", "text"),
        ("application/vnd.google.protobuf", "text"),
        ("application/openmetrics-text;version=2.0.0", "text"),
        ("application/openmetrics-text; version=1.0.0; escaping=allow-utf-8; q=0.5, text/plain; q=0.4", "openmetrics"),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.1", "text"),
        ("application/openmetrics-text;q=0", "text"),
        ("application/openmetrics-text;q=nonsense,;;;,=", "text"),
        ("\x00\udcff" * 5000, "text"),
    ],
)
def test_the_form_is_the_one_that_is_liked_best(accept: str, form: exposition.Form) -> None:
    assert exposition.form_of(accept) == form
    answer = ask(fresh(), accept)
    assert (answer.status, answer.content_type) == (200, exposition.CONTENT_TYPES[form])


@pytest.mark.parametrize(
    ("header", "zipped"),
    [("", False), ("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("*", True), ("br", False)],
)
def test_gzip_where_it_is_taken(registry: Registry, header: str, zipped: bool) -> None:
    registry.counter("many_total", "Many", which=[str(i) for i in range(200)])
    answer = ask(registry, **{"accept-encoding": header})
    assert ("Content-Encoding" in answer.headers) == zipped
    body = gzip.decompress(answer.body) if zipped else answer.body
    assert len(samples(body)) == 200


# -- the same numbers in each ---------------------------------------------------------------------------


class Odd:
    """What other libraries' collectors may give."""

    def collect(self) -> Iterator[Any]:
        yield UnknownMetricFamily("odd_thing", "Untyped", value=5)
        yield GaugeMetricFamily("odd_gauge", "With a stamp", value=float("nan"))
        histogram = GaugeHistogramMetricFamily("odd_ages", "Ages", labels=["of"])
        histogram.add_metric(["cats"], buckets=[("1", 2.0), ("+Inf", 5.0)], gsum_value=9.5)
        yield histogram


def furnish(registry: Registry) -> None:
    """One of every kind, of ours and of prometheus_client's."""
    http = HttpMetrics(registry, Metrics(), [0.2])
    for i in range(50):
        http.begin()
        http.end("GET", '/a/{"quoted"}\\', 200 + i % 3, i / 40)
    theirs = registry.prometheus
    Counter("theirs_total", "Theirs", ["x"], registry=theirs).labels('ñ"\n\\').inc(2.5)
    Gauge("depth", "Depth", registry=theirs).set(-3)
    Info("build", "Build", registry=theirs).info({"version": "1.2"})
    Enum("phase", "Phase", states=["on", "off"], registry=theirs).state("off")
    Summary("sizes", "Sizes", ["k"], registry=theirs).labels("v").observe(7)
    Histogram("ours_bytes", "Bytes", registry=theirs, buckets=[1, 2]).observe(1.5)
    theirs.register(Odd())  # type: ignore[arg-type]
    theirs.set_target_info({"service": "orders"})


def flattened(families: list[Any]) -> dict[str, float]:
    """Protobuf's families as the samples of the text."""
    found: dict[str, float] = {}

    def put(name: str, labels: dict[str, str], value: float) -> None:
        inside = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
        found[name + (f"{{{inside}}}" if inside else "")] = value

    for family in families:
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            kind = next(k for k in ("gauge", "counter", "summary", "untyped", "histogram") if metric.HasField(k))
            body = getattr(metric, kind)
            gauge_histogram = family.type == 5
            if kind == "histogram":
                for bucket in body.bucket:
                    bound = "+Inf" if bucket.upper_bound == float("inf") else str(float(bucket.upper_bound))
                    put(f"{family.name}_bucket", {**labels, "le": bound}, bucket.cumulative_count)
                put(f"{family.name}_{'g' * gauge_histogram}sum", labels, body.sample_sum)
                put(f"{family.name}_{'g' * gauge_histogram}count", labels, body.sample_count)
            elif kind == "summary":
                put(f"{family.name}_sum", labels, body.sample_sum)
                put(f"{family.name}_count", labels, body.sample_count)
            else:
                put(family.name, labels, body.value)
    return found


def test_three_forms_say_the_same(registry: Registry) -> None:
    furnish(registry)
    text = samples(ask(registry).body)
    assert len(text) > 40
    opened = samples(ask(registry, OPENMETRICS).body, openmetrics=True)
    packed = flattened(read_protobuf(ask(registry, PROTOBUF).body))
    for one in (text, opened, packed):
        odd = one.pop("odd_gauge")
        assert odd != odd
    assert {k.replace('1.0"', '1"') for k in text} == {k.replace('1.0"', '1"') for k in packed}
    assert sorted(text.values()) == sorted(packed.values()) == sorted(opened.values())
    assert text["http_requests_in_progress"] == 0
    assert text['target_info{service="orders"}'] == 1
    assert not [name for name in text if "_created" in name]


def test_promtool_reads_the_page_of_ours(registry: Registry) -> None:
    http = HttpMetrics(registry, Metrics(), [0.2])
    http.begin()
    http.end("GET", '/a/{"quoted"}\\', 200, 0.1)
    assert promtool_complaints(ask(registry).body) == []


def test_native_histograms_travel_in_protobuf_beside_the_classic_ones(registry: Registry) -> None:
    waits = registry.histogram("wait_seconds", "Waits", native=True, kind=["a", "b"])
    for value in (0.0, 0.1, 0.1, 2.5, -1.0):
        waits.observe(value, kind="a")
    (family,) = read_protobuf(ask(registry, PROTOBUF).body)
    a, b = (metric.histogram for metric in family.metric)
    assert (a.sample_count, a.sample_sum, a.schema, a.zero_count) == (5, pytest.approx(1.7), 3, 1)
    assert list(a.negative_delta) == [1]
    assert [(span.offset, span.length) for span in a.negative_span] == [(0, 1)]
    assert list(a.positive_delta) == [2, -1]
    assert len(a.bucket) == len(waits.bounds) + 1
    assert a.bucket[-1].cumulative_count == 5
    assert (b.sample_count, [(s.offset, s.length) for s in b.positive_span]) == (0, [(0, 0)]), "empty, and native"
    assert b"schema" not in ask(registry).body


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, 2**64 - 1])
def test_whole_numbers_as_protobuf_writes_them(number: int) -> None:
    from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]
    from google.protobuf.internal.wire_format import ZigZagEncode

    assert varint(number) == _VarintBytes(number)
    if number < 2**62:
        assert (zigzag(number), zigzag(-number)) == (ZigZagEncode(number), ZigZagEncode(-number))


# -- mishaps --------------------------------------------------------------------------------------------


class Broken:
    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        yield GaugeMetricFamily("half_told", "Half", value=1)
        raise RuntimeError("the collector of some library")


class Unwritable:
    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        family = GaugeMetricFamily("unwritable", "Surrogates", labels=["x"])
        family.add_metric(["\ud800"], 1)
        yield family


@pytest.mark.parametrize("accept", ["", OPENMETRICS, PROTOBUF])
def test_a_broken_collector_takes_only_itself_away(registry: Registry, accept: str) -> None:
    registry.prometheus.register(Broken())  # type: ignore[arg-type]
    registry.prometheus.register(Unwritable())  # type: ignore[arg-type]
    registry.counter("orders_total", "Orders").inc()
    body = ask(registry, accept).body
    assert b"orders_total" in body
    assert b"half_told" not in body
    assert b"sereno_kit_errors_total" in ask(registry, accept).body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_it_is_only_read(registry: Registry, method: str) -> None:
    answer = exposition.endpoint(registry)(Ask(method, "/metrics"))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("by_option", [True, False])
def test_a_bearer_may_be_asked_for(by_option: bool) -> None:
    page = exposition.endpoint(fresh(token="s3cret" if by_option else None), token=None if by_option else "s3cret")
    for given, status in (
        ("", 401), ("Bearer s3cret", 200), ("bearer s3cret", 401), ("Bearer s3cre", 401), ("Bearer ñ\udcff", 401),
    ):  # fmt: skip
        answer = page(Ask("GET", "/metrics", {"authorization": given}))
        assert isinstance(answer, Answer)
        assert answer.status == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)


# -- a page under attack --------------------------------------------------------------------------------


class Slow:
    """Counts how often it is collected, and takes its time."""

    def __init__(self) -> None:
        self.times = 0
        self.go = threading.Event()

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        self.times += 1
        assert self.go.wait(10)
        yield GaugeMetricFamily("slow", "Slow", value=self.times)


async def test_however_many_ask_at_once_one_page_is_made_and_the_loop_goes_on(registry: Registry) -> None:
    slow = Slow()
    registry.prometheus.register(slow)  # type: ignore[arg-type]
    page = exposition.endpoint(registry)
    asked = [asyncio.ensure_future(page(Ask("GET", "/metrics"))) for _ in range(200)]  # type: ignore[arg-type]
    await asyncio.sleep(0.02)  # the loop is free while the page is made
    asked[7].cancel()
    await asyncio.sleep(0.01)
    slow.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[7], asyncio.CancelledError)
    assert sum(isinstance(answer, Answer) for answer in answers) == 199
    bodies = {answer.body for i, answer in enumerate(answers) if i != 7 and isinstance(answer, Answer)}
    assert len(bodies) == 1
    assert b"slow 1.0" in bodies.pop()
    assert slow.times == 1
    cached = page(Ask("GET", "/metrics"))
    assert isinstance(cached, Answer), "fresh enough: no waiting at all"


def test_threads_share_a_page_too_and_it_ages() -> None:
    class Hand:
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    from prometheus_client import CollectorRegistry

    clock, slow = Hand(), Slow()
    registry = Registry(CollectorRegistry(), clock=clock)  # type: ignore[arg-type]
    registry.prometheus.register(slow)  # type: ignore[arg-type]
    page = exposition.endpoint(registry)
    bodies: list[bytes] = []

    def scrape() -> None:
        answer = page(Ask("GET", "/metrics"))
        assert isinstance(answer, Answer)
        bodies.append(answer.body)

    threads = [threading.Thread(target=scrape) for _ in range(20)]
    for thread in threads:
        thread.start()
    slow.go.set()
    for thread in threads:
        thread.join()
    assert len(set(bodies)) == 1
    assert slow.times == 1
    clock.seconds = 0.2
    scrape()
    assert slow.times == 1
    clock.seconds = 0.3
    scrape()
    assert slow.times == 2


def test_a_page_that_takes_long_is_made_less_often_and_only_once_for_gzip() -> None:
    class Hand:
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    class Laborious:
        times = 0

        def collect(self) -> Iterator[Any]:
            self.times += 1
            clock.seconds += 0.2
            yield GaugeMetricFamily("slow", "Slow " * 300, value=self.times)

    from prometheus_client import CollectorRegistry

    clock, slow = Hand(), Laborious()
    registry = Registry(CollectorRegistry(), clock=clock)  # type: ignore[arg-type]
    registry.prometheus.register(slow)  # type: ignore[arg-type]
    page = exposition.endpoint(registry)
    for i in range(60):
        encoding = {"accept-encoding": "gzip"} if i % 2 else {}
        answer = page(Ask("GET", "/metrics", encoding))
        assert isinstance(answer, Answer)
        assert ("Content-Encoding" in answer.headers) == bool(i % 2)
        clock.seconds += 0.1
    assert slow.times <= 6 / 2 + 1, "a tenth of the time at most"


async def test_what_cannot_be_made_at_all_is_told_to_all_who_wait_and_then_tried_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = exposition.endpoint(registry)
    monkeypatch.setattr(exposition, "render", lambda *_: 1 / 0)
    asked = [page(Ask("GET", "/metrics")) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[arg-type]
    assert all(isinstance(answer, ZeroDivisionError) for answer in answers)
    monkeypatch.undo()
    answer = await page(Ask("GET", "/metrics"))  # type: ignore[misc]
    assert answer.status == 200


# -- a port of its own ----------------------------------------------------------------------------------


def get(port: int, path: str = "/metrics", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_metrics_on_a_port_of_their_own(registry: Registry) -> None:
    registry.counter("orders_total", "Orders").inc(3)
    server = serve(registry, 0, host="127.0.0.1", token="t0ken")
    try:
        assert get(server.port)[0] == 401
        status, body, headers = get(server.port, Authorization="Bearer t0ken")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert samples(body)["orders_total"] == 3
        assert get(server.port, "/", Authorization="Bearer t0ken")[0] == 404
    finally:
        server.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_callers_who_say_nothing_do_not_keep_others_out_for_ever(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module._Handler, "timeout", 1.0)
    server = serve(registry, 0, host="127.0.0.1")
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    try:
        threading.Event().wait(0.2)
        assert len([t for t in threading.enumerate() if "process_request_thread" in t.name]) == 16
        deadline = 50
        while True:
            try:
                assert get(server.port)[0] == 200
                break
            except OSError:
                deadline -= 1
                assert deadline, "nobody is answered any more"
                threading.Event().wait(0.1)
    finally:
        for one in held:
            one.close()
        server.close()
