"""Alerts, in every store."""

from __future__ import annotations

import math

from tests.contract.conftest import Write
from tests.contract.values import alert, at


async def test_an_alert_comes_back_exactly_as_it_was_saved(write: Write) -> None:
    saved = alert(absent_since=at(seconds=7), resolved_at=None)
    await write(lambda unit: unit.alerts.save([saved]))
    assert await write(lambda unit: unit.alerts.find(saved.fingerprint)) == saved


async def test_values_that_json_has_no_word_for_survive(write: Write) -> None:
    infinite, nan = alert("Inf", value=-math.inf), alert("NaN", value=math.nan)
    await write(lambda unit: unit.alerts.save([infinite, nan]))
    assert (await write(lambda unit: unit.alerts.find(infinite.fingerprint))).value == -math.inf
    assert math.isnan((await write(lambda unit: unit.alerts.find(nan.fingerprint))).value)


async def test_saving_again_replaces(write: Write) -> None:
    first = alert(state="pending", fired_at=None)
    await write(lambda unit: unit.alerts.save([first]))
    await write(lambda unit: unit.alerts.save([alert()]))
    assert await write(lambda unit: unit.alerts.active()) == (alert(),)


async def test_active_are_pending_and_firing_oldest_first(write: Write) -> None:
    late = alert("Late", active_at=at(minutes=2), state="pending")
    early = alert("Early", active_at=at(minutes=1))
    gone = alert("Gone", state="resolved", resolved_at=at(minutes=3))
    await write(lambda unit: unit.alerts.save([late, gone, early]))
    assert [each.alert for each in await write(lambda unit: unit.alerts.active())] == ["Early", "Late"]


async def test_dropped_alerts_are_forgotten(write: Write) -> None:
    kept, dropped = alert("Kept"), alert("Dropped")
    await write(lambda unit: unit.alerts.save([kept, dropped]))
    await write(lambda unit: unit.alerts.drop([dropped.fingerprint, "not there"]))
    assert await write(lambda unit: unit.alerts.find(dropped.fingerprint)) is None
    assert await write(lambda unit: unit.alerts.active()) == (kept,)


async def test_resolved_since_is_newest_first_and_includes_the_very_instant(write: Write) -> None:
    told = [alert(f"A{n}", state="resolved", resolved_at=at(minutes=n)) for n in range(5)]
    await write(lambda unit: unit.alerts.save(told))
    found = await write(lambda unit: unit.alerts.resolved_since(at(minutes=2), limit=2))
    assert [each.alert for each in found] == ["A4", "A3"]
    assert len(await write(lambda unit: unit.alerts.resolved_since(at(minutes=2)))) == 3
