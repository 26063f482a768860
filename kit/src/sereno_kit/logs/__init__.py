"""Structured logs: structlog and `logging` come out the same, as one JSON object a line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sereno_kit.logs.access import AccessLog
from sereno_kit.logs.bound import BoundLogger, bind, bound, get_logger, unbind
from sereno_kit.logs.console import console
from sereno_kit.logs.encoding import encode
from sereno_kit.logs.hooks import Hooks
from sereno_kit.logs.layouts import layout
from sereno_kit.logs.records import Encode, Lines
from sereno_kit.logs.servers import Servers
from sereno_kit.logs.sinks import Direct, Queued, standard_output
from sereno_kit.logs.structlogs import Structlog
from sereno_kit.options import Logs
from sereno_kit.redact import Redactor

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

__all__ = ["AccessLog", "BoundLogger", "Logging", "bind", "bound", "configure", "get_logger", "unbind"]

_current: Logging | None = None


class Logging:
    """Logging as it is configured: the access log, the levels, the way back.

    Args:
        options: how the program logs.
        service: its name.
        environment: where it runs.
        version: what runs.
        redactor: what all lines pass.
        metrics: where dropped lines are counted.
    """

    def __init__(
        self,
        options: Logs,
        *,
        service: str,
        environment: str,
        version: str,
        redactor: Redactor,
        metrics: Registry | None,
    ) -> None:
        form = _form(options)
        names = layout("otel" if options.form == "console" else options.fields, service, environment, version)
        direct = Direct(options.stream if options.stream is not None else standard_output())
        dropped = _counting(metrics)
        self.sink = Queued(direct, options.queue_lines_max, dropped) if options.queue_lines_max > 0 else direct
        self.handler = Lines(names, form, self.sink, redactor, options.sample, _trace())
        self.access = AccessLog(options, names, form, self.sink, redactor)
        self._servers = Servers(access=options.access)
        self._hooks = Hooks()
        self.options = options
        self._levels_before: dict[str, int] = {}
        self._handlers_before: list[logging.Handler] = []
        self._structlog = Structlog()

    def install(self) -> None:
        """Take logging over."""
        for name, level in {"": self.options.level, **self.options.levels}.items():
            self.set_level(level, name)
        root = logging.getLogger()
        self._handlers_before = [one for one in root.handlers if _writes_to_terminal(one)]
        for one in self._handlers_before:
            root.removeHandler(one)
        root.addHandler(self.handler)
        self.adopt()
        self._hooks.install()
        self._structlog.install()

    def adopt(self) -> None:
        """Take servers' loggers over again; for after a server has set up its own, as uvicorn does when it starts."""
        self._servers.adopt()

    def set_level(self, level: str, logger: str = "") -> None:
        """Change what is written, while the program runs.

        Args:
            level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
            logger: whose; everybody's who has none of their own, if not given.

        Raises:
            ValueError: there is no such level.
        """
        number = _number(level)
        its = logging.getLogger(logger)
        self._levels_before.setdefault(logger, its.level)
        its.setLevel(number)

    @property
    def level(self) -> str:
        """Everybody's level, who has none of their own."""
        return str(logging.getLevelName(logging.getLogger().level))

    def levels(self) -> dict[str, str]:
        """The levels that were set here, by logger; the empty name is everybody's."""
        return {name: logging.getLevelName(logging.getLogger(name).level) for name in sorted(self._levels_before)}

    def close(self) -> None:
        """Give everything back as it was, and write what waits."""
        global _current
        if _current is not self:
            return
        _current = None
        root = logging.getLogger()
        root.removeHandler(self.handler)
        for one in self._handlers_before:
            if one not in root.handlers:
                root.addHandler(one)
        for name, number in self._levels_before.items():
            logging.getLogger(name).setLevel(number)
        self._servers.release()
        self._hooks.remove()
        self._structlog.remove()
        self.sink.close()


def configure(
    options: Logs | None = None,
    *,
    service: str = "",
    environment: str = "",
    version: str = "",
    redactor: Redactor | None = None,
    metrics: Registry | None = None,
) -> Logging:
    """Make all lines of the program come out as JSON on one stream.

    Handlers of the root logger that write to standard output or error are replaced, others stay. Calling it again
    replaces what an earlier call did; nothing is ever written twice.

    Args:
        options: how it logs.
        service: its name, on every line.
        environment: where it runs.
        version: what runs.
        redactor: what all lines pass; the default one, if not given.
        metrics: where dropped lines are counted; the process's registry, if not given.

    Returns:
        What it is now, with the way back (`close`).

    Raises:
        ValueError: a level or a field set that there is not.
    """
    global _current
    from sereno_kit import redact

    made = Logging(
        options or Logs(),
        service=service,
        environment=environment,
        version=version,
        redactor=redactor or redact.DEFAULT,
        metrics=metrics,
    )
    for level in (made.options.level, *made.options.levels.values()):
        _number(level)
    if _current is not None:
        _current.close()
    _current = made
    made.install()
    return made


def _form(options: Logs) -> Encode:
    if options.form != "console":
        return encode
    stream = options.stream if options.stream is not None else standard_output()
    return partial(console, coloured=stream is not None and stream.isatty())


def _writes_to_terminal(handler: logging.Handler) -> bool:
    """Whether its lines would come out beside ours; also by a queue that ends at a terminal, as Litestar's does."""
    behind = getattr(getattr(handler, "listener", None), "handlers", ())
    if behind:
        return all(_writes_to_terminal(one) for one in behind)
    kind = isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
    return kind and getattr(handler, "stream", None) in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)


def _number(level: str) -> int:
    names: Mapping[str, int] = logging.getLevelNamesMapping()
    number = names.get(level.upper())
    if number is None or number == 0:
        raise ValueError(f"logs have no level {level!r}; there are DEBUG, INFO, WARNING, ERROR and CRITICAL")
    return number


def _trace() -> Callable[[], Any]:
    from sereno_kit.traces import current

    return current


def _counting(metrics: Registry | None) -> Callable[[int], None]:
    """What counts dropped lines in `sereno_kit_log_lines_dropped_total`."""
    from sereno_kit.metrics.registry import current

    counter = (metrics or current()).counter(
        "sereno_kit_log_lines_dropped_total", "Log lines that found no place in the queue, or no reader"
    )
    return lambda count: counter.inc(count)
