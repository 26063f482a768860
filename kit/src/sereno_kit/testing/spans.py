"""Spans as a test sees them. Needs the extra `otel`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sereno_kit.traces import MISSING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider


@dataclass(frozen=True)
class CapturedSpan:
    """One ended span, before the redactor; ids in hexadecimal."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    status: str
    seconds: float
    """From its start to its end."""


class CapturedSpans:
    """The spans that ended in the block, in the order of their ends."""

    def __init__(self) -> None:
        self._spans: list[CapturedSpan] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[CapturedSpan]:
        return iter(list(self._spans))

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> CapturedSpan:
        return self._spans[index]

    def named(self, name: str) -> list[CapturedSpan]:
        """Those called `name`."""
        return [span for span in self if span.name == name]

    def of_kind(self, kind: str) -> list[CapturedSpan]:
        """Those of a kind: `SERVER`, `CLIENT`, `INTERNAL`, `PRODUCER`, `CONSUMER`."""
        return [span for span in self if span.kind == kind]

    def one(self, name: str) -> CapturedSpan:
        """The only one called `name`. Raises LookupError if there are none or several."""
        found = self.named(name)
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are called {name!r}; there are {[span.name for span in self]}")
        return found[0]

    def _take(self, span: ReadableSpan) -> None:
        taken = _captured(span)
        with self._lock:
            self._spans.append(taken)


@contextmanager
def capture_spans() -> Iterator[CapturedSpans]:
    """Collect the spans that end in the block.

    Where no provider is set, one that keeps every span is the process's for as long as the block lasts. Where one is,
    what it samples is collected besides where it goes: give `traces=1.0` in tests.

    Raises:
        ImportError: the extra `otel` is not installed.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError as error:
        raise ImportError(MISSING) from error
    captured = CapturedSpans()
    there = trace.get_tracer_provider()
    if isinstance(there, TracerProvider) and there is not _own:
        with _listening(there, captured):
            yield captured
    else:
        with _listening(_kept(), captured), _set(_kept()):
            yield captured


_own: TracerProvider | None = None
_depth = 0


def _kept() -> TracerProvider:
    """One provider for all captures: tracers that somebody keeps go on working in the next one."""
    global _own
    if _own is None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, SamplingResult

        class WhileCapturing(Sampler):
            def should_sample(self, *args: Any, **settings: Any) -> SamplingResult:
                return (ALWAYS_ON if _depth else ALWAYS_OFF).should_sample(*args, **settings)

            def get_description(self) -> str:
                return "WhileCapturing"

        _own = TracerProvider(WhileCapturing(), Resource.get_empty(), shutdown_on_exit=False)
    return _own


@contextmanager
def _set(provider: TracerProvider) -> Iterator[None]:
    """OpenTelemetry lets the provider be set once and never taken back, so both are done behind its back."""
    global _depth
    from opentelemetry import trace

    _depth += 1
    trace._TRACER_PROVIDER = provider
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0 and trace._TRACER_PROVIDER is provider:
            trace._TRACER_PROVIDER = None


@contextmanager
def _listening(provider: TracerProvider, captured: CapturedSpans) -> Iterator[None]:
    from opentelemetry.sdk.trace import SpanProcessor

    class Listener(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            captured._take(span)

    listener = Listener()
    provider.add_span_processor(listener)
    try:
        yield
    finally:
        processors = provider._active_span_processor
        processors._span_processors = tuple(one for one in processors._span_processors if one is not listener)


def _captured(span: ReadableSpan) -> CapturedSpan:
    place = span.get_span_context()
    return CapturedSpan(
        span.name,
        span.kind.name,
        f"{place.trace_id:032x}" if place else "",
        f"{place.span_id:016x}" if place else "",
        f"{span.parent.span_id:016x}" if span.parent else "",
        dict(span.attributes or {}),
        [(event.name, dict(event.attributes or {})) for event in span.events],
        span.status.status_code.name,
        ((span.end_time or 0) - (span.start_time or 0)) / 1e9,
    )
