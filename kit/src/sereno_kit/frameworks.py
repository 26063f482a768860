"""Where each framework lets the kit in: in place where it can be, around the application otherwise."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sereno_kit.asgi import App, KitMiddleware

if TYPE_CHECKING:
    from sereno_kit.kit import Kit


def wrap(app: Any, kit: Kit) -> Any:
    """What the server should serve: `app` itself where the kit is inside of it now."""
    if hasattr(app, "build_middleware_stack"):
        from sereno_kit.starlette import install

        install(app, kit)
        return app
    if _is_a(app, "litestar.app.Litestar"):
        from sereno_kit import litestar

        litestar.install(app, kit)
        return app
    if _is_a(app, "django.core.handlers.asgi.ASGIHandler"):
        from sereno_kit import django

        kit.at_close.append(django.attach(app, kit))
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
