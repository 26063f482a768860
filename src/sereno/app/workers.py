"""The loops. They take no input: each looks at what is due, does it, and sleeps until the next moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar

import structlog

from sereno.adapters.sql.database import Database
from sereno.adapters.sql.errors import DatabaseDied, is_trouble
from sereno.adapters.sql.unit import Unit
from sereno.adapters.sql.wake import Topic
from sereno.app.audit import Audit, audit_once
from sereno.app.delivery import failed_event, next_try, sent_event
from sereno.app.dispatch import Hearers, backoff, dispatch_once
from sereno.app.metrics import Metrics
from sereno.app.outlive import outlive
from sereno.incidents.model import Incident
from sereno.kernel.clock import Clock, Ids
from sereno.kernel.errors import DeliveryError, Unavailable
from sereno.kernel.events import Event
from sereno.kernel.message import Channel, Message
from sereno.oncall.model import Page
from sereno.spec.model import Spec

log = structlog.get_logger()
T = TypeVar("T", Page, Incident)
Advance = Callable[[Unit, T, Spec, datetime, Ids], Sequence[Event]]
POLL_SECONDS = 1.0
_BLOCKED_SECONDS = 0.05
_RECORD_PAUSE_SECONDS = 0.25
_BATCH = 32


class Notifier(Protocol):
    """Gets a message to its peer."""

    async def send(self, message: Message) -> str:
        """The peer's identity of it, once taken. Raises DeliveryError."""
        ...


class Loop:
    """Runs `tick` until cancelled: when its moment has come, when roused by a commit, and at least every `poll`."""

    name = "loop"
    topics: tuple[Topic, ...] = ()
    poll_seconds = POLL_SECONDS
    pause_seconds = POLL_SECONDS

    def __init__(self, database: Database, clock: Clock, metrics: Metrics | None = None) -> None:
        self.database = database
        self.clock = clock
        self.metrics = metrics or Metrics()
        self._signal = database.wake.listen(*self.topics)

    async def run(self) -> None:
        """Go on until cancelled, whatever fails. Raises DatabaseDied: then the program must end."""
        while True:
            seconds = await self._tick_safely()
            if seconds is None:
                await asyncio.sleep(self.pause_seconds)  # whatever rouses it: what fails does not spin
            else:
                await self._signal.wait(seconds)

    async def tick(self) -> datetime | None:
        """Do what is due; returns the next moment known."""
        raise NotImplementedError

    async def _tick_safely(self) -> float | None:
        """Seconds to sleep after one tick, or None if it failed."""
        due: datetime | None = None
        with outlive(self.name, self.metrics) as failures:
            due = await self.tick()
        if failures:
            return None
        if due is None:
            return self.poll_seconds
        left = (due - self.clock.now()).total_seconds()
        # Still due after a tick means that someone else holds it just now.
        return min(max(left, _BLOCKED_SECONDS), self.poll_seconds)


class DispatchLoop(Loop):
    """Hands events to their hearers."""

    name = "dispatch"
    topics = ("events",)

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        spec: Callable[[], Spec],
        hearers: Hearers,
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__(database, clock, metrics)
        self._ids = ids
        self._spec = spec
        self._hearers = hearers

    async def tick(self) -> datetime | None:
        """Hand out until nothing is due."""
        while True:
            due = await self.database.read(lambda unit: unit.ledger.next_due())
            if due is None or due > self.clock.now():
                return due
            handed = await dispatch_once(
                self.database, self._hearers, self.clock, self._ids, self._spec, _BATCH, self.metrics
            )
            if handed == 0:
                return due


class DueLoop(Loop, Generic[T]):
    """Advances what is due: pages through their escalation, incidents to their end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        spec: Callable[[], Spec],
        advance: Advance[T],
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__(database, clock, metrics)
        self._ids = ids
        self._spec = spec
        self._advance: Advance[T] = advance
        self._failures: dict[str, int] = {}

    async def tick(self) -> datetime | None:
        """Advance until nothing is due."""
        while True:
            due = await self.database.read(lambda unit: self._store(unit).next_due())
            now = self.clock.now()
            if due is None or due > now:
                return due
            if await self.database.write(partial(self._round, spec=self._spec(), now=now)) == 0:
                return due

    def _store(self, unit: Unit) -> DueStore[T]:
        raise NotImplementedError

    def _round(self, unit: Unit, spec: Spec, now: datetime) -> int:
        store = self._store(unit)
        items = store.due(now, _BATCH)
        for item in items:
            self._one(unit, store, item, spec, now)
        return len(items)

    def _one(self, unit: Unit, store: DueStore[T], item: T, spec: Spec, now: datetime) -> None:
        try:
            with unit.savepoint():
                unit.ledger.add(self._advance(unit, item, spec, now, self._ids))
                stored = store.get(item.id)
                if stored is not None and stored.version == item.version:
                    raise RuntimeError(f"{item.id} was due, and was not moved on")
        except Exception as error:
            if is_trouble(error):
                raise
            failures = self._failures[item.id] = self._failures.get(item.id, 0) + 1
            log.error("advance_failed", loop=self.name, id=item.id, failures=failures, exc_info=error)
            self.metrics.loop_errors.labels(self.name).inc()
            later = replace(item, due_at=now + backoff(failures - 1), version=item.version + 1)
            store.save(later, seen=item.version)
        else:
            self._failures.pop(item.id, None)


class DueStore(Protocol[T]):
    """What a DueLoop needs of a store."""

    def get(self, item_id: str, /) -> T | None:
        """The stored value."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[T, ...]:
        """Those whose moment has come."""
        ...

    def next_due(self) -> datetime | None:
        """The earliest moment."""
        ...

    def save(self, item: T, /, *, seen: int) -> bool:
        """Replace if the version is still `seen`."""
        ...


class StepLoop(DueLoop[Page]):
    """Takes the next step of open pages."""

    name = "steps"
    topics = ("pages",)

    def _store(self, unit: Unit) -> DueStore[Page]:
        return unit.pages


class IncidentLoop(DueLoop[Incident]):
    """Advances incidents whose moment has come."""

    name = "incidents"
    topics = ("incidents",)

    def _store(self, unit: Unit) -> DueStore[Incident]:
        return unit.incidents


class DeliveryLoop(Loop):
    """Sends messages, at most `slots` at a time, outside any transaction.

    A message is leased while it is being sent; the lease outlives the send's time limit threefold, and what
    happened is written only while the lease is ours.
    """

    name = "delivery"
    topics = ("messages",)
    send_seconds = 10.0
    lease = timedelta(seconds=30)
    grace_seconds = 5.0

    def __init__(
        self,
        database: Database,
        clock: Clock,
        notifiers: Mapping[Channel, Notifier],
        chance: Callable[[], float],
        metrics: Metrics | None = None,
        slots: int = 8,
    ) -> None:
        super().__init__(database, clock, metrics)
        self._notifiers = notifiers
        self._chance = chance
        self._slots = slots
        self._sending: set[asyncio.Task[None]] = set()
        self._fatal: DatabaseDied | None = None

    async def run(self) -> None:
        """Go on until cancelled; then what is being sent has a few seconds to end well."""
        try:
            await super().run()
        finally:
            await self.drain(self.grace_seconds)

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until nothing is being sent; after `seconds` give up waiting (the leases run out by themselves)."""
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=seconds)
            for task in late:
                task.cancel()

    async def tick(self) -> datetime | None:
        """Begin to send what is due, as far as there are free slots."""
        if self._fatal is not None:
            raise self._fatal
        while len(self._sending) < self._slots:
            due = await self.database.read(lambda unit: unit.outbox.next_due())
            if due is None or due > self.clock.now():
                return due
            claimed = await self.database.write(self._claim)
            if claimed is None:
                return due
            for message in claimed:
                self._begin(message)
        return None

    def _claim(self, unit: Unit) -> tuple[Message, ...] | None:
        """Lease as many as there are free slots, less those that nobody wants any more; None if none was due."""
        now = self.clock.now()
        claimed = unit.outbox.claim(self.database.owner, now, self.lease, self._slots - len(self._sending))
        if not claimed:
            return None
        return tuple(message for message in claimed if not self._dropped(unit, message))

    def _dropped(self, unit: Unit, message: Message) -> bool:
        """Cancel a demand on a person that was answered meanwhile."""
        if message.purpose != "page" or message.page is None:
            return False
        state = unit.pages.state(message.page)
        return state in ("acknowledged", "closed") and unit.outbox.drop(message, state)

    def _begin(self, message: Message) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(message), name=f"send {message.id}")
        self._sending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DatabaseDied):
            self._fatal = error
        elif error is not None:  # its lease runs out and it is tried again
            log.error("delivery_failed", task=task.get_name(), exc_info=error)
            self.metrics.loop_errors.labels(self.name).inc()
        self._signal.rouse()

    async def _deliver(self, message: Message) -> None:
        problem = await self._send(message)
        await self._record(message, lambda unit: self._ended_with(unit, message, problem))

    async def _send(self, message: Message) -> DeliveryError | None:
        """One try: what went wrong, if anything did. Its text never comes from a foreign exception."""
        notifier = self._notifiers.get(message.channel)
        if notifier is None:
            return DeliveryError(f"nothing here sends by {message.channel}", permanent=True)
        try:
            async with asyncio.timeout(self.send_seconds):
                await notifier.send(message)
        except DeliveryError as error:
            return error
        except TimeoutError:
            return DeliveryError(f"no answer within {self.send_seconds:g} s")
        except Exception as error:
            log.error("notifier_failed", channel=message.channel, message=message.id, error=type(error).__name__)
            return DeliveryError(f"the notifier failed ({type(error).__name__})")
        return None

    async def _record(self, message: Message, what: Callable[[Unit], str]) -> None:
        """Write how it went. A store that cannot take it is asked again while the lease lasts."""
        while True:
            try:
                outcome = await self.database.write(what)
            except Unavailable as error:
                if message.lease_until is None or self.clock.now() >= message.lease_until:
                    log.error("delivery_not_recorded", message=message.id, error=error.message)
                    return
                await asyncio.sleep(_RECORD_PAUSE_SECONDS)
            else:
                break
        self.metrics.messages.labels(message.channel, outcome).inc()
        if outcome == "sent" and message.created_at is not None:
            self.metrics.delivery_seconds.observe((self.clock.now() - message.created_at).total_seconds())

    def _ended_with(self, unit: Unit, message: Message, problem: DeliveryError | None) -> str:
        if problem is not None:
            return self._failed(unit, message, problem)
        now = self.clock.now()
        if not unit.outbox.sent(message, now):
            return "overtaken"
        unit.ledger.add([sent_event(message, now)])
        return "sent"

    def _failed(self, unit: Unit, message: Message, error: DeliveryError) -> str:
        now = self.clock.now()
        again_at = next_try(message, error, now, self._chance())
        if again_at is not None:
            return "retry" if unit.outbox.retry(message, again_at, error.message) else "overtaken"
        if not unit.outbox.failed(message, error.message, now):
            return "overtaken"
        unit.ledger.add([failed_event(message, error.message, now)])
        return "failed"


class AuditorLoop(Loop):
    """Checks promise 1 every 30 s."""

    name = "auditor"
    poll_seconds = 30.0

    def __init__(
        self, database: Database, clock: Clock, spec: Callable[[], Spec], metrics: Metrics | None = None
    ) -> None:
        super().__init__(database, clock, metrics)
        self._spec = spec
        self.last: Audit | None = None

    async def tick(self) -> datetime | None:
        """Look once."""
        spec, now = self._spec(), self.clock.now()
        audit = self.last = await self.database.write(lambda unit: audit_once(unit, spec, now), snapshot=True)
        self.metrics.audits.inc()
        for kind, count in audit.repairs().items():
            self.metrics.repairs.labels(kind).inc(count)
        if not audit.passed or audit.overdue:
            log.warning("audit", overdue=audit.overdue, **audit.repairs())
        return None
