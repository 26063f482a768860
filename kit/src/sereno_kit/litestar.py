"""Litestar: its handler is put under the kit's eyes, its life is heard by its hooks, its errors by a last resort."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import Exchange, KitMiddleware
from sereno_kit.errors import KitError
from sereno_kit.frameworks import traced
from sereno_kit.routes import REQUEST

if TYPE_CHECKING:
    from sereno_kit.kit import Kit

Handler = Callable[[Any, Any], Any]


def install(app: Any, kit: Kit) -> None:
    """Let the kit into `app`, a Litestar. Its lifespan does not pass its handler, so that it is heard by its hooks."""
    original = app.asgi_handler
    app.asgi_handler = traced(KitMiddleware(original, kit, app), kit)
    hooks = ((app.on_startup, kit.start), (app.on_shutdown, kit.aflush))
    for listeners, hook in hooks:
        listeners.append(hook)
    forget = _answer_errors(app.exception_handlers)

    def restore() -> None:
        app.asgi_handler = original
        forget()
        for listeners, hook in hooks:
            if hook in listeners:
                listeners.remove(hook)

    kit.at_close.append(restore)


def _answer_errors(handlers: dict[Any, Handler]) -> Callable[[], None]:
    """Make problems of the kit's own errors, and of those that nobody handles.

    Handlers that the application, its routers and its routes have win over these. The table is Litestar's own, for it
    keeps no other.

    Returns:
        What undoes it.
    """
    before = dict(handlers)
    handlers.setdefault(KitError, _answered)
    last = Exception if Exception in handlers else 500
    handlers[last] = ours = _noted(handlers.get(last, _answered))

    def restore() -> None:
        for key, mine in ((KitError, _answered), (last, ours)):
            if handlers.get(key) is not mine:
                continue
            if key in before:
                handlers[key] = before[key]
            else:
                del handlers[key]

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
    from litestar import Response
    from litestar.exceptions import HTTPException
    from litestar.exceptions.responses import create_debug_response, create_exception_response

    exchange = _tell(request, error)
    ours = isinstance(error, KitError)
    if request.app.debug and not ours:
        return create_debug_response(request, error)
    found = None if exchange is None or isinstance(error, HTTPException) else exchange.problem(error)
    if found is None:
        return create_exception_response(request, error)
    status, headers, body = found
    kind = dict(headers)["content-type"]
    rest = {name: value for name, value in headers if name not in ("content-type", "content-length")}
    return Response(body, status_code=status, headers=rest, media_type=kind)
