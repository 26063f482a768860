"""The ledger: every event, in order, and which of them are yet to be heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import instant
from sereno.adapters.sql.tables import event
from sereno.kernel.events import Event, decode_event, encode_event
from sereno.kernel.moment import to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

# A new event is due since ever, whatever the clock says later: a clock set back delays nothing.
_AT_ONCE = 0
_DISPATCH_LOCK = 0x5E4E_0D15


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the ledger. `attempts` counts the times that a hearer raised."""

    id: int
    event: Event
    attempts: int = 0
    due_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that this version cannot read (another version wrote it)."""

    id: int
    kind: str
    attempts: int
    due_at: datetime | None
    error: str


class SqlLedger:
    """Events, at least once each, in the order in which they were written."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, events: Sequence[Event]) -> None:
        """Append, to be handed out at once."""
        if not events:
            return
        rows = []
        for each in events:
            kind, payload = encode_event(each)
            rows.append({"kind": kind, "payload": payload, "at_us": to_us(each.at), "due_us": _AT_ONCE, "attempts": 0})
        self._unit.connection.execute(sa.insert(event), rows)
        self._unit.topics.add("events")

    def lead(self, *, wait: bool = False) -> bool:
        """Whether this transaction may hand out events: one at a time does, so that their order is kept.

        With `wait` it waits for its turn (a few seconds at most, then the store raises) and the answer is yes.
        """
        if not self._unit.postgres:
            return True
        if wait:
            self._unit.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_DISPATCH_LOCK)))
            return True
        mine = sa.select(sa.func.pg_try_advisory_xact_lock(_DISPATCH_LOCK))
        return bool(self._unit.connection.execute(mine).scalar())

    def due(self, now: datetime, limit: int) -> tuple[Entry | Unreadable, ...]:
        """Events to hand out, in order; locked, skipping those that another holds."""
        query = sa.select(event).where(event.c.due_us <= to_us(now)).order_by(event.c.id).limit(limit)
        query = query.with_for_update(skip_locked=True) if self._unit.writing else query
        return tuple(_entry(row) for row in self._unit.connection.execute(query))

    def parked(self, now: datetime) -> tuple[Entry | Unreadable, ...]:
        """Events whose hearer raised and which wait for their next try."""
        query = sa.select(event).where(event.c.due_us > to_us(now), event.c.attempts > 0).order_by(event.c.id)
        return tuple(_entry(row) for row in self._unit.connection.execute(query))

    def unheard(self, kind: type[Event] | None = None) -> tuple[Entry, ...]:
        """Every readable event that some hearer has yet to hear, in order."""
        query = sa.select(event).where(event.c.due_us.is_not(None)).order_by(event.c.id)
        if kind is not None:
            query = query.where(event.c.kind == kind.__name__)
        entries = (_entry(row) for row in self._unit.connection.execute(query))
        return tuple(entry for entry in entries if isinstance(entry, Entry))

    def handled(self, event_id: int) -> None:
        """Every hearer has it."""
        self._unit.connection.execute(sa.update(event).where(event.c.id == event_id).values(due_us=None, error=None))

    def failed(self, event_id: int, error: str, retry_at: datetime) -> None:
        """A hearer raised: hand it out again at `retry_at`."""
        values = {"due_us": to_us(retry_at), "error": error, "attempts": event.c.attempts + 1}
        self._unit.connection.execute(sa.update(event).where(event.c.id == event_id).values(**values))

    def defer(self, event_ids: Iterable[int], until: datetime) -> None:
        """Hand these out at `until`; they wait for another one of theirs, nothing is wrong with them."""
        rows = [{"waiting": event_id} for event_id in event_ids]
        if rows:
            change = sa.update(event).where(event.c.id == sa.bindparam("waiting")).values(due_us=to_us(until))
            self._unit.connection.execute(change, rows)

    def next_due(self) -> datetime | None:
        """The earliest moment at which an event is to be handed out; long past for a new one."""
        query = sa.select(sa.func.min(event.c.due_us)).where(event.c.due_us.is_not(None))
        return instant(self._unit.connection.execute(query).scalar_one())

    def pending_count(self, now: datetime) -> int:
        """How many events are due and unheard."""
        query = sa.select(sa.func.count()).select_from(event).where(event.c.due_us <= to_us(now))
        return self._unit.connection.execute(query).scalar_one()

    def overdue(self, before: datetime) -> int:
        """How many events that happened before `before` are still unheard and were never tried."""
        waiting = (event.c.due_us.is_not(None), event.c.attempts == 0, event.c.at_us < to_us(before))
        return self._unit.connection.execute(sa.select(sa.func.count()).select_from(event).where(*waiting)).scalar_one()

    def hasten(self, beyond: datetime, now: datetime) -> int:
        """Make due now whatever waits for a moment after `beyond`; returns how many (the clock went back)."""
        change = sa.update(event).where(event.c.due_us > to_us(beyond)).values(due_us=to_us(now))
        return self._unit.connection.execute(change).rowcount

    def since(self, event_id: int, limit: int) -> tuple[Entry, ...]:
        """Readable events after `event_id` in order, heard or not."""
        query = sa.select(event).where(event.c.id > event_id).order_by(event.c.id).limit(limit)
        entries = (_entry(row) for row in self._unit.connection.execute(query))
        return tuple(entry for entry in entries if isinstance(entry, Entry))


def _entry(row: Any) -> Entry | Unreadable:
    try:
        told = decode_event(row.kind, row.payload)
    except (KeyError, ValueError) as error:  # msgspec's errors are ValueErrors
        return Unreadable(row.id, row.kind, row.attempts, instant(row.due_us), f"{type(error).__name__}: {error}")
    return Entry(row.id, told, row.attempts, instant(row.due_us), row.error)
