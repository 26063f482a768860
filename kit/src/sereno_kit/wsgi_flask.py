"""What the kit hooks into Flask, by its signals and handlers: routes, errors, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sereno_kit.errors import InternalError, KitError
from sereno_kit.metrics.faults import failed
from sereno_kit.routes import SAID
from sereno_kit.wsgi_routes import OBSERVATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from werkzeug.exceptions import HTTPException

    from sereno_kit.kit import Kit
    from sereno_kit.problems import Answers

_listening = 0


def listen() -> Callable[[], None]:
    """Hear of the routes and errors of all Flask applications, also of those mounted below others.

    Only requests that a kit observes are looked at.

    Returns:
        What undoes it.
    """
    from flask import got_request_exception, request_started

    global _listening
    _listening += 1
    request_started.connect(_started)
    got_request_exception.connect(_failed)

    def stop() -> None:
        global _listening
        _listening -= 1
        if not _listening:
            request_started.disconnect(_started)
            got_request_exception.disconnect(_failed)

    return stop


def answer_errors(app: Flask, kit: Kit) -> Callable[[], None]:
    """Make problems of the kit's own errors, of those that nobody handles and, if asked, of Flask's own.

    Handlers that the application has, or gets later, win over these.

    Returns:
        What undoes it.
    """
    from werkzeug.exceptions import HTTPException, InternalServerError

    handlers = app.error_handler_spec[None]
    answer = _answering(app, kit)
    wanted: list[tuple[int | None, type[Exception], Any]] = [
        (None, KitError, answer),
        (500, InternalServerError, answer),
    ]
    if kit.problems is not None and kit.problems.options.framework:
        wanted.append((None, HTTPException, _framing(kit.problems)))
    ours = [(code, kind, handler) for code, kind, handler in wanted if kind not in handlers[code]]
    for code, kind, handler in ours:
        handlers[code][kind] = handler

    def stop() -> None:
        for code, kind, handler in ours:
            if handlers[code].get(kind) is handler:
                del handlers[code][kind]

    return stop


def debugs(app: Flask) -> bool:
    """Whether Flask lets exceptions through to a debugger or a test."""
    return bool(app.debug or app.testing or app.config.get("PROPAGATE_EXCEPTIONS"))


def _started(sender: Flask, **_: Any) -> None:
    """The request is routed; when it is over, Flask forgets how."""
    from flask import request

    environ = request.environ
    if OBSERVATION not in environ:
        return
    if request.url_rule is not None:
        environ[SAID] = request.url_rule.rule
    elif request.routing_exception is not None:
        try:
            environ[SAID] = _missed(sender, request)
        except Exception as error:
            failed("routes", error)


def _failed(sender: Flask, exception: BaseException, **_: Any) -> None:
    """An exception that no handler of the application's wanted."""
    from flask import has_request_context, request

    observation = request.environ.get(OBSERVATION) if has_request_context() else None
    if observation is not None:
        observation.failed_with(exception)


def _missed(app: Flask, request: Any) -> str:
    """The template of a path that is known, but not by this method, or with a slash at its end."""
    from werkzeug.exceptions import HTTPException, MethodNotAllowed
    from werkzeug.routing import RequestRedirect

    path, method, missed = request.path, None, request.routing_exception
    if isinstance(missed, MethodNotAllowed):
        method = next(iter(missed.valid_methods or ()), None)
    elif isinstance(missed, RequestRedirect):
        path += "/"
    else:
        return ""
    adapter = app.create_url_adapter(request)
    if adapter is None:
        return ""
    try:
        rule, _ = adapter.match(path, method, return_rule=True)
    except HTTPException:
        return ""
    return str(rule.rule)


def _answering(app: Flask, kit: Kit) -> Callable[[Exception], Any]:
    from sereno_kit.wsgi import problem

    def answer(error: Exception) -> Any:
        from flask import request

        catch_all = app.error_handler_spec[None][None].get(Exception)
        if catch_all is not None and isinstance(error, KitError):
            return app.ensure_sync(catch_all)(error)
        observation = request.environ.get(OBSERVATION)
        raised = error if isinstance(error, KitError) else getattr(error, "original_exception", None)
        cause: BaseException = raised or InternalError()  # nothing was raised where the program said `abort(500)`
        found = problem(kit, cause, request.environ)
        if found is None or observation is None:
            return error
        if raised is not None:
            observation.failed_with(raised)
        status, headers, body = found
        observation.answered = cause
        return app.response_class(body, status, headers)

    return answer


def _framing(problems: Answers) -> Callable[[HTTPException], Any]:
    def answer(error: HTTPException) -> Any:
        """An error of Flask's own as a problem; what carries an answer of the program's stays that."""
        from flask import Response, request

        from sereno_kit.wsgi import accepts

        observation = request.environ.get(OBSERVATION)
        if observation is None or error.code is None or error.code < 400 or error.response is not None:
            return error
        detail = "" if error.description == type(error).description else error.description
        status, headers, body = problems.framework(
            error.code, detail, [], observation.request_id, accepts(request.environ)
        )
        more = [pair for pair in error.get_headers() if pair[0].lower() not in ("content-type", "content-length")]
        return Response(body, status, [*more, *headers])

    return answer
