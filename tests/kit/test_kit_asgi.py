"""Each request is counted once and named once, whatever becomes of it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.kit.asgi_worlds import Caller, Lines, ask, counted, instrumented, scope_of

from sereno_kit import ClientError, InternalError, KitError, RateLimited, context
from sereno_kit.context import Trace

LEFT = {"type": "http.disconnect"}


class Gone(OSError):
    """What a server raises when it is to send to somebody who has left."""


class Nobody(Exception):
    """An error that the program handles itself."""


def shop() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{order_id}")
    async def order(order_id: int) -> dict[str, str]:
        return {"id": context.request_id.get()}

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("the password is hunter2")

    @app.get("/refused")
    async def refused() -> None:
        raise RateLimited("too fast", retry_after=2.5)

    @app.get("/handled")
    async def handled() -> None:
        raise Nobody

    @app.exception_handler(Nobody)
    async def nobody(request: Request, error: Nobody) -> JSONResponse:
        return JSONResponse({"mine": True}, 410)

    @app.get("/stream")
    async def stream(fail: bool = False) -> StreamingResponse:
        async def pieces() -> Any:
            yield b"one"
            if fail:
                raise RuntimeError("half way")
            yield b"two"

        return StreamingResponse(pieces())

    return app


async def test_a_request_that_succeeds_is_counted_under_its_template_with_one_line() -> None:
    app = shop()
    with instrumented(app) as kit:
        lines = Lines(kit)
        caller = await ask(app, "/orders/7")
        assert caller.status == 200
        assert counted(kit) == {("GET", "/orders/{order_id}", "200"): 1}
        assert [line[:4] for line in lines.told] == [("GET", "/orders/{order_id}", "/orders/7", 200)]
        assert (
            kit.metrics.value("http_request_duration_seconds_count", method="GET", endpoint="/orders/{order_id}") == 1
        )


@pytest.mark.parametrize(
    ("path", "status", "route"),
    [
        ("/orders/seven", 422, "/orders/{order_id}"),
        ("/nowhere", 404, "__unmatched__"),
        ("/broken", 500, "/broken"),
        ("/refused", 429, "/refused"),
        ("/handled", 410, "/handled"),
        ("/stream", 200, "/stream"),
    ],
)
async def test_whatever_is_answered_is_counted_once_with_its_id(path: str, status: int, route: str) -> None:
    app = shop()
    with instrumented(app) as kit:
        lines = Lines(kit)
        caller = await ask(app, path)
        assert caller.status == status
        assert len(caller.header("x-request-id")) == 1
        assert UUID(caller.header("x-request-id")[0]).version == 7
        assert counted(kit) == {("GET", route, str(status)): 1}
        assert len(lines) == 1
        assert kit.metrics.value("http_requests_in_progress") == 0
    assert context.request_id.get() == ""


async def test_a_stream_that_breaks_off_through_our_fault_is_a_500_although_200_was_sent() -> None:
    app = shop()
    with instrumented(app) as kit:
        lines = Lines(kit)
        caller = await ask(app, "/stream", query_string=b"fail=true")
        assert caller.status == 200
        assert caller.body == b"one"
        assert counted(kit) == {("GET", "/stream", "500"): 1}
        assert len(lines) == 1
        assert isinstance(lines.told[0][6], RuntimeError)
        assert kit.metrics.value("http_requests_in_progress") == 0


@pytest.mark.parametrize(("leaves_after", "status"), [(0, "499"), (1, "200"), (2, "200")])
async def test_a_client_that_leaves_is_counted_with_what_it_was_sent_or_499(leaves_after: int, status: str) -> None:
    app = shop()
    with instrumented(app) as kit:
        await ask(app, "/stream", caller=Caller(leaves_after=leaves_after, gone=Gone))
        wanted = {("GET", "/stream", status): 1}
        assert counted(kit) == wanted
        assert kit.metrics.value("http_requests_in_progress") == 0
        gone = kit.metrics.value("http_errors_total", method="GET", endpoint="/stream", error_type="client_disconnect")
        assert gone == 1


async def test_a_client_that_is_known_to_have_left_before_the_answer_is_a_499() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    with instrumented(app) as kit:
        await ask(kit.app, "/", caller=Caller(leaves_at_once=True))
        assert counted(kit) == {("GET", "__unmatched__", "499"): 1}


async def test_a_client_that_leaves_amid_its_own_body_is_a_499_whatever_the_framework_answers() -> None:
    app = FastAPI()

    @app.post("/upload")
    async def upload(request: Request) -> None:
        await request.body()

    class Leaving(Caller):
        async def receive(self) -> dict[str, Any]:
            self.asked += 1
            return {"type": "http.request", "body": b"ab", "more_body": True} if self.asked == 1 else LEFT

    with instrumented(app) as kit:
        await ask(app, "/upload", caller=Leaving(), method="POST")
        assert counted(kit) == {("POST", "/upload", "499"): 1}
        said = kit.metrics.value("http_errors_total", method="POST", endpoint="/upload", error_type="client_disconnect")
        assert said == 1


async def test_an_answer_to_a_client_that_had_left_before_it_began_is_a_499_too() -> None:
    """uvicorn says of the client that it has left, and takes the whole answer without a word."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"nobody reads this"})

    with instrumented(app) as kit:
        await ask(kit.app, "/", caller=Caller(leaves_at_once=True))
        assert counted(kit) == {("GET", "__unmatched__", "499"): 1}


async def test_the_kit_reads_nothing_that_the_application_does_not_ask_for() -> None:
    app = shop()
    with instrumented(app):
        caller = await ask(app, "/orders/7")
        assert caller.asked == 0


async def test_a_request_that_is_cancelled_is_a_499_and_no_longer_in_progress() -> None:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    with instrumented(app) as kit:
        lines = Lines(kit)
        caller = Caller()
        task = asyncio.create_task(app(scope_of("/slow"), caller.receive, caller.send))
        await asyncio.sleep(0.05)
        assert kit.metrics.value("http_requests_in_progress") == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert counted(kit) == {("GET", "/slow", "499"): 1}
        assert kit.metrics.value("http_requests_in_progress") == 0
        assert len(lines) == 1


async def test_an_application_that_answers_nothing_or_half_is_a_500() -> None:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/half":
            await send({"type": "http.response.start", "status": 200, "headers": []})

    with instrumented(nothing) as kit:
        await ask(kit.app, "/half")
        answered = await ask(kit.app, "/none")
        assert counted(kit) == {("GET", "__unmatched__", "500"): 2}
        assert answered.sent[0]["status"] == 500
        assert [name for name, _ in answered.sent[0]["headers"]].count(b"x-request-id") == 1
        assert not hasattr(answered, "error")


async def test_messages_that_are_constants_of_the_application_stay_as_they_are() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b"x"})

    with instrumented(app) as kit:
        await ask(kit.app, "/")
        assert start["headers"] == [(b"a", b"b")]


async def test_trailers_and_files_sent_by_the_server_end_a_request() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/file":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.pathsend", "path": "/etc/hostname"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
            await send({"type": "http.response.body", "body": b"x"})
            ended_before.append(bool(counted(kit)))
            await send({"type": "http.response.trailers", "headers": [], "more_trailers": False})
        ended_within.append(sum(counted(kit).values()))

    ended_before: list[bool] = []
    ended_within: list[int] = []
    with instrumented(app) as kit:
        await ask(kit.app, "/trailers")
        await ask(kit.app, "/file")
        assert ended_before == [False]
        assert ended_within == [1, 2]


async def test_the_duration_ends_with_the_body_and_not_with_what_runs_behind_it() -> None:
    app = FastAPI()

    async def later() -> None:
        await asyncio.sleep(0.2)

    @app.get("/quick")
    async def quick() -> PlainTextResponse:
        return PlainTextResponse("ok", background=BackgroundTask(later))

    @app.get("/long")
    async def long() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"a"
            await asyncio.sleep(0.1)
            yield b"b"

        return StreamingResponse(pieces())

    with instrumented(app) as kit:
        await ask(app, "/quick")
        await ask(app, "/long")
        total = "http_request_duration_seconds_sum"
        assert (kit.metrics.value(total, method="GET", endpoint="/quick") or 9) < 0.1
        assert 0.1 <= (kit.metrics.value(total, method="GET", endpoint="/long") or 0) < 0.18


async def test_what_fails_behind_the_answer_does_not_change_what_was_counted() -> None:
    app = FastAPI()

    async def later() -> None:
        raise RuntimeError("mail server away")

    @app.get("/ordered")
    async def ordered() -> PlainTextResponse:
        return PlainTextResponse("ok", background=BackgroundTask(later))

    with instrumented(app) as kit:
        told: list[Any] = []
        kit.observer.capture = lambda error, **about: told.append((type(error), about["route"]))
        caller = await ask(app, "/ordered")
        assert counted(kit) == {("GET", "/ordered", "200"): 1}
        assert isinstance(caller.error, RuntimeError)  # type: ignore[attr-defined]
        assert told == [(RuntimeError, "/ordered")]


async def test_a_well_formed_id_is_kept_and_reaches_the_code_below() -> None:
    app = shop()
    with instrumented(app):
        caller = await ask(app, "/orders/7", headers=[(b"x-request-id", b"client-4711")])
        assert caller.header("x-request-id") == ["client-4711"]
        assert caller.body == b'{"id":"client-4711"}'


@pytest.mark.parametrize(
    "hostile",
    [
        b"x" * 10_000,
        b"short",
        b"",
        b"a b c d e f",
        b"abc\r\nset-cookie: a=b",
        b"\xff\xfe\xfa1234567",
        b"<script>alert(1)",
    ],
)
async def test_any_other_id_is_replaced_and_comes_out_nowhere(hostile: bytes) -> None:
    app = shop()
    with instrumented(app) as kit:
        lines = Lines(kit)
        caller = await ask(app, "/orders/7", headers=[(b"x-request-id", hostile)])
        (answered,) = caller.header("x-request-id")
        assert UUID(answered).version == 7
        assert not hostile or hostile.decode("latin-1") not in f"{answered} {lines.told}"


async def test_the_applications_own_header_is_replaced_so_that_there_is_exactly_one() -> None:
    app = FastAPI()

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("ok", headers={"X-Request-Id": "mine-4711", "x-other": "stays"})

    with instrumented(app):
        caller = await ask(app, "/own", headers=[(b"x-request-id", b"yours-4711")])
        assert caller.header("x-request-id") == ["yours-4711"]
        assert caller.header("x-other") == ["stays"]


async def test_the_callers_trace_goes_on_with_a_span_of_our_own() -> None:
    seen: list[Trace | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(context.trace.get())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    with instrumented(app) as kit:
        lines = Lines(kit)
        await ask(kit.app, "/", headers=[(b"traceparent", parent.encode())])
        await ask(kit.app, "/", headers=[(b"traceparent", b"garbage")])
        assert seen[0] is not None
        assert seen[0].trace_id == "a" * 32
        assert seen[0].span_id not in ("b" * 16, "0" * 16)
        assert seen[1] is None
        assert lines.told[0][7:] == (seen[0].trace_id, seen[0].span_id)
    assert context.trace.get() is None


async def test_a_deadline_is_believed_only_under_the_name_that_was_given() -> None:
    seen: list[float | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(context.deadline.get())

    headers = [(b"x-request-timeout", b"2.5")]
    with instrumented(app) as kit:
        await ask(kit.app, "/", headers=headers)
    with instrumented(app, deadline_header="X-Request-Timeout") as kit:
        before = kit.clock.monotonic()
        await ask(kit.app, "/", headers=headers)
        for bad in (b"soon", b"-1", b"nan", b"inf" * 10, b"0"):
            await ask(kit.app, "/", headers=[(b"x-request-timeout", bad)])
    assert seen[0] is None
    assert seen[1] is not None
    assert 2.4 < seen[1] - before < 3
    assert seen[2:] == [None] * 5


async def test_what_runs_behind_the_answer_has_no_deadline() -> None:
    app = FastAPI()
    deadlines: list[float | None] = []

    async def later() -> None:
        deadlines.append(context.deadline.get())

    @app.get("/ordered")
    async def ordered() -> PlainTextResponse:
        await later()
        return PlainTextResponse("ok", background=BackgroundTask(later))

    with instrumented(app, deadline_header="X-Request-Timeout"):
        await ask(app, "/ordered", headers=[(b"x-request-timeout", b"5")])
        await later()
    assert deadlines[0] is not None
    assert deadlines[1:] == [None, None]


async def test_the_kits_own_addresses_are_answered_and_not_counted() -> None:
    app = shop()
    with instrumented(app) as kit:
        for path in ("/health/live", "/health/ready", "/metrics"):
            caller = await ask(app, path)
            assert caller.status == 200
            assert len(caller.header("x-request-id")) == 1
        assert counted(kit) == {}
        assert (await ask(app, "/v1/metrics", root_path="/v1")).status == 200
        assert (await ask(app, "/metrics2")).status == 404


async def test_head_is_answered_without_a_body() -> None:
    app = shop()
    with instrumented(app):
        caller = await ask(app, "/health/live", method="HEAD")
        assert caller.status == 200
        assert caller.body == b""
        assert caller.header("content-length") != ["0"]


async def test_while_draining_connections_of_http_1_are_closed() -> None:
    app = shop()
    with instrumented(app) as kit:
        assert (await ask(app, "/orders/7")).header("connection") == []
        kit.health.draining = True
        assert (await ask(app, "/orders/7")).header("connection") == ["close"]
        assert (await ask(app, "/orders/7", http_version="2")).header("connection") == []


async def test_mishaps_of_the_kit_do_not_concern_the_caller() -> None:
    class Bad:
        def write(self, *told: Any) -> None:
            raise OSError("disk full")

    app = shop()
    with instrumented(app) as kit:
        kit.observer.access = Bad()  # type: ignore[assignment]
        kit.observer.capture = lambda *a, **k: 1 / 0
        assert (await ask(app, "/orders/7")).status == 200
        assert (await ask(app, "/broken")).status == 500
        assert kit.metrics.value("sereno_kit_errors_total", part="logs") == 2
        assert kit.metrics.value("sereno_kit_errors_total", part="sentry") == 1


async def test_errors_whose_own_attributes_raise_are_counted_too() -> None:
    class Nasty(Exception):
        @property
        def response(self) -> Any:
            raise RuntimeError("no")

    app = FastAPI()

    @app.get("/nasty")
    async def nasty() -> None:
        raise Nasty

    with instrumented(app) as kit:
        assert (await ask(app, "/nasty")).status == 500
        assert counted(kit) == {("GET", "/nasty", "500"): 1}


async def test_the_programs_handler_for_everything_answers_and_what_it_answers_counts() -> None:
    app = shop()

    @app.exception_handler(Exception)
    async def everything(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"sorry": type(error).__name__}, 503)

    with instrumented(app) as kit:
        caller = await ask(app, "/broken")
        assert (caller.status, caller.body) == (503, b'{"sorry":"KeyError"}')
        assert len(caller.header("x-request-id")) == 1
        assert (await ask(app, "/refused")).status == 429
        assert counted(kit) == {("GET", "/broken", "503"): 1, ("GET", "/refused", "429"): 1}
    assert list(app.exception_handlers.values()).count(everything) == 1


async def test_the_programs_handler_for_our_errors_comes_first() -> None:
    app = shop()

    @app.exception_handler(KitError)
    def ours(request: Request, error: KitError) -> PlainTextResponse:
        return PlainTextResponse("own words", 418)

    with instrumented(app):
        caller = await ask(app, "/refused")
        assert (caller.status, caller.body) == (418, b"own words")


async def test_refusals_are_answers_and_no_news_for_the_server_wherever_they_are_raised() -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        raise ClientError("no such order", status=404)

    app = shop()

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Any:
        if request.url.path == "/guarded":
            raise RateLimited("from a middleware", retry_after=1)
        return await call_next(request)

    with instrumented(app):
        caller = await ask(app, "/guarded")
        assert caller.status == 429
        assert not hasattr(caller, "error")
    with instrumented(plain) as kit:
        caller = await ask(kit.app, "/")
        assert caller.status == 404
        assert not hasattr(caller, "error")


async def test_faults_of_ours_are_told_to_sentry_and_refusals_are_not() -> None:
    app = shop()

    @app.get("/ours")
    async def ours() -> None:
        raise InternalError("lost the ledger")

    with instrumented(app) as kit:
        told: list[tuple[type, str]] = []
        kit.observer.capture = lambda error, **about: told.append((type(error), about["route"]))
        for path in ("/broken", "/refused", "/handled", "/orders/7", "/ours"):
            await ask(app, path)
        assert told == [(KeyError, "/broken"), (InternalError, "/ours")]


async def test_contexts_of_requests_at_the_same_time_do_not_mix() -> None:
    app = FastAPI()

    @app.get("/who")
    async def who() -> dict[str, str]:
        await asyncio.sleep(0.01)
        return {"id": context.request_id.get()}

    with instrumented(app):
        callers = await asyncio.gather(
            *(ask(app, "/who", headers=[(b"x-request-id", f"caller-{n:04}".encode())]) for n in range(50))
        )
        assert [caller.body for caller in callers] == [f'{{"id":"caller-{n:04}"}}'.encode() for n in range(50)]


async def test_a_base_http_middleware_around_the_application_changes_nothing() -> None:
    app = shop()

    class Nothing(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            return await call_next(request)

    app.add_middleware(Nothing)
    with instrumented(app) as kit:
        assert (await ask(app, "/orders/7")).status == 200
        with suppress(Exception):
            await ask(app, "/stream", query_string=b"fail=true")
        assert counted(kit) == {("GET", "/orders/{order_id}", "200"): 1, ("GET", "/stream", "500"): 1}


async def test_no_request_leaves_circles_to_the_garbage_collector() -> None:
    app = shop()
    with instrumented(app):
        await ask(app, "/orders/7")
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await ask(app, "/orders/7")
            left = gc.collect()
        finally:
            gc.enable()
    assert left < 20


def test_websockets_are_counted_apart_with_their_id() -> None:
    app = FastAPI()

    @app.websocket("/rooms/{room}")
    async def room(socket: WebSocket) -> None:
        if socket.path_params["room"] == "closed":
            await socket.close()
            return
        await socket.accept()
        await socket.send_text(context.request_id.get())
        if socket.path_params["room"] == "burning":
            raise RuntimeError("fire")
        with suppress(Exception):
            await socket.receive_text()

    with instrumented(app) as kit:
        lines = Lines(kit)
        client = TestClient(app)
        with client.websocket_connect("/rooms/a", headers={"x-request-id": "caller-1"}) as socket:
            assert socket.receive_text() == "caller-1"
            assert kit.metrics.value("websocket_connections_in_progress") == 1
        with suppress(RuntimeError), client.websocket_connect("/rooms/burning") as socket:
            socket.receive_text()
            socket.receive_text()
        with pytest.raises(Exception), client.websocket_connect("/rooms/closed"):  # noqa: B017
            pass

        def ended(outcome: str) -> float | None:
            return kit.metrics.value("websocket_connections_total", endpoint="/rooms/{room}", outcome=outcome)

        assert (ended("closed"), ended("error"), ended("rejected")) == (1, 1, 1)
        assert kit.metrics.value("websocket_connections_in_progress") == 0
        assert counted(kit) == {}
        assert [(line[0], line[1], line[3]) for line in lines.told] == [
            ("WEBSOCKET", "/rooms/{room}", 101),
            ("WEBSOCKET", "/rooms/{room}", 101),
            ("WEBSOCKET", "/rooms/{room}", 403),
        ]


def test_the_lifespan_makes_it_ready_and_flushes_at_its_end() -> None:
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", home)])
    with instrumented(app) as kit:
        happened: list[str] = []
        kit.at_start.append(lambda: happened.append("start"))
        kit.at_flush.append(lambda: happened.append("flush"))
        with TestClient(app) as client:
            assert happened == ["start"]
            assert not kit.health.starting
            assert client.get("/").text == "hello"
        assert happened == ["start", "flush"]


async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http", "no lifespan here"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def quiet_about_lifespan(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await without_lifespan(scope, receive, send)


@pytest.mark.parametrize("app", [without_lifespan, quiet_about_lifespan])
def test_an_application_without_lifespan_gets_the_kits(app: Any) -> None:
    with instrumented(app) as kit:
        happened: list[str] = []
        kit.at_start.append(lambda: happened.append("start"))
        kit.at_flush.append(lambda: happened.append("flush"))
        with TestClient(kit.app) as client:
            assert happened == ["start"]
            assert not kit.health.starting
            assert client.get("/").status_code == 204
        assert happened == ["start", "flush"]


async def test_an_application_that_fails_while_it_starts_is_not_helped() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no database")

    with instrumented(app) as kit, pytest.raises(RuntimeError, match="no database"):
        await kit.app({"type": "lifespan"}, Caller().receive, Caller().send)


async def test_where_nobody_tells_of_a_life_it_starts_with_the_first_request() -> None:
    with instrumented(without_lifespan) as kit:
        happened: list[str] = []
        kit.at_start.append(lambda: happened.append("start"))
        assert (await ask(kit.app, "/")).status == 204
        assert (await ask(kit.app, "/")).status == 204
        assert happened == ["start"]
