"""What the incidents slice needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sereno.incidents.model import Entry, Incident


class Incidents(Protocol):
    """Incidents and their timelines."""

    def get(self, incident_id: str) -> Incident | None:
        """The incident by identity or by its number's text, locked until the transaction ends."""
        ...

    def open_for(self, service: str) -> Incident | None:
        """The newest incident of the service that is not resolved."""
        ...

    def holding_page(self, page_id: str) -> Incident | None:
        """The incident to which the page is attached."""
        ...

    def unresolved(self) -> tuple[Incident, ...]:
        """Incidents not yet resolved, oldest first."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[Incident, ...]:
        """Incidents whose moment has come; locked, skipping those that another holds."""
        ...

    def next_due(self) -> datetime | None:
        """The earliest moment of any incident."""
        ...

    def next_number(self) -> int:
        """One more than the highest number given."""
        ...

    def add(self, incident: Incident) -> None:
        """Insert."""
        ...

    def save(self, incident: Incident, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`."""
        ...

    def recent(self, limit: int = 50) -> tuple[Incident, ...]:
        """Incidents, newest first."""
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Add lines to timelines; a key already there is left as it is."""
        ...

    def timeline(self, incident_id: str) -> tuple[Entry, ...]:
        """The lines of an incident in order of time."""
        ...
