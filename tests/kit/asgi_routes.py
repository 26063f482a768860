"""Two hundred routes in every shape, and the paths that lead to them: for the oracle, and for the bench."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles


async def answer() -> dict[str, bool]:
    """The one function behind all of them, so that it alone does not tell the route."""
    return {"ok": True}


async def plain(request: Any) -> PlainTextResponse:
    """The same of Starlette."""
    return PlainTextResponse("ok")


def application() -> tuple[FastAPI, list[tuple[str, str]]]:
    """The application, and methods with paths that meet each of its routes."""
    app = FastAPI(docs_url=None, redoc_url=None)
    asks: list[tuple[str, str]] = [("GET", "/openapi.json")]
    _flat(app, asks)
    _nested(app, asks)
    _mounted(app, asks)
    _odd(app, asks)
    return app, asks


def _flat(app: FastAPI, asks: list[tuple[str, str]]) -> None:
    for number in range(80):
        app.add_api_route(f"/things{number}/{{thing_id}}", answer, methods=["GET", "POST"])
        asks.append((("GET", "POST", "DELETE")[number % 3], f"/things{number}/{number}"))


def _nested(app: FastAPI, asks: list[tuple[str, str]]) -> None:
    """Three levels of routers, each prefix with a parameter, one of them included twice."""
    leaf = APIRouter(prefix="/items")
    for number in range(20):
        leaf.add_api_route(f"/kind{number}/{{item_id:int}}", answer, methods=["GET"])
    middle = APIRouter(prefix="/shops/{shop_id}")
    middle.include_router(leaf)
    middle.include_router(leaf, prefix="/archive/{year}")
    outer = APIRouter()
    outer.include_router(middle, prefix="/v1")
    app.include_router(outer, prefix="/api")
    for number in range(20):
        asks.append(("GET", f"/api/v1/shops/7/items/kind{number}/3"))
        asks.append(("GET", f"/api/v1/shops/7/archive/2026/items/kind{number}/3"))


def _mounted(app: FastAPI, asks: list[tuple[str, str]]) -> None:
    """Applications in applications, one of them under two names, mounts with parameters, Starlette within FastAPI."""
    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for number in range(30):
        inner.add_api_route(f"/rooms{number}/{{room}}", answer, methods=["GET"])
    nested = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    router = APIRouter(prefix="/deep")
    for number in range(10):
        router.add_api_route(f"/d{number}/{{x}}", answer, methods=["GET"])
    nested.include_router(router)
    inner.mount("/inner/{level}", nested)
    app.mount("/tenant/{tenant}", inner)
    app.mount("/other/{name}/fixed", inner)
    stars = Starlette(routes=[Route(f"/s{number}/{{y}}", plain) for number in range(10)])
    app.mount("/stars", stars)
    app.mount("/raw", Router(routes=[Mount("/{z}", routes=[Route("/end", plain)])]))
    for number in range(30):
        asks.append(("GET", f"/tenant/acme/rooms{number}/1"))
        asks.append(("GET", f"/other/acme/fixed/rooms{number}/1"))
    for number in range(10):
        asks.append(("GET", f"/tenant/acme/inner/2/deep/d{number}/1"))
        asks.append(("GET", f"/stars/s{number}/1"))
    asks += [("GET", "/raw/q/end"), ("GET", "/tenant/acme/none"), ("GET", "/stars/none"), ("GET", "/raw/q/none")]


def _odd(app: FastAPI, asks: list[tuple[str, str]]) -> None:
    """Files, whole rests of paths, redirections, included mounts, wrong methods, nothing at all."""
    folder = Path(tempfile.mkdtemp())
    (folder / "a.txt").write_text("a")
    app.mount("/static", StaticFiles(directory=folder))
    app.add_api_route("/files/{rest:path}", answer)
    app.add_api_route("/slashed/{x}/", answer)
    asks += [("GET", "/static/a.txt"), ("GET", "/static/b.txt"), ("GET", "/files/a/b/c"), ("GET", "/slashed/1/")]
    asks += [("GET", "/slashed/1"), ("GET", "/things1/1/"), ("GET", "/api/v1/shops/7/items/kind1/3/")]
    asks += [("PUT", "/things1/1"), ("DELETE", "/api/v1/shops/7/items/kind1/3"), ("PUT", "/tenant/a/rooms1/1")]
    asks += [("GET", "/api/v1/shops/7/items/kind1/three"), ("GET", "/nowhere"), ("GET", "/")]


def main() -> int:
    """Print, for each request, what FastAPI's own telemetry says of the route and what we say."""
    import asyncio
    import json

    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from tests.kit.asgi_worlds import Lines, ask, instrumented

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    if "--traced" in sys.argv:
        trace.set_tracer_provider(provider)
    app, asks = application()

    async def run() -> list[tuple[str, str, int, str, str]]:
        told = []
        with instrumented(app) as kit:
            lines = Lines(kit)
            for method, path in asks:
                exporter.clear()
                await ask(app, path, method=method)
                spans = [span for span in exporter.get_finished_spans() if span.kind.name == "SERVER"]
                theirs = str((spans[0].attributes or {}).get("http.route", "")) if spans else ""
                told.append((method, path, lines.told[-1][3], theirs, lines.told[-1][1]))
        return told

    print(json.dumps(asyncio.run(run())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
