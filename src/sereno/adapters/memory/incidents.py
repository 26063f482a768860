"""Incidents and component intervals in memory: for the simulator and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sereno.incidents.model import Entry, Incident
from sereno.kernel.errors import Conflict
from sereno.status.model import Interval

_Saved = tuple[dict[str, Incident], dict[str, dict[str, Entry]]]


class MemoryIncidents:
    """`incidents.ports.Incidents` in memory."""

    def __init__(self) -> None:
        self._incidents: dict[str, Incident] = {}
        self._entries: dict[str, dict[str, Entry]] = {}

    def get(self, incident_id: str) -> Incident | None:
        """The incident by identity or by its number's text."""
        found = self._incidents.get(incident_id)
        return found or next((i for i in self._incidents.values() if str(i.number) == incident_id), None)

    def open_for(self, service: str) -> Incident | None:
        """The newest incident of the service that is not resolved."""
        there = [i for i in self._incidents.values() if i.service == service and i.resolved_at is None]
        return max(there, key=lambda i: i.number, default=None)

    def holding_page(self, page_id: str) -> Incident | None:
        """The incident to which the page is attached."""
        return next((i for i in self._incidents.values() if page_id in i.pages), None)

    def unresolved(self) -> tuple[Incident, ...]:
        """Incidents not yet resolved, oldest first."""
        return tuple(i for i in self._by_opening() if i.resolved_at is None)

    def due(self, now: datetime, limit: int) -> tuple[Incident, ...]:
        """Incidents whose moment has come."""
        waiting = [(i.due_at, i.number, i) for i in self._incidents.values() if i.due_at and i.due_at <= now]
        return tuple(i for _, _, i in sorted(waiting)[:limit])

    def next_due(self) -> datetime | None:
        """The earliest moment of any incident."""
        return min((i.due_at for i in self._incidents.values() if i.due_at), default=None)

    def next_number(self) -> int:
        """One more than the highest number given."""
        return 1 + max((i.number for i in self._incidents.values()), default=0)

    def add(self, incident: Incident) -> None:
        """Insert. Raises Conflict if its identity or number is taken."""
        if any(i.id == incident.id or i.number == incident.number for i in self._incidents.values()):
            raise Conflict(f"incident {incident.number} is already there")
        self._incidents[incident.id] = incident

    def save(self, incident: Incident, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`."""
        there = self._incidents.get(incident.id)
        if there is None or there.version != seen:
            return False
        self._incidents[incident.id] = incident
        return True

    def recent(self, limit: int = 50) -> tuple[Incident, ...]:
        """Incidents, newest first."""
        return tuple(reversed(self._by_opening()))[:limit]

    def append(self, entries: Sequence[Entry]) -> None:
        """Add lines to timelines; a key already there is left as it is."""
        for entry in entries:
            self._entries.setdefault(entry.incident, {}).setdefault(entry.key, entry)

    def timeline(self, incident_id: str) -> tuple[Entry, ...]:
        """The lines of an incident in order of time."""
        return tuple(sorted(self._entries.get(incident_id, {}).values(), key=lambda e: e.at))

    def snapshot(self) -> _Saved:
        """All of it as it stands, for `restore`: together they make a transaction."""
        return dict(self._incidents), {name: dict(entries) for name, entries in self._entries.items()}

    def restore(self, saved: _Saved) -> None:
        """Go back to `saved`."""
        self._incidents = dict(saved[0])
        self._entries = {name: dict(entries) for name, entries in saved[1].items()}

    def _by_opening(self) -> list[Incident]:
        return sorted(self._incidents.values(), key=lambda i: (i.opened_at, i.number))


class MemoryIntervals:
    """`status.ports.Intervals` in memory."""

    def __init__(self) -> None:
        self._intervals: list[Interval] = []

    def current(self, status_page: str, component: str) -> Interval | None:
        """The open interval."""
        return next(
            (i for i in self._intervals if (i.status_page, i.component, i.ended_at) == (status_page, component, None)),
            None,
        )

    def change(self, interval: Interval) -> None:
        """Close the open interval at `interval.started_at` and open this one.

        If the clock went back meanwhile, the change happens where the open interval began: they never overlap.
        """
        there = self.current(interval.status_page, interval.component)
        if there is not None:
            self._intervals.remove(there)
            interval = replace(interval, started_at=max(interval.started_at, there.started_at))
            # One that would last no time is dropped: it never was.
            if there.started_at < interval.started_at:
                self._intervals.append(replace(there, ended_at=interval.started_at))
        self._intervals.append(interval)

    def record(self, interval: Interval) -> None:
        """Insert a closed interval of the past."""
        self._intervals.append(interval)

    def between(self, status_page: str, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Every interval of the page's components that touches [start, end), oldest first."""
        touching = [
            i
            for i in self._intervals
            if i.status_page == status_page and i.started_at < end and (i.ended_at is None or i.ended_at > start)
        ]
        return tuple(sorted(touching, key=lambda i: i.started_at))

    def snapshot(self) -> tuple[Interval, ...]:
        """All of it as it stands, for `restore`."""
        return tuple(self._intervals)

    def restore(self, saved: tuple[Interval, ...]) -> None:
        """Go back to `saved`."""
        self._intervals = list(saved)
