"""The kit's own mishaps: swallowed, counted, told once. A guest does not break its host."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sereno_kit import forks

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

PARTS = (
    "admin", "chaos", "close", "errors", "features", "flags", "flush", "logs", "metrics", "middleware", "outgoing",
    "pipeline", "problems", "rate_limiting", "routes", "sentry", "start",
)  # fmt: skip
"""Which parts of the kit can fail."""
_told: set[tuple[str, str]] = set()
_TOLD_MAX = 500
_lock = forks.lock()
_logger = logging.getLogger("sereno_kit")


def expect(registry: Registry) -> None:
    """Let all parts stand at zero before anything fails: an alert on growth sees the first mishap too."""
    for part in PARTS:
        registry.errors.labels(part=part)


def failed(part: str, error: BaseException | None = None, *, what: str = "") -> None:
    """Count one mishap in `sereno_kit_errors_total{part}`, and log it if it is the first of its kind. Never raises.

    Args:
        part: which part of the kit it befell: one of `PARTS`, never data.
        error: what was raised, if anything was.
        what: what the program should know, in one sentence without data; part and error's type, if not given.
    """
    try:
        from sereno_kit.metrics.registry import current

        current().errors.inc(part=part)
        _tell(part, error, what)
    except Exception:  # noqa: S110 - who reports mishaps has nobody to report its own to
        pass


def _tell(part: str, error: BaseException | None, what: str) -> None:
    kind = what or type(error).__qualname__
    with _lock:
        if (part, kind) in _told or len(_told) >= _TOLD_MAX:
            return
        _told.add((part, kind))
    _logger.warning(
        "sereno_kit: %s: %s (further ones are only counted, in sereno_kit_errors_total)", part, kind, exc_info=error
    )
