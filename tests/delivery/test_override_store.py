"""Overrides, in every store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.delivery.flags import NOW

from sereno.adapters.memory.delivery import MemoryOverrides
from sereno.delivery.model import Override

Write = Callable[[Callable[[Any], Any]], Awaitable[Any]]


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def write(request: pytest.FixtureRequest) -> Iterator[Write]:
    if request.param == "memory":
        unit = SimpleNamespace(overrides=MemoryOverrides())

        async def run(work: Callable[[Any], Any]) -> Any:
            return work(unit)

        yield run
    elif request.param == "postgres":
        from sereno.adapters.sql.database import connect

        database = connect(request.getfixturevalue("postgres_url"), owner="test")
        yield database.write
        database.close()
    else:
        yield request.getfixturevalue("sqlite_database").write


async def test_what_is_put_comes_back_exactly_and_replaces_what_was(write: Write) -> None:
    first = Override("b/one", "share", Decimal("0.125"), "slowly ñ", "ana", NOW, NOW + timedelta(hours=2))
    other = Override("a/two", "off", None, "it hurts", "bo", NOW)
    for one in (first, other):
        await write(lambda unit, one=one: unit.overrides.put(one))
    assert await write(lambda unit: unit.overrides.all()) == (other, first)
    assert await write(lambda unit: unit.overrides.find("b/one")) == first
    later = Override("b/one", "on", None, "all is well", "bo", NOW + timedelta(minutes=1))
    await write(lambda unit: unit.overrides.put(later))
    assert await write(lambda unit: unit.overrides.all()) == (other, later)


async def test_what_is_dropped_is_gone_once(write: Write) -> None:
    await write(lambda unit: unit.overrides.put(Override("a/b", "on", None, "why", "ana", NOW)))
    assert [await write(lambda unit: unit.overrides.drop("a/b")) for _ in range(2)] == [True, False]
    assert await write(lambda unit: unit.overrides.find("a/b")) is None
