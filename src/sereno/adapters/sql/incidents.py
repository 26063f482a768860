"""Incidents and their timelines in the state store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import insert_new, instant, pack, unpack, us
from sereno.adapters.sql.tables import incident, incident_page, timeline
from sereno.incidents.model import Entry, Incident
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_COLUMNS = ("id", "number", "service", "severity", "phase", "opened_at", "resolved_at", "due_at", "version")
_UNRESOLVED = incident.c.resolved_us.is_(None)


class SqlIncidents:
    """Implements `incidents.ports.Incidents`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def get(self, incident_id: str) -> Incident | None:
        """The incident by identity or by its number's text, locked until the transaction ends."""
        text = incident_id.strip().removeprefix("#")
        plain = text.isascii() and text.isdecimal() and len(text) < 10
        wanted = incident.c.number == int(text) if plain else incident.c.id == incident_id
        return self._one(sa.select(incident).where(wanted))

    def open_for(self, service: str) -> Incident | None:
        """The newest incident of the service that is not resolved."""
        query = sa.select(incident).where(incident.c.service == service, _UNRESOLVED)
        return self._one(query.order_by(incident.c.opened_us.desc(), incident.c.number.desc()).limit(1))

    def holding_page(self, page_id: str) -> Incident | None:
        """The incident to which the page is attached."""
        holder = sa.select(incident_page.c.incident).where(incident_page.c.page == page_id)
        return self._one(sa.select(incident).where(incident.c.id.in_(holder)))

    def unresolved(self) -> tuple[Incident, ...]:
        """Incidents not yet resolved, oldest first."""
        return self._many(sa.select(incident).where(_UNRESOLVED).order_by(incident.c.opened_us, incident.c.number))

    def due(self, now: datetime, limit: int) -> tuple[Incident, ...]:
        """Incidents whose moment has come; locked, skipping those that another holds."""
        query = (
            sa.select(incident)
            .where(incident.c.due_us <= to_us(now))
            .order_by(incident.c.due_us, incident.c.number)
            .limit(limit)
        )
        return self._many(query.with_for_update(skip_locked=True) if self._unit.writing else query)

    def next_due(self) -> datetime | None:
        """The earliest moment of any incident."""
        query = sa.select(sa.func.min(incident.c.due_us)).where(incident.c.due_us.is_not(None))
        return instant(self._unit.connection.execute(query).scalar_one())

    def next_number(self) -> int:
        """One more than the highest number given."""
        if self._unit.postgres and self._unit.writing:
            # Two replicas must not read the same highest number: the table lock holds until the transaction ends.
            self._unit.connection.execute(sa.text("LOCK TABLE incident IN SHARE ROW EXCLUSIVE MODE"))
        return 1 + (self._unit.connection.execute(sa.select(sa.func.max(incident.c.number))).scalar_one() or 0)

    def add(self, new: Incident) -> None:
        """Insert."""
        self._unit.connection.execute(sa.insert(incident), [_row(new)])
        self._attach(new)
        self._unit.topics.add("incidents")

    def save(self, changed: Incident, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`."""
        change = sa.update(incident).where(incident.c.id == changed.id, incident.c.version == seen)
        if self._unit.connection.execute(change.values(**_row(changed))).rowcount != 1:
            return False
        self._attach(changed)
        self._unit.topics.add("incidents")
        return True

    def recent(self, limit: int = 50) -> tuple[Incident, ...]:
        """Incidents, newest first."""
        query = sa.select(incident).order_by(incident.c.opened_us.desc(), incident.c.number.desc()).limit(limit)
        return self._many(query)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add lines to timelines; a key already there is left as it is."""
        insert_new(self._unit, timeline, [_line(each) for each in entries], key=("incident", "key"))

    def timeline(self, incident_id: str) -> tuple[Entry, ...]:
        """The lines of an incident in order of time."""
        query = sa.select(timeline).where(timeline.c.incident == incident_id)
        rows = self._unit.connection.execute(query.order_by(timeline.c.at_us, timeline.c.id))
        return tuple(_entry(row) for row in rows)

    def _attach(self, value: Incident) -> None:
        rows = [{"page": page, "incident": value.id} for page in value.pages]
        insert_new(self._unit, incident_page, rows, key=("page",))

    def _one(self, query: sa.Select[Any]) -> Incident | None:
        found = self._many(query.with_for_update() if self._unit.writing else query)
        return found[0] if found else None

    def _many(self, query: sa.Select[Any]) -> tuple[Incident, ...]:
        return tuple(_incident(row) for row in self._unit.connection.execute(query))


def _row(value: Incident) -> dict[str, Any]:
    return {
        "id": value.id,
        "number": value.number,
        "service": value.service,
        "severity": value.severity,
        "phase": value.phase,
        "opened_us": to_us(value.opened_at),
        "resolved_us": us(value.resolved_at),
        "due_us": us(value.due_at),
        "version": value.version,
        "body": pack(value, _COLUMNS),
    }


def _incident(row: Any) -> Incident:
    return unpack(
        Incident,
        row.body,
        id=row.id,
        number=row.number,
        service=row.service,
        severity=row.severity,
        phase=row.phase,
        opened_at=from_us(row.opened_us),
        resolved_at=instant(row.resolved_us),
        due_at=instant(row.due_us),
        version=row.version,
    )


def _line(value: Entry) -> dict[str, Any]:
    return {
        "incident": value.incident,
        "key": value.key,
        "at_us": to_us(value.at),
        "kind": value.kind,
        "actor": value.actor,
        "phrase": value.phrase,
        "values": value.values,
        "text": value.text,
        "public": value.public,
    }


def _entry(row: Any) -> Entry:
    return Entry(
        incident=row.incident,
        at=from_us(row.at_us),
        kind=row.kind,
        key=row.key,
        actor=row.actor,
        phrase=row.phrase,
        values=row._mapping["values"],
        text=row.text,
        public=row.public,
    )
