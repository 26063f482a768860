"""The state in one SQLite file: one writer with group commit, a few readers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from sereno.adapters.sql.connect import Synchronous, sqlite_engine
from sereno.adapters.sql.errors import translate
from sereno.adapters.sql.lockfile import ProcessLock
from sereno.adapters.sql.schema import ensure_schema
from sereno.adapters.sql.unit import Unit, read
from sereno.adapters.sql.wake import Wake
from sereno.adapters.sql.writer import Writer
from sereno.kernel.errors import Unavailable

T = TypeVar("T")
_READERS = 2
_READS_MAX = 1000


class SqliteDatabase:
    """Implements `Database` over one file that this process alone holds."""

    def __init__(self, path: Path, *, owner: str, synchronous: Synchronous = "FULL") -> None:
        self.owner = owner
        self.wake = Wake()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = ProcessLock(path, owner)
        self._engine = sqlite_engine(path, reading=False, synchronous=synchronous)
        try:
            self._prepare()
        except Exception as error:
            self._engine.dispose()
            self._lock.release()
            raise translate(error) from None
        self._reading = sqlite_engine(path, reading=True, readers=_READERS)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sereno-reader")
        self._reads = 0
        self._closed = False
        self._writer = Writer(self._engine, self.wake)

    def _prepare(self) -> None:
        """Bring the schema up, and end the leases of whoever held the file before: it is dead, we hold the lock."""
        self._path.touch(mode=0o600)
        ensure_schema(self._engine)
        with self._engine.begin() as connection:
            unit = Unit(connection, writing=True)
            unit.outbox.release()
            unit.duties.release()

    async def write(self, work: Callable[[Unit], T], *, snapshot: bool = False) -> T:
        """See `Database.write`."""
        value: T = await self._writer.submit(work)
        return value

    async def read(self, work: Callable[[Unit], T]) -> T:
        """See `Database.read`."""
        if self._closed:
            raise Unavailable("the database is closed")
        if self._reads >= _READS_MAX:
            raise Unavailable("too many reads are waiting", retry_after_seconds=1)
        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, read, self._reading, work)
        finally:
            self._reads -= 1

    def stats(self) -> dict[str, float]:
        """See `Database.stats`."""
        sizes = [self._path.with_name(self._path.name + end) for end in ("", "-wal")]
        return {
            "units": self._writer.units,
            "commits": self._writer.commits,
            "waiting": self._writer.waiting,
            "bytes": sum(size.stat().st_size for size in sizes if size.exists()),
        }

    def close(self) -> None:
        """See `Database.close`."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._readers.shutdown()
        self._reading.dispose()
        try:
            self._checkpoint()
        finally:
            self._engine.dispose()
            self._lock.release()

    def _checkpoint(self) -> None:
        """Move the log into the file; on a full disk it stays where it is, and is read from there."""
        import sqlite3

        with contextlib.suppress(sa.exc.DBAPIError, sqlite3.Error), self._engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
