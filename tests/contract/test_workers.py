"""The loops over both databases: what gets through, what is tried again, what is given up, what is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.conftest import NOON, CountingIds, ManualClock
from tests.contract.values import message, page

from sereno.adapters.sql.database import Database
from sereno.adapters.sql.errors import DatabaseDied
from sereno.adapters.sql.unit import Unit
from sereno.app.delivery import next_try
from sereno.app.workers import DeliveryLoop, DispatchLoop, Loop, StepLoop
from sereno.kernel.errors import DeliveryError, Unavailable
from sereno.kernel.events import Event, MessageFailed, MessageSent, PageClosed
from sereno.kernel.message import Message
from sereno.oncall.model import Page
from sereno.spec.model import Spec


class Peer:
    """A notifier that does as it is told, message after message; then takes everything."""

    def __init__(self, *behaviours: Exception | None) -> None:
        self.behaviours = list(behaviours)
        self.taken: list[Message] = []
        self.busy = 0
        self.most_busy = 0
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, message: Message) -> str:
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            await self.open.wait()
            behaviour = self.behaviours.pop(0) if self.behaviours else None
            if behaviour is not None:
                raise behaviour
            self.taken.append(message)
            return "ok"
        finally:
            self.busy -= 1


class Office:
    """A store with a page in it, a peer, and the delivery loop between them."""

    def __init__(self, database: Database, clock: ManualClock, peer: Peer, slots: int = 8) -> None:
        self.database = database
        self.clock = clock
        self.peer = peer
        self.loop = DeliveryLoop(database, clock, {"webhook": peer}, lambda: 1.0, slots=slots)

    async def post(self, *messages: Message) -> None:
        await self.database.write(lambda unit: unit.outbox.add(messages))

    async def tick(self) -> None:
        await self.loop.tick()
        await self.loop.drain()

    async def message(self, number: int = 1) -> Message:
        found = await self.database.read(lambda unit: unit.outbox.get(f"ms_{number}"))
        assert found is not None
        return found

    async def events(self) -> list[Event]:
        return [entry.event for entry in await self.database.read(lambda unit: unit.ledger.since(0, 100))]


def note(number: int = 1, **changes: Any) -> Message:
    return message(number, due_at=NOON, created_at=NOON, **changes)


@pytest.fixture
def office(database: Database, clock: ManualClock) -> Callable[..., Office]:
    return lambda *behaviours, **options: Office(database, clock, Peer(*behaviours), **options)


async def test_a_message_is_sent_and_said_to_be(office: Callable[..., Office]) -> None:
    town = office()
    await town.post(note())
    await town.tick()
    assert [m.key for m in town.peer.taken] == [note().key]
    assert (await town.message()).state == "sent"
    (event,) = await town.events()
    assert event == MessageSent(
        at=NOON, message="ms_1", page="pg_1", purpose="page", person="ana", channel="webhook", attempt=1
    )


async def test_a_temporary_failure_is_tried_again_later_and_later(office: Callable[..., Office]) -> None:
    town = office(DeliveryError("503"), DeliveryError("503"))
    await town.post(note())
    await town.tick()
    assert (await town.message()).due_at == NOON + timedelta(seconds=1)
    await town.tick()
    assert (await town.message()).attempt == 1
    town.clock.advance(seconds=1)
    await town.tick()
    assert (await town.message()).due_at == NOON + timedelta(seconds=3)
    town.clock.advance(seconds=2)
    await town.tick()
    assert (await town.message()).state == "sent"


async def test_a_page_is_given_up_after_three_tries_and_that_is_said(office: Callable[..., Office]) -> None:
    town = office(*[DeliveryError("503 busy")] * 3)
    await town.post(note(contact=2))
    for _ in range(3):
        await town.tick()
        town.clock.advance(seconds=2)
    assert (await town.message()).state == "failed"
    (event,) = await town.events()
    assert isinstance(event, MessageFailed)
    assert (event.contact, event.error, event.person) == (2, "503 busy", "ana")


async def test_a_permanent_failure_is_given_up_at_once(office: Callable[..., Office]) -> None:
    town = office(DeliveryError("no such user", permanent=True))
    await town.post(note())
    await town.tick()
    assert [type(event) for event in await town.events()] == [MessageFailed]


async def test_nobody_sends_by_that_channel(office: Callable[..., Office]) -> None:
    town = office()
    await town.post(note(channel="slack"))
    await town.tick()
    assert (await town.message()).error == "nothing here sends by slack"


async def test_a_peer_that_never_answers_is_left_after_the_time_limit(office: Callable[..., Office]) -> None:
    town = office()
    town.peer.open.clear()
    town.loop.send_seconds = 0.05
    await town.post(note())
    await town.tick()
    assert (await town.message()).error == "no answer within 0.05 s"


async def test_the_words_of_a_foreign_exception_are_not_kept(office: Callable[..., Office]) -> None:
    town = office(ValueError("https://hooks.example/secret"))
    await town.post(note())
    await town.tick()
    assert (await town.message()).error == "the notifier failed (ValueError)"


async def test_no_more_at_a_time_than_there_are_slots_and_slow_ones_block_nobody_else(
    office: Callable[..., Office],
) -> None:
    town = office(slots=3)
    town.peer.open.clear()
    await town.post(*(note(n) for n in range(10)))
    await town.loop.tick()
    await asyncio.sleep(0)
    assert await town.database.read(lambda unit: len([m for m in unit.outbox.recent(20) if m.lease_owner])) == 3
    town.peer.open.set()
    for _ in range(4):
        await town.tick()
    assert sorted(m.id for m in town.peer.taken) == sorted(f"ms_{n}" for n in range(10))
    assert town.peer.most_busy == 3


@pytest.mark.parametrize("state", ["acknowledged", "closed"])
async def test_a_page_that_was_answered_is_not_sent(office: Callable[..., Office], state: Any) -> None:
    town = office()
    await town.database.write(lambda unit: unit.pages.add(page(state=state, due_at=None)))
    await town.post(note(1), note(2, purpose="closed"))
    await town.tick()
    assert [m.id for m in town.peer.taken] == ["ms_2"]
    assert ((await town.message(1)).state, (await town.message(1)).error) == ("cancelled", state)


async def test_an_answer_while_it_is_being_sent_does_not_make_it_unsent(office: Callable[..., Office]) -> None:
    town = office()
    town.peer.open.clear()
    await town.database.write(lambda unit: unit.pages.add(page()))
    await town.post(note())
    await town.loop.tick()
    await town.database.write(lambda unit: unit.outbox.cancel("pg_1", "page", NOON, "acknowledged"))
    town.peer.open.set()
    await town.loop.drain()
    assert (await town.message()).state == "sent"


async def test_what_happened_is_written_once_the_store_has_room_again(
    office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = office()
    await town.post(note())
    write, refusals = town.database.write, iter([False, True, True])

    async def full(work: Callable[[Unit], Any], **options: Any) -> Any:
        if next(refusals, False):
            raise Unavailable("full")
        return await write(work, **options)

    monkeypatch.setattr(town.database, "write", full)
    await town.tick()
    assert (await town.message()).state == "sent"
    assert len(town.peer.taken) == 1


def test_when_to_try_again() -> None:
    busy = DeliveryError("503")
    first, third = replace(note(), attempt=1), replace(note(), attempt=3)
    assert next_try(first, busy, NOON, 0.5) == NOON + timedelta(seconds=0.5)
    assert next_try(first, DeliveryError("429", retry_after_seconds=7), NOON, 0.5) == NOON + timedelta(seconds=7)
    assert (
        next_try(first, DeliveryError("429", retry_after_seconds=31), NOON, 0.5) is None
    )  # the next address is sooner
    assert next_try(third, busy, NOON, 0.5) is None
    assert next_try(first, busy, NOON + timedelta(seconds=30), 0.5) is None
    news = replace(third, purpose="closed")
    assert next_try(news, busy, NOON, 0.5) == NOON + timedelta(seconds=2)
    assert next_try(news, DeliveryError("429", retry_after_seconds=300), NOON, 0.5) == NOON + timedelta(minutes=5)


def moved(unit: Unit, page: Page, spec: Spec, now: datetime, ids: Any) -> Sequence[Event]:
    later = replace(page, step=page.step + 1, due_at=now + timedelta(minutes=5), version=page.version + 1)
    assert unit.pages.save(later, seen=page.version)
    return [PageClosed(at=now, page=page.id, service=page.service, reason="moved")]


async def test_a_due_page_is_moved_on_with_its_events(database: Database, clock: ManualClock) -> None:
    await database.write(lambda unit: unit.pages.add(page(due_at=NOON)))
    loop = StepLoop(database, clock, CountingIds(), Spec, moved)
    assert await loop.tick() == NOON + timedelta(minutes=5)
    assert await database.read(lambda unit: unit.ledger.pending_count(NOON)) == 1


async def test_a_page_whose_step_fails_waits_and_the_others_go_on(database: Database, clock: ManualClock) -> None:
    await database.write(lambda unit: unit.pages.add(page("bad", service="a", due_at=NOON - timedelta(hours=1))))
    await database.write(lambda unit: unit.pages.add(page("good", service="b", due_at=NOON)))

    def fragile(unit: Unit, page: Page, spec: Spec, now: datetime, ids: Any) -> Sequence[Event]:
        unit.facts.set(f"touched {page.id}", 1, now)
        if page.id == "bad":
            raise ValueError("planted")
        return moved(unit, page, spec, now, ids)

    loop = StepLoop(database, clock, CountingIds(), Spec, fragile)
    assert await loop.tick() == NOON + timedelta(seconds=1)
    clock.advance(seconds=1)
    assert await loop.tick() == clock.now() + timedelta(seconds=2)
    assert await database.read(lambda unit: unit.facts.get("touched bad")) is None
    assert await database.read(lambda unit: unit.facts.get("touched good")) == 1


async def test_a_step_that_moves_nothing_cannot_spin(database: Database, clock: ManualClock) -> None:
    await database.write(lambda unit: unit.pages.add(page(due_at=NOON)))
    loop = StepLoop(database, clock, CountingIds(), Spec, lambda *_: ())
    assert await loop.tick() == NOON + timedelta(seconds=1)


class Failing(Loop):
    """A loop that fails twice, then works."""

    name = "failing"
    pause_seconds = 0.01

    def __init__(self, database: Database, clock: ManualClock, *failures: Exception) -> None:
        super().__init__(database, clock)
        self.failures = list(failures)
        self.worked = asyncio.Event()

    async def tick(self) -> datetime | None:
        self._signal.rouse()
        if self.failures:
            raise self.failures.pop(0)
        self.worked.set()
        return None


async def test_a_loop_outlives_what_fails_in_it(sqlite_database: Database, clock: ManualClock) -> None:
    loop = Failing(sqlite_database, clock, ValueError("one"), Unavailable("two"))
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(5):
        await loop.worked.wait()
    running.cancel()
    assert loop.metrics.loop_errors.labels("failing")._value.get() == 2


async def test_a_dead_database_ends_the_loop(sqlite_database: Database, clock: ManualClock) -> None:
    with pytest.raises(DatabaseDied):
        await Failing(sqlite_database, clock, DatabaseDied("gone")).run()


async def test_a_commit_wakes_the_loop_long_before_its_poll(database: Database, clock: ManualClock) -> None:
    heard = asyncio.Event()

    def hear(hearing: Any) -> Sequence[Event]:
        loop.call_soon_threadsafe(heard.set)
        return ()

    loop = asyncio.get_running_loop()
    dispatch = DispatchLoop(database, clock, CountingIds(), Spec, {PageClosed: [hear]})
    dispatch.poll_seconds = 60
    running = asyncio.create_task(dispatch.run())
    await asyncio.sleep(0.1)
    event = PageClosed(at=NOON, page="p", service="s", reason="r")
    await database.write(lambda unit: unit.ledger.add([event]))
    async with asyncio.timeout(5):
        await heard.wait()
    running.cancel()
