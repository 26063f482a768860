"""One call to another service: its headers, its time, its count, its span. The clients' modules say when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sereno_kit import chaos, context
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import DeadlineExceeded
from sereno_kit.outgoing.endpoints import OTHER, Shapes

CALLS = "integration_api_calls_total"
DURATION = "integration_api_duration_seconds"
_monotonic = SYSTEM.monotonic


@dataclass(eq=False, slots=True, kw_only=True)
class Integration:
    """A service that is called over HTTP, and what is told about and to it.

    Args:
        name: of the service, as the label `integration` says it; a function of the request's host, where one client
            calls many.
        endpoint: the label `endpoint`: a template, or a function of the client's request that gives one. Otherwise
            paths whose changing parts are `{id}`, at most `endpoints_max` of them.
        propagate: whether the service is told the request id and the trace, or a function of its host that says so.
        deadline_header: a header in which it is told how many seconds are left, such as `X-Request-Timeout`.
        library: the client's, as OpenTelemetry's instrumentations call it.
    """

    name: str | Callable[[str], str]
    endpoint: str | Callable[[Any], str] | None = None
    propagate: bool | Callable[[str], bool] = True
    deadline_header: str | None = None
    library: str = ""
    endpoints_max: int = 100
    _shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self._shapes = Shapes(self.endpoints_max)

    def begin(self, method: str, host: str, port: int | None, path: str, url: str, request: Any) -> Call:
        """A call is about to be made.

        Args:
            method, host, port, path, url: of the request; `path` without the query.
            request: the client's own object, which a function for endpoints is given.

        Raises:
            DeadlineExceeded: there is no time left for it; it is counted with status `deadline`.
        """
        integration = self.name if isinstance(self.name, str) else self._named(host)
        endpoint = self._endpoint(path, request)
        left = _left()
        if left is not None and left <= 0:
            Call(integration, endpoint, None, left).failed(DeadlineExceeded())
            raise DeadlineExceeded(f"no time was left for a call to {integration}")
        span = None if contrib_is_on(self.library) else _span(method, host, port, endpoint, url)
        call = Call(integration, endpoint, span, left)
        try:
            self._tell(call, host)
        except Exception as error:  # a function of the program's, or a trace that somebody broke
            _failed(error)
        return call

    def _named(self, host: str) -> str:
        try:
            return str(self.name(host)) if callable(self.name) else self.name
        except Exception as error:
            _failed(error)
            return OTHER

    def _endpoint(self, path: str, request: Any) -> str:
        if isinstance(self.endpoint, str):
            return self.endpoint
        if self.endpoint is None:
            return self._shapes.of(path)
        try:
            return self._shapes.admit(str(self.endpoint(request)))
        except Exception as error:
            _failed(error)
            return OTHER

    def _tell(self, call: Call, host: str) -> None:
        if call.seconds_left is not None and self.deadline_header:
            call.headers[self.deadline_header] = f"{call.seconds_left:.3f}"
        if self.propagate is True or (callable(self.propagate) and self.propagate(host)):
            call.headers.update(headers(call.span))


@dataclass(eq=False, slots=True)
class Call:
    """A call under way. It is ended once, by `answered` or `failed`; what comes after is nothing."""

    integration: str
    endpoint: str
    span: Any
    seconds_left: float | None
    headers: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=lambda: _monotonic())
    ended: bool = False

    @property
    def strike(self) -> chaos.Strike | None:
        """What befalls it on purpose."""
        name = f"{self.integration}/{self.endpoint.removeprefix('/')}"
        return chaos.strike("outgoing", name) if chaos.active else None

    def answered(self, status: int) -> None:
        """The status and the headers of the answer are here; the body may still come."""
        self._end(str(status) if 100 <= status <= 599 else "invalid", status, None)

    def failed(self, error: BaseException) -> None:
        """It ended without an answer."""
        self._end(status_of(error), None, error)

    def _end(self, status: str, code: int | None, error: BaseException | None) -> None:
        if self.ended:
            return
        self.ended = True
        try:
            _count(self.integration, self.endpoint, status, _monotonic() - self.began)
            if self.span is not None:
                _end_span(self.span, code, error)
        except Exception as mishap:
            _failed(mishap)


def headers(span: Any = None) -> dict[str, str]:
    """What the next service is told: the request id and the place in the trace (W3C Trace Context); never baggage.

    Args:
        span: OpenTelemetry's span of the call; the one in hand, if not given.
    """
    told: dict[str, str] = {}
    request_id = context.request_id.get()
    if request_id:
        told["X-Request-ID"] = request_id
    otel = sys.modules.get("opentelemetry.trace")
    place = (span or otel.get_current_span()).get_span_context() if otel is not None else None
    if place is not None and place.is_valid:
        sampled = "01" if place.trace_flags & 1 else "00"
        told["traceparent"] = f"00-{place.trace_id:032x}-{place.span_id:016x}-{sampled}"
        if place.trace_state:
            told["tracestate"] = place.trace_state.to_header()
        return told
    kept = context.trace.get()
    if kept is not None:
        told["traceparent"] = kept.traceparent
    return told


def cap(timeout: float | None, left: float | None) -> float | None:
    """`timeout`, or what is left until the deadline where that is less; None is no limit."""
    if left is None:
        return timeout
    return left if timeout is None else min(timeout, left)


_TIMEOUTS = ("Timeout", "TimedOut")
_CONNECTIONS = ("Connect", "Network", "ReadError", "WriteError", "CloseError", "Disconnected", "ClientOSError", "Proxy")


def status_of(error: BaseException) -> str:
    """The label `status` of a call that got no answer: one of a handful of words, judged by the names of its class."""
    if isinstance(error, DeadlineExceeded):
        return "deadline"
    names = [kind.__name__ for kind in type(error).__mro__]
    if "CancelledError" in names or "GeneratorExit" in names:
        return "cancelled"
    if isinstance(error, TimeoutError) or any(mark in name for name in names for mark in _TIMEOUTS):
        return "timeout"
    if isinstance(error, ConnectionError) or any(mark in name for name in names for mark in _CONNECTIONS):
        return "connection_error"
    return "error"


_CONTRIB = {"aiohttp": "aiohttp_client"}


def suppressed() -> bool:
    """Whether OpenTelemetry asks not to be observed, as its exporters do while they send."""
    otel = sys.modules.get("opentelemetry.context")
    return otel is not None and bool(
        otel.get_value("suppress_instrumentation") or otel.get_value("suppress_http_instrumentation")
    )


def contrib_is_on(library: str) -> bool:
    """Whether OpenTelemetry's own instrumentation of `library` makes CLIENT spans, so that we must not."""
    module = sys.modules.get(f"opentelemetry.instrumentation.{library}")
    if module is None:
        return False
    makers = [
        made for name, made in vars(module).items() if name.endswith("Instrumentor") and name != "BaseInstrumentor"
    ]
    return any(bool(getattr(made(), "is_instrumented_by_opentelemetry", False)) for made in makers)


def _left() -> float | None:
    until = context.deadline.get()
    return None if until is None else until - _monotonic()


def _failed(error: BaseException) -> None:
    from sereno_kit.metrics.faults import failed

    failed("outgoing", error)


_meters: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()


def _count(integration: str, endpoint: str, status: str, seconds: float) -> None:
    from sereno_kit.metrics.registry import current

    registry = current()
    meters = _meters.get(registry)
    if meters is None:
        meters = _meters[registry] = declare(registry)
    calls, duration = meters
    calls.inc(integration=integration, endpoint=endpoint, status=status)
    duration.observe(seconds, integration=integration, endpoint=endpoint)


def declare(registry: Any) -> tuple[Any, Any]:
    """Both metrics of outgoing calls in `registry`."""
    labels: Mapping[str, None] = {"integration": None, "endpoint": None}
    calls = registry.counter(
        CALLS, "Calls to other services, by status: its code, or why there was none", **labels, status=None
    )
    duration = registry.histogram(DURATION, "Time until another service's status and headers were there", **labels)
    return calls, duration


def _span(method: str, host: str, port: int | None, endpoint: str, url: str) -> Any:
    otel = sys.modules.get("opentelemetry.trace")
    if otel is None or type(otel.get_tracer_provider()).__name__ in {"ProxyTracerProvider", "NoOpTracerProvider"}:
        return None
    try:
        attributes: dict[str, Any] = {"http.request.method": method, "server.address": host}
        if port is not None:
            attributes["server.port"] = port
        if endpoint != OTHER:
            attributes["url.template"] = endpoint
        tracer = otel.get_tracer("sereno_kit")
        name = method if endpoint == OTHER else f"{method} {endpoint}"
        span = tracer.start_span(name, kind=otel.SpanKind.CLIENT, attributes=attributes)
        if span.is_recording():
            span.set_attribute("url.full", _clean(url))
        return span
    except Exception as error:
        _failed(error)
        return None


def _clean(url: str) -> str:
    from sereno_kit import redact

    return str(redact.DEFAULT.url(url))


def _end_span(span: Any, status: int | None, error: BaseException | None) -> None:
    otel = sys.modules["opentelemetry.trace"]
    if span.is_recording():
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        if error is not None:
            kind = type(error)
            span.set_attribute("error.type", f"{kind.__module__}.{kind.__qualname__}")
            span.record_exception(error)
        elif status is not None and status >= 400:
            span.set_attribute("error.type", str(status))
        if error is not None or (status or 0) >= 400:
            span.set_status(otel.StatusCode.ERROR)
    span.end()
