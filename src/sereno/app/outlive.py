"""How a loop lives on when something in it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from sereno.adapters.sql.errors import DatabaseDied
from sereno.app.metrics import Metrics
from sereno.kernel.errors import SerenoError

log = structlog.get_logger()


@contextmanager
def outlive(loop: str, metrics: Metrics) -> Iterator[list[Exception]]:
    """Log and count what fails inside, and go on; what failed is in the list that it yields.

    Only DatabaseDied passes through: then the program must end. What was due still is: the next look tries again.
    """
    failures: list[Exception] = []
    try:
        yield failures
    except DatabaseDied:
        raise
    except Exception as error:
        failures.append(error)
        expected = isinstance(error, SerenoError)
        log.error("loop_failed", loop=loop, error=shown(error), exc_info=None if expected else error)
        metrics.loop_errors.labels(loop).inc()


def shown(error: Exception) -> str:
    """`error` in words for people; of a foreign one only its kind, for its text may hold anything."""
    return error.message if isinstance(error, SerenoError) else type(error).__name__
