"""Records of `logging` become lines: the one way that all lines but those of requests go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sereno_kit import clock, context
from sereno_kit.logs import structlogs
from sereno_kit.logs.bound import FIELDS, bound
from sereno_kit.logs.exceptions import described
from sereno_kit.logs.layouts import Ids, Layout
from sereno_kit.logs.sinks import Sink
from sereno_kit.redact import Redactor

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message", FIELDS}
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
Encode = Callable[[Mapping[str, Any]], bytes]


def level_name(number: int) -> str:
    """The documented level that a level's number belongs to: 25 is INFO, 35 is WARNING."""
    return _LEVELS.get(number) or _LEVELS[min(50, max(10, number // 10 * 10))]


class Lines(logging.Handler):
    """The one handler: reads a record, redacts it, gives its parts their names, writes it.

    Args:
        layout: how things are called.
        encode: a line as bytes.
        sink: where to.
        redactor: what everything passes that comes from the program.
        sample: by message, the share of lines below WARNING to keep.
        trace: which trace the code is in.
    """

    def __init__(
        self,
        layout: Layout,
        encode: Encode,
        sink: Sink,
        redactor: Redactor,
        sample: Mapping[str, float],
        trace: Callable[[], Any],
    ) -> None:
        super().__init__()
        self.layout, self.encode, self.sink, self.redactor, self.sample = layout, encode, sink, redactor, sample
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of `record`. Never raises, and never loses one that can be written at all."""
        try:
            line = self._line(record)
        except Exception as error:
            line = self._last_resort(record, error)
        if line is None:
            return
        try:
            self.sink.write(line)
        except Exception as error:
            _count(error)

    def handle(self, record: logging.LogRecord) -> bool:
        """As `logging` does, without its lock, which Python 3.13 takes whether or not there is one."""
        passed: Any = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """None is needed: the sink has its own, and everything before it belongs to the line."""
        self.lock = None

    def _line(self, record: logging.LogRecord) -> bytes | None:
        message, fields = _parts(record)
        if "arguments" in fields and fields["arguments"] is record.args and self.redactor.may_name_secrets(message):
            fields["arguments"] = self.redactor.mask
        if record.levelno < logging.WARNING and self.sample:
            share = self.sample.get(message, 1.0)
            if share < 1.0:
                if clock.uniform() >= share:
                    return None
                fields["sample_share"] = share
        request_id = context.request_id.get()
        about = {**bound(request_id), **structlogs.fields()}
        fields = {**about, **fields} if about else fields
        clean = self.redactor.redact(fields) if fields else fields
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return self.encode(
            self.layout.line(
                record.created,
                level_name(record.levelno),
                self.redactor.text(message),
                record.name,
                self._ids(request_id),
                clean if isinstance(clean, dict) else {"fields": clean},
                described(error, self.redactor) if error is not None else None,
            )
        )

    def _ids(self, request_id: str) -> Ids:
        trace = self._trace()
        return Ids(request_id, trace.trace_id, trace.span_id) if trace is not None else Ids(request_id)

    def _last_resort(self, record: logging.LogRecord, error: Exception) -> bytes | None:
        """At least that there was a line, and of whom."""
        _count(error)
        try:
            told = {"log_error": type(error).__name__}
            return self.encode(
                self.layout.line(
                    record.created,
                    level_name(record.levelno),
                    "[line that could not be written]",
                    record.name,
                    Ids(),
                    told,
                )
            )
        except Exception:
            return None


def _parts(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """A record's message and fields; what cannot be put into the message becomes a field."""
    own = record.__dict__
    fields = dict(own[FIELDS]) if FIELDS in own else {k: v for k, v in own.items() if k not in _STANDARD}
    if FIELDS in own and len(own) > len(_STANDARD):
        fields |= {k: v for k, v in own.items() if k not in _STANDARD and k not in fields}
    if record.stack_info:
        fields["stack"] = record.stack_info
    message = record.msg if type(record.msg) is str else _text(record.msg)
    if not record.args:
        return message, fields
    try:
        return record.getMessage(), fields
    except Exception:
        fields["arguments"] = record.args
        return message, fields


def _text(message: Any) -> str:
    try:
        return str(message)
    except Exception:
        return f"[{type(message).__name__} without text]"


def _count(error: Exception) -> None:
    from sereno_kit.metrics.faults import failed

    failed("logs", error)
