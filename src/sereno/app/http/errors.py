"""Errors leave in one shape: `{"error": {"code", "message", "hint"}}` for programs, a kind page for people."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sereno.kernel.errors import SerenoError, SpecError, Unauthenticated, Unavailable

_log = structlog.get_logger("sereno.http")
PROMETHEUS = "/prometheus/"
_CODES = {
    400: "usage",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "gone",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}


class TooMany(SerenoError):
    """Tried too often; slow down."""

    code = "too_many"
    status = 429
    retry = True

    def __init__(self, message: str, *, retry_after_seconds: int = 60, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class TooLarge(SerenoError):
    """The request's body is more than anyone needs."""

    code = "too_large"
    status = 413

    def __init__(self) -> None:
        super().__init__("the request is too large", hint="a body has at most one megabyte")


class Gone(SerenoError):
    """It was there once; its time has passed."""

    code = "gone"
    status = 410


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as it leaves: everything that a client may know of it."""

    status: int
    code: str
    message: str
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, dict[str, str | None]]:
        """The one shape."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


def problem(error: Exception) -> Problem:
    """What may be said of `error`: our own tell what to do; of surprises nothing leaks but that they happened."""
    match error:
        case SpecError():
            return Problem(422, "spec", error.message, "GET /api/v1/spec lists every mistake with its place")
        case Unavailable() | TooMany():
            wait = {"Retry-After": str(error.retry_after_seconds)}
            return Problem(error.status, error.code, error.message, error.hint, wait)
        case Unauthenticated() if error.status == 401:
            challenge = {"WWW-Authenticate": 'Bearer realm="sereno"'}
            return Problem(error.status, error.code, error.message, error.hint, challenge)
        case SerenoError() if (seconds := getattr(error, "retry_after_seconds", None)) is not None:
            return Problem(error.status, error.code, error.message, error.hint, {"Retry-After": str(round(seconds))})
        case SerenoError():
            return Problem(error.status, error.code, error.message, error.hint)
        case RequestValidationError():
            return Problem(422, "invalid", *_first_mistake(error))
        case HTTPException():
            phrase = error.detail if isinstance(error.detail, str) else HTTPStatus(error.status_code).phrase
            code = _CODES.get(error.status_code, "error")
            return Problem(error.status_code, code, phrase, None, dict(error.headers or {}))
        case _:
            return Problem(500, "internal", "something went wrong on our side", "the log has it under this request id")


def _first_mistake(error: RequestValidationError) -> tuple[str, str | None]:
    mistakes = error.errors()
    if not mistakes:
        return "the request is not well formed", None
    first = mistakes[0]
    place = ".".join(str(part) for part in first.get("loc", ()))
    more = f"and {len(mistakes) - 1} more" if len(mistakes) > 1 else None
    return f"{place}: {first.get('msg', 'wrong')}", more


def wants_html(request: Request) -> bool:
    """Whether a person is reading: a browser, outside the API."""
    if request.url.path.startswith(("/api/", PROMETHEUS)):
        return False
    return "text/html" in request.headers.get("accept", "")


def answer(request: Request, error: Exception) -> Response:
    """The response to `error`: a page for people (sign-in first if nobody is), JSON for programs."""
    told = problem(error)
    if told.status >= 500 and told.code == "internal":
        # The trace as text, never as exc_info: pretty renderers add local variables, and those hold cookies and keys.
        trace = "".join(traceback.format_exception(error))
        _log.error("request_failed", path=_told_path(request), method=request.method, trace=trace)
    if request.url.path.startswith(PROMETHEUS):
        return JSONResponse(_as_prometheus(told, error), told.status, told.headers)
    if not wants_html(request):
        return JSONResponse(told.body(), told.status, told.headers)
    if told.status == 401 and request.method in ("GET", "HEAD") and _signs_in(request):
        return RedirectResponse(_sign_in_url(request), 303)
    from sereno.app.http.pages import error_page

    return error_page(request, told)


def _as_prometheus(told: Problem, error: Exception) -> dict[str, str]:
    """The shape of Prometheus's errors, which its clients know."""
    kinds = {401: "unauthorized", 403: "forbidden", 404: "not_found", 422: "execution", 429: "unavailable",
             500: "internal", 503: "unavailable"}  # fmt: skip
    kind = getattr(error, "type", None) or kinds.get(told.status, "bad_data" if told.status < 500 else "internal")
    said = f"{told.message} ({told.hint})" if told.hint else told.message
    return {"status": "error", "errorType": str(kind), "error": said}


def _told_path(request: Request) -> str:
    path = request.url.path
    return "/ack/…" if path.startswith("/ack/") else path  # the rest of such a path is a credential


def _signs_in(request: Request) -> bool:
    return not request.url.path.startswith(("/ack/", "/sign-in"))


def _sign_in_url(request: Request) -> str:
    from urllib.parse import quote

    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if path == "/" else f"/sign-in?next={quote(path, safe='')}"
