"""The loop, end to end, in simulated time: what a responder lives through, from the fault to the post-mortem."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.app.town import SPEC, Town, opened

from sereno.app.commands import impacts, postmortem
from sereno.kernel.errors import DeliveryError


@pytest.fixture(params=["sqlite", "postgres"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    database = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    town = await opened(tmp_path, database=database)
    yield town
    await town.close()


async def test_an_outage_walks_through_every_room(town: Town):
    assert await town.component() == "operational"
    town.broken, fault = True, town.clock.now()

    async def paged():
        return town.mail.taken

    first = (await town.until(paged))[0]
    # 1 h window, factor 14.4, budget 0.0005, every request fails: 3600 · 14.4 · 0.0005 = 25.92 s.
    delay = town.clock.now() - fault
    assert abs(delay - timedelta(seconds=25.92)) <= 2 * town.interval
    assert (first.person, first.channel, first.purpose) == ("ana", "email", "page")

    incident = await town.incident()
    assert (incident.phase, incident.severity, incident.service) == ("detected", "SEV1", "payments")
    assert await town.component() == "major_outage"

    async with town.http() as browser:
        shown = await browser.get(town.link(first))
        assert shown.status_code == 200
        assert (await town.pages())[0].state == "open", "looking is not answering: mail scanners look too"
        assert (await browser.post(town.link(first))).status_code < 400
    page = (await town.pages())[0]
    assert (page.state, page.acknowledged_by, page.acknowledged_via) == ("acknowledged", "ana", "link")
    await town.settle()
    assert (await town.incident()).phase == "triaged"

    await town.run(seconds=20)
    failed = town.bad
    town.broken = False

    async def resolved():
        found = await town.incident()
        return found if found.phase == "resolved" else None

    over = await town.until(resolved)
    assert await town.component() == "operational"
    assert [m.purpose for m in town.mail.taken] == ["page", "closed"]
    cost = (await impacts(town.control, over))[0]
    assert cost.bad == failed == cost.total * cost.share
    text = await postmortem(town.control, str(over.number), "es")
    assert "Post-mortem" in text
    assert f"{failed:.0f}" in text


async def test_nobody_answers_and_the_next_is_paged_in_time(town: Town):
    town.broken = True

    async def both():
        return len(town.mail.taken) >= 2

    await town.until(both)
    first, second = town.mail.taken[:2]
    assert (first.person, second.person) == ("ana", "bo")
    assert second.sent_at is None
    page = (await town.pages())[0]
    assert town.clock.now() - page.opened_at == timedelta(minutes=5)
    await town.run(minutes=14, seconds=30)
    assert len(town.mail.taken) == 2, "the round repeats fifteen minutes after its last step, not before"
    await town.run(minutes=1)
    assert [m.person for m in town.mail.taken[2:]] == ["ana"]


async def test_mail_is_down_so_the_next_contact_and_then_the_next_person_hear_of_it(town: Town):
    town.mail.refusal = DeliveryError("connection refused", permanent=True)
    town.broken = True

    async def heard():
        return town.slack.taken

    (message,) = await town.until(heard)
    assert message.person == "ana"
    town.slack.refusal = DeliveryError("no", permanent=True)


async def test_a_stop_in_the_middle_of_everything_goes_on_where_it_was(town: Town):
    town.broken = True

    async def paged():
        return town.mail.taken

    await town.until(paged)
    await town.close()
    await town.open()

    async def both():
        return len(town.mail.taken) >= 2

    await town.until(both)
    assert [m.person for m in town.mail.taken[:2]] == ["ana", "bo"]
    assert len(await town.pages()) == 1


async def test_no_samples_is_unknown_and_then_it_is_down(town: Town):
    town.scraped = False
    await town.run(seconds=25)
    assert await town.component() == "unknown"
    assert town.mail.taken == []
    await town.run(seconds=60)
    assert town.mail.taken[0].person == "ana"
    assert await town.component() == "major_outage"


async def test_a_gap_in_watching_is_unknown_in_public(town: Town):
    await town.close()
    town.clock.instant += timedelta(hours=2)
    await town.open()
    assert await town.component() == "unknown"
    await town.run(seconds=15)
    assert await town.component() == "operational"
    start, end = town.clock.now() - timedelta(hours=3), town.clock.now()
    intervals = await town.control.database.read(lambda unit: unit.intervals.between("public", start, end))
    unknown = [i for i in intervals if i.state == "unknown" and i.ended_at]
    assert max(i.ended_at - i.started_at for i in unknown) >= timedelta(hours=2)


async def test_a_broken_spec_keeps_the_last_good_one(town: Town):
    from sereno.app.commands import reload_spec

    path = town.folder / "reliability" / "all.yaml"
    path.write_text(SPEC.replace("99.95%", "99,95%"))
    assert await reload_spec(town.control, actor="test") is False
    assert not town.control.spec.good
    assert town.control.spec.diagnostics[0].line > 1
    assert town.control.spec.current.services["payments"].slos[0].objective.text == "99.95%"
    path.write_text(SPEC.replace("99.95%", "99.9%"))
    assert await reload_spec(town.control, actor="test") is True
    assert town.control.plans["payments", "availability"].slo.objective.text == "99.9%"


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_clock_that_jumps_loses_no_page(town: Town, jump: timedelta):
    town.broken = True
    await town.run(seconds=15)
    town.clock.instant += jump

    async def paged():
        await town.auditor.tick()
        return town.mail.taken

    await town.until(paged, timedelta(hours=2))
    assert town.mail.taken[0].person == "ana"
