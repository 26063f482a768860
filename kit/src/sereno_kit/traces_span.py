"""Spans around blocks of code. Imported only where OpenTelemetry runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace

from sereno_kit import traces


@contextmanager
def running(provider: trace.TracerProvider, name: str, attributes: Mapping[str, Any]) -> Iterator[traces.Span]:
    """A span of `provider` named `name`, current within the block, failed by what the block raises."""
    tracer = provider.get_tracer("sereno_kit")
    with tracer.start_as_current_span(
        name, attributes=traces.plain_all(attributes), set_status_on_exception=False
    ) as span:
        try:
            yield traces.Span(span)
        except Exception as error:
            span.set_attribute("error.type", error_type(error))
            span.set_status(trace.StatusCode.ERROR)
            raise


def error_type(error: BaseException) -> str:
    """The fully-qualified name of the error's class (semantic conventions, `error.type`)."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
