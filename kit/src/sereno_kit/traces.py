"""Traces: OpenTelemetry where it runs (the extra `otel`), W3C Trace Context where it does not.

One SERVER span a request, by whoever knows the request best: FastAPI's own emission since 0.142, the kit's elsewhere.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sereno_kit import context

if TYPE_CHECKING:
    from sereno_kit.options import Traces
    from sereno_kit.traces_server import ServerSpans

AppT = TypeVar("AppT")
EXCLUDED = ("/metrics", "/health/live", "/health/ready")
"""Paths that machines ask for all day; they have no spans unless `configure` is told otherwise."""
_TALKATIVE = (
    "opentelemetry.baggage.propagation",
    "opentelemetry.trace.propagation.tracecontext",
    "opentelemetry.trace.span",
)
"""OpenTelemetry's loggers that write what strangers put into headers, up to 180 lines a request."""
MISSING = "traces need OpenTelemetry: install it with `pip install 'sereno-kit[otel]'`, or leave `traces` out"


class Redacts(Protocol):
    """What spans pass before they leave: the redactor of logs and Sentry."""

    def redact(self, value: Any, key: str = "") -> Any:
        """`value` without its secrets."""
        ...

    def text(self, text: str) -> str:
        """`text` without its secrets."""
        ...

    def url(self, url: str) -> str:
        """`url` without credentials and secret parameters."""
        ...


class Tracing:
    """The traces of one service in this process. Made by `configure`."""

    def __init__(
        self, provider: Any, *, owned: bool, server: ServerSpans | None, restore: Callable[[], None] | None = None
    ) -> None:
        self.provider = provider
        """OpenTelemetry's TracerProvider: the kit's, or the one that was already set."""
        self.owned = owned
        """Whether the kit made the provider, and so ends it."""
        self._server = server
        self._restore = restore

    def asgi(self, app: AppT) -> AppT:
        """`app` with a SERVER span around each request, or `app` itself where the framework emits its own.

        What is given here becomes the inside: its log lines, metrics and calls see the span.
        """
        return app if self._server is None else self._server.asgi(app)

    def wsgi(self, app: AppT) -> AppT:
        """The same for a WSGI application; the span ends when the body is closed."""
        return app if self._server is None else self._server.wsgi(app)

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Span]:
        """A span of this service's provider around a block; see `span`."""
        from sereno_kit.traces_span import running

        return running(self.provider, name, attributes)

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Send what waits, for at most so long; whether everything was tried in that time."""
        from sereno_kit.traces_sdk import bounded

        flush = getattr(self.provider, "force_flush", None)
        return flush is None or bounded(flush, timeout_seconds)

    def shutdown(self, timeout_seconds: float = 5.0) -> bool:
        """Send what waits and stop, for at most so long; a provider that was not ours is only flushed.

        FastAPI's emission and the levels of OpenTelemetry's loggers are set as they were before.
        """
        if self._restore is not None:
            self._restore()
        if not self.owned:
            return self.flush(timeout_seconds)
        from sereno_kit.traces_sdk import stop

        return stop(self.provider, timeout_seconds)


class Span:
    """A span in hand. Without OpenTelemetry, or unsampled, it takes everything and keeps nothing."""

    __slots__ = ("_span",)

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def set(self, **attributes: Any) -> None:
        """Add attributes; values that are not text, number, boolean or a list of these become text."""
        if self._span is not None and self._span.is_recording():
            self._span.set_attributes(plain_all(attributes))

    def event(self, name: str, **attributes: Any) -> None:
        """Mark that something happened now."""
        if self._span is not None and self._span.is_recording():
            self._span.add_event(name, plain_all(attributes))


NOTHING = Span()


class _Nowhere(AbstractContextManager[Span]):
    def __enter__(self) -> Span:
        return NOTHING

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        return None


_NOWHERE = _Nowhere()


def configure(
    options: Traces,
    *,
    service: str,
    environment: str,
    version: str,
    app: Any,
    redactor: Redacts,
    exclude: Collection[str] = EXCLUDED,
) -> Tracing:
    """Trace `app`: a provider, if none is set, and exactly one SERVER span a request.

    Args:
        options: the share of traces that begin here, where OTLP over HTTP is taken, with which headers.
        service, environment, version: what the spans' resource says.
        app: the application; FastAPI's own emission (0.142 and later) is configured, others are wrapped by
            `Tracing.asgi` or `Tracing.wsgi`.
        redactor: what names, attributes, events and exceptions pass before they are sent.
        exclude: paths without spans; one that ends in `/` stands for all below it. Kept, not copied.

    Returns:
        A Tracing. Where a provider was already set, it is used and not replaced: its sampling, its exporters, and
        without the redactor.

    Raises:
        ImportError: OpenTelemetry is not installed; the text says what to install.
        ValueError: the endpoint is no HTTP URL.
    """
    try:
        from sereno_kit import traces_sdk, traces_server
    except ImportError as error:
        raise ImportError(MISSING) from error
    provider, owned = traces_sdk.provider(
        options, service=service, environment=environment, version=version, redactor=redactor
    )
    restore = traces_server.configure_native(app, provider, exclude, operations=options.operations)
    server = traces_server.ServerSpans(provider, exclude) if restore is None else None
    speak = _hush()

    def back() -> None:
        speak()
        if restore is not None:
            restore()

    return Tracing(provider, owned=owned, server=server, restore=back)


def _hush() -> Callable[[], None]:
    """Let nobody fill the log by malformed headers, unless a level says that it is wanted; what takes that back."""
    hushed = [one for one in map(logging.getLogger, _TALKATIVE) if one.level == logging.NOTSET]
    for logger in hushed:
        logger.setLevel(logging.ERROR)

    def speak() -> None:
        for logger in hushed:
            if logger.level == logging.ERROR:
                logger.setLevel(logging.NOTSET)

    return speak


def current() -> context.Trace | None:
    """The place in a trace that this code is at: OpenTelemetry's if it has one, otherwise what the kit keeps."""
    otel = sys.modules.get("opentelemetry.trace")
    if otel is not None:
        place = otel.get_current_span().get_span_context()
        if place.is_valid:
            return context.Trace(f"{place.trace_id:032x}", f"{place.span_id:016x}", bool(place.trace_flags & 1))
    return context.trace.get()


def event(name: str, **attributes: Any) -> None:
    """Mark on the span in hand that something happened; next to nothing where no span is recorded.

    Args:
        name: what happened, such as `circuit_breaker.opened`.
        attributes: plain values; others become text.
    """
    span = _recording()
    if span is not None:
        span.add_event(name, plain_all(attributes))


def record(error: BaseException) -> None:
    """Put `error` on the span in hand: its type, its message (redacted before it leaves) and where it was raised."""
    span = _recording()
    if span is not None:
        span.record_exception(error)


def failed(error: BaseException) -> None:
    """The request in hand failed by `error`: put it on the request's own span, whoever makes that.

    What is the caller's fault (a status below 500) is not put on it, nor on any other span.
    """
    status = getattr(error, "status", 500)
    if isinstance(status, int) and status < 500:
        return
    span = _recording()
    if span is not None and getattr(getattr(span, "kind", None), "name", "") == "SERVER":
        span.record_exception(error)


def span(name: str, **attributes: Any) -> AbstractContextManager[Span]:
    """A span around a block of code, a child of the one in hand.

    An exception marks it as failed and goes on. Without OpenTelemetry it costs next to nothing and does nothing.

    Args:
        name: what the block does, without values: `score application`.
        attributes: what is known when it begins; for names with dots, `**{"order.id": 7}`.
    """
    otel = sys.modules.get("opentelemetry.trace")
    if otel is None:
        return _NOWHERE
    provider = otel.get_tracer_provider()
    if type(provider).__name__ in {"ProxyTracerProvider", "NoOpTracerProvider"}:
        return _NOWHERE
    from sereno_kit.traces_span import running

    return running(provider, name, attributes)


def _recording() -> Any:
    otel = sys.modules.get("opentelemetry.trace")
    if otel is None:
        return None
    span = otel.get_current_span()
    return span if span.is_recording() else None


def plain_all(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`attributes` as OpenTelemetry takes them, without those that are None."""
    return {name: plain(value) for name, value in attributes.items() if value is not None}


def plain(value: Any) -> Any:
    """`value` as OpenTelemetry takes attributes: text, number, boolean, or a list of these; everything else as text."""
    if isinstance(value, (str, bool, int, float)):
        return value if type(value) in (str, bool, int, float) else _text(value)
    if isinstance(value, (list, tuple)) and len({type(item) for item in value}) <= 1:
        return [plain(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return f"[{type(value).__name__} without text]"
