"""What is already here: a table beside the samples, in their own file, of what a download or an import finished.

It is written after the samples, to the same file: whatever a crash leaves, nothing is noted that is not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sereno.kernel.errors import Unavailable

_TABLE = """
CREATE TABLE IF NOT EXISTS finished (
    what TEXT NOT NULL, after_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (what, after_ms)
) WITHOUT ROWID
"""
Range = tuple[int, int]
"""After the first, until the second, in ms (or in bytes of a file)."""


class Finished:
    """Which ranges of what are finished; `path` is the sample store's file (None: remembered by this object only).

    Raises Unavailable when the file cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        with _telling(path):
            self._path = path
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, timeout=30.0, check_same_thread=False
            )
            self._connection.execute(_TABLE)

    def ranges(self, what: str) -> list[Range]:
        """What is finished of `what`, in order, adjoining ranges as one."""
        with _telling(self._path):
            rows = self._connection.execute("SELECT after_ms, until_ms FROM finished WHERE what = ?", (what,))
            return merged(rows.fetchall())

    def add(self, what: str, after: int, until: int) -> None:
        """Note that `what` is finished from after `after` until `until`."""
        with _telling(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                known = self._connection.execute("SELECT after_ms, until_ms FROM finished WHERE what = ?", (what,))
                ranges = merged([*known.fetchall(), (after, until)])
                self._connection.execute("DELETE FROM finished WHERE what = ?", (what,))
                self._connection.executemany("INSERT INTO finished VALUES (?, ?, ?)", [(what, *r) for r in ranges])
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def merged(ranges: list[Range]) -> list[Range]:
    """The same ranges in order, adjoining and overlapping ones as one."""
    found: list[Range] = []
    for after, until in sorted(ranges):
        if found and after <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif after < until:
            found.append((after, until))
    return found


def missing(ranges: list[Range], after: int, until: int) -> list[Range]:
    """What of (after, until] is in none of `ranges` (ordered, apart)."""
    found = []
    for begin, end in ranges:
        if end <= after or begin >= until:
            continue
        if begin > after:
            found.append((after, begin))
        after = max(after, end)
    return [*found, (after, until)] if after < until else found


@contextmanager
def _telling(path: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise Unavailable(f"what is finished cannot be noted in {path or 'memory'}: {problem}") from problem
