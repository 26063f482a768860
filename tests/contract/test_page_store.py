"""Pages, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.conftest import Write
from tests.contract.values import at, page

from sereno.kernel.errors import Conflict


async def test_a_page_comes_back_exactly_as_it_was_added(write: Write) -> None:
    await write(lambda unit: unit.pages.add(page()))
    assert await write(lambda unit: unit.pages.get("pg_1")) == page()
    assert await write(lambda unit: unit.pages.get("nobody")) is None


async def test_a_group_has_at_most_one_unclosed_page(write: Write) -> None:
    await write(lambda unit: unit.pages.add(page("pg_1")))
    with pytest.raises(Conflict):
        await write(lambda unit: unit.pages.add(page("pg_2")))
    await write(lambda unit: unit.pages.add(page("pg_3", severity="SEV2")))
    closed = page("pg_1", state="closed", due_at=None, version=1)
    assert await write(lambda unit: unit.pages.save(closed, seen=0))
    await write(lambda unit: unit.pages.add(page("pg_2")))
    assert (await write(lambda unit: unit.pages.unclosed_in("api", "SEV1"))).id == "pg_2"
    assert await write(lambda unit: unit.pages.unclosed_in("api", "SEV4")) is None


async def test_a_conflict_leaves_the_rest_of_the_unit_standing(write: Write) -> None:
    await write(lambda unit: unit.pages.add(page("pg_1")))

    def work(unit: object) -> str:
        try:
            unit.pages.add(page("pg_2"))  # type: ignore[attr-defined]
        except Conflict:
            unit.pages.add(page("pg_3", service="web"))  # type: ignore[attr-defined]
        return "went on"

    assert await write(work) == "went on"
    assert await write(lambda unit: unit.pages.get("pg_3")) is not None


async def test_only_the_version_that_was_seen_can_be_replaced(write: Write) -> None:
    await write(lambda unit: unit.pages.add(page()))
    first = page(version=1, step=2, acknowledged_by="ana")
    assert await write(lambda unit: unit.pages.save(first, seen=0))
    assert not await write(lambda unit: unit.pages.save(page(version=1, step=9), seen=0))
    assert await write(lambda unit: unit.pages.get("pg_1")) == first


async def test_due_pages_come_oldest_moment_first_and_only_open_ones(write: Write) -> None:
    pages = [
        page("late", service="a", due_at=at(minutes=2)),
        page("early", service="b", due_at=at(minutes=1)),
        page("future", service="c", due_at=at(minutes=3)),
        page("answered", service="d", due_at=None, state="acknowledged"),
    ]
    for each in pages:
        await write(lambda unit, each=each: unit.pages.add(each))
    assert [p.id for p in await write(lambda unit: unit.pages.due(at(minutes=2), 10))] == ["early", "late"]
    assert [p.id for p in await write(lambda unit: unit.pages.due(at(minutes=2), 1))] == ["early"]
    assert await write(lambda unit: unit.pages.next_due()) == at(minutes=1)


async def test_nothing_is_due_in_an_empty_store(write: Write) -> None:
    assert await write(lambda unit: unit.pages.next_due()) is None
    assert await write(lambda unit: unit.pages.due(at(days=1), 10)) == ()


async def test_unclosed_recent_and_holding(write: Write) -> None:
    old = page("pg_1", service="a", alerts=("aa",))
    new = page("pg_2", service="b", alerts=("aa", "bb"), opened_at=at(minutes=1), state="acknowledged", due_at=None)
    gone = page("pg_3", service="c", alerts=("aa",), opened_at=at(minutes=2), state="closed", due_at=None)
    for each in (gone, new, old):
        await write(lambda unit, each=each: unit.pages.add(each))
    assert await write(lambda unit: unit.pages.unclosed()) == (old, new)
    assert await write(lambda unit: unit.pages.unclosed("b")) == (new,)
    assert await write(lambda unit: unit.pages.holding("aa")) == (old, new)
    assert await write(lambda unit: unit.pages.holding("bb")) == (new,)
    assert [p.id for p in await write(lambda unit: unit.pages.recent(2))] == ["pg_3", "pg_2"]


async def test_a_moment_named_earlier_is_the_next_one(write: Write) -> None:
    await write(lambda unit: unit.pages.add(page(due_at=at(hours=1))))
    hurried = replace(page(due_at=at(minutes=1)), version=1)
    await write(lambda unit: unit.pages.save(hurried, seen=0))
    assert await write(lambda unit: unit.pages.next_due()) == at(minutes=1)
