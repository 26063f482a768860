"""Dashboards of Grafana brought into the spec: what comes back out asks the same under the same names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.compiler.boards import BASE, build, spec_of
from tests.oracles import grafana as oracle
from tests.oracles.grafana_linter import panels

from sereno.compiler.grafana_document import dashboard_document
from sereno.compiler.grafana_import import imported
from sereno.kernel.errors import UsageError
from sereno.spec.dashboard_model import Panel

FOLDER = "grafana/dashboards/sereno"


def one(panel: dict[str, Any]) -> tuple[Panel, tuple[str, ...]]:
    """What a dashboard of one panel becomes, and what is told."""
    found = imported(json.dumps({"title": "T", "panels": [panel]}))
    return found.board.panels[0], found.notes


def rebuilt(text: str) -> dict[str, Any]:
    """A dashboard imported, written as a document, loaded, and built."""
    found = imported(text)
    document = dashboard_document(found.board)
    board = spec_of(BASE, document).dashboards[found.board.name]
    assert board == found.board, document
    whole: dict[str, Any] = json.loads(build(BASE, document).files[f"{FOLDER}/dashboard~{found.board.name}.json"])
    return whole


def asked(board: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...], str | None]]:
    """Titles, types, questions and units, in the order of reading."""
    return [
        (
            panel["title"], panel["type"], tuple(target["expr"] for target in panel.get("targets", ())),
            panel.get("fieldConfig", {}).get("defaults", {}).get("unit"),
        )
        for panel in panels(board)
    ]  # fmt: skip


OURS = [path for path in build().files if path.endswith(".json")]


@pytest.mark.parametrize("path", OURS)
def test_our_own_come_back_as_they_were(path: str) -> None:
    before = json.loads(build().files[path])
    after = rebuilt(json.dumps(before))
    assert asked(after) == asked(before)
    for key in ("title", "description", "time", "refresh"):
        assert after[key] == before[key]
    assert after["panels"] == before["panels"]
    assert after["templating"] == before["templating"]


GRAPH = {
    "id": 4, "type": "graph", "title": "Errors", "span": 6, "datasource": "Prometheus", "stack": True,
    "targets": [{"expr": "sum(rate(http_requests_total{status=~\"5..\"}[$__rate_interval]))", "legendFormat": "5xx",
                 "intervalFactor": 2, "refId": "A"}],
    "yaxes": [{"format": "reqps", "min": "0", "max": None}, {"format": "short"}], "xaxis": {"show": True},
    "thresholds": [{"value": 5, "op": "gt", "colorMode": "critical", "fill": True}],
    "alert": {"name": "x", "conditions": []}, "seriesOverrides": [{"alias": "5xx", "color": "#f00"}],
}  # fmt: skip
SINGLESTAT = {
    "id": 5, "type": "singlestat", "title": "Up", "span": 3, "format": "percentunit", "valueName": "current",
    "targets": [{"expr": "avg(up)"}], "thresholds": "0.5,0.9", "colors": ["#d44a3a", "#e5ac0e", "#299c46"],
    "valueMaps": [{"op": "=", "text": "N/A", "value": "null"}, {"op": "=", "text": "all", "value": "1"}],
}  # fmt: skip
OLD = {
    "dashboard": {
        "title": "Antiguo «2016»",
        "schemaVersion": 12,
        "rows": [
            {"title": "Row", "height": "250px", "panels": [GRAPH, SINGLESTAT], "collapse": False},
            {"title": "", "panels": [{"type": "text", "content": "hola", "mode": "markdown", "span": 12}]},
        ],
        "templating": {"list": [{"type": "interval", "name": "w", "query": "1m,5m", "current": {"value": "5m"}}]},
    },
    "overwrite": False,
}  # fmt: skip


def test_a_dashboard_of_2016_is_drawn_with_the_panels_of_today() -> None:
    after = rebuilt(json.dumps(OLD))
    assert asked(after) == [
        ("Errors", "timeseries", (GRAPH["targets"][0]["expr"],), "reqps"),
        ("Up", "stat", ("avg(up)",), "percentunit"),
        ("…", "text", (), None),
    ]
    graph, stat = (panel for panel in panels(after) if panel["type"] in ("timeseries", "stat"))
    assert graph["gridPos"] == {"x": 0, "y": 1, "w": 12, "h": 8}
    assert stat["gridPos"] == {"x": 12, "y": 1, "w": 6, "h": 8}
    assert graph["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    assert graph["fieldConfig"]["defaults"]["min"] == 0
    assert graph["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {"color": "red", "value": 5}
    assert stat["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"color": "#d44a3a", "value": None}, {"color": "#e5ac0e", "value": 0.5}, {"color": "#299c46", "value": 0.9},
    ]  # fmt: skip
    notes = imported(json.dumps(OLD)).notes
    for word in ("envelope", "alert of the panel 'Errors'", "seriesOverrides", "variable 'w' is kept"):
        assert any(word in note for note in notes), (word, notes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "piechart"}, "it is a piechart"),
        ({"datasource": {"type": "loki", "uid": "l"}}, "asks no Prometheus"),
        ({"targets": [{"expr": "sum(x) by (le)) by (table)"}]}, "`sum(x) by (le)) by (table)`"),
        ({"targets": [{"rawSql": "select 1"}]}, "not PromQL"),
        ({"targets": []}, "asks nothing"),
        ({"targets": [{"expr": "up", "hide": True}]}, "hidden"),
        ({"repeat": "pod"}, "`repeat`"),
        ({"timeShift": "1d"}, "`timeShift`"),
        ({"options": {"reduceOptions": {"calcs": ["mean"]}}}, "the mean of the range"),
        ({"fieldConfig": {"defaults": {"mappings": [{"type": "range", "options": {}}]}}}, "ranges of values"),
        ({"fieldConfig": {"defaults": {"thresholds": {"mode": "percentage"}}}}, "percentages of its scale"),
        (
            {"fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": "byName", "options": "x"}}]}},
            "differently",
        ),
        ({"fieldConfig": {"defaults": {"displayName": "${__field.x}"}}}, "displayName"),
        ({"fieldConfig": "nonsense"}, "not as Grafana writes panels"),
    ],
)
def test_what_our_words_cannot_say_is_kept_and_told(change: dict[str, Any], why: str) -> None:
    panel = {
        "id": 1, "type": "stat", "title": "P", "gridPos": {"x": 0, "y": 0, "w": 5, "h": 3},
        "targets": [{"expr": "up"}], "fieldConfig": {"defaults": {}}, **change,
    }  # fmt: skip
    found, notes = one(panel)
    assert found.kind == "raw"
    assert json.loads(found.raw) == {key: value for key, value in panel.items() if key not in ("id", "gridPos")}
    assert (found.width, found.height) == (5, 3)
    assert any(why in note for note in notes), notes
    (after,) = panels(rebuilt(json.dumps({"title": "T", "panels": [panel]})))
    assert after == {**panel, "id": 1}


def test_units_are_put_where_grafana_looks_for_them() -> None:
    panel = {"type": "stat", "title": "P", "unit": "currencyMXN", "targets": [{"expr": "sum(x)"}]}
    found, notes = one(panel)
    assert found.unit == "currency:MXN"
    assert any("stood where Grafana does not look" in note for note in notes)


def test_the_reader_s_choice_of_a_prometheus_keeps_working() -> None:
    text = json.dumps(
        {
            "title": "T",
            "templating": {"list": [{"type": "datasource", "name": "ds", "query": "prometheus"}]},
            "panels": [{"type": "piechart", "title": "P", "datasource": {"uid": "${ds}"}, "targets": [{"expr": "x"}]}],
        }
    )
    (panel,) = panels(rebuilt(text))
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_grafana_s_variables_are_not_taken_for_the_spec_s() -> None:
    expr = 'sum by (job) (x{a=~"${service}",b=~"$${workspace}"}) / scalar(y{c="${environment:regex}"})'
    before = {"title": "of ${service}", "panels": [{"type": "stat", "title": "${team}", "targets": [{"expr": expr}]}]}
    after = rebuilt(json.dumps(before))
    assert after["title"] == "of ${service}"
    (panel,) = panels(after)
    assert (panel["title"], panel["targets"][0]["expr"]) == ("${team}", expr)


def test_a_dashboard_of_the_second_generation_is_kept_whole() -> None:
    whole = {"title": "T", "elements": {"panel-1": {"kind": "Panel"}}, "layout": {"kind": "GridLayout"}}
    found = imported(json.dumps({"apiVersion": "dashboard.grafana.app/v2", "spec": whole}))
    assert json.loads(found.board.raw) == whole
    assert "second generation" in found.notes[-1]
    assert rebuilt(json.dumps(whole)) == whole


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1, column 1"),
        ('{"panels": [}', "line 1, column 13"),
        ("[]", "no `panels`"),
        ('{"title": "x"}', "no `panels`"),
        ('{"title": "x", "panels": []}', "has no panel"),
        ("[" * 100_000, "nested too deep"),
        ("x" * 10_000_001, "larger than 10 MB"),
    ],
)
def test_what_is_no_dashboard_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        imported(text)


def test_json_with_comments_is_read_and_that_is_told() -> None:
    found = imported(
        '// what it is\n{"title": "T", "panels": [{"type": "stat", "title": "P", "targets": [{"expr": "up"}]}]}'
    )
    assert found.notes[0] == "comments are left out: JSON has none"


def test_what_was_imported_passes_the_judges() -> None:
    document = dashboard_document(imported(json.dumps(OLD)).board)
    board = json.loads(build(BASE, document).files[f"{FOLDER}/dashboard~antiguo-2016.json"])
    assert [said for said in oracle.complaints(board) if "templating" not in said] == []
