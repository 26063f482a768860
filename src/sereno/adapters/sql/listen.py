"""Hears what other replicas committed (LISTEN/NOTIFY). A hint only: whatever is missed, polling finds."""

from __future__ import annotations

import threading

import structlog

from sereno.adapters.sql.wake import Wake

log = structlog.get_logger()
CHANNEL = "sereno_wake"
_POLL_SECONDS = 0.5
_PAUSE_SECONDS = 1.0


class Listener:
    """A thread with a connection of its own."""

    def __init__(self, url: str, wake: Wake) -> None:
        self._url = url
        self._wake = wake
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sereno-listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        import psycopg

        while not self._closed.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not self._closed.is_set():
                        for note in connection.notifies(timeout=_POLL_SECONDS):
                            self._wake.rouse(note.payload.split(","))
                            if self._closed.is_set():
                                break
            except psycopg.Error as error:
                log.warning("postgres_listen_failed", error=type(error).__name__)
                self._closed.wait(_PAUSE_SECONDS)
