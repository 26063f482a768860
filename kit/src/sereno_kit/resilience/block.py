"""A block of code under a pipeline, for code that does not fit into a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType, coroutine
from typing import Any

from sereno_kit.resilience.policy import AsyncCall

_HELD = object()


@coroutine
def _hold() -> Generator[Any, Any, None]:
    """Innermost call of an asynchronous block: stops the chain here until the block is over."""
    yield _HELD


@coroutine
def _drive(chain: Coroutine[Any, Any, Any], first: Callable[[], Any]) -> Generator[Any, Any, bool]:
    """Run `chain` on behalf of this task until it holds or ends; whether it holds.

    What it awaits is handed to the loop as if this task had awaited it, so that time-outs and cancellations reach it.
    """
    try:
        step = first()
        while step is not _HELD:
            try:
                sent = yield step
            except BaseException as error:
                step = chain.throw(error)
            else:
                step = chain.send(sent)
    except StopIteration:
        return False
    return True


async def _run(chain: AsyncCall) -> None:
    await chain(_hold, (), {})


class Attempt:
    """One `with` or `async with` block. Use it once.

    Args:
        blocks: makes the guards of a thread's block, outermost first.
        chain: the guards of a task's.
    """

    def __init__(self, blocks: Callable[[], list[AbstractContextManager[None]]], chain: AsyncCall) -> None:
        self._blocks = blocks
        self._chain = chain
        self._stack = ExitStack()
        self._running: Coroutine[Any, Any, None] | None = None

    def __enter__(self) -> None:
        try:
            for guard in self._blocks():
                self._stack.enter_context(guard)
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    async def __aenter__(self) -> None:
        self._running = running = _run(self._chain)
        await _drive(running, lambda: running.send(None))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        running = self._running
        if running is None:
            return
        try:
            await _drive(running, lambda: running.send(None) if error is None else running.throw(error))
        except BaseException as raised:
            if raised is not error:
                raise
        finally:
            running.close()
