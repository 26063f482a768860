"""What the linter calls right, and what it mends, Prometheus's and Alertmanager's own tools take."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sereno.lint.codes import CODES
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding, Kind


def look(text: str) -> tuple[Finding, ...]:
    found = read("a.yml", text)
    return (*found.findings, *lint(found.documents))


def written(folder: Path, kind: Kind) -> list[str]:
    """The right examples of a kind, and the wrong ones mended, each in a file."""
    texts = [(f"{c.id}-right.yml", c.right) for c in CODES.values() if c.kind == kind]
    texts += [(f"{c.id}-mended.yml", mend(c.wrong, look).text) for c in CODES.values() if c.kind == kind and c.fixable]
    for name, text in texts:
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name, _ in texts]


def says(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def tool() -> Callable[[str], str]:
    def found(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is missing")
        return path

    return found


@pytest.mark.prometheus
def test_promtool_takes_the_right_rules_and_the_mended_ones(tmp_path: Path, tool: Callable[[str], str]) -> None:
    files = written(tmp_path, "rules")
    assert len(files) > 60
    done = says(tool("promtool"), "check", "rules", *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_amtool_takes_the_right_configurations_and_the_mended_ones(tmp_path: Path, tool: Callable[[str], str]) -> None:
    files = written(tmp_path, "alertmanager")
    assert len(files) > 20
    done = says(tool("amtool"), "check-config", *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_amtool_refuses_what_is_called_a_mistake_of_alertmanagers(tmp_path: Path, tool: Callable[[str], str]) -> None:
    amtool = tool("amtool")
    for code in CODES.values():
        if code.kind != "alertmanager" or code.level != "error":
            continue
        file = tmp_path / f"{code.id}.yml"
        file.write_text(code.wrong, encoding="utf-8")
        assert says(amtool, "check-config", str(file)).returncode != 0, code.id


@pytest.mark.prometheus
def test_promtool_refuses_a_grouping_after_a_function(tmp_path: Path, tool: Callable[[str], str]) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(CODES["SER215"].wrong, encoding="utf-8")
    done = says(tool("promtool"), "check", "rules", str(file))
    assert done.returncode != 0
    assert "unexpected <by>" in done.stdout + done.stderr
