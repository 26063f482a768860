"""Alertmanager's own test files brought into a spec: all of them end in a spec or a place, and no secret is written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sereno.app.importing.alertmanager import bring
from sereno.app.importing.documents import Brought
from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UsageError
from sereno.spec.loader import load_text

DATA = Path(__file__).parents[3] / "shared" / "data" / "alertmanager"
FILES = sorted(path.name for path in DATA.glob("*.yml")) if DATA.exists() else []
SECRETS = ("mysecret", "xoxb", "my-token", "hunter2", "T000", "my_secret", "multiline")


@pytest.mark.parametrize("name", FILES)
def test_every_file_ends_in_a_spec_or_a_place(name: str) -> None:
    try:
        brought = bring(name, (DATA / name).read_text())
    except UsageError as refused:
        said = refused.message
    else:
        said = f"{name}: {_checked(brought)}"
    assert said.startswith(f"{name}:")


def _checked(brought: Brought) -> int:
    texts = brought.texts()
    loaded = load_text(texts, promql=Checker())
    assert loaded.spec is not None, [d.render() for d in loaded.diagnostics if d.level == "error"]
    assert not [secret for secret in SECRETS for text in texts.values() if secret in text]
    return len(texts)


def test_what_is_kept_raw_is_still_an_alertmanager_file(tmp_path: Path) -> None:
    if not FILES:
        pytest.skip(f"{DATA} is missing")
    if shutil.which("amtool") is None:
        pytest.skip("amtool is missing")
    spec = load_text(bring("a.yml", (DATA / "conf.good.yml").read_text()).texts(), promql=Checker()).spec
    assert spec is not None
    # Debian's amtool knows no files of Pushover's keys.
    text = re.sub(r"\b(user_key|token)_file: .*", r"\1: elsewhere", spec.raw.alertmanager)
    (tmp_path / "am.yml").write_text(text)

    checked = subprocess.run(
        ["amtool", "check-config", "am.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr + checked.stdout + text
