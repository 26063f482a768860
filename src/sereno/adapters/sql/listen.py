"""Hears what other replicas committed (LISTEN/NOTIFY). A hint only: whatever is missed, polling finds."""

from __future__ import annotations

import select
import socket
import threading
from typing import Any

import structlog

from sereno.adapters.sql.wake import Wake

log = structlog.get_logger()
CHANNEL = "sereno_wake"
_LOOK_SECONDS = 30.0
_PAUSE_SECONDS = 1.0


class Listener:
    """A thread with a connection of its own."""

    def __init__(self, url: str, wake: Wake) -> None:
        self._url = url
        self._wake = wake
        self._closed = threading.Event()
        self._bell, self._ring = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="sereno-listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._ring.send(b".")
        self._thread.join()
        self._bell.close()
        self._ring.close()

    def _run(self) -> None:
        import psycopg

        while not self._closed.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not self._closed.is_set():
                        self._hear(connection)
            except psycopg.Error as error:
                log.warning("postgres_listen_failed", error=type(error).__name__)
                self._closed.wait(_PAUSE_SECONDS)

    def _hear(self, connection: Any) -> None:
        """Wait for news, or for the end."""
        select.select([connection, self._bell], [], [], _LOOK_SECONDS)
        for note in connection.notifies(timeout=0):
            self._wake.rouse(note.payload.split(","))
