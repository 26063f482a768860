"""Dashboards as people have them come through the spec with the same titles, questions and units."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.compiler.boards import BASE, build, spec_of
from tests.oracles import grafana as oracle
from tests.oracles.grafana_linter import panels

from sereno.compiler.grafana_document import dashboard_document
from sereno.compiler.grafana_import import imported

TRAPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "traps"
FOUND = sorted(path for path in TRAPS.glob("*.json") if '"panels"' in path.read_text(encoding="utf-8"))


@pytest.mark.skipif(not FOUND, reason="the shared dashboards of the manuals are missing (../shared/data/traps)")
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_a_dashboard_of_the_manuals_comes_through(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = imported(text)
    assert found.notes
    document = dashboard_document(found.board)
    assert spec_of(BASE, document).dashboards[found.board.name] == found.board
    built = build(BASE, document).files[f"grafana/dashboards/sereno/dashboard~{found.board.name}.json"]
    board = json.loads(built)
    before = json.loads("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//")))[
        "dashboard"
    ]
    assert [(panel["title"], [target["expr"] for target in panel["targets"]]) for panel in panels(board)] == [
        (panel["title"], [target["expr"] for target in panel["targets"]]) for panel in before["panels"]
    ]
    assert list(oracle.complaints(board)) == []
