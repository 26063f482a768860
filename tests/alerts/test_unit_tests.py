"""Unit tests of rules: the notation, the verdicts, what is told of a difference, what is covered."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.alerts.notation import parse_metric, parse_values, write_values
from sereno.app.cli import run
from sereno.promql.columns import STALE_BITS

RULES = """
groups:
  - name: g
    rules:
      - record: job:down:count
        expr: count by (job) (up == 0)
      - alert: Down
        expr: up == 0
        for: 2m
        keep_firing_for: 2m
        labels: {severity: page, zone: '{{ $externalLabels.zone }}'}
        annotations: {summary: '{{ $labels.instance }} is {{ $value }}, {{ time }}'}
      - alert: ManyDown
        expr: job:down:count > 1
"""
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - name: down
    interval: 1m
    external_labels: {zone: south}
    input_series:
      - {series: 'up{job="a", instance="x"}', values: '1 0x3 1x9'}
    alert_rule_test:
      - {eval_time: 2m59s, alertname: Down}
      - eval_time: 3m
        alertname: Down
        exp_alerts:
          - exp_labels: {job: a, instance: x, severity: page, zone: south}
            exp_annotations: {summary: x is 0}
      - eval_time: 6m
        alertname: Down
        exp_alerts: [{exp_labels: {job: a, instance: x, severity: page, zone: south}, exp_annotations: {summary: x is 0}}]
      - {eval_time: 7m, alertname: Down, exp_alerts: []}
    promql_expr_test:
      - expr: job:down:count
        eval_time: 3m
        exp_samples: [{labels: 'job:down:count{job="a"}', value: 1}]
      - expr: ALERTS{alertstate="firing"}
        eval_time: 3m
        exp_samples: [{labels: 'ALERTS{alertname="Down",alertstate="firing",instance="x",job="a",severity="page",zone="south"}', value: 1}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(RULES.replace(", {{ time }}", ""))
    (tmp_path / "tests.yml").write_text(TESTS)
    return tmp_path


def judged(folder: Path, capsys: pytest.CaptureFixture[str], *words: str, text: str = "") -> tuple[int, str]:
    if text:
        (folder / "tests.yml").write_text(text)
    code = run(["test", str(folder / "tests.yml"), *words])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_what_is_as_expected_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = judged(folder, capsys)
    assert code == 0, told
    assert "1 tests, 6 checks: all as expected" in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("x is 0}\n", "y is 0}\n"), ["alert Down at 3m", "-   annotation summary = y is 0", "+   annotation summary = x is 0"]),
        (("severity: page, zone: south}\n", "zone: south}\n"), ["+   severity = page"]),
        (("7m, alertname", "5m, alertname"), ["alert Down at 5m", "- no alert"]),
        (("value: 1}]\n      - expr: A", "value: 2}]\n      - expr: A"), ["tests.yml:", "job:down:count at 3m", '+ job:down:count{job="a"} 1']),
        (("expr: job:down:count\n", "expr: nosuch(1)\n"), ["no function 'nosuch'"]),
        (("'1 0x3 1x9'", "'1 0x3 bad'"), ["cannot read 'bad' as values, at character 7"]),
        (('"a", instance', '"a" instance'), ["the series up{"]),
        (("alertname: Down}\n", "alertname: Down, colour: red}\n"), ["SER021", "tests.yml:11:", "colour"]),
        (("rules.yml", "other.yml"), ["no file match pattern"]),
        (("labels: 'job:down", "labels: 'job:>down"), ["what is expected cannot be read"]),
    ],
)  # fmt: skip
def test_what_is_not_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: list[str]
) -> None:
    assert change[0] in TESTS
    code, told = judged(folder, capsys, text=TESTS.replace(change[0], change[1], 1))
    assert code == 1
    for words in said:
        assert words in told, told


def test_a_rule_that_fails_ends_the_test(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rules.yml").write_text(
        RULES.replace("count by (job) (up == 0)", 'label_replace(up, "instance", "", "", "") == 0')
    )
    text = TESTS.replace("1 0x3 1x9'}", "1 0x3 1x9'}\n      - {series: 'up{job=\"a\", instance=\"y\"}', values: '0x9'}")
    code, told = judged(folder, capsys, text=text)
    assert code == 1, told


def test_files_for_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = TESTS.replace("x is 0}\n", "<&> is 0}\n", 1)
    code, told = judged(folder, capsys, "--json", "--junit", str(folder / "junit.xml"), text=spoilt)
    assert code == 1
    (file,) = json.loads(told)["files"]
    assert (file["passed"], len(file["tests"][0]["failures"])) == (False, 1)
    suite = ElementTree.parse(folder / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite[0][0]
    assert failure.get("message") == "alert Down at 3m"
    assert "<&> is 0" in (failure.text or "")


def test_coverage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = judged(folder, capsys, "--coverage", "--fail-under", "60")
    assert code == 0
    assert "2 of 3 rules are tested (66.7 %)" in told
    assert "rules.yml:13:9 ManyDown" in told
    assert judged(folder, capsys, "--fail-under", "70")[0] == 1


def test_a_test_of_what_others_feed_covers_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TESTS[: TESTS.index("    alert_rule_test")] + "    alert_rule_test: [{eval_time: 1m, alertname: ManyDown}]\n"
    assert "2 of 3 rules are tested" in judged(folder, capsys, "--coverage", text=text)[1]


def test_some_of_them_and_their_series(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "0 tests" in judged(folder, capsys, "--run", "^up")[1]
    told = judged(folder, capsys, "--run", "^do", "--debug")[1]
    assert '  up{instance="x", job="a"}\n    0s 1\n    1m 0' in told
    assert judged(folder, capsys, "--run", "(")[0] == 2


def test_more_than_ten_thousand_samples(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "evaluation_interval: 1m\ntests:\n- interval: 1s\n  input_series: [{series: m, values: '0+1x200000'}]\n"
        "  promql_expr_test: [{expr: 'count_over_time(m[3d])', eval_time: 200000s, exp_samples: [{value: 199981}]}]\n"
    )
    assert judged(folder, capsys, text=text)[0] == 0  # up to the last evaluation, which is at 199,980 s


def test_notation() -> None:
    found = parse_values("1 _ _x2 2x2 -1+0.5x2 3-1x2 stale 0x10 1e3 +Inf NaN")
    assert found.present.tolist() == [
        True,
        *[False] * 3,
        *[True] * 3,
        *[True] * 3,
        *[True] * 3,
        True,
        *[True] * 11,
        *[True] * 3,
    ]
    kept = found.values[found.present]
    assert kept[:10].tolist() == [1, 2, 2, 2, -1, -0.5, 0, 3, 2, 1]
    assert kept[10:11].view(np.uint64)[0] == STALE_BITS
    assert kept[11:22].tolist() == [0] * 11  # no hexadecimal number
    assert kept[22:24].tolist() == [1000, math.inf]
    assert math.isnan(kept[24])
    with_histograms = parse_values("{{sum:3 count:2 buckets:[2]}}x1 5")
    assert with_histograms.histograms is not None
    assert [one.count if one else None for one in with_histograms.histograms] == [2, 2, None]


@pytest.mark.parametrize("text", ["1x", "1+x3", "one", "1 2,3", "{{sum:}}", "1x99999999999", "1_x3y"])
def test_what_is_no_notation(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_values(text)


@pytest.mark.parametrize("text", ["up{", "up{a!='b'}", "sum(up)", "{a=~'b'}", "up[5m]"])
def test_what_is_no_series(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_metric(text)


numbers = st.one_of(st.none(), st.integers(-5, 5).map(float), st.sampled_from([0.1, 0.25, math.inf, 1e20]))


@given(st.lists(numbers, max_size=30))
def test_what_is_written_reads_the_same(values: list[float | None]) -> None:
    found = parse_values(write_values(values))
    got = [float(v) if p else None for v, p in zip(found.values, found.present, strict=True)]
    assert got == values


GENERATE = r"""
groups:
- name: g
  rules:
  - record: job:err:rate5m
    expr: sum by (job) (rate(errors_total{status=~"5.."}[5m]))
  - alert: Burn
    expr: sum by (job) (rate(errors_total{status=~"5.."}[5m])) / sum by (job) (rate(errors_total[5m])) > 0.5
    for: 10m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.job }} at {{ $value | humanizePercentage }}'}
  - alert: Down
    expr: up{job="x\"y"} == 0
  - alert: Gone
    expr: absent(up{job="y"})
  - alert: Full
    expr: predict_linear(node_free[1h], 4*3600) < 0
    for: 5m
  - alert: Never
    expr: vector(0) > 1
"""


@pytest.mark.prometheus
def test_tests_written_for_rules_pass_with_promtool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.yml").write_text(GENERATE)
    target = tmp_path / "written.yml"
    words = ["test", "--prometheus", "2"]
    assert run([*words, "--generate", str(target), str(tmp_path / "rules.yml")]) == 1
    told = capsys.readouterr().out
    assert "tests of 5 of 6 rules" in told
    assert "no series found that make Never" in told
    assert target.read_text().count("exp_labels") == 4
    assert target.read_text().count(", quiet") == 4
    assert run([*words, "--fail-under", "80", str(target)]) == 0, capsys.readouterr().out
    done = subprocess.run(["promtool", "test", "rules", str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert run([*words, "--generate", str(target), str(tmp_path / "rules.yml")]) == 2
