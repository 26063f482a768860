"""OpenSLO's published files: the right ones accepted, the wrong ones refused at their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracles import openslo

from sereno.app.promql_checker import Checker
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

DATA = Path(__file__).parents[3] / "shared" / "data" / "openslo"
FILES = dict(openslo.files(DATA)) if DATA.exists() else {}
# The line of the reference that leads nowhere, or of the version that is not read.
WRONG_LINES = {
    "sdk/decode/v2alpha_data_source.yaml": {1},
    "sdk/decode/v2alpha_slos.yaml": {1, 24},
    "sdk/inline/inputs/v1_alert_policies_invalid_condition.yaml": {8},
    "sdk/inline/inputs/v1_alert_policies_invalid_target.yaml": {25},
    "sdk/inline/inputs/v1_slo_invalid_policy.yaml": {9},
    "sdk/inline/inputs/v1_slo_invalid_sli.yaml": {7},
    "sdk/inline/inputs/v1_slo_invalid_target.yaml": {32},
}


@pytest.mark.parametrize("name", [name for name, good in FILES.items() if good])
def test_a_right_file_is_accepted(name: str) -> None:
    assert [one.render() for one in openslo.mistakes(DATA, name)] == []


@pytest.mark.parametrize("name", [name for name, good in FILES.items() if not good])
def test_a_wrong_file_is_refused_where_it_is_wrong(name: str) -> None:
    found = openslo.mistakes(DATA, name)

    assert {one.line for one in found if one.code in ("SER150", "SER151")} == WRONG_LINES[name]
    assert all(one.file == name and one.column > 1 for one in found)


def test_every_file_was_looked_at() -> None:
    if not FILES:
        pytest.skip(f"{DATA} is missing")
    assert len(FILES) >= 40
    assert {name for name, good in FILES.items() if not good} == set(WRONG_LINES)


def test_documents_written_inline_promise_what_references_do() -> None:
    """The SDK's inliner is the oracle: a file and its inlined form declare the same objectives."""
    if not FILES:
        pytest.skip(f"{DATA} is missing")
    name = "v1_slo.yaml"
    inputs, outputs = (
        load_text({"a.yaml": (DATA / "sdk/inline" / side / name).read_text()}, promql=Checker()).spec
        for side in ("inputs", "outputs")
    )
    assert inputs is not None
    assert outputs is not None

    def promised(spec: Spec) -> set[object]:
        return {
            (service.name, slo.name, slo.objective.ratio, slo.sli, slo.window, slo.calendar, slo.tiers)
            for service in spec.services.values()
            for slo in service.slos
        }

    assert promised(inputs) == promised(outputs) != set()
