"""The spec while it changes under our hands; the secret key; the end of a control plane."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.app.town import SPEC, Town, opened

from sereno.app import control as controls
from sereno.app.commands import reload_spec
from sereno.app.control import SpecHolder, fingerprint, secret_of
from sereno.app.retention import Retention
from sereno.app.serve import begin


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = await opened(tmp_path)
    yield town
    await town.close()


def rewrite(town: Town, old: str, new: str) -> None:
    path = town.folder / "reliability" / "all.yaml"
    path.write_text(path.read_text().replace(old, new))


async def test_of_two_reloads_at_once_the_later_reading_wins(town: Town, monkeypatch: pytest.MonkeyPatch):
    loop, first_has_read, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    again, calls = SpecHolder.again, []

    def slow(holder, now):
        fresh = again(holder, now)
        calls.append(fresh.current.services["payments"].slos[0].objective.text)
        if len(calls) == 1:
            loop.call_soon_threadsafe(first_has_read.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return fresh

    monkeypatch.setattr(SpecHolder, "again", slow)
    rewrite(town, "99.95%", "99.9%")
    first = asyncio.create_task(reload_spec(town.control, actor="file change"))
    await first_has_read.wait()
    rewrite(town, "99.9%", "99.5%")
    second = asyncio.create_task(reload_spec(town.control, actor="ana"))
    await asyncio.sleep(0.05)
    go_on.set()
    assert await first
    assert await second
    assert calls == ["99.9%", "99.5%"]
    assert town.control.spec.current.services["payments"].slos[0].objective.text == "99.5%"
    assert town.control.plans["payments", "availability"].slo.objective.text == "99.5%"


async def test_a_change_made_while_we_start_is_noticed(town: Town):
    assert fingerprint(town.control.spec.folder) == town.control.spec.seen
    rewrite(town, "99.95%", "99.9%")
    assert fingerprint(town.control.spec.folder) != town.control.spec.seen
    rewrite(town, "99.9%", "99,9%")
    assert not await reload_spec(town.control, actor="test")
    assert fingerprint(town.control.spec.folder) == town.control.spec.seen, "a broken spec is read once, not for ever"


async def test_a_spec_from_which_nothing_can_be_derived_is_not_half_in_force(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    before = town.control.spec, town.control.plans, town.control.rules
    rewrite(town, "99.95%", "99.9%")

    def fails(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr("sereno.slo.rules_of", fails)
    with pytest.raises(RuntimeError):
        await reload_spec(town.control, actor="test")
    assert (town.control.spec, town.control.plans, town.control.rules) == before


async def test_a_component_that_is_declared_while_we_run_shows_what_is_known_at_once(town: Town):
    rewrite(town, "component: Payments", "component: Checkout")
    assert await reload_spec(town.control, actor="test")
    await town.settle()
    current = await town.control.database.read(lambda unit: unit.intervals.current("public", "Checkout"))
    assert current is not None
    assert current.state == "operational"


async def test_nothing_is_known_of_a_service_that_was_declared_just_now(town: Town):
    rewrite(town, SPEC, SPEC + SEARCH)
    rewrite(town, "[{component: Payments}]", "[{component: Payments}, {component: Search}]")
    assert await reload_spec(town.control, actor="test"), town.control.spec.diagnostics
    await town.run(seconds=10)
    current = await town.control.database.read(lambda unit: unit.intervals.current("public", "Search"))
    assert current.state == "unknown"
    assert await town.component() == "operational"


SEARCH = """
---
service: search
team: payments
slos: [{name: availability, objective: 99%, window: 7d, sli: {events: {total: searches_total, bad: 'status="500"'}}}]
status: {page: public, component: Search}
"""


async def test_a_start_while_another_run_has_just_ended_leaves_what_is_known(town: Town):
    await begin(town.control)
    assert await town.component() == "operational"
    await town.settle()
    await town.run(seconds=10)
    assert await town.component() == "operational"


async def test_what_is_old_is_forgotten_once_a_day(town: Town):
    database, retention, start = town.control.database, Retention(town.control), town.clock.now()

    async def lines() -> list[str]:
        return [deed.action for deed in await database.read(lambda unit: unit.audit.recent())]

    await database.write(lambda unit: unit.audit.write(start - timedelta(days=399), "ana", "long ago", "x"))
    assert await retention.once(start) == 0
    town.clock.instant += timedelta(days=2)
    assert await retention.once(town.clock.now()) > 0
    assert "long ago" not in await lines()
    await database.write(lambda unit: unit.audit.write(start - timedelta(days=500), "ana", "longer ago", "x"))
    town.clock.instant += timedelta(hours=23)
    assert await retention.once(town.clock.now()) == 0
    town.clock.instant += timedelta(hours=1)
    assert await retention.once(town.clock.now()) == 1


async def test_forgetting_that_fails_is_tried_again_within_the_hour(town: Town, monkeypatch: pytest.MonkeyPatch):
    from sereno.adapters.sql.retention import SqlRetention

    retention, now = Retention(town.control), town.clock.now()

    def fails(*args):
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(SqlRetention, "expired", fails)
        with pytest.raises(RuntimeError):
            await retention.once(now)
    old = now - timedelta(days=500)
    await town.control.database.write(lambda unit: unit.audit.write(old, "ana", "old", "x"))
    assert await retention.once(now + timedelta(minutes=59)) == 0
    assert await retention.once(now + timedelta(hours=1)) == 1


def test_a_secret_key_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Killed(BaseException):
        pass

    def killed(*args):
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(controls.os, "fsync", killed)
        with pytest.raises(Killed):
            secret_of(tmp_path)
    assert not (tmp_path / "secret.key").exists()
    made = secret_of(tmp_path)
    assert len(made) >= 32
    assert secret_of(tmp_path) == made
    assert os.stat(tmp_path / "secret.key").st_mode & 0o777 == 0o600


def test_an_empty_secret_key_signs_nothing(tmp_path: Path):
    (tmp_path / "secret.key").write_bytes(b"\n")
    assert len(secret_of(tmp_path)) >= 32


async def test_the_state_is_let_go_of_whatever_else_fails_to_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    town = Town(tmp_path)
    await town.open()

    async def fails():
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(town.control.scraper, "close", fails)
        with pytest.raises(RuntimeError):
            await town.control.close()
    await town.open()  # nobody holds its lock
    await town.close()


async def test_a_start_that_fails_half_way_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    town = Town(tmp_path)

    def fails(*args, **kwargs):
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(controls.Control, "adopt", fails)
        with pytest.raises(RuntimeError):
            await town.open()
    await town.open()
    await town.close()
