"""Passes commands on to the other worker processes of the same server, by a file that all of them may append to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson

from sereno_kit.clock import Clock, new_id
from sereno_kit.metrics.faults import failed

_EVERY_SECONDS = 0.5
_BYTES_AT_ONCE = 1024 * 1024
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A file of its own, never what a link or a pipe of that name leads to."""


class Relay:
    """A journal in a directory of the server's workers; each process obeys what others wrote since it looked last.

    The directory is `SERENO_KIT_SHARED_DIR`, or the `PROMETHEUS_MULTIPROC_DIR` that several workers need for their
    metrics anyway; without one, commands stay in the process that took them. The file carries the number and the
    start of the parent process, so that what was said before a restart is not obeyed after it. A worker that joins
    later obeys what is still in force.

    Args:
        obey: is given each command of others.
        clock: its wall clock says how much of a command's time is over.
        kind: of the commands, each kind has a journal of its own.
    """

    def __init__(self, obey: Callable[[dict[str, Any]], object], *, clock: Clock, kind: str = "kit") -> None:
        self._obey = obey
        self._clock = clock
        self._kind = kind
        self._path = _journal(kind)
        self._me, self._pid = "", 0
        self._read = 0
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def scope(self) -> str:
        """Whom commands reach, in words."""
        if self._path is None:
            return "Commands reach this process only; with several workers, set SERENO_KIT_SHARED_DIR."
        return "Commands reach all workers of this server, not its replicas on other hosts."

    def start(self) -> None:
        """Listen to the others; called in each worker, after the fork."""
        if self._path is None or self._pid == os.getpid():
            return
        self._pid, self._me, self._read = os.getpid(), new_id(), 0
        self._path = _journal(self._kind) or self._path
        self._look()
        self._thread = Thread(target=self._listen, name="sereno-admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout=1.0)

    def tell(self, command: Mapping[str, Any]) -> None:
        """Pass a command on."""
        if self._path is None:
            return
        line = orjson.dumps({"from": self._me, "at": self._clock.now(), "command": command}) + b"\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN, 0o600)
        try:
            os.write(file, line)  # one write of less than a page: lines of several writers do not mix
        finally:
            os.close(file)

    def _listen(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        path = self._path
        try:
            if path is None or not path.exists() or path.stat().st_size <= self._read:
                return
            with os.fdopen(os.open(path, os.O_RDONLY | _PLAIN), "rb") as file:
                # Where others may write to the directory, one of theirs must not become an operator's word.
                if hasattr(os, "geteuid") and os.fstat(file.fileno()).st_uid not in (os.geteuid(), 0):
                    raise PermissionError(f"{path} belongs to somebody else")
                file.seek(self._read)
                whole = file.read(_BYTES_AT_ONCE).rpartition(b"\n")[0]
            self._read += len(whole) + 1 if whole else 0
        except OSError as error:
            failed("admin", error)
            return
        for line in whole.splitlines():
            try:
                self._hear(orjson.loads(line))
            except Exception as error:  # a line that cannot be obeyed here must not stop the next one
                failed("admin", error)

    def _hear(self, told: dict[str, Any]) -> None:
        if told["from"] == self._me:
            return
        command = told["command"]
        if command["seconds"] is not None:
            command["seconds"] -= max(0.0, self._clock.now() - told["at"])
            if command["seconds"] <= 0:
                return
        self._obey(command)


def _journal(kind: str) -> Path | None:
    directory = os.environ.get("SERENO_KIT_SHARED_DIR") or os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory:
        return None
    parent = os.getppid()
    return Path(directory) / f"sereno-{kind}-{parent}-{_start_of(parent)}.jsonl"


def _start_of(process: int) -> str:
    """When a process started, as Linux counts; elsewhere its number must do."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"
