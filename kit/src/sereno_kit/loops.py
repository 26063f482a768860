"""An event loop for programs that have none: WSGI services whose health checks or endpoints are coroutines."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(awaitable: Awaitable[T], timeout_seconds: float = 30.0) -> T:
    """Wait for `awaitable` on the loop that this process keeps in a thread of its own, begun when first asked for.

    One loop for all, so that what a coroutine keeps between calls (a pool of connections) stays usable, and so that
    coroutines asked for by many threads at the same time know of each other.

    Raises:
        TimeoutError: it took longer than `timeout_seconds`; it was cancelled.
    """
    future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), _running())
    try:
        return future.result(timeout_seconds)
    finally:
        future.cancel()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _running() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="sereno_kit loop", daemon=True).start()
        return _loop


def _after_fork() -> None:
    """Threads do not come along into a child, and who held the lock did not either."""
    global _lock, _loop
    _lock, _loop = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
