"""Fields that all lines of a request carry, and the logger that programs use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Self

from sereno_kit import context

NOTHING: Mapping[str, Any] = MappingProxyType({})
FIELDS = "_sereno_kit_fields"
_bound: ContextVar[tuple[str, Mapping[str, Any]]] = ContextVar("sereno_kit.logs.bound", default=("", NOTHING))
processors: list[Any] = []
"""What structlog is configured with: empty, but for tests that put `structlog.testing.capture_logs` there."""


def bind(**fields: Any) -> None:
    """Put `fields` on all further lines of the request in hand, its access line among them.

    They belong to the request: the next one begins without them. Outside of a request they stay with the task or
    thread. What is bound in a thread that the framework ran for the request is seen in that thread only.
    """
    request_id = context.request_id.get()
    _bound.set((request_id, {**bound(request_id), **fields}))


def unbind(*names: str) -> None:
    """Take fields off again."""
    request_id = context.request_id.get()
    _bound.set((request_id, {name: value for name, value in bound(request_id).items() if name not in names}))


def bound(request_id: str) -> Mapping[str, Any]:
    """What is bound to the request `request_id`."""
    owner, fields = _bound.get()
    return fields if owner == request_id else NOTHING


class BoundLogger:
    """A logger with structlog's methods whose lines pass the standard library, so that both kinds come out the same.

    Levels are those of `logging`, looked up at each call, so that they may change while the program runs.
    """

    def __init__(self, logger: logging.Logger, processors: Iterable[Any], context: Mapping[str, Any]) -> None:
        self._logger = logger
        self._processors = processors
        self._context = dict(context)

    def __repr__(self) -> str:
        return f"<BoundLogger {self._logger.name!r} {self._context!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundLogger) and (self._logger, self._context) == (other._logger, other._context)

    def bind(self, **fields: Any) -> Self:
        """The logger with these fields besides its own."""
        return type(self)(self._logger, self._processors, {**self._context, **fields})

    def unbind(self, *names: str) -> Self:
        """The logger without these fields. Raises KeyError where it has none of that name."""
        for name in names:
            self._context[name]
        return self.try_unbind(*names)

    def try_unbind(self, *names: str) -> Self:
        """The logger without these fields, where it has them."""
        left = {name: value for name, value in self._context.items() if name not in names}
        return type(self)(self._logger, self._processors, left)

    def new(self, **fields: Any) -> Self:
        """The logger with these fields instead of its own."""
        return type(self)(self._logger, self._processors, fields)

    def debug(self, event: str, /, *args: Any, **fields: Any) -> None:
        """What developers look at."""
        self._log(logging.DEBUG, event, args, fields)

    def info(self, event: str, /, *args: Any, **fields: Any) -> None:
        """Something that the business did: an order was created."""
        self._log(logging.INFO, event, args, fields)

    def warning(self, event: str, /, *args: Any, **fields: Any) -> None:
        """Something unusual that was handled: a retry succeeded."""
        self._log(logging.WARNING, event, args, fields)

    def error(self, event: str, /, *args: Any, **fields: Any) -> None:
        """Something failed that somebody must look at."""
        self._log(logging.ERROR, event, args, fields)

    def critical(self, event: str, /, *args: Any, **fields: Any) -> None:
        """The program cannot go on."""
        self._log(logging.CRITICAL, event, args, fields)

    def exception(self, event: str, /, *args: Any, **fields: Any) -> None:
        """An error, with the exception that is being handled."""
        fields.setdefault("exc_info", True)
        self._log(logging.ERROR, event, args, fields)

    def log(self, level: int, event: str, /, *args: Any, **fields: Any) -> None:
        """A line of any level."""
        self._log(level, event, args, fields)

    warn, fatal, msg, err = warning, critical, info, error

    async def adebug(self, event: str, /, *args: Any, **fields: Any) -> None:
        """`debug`, for who is used to awaiting it."""
        self._log(logging.DEBUG, event, args, fields)

    async def ainfo(self, event: str, /, *args: Any, **fields: Any) -> None:
        """`info`, for who is used to awaiting it."""
        self._log(logging.INFO, event, args, fields)

    async def awarning(self, event: str, /, *args: Any, **fields: Any) -> None:
        """`warning`, for who is used to awaiting it."""
        self._log(logging.WARNING, event, args, fields)

    async def aerror(self, event: str, /, *args: Any, **fields: Any) -> None:
        """`error`, for who is used to awaiting it."""
        self._log(logging.ERROR, event, args, fields)

    async def aexception(self, event: str, /, *args: Any, **fields: Any) -> None:
        """`exception`, for who is used to awaiting it."""
        fields.setdefault("exc_info", True)
        self._log(logging.ERROR, event, args, fields)

    def _log(self, level: int, event: str, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
        logger = self._logger
        if not logger.isEnabledFor(level):
            return
        told = {**self._context, **fields} if self._context else fields
        if processors and self._captured(level, event, args, told):
            return
        trouble = told.pop("exc_info", None)
        told.pop("stack_info", None)
        record = logger.makeRecord(logger.name, level, "", 0, event, args, _exc_info(trouble))
        record.__dict__[FIELDS] = told
        logger.handle(record)

    def _captured(self, level: int, event: str, args: tuple[Any, ...], told: dict[str, Any]) -> bool:
        """Whether a test took the line (`structlog.testing.capture_logs` puts its processor into our list)."""
        from structlog import DropEvent

        line: Any = {**told, "event": event % args if args else event}
        name = logging.getLevelName(level).lower()
        try:
            for processor in processors:
                line = processor(self._logger, name, line)
        except DropEvent:
            return True
        return False


def _exc_info(given: Any) -> Any:
    if isinstance(given, BaseException):
        return (type(given), given, given.__traceback__)
    if isinstance(given, tuple):
        return given
    return sys.exc_info() if given else None


def get_logger(name: str = "", **fields: Any) -> BoundLogger:
    """A structured logger: `log.info("order created", order_id=7)`.

    It may be made at any time, before `instrument` too: until then its lines pass `logging` as they are.

    Args:
        name: of the logger, as in `logging`: the module's `__name__`.
        fields: on all its lines.
    """
    return BoundLogger(logging.getLogger(name), processors, dict(fields))
