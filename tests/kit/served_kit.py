"""Small services under the kit, for real servers to serve: the same addresses in FastAPI, Flask, Django, plain WSGI.

They are imported by the servers' own processes; what they are told comes by the environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sereno_kit import Drain, Kit, Logs, Transient, instrument

PIECES = [b"one,", b"two,", b"three"]


class Conflict(Exception):
    """One that the service handles by itself."""


def _kit(app: Any) -> Kit:
    delay = float(os.environ.get("SERVED_DELAY_SECONDS", "0"))
    file = os.environ.get("SERVED_DRAIN_FILE") or None
    kit = instrument(
        app,
        service="served",
        environment="test",
        logs=Logs(),
        drain=Drain(
            delay_seconds=delay, timeout_seconds=float(os.environ.get("SERVED_TIMEOUT_SECONDS", "20")), file=file
        ),
    )
    kit.at_flush.append(lambda: os.write(1, b"FLUSHED\n"))
    return kit


def asgi() -> Any:
    """FastAPI."""
    import asyncio

    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

    app = FastAPI()

    @app.exception_handler(Conflict)
    async def conflict(request: Request, error: Conflict) -> JSONResponse:
        return JSONResponse({"error": "conflict"}, 409)

    @app.get("/ok/{number}")
    async def ok(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/handled")
    async def handled() -> None:
        raise Conflict

    @app.get("/unhandled")
    async def unhandled() -> None:
        raise ValueError("secret of the house")

    @app.get("/transient")
    async def transient() -> None:
        raise Transient("the bank is away", retry_after=3)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in PIECES:
                yield piece
                await asyncio.sleep(0)

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/broken")
    async def broken() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield PIECES[0]
            await asyncio.sleep(0.01)
            raise ValueError("amid the stream")

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0.01)

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/slow/{seconds}")
    async def slow(seconds: float) -> PlainTextResponse:
        await asyncio.sleep(seconds)
        return PlainTextResponse("slow")

    _kit(app)
    return app


def flask() -> Any:
    """Flask."""
    from flask import Flask, Response

    app = Flask("served")

    @app.errorhandler(Conflict)
    def conflict(error: Conflict) -> Any:
        return {"error": "conflict"}, 409

    @app.get("/ok/<int:number>")
    def ok(number: int) -> Any:
        return {"number": number}

    @app.get("/handled")
    def handled() -> Any:
        raise Conflict

    @app.get("/unhandled")
    def unhandled() -> Any:
        raise ValueError("secret of the house")

    @app.get("/transient")
    def transient() -> Any:
        raise Transient("the bank is away", retry_after=3)

    @app.get("/stream")
    def stream() -> Any:
        return Response(_pieces(), content_type="text/plain")

    @app.get("/broken")
    def broken() -> Any:
        return Response(_broken(), content_type="text/plain")

    @app.get("/endless")
    def endless() -> Any:
        return Response(_endless(), content_type="text/plain")

    @app.get("/slow/<float:seconds>")
    def slow(seconds: float) -> Any:
        time.sleep(seconds)
        return "slow"

    _kit(app)
    return app


def django() -> Any:
    """Django, with nothing but its routes."""
    import sys
    from types import ModuleType

    from django.conf import settings
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    class Handled:
        def __init__(self, get_response: Any) -> None:
            self.get_response = get_response

        def __call__(self, request: Any) -> Any:
            return self.get_response(request)

        def process_exception(self, request: Any, error: Exception) -> Any:
            return HttpResponse("conflict", status=409) if isinstance(error, Conflict) else None

    def handled(request: Any) -> Any:
        raise Conflict

    def unhandled(request: Any) -> Any:
        raise ValueError("secret of the house")

    def transient(request: Any) -> Any:
        raise Transient("the bank is away", retry_after=3)

    def slow(request: Any, seconds: str) -> Any:
        time.sleep(float(seconds))
        return HttpResponse("slow")

    urls = ModuleType("served_urls")
    urls.Handled = Handled  # type: ignore[attr-defined]
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("ok/<int:number>", lambda request, number: HttpResponse(str(number))),
        path("handled", handled),
        path("unhandled", unhandled),
        path("transient", transient),
        path("stream", lambda request: StreamingHttpResponse(_pieces(), content_type="text/plain")),
        path("broken", lambda request: StreamingHttpResponse(_broken(), content_type="text/plain")),
        path("endless", lambda request: StreamingHttpResponse(_endless(), content_type="text/plain")),
        path("slow/<str:seconds>", slow),
    ]
    sys.modules["served_urls"] = urls
    settings.configure(
        ROOT_URLCONF="served_urls", MIDDLEWARE=["served_urls.Handled"], ALLOWED_HOSTS=["*"], SECRET_KEY="x", DEBUG=False
    )
    from django.core.wsgi import get_wsgi_application

    return _kit(get_wsgi_application()).app


def _pieces() -> Iterator[bytes]:
    yield from PIECES


def _broken() -> Iterator[bytes]:
    yield PIECES[0]
    raise ValueError("amid the stream")


def _endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536
        time.sleep(0.01)


_MADE: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    """`served_kit:asgi_app`, `flask_app`, `django_app`: made when a server asks for it."""
    makers = {"asgi_app": asgi, "flask_app": flask, "django_app": django}
    if name not in makers:
        raise AttributeError(name)
    if name not in _MADE:
        _MADE[name] = makers[name]()
    return _MADE[name]
