"""Ports for time and identity: the only two things that no function may take from the air."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Only shells hold one; decisions receive `now`."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never go back; for durations only."""
        ...


class Ids(Protocol):
    """Makes identities and secrets."""

    def new(self, kind: str) -> str:
        """A new identity that sorts by time of making, `kind` as its prefix: `pg_01j…`."""
        ...

    def secret(self) -> str:
        """A new unguessable text (≥ 128 bits), safe in URLs."""
        ...
