"""The kit's own addresses under WSGI."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from sereno_kit.endpoints import Answer, Ask, Endpoint
from sereno_kit.loops import run

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_BODY_BYTES_MAX = 64 * 1024


def answering(endpoint: Endpoint) -> App:
    """The kit's own answer as an application."""

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        given = endpoint(_ask(environ))
        answer: Answer = run(given) if inspect.isawaitable(given) else given
        headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
        start_response(status_line(answer.status), list(headers.items()))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    return app


def _ask(environ: Environ) -> Ask:
    headers = {
        key.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for key, value in environ.items()
        if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    method = environ["REQUEST_METHOD"]
    body = _body(environ) if method in ("POST", "PUT", "PATCH", "DELETE") else b""
    query = environ.get("QUERY_STRING", "")
    return Ask(method, environ.get("PATH_INFO", ""), headers, query, body, environ.get("REMOTE_ADDR", ""))


def _body(environ: Environ) -> bytes:
    length = str(environ.get("CONTENT_LENGTH") or "0")
    wanted = min(int(length[:18]), _BODY_BYTES_MAX) if length.isdecimal() else 0
    return bytes(environ["wsgi.input"].read(wanted)) if wanted else b""


def status_line(status: int) -> str:
    """`404 Not Found`; a status that has no name gets one, for servers insist."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
