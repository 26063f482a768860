"""Prometheus's own test scripts (3.14): what passes must go on passing, and nothing may be silently wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.promql.promqltest import run

SCRIPTS = Path(__file__).parents[3] / "shared" / "data" / "promql"

FLOORS = {
    "aggregators": 126,
    "at_modifier": 59,
    "collision": 2,
    "functions": 248,
    "histograms": 58,
    "literals": 25,
    "name_label_dropping": 21,
    "operators": 139,
    "range_queries": 11,
    "selectors": 31,
    "staleness": 15,
    "subquery": 27,
    "trig_functions": 19,
    "type_and_unit": 43,
    "duration_expression": 1,
    "extended_vectors": 37,
    "fill-modifier": 1,
    "info": 2,
    "limit": 0,
    "native_histograms": 3,
    "start_timestamps": 0,
}
"""How many cases pass today, by file."""

FLAGGED = {
    # These scripts run with a feature flag of version 3 that changes results: --enable-feature=
    "name_label_dropping": 3,  # promql-delayed-name-removal
    "type_and_unit": 15,  # type-and-unit-labels
}
"""How many cases of a file give another answer than it expects, because of a flag that we do not have."""


@pytest.mark.parametrize("name", FLOORS)
def test_script(name):
    path = SCRIPTS / f"{name}.test"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    outcomes = run(path.read_text())
    counts = Counter(one.verdict for one in outcomes)
    wrong = [f"{one.line}: {one.expr}: {one.why}" for one in outcomes if one.verdict == "wrong"]
    assert len(wrong) <= FLAGGED.get(name, 0), wrong
    assert counts["pass"] >= FLOORS[name], counts
    assert all(one.why for one in outcomes if one.verdict == "refused")


def test_every_script_is_listed():
    if not SCRIPTS.exists():
        pytest.skip(f"{SCRIPTS} is missing")
    assert {path.stem for path in SCRIPTS.glob("*.test")} <= FLOORS.keys()
