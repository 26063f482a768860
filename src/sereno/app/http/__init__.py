"""The HTTP face: the console, the API, the acknowledge links, the public status page, health and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from sereno.app.http.auth import guard_of
from sereno.app.http.errors import answer
from sereno.app.http.security import BodyLimit, Catch, Headers, SameOrigin
from sereno.kernel.errors import SerenoError

if TYPE_CHECKING:
    from sereno.app.control import Control

OPEN_PATHS = ("/static", "/status/", "/api/v1/openapi.json")
"""What is served to everyone without its route saying `public`: files, the status page, the API's description."""


def create_app(control: Control) -> FastAPI:
    """The whole HTTP face of `control`. Raises RuntimeError if a route declares no requirement."""
    from sereno import __version__
    from sereno.app.http import (
        ack,
        actions,
        api,
        console,
        explore,
        flags,
        flags_api,
        health,
        kits,
        kits_api,
        prometheus,
        receive,
        signin,
        status,
        tokens,
    )
    from sereno.app.http.auth import is_https
    from sereno.app.http.pages import STATIC

    app = FastAPI(
        title="Sereno", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
    )  # fmt: skip
    app.state.control = control
    # Routes are tried in order, and the public page is asked for most when the most depends on it.
    parts = (status, health, signin, ack, api, tokens, prometheus, receive, actions, console, explore, flags, flags_api,
             kits, kits_api)  # fmt: skip
    for part in parts:
        app.include_router(part.router(control))
    app.include_router(flags_api.ofrep(control))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for kind in (SerenoError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)
    address = urlsplit(control.settings.address)
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOrigin, hosts=frozenset({address.netloc}))
    app.add_middleware(Catch)
    app.add_middleware(Headers, ids=control.ids, https=is_https(control))
    check_guarded(app)
    return app


async def _handle(request: Request, error: Exception) -> Response:
    return answer(request, error)


def check_guarded(app: FastAPI) -> None:
    """Refuse to serve a route that declares neither a role nor `public` and is not among `OPEN_PATHS`."""
    bare = [path_of(route) for route in every_route(app.routes) if guard_of(route) is None and not is_open(route)]
    if bare:
        raise RuntimeError(f"routes without a declared requirement: {', '.join(bare)}")


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, those of included routers too (FastAPI keeps routers whole; whatever it hides counts as bare)."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from every_route(inner.routes)


def is_open(route: BaseRoute) -> bool:
    """Whether the route is open by its path."""
    path = path_of(route)
    return path == "/static" or any(path.startswith(prefix) for prefix in OPEN_PATHS)


def path_of(route: BaseRoute) -> str:
    """The route's path as declared."""
    return route.path if isinstance(route, APIRoute) else str(getattr(route, "path", route))
