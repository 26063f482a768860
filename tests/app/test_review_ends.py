"""How a running control plane ends: calmly when asked, loudly when its store has died, and never by half."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.app.town import Town

from sereno.adapters.sql.errors import DatabaseDied
from sereno.app import serve
from sereno.app.evaluate import DUTY, LEASE, BudgetRound, RuleRound
from sereno.kernel.errors import Unavailable


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(tmp_path)
    await town.open()
    yield town
    await town.close()


async def serving(town: Town) -> tuple[asyncio.Task[None], str]:
    """The control plane at work, and where it answers."""
    listener = serve.bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(serve.run(town.control, listener))
    async with asyncio.timeout(20), httpx.AsyncClient() as browser:
        while True:
            await asyncio.sleep(0.05)
            if running.done():
                running.result()
            try:
                if (await browser.get(f"{address}/health/live")).status_code == 200:
                    return running, address
            except httpx.TransportError:
                continue


async def ends(running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        await running


async def test_asked_to_end_it_ends_and_leaves_its_duties_to_others(town: Town, monkeypatch: pytest.MonkeyPatch):
    async def forever(round_: RuleRound) -> None:
        now = town.clock.now()
        control = round_.control
        assert await control.database.write(lambda unit: unit.duties.claim(DUTY, control.owner, now, LEASE))
        await asyncio.Event().wait()

    monkeypatch.setattr(RuleRound, "run", forever)
    running, address = await serving(town)
    os.kill(os.getpid(), signal.SIGTERM)
    await ends(running)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{address}/health/live")
    now = town.clock.now()
    assert await town.control.database.write(lambda unit: unit.duties.claim(DUTY, "another", now, LEASE))


async def test_when_the_store_has_died_the_program_ends_and_says_so(town: Town, monkeypatch: pytest.MonkeyPatch):
    died = asyncio.Event()

    async def once(round_: BudgetRound, now) -> None:
        await died.wait()
        raise DatabaseDied("the database writer died")

    monkeypatch.setattr(BudgetRound, "once", once)
    running, _ = await serving(town)
    died.set()
    with pytest.raises(DatabaseDied):
        await ends(running)


async def test_a_store_that_cannot_take_it_for_a_while_ends_nothing(town: Town, monkeypatch: pytest.MonkeyPatch):
    running, _ = await serving(town)

    async def full(*args, **kwargs):
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(town.control.database, "write", full)
        os.kill(os.getpid(), signal.SIGHUP)
        failures = town.control.metrics.registry.get_sample_value
        async with asyncio.timeout(20):
            while not failures("sereno_loop_errors_total", {"loop": "spec"}):
                await asyncio.sleep(0.02)
        assert not running.done()
    os.kill(os.getpid(), signal.SIGINT)
    await ends(running)
