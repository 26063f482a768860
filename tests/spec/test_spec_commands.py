"""`sereno check` and `sereno init`, the examples, and the reference that cannot fall behind."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from sereno.app.cli import init as initmodule
from sereno.app.cli.check import check
from sereno.app.cli.init import init
from sereno.app.promql_checker import Checker
from sereno.kernel.errors import QueryError, UsageError
from sereno.spec.codes import reference
from sereno.spec.loader import load
from sereno.spec.model import EventsSli, LatencySli, Spec

ROOT = Path(__file__).parents[2]
TIENDA = ROOT / "examples" / "tienda" / "reliability"
MINIMAL = ROOT / "examples" / "minimal" / "reliability"


def loaded(folder: Path) -> Spec:
    found = load(folder, promql=Checker())
    assert found.diagnostics == (), "\n".join(d.render() for d in found.diagnostics)
    assert found.spec is not None
    return found.spec


@pytest.mark.parametrize("folder", [TIENDA, MINIMAL], ids=["tienda", "minimal"])
def test_the_examples_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder) == 0
    assert "The spec is good" in capsys.readouterr().out


def test_the_shop_promises_what_its_manual_says() -> None:
    spec = loaded(TIENDA)
    promises = {
        (s.name, slo.name): (slo.objective.ratio, slo.window.total_seconds() / 86400)
        for s in spec.services.values()
        for slo in s.slos
    }
    assert promises[("api", "disponibilidad")] == (Decimal("0.999"), 30)
    assert promises[("api", "latencia")] == (Decimal("0.95"), 7)
    assert promises[("api", "errores")] == (Decimal("0.999"), 1)
    assert promises[("pagos", "disponibilidad")] == (Decimal("0.9995"), 30)
    assert promises[("busqueda", "latencia")] == (Decimal("0.95"), 7)
    assert promises[("base-de-datos", "consultas")] == (Decimal("0.99"), 1)
    assert promises[("web", "carga")] == (Decimal("0.95"), 7)
    within = {
        s.name: str(slo.sli.within_seconds)
        for s in spec.services.values()
        for slo in s.slos
        if isinstance(slo.sli, LatencySli)
    }
    assert within == {"api": "0.5", "busqueda": "1", "base-de-datos": "0.1", "web": "2"}


def test_the_shop_wakes_whom_its_manual_says() -> None:
    spec = loaded(TIENDA)
    walk, turns = spec.escalation_of("pagos"), spec.schedules["tienda"]
    assert [(step.targets, step.after.total_seconds() / 60) for step in walk.steps] == [
        (("primary",), 0), (("secondary",), 5), (("backup",), 15),
    ]  # fmt: skip
    assert [spec.people[name].title for name in turns.people] == [
        "Juan Pérez", "María García", "Carlos López", "Ana Torres",
    ]  # fmt: skip
    assert (turns.zone, turns.start.isoweekday(), turns.handover.hour) == ("America/Lima", 1, 9)
    assert [s.name for s in spec.severities] == ["P1", "P2", "P3", "P4"]


def test_every_alert_and_objective_of_the_shop_has_a_runbook_with_all_its_sections() -> None:
    spec = loaded(TIENDA)
    sections = ["Severidad", "Descripción", "Impacto", "Diagnóstico", "Resolución", "Prevención", "Escalamiento"]
    named = {rule.annotations["runbook_url"] for s in spec.services.values() for rule in s.alerts}
    named |= {slo.runbook or "none" for s in spec.services.values() for slo in s.slos}
    named |= {one.runbook or "none" for s in spec.services.values() for one in (*s.saturation, *s.probes)}
    written = {path.relative_to(TIENDA).as_posix() for path in (TIENDA / "runbooks").glob("*.md")}
    assert named == written
    for name in named:
        lines = (TIENDA / name).read_text().splitlines()
        assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == sections, name


def test_every_selector_of_the_shop_is_promql() -> None:
    checker = Checker()
    for service in loaded(TIENDA).services.values():
        for slo in service.slos:
            sli = slo.sli
            texts = (sli.total, sli.bad, sli.good) if isinstance(sli, EventsSli) else ()
            texts = (sli.histogram, sli.buckets, sli.count) if isinstance(sli, LatencySli) else texts
            for text in filter(None, texts):
                assert checker.selector(text or "")


def test_the_smallest_spec_is_small() -> None:
    (path,) = MINIMAL.glob("*.yaml")
    assert len(path.read_text().splitlines()) <= 24


def test_check_says_everything_to_machines_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("service: a\nteam: nobody\nslos: []\n")
    assert check(tmp_path, json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["files"]) == (False, [str(tmp_path / "a.yaml")])
    (found,) = answer["diagnostics"]
    assert (found["code"], found["line"], found["column"], found["excerpt"]) == ("SER050", 2, 7, "team: nobody")
    assert check(tmp_path) == 1
    assert "1 mistake, no warnings in 1 file" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        check(tmp_path / "nowhere")
    assert error.value.exit_code == 2


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_first_spec_is_good_whatever_its_answers(language: str, tmp_path: Path) -> None:
    odd = {
        "service": "Búsqueda rápida: v2 'x'",
        "owner": "Equipo #1",
        "person": "Ana Torres",
        "email": "ana@shop.example",
    }
    for number, answers in enumerate(({}, odd)):
        folder = tmp_path / f"{number}" / "reliability"
        assert init(folder, language=language, yes=True, **answers) == 0
        assert check(folder) == 0
    spec = loaded(folder)
    service = spec.services["busqueda-rapida-v2-x"]
    assert service.title == odd["service"]
    assert spec.people["ana-torres"].contacts[0].address == "ana@shop.example"
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["reliability"], "no draft is left behind"


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="already there"):
        init(tmp_path, yes=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong", [{"objective": "100%"}, {"email": "ana"}, {"metrics": "localhost"}, {"language": "fr"}]
)
def test_wrong_answers_write_nothing(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        init(tmp_path / "reliability", yes=True, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", (tmp_path / "empty").open("w+"))
    with pytest.raises(UsageError, match="no terminal"):
        init(tmp_path / "reliability")


def test_a_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong answer is explained and asked again; Enter takes what is usual."""
    typed = iter(["Pagos", "", "Tienda", "Ana Torres", "ana(at)tienda", "ana@tienda.example", "99.95", "99.95%"])
    asked: list[str] = []

    def read(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    start = initmodule._usual("es")
    answers = initmodule.ask(start, list(initmodule.QUESTIONS), read)
    assert (answers.service, answers.metrics, answers.owner) == ("Pagos", start.metrics, "Tienda")
    assert (answers.email, answers.objective) == ("ana@tienda.example", "99.95%")
    assert asked[0].startswith("¿Qué debe seguir funcionando? [web]")
    said = capsys.readouterr().out
    assert "`ana(at)tienda` is not an e-mail address" in said
    assert "write `99.95%`" in said


def test_a_conversation_broken_off_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", read)
    with pytest.raises(UsageError, match="nothing was written"):
        init(tmp_path / "reliability")
    assert list(tmp_path.iterdir()) == []


def test_the_reference_of_diagnostics_is_in_step() -> None:
    written = (ROOT / "docs" / "reference" / "diagnostics.md").read_text()
    assert written == reference(), "run: uv run python -m sereno.spec.reference > docs/reference/diagnostics.md"


def test_the_checker_counts_positions_in_characters() -> None:
    with pytest.raises(QueryError) as error:
        Checker().check('up{a="ñandú"} == 0 )')
    assert error.value.position == 19
