"""Lets only so many calls at a time through, so that one slow dependency does not take every thread and task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any, ClassVar

from sereno_kit import context, forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import BulkheadFull
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter


class _Waiter:
    """Somebody in the queue. `granted` changes under the bulkhead's lock; `wake` is called after it."""

    __slots__ = ("_future", "_loop", "event", "granted")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.granted = False
        self._loop = loop
        self._future = loop.create_future() if loop is not None else None
        self.event = Event() if loop is None else None

    def wake(self) -> bool:
        """Tell it, from whatever thread. False if its loop is closed, so that it will never come."""
        if self.event is not None:
            self.event.set()
            return True
        try:
            self._loop.call_soon_threadsafe(self._arrive)  # type: ignore[union-attr]
        except RuntimeError:
            return False
        return True

    def _arrive(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def granted_within(self, seconds: float | None) -> None:
        """Wait until woken or so long."""
        if self._future is not None:
            await asyncio.wait({self._future}, timeout=seconds)


class Bulkhead(Policy):
    """At most `limit` calls at a time; at most `queue` wait, first come first served, at most `queue_timeout` seconds.

    Threads and tasks share the one limit. A wait also ends at the deadline of the call in hand. Who finds no place is
    rejected with `BulkheadFull` before anything is tried. A synchronous call on an event loop's thread does not
    wait, for it would stop the loop.

    Args:
        limit: calls under way at a time.
        queue: how many may wait; 0 for none.
        queue_timeout: seconds that one waits at most; None for as long as its deadline allows.

    Raises:
        ValueError: for a limit below 1, a negative queue, a time-out that is not above 0.
    """

    kind: ClassVar[str] = "bulkhead"
    events: ClassVar[tuple[str, ...]] = ("full", "timed_out")

    def __init__(self, limit: int, *, queue: int = 0, queue_timeout: float | None = 1.0) -> None:
        if limit < 1 or queue < 0:
            raise ValueError(f"Bulkhead: limit must be at least 1 and queue at least 0, not {limit} and {queue}")
        if queue_timeout is not None and not queue_timeout > 0:
            raise ValueError(f"Bulkhead: queue_timeout is in seconds, above 0, not {queue_timeout}")
        self.limit, self.queue, self.queue_timeout = limit, queue, queue_timeout
        # A deque's pop and append are atomic: a slot is taken and given back without a lock while nobody waits.
        self._slots: deque[None] = deque([None] * limit)
        self._waiting: deque[_Waiter] = deque()
        self._lock = forks.lock()
        self._clock = SYSTEM
        self._reporter: Reporter | None = None

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take the clock and the reporter of the one pipeline that this bulkhead is of."""
        if self._reporter is not None:
            raise ValueError("this Bulkhead is of another pipeline already; make one for each")
        self._reporter, self._clock = reporter, clock
        reporter.watch("sereno_bulkhead_in_use", "Calls under way in a bulkhead.", self._in_use)
        reporter.watch("sereno_bulkhead_queued", "Calls that wait for a place in a bulkhead.", self._queued)

    def _in_use(self) -> float:
        return float(self.limit - len(self._slots))

    def _queued(self) -> float:
        return float(len(self._waiting))

    # The call

    def sync(self, inner: Call) -> Call:
        """`inner` in one of the slots."""
        take, give, waiting, enter, hand_out = (
            self._slots.pop,
            self._slots.append,
            self._waiting,
            self._enter,
            self._hand_out,
        )

        def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if waiting:
                enter()
            else:
                try:
                    take()
                except IndexError:
                    enter()
            try:
                return inner(function, args, kwargs)
            finally:
                give(None)
                if waiting:  # who queues looks for slots after queueing, so that none is overlooked
                    hand_out()

        return guarded

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """The same slots for tasks."""
        take, give, waiting, enter, hand_out = (
            self._slots.pop,
            self._slots.append,
            self._waiting,
            self._aenter,
            self._hand_out,
        )

        async def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if waiting:
                await enter()
            else:
                try:
                    take()
                except IndexError:
                    await enter()
            try:
                return await inner(function, args, kwargs)
            finally:
                give(None)
                if waiting:  # who queues looks for slots after queueing, so that none is overlooked
                    hand_out()

        return guarded

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block of a thread in one of the slots."""
        self._enter()
        try:
            yield
        finally:
            self._slots.append(None)
            self._hand_out()

    # The queue

    def _hand_out(self) -> None:
        woken: list[_Waiter] = []
        with self._lock:
            while self._waiting and self._take():
                waiter = self._waiting.popleft()
                waiter.granted = True
                woken.append(waiter)
        for waiter in woken:
            if not waiter.wake():
                self._slots.append(None)
                self._hand_out()

    def _enqueue(self, loop: asyncio.AbstractEventLoop | None) -> _Waiter:
        waiter = _Waiter(loop)
        with self._lock:
            queued = len(self._waiting) < self.queue
            if queued:
                self._waiting.append(waiter)
            elif not self._waiting:  # there is no queue, but a place may have become free just now
                waiter.granted = self._take()
        if queued:
            self._hand_out()
        elif not waiter.granted:
            raise self._full("full", "as many calls as allowed are under way, and as many as allowed wait")
        return waiter

    def _take(self) -> bool:
        try:
            self._slots.pop()
        except IndexError:
            return False
        return True

    def _enter(self) -> None:
        blocking_loop = asyncio._get_running_loop() is not None
        waiter = self._enqueue(None)
        if not waiter.granted and not blocking_loop and waiter.event is not None:
            try:
                waiter.event.wait(self._patience())
            except BaseException:
                self._give_up(waiter, keep=False)
                raise
        self._settle(waiter)

    async def _aenter(self) -> None:
        waiter = self._enqueue(asyncio.get_running_loop())
        if not waiter.granted:
            try:
                await waiter.granted_within(self._patience())
            except BaseException:
                self._give_up(waiter, keep=False)
                raise
        self._settle(waiter)

    def _settle(self, waiter: _Waiter) -> None:
        if not self._give_up(waiter, keep=True):
            raise self._full("timed_out", "waited too long for a call under way to end")

    def _give_up(self, waiter: _Waiter, *, keep: bool) -> bool:
        """Leave the queue. Returns whether the waiter has a slot; if it has and may not `keep` it, it is handed on."""
        with self._lock:
            granted = waiter.granted
            if not granted:
                self._waiting.remove(waiter)
        if granted and not keep:
            self._slots.append(None)
            self._hand_out()
        return granted and keep

    def _patience(self) -> float | None:
        until = context.deadline.get()
        if until is None:
            return self.queue_timeout
        left = max(0.0, until - self._clock.monotonic())
        return left if self.queue_timeout is None else min(left, self.queue_timeout)

    def _full(self, event: str, why: str) -> BulkheadFull:
        if self._reporter is not None:
            self._reporter.note(event, limit=self.limit, queue=self.queue)
        return BulkheadFull(why)

    def view(self) -> Mapping[str, Any]:
        """How many are under way and wait."""
        return {
            "limit": self.limit,
            "in_use": int(self._in_use()),
            "queue": self.queue,
            "queued": int(self._queued()),
        }
