"""Hands every event to whoever hears it, at least once, in order, in the transaction that marks it heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

import structlog

from sereno.adapters.sql.database import Database
from sereno.adapters.sql.errors import is_trouble
from sereno.adapters.sql.ledger import Entry, Unreadable
from sereno.adapters.sql.unit import Unit
from sereno.app.metrics import Metrics
from sereno.kernel.clock import Clock, Ids
from sereno.kernel.events import Event
from sereno.spec.model import Spec

log = structlog.get_logger()
BACKOFF_MAX_SECONDS = 60
_ERROR_MAX = 500
Outcome = Literal["heard", "parked", "waiting"]
E = TypeVar("E", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Hearing(Generic[E]):
    """One event, and all that a hearer may use. A hearer runs again when it, or a later one, raised."""

    unit: Unit
    event: E
    spec: Spec
    now: datetime
    ids: Ids


Hearer = Callable[[Hearing[Any]], Sequence[Event]]
Hearers = Mapping[type[Event], Sequence[Hearer]]


async def dispatch_once(
    database: Database,
    hearers: Hearers,
    clock: Clock,
    ids: Ids,
    spec: Callable[[], Spec],
    limit: int = 100,
    metrics: Metrics | None = None,
) -> int:
    """Hand out up to `limit` due events, and those that they cause; returns how many were looked at.

    An event whose hearer raises is undone alone and tried again after 1 s, 2 s, 4 s … 60 s; later events about
    the same service wait for it. Raises Unavailable when the store cannot take it; then nothing was handed out.
    """
    now = clock.now()
    round_ = _Round(hearers, spec(), now, ids, limit)
    outcomes = await database.write(round_.run)
    for kind, outcome in outcomes:
        if metrics:
            metrics.events.labels(kind, outcome).inc()
    return len(outcomes)


def subject(event: Event) -> str | None:
    """What the event is about, for order: the service if it names one, else the page or the component."""
    for name in ("service", "page", "component"):
        about = getattr(event, name, None)
        if about:
            return f"{name}:{about}"
    return None


def backoff(attempts: int) -> timedelta:
    """How long to wait after `attempts` failures before this one: 1 s, doubling, at most a minute."""
    return timedelta(seconds=min(2 ** min(attempts, 10), BACKOFF_MAX_SECONDS))


class _Round:
    """One transaction of handing out. `run` may be called again by the store, and starts afresh."""

    def __init__(self, hearers: Hearers, spec: Spec, now: datetime, ids: Ids, limit: int) -> None:
        self._hearers = hearers
        self._spec = spec
        self._now = now
        self._ids = ids
        self._limit = limit
        self._blocked: dict[str, datetime] = {}

    def run(self, unit: Unit) -> list[tuple[str, Outcome]]:
        """Hand out what is due, what that causes included; returns kinds and outcomes."""
        if not unit.ledger.lead():
            return []
        self._blocked = {}
        for parked in unit.ledger.parked(self._now):
            self._block(parked, parked.due_at)
        outcomes: list[tuple[str, Outcome]] = []
        while len(outcomes) < self._limit:
            entries = unit.ledger.due(self._now, self._limit - len(outcomes))
            if not entries:
                break
            outcomes += [self._one(unit, entry) for entry in entries]
        return outcomes

    def _one(self, unit: Unit, entry: Entry | Unreadable) -> tuple[str, Outcome]:
        if isinstance(entry, Unreadable):
            self._park(unit, entry, entry.error)
            return entry.kind, "parked"
        kind = type(entry.event).__name__
        until = self._blocked.get(subject(entry.event) or "")
        if until is not None:
            unit.ledger.defer([entry.id], until)
            return kind, "waiting"
        try:
            with unit.savepoint():
                self._hear(unit, entry)
        except Exception as error:
            if is_trouble(error):
                raise
            log.error("hearer_failed", kind=kind, id=entry.id, attempts=entry.attempts + 1, exc_info=error)
            self._park(unit, entry, f"{type(error).__name__}: {error}"[:_ERROR_MAX])
            return kind, "parked"
        return kind, "heard"

    def _hear(self, unit: Unit, entry: Entry) -> None:
        hearing = Hearing(unit, entry.event, self._spec, self._now, self._ids)
        for hearer in self._hearers.get(type(entry.event), ()):
            unit.ledger.add(hearer(hearing))
        unit.ledger.handled(entry.id)

    def _park(self, unit: Unit, entry: Entry | Unreadable, error: str) -> None:
        retry_at = self._now + backoff(entry.attempts)
        unit.ledger.failed(entry.id, error, retry_at)
        self._block(entry, retry_at)

    def _block(self, entry: Entry | Unreadable, until: datetime | None) -> None:
        about = subject(entry.event) if isinstance(entry, Entry) else None
        if about is not None and until is not None:
            self._blocked[about] = max(until, self._blocked.get(about, until))
