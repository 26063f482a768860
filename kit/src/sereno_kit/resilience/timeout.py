"""Bounds how long a call may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from sereno_kit import context
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import Category, DeadlineExceeded
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter
from sereno_kit.resilience.workers import Workers


class TooLate(DeadlineExceeded):
    """The deadline had passed before anything was tried, so nothing can be held against the dependency."""

    category = Category.REJECTED
    retryable = False


class Timeout(Policy):
    """Tasks are cancelled after `seconds`; threads are told by `context.deadline`, or waited for no longer.

    In a task: `asyncio.timeout`, so that a cancellation from outside stays one and only its own becomes
    `DeadlineExceeded`. In a thread nothing can be interrupted in Python: the deadline is put into `context.deadline`,
    which the kit's clients and waits respect, and a result that comes late is given to whoever still wants it and
    counted as `late`. With `thread=True` the call runs in one of a bounded number of threads with the caller's
    context, and the caller is let go at the deadline; the thread is not: it is busy until the call ends.

    Outside of a Retry it bounds all attempts and waits together, inside of it each attempt. A pipeline may have both.

    Args:
        seconds: above 0.
        thread: run synchronous calls in a thread of their own and stop waiting at the deadline.
        threads: how many of these there may be; a call that finds none free is rejected at once.

    Raises:
        ValueError: for seconds that are not above 0.
    """

    kind: ClassVar[str] = "timeout"
    events: ClassVar[tuple[str, ...]] = ("exceeded", "late", "too_late")

    def __init__(self, seconds: float, *, thread: bool = False, threads: int = 16) -> None:
        if not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
            raise ValueError(f"Timeout: seconds must be a number above 0, not {seconds!r}")
        if threads < 1:
            raise ValueError(f"Timeout: threads must be at least 1, not {threads}")
        self.seconds = seconds
        self._workers = Workers(threads) if thread else None
        self._clock = SYSTEM
        self._reporter: Reporter | None = None

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take the clock and the reporter of the one pipeline that this time-out is of."""
        if self._reporter is not None:
            raise ValueError("this Timeout is of another pipeline already; make one for each")
        self._reporter, self._clock = reporter, clock
        self._late = reporter.counter("late")

    def sync(self, inner: Call) -> Call:
        """`inner` with a deadline that it is told of, or in a thread that is left behind at the deadline."""
        deadline, workers, enter, leave = context.deadline, self._workers, self._enter, self._leave

        def told(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            until = enter()
            token = deadline.set(until)
            try:
                return inner(function, args, kwargs)
            finally:
                deadline.reset(token)
                leave(until)

        def left_behind(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            until = enter()
            token = deadline.set(until)
            try:
                job = workers.run(inner, function, args, kwargs)  # type: ignore[union-attr]
            finally:
                deadline.reset(token)
            if not job.done.wait(max(0.0, until - self._clock.monotonic())):
                raise self._exceeded(until)
            return job.result()

        return told if workers is None else left_behind

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner`, cancelled at the deadline."""
        deadline, monotonic, enter, leave = context.deadline, self._clock.monotonic, self._enter, self._leave

        async def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            until = enter()
            token = deadline.set(until)
            limit = asyncio.timeout(until - monotonic())
            try:
                async with limit:
                    result = await inner(function, args, kwargs)
                leave(until)  # whatever blocks the loop cannot be cancelled
                return result
            except TimeoutError as error:
                # Before 3.11.4 asyncio names the cancellation as the context only.
                of = error.__cause__ or error.__context__
                if limit.expired() and type(of) is asyncio.CancelledError:
                    raise self._exceeded(until) from None
                raise
            finally:
                deadline.reset(token)

        return guarded

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block of a thread that is told its deadline."""
        until = self._enter()
        token = context.deadline.set(until)
        try:
            yield
        finally:
            context.deadline.reset(token)
            self._leave(until)

    def _enter(self) -> float:
        """When the call must be over: the earlier of its own deadline and the one in hand."""
        now = self._clock.monotonic()
        outer = context.deadline.get()
        if outer is not None and outer <= now:
            if self._reporter is not None:
                self._reporter.note("too_late")
            raise TooLate("the deadline had passed before anything was tried")
        until = now + self.seconds
        return until if outer is None or until < outer else outer

    def _leave(self, until: float) -> None:
        if self._clock.monotonic() > until and self._reporter is not None:
            self._late()

    def _exceeded(self, until: float) -> DeadlineExceeded:
        if self._reporter is not None:
            self._reporter.note("exceeded", timeout_seconds=self.seconds)
        return DeadlineExceeded(f"took longer than the {self.seconds:g} s allowed")

    def view(self) -> Mapping[str, Any]:
        """The time allowed, and how many threads are busy with calls."""
        busy = {} if self._workers is None else {"threads": self._workers.most, "busy": self._workers.busy}
        return {"seconds": self.seconds, **busy}
