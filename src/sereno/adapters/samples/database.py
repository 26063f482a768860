"""The file of the sample store: its tables, how it is opened, who holds it, and what its failures mean.

`synchronous=NORMAL` in WAL mode: what was committed survives the process being killed at any instant; a power
cut may cost the last seconds, never the file. Samples of seconds are worth no more, and no fsync is waited for.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sereno.kernel.errors import Conflict, Unavailable

_APPLICATION = 0x53524E53  # "SRNS"
VERSION = 2
LOST = "lost"
"""The note that counts what was found damaged and cleared away."""
_TABLES = """
CREATE TABLE series (id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE);
CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE layout (id INTEGER PRIMARY KEY, numbers BLOB NOT NULL);
CREATE TABLE head (stream INTEGER NOT NULL, at_ms INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX head_by_time ON head (stream, at_ms);
CREATE TABLE block (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
    count INTEGER NOT NULL, times BLOB NOT NULL
);
CREATE INDEX block_by_time ON block (stream, t0);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY, block INTEGER NOT NULL, metric INTEGER NOT NULL, t0 INTEGER NOT NULL,
    t1 INTEGER NOT NULL, samples INTEGER NOT NULL, numbers BLOB NOT NULL, data BLOB NOT NULL
);
CREATE INDEX chunk_by_metric ON chunk (metric, t1);
CREATE INDEX chunk_by_block ON chunk (block);
"""
_SECOND = """
ALTER TABLE series ADD COLUMN crc INTEGER;
ALTER TABLE metric ADD COLUMN crc INTEGER;
ALTER TABLE block ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE block ADD COLUMN finished INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chunk ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
DROP INDEX chunk_by_metric;
CREATE INDEX chunk_by_metric ON chunk (metric, step, t1);
CREATE INDEX block_by_end ON block (step, t1);
CREATE INDEX block_unfinished ON block (stream, t0) WHERE finished = 0 AND step = 0;
CREATE TABLE journal (id INTEGER PRIMARY KEY, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE metadata (
    metric TEXT NOT NULL, type TEXT NOT NULL, help TEXT NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (metric, type, help, unit)
) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
"""What version 2 added: samples that are sent, tiers, metadata, more checksums. A new file is made the same way."""


FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises over a file that is damaged, full or locked: the words of its own errors may be damaged too."""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def connect(path: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the store at `path` (None: in memory), its tables made if it is new.

    Raises Unavailable if the file cannot be opened or is not a sample store of this version.
    """
    try:
        if path is None:
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        else:
            address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
        _prepare(connection, read_only)
        connection.text_factory = _text
    except FAULTS as problem:
        raise Unavailable(f"the sample store {path} cannot be opened: {problem}") from problem
    return connection


def _prepare(connection: sqlite3.Connection, read_only: bool) -> None:
    application, version = (connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("application_id", "user_version"))
    if application == 0 and version == 0 and not read_only:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    elif application != _APPLICATION or not 1 <= version <= VERSION:
        raise sqlite3.DatabaseError(f"it is not a sample store of version {VERSION}")
    if read_only:
        if version < VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}: start the control plane on it once")
        return
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    if version < VERSION:
        steps = "".join((_TABLES, _SECOND)[version:])
        stamp = f"PRAGMA application_id={_APPLICATION};PRAGMA user_version={VERSION};"
        connection.executescript(f"BEGIN IMMEDIATE;{steps}{stamp}COMMIT;")


def note_of(connection: sqlite3.Connection, name: str) -> int | None:
    """A number that the file keeps; None if it does not."""
    row = connection.execute("SELECT value FROM note WHERE name=?", (name,)).fetchone()
    return None if row is None else int(row[0])


def set_note(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Keep a number in the file, inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))


def note_lost(connection: sqlite3.Connection, count: int) -> None:
    """So many damaged things are being cleared away, inside the caller's transaction: they stay counted."""
    if count:
        set_note(connection, LOST, (note_of(connection, LOST) or 0) + count)


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read inside is the file as it was at one instant, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Raises Unavailable, with nothing written, when the disk is full or the file is locked."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as problem:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(problem, FAULTS):
            raise Unavailable(f"the sample store cannot be written: {problem}") from problem
        raise


def hold(path: Path) -> IO[str]:
    """Hold the store at `path` for this process until the result is closed. Raises Conflict, naming the holder."""
    lock = path.with_name(path.name + ".lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise Conflict(f"the sample store {path} is held by process {holder}", hint="stop that process first") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
