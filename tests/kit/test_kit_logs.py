"""Lines: the same from structlog and `logging`, whole whatever is in them, one each."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.planted import VALUE, Planted, everything

from sereno_kit import context, logs
from sereno_kit.context import Trace
from sereno_kit.logs.encoding import LINE_BYTES_MAX, encode
from sereno_kit.logs.layouts import timestamp
from sereno_kit.options import Logs
from sereno_kit.redact import Redactor

Lines = Callable[[], list[dict[str, Any]]]


class Program:
    """A program whose logging is configured, and the lines that it wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.logging: logs.Logging | None = None

    def configure(self, redactor: Redactor | None = None, **options: Any) -> logs.Logging:
        self.logging = logs.configure(
            Logs(stream=self.stream, **options), service="orders", environment="prod", version="1.2", redactor=redactor
        )
        return self.logging

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


@pytest.fixture
def program() -> Iterator[Program]:
    """Given back as it was found."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook, warnings.showwarning)
    made = Program()
    token = context.request_id.set("")
    try:
        yield made
    finally:
        if made.logging is not None:
            made.logging.close()
        context.request_id.reset(token)
        structlog.contextvars.clear_contextvars()
        logs.unbind(*logs.bound(""))
    after = (list(root.handlers), root.level, sys.excepthook, threading.excepthook, warnings.showwarning)
    assert after == before


def test_both_kinds_come_out_the_same(program: Program) -> None:
    program.configure()
    logs.get_logger("shop").info("order created", order_id=7, total=Decimal("12.50"))
    structlog.get_logger("shop").info("order created", order_id=7, total=Decimal("12.50"))
    logging.getLogger("shop").info("order created", extra={"order_id": 7, "total": Decimal("12.50")})
    first, second, third = program.lines
    assert list(first) == list(second) == list(third)
    assert {**first, "timestamp": ""} == {**second, "timestamp": ""} == {**third, "timestamp": ""}
    assert first == {
        "timestamp": first["timestamp"], "level": "INFO", "message": "order created", "logger": "shop",
        "service.name": "orders", "service.version": "1.2", "deployment.environment.name": "prod",
        "order_id": 7, "total": "12.50",
    }  # fmt: skip


def test_the_moment_is_utc_in_milliseconds(program: Program) -> None:
    assert timestamp(1795232281.0) == "2026-11-21T03:38:01.000Z"
    assert timestamp(1795232281.9999) == "2026-11-21T03:38:01.999Z"
    assert timestamp(0.25) == "1970-01-01T00:00:00.250Z"
    program.configure()
    logging.getLogger("a").info("now")
    told = datetime.fromisoformat(program.line["timestamp"])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60


def test_whose_line_it_is(program: Program) -> None:
    program.configure()
    token = context.trace.set(Trace("a" * 32, "b" * 16))
    own = context.request_id.set("req-12345678")
    logging.getLogger("a").info("x", extra={"request_id": "theirs", "level": "mine"})
    context.request_id.reset(own)
    context.trace.reset(token)
    line = program.line
    assert (line["request_id"], line["trace_id"], line["span_id"]) == ("req-12345678", "a" * 32, "b" * 16)
    assert (line["extra.request_id"], line["extra.level"], line["level"]) == ("theirs", "mine", "INFO")


@dataclasses.dataclass
class Order:
    number: int
    email: str


class Tier(Enum):
    GOLD = "gold"


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


ODD: dict[str, tuple[Any, Any]] = {
    "decimal": (Decimal("1.10"), "1.10"),
    "uuid": (UUID(int=7), str(UUID(int=7))),
    "moment": (datetime(2026, 11, 21, 3, 4, tzinfo=UTC), "2026-11-21T03:04:00+00:00"),
    "bytes": (b"abc\xff", "abc\ufffd"),
    "set": ({1}, [1]),
    "tuple": ((1, 2), [1, 2]),
    "dataclass": (Order(7, "ana@example.com"), {"number": 7, "email": "[redacted]"}),
    "enum": (Tier.GOLD, "gold"),
    "surrogate": ("a\ud800b", "a\\ud800b"),
    "nan": (float("nan"), None),
    "infinite": (float("inf"), None),
    "large": (2**70, str(2**70)),
    "path": (Path("/srv/app"), "/srv/app"),
    "unspeakable": (Unspeakable(), "[unredactable]"),
    "keys": ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "null": "b"}),
    "exception": (ValueError("bad"), "ValueError: bad"),
}


@pytest.mark.parametrize("name", ODD)
def test_no_value_loses_a_line(program: Program, name: str) -> None:
    value, told = ODD[name]
    program.configure()
    logs.get_logger("a").info("x", what=value)
    logging.getLogger("a").info("x", extra={"what": value})
    one, other = program.lines
    assert one["what"] == other["what"]
    if name == "keys":
        assert told.items() <= one["what"].items()
    elif name == "unspeakable":
        assert one["what"] == "[unredactable]"
    else:
        assert one["what"] == told


def test_a_cycle_and_a_tower(program: Program) -> None:
    program.configure()
    cycle: dict[str, Any] = {"a": 1}
    cycle["self"] = cycle
    tower: Any = "top"
    for _ in range(1_000):
        tower = [tower]
    logs.get_logger("a").info("x", cycle=cycle, tower=tower)
    assert program.line["cycle"] == {"a": 1, "self": "[cycle]"}


def test_a_line_has_an_end(program: Program) -> None:
    program.configure()
    logs.get_logger("a").info("x", **{f"f{i}": "é" * 16_000 for i in range(100)})
    assert len(program.text) <= LINE_BYTES_MAX
    assert program.line["message"] == "x"
    assert program.line["line_cut"] is True


def test_nothing_breaks_a_line(program: Program) -> None:
    program.configure()
    evil = 'x\r\n{"level":"CRITICAL","message":"forged"}\x1b[2J\x00\x85\u2028\u202e\x9b'
    logs.get_logger("a").info(evil, **{evil: evil})
    logging.getLogger(evil).warning(evil, extra={"a": evil})
    assert len(program.text.splitlines()) == 2
    assert all(line["message"] == evil for line in program.lines)
    for mark in "\r\x1b\x00\x85\u2028\u202e\x9b":
        assert mark not in program.text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.text(), VALUES)
def test_any_value_is_one_line(message: str, value: Any) -> None:
    line = encode({"message": message + "\udfff", "value": value})
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    json.loads(line)


def test_errors_are_data(program: Program) -> None:
    program.configure()
    try:
        try:
            raise KeyError(f"password={VALUE}")
        except KeyError as error:
            raise ValueError("bad order") from error
    except ValueError as error:
        error.add_note("of ana@example.com")
        logs.get_logger("a").exception("could not pay")
        logging.getLogger("a").error("could not pay", exc_info=error)
    one, other = program.lines
    assert one["exception"] == other["exception"]
    told = one["exception"]
    assert (one["error.type"], told["type"], told["message"]) == ("ValueError", "ValueError", "bad order")
    assert told["frames"][-1]["function"] == "test_errors_are_data"
    assert told["notes"] == ["of [redacted]"]
    assert told["cause"]["type"] == "KeyError"
    assert VALUE not in program.text


def _sink(depth: int) -> None:
    if depth == 0:
        raise RuntimeError("deep")
    _sink(depth - 1)


def test_errors_are_bounded(program: Program) -> None:
    program.configure()
    error: Exception = RuntimeError("first")
    for i in range(50):
        try:
            raise RuntimeError(f"{i} " + "x" * 100_000) from error
        except RuntimeError as caught:
            error = caught
    group = ExceptionGroup("many", [ValueError(str(i)) for i in range(100)])
    log = logs.get_logger("a")
    log.error("chain", exc_info=error)
    log.error("group", exc_info=group)
    try:
        _sink(500)
    except RuntimeError:
        log.exception("stack")
    chain, many, stack = program.lines
    assert len(json.dumps(chain)) < 40_000
    assert len(many["exception"]["errors"]) == 8
    assert len(stack["exception"]["frames"]) == 20
    assert stack["exception"]["frames"][-1]["function"] == "_sink"
    assert stack["exception"]["frames_left_out"] > 0


def test_a_message_that_does_not_fit_its_arguments(program: Program) -> None:
    handler = program.configure().handler
    for message, arguments in (
        ("%d orders", ("many",)),
        ("token=%d", (VALUE,)),
        (Unspeakable(), ()),
        ("%s", (Unspeakable(),)),
        ({"a": 1}, ()),
    ):
        handler.handle(logging.LogRecord("a", logging.INFO, "", 0, message, arguments, None))
    messages = [line["message"] for line in program.lines]
    assert messages == ["%d orders", "token=[redacted]", "[Unspeakable without text]", "%s", "{'a': 1}"]
    assert program.lines[0]["arguments"] == ["many"]
    assert VALUE not in program.text


def test_a_redactor_that_fails_loses_no_line(program: Program) -> None:
    class Broken(Redactor):
        def redact(self, value: Any, key: str = "") -> Any:
            raise RuntimeError("no")

        def text(self, text: str) -> str:
            raise RuntimeError("no")

    program.configure(redactor=Broken())
    logs.get_logger("a").warning(f"password={VALUE}", secret=VALUE)
    line = next(line for line in program.lines if line["logger"] == "a")
    assert line["message"] == "[line that could not be written]"
    assert (line["level"], line["log_error"]) == ("WARNING", "RuntimeError")
    assert VALUE not in program.text


@pytest.mark.parametrize("fields", ["otel", "elastic", "cloudwatch", "azure"])
def test_no_planted_secret_is_logged(program: Program, fields: str) -> None:
    program.configure(fields=fields)
    log, plain = logs.get_logger("a"), logging.getLogger("a")
    planted = everything() if fields == "otel" else everything()[::9]
    for one in planted:
        log.info("structlog", **{one.key: one.value})
        plain.info("logging", extra={one.key: one.value})
        if isinstance(one.value, str) and one.key == "value":
            plain.info("text: %s", one.value)
            _raise_and_log(log, one)
    leaks = [(one.name, secret) for one in planted for secret in one.secrets if _leaked(secret, program.text)]
    assert leaks == []
    assert len(program.lines) >= 2 * len(planted)


def _leaked(secret: str, text: str) -> bool:
    return secret in text or json.dumps(secret)[1:-1] in text


def _raise_and_log(log: logs.BoundLogger, one: Planted) -> None:
    try:
        raise ValueError(one.value if one.key == "value" else {one.key: one.value})
    except ValueError:
        log.exception("raised")


def test_levels_can_change_while_it_runs(program: Program) -> None:
    made = program.configure(level="warning", levels={"shop.sql": "debug"})
    shop, sql = logs.get_logger("shop"), logging.getLogger("shop.sql")
    shop.info("quiet")
    sql.debug("told")
    made.set_level("INFO", "shop")
    shop.info("told too")
    made.set_level("ERROR")
    logging.getLogger("other").warning("quiet")
    assert [line["message"] for line in program.lines] == ["told", "told too"]
    assert made.levels() == {"": "ERROR", "shop": "INFO", "shop.sql": "DEBUG"}
    assert made.level == "ERROR"
    with pytest.raises(ValueError, match="no level 'LOUD'"):
        made.set_level("LOUD")
    made.close()
    assert logging.getLogger("shop").level == logging.NOTSET


def test_a_level_that_is_none_configures_nothing() -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(ValueError, match="no level"):
        logs.configure(Logs(level="LOUD", stream=io.StringIO()))
    with pytest.raises(ValueError, match="field set"):
        logs.configure(Logs(fields="splunk", stream=io.StringIO()))  # type: ignore[arg-type]
    assert logging.getLogger().handlers == before
    assert logs._current is None


def test_other_levels_belong_to_documented_ones(program: Program) -> None:
    program.configure(level="DEBUG")
    for number in (5, 10, 25, 35, 45, 70):
        logging.getLogger("a").log(number, "x")
    assert [line["level"] for line in program.lines] == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def test_configured_twice_is_written_once(program: Program) -> None:
    first = program.configure()
    program.configure()
    program.configure()
    logs.get_logger("a").info("x")
    logging.getLogger("a").info("y")
    assert len(program.lines) == 2
    first.close()  # an earlier one closes nothing of the later
    logs.get_logger("a").info("z")
    assert len(program.lines) == 3


def test_lines_need_no_lock_of_loggings(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(self: logging.Handler, record: logging.LogRecord) -> bool:  # as Python 3.13 has it
        passed = self.filter(record)
        if passed:
            with self.lock:  # type: ignore[union-attr]
                self.emit(record)
        return bool(passed)

    program.configure()
    monkeypatch.setattr(logging.Handler, "handle", handle)
    logging.getLogger("shop").warning("still here")
    assert [line["message"] for line in program.lines] == ["still here"]


def test_closing_gives_back(program: Program) -> None:
    terminal, root = logging.StreamHandler(sys.stderr), logging.getLogger()
    root.addHandler(terminal)
    before = structlog.get_config()["processors"]
    try:
        made = program.configure()
        assert terminal not in root.handlers
        made.close()
        assert terminal in root.handlers
        assert structlog.get_config()["processors"] == before
    finally:
        root.removeHandler(terminal)


def test_noisy_lines_are_sampled_and_say_so(program: Program) -> None:
    made = program.configure(sample={"tick": 0.1, "/poll": 0.1, "never": 0.0})
    log = logs.get_logger("a")
    for _ in range(2_000):
        log.info("tick")
        log.info("never")
        made.access.write("GET", "/poll", "/poll", 200, 0.01)
    for _ in range(20):
        log.warning("tick")
        made.access.write("GET", "/poll", "/poll", 500, 0.01)
    lines = program.lines
    kept = [line for line in lines if line["level"] == "INFO" and line["message"] == "tick"]
    requests = [line for line in lines if line["level"] == "INFO" and line["message"] == "request"]
    for some in (kept, requests):
        assert {line["sample_share"] for line in some} == {0.1}
        # 2,000 kept by chance 0.1: more than five standard deviations (13.4) off would be one in a million.
        assert 125 <= len(some) <= 275
        assert sum(1 / line["sample_share"] for line in some) == pytest.approx(2_000, rel=0.4)
    assert len([line for line in lines if line["level"] == "WARNING"]) == 20
    assert len([line for line in lines if line["level"] == "ERROR"]) == 20
    assert not [line for line in lines if line["message"] == "never"]


def test_requests(program: Program) -> None:
    made = program.configure()
    made.access.hush(["/health/live", "/health/ready"])
    token = context.request_id.set("req-12345678")
    made.access.write("GET", "/orders/{id}", "/orders/7", 200, 0.0123456789, "10.0.0.7", None, "a" * 32, "b" * 16)
    made.access.write("GET", "/health/live", "/health/live", 200, 0.001)
    made.access.write("GET", "/health/ready", "/health/ready", 503, 0.001)
    try:
        raise ValueError(f"password={VALUE}")
    except ValueError as error:
        made.access.write("POST", "/pay", "/pay", 500, 0.5, "10.0.0.7", error)
    made.access.write("GET", "/password-reset/{token}", "/password-reset/9f8c2a7be41d4c0aa1", 404, 0.1)
    context.request_id.reset(token)
    fine, ready, failed, missing = program.lines
    assert fine == {
        "timestamp": fine["timestamp"], "level": "INFO", "message": "request", "logger": "sereno_kit.access",
        "service.name": "orders", "service.version": "1.2", "deployment.environment.name": "prod",
        "request_id": "req-12345678", "trace_id": "a" * 32, "span_id": "b" * 16, "http.request.method": "GET",
        "http.route": "/orders/{id}", "url.path": "/orders/7", "http.response.status_code": 200,
        "http.server.request.duration": 0.012346, "client.address": "10.0.0.7",
    }  # fmt: skip
    assert (ready["level"], ready["error.type"]) == ("ERROR", "503")
    assert (failed["error.type"], failed["exception"]["frames"][0]["function"]) == ("ValueError", "test_requests")
    assert (missing["level"], missing["url.path"]) == ("INFO", "/password-reset/[redacted]")
    assert VALUE not in program.text


def test_requests_can_be_silent(program: Program) -> None:
    made = program.configure()
    made.set_level("WARNING", "sereno_kit.access")
    made.access.write("GET", "/a", "/a", 200, 0.1)
    made.access.write("GET", "/a", "/a", 500, 0.1)
    assert program.line["http.response.status_code"] == 500
    made.close()
    off = program.configure(access=False)
    off.access.write("GET", "/a", "/a", 500, 0.1)
    assert len(program.lines) == 1


async def test_fields_of_a_request_end_with_it(program: Program) -> None:
    made = program.configure()
    log = logs.get_logger("a")

    async def request(number: int) -> None:
        token = context.request_id.set(f"req-{number:08d}")
        try:
            logs.bind(tenant=f"t{number}", email="ana@example.com")
            await asyncio.sleep(0)
            log.info("in", number=number)
            made.access.write("GET", "/a", "/a", 200, 0.1)
        finally:
            context.request_id.reset(token)

    for number in range(3):  # one after the other in one context, as in a thread of WSGI
        await request(number)
    await asyncio.gather(*(request(number) for number in range(3, 9)))
    log.info("out")
    *inside, out = program.lines
    assert len(inside) == 18
    for line in inside:
        assert line["tenant"] == f"t{int(line['request_id'][4:])}"
        assert line["email"] == "[redacted]"
    assert "tenant" not in out


def test_fields_of_structlog_are_there_too(program: Program) -> None:
    program.configure()
    with structlog.contextvars.bound_contextvars(tenant="t1"):
        logs.get_logger("a", shop="x").bind(cart=3).info("told")
        logging.getLogger("a").info("told")
    one, other = program.lines
    assert (one["tenant"], one["shop"], one["cart"]) == ("t1", "x", 3)
    assert other["tenant"] == "t1"


def test_structlogs_own_capture_works(program: Program) -> None:
    program.configure()
    with structlog.testing.capture_logs() as captured:
        logs.get_logger("a").info("told", order=7)
        structlog.get_logger("a").warning("told too")
    assert captured == [
        {"event": "told", "order": 7, "log_level": "info"}, {"event": "told too", "log_level": "warning"}
    ]  # fmt: skip
    logs.get_logger("a").info("written")
    assert program.line["message"] == "written"


def test_a_logger_works_before_logging_is_configured(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        logs.get_logger("early").info("told", order=7)
    assert caplog.messages == ["told"]


def test_names_for_elastic(program: Program) -> None:
    made = program.configure(fields="elastic")
    token = context.request_id.set("req-12345678")
    logs.get_logger("a").error("bad", exc_info=ValueError("x"), order_id=7)
    made.access.write("GET", "/o/{id}", "/o/7", 503, 0.25, "10.0.0.7", None, "a" * 32, "b" * 16)
    context.request_id.reset(token)
    line, request = program.lines
    assert list(line)[:3] == ["@timestamp", "log.level", "message"]
    assert line["ecs.version"]
    assert (line["log.level"], line["service.environment"], line["order_id"]) == ("error", "prod", 7)
    assert (line["error.type"], line["error.message"]) == ("ValueError", "x")
    assert line["http.request.id"] == "req-12345678"
    assert (request["event.duration"], request["event.outcome"], request["trace.id"]) == (
        250_000_000,
        "failure",
        "a" * 32,
    )


def test_names_for_cloudwatch(program: Program) -> None:
    made = program.configure(fields="cloudwatch")
    logs.get_logger("a").error("bad", exc_info=ValueError("x"), **{"order.id": 7, "cart-total": 2})
    made.access.write("GET", "/o/{id}", "/o/7", 200, 0.25, "10.0.0.7", None, "a" * 32, "b" * 16)
    assert all(name.isidentifier() for line in program.lines for name in line)
    line, request = program.lines
    assert (line["order_id"], line["cart_total"], line["error_type"]) == (7, 2, "ValueError")
    assert (request["duration_ms"], request["route"], request["status"]) == (250.0, "/o/{id}", 200)


def test_names_for_application_insights(program: Program) -> None:
    made = program.configure(fields="azure")
    logs.get_logger("a").warning("slow", order_id=7)
    logs.get_logger("a").error("bad", exc_info=ValueError("x"))
    made.access.write("GET", "/o/{id}", "/o/7", 500, 0.25, "10.0.0.7", None, "a" * 32, "b" * 16)
    slow, bad, request = program.lines
    assert (slow["itemType"], slow["severityLevel"], slow["customDimensions"]["order_id"]) == ("trace", 2, 7)
    assert (bad["itemType"], bad["type"], bad["outerMessage"]) == ("exception", "ValueError", "x")
    assert (request["name"], request["resultCode"], request["success"]) == ("GET /o/{id}", "500", False)
    assert (request["operation_Id"], request["duration"], request["cloud_RoleName"]) == ("a" * 32, 250.0, "orders")


def test_for_people(program: Program) -> None:
    made = program.configure(form="console")
    try:
        raise ValueError("bad\x1b[2J")
    except ValueError:
        logs.get_logger("a").exception("could\r\npay", order_id=7, note="two words", email="ana@example.com")
    made.access.write("GET", "/o/{id}", "/o/7", 200, 0.25)
    first, *rest = program.text.splitlines()
    assert "ERROR" in first
    assert "order_id=7" in first
    assert "note='two words'" in first
    assert "ana@" not in program.text
    assert "\x1b" not in program.text
    assert rest[0] == "    ValueError: bad\\u001b[2J"
    assert rest[-1].endswith("http.server.request.duration=0.25")


def test_warnings_are_lines(program: Program) -> None:
    program.configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs._current._hooks._on_warning  # type: ignore[union-attr]
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert (program.line["logger"], program.line["warning.category"]) == ("py.warnings", "DeprecationWarning")


def test_errors_that_end_a_thread_are_lines(program: Program) -> None:
    program.configure()
    thread = threading.Thread(target=_sink, args=(1,), name="worker-7")
    thread.start()
    thread.join()
    line = program.line
    assert (line["message"], line["thread.name"], line["error.type"]) == (
        "a thread ended by an error", "worker-7", "RuntimeError"
    )  # fmt: skip


async def test_errors_that_a_loop_finds_are_lines(program: Program) -> None:
    program.configure()
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": ValueError(f"token={VALUE}")}
    )
    assert (program.line["logger"], program.line["exception"]["type"]) == ("asyncio", "ValueError")
    assert VALUE not in program.text


def run(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A program of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_a_program_that_ends_by_an_error_says_so_in_a_line_only() -> None:
    done = run(
        """
        from sereno_kit import logs
        logs.configure(service="orders")
        raise ValueError("token=Zx9-hunter2")
        """
    )
    assert done.returncode == 1
    line = json.loads(done.stdout)
    assert (line["level"], line["exception"]["type"]) == ("CRITICAL", "ValueError")
    assert b"hunter2" not in done.stdout + done.stderr


def test_hooks_of_the_program_are_called_too() -> None:
    done = run(
        """
        import sys
        sys.excepthook = lambda *a: print("mine", flush=True)
        from sereno_kit import logs
        logs.configure(service="orders")
        class Late:
            def __del__(self): raise ValueError("late")
        late = Late(); del late
        raise ValueError("x")
        """
    )
    lines = done.stdout.splitlines()
    assert json.loads(lines[0])["error.type"] == "ValueError"
    assert json.loads(lines[0])["level"] == "ERROR"
    assert json.loads(lines[1])["level"] == "CRITICAL"
    assert lines[2] == b"mine"


def test_the_loggers_of_servers() -> None:
    """uvicorn sets its own up after us, as when it is started by the program itself."""
    done = run(
        """
        import logging, uvicorn
        from sereno_kit import logs
        made = logs.configure(service="orders")
        uvicorn.Config("x:y")
        made.adopt()
        logging.getLogger("uvicorn.error").error("bad")
        logging.getLogger("uvicorn.access").info("twice")
        assert not logging.getLogger("uvicorn.access").hasHandlers()
        made.close()
        assert logging.getLogger("uvicorn").handlers == []
        """
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["bad"]


def test_the_queue_writes_all_before_the_end() -> None:
    done = run(
        """
        from sereno_kit import logs
        from sereno_kit.options import Logs
        logs.configure(Logs(queue_lines_max=100_000), service="orders")
        log = logs.get_logger("a")
        for i in range(5_000): log.info("x", i=i)
        """
    )
    assert [json.loads(line)["i"] for line in done.stdout.splitlines()] == list(range(5_000))


def test_the_queue_never_waits_for_a_reader_who_does_not_read() -> None:
    """What finds no place is dropped and counted, and the program ends in time although the pipe stays full."""
    reading, writing = os.pipe()
    code = """
    import sys, time
    from sereno_kit import logs
    from sereno_kit.metrics.registry import current
    from sereno_kit.options import Logs
    made = logs.configure(Logs(queue_lines_max=50), service="orders")
    log = logs.get_logger("a")
    begin = time.monotonic()
    for i in range(20_000): log.info("x", pad="y" * 200)
    assert time.monotonic() - begin < 20
    from prometheus_client import REGISTRY
    lost = REGISTRY.get_sample_value("sereno_kit_log_lines_dropped_total")
    assert 10_000 < lost < 20_000, lost
    """
    done = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    _, said = done.communicate(timeout=60)
    os.close(reading)
    assert done.returncode == 0, said


@pytest.mark.parametrize("queue", [0, 10_000])
def test_children_write_their_own_lines_once(queue: int) -> None:
    done = run(
        f"""
        import os
        from sereno_kit import logs
        from sereno_kit.options import Logs
        logs.configure(Logs(queue_lines_max={queue}), service="orders")
        log = logs.get_logger("a")
        for i in range(100): log.info("parent", i=i)
        children = []
        for n in range(3):
            if (child := os.fork()) == 0:
                for i in range(100): log.info("child", n=n, i=i)
                logs._current.close()
                os._exit(0)
            children.append(child)
        for child in children: os.waitpid(child, 0)
        log.info("parent", i=100)
        """
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["i"] for line in lines if line["message"] == "parent") == list(range(101))
    children = sorted((line["n"], line["i"]) for line in lines if line["message"] == "child")
    assert children == [(n, i) for n in range(3) for i in range(100)]


def test_a_reader_who_is_gone_does_not_end_the_program() -> None:
    code = """
    import signal, sys
    from sereno_kit import logs
    logs.configure(service="orders")
    for i in range(100): logs.get_logger("a").info("x")
    sys.stderr.write("alive")
    """
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert done.stderr.startswith(b"alive")


def test_threads_do_not_mix_their_lines() -> None:
    done = run(
        """
        import threading
        from sereno_kit import logs
        logs.configure(service="orders")
        log = logs.get_logger("a")
        def work(n):
            for i in range(200): log.info("x", n=n, pad=str(n) * 9000)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 800
    assert all(set(line["pad"]) == {str(line["n"])} for line in lines)


def test_litestar_writes_no_second_line_beside_ours() -> None:
    """Litestar puts its own handler behind a queue, on the root logger and on its own."""
    done = run(
        """
        import logging
        from litestar import Litestar
        from sereno_kit import instrument
        kit = instrument(Litestar([]), service="orders")
        logging.getLogger("shop").warning("one")
        logging.getLogger("litestar").error("two")
        kit.close()
        """
    )
    lines = (done.stdout + done.stderr).decode().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["one", "two"]
