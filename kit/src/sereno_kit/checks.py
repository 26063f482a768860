"""One check of health: run at most once at a time, waited for no longer than it may take, remembered for a while."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sereno_kit.clock import Clock

Kind = Literal["ready", "live", "info"]
State = Literal["ok", "failed", "timeout"]


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended: `at` is of the clock's `monotonic`, `error` the class of what was raised."""

    state: State
    at: float
    duration_seconds: float
    error: str = ""
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether all is well. A check that did not answer in time is not."""
        return self.state == "ok"


class Check:
    """A function asked now and then how something is.

    Whoever asks while it runs waits for the same run. A run that takes too long is cancelled and no longer waited for;
    as long as it has not ended, no other is begun: a dependency that hangs for ever holds one task or one thread.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], Any],
        timeout_seconds: float,
        cache_seconds: float,
        kind: Kind,
        clock: Clock,
        told: Callable[[str, Result], None],
    ) -> None:
        self.name = name
        self.kind = kind
        self.last: Result | None = None
        self._function = function
        self._timeout_seconds = timeout_seconds
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._told = told
        self._asked: asyncio.Task[Result] | None = None
        self._run: asyncio.Future[Any] | None = None
        self._thread: threading.Thread | None = None

    async def result(self) -> Result:
        """The last result if it is fresh, otherwise that of a run, which may be under way already."""
        if self.last is not None and self._clock.monotonic() - self.last.at < self._cache_seconds:
            return self.last
        loop = asyncio.get_running_loop()
        if self._asked is None or self._asked.done() or self._asked.get_loop() is not loop:
            self._asked = loop.create_task(self._ask())
        return await asyncio.shield(self._asked)  # One who stops waiting does not take the result from the others.

    async def _ask(self) -> Result:
        began = self._clock.monotonic()
        try:
            state, error = await self._outcome()
        except Exception as raised:  # No thread could be started, for instance.
            state, error = "failed", raised
        now = self._clock.monotonic()
        self.last = Result(state, now, now - began, *_described(error))
        self._told(self.name, self.last)
        return self.last

    async def _outcome(self) -> tuple[State, BaseException | None]:
        run = self._begin()
        if run is None:
            return "timeout", TimeoutError("the run before this one has not ended")
        done, _ = await asyncio.wait((run,), timeout=self._timeout_seconds)
        if not done:
            run.cancel()
            return "timeout", TimeoutError(f"no answer within {self._timeout_seconds:g} s")
        self._run = None
        if run.cancelled():
            return "failed", asyncio.CancelledError("the check was cancelled")
        error = run.exception()
        if error is not None:
            return "failed", error
        value = run.result()
        if inspect.isawaitable(value):
            return "failed", TypeError("a check that returns an awaitable must be a coroutine function")
        return ("failed", None) if value is False else ("ok", None)

    def _begin(self) -> asyncio.Future[Any] | None:
        """Start a run, unless an earlier one still goes on in this loop or in its thread."""
        loop = asyncio.get_running_loop()
        if self._thread is not None and self._thread.is_alive():
            return None
        if self._run is not None and not self._run.done() and self._run.get_loop() is loop:
            return None
        self._run = self._in_thread(loop) if not _is_asynchronous(self._function) else loop.create_task(self._awaited())
        self._run.add_done_callback(_seen)
        return self._run

    async def _awaited(self) -> Any:
        return await self._function()

    def _in_thread(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        """A thread that the interpreter does not wait for at its end, as it would for those of an executor."""
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def settle(value: Any, error: BaseException | None) -> None:
            if not future.done():
                future.set_result(value) if error is None else future.set_exception(error)

        def run() -> None:
            value, error = None, None
            try:
                value = context.run(self._function)
            except BaseException as raised:  # SystemExit, too, says that the check failed.
                error = RuntimeError("StopIteration") if isinstance(raised, StopIteration) else raised
            try:
                loop.call_soon_threadsafe(settle, value, error)
            except RuntimeError:
                return  # The loop has ended before the check: nobody waits any more.

        self._thread = threading.Thread(target=run, name=f"health check {self.name}", daemon=True)
        self._thread.start()
        return future


def _described(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    try:
        return type(error).__name__, str(error)
    except Exception:
        return type(error).__name__, ""


def _is_asynchronous(function: Callable[[], Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _seen(future: asyncio.Future[Any]) -> None:
    """Look at the error of a run that nobody waits for any more, so that asyncio does not complain of it."""
    if not future.cancelled():
        future.exception()
