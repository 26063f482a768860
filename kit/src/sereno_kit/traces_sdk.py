"""OpenTelemetry's SDK as the kit sets it up: sampled by share, sent in batches after the fork, redacted on the way out.

Imported only when traces are asked for; whoever imports it needs the extra `otel`.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Status

from sereno_kit.clock import SYSTEM, new_id
from sereno_kit.options import Traces
from sereno_kit.traces import Redacts

_GRPC_PORT = 4317
EXPORT_TIMEOUT_SECONDS = 5.0
"""Of one batch; `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise."""
_log = logging.getLogger("sereno_kit.traces")
_ours: weakref.WeakSet[TracerProvider] = weakref.WeakSet()
_running: set[TracerProvider] = set()


def provider(
    options: Traces, *, service: str, environment: str, version: str, redactor: Redacts
) -> tuple[trace.TracerProvider, bool]:
    """The provider to use, and whether it is ours to end.

    One that somebody else set is theirs. Ours becomes the process's; a second service in the same process gets one of
    its own, since the process's can be set only once.
    """
    there = trace.get_tracer_provider()
    if not isinstance(there, trace.ProxyTracerProvider) and there not in _ours:
        _log.info(
            "an OpenTelemetry provider is already set; it is used as it is, without the kit's sampling or redactor"
        )
        return there, False
    made = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(options.share)),
        resource=_resource(service, environment, version),
        shutdown_on_exit=False,
    )
    make = _exporter(options, redactor)
    if make is not None:
        made.add_span_processor(PerProcess(make))
    _ours.add(made)
    _running.add(made)
    if isinstance(there, trace.ProxyTracerProvider):
        trace.set_tracer_provider(made)
    return made, True


def _resource(service: str, environment: str, version: str) -> Resource:
    said = {
        "service.name": service,
        "service.version": version,
        "deployment.environment.name": environment,
        "service.instance.id": new_id(),
    }
    return Resource.create({name: value for name, value in said.items() if value})


def _exporter(options: Traces, redactor: Redacts) -> Callable[[], Redacting] | None:
    endpoint = _endpoint(options.endpoint)
    asked = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if asked == "none" and endpoint is None:
        return None
    environment = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint is None and not any(os.environ.get(name) for name in environment):
        _log.warning("traces are made but sent nowhere: give an endpoint or set OTEL_EXPORTER_OTLP_ENDPOINT")
        return None
    timeouts = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    timeout = None if any(os.environ.get(name) for name in timeouts) else EXPORT_TIMEOUT_SECONDS
    headers = dict(options.headers)

    def make() -> Redacting:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        given: dict[str, Any] = {"endpoint": endpoint, "headers": headers or None, "timeout": timeout}
        return Redacting(OTLPSpanExporter(**given), redactor)

    return make


def _endpoint(given: str | None) -> str | None:
    """The address for spans: what was given, with OTLP's path where it has none."""
    if given is None:
        return None
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the endpoint of traces is the http or https URL of an OTLP receiver")
    if parts.port == _GRPC_PORT:
        _log.warning("traces go to port 4317, where collectors take gRPC; OTLP over HTTP is usually at 4318")
    return given if parts.path.endswith("/v1/traces") else given.rstrip("/") + "/v1/traces"


class PerProcess(SpanProcessor):
    """Batches in the process that ends the span: its thread and sockets begin there, so that forks are harmless."""

    def __init__(self, make: Callable[[], Redacting]) -> None:
        self._make = make
        self._begun: BatchSpanProcessor | None = None
        self._exporter: Redacting | None = None
        self._until: float | None = None
        self._stopped = False
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: (again := forked()) and again())

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span."""
        if self._stopped or span.context is None or not span.context.trace_flags.sampled:
            return
        begun = self._begun or self._begin()
        begun.on_end(span)

    def shutdown(self) -> None:
        """Send what waits, then stop."""
        self._stopped = True
        if self._begun is not None:
            self._begun.shutdown()  # type: ignore[no-untyped-call]

    def close_by(self, moment: float) -> None:
        """Begin to send nothing more after `moment` of the monotonic clock."""
        self._until = moment
        if self._exporter is not None:
            self._exporter.until = moment

    def abandon(self) -> None:
        """Give up what waits, and do not wait to try again."""
        self._stopped = True
        if self._exporter is not None:
            self._exporter.abandon()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._begun is None or self._begun.force_flush(timeout_millis)

    def _begin(self) -> BatchSpanProcessor:
        with self._lock:
            if self._begun is None:
                self._exporter = self._make()
                self._exporter.until = self._until
                self._begun = BatchSpanProcessor(self._exporter)
            return self._begun

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._begun = self._exporter = None


class Redacting(SpanExporter):
    """Sends through `inner` what the redactor left."""

    def __init__(self, inner: SpanExporter, redactor: Redacts) -> None:
        self._inner = inner
        self._redactor = redactor
        self._abandoned = False
        self.until: float | None = None
        """A moment of the monotonic clock after which nothing more is sent."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; none is dropped because of what is in it."""
        if self._abandoned or (self.until is not None and SYSTEM.monotonic() > self.until):
            return SpanExportResult.FAILURE
        return self._inner.export([redacted(span, self._redactor) for span in spans])

    def abandon(self) -> None:
        """Send nothing more, and wait no longer to try again."""
        self._abandoned = True
        self._inner.shutdown()

    def shutdown(self) -> None:
        """End the inner one."""
        if not self._abandoned:
            self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """The inner one's."""
        return self._inner.force_flush(timeout_millis)


def redacted(span: ReadableSpan, redactor: Redacts) -> ReadableSpan:
    """A copy of `span` whose name, attributes, events, links and status went through `redactor`."""
    status = span.status
    return ReadableSpan(
        name=_text(redactor, span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span.attributes, redactor),
        events=[
            Event(_text(redactor, event.name), _attributes(event.attributes, redactor), event.timestamp)
            for event in span.events
        ],
        links=[Link(link.context, _attributes(link.attributes, redactor)) for link in span.links],
        kind=span.kind,
        status=Status(status.status_code, _text(redactor, status.description)) if status.description else status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


_KEPT = frozenset(
    {
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "url.scheme",
        "network.protocol.version",
        "server.port",
        "error.type",
        "exception.type",
    }
)
"""Attributes whose values come from the program or a closed set."""
_PATHS = frozenset({"url.path", "url.full", "http.url", "http.target"})


def _attributes(attributes: Mapping[str, Any] | None, redactor: Redacts) -> dict[str, Any]:
    return {_encodable(name): _attribute(name, value, redactor) for name, value in (attributes or {}).items()}


def _attribute(name: str, value: Any, redactor: Redacts) -> Any:
    if name in _KEPT:
        return _plain(value)
    if name in _PATHS and isinstance(value, str):
        return _plain(_safely(redactor.url, value))
    shown = _safely(lambda one: redactor.redact(one, key=name), value)
    last = name.rpartition(".")[2]
    if last != name:  # its last part may name a secret too: `http.request.header.authorization`
        shown = _safely(lambda one: redactor.redact(one, key=last), shown)
    return _plain(shown)


def _plain(value: Any) -> Any:
    """What protobuf can carry: one value that it cannot would cost the whole batch."""
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items if len({type(item) for item in items}) <= 1 else [str(item) for item in items]
    return _encodable(str(value))


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _safely(clean: Callable[[Any], Any], value: Any) -> Any:
    """What cannot be judged does not leave."""
    try:
        return clean(value)
    except Exception:
        return "[unredactable]"


def _text(redactor: Redacts, text: str) -> str:
    return _encodable(str(_safely(redactor.text, text)))


def bounded(work: Callable[[], object], timeout_seconds: float) -> bool:
    """Do `work` in a thread of its own for at most so long; whether it ended in time."""
    worker = threading.Thread(target=work, name="sereno-kit-traces", daemon=True)
    try:
        worker.start()
    except RuntimeError:  # the interpreter is ending and starts no more threads
        work()
        return True
    worker.join(timeout_seconds)
    return not worker.is_alive()


def stop(made: trace.TracerProvider, timeout_seconds: float) -> bool:
    """Send what waits and end the provider, for at most so long."""
    if not isinstance(made, TracerProvider) or made not in _running:
        return True
    _running.discard(made)
    exporting = [one for one in made._active_span_processor._span_processors if isinstance(one, PerProcess)]
    for processor in exporting:
        processor.close_by(SYSTEM.monotonic() + timeout_seconds)
    done = bounded(made.shutdown, timeout_seconds)
    if not done:
        _log.warning("traces: what waited to be sent was given up after %s s", timeout_seconds)
        for processor in exporting:
            processor.abandon()
    return done


@atexit.register
def _at_exit() -> None:
    for made in tuple(_running):
        stop(made, EXPORT_TIMEOUT_SECONDS)
