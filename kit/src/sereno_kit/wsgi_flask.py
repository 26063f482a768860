"""What the kit hooks into a Flask application, by Flask's own doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sereno_kit.errors import KitError
from sereno_kit.metrics.faults import failed
from sereno_kit.routes import SAID
from sereno_kit.wsgi import problem
from sereno_kit.wsgi_routes import OBSERVATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from sereno_kit.kit import Kit


def attach(app: Flask, kit: Kit) -> tuple[Any, Callable[[], None]]:
    """Tell the kit of errors and of routes that only allow other methods; answer errors as problems.

    Handlers that the application has, or gets later, win over the kit's.

    Returns:
        What is inside of the kit from now on, and what undoes all this.
    """
    from flask import got_request_exception

    got_request_exception.connect(_note, app)
    handlers = app.error_handler_spec[None]
    answer = _answering(app, kit)
    ours: list[tuple[int | None, type[Exception]]] = []
    if kit.problems is not None:
        wanted: tuple[tuple[int | None, type[Exception]], ...] = ((None, KitError), (500, _internal_server_error()))
        ours = [(code, kind) for code, kind in wanted if kind not in handlers[code]]
        for code, kind in ours:
            handlers[code][kind] = answer

    def detach() -> None:
        got_request_exception.disconnect(_note, app)
        for code, kind in ours:
            if handlers[code].get(kind) is answer:
                del handlers[code][kind]

    return _Missed(app, app.wsgi_app), detach


def _internal_server_error() -> type[Exception]:
    from werkzeug.exceptions import InternalServerError

    return InternalServerError


def debugs(app: Flask) -> bool:
    """Whether Flask lets exceptions through to a debugger or a test."""
    return bool(app.debug or app.testing or app.config.get("PROPAGATE_EXCEPTIONS"))


def _note(sender: Flask, exception: BaseException, **_: Any) -> None:
    """Flask's signal for exceptions that no handler of the application's wanted."""
    from flask import has_request_context, request

    observation = request.environ.get(OBSERVATION) if has_request_context() else None
    if observation is not None:
        observation.failed_with(exception)


def _answering(app: Flask, kit: Kit) -> Callable[[Exception], Any]:
    def answer(error: Exception) -> Any:
        from flask import request

        catch_all = app.error_handler_spec[None][None].get(Exception)
        if catch_all is not None and isinstance(error, KitError):
            return app.ensure_sync(catch_all)(error)
        original = getattr(error, "original_exception", None) or error
        observation = request.environ.get(OBSERVATION)
        found = problem(kit, original, request.environ)
        if found is None or observation is None:
            return error
        if original is not error or isinstance(error, KitError):  # and not `abort(500)`
            observation.failed_with(original)
        status, headers, body = found
        observation.answered = original
        return app.response_class(body, status, headers)

    return answer


class _Missed:
    """Flask itself, which here leaves a template also where a path is known, but not by this method or slash."""

    def __init__(self, app: Flask, inner: Any) -> None:
        self._app = app
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = self._inner(environ, start_response)
        missed = getattr(environ.get("werkzeug.request"), "routing_exception", None)
        if missed is not None and SAID not in environ:
            try:
                environ[SAID] = self._template(environ["werkzeug.request"], missed)
            except Exception as error:
                failed("middleware", error)
        return body

    def _template(self, request: Any, missed: Any) -> str:
        from werkzeug.exceptions import HTTPException, MethodNotAllowed
        from werkzeug.routing import RequestRedirect

        path, method = request.path, None
        if isinstance(missed, MethodNotAllowed):
            method = next(iter(missed.valid_methods or ()), None)
        elif isinstance(missed, RequestRedirect):
            path += "/"
        else:
            return ""
        adapter = self._app.create_url_adapter(request)
        if adapter is None:
            return ""
        try:
            rule, _ = adapter.match(path, method, return_rule=True)
        except HTTPException:
            return ""
        return str(rule.rule)
