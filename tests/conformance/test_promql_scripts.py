"""Prometheus's own test scripts (3.14): what passes must go on passing, and nothing may be silently wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.promql.promqltest import run

from bench.promqltest import core_cases

SCRIPTS = Path(__file__).parents[3] / "shared" / "data" / "promql"

NAMES = (
    "aggregators", "at_modifier", "collision", "duration_expression", "extended_vectors", "fill-modifier", "functions",
    "histograms", "info", "limit", "literals", "name_label_dropping", "native_histograms", "operators",
    "range_queries", "selectors", "staleness", "start_timestamps", "subquery", "trig_functions", "type_and_unit",
)  # fmt: skip


def outcomes_of(name: str):
    path = SCRIPTS / f"{name}.test"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    return run(path.read_text(), name)


@pytest.mark.parametrize("name", NAMES)
def test_script(name):
    outcomes = outcomes_of(name)
    assert [f"{one.line}: {one.verdict}: {one.expr}: {one.why}" for one in outcomes if one.verdict != "pass"] == []
    core = {f"{name}:{one.line}" for one in outcomes if one.kind == "core"}
    assert core == {case for case in core_cases() if case.split(":")[0] == name}


def test_every_script_is_listed():
    if not SCRIPTS.exists():
        pytest.skip(f"{SCRIPTS} is missing")
    assert {path.stem for path in SCRIPTS.glob("*.test")} == set(NAMES)
    assert len(core_cases()) >= 915
