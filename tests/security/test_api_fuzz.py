"""Whatever is asked of the house, it answers in its own words: never 500, and under /api always in the one shape.

The routes come from the OpenAPI document and from the app itself; the hostile parts are Hypothesis's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.http.conftest import SAME, House

from sereno.app.http import every_route, path_of

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"]
ODD = ["", "\0", "a\0b", "\u202e", "\x1b[2J", "<!channel>", "'; drop table page; --", "../../etc/passwd", "%00", "٣", "²",
       "9" * 400, "-1", "1e999", "NaN", "12", "#12", "in_01live", "pg_01open", "pagos", "x" * 3000, "\u2028", "💥", "{}"]  # fmt: skip
words = st.one_of(st.sampled_from(ODD), st.text(max_size=40))
known = st.sampled_from(["service", "severity", "title", "text", "public", "phase", "role", "person", "next", "limit"])
leaves = st.one_of(
    words, st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["P1", "pagos", "detected"])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | words, inner, max_size=4)
)
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def templates(house: House) -> list[str]:
    return sorted({path_of(route) for route in every_route(house.app.routes)} - {"/static", "/static/{path:path}"})


def filled(template: str, parts: list[str]) -> str:
    rest = iter(parts * 3)
    return re.sub(r"{[^}]+}", lambda _: quote(next(rest), safe="", errors="replace") or "x", template)


def check(path: str, answer: Any) -> None:
    assert answer.status_code < 500, (path, answer.status_code, answer.text[:300])
    if path.startswith("/api/") and answer.status_code >= 400 and answer.request.method != "HEAD":
        body = answer.json()
        assert list(body) == ["error"]
        assert list(body["error"]) == ["code", "message", "hint"]
        assert isinstance(body["error"]["message"], str)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"Traceback|sqlalchemy|File \"", answer.text)


@SETTINGS
@given(data=st.data())
async def test_no_request_brings_the_house_down(house: House, data: st.DataObject) -> None:
    caller = await house.program("admin")
    for template in templates(house):
        method = data.draw(st.sampled_from(["GET", "POST", *METHODS]))
        path = filled(template, data.draw(st.lists(words, min_size=1, max_size=2)))
        query = data.draw(
            st.dictionaries(
                known | st.sampled_from(["weeks", "language", "lang", "theme", "unclosed"]), words, max_size=3
            )
        )
        kind = data.draw(st.sampled_from(["json", "form", "raw"]))
        body: dict[str, Any] = {}
        if kind == "json":
            sent = json.dumps(data.draw(values)).encode("utf-8", "replace")
            body = {"content": sent, "headers": {"content-type": "application/json"}}
        elif kind == "form":
            form = data.draw(st.dictionaries(known, words, max_size=4))
            body = {"data": {k: v.encode("utf-8", "replace").decode() for k, v in form.items()}}
        else:
            types = ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/xml",
                     "application/json; charset=utf-16", "application/x-www-form-urlencoded; charset=klingon", "%"]  # fmt: skip
            body = {
                "content": data.draw(st.binary(max_size=200)),
                "headers": {"content-type": data.draw(st.sampled_from(types))},
            }
        clean = {k: v.encode("utf-8", "replace").decode() for k, v in query.items()}
        check(path, await caller.request(method, path, params=clean, **body))


@SETTINGS
@given(data=st.data())
async def test_bodies_that_are_almost_right_are_judged_and_not_stumbled_over(house: House, data: st.DataObject) -> None:
    """The documented requests with documented fields, every value hostile."""
    caller = await house.program("admin")
    document = (await caller.get("/api/v1/openapi.json")).json()
    for path, method, fields in documented(document):
        body = {name: data.draw(values) for name in fields if data.draw(st.integers(0, 9))}
        target = filled(path, [data.draw(st.sampled_from(["12", "11", "in_01live", "pg_01open", "pg_02taken"]))])
        sent = json.dumps(body).encode("utf-8", "replace")
        answer = await caller.request(method, target, content=sent, headers={"content-type": "application/json"})
        check(target, answer)
        assert answer.status_code in documented_answers(document, path, method, answer.status_code)
    for path in ("/incidents/12", "/status/publica", "/status/publica/history.atom", "/incidents/12/postmortem"):
        check(path, await caller.get(path))  # and what was written can be read


def documented(document: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if method == "post":
                schema = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
                name = schema.get("$ref", "").rpartition("/")[2]
                yield path, "POST", list(document["components"]["schemas"].get(name, {}).get("properties", {}))


def documented_answers(document: dict[str, Any], path: str, method: str, status: int) -> set[int]:
    told = document["paths"][path][method.lower()]["responses"]
    return {int(code) for code in told if code.isdecimal()} | (
        {status} if status >= 400 and "default" in told else set()
    )


async def test_the_document_tells_of_every_route_of_the_api(house: House) -> None:
    document = (await (await house.visitor()).get("/api/v1/openapi.json")).json()
    told = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    there = {
        (route.path, method)
        for route in every_route(house.app.routes)
        if isinstance(route, APIRoute) and route.path.startswith("/api/v1")
        for method in route.methods
    }
    assert told == there
    assert len(told) > 20


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "evil.example/x?y=", "evil.example", "", "x:99999999", "\xff"])
async def test_no_host_header_breaks_or_steers_anything(house: House, host: str) -> None:
    """Links and redirects come from the settings, or have no host at all."""
    browser = await house.visitor("responder")
    for path in ("/", "/nothing", "/api/v1/nothing", "/ack/x", "/status/publica", "/sign-in?next=/x", "/incidents/12"):
        answer = await browser.get(path, headers={"host": host.encode("latin-1")})  # type: ignore[dict-item]
        check(path, answer)
        assert "evil" not in answer.text + str(answer.headers)
    moved = await browser.post(
        "/incidents/in_01live/notes", data={"text": "x"}, headers={**SAME, "host": host.encode("latin-1")}
    )  # type: ignore[dict-item]
    assert moved.headers["location"].startswith("/incidents/")
