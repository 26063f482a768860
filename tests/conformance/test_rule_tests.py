"""Unit tests of rules: the verdicts that Prometheus's own tests of promtool expect, and those of the packaged promtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sereno.alerts.unit_tests import UnitTest
from sereno.app.cli import run
from sereno.app.rule_tests import judge_file
from sereno.promql import Settings

DATA = Path(__file__).parent / "data" / "promtool"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "rules"

# cmd/promtool/unittest_test.go: TestRulesUnitTest (less the two cases that switch @ and negative offsets off, which
# no version since 2.33 does by default) and TestRulesUnitTestRun.
VERDICTS: list[tuple[list[str], int]] = [
    (["unittest.yml"], 0),
    (["long-period.yml"], 0),
    (["bad-input-series.yml"], 1),
    (["bad-promql.yml"], 1),
    (["bad-rules-syntax-test.yml"], 1),
    (["bad-rules-error-test.yml"], 1),
    (["failing.yml"], 1),
    (["at-modifier-test.yml"], 0),
    (["negative-offset-test.yml"], 0),
    (["no-test-group-interval.yml"], 0),
    (["start-time-test.yml"], 0),
    (["rules_run.yml"], 1),
    (["rules_run.yml", "--run", "correct|wrong"], 1),
    (["rules_run.yml", "--run", "correct"], 0),
    (["rules_run.yml", "--run", "wrong"], 1),
    (["rules_run_extrafields.yml", "--ignore-unknown-fields"], 0),
    (["rules_run_extrafields.yml"], 1),
    (["rules_run_no_fuzzy.yml"], 1),
    (["rules_run_fuzzy.yml", "--run", "correct"], 0),
    (["rules_run_fuzzy.yml", "--run", "wrong"], 1),
]


@pytest.mark.parametrize(
    ("words", "code"), VERDICTS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_upstream_verdicts(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", str(DATA / words[0]), *words[1:]]) == code, capsys.readouterr().out


def test_what_failed_is_what_was_meant_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", str(DATA / "failing.yml"), "--json"]) == 1
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert [failure["title"] for test in file["tests"] for failure in test["failures"]] == [
        "alert Test at 0s", "test at 0s", "alert InstanceDown at 5m", "alert AlwaysFiring at 5m",
    ]  # fmt: skip


def mixin(folder: Path) -> None:
    """kubernetes-mixin's tests, and in place of its own rules those of kube-prometheus, which are made of them."""
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is missing")
    found: dict[str, list[dict[str, Any]]] = {"alert": [], "record": []}
    for path in sorted((SHARED / "kube-prometheus").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for group in document["spec"]["groups"]:
                for kind, groups in found.items():
                    rules = [rule for rule in group["rules"] if kind in rule]
                    taken = {one["name"] for one in groups}
                    name = group["name"] if group["name"] not in taken else f"{group['name']}#{len(groups)}"
                    if rules:
                        groups.append({**group, "name": name, "rules": rules})
    (folder / "prometheus_alerts.yaml").write_text(json.dumps({"groups": found["alert"]}))
    (folder / "prometheus_rules.yaml").write_text(json.dumps({"groups": found["record"]}))
    (folder / "tests").mkdir()
    for path in (SHARED / "kubernetes-mixin-tests").glob("*.yaml"):
        shutil.copy(path, folder / "tests")


SHORT = ["absent_alert-test", "apps_alerts-test", "kube_scheduler-test", "kubelet-test", "resource_alerts-test",
         "rules-pod-owner-test", "apiserver-availability-test"]  # fmt: skip
LONG = [pytest.param("tests", marks=pytest.mark.slow(minutes=8))]


@pytest.mark.prometheus
@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_promtool_finds_the_same(name: str, tmp_path: Path) -> None:
    """Check by check: the rules are not quite those that the tests were written for, so that some fail, and the same."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "install Debian's package `prometheus`"
    mixin(tmp_path)
    path = tmp_path / "tests" / f"{name}.yaml"
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    theirs = sorted(re.findall(r"^    (?:name: .*,\s+)?alertname: (\S+), time: (\S+),", done.stderr, re.MULTILINE))
    theirs += sorted(re.findall(r"^    expr: \"(.*)\", time: (\S+),", done.stderr, re.MULTILINE))
    mine = judge_file(path, _all, settings=Settings(dialect=2))
    assert not mine.mistakes
    titles = [failure.title for verdict in mine.verdicts for failure in verdict.failures]
    assert mine.passed == (done.returncode == 0)
    assert len(titles) == len(theirs), (titles, theirs)


def _all(test: UnitTest) -> bool:
    return True
