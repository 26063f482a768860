"""SERVER spans: exactly one a request, named by its route, failed by 5xx and not by 4xx.

Names and rules: OpenTelemetry's semantic conventions for HTTP spans, stable since 1.23. Imported only with the extra
`otel`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, cast

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind, StatusCode

from sereno_kit.clock import SYSTEM
from sereno_kit.traces_span import error_type

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_CONTRIB = frozenset(
    {
        "opentelemetry.instrumentation.asgi",
        "opentelemetry.instrumentation.wsgi",
        "opentelemetry.instrumentation.fastapi",
        "opentelemetry.instrumentation.starlette",
    }
)


def configure_native(
    app: Any, provider: trace.TracerProvider, exclude: Collection[str], *, operations: bool
) -> Callable[[], None] | None:
    """Set up FastAPI's own emission, where `app` has one (0.142 and later); what takes that back, or None."""
    settings = getattr(app, "_telemetry", None)
    if not isinstance(settings, dict) or not hasattr(app, "_native_telemetry"):
        return None
    before = dict(settings)
    others = before.get("exclude")
    settings["tracing"] = True
    settings["operation_spans"] = operations
    if settings.get("tracer_provider") is None and provider is not trace.get_tracer_provider():
        settings["tracer_provider"] = provider
    settings["exclude"] = lambda scope: (
        excluded(scope.get("path", ""), scope.get("root_path", ""), exclude)
        or is_contrib(trace.get_current_span())
        or (others is not None and others(scope))
    )
    return lambda: settings.update(before)


def excluded(path: str, root: str, paths: Collection[str]) -> bool:
    """Whether `path`, or what of it is below `root`, is among `paths` or below one of them that ends in `/`."""
    here = path[len(root) :] if root and path.startswith(root) else path
    return path in paths or here in paths or any(p.endswith("/") and p != "/" and here.startswith(p) for p in paths)


def is_contrib(span: trace.Span) -> bool:
    """Whether `span` is the SERVER span of an OpenTelemetry instrumentation that wraps this application."""
    scope = getattr(span, "instrumentation_scope", None)
    return getattr(span, "kind", None) is SpanKind.SERVER and getattr(scope, "name", "") in _CONTRIB


class _AsgiHeaders(Getter[Any]):
    """Reads headers as ASGI gives them: pairs of bytes, names in lower case."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        """All values of `key`."""
        name = key.lower().encode()
        return [value.decode("latin-1") for header, value in carrier if header == name] or None

    def keys(self, carrier: Any) -> list[str]:
        """All names."""
        return [header.decode("latin-1") for header, _ in carrier]


class _WsgiHeaders(Getter[Any]):
    """Reads headers as WSGI gives them: `HTTP_TRACEPARENT` of the environment."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        """The value of `key`, in which the server has joined several by commas."""
        value = carrier.get("HTTP_" + key.upper().replace("-", "_"))
        return [value] if isinstance(value, str) else None

    def keys(self, carrier: Any) -> list[str]:
        """All names."""
        return [name[5:].lower().replace("_", "-") for name in carrier if name.startswith("HTTP_")]


_ASGI = _AsgiHeaders()
_WSGI = _WsgiHeaders()


class Server:
    """The SERVER span of one request, current from `begin` to `leave`."""

    __slots__ = ("_end_ns", "_ended", "_method", "_token", "recording", "span", "status")

    def __init__(self, span: trace.Span, token: Any, method: str) -> None:
        self.span = span
        self.recording = span.is_recording()
        self.status = 0
        self._token = token
        self._method = method
        self._ended = False
        self._end_ns: int | None = None

    def body_sent(self) -> None:
        """The answer is out: this is when the span ends, although an error may still tell why."""
        if self._end_ns is None and self.recording:
            self._end_ns = int(SYSTEM.now() * 1e9)

    def end(self, route: str, error: BaseException | None = None) -> None:
        """End the span: name it by its route, and fail it if the service failed.

        Args:
            route: the template of the route, or empty where none matched.
            error: what the application raised, if it did.
        """
        if self._ended:
            return
        self._ended = True
        span = self.span
        if self.recording:
            if self.status:
                span.set_attribute("http.response.status_code", self.status)
            if route and not route.startswith("__"):
                span.set_attribute("http.route", route)
                span.update_name(f"{self._method} {route}")
            if error is not None or self.status >= 500 or (self.status == 0 and self._method != "WS"):
                self._fail(error)
        span.end(self._end_ns)

    def _fail(self, error: BaseException | None) -> None:
        told = _told(self.span)
        if error is not None and not told:
            self.span.record_exception(error)
        kind = error_type(error) if error is not None else told
        self.span.set_attribute("error.type", kind or str(self.status or "incomplete_response"))
        self.span.set_status(StatusCode.ERROR)

    def leave(self) -> None:
        """Make the span no longer the current one."""
        otel_context.detach(self._token)


class ServerSpans:
    """Begins SERVER spans with `provider`, except for the paths of `exclude`."""

    def __init__(self, provider: trace.TracerProvider, exclude: Collection[str]) -> None:
        self._tracer = provider.get_tracer("sereno_kit")
        self._exclude = exclude

    def asgi(self, app: Any) -> Any:
        """`app` with a span around each request."""
        return AsgiSpans(app, self)

    def wsgi(self, app: Any) -> Any:
        """`app` with a span around each request, until its body is closed."""
        return WsgiSpans(app, self)

    def begin_asgi(self, scope: Mapping[str, Any]) -> Server | None:
        """The span of an HTTP or websocket scope, made current; None where there shall be none."""
        path, headers = scope["path"], scope["headers"]
        if excluded(path, scope.get("root_path", ""), self._exclude) or is_contrib(trace.get_current_span()):
            return None
        websocket = scope["type"] == "websocket"
        parent = propagate.extract(headers, otel_context.get_current(), _ASGI)
        server = self._begin("WEBSOCKET" if websocket else scope["method"], scope.get("scheme", "http"), path, parent)
        if server.recording:
            host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
            query = scope.get("query_string", b"").decode("latin-1")
            _describe(server.span, host, query, scope.get("http_version"), scope.get("server"))
        return server

    def begin_wsgi(self, environ: Mapping[str, Any]) -> Server | None:
        """The same for the environment of a WSGI request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if excluded(path, environ.get("SCRIPT_NAME", ""), self._exclude) or is_contrib(trace.get_current_span()):
            return None
        parent = propagate.extract(environ, otel_context.get_current(), _WSGI)
        server = self._begin(environ["REQUEST_METHOD"], environ.get("wsgi.url_scheme", "http"), path, parent)
        if server.recording:
            listening = (environ.get("SERVER_NAME"), environ.get("SERVER_PORT"))
            version = str(environ.get("SERVER_PROTOCOL", "")).removeprefix("HTTP/")
            host = environ.get("HTTP_HOST", "")
            _describe(server.span, host, environ.get("QUERY_STRING", ""), version, listening)
        return server

    def _begin(self, method: str, scheme: str, path: str, parent: Context) -> Server:
        known = method in METHODS
        attributes = {"url.scheme": scheme, "url.path": path}
        if method != "WEBSOCKET":
            attributes["http.request.method"] = method if known else "_OTHER"
            if not known:
                attributes["http.request.method_original"] = method[:64]
        name = "WS" if method == "WEBSOCKET" else method if known else "HTTP"
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
        return Server(span, otel_context.attach(trace.set_span_in_context(span, parent)), name)


def _describe(span: trace.Span, host: str, query: str, version: str | None, listening: Any) -> None:
    attributes: dict[str, Any] = {}
    if query:
        attributes["url.query"] = query
    if version:
        attributes["network.protocol.version"] = version
    address, port = _address(host)
    if not address and listening:
        address, port = str(listening[0] or ""), listening[1]
    if address:
        attributes["server.address"] = address
    if port and str(port).isdecimal():
        attributes["server.port"] = int(port)
    span.set_attributes(attributes)


def _address(host: str) -> tuple[str, str]:
    """The name and the port that a Host header says; nothing of one that is not well-formed."""
    if not host or len(host) > 255 or not host.isascii() or any(mark in host for mark in "@/?# \\"):
        return "", ""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port


class AsgiSpans:
    """An ASGI application with a SERVER span around each request."""

    def __init__(self, app: Any, spans: ServerSpans) -> None:
        self.app = app
        self._spans = spans

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["app"], name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as the application does."""
        server = self._begin(scope)
        if server is None:
            await self.app(scope, receive, send)
            return
        error: BaseException | None = None
        try:
            await self.app(scope, receive, _watching(send, server, scope))
        except BaseException as raised:
            error = raised
            raise
        finally:
            if scope["type"] == "websocket" and not isinstance(error, Exception):
                error = None  # a server that ends cancels those who listen
            server.end(_asgi_route(scope), error)
            server.leave()

    def _begin(self, scope: Any) -> Server | None:
        if scope["type"] not in ("http", "websocket") or "sereno_kit.server_span" in scope:
            return None
        try:
            server = self._spans.begin_asgi(scope)
        except Exception:  # what a caller sends must not stop the service
            return None
        scope["sereno_kit.server_span"] = server
        scope.setdefault("fastapi.telemetry", None)  # a FastAPI mounted below would make a second SERVER span
        return server


def _watching(send: Any, server: Server, scope: Any) -> Any:
    if not server.recording:
        return send

    async def watched(message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            server.status = message["status"]
        elif kind == "websocket.accept":
            server.status = 101
        await send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            server.body_sent()
            if server.status < 500:  # who failed may still raise what says why
                server.end(_asgi_route(scope))

    return watched


def _told(span: trace.Span) -> str:
    """The class of the exception that `traces.failed` has put on the span, if it was told of one."""
    events = getattr(span, "events", ())
    return next((str(event.attributes.get("exception.type", "")) for event in events if event.name == "exception"), "")


def _asgi_route(scope: Any) -> str:
    try:
        from sereno_kit.routes import template

        return str(template(scope))
    except Exception:
        return ""


class WsgiSpans:
    """A WSGI application with a SERVER span around each request."""

    def __init__(self, app: Any, spans: ServerSpans) -> None:
        self.app = app
        self._spans = spans

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["app"], name)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does."""
        try:
            server = self._spans.begin_wsgi(environ)
        except Exception:  # what a caller sends must not stop the service
            server = None
        if server is None:
            return cast("Iterable[bytes]", self.app(environ, start_response))

        def started(status: str, headers: Any, *exc_info: Any) -> Any:
            server.status = int(status[:3]) if status[:3].isdecimal() else 0
            return start_response(status, headers, *exc_info)

        started.__wrapped__ = start_response  # type: ignore[attr-defined]
        try:
            body = self.app(environ, started)
        except BaseException as error:
            server.end(_wsgi_route(environ), error)
            raise
        finally:
            server.leave()
        return _Body(body, server, environ)


class _Body:
    """A WSGI body within its span: current while a piece is made, ended when closed."""

    def __init__(self, body: Iterable[bytes], server: Server, environ: dict[str, Any]) -> None:
        self._body = body
        self._pieces: Iterator[bytes] | None = None
        self._server = server
        self._environ = environ
        self._within = trace.set_span_in_context(server.span, otel_context.get_current())

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = otel_context.attach(self._within)
        try:
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)
        except StopIteration:
            self._server.body_sent()
            raise
        except BaseException as error:
            self._server.end(_wsgi_route(self._environ), error)
            raise
        finally:
            otel_context.detach(token)

    def close(self) -> None:
        """The server is done with it, whether it was read to the end or not."""
        token = otel_context.attach(self._within)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._server.end(_wsgi_route(self._environ))
            otel_context.detach(token)


def _wsgi_route(environ: dict[str, Any]) -> str:
    try:
        from sereno_kit.wsgi_routes import template

        return str(template(environ))
    except Exception:
        return ""
