"""Whether a store that others run answers: who may ask it, and telling people when that changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sereno_kit.clock import Clock

_log = logging.getLogger("sereno_kit.limits")


class Away:
    """After a failure the store is left alone for a while, then one caller tries: a store that hangs costs one
    time-out a while, not one a call.

    Args:
        store: its name in metrics and logs.
        clock: its monotonic time counts.
        retry_seconds: how long the store is left alone.
    """

    def __init__(self, store: str, clock: Clock, retry_seconds: float) -> None:
        self.store = store
        self.retry_seconds = retry_seconds
        self.is_away = False
        self._now = clock.monotonic
        self._until = 0.0
        self._tell: tuple[Callable[[float], None], Callable[[], None]] | None = None

    def may_try(self) -> bool:
        """Whether the caller should ask the store."""
        if not self.is_away:
            return True
        now = self._now()
        if now < self._until:
            return False
        self._until = now + self.retry_seconds
        return True

    def failed(self, error: BaseException) -> None:
        """The store did not answer."""
        self._until = self._now() + self.retry_seconds
        was, self.is_away = self.is_away, True
        up, count = self._telling()
        count()
        if not was:
            up(0.0)
            _log.warning("rate limit store away", extra={"store": self.store, "error.type": type(error).__qualname__})

    def worked(self) -> None:
        """The store answered."""
        if self.is_away:
            self.is_away = False
            self._telling()[0](1.0)
            _log.warning("rate limit store back", extra={"store": self.store})

    def _telling(self) -> tuple[Callable[[float], None], Callable[[], None]]:
        if self._tell is None:
            self._tell = _metrics(self.store)
        return self._tell


def _metrics(store: str) -> tuple[Callable[[float], None], Callable[[], None]]:
    try:
        from sereno_kit.metrics.registry import current

        registry: Any = current()
        up = registry.gauge("rate_limit_store_up", "Whether the store of rate limits answers", store=[store])
        errors = registry.counter(
            "rate_limit_store_errors_total", "Questions that the store of rate limits did not answer", store=[store]
        )
    except Exception:  # metrics are no reason to fail a caller
        return lambda _: None, lambda: None
    return lambda value: up.set(value, store=store), lambda: errors.inc(store=store)
