"""Two replicas that share one PostgreSQL and one source of samples."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.app.town import Town, opened

from sereno.app.commands import acknowledge_page
from sereno.app.dispatch import dispatch_once
from sereno.app.evaluate import LEASE
from sereno.kernel.errors import Conflict


class Pair:
    """Two replicas in one street: each its own process's worth of loops, one state, one source of samples."""

    def __init__(self, *towns: Town) -> None:
        self.towns = towns

    @property
    def taken(self):
        return [message for town in self.towns for message in town.mail.taken]

    async def slot(self, *, together: bool = True) -> list[int]:
        """Five seconds pass for both; returns how many rules each evaluated."""
        first = self.towns[0]
        first.clock.instant += first.interval
        first.scrape()
        now = first.clock.now()
        looking = [town.rules.once(now) for town in self.towns]
        done = await asyncio.gather(*looking) if together else [await one for one in looking]
        await self.settle()
        return [len(evaluations) for evaluations in done]

    async def settle(self) -> None:
        """Both at once, as two processes would: each hands out, steps and sends what it can get, until all is done."""
        for _ in range(100):
            await asyncio.gather(*(self._turn(town) for town in self.towns))
            if await self.towns[0]._quiet() and await self.towns[-1]._quiet():
                return
        raise AssertionError("the loops never come to rest")

    @staticmethod
    async def _turn(town: Town) -> None:
        control = town.control
        await dispatch_once(control.database, town.hearers, town.clock, control.ids, lambda: control.spec.current)
        for loop in (town.steps, town.incidents, town.delivery):
            await loop.tick()
        await town.delivery.drain()


@pytest.fixture
async def pair(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = await opened(tmp_path / "one", database=postgres_url)
    second = Town(tmp_path / "two", database=postgres_url)
    second.clock = first.clock
    await second.open()
    second.control.source = first.control.source
    yield Pair(first, second)
    await second.close()
    await first.close()


async def test_two_replicas_evaluate_each_slot_once_and_send_each_page_once(pair: Pair):
    first, second = pair.towns
    first.broken = True
    shares = [await pair.slot() for _ in range(24)]
    rules = len(first.control.rules)
    assert all(sorted(share) == [0, rules] for share in shares), "exactly one of them looks at each slot"
    assert [(m.person, m.purpose) for m in pair.taken] == [("ana", "page")]
    assert len(await first.pages()) == len(await second.pages()) == 1
    assert (await second.incident()).phase == "detected"

    message = pair.taken[0]
    for town in pair.towns:
        async with town.http() as browser:
            shown = await browser.get(town.link(message))
            assert shown.status_code == 200, "the link opens at whichever replica one reaches"
    async with second.http() as browser:
        assert (await browser.post(town.link(message))).status_code < 400
    with pytest.raises(Conflict, match="already acknowledged"):
        await acknowledge_page(first.control, message.page, actor="bo", via="api")
    for _ in range(70):
        await pair.slot(together=False)
    assert [m.purpose for m in pair.taken] == ["page"], "an answered page goes no further, whoever asks"


async def test_one_replica_dies_and_the_other_goes_on(pair: Pair):
    first, second = pair.towns
    first.broken = True
    for _ in range(12):
        await pair.slot()
    assert len(pair.taken) == 1
    # It dies between the claim and the evaluation: nobody gives its lease back.
    now = first.clock.now()
    assert await first.control.database.write(
        lambda unit: unit.duties.claim("evaluate", first.control.owner, now + first.interval, LEASE)
    )
    second.scrape = first.scrape  # the samples' source lives on
    alone = Pair(second)
    waited = timedelta(0)
    while await alone.slot() == [0]:
        waited += second.interval
        assert waited <= LEASE + 2 * second.interval, "the dead one's lease runs out"
    for _ in range(60):
        assert await alone.slot() != [0]
    assert [m.person for m in pair.taken] == ["ana", "bo"], "the next step is taken by the one that lives"
