"""A hint that there is work: it shortens the loops' sleep and is never the reason that work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal

Topic = Literal["events", "messages", "pages", "incidents", "flags"]


class Signal:
    """What one loop waits on. `wait` belongs to one event loop, `rouse` may be called from any thread."""

    def __init__(self) -> None:
        self._roused = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def rouse(self) -> None:
        """End the present or the next wait."""
        if self._roused:
            return  # whoever waits looks at the store after this, and finds what was committed before it
        self._roused = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` or until roused; says whether it was roused."""
        self._loop = asyncio.get_running_loop()
        if self._roused:
            await asyncio.sleep(0)  # others have a turn, however often this one is roused
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._event.wait()
            except TimeoutError:
                pass
        self._event.clear()
        roused, self._roused = self._roused, False
        return roused


class Wake:
    """Who wants to hear of what. Signals live as long as the store."""

    def __init__(self) -> None:
        self._signals: list[tuple[frozenset[str], Signal]] = []

    def listen(self, *topics: Topic) -> Signal:
        """A signal that is roused when one of `topics` was written and committed."""
        signal = Signal()
        self._signals.append((frozenset(topics), signal))
        return signal

    def rouse(self, topics: Iterable[str]) -> None:
        """Rouse whoever listens to any of `topics`; from any thread."""
        told = frozenset(topics)
        for wanted, signal in self._signals:
            if wanted & told:
                signal.rouse()
