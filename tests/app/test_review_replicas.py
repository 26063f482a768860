"""Several replicas on one PostgreSQL: who begins changes nothing for those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from tests.app.town import Town, opened

from sereno.adapters.sql.tables import fact, interval
from sereno.app.serve import begin
from sereno.kernel.errors import Conflict


class SlowTown(Town):
    """Looks only once a minute."""

    interval = timedelta(minutes=1)


def beside(first: Town, folder: Path, kind: type[Town] = Town) -> Town:
    """A second replica on the state of the first."""
    folder.mkdir()
    second = kind(folder, database=first.settings.database.get_secret_value())
    second.clock = first.clock
    return second


@pytest.fixture
async def first(tmp_path: Path, postgres_url: str) -> AsyncIterator[Town]:
    (tmp_path / "one").mkdir()
    town = await opened(tmp_path / "one", database=postgres_url)
    yield town
    await town.close()


async def changes(town: Town) -> list[str]:
    """The states that the public has seen, in order."""
    start, end = town.clock.now() - timedelta(days=1), town.clock.now() + timedelta(days=1)
    found = await town.control.database.read(lambda unit: unit.intervals.between("public", start, end))
    return [one.state for one in found]


async def test_a_replica_that_joins_changes_nothing_that_the_public_sees(first: Town, tmp_path: Path):
    seen = await changes(first)
    known = await first.control.database.read(lambda unit: unit.facts.get("known"))
    first.clock.instant += timedelta(seconds=20)
    second = beside(first, tmp_path / "two")
    await second.open()
    await first.settle()
    assert await changes(first) == seen
    assert await first.control.database.read(lambda unit: unit.facts.get("known")) == known == {"payments": True}
    assert second.control.evaluated_at is None
    second.control.source = first.control.source
    first.scrape()
    assert await first.rules.once(first.clock.now())
    assert not await second.rules.once(first.clock.now())
    assert second.control.evaluated_at == first.clock.now(), "it knows when somebody last looked"
    await second.close()


async def test_a_replica_that_joins_those_who_look_once_a_minute_changes_nothing_either(
    tmp_path: Path, postgres_url: str
):
    (tmp_path / "one").mkdir()
    first = SlowTown(tmp_path / "one", database=postgres_url)
    await first.open()
    await asyncio.to_thread(first.remember)
    first.scrape()
    await first.tick()
    assert await first.component() == "operational"
    first.clock.instant += timedelta(seconds=59)
    second = beside(first, tmp_path / "two", SlowTown)
    await second.open()
    assert await first.component() == "operational"
    first.clock.instant += timedelta(minutes=5)
    await begin(second.control)
    assert await first.component() == "unknown", "by now nobody looks any more"
    await second.close()
    await first.close()


async def test_replicas_may_all_start_at_once_on_an_empty_database(tmp_path: Path, postgres_url: str):
    towns = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        towns.append(Town(tmp_path / str(number), database=postgres_url))
    await asyncio.gather(*(town.open() for town in towns))
    assert await changes(towns[0]) == ["unknown"]
    for _ in range(5):  # and again, with a component that none of them has seen
        await towns[0].control.database.write(lambda unit: unit.connection.execute(sa.delete(interval)))
        await asyncio.gather(*(begin(town.control) for town in towns))
        assert await changes(towns[0]) == ["unknown"]
    for town in towns:
        await town.close()


async def test_a_replica_with_another_secret_is_refused_and_the_database_knows_none(first: Town, tmp_path: Path):
    stranger = beside(first, tmp_path / "stranger")
    stranger.settings = stranger.settings.model_copy(update={"secret": SecretStr("something else")})
    with pytest.raises(Conflict, match="secret key"):
        await stranger.open()
    facts = await first.control.database.read(
        lambda unit: [tuple(row) for row in unit.connection.execute(sa.select(fact))]
    )
    assert first.control.secret.decode() not in repr(facts)
