"""The spec's objectives written for others from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sereno.app.cli import run

SPEC = """service: api
team: shop
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli: {events: {total: http_total, bad: 'code=~"5.."'}}
  - name: journey
    objective: 99%
    window: 30d
    sli: {composite: {mode: all, of: [{slo: api/availability}, {slo: api/fast}]}}
  - name: fast
    objective: 95%
    window: 7d
    sli: {latency: {histogram: http_seconds, within: 300ms}}
---
team: shop
escalation: shop
---
escalation: shop
steps: [{page: [ana]}]
---
person: ana
contacts: [{email: ana@shop.example}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reliability").mkdir()
    (tmp_path / "reliability" / "spec.yaml").write_text(SPEC)
    return tmp_path / "reliability"


@pytest.mark.parametrize(
    ("dialect", "documents", "said"),
    [
        ("openslo", 3, "api/journey: left out: OpenSLO"),
        ("sloth", 1, "api/fast: Sloth takes its period from its command line"),
        ("pyrra", 2, "api/journey: left out: Pyrra"),
    ],
)
def test_what_can_be_said_is_written_and_the_rest_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], dialect: str, documents: int, said: str
) -> None:
    assert run(["export", dialect, str(folder)]) == 0

    told = capsys.readouterr()
    assert len(list(yaml.safe_load_all(told.out))) == documents
    assert said in told.err


def test_a_file_is_written_whole_and_not_overwritten(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "slos.json"

    assert run(["export", "openslo", str(folder), "--output", str(target), "--json"]) == 0
    assert [document["kind"] for document in json.loads(target.read_text())] == ["Service", "SLO", "SLO"]
    target.write_text("mine")
    assert run(["export", "openslo", str(folder), "--output", str(target)]) == 2
    assert target.read_text() == "mine"
    assert run(["export", "openslo", str(folder), "--output", str(target), "--force"]) == 0


def test_nothing_to_write_is_no_success(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "spec.yaml").write_text(SPEC[SPEC.index("team: shop\nescalation") :])

    assert run(["export", "sloth", str(folder)]) == 1
    assert "no objective" in capsys.readouterr().err
