"""Rule files live and in a replay over the same samples: the same alerts, in the same states, at every evaluation."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.app.test_rule_groups import recorded, tick, write
from tests.app.town import Town

from sereno.alerts.replay import Replayed, replay
from sereno.app.backtest_sources import opened as store_at
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms

RULES = """
groups:
  - name: base
    rules:
      - record: job:bad:rate
        expr: sum by (job) (rate(http_requests_total{status="503"}[20s]))
      - alert: Bad
        expr: job:bad:rate > 0.3
        for: 15s
        keep_firing_for: 10s
        labels: {severity: high, much: '{{ if gt $value 1.0 }}yes{{ else }}no{{ end }}'}
      - alert: Often
        expr: sum by (job) (count_over_time(ALERTS{alertname="Bad", alertstate="firing"}[30s])) > 4
      - alert: Late
        expr: time() - max(ALERTS_FOR_STATE{alertname="Bad"}) > 20
        keep_firing_for: 20s
  - name: delayed
    query_offset: 10s
    rules:
      - record: bad
        expr: increase(http_requests_total{status="503"}[30s])
      - alert: Delayed
        expr: bad > 0
        for: 10s
      - alert: Quiet
        expr: absent(bad > 5)
        for: 30s
"""
States = dict[tuple[str, Labels], str]


def replayed_states(found: Replayed, at_ms: int) -> States:
    return {
        (one.rule.name, one.labels): "firing" if one.fired_at_ms is not None and one.fired_at_ms <= at_ms else "pending"
        for one in found.firings
        if one.active_at_ms <= at_ms and (one.resolved_at_ms is None or at_ms < one.resolved_at_ms)
    }


@pytest.mark.parametrize("seed", [1, 2])
async def test_live_and_replayed_are_one(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    town = Town(tmp_path)
    town.settings = town.settings.model_copy(update={"rule_files": ("rules/*.yml",)})
    (tmp_path / "reliability" / "rules").mkdir()
    write(town, RULES)
    await town.open()
    lived: dict[int, States] = {}
    try:
        town.remember(hours=0.1)
        start = to_ms(town.clock.now() + town.interval)
        for _ in range(90):
            if chance.random() < 0.2:
                town.broken = not town.broken
            town.scraped = chance.random() > 0.05
            await tick(town)
            alerts = await town.control.database.read(lambda unit: unit.alerts.active())
            mine = [alert for alert in alerts if alert.rule.startswith("/rules:")]
            lived[to_ms(town.clock.now())] = {(alert.alert, alert.labels): alert.state for alert in mine}
        groups = tuple(live.group for live in town.control.rule_files.groups)
        rates = {labels: len(values) for labels, values in recorded(town, "job:bad:rate")}
    finally:
        await town.close()
    end = max(lived)
    with store_at(tmp_path / "data" / "samples.db") as select:
        found = replay(groups, start, end, select, interval_ms=5000, settings=town.settings.promql)
    assert found.problems == ()
    for at_ms, states in lived.items():
        assert states == replayed_states(found, at_ms), (at_ms - start) // 5000
    told = {name for states in lived.values() for (name, _), state in states.items() if state == "firing"}
    assert told >= {"Bad", "Often", "Late", "Delayed", "Quiet"}
    kept = {labels: found.recorded.series(n)[0].size for n, labels in enumerate(found.recorded.labels)}
    assert rates == {labels: kept[labels] for labels in rates}
