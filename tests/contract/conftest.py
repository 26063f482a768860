"""The same questions to every store: SQLite, PostgreSQL, and the memory that the simulator uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sereno.adapters.memory.corrections import MemoryCorrections
from sereno.adapters.memory.incidents import MemoryIncidents, MemoryIntervals
from sereno.adapters.memory.paging import MemoryAlerts, MemoryOutbox, MemoryPages

Write = Callable[[Callable[[Any], Any]], Awaitable[Any]]


@pytest.fixture(params=["sqlite_database", "postgres", "memory"])
def write(request: pytest.FixtureRequest) -> Iterator[Write]:
    """Runs a unit of work over a store of each kind."""
    if request.param == "memory":
        yield _memory()
    elif request.param == "postgres":
        from sereno.adapters.sql.database import connect

        database = connect(request.getfixturevalue("postgres_url"), owner="test")
        yield database.write
        database.close()
    else:
        yield request.getfixturevalue("sqlite_database").write


def _memory() -> Write:
    unit = SimpleNamespace(
        alerts=MemoryAlerts(),
        pages=MemoryPages(),
        outbox=MemoryOutbox(),
        incidents=MemoryIncidents(),
        intervals=MemoryIntervals(),
        corrections=MemoryCorrections(),
    )

    async def write(work: Callable[[Any], Any]) -> Any:
        return work(unit)

    return write
