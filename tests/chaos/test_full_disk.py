"""A full disk: callers hear Unavailable, nothing accepted is lost, and work goes on when there is room."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NOON

from sereno.adapters.sql.database import Database, open_database
from sereno.adapters.sql.unit import Unit
from sereno.kernel.errors import Unavailable

BIG = "x" * 20_000


def put(name: str) -> Callable[[Unit], None]:
    return lambda unit: unit.facts.set(name, BIG, NOON)


async def fill(database: Database) -> list[str]:
    """Write until the disk is full; the names of what was accepted."""
    accepted = []
    for number in range(10_000):
        try:
            await database.write(put(f"f{number}"))
        except Unavailable:
            return accepted
        accepted.append(f"f{number}")
    raise AssertionError("the disk never filled")


async def present(database: Database, names: list[str]) -> bool:
    return await database.read(lambda unit: all(unit.facts.get(name) == BIG for name in names))


def pages(unit: Unit, limit: int | None) -> None:
    """Allow the file so many pages more than it has, or as many as it likes."""
    used = unit.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    unit.connection.exec_driver_sql(f"PRAGMA max_page_count={used + limit if limit else 1_000_000}")


async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "state.db", owner="me")
    await database.write(lambda unit: pages(unit, 40))
    accepted = await fill(database)
    assert accepted
    assert await present(database, accepted)
    await database.write(lambda unit: pages(unit, None))
    await database.write(put("after"))
    assert await present(database, [*accepted, "after"])
    database.close()
    again = await open_database(tmp_path / "state.db", owner="me")
    assert await present(again, [*accepted, "after"])
    again.close()


async def test_everyone_in_a_commit_that_finds_the_disk_full_hears_of_it(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "state.db", owner="me")
    await database.write(lambda unit: pages(unit, 12))
    names = [f"g{number}" for number in range(40)]
    results = await asyncio.gather(*(database.write(put(name)) for name in names), return_exceptions=True)
    assert any(isinstance(told, Unavailable) for told in results)
    assert all(told is None or isinstance(told, Unavailable) for told in results)
    accepted = [name for name, told in zip(names, results, strict=True) if told is None]
    refused = [name for name, told in zip(names, results, strict=True) if told is not None]
    assert await present(database, accepted)
    assert await database.read(lambda unit: [name for name in refused if unit.facts.get(name)]) == []
    database.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Any:
    """A real file system of two megabytes; only root can make one, and only where mounting is allowed."""
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"cannot mount a small tmpfs: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_real_disk_that_is_full_and_then_has_room(tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"x" * 600_000)
    database = await open_database(tiny_disk / "state.db", owner="me")
    accepted = await fill(database)
    for number in range(5):
        with pytest.raises(Unavailable, match=r"full|I/O") as told:
            await database.write(put(f"again{number}"))
        assert told.value.hint is not None
    assert await present(database, accepted)
    ballast.unlink()
    await database.write(put("after"))
    database.close()
    again = await open_database(tiny_disk / "state.db", owner="me")
    assert await present(again, [*accepted, "after"])
    again.close()


HOLDER = """
import sys
from sereno.adapters.sql.database import connect
database = connect(sys.argv[1], owner="the holder")
print("held", flush=True)
sys.stdin.read()
"""


async def test_two_processes_on_one_file(tmp_path: Path) -> None:
    from sereno.adapters.sql.database import connect
    from sereno.kernel.errors import Conflict

    path = tmp_path / "state.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Conflict, match=f"process {holder.pid} on .* \\(the holder\\)"):
        connect(path, owner="me")
    holder.kill()
    holder.wait()
    connect(path, owner="me").close()  # the system let go of a dead holder's lock
