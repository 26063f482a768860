"""Where each framework lets the kit in: in place where it can be, around the application otherwise."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import App, KitMiddleware
from sereno_kit.routes import SAID

if TYPE_CHECKING:
    from sereno_kit.kit import Kit


def wrap(app: Any, kit: Kit) -> Any:
    """What the server should serve: `app` itself where the kit is inside of it now."""
    if hasattr(app, "build_middleware_stack"):
        from sereno_kit.starlette import install

        install(app, kit)
        return app
    if _is_a(app, "litestar.app.Litestar"):
        return _litestar(app, kit)
    if _is_a(app, "django.core.handlers.asgi.ASGIHandler"):
        _django_routes(app)
        return _around(app, kit)
    if _is_asgi(app):
        return _around(app, kit)
    if _takes(app, 2):
        from sereno_kit import wsgi

        original = getattr(app, "wsgi_app", None)
        served = wsgi.attach(app, kit)
        if served is app:
            kit.at_close.append(lambda: setattr(app, "wsgi_app", original))
        return served
    raise TypeError(
        f"an ASGI application takes (scope, receive, send), a WSGI one (environ, start_response); "
        f"a {type(app).__qualname__} takes neither"
    )


def traced(middleware: KitMiddleware, kit: Kit) -> Any:
    """The middleware within a SERVER span, where the framework makes none itself."""
    return middleware if kit.tracing is None else kit.tracing.asgi(middleware)


def _around(app: App, kit: Kit) -> Any:
    return traced(KitMiddleware(app, kit), kit)


def _litestar(app: Any, kit: Kit) -> Any:
    """Litestar's lifespan does not pass its handler, so that it is heard by its hooks."""
    original = app.asgi_handler
    app.asgi_handler = traced(KitMiddleware(original, kit, app), kit)
    app.on_startup.append(kit.start)
    app.on_shutdown.append(kit.aflush)
    kit.at_close.append(lambda: setattr(app, "asgi_handler", original))
    return app


def _django_routes(handler: Any) -> None:
    """Let Django say in the scope which route it has found."""
    original = handler.resolve_request

    def resolve_request(request: Any) -> Any:
        match = original(request)
        scope = getattr(request, "scope", None)
        if scope is not None:
            scope[SAID] = "/" + match.route.lstrip("^").removeprefix("/")
        return match

    handler.resolve_request = resolve_request


def _is_a(app: Any, name: str) -> bool:
    """Whether `app` is of the class called `name`, which need not be imported to tell."""
    return any(f"{kind.__module__}.{kind.__qualname__}" == name for kind in type(app).__mro__)


def _is_asgi(app: Any) -> bool:
    function = app if inspect.isroutine(app) else getattr(app, "__call__", None)  # noqa: B004
    return _takes(app, 3) and (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(app))


def _takes(app: Any, count: int) -> bool:
    try:
        signature = inspect.signature(app)
        signature.bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True
