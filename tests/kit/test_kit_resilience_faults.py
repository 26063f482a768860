"""Whose fault the errors of real clients are, as retries and breakers take them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from sereno_kit.errors import Category, ClientError, DependencyError, classify


def refused() -> int:
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def by_httpx(port: int) -> None:
    import httpx

    httpx.get(f"http://127.0.0.1:{port}/")


def by_requests(port: int) -> None:
    import requests

    requests.get(f"http://127.0.0.1:{port}/", timeout=5)


def by_aiohttp(port: int) -> None:
    import aiohttp

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://127.0.0.1:{port}/")

    asyncio.run(ask())


def by_redis(port: int) -> None:
    import redis

    redis.Redis(port=port, host="127.0.0.1").ping()


def by_psycopg(port: int) -> None:
    import psycopg

    psycopg.connect(f"host=127.0.0.1 port={port} dbname=x user=x")


def by_sqlalchemy(port: int) -> None:
    import sqlalchemy

    sqlalchemy.create_engine(f"postgresql+psycopg://x@127.0.0.1:{port}/x").connect()


def by_asyncpg(port: int) -> None:
    import asyncpg

    asyncio.run(asyncpg.connect(host="127.0.0.1", port=port, user="x", database="x"))


@pytest.mark.parametrize(
    "connect", [by_httpx, by_requests, by_aiohttp, by_redis, by_psycopg, by_sqlalchemy, by_asyncpg]
)
def test_a_connection_that_is_refused_may_pass(connect: Callable[[int], Any]) -> None:
    with pytest.raises(Exception) as raised:
        connect(refused())
    assert classify(raised.value) is Category.TRANSIENT


@pytest.mark.parametrize(
    ("module", "name", "category"),
    [
        ("redis.exceptions", "TimeoutError", Category.TRANSIENT),
        ("redis.exceptions", "ResponseError", Category.INTERNAL),
        ("psycopg.errors", "UndefinedTable", Category.INTERNAL),
        ("psycopg.errors", "UniqueViolation", Category.INTERNAL),
        ("psycopg.errors", "QueryCanceled", Category.TRANSIENT),
        ("psycopg.errors", "TooManyConnections", Category.TRANSIENT),
        ("asyncpg.exceptions", "TooManyConnectionsError", Category.TRANSIENT),
        ("asyncpg.exceptions", "ConnectionDoesNotExistError", Category.TRANSIENT),
        ("asyncpg.exceptions", "UniqueViolationError", Category.INTERNAL),
        ("sqlalchemy.exc", "TimeoutError", Category.TRANSIENT),
        ("httpx", "ReadTimeout", Category.TRANSIENT),
        ("httpx", "RemoteProtocolError", Category.TRANSIENT),
        ("requests", "ReadTimeout", Category.TRANSIENT),
        ("aiohttp", "ServerDisconnectedError", Category.TRANSIENT),
        ("aiohttp", "ClientPayloadError", Category.TRANSIENT),
        ("requests.exceptions", "ChunkedEncodingError", Category.TRANSIENT),
        ("requests.exceptions", "InvalidURL", Category.INTERNAL),
        ("urllib3.exceptions", "ProtocolError", Category.TRANSIENT),
        ("socket", "gaierror", Category.TRANSIENT),
        ("urllib.error", "URLError", Category.TRANSIENT),
        ("builtins", "FileNotFoundError", Category.INTERNAL),
    ],
)
def test_what_databases_and_clients_say(module: str, name: str, category: Category) -> None:
    kind = getattr(pytest.importorskip(module), name)
    assert classify(kind("said by the other side")) is category


def test_a_network_that_is_down_may_pass() -> None:
    assert classify(OSError(errno.EHOSTUNREACH, "No route to host")) is Category.TRANSIENT
    assert classify(OSError(errno.ENOSPC, "No space left on device")) is Category.INTERNAL


@pytest.mark.parametrize(
    ("held", "category"),
    [
        ([ConnectionResetError()], Category.TRANSIENT),
        ([ConnectionResetError(), ClientError()], Category.CLIENT),
        ([ConnectionResetError(), ValueError()], Category.INTERNAL),
        ([DependencyError(), ExceptionGroup("within", [TimeoutError()])], Category.DEPENDENCY),
    ],
)
def test_a_group_is_the_gravest_of_what_it_holds(held: list[Exception], category: Category) -> None:
    assert classify(ExceptionGroup("unhandled errors in a TaskGroup", held)) is category
