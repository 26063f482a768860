"""One dialect for an installation: what `check` accepts is what the rounds, the rule files and the backtest compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.app.town import SPEC, Town

from sereno.alerts.replay import replay
from sereno.app.cli.check import check
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Settings
from sereno.spec.rule_groups import GroupRule, RuleGroup

TRIED = 'mad_over_time(up{job="payments"}[5m]) >= 0'
OLD = 'holt_winters(up{job="payments"}[5m], 0.5, 0.5) >= 0'
FEATURE = ("promql-experimental-functions",)


def spec_with(expr: str) -> str:
    return SPEC.replace("alerts:\n", f"alerts:\n  - alert: Tried\n    expr: {expr}\n    severity: SEV4\n", 1)


@pytest.mark.parametrize(
    ("expr", "settings", "said"),
    [
        (OLD, {}, "double_exponential_smoothing"),
        (OLD, {"SERENO_PROMQL_DIALECT": "2"}, None),
        (TRIED, {}, "promql-experimental-functions"),
        (TRIED, {"SERENO_PROMQL_FEATURES": '["promql-experimental-functions"]'}, None),
    ],
)
def test_check_accepts_what_the_installation_computes(
    expr: str, settings: dict[str, str], said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "all.yaml").write_text(spec_with(expr))
    assert check(tmp_path) == (1 if said else 0)
    assert (said or "The spec is good") in capsys.readouterr().out


async def test_a_feature_that_is_on_is_on_for_the_spec_and_for_rule_files(tmp_path: Path) -> None:
    town = Town(tmp_path, spec_with(TRIED))
    changed = {"promql_features": FEATURE, "rule_files": ("rules/*.yml",)}
    town.settings = town.settings.model_copy(update=changed)
    (tmp_path / "reliability" / "rules").mkdir()
    rules = f"groups: [{{name: a, rules: [{{alert: FromAFile, expr: '{TRIED}'}}]}}]"
    (tmp_path / "reliability" / "rules" / "a.yml").write_text(rules)
    await town.open()
    try:
        town.remember(hours=0.1)
        town.scrape()
        await town.control.rule_groups.once(town.clock.now())
        await town.rules.once(town.clock.now())
        assert town.control.evaluation_error is None
        found = await town.control.database.read(lambda unit: unit.alerts.active())
        assert {alert.alert: alert.state for alert in found} == {"Tried": "firing", "FromAFile": "firing"}
    finally:
        await town.close()


async def test_rules_of_another_version_do_not_run(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.settings = town.settings.model_copy(update={"rule_files": ("*.yml",)})
    (tmp_path / "reliability" / "a.yml").write_text(f"groups: [{{name: a, rules: [{{record: a, expr: '{OLD}'}}]}}]")
    await town.open()
    try:
        await town.control.rule_groups.once(town.clock.now())
        (told,) = town.control.rule_files.diagnostics
        assert "holt_winters" in told.message
        assert told.hint is not None
    finally:
        await town.close()


@pytest.mark.parametrize(
    ("expr", "settings", "works"),
    [
        (OLD, Settings.of(3), False),
        (OLD, Settings.of(2), True),
        (TRIED, Settings.of(3), False),
        (TRIED, Settings.of(3, features=FEATURE), True),
    ],
)
def test_a_replay_speaks_the_same(expr: str, settings: Settings, works: bool) -> None:
    times = np.arange(0, 600_000, 15_000)
    up = Columns.of([(Labels(__name__="up", job="payments"), times, np.ones(len(times)))])
    groups = [RuleGroup("a", (GroupRule("alert", "Tried", expr),), file="a.yml")]
    found = replay(groups, 300_000, 600_000, lambda _: up, interval_ms=60_000, settings=settings)
    assert bool(found.firings) is works
    assert bool(found.problems) is not works
