"""Calls to other services, as the other service and the metrics see them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from sereno_kit import context, outgoing
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import DeadlineExceeded
from sereno_kit.outgoing.calls import Integration
from sereno_kit.outgoing.endpoints import Shapes, shape
from sereno_kit.testing import capture_metrics, capture_spans, faults

CALLS = "integration_api_calls_total"


class Peer:
    """A service that answers /status/CODE, redirects /hop/N down to /status/200 and /leave/ to another host, and hangs at /hang."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.ending = threading.Event()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                peer.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                if path.startswith("/hang"):
                    peer.ending.wait(20)
                    self.close_connection = True
                    return
                _, kind, what = path.split("/", 2)
                if kind == "hop" and int(what):
                    self.send_response(302)
                    self.send_header("Location", f"/hop/{int(what) - 1}")
                elif kind == "leave":
                    self.send_response(302)
                    self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/status/203")
                else:
                    self.send_response(int(what) if kind == "status" else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(params=["httpx", "httpx-async", "requests", "aiohttp"])
def get(request: pytest.FixtureRequest) -> Any:
    """`await get(urls, **settings)`: with one observed client of each kind, statuses or names of exceptions."""

    async def one(client: Any, url: str, **how: Any) -> int | str:
        try:
            if request.param == "requests":
                return int((await asyncio.to_thread(client.get, url, **how)).status_code)
            if request.param == "httpx":
                return int((await asyncio.to_thread(client.get, url, **how)).status_code)
            if request.param == "httpx-async":
                return int((await client.get(url, **how)).status_code)
            async with client.get(url, **how) as response:
                return int(response.status)
        except Exception as error:
            return type(error).__name__

    async def get(*urls: str, how: dict[str, Any] | None = None, **settings: Any) -> list[int | str]:
        settings = {"integration": "payments", **settings}
        made: Any = {
            "httpx": lambda: httpx.Client(follow_redirects=True),
            "httpx-async": lambda: httpx.AsyncClient(follow_redirects=True),
            "requests": requests.Session,
            "aiohttp": aiohttp.ClientSession,
        }[request.param]()
        client = outgoing.observe(made, **settings)
        try:
            return [await one(client, url, **(how or {})) for url in urls]
        finally:
            closed = client.aclose() if request.param == "httpx-async" else client.close()
            if closed is not None:
                await closed

    get.library = request.param  # type: ignore[attr-defined]
    return get


async def test_each_call_is_counted_once_by_its_status_and_by_its_template(peer: Peer, get: Any):
    with capture_metrics() as metrics:
        assert await get(*[f"{peer.url}/status/{code}" for code in (200, 200, 404, 503)]) == [200, 200, 404, 503]
    for status, count in (("200", 2), ("404", 1), ("503", 1)):
        assert metrics.value(CALLS, integration="payments", endpoint="/status/{id}", status=status) == count
    assert metrics.value(CALLS) == 4
    assert metrics.value("integration_api_duration_seconds_count", integration="payments") == 4


async def test_redirects_are_calls_too(peer: Peer, get: Any):
    with capture_metrics() as metrics:
        assert await get(f"{peer.url}/hop/3") == [200]
    assert metrics.value(CALLS, status="302") == 3
    assert metrics.value(CALLS, status="200") == 1


async def test_what_is_not_answered_says_why(peer: Peer, get: Any):
    nobody = "http://127.0.0.1:9/status/200"
    timeout: Any = aiohttp.ClientTimeout(total=0.2) if get.library == "aiohttp" else 0.2
    with capture_metrics() as metrics:
        first = await get(nobody)
        second = await get(f"{peer.url}/hang", how={"timeout": timeout})
    assert isinstance(first[0], str)
    assert isinstance(second[0], str)
    assert metrics.value(CALLS, status="connection_error") == 1
    assert metrics.value(CALLS, status="timeout") == 1
    assert metrics.value(CALLS) == 2


async def test_the_next_service_is_told_the_request_and_the_trace_and_never_baggage(peer: Peer, get: Any):
    request = context.request_id.set("req-12345678")
    trace = context.trace.set(context.Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"))
    try:
        with capture_metrics():
            await get(f"{peer.url}/status/200", f"{peer.url}/hop/1")
            await get(f"{peer.url}/status/201", how={"headers": {"X-Request-ID": "of-the-program"}})
            await get(f"{peer.url}/status/202", propagate=lambda host: host.endswith(".internal"))
    finally:
        context.request_id.reset(request)
        context.trace.reset(trace)
    by_path = dict(peer.seen)
    for path in ("/status/200", "/hop/1", "/hop/0"):
        assert by_path[path]["x-request-id"] == "req-12345678"
        assert by_path[path]["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert by_path["/status/201"]["x-request-id"] == "of-the-program"
    assert "x-request-id" not in by_path["/status/202"]
    assert "traceparent" not in by_path["/status/202"]
    assert not any("baggage" in headers for _, headers in peer.seen)


async def test_whoever_a_service_redirects_to_is_told_only_what_he_may_be(peer: Peer, get: Any):
    request = context.request_id.set("req-12345678")
    trace = context.trace.set(context.Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"))
    try:
        with capture_metrics():
            ours = get(f"{peer.url}/leave/now", propagate=lambda host: host == "127.0.0.1")
            assert await ours == [203]
    finally:
        context.request_id.reset(request)
        context.trace.reset(trace)
    by_path = dict(peer.seen)
    assert by_path["/leave/now"]["x-request-id"] == "req-12345678"
    assert "x-request-id" not in by_path["/status/203"]
    assert "traceparent" not in by_path["/status/203"]


async def test_a_client_span_is_what_the_next_service_is_told(peer: Peer, get: Any):
    with capture_metrics(), capture_spans() as spans:
        await get(f"{peer.url}/status/200?token=abc", f"{peer.url}/status/404", "http://127.0.0.1:9/x")
    ok, missing, dead = spans.of_kind("CLIENT")
    assert [span.status for span in (ok, missing, dead)] == ["UNSET", "ERROR", "ERROR"]
    assert ok.name == "GET /status/{id}"
    assert ok.attributes["http.response.status_code"] == 200
    assert "abc" not in str(ok.attributes)
    assert missing.attributes["error.type"] == "404"
    assert "." in dead.attributes["error.type"]
    told = dict(peer.seen)["/status/404"]["traceparent"]
    assert told == f"00-{missing.trace_id}-{missing.span_id}-01"


async def test_there_is_no_more_time_than_until_the_deadline(peer: Peer, get: Any):
    until = context.deadline.set(SYSTEM.monotonic() + 0.3)
    began = SYSTEM.monotonic()
    try:
        with capture_metrics() as metrics:
            late = await get(f"{peer.url}/hang", deadline_header="X-Request-Timeout")
            over = await get(f"{peer.url}/status/200")
    finally:
        context.deadline.reset(until)
    assert SYSTEM.monotonic() - began < 10
    assert isinstance(late[0], str)
    assert over == ["DeadlineExceeded"]
    assert 0 < float(dict(peer.seen)["/hang"]["x-request-timeout"]) <= 0.3
    assert "/status/200" not in dict(peer.seen)
    assert metrics.value(CALLS, status="deadline") + metrics.value(CALLS, status="timeout") == 2


async def test_faults_befall_calls_and_leave_with_the_block(peer: Peer, get: Any):
    url = f"{peer.url}/status/200"
    with capture_metrics() as metrics:
        with faults(error=503, only="outgoing:payments*"):
            struck = await get(url)
        with faults(drop=True, only="outgoing:payments/status*") as fault:
            lost = await get(url)
        with faults(error=ValueError("told to"), only="pipeline:*"):
            spared = await get(url)
        assert await get(url) == [200]
    assert struck == (["ClientResponseError"] if get.library == "aiohttp" else [503])
    assert isinstance(lost[0], str)
    assert spared == [200]
    assert fault.met == 1
    assert len(peer.seen) == 2
    assert metrics.value(CALLS, status="connection_error") == 1


async def test_what_breaks_inside_of_us_breaks_no_call(peer: Peer, get: Any):
    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    with capture_metrics() as metrics:
        assert await get(f"{peer.url}/status/200", endpoint=broken, propagate=broken) == [200]
    assert metrics.value(CALLS, endpoint="__other__", status="200") == 1
    assert metrics.value("sereno_kit_errors_total", part="outgoing") == 2


def test_a_name_that_cannot_be_told_breaks_no_call():
    def broken(host: str) -> str:
        raise LookupError(host)

    with capture_metrics() as metrics:
        Integration(name=broken).begin("GET", "shop.example", None, "/", "http://shop.example/", None).answered(200)
    assert metrics.value(CALLS, integration="__other__", status="200") == 1


def test_the_same_client_is_observed_once_and_released(peer: Peer):
    for made in (httpx.Client(), requests.Session()):
        client: Any = made
        with capture_metrics() as metrics:
            for _ in range(3):
                assert outgoing.observe(client, integration="payments") is client
            client.get(f"{peer.url}/status/200")
            with pytest.raises(ValueError, match="payments"):
                outgoing.observe(client, integration="identity")
            outgoing.release(client)
            client.get(f"{peer.url}/status/200")
            assert metrics.value(CALLS) == 1
        client.close()
    with pytest.raises(TypeError, match="httpx, requests and aiohttp"):
        outgoing.observe(object(), integration="payments")


def test_everywhere_is_one_patch_that_is_taken_back(peer: Peer):
    before = [httpx.Client.__init__, httpx.AsyncClient.__init__, requests.Session.__init__]
    with capture_metrics() as metrics:
        with outgoing.everywhere(propagate=False), outgoing.everywhere():
            httpx.get(f"{peer.url}/status/200")
            requests.get(f"{peer.url}/status/200", timeout=5)
            with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as test_client:
                test_client.get("http://test/")
            with outgoing.observe(httpx.Client(), integration="payments") as client:
                client.get(f"{peer.url}/status/200")
        httpx.get(f"{peer.url}/status/200")
        assert metrics.value(CALLS, integration="127.0.0.1") == 2
        assert metrics.value(CALLS, integration="payments") == 1
        assert metrics.value(CALLS) == 3
    assert [httpx.Client.__init__, httpx.AsyncClient.__init__, requests.Session.__init__] == before


async def test_everywhere_also_for_aiohttp(peer: Peer):
    with capture_metrics() as metrics, outgoing.everywhere():
        async with aiohttp.ClientSession() as session, session.get(f"{peer.url}/status/200") as response:
            assert response.status == 200
    assert metrics.value(CALLS, integration="127.0.0.1", status="200") == 1


async def test_a_call_that_is_given_up_is_counted_as_that(peer: Peer):
    with capture_metrics() as metrics:
        async with outgoing.observe(httpx.AsyncClient(), integration="payments") as client:
            task = asyncio.create_task(client.get(f"{peer.url}/hang"))
            while not peer.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert metrics.value(CALLS, status="cancelled") == 1


@pytest.mark.parametrize("made", [requests.Session, httpx.Client])
def test_exporters_are_not_observed(peer: Peer, made: Any):
    from opentelemetry.context import attach, detach, set_value

    token = attach(set_value("suppress_instrumentation", True))
    try:
        with capture_metrics() as metrics, outgoing.observe(made(), integration="otlp") as session:
            session.get(f"{peer.url}/status/200", timeout=5)
            with pytest.raises(LookupError):
                metrics.value(CALLS)
    finally:
        detach(token)
    assert "traceparent" not in peer.seen[0][1]


def test_a_call_ends_once():
    with capture_metrics() as metrics:
        call = outgoing.Integration(name="payments").begin("GET", "pay.test", None, "/", "http://pay.test/", None)
        call.answered(200)
        call.failed(ValueError())
        call.answered(200)
    assert metrics.value(CALLS) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("/v1/customers/cus_82f3/invoices/2024-01", "/v1/customers/{id}/invoices/{id}"),
        ("/api/v12/orders", "/api/v12/orders"),
        ("/users/6f9619ff-8b86-d011-b42d-00c04fc964ff/", "/users/{id}/"),
        ("/search/%F0%9F%98%80", "/search/{id}"),
        ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/…"),
        ("/" + "x" * 41, "/{id}"),
        ("/año", "/{id}"),
    ],
)
def test_paths_lose_what_looks_like_a_value(path: str, expected: str):
    assert shape(path) == expected


def test_there_are_never_too_many_endpoints():
    words = ["".join(chr(97 + (n // 26**i) % 26) for i in range(4)) for n in range(5_000)]
    shapes = Shapes(100)
    seen = {shapes.of(f"/users/{word}") for word in words}
    assert len(seen) == 101
    assert "__other__" in seen
    assert shapes.of("/users/aaaa") == "/users/aaaa"


async def test_no_time_is_left_before_the_call_is_made():
    until = context.deadline.set(SYSTEM.monotonic() - 1)
    try:
        with capture_metrics() as metrics:
            async with outgoing.observe(httpx.AsyncClient(), integration="payments") as client:
                with pytest.raises(DeadlineExceeded):
                    await client.get("http://127.0.0.1:9/")
    finally:
        context.deadline.reset(until)
    assert metrics.value(CALLS, status="deadline") == 1
