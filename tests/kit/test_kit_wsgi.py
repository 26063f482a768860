"""A WSGI service under the kit: each request known, counted and told once, whatever becomes of it."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest
from tests.kit.wsgi_caller import Serve, ask, serving_wsgi

from sereno_kit import RateLimited, Transient, context
from sereno_kit.endpoints import Answer, Ask
from sereno_kit.wsgi_servers import take_back_headers

OK = [("Content-Type", "text/plain"), ("Content-Length", "2")]
TEXT = [("Content-Type", "text/plain")]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves applications under kits of their own."""
    with serving_wsgi() as make:
        yield make


def ok(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", list(OK))
    return [b"ok"]


def test_a_request_is_answered_counted_and_told_once(serve: Serve) -> None:
    served = serve(ok)
    heard = served.ask("/orders/7")
    assert (heard.status, heard.body, heard.raised) == (200, b"ok", None)
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}
    (line,) = served.lines.lines
    assert line["path"] == "/orders/7"
    assert line["client"] == "192.0.2.7"
    assert [line["request_id"]] == heard.all("X-Request-ID")


@pytest.mark.parametrize("given", ["order-2024.7_x", "a" * 128])
def test_a_well_formed_id_of_the_caller_is_kept(serve: Serve, given: str) -> None:
    assert serve(ok).ask(headers={"X-Request-ID": given}).all("X-Request-ID") == [given]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "short",
        "a" * 129,
        "a" * 10_000,
        "abcdefgh\r\nSet-Cookie: x=1",
        "abcdefgh,ijklmnop",
        "\xff\xfe" * 8,
        "ＡＢＣＤＥＦＧＨ",
    ],
)
def test_whatever_else_callers_send_is_not_sent_back(serve: Serve, given: str) -> None:
    (answered,) = serve(ok).ask(headers={"X-Request-ID": given}).all("X-Request-ID")
    assert len(answered) == 36
    assert answered != given


def test_the_application_cannot_answer_with_two_ids(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [*OK, ("x-request-id", "mine-mine"), ("X-Request-Id", "mine-too1")])
        return [b"ok"]

    assert serve(app).ask(headers={"X-Request-ID": "of-the-caller"}).all("x-request-id") == ["of-the-caller"]


def test_the_id_is_known_until_the_body_is_closed_and_not_after(serve: Serve) -> None:
    seen: list[str] = []
    mine: ContextVar[str] = ContextVar("mine", default="nothing")

    class Body:
        def __init__(self) -> None:
            self.pieces = iter([b"o", b"k"])

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            seen.append(context.request_id.get())
            return next(self.pieces)

        def close(self) -> None:
            seen.append(context.request_id.get())

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.extend([context.request_id.get(), mine.get()])
        mine.set("left behind")
        start_response("200 OK", list(OK))
        return Body()

    served = serve(app)
    for _ in range(2):
        served.ask(headers={"X-Request-ID": "12345678"})
        assert seen == ["12345678", "nothing", "12345678", "12345678", "12345678", "12345678"]
        seen.clear()
        assert (context.request_id.get(), mine.get()) == ("", "nothing")


def test_a_trace_of_the_caller_goes_on(serve: Serve) -> None:
    seen = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(context.trace.get())
        return ok(environ, start_response)

    served = serve(app)
    served.ask(headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert seen[0].trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert seen[0].span_id != "b7ad6b7169203331"
    assert served.lines.lines[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_a_deadline_is_believed_only_where_it_is_asked_for(serve: Serve) -> None:
    seen = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(context.deadline.get())
        return ok(environ, start_response)

    without = serve(app)
    without.ask(headers={"X-Request-Timeout": "2.5"})
    told = serve(lambda environ, start_response: app(environ, start_response), deadline_header="X-Request-Timeout")
    told.ask(headers={"X-Request-Timeout": "2.5"})
    assert seen == [None, told.clock.monotonic() + 2.5]


def test_a_stream_lasts_until_its_end(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        for piece in (b"a", b"b", b"c"):
            served.clock.advance(0.1)
            yield piece

    served = serve(app)
    assert served.ask().body == b"abc"
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}
    assert served.lines.lines[0]["seconds"] == pytest.approx(0.3)


@pytest.mark.parametrize("lazily", [True, False])
def test_an_unhandled_error_becomes_a_problem_without_internals(serve: Serve, lazily: bool) -> None:
    def fail() -> Iterator[bytes]:
        raise ValueError("password hunter2")
        yield b""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if lazily:
            return fail()
        start_response("200 OK", list(OK))
        return list(fail())

    served = serve(app)
    heard = served.ask(headers={"Accept-Language": "es-MX, en;q=0.5"})
    told = json.loads(heard.body)
    assert (heard.status, heard.raised) == (500, None)
    assert heard.all("Content-Type") == ["application/problem+json"]
    assert (told["title"], told["request_id"]) == ("Error interno", heard.all("X-Request-ID")[0])
    assert b"hunter2" not in heard.body
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}
    assert served.errors() == {"server_error": 1}
    assert isinstance(served.lines.lines[0]["error"], ValueError)


def test_errors_say_their_status_and_when_to_try_again(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RateLimited("too many of this one", retry_after=2.2)

    served = serve(app)
    heard = served.ask()
    assert (heard.status, heard.all("Retry-After")) == (429, ["3"])
    assert served.errors() == {"rejected": 1}


def test_where_problems_are_not_wanted_errors_go_on_to_the_server(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise Transient("away")

    served = serve(app, problems=None)
    heard = served.ask()
    assert isinstance(heard.raised, Transient)
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}
    assert served.errors() == {"transient": 1}


def test_an_answer_that_breaks_off_is_a_failure_whatever_was_sent(serve: Serve) -> None:
    closed = []

    class Body:
        def __init__(self) -> None:
            self.count = 0

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            self.count += 1
            if self.count == 2:
                raise ValueError("amid")
            return b"x"

        def close(self) -> None:
            closed.append(1)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        return Body()

    served = serve(app)
    heard = served.ask()
    assert (heard.status, heard.body, type(heard.raised), closed) == (200, b"x", ValueError, [1])
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}
    assert served.errors() == {"server_error": 1}
    assert len(served.lines.lines) == 1


def test_a_client_that_leaves_is_counted_with_what_it_was_sent(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        while True:
            yield b"x"

    served = serve(app)
    served.ask(pieces_max=3)
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}
    assert served.errors() == {"client_disconnect": 1}


def test_a_server_that_takes_from_a_list_only_what_it_holds_has_all_of_it(serve: Serve) -> None:
    served = serve(ok)
    served.ask(pieces_max=1, strict=False)
    assert served.errors() == {}
    assert served.lines.lines[0]["error"] is None


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_what_is_not_an_error_of_the_application_goes_on_up(serve: Serve, error: BaseException) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise error

    served = serve(app)
    assert served.ask().raised is error
    assert sum(served.counted().values()) == 1


def test_an_application_may_change_its_mind_before_anything_is_sent(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        import sys

        start_response("200 OK", list(OK))
        try:
            raise ValueError
        except ValueError:
            start_response("418 I'm a Teapot", list(OK), sys.exc_info())
        return [b"no"]

    served = serve(app)
    assert served.ask().status == 418
    assert served.counted() == {("__unmatched__", "GET", "418"): 1}


@pytest.mark.parametrize("body", [[], [b"x"]])
def test_an_application_that_never_says_its_status_is_answered_for(serve: Serve, body: list[bytes]) -> None:
    served = serve(lambda environ, start_response: body)
    heard = served.ask()
    assert heard.status == 500
    assert [name.lower() for name, _ in heard.headers].count("x-request-id") == 1
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}


def test_gunicorn_sends_no_headers_twice() -> None:
    from gunicorn.http.wsgi import Response

    response = Response(SimpleNamespace(version=(1, 1), should_close=lambda: True, method="GET"), None, None)

    def traced(*said: Any) -> Any:
        return response.start_response(*said)

    traced.__wrapped__ = response.start_response  # type: ignore[attr-defined]
    response.start_response("200 OK", list(OK))
    take_back_headers(traced)
    response.start_response("500 Internal Server Error", [("Content-Length", "5")], (ValueError, ValueError(), None))
    assert response.headers == [("Content-Length", "5")]
    assert response.response_length == 5


def test_after_something_was_sent_the_server_raises_what_the_application_gives_it(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        import sys

        start_response("200 OK", list(TEXT))
        yield b"something"
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Internal Server Error", list(TEXT), sys.exc_info())

    served = serve(app)
    heard = served.ask()
    assert str(heard.raised) == "late"
    assert (heard.status, heard.body) == (200, b"something")
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}


def test_a_body_by_calls_is_a_body(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", list(TEXT))
        write(b"by ")
        write(b"calls")
        if environ["PATH_INFO"] == "/fails":
            raise ValueError
        return []

    served = serve(app)
    assert served.ask().body == b"by calls"
    heard = served.ask("/fails")
    assert (heard.body, type(heard.raised)) == (b"by calls", ValueError)
    assert served.counted() == {("__unmatched__", "GET", "200"): 1, ("__unmatched__", "GET", "500"): 1}


def test_a_body_is_closed_once_and_its_complaint_is_heard(serve: Serve) -> None:
    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(context.request_id.get() != "")
            raise OSError("cannot close")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(OK))
        return Body([b"ok"])

    served = serve(app)
    heard = served.ask()
    assert (heard.status, heard.body, type(heard.raised), closed) == (200, b"ok", OSError, [True])
    assert sum(served.counted().values()) == 1


def test_the_servers_own_way_to_send_files_stays(serve: Serve, tmp_path: Any) -> None:
    from wsgiref.util import FileWrapper

    file = tmp_path / "file"
    file.write_bytes(b"x" * 20_000)
    opened = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        opened.append(file.open("rb"))
        start_response("200 OK", list(TEXT))
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](opened[-1])
        return wrapped

    served = serve(app)
    environ: dict[str, Any] = {"wsgi.file_wrapper": FileWrapper}
    result = served.app({**ask(ok).environ, **environ}, lambda *_: None)
    assert isinstance(result, FileWrapper)
    assert served.in_progress == 1
    result.close()
    assert opened[0].closed
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}
    assert served.errors() == {}
    assert served.ask(strict=False, **environ).body == b"x" * 20_000


def test_a_server_that_never_closes_is_cleaned_up_after(serve: Serve) -> None:
    served = serve(ok)
    result = served.app(ask(ok).environ, lambda *_: None)
    assert served.in_progress == 1
    del result
    gc.collect()
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}


def test_head_is_whole_without_a_body(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        return iter([b"", b""])

    served = serve(app)
    served.ask(method="HEAD", pieces_max=1)
    assert (served.counted(), served.errors()) == ({("__unmatched__", "HEAD", "200"): 1}, {})


def test_hostile_requests_add_no_series(serve: Serve) -> None:
    served = serve(ok)
    served.ask()
    served.ask(method="FOO")
    before = sum(len(family.samples) for family in served.kit.metrics.prometheus.collect())
    for number in range(300):
        served.ask(f"/{number}/\xff\xfe\r\n{{}}", {"Host": f"h{number}"}, method=f"M{number}", strict=False)
    assert sum(len(family.samples) for family in served.kit.metrics.prometheus.collect()) == before
    assert served.counted()["__unmatched__", "_OTHER", "200"] == 301


def test_paths_are_told_as_people_read_them(serve: Serve) -> None:
    served = serve(ok)
    served.ask("/ni\xc3\xb1os", strict=False)  # UTF-8 as WSGI hands it on
    served.ask("/\xff", strict=False)
    assert [line["path"] for line in served.lines.lines] == ["/niños", "/\ufffd"]


def test_an_application_without_a_router_may_say_its_routes(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["sereno_kit.route"] = "/orders/{id}"
        return ok(environ, start_response)

    served = serve(app)
    served.ask("/orders/7")
    assert served.counted() == {("/orders/{id}", "GET", "200"): 1}


def test_the_kits_own_addresses_are_answered_and_not_counted(serve: Serve) -> None:
    served = serve(ok)

    @served.kit.readiness("db", cache=0)
    async def db() -> bool:
        return False

    assert served.ask("/health/live").status == 200
    heard = served.ask("/health/ready")
    assert (heard.status, json.loads(heard.body)["checks"]["db"]["status"]) == (503, "failed")
    assert len(heard.all("X-Request-ID")) == 1
    assert b"http_requests_in_progress" in served.ask("/metrics").body
    head = served.ask("/health/live", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert served.ask("/health/live", method="POST").status == 405
    assert served.counted() == {}


def test_an_address_of_the_kit_that_fails_is_a_problem_and_no_more(serve: Serve) -> None:
    def broken(ask: Ask) -> Answer:
        raise ValueError("of our own")

    class Adding(dict[str, Any]):
        pass

    served = serve(ok)
    served.kit.endpoints["/broken"] = broken
    heard = served.ask("/broken")
    assert (heard.status, heard.raised) == (500, None)
    assert b"of our own" not in heard.body


def test_what_is_sent_to_an_address_of_the_kit_is_cut(serve: Serve) -> None:
    asked: list[Ask] = []

    def echo(ask: Ask) -> Answer:
        asked.append(ask)
        return Answer(204, b"")

    served = serve(ok)
    served.kit.endpoints["/echo"] = echo
    served.ask("/echo", {"X-Thing": "1"}, method="POST", body=b"x" * 100_000, QUERY_STRING="a=1", strict=False)
    (one,) = asked
    assert (len(one.body), one.query, one.headers["x-thing"], one.client) == (65536, "a=1", "1", "192.0.2.7")


def test_many_threads_do_not_see_each_others_requests(serve: Serve) -> None:
    together = threading.Barrier(16)
    wrong = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        together.wait(5)
        start_response("200 OK", list(TEXT))
        for _ in range(3):
            together.wait(5)
            if context.request_id.get() != environ["HTTP_X_REQUEST_ID"]:
                wrong.append(context.request_id.get())
            yield b"x"

    served = serve(app)
    threads = [
        threading.Thread(target=served.ask, args=("/", {"X-Request-ID": f"request-{number:04}"}))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert wrong == []
    assert served.counted() == {("__unmatched__", "GET", "200"): 16}


async def test_under_an_asgi_server_by_asgiref_nothing_changes(serve: Serve) -> None:
    import httpx
    from asgiref.wsgi import WsgiToAsgi

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        yield b"a"
        yield context.request_id.get().encode()

    served = serve(app)
    transport = httpx.ASGITransport(WsgiToAsgi(served.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.get("/", headers={"X-Request-ID": "12345678"})
    assert (answer.text, answer.headers["X-Request-ID"]) == ("a12345678", "12345678")
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}


def test_what_goes_wrong_inside_the_kit_does_not_reach_the_service(serve: Serve) -> None:
    class Broken:
        def write(self, *words: Any) -> None:
            raise RuntimeError("the log is broken")

    served = serve(ok)
    served.kit.observer.access = Broken()  # type: ignore[assignment]
    assert served.ask().body == b"ok"
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}


def test_each_process_begins_once(serve: Serve) -> None:
    served = serve(ok)
    begun: list[int] = []
    served.kit.at_start.append(lambda: begun.append(1))
    for _ in range(3):
        served.ask()
    assert begun == [1]
    served.app._pid = -1  # type: ignore[attr-defined]
    served.app._begun.clear()  # type: ignore[attr-defined]  # as a forked child finds it
    served.ask()
    assert begun == [1, 1]


def test_two_first_requests_begin_once(serve: Serve) -> None:
    served = serve(ok)
    begun: list[int] = []
    served.kit.at_start.append(lambda: begun.append(1))
    served.ask()
    served.app._pid = -1  # type: ignore[attr-defined]  # as a thread that has looked before the other said so
    served.ask()
    assert begun == [1]


def test_an_application_that_never_says_its_status_fails(serve: Serve) -> None:
    served = serve(lambda environ, start_response: [])
    served.ask(strict=False)
    assert served.counted() == {("__unmatched__", "GET", "500"): 1}


def test_coroutines_are_run_on_one_loop_also_after_a_fork() -> None:
    import subprocess
    import sys

    program = """
import asyncio, os, threading
from sereno_kit.loops import run
async def where(): return id(asyncio.get_running_loop()), threading.current_thread().name
first = run(where())
assert run(where()) == first and first[1] == "sereno_kit loop"
try: run(asyncio.sleep(5), timeout_seconds=0.05)
except TimeoutError: pass
else: raise AssertionError
child = os.fork()
if child == 0:
    os._exit(0 if run(where(), timeout_seconds=5)[1] == "sereno_kit loop" else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_after_something_was_sent_nothing_else_is_begun(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        yield b"something"
        raise ValueError("amid")

    served = serve(app)
    begun: list[str] = []
    result = served.app(ask(ok).environ, lambda status, *_: begun.append(status))
    with pytest.raises(ValueError, match="amid"):
        list(result)
    result.close()  # type: ignore[attr-defined]
    assert begun == ["200 OK"]


def test_an_empty_piece_is_not_something(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(TEXT))
        yield b""
        raise Transient("away")

    heard = serve(app).ask()
    assert (heard.status, heard.raised) == (503, None)


def test_a_server_may_close_twice(serve: Serve) -> None:
    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(1)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(OK))
        return Body([b"ok"])

    served = serve(app)
    result: Any = served.app(ask(ok).environ, lambda *_: None)
    assert list(result) == [b"ok"]
    result.close()
    result.close()
    assert closed == [1]
    assert served.counted() == {("__unmatched__", "GET", "200"): 1}


def test_a_body_that_a_problem_replaces_is_closed(serve: Serve) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError

        def close(self) -> None:
            closed.append(1)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(OK))
        return Body()

    assert serve(app).ask().status == 500
    assert closed == [1]
    assert serve(lambda environ, start: app(environ, start), problems=None).ask().raised
    assert closed == [1, 1]


def test_of_two_kits_around_one_another_the_outer_one_counts(serve: Serve) -> None:
    inner = serve(ok)
    outer = serve(lambda environ, start_response: inner.app(environ, start_response))
    heard = outer.ask()
    assert (heard.body, len(heard.all("X-Request-ID"))) == (b"ok", 1)
    assert outer.counted() == {("__unmatched__", "GET", "200"): 1}
    assert (len(outer.lines.lines), len(inner.lines.lines)) == (1, 0)


def test_head_that_fails_has_failed(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise ValueError

    served = serve(app, problems=None)
    assert isinstance(served.ask(method="HEAD").raised, ValueError)
    assert served.counted() == {("__unmatched__", "HEAD", "500"): 1}
    assert served.errors() == {"server_error": 1}
