"""kill -9 at any moment loses no page: every accepted alert pages its people, step after step, on both databases."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import multiprocessing
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from tests.chaos import program
from tests.peers.http_peer import HttpPeer, Reply, Request

from sereno.adapters.sql.database import open_database
from sereno.adapters.sql.ledger import Entry
from sereno.app.audit import audit_once
from sereno.kernel.events import MessageFailed, PageAcknowledged, PageOpened, PageStepTaken
from sereno.kernel.message import Message
from sereno.oncall.model import Page

SEED = 20260302
KILLS = 34
ALERTS = 120
FAILING = 0.10
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.chaos.program"])


class Phone(HttpPeer):
    """Where pages arrive. Answers after a moment, one in ten with 503, and remembers every key."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(self._reply)
        self.chance = chance
        self.taken: collections.Counter[str] = collections.Counter()
        self.asked: collections.Counter[str] = collections.Counter()
        self.texts: dict[str, set[bytes]] = collections.defaultdict(set)
        self.news: asyncio.Queue[str] = asyncio.Queue()

    def _reply(self, request: Request) -> Reply:
        key = request.headers["idempotency-key"]
        self.asked[key] += 1
        self.texts[key].add(request.body)
        if self.chance.random() < FAILING:
            return Reply(503, b"busy")
        self.taken[key] += 1
        self.news.put_nowait(key)
        return Reply()

    async def _behave(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self.chance.random() * 0.03)
        return await super()._behave(reply, writer)


@dataclass
class Town:
    """The replicas, the phone, and the orders that no replica has confirmed yet."""

    database: str
    replicas: int
    phone: Phone
    chance: random.Random
    port: int = 0
    kills: int = 0
    born: int = 0
    crew: list[BaseProcess] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    lines: set[asyncio.StreamWriter] = field(default_factory=set)

    def begin(self) -> None:
        """One more replica."""
        self.born += 1
        plan = program.Plan(self.database, f"run {self.born}", self.port, self.phone.url)
        process = forks.Process(target=program.main, args=(plan,), daemon=True)
        process.start()
        self.crew.append(process)

    async def order(self, do: str, **details: str) -> Any:
        """Ask until some replica says that it is written. An order that was cut off may be carried out twice."""
        number = len(self.answers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        self.orders[number] = {"id": number, "do": do, **details}
        if self.lines:
            self._send(number, self.chance.choice(sorted(self.lines, key=id)))
        return await self.answers[number]

    def _send(self, number: int, line: asyncio.StreamWriter) -> None:
        line.write(json.dumps(self.orders[number]).encode() + b"\n")

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One replica's connection; it is asked everything that is not answered yet."""
        self.lines.add(writer)
        for number in self.orders:
            self._send(number, writer)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                told = json.loads(line)
                if self.orders.pop(told["id"], None):
                    self.answers[told["id"]].set_result(told["answer"])
        self.lines.discard(writer)
        writer.close()
        if self.lines:
            for number in self.orders:
                self._send(number, next(iter(self.lines)))

    async def kill_one(self) -> None:
        """kill -9, and another run takes its place."""
        victim = self.chance.choice(self.crew)
        victim.kill()
        self.kills += 1
        await asyncio.to_thread(victim.join)
        self.crew.remove(victim)
        self.begin()

    async def connected(self) -> None:
        while len(self.lines) < self.replicas:
            await asyncio.sleep(0.01)

    def end(self) -> None:
        for process in self.crew:
            process.kill()
            process.join()


@contextlib.asynccontextmanager
async def town_of(database: str, replicas: int) -> AsyncIterator[Town]:
    chance = random.Random(SEED)
    phone = Phone(chance)
    answering = await asyncio.start_server(phone.serve, "127.0.0.1", 0)
    phone.port = answering.sockets[0].getsockname()[1]
    town = Town(database, replicas, phone, chance)
    hearing = await asyncio.start_server(town.hear, "127.0.0.1", 0)
    town.port = hearing.sockets[0].getsockname()[1]
    try:
        for _ in range(replicas):
            town.begin()
        await town.connected()
        yield town
    finally:
        town.end()
        answering.close()
        hearing.close()


async def live_through(town: Town) -> set[str]:
    """Alerts fire and some people answer while replicas are killed; returns the pages that were answered."""
    killing = asyncio.create_task(kill(town))
    answered: set[str] = set()
    answering = asyncio.create_task(answer_some(town, answered))
    await fire_all(town, killing)
    while town.kills < KILLS:
        await asyncio.sleep(0.05)
    await killing
    await town.connected()
    await asyncio.sleep(1.0)
    answering.cancel()
    return answered


async def kill(town: Town) -> None:
    while town.kills < KILLS:
        await asyncio.sleep(town.chance.uniform(0.02, 0.45))
        await town.kill_one()
        if town.chance.random() < 0.7:  # the others die while they are still beginning
            await town.connected()


async def fire_all(town: Town, killing: asyncio.Task[None]) -> None:
    """Alerts, spread over the killing; audits in between find nothing to mend."""
    for number in range(ALERTS):
        await town.order("fire", service=f"s{number}")
        if number % 10 == 0:
            audit = await town.order("audit")
            assert audit["passed"], audit
        while not killing.done() and town.kills < number * KILLS // ALERTS:
            await asyncio.sleep(0.01)


async def answer_some(town: Town, answered: set[str]) -> None:
    """Every third page is acknowledged as soon as it arrives."""
    seen: set[str] = set()
    while True:
        page = (await town.phone.news.get()).split("/")[0]
        if page not in seen:
            seen.add(page)
            if len(seen) % 3 == 0:
                await town.order("acknowledge", page=page)
                answered.add(page)


@dataclass
class Found:
    """What the store says when it is over."""

    pages: tuple[Page, ...]
    messages: dict[str, tuple[Message, ...]]
    events: tuple[Entry, ...]
    passed: bool
    unheard: int


async def look(url: str, peer: str) -> Found:
    """Run the loops in this process until all is calm, then read everything."""
    database = await open_database(url, owner="the last")
    plan = program.Plan(url, "the last", 0, peer)
    working = program.Program(plan, database)
    loops = [asyncio.create_task(loop.run()) for loop in working.loops()]
    async with asyncio.timeout(60):
        while not await database.read(
            lambda unit: calm(unit.pages.unclosed(), unit.outbox.next_due()) and not unit.ledger.unheard()
        ):
            await asyncio.sleep(0.1)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await working.notifier.aclose()

    def read(unit: Any) -> Found:
        pages = unit.pages.unclosed()
        return Found(
            pages=pages,
            messages={page.id: unit.outbox.of_page(page.id) for page in pages},
            events=unit.ledger.since(0, 100_000),
            passed=audit_once(unit, working.spec, working.clock.now()).passed,
            unheard=len(unit.ledger.unheard()),
        )

    found = await database.write(read, snapshot=True)
    database.close()
    return found


def calm(pages: tuple[Page, ...], next_message: object) -> bool:
    return next_message is None and all(page.state == "acknowledged" or page.round > 0 for page in pages)


def judge(found: Found, town: Town, answered: set[str]) -> None:
    """Every promise, one by one."""
    assert sorted(page.service for page in found.pages) == sorted(f"s{n}" for n in range(ALERTS))
    assert found.passed
    assert found.unheard == 0
    assert [entry.error for entry in found.events if entry.error] == []
    assert {page.id for page in found.pages if page.state == "acknowledged"} == answered
    for page in found.pages:
        judge_steps(page, [entry.event for entry in found.events])
        judge_messages(found.messages[page.id], found, town)
        assert any(town.phone.taken[message.key] for message in found.messages[page.id])
    duplicates = sum(count - 1 for count in town.phone.taken.values() if count > 1)
    known = {message.key for messages in found.messages.values() for message in messages}
    assert set(town.phone.asked) <= known
    assert all(len(texts) == 1 for texts in town.phone.texts.values())
    assert duplicates <= town.kills * program.Plan.slots
    print(f"\n{town.kills} kills, {len(found.pages)} pages, {len(known)} messages, {duplicates} duplicates")


def judge_steps(page: Page, events: list[Any]) -> None:
    """Opened once, steps in order and each once, and none after somebody answered."""
    mine = [event for event in events if getattr(event, "page", None) == page.id]
    walked = [e for e in mine if isinstance(e, PageOpened | PageStepTaken | PageAcknowledged)]
    assert isinstance(walked[0], PageOpened)
    steps = [event.step for event in walked if isinstance(event, PageStepTaken)]
    if page.state == "acknowledged":
        assert isinstance(walked[-1], PageAcknowledged)
        assert steps == [0, 1, 2][: len(steps)]
    else:
        assert steps == [0, 1, 2]
    assert len(walked) == 1 + len(steps) + (page.state == "acknowledged")


def judge_messages(messages: tuple[Message, ...], found: Found, town: Town) -> None:
    """Sent means that the peer took it; given up means that it was said."""
    failed = {entry.event.message for entry in found.events if isinstance(entry.event, MessageFailed)}
    for message in messages:
        assert message.state in ("sent", "failed", "cancelled")
        if message.state == "sent":
            assert town.phone.taken[message.key] >= 1, message
        if message.state == "failed":
            assert message.id in failed
            assert message.attempt >= 1


@pytest.mark.slow
async def test_one_process_on_sqlite(tmp_path: Any) -> None:
    async with asyncio.timeout(150), town_of(f"sqlite:///{tmp_path / 'state.db'}", replicas=1) as town:
        answered = await live_through(town)
        town.end()
        judge(await look(town.database, town.phone.url), town, answered)


@pytest.mark.slow
async def test_three_replicas_on_postgres(postgres_url: str) -> None:
    async with asyncio.timeout(150), town_of(postgres_url, replicas=3) as town:
        answered = await live_through(town)
        town.end()
        judge(await look(town.database, town.phone.url), town, answered)
