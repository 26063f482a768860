"""Prometheus's rule files read: what they say, what is wrong with them and where, and that one mistake costs one rule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sereno.app.promql_checker import Checker
from sereno.kernel.labels import Labels
from sereno.spec.rule_files import RuleFile, read_rules

GOOD = """
groups:
  - name: checkout
    interval: 30s
    limit: 7
    query_offset: 1m
    labels: {team: payments, tier: "1"}
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
        labels: {tier: "2"}
      - alert: TooManyErrors
        expr: job:errors:rate5m > 1
        for: 5m
        keep_firing_for: 10m
        labels: {severity: critical, number: 007}
        annotations:
          summary: '{{ $labels.job }} fails'
"""


def read(text: str | bytes, **more: object) -> RuleFile:
    return read_rules("rules.yml", text, promql=Checker(), **more)  # type: ignore[arg-type]


def test_all_that_a_group_says() -> None:
    (group,) = read(GOOD).groups
    minute = timedelta(minutes=1)
    assert (group.key, group.interval, group.limit, group.query_offset) == ("rules.yml;checkout", minute / 2, 7, minute)
    record, alert = group.rules
    assert (record.kind, record.name, record.labels) == (
        "record",
        "job:errors:rate5m",
        {"team": "payments", "tier": "2"},
    )
    assert (alert.kind, alert.for_, alert.keep_firing_for) == ("alert", 5 * minute, 10 * minute)
    assert alert.labels == Labels(team="payments", tier="1", severity="critical", number="007")
    assert alert.annotations == {"summary": "{{ $labels.job }} fails"}
    assert (alert.line, alert.column) == (12, 9)


def test_manifests_lists_and_several_documents() -> None:
    inner = "groups: [{name: %s, rules: [{record: a, expr: '1'}]}]"
    manifest = "{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: {" + inner % "two" + "}}"
    more = "{apiVersion: v1, kind: List, items: [" + manifest.replace("two", "three") + "]}"
    found = read(f"{inner % 'one'}\n---\n{manifest}\n---\n{more}\n---\n")
    assert [group.name for group in found.groups] == ["one", "two", "three"]
    assert found.good


@pytest.mark.parametrize(
    ("rule", "code", "column"),
    [
        ("{alert: A, record: a, expr: '1'}", "SER024", 14),
        ("{expr: '1'}", "SER024", 3),
        ("{alert: A}", "SER022", 3),
        ("{alert: A, expr: ''}", "SER023", 20),
        ("{alert: A, expr: 'up =='}", "SER060", 26),
        ("{alert: A, expr: 'up[5m]'}", "SER060", 21),
        ("{alert: A, expr: up, fro: 5m}", "SER021", 24),
        ("{alert: A, expr: up, for: five}", "SER030", 29),
        ("{record: a, expr: up, for: 5m}", "SER102", 25),
        ("{record: a, expr: up, annotations: {a: b}}", "SER102", 25),
        ("{record: 'a{b}', expr: up}", "SER101", 12),
        ("{alert: A, expr: up, labels: {__name__: x}}", "SER039", 33),
        ("{alert: A, expr: up, labels: {a: '{{ $x }}'}}", "SER103", 40),
        ("{alert: A, expr: up, annotations: {a: '{{ nosuch }}'}}", "SER103", 45),
        ("{alert: A, expr: [up]}", "SER020", 20),
        ("nothing", "SER020", 3),
    ],
)
def test_a_mistake_costs_its_rule_and_no_other(rule: str, code: str, column: int) -> None:
    many = "".join(f"  - {{record: r{number}, expr: up}}\n" for number in range(300))
    found = read(f"groups:\n- name: g\n  rules:\n{many}  - {rule}\n  - {{alert: Last, expr: up}}\n")
    (mistake,) = found.diagnostics
    assert (mistake.code, mistake.line, mistake.column) == (code, 304, column + 2)
    assert [len(group.rules) for group in found.groups] == [301]
    assert not found.good


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("scrape_configs: []", "SER100"),
        ("{apiVersion: v1, kind: Pod, spec: {}}", "SER100"),
        ("[1]", "SER020"),
        ("groups: [{name: a}, {name: a}]", "SER012"),
        ("groups: [{rules: []}]", "SER022"),
        ("groups: [{name: ''}]", "SER023"),
        ("groups: [{name: a, limit: many}]", "SER020"),
        ("groups: [{name: a, interval: soon}]", "SER030"),
        ("groups: [{name: a, rules: {}}]", "SER020"),
        ("groups: {", "SER003"),
        (b"groups: \xff", "SER001"),
        ("# " + "x" * 10_000_000, "SER002"),
        ("groups: " + "[" * 1000, "SER005"),
    ],
)
def test_mistakes_of_files_and_groups(text: str | bytes, code: str) -> None:
    assert code in [found.code for found in read(text).diagnostics]


def test_rules_given_twice_are_run_and_told() -> None:
    found = read("groups:\n- name: g\n  rules:\n  - {alert: A, expr: up}\n  - {alert: A, expr: down}\n")
    assert [one.code for one in found.diagnostics] == ["SER104"]
    assert found.good
    assert len(found.groups[0].rules) == 2


def test_names_that_only_the_third_version_allows() -> None:
    text = "groups: [{name: g, rules: [{record: 'http.errors', expr: up, labels: {a.b: c}}]}]"
    assert read(text).good
    assert [one.code for one in read(text, dialect=2).diagnostics] == ["SER101", "SER039"]


def test_what_kin_of_prometheus_add_can_be_overlooked() -> None:
    text = "groups: [{name: g, tenant: x, rules: [{alert: A, expr: up, for_label: 1}]}]"
    assert not read(text).good
    lenient = read(text, strict=False)
    assert lenient.good
    assert len(lenient.groups[0].rules) == 1
