"""`sereno check` where files of many tools stand together: each is read by whom it is meant for, and all can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sereno.app.cli import run
from sereno.app.cli.init import Answers, files_of
from sereno.kernel.message import Language

SPEC = """\
service: shop
team: owners
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {total: http_requests_total, bad: 'status=~"5.."'}
---
{team: owners, escalation: owners}
---
{person: ana, contacts: [{terminal: true}]}
---
{escalation: owners, steps: [{page: ana}]}
"""
OF_OTHERS = {
    "collector.yaml": "receivers: {otlp: {protocols: {grpc: {}}}}\nexporters: {debug: {}}\n"
    "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n",
    "fluent-bit.yaml": "service: {flush: 1}\npipeline:\n  inputs: [{name: tail, path: /a}]\n"
    "  outputs: [{name: stdout, match: '*'}]\n",
    "vector.yaml": "sources: {a: {type: stdin}}\nsinks: {b: {type: console, inputs: [a], encoding: {codec: json}}}\n",
    "docker-compose.yml": "services: {web: {image: 'nginx:1.25'}}\n",
    "rules.yml": "groups:\n  - {name: a, rules: [{record: 'a:b:c', expr: sum(up)}]}\n",
    "pod.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n",
}
OF_THE_LOADER = {"SER010", "SER020", "SER021", "SER022", "SER050", "SER092", "SER093"}


def lay(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str], set[str]]:
    """The exit code, the files of what is found by code, and the codes."""
    capsys.readouterr()
    code = run(["check", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    return code, {one["file"]: one["code"] for one in found}, {one["code"] for one in found}


@pytest.mark.parametrize("path", [".", "there", "there/collector.yaml", "there/fluent-bit.yaml"])
def test_files_of_other_tools_are_not_taken_for_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "there", OF_OTHERS)
    code, _, codes = told(capsys, path)
    assert code == 0
    assert not codes & {*OF_THE_LOADER, "SER011", "SER200"}
    assert {code for code in codes if code.startswith("SER75")}  # the pipelines were looked at


def test_beside_a_spec_they_are_skipped_by_its_reader_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    others = {name: text for name, text in OF_OTHERS.items() if name != "rules.yml"}
    lay(tmp_path / "all", {"shop.yaml": SPEC, **others})
    code, _, codes = told(capsys, "all")
    assert code == 0
    assert not codes & {*OF_THE_LOADER, "SER011"}
    assert {"SER752", "SER742"} <= codes
    run(["check", "all"])
    said = capsys.readouterr().out
    assert "The spec is good: 1 service" in said
    assert "checked beside the spec: 1 Compose file, 1 Kubernetes object, 3 pipelines" in said


def test_of_a_repository_the_folder_called_reliability_is_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path, {"a/reliability/shop.yaml": SPEC, "b/reliability/shop.yaml": SPEC, "ci/serverless.yml": "x: y\n"})
    code, places, codes = told(capsys, ".")
    assert code == 0  # two workspaces, not one that declares everything twice
    assert (codes, places) == ({"SER200"}, {"ci/serverless.yml": "SER200"})
    lay(tmp_path, {"elsewhere/shop.yaml": SPEC})
    code, places, _ = told(capsys, ".")
    assert places == {"ci/serverless.yml": "SER200", "elsewhere/shop.yaml": "SER200"}  # said, not passed over


@pytest.mark.parametrize("text", ["apiVersion: openslo/v1\nkind: SLO\n", "version: prometheus/v1\nservice: a\n"])
def test_a_folder_of_another_dialect_is_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "slos", {"a.yaml": text})
    assert told(capsys, "slos")[0] == 1  # it is incomplete, and someone says so


def test_a_typing_mistake_in_the_only_file_is_not_taken_for_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "slos", {"a.yaml": "servise: shop\nteam: owners\n"})
    code, _, codes = told(capsys, "slos")
    assert code == 1
    assert codes & OF_THE_LOADER


def test_a_thousand_findings_are_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rules = "".join(f"      - {{alert: A{number}, expr: up == {number}}}\n" for number in range(300))
    lay(tmp_path, {"rules.yml": f"groups:\n  - name: a\n    rules:\n{rules}"})
    assert run(["check", "rules.yml"]) == 0
    said = capsys.readouterr().out
    assert said.count("warning SER255") == 3
    assert "… SER255 in 297 more places (--select SER255 --all lists them)" in said
    assert "SER255  300  warning  " in said
    table = said[said.rindex("\n\n", 0, said.index("SER255  300")) :]
    assert max(map(len, table.splitlines())) <= 80
    assert run(["check", "rules.yml", "--select", "SER255", "--all"]) == 0
    assert capsys.readouterr().out.count("warning SER255") == 300


def test_the_table_of_services_fits_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    one = SPEC[SPEC.index("  - name") : SPEC.index("---")]
    many = "".join(one.replace("availability", f"availability-of-kind-{number}") for number in range(6))
    lay(tmp_path / "reliability", {"a.yaml": SPEC.replace(one, many)})
    assert run(["check"]) == 0
    said = capsys.readouterr().out
    table = said[said.index("service  team") :]
    assert max(map(len, table.splitlines())) <= 80
    assert all(f"availability-of-kind-{number} 99.9%" in said for number in range(6))


@pytest.mark.parametrize("language", ["es", "en"])
def test_nothing_is_wrong_with_what_init_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: Language
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(
        tmp_path / "reliability", files_of(Answers("web", "http://a:1/metrics", "owners", "ana", "", "99.9%", language))
    )
    assert run(["check", "--strict"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The spec is good: 1 service")
    assert "beside" not in said  # its runbook is a part of it
