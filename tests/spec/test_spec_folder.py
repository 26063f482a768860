"""Reading the spec without the settings, where none is set, is the same as with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sereno.app.settings import Settings
from sereno.app.spec_folder import nothing_is_set, usual_promql


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("SERENO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_usual_is_what_the_settings_say(bare: Path) -> None:
    assert nothing_is_set()
    assert usual_promql() == Settings().promql


def test_anything_that_is_set_is_read(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERENO_ENVIRONMENT", "staging")
    assert nothing_is_set(), "the environment alone is known without the settings"
    monkeypatch.setenv("SERENO_PROMQL_DIALECT", "2")
    assert not nothing_is_set()
    monkeypatch.delenv("SERENO_PROMQL_DIALECT")
    (bare / "sereno.toml").write_text("promql_dialect = 2\n")
    assert not nothing_is_set()
