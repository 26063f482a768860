"""Every route says who may, and means it."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from tests.http.conftest import SAME, House

from sereno.app.http import check_guarded, every_route, is_open, path_of
from sereno.app.http.auth import guard_of

PUBLIC = {"/health/live", "/health/ready", "/metrics", "/sign-in", "/ack/{token}"}
OPEN = ("/static", "/status/", "/api/v1/openapi.json")


async def test_every_route_declares_who_may_and_only_these_are_open(house: House) -> None:
    found = {}
    for route in every_route(house.app.routes):
        guard = guard_of(route)
        if guard is None:
            assert path_of(route).startswith(OPEN), f"{path_of(route)} declares nothing"
        else:
            found[(path_of(route), *sorted(getattr(route, "methods", ())))] = guard
    assert {path for (path, *_), guard in found.items() if guard == "public"} == PUBLIC
    assert len(found) > 40


async def test_whatever_changes_something_asks_for_a_responder_at_least(house: House) -> None:
    higher = {"/api/v1/spec/reload": "admin", "/settings/reload": "admin", "/api/v1/audit": "admin"}
    higher |= dict.fromkeys(("/api/v1/tokens", "/api/v1/tokens/{name}/withdraw"), "admin")
    correcting = ("/budgets/{service}/corrections", "/budgets/corrections/{correction_id}/withdraw")
    higher |= dict.fromkeys((*(f"/api/v1{path}" for path in correcting), *correcting), "admin")
    higher |= dict.fromkeys(("/prometheus/api/v1/write", "/otlp/v1/metrics", "/v1/metrics"), "samples")
    asked = ("/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}", "/api/v1/flags/{flag}/explain")
    higher |= dict.fromkeys(asked, "viewer")  # questions with a body
    open_to_all = {"/sign-in": "public", "/ack/{token}": "public", "/sign-out": "viewer"}
    for route in every_route(house.app.routes):
        if isinstance(route, APIRoute) and not is_open(route):
            asks = route.path.startswith("/prometheus/") and "GET" in route.methods  # questions too long for an address
            usual = "viewer" if asks or route.methods <= {"GET", "HEAD"} else "responder"
            usual = "public" if route.path in PUBLIC else usual
            assert guard_of(route) == {**higher, **open_to_all}.get(route.path, usual), (route.methods, route.path)


def test_a_route_that_forgets_is_not_served() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/secrets")
    async def secrets() -> str:
        return "everything"

    with pytest.raises(RuntimeError, match="/secrets"):
        check_guarded(app)


async def test_nobody_viewers_and_responders_are_stopped_where_they_should_be(house: House) -> None:
    """The whole matrix: each guarded route asked by nobody and by every role below its own."""
    ladder = ["viewer", "responder", "admin"]
    callers = {role: await house.program(role) for role in ladder}
    nobody = await house.visitor(headers={"accept": "application/json", **SAME})
    asked = 0
    for route in every_route(house.app.routes):
        guard = guard_of(route)
        if not isinstance(route, APIRoute) or guard in (None, "public") or is_open(route):
            continue
        path = re.sub(r"{[^}]+}", "12", route.path)
        for method in route.methods:
            assert (await nobody.request(method, path)).status_code == 401, (method, path)
            for role in ladder[: ladder.index("admin" if guard == "samples" else guard)]:
                answer = await callers[role].request(method, path, json={})
                assert answer.status_code == 403, (method, path, role)
                said = answer.json()
                prometheus = path.startswith("/prometheus/")  # in the shape that its clients know
                assert (said["errorType"] if prometheus else said["error"]["code"]) == "forbidden"
                asked += 1
    assert asked > 15


@pytest.mark.parametrize("role", ["viewer", "responder"])
async def test_buttons_one_may_not_press_are_not_shown(house: House, role: str) -> None:
    browser = await house.visitor(role)
    page, incident, settings = [(await browser.get(p)).text for p in ("/pages/pg_01open", "/incidents/12", "/settings")]
    assert ("/acknowledge" in page) is (role == "responder")
    assert ("/resolve" in incident) is (role == "responder")
    assert "/settings/reload" not in settings
    assert "argon2" not in settings
    assert "rita" not in settings.replace("rita</span>", "")  # the list of users is for administrators
