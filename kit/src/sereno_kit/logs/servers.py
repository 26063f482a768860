"""Loggers of servers and of Litestar: errors become lines like all others; access lines are silent if we write ours."""

from __future__ import annotations

import logging
from typing import NamedTuple

ERRORS = ("uvicorn", "uvicorn.error", "gunicorn.error", "hypercorn.error", "granian", "_granian", "litestar")
ACCESS = ("uvicorn.access", "gunicorn.access", "hypercorn.access", "granian.access")


class _Was(NamedTuple):
    handlers: list[logging.Handler]
    propagate: bool


class Servers:
    """Takes servers' loggers over, and gives them back.

    Args:
        access: whether the kit writes access lines itself.
    """

    def __init__(self, *, access: bool) -> None:
        self._access = access
        self._were: dict[str, _Was] = {}

    def adopt(self) -> None:
        """Take over what is there now; again after a server has set its loggers up anew."""
        for name in ERRORS:
            self._set(name, propagate=True)
        for name in ACCESS:
            self._set(name, propagate=not self._access)

    def _set(self, name: str, *, propagate: bool) -> None:
        logger = logging.getLogger(name)
        self._were.setdefault(name, _Was(list(logger.handlers), logger.propagate))
        logger.handlers[:] = []
        logger.propagate = propagate

    def release(self) -> None:
        """Give all loggers back as they were."""
        for name, was in self._were.items():
            logger = logging.getLogger(name)
            logger.handlers[:] = was.handlers
            logger.propagate = was.propagate
        self._were.clear()
