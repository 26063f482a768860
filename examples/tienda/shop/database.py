"""The shop's database: SQLite, asked in threads, each query timed by table and operation."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

from sereno_kit.metrics.database import timed

PRODUCTS = ("Manta de alpaca", "Café de Jaén", "Chullo", "Cerámica de Chulucanas", "Quinua", "Sombrero de paja")
_SCHEMA = """
begin immediate;
create table if not exists products (name text primary key);
create table if not exists orders (id integer primary key, status text not null, at real not null);
create table if not exists payments (key text primary key, gateway text not null, at real not null);
commit;
"""
Row = tuple[object, ...]


class Database:
    """One connection; whoever asks waits in a thread, never in the event loop."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=normal")
        self._connection.executescript(_SCHEMA)
        with self._connection:
            products = [(name,) for name in PRODUCTS]
            self._connection.executemany("insert or ignore into products (name) values (?)", products)
        self._lock = threading.Lock()

    async def query(self, sql: str, *values: object) -> list[Row]:
        """Run one statement to its end, and keep what it changed."""
        return await asyncio.to_thread(self._query, sql, values)

    def answers(self) -> bool:
        """Whether it can be asked at all."""
        try:
            with self._lock:
                return bool(self._connection.execute("select 1").fetchone())
        except sqlite3.Error:
            return False

    def _query(self, sql: str, values: tuple[object, ...]) -> list[Row]:
        with self._lock, timed(sql), self._connection:
            return self._connection.execute(sql, values).fetchall()
