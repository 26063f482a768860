"""Logs: one line an event, for people on a terminal, JSON otherwise."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO

import structlog


class Quiet:
    """A stream that never complains: a full disk or a closed pipe behind the log must not stop a page."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write as much as can be written."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, if anyone takes it."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure_logs() -> None:
    """Send structlog's and the standard library's records to stderr."""
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(Quiet(sys.stderr)),  # type: ignore[arg-type]
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
