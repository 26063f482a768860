"""Work that nobody waits for: look at what is, mend what should not be, and look again. Killed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio.to_thread
from fastapi import FastAPI

from sereno_kit import get_logger

log = get_logger("flota.looking")


def lifespan(
    *looks: Callable[[], bool], every_seconds: float
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """For FastAPI: each of `looks` again and again in a thread, at once where it says that there is more to do."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        workers = [asyncio.create_task(_keep(look, every_seconds)) for look in looks]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*workers)

    return living


async def _keep(look: Callable[[], bool], every_seconds: float) -> None:
    while True:
        try:
            # Abandoned at the end: what it was doing is found by the lease, and done again under the same key.
            more = await anyio.to_thread.run_sync(partial(look), abandon_on_cancel=True)
        except Exception:
            log.exception("a look failed", look=look.__name__)
            more = False
        if not more:
            await asyncio.sleep(every_seconds)
