"""What the alerts slice needs of a store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sereno.alerts.model import Alert


class Alerts(Protocol):
    """Alerts that are pending or firing now, and those that resolved."""

    def active(self) -> tuple[Alert, ...]:
        """Pending and firing alerts, oldest first."""
        ...

    def find(self, fingerprint: str) -> Alert | None:
        """The alert of that fingerprint, in whatever state it is."""
        ...

    def save(self, alerts: Iterable[Alert]) -> None:
        """Insert or replace by fingerprint."""
        ...

    def drop(self, fingerprints: Iterable[str]) -> None:
        """Forget (pending alerts whose expression is no longer true)."""
        ...

    def resolved_since(self, since: datetime, limit: int = 100) -> tuple[Alert, ...]:
        """Alerts resolved at or after `since`, newest first."""
        ...
