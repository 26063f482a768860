"""Logs: one line an event, for people on a terminal, JSON otherwise. Nothing in them is obeyed by a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from sereno.kernel.inert import inert

TRACES = ("trace", "exception", "stack")
CHATTY = ("httpx", "httpcore", "hpack", "aiosmtplib", "sqlalchemy", "asyncio")
"""Libraries that would tell addresses, headers or parameters, which may be credentials, below a warning."""


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


class Plain(logging.Formatter):
    """A record on one line (its traceback below it), with nothing that a terminal would obey."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line."""
        return _on_one_line(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """The traceback."""
        return inert(super().formatException(ei))  # type: ignore[arg-type]


def harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: texts on one line, traces on several, and neither with anything to obey."""
    return {
        key: (inert(value) if key in TRACES else _on_one_line(value)) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _on_one_line(text: str) -> str:
    return inert(text).replace("\n", "\\n")


def configure_logs() -> None:
    """Send structlog's and the standard library's records to stderr."""
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            harmless,
            structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(Quiet(sys.stderr)),  # type: ignore[arg-type]
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
