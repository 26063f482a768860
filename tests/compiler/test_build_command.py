"""`sereno build`: whole files or none, nothing left over, nothing touched that is not its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.compiler.promtool import accepts

from sereno.app.building import write
from sereno.app.cli import run
from sereno.app.cli.build import build
from sereno.kernel.errors import SpecError, UsageError

SPEC = """
service: checkout
team: payments
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {total: 'http_requests_total{job="checkout"}', bad: 'status=~"5..|429"', except: 'endpoint=~"/health.*"'}
  - name: latency
    objective: 95%
    window: 7d
    sli:
      latency: {histogram: 'http_request_duration_seconds{job="checkout"}', within: 500ms}
alerts:
  - alert: CheckoutDown
    expr: absent(up{job="checkout"}) or max(up{job="checkout"}) == 0
    for: 1m
    severity: SEV1
    summary: Nobody can pay
---
team: payments
escalation: payments
---
person: ana
contacts: [{email: ana@shop.example}]
---
escalation: payments
steps: [{page: ana}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "reliability"
    path.mkdir()
    (path / "checkout.yaml").write_text(SPEC, encoding="utf-8")
    return path


def files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_a_spec_becomes_files_that_prometheus_accepts(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert build(folder, out, target=("prometheus",)) == 0
    assert files(out) == {
        "build.json",
        "prometheus/prometheus.yml",
        "prometheus/rules/_common.yml",
        "prometheus/rules/checkout.yml",
        "prometheus/tests/checkout.alert.CheckoutDown.yml",
        "prometheus/tests/checkout.availability.yml",
        "prometheus/tests/checkout.latency.yml",
    }
    accepts("check", "config", out / "prometheus/prometheus.yml")
    accepts("check", "rules", "--lint=all", "--lint-fatal", out / "prometheus/rules/checkout.yml")
    accepts("test", "rules", *sorted((out / "prometheus/tests").iterdir()))


def test_what_is_built_passes_its_own_tests_and_new_ones_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole example shop: its tests pass as built, and so do those that --generate writes, spaces and all."""
    assert build(Path(__file__).parents[2] / "examples/tienda/reliability", tmp_path) == 0
    monkeypatch.chdir(tmp_path)
    assert run(["test", "prometheus/tests", "--coverage", "--fail-under", "80"]) == 0, capsys.readouterr().out
    assert "all as expected" in capsys.readouterr().out
    run(["test", "--generate", "new.yml", "prometheus/rules/servidores.yml"])
    assert run(["test", "new.yml"]) == 0, capsys.readouterr().out
    assert run(["test", "empty"]) == 1
    (tmp_path / "empty").mkdir()
    assert run(["test", "empty"]) == 2
    assert "there are no .yml or .yaml files in empty" in capsys.readouterr().err


def test_it_says_what_was_left_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(folder, tmp_path / "out")
    assert (
        "left out of checkout/availability: 3 d at 1× would fire with the budget in no danger"
        in capsys.readouterr().out
    )
    build(folder, tmp_path / "out", json=True, language="es")
    answer = json.loads(capsys.readouterr().out)
    assert "prometheus/rules/checkout.yml" in answer["files"]
    assert [(d["slo"], d["reason"]) for d in answer["dropped"]] == [
        ("availability", "meaningless"), ("latency", "meaningless"),
    ]  # fmt: skip
    assert answer["dropped"][0]["explanation"].startswith("3 d a 1× se dispararía")
    assert not [note for note in answer["notes"]["prometheus"] if "no unit test" in note]


def test_twice_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(folder, out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    build(folder, out)
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_what_the_spec_no_longer_asks_for_goes_and_what_others_wrote_stays(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(folder, out)
    (out / "prometheus/rules/by-hand.yml").write_text("groups: []\n")
    start, end = SPEC.index("  - name: latency"), SPEC.index("alerts:")
    (folder / "checkout.yaml").write_text(SPEC[:start] + SPEC[end:])
    build(folder, out)
    assert "prometheus/tests/checkout.latency.yml" not in files(out)
    assert "prometheus/rules/by-hand.yml" in files(out)


def test_a_manifest_that_names_others_files_deletes_none(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "build.json").write_text(json.dumps({"files": {"../precious.txt": "", str(precious): "", "prometheus": ""}}))
    (out / "prometheus").mkdir()
    assert build(folder, out) == 0
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("nonsense", ["", "[]", '{"files": 3}', '{"files": [1, null]}', "\x00"])
def test_a_manifest_of_nonsense_is_no_manifest(folder: Path, tmp_path: Path, nonsense: str) -> None:
    (tmp_path / "build.json").write_text(nonsense)
    assert build(folder, tmp_path) == 0


def test_a_spec_with_mistakes_writes_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "checkout.yaml").write_text(SPEC.replace("99.9%", "99.9.9%"))
    with pytest.raises(SpecError):
        build(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("every", ["0", "soon", ""])
def test_rules_are_evaluated_now_and_then(folder: Path, tmp_path: Path, every: str) -> None:
    with pytest.raises(UsageError):
        build(folder, tmp_path / "out", every=every)


def test_nothing_to_write_is_not_success(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "checkout.yaml").write_text(SPEC[: SPEC.index("slos:")] + SPEC[SPEC.index("---") :])
    assert build(folder, tmp_path / "out") == 1
    assert "there is no rule to write" in capsys.readouterr().out


def test_a_failing_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"x": {"a.yml": "old"}})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, {"x": {"a.yml": "new"}})
    assert (tmp_path / "a.yml").read_text() == "old"
    assert files(tmp_path) == {"a.yml", "build.json"}
