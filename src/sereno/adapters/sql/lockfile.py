"""One process at a time on one SQLite file."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sereno.kernel.errors import Conflict
from sereno.kernel.moment import iso


class ProcessLock:
    """An advisory lock beside the database; the system lets go of it when the process ends, however it ends."""

    def __init__(self, database: Path, owner: str) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            told = self._holder()
            os.close(self._file)
            raise Conflict(
                f"{database} is in use by {told}", hint="stop that process, or use PostgreSQL for several"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(
            self._file, msgspec.json.encode({"pid": os.getpid(), "host": socket.gethostname(), "owner": owner}), 0
        )

    def _holder(self) -> str:
        # The file was last written when the holder took it: its modification time is "since".
        since = iso(datetime.fromtimestamp(os.fstat(self._file).st_mtime, UTC))
        try:
            told = msgspec.json.decode(os.pread(self._file, 4096, 0), type=dict[str, str | int])
        except msgspec.DecodeError:
            return "another process"
        return f"process {told.get('pid')} on {told.get('host')} ({told.get('owner')}) since {since}"

    def release(self) -> None:
        """Let another process have the database."""
        os.close(self._file)
