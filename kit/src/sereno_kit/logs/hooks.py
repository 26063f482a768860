"""What a program says when nobody listens (warnings, errors that ended a thread or the program) becomes lines too."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

_logger = logging.getLogger("sereno_kit.hooks")


class Hooks:
    """Puts itself before Python's hooks, and calls those that a program has set; Python's own would tell it again."""

    def __init__(self) -> None:
        self._excepthook: Callable[..., Any] | None = None
        self._unraisable: Callable[..., Any] | None = None
        self._thread: Callable[..., Any] | None = None
        self._warning: Callable[..., Any] | None = None

    def install(self) -> None:
        """Begin. Does nothing if it has begun."""
        if self._excepthook is not None:
            return
        self._excepthook, sys.excepthook = sys.excepthook, self._on_exception
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        self._thread, threading.excepthook = threading.excepthook, self._on_thread
        self._warning, warnings.showwarning = warnings.showwarning, self._on_warning

    def remove(self) -> None:
        """End; hooks that somebody has put before ours since stay."""
        if self._excepthook is None or self._unraisable is None or self._thread is None or self._warning is None:
            return
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._excepthook
        if sys.unraisablehook == self._on_unraisable:
            sys.unraisablehook = self._unraisable
        if threading.excepthook == self._on_thread:
            threading.excepthook = self._thread
        if warnings.showwarning == self._on_warning:
            warnings.showwarning = self._warning
        self._excepthook = self._unraisable = self._thread = self._warning = None

    def _on_exception(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        before = self._excepthook or sys.__excepthook__
        if not issubclass(kind, Exception):
            before(kind, error, traceback)
            return
        _logger.critical("the program ends by an error", exc_info=(kind, error, traceback))
        if before is not sys.__excepthook__:
            before(kind, error, traceback)

    def _on_unraisable(self, what: Any) -> None:
        where = getattr(what.object, "__qualname__", type(what.object).__name__)
        error = what.exc_value
        _logger.error(
            what.err_msg or "an error that nobody could catch",
            exc_info=(type(error), error, what.exc_traceback) if error is not None else None,
            extra={"code.function.name": where},
        )
        if self._unraisable not in (None, sys.__unraisablehook__):
            self._unraisable(what)

    def _on_thread(self, what: Any) -> None:
        if what.exc_type is SystemExit:
            return
        error = what.exc_value
        _logger.error(
            "a thread ended by an error",
            exc_info=(what.exc_type, error, what.exc_traceback) if error is not None else None,
            extra={"thread.name": what.thread.name if what.thread is not None else ""},
        )
        if self._thread not in (None, threading.__excepthook__):
            self._thread(what)

    def _on_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None and self._warning is not None:
            self._warning(message, category, filename, lineno, file, line)
            return
        logging.getLogger("py.warnings").warning(
            str(message),
            extra={"warning.category": category.__name__, "code.file.path": filename, "code.line.number": lineno},
        )
