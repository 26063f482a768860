"""Makes a Python service observable and resilient in one line.

    kit = instrument(app, service="orders", environment="prod")

Names are imported when they are touched, so that a program pays only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sereno_kit.errors import (
        BulkheadFull,
        Category,
        CircuitOpen,
        ClientError,
        DeadlineExceeded,
        DependencyError,
        InternalError,
        KitError,
        RateLimited,
        Rejected,
        Transient,
        classify,
    )
    from sereno_kit.flags import Flags
    from sereno_kit.instrumenting import instrument
    from sereno_kit.kit import Kit
    from sereno_kit.logger import get_logger
    from sereno_kit.options import Admin, Drain, Health, Logs, Metrics, Problems, Sentry, Traces
    from sereno_kit.redact import Redactor
    from sereno_kit.resilience.adaptive import AdaptiveLimit
    from sereno_kit.resilience.breaker import CircuitBreaker
    from sereno_kit.resilience.bulkhead import Bulkhead
    from sereno_kit.resilience.fallback import Fallback
    from sereno_kit.resilience.hedge import Hedge
    from sereno_kit.resilience.pipeline import pipeline
    from sereno_kit.resilience.rate_limit import RateLimit
    from sereno_kit.resilience.retry import Retry
    from sereno_kit.resilience.timeout import Timeout

__all__ = [  # noqa: RUF022 - a table of contents: the order is that of a reader
    # Observe: one line, and what it may be told.
    "instrument",
    "Kit",
    "Logs",
    "Metrics",
    "Traces",
    "Sentry",
    "Health",
    "Drain",
    "Admin",
    "Problems",
    "Redactor",
    "Flags",
    "get_logger",
    # Withstand: guards around calls, outermost first.
    "pipeline",
    "Fallback",
    "RateLimit",
    "Bulkhead",
    "AdaptiveLimit",
    "Timeout",
    "Retry",
    "Hedge",
    "CircuitBreaker",
    # Say what went wrong: whose fault, whether to try again, what to answer.
    "KitError",
    "ClientError",
    "DependencyError",
    "Transient",
    "DeadlineExceeded",
    "InternalError",
    "Rejected",
    "CircuitOpen",
    "BulkheadFull",
    "RateLimited",
    "Category",
    "classify",
]

_PLACES = {
    "instrumenting": ("instrument",),
    "kit": ("Kit",),
    "options": ("Logs", "Metrics", "Traces", "Sentry", "Health", "Drain", "Admin", "Problems"),
    "redact": ("Redactor",),
    "flags": ("Flags",),
    "logger": ("get_logger",),
    "resilience.pipeline": ("pipeline",),
    "resilience.fallback": ("Fallback",),
    "resilience.rate_limit": ("RateLimit",),
    "resilience.bulkhead": ("Bulkhead",),
    "resilience.adaptive": ("AdaptiveLimit",),
    "resilience.timeout": ("Timeout",),
    "resilience.retry": ("Retry",),
    "resilience.hedge": ("Hedge",),
    "resilience.breaker": ("CircuitBreaker",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, imported now (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACE_OF.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
