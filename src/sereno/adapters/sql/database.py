"""The state store: one door for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sereno.adapters.sql.connect import Synchronous
from sereno.adapters.sql.unit import Unit
from sereno.adapters.sql.wake import Wake
from sereno.kernel.errors import UsageError

T = TypeVar("T")


class Database(Protocol):
    """Units of work over the state.

    `owner` names this process to others; `wake` shortens the loops' sleep after a commit.
    """

    owner: str
    wake: Wake

    async def write(self, work: Callable[[Unit], T], *, snapshot: bool = False) -> T:
        """What `work` returns, once all it wrote is durable; if it raises, nothing of it is.

        With `snapshot` all its reads see one state (SQLite's always do); without it, each read on PostgreSQL sees
        what was committed before that read.

        `work` may be run again (a deadlock): it must do nothing but read and write through the unit. Raises
        Unavailable when the store cannot take it now, DatabaseDied when it never will again.
        """
        ...

    async def read(self, work: Callable[[Unit], T]) -> T:
        """What `work` returns over one consistent state; it cannot write. Raises as `write`."""
        ...

    def stats(self) -> dict[str, float]:
        """Numbers about the store: units, commits, waiting, bytes."""
        ...

    def close(self) -> None:
        """Finish what was accepted and let go of the store."""
        ...


async def open_database(url: str | Path, *, owner: str, synchronous: Synchronous = "FULL") -> Database:
    """`connect`, without holding up the event loop."""
    return await asyncio.to_thread(connect, url, owner=owner, synchronous=synchronous)


def connect(url: str | Path, *, owner: str, synchronous: Synchronous = "FULL") -> Database:
    """Open the state store at `url` and bring its schema to this version.

    `url` is a path or `sqlite:///path`, or `postgresql://user:password@host/name`. `owner` must be unique to this
    run of the process: leases carry it. Raises Conflict when another process holds the SQLite file, UsageError
    for an address that is none, Unavailable when the server cannot be reached.
    """
    text = str(url)
    if text.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        from sereno.adapters.sql.postgres import PostgresDatabase

        return PostgresDatabase("postgresql:" + text.split(":", 1)[1], owner=owner)
    if "://" in text and not text.startswith("sqlite:///"):
        raise UsageError(f"{text.split('://', 1)[0]}:// is no database for sereno", hint="use a path or postgresql://")
    from sereno.adapters.sql.sqlite import SqliteDatabase

    return SqliteDatabase(Path(text.removeprefix("sqlite:///")), owner=owner, synchronous=synchronous)
