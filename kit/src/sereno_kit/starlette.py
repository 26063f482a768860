"""Starlette and FastAPI: the seam is the building of their stack of middlewares, outside of everything, errors too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import REQUEST, App, Errors, KitMiddleware
from sereno_kit.errors import Category, KitError
from sereno_kit.frameworks import traced
from sereno_kit.observing import Observation
from sereno_kit.routes import flat

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sereno_kit.kit import Kit

_DEPTH_MAX = 20


def install(app: Any, kit: Kit) -> None:
    """Let the kit into `app`, a Starlette or FastAPI.

    Raises:
        RuntimeError: it has built its stack already.
    """
    if getattr(app, "middleware_stack", None) is not None:
        raise RuntimeError("instrument the application before it serves its first request")
    _at_building(app, lambda build: traced(KitMiddleware(_inside(app, kit, build), kit, app), kit), kit)


def _at_building(app: Any, how: Any, kit: Kit) -> None:
    """When `app` builds its stack, build it as `how` says."""
    original = app.build_middleware_stack
    app.build_middleware_stack = lambda: how(original)

    def restore() -> None:
        vars(app).pop("build_middleware_stack", None)
        app.middleware_stack = None

    kit.at_close.append(restore)


def _inside(app: Any, kit: Kit, build: Any) -> App:
    """The stack of `app`, with eyes inside of its last resort, and answers for errors of ours."""
    if kit.problems is not None:
        _handle_errors(app, kit)
        for mounted in _mounted(app):
            _at_building(mounted, lambda build, one=mounted: _with_errors(one, kit, build), kit)
    return _with_errors(app, kit, build)


def _with_errors(app: Any, kit: Kit, build: Any) -> App:
    if kit.problems is not None:
        _handle_errors(app, kit)
    stack = build()
    if type(stack).__name__ == "ServerErrorMiddleware":
        answers = stack.handler is None and not stack.debug
        stack.app = Errors(stack.app, kit, answers=answers)
    built: App = stack
    return built


def _handle_errors(app: Any, kit: Kit) -> None:
    """Errors of ours become problems; a handler that the program has for them, or for a class of them, comes first."""
    handlers = app.exception_handlers
    handlers.setdefault(KitError, _handler(kit))


def _handler(kit: Kit) -> Any:
    async def answered(request: Request, error: Exception) -> Response:
        observation = request.scope.get(REQUEST)
        if request.scope["type"] != "http" or kit.problems is None or not isinstance(observation, Observation):
            raise error
        observation.failed_with(error)
        if isinstance(error, KitError) and error.category is Category.INTERNAL:
            observation.capture("")
        from starlette.responses import Response

        status, headers, body = kit.problems.of(error, observation.request_id, request.scope["headers"])
        return Response(body, status, dict(headers))

    return answered


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
