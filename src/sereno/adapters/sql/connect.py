"""Engines: how connections to the two databases are made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool, StaticPool

from sereno.kernel.errors import UsageError

Synchronous = Literal["FULL", "NORMAL", "OFF"]
_BUSY_SECONDS = 5.0
_POSTGRES_OPTIONS = "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000"
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _dumps_without_nul(value: object) -> str:
    # PostgreSQL's jsonb refuses the character NUL, which a label from the network may hold.
    return _NUL.sub(r"\1\\ufffd", _dumps(value))


def sqlite_engine(path: Path, *, reading: bool, synchronous: Synchronous = "FULL", readers: int = 2) -> sa.Engine:
    """An engine over one SQLite file: one connection that writes, or a few that only read."""
    # `sqlite+pysqlite` hands the URI on when uri=true; a path may hold ? and #.
    place = path.resolve().as_uri() + ("?mode=ro" if reading else "?mode=rwc")
    pool: dict[str, Any] = {"poolclass": StaticPool}
    if reading:
        pool = {"poolclass": QueuePool, "pool_size": readers, "max_overflow": 0}
    engine = sa.create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _sqlite(place, reading, synchronous),
        json_serializer=_dumps,
        json_deserializer=msgspec.json.decode,
        **pool,
    )
    begin = "BEGIN" if reading else "BEGIN IMMEDIATE"
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _sqlite(place: str, reading: bool, synchronous: Synchronous) -> Any:
    import sqlite3

    # isolation_level None: sqlite3 begins nothing by itself, the hook above does.
    connection = sqlite3.connect(
        place, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA foreign_keys=ON")
    if reading:
        connection.execute("PRAGMA query_only=ON")
    else:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def postgres_url(url: str) -> sa.URL:
    """`url` for SQLAlchemy over psycopg. Raises UsageError when the driver is not installed or it is no URL."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise UsageError("the driver for PostgreSQL is not installed", hint="pip install 'sereno[postgres]'") from None
    try:
        return sa.make_url(url).set(drivername="postgresql+psycopg")
    except sa.exc.ArgumentError:
        raise UsageError("the address of the database is not a URL such as postgresql://user@host/name") from None


def postgres_engine(url: str, *, connections: int) -> sa.Engine:
    """An engine over PostgreSQL with at most `connections` connections."""
    engine = sa.create_engine(
        postgres_url(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        json_serializer=_dumps_without_nul,
        json_deserializer=msgspec.json.decode,
        connect_args={"connect_timeout": 5, "application_name": "sereno", "options": _POSTGRES_OPTIONS, **_KEEPALIVE},
    )
    sa.event.listen(engine, "connect", lambda connection, _: _replace_nul(connection))
    return engine


def _replace_nul(connection: Any) -> None:
    from psycopg.types.string import StrDumper

    class Dumper(StrDumper):
        """Text in PostgreSQL cannot hold NUL; the rest of it is worth keeping."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\x00", "�"))

    connection.adapters.register_dumper(str, Dumper)
