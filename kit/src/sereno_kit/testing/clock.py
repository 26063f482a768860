"""A clock that tests hold in their hands."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import weakref


class FakeClock:
    """Time that passes only when somebody waits for it, or says so.

    It is a `Clock`: hand it to whatever takes one. `sleep` moves time on at once. A task that waits in `asleep` is
    woken when its moment has come, earliest first; where nothing else can run any more, time goes on to that moment by
    itself, so that tests of hours take no time. With `auto=False` only `advance` moves it for tasks.

    Args:
        start: what `monotonic` says at first, in seconds.
        now: what `now` says at first, in seconds since 1970.
        auto: whether time goes on by itself when every task waits for it.
    """

    def __init__(self, start: float = 1_000.0, now: float = 1_700_000_000.0, *, auto: bool = True) -> None:
        self._elapsed = 0.0
        self._start = start
        self._now = now
        self._auto = auto
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._looking: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._lock = threading.RLock()
        self.slept: list[float] = []
        """Every wait asked for, in seconds and in order: what a retry's delays are compared with."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return self._start + self._elapsed

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now + self._elapsed

    def set_now(self, now: float) -> None:
        """Make the wall clock jump to `now`, as operators and leap seconds do; `monotonic` goes on as it was."""
        self._now = now - self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let time pass for `seconds` at once; tasks whose moment has come by then are woken."""
        with self._lock:
            self.slept.append(seconds)
            self._pass_to(self._elapsed + max(0.0, seconds))

    async def asleep(self, seconds: float) -> None:
        """Let this task wait until time has gone on by `seconds`."""
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        awake: asyncio.Future[None] = loop.create_future()
        with self._lock:
            heapq.heappush(self._waiting, (self._elapsed + seconds, next(self._order), loop, awake))
            if self._auto and loop not in self._looking:
                self._looking.add(loop)
                loop.call_soon(self._look, loop, 0)
        await awake

    def advance(self, seconds: float) -> None:
        """Let time pass for `seconds`; who is due is woken, earliest first, and runs when the test next waits."""
        with self._lock:
            self._pass_to(self._elapsed + seconds)

    async def run_for(self, seconds: float) -> None:
        """Let time pass for `seconds`; at each moment somebody waits for, all that follows from it is done first."""
        end = self._elapsed + seconds
        await settle()
        while (due := self._earliest()) is not None and due <= end:
            with self._lock:
                self._pass_to(due)
            await settle()
        with self._lock:
            self._pass_to(end)
        await settle()

    def _earliest(self) -> float | None:
        with self._lock:
            while self._waiting and self._waiting[0][3].done():
                heapq.heappop(self._waiting)
            return self._waiting[0][0] if self._waiting else None

    def _pass_to(self, elapsed: float) -> None:
        while self._waiting and self._waiting[0][0] <= elapsed:
            due, _, loop, awake = heapq.heappop(self._waiting)
            self._elapsed = max(self._elapsed, due)
            if not awake.done() and not loop.is_closed():
                loop.call_soon_threadsafe(_wake, awake)
        self._elapsed = max(self._elapsed, elapsed)

    def _look(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        """Go on to the next moment once nothing else is ready to run on `loop`."""
        if _busy(loop, turns):
            loop.call_soon(self._look, loop, turns + 1)
            return
        due = self._earliest()
        with self._lock:
            if due is None:
                self._looking.discard(loop)
                return
            self._pass_to(due)
        loop.call_soon(self._look, loop, 0)


def _wake(awake: asyncio.Future[None]) -> None:
    if not awake.done():
        awake.set_result(None)


def _busy(loop: asyncio.AbstractEventLoop, turns: int) -> bool:
    """Whether something besides us is ready to run; loops that do not tell are given twenty turns.

    A thousand turns are enough in any case: another clock on the same loop looks as often as this one.
    """
    ready = getattr(loop, "_ready", None)
    return turns < 20 if ready is None else turns < 2 or (len(ready) > 0 and turns < 1_000)


async def settle(turns: int = 20) -> None:
    """Let every task that can go on go on, without letting time pass."""
    for _ in range(turns):
        await asyncio.sleep(0)
