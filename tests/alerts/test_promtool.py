"""Rule states against the original: promtool runs the same rules over the same samples and judges our prediction."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sereno.adapters.memory.paging import MemoryAlerts
from sereno.alerts.model import Evaluation
from sereno.alerts.service import record
from sereno.kernel.labels import Labels
from sereno.kernel.moment import EPOCH
from sereno.kernel.rule import Rule

MINUTE = timedelta(minutes=1)
TEXTS = (
    "{{ $value }}", "{{ $value | humanize }}", "{{ $value | humanize1024 }}", "{{ $value | humanizeDuration }}",
    "{{ $value | humanizePercentage }}", '{{ printf "%.2f" $value }}', '{{ $value | printf "%.3e" }}',
    '{{ printf "%8.1f|%-8.2f|%08.3f|%+g" $value $value $value $value }}',
    "{{ $labels.instance | toUpper }} {{ $labels.absent }}", "x {{- $labels.instance -}} y",
    '{{ printf "%g %v" $value $value }}',
    '{{ index $labels "instance" | title }}',
    "{{ if gt $value 10.0 }}much{{ else if eq $labels.job `shop` }}{{ $labels.job }}{{ else }}little{{ end }}",
    "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}{{ with $labels.absent }}a{{ else }}none{{ end }}",
    '{{ reReplaceAll "(s)(h.*)" "$2-${1}$$" $labels.job }} {{ match "^s.*p$" $labels.job }} {{ reReplaceAll "x*" "-" "ab" }}',
    '{{ printf "%d|%v|%5d|%-4s|%x|%q|%t|%s" $value nil 7 "a" 255 "b" true }} {{ printf "a" 1 }}',
    "{{ and `a` `` }}|{{ or `` `b` }}|{{ not true }}|{{ len `añ` }}|{{ slice `abc` 1 2 }}|{{ print 1 2 `x` 3 }}",
    "{{ parseDuration `1h` }} {{ `a.b:80` | stripPort }} {{ tableLink `up == 0` }} {{ (args 1 `b`).arg1 }} {{ $labels }}",
    "{{ $n := 1 }}{{ if true }}{{ $n = 2 }}{{ end }}{{ $n }}{{- /* c */ -}} x {{ 1500000000 | humanizeTimestamp }}",
    "{{ lt 1 2 }} {{ ge $value 2.0 }} {{ ne 1 2 }} {{ html `<a href=\"x\">` }} {{ urlquery `a b&c` }} {{ 0x10 }} {{ 'a' }} {{ 1e3 }}",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One rule over some series: a number a minute, None where there is no sample above the threshold."""

    name: str
    samples: dict[str, list[float | None]]
    for_minutes: int = 0
    keep_minutes: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        return Rule(
            self.name, f"wrong_{self.name} > 0", "checkout", "SEV1", self.for_minutes * MINUTE,
            self.keep_minutes * MINUTE, Labels(self.labels), Labels(self.annotations),
        )  # fmt: skip

    @property
    def length(self) -> int:
        return max(len(values) for values in self.samples.values())


def on_off(pattern: str) -> list[float | None]:
    return [float(letter) if letter != "." else None for letter in pattern]


def scenarios() -> list[Scenario]:
    told = [
        Scenario("at_once", {"a": on_off("..11..1.")}),
        Scenario("exactly_for", {"a": on_off(".1111....")}, for_minutes=3),
        Scenario("one_too_short", {"a": on_off(".111.1111.")}, for_minutes=3),
        Scenario("flapping", {"a": on_off("1.1.11.111.1111.11111.")}, for_minutes=2),
        Scenario("kept", {"a": on_off("1.........")}, keep_minutes=3),
        Scenario("kept_and_back", {"a": on_off("1..1...1....1.....")}, keep_minutes=3),
        Scenario("for_and_kept", {"a": on_off(".111..1....11111......")}, for_minutes=2, keep_minutes=4),
        Scenario("kept_one", {"a": on_off("11.1..11...")}, keep_minutes=1),
        Scenario("two_series", {"a": on_off("111.....11"), "b": on_off("..1111....")}, for_minutes=1),
        Scenario("many_series", {"a": on_off("1.1.1.1."), "b": on_off(".1.1.1.1"), "c": on_off("11111111")}),
        Scenario("labelled", {"a": on_off("12345")}, labels={"where": "{{ $labels.instance }}", "team": "x"}),
        Scenario(
            "over_label",
            {"a": on_off("11.1")},
            labels={"job": "{{ $labels.absent }}", "instance": "{{ $labels.instance }}!"},
        ),
        Scenario("value_in_label", {"a": on_off("1122333")}, for_minutes=1, labels={"n": "{{ $value }}"}),
    ]
    numbers = (
        1.0,
        0.5,
        1234567.0,
        0.00012345,
        1e15,
        3661.25,
        86400.0 * 3 + 7,
        999.96,
        1e-9,
        math.inf,
        0.07,
        123456.789,
    )
    for index, text in enumerate(TEXTS):
        told.append(Scenario(f"text{index}", {"a": list(numbers)}, annotations={"text": text}))
    chance = random.Random(7)
    for index in range(8):
        series = {
            name: [chance.choice((1.0, 2.5, None)) if chance.random() < 0.8 else None for _ in range(40)]
            for name in "ab"
        }
        told.append(Scenario(f"random{index}", series, chance.randrange(4), chance.randrange(4)))
    return told


def predicted(scenario: Scenario) -> list[list[dict[str, Any]]]:
    """The alerts that we say fire, minute by minute."""
    rule, alerts = scenario.rule, MemoryAlerts()
    found = []
    for minute in range(scenario.length):
        at = EPOCH + minute * MINUTE
        series = tuple(
            (Labels(__name__=f"wrong_{scenario.name}", instance=name, job="shop"), value)
            for name, values in scenario.samples.items()
            if minute < len(values) and (value := values[minute]) is not None
        )
        record(alerts, {rule.key: rule}, [Evaluation(rule.key, at, series)], at)
        found.append([
            {"exp_labels": dict(alert.labels.without("alertname")), "exp_annotations": dict(alert.annotations)}
            for alert in alerts.active() if alert.state == "firing"
        ])  # fmt: skip
    return found


def files(told: list[Scenario]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rules and the tests as promtool reads them (JSON is YAML)."""
    rules, tests = [], []
    for scenario in told:
        rule = scenario.rule
        rules.append({
            "alert": rule.name, "expr": rule.expr, "for": f"{scenario.for_minutes}m",
            "keep_firing_for": f"{scenario.keep_minutes}m",
            "labels": {**scenario.labels, "service": "checkout", "severity": "SEV1"},
            "annotations": scenario.annotations,
        })  # fmt: skip
        tests.append({
            "interval": "1m",
            "input_series": [
                {"series": f'wrong_{scenario.name}{{instance="{name}",job="shop"}}',
                 "values": " ".join("0" if v is None else "+Inf" if v == math.inf else repr(v) for v in values)}
                for name, values in scenario.samples.items()
            ],
            "alert_rule_test": [
                {"eval_time": f"{minute}m", "alertname": rule.name, "exp_alerts": expected}
                for minute, expected in enumerate(predicted(scenario))
            ],
        })  # fmt: skip
    return {"groups": [{"name": "g", "rules": rules}]}, {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": tests,
    }


def judged(folder: Path, told: list[Scenario], spoil: bool = False) -> subprocess.CompletedProcess[str]:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is missing: install Debian's package `prometheus`")
    rules, tests = files(told)
    if spoil:
        tests["tests"][0]["alert_rule_test"][2]["exp_alerts"] = []
    (folder / "rules.yml").write_text(json.dumps(rules))
    (folder / "tests.yml").write_text(json.dumps(tests))
    return subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.prometheus
def test_prometheus_agrees(tmp_path: Path) -> None:
    told = scenarios()
    assert len(told) >= 15
    assert sum(len(one) for scenario in told for one in predicted(scenario)) > 200
    verdict = judged(tmp_path, told)
    assert verdict.returncode == 0, verdict.stdout[-4000:] + verdict.stderr[-4000:]


@pytest.mark.prometheus
def test_promtool_would_have_noticed(tmp_path: Path) -> None:
    assert judged(tmp_path, scenarios(), spoil=True).returncode != 0
