"""Rule files while things go wrong: reloads under a slow look, twins, a clock put back, a file that is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.app.test_rule_groups import active, recorded, tick, write
from tests.app.town import Town

from sereno.adapters.samples.target import TargetState
from sereno.app.control import Control
from sereno.app.evaluate import CLOCK_WENT_BACK
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE_BITS

MANY = """
groups:
  - name: errors
    rules:
      - alert: Many
        expr: rate(http_requests_total{status="503"}[1m]) > 0.2
        for: 20s
        labels: {severity: warning}
"""
TWIN = """
      - alert: Many
        expr: rate(http_requests_total{status="503"}[1m]) > 100
        labels: {severity: critical}
"""


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(tmp_path)
    town.settings = town.settings.model_copy(update={"rule_files": ("rules/*.yml",)})
    (tmp_path / "reliability" / "rules").mkdir()
    write(town, MANY)
    await town.open()
    town.remember(hours=0.5)
    yield town
    await town.close()


async def firing(town: Town) -> Town:
    town.broken = True
    await tick(town, 10)
    assert await active(town) == {"Many": "firing"}
    return town


def ended(town: Town, name: str) -> bool:
    ((_, values),) = recorded(town, name)
    return bool(np.array(values[-1:]).view(np.uint64)[0] == STALE_BITS)


async def test_a_rule_of_the_same_name_written_above_takes_nothing_away(town: Town) -> None:
    await firing(town)
    write(town, MANY.replace("    rules:\n", f"    rules:\n{TWIN}"))
    for _ in range(3):
        await tick(town)
        assert await active(town) == {"Many": "firing"}


async def test_a_file_found_broken_at_the_start_resolves_nothing(town: Town) -> None:
    await firing(town)
    await town.close()
    write(town, MANY.replace("> 0.2", "> > 0.2"))
    await town.open()
    await tick(town, 2)
    assert await active(town) == {"Many": "firing"}
    write(town, "groups: []\n")
    await tick(town)
    assert await active(town) == {}


async def test_a_series_that_goes_ends_though_another_rule_fails(town: Town) -> None:
    bad = "      - record: bad\n        expr: up * on () http_requests_total\n"
    good = "      - record: good\n        expr: http_requests_total{status='503'} < 30\n"
    write(town, MANY + bad + good)
    town.broken = True
    await tick(town)
    assert not ended(town, "good")
    await tick(town, 3)
    (group,) = town.control.rule_groups_state()
    assert [rule.health for rule in group.rules] == ["ok", "err", "ok"]
    assert ended(town, "good")


async def test_the_series_of_a_group_that_is_removed_end(town: Town) -> None:
    write(town, MANY + "  - name: other\n    rules: [{record: other, expr: vector(1)}]\n")
    await tick(town, 2)
    assert not ended(town, "other")
    write(town, MANY)
    await tick(town)
    assert ended(town, "other")


async def hindered(town: Town, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Task[None], asyncio.Event]:
    """A look that has found nothing wrong, held up just before it writes."""
    groups, gate, there = town.control.rule_groups, asyncio.Event(), asyncio.Event()
    database = town.control.database
    write_at_once = database.write

    async def wait(work):
        there.set()
        await gate.wait()
        return await write_at_once(work)

    (course,) = groups.courses.values()
    monkeypatch.setattr(database, "write", wait)
    task = asyncio.create_task(groups._evaluate(course, town.clock.now()))
    await there.wait()
    monkeypatch.setattr(database, "write", write_at_once)
    return task, gate


async def test_a_slow_look_of_old_rules_undoes_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await tick(town)
    task, gate = await hindered(town, monkeypatch)
    write(town, MANY.replace("for: 20s", "for: 15s"))
    await firing(town)
    gate.set()
    await task
    assert await active(town) == {"Many": "firing"}


async def test_a_slow_look_from_before_the_lead_was_lost_undoes_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tick(town)
    task, gate = await hindered(town, monkeypatch)
    await town.control.database.write(lambda unit: unit.duties.release())
    town.control.rule_groups.fence = None
    await firing(town)
    gate.set()
    await task
    assert await active(town) == {"Many": "firing"}
    assert town.control.rule_groups.fence is not None


async def since(town: Town) -> datetime:
    return next(a.active_at for a in await town.control.database.read(lambda u: u.alerts.active()) if a.alert == "Many")


async def test_a_reload_right_after_an_outage_forgets_no_waiting(town: Town) -> None:
    write(town, MANY.replace("for: 20s", "for: 15m"))
    town.broken = True
    await tick(town, 24)
    before = await since(town)
    await town.close()
    town.clock.instant += timedelta(minutes=20)
    await town.open()
    await tick(town)
    write(town, MANY.replace("for: 20s", "for: 15m").replace("0.2", "0.1"))
    await tick(town, 12)
    assert timedelta(minutes=20) <= await since(town) - before <= timedelta(minutes=20, seconds=15)


async def test_a_clock_put_back_stops_no_group(town: Town) -> None:
    groups = town.control.rule_groups

    async def beat() -> None:
        await groups.beat(town.clock.now())
        await asyncio.gather(*(course.task for course in groups.courses.values() if course.task is not None))

    await beat()
    town.clock.instant += town.interval
    await beat()
    town.clock.instant -= timedelta(hours=1)
    await beat()
    town.clock.instant += town.interval
    await beat()
    (state,) = groups.state()
    assert state.evaluated_at == town.clock.now()


async def test_old_samples_are_not_taken_for_new_ones(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await firing(town)
    waiting = [TargetState("payments", "http://a", Labels(), error="the clock went back")]
    monkeypatch.setattr(Control, "targets", property(lambda control: waiting))
    town.clock.instant -= timedelta(minutes=10)
    await town.control.rule_groups.once(town.clock.now())
    assert await active(town) == {"Many": "firing"}
    (group,) = town.control.rule_groups_state()
    assert {(rule.health, rule.error) for rule in group.rules} == {("err", CLOCK_WENT_BACK)}
