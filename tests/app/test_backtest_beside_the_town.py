"""What a backtest says of a past is what the control plane did in it: alerts, pages, who was called and when."""

from __future__ import annotations

from pathlib import Path

from tests.app.town import SPEC, Town, opened

from sereno.app.backtest_record import recorded
from sereno.app.backtest_sources import opened as store_at
from sereno.insight.backtest import judge
from sereno.insight.cases import cases_of
from sereno.insight.model import Question
from sereno.kernel.moment import to_ms

TICKETS = SPEC.replace("ticket: SEV4", "ticket: SEV3").replace(
    "severity: SEV1\n    summary", "severity: SEV2\n    summary"
)


async def test_a_night_as_it_was_and_as_it_would_have_been(tmp_path: Path) -> None:
    town = await opened(tmp_path, spec=TICKETS)
    start = town.clock.now()
    try:
        await _night(town)
        end = town.clock.now()
        happened = await town.pages()
        messages = {(m.page, m.person, m.contact, m.due_at) for m in town.mail.taken if m.purpose == "page"}
        spec = town.control.spec.current
    finally:
        await town.close()

    # Alerts began with the first round; the samples before are the same, so nothing was pending then.
    question = Question(
        spec,
        to_ms(start + town.interval),
        to_ms(end),
        town.interval,
        answer_after=None,
        zone="America/Lima",
        settings=town.settings.promql,
    )
    case = cases_of(spec, interval=town.interval)[0]
    with store_at(tmp_path / "data" / "samples.db") as select:
        found = judge(case, question, select)

    def past(page) -> tuple[object, ...]:
        closed = None if page.closed_at is None else to_ms(page.closed_at)
        return page.service, page.severity, to_ms(page.opened_at), closed, tuple(s.alert for s in page.signals)

    told = {(p.service, p.severity, p.opened_ms, p.closed_ms): p for p in found.pages}
    assert {past(page)[:4] for page in happened} == set(told)
    assert len(happened) >= 3
    for page in happened:
        mine = told[past(page)[:4]]
        assert set(past(page)[4]) == set(mine.alerts)
        called = sorted((to_ms(due), person) for of, person, _, due in messages if of == page.id)
        assert called == sorted((demand.at_ms, demand.person) for demand in mine.demands)

    # What the control plane put on record is what the pages are then held against.
    incidents = recorded(town.settings, end)
    assert {one.service for one in incidents} == {"payments"}
    assert all(one.origin == "recorded" and to_ms(start) <= one.start_ms <= one.end_ms for one in incidents)


async def _night(town: Town) -> None:
    """An outage, a dead target, a relapse: nobody answers."""
    town.broken = True
    await town.run(minutes=9)
    town.broken = False
    await town.run(minutes=14)
    town.scraped = False
    await town.run(minutes=3)
    town.scraped = True
    await town.run(minutes=6)
    town.broken = True
    await town.run(minutes=4)
    town.broken = False
    await town.run(minutes=8)
