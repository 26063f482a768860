"""How late the event loop is: the time for which everybody waited because somebody did not `await`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sereno_kit.metrics.metric import HistogramChild
    from sereno_kit.metrics.registry import Registry

NAME = "event_loop_lag_seconds"
BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
EVERY_SECONDS = 0.5
_watched: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopLag] = WeakKeyDictionary()


class LoopLag:
    """Asks the loop to be called at an instant, and counts how much later that happens. No task, no thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lag: HistogramChild, every_seconds: float) -> None:
        self._lag = lag
        self._every = every_seconds
        self._handle: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = due = loop.time() + self._every
        self._handle = loop.call_at(due, self._called, loop, due)

    def _called(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._last = max(0.0, loop.time() - due)
        self._lag.observe(self._last)
        self._next(loop)

    def late(self) -> float:
        """How many seconds late the loop that asks was when it last called back, or is by now; 0 for another loop."""
        loop = asyncio.get_running_loop()
        return max(self._last, loop.time() - self._due) if _watched.get(loop) is self else 0.0

    def stop(self) -> None:
        """Measure no more."""
        if self._handle is not None:
            self._handle.cancel()


def watch(registry: Registry, *, every_seconds: float = EVERY_SECONDS) -> LoopLag:
    """Measure the lateness of the loop that runs now, in `event_loop_lag_seconds`; done twice, it is done once.

    Raises:
        RuntimeError: outside of an event loop of asyncio.
    """
    loop = asyncio.get_running_loop()
    found = _watched.get(loop)
    if found is None:
        lag = registry.histogram(
            NAME, "How much later than asked for the event loop called back", bounds=BOUNDS
        ).labels()  # fmt: skip
        found = _watched[loop] = LoopLag(loop, lag, every_seconds)
    return found
