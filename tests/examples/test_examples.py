"""The examples, as whoever copies them finds them: nothing to complain of, and all that is built of them is right."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from tests.oracles.npm_packages import Unreachable
from tests.oracles.prometheus import run as promtool

from sereno.app.building import Built, compile_spec, write
from sereno.app.cli import run
from sereno.app.spec_folder import read_folder
from sereno.compiler.targets import TARGETS
from sereno.spec.model import Spec

ROOT = Path(__file__).parents[2]
NAMES = tuple(sorted(path.parent.name for path in (ROOT / "examples").glob("*/reliability")))
ORACLES = tuple(
    path.stem
    for path in sorted((ROOT / "tests" / "oracles").glob("*.py"))
    if "\ndef check(files: " in path.read_text(encoding="utf-8") and path.stem != "prometheus"
)
"""Those of tests/oracles that judge what is built; promtool's is asked apart, for it takes minutes."""


def folder_of(name: str) -> Path:
    return ROOT / "examples" / name / "reliability"


@cache
def loaded(name: str, environment: str = "") -> Spec:
    found = read_folder(folder_of(name), environment=environment)
    assert found.spec is not None
    assert found.diagnostics == (), [one.render() for one in found.diagnostics]
    return found.spec


@cache
def built(name: str) -> Built:
    return compile_spec(loaded(name), every=timedelta(seconds=15), language="es", targets=tuple(TARGETS))


def test_all_three_are_here() -> None:
    assert NAMES == ("flota", "minimal", "tienda")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_to_be_said_of_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(folder_of(name)), "--strict"]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert "warning" not in said.replace("no warnings", "")
    assert run(["fmt", "--check", str(folder_of(name))]) == 0


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow(minutes=1)
def test_what_is_built_of_it_is_right(name: str, oracle: str, tmp_path: Path) -> None:
    check = importlib.import_module(f"tests.oracles.{oracle}").check
    try:
        assert check(built(name).files, tmp_path) == []
    except Unreachable as reason:
        pytest.skip(str(reason))


@pytest.mark.slow(minutes=1)
def test_what_operators_read_is_right(tmp_path: Path) -> None:
    check = importlib.import_module("tests.oracles.kubernetes").check_operators
    try:
        assert check(built("flota").files, tmp_path) == []
    except Unreachable as reason:
        pytest.skip(str(reason))


@pytest.mark.slow(minutes=1)
@pytest.mark.parametrize("name", NAMES)
def test_its_rules_pass_their_unit_tests(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"prometheus": built(name).made["prometheus"]})
    assert run(["test", str(tmp_path / "prometheus/tests")]) == 0, capsys.readouterr().out
    good, said = promtool("check", "rules", "--lint=all", "--lint-fatal", *rules_in(tmp_path))
    assert good, said


@pytest.mark.prometheus
@pytest.mark.slow(minutes=3)
@pytest.mark.parametrize("name", NAMES)
def test_promtool_passes_them_too(name: str, tmp_path: Path) -> None:
    check = importlib.import_module("tests.oracles.prometheus").check
    assert check(built(name).files, tmp_path) == []


def rules_in(folder: Path) -> list[Path]:
    return sorted((folder / "prometheus/rules").glob("*.yml"))


@pytest.mark.parametrize("name", ["flota", "tienda"])
def test_each_alert_says_who_what_and_where(name: str) -> None:
    """An owner, a runbook and a dashboard: no alert of the full examples leaves anyone alone with it."""
    import yaml

    for path, text in built(name).files.items():
        if path.startswith("prometheus/rules/") and not path.endswith("_common.yml"):
            for group in yaml.safe_load(text)["groups"]:
                for rule in group["rules"]:
                    if "alert" in rule:
                        told = rule["annotations"]
                        lacking = {"summary", "description", "owner", "runbook_url", "dashboard_url"} - {
                            key for key, value in told.items() if value
                        }
                        assert not lacking, f"{name} {rule['alert']}: {lacking}"


def test_each_target_has_something_to_say_of_one_of_them() -> None:
    """What neither example declares nobody sees; what one does not is left out with a word of why."""
    said_nothing = {name: set(built(name).empty) for name in ("flota", "tienda")}
    for name, targets in said_nothing.items():
        assert all(built(name).notes[target] for target in targets)
    assert not [one for one in set.intersection(*said_nothing.values()) if not one.startswith("terraform")]


def test_all_that_is_promised_for_flota_is_declared() -> None:
    spec = loaded("flota")
    promises = {
        (service.name, slo.name): slo.objective.text for service in spec.services.values() for slo in service.slos
    }
    assert promises["api", "disponibilidad"] == "99.9%"
    assert promises["api", "latencia-p95"] == "95%"
    assert promises["creditos", "desembolso"] == "95%"
    assert promises["pagos", "cobros"] == "95%"
    steps = spec.escalations["flota"].steps
    assert [(step.after, step.targets, step.via) for step in steps] == [
        (timedelta(0), ("primario",), ("phone", "sms", "push")),
        (timedelta(minutes=15), ("secundario", "lider-de-equipo"), ("phone", "sms", "push")),
        (timedelta(minutes=30), ("gerencia", "cto"), ("phone",)),
    ]


def test_flota_promises_less_and_wakes_nobody_where_it_is_tried() -> None:
    def availability(spec: Spec) -> str:
        return next(slo.objective.text for slo in spec.services["api"].slos if slo.name == "disponibilidad")

    production, trial = loaded("flota", "produccion"), loaded("flota", "ensayo")
    assert (availability(production), availability(trial)) == ("99.9%", "99%")
    assert [(one.name, one.page, one.incident) for one in production.severities] == [
        ("P1", "always", True), ("P2", "always", True), ("P3", "working_hours", False), ("P4", "never", False),
    ]  # fmt: skip
    assert [(one.name, one.page, one.incident) for one in trial.severities] == [
        ("P1", "working_hours", False), ("P2", "working_hours", False), ("P3", "never", False), ("P4", "never", False),
    ]  # fmt: skip
    images = {spec.services["api"].deployment.image for spec in (production, trial) if spec.services["api"].deployment}
    assert images == {"registro.flota.example/api:2.8.1", "registro.flota.example/api:2.9.0-rc.1"}


@pytest.mark.parametrize("name", ["flota", "tienda"])
@pytest.mark.parametrize("environment", ["produccion", "ensayo"])
def test_nothing_is_to_be_said_of_its_environments(
    name: str, environment: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERENO_ENVIRONMENT", environment)  # the command sets it for its process, which is ours
    assert run(["check", str(folder_of(name)), "--strict", "--environment", environment]) == 0, capsys.readouterr().out
    pages = [one.page for one in loaded(name, environment).severities]
    assert ("always" in pages) is (environment == "produccion")


@pytest.mark.parametrize("name", ["flota", "tienda"])
def test_every_component_of_the_status_page_is_somebodys(name: str) -> None:
    spec = loaded(name)
    shown = {(page.name, one.name) for page in spec.status_pages.values() for one in page.components}
    held = {(service.status_page, service.component) for service in spec.services.values() if service.component}
    assert shown == held


def test_the_examples_are_part_of_the_wheel() -> None:
    included: Mapping[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]["force-include"]
    assert {f"examples/{name}" for name in NAMES} <= included.keys()
