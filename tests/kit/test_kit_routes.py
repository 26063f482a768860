"""Labels are the templates that the framework itself knows, and nothing that a caller sends becomes one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route
from tests.kit.asgi_worlds import Caller, Lines, ask, counted, instrumented, series

ROOT = Path(__file__).parents[2]


def judged(*arguments: str) -> list[tuple[str, str, int, str, str]]:
    """Method, path, status, FastAPI's own `http.route`, ours; in a process whose telemetry is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kit.asgi_routes", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[tuple[str, str, int, str, str]] = json.loads(done.stdout)
    return found


def finer(path: str, theirs: str, ours: str) -> bool:
    """FastAPI's telemetry stops where an application of Starlette is mounted; we know what is below."""
    return path.startswith(("/stars/", "/raw/")) and ours.startswith(theirs.removesuffix("{path}"))


@pytest.fixture(scope="module")
def traced() -> list[tuple[str, str, int, str, str]]:
    return judged("--traced")


def test_labels_equal_fastapis_own_routes_on_two_hundred_routes_in_every_shape(
    traced: list[tuple[str, str, int, str, str]],
) -> None:
    wrong = [
        (path, theirs, ours)
        for _, path, _, theirs, ours in traced
        if (theirs or "__unmatched__") != ours and not finer(path, theirs, ours)
    ]
    assert wrong == []
    assert len({ours for *_, ours in traced}) > 190
    assert {status for _, _, status, *_ in traced} >= {200, 307, 404, 405}


def test_labels_are_the_same_where_nobody_traces(traced: list[tuple[str, str, int, str, str]]) -> None:
    assert [ours for *_, ours in judged()] == [ours for *_, ours in traced]


async def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def routes_of(app: Any, *paths: str, **more: Any) -> list[str]:
    """What each path is called."""
    with instrumented(app) as kit:
        lines = Lines(kit)
        for path in paths:
            await ask(kit.app, path, **more)
        return [line[1] for line in lines.told]


async def test_starlette_with_mounts_in_mounts_and_hosts() -> None:
    api = Starlette(routes=[Route("/people/{person:int}", plain)])
    app = Starlette(
        routes=[
            Mount("/v1/{region}", routes=[Mount("/api", app=api), Route("/own", plain)]),
            Host("admin.example", app=Starlette(routes=[Route("/panel/{x}", plain)])),
            Route("/", plain),
        ]
    )
    assert await routes_of(app, "/v1/eu/api/people/7", "/v1/eu/own", "/", "/v1/eu/api/nobody", "/v2") == [
        "/v1/{region}/api/people/{person}",
        "/v1/{region}/own",
        "/",
        "/v1/{region}/api/{path}",
        "__unmatched__",
    ]
    with instrumented(app) as kit:
        await ask(app, "/panel/1", headers=[(b"host", b"admin.example")])
        assert [route for _, route, _ in counted(kit)] == ["__unmatched__"]  # the first of two Host headers counts


async def test_the_root_path_of_a_proxy_is_no_part_of_a_label() -> None:
    app = FastAPI(root_path="/proxy")
    app.add_api_route("/x/{y}", lambda: 1)
    assert await routes_of(app, "/x/1", "/proxy/x/1") == ["/x/{y}", "/x/{y}"]
    app = FastAPI()
    app.add_api_route("/x/{y}", lambda: 1)
    assert await routes_of(app, "/secret-tenant/x/1", root_path="/secret-tenant") == ["/x/{y}"]


async def test_a_middleware_that_hands_on_a_copy_of_the_scope() -> None:
    class Copies:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(dict(scope), receive, send)

    app = FastAPI()
    app.add_api_route("/x/{y}", lambda: 1)
    app.add_middleware(Copies)
    assert await routes_of(app, "/x/1", "/none", "/x/1/") == ["/x/{y}", "__unmatched__", "/x/{y}"]


async def test_an_application_hidden_behind_a_middleware_of_its_mount() -> None:
    def hides(app: Any) -> Any:
        async def hidden(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)

        return hidden

    app = Starlette(routes=[Mount("/m/{n}", app=hides(Starlette(routes=[Route("/x/{y}", plain)])))])
    (found,) = await routes_of(app, "/m/1/x/2")
    assert found in ("/m/{n}/x/{y}", "/m/{n}/{path}")


async def test_routes_that_are_added_while_the_program_runs() -> None:
    app = FastAPI()
    app.add_api_route("/first", lambda: 1)
    with instrumented(app) as kit:
        await ask(app, "/first")
        router = APIRouter()
        router.add_api_route("/late/{x}", lambda: 2)
        app.include_router(router, prefix="/p")
        await ask(app, "/p/late/1")
        labels = {route for _, route, _ in counted(kit)}
        assert labels <= {"/first", "/p/late/{x}", "/late/{x}"}


async def test_litestar() -> None:
    from litestar import Litestar, Router, get

    @get("/orders/{order_id:int}")
    async def order(order_id: int) -> dict[str, int]:
        return {"id": order_id}

    app = Litestar([Router("/v1", route_handlers=[order])], logging_config=None)
    with instrumented(app) as kit:
        assert kit.app is app
        for path in ("/v1/orders/7", "/v1/orders/seven", "/none"):
            caller = await ask(app, path)
            assert len(caller.header("x-request-id")) == 1
        assert counted(kit) == {("GET", "/v1/orders/{order_id}", "200"): 1, ("GET", "__unmatched__", "404"): 2}


async def test_any_other_asgi_application_may_say_its_route_in_the_scope() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/":
            scope["sereno_kit.route"] = "/things/{id}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    assert await routes_of(app, "/things/1", "/") == ["/things/{id}", "__unmatched__"]


async def test_unknown_methods_are_one() -> None:
    app = FastAPI()
    app.add_api_route("/x", lambda: 1)
    with instrumented(app) as kit:
        for method in ("BREW", "get", "G" * 5000, "PROPFIND", "GET\x00"):
            await ask(app, "/x", method=method)
        assert {method for method, *_ in counted(kit)} == {"_OTHER"}


HOSTILE = [
    "/" + "a" * 10_000,
    "/things1/" + "../" * 50,
    "/things1/%00%ff",
    "/things1/\udcff",
    "/things1/\r\nX-Evil: 1",
    "//things1//1",
    "/static/../../etc/passwd",
    "/tenant/" + "x" * 300 + "/rooms1/1",
    "/tenant/{tenant}/rooms1/{room}",
    "/api/v1/shops/7/items/kind1/3/",
    "/__unmatched__",
    "/metrics/",
    "/health/live/../ready",
]


async def test_hostile_paths_make_no_series() -> None:
    from tests.kit.asgi_routes import application

    app, asks = application()
    with instrumented(app) as kit:
        for method, path in asks:
            await ask(app, path, method=method)
        for path in HOSTILE:
            await ask(app, path)
        before, labels = series(kit), {route for _, route, _ in counted(kit)}
        for number in range(300):
            hostile = HOSTILE[number % len(HOSTILE)] + str(number)
            await ask(app, hostile, method=f"M{number}" if number % 7 == 0 else "GET", caller=Caller())
            await ask(app, f"/things{number % 60}/{number}/")
        fresh = {route for _, route, _ in counted(kit)} - labels
        assert fresh == set()
        assert series(kit) - before <= 60 * 20  # redirections of routes that had none: known routes, known statuses
