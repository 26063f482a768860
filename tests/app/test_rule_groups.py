"""Prometheus rule files in a running control plane: recorded, read, fired, paged; changed, broken, restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.app.town import Town

from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.app.http.prometheus_state import groups_of
from sereno.app.recorded import WithRecorded
from sereno.app.rule_groups import DUTY, LEASE
from sereno.app.rule_owners import place_of
from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Matcher, Selection
from sereno.promql.columns import STALE_BITS

RULES = """
groups:
  - name: errors
    labels: {area: money}
    rules:
      - record: job:errors:rate1m
        expr: sum by (job) (rate(http_requests_total{status=~"5.."}[1m]))
      - alert: ManyErrors
        expr: job:errors:rate1m > 0.5
        for: 20s
        labels: {severity: high}
        annotations:
          summary: '{{ $labels.job }} fails {{ $value | humanize }} times a second; {{ with query "up" }}{{ len . }} up{{ end }}'
      - alert: PagersOn
        expr: ALERTS{alertname="ManyErrors", alertstate="firing"} > 0
        labels: {severity: info}
"""


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(tmp_path)
    town.settings = town.settings.model_copy(update={"rule_files": ("rules/*.yml",)})
    (tmp_path / "reliability" / "rules").mkdir()
    write(town, RULES)
    await town.open()
    town.remember(hours=0.5)
    yield town
    await town.close()


def write(town: Town, text: str) -> None:
    path = town.folder / "reliability" / "rules" / "errors.yml"
    path.write_text(text)


async def tick(town: Town, times: int = 1) -> None:
    """Five seconds pass, so many times: scrape, the spec's rules, the files' rules, whatever follows."""
    for _ in range(times):
        town.clock.instant += town.interval
        town.scrape()
        await town.control.rule_groups.once(town.clock.now())
        await town.rules.once(town.clock.now())
        await town.settle()


async def active(town: Town) -> dict[str, str]:
    found = await town.control.database.read(lambda unit: unit.alerts.active())
    return {alert.alert: alert.state for alert in found if alert.rule.startswith("/rules:")}


def recorded(town: Town, name: str) -> list[tuple[Labels, list[float]]]:
    store = town.control.recorded
    assert store is not None
    columns = store.select(Selection((Matcher("__name__", "=", name),), 0, to_ms(town.clock.now())))
    return [(labels, columns.series(index)[1].tolist()) for index, labels in enumerate(columns.labels)]


async def test_recorded_read_fired_and_paged(town: Town) -> None:
    await tick(town, 3)
    assert await active(town) == {}
    town.broken = True
    await tick(town, 4)
    assert await active(town) == {"ManyErrors": "pending"}
    await tick(town, 4)
    assert await active(town) == {"ManyErrors": "firing", "PagersOn": "firing"}
    (labels, values) = recorded(town, "job:errors:rate1m")[0]
    assert labels == {"__name__": "job:errors:rate1m", "job": "payments", "area": "money"}
    assert len(values) == 11
    assert values[0] == 0
    assert max(values) > 0.5
    assert [one.person for one in town.mail.taken if "SEV2" in one.subject + one.text] == ["ana"]
    (alert,) = [a for a in await town.control.database.read(lambda u: u.alerts.active()) if a.alert == "ManyErrors"]
    assert (alert.service, alert.severity) == ("payments", "SEV2")
    assert alert.annotations["summary"].startswith("payments fails ")
    assert alert.annotations["summary"].endswith(" times a second; 1 up")
    assert alert.labels["area"] == "money"
    town.broken = False
    await tick(town, 14)
    assert await active(town) == {}


async def test_alerts_are_series_with_an_end(town: Town) -> None:
    town.broken = True
    await tick(town, 9)
    town.broken = False
    await tick(town, 16)
    states = {
        labels["alertstate"]: values
        for labels, values in recorded(town, "ALERTS")
        if labels["alertname"] == "ManyErrors"
    }
    assert set(states) == {"pending", "firing"}
    for values in states.values():
        assert np.array(values[-1:]).view(np.uint64)[0] == STALE_BITS


async def test_state_is_told_rule_by_rule(town: Town) -> None:
    (before,) = town.control.rule_groups_state() or (None,) if town.control.rule_files.look() else (None,)
    assert before is not None
    assert {rule.health for rule in before.rules} == {"unknown"}
    await tick(town)
    (group,) = town.control.rule_groups_state()
    assert (group.name, group.interval, group.evaluated_at) == ("errors", town.interval, town.clock.now())
    assert [(rule.rule.name, rule.health) for rule in group.rules] == [
        ("job:errors:rate1m", "ok"), ("ManyErrors", "ok"), ("PagersOn", "ok"),
    ]  # fmt: skip


async def test_one_bad_rule_is_reported_and_the_others_run(town: Town) -> None:
    write(town, RULES + "      - alert: Broken\n        expr: sum(\n      - record: two\n        expr: vector(2)\n")
    await tick(town)
    assert recorded(town, "two")
    assert len(town.control.rule_groups_state()[0].rules) == 4
    assert "errors.yml:18:19" in str(town.control.rule_trouble)


async def test_a_rule_that_fails_is_unknown_and_keeps_its_alerts(town: Town) -> None:
    town.broken = True
    await tick(town, 9)
    assert (await active(town))["ManyErrors"] == "firing"
    write(
        town,
        RULES.replace(
            "job:errors:rate1m > 0.5",
            "job:errors:rate1m * on () group_left () up > 0.5 or up * on () http_requests_total",
        ),
    )
    await tick(town, 3)
    (group,) = town.control.rule_groups_state()
    assert [rule.health for rule in group.rules][:2] == ["ok", "err"]
    assert "errors/ManyErrors" in str(town.control.rule_trouble)
    assert (await active(town))["ManyErrors"] == "firing"


async def test_a_slip_of_the_pen_resolves_nothing_and_a_removal_does(town: Town) -> None:
    town.broken = True
    await tick(town, 9)
    write(town, RULES.replace("> 0.5", "> > 0.5"))
    await tick(town, 2)
    assert (await active(town))["ManyErrors"] == "firing"
    assert "errors.yml" in str(town.control.rule_trouble)
    write(town, RULES.replace("ManyErrors", "OtherErrors"))
    await tick(town, 1)
    assert "ManyErrors" not in await active(town)
    assert town.control.rule_trouble == ()


async def test_for_goes_on_after_a_short_outage_that_does_not_count(town: Town) -> None:
    write(town, RULES.replace("for: 20s", "for: 15m").replace("> 0.5", "> 0.2"))
    town.broken = True
    await tick(town, 24)
    before = next(a for a in await town.control.database.read(lambda u: u.alerts.active()) if a.alert == "ManyErrors")
    await town.close()
    town.clock.instant += timedelta(minutes=30)
    await town.open()
    await tick(town, 12)
    after = next(a for a in await town.control.database.read(lambda u: u.alerts.active()) if a.alert == "ManyErrors")
    assert after.state == "pending"
    down = after.active_at - before.active_at
    assert timedelta(minutes=30) <= down <= timedelta(minutes=30, seconds=15)


async def test_what_fires_goes_on_firing_while_samples_are_still_missing(town: Town) -> None:
    write(town, RULES.replace("> 0.5", "> 0.2"))
    town.broken = True
    await tick(town, 9)
    assert (await active(town))["ManyErrors"] == "firing"
    await town.close()
    town.clock.instant += timedelta(minutes=20)
    await town.open()
    for _ in range(6):
        await tick(town)
        assert (await active(town))["ManyErrors"] == "firing"
    await town.close()
    town.clock.instant += timedelta(minutes=20)
    await town.open()
    town.broken = False
    await tick(town, 3)
    assert "ManyErrors" not in await active(town)


async def test_whoever_lost_the_lead_writes_nothing(town: Town) -> None:
    town.broken = True
    await tick(town, 6)
    groups = town.control.rule_groups
    assert groups.fence is not None

    def take(unit) -> None:
        unit.duties.release()
        assert unit.duties.claim(DUTY, "somebody else", town.clock.now(), LEASE) is not None

    await town.control.database.write(take)
    (course,) = groups.courses.values()
    before = recorded(town, "ALERTS")
    town.clock.instant += town.interval
    await groups._evaluate(course, town.clock.now())
    assert groups.fence is None
    assert recorded(town, "ALERTS") == before
    await tick(town)
    assert groups.fence is None
    town.clock.instant += LEASE
    await tick(town)
    assert groups.fence is not None


async def test_recorded_beside_a_prometheus() -> None:
    theirs, own = SampleStore(None), SampleStore(None)
    labels = (Labels(__name__="m", a="1"), Labels(__name__="m", a="2"))
    theirs.append_sync(Scrape("t", 1000, labels, np.array([1.0, 2.0])))
    own.append_sync(Scrape("r", 1000, (labels[1],), np.array([3.0])))
    own.append_sync(Scrape("r", 2000, (labels[1],), np.array([4.0])))
    wanted = Selection((Matcher("__name__", "=", "m"),), 0, 5000)
    columns = (await WithRecorded(theirs, own).fetch([wanted]))[wanted]
    found = {one["a"]: columns.series(i)[1].tolist() for i, one in enumerate(columns.labels)}
    assert found == {"1": [1.0], "2": [3.0, 4.0]}
    theirs.close()
    own.close()


async def test_somebody_is_always_asked(town: Town) -> None:
    spec = town.control.spec.current
    place = place_of(spec, town.settings)
    assert place(Labels(service="payments", severity="warning")) == ("payments", "SEV3")
    assert place(Labels(job="payments", severity="page")) == ("payments", "SEV1")
    assert place(Labels(team="payments", severity="none")) == ("payments", "SEV4")
    assert place(Labels(service="unheard-of")) == ("payments", "SEV3")
    assert place(Labels(severity="grave")) == ("payments", "grave")
    other = place_of(spec, Settings(rules_service="x", rules_severity="critical"))
    assert other(Labels()) == ("x", "SEV1")


async def test_prometheus_clients_see_the_groups(town: Town) -> None:
    town.broken = True
    await tick(town, 9)
    active_now = await town.control.database.read(lambda unit: unit.alerts.active())
    group = next(one for one in groups_of(town.control, active_now) if one["name"] == "errors")
    recording, alerting, _ = group["rules"]
    assert (recording["type"], recording["health"]) == ("recording", "ok")
    assert (alerting["type"], alerting["state"], alerting["duration"]) == ("alerting", "firing", 20.0)
    assert alerting["alerts"][0]["labels"]["alertname"] == "ManyErrors"


async def test_each_group_on_its_own_beat_and_what_went_by_is_counted(town: Town) -> None:
    write(town, RULES + "  - name: slow\n    interval: 20s\n    rules: [{record: slow, expr: vector(1)}]\n")
    groups = town.control.rule_groups

    async def beat() -> None:
        town.scrape()
        await groups.beat(town.clock.now())
        await asyncio.gather(*(course.task for course in groups.courses.values() if course.task is not None))

    await beat()
    assert {course.state for course in groups.courses.values()} == {None}  # nothing is due yet
    for _ in range(8):
        town.clock.instant += town.interval
        await beat()
    fast, slow = groups.state()
    assert (len(recorded(town, "job:errors:rate1m")[0][1]), len(recorded(town, "slow")[0][1])) == (8, 2)
    assert (fast.missed, slow.missed, slow.evaluated_at) == (0, 0, town.clock.now())
    town.clock.instant += timedelta(seconds=61)
    await beat()
    fast, slow = groups.state()
    assert (fast.missed, slow.missed) == (11, 2)
    assert slow.evaluated_at == town.clock.now() - timedelta(seconds=1)


async def test_a_slow_group_delays_no_other(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    write(town, RULES + "  - name: slow\n    rules: [{record: slow, expr: vector(1)}]\n")
    groups, gate = town.control.rule_groups, asyncio.Event()
    evaluate = groups._evaluate

    async def hindered(course, at):
        if course.live.group.name == "slow":
            await gate.wait()
        await evaluate(course, at)

    monkeypatch.setattr(groups, "_evaluate", hindered)
    await groups.beat(town.clock.now())
    for _ in range(4):
        town.clock.instant += town.interval
        town.scrape()
        await groups.beat(town.clock.now())
        await next(c for c in groups.courses.values() if c.live.group.name == "errors").task
    assert len(recorded(town, "job:errors:rate1m")[0][1]) == 4
    assert recorded(town, "slow") == []
    gate.set()
    await next(c for c in groups.courses.values() if c.live.group.name == "slow").task
    assert len(recorded(town, "slow")[0][1]) == 1
