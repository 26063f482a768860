"""What strangers try on the kit's own addresses and files."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from tests.kit.asgi_worlds import ask, instrumented, scope_of

from sereno_kit import AdaptiveLimit, CircuitBreaker, DeadlineExceeded, Timeout, context, pipeline
from sereno_kit.callers import Caller, by_client
from sereno_kit.clock import SYSTEM
from sereno_kit.metrics import server
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.options import Admin, Metrics, Sentry, Traces
from sereno_kit.relay import Relay
from sereno_kit.resilience import registry as pipelines
from sereno_kit.testing.clock import FakeClock

WORD = orjson.dumps({"from": "x", "at": 0, "command": {"seconds": None, "kind": "features"}}) + b"\n"


def listening(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Relay, Path, list[Any]]:
    monkeypatch.setenv("SERENO_KIT_SHARED_DIR", str(directory))
    heard: list[Any] = []
    relay = Relay(heard.append, clock=FakeClock())
    assert relay._path is not None
    return relay, relay._path, heard


def test_a_word_in_a_file_of_the_same_user_is_heard_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    journal.write_bytes(WORD[:-20])  # as long as it is not whole, nothing of it counts as read
    relay._look()
    assert heard == []
    journal.write_bytes(WORD)
    relay._look()
    relay._look()
    assert len(heard) == 1


def test_a_file_of_another_user_in_a_shared_directory_is_no_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    journal.write_bytes(WORD)
    os.chown(journal, 12_345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    relay._look()
    assert heard == []


def test_a_link_in_the_journals_place_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    (tmp_path / "precious").write_bytes(WORD)
    journal.symlink_to(tmp_path / "precious")
    relay._look()
    with pytest.raises(OSError, match="symbolic links"):
        relay.tell({"kind": "features"})
    assert heard == []
    assert (tmp_path / "precious").read_bytes() == WORD


async def test_a_body_without_end_at_one_of_our_addresses_is_not_read_to_its_end() -> None:
    app = Starlette()
    pieces, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal pieces
        pieces += 1
        assert pieces < 100, "read on and on"
        return {"type": "http.request", "body": b"x" * 8_192, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    with instrumented(app, admin=Admin(token="t" * 24)):
        await app(scope_of("/-/kit/log-level", method="POST"), receive, send)
    assert sent[0]["status"] == 401
    assert pieces == 8


STRANGERS = textwrap.dedent(
    """
    import asyncio, io, json, logging
    from fastapi import FastAPI
    from sereno_kit import Logs, Traces, instrument

    lines = io.StringIO()
    app = FastAPI()
    kit = instrument(app, service="s", logs=Logs(stream=lines), traces=Traces(share=1.0))

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        pass

    parent = (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")
    for name, value in (
        (b"baggage", b"x," * 100), (b"baggage", b"secret=" + b"x" * 60_000), (b"tracestate", b"a=1,a=2," * 20),
        (b"tracestate", b"x" * 60_000), (b"tracestate", b"=,x"), (b"traceparent", b"0" * 60_000),
    ):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/", "scheme": "http",
            "raw_path": b"/", "query_string": b"", "root_path": "", "headers": [parent, (name, value)],
            "client": ("192.0.2.1", 1), "server": ("127.0.0.1", 80),
        }
        asyncio.run(app(scope, receive, send))
    print(len([line for line in lines.getvalue().splitlines() if "http.route" in line or "http.request.method" in line]))
    print(len([line for line in lines.getvalue().splitlines() if "opentelemetry" in line and "sent nowhere" not in line]))
    kit.close()
    print(logging.getLogger("opentelemetry.baggage.propagation").level)
    """
)


def test_headers_of_traces_that_make_no_sense_leave_no_lines_but_the_requests() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environ["OTEL_TRACES_EXPORTER"] = "none"
    told = subprocess.run(
        [sys.executable, "-c", STRANGERS], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == ["6", "0", "0"], told


@pytest.fixture
def forgotten() -> Iterator[None]:
    before = set(pipelines.all())
    yield
    for name in set(pipelines.all()) - before:
        pipelines.forget(name)


async def seconds_of(answer: float) -> str:
    await asyncio.sleep(answer)
    return "paid"


@pytest.mark.parametrize("inner", [[Timeout(5.0)], []], ids=["timeout", "none"])
async def test_callers_without_patience_open_no_breaker(inner: list[Any], forgotten: None) -> None:
    with use(Registry(CollectorRegistry())):
        breaker = CircuitBreaker(minimum=5)
        charge = pipeline("charge", breaker, *inner)(seconds_of)
        patient = pipeline("patient", Timeout(5.0), breaker_of := CircuitBreaker(minimum=5), AdaptiveLimit(initial=20))
        for _ in range(20):
            token = context.deadline.set(context.Asked(SYSTEM.monotonic() + 0.01))
            try:
                for call in (charge, patient(seconds_of)):
                    with pytest.raises((DeadlineExceeded, TimeoutError)):
                        async with asyncio.timeout(0.02):
                            await call(1.0)
            finally:
                context.deadline.reset(token)
        assert (breaker.view()["state"], breaker_of.view()["state"]) == ("closed", "closed")
        assert await charge(0.0) == "paid"


async def test_a_dependency_that_is_late_for_ourselves_still_opens_it(forgotten: None) -> None:
    with use(Registry(CollectorRegistry())):
        breaker = CircuitBreaker(minimum=5)
        charge = pipeline("charge", breaker, Timeout(0.01))(seconds_of)
        token = context.deadline.set(context.Asked(SYSTEM.monotonic() + 60))
        try:
            for _ in range(5):
                with pytest.raises(DeadlineExceeded):
                    await charge(1.0)
        finally:
            context.deadline.reset(token)
        assert breaker.view()["state"] == "open"


async def test_a_header_of_a_stranger_opens_no_breaker(forgotten: None) -> None:
    app = Starlette()
    breaker = CircuitBreaker(minimum=5)
    charge = pipeline("charge", breaker, Timeout(5.0))(seconds_of)

    async def pay(request: Any) -> PlainTextResponse:
        return PlainTextResponse(await charge(0.05))

    app.add_route("/pay", pay)
    with instrumented(app, deadline_header="X-Request-Timeout"):
        hasty = [await ask(app, "/pay", headers=[(b"x-request-timeout", b"0.005")]) for _ in range(10)]
        assert {told.status for told in hasty} == {504}
        assert (await ask(app, "/pay")).status == 200


def test_options_that_are_printed_show_no_credentials() -> None:
    secret = "t" * 24
    told = [
        Admin(token=secret),
        Metrics(token=secret),
        Sentry(dsn=f"https://{secret}@h/1"),
        Traces(headers={"k": secret}),
    ]
    assert secret not in repr(told)


def test_callers_who_send_a_letter_now_and_then_keep_no_scraper_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_CALLER_SECONDS_MAX", 0.3)
    ports = server.MetricsServer(Registry(CollectorRegistry()), 0, host="127.0.0.1")
    dawdlers: list[socket.socket] = []
    ending = threading.Event()

    def dawdle() -> None:
        while not ending.wait(0.05):
            for one in dawdlers:
                with contextlib.suppress(OSError):
                    one.send(b"x")

    dawdling = threading.Thread(target=dawdle, daemon=True)
    try:
        dawdlers += [socket.create_connection(("127.0.0.1", ports.port)) for _ in range(16)]
        dawdling.start()
        statuses = []
        for _ in range(20):
            if ending.wait(0.1):
                break
            with contextlib.suppress(httpx.TransportError):
                statuses.append(httpx.get(f"http://127.0.0.1:{ports.port}/metrics", timeout=5).status_code)
                break
        assert statuses == [200]
    finally:
        ending.set()
        dawdling.join(5)
        for one in dawdlers:
            one.close()
        ports.close()


def test_a_length_without_end_is_no_mishap_of_ours() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    statuses: list[str] = []
    with instrumented(app, admin=Admin(token="t" * 24)) as kit:
        for length in ("9" * 5_000, "-1", "a", "٣"):
            environ: dict[str, Any] = {}
            setup_testing_defaults(environ)
            environ |= {
                "REQUEST_METHOD": "POST", "PATH_INFO": "/-/kit/log-level", "CONTENT_LENGTH": length,
                "wsgi.input": io.BytesIO(b"x" * 200_000),
            }  # fmt: skip
            list(kit.app(environ, lambda status, headers, trouble=None: statuses.append(status)))
    assert {status[:3] for status in statuses} == {"401"}


@pytest.mark.parametrize(
    ("written", "whose"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("64:ff9b::192.0.2.7", "192.0.2.7"),
        ("2002:c000:207:1234::1", "192.0.2.7"),
        ("64:ff9b:1::1", "64:ff9b:1::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_an_address_of_ipv4_in_one_of_ipv6_has_its_own_quota_and_only_one(written: str, whose: str) -> None:
    assert by_client()(Caller("/", written, lambda name: None, {})) == whose
