"""The hooks for commits call what there is, with files as pre-commit hands them over."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from sereno.app.cli import run

HERE = Path(__file__).parents[2]
HOOKS = yaml.safe_load((HERE / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
WRONG = """\
groups:
  - name: api
    rules:
      - alert: ApiErrors
        expr: rate(errors_total{status=~"5.."}[5m]) / rate(errors_total[5m]) > 0.1
        labels: {severity: critical}
"""


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_is_a_program_of_ours_that_refuses_a_mistake(
    hook: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(str(hook["entry"]))
    scripts = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert hook["language"] == "python"
    assert program in scripts
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    code = run([*arguments, "rules.yml", "other.json"])
    mended = (tmp_path / "rules.yml").read_text(encoding="utf-8")
    assert (code, mended == WRONG) == ((0, False) if "--fix" in arguments else (1, True))
