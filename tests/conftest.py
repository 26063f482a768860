"""What every room's tests may use: a real PostgreSQL, state stores, and a clock that obeys."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings

from sereno.adapters.sql.database import Database, connect

# A busy machine is slow, not wrong.
settings.register_profile("sereno", deadline=None)
settings.load_profile("sereno")

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that the rest runs beside it."""

    def minutes(item: pytest.Item) -> float:
        slow = item.get_closest_marker("slow")
        return float(slow.kwargs.get("minutes", 1)) if slow else 0

    items.sort(key=minutes, reverse=True)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(report: object) -> Generator[None, object, object]:
    """A failure on hostile text is told in a form that a worker can send; half a surrogate pair would end the run."""
    return _sendable((yield))


def _sendable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _sendable(one) for key, one in value.items()}
    if isinstance(value, tuple):  # where and why a test was skipped: whoever tells of it insists on a tuple
        return tuple(_sendable(one) for one in value)
    return [_sendable(one) for one in value] if isinstance(value, list) else value


class ManualClock:
    """A clock that stands still until it is told to go."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, **duration: float) -> datetime:
        """Let time pass."""
        passed = timedelta(**duration)
        self._now += passed
        self._monotonic += passed.total_seconds()
        return self._now

    def jump(self, **duration: float) -> datetime:
        """Someone sets the wall clock; no time passes."""
        self._now += timedelta(**duration)
        return self._now


class CountingIds:
    """Identities in order: pg_000001, …"""

    def __init__(self) -> None:
        self._count = 0

    def new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:06d}"

    def secret(self) -> str:
        self._count += 1
        return f"secret-{self._count:06d}-{'x' * 22}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ids() -> CountingIds:
    return CountingIds()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now."""
    with contextlib.closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class PostgresServer:
    """A PostgreSQL of our own, or the one that SERENO_TEST_POSTGRES_URL names."""

    def __init__(self, url: str) -> None:
        self._url = url.rsplit("/", 1)[0]
        self._count = 0

    def run(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        import psycopg

        with psycopg.connect(f"{self._url}/postgres", autocommit=True) as connection:
            connection.execute(statement)

    def create(self) -> str:
        """A new empty database; returns its URL."""
        self._count += 1
        name = f"sereno_test_{os.getpid()}_{self._count}"
        self.run(f"CREATE DATABASE {name}")
        return f"{self._url}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        self.run(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the session. A machine without one fails: skipping would hide half of the promises."""
    given = os.environ.get("SERENO_TEST_POSTGRES_URL")
    if given:
        yield PostgresServer(given)
        return
    with started_postgres() as url:
        yield PostgresServer(url)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database of this test's own."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@contextlib.contextmanager
def started_postgres(*, durable: bool = False) -> Iterator[str]:
    """Debian's PostgreSQL on a free port of 127.0.0.1, as an unprivileged user; its URL. `durable` leaves fsync on."""
    bin_ = _postgres_bin()
    home = Path(tempfile.mkdtemp(prefix="sereno-pg-"))
    data, port = home / "data", free_port()
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(home, user.pw_uid, user.pw_gid)
        _as_postgres(
            [bin_ / "initdb", "-D", data, "-U", "sereno", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        )
        safe = "on" if durable else "off"
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync={safe} "
            f"-c full_page_writes={safe} -c synchronous_commit={safe} -c max_connections=120 -c shared_buffers=32MB"
        )
        _as_postgres([bin_ / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start"])
        try:
            yield f"postgresql://sereno@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres([bin_ / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail(
            "PostgreSQL is missing: install Debian's package `postgresql` (apt-get install postgresql), "
            "or set SERENO_TEST_POSTGRES_URL=postgresql://user@host/postgres",
            pytrace=False,
        )
    return found[-1].parent


def _as_postgres(command: list[str | Path]) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode != 0:
        pytest.fail(f"PostgreSQL did not start: {done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty state store, of each kind in turn."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[..., Database]]:
    """Opens the store of `database_url`, as often as you like; closes what is left open."""
    opened: list[Database] = []

    def open_(owner: str = "test") -> Database:
        database = connect(database_url, owner=owner)
        opened.append(database)
        return database

    yield open_
    for database in opened:
        database.close()


@pytest.fixture
def database(open_store: Callable[..., Database]) -> Database:
    """An open state store, of each kind in turn."""
    return open_store()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An open state store in a SQLite file, for tests that do not care which."""
    opened = connect(tmp_path / "state.db", owner="test", synchronous="OFF")
    yield opened
    opened.close()
