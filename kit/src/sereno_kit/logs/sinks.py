"""Where lines go: straight to a file descriptor, or through a queue that a thread empties."""

from __future__ import annotations

import atexit
import os
import select
import sys
import weakref
from collections.abc import Callable
from io import UnsupportedOperation
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol, TextIO

_PATIENCE_SECONDS = 5.0
_BATCH_BYTES = 65_536


class Sink(Protocol):
    """Takes whole lines."""

    def write(self, line: bytes) -> None:
        """Take one line, with its end. Raises OSError or ValueError if it is lost."""
        ...

    def close(self) -> None:
        """Let nothing wait."""
        ...


class Direct:
    """Writes each line at once, as one call to the system; a reader who does not read is waited for.

    Args:
        stream: where to; it is asked for its file descriptor once.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self._lock = Lock()
        self._descriptor = _descriptor_of(stream)
        _SINKS.add(self)

    def write(self, line: bytes) -> None:
        """Take one line."""
        with self._lock:
            if self._descriptor < 0:
                if self.stream is not None:
                    self.stream.write(line.decode("utf-8", "replace"))
                    self.stream.flush()
                return
            while line:
                try:
                    line = line[os.write(self._descriptor, line) :]
                except BlockingIOError:
                    self._wait()

    def _wait(self) -> None:
        """Until somebody reads."""
        if not select.select([], [self._descriptor], [], _PATIENCE_SECONDS)[1]:
            raise TimeoutError("nobody reads the lines")

    def close(self) -> None:
        """Nothing waits."""

    def after_fork(self) -> None:
        """Whoever held the lock is not in this process."""
        self._lock = Lock()


class Queued:
    """Hands lines to a thread. Never waits: what finds no place is dropped and counted.

    Args:
        inner: who writes.
        lines_max: lines that may wait.
        dropped: what to call with the number of lines dropped.
    """

    def __init__(self, inner: Direct, lines_max: int, dropped: Callable[[int], None]) -> None:
        self.inner = inner
        self._lines_max = lines_max
        self._dropped = dropped
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._closed = False
        atexit.register(self.close)
        _SINKS.add(self)

    def write(self, line: bytes) -> None:
        """Take one line, or drop it."""
        if self._closed:
            self.inner.write(line)
            return
        if self._waiting.qsize() >= self._lines_max:
            self._dropped(1)
            return
        self._waiting.put(line)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, args=(self._waiting,), name="sereno-kit-logs", daemon=True)
                self._thread.start()

    def _run(self, waiting: SimpleQueue[bytes | None]) -> None:
        while (line := waiting.get()) is not None:
            last = self._deliver(waiting, line)
            if last:
                return

    def _deliver(self, waiting: SimpleQueue[bytes | None], line: bytes) -> bool:
        """Write what waits, as much as fits in one call. Returns whether the end was among it."""
        batch, size, ended = [line], len(line), False
        while size < _BATCH_BYTES and not ended:
            try:
                more = waiting.get_nowait()
            except Empty:
                break
            if more is None:
                ended = True
            else:
                batch.append(more)
                size += len(more)
        try:
            self.inner.write(b"".join(batch))
        except (OSError, ValueError):
            self._dropped(len(batch))
        return ended

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Write what waits, but wait no longer than `timeout_seconds` for a reader who does not read."""
        self._closed = True
        atexit.unregister(self.close)
        thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            self._waiting.put(None)
            thread.join(timeout_seconds)

    def after_fork(self) -> None:
        """The thread, and the lines that waited for it, are the parent's."""
        self._lock = Lock()
        self._waiting = SimpleQueue()
        self._thread = None


_SINKS: weakref.WeakSet[Direct | Queued] = weakref.WeakSet()


def _after_fork() -> None:
    for sink in list(_SINKS):
        sink.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _descriptor_of(stream: TextIO | None) -> int:
    """The stream's file descriptor, or -1 where it has none."""
    if stream is None:
        return -1
    try:
        stream.flush()
        return stream.fileno()
    except (AttributeError, OSError, ValueError, UnsupportedOperation):
        return -1


def standard_output() -> TextIO | None:
    """Standard output as it is now; None for a program that has none."""
    return sys.stdout
