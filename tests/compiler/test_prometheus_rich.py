"""A workspace that declares everything, built and judged: rules, their tests, discovery, routes, probes, bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.compiler.rich import RICH
from tests.oracles import alertmanager, prometheus

from sereno.app.building import Built, compile_spec
from sereno.app.cli import run
from sereno.app.spec_folder import read_texts
from sereno.compiler.unit_tests import finer
from sereno.kernel.message import Language
from sereno.spec.model import Spec

TARGETS = ("prometheus", "alertmanager", "blackbox")
SHOWN = ("kinds.query", "sliced.slices", "quiet.quiet", "calendars.lima", "windows.strict", "store.serial",
         "api.alert.ApiDown", "api.alert.ApiHealthFailing", "api.alert.ApiConnectionPoolSaturation80")  # fmt: skip


def spec_of(text: str = RICH) -> Spec:
    loaded = read_texts({"shop.yaml": text})
    assert loaded.spec is not None, "\n".join(d.render() for d in loaded.diagnostics)
    return loaded.spec


def built(text: str = RICH, language: Language = "en") -> Built:
    return compile_spec(spec_of(text), every=timedelta(seconds=15), language=language, targets=TARGETS)


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    return built().files


def test_prometheus_has_nothing_to_say_against_it(files: Mapping[str, str], tmp_path: Path) -> None:
    shown = {f"prometheus/tests/{name}.yml" for name in SHOWN}
    assert shown <= set(files)
    some = {name: text for name, text in files.items() if "/tests/" not in name or name in shown}
    assert prometheus.check(some, tmp_path) == []


def test_tests_of_slices_hold_by_the_arithmetic_of_both_prometheus(files: Mapping[str, str], tmp_path: Path) -> None:
    """Prometheus 3 leaves out the first instant of a window, so that a sample a minute says nothing of a minute."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    shown = [str(tmp_path / f"prometheus/tests/{name}.yml") for name in ("sliced.slices", "sliced.up", "store.all")]
    for version in ("2", "3"):
        assert run(["test", *shown, "--prometheus", version]) == 0, version


def test_a_sample_between_two_lies_between_them() -> None:
    assert finer("0+60x2 120+0x1 180+60x1", 2) == "0+30x4 120 120+0x2 150 180+30x2"
    assert finer("0+60x1 stale", 4) == "0+15x4 stale"
    assert finer("0.5+0x1 1.5+0x1", 3) == "0.5+0x3 0.8333333333333334+0.3333333333333333x1 1.5+0x3"
    assert finer("7x20", 1) == "7x20"


def test_neither_has_alertmanager_nor_blackbox_exporter(files: Mapping[str, str], tmp_path: Path) -> None:
    assert alertmanager.check(files, tmp_path) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("or 0 * sum(rate", "or 1 * sum(rate"),  # failures never seen become failures
        ("unless sum(sereno:total:rate5m", "and sum(sereno:total:rate5m"),  # fires while there are samples
        ("sum_over_time(sereno:bad:", "count_over_time(sereno:bad:"),  # counts samples for events
    ],
)
def test_a_bug_planted_in_the_rules_is_found(files: Mapping[str, str], tmp_path: Path, right: str, wrong: str) -> None:
    mine = {
        name: text
        for name, text in files.items()
        if name.startswith(("prometheus/rules/windows", "prometheus/rules/_"))
    }
    mine["prometheus/tests/windows.strict.yml"] = files["prometheus/tests/windows.strict.yml"]
    planted = {name: text.replace(right, wrong) for name, text in mine.items()}
    assert planted != mine
    assert prometheus.check(planted, tmp_path)


def test_who_hears_of_what(files: Mapping[str, str], tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(files["alertmanager/alertmanager.yml"], encoding="utf-8")
    heard = {
        ("SEV1", "web"): "pager, chat", ("SEV2", "data"): "pager, chat", ("SEV3", "data"): "post, genie",
        ("SEV3", "web"): "chat", ("warning", "web"): "chat", ("SEV4", "web"): "no one", ("strange", "web"): "pager, chat",
    }  # fmt: skip
    for (severity, team), receiver in heard.items():
        labels = {"alertname": "X", "service": "api", "severity": severity, "team": team}
        assert alertmanager.heard_by(path, labels) == receiver, (severity, team)
    assert alertmanager.heard_by(path, {"alertname": "Watchdog", "severity": "none"}) == "dead man's switch, hook"


def test_maintenance_and_working_hours_are_wall_time(files: Mapping[str, str]) -> None:
    document = yaml.safe_load(files["alertmanager/alertmanager.yml"])
    intervals = {each["name"]: each["time_intervals"] for each in document["time_intervals"]}
    assert intervals["maintenance weekly"] == [
        {"times": [{"start_time": "23:00", "end_time": "24:00"}], "weekdays": ["sunday"], "years": ["2026:2099"],
         "location": "America/Lima"},
        {"times": [{"start_time": "00:00", "end_time": "01:00"}], "weekdays": ["monday"], "years": ["2026:2099"],
         "location": "America/Lima"},
    ]  # fmt: skip
    assert intervals["maintenance once"][0]["days_of_month"] == ["1"]
    assert intervals["maintenance once"][0]["times"] == [{"start_time": "01:30", "end_time": "03:00"}]
    assert [each["days_of_month"] for each in intervals["maintenance twice"]] == [["2"], ["9"]]
    assert "maintenance biweekly" not in intervals
    assert intervals["working hours America/New_York"][0]["weekdays"] == ["monday:friday"]


def test_matchers_stand_as_alertmanager_tells_them_again(files: Mapping[str, str]) -> None:
    """Else `sereno diff --alertmanager` would name changes for ever."""
    document = yaml.safe_load(files["alertmanager/alertmanager.yml"])
    lists = [rule[f"{side}_matchers"] for rule in document["inhibit_rules"] for side in ("source", "target")]
    lists += [route["matchers"] for route in document["route"]["routes"]]
    assert len(lists) > 10
    assert all(each == sorted(each) for each in lists)


def test_the_language_of_texts_follows_the_request() -> None:
    text = built(language="es").files["prometheus/rules/windows.yml"]
    assert "se quedó sin datos" in text
    assert "has no data" not in text


def test_no_secret_and_no_password_is_written(files: Mapping[str, str]) -> None:
    document = yaml.safe_load(files["alertmanager/alertmanager.yml"])
    (pager,) = [one for one in document["receivers"] if one["name"] == "pager, chat"]
    assert pager["pagerduty_configs"][0]["routing_key_file"] == "/etc/alertmanager/secrets/pagerduty"
    assert "routing_key" not in pager["pagerduty_configs"][0]


def test_without_notifications_it_says_that_nobody_hears(tmp_path: Path) -> None:
    start = RICH.index("notifications:\n")
    made = built(RICH[:start] + RICH[RICH.index("---\nservice: api") :])
    assert any("tells nobody of anything" in note for note in made.notes["alertmanager"])
    assert alertmanager.check({**made.files, "prometheus/rules/x.yml": "groups: []"}, tmp_path) == []


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(RICH, encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from datetime import timedelta;"
        "from sereno.app.building import compile_spec; from sereno.app.spec_folder import read_folder;"
        "built = compile_spec(read_folder(Path(sys.argv[1])).spec, every=timedelta(seconds=15), language='es',"
        f" targets={TARGETS!r}); print(sorted(built.files.items()), built.notes)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "7", "4242")
    }  # fmt: skip
    assert len(seen) == 1
    assert b"sereno:bad:rate5m" in seen.pop()
