"""Captured lines are those that would have been written."""

from __future__ import annotations

import asyncio
import logging
import threading
from io import StringIO

import httpx
import pytest
import structlog

from sereno_kit import context, logs
from sereno_kit.logs import sinks
from sereno_kit.options import Logs
from sereno_kit.testing import capture_logs


@pytest.fixture(autouse=True)
def _as_before():
    before = (list(logging.getLogger().handlers), logging.getLogger().level, structlog.get_config()["processors"])
    write = sinks.Direct.write
    yield
    after = (list(logging.getLogger().handlers), logging.getLogger().level, structlog.get_config()["processors"])
    assert after == before
    assert sinks.Direct.write is write
    assert logs._current is None


def test_structlog_and_logging_alike():
    with capture_logs() as captured:
        logs.get_logger("shop").info("order created", order_id=7, password="s3cret-and-long")
        logging.getLogger("shop.db").debug("query %s", "ran", extra={"rows": 3})
    assert captured.one("order created")["order_id"] == 7
    assert captured.one("query ran")["rows"] == 3
    assert captured.one("query ran")["level"] == "DEBUG"
    assert "s3cret" not in captured.text
    assert len(captured) == 2


def test_nothing_is_written_meanwhile_and_everything_after():
    stream = StringIO()
    logging_ = logs.configure(Logs(stream=stream, level="INFO"), service="shop")
    try:
        with capture_logs() as captured:
            logs.get_logger().info("seen by the test")
            logs.get_logger().debug("below the level that is configured")
            logging_.access.write("GET", "/x", "/x", 200, 0.1, "", None, "", "")
        logs.get_logger().info("seen by everybody")
    finally:
        logging_.close()
    assert [line["message"] for line in captured] == ["seen by the test", "request"]
    assert captured.requests[0]["http.route"] == "/x"
    assert captured.lines[0]["service.name"] == "shop"
    assert stream.getvalue().count("\n") == 1
    assert "seen by everybody" in stream.getvalue()


def test_captures_nest():
    with capture_logs() as outer:
        with capture_logs() as inner:
            logs.get_logger().info("both")
        logs.get_logger().info("outer")
    assert [line["message"] for line in inner] == ["both"]
    assert [line["message"] for line in outer] == ["both", "outer"]


def test_one_line_is_one_or_a_mistake():
    with capture_logs() as captured:
        for _ in range(2):
            logs.get_logger().info("twice")
    with pytest.raises(LookupError, match="2 lines"):
        captured.one("twice")
    with pytest.raises(LookupError, match="0 lines"):
        captured.one("never")


def test_lines_of_threads_and_of_the_queue_come_too():
    logging_ = logs.configure(Logs(queue_lines_max=100), service="shop")
    try:
        with capture_logs() as captured:
            threads = [threading.Thread(target=logs.get_logger().info, args=(f"line {n}",)) for n in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            logging_.sink.close()
    finally:
        logging_.close()
    assert sorted(line["message"] for line in captured) == [f"line {n}" for n in range(10)]


def test_the_consoles_form_is_text():
    logging_ = logs.configure(Logs(form="console"), service="shop")
    try:
        with capture_logs() as captured:
            logs.get_logger().info("for eyes")
    finally:
        logging_.close()
    assert "for eyes" in captured.lines[0]["text"]


async def test_a_kit_that_is_made_inside_is_heard():
    from fastapi import FastAPI

    from sereno_kit import instrument

    app = FastAPI()

    @app.get("/orders/{order_id}")
    async def order(order_id: int) -> dict[str, str]:
        kit.log.info("looked up", order_id=order_id)
        return {"request": context.request_id.get()}

    with capture_logs() as captured:
        kit = instrument(app, service="shop", drain=None)
        try:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
                answers = await asyncio.gather(*(client.get(f"/orders/{n}") for n in range(3)))
        finally:
            kit.close()
    ids = {answer.json()["request"] for answer in answers}
    assert len(ids) == 3
    assert {line["request_id"] for line in captured.named("looked up")} == ids
    assert {line["request_id"] for line in captured.requests} == ids
