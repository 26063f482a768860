"""structlog, for programs that use it: set up as soon as it is imported. Until then it costs nothing.

Its import takes more time and memory than the rest of the kit: it brings rich, where that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from sereno_kit.logs.bound import BoundLogger, processors
from sereno_kit.metrics.faults import failed

NAME = "structlog"


def _nothing() -> Mapping[str, Any]:
    return {}


fields: Callable[[], Mapping[str, Any]] = _nothing
"""What the program has bound with `structlog.contextvars`."""


class Structlog:
    """structlog's loggers as the kit's own, from `install` until `remove`."""

    def __init__(self) -> None:
        self._before: dict[str, Any] | None = None

    def install(self) -> None:
        """Set it up now, if the program has imported it; otherwise when it does."""
        if hasattr(sys.modules.get(NAME), "configure"):
            self._set_up()
        else:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Give it back as it was."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if self._before is not None:
            sys.modules[NAME].configure(**self._before)
            self._before = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What the import system asks of everybody in `sys.meta_path`: only here it is heard that structlog comes."""
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        loader: Any = spec and spec.loader
        execute: Any = getattr(loader, "exec_module", None)

        def executed(module: ModuleType) -> None:
            execute(module)
            self._set_up()

        if execute is not None:
            with suppress(AttributeError):  # a loader that takes no attributes
                loader.exec_module = executed
        return spec

    def _set_up(self) -> None:
        global fields
        try:
            import structlog

            self._before = dict(structlog.get_config())
            structlog.configure(
                processors=processors,
                wrapper_class=BoundLogger,
                logger_factory=structlog.stdlib.LoggerFactory(),
                context_class=dict,
                cache_logger_on_first_use=False,
            )
            fields = structlog.contextvars.get_contextvars
        except Exception as error:
            failed("logs", error)
