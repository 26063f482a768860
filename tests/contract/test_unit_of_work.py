"""One door to the state: what is written is durable, what raises is undone, trouble is said loudly."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.values import T0, alert, message, page

from sereno.adapters.sql.database import Database, connect, open_database
from sereno.adapters.sql.errors import DatabaseDied
from sereno.adapters.sql.unit import Unit
from sereno.kernel.errors import Conflict, Unavailable, UsageError


class Bug(Exception):
    """A mistake in a unit of work."""


async def test_what_was_written_is_there_after_opening_again(open_store: Callable[..., Database]) -> None:
    first = open_store()
    await first.write(lambda unit: unit.facts.set("a", {"n": 1}, T0))
    first.close()
    second = open_store()
    assert await second.read(lambda unit: unit.facts.get("a")) == {"n": 1}


async def test_a_unit_that_raises_leaves_nothing_and_others_of_its_batch_everything(database: Database) -> None:
    def bad(unit: Unit) -> None:
        unit.facts.set("bad", 1, T0)
        raise Bug("planted")

    def good(number: int) -> Callable[[Unit], int]:
        def work(unit: Unit) -> int:
            unit.facts.set(f"good{number}", number, T0)
            return number

        return work

    works = [good(n) if n % 10 else bad for n in range(100)]
    results = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    assert [n for n, told in enumerate(results) if isinstance(told, Bug)] == list(range(0, 100, 10))
    assert [told for told in results if not isinstance(told, Bug)] == [n for n in range(100) if n % 10]
    assert await database.read(lambda unit: unit.facts.get("bad")) is None
    assert await database.read(lambda unit: [unit.facts.get(f"good{n}") for n in (1, 99)]) == [1, 99]


async def test_a_savepoint_undoes_only_its_own(database: Database) -> None:
    def work(unit: Unit) -> None:
        unit.facts.set("kept", 1, T0)
        with contextlib.suppress(Bug), unit.savepoint():
            unit.facts.set("undone", 1, T0)
            with unit.savepoint():
                unit.facts.set("inner", 1, T0)
            raise Bug
        unit.facts.set("after", 1, T0)

    await database.write(work)
    found = await database.read(lambda unit: [unit.facts.get(name) for name in ("kept", "undone", "inner", "after")])
    assert found == [1, None, None, 1]


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only|cannot take it now"):
        await database.read(lambda unit: unit.facts.set("x", 1, T0))
    assert await database.read(lambda unit: unit.facts.get("x")) is None


async def test_a_read_sees_one_state(database: Database) -> None:
    seen_first, written = threading.Event(), threading.Event()

    def slow(unit: Unit) -> tuple[object, object]:
        before = unit.facts.get("x")
        seen_first.set()
        assert written.wait(10)
        return before, unit.facts.get("x")

    reading = asyncio.create_task(database.read(slow))
    await asyncio.to_thread(seen_first.wait, 10)
    await database.write(lambda unit: unit.facts.set("x", 1, T0))
    written.set()
    assert await reading == (None, None)


async def test_a_commit_wakes_who_listens_and_an_undone_unit_wakes_nobody(database: Database) -> None:
    pages, messages = database.wake.listen("pages"), database.wake.listen("messages")
    await database.write(lambda unit: unit.pages.add(page()))
    assert await pages.wait(5)
    assert not await messages.wait(0.05)

    def bad(unit: Unit) -> None:
        unit.outbox.add([message()])
        raise Bug

    with pytest.raises(Bug):
        await database.write(bad)
    assert not await messages.wait(0.05)


async def test_text_that_postgres_cannot_hold_loses_one_character_not_the_alert(database: Database) -> None:
    odd = alert(rule="api/\x00rule", annotations=alert().annotations.with_(summary="a\x00b \\u0000 c"))
    await database.write(lambda unit: unit.alerts.save([odd]))
    found = await database.read(lambda unit: unit.alerts.find(odd.fingerprint))
    assert found is not None
    assert found.annotations["summary"].replace("�", "\x00") == "a\x00b \\u0000 c"


async def test_too_many_waiting_writes_are_refused_and_the_others_are_done(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "s.db", owner="me")
    gate = threading.Event()
    database._writer._queue_max = 5  # type: ignore[attr-defined]
    first = asyncio.ensure_future(database.write(lambda unit: gate.wait(10)))
    await asyncio.sleep(0.1)  # until the writer has taken it
    waiting = [asyncio.ensure_future(database.write(lambda unit: 1)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await database.write(lambda unit: 2)
    gate.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert await first
    database.close()


async def test_a_writer_that_dies_makes_everyone_fail_loudly(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "s.db", owner="me")

    def deadly(unit: Unit) -> None:
        raise SystemExit("planted")

    works: list[Callable[[Unit], object]] = [deadly, *[lambda unit: unit.facts.get("x")] * 20]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
        assert all(isinstance(told, DatabaseDied) for told in results)
        with pytest.raises(DatabaseDied):
            await database.write(lambda unit: 1)
    database.close()


async def test_what_was_accepted_is_finished_at_close(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "s.db", owner="me")
    writes = [
        asyncio.ensure_future(database.write(lambda unit, n=n: unit.facts.set(f"f{n}", n, T0))) for n in range(300)
    ]
    await asyncio.sleep(0)
    database.close()
    assert await asyncio.gather(*writes) == [None] * 300
    with pytest.raises(Unavailable):
        await database.write(lambda unit: 1)
    with pytest.raises(Unavailable):
        await database.read(lambda unit: 1)
    again = await open_database(tmp_path / "s.db", owner="me")
    assert await again.read(lambda unit: unit.facts.get("f299")) == 299
    again.close()


def test_a_second_opening_of_one_file_is_refused_and_says_who_holds_it(tmp_path: Path) -> None:
    first = connect(tmp_path / "s.db", owner="the first")
    with pytest.raises(Conflict, match=r"process \d+ on .* \(the first\) since \d{4}-"):
        connect(tmp_path / "s.db", owner="the second")
    first.close()
    connect(tmp_path / "s.db", owner="the second").close()


async def test_opening_ends_the_leases_of_the_dead(tmp_path: Path) -> None:
    from datetime import timedelta

    first = await open_database(tmp_path / "s.db", owner="first")
    await first.write(lambda unit: (unit.outbox.add([message()]), unit.duties.ensure("d", T0)))
    await first.write(lambda unit: unit.outbox.claim("first", T0, timedelta(seconds=30), 8))
    await first.write(lambda unit: unit.duties.claim("d", "first", T0, timedelta(seconds=30)))
    first.close()
    second = await open_database(tmp_path / "s.db", owner="second")
    assert len(await second.write(lambda unit: unit.outbox.claim("second", T0, timedelta(seconds=30), 8))) == 1
    assert await second.write(lambda unit: unit.duties.claim("d", "second", T0, timedelta(seconds=30)))
    second.close()


async def test_a_unit_survives_serialization_failures(postgres_url: str) -> None:
    database = await open_database(postgres_url, owner="me")
    await database.write(lambda unit: unit.facts.set("n", 0, T0))
    barrier = threading.Barrier(2, timeout=10)
    meet = [True, True]

    def crossing(first: str, second: str, number: int) -> Callable[[Unit], None]:
        def work(unit: Unit) -> None:
            unit.facts.set(first, number, T0)
            if meet[number]:
                meet[number] = False
                barrier.wait()
            unit.facts.set(second, number, T0)

        return work

    await database.write(lambda unit: [unit.facts.set(name, 9, T0) for name in "ab"])
    await asyncio.gather(database.write(crossing("a", "b", 0)), database.write(crossing("b", "a", 1)))
    a, b = await database.read(lambda unit: (unit.facts.get("a"), unit.facts.get("b")))
    assert a == b  # one ran wholly after the other, though they had locked each other out
    database.close()


async def test_a_lost_connection_is_unavailable_and_then_over(postgres_url: str) -> None:
    import psycopg

    database = await open_database(postgres_url, owner="me")

    def cut(unit: Unit) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        unit.facts.set("x", 1, T0)

    with pytest.raises(Unavailable):
        await database.write(cut)
    async with asyncio.timeout(10):
        while True:
            try:
                await database.write(lambda unit: unit.facts.set("x", 2, T0))
                break
            except Unavailable:
                continue
    assert await database.read(lambda unit: unit.facts.get("x")) == 2
    database.close()


def test_an_unreachable_server_is_unavailable_and_the_password_stays_secret() -> None:
    with pytest.raises(Unavailable) as told:
        connect("postgresql://someone:geheim@127.0.0.1:9/none", owner="me")
    assert "geheim" not in str(told.value)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="mysql"):
        connect("mysql://root@localhost/x", owner="me")


async def test_another_replica_is_woken(postgres_url: str) -> None:
    one, two = await open_database(postgres_url, owner="1"), await open_database(postgres_url, owner="2")
    signal = two.wake.listen("pages")
    async with asyncio.timeout(10):
        while not await signal.wait(0.1):  # the listener needs a moment to begin
            await one.write(lambda unit: unit.topics.add("pages"))
    one.close()
    two.close()
