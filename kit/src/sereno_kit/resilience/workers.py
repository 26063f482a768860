"""A bounded number of threads that run calls whose callers may stop waiting."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from sereno_kit.errors import BulkheadFull

_IDLE_SECONDS = 30.0


class Job:
    """A call in a worker. `done` is set when the worker is free again; `result` then returns or raises what it did."""

    __slots__ = ("_context", "_function", "_given", "_raised", "_returned", "done")

    def __init__(self, function: Callable[..., Any], given: tuple[Any, ...]) -> None:
        self._function, self._given = function, given
        self._context = contextvars.copy_context()
        self._returned: Any = None
        self._raised: BaseException | None = None
        self.done = Event()

    def work(self) -> None:
        """Make the call, in the context of whoever asked for it."""
        try:
            self._returned = self._context.run(self._function, *self._given)
        except BaseException as error:  # it is raised again where it is waited for
            self._raised = error

    def result(self) -> Any:
        """What the call returned. Raises what it raised."""
        if self._raised is not None:
            raise self._raised
        return self._returned


class Workers:
    """Daemon threads, made when needed and ended after half a minute without work; they never hold up an exit.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Begin anew: a forked child has none of its parent's threads."""
        self.busy = 0
        self._threads = 0
        self._lock = Lock()
        self._jobs: SimpleQueue[Job] = SimpleQueue()

    def run(self, function: Callable[..., Any], *given: Any) -> Job:
        """Start a call in a free thread, with a copy of this context. Raises BulkheadFull if none is free."""
        job = Job(function, given)
        with self._lock:
            if self.busy >= self.most:
                raise BulkheadFull(f"all {self.most} threads are busy with calls that have not ended")
            self.busy += 1
            new = self._threads < self.busy
            self._threads += new
        if new:
            self._begin()
        self._jobs.put(job)
        return job

    def _begin(self) -> None:
        try:
            Thread(target=self._serve, args=(self._jobs,), name="sereno-timeout", daemon=True).start()
        except RuntimeError as error:
            with self._lock:
                self.busy -= 1
                self._threads -= 1
            raise BulkheadFull("no more threads are to be had") from error

    def _serve(self, jobs: SimpleQueue[Job]) -> None:
        from queue import Empty

        while True:
            try:
                job = jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._threads > self.busy:
                        self._threads -= 1
                        return
                continue
            job.work()
            with self._lock:  # before anybody knows, or whoever calls next finds it still busy
                self.busy -= 1
            job.done.set()
            del job
