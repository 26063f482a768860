"""`sereno import dashboards` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.compiler.boards import BASE, spec_of

from sereno.app.cli import run

BOARD = {"title": "Ventas", "uid": "v", "panels": [{"type": "stat", "title": "Up", "targets": [{"expr": "sum(up)"}]}]}


def saved(folder: Path, name: str, board: object = BOARD) -> Path:
    path = folder / name
    path.write_text(board if isinstance(board, str) else json.dumps(board), encoding="utf-8")
    return path


def test_documents_are_printed_and_what_is_told_goes_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "dashboards", str(saved(tmp_path, "a.json"))]) == 0
    printed = capsys.readouterr()
    assert spec_of(BASE, printed.out).dashboards["ventas"].panels[0].queries[0].expr == "sum(up)"
    assert "Ventas, 1 of 1 panels in our words\n- its address changes: it was /d/v\n" in printed.err


def test_a_folder_is_brought_whole_each_under_a_name_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.json", "b.json"):
        saved(tmp_path, name)
    saved(tmp_path, "c.json", "{")
    out = tmp_path / "reliability" / "dashboards"
    assert run(["import", "dashboards", str(tmp_path), "--out", str(out), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [each["dashboard"] for each in answer["imported"]] == ["ventas", "ventas-2"]
    assert [path.name for path in sorted(out.iterdir())] == ["ventas-2.yaml", "ventas.yaml"]
    assert "line 1, column 2" in answer["failed"][str(tmp_path / "c.json")]
    spec = spec_of(BASE, *(path.read_text(encoding="utf-8") for path in out.iterdir()))
    assert set(spec.dashboards) == {"ventas", "ventas-2"}


def test_nothing_that_is_there_is_written_over_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = str(saved(tmp_path, "a.json"))
    (tmp_path / "ventas.yaml").write_text("mine")
    assert run(["import", "dashboards", board, "--out", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "ventas.yaml").read_text() == "mine"
    assert run(["import", "dashboards", board, "--out", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "ventas.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "name the files"),
        (["missing.json"], "there is no missing.json"),
        (["a.json", "b.json", "--name", "x"], "--name is for one file"),
    ],
)
def test_wrong_use_is_said(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.json", "b.json"):
        saved(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    assert run(["import", "dashboards", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_a_title_cannot_move_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "dashboards", str(saved(tmp_path, "a.json", {**BOARD, "title": "x\u001b[2J"}))]) == 0
    printed = capsys.readouterr()
    assert "\u001b" not in printed.out + printed.err
