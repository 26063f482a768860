"""What evaluations and their sources tell: metrics, a span's events, the log. Never an error to the host."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from sereno_kit.flags.evaluation import NOT_FOUND, NOT_READY, REASONS, Details

_logger = logging.getLogger("sereno_kit.flags")
CHILDREN_MOST = 2_000


class Telling:
    """Counts evaluations on children that were made once, and says how the source is."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str | None, str], Callable[[], None]] = {}
        self._span: Callable[[], Any] | None = None

    def evaluated(self, key: str, found: Details) -> None:
        """Count one evaluation, and mark the span in hand."""
        wanted = ("__other__" if found.error_code in (NOT_FOUND, NOT_READY) else key, found.variant, found.reason)
        count = self._children.get(wanted)
        if count is None:
            count = self._child(*wanted)
        count()
        if "opentelemetry.trace" in sys.modules:
            self._mark(key, found)

    def _child(self, key: str, variant: str | None, reason: str) -> Callable[[], None]:
        made = _counter_child(key, variant or "", reason)
        if len(self._children) < CHILDREN_MOST:
            self._children[key, variant, reason] = made
        return made

    def _mark(self, key: str, found: Details) -> None:
        if self._span is None:
            from opentelemetry.trace import get_current_span

            self._span = get_current_span
        span = self._span()
        if span.is_recording():
            # The names of OpenTelemetry's semantic conventions for feature flags.
            told = {"feature_flag.key": key, "feature_flag.provider.name": "sereno",
                    "feature_flag.result.reason": found.reason.lower()}  # fmt: skip
            if found.variant is not None:
                told["feature_flag.result.variant"] = found.variant
            if found.error_code:
                told["error.type"] = found.error_code.lower()
            span.add_event("feature_flag.evaluation", told)

    def stale(self, source: str, stale: bool) -> None:
        """Whether what is evaluated is known to be the newest there is."""
        try:
            from sereno_kit.metrics.registry import current

            gauge = current().gauge(
                "flags_stale",
                "1 while the last good definitions of flags stand in for newer ones",
                multiprocess="livemax",
                source=None,
            )
            gauge.set(1.0 if stale else 0.0, source=source)
        except Exception as error:
            failed(error)

    @staticmethod
    def log(level: str, event: str, **fields: Any) -> None:
        """A line of the program's log."""
        try:
            getattr(_logger, level)(event, extra=fields)
        except Exception as error:
            failed(error)


def _counter_child(key: str, variant: str, reason: str) -> Callable[[], None]:
    try:
        from sereno_kit.metrics.registry import current

        counter = current().counter(
            "feature_flag_evaluations_total", "Evaluations of feature flags", key=None, variant=None, reason=REASONS
        )
        return counter.labels(key=key, variant=variant, reason=reason).inc
    except Exception as error:
        failed(error)
        return lambda: None


def failed(error: BaseException) -> None:
    """Count a mishap of the kit's own."""
    from sereno_kit.metrics.faults import failed as count

    count("flags", error)
