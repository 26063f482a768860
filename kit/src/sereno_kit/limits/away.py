"""Whether a store that others run answers: who may ask it, and telling people when that changes."""

from __future__ import annotations

import logging
from collections.abc import Callable

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
        self._up: Callable[[float], None] | None = None
        self._count = _errors(store)

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
        self._count()
        if not was:
            self._telling()(0.0)
            _log.warning("rate limit store away", extra={"store": self.store, "error.type": type(error).__qualname__})

    def worked(self) -> None:
        """The store answered."""
        if self.is_away:
            self.is_away = False
            self._telling()(1.0)
            _log.warning("rate limit store back", extra={"store": self.store})

    def _telling(self) -> Callable[[float], None]:
        """Nothing is told of a store before it has failed to answer: nobody knew how it was."""
        if self._up is None:
            self._up = _up(self.store)
        return self._up


def _errors(store: str) -> Callable[[], None]:
    """At zero from the start, or the first failure would be no increase."""
    try:
        from sereno_kit.metrics.registry import current

        errors = current().counter(
            "rate_limit_store_errors_total", "Questions that the store of rate limits did not answer", store=[store]
        )
    except Exception:  # metrics are no reason to fail a caller
        return lambda: None
    return lambda: errors.inc(store=store)


def _up(store: str) -> Callable[[float], None]:
    try:
        from sereno_kit.metrics.registry import current

        up = current().gauge(
            "rate_limit_store_up", "Whether the store of rate limits answers", multiprocess="livemin", store=[store]
        )
    except Exception:
        return lambda _: None
    return lambda value: up.set(value, store=store)
