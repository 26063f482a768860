"""Incidents, timelines and the intervals of components, in every store."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.conftest import Write
from tests.contract.values import T0, at, entry, incident, interval


async def test_an_incident_comes_back_exactly_as_it_was_added(write: Write) -> None:
    told = incident(triaged_at=at(minutes=1), due_at=at(minutes=2))
    await write(lambda unit: unit.incidents.add(told))
    assert await write(lambda unit: unit.incidents.get("in_1")) == told
    assert await write(lambda unit: unit.incidents.get("1")) == told
    assert await write(lambda unit: unit.incidents.get("2")) is None
    assert await write(lambda unit: unit.incidents.get("²")) is None


async def test_numbers_go_up_by_one(write: Write) -> None:
    assert await write(lambda unit: unit.incidents.next_number()) == 1
    await write(lambda unit: unit.incidents.add(incident(1)))
    await write(lambda unit: unit.incidents.add(incident(7)))
    assert await write(lambda unit: unit.incidents.next_number()) == 8


async def test_open_for_is_the_newest_unresolved_of_the_service(write: Write) -> None:
    over = incident(3, resolved_at=at(hours=1), phase="resolved")
    for each in (incident(1), incident(2), over, incident(4, service="web")):
        await write(lambda unit, each=each: unit.incidents.add(each))
    assert (await write(lambda unit: unit.incidents.open_for("api"))).number == 2
    assert await write(lambda unit: unit.incidents.open_for("nothing")) is None
    assert [i.number for i in await write(lambda unit: unit.incidents.unresolved())] == [1, 2, 4]
    assert [i.number for i in await write(lambda unit: unit.incidents.recent(2))] == [4, 3]


async def test_a_page_attached_later_leads_to_its_incident(write: Write) -> None:
    await write(lambda unit: unit.incidents.add(incident(1)))
    more = incident(1, pages=("pg_1", "pg_9"), version=1)
    assert await write(lambda unit: unit.incidents.save(more, seen=0))
    assert await write(lambda unit: unit.incidents.holding_page("pg_9")) == more
    assert await write(lambda unit: unit.incidents.holding_page("pg_5")) is None


async def test_only_the_version_that_was_seen_can_be_replaced(write: Write) -> None:
    await write(lambda unit: unit.incidents.add(incident(1)))
    assert await write(lambda unit: unit.incidents.save(incident(1, version=1, title="uno"), seen=0))
    assert not await write(lambda unit: unit.incidents.save(incident(1, version=1, title="dos"), seen=0))
    assert (await write(lambda unit: unit.incidents.get("in_1"))).title == "uno"


async def test_due_incidents(write: Write) -> None:
    assert await write(lambda unit: unit.incidents.next_due()) is None
    for each in (incident(1, due_at=at(minutes=2)), incident(2, due_at=at(minutes=1)), incident(3)):
        await write(lambda unit, each=each: unit.incidents.add(each))
    assert await write(lambda unit: unit.incidents.next_due()) == at(minutes=1)
    assert [i.number for i in await write(lambda unit: unit.incidents.due(at(minutes=2), 9))] == [2, 1]
    assert await write(lambda unit: unit.incidents.due(T0, 9)) == ()


async def test_a_timeline_is_in_order_of_time_and_a_key_is_written_once(write: Write) -> None:
    await write(lambda unit: unit.incidents.add(incident(1)))
    late, early = entry("b", at=at(minutes=2)), entry("a", at=at(minutes=1), phrase=None, actor=None, public=False)
    await write(lambda unit: unit.incidents.append([late, early]))
    await write(lambda unit: unit.incidents.append([replace(late, text="changed"), entry("c", at=at(minutes=3))]))
    assert await write(lambda unit: unit.incidents.timeline("in_1")) == (early, late, entry("c", at=at(minutes=3)))
    assert await write(lambda unit: unit.incidents.timeline("in_2")) == ()


async def test_a_change_closes_the_open_interval_where_the_new_one_begins(write: Write) -> None:
    assert await write(lambda unit: unit.intervals.current("public", "API")) is None
    await write(lambda unit: unit.intervals.change(interval("operational", 0)))
    await write(lambda unit: unit.intervals.change(interval("major_outage", 5, cause="in_1")))
    await write(lambda unit: unit.intervals.change(interval("operational", 3, component="Web")))
    assert await write(lambda unit: unit.intervals.current("public", "API")) == interval(
        "major_outage", 5, cause="in_1"
    )
    told = await write(lambda unit: unit.intervals.between("public", T0, at(hours=1)))
    assert [(i.component, i.state, i.ended_at) for i in told] == [
        ("API", "operational", at(minutes=5)),
        ("Web", "operational", None),
        ("API", "major_outage", None),
    ]


async def test_between_takes_what_touches_the_span_and_not_its_ends(write: Write) -> None:
    for state, start, end in (("operational", 0, 10), ("degraded", 10, 20), ("operational", 20, 30)):
        past = interval(state, start, end)
        await write(lambda unit, past=past: unit.intervals.record(past))
    found = await write(lambda unit: unit.intervals.between("public", at(minutes=10), at(minutes=20)))
    assert [i.state for i in found] == ["degraded"]
    assert len(await write(lambda unit: unit.intervals.between("public", at(minutes=9), at(minutes=21)))) == 3
    assert await write(lambda unit: unit.intervals.between("other", T0, at(hours=1))) == ()


async def test_intervals_never_overlap_even_if_the_clock_goes_back(write: Write) -> None:
    await write(lambda unit: unit.intervals.change(interval("operational", 10)))
    await write(lambda unit: unit.intervals.change(interval("degraded", 5)))
    told = await write(lambda unit: unit.intervals.between("public", T0, at(hours=1)))
    assert [(i.state, i.ended_at) for i in told if i.started_at != i.ended_at] == [("degraded", None)]
    assert told[-1].started_at >= at(minutes=10)
