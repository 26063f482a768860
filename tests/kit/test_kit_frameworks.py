"""What the kit promises holds in every framework: the same shop, asked the same, tells the same."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.kit.asgi_worlds import instrumented
from tests.kit.frameworks_program import SECRET
from tests.peers.sentry_envelopes import SentryPeer

from sereno_kit import CircuitOpen, Problems

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = ("fastapi", "starlette", "litestar", "django_asgi", "asgi", "flask", "django_wsgi", "wsgi")


def told(framework: str) -> tuple[dict[str, Any], list[Any]]:
    """What the program says of itself, and what reached Sentry."""
    with SentryPeer() as peer:
        command = [sys.executable, "-m", "tests.kit.frameworks_program", peer.dsn, framework]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), peer.items("event")


@pytest.fixture(scope="module")
def stories() -> dict[str, tuple[dict[str, Any], list[Any]]]:
    """Each framework in a process of its own, two at a time."""
    with ThreadPoolExecutor(2) as two:
        return dict(zip(FRAMEWORKS, two.map(told, FRAMEWORKS), strict=True))


@pytest.fixture(params=FRAMEWORKS)
def story(request: pytest.FixtureRequest, stories: Any) -> Any:
    return stories[request.param]


def test_errors_are_problems_in_the_callers_language(story: Any) -> None:
    said = story[0]["said"]
    assert [said[name][0] for name in ("ok", "open", "tired", "boom")] == [200, 503, 503, 500]
    for name, title in (("open", "No disponible por el momento"), ("boom", "Error interno")):
        _, headers, body = said[name]
        assert headers["content-type"] == "application/problem+json"
        problem = json.loads(body)
        assert (problem["title"], problem["request_id"]) == (title, headers["x-request-id"])
        assert SECRET not in body
    assert said["open"][1]["retry-after"] == "3"


def test_who_retried_in_vain_asks_callers_not_to(story: Any) -> None:
    said = story[0]["said"]
    assert said["tired"][1].get("x-no-retry") == "1"
    assert "x-no-retry" not in said["open"][1] | said["boom"][1]


def test_each_request_is_counted_once_by_its_route_and_whose_fault_it_was(story: Any) -> None:
    families = {family.name: family.samples for family in text_string_to_metric_families(story[0]["metrics"])}
    requests = {
        (sample.labels["endpoint"], sample.labels["status"]): sample.value
        for sample in families["http_requests"]
        if sample.name == "http_requests_total" and sample.value
    }
    assert requests == {("/ok", "200"): 1, ("/open", "503"): 1, ("/tired", "503"): 1, ("/boom", "500"): 1}
    faults = {
        (sample.labels["endpoint"], sample.labels["error_type"])
        for sample in families["http_errors"]
        if sample.name == "http_errors_total" and sample.value
    }
    assert faults == {("/open", "rejected"), ("/tired", "transient"), ("/boom", "server_error")}
    assert {s.value for s in families.get("sereno_kit_errors", ()) if s.name == "sereno_kit_errors_total"} <= {0.0}


def test_the_kits_own_addresses_answer(story: Any) -> None:
    assert set(story[0]["own"].values()) == {200}


def test_one_line_a_request_names_the_error(story: Any) -> None:
    lines = [line for line in story[0]["lines"] if line["message"] == "request"][: len(story[0]["said"])]
    assert [line["http.response.status_code"] for line in lines] == [200, 503, 503, 500]
    assert lines[-1]["error.type"].endswith("ValueError")
    assert SECRET not in json.dumps(story[0]["lines"])


def test_sentry_hears_of_our_own_fault_once_and_nothing_of_other_requests(story: Any) -> None:
    (event,) = story[1]
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["tags"]["request_id"] == story[0]["said"]["boom"][1]["x-request-id"]
    assert "of the first" not in json.dumps(event)
    assert "the first" not in json.dumps(event.get("user", {}))


FRAMED = Problems(framework=True)


def test_flasks_own_errors_are_problems_where_asked() -> None:
    from flask import Flask, abort, make_response

    app = Flask("shop")
    app.add_url_rule("/busy", view_func=lambda: abort(409, "Somebody else has it."), endpoint="busy", methods=["GET"])
    app.add_url_rule("/own", view_func=lambda: abort(make_response("mine", 418)), endpoint="own")
    with instrumented(app, problems=FRAMED):
        caller = app.test_client()
        missing = caller.get("/nowhere", headers={"accept-language": "es"})
        assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
        assert missing.json["title"] == "No se encontró"
        assert missing.json["request_id"] == missing.headers["x-request-id"]
        busy = caller.get("/busy").json
        assert (busy["status"], busy["detail"]) == (409, "Somebody else has it.")
        wrong = caller.post("/busy")
        assert wrong.json["title"] == "Method not allowed"
        assert "GET" in wrong.headers["allow"]
        assert (caller.get("/own").status_code, caller.get("/own").text) == (418, "mine")
    assert "not found on the server" in app.test_client().get("/nowhere").text


async def test_litestars_own_errors_are_problems_where_asked() -> None:
    from litestar import Litestar, get
    from litestar.exceptions import HTTPException

    @get("/orders/{order:int}")
    async def order(order: int, size: int) -> str:
        raise HTTPException("Somebody else has it.", status_code=409, headers={"x-why": "lock"})

    app = Litestar([order], logging_config=None)
    with instrumented(app, problems=FRAMED) as kit:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(kit.app), base_url="http://shop") as caller:
            missing = await caller.get("/nowhere", headers={"accept-language": "es"})
            assert (missing.status_code, missing.json()["title"]) == (404, "No se encontró")
            busy = await caller.get("/orders/7?size=1")
            assert (busy.json()["detail"], busy.headers["x-why"]) == ("Somebody else has it.", "lock")
            invalid = await caller.get("/orders/7?size=hunter2")
            assert invalid.headers["content-type"] == "application/problem+json"
            assert [one["pointer"] for one in invalid.json()["errors"]] == ["/query/size"]
            assert "hunter2" not in invalid.text
    assert HTTPException not in app.exception_handlers


async def test_a_programs_own_handlers_in_litestar_come_first() -> None:
    from litestar import Litestar, Request, Response, get

    @get("/open")
    async def refused() -> str:
        raise CircuitOpen("away")

    @get("/boom")
    async def boom() -> str:
        raise ValueError("ours")

    def last(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        return Response("sorry", status_code=500)

    app = Litestar([refused, boom], exception_handlers={Exception: last}, logging_config=None)
    told: list[str] = []
    with instrumented(app) as kit:
        kit.observer.capture = lambda error, **about: told.append(type(error).__name__)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(kit.app), base_url="http://shop") as caller:
            assert (await caller.get("/open")).headers["content-type"] == "application/problem+json"
            assert (await caller.get("/boom")).text == "sorry"
            assert (await caller.get("/nowhere")).text == "sorry"
        assert told == ["ValueError"]
    assert app.exception_handlers[Exception] is last
