"""Time and chance, in one place, so that tests can hand in their own. Nothing else in the kit reads a clock."""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Protocol


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


_stem = (-1, "")
"""What ids of one millisecond begin with."""
_bits = random.Random()  # noqa: S311 - ids are no secrets; a generator of its own, which no program seeds
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_bits.seed)


def new_id(milliseconds: int | None = None) -> str:
    """A UUIDv7 as text: sortable by the time of its making (RFC 9562, section 5.7).

    Args:
        milliseconds: the time since 1970 that it carries; now, if not given.
    """
    global _stem
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    moment, stem = _stem
    if stamp != moment:
        stem = f"{stamp >> 16 & 0xFFFFFFFF:08x}-{stamp & 0xFFFF:04x}-7"
        _stem = (stamp, stem)
    chance = _bits.getrandbits
    return "%s%03x-%04x-%012x" % (stem, chance(12), 0x8000 | chance(14), chance(48))  # noqa: UP031 - half of an f-string


def new_span_id() -> str:
    """A span's id (W3C Trace Context): 16 hexadecimal digits, not all of them zero."""
    return f"{_bits.getrandbits(64) or 1:016x}"
