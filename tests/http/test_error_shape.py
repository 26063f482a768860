"""Errors leave in one shape, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import structlog
from fastapi import Depends
from tests.http.conftest import SAME, House

from sereno.app.http import errors
from sereno.app.http.auth import public
from sereno.app.http.prometheus_params import ApiError
from sereno.kernel import errors as kernel
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import SerenoError
from sereno.oncall.signing import Expired

MADE = {
    errors.TooLarge: errors.TooLarge,
    ApiError: lambda: ApiError("execution", 422, "it did not work"),
    kernel.SpecError: lambda: kernel.SpecError([Diagnostic("SER001", "wrong", "a.yaml", 1, 1)]),
    kernel.Unavailable: lambda: kernel.Unavailable("the disk is full", retry_after_seconds=7),
}


def family(kind: type[SerenoError] = SerenoError) -> Iterator[type[SerenoError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("sereno."):
            yield from family(child)


KINDS = sorted(set(family()), key=lambda kind: kind.__name__)


def raising(house: House, error: Exception) -> None:
    async def fail() -> None:
        raise error

    for path in ("/api/v1/fail", "/fail"):
        house.app.add_api_route(path, fail, dependencies=[Depends(public)])


def shaped(answer: httpx.Response) -> dict[str, str]:
    body = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "hint"]
    assert isinstance(body["error"]["code"], str)
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["hint"] is None or isinstance(body["error"]["hint"], str)
    assert answer.headers["x-request-id"].startswith("rq_")
    return body["error"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_error_of_the_tree_has_its_status_code_and_shape(house: House, kind: type[SerenoError]) -> None:
    error = MADE.get(kind, lambda: kind("it did not work"))()
    raising(house, error)
    program = await house.visitor(headers={"accept": "text/html"})  # the API answers JSON whatever one accepts
    answer = await program.get("/api/v1/fail")
    assert answer.status_code == error.status
    assert shaped(answer)["code"] == kind.code
    assert shaped(answer)["message"] == error.message
    browser = await house.visitor()
    page = await browser.get("/fail")
    if error.status == 401:
        assert page.headers["location"] == "/sign-in?next=%2Ffail"
    else:
        assert page.status_code == error.status
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in page.text


async def test_a_full_disk_says_when_to_come_back(house: House) -> None:
    raising(house, kernel.Unavailable("the disk is full", retry_after_seconds=7))
    assert (await (await house.visitor()).get("/api/v1/fail")).headers["retry-after"] == "7"
    page = await (await house.visitor()).get("/fail")
    assert (page.status_code, page.headers["retry-after"]) == (503, "7")
    assert "Nada se perdió" in page.text


async def test_a_surprise_is_logged_without_credentials_and_tells_nothing(house: House) -> None:
    raising(house, RuntimeError("password=hunter2 at /srv/secret"))
    browser = await house.visitor("viewer")
    with structlog.testing.capture_logs() as logs:
        answer = await browser.get("/api/v1/fail")
        page = await browser.get("/fail")
    assert answer.status_code == page.status_code == 500
    assert shaped(answer)["code"] == "internal"
    assert "hunter2" not in answer.text + page.text
    assert page.headers["x-request-id"] in page.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [log["event"] for log in logs] == ["request_failed", "request_failed"]
    assert "RuntimeError" in logs[0]["trace"]
    assert "exc_info" not in logs[0]
    assert not any(cookie in str(logs) for cookie in browser.cookies.values())


async def test_what_the_framework_refuses_has_the_same_shape(house: House) -> None:
    program = await house.program("responder")
    assert shaped(await program.get("/api/v1/nothing"))["code"] == "not_found"
    assert shaped(await program.delete("/api/v1/incidents"))["code"] == "method_not_allowed"
    assert shaped(await program.get("/api/v1/pages?limit=0"))["code"] == "invalid"
    assert shaped(await program.get("/api/v1/pages?limit=501"))["code"] == "invalid"
    broken = await program.post("/api/v1/incidents", content=b"{", headers={"content-type": "application/json"})
    assert (broken.status_code, shaped(broken)["code"]) == (422, "invalid")
    loose = await program.post("/api/v1/incidents", json={"service": "pagos", "severity": 1, "title": "x"})
    assert "severity" in shaped(loose)["message"]
    more = await program.post("/api/v1/incidents", json={"service": "pagos", "severity": "P1", "title": "x", "z": 1})
    assert "z" in shaped(more)["message"]


async def test_a_megabyte_is_enough(house: House) -> None:
    program = await house.program("responder")
    big = await program.post("/api/v1/incidents/12/notes", json={"text": "x" * 1_000_001})
    assert (big.status_code, shaped(big)["code"]) == (413, "too_large")

    taken: list[int] = []

    async def drip():  # type: ignore[no-untyped-def]
        for _ in range(30):
            taken.append(1)
            yield b"x" * 50_000

    streamed = await program.post(
        "/api/v1/incidents/12/notes", content=drip(), headers={"content-type": "application/json"}
    )
    assert streamed.status_code == 413
    assert len(taken) == 21  # what comes after the megabyte is not even read
    browser = await house.visitor()
    form = await browser.post("/sign-in", data={"name": "x" * 1_100_000}, headers=SAME)
    assert form.status_code == 413


def test_the_credential_in_an_acknowledge_link_is_not_logged() -> None:
    from starlette.requests import Request

    scope = {"type": "http", "path": "/ack/v1.secret", "query_string": b"", "headers": [], "method": "GET", "server": ("x", 80), "scheme": "http", "root_path": ""}  # fmt: skip
    with structlog.testing.capture_logs() as logs:
        errors.answer(Request(scope), RuntimeError("boom"))
    assert logs[0]["path"] == "/ack/…"


def test_expired_links_are_gone() -> None:
    assert errors.problem(Expired("this link has expired")).status == 410
