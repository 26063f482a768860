"""Faults that befall requests: what an application under chaos answers instead of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from sereno_kit import chaos

_BODY = b"injected fault"


def asgi(app: Any) -> Any:
    """`app`, befallen by the faults at work that match `request:PATH`. Ask `chaos.active` first; this costs a call."""

    async def befallen(scope: Any, receive: Any, send: Any) -> None:
        struck = chaos.strike("request", scope["path"]) if scope["type"] == "http" else None
        if struck is None:
            await app(scope, receive, send)
            return
        if struck.latency_seconds:
            await struck.clock.asleep(struck.latency_seconds)
        if struck.drop or struck.status is not None:
            await _answer(send, struck)
            return
        error = struck.exception()
        if error is not None:
            raise error
        await app(scope, receive, send)

    return befallen


async def _answer(send: Any, struck: chaos.Strike) -> None:
    length = str(len(_BODY)).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": struck.status or 200, "headers": headers})
    if struck.drop:  # an answer that breaks off makes every server close the connection
        await send({"type": "http.response.body", "body": _BODY[:1], "more_body": True})
        raise chaos.Dropped("connection lost (injected fault)")
    await send({"type": "http.response.body", "body": _BODY})


def wsgi(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The same for a WSGI application."""

    def befallen(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        struck = chaos.strike("request", environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        if struck is None:
            return app(environ, start_response)
        if struck.latency_seconds:
            struck.clock.sleep(struck.latency_seconds)
        if struck.drop or struck.status is not None:
            status = HTTPStatus(struck.status or 200) if struck.status in set(HTTPStatus) or struck.drop else None
            line = f"{int(status)} {status.phrase}" if status is not None else f"{struck.status} Injected"
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_BODY)))]
            start_response(line, headers)
            return _breaking_off() if struck.drop else [_BODY]
        error = struck.exception()
        if error is not None:
            raise error
        return app(environ, start_response)

    return befallen


def _breaking_off() -> Iterable[bytes]:
    yield _BODY[:1]
    raise chaos.Dropped("connection lost (injected fault)")
