"""Promise 1's auditor: each bug is planted, seen, and mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.chaos.program import acknowledge, advance, fire, hearers, spec_for
from tests.conftest import NOON, CountingIds, ManualClock

from sereno.adapters.sql.database import Database
from sereno.adapters.sql.tables import event, message, page
from sereno.adapters.sql.unit import Unit
from sereno.app.audit import Audit, audit_once, horizon
from sereno.app.dispatch import dispatch_once
from sereno.app.workers import AuditorLoop
from sereno.kernel.events import AlertFired, Event
from sereno.kernel.labels import Labels

SPEC = spec_for("http://127.0.0.1:9")
FINGERPRINT = Labels(alertname="Down", service="s1", severity="SEV1").fingerprint


class Watch:
    """A store in which the alert of s1 fires, and the auditor over it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.ids = CountingIds()

    async def fire(self) -> None:
        await self.database.write(lambda unit: fire(unit, "s1", self.clock.now()))
        await self.dispatch()

    async def dispatch(self) -> None:
        while await dispatch_once(self.database, hearers(), self.clock, self.ids, lambda: SPEC):
            pass

    async def audit(self) -> Audit:
        return await self.database.write(lambda unit: audit_once(unit, SPEC, self.clock.now()), snapshot=True)

    async def plant(self, statement: Any) -> None:
        await self.database.write(lambda unit: unit.connection.execute(statement))

    async def pages(self) -> Sequence[Any]:
        return await self.database.read(lambda unit: unit.pages.unclosed())


@pytest.fixture
def watch(database: Database) -> Watch:
    return Watch(database)


async def test_all_is_well_at_every_moment_of_an_ordinary_page(watch: Watch) -> None:
    assert (await watch.audit()).passed
    await watch.database.write(lambda unit: fire(unit, "s1", NOON))
    assert (await watch.audit()).passed
    await watch.dispatch()
    audit = await watch.audit()
    assert (audit.passed, audit.pages, audit.alerts, audit.overdue) == (True, 1, 1, 0)
    (opened,) = await watch.pages()
    await watch.database.write(lambda unit: acknowledge(unit, opened.id, NOON))
    assert (await watch.audit()).passed


async def test_a_page_that_nothing_would_move_on_is_due_now(watch: Watch) -> None:
    await watch.fire()
    await watch.plant(page.update().values(due_us=None))
    assert (await watch.audit()).passed  # its message is still to be delivered
    await watch.plant(message.delete())
    assert (await watch.audit()).stalled_pages == 1
    (mended,) = await watch.pages()
    assert mended.due_at == NOON
    assert (await watch.audit()).passed


async def test_an_alert_whose_page_was_lost_is_announced_again_and_pages(watch: Watch) -> None:
    await watch.fire()
    await watch.plant(page.delete())
    assert (await watch.audit()).unpaged_alerts == 1
    assert (await watch.audit()).passed  # announced, not yet heard
    watch.clock.advance(seconds=1)
    await watch.dispatch()
    (opened,) = await watch.pages()
    assert opened.firing == (FINGERPRINT,)
    assert "auditor" in opened.signals[0].annotations["repaired"]


async def test_an_alert_whose_event_was_lost_is_announced(watch: Watch) -> None:
    await watch.database.write(lambda unit: fire(unit, "s1", NOON))
    await watch.plant(event.delete())
    assert (await watch.audit()).unpaged_alerts == 1
    await watch.dispatch()
    assert len(await watch.pages()) == 1


async def test_a_page_that_a_person_closed_stays_closed(watch: Watch) -> None:
    await watch.fire()
    (opened,) = await watch.pages()
    put_aside = replace(opened, state="closed", due_at=None, closed_at=NOON, closed_reason="closed", version=1)
    await watch.database.write(lambda unit: unit.pages.save(put_aside, seen=opened.version))
    assert (await watch.audit()).passed
    resolved = replace(put_aside, closed_reason="resolved", version=2)  # but this one has no right to be closed
    await watch.database.write(lambda unit: unit.pages.save(resolved, seen=1))
    assert (await watch.audit()).unpaged_alerts == 1


async def test_alerts_that_page_nobody_need_no_page(watch: Watch) -> None:
    def quiet(unit: Unit) -> None:
        fire(unit, "s1", NOON)
        unit.alerts.save([replace(unit.alerts.firing()[0], severity="info")])

    await watch.database.write(quiet)
    await watch.plant(event.delete())
    assert (await watch.audit()).passed


async def test_an_ending_that_the_page_never_heard_of_is_announced_again(watch: Watch) -> None:
    await watch.fire()

    def end(unit: Unit) -> None:
        unit.alerts.save([replace(unit.alerts.firing()[0], state="resolved", resolved_at=NOON)])

    await watch.database.write(end)
    assert (await watch.audit()).unended_pages == 1
    assert (await watch.audit()).passed
    watch.clock.advance(seconds=1)
    await watch.dispatch()
    assert await watch.pages() == ()


async def test_moments_named_before_the_clock_went_back_an_hour_come_now(watch: Watch) -> None:
    watch.clock.jump(hours=2)
    await watch.fire()
    (opened,) = await watch.pages()
    assert horizon(opened) < timedelta(hours=2)
    watch.clock.jump(hours=-2)
    audit = await watch.audit()
    assert audit.distant_moments == 2  # the page's next step, and its message
    (mended,) = await watch.pages()
    assert mended.due_at == watch.clock.now()
    assert await watch.database.read(lambda unit: unit.outbox.next_due()) == watch.clock.now()
    assert (await watch.audit()).passed


async def test_the_escalation_goes_on_after_the_clock_went_back(watch: Watch) -> None:
    watch.clock.jump(hours=2)
    await watch.fire()
    watch.clock.jump(hours=-2)
    await watch.audit()

    def step(unit: Unit) -> list[Event]:
        now = watch.clock.now()
        return [told for each in unit.pages.due(now, 9) for told in advance(unit, each, SPEC, now, watch.ids)]

    people = []
    for _ in range(2):
        for taken in await watch.database.write(step):
            people += taken.people  # type: ignore[attr-defined]
        watch.clock.advance(seconds=1)
    assert people == ["bo", "carla"]
    assert (await watch.audit()).passed


async def test_the_clock_going_forward_loses_nothing(watch: Watch) -> None:
    await watch.fire()
    watch.clock.jump(hours=1)
    audit = await watch.audit()
    assert audit.passed
    assert audit.overdue == 2
    claimed = await watch.database.write(
        lambda unit: unit.outbox.claim("me", watch.clock.now(), timedelta(seconds=30), 8)
    )
    assert len(claimed) == 1


async def test_the_auditor_counts_what_it_mends(watch: Watch) -> None:
    await watch.database.write(lambda unit: fire(unit, "s1", NOON))
    await watch.plant(event.delete())
    auditor = AuditorLoop(watch.database, watch.clock, lambda: SPEC)
    await auditor.tick()
    assert auditor.metrics.repairs.labels("unpaged_alerts")._value.get() == 1
    assert auditor.metrics.audits._value.get() == 1
    assert auditor.last is not None
    assert not auditor.last.passed


async def test_the_announcements_are_ordinary_events(watch: Watch) -> None:
    await watch.database.write(lambda unit: fire(unit, "s1", NOON))
    await watch.plant(event.delete())
    await watch.audit()
    (entry,) = await watch.database.read(lambda unit: unit.ledger.unheard())
    assert isinstance(entry.event, AlertFired)
    assert entry.event.fingerprint == FINGERPRINT
