"""The one thread that writes to SQLite, and its group commit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from sereno.adapters.sql.errors import DatabaseDied, translate
from sereno.adapters.sql.unit import Unit
from sereno.adapters.sql.wake import Wake
from sereno.kernel.errors import Unavailable

log = structlog.get_logger()


@dataclass(slots=True)
class _Job:
    work: Callable[[Unit], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs units of work one after another, several to a commit; each caller hears after the commit.

    A unit that raises is undone alone. If the commit fails, every caller of the batch hears Unavailable. If the
    thread itself fails, every waiting and later caller hears DatabaseDied.
    """

    def __init__(self, engine: sa.Engine, wake: Wake, *, queue_max: int = 2000, batch_max: int = 128) -> None:
        self._engine = engine
        self._wake = wake
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._lock = threading.Lock()
        self._waiting = 0
        self._ended: Exception | None = None
        self.units = 0
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="sereno-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many units are queued."""
        return self._waiting

    def submit(self, work: Callable[[Unit], Any]) -> asyncio.Future[Any]:
        """Queue `work`. Raises Unavailable when the queue is full, DatabaseDied when there is no writer."""
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._waiting >= self._queue_max:
                raise Unavailable("too many writes are waiting", retry_after_seconds=1)
            self._waiting += 1
            self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Finish what is queued and end the thread; later callers hear Unavailable."""
        with self._lock:
            if self._ended is None:
                self._ended = Unavailable("the database is closed")
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        batch: list[_Job] = []
        try:
            with self._engine.connect() as connection:
                while self._take(batch):
                    self._commit(connection, batch)
        except BaseException as error:
            log.critical("database_writer_died", error=type(error).__name__, exc_info=error)
            self._die(batch, error)

    def _take(self, batch: list[_Job]) -> bool:
        """Fill `batch` with what is queued, waiting for the first; False when closed."""
        batch.clear()
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == self._batch_max:
                break
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
        else:
            self._queue.put(None)  # seen again once the batch is written
        with self._lock:
            self._waiting -= len(batch)
        return bool(batch)

    def _commit(self, connection: sa.Connection, batch: list[_Job]) -> None:
        """One transaction for the whole batch, then every caller's answer."""
        topics: set[str] = set()
        try:
            with connection.begin():
                for job in batch:
                    topics |= self._perform(connection, job)
        except sa.exc.DBAPIError as error:
            topics.clear()
            self._refuse(batch, error)
        self.units += len(batch)
        self.commits += 1
        self._answer(batch)
        self._wake.rouse(topics)

    def _perform(self, connection: sa.Connection, job: _Job) -> set[str]:
        """Run one unit in a savepoint; raises only what ends the transaction for all."""
        if job.future.cancelled():
            return set()
        unit = Unit(connection, writing=True)
        try:
            with unit.savepoint():
                job.value = job.work(unit)
        except Exception as error:
            job.error = translate(error)
            if not unit.alive:
                ended = error if isinstance(error, sa.exc.DBAPIError) else None
                raise ended or sa.exc.OperationalError("", None, Exception("the transaction was ended")) from error
            return set()
        return set(unit.topics)

    def _refuse(self, batch: list[_Job], error: sa.exc.DBAPIError) -> None:
        told = translate(error)
        if not isinstance(told, Unavailable):
            told = Unavailable(f"the database cannot take it now: {told}")
        log.error("commit_failed", units=len(batch), error=told.message)
        for job in batch:
            job.error = job.error or told

    def _answer(self, batch: Sequence[_Job]) -> None:
        """Resolve the futures, with one call a loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            with contextlib.suppress(RuntimeError):  # that loop has ended; nobody waits
                loop.call_soon_threadsafe(_resolve, jobs)

    def _die(self, batch: list[_Job], error: BaseException) -> None:
        ended = DatabaseDied(f"the database writer died ({type(error).__name__}); restart the program")
        with self._lock:
            self._ended = ended
            while True:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is not None:
                    batch.append(job)
        for job in batch:
            job.error = ended
        self._answer(batch)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.value)
