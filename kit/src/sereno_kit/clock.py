"""Time and chance, in one place, so that tests can hand in their own. Nothing else in the kit reads a clock."""

from __future__ import annotations

import asyncio
import random
import time
from secrets import randbits
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """What the kit needs of time. Durations come from `monotonic`, which nobody can set back."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def now(self) -> float:
        """Seconds since 1970, UTC; may jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Let this task wait for `seconds`."""
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic = staticmethod(time.perf_counter)
    now = staticmethod(time.time)
    sleep = staticmethod(time.sleep)
    asleep = staticmethod(asyncio.sleep)


SYSTEM: Clock = SystemClock()
uniform = random.random
"""A number from [0, 1), for jitter and sampling; never for secrets."""


def new_id(milliseconds: int | None = None) -> str:
    """A UUIDv7 as text: sortable by the time of its making (RFC 9562, section 5.7).

    Args:
        milliseconds: the time since 1970 that it carries; now, if not given.
    """
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    bits = randbits(74)
    return str(
        UUID(
            int=(stamp & 0xFFFFFFFFFFFF) << 80
            | 0x7 << 76
            | (bits >> 62) << 64
            | 0b10 << 62
            | (bits & 0x3FFFFFFFFFFFFFFF)
        )
    )


def new_span_id() -> str:
    """A span's id (W3C Trace Context): 16 hexadecimal digits, not all of them zero."""
    return f"{randbits(64) or 1:016x}"
