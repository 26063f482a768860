"""Litestar: its handler is put under the kit's eyes, its life is heard by its hooks, its errors by a last resort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import Exchange, KitMiddleware
from sereno_kit.errors import KitError
from sereno_kit.frameworks import traced
from sereno_kit.routes import REQUEST

if TYPE_CHECKING:
    from sereno_kit.kit import Kit
    from sereno_kit.problems import Response as Problem

Handler = Callable[[Any, Any], Any]


def install(app: Any, kit: Kit) -> None:
    """Let the kit into `app`, a Litestar. Its lifespan does not pass its handler, so that it is heard by its hooks."""
    original = app.asgi_handler
    app.asgi_handler = traced(KitMiddleware(original, kit, app), kit)
    hooks = ((app.on_startup, kit.start), (app.on_shutdown, kit.aflush))
    for listeners, hook in hooks:
        listeners.append(hook)
    forget = _answer_errors(
        app.exception_handlers, framework=kit.problems is not None and kit.problems.options.framework
    )

    def restore() -> None:
        app.asgi_handler = original
        forget()
        for listeners, hook in hooks:
            if hook in listeners:
                listeners.remove(hook)

    kit.at_close.append(restore)


def _answer_errors(handlers: dict[Any, Handler], *, framework: bool) -> Callable[[], None]:
    """Make problems of the kit's own errors, of those that nobody handles and, if asked, of Litestar's own.

    Handlers that the application, its routers and its routes have win over these. The table is Litestar's own, for it
    keeps no other.

    Returns:
        What undoes it.
    """
    from litestar.exceptions import HTTPException

    before = dict(handlers)
    last = Exception if Exception in handlers else 500
    ours = {KitError: handlers.get(KitError, _answered), last: _noted(handlers.get(last, _answered))}
    if framework and not {HTTPException, Exception} & handlers.keys():
        ours[HTTPException] = _noted(_framed)
    handlers.update(ours)

    def restore() -> None:
        for key, mine in ours.items():
            if handlers.get(key) is mine:
                del handlers[key]
                if key in before:
                    handlers[key] = before[key]

    return restore


def _noted(handler: Handler) -> Handler:
    """The last resort, which tells us of errors before it answers; not of those that are answers already."""

    @wraps(handler)
    def noted(request: Any, error: Exception) -> Any:
        if getattr(error, "status_code", 500) >= 500:
            _tell(request, error)
        return handler(request, error)

    return noted


def _tell(request: Any, error: Exception) -> Exchange | None:
    """Of an error that Litestar will not let go up to us; of an exchange that no kit observes there is none."""
    exchange = request.scope.get(REQUEST)
    if not isinstance(exchange, Exchange):
        return None
    if exchange.error is not error:
        exchange.failed_with(error)
        exchange.capture(exchange.template(request.scope))
    return exchange


def _answered(request: Any, error: Exception) -> Any:
    """The problem that `error` is; what Litestar itself says, in debugging and where problems are not wanted."""
    from litestar.exceptions import HTTPException
    from litestar.exceptions.responses import create_debug_response, create_exception_response

    exchange = _tell(request, error)
    ours = isinstance(error, KitError)
    if request.app.debug and not ours:
        return create_debug_response(request, error)
    found = None if exchange is None or isinstance(error, HTTPException) else exchange.problem(error)
    if found is None:
        return create_exception_response(request, error)
    return _response(found, {})


def _framed(request: Any, error: Any) -> Any:
    """An error of Litestar's own as a problem."""
    from litestar.exceptions.responses import create_exception_response

    exchange = request.scope.get(REQUEST)
    problems = exchange.middleware.kit.problems if isinstance(exchange, Exchange) else None
    if problems is None or error.status_code < 400:
        return create_exception_response(request, error)
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [_invalid(one) for one in extra[:100] if isinstance(one, dict)]
    found = problems.framework(
        error.status_code, "" if errors else error.detail, errors, exchange.request_id, request.scope["headers"]
    )
    return _response(found, error.headers or {})


def _invalid(found: dict[str, Any]) -> dict[str, str]:
    """What is wrong with which part of the request; never the value that was sent."""
    parts = [str(getattr(found[part], "value", found[part])) for part in ("source", "key") if found.get(part)]
    pointer = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
    return {"pointer": pointer, "detail": str(found.get("message", ""))[:200], "code": ""}


def _response(found: Problem, more: Mapping[str, str]) -> Any:
    from litestar import Response

    status, headers, body = found
    rest = {name: value for name, value in headers if name not in ("content-type", "content-length")}
    return Response(body, status_code=status, headers={**more, **rest}, media_type=dict(headers)["content-type"])
