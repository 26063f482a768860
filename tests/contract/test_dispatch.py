"""Events reach their hearers: at least once, in order, and one that fails holds up only its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy.exc as sa_exc
from tests.conftest import NOON, CountingIds, ManualClock

from sereno.adapters.sql.database import Database
from sereno.app.dispatch import Hearing, backoff, dispatch_once, subject
from sereno.app.metrics import Metrics
from sereno.kernel.errors import Unavailable
from sereno.kernel.events import Event, MessageSent, PageClosed, PageOpened, StatusChanged
from sereno.spec.model import Spec


def closed(service: str, page: str = "p") -> PageClosed:
    return PageClosed(at=NOON, page=page, service=service, reason="r")


def sent(page: str | None) -> MessageSent:
    return MessageSent(at=NOON, message="m", page=page, purpose="page", person=None, channel="email", attempt=1)


class Town:
    """A database and one who hears, and sometimes fails to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.heard: list[str] = []
        self.deaf_to: set[str] = set()
        self.metrics = Metrics()

    def hear(self, hearing: Hearing) -> Sequence[Event]:
        event = hearing.event
        assert isinstance(event, PageClosed)
        hearing.unit.facts.set(f"seen {event.page}", 1, hearing.now)
        if event.page in self.deaf_to:
            raise ValueError(f"deaf to {event.page}")
        self.heard.append(event.page)
        return ()

    async def dispatch(self, limit: int = 100) -> int:
        hearers = {PageClosed: [self.hear]}
        return await dispatch_once(self.database, hearers, self.clock, self.ids, Spec, limit, self.metrics)

    async def tell(self, *events: Event) -> None:
        await self.database.write(lambda unit: unit.ledger.add(events))


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


async def test_every_event_is_heard_once_in_order(town: Town) -> None:
    await town.tell(*(closed("api", f"p{n}") for n in range(7)))
    assert await town.dispatch(limit=5) == 5
    assert await town.dispatch(limit=5) == 2
    assert await town.dispatch() == 0
    assert town.heard == [f"p{n}" for n in range(7)]


async def test_what_an_event_causes_is_heard_too(town: Town) -> None:
    def opened(hearing: Hearing) -> Sequence[Event]:
        return [closed("api", "from the opening")]

    event = PageOpened(
        at=town.clock.now(), page="p", service="api", severity="SEV1", summary="s", alerts=(), incident_wanted=True
    )
    await town.tell(event)
    hearers = {PageOpened: [opened], PageClosed: [town.hear]}
    assert await dispatch_once(town.database, hearers, town.clock, town.ids, Spec) == 2
    assert town.heard == ["from the opening"]


async def test_one_that_fails_is_undone_alone_and_only_its_service_waits(town: Town) -> None:
    town.deaf_to = {"p2"}
    await town.tell(closed("api", "p1"), closed("api", "p2"), closed("web", "p3"), closed("api", "p4"))
    await town.dispatch()
    assert town.heard == ["p1", "p3"]
    assert await town.database.read(lambda unit: unit.facts.get("seen p2")) is None
    await town.tell(closed("api", "p5"), closed("web", "p6"))
    await town.dispatch()
    assert town.heard == ["p1", "p3", "p6"]
    town.deaf_to = set()
    town.clock.advance(seconds=1)
    await town.dispatch()
    assert town.heard == ["p1", "p3", "p6", "p2", "p4", "p5"]


async def test_a_long_queue_behind_a_failure_does_not_hold_up_others(town: Town) -> None:
    town.deaf_to = {"bad"}
    await town.tell(closed("api", "bad"), *(closed("api", f"a{n}") for n in range(50)), closed("web", "w"))
    while await town.dispatch(limit=10):
        pass
    assert town.heard == ["w"]
    town.deaf_to = set()
    town.clock.advance(seconds=1)
    while await town.dispatch(limit=10):
        pass
    assert town.heard == ["w", "bad", *(f"a{n}" for n in range(50))]


async def test_the_pause_doubles_up_to_a_minute(town: Town) -> None:
    town.deaf_to = {"p"}
    await town.tell(closed("api", "p"))
    pauses = []
    for _ in range(8):
        before = town.clock.now()
        await town.dispatch()
        due = await town.database.read(lambda unit: unit.ledger.next_due())
        assert due is not None
        pauses.append((due - before).total_seconds())
        town.clock.advance(seconds=pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(10_000).total_seconds() == 60
    assert town.metrics.events.labels("PageClosed", "parked")._value.get() == 8


async def test_a_store_in_trouble_ends_the_round_and_blames_no_event(town: Town) -> None:
    await town.tell(closed("api", "p"))

    def full(hearing: Hearing) -> Sequence[Event]:
        raise sa_exc.OperationalError("", None, Exception("database or disk is full"))

    with pytest.raises(Unavailable):
        await dispatch_once(town.database, {PageClosed: [full]}, town.clock, town.ids, Spec)
    await town.dispatch()
    assert town.heard == ["p"]


async def test_an_event_that_this_version_cannot_read_is_parked(town: Town) -> None:
    from sereno.adapters.sql.tables import event

    row = {"kind": "FromTheFuture", "payload": "{}", "at_us": 1, "due_us": 0, "attempts": 0}
    await town.database.write(lambda unit: unit.connection.execute(event.insert(), [row]))
    await town.tell(closed("api", "p"))
    assert await town.dispatch() == 2
    assert town.heard == ["p"]
    assert await town.dispatch() == 0


async def test_replicas_hand_out_each_event_once_and_in_order(postgres_url: str) -> None:
    from sereno.adapters.sql.database import open_database

    replicas = [await open_database(postgres_url, owner=f"r{n}") for n in range(3)]
    towns = [Town(replica) for replica in replicas]
    heard: list[str] = []
    for town in towns:
        town.heard = heard
    await towns[0].tell(*(closed("api", f"p{n:03}") for n in range(60)))

    async def work(town: Town) -> None:
        while await town.database.read(lambda unit: unit.ledger.next_due()) is not None:
            await town.dispatch(limit=7)
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(work(town) for town in towns))
    assert heard == [f"p{n:03}" for n in range(60)]
    for replica in replicas:
        replica.close()


@pytest.mark.parametrize(
    ("event", "about"),
    [
        (closed("api"), "service:api"),
        (sent("p"), "page:p"),
        (sent(None), None),
        (StatusChanged(at=NOON, status_page="s", component="API", before="a", after="b", cause="c"), "component:API"),
    ],
)
def test_order_is_kept_among_events_about_the_same(event: Event, about: str | None) -> None:
    assert subject(event) == about
