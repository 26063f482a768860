"""Reading the spec without the settings, where none is set, is the same as with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sereno.app.settings import Settings
from sereno.app.spec_folder import nothing_is_set, read_everywhere, read_folder, usual_promql


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


SPEC = """\
workspace: x
variables: {region: {type: string}, target: {type: percentage, default: 99%}}
environments:
  production: {variables: {region: south}}
  staging: {variables: {region: test}, override: [{service: api, slos: [{name: a, window: 30}]}]}
---
service: api
team: shop
title: in ${region}
slos: [{name: a, objective: '${target}', window: 30d, sli: {http: {}}}]
---
{team: shop, escalation: shop}
---
{escalation: shop, steps: [{page: ana}]}
---
{person: ana, contacts: [{terminal: true}]}
"""


def test_a_check_without_an_environment_looks_into_each(bare: Path) -> None:
    (bare / "a.yaml").write_text(SPEC)
    found = read_everywhere(bare)
    assert found.spec is None
    assert [(d.code, d.line, d.column) for d in found.diagnostics] == [("SER030", 5, 91)]
    (bare / "a.yaml").write_text(SPEC.replace("window: 30}", "window: 7d}"))
    found = read_everywhere(bare)
    assert found.diagnostics == ()
    assert found.spec is not None
    assert found.spec.services["api"].title == "in south"
    assert [d.code for d in read_folder(bare).diagnostics] == ["SER129"], "what is run needs to know where"
