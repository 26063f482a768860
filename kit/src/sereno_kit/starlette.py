"""Starlette and FastAPI: the seam is the building of their stack of middlewares, outside of everything, errors too."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import App, CutShort, Exchange, KitMiddleware
from sereno_kit.errors import Category, KitError
from sereno_kit.frameworks import traced
from sereno_kit.routes import REQUEST, flat

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sereno_kit.kit import Kit

Build = Callable[[], App]
_DEPTH_MAX = 20


def install(app: Any, kit: Kit) -> None:
    """Let the kit into `app`, a Starlette or FastAPI.

    Raises:
        RuntimeError: it has built its stack already.
    """
    if getattr(app, "middleware_stack", None) is not None:
        raise RuntimeError("instrument the application before it serves its first request")

    def build(original: Build) -> App:
        for mounted in _mounted(app):
            _at_building(mounted, partial(_with_handlers, mounted, kit), kit)
        built: App = traced(KitMiddleware(_with_handlers(app, kit, original), kit, app), kit)
        return built

    _at_building(app, build, kit)


def _at_building(app: Any, build: Callable[[Build], App], kit: Kit) -> None:
    """When `app` is about to build its stack, let `build` do it."""
    original = app.build_middleware_stack
    app.build_middleware_stack = lambda: build(original)

    def restore() -> None:
        vars(app).pop("build_middleware_stack", None)
        app.middleware_stack = None

    kit.at_close.append(restore)


def _with_handlers(app: Any, kit: Kit, build: Build) -> App:
    """The stack of `app`, whose last resort tells us of errors, and answers with problems where it had no answer.

    The program's own handlers come first, and its own table of them stays as it is.
    """
    own: Mapping[Any, Any] = app.exception_handlers
    last = next((key for key in (500, Exception) if key in own), Exception)
    middlewares: list[Any] = app.user_middleware
    if any(_hides_ends(middleware) for middleware in middlewares):
        from starlette.middleware import Middleware

        app.user_middleware = [*middlewares, Middleware(CutShort)]
    theirs = _of_framework(own) if kit.problems is not None and kit.problems.options.framework else {}
    app.exception_handlers = {KitError: _answered, **own, **theirs, last: _noted(own.get(last, _answered))}
    try:
        return build()
    finally:
        app.exception_handlers, app.user_middleware = own, middlewares


def _of_framework(own: Mapping[Any, Any]) -> dict[Any, Any]:
    """Handlers for the framework's own errors, where the program has none: those that FastAPI itself puts there."""
    from starlette.exceptions import HTTPException

    kinds: list[Any] = [HTTPException]
    if "fastapi.exceptions" in sys.modules:
        kinds.append(sys.modules["fastapi.exceptions"].RequestValidationError)
    free = [kind for kind in kinds if getattr(own.get(kind), "__module__", "fastapi.").startswith("fastapi.")]
    return dict.fromkeys(free, _framed)


async def _framed(request: Request, error: Exception) -> Response:
    """An error of the framework as a problem."""
    from starlette.responses import Response

    exchange = request.scope.get(REQUEST)
    problems = exchange.middleware.kit.problems if isinstance(exchange, Exchange) else None
    if problems is None or exchange is None or request.scope["type"] != "http":
        raise error
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    status = getattr(error, "status_code", 422)
    if status < 400:
        return Response(status_code=status, headers=headers)
    errors = _invalid(error) if not hasattr(error, "status_code") else []
    detail = getattr(error, "detail", "") if not errors else ""
    told, ours, body = problems.framework(status, detail, errors, exchange.request_id, request.scope["headers"])
    return Response(body, told, {**headers, **dict(ours)})


def _invalid(error: Any) -> list[dict[str, str]]:
    """What is wrong with which part of the request; never the value that was sent."""
    return [
        {
            "pointer": "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in found.get("loc", ())),
            "detail": str(found.get("msg", ""))[:200],
            "code": str(found.get("type", ""))[:100],
        }
        for found in list(error.errors())[:100]
    ]


def _hides_ends(middleware: Any) -> bool:
    return any(kind.__name__ == "BaseHTTPMiddleware" for kind in getattr(middleware.cls, "__mro__", ()))


def _noted(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The last resort's handler, which tells us of the error before it answers."""
    if not inspect.iscoroutinefunction(handler):

        @wraps(handler)
        def in_thread(request: Request, error: Exception) -> Any:
            _tell(request, error)
            return handler(request, error)

        return in_thread

    @wraps(handler)
    async def in_loop(request: Request, error: Exception) -> Any:
        _tell(request, error)
        return await handler(request, error)

    return in_loop


def _tell(request: Request, error: Exception) -> None:
    exchange = request.scope.get(REQUEST)
    if isinstance(exchange, Exchange):
        exchange.failed_with(error)


async def _answered(request: Request, error: Exception) -> Response:
    """The problem that `error` is; what Starlette itself says, where problems are not wanted."""
    from starlette.responses import PlainTextResponse, Response

    exchange = request.scope.get(REQUEST)
    if request.scope["type"] != "http" or not isinstance(exchange, Exchange):
        raise error
    exchange.failed_with(error)
    if isinstance(error, KitError) and error.category is Category.INTERNAL:
        exchange.capture(exchange.template(request.scope))
    found = exchange.problem(error)
    if found is None:
        return PlainTextResponse("Internal Server Error", 500)
    status, headers, body = found
    return Response(body, status, dict(headers))


def _mounted(app: Any, depth: int = 0) -> Iterator[Any]:
    """Applications of the same kind that are mounted in `app` and have not built their stacks."""
    for route in flat(getattr(app, "routes", ()) or ()):
        inner = getattr(route, "app", None)
        for _ in range(_DEPTH_MAX):
            if inner is None or hasattr(inner, "build_middleware_stack"):
                break
            inner = getattr(inner, "app", None)
        if inner is not None and getattr(inner, "middleware_stack", None) is None and depth < _DEPTH_MAX:
            yield inner
            yield from _mounted(inner, depth + 1)
