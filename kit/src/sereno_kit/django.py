"""What the kit hooks into Django's handlers, of WSGI and ASGI: where they resolve the route, and where views fail."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from sereno_kit.errors import KitError
from sereno_kit.routes import REQUEST, SAID
from sereno_kit.wsgi import problem
from sereno_kit.wsgi_routes import OBSERVATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from sereno_kit.kit import Kit
    from sereno_kit.observing import Observation


def attach(handler: Any, kit: Kit) -> Callable[[], None]:
    """Tell the kit of routes and errors; answer errors as problems.

    In `DEBUG`, and where the project has a `handler500` of its own, only the kit's own errors become problems.

    Args:
        handler: what `get_wsgi_application()` or `get_asgi_application()` gave.
        kit: what hears of them.

    Returns:
        What undoes all this.
    """
    signal = _django("core.signals").got_request_exception
    signal.connect(_note, dispatch_uid="sereno_kit", weak=False)
    original = handler.resolve_request
    answer = _answering(kit)

    def resolve_request(request: Any) -> Any:
        match = original(request)
        _place(request)[SAID] = "/" + match.route.removeprefix("^").removeprefix("/")
        return match

    def detach() -> None:
        handler.resolve_request = original
        if answer in handler._exception_middleware:
            handler._exception_middleware.remove(answer)

    handler.resolve_request = resolve_request
    if kit.problems is not None:
        handler._exception_middleware.append(answer)
    return detach


def debugs() -> bool:
    """Whether Django lets exceptions through to a debugger or a test."""
    settings = _django("conf").settings
    return bool(settings.DEBUG or settings.DEBUG_PROPAGATE_EXCEPTIONS)


def _place(request: Any) -> Any:
    """Where a request of either kind keeps what others know of it: WSGI's environment, ASGI's scope."""
    return request.environ if hasattr(request, "environ") else getattr(request, "scope", {})


def _observation(request: Any) -> Observation | None:
    place = _place(request)
    found: Observation | None = place.get(OBSERVATION) or place.get(REQUEST)
    return found


def _note(sender: Any, request: Any = None, **_: Any) -> None:
    """Django's signal for exceptions that become a 500."""
    observation, error = _observation(request), sys.exc_info()[1]
    if observation is not None and error is not None:
        _tell(observation, request, error)


def _tell(observation: Observation, request: Any, error: BaseException) -> None:
    """Of `error`; under ASGI also Sentry, which under WSGI is told at the end of the answer."""
    new = observation.error is not error
    observation.failed_with(error)
    if new and not hasattr(request, "environ"):
        observation.capture(str(_place(request).get(SAID, "")))


def _answering(kit: Kit) -> Callable[[Any, Exception], Any]:
    def process_exception(request: Any, error: Exception) -> Any:
        observation = _observation(request)
        if observation is None or not (isinstance(error, KitError) or _is_left_to_us(error)):
            return None
        _tell(observation, request, error)
        if not isinstance(error, KitError):  # Others listen, too, such as Django's test client.
            _django("core.signals").got_request_exception.send(sender=None, request=request)
        found = problem(kit, error, {**request.META, OBSERVATION: observation})
        if found is None:
            return None
        status, headers, body = found
        observation.answered = error
        return _django("http").HttpResponse(body, status=status, headers=dict(headers))

    return process_exception


def _is_left_to_us(error: Exception) -> bool:
    """Whether Django would make its own plain page of a 500 of it."""
    exceptions = _django("core.exceptions")
    known = (exceptions.PermissionDenied, exceptions.BadRequest, exceptions.SuspiciousOperation)
    others = (_django("http").Http404, _django("http.multipartparser").MultiPartParserError)
    if debugs() or isinstance(error, known + others):
        return False
    urls = _django("urls")
    handler = urls.get_resolver(urls.get_urlconf()).resolve_error_handler(500)
    return bool(handler is _django("views.defaults").server_error)


def _django(module: str) -> Any:
    """A module of Django's, which has no types."""
    return importlib.import_module(f"django.{module}")
