"""Dashboards as wholes: envelopes, rows, ids, places, data sources; also where they lie inside of other files."""

from __future__ import annotations

import json

import pytest

from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding


def look(text: str, name: str = "board.json") -> tuple[Finding, ...]:
    found = read(name, text)
    return (*found.findings, *lint(found.documents))


def codes(text: str, name: str = "board.json") -> list[str]:
    return [f.diagnostic.code for f in look(text, name)]


def note(number: int, x: int, y: int, w: int = 12, h: int = 4, **more: object) -> dict[str, object]:
    return {"id": number, "type": "text", "gridPos": {"x": x, "y": y, "w": w, "h": h}, **more}


def board(*panels: object, **more: object) -> str:
    return json.dumps({"title": "x", "uid": "x", "schemaVersion": 39, "panels": panels, **more}, indent=1)


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((0, 0, 12, 4), (12, 0, 12, 4), False),  # side by side
        ((0, 0, 12, 4), (0, 4, 12, 4), False),  # one below the other
        ((0, 0, 12, 4), (11, 3, 12, 4), True),  # one corner
        ((0, 0, 24, 9), (4, 4, 4, 1), True),  # one inside the other
        ((4, 4, 4, 1), (0, 0, 24, 9), True),  # the other inside the one
    ],
)
def test_panels_share_no_cell(first: tuple[int, ...], second: tuple[int, ...], overlap: bool) -> None:
    assert ("SER407" in codes(board(note(1, *first), note(2, *second)))) is overlap


def test_a_row_is_as_wide_as_the_grid_whatever_it_says() -> None:
    row = {"id": 1, "type": "row", "title": "r", "gridPos": {"x": 0, "y": 0, "w": 0, "h": 0}}
    assert codes(board(row, note(2, 0, 0))) == []


def test_panels_folded_into_a_row_are_looked_at_too() -> None:
    row = {"id": 1, "type": "row", "title": "r", "collapsed": True, "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1},
           "panels": [note(1, 0, 1), note(3, 0, 1)]}  # fmt: skip
    assert sorted(codes(board(row))) == ["SER405", "SER407"]


def test_ids_are_renumbered_only_when_nothing_points_at_them() -> None:
    twice = (note(1, 0, 0), note(1, 12, 0))
    mended = mend(board(*twice), look)
    assert [p["id"] for p in json.loads(mended.text)["panels"]] == [1, 2]
    pointed = board(*twice, links=[{"url": "/d/x?viewPanel=1"}])
    assert mend(pointed, look).text == pointed


def test_three_of_one_id_get_three_ids() -> None:
    mended = mend(board(note(7, 0, 0, 8), note(7, 8, 0, 8), note(7, 16, 0, 8)), look)
    assert [p["id"] for p in json.loads(mended.text)["panels"]] == [7, 8, 9]


def test_an_envelope_with_more_in_it_is_left_to_people() -> None:
    text = json.dumps({"dashboard": {"title": "x", "uid": "x", "schemaVersion": 39, "panels": []}, "overwrite": True})
    assert codes(text) == ["SER400"]
    assert mend(text, look).text == text


def asking(uid: str, **more: object) -> dict[str, object]:
    return {
        "id": 1, "type": "timeseries", "title": "t", "gridPos": {"x": 0, "y": 0, "w": 9, "h": 9},
        "datasource": {"type": "prometheus", "uid": uid}, "fieldConfig": {"defaults": {"unit": "short"}},
        "targets": [{"refId": "A", "expr": "sum(up)"}], **more,
    }  # fmt: skip


SOURCE = {"name": "ds", "label": "Data source", "type": "datasource", "query": "prometheus"}


def test_a_written_data_source_becomes_the_one_variable_there_is() -> None:
    mended = mend(board(asking("P1809F7CD0C75ACF3"), templating={"list": [SOURCE]}), look)
    assert json.loads(mended.text)["panels"][0]["datasource"]["uid"] == "${ds}"


def test_with_two_variables_a_person_has_to_choose() -> None:
    text = board(asking("P1809F7CD0C75ACF3"), templating={"list": [SOURCE, {**SOURCE, "name": "other"}]})
    assert codes(text) == ["SER425"]
    assert mend(text, look).text == text


@pytest.mark.parametrize("uid", ["-- Mixed --", "-- Grafana --", "grafana", "$ds", "${ds}", "[[ds]]"])
def test_data_sources_that_exist_everywhere(uid: str) -> None:
    assert codes(board(asking(uid), templating={"list": [SOURCE]})) == []


def test_a_dashboard_inside_of_a_config_map_is_judged_where_it_stands() -> None:
    inner = board(note(1, 0, 0), note(1, 12, 0))
    lines = "".join(f"    {line}\n" for line in inner.splitlines())
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: boards}}\ndata:\n  shop.json: |\n{lines}"
    (found,) = look(text, "config.yaml")
    assert found.diagnostic.code == "SER405"
    assert text.splitlines()[found.diagnostic.line - 1].strip() == '"id": 1,'
    assert found.diagnostic.line == 6 + inner.splitlines().index('   "id": 1,', 8)
    mended = mend(text, lambda body: look(body, "config.yaml"))
    assert look(mended.text, "config.yaml") == ()
    assert mended.text.count('"id": 2') == 1


def test_a_dashboard_of_the_operator_is_judged_too() -> None:
    inner = "".join(f"    {line}\n" for line in board(note(1, 0, 0, 30)).splitlines())
    head = (
        "apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\nmetadata: {name: b}\nspec:\n  json: |\n"
    )
    assert codes(head + inner, "board.yaml") == ["SER408"]


def test_the_rows_of_old_dashboards_hold_panels() -> None:
    old = {"title": "x", "uid": "x", "schemaVersion": 14, "rows": [{"panels": [
        {"id": 1, "type": "graph", "title": "t", "datasource": "$ds", "yaxes": [{"format": "s"}],
         "targets": [{"expr": "sum(up"}]}]}], "templating": {"list": [SOURCE]}}  # fmt: skip
    assert codes(json.dumps(old)) == ["SER410", "SER060"]


def test_schema_version_two_is_not_misjudged() -> None:
    text = json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": {"name": "x"},
                       "spec": {"title": "x", "elements": {}, "layout": {}}})  # fmt: skip
    assert codes(text) == []
