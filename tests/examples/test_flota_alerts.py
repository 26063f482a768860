"""Flota's alerts on its business over made-up samples: when they fire, and when they must not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from tests.compiler.promtool import accepts
from tests.examples.flota_stories import BUGS, MEXICO, SLOW, STORIES

from sereno.app.building import compile_spec
from sereno.app.cli import run
from sereno.app.spec_folder import read_folder
from sereno.promql import Grid, evaluate, parse
from sereno.spec.model import Spec

FLOTA = Path(__file__).parents[2] / "examples" / "flota" / "reliability"
TOLD = tuple(dict.fromkeys(story.alert for story in STORIES))


@cache
def flota() -> Spec:
    loaded = read_folder(FLOTA)
    assert loaded.spec is not None
    assert not loaded.diagnostics
    return loaded.spec


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """What is built for Prometheus of each alert, by its name."""
    built = compile_spec(flota(), every=timedelta(seconds=15), language="es", targets=("prometheus",))
    rules = [
        rule
        for name, text in built.files.items()
        if name.startswith("prometheus/rules/")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def written(folder: Path, alert: str, changed: dict[str, Any] | None = None) -> Path:
    """A file of the stories of `alert`, beside its rule, or beside `changed`."""
    folder.joinpath(f"{alert}.rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "flota", "rules": [changed or alerts()[alert]]}]})
    )
    path = folder / f"{alert}.yml"
    document = {
        "rule_files": [f"{alert}.rules.yml"],
        "evaluation_interval": "5m" if alert in SLOW else "1m",
        "tests": [story.as_test() for story in STORIES if story.alert == alert],
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize("dialect", ["2", "3"])
@pytest.mark.parametrize("alert", TOLD)
def test_it_fires_when_it_should_and_only_then(
    alert: str, dialect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["test", str(written(tmp_path, alert)), "--prometheus", dialect]) == 0, capsys.readouterr().out


@pytest.mark.prometheus
def test_promtool_tells_the_same_stories(tmp_path: Path) -> None:
    accepts("test", "rules", *(written(tmp_path, alert) for alert in TOLD))


@pytest.mark.parametrize(("alert", "right", "wrong"), BUGS)
def test_a_planted_mistake_is_seen(alert: str, right: str, wrong: str, tmp_path: Path) -> None:
    rule = alerts()[alert]
    assert right in rule["expr"]
    changed = {**rule, "expr": rule["expr"].replace(right, wrong)}
    assert run(["test", str(written(tmp_path, alert, changed))]) == 1


def test_every_alert_of_the_business_has_a_story() -> None:
    declared = {alert.name for service in flota().services.values() for alert in service.alerts}
    processes = {"ApiCaida", "CreditosCaido", "PagosCaido"}
    assert declared - processes <= set(TOLD)


def worked(day: date) -> bool:
    """Whether people work on that day of 2026, by the calendar on the wall."""
    holidays = {(1, 1), (2, 2), (3, 16), (5, 1), (9, 16), (11, 16), (12, 25)}
    return day.isoweekday() <= 5 and (day.month, day.day) not in holidays


def test_the_days_that_are_worked_are_those_of_the_calendar() -> None:
    """Every quarter of each day of 2026, in the expression that the alerts share."""
    expr = alerts()["SinDesembolsos"]["expr"]
    gate = expr.partition("and (hour")[2].partition("and ")[2]
    hour = datetime(2026, 1, 1, 0, 30, tzinfo=MEXICO)
    while hour.year == 2026:
        result = evaluate(parse(gate), Grid.at(int(hour.timestamp() * 1000)), no_samples)
        assert bool(dict(result.instant())) == worked(hour.date()), hour
        hour += timedelta(hours=6)


def no_samples(selection: object) -> NoReturn:
    raise AssertionError(f"nothing is counted here: {selection}")
