"""What is known of the request in hand, wherever in the program one asks: its id, its trace, its deadline."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

from sereno_kit.clock import new_id

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)


class Trace(NamedTuple):
    """A place in a trace (W3C Trace Context): ids in lower-case hexadecimal, and whether it is recorded."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header that tells the next service."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


request_id: ContextVar[str] = ContextVar("sereno_kit.request_id", default="")
"""The id of the request in hand; empty outside of one."""
trace: ContextVar[Trace | None] = ContextVar("sereno_kit.trace", default=None)
"""The trace of the request in hand, when OpenTelemetry is not the one who keeps it (then ask `traces.current()`)."""
deadline: ContextVar[float | None] = ContextVar("sereno_kit.deadline", default=None)
"""When the request in hand is no longer worth an answer, in seconds of the clock's `monotonic`."""


class Asked(float):
    """A deadline that the caller of the request asked for. Of others it says nothing when it was too soon: strangers
    who ask for a millisecond must not open a breaker for everybody.
    """


def asked_too_little(now: float, early: float = 0.005) -> bool:
    """Whether the deadline in hand is one that the caller asked for, and is over.

    Args:
        now: of the clock's `monotonic`.
        early: seconds before it at which a loop's timer may already have fired.
    """
    until = deadline.get()
    return isinstance(until, Asked) and now >= until - early


def accept_request_id(given: str | None) -> str:
    """The caller's id if it is well-formed (8 to 128 of letters, digits, `.`, `_`, `-`), otherwise a new one.

    The refused text is never kept, logged or sent back: it comes from whoever can reach the service.
    """
    return given if given is not None and _WELL_FORMED.fullmatch(given) else new_id()


def parse_traceparent(header: str | None) -> Trace | None:
    """The place in a trace that the caller says it is at, or None where it says none that is valid.

    Source: W3C Trace Context, level 1, section 3.2: version 00 has nothing after the flags, ff is not a version,
    ids of zeros are not valid.
    """
    found = _TRACEPARENT.fullmatch(header.strip()) if header and len(header) <= 512 else None
    if found is None:
        return None
    version, trace_id, span_id, flags = found.groups()
    more = len(header.strip()) > 55 if header else False
    if version == "ff" or (version == "00" and more) or trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1))
