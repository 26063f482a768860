"""What callers read of errors: whose fault it is, in their language, and nothing else."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.kit.asgi_worlds import ask, instrumented

from sereno_kit import (
    BulkheadFull,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    DependencyError,
    InternalError,
    KitError,
    Problems,
    RateLimited,
    Rejected,
    Transient,
)
from sereno_kit.problems import preferred_language, prefers_html, problem, retry_seconds, title_of

ID = "018f2b6e-7c1a-7abc-8def-0123456789ab"


def told(error: BaseException, **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    status, headers, body = problem(error, ID, **more)
    return status, dict(headers), json.loads(body)


class HttpxLike(Exception):
    """An error of a client that carries a response, as httpx's does."""

    def __init__(self, status: int) -> None:
        super().__init__("https://user:hunter2@payments.internal/charge")
        self.response = type("Response", (), {"status_code": status})()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ClientError("x"), 400, "client_error"),
        (ClientError("x", status=404), 404, "client_error"),
        (DependencyError("x"), 502, "dependency_error"),
        (Transient("x"), 503, "transient"),
        (DeadlineExceeded("x"), 504, "deadline_exceeded"),
        (InternalError("x"), 500, "internal_error"),
        (Rejected("x"), 503, "rejected"),
        (CircuitOpen("x"), 503, "circuit_open"),
        (BulkheadFull("x"), 503, "bulkhead_full"),
        (RateLimited("x"), 429, "rate_limited"),
        (KitError("x", status=200), 500, "kit_error"),  # an error is never a success
        (KeyError("x"), 500, "internal_error"),
        (TimeoutError("x"), 504, "deadline_exceeded"),
        (ConnectionRefusedError("x"), 503, "transient"),
        (HttpxLike(503), 503, "transient"),
        (HttpxLike(501), 502, "dependency_error"),
        (HttpxLike(404), 500, "internal_error"),  # what we asked of another was wrong: not our caller's fault
    ],
)
def test_every_error_has_the_status_that_tells_our_caller_what_it_means_to_him(
    error: BaseException, status: int, code: str
) -> None:
    answered, headers, body = told(error)
    assert (answered, body["status"], body["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert body["type"] == "about:blank"
    assert body["instance"] == f"urn:uuid:{ID}"
    assert body["request_id"] == ID


def test_nothing_of_the_message_is_told_only_the_detail_after_the_redactor() -> None:
    error = ClientError("row 7 of secrets", detail="Your card 4111 1111 1111 1111 was refused", table="customers")
    _, _, body = told(error)
    assert "secrets" not in str(body)
    assert "customers" not in str(body)
    assert "4111" not in str(body)
    assert body["detail"].startswith("Your card")
    assert "hunter2" not in str(told(HttpxLike(503)))


def test_titles_are_in_the_callers_language_and_those_of_own_classes_stay() -> None:
    class OutOfStock(ClientError):
        status = 409
        title = "Out of stock"

    assert told(RateLimited(""))[2]["title"] == "Too many requests"
    assert told(RateLimited(""), language="es")[2]["title"] == "Demasiadas solicitudes"
    assert told(ClientError("", status=404), language="es")[2]["title"] == "No se encontró"
    assert told(OutOfStock(""), language="es")[2]["title"] == "Out of stock"
    assert told(OutOfStock(""), types="https://api.example/problems/")[2]["type"] == (
        "https://api.example/problems/out-of-stock"
    )
    assert title_of(418, "es") == title_of(400, "es")
    assert title_of(599) == title_of(500)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-US,en;q=0.9,es;q=0.8", "en"),
        ("fr,es;q=0.3", "es"),
        ("fr", "en"),
        ("*", "en"),
        ("es;q=0,en;q=0.1", "en"),
        ("es;q=2", "en"),
        ("es;q=nan,en;q=0.1", "en"),
        (",;q=;=,es;q=x", "en"),
        ("a" * 100_000, "en"),
    ],
)
def test_the_language_is_what_the_caller_prefers_of_what_there_is(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_browsers_get_a_page_and_programs_json() -> None:
    assert prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert not prefers_html("*/*")
    assert not prefers_html("")
    assert not prefers_html("application/json, text/html;q=0.5")
    status, headers, body = problem(ClientError("", detail="<b>no</b>"), ID, "es", html=True)
    assert status == 400
    assert dict(headers)["content-type"] == "text/html; charset=utf-8"
    assert b"&lt;b&gt;no&lt;/b&gt;" in body
    assert b'<html lang="es">' in body
    assert ID.encode() in body


def test_retry_after_is_whole_seconds_rounded_up() -> None:
    assert told(RateLimited("", retry_after=2.1))[1]["retry-after"] == "3"
    assert told(CircuitOpen("", retry_after=0.01))[2]["retry_after"] == 1
    assert "retry-after" not in told(RateLimited(""))[1]
    assert retry_seconds(float("inf")) is None
    assert retry_seconds(float("nan")) is None


def test_hostile_details_and_ids_break_nothing() -> None:
    for detail in ("\ud800", "\x00" * 10, "x" * 1_000_000, 7, None):
        status, _, body = problem(ClientError("", detail=detail), "not-a-uuid-4711")  # type: ignore[arg-type]
        assert status == 400
        assert len(body) < 5_000
        assert "instance" not in json.loads(body)


def test_what_the_redactor_cannot_judge_is_left_out() -> None:
    class Bad:
        def text(self, text: str) -> str:
            raise RuntimeError

    assert "detail" not in told(ClientError("", detail="secret"), redactor=Bad())[2]


def test_errors_survive_pickling_and_say_what_they_are() -> None:
    error = RateLimited("too fast", retry_after=3, detail="slow down", shop=7)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.retry_after, again.detail, again.fields) == ("too fast", 3, "slow down", {"shop": 7})
    assert str(RateLimited()) == "Too many requests"


def shop() -> FastAPI:
    app = FastAPI()

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("hunter2")

    @app.get("/late")
    async def late() -> None:
        raise TimeoutError("db.internal:5432")

    @app.get("/refused")
    async def refused() -> None:
        raise RateLimited("", retry_after=2)

    @app.get("/forbidden")
    async def forbidden() -> None:
        raise HTTPException(403, "mine", headers={"x-why": "because"})

    @app.get("/number/{n}")
    async def number(n: int) -> int:
        return n

    return app


async def test_unhandled_errors_are_problems_without_internals_and_the_server_still_hears_of_them() -> None:
    app = shop()
    with instrumented(app):
        caller = await ask(app, "/broken", headers=[(b"accept-language", b"es")])
        assert (caller.status, json.loads(caller.body)["title"]) == (500, "Error interno")
        assert b"hunter2" not in caller.body
        assert caller.header("x-request-id") == [json.loads(caller.body)["request_id"]]
        assert isinstance(caller.error, KeyError)  # type: ignore[attr-defined]
        assert (await ask(app, "/late")).status == 504
        page = await ask(app, "/broken", headers=[(b"accept", b"text/html,*/*;q=0.1")])
        assert page.body.startswith(b"<!doctype html>")


async def test_what_the_framework_says_keeps_its_shape_unless_asked() -> None:
    app = shop()
    with instrumented(app):
        assert json.loads((await ask(app, "/forbidden")).body) == {"detail": "mine"}
        assert "detail" in json.loads((await ask(app, "/number/x")).body)
        assert (await ask(app, "/nowhere")).header("content-type") == ["application/json"]
    app = shop()
    with instrumented(app, problems=Problems(framework=True, types="https://api.example/")):
        caller = await ask(app, "/forbidden", headers=[(b"accept-language", b"es")])
        body = json.loads(caller.body)
        assert caller.header("content-type") == ["application/problem+json"]
        assert caller.header("x-why") == ["because"]
        assert (body["status"], body["title"], body["detail"]) == (403, "No está permitido", "mine")
        body = json.loads((await ask(app, "/number/hunter2")).body)
        assert body["status"] == 422
        assert body["errors"] == [{"pointer": "/path/n", "detail": body["errors"][0]["detail"], "code": "int_parsing"}]
        assert "hunter2" not in str(body)
        assert (await ask(app, "/nowhere")).header("content-type") == ["application/problem+json"]
        wrong = await ask(app, "/refused", method="POST")
        assert (wrong.status, wrong.header("allow")) == (405, ["GET"])


async def test_without_problems_the_framework_answers_as_ever() -> None:
    app = shop()
    with instrumented(app, problems=None):
        caller = await ask(app, "/broken")
        assert (caller.status, caller.body) == (500, b"Internal Server Error")
        assert len(caller.header("x-request-id")) == 1
        assert (await ask(app, "/refused")).status == 500


async def test_debug_keeps_starlettes_page() -> None:
    async def boom(request: Any) -> PlainTextResponse:
        raise KeyError("see me")

    app = Starlette(debug=True, routes=[Route("/", boom)])
    with instrumented(app):
        caller = await ask(app, "/")
        assert b"see me" in caller.body
        assert len(caller.header("x-request-id")) == 1


async def test_applications_mounted_in_the_instrumented_one_answer_alike() -> None:
    app, inner = FastAPI(), shop()
    app.mount("/inner", inner)
    with instrumented(app):
        assert (await ask(app, "/inner/refused")).status == 429
        caller = await ask(app, "/inner/broken")
        assert json.loads(caller.body)["title"] == "Internal error"
        assert len(caller.header("x-request-id")) == 1
