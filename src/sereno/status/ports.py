"""What the status slice needs of a store."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sereno.status.model import Interval


class Intervals(Protocol):
    """State intervals of components. They never overlap; the newest is open."""

    def current(self, status_page: str, component: str) -> Interval | None:
        """The open interval."""
        ...

    def change(self, interval: Interval) -> None:
        """Close the open interval at `interval.started_at` and open this one."""
        ...

    def record(self, interval: Interval) -> None:
        """Insert a closed interval of the past (history, or a gap found at start)."""
        ...

    def between(self, status_page: str, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Every interval of the page's components that touches [start, end), oldest first."""
        ...
