"""Dashboards in the spec: what is wrong is told at its place, once."""

from __future__ import annotations

import json

import pytest
from tests.compiler.boards import BASE, SERVICES, build, request, spec_of

from sereno.app.promql_checker import Checker
from sereno.slo.links import dashboard_uid
from sereno.spec.dashboard_model import Step
from sereno.spec.dashboard_queries import filled
from sereno.spec.loader import load_text

HEAD = "dashboard: d\nrows:\n  - panels:\n"


def told(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of everything wrong with one document."""
    loaded = load_text({"0.yaml": BASE, "d.yaml": text}, promql=Checker())
    return [(d.code, d.line, d.column) for d in loaded.diagnostics if d.file == "d.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dashboard: d\n", [("SER022", 1, 1)]),
        ("dashboard: d\ntemplate: postgres\n", [("SER038", 2, 11)]),
        ("dashboard: d\ntemplate: nodes\nwith: {x: y}\n", [("SER197", 3, 8)]),
        ("dashboard: d\ntemplate: integrations\n", [("SER197", 2, 11)]),
        ("dashboard: d\ntemplate: integrations\nwith: {by: partner}\n", [("SER197", 3, 7)]),
        ("dashboard: d\ntemplate: integrations\nwith: {calls: 'x{a=\"b\"}'}\n", [("SER197", 3, 15)]),
        ("dashboard: d\ntemplate: integrations\nwith: {calls: x, failed: 'a='}\n", [("SER061", 3, 29)]),
        ("dashboard: d\nraw: {title: x}\n", [("SER198", 2, 6)]),
        ("dashboard: d\nraw: '{'\n", [("SER198", 2, 6)]),
        ("dashboard: d\ntemplate: nodes\nraw: {panels: []}\n", [("SER024", 3, 1)]),
        (HEAD + "      - {title: P}\n", [("SER024", 4, 9)]),
        (HEAD + "      - {query: up}\n", [("SER022", 4, 9)]),
        (HEAD + "      - {title: P, query: up, queries: [{expr: up}]}\n", [("SER024", 4, 31)]),
        (HEAD + "      - {title: P, kind: graph, query: up}\n", [("SER038", 4, 26)]),
        (HEAD + "      - {title: P, query: up, unit: percents}\n", [("SER195", 4, 37)]),
        (HEAD + "      - {title: P, query: 'sum(rate(x[5m])'}\n", [("SER060", 4, 43)]),
        (HEAD + "      - {title: P, query: 'rate(x[$__rate_interval]) by (le)'}\n", [("SER060", 4, 54)]),
        (HEAD + "      - {title: P, query: 'x{a=~\"$a\"} + + $b )'}\n", [("SER060", 4, 46)]),
        (HEAD + "      - {title: P, query: up, thresholds: [{at: 2, color: red}, {at: 1, color: green}]}\n",
         [("SER196", 4, 65)]),
        (HEAD + "      - {title: P, query: up, thresholds: [{at: 2, color: red}, {color: green}]}\n", [("SER196", 4, 65)]),
        (HEAD + "      - {title: P, query: up, thresholds: [{at: 1, color: red}, {at: 1, color: green}]}\n",
         [("SER196", 4, 65)]),
        (HEAD + "      - {title: P, query: up, thresholds: [{at: much, color: red}]}\n", [("SER196", 4, 49)]),
        (HEAD + "      - {title: P, query: up, thresholds: [{at: 1, color: 'red; x'}]}\n", [("SER196", 4, 59)]),
        (HEAD + "      - {title: P, query: up, width: 25}\n", [("SER126", 4, 38)]),
        (HEAD + "      - {title: P, kind: text}\n", [("SER022", 4, 9)]),
        (HEAD + "      - {raw: {title: x}}\n", [("SER198", 4, 15)]),
        (HEAD + "      - {raw: {type: x, n: .nan}}\n", [("SER198", 4, 15)]),
        (HEAD + "      - {title: P, query: up}\nvariables: [{name: datasource, label: x}]\n", [("SER032", 5, 20)]),
        (HEAD + "      - {title: P, query: up}\nvariables: [{name: v}]\n", [("SER024", 5, 13)]),
        (HEAD + "      - {title: P, query: up}\nsince: 3 days\n", [("SER030", 5, 8)]),
        ("dashboard: d\nrows: {}\n", [("SER020", 2, 7)]),
        ("dashboard: [x]\ntemplate: nodes\n", [("SER020", 1, 12)]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_once_and_at_its_place(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert told(text) == expected


def test_a_service_names_dashboards_that_there_are() -> None:
    text = "service: s\nteam: dinero\nalerts: [{alert: A, expr: vector(1), severity: SEV1}]\ndashboards: [basis]\n"
    assert told(text + "---\ndashboard: bases\ntemplate: nodes\n") == [("SER199", 4, 14)]


def test_thresholds_begin_below_everything() -> None:
    text = HEAD + "      - {title: P, query: up, thresholds: [{at: 80%, color: orange}, {at: 1e0, color: red}]}\n"
    (panel,) = spec_of(BASE, text).dashboards["d"].panels
    assert panel.steps == (Step(None, "green"), Step(panel.steps[1].at, "orange"), Step(panel.steps[2].at, "red"))
    assert [str(step.at) for step in panel.steps[1:]] == ["0.80", "1"]


def test_a_thousand_panels_stand_side_by_side(tmp_path: object) -> None:
    text = HEAD + "".join(
        f"      - {{title: P{n}, query: up, width: {n % 24 + 1}, height: {n % 7 + 1}}}\n" for n in range(1000)
    )
    board = json.loads(build(BASE, text).files["grafana/dashboards/sereno/dashboard~d.json"])
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & mine
        assert place["x"] + place["w"] <= 24
        cells |= mine


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("rate(x[$__rate_interval])", "rate(x[5m              ])"),
        ("x{a=~\"$a\",b='${b}'}", "x{a=~\"$a\",b='${b}'}"),
        ("$metric + ${other:regex}", "vvvvvvv + vvvvvvvvvvvvvv"),
        ("topk($n, x[$w])", "topk(5 , x[1h])"),
        ("x # $n", "x # $n"),
        ("[[n]] * $__interval_ms", "5     * 1             "),
    ],
)
def test_variables_are_filled_in_outside_of_strings(expr: str, expected: str) -> None:
    assert filled(expr, {"n": "5", "w": "1h"}) == expected


def test_every_alert_leads_to_a_dashboard_that_is_built() -> None:
    asked = request(BASE, SERVICES.replace("dashboards: [negocio, bases]\n", ""))
    boards = {
        json.loads(text)["uid"]
        for path, text in build(BASE, SERVICES.replace("dashboards: [negocio, bases]\n", "")).files.items()
        if path.endswith(".json")
    }
    rules = [rule for plan in asked.plans for rule in plan.rules]
    assert rules
    for rule in rules:
        assert rule.annotations["dashboard_url"].removeprefix("https://grafana.example/d/") in boards
    assert dashboard_uid("slo", "pagos/viaje") in boards
