"""`sereno backtest` as one runs it: in a folder with a spec and samples, by hand and in CI."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.insight.worlds import MONDAY, PEOPLE, SHOP, World, during

from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.insight.words import PHRASES

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UNTIL = "2026-03-04T00:00:00Z"
BASE = ["backtest", "--since", "2d", "--until", UNTIL, "--interval", "1m"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """Three days of the shop, in a store's file."""
    path = tmp_path_factory.mktemp("store") / "samples.db"
    outages = during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6), (MONDAY + 30 * HOUR, 3 * HOUR, 0.02), otherwise=0.0002)
    world = World(MONDAY - DAY, MONDAY + 2 * DAY, outages)
    store = SampleStore(path, retention=timedelta(days=36500))
    store.backfill_sync(world.series)
    store.close()
    return path


@pytest.fixture
def place(tmp_path, monkeypatch, stored) -> Path:
    folder = tmp_path / "reliability"
    folder.mkdir()
    (folder / "shop.yaml").write_text(SHOP + PEOPLE)
    (tmp_path / ".sereno").mkdir()
    (tmp_path / ".sereno" / "samples.db").write_bytes(stored.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys, *arguments: str, code: int = 0):
    assert run([*BASE, *arguments, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_answer_for_machines_is_complete_and_the_same_each_time(place, capsys):
    first = answer(capsys)
    assert first["format"] == 1
    assert first["gate"] == {"passed": True, "failures": []}
    (case,) = first["cases"]
    assert case["score"]["precision"] == "1"
    assert case["score"]["recall"] == "1"
    assert {page["severity"] for page in case["pages"]} == {"SEV2", "SEV3"}
    assert case["pages"][0]["opened"].startswith("2026-03-02T03:0")
    assert case["pages"][0]["demands"][0]["person"] == "bo"
    budget = case["fired"][0]["budgets"][0]
    assert set(budget) == {"slo", "consumed", "remaining", "burn_rate", "exhausts_in", "coverage"}
    assert answer(capsys) == first


def test_people_read_sentences_and_strips(place, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert run([*BASE, "--language", "es"]) == 0
    out = capsys.readouterr().out
    assert "Prueba sobre el pasado" in out
    assert "Se avisó de los 2 incidentes." in out
    assert "█" in out
    assert "ShopAvailabilityBurn1h" in out
    assert run([*BASE]) == 0
    assert "Somebody was paged for all 2 incidents." in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "widest"), [("80", 80), ("", 100), ("120", 120)])
def test_what_goes_through_a_pipe_is_as_wide_as_asked(place, capsys, monkeypatch, columns, widest):
    monkeypatch.setenv("COLUMNS", columns)
    assert run([*BASE, "--what-if"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= widest
    assert "ShopAvailabilityBurn1h" in out, "names stay whole"


def test_rule_files_are_judged_too_and_a_wrong_rule_is_told(place, capsys):
    (place / "rules.yml").write_text("""
groups:
  - name: old
    interval: 1m
    rules:
      - record: shop:errors:rate5m
        expr: sum(rate(http_requests_total{job="shop",status=~"5.."}[5m])) / sum(rate(http_requests_total{job="shop"}[5m]))
      - alert: HighErrorRate
        expr: shop:errors:rate5m > 0.05
        for: 5m
        labels: {severity: SEV1, service: shop}
      - {alert: Broken, expr: 'sum(('}
""")
    (place / "incidents.csv").write_text(
        "start,end,name\n2026-03-02T03:00:00Z,2026-03-02T03:25:00Z,the network\n2026-03-03T06:00:00Z,2026-03-03T09:00:00Z,slow\n"
    )
    assert run([*BASE, "rules.yml", "--incidents", "incidents.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (case,) = found["cases"]
    assert [one["alert"] for one in case["fired"]] == ["HighErrorRate"]
    assert case["score"]["recall"] == "0.5"
    assert case["missed"][0]["incident"]["name"] == "slow"
    assert any("rules.yml:12" in warning for warning in found["warnings"])
    assert case["pages"][0]["demands"], "the workspace's people are called for the workspace's service"


def test_a_variant_is_shown_then_written_and_the_spec_is_still_good(place, capsys):
    file = place / "reliability" / "shop.yaml"
    before = file.read_text()
    found = answer(capsys, "--what-if")
    tried = found["cases"][0]["explored"][0]["tried"]
    number = next(one["number"] for one in tried if one["objective"] == "99.95%" and one["for"] == "2m")
    assert run([*BASE, "--apply", str(number)]) == 0
    shown = capsys.readouterr()
    assert "-    objective: 99.9%\n+    objective: 99.95%\n" in shown.out
    assert shown.out.startswith("---"), "the change alone: it may go to git apply"
    assert "--yes" in shown.err
    assert file.read_text() == before
    assert run([*BASE, "--apply", str(number), "--yes"]) == 0
    assert "objective: 99.95%" in file.read_text()
    assert "# the promise" not in file.read_text().split("objective")[1]
    assert "# the promise" in file.read_text()
    assert run(["check"]) == 0
    assert run([*BASE, "--apply", "99999"]) == 2


def git(*arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments], check=True, capture_output=True
    )


def test_a_change_that_would_miss_an_incident_does_not_get_in(place, capsys):
    git("init", "-q", "-b", "main", ".")
    git("add", "reliability")
    git("commit", "-qm", "as it was")
    assert answer(capsys, "--compare", "main")["comparison"]["services"][0]["same"] > 0
    file = place / "reliability" / "shop.yaml"
    file.write_text(file.read_text().replace("    sli:", "    tiers: [{long: 1h, short: 5m, burn: 40}]\n    sli:"))
    found = answer(capsys, "--compare", "main", code=1)
    assert [(f["measure"], f["by"]) for f in found["gate"]["failures"]] == [("recall", "base")]
    assert found["comparison"]["services"][0]["removed"]
    assert run([*BASE, "--compare", "main"]) == 1
    out = capsys.readouterr().out
    assert "✗ shop: recall falls from 100.0% (main) to 50.0%" in out
    # Promising less does not help: what was promised before is what both are held against.
    declared = file.read_text()
    file.write_text(declared.replace("99.9%", "99%").replace("burn: 40", "burn: 9"))
    assert answer(capsys, "--compare", "main", code=1)["gate"]["failures"]
    # Nor does having no rule at all.
    file.write_text(declared.replace("99.9%", "90%"))
    assert answer(capsys, "--compare", "main", code=1)["gate"]["failures"]


def test_what_the_workspace_demands_is_a_gate(place, capsys):
    (place / "reliability" / "all.yaml").write_text("workspace: shop\nbacktest: {recall: 95%, max_pages_per_week: 1}\n")
    found = answer(capsys, code=1)
    assert [(f["measure"], f["limit"], f["by"]) for f in found["gate"]["failures"]] == [("pages_per_week", "1", "spec")]


def test_many_hands_write_the_same_bytes(place, capsys):
    for number in range(3):
        (place / "reliability" / f"more{number}.yaml").write_text(
            SHOP.replace("service: shop", f"service: more{number}")
        )
    run([*BASE, "--json", "--jobs", "1", "--html", "one.html"])
    one = capsys.readouterr().out
    run([*BASE, "--json", "--jobs", "2", "--html", "two.html"])
    assert capsys.readouterr().out == one
    assert (place / "one.html").read_bytes() == (place / "two.html").read_bytes()


@pytest.mark.slow(minutes=1)
def test_ray_writes_the_same_bytes(place, capsys):
    pytest.importorskip("ray", reason="needs sereno[ray]")
    (place / "reliability" / "more.yaml").write_text(SHOP.replace("service: shop", "service: more"))
    run([*BASE, "--json", "--jobs", "1"])
    one = capsys.readouterr().out
    assert run([*BASE, "--json", "--ray", "local"]) == 0
    assert capsys.readouterr().out == one


# what was said wrongly, what the answer says
WRONG = [
    (["--since", "soon"], "--since"),
    (["--since", "100y"], "evaluations of every rule"),
    (["--until", "2026-03-04"], "needs a zone"),
    (["--from", "carrier", "pigeon"], "carrier"),
    (["--from", "prometheus", "localhost"], "no address of a Prometheus"),
    (["--from", "store", "nowhere.db"], "no samples at"),
    (["--from", "parquet", "nowhere.parquet"], "no file"),
    (["--service", "shap"], "no service shap"),
    (["--incidents", "nowhere.yaml"], "cannot be read"),
    (["--compare", "no-such-ref"], "git says"),
    (["--beta", "-1"], "--beta"),
    (["--zone", "Mars/Olympus"], "no time zone"),
    (["--target", "120%", "--what-if"], "--target"),
    (["--apply", "3", "--slo", "shop/none"], "was not tried"),
    (["nowhere"], "nothing at"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_wrong_use_is_explained(place, capsys, arguments, said):
    base = BASE if arguments[0] not in ("--until", "--since") else ["backtest", "--interval", "1m"]
    assert run([*base, *arguments]) != 0
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_every_phrase_is_there_in_both_languages_and_takes_the_same_words():
    import string

    for key, phrase in PHRASES.items():
        names = {
            language: {f for _, f, _, _ in string.Formatter().parse(text) if f} for language, text in phrase.items()
        }
        assert set(phrase) == {"es", "en"}, key
        assert names["es"] == names["en"], key
        assert all(text == text.strip() and "  " not in text for text in phrase.values()), key


def test_without_incidents_the_pages_of_rule_files_are_neither_right_nor_wrong(place, capsys):
    (place / "rules.yml").write_text(
        "groups: [{name: a, rules: [{alert: Up, expr: 'up == 1', labels: {severity: SEV1}}]}]\n"
    )
    assert run([*BASE, "rules.yml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (case,) = found["cases"]
    assert case["score"]["raised"] == 1
    assert case["score"]["precision"] is None
    assert case["pages"][0]["right"] is None
    assert found["score"]["raised"] == 0 or found["score"]["precision"] is None
