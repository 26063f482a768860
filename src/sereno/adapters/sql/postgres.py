"""The state in PostgreSQL: a bounded pool of threads and connections, any number of replicas."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from sereno.adapters.sql.connect import postgres_engine
from sereno.adapters.sql.errors import is_retryable, translate
from sereno.adapters.sql.listen import CHANNEL, Listener
from sereno.adapters.sql.schema import ensure_schema
from sereno.adapters.sql.unit import Unit, read
from sereno.adapters.sql.wake import Wake
from sereno.kernel.errors import Unavailable

T = TypeVar("T")
_CONNECTIONS = 8
_WAITING_MAX = 1000
_TRIES = 6


class PostgresDatabase:
    """Implements `Database` over a PostgreSQL server."""

    def __init__(self, url: str, *, owner: str, connections: int = _CONNECTIONS) -> None:
        self.owner = owner
        self.wake = Wake()
        self._engine = postgres_engine(url, connections=connections)
        try:
            ensure_schema(self._engine)
        except Exception as error:
            self._engine.dispose()
            raise translate(error) from None
        self._snapshot = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="sereno-postgres")
        self._listener = Listener(url, self.wake)
        self._closed = threading.Event()
        self._waiting = 0
        self._units = 0

    async def write(self, work: Callable[[Unit], T], *, snapshot: bool = False) -> T:
        """See `Database.write`."""
        value = await self._run(self._write_snapshot if snapshot else self._write, work)
        self._units += 1
        return value

    async def read(self, work: Callable[[Unit], T]) -> T:
        """See `Database.read`."""
        return await self._run(partial(read, self._reading), work)

    async def _run(self, how: Callable[[Callable[[Unit], T]], T], work: Callable[[Unit], T]) -> T:
        if self._closed.is_set():
            raise Unavailable("the database is closed")
        if self._waiting >= _WAITING_MAX:
            raise Unavailable("too many units of work are waiting", retry_after_seconds=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, how, work)
        finally:
            self._waiting -= 1

    def _write_snapshot(self, work: Callable[[Unit], T]) -> T:
        return self._write(work, self._snapshot)

    def _write(self, work: Callable[[Unit], T], engine: sa.Engine | None = None) -> T:
        for attempt in range(_TRIES):
            try:
                value, topics = self._once(work, engine or self._engine)
            except sa.exc.DBAPIError as error:
                if not is_retryable(error) or attempt == _TRIES - 1:
                    raise translate(error) from error
                self._closed.wait(0.002 * 2**attempt)
            except sa.exc.SQLAlchemyError as error:
                raise translate(error) from error
            else:
                self.wake.rouse(topics)
                return value
        raise AssertionError("unreachable")

    def _once(self, work: Callable[[Unit], T], engine: sa.Engine) -> tuple[T, set[str]]:
        with engine.connect() as connection, connection.begin():
            unit = Unit(connection, writing=True)
            value = work(unit)
            if unit.topics:
                told = ",".join(sorted(unit.topics))
                connection.execute(sa.select(sa.func.pg_notify(CHANNEL, told)))
            return value, set(unit.topics)

    def stats(self) -> dict[str, float]:
        """See `Database.stats`."""
        return {"units": self._units, "commits": self._units, "waiting": self._waiting, "bytes": 0}

    def close(self) -> None:
        """See `Database.close`."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._listener.close()
        self._threads.shutdown()
        self._engine.dispose()
