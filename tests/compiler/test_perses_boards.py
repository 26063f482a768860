"""Dashboards for Perses, judged by the types and schemas that Perses publishes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.compiler.boards import build
from tests.compiler.exporter_samples import NOW_MS, World
from tests.oracles import perses as oracle
from tests.oracles.npm_packages import Unreachable

from sereno.promql import Grid, evaluate
from sereno.spec.dashboard_queries import filled


@pytest.fixture(scope="module")
def judge() -> Callable[[dict[str, str], Path], list[str]]:
    try:
        oracle.packages()
    except Unreachable as reason:
        pytest.skip(f"Perses's packages cannot be had: {reason}")
    return oracle.check


def boards() -> dict[str, Any]:
    return {path: yaml.safe_load(text) for path, text in build(target="perses").files.items()}


def test_perses_s_own_types_and_schemas_find_nothing(
    judge: Callable[[dict[str, str], Path], list[str]], tmp_path: Path
) -> None:
    for language in ("es", "en"):
        assert judge(dict(build(target="perses", language=language).files), tmp_path) == []


BUGS: dict[str, Callable[[Any], Any]] = {
    "an unknown key of a panel": lambda b: first(b, "TimeSeriesChart").update(graph=1),
    "an unknown key of a query": lambda b: query(b).update(expr="up"),
    "a unit of Grafana": lambda b: first(b, "StatChart")["format"].update(unit="percentunit"),
    "a calculation of Grafana": lambda b: first(b, "StatChart").update(calculation="lastNotNull"),
    "a bad name": lambda b: b["metadata"].update(name="no spaces"),
    "a bad duration": lambda b: b["spec"].update(duration="six hours"),
    "a panel that stands nowhere": lambda b: b["spec"]["layouts"][0]["spec"]["items"].pop(),
    "one upon the other": lambda b: b["spec"]["layouts"][0]["spec"]["items"][1].update(x=0),
    "a variable of Grafana": lambda b: b["spec"]["variables"][0].update(kind="query"),
}


def first(board: Any, kind: str) -> Any:
    return next(
        panel["spec"]["plugin"]["spec"]
        for panel in board["spec"]["panels"].values()
        if panel["spec"]["plugin"]["kind"] == kind
    )


def query(board: Any) -> Any:
    return board["spec"]["panels"]["panel-0-0"]["spec"]["queries"][0]["spec"]["plugin"]["spec"]


def test_the_judges_see_planted_bugs(judge: Callable[[dict[str, str], Path], list[str]], tmp_path: Path) -> None:
    overview = yaml.safe_load(build(target="perses").files["perses/overview.yaml"])
    files = {}
    for number, (bug, plant) in enumerate(BUGS.items()):
        broken = yaml.safe_load(yaml.safe_dump(overview))
        broken["metadata"]["name"] = f"b{number}"
        plant(broken)
        files[f"perses/{bug}.yaml"] = yaml.safe_dump(broken)
    said = judge(files, tmp_path)
    assert [bug for bug in BUGS if not any(bug in each for each in said)] == []


def test_what_is_not_known_now_is_a_value_of_its_own() -> None:
    """Perses shows the last figure of a range: one that ended an hour ago must not look like one of now."""
    overview = boards()["perses/overview.yaml"]
    figures = [p for p in overview["spec"]["panels"].values() if p["spec"]["plugin"]["kind"] == "StatChart"]
    assert figures
    for panel in figures:
        misc = [m for m in panel["spec"]["plugin"]["spec"]["mappings"] if m["kind"] == "Misc"]
        assert misc == [{"kind": "Misc", "spec": {"value": "NaN", "result": {"value": "no data"}}}]
        text = filled(panel["spec"]["queries"][0]["spec"]["plugin"]["spec"]["query"], {})
        found = evaluate(text, Grid.at(NOW_MS), World().select).instant()
        assert len(found) == 1


def test_what_perses_cannot_show_is_told() -> None:
    notes = build(target="perses").notes
    assert "Negocio: a panel kept as Grafana's JSON is left out of Perses" in notes
    assert any("is drawn as lines" in note for note in notes)


def test_there_is_one_resource_for_each_dashboard() -> None:
    grafana = {path.rpartition("/")[2].removesuffix(".json") for path in build().files if path.endswith(".json")}
    assert {path.rpartition("/")[2].removesuffix(".yaml") for path in boards()} == grafana
    assert {board["metadata"]["project"] for board in boards().values()} == {"tienda"}
