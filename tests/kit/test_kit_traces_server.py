"""The SERVER spans that the kit makes itself, request by request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace

from sereno_kit import traces
from sereno_kit.testing import CapturedSpans, capture_spans
from sereno_kit.traces_server import ServerSpans, excluded

Message = dict[str, Any]


@pytest.fixture
def spans() -> Iterator[CapturedSpans]:
    with capture_spans() as captured:
        yield captured


def scope(path: str = "/orders/7", **more: Any) -> Message:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"host", b"shop.test:8080")],
        "query_string": b"",
        "server": ("10.0.0.1", 80),
        **more,
    }


async def ask(app: Any, asked: Message | None = None, exclude: Any = ()) -> BaseException | None:
    async def send(message: Message) -> None:
        await asyncio.sleep(0)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    wrapped = ServerSpans(trace.get_tracer_provider(), exclude).asgi(app)
    try:
        await wrapped(asked or scope(), receive, send)
    except BaseException as error:
        return error
    return None


def answering(status: int, *pieces: bytes, then: BaseException | None = None, after: float = 0.0) -> Any:
    async def app(asked: Message, receive: Any, send: Any) -> None:
        asked["sereno_kit.route"] = "/orders/{order_id}"
        await send({"type": "http.response.start", "status": status, "headers": []})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if then is not None and not after:
            raise then
        await send({"type": "http.response.body", "body": b""})
        await asyncio.sleep(after)
        if then is not None:
            raise then

    return app


async def test_a_request_is_named_by_its_route(spans: CapturedSpans, caplog: pytest.LogCaptureFixture):
    await ask(answering(201))
    assert traces.current() is None
    assert caplog.records == []
    span = spans.one("GET /orders/{order_id}")
    assert span.kind == "SERVER"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/orders/{order_id}",
        "http.response.status_code": 201,
        "network.protocol.version": "1.1",
        "server.address": "shop.test",
        "server.port": 8080,
        "url.path": "/orders/7",
        "url.scheme": "http",
    }


@pytest.mark.parametrize(("status", "failed"), [(200, False), (302, False), (404, False), (499, False), (500, True)])
async def test_only_what_is_our_fault_fails_it(spans: CapturedSpans, status: int, failed: bool):
    await ask(answering(status))
    assert spans[0].status == ("ERROR" if failed else "UNSET")
    assert spans[0].attributes.get("error.type") == (str(status) if failed else None)


async def test_an_answer_that_breaks_off_is_one_failed_span(spans: CapturedSpans):
    error = await ask(answering(200, b"half", then=RuntimeError("gone")))
    assert isinstance(error, RuntimeError)
    assert len(spans) == 1
    assert (spans[0].status, spans[0].attributes["error.type"]) == ("ERROR", "RuntimeError")
    assert [name for name, _ in spans[0].events] == ["exception"]


async def test_the_error_behind_a_500_is_on_it_although_it_comes_later(spans: CapturedSpans):
    await ask(answering(500, then=KeyError("order"), after=0.3))
    assert spans[0].attributes["error.type"] == "KeyError"
    assert spans[0].seconds < 0.2


async def test_who_sends_nothing_has_failed_and_who_is_cancelled_too(spans: CapturedSpans):
    async def silent(asked: Message, receive: Any, send: Any) -> None:
        return

    async def hanging(asked: Message, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    await ask(silent)
    task = asyncio.create_task(ask(hanging))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [span.attributes["error.type"] for span in spans] == [
        "incomplete_response",
        "asyncio.exceptions.CancelledError",
    ]


async def test_it_ends_with_the_body_and_not_with_what_runs_after(spans: CapturedSpans):
    seen: list[int] = []

    async def app(asked: Message, receive: Any, send: Any) -> None:
        await answering(200)(asked, receive, send)
        seen.append(len(spans))

    await ask(app)
    assert seen == [1]


async def test_requests_at_the_same_time_keep_their_own(spans: CapturedSpans):
    seen: dict[str, str] = {}

    async def app(asked: Message, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        place = traces.current()
        assert place is not None
        seen[asked["path"]] = place.span_id
        await answering(200)(asked, receive, send)

    await asyncio.gather(*(ask(app, scope(f"/orders/{n}")) for n in range(20)))
    assert {span.attributes["url.path"]: span.span_id for span in spans} == seen
    assert traces.current() is None


async def test_websockets_are_one_span_each(spans: CapturedSpans):
    async def app(asked: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})

    async def broken(asked: Message, receive: Any, send: Any) -> None:
        raise RuntimeError

    for one in (app, broken):
        asked = scope(type="websocket", scheme="ws")
        del asked["method"]
        await ask(one, asked)
    assert [(span.name, span.status) for span in spans] == [("WS", "UNSET"), ("WS", "ERROR")]


async def test_the_life_cycle_is_no_request(spans: CapturedSpans):
    seen: list[str] = []

    async def app(asked: Message, receive: Any, send: Any) -> None:
        seen.append(asked["type"])

    await ask(app, {"type": "lifespan"})
    assert seen == ["lifespan"]
    assert len(spans) == 0


HOSTILE = [
    {"method": "BREW" + "X" * 10_000},
    {"headers": [(b"host", b"a" * 10_000)]},
    {"headers": [(b"host", b"user:secret@shop.test/path?x")]},
    {"headers": [(b"host", b"\xff\xfe")]},
    {"headers": [(b"host", b"shop.test:notaport")]},
    {"headers": [(b"host", b"[::1]:80")]},
    {"headers": [(b"traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01")]},
    {"headers": [(b"traceparent", b"\xff" * 10_000), (b"tracestate", b"," * 10_000), (b"baggage", b"=" * 10_000)]},
    {"headers": [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")] * 3},
    {"path": "/\udcff\udcfe"},
    {"path": "/" + "x" * 100_000},
    {"query_string": b"\xff\x00&=&=" * 1_000},
    {"http_version": None, "server": None},
]


@pytest.mark.parametrize("more", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
async def test_whatever_callers_send_is_answered_and_one_span(spans: CapturedSpans, more: Message):
    assert await ask(answering(200), scope(**more)) is None
    assert len(spans) == 1
    assert spans[0].status == "UNSET"
    assert "secret" not in str(spans[0].attributes.get("server.address"))
    assert len(str(spans[0].name)) < 100
    assert len(str(spans[0].attributes.get("http.request.method_original", ""))) <= 64


async def test_a_request_that_cannot_even_be_read_is_answered_all_the_same(spans: CapturedSpans):
    asked = scope()
    asked["headers"] = None
    answered: list[int] = []

    async def app(asked: Message, receive: Any, send: Any) -> None:
        answered.append(1)

    await ask(app, asked)
    assert answered == [1]


@pytest.mark.parametrize(
    ("path", "root", "out"),
    [
        ("/metrics", "", True),
        ("/metrics/", "", False),
        ("/api/metrics", "/api", True),
        ("/api/metrics", "", False),
        ("/-/kit/chaos", "", True),
        ("/-/kit", "", False),
        ("/", "", False),
        ("/orders", "", False),
    ],
)
def test_what_has_no_spans(path: str, root: str, out: bool):
    assert excluded(path, root, {"/metrics": 1, "/-/kit/": 2, "/": 3} if path != "/" else {"/metrics": 1}) is out


async def test_excluded_paths_are_answered_without_a_span(spans: CapturedSpans):
    await ask(answering(200), scope("/health/live"), traces.EXCLUDED)
    assert len(spans) == 0


class Wsgi:
    """A WSGI application whose body may fail, and a server that may leave early."""

    def __init__(self, *pieces: bytes | Exception, status: str = "200 OK") -> None:
        self.pieces = pieces
        self.status = status
        self.closed = 0
        self.places: list[traces.context.Trace | None] = []

    def __call__(self, environ: Message, start_response: Any) -> Any:
        environ["sereno_kit.route"] = "/orders/<id>"
        start_response(self.status, [])
        return self

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.places.append(traces.current())
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1

    def serve(self, read: int = 99) -> BaseException | None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders/7", "SERVER_NAME": "shop", "SERVER_PORT": "80"}
        body = ServerSpans(trace.get_tracer_provider(), ()).wsgi(self)(environ, lambda *_: None)
        try:
            for _, _piece in zip(range(read), body, strict=False):
                assert traces.current() is None
        except Exception as error:
            return error
        finally:
            body.close()
        return None


def test_a_wsgi_body_is_within_its_span_and_nothing_else_is(spans: CapturedSpans):
    app = Wsgi(b"a", b"b")
    assert app.serve() is None
    span = spans.one("GET /orders/<id>")
    assert {place.span_id for place in app.places if place} == {span.span_id}
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["server.port"] == 80
    assert app.closed == 1


def test_wsgi_bodies_that_fail_or_are_left_are_one_span_each(spans: CapturedSpans):
    assert isinstance(Wsgi(b"a", ValueError("b")).serve(), ValueError)
    left = Wsgi(b"a", b"b", b"c")
    left.serve(read=1)
    Wsgi(status="503 Service Unavailable").serve()
    assert [span.status for span in spans] == ["ERROR", "UNSET", "ERROR"]
    assert [span.attributes.get("error.type") for span in spans] == ["ValueError", None, "503"]
    assert left.closed == 1
