"""The kit around a WSGI application: each request observed once, from its arrival until its body is closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from sereno_kit import chaos, chaos_requests
from sereno_kit.drain import at_exit, within
from sereno_kit.endpoints import Endpoint
from sereno_kit.errors import InternalError, KitError
from sereno_kit.metrics.faults import failed
from sereno_kit.routes import UNMATCHED
from sereno_kit.wsgi_endpoints import App, Environ, StartResponse, answering, status_line
from sereno_kit.wsgi_routes import MOUNTS, OBSERVATION, template
from sereno_kit.wsgi_servers import take_back_headers

if TYPE_CHECKING:
    from sereno_kit.kit import Kit
    from sereno_kit.observing import Observation
    from sereno_kit.problems import Response as Problem

_FLUSH_SECONDS = 5.0


class KitWsgi:
    """A WSGI application under the kit's eyes.

    Every request runs in a context of its own: what it puts into context variables, the next one on the same thread
    does not find.

    Args:
        app: the application; it stays reachable as `app`.
        kit: what observes.
        debugs: whether errors go on up to a debugger or a test, instead of becoming problems.
    """

    def __init__(self, app: App, kit: Kit, debugs: Callable[[], bool] = bool) -> None:
        self.app = app
        self.kit = kit
        self.debugs = debugs
        self._observer = kit.observer
        self._endpoints = kit.endpoints
        self._prefixes = tuple(path for path in kit.endpoints if path.endswith("/"))
        header = kit.deadline_header
        self._timeout_key = "HTTP_" + header.upper().replace("-", "_") if header else ""
        self._mounts = tuple(getattr(app, "mounts", None) or ())
        self._pid = 0
        self._begun: dict[int, object] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["app"], name)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does, or as the kit does at its own addresses."""
        if self._pid != os.getpid():
            self._start()
        if OBSERVATION in environ:  # Another kit around this one has its eyes on it already.
            return self.app(environ, start_response)
        context = copy_context()
        return context.run(self._serve, context, environ, start_response)

    def _start(self) -> None:
        """Once a process: servers fork after they have loaded the application. There is no word of the end but this."""
        self._pid = os.getpid()
        token = object()
        if self._begun.setdefault(self._pid, token) is not token:
            return  # Another thread was faster.
        self.kit.at_close.append(at_exit(lambda: within(_FLUSH_SECONDS, [self.kit.flush])))
        self.kit.start()

    def _serve(self, context: Context, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        endpoint = self._endpoint(environ)
        exchange = Exchange(self, environ, start_response, self._begin(environ, counted=endpoint is None), context)
        if self._mounts:
            environ[MOUNTS] = self._mounts
        app = chaos_requests.wsgi(self.app) if chaos.active else self.app
        return exchange.answer(app if endpoint is None else answering(endpoint))

    def _begin(self, environ: Environ, *, counted: bool) -> Observation:
        get = environ.get
        observation = self._observer.begin(
            get("REQUEST_METHOD", ""),
            path_of(environ),
            request_id=get("HTTP_X_REQUEST_ID"),
            traceparent=get("HTTP_TRACEPARENT"),
            timeout=get(self._timeout_key) if self._timeout_key else None,
            client=get("REMOTE_ADDR", ""),
            counted=counted,
        )
        environ[OBSERVATION] = observation
        return observation

    def _endpoint(self, environ: Environ) -> Endpoint | None:
        path = environ.get("PATH_INFO", "")
        found = self._endpoints.get(path)
        if found is not None:
            return found
        return next((self._endpoints[prefix] for prefix in self._prefixes if path.startswith(prefix)), None)


class Exchange:
    """One request and its answer; the body that the server iterates over, and closes."""

    __slots__ = (
        "_closed",
        "_complete",
        "_context",
        "_debugs",
        "_environ",
        "_headers_out",
        "_kit",
        "_left",
        "_observation",
        "_pieces",
        "_result",
        "_route",
        "_start_response",
        "_write",
    )

    def __init__(
        self, outside: KitWsgi, environ: Environ, start_response: StartResponse, seen: Observation, context: Context
    ) -> None:
        self._kit = outside.kit
        self._debugs = outside.debugs
        self._environ = environ
        self._start_response = start_response
        self._observation = seen
        self._context = context
        self._result: Any = ()
        self._pieces: Iterator[bytes] = iter(())
        self._left = -1
        self._headers_out = False
        self._route = UNMATCHED
        self._complete = environ.get("REQUEST_METHOD") == "HEAD"
        self._closed = False
        self._write: Callable[[bytes], Any] | None = None

    def answer(self, app: App) -> Iterable[bytes]:
        """Call `app`, within the request's context."""
        try:
            self._result = app(self._environ, self._start)
            self._route = template(self._environ)  # Now: what is around the kit may change what it is read from.
            file: Iterable[bytes] | None = self._file()
            if file is not None:
                return file
            self._pieces = iter(self._result)
            if isinstance(self._result, (list, tuple)):
                self._left = len(self._result)
        except BaseException as error:
            piece = self._rescued(error)
            if piece is None:
                self._complete = False
                self._close_quietly()
                self._finish()
                self._closed = True
                self._observation.leave()
                raise
            self._result, self._pieces, self._left = (), iter((piece,)), 1
        return self

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        """The server's `start_response`, with exactly one X-Request-ID."""
        kept = [pair for pair in headers if len(pair[0]) != 12 or pair[0].lower() != "x-request-id"]
        kept.append(("X-Request-ID", self._observation.request_id))
        if exc_info:
            take_back_headers(self._start_response)
        write = self._start_response(status, kept, exc_info) if exc_info else self._start_response(status, kept)
        self._observation.status = int(status[:3]) if status[:3].isdecimal() else 500
        self._write = write
        return self._written

    def _written(self, data: bytes) -> Any:
        """The old way to send a body, by calls instead of pieces."""
        self._headers_out = True
        return self._write(data) if self._write is not None else None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._context.run(self._next)
        except StopIteration:
            self._complete = True
            self._context.run(self._finish)
            raise
        except BaseException as error:
            rescued = self._context.run(self._rescued, error)
            if rescued is None:
                self._complete = False
                raise
            self._pieces, self._left = iter(()), 0
            return rescued
        if piece:
            self._headers_out = True
        if self._left > 0:
            self._left -= 1
            self._complete = self._complete or self._left == 0  # Servers need not ask a list for more than it has.
        return piece

    def _next(self) -> bytes:
        for piece in self._pieces:
            if self._observation.status:
                return piece
            break
        if self._observation.status:
            raise StopIteration
        raise InternalError("the application has not called start_response")

    def __len__(self) -> int:
        return len(self._result)  # Where it has none, this raises as it should.

    def close(self) -> None:
        """The server is done with the body, whether it was read to its end or not."""
        if self._closed:
            return
        self._closed = True
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                self._context.run(close)
        except BaseException as error:
            self._observation.failed_with(error)
            raise
        finally:
            self._context.run(self._finish)
            self._context.run(self._observation.leave)

    def __del__(self) -> None:
        if not self._closed:  # A server that does not close what it was given.
            try:
                self.close()
            except Exception as error:
                failed("middleware", error)

    def _finish(self) -> None:
        """Count and tell, once."""
        observation = self._observation
        if observation.ended:
            return
        if not self._complete and observation.error is None:
            observation.disconnected = True
        elif not observation.status:
            observation.status = 500  # It never said any, and servers make this of it.
        route = self._route
        try:
            if route == UNMATCHED:
                route = template(self._environ)
            observation.end(route, complete=self._complete)
        except Exception as error:
            failed("middleware", error)
        if observation.error is not None:
            observation.capture(route)

    def _rescued(self, error: BaseException) -> bytes | None:
        """The problem that `error` is as the one piece of the body; None where something was sent, or it must go up."""
        observation = self._observation
        if observation.error is None or not isinstance(error, Exception):
            observation.failed_with(error)
        if self._headers_out or not isinstance(error, Exception):
            return None
        if self._debugs() and not isinstance(error, KitError):
            return None
        try:
            found = problem(self._kit, error, self._environ)
            if found is None:
                return None
            status, headers, body = found
            self._start(status_line(status), headers, (type(error), error, error.__traceback__))
        except BaseException as raised:
            if raised is not error:  # A server that has sent the headers already raises the error again.
                failed("problems", raised)
            return None
        self._close_quietly()
        observation.answered = error
        self._complete = True
        return b"" if self._environ.get("REQUEST_METHOD") == "HEAD" else body

    def _close_quietly(self) -> None:
        """Let go of the body that the problem takes the place of."""
        result, self._result = self._result, ()
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except Exception as error:
            failed("middleware", error)

    def _file(self) -> Any:
        """The server's own file wrapper, which it may send without reading: it stays what it is."""
        wrapper = self._environ.get("wsgi.file_wrapper")
        if not isinstance(wrapper, type) or not isinstance(self._result, wrapper):
            return None
        wrapped: Any = self._result
        inner = getattr(wrapped, "close", None)

        def close() -> None:
            wrapped.close = inner
            self._complete = True  # Whether all of it arrived, nobody says.
            self.close()

        try:
            wrapped.close = close
        except (AttributeError, TypeError):
            return None
        return wrapped


def attach(app: Any, kit: Kit) -> Any:
    """Put the kit around `app`: a Flask application, Django's handler, or any WSGI callable.

    Returns:
        What the server is given: the same Flask application, with its `wsgi_app` under the kit's eyes; otherwise `app`
        in its wrapping.
    """
    if "flask" in sys.modules:
        from sereno_kit import wsgi_flask

        kit.at_close.append(wsgi_flask.listen())
    if _is_a("flask", "Flask", app):
        original = app.wsgi_app
        app.wsgi_app = _traced(KitWsgi(original, kit, lambda: wsgi_flask.debugs(app)), kit)
        kit.at_close.append(lambda: setattr(app, "wsgi_app", original))
        if kit.problems is not None:
            kit.at_close.append(wsgi_flask.answer_errors(app, kit))
        return app
    if _is_a("django.core.handlers.base", "BaseHandler", app):
        from sereno_kit import django

        kit.at_close.append(django.attach(app, kit))
        return _traced(KitWsgi(app, kit, django.debugs), kit)
    return _traced(KitWsgi(app, kit), kit)


def _traced(wrapped: KitWsgi, kit: Kit) -> Any:
    return wrapped if kit.tracing is None else kit.tracing.wsgi(wrapped)


def _is_a(module: str, name: str, app: Any) -> bool:
    """Whether `app` is of a framework's class; one that nobody has imported has no applications."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(app, kind)


def problem(kit: Kit, error: BaseException, environ: Environ) -> Problem | None:
    """The answer that `error` becomes, in the language and form that the caller asks for; None where none is wanted."""
    if kit.problems is None:
        return None
    observation = environ.get(OBSERVATION)
    return kit.problems.of(error, observation.request_id if observation else "", accepts(environ))


def accepts(environ: Environ) -> list[tuple[bytes, bytes]]:
    """What the caller would like to read."""
    names = ((b"accept", "HTTP_ACCEPT"), (b"accept-language", "HTTP_ACCEPT_LANGUAGE"))
    return [(name, str(environ[key]).encode("latin-1", "replace")) for name, key in names if key in environ]


def path_of(environ: Environ) -> str:
    """The path as people read it: WSGI hands on its bytes as if they were Latin-1."""
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")
