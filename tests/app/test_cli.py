"""Every command against a running control plane: what people read, what machines read, how each ends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.app.running import Done, Neighbour, Running, free_port, running, wait_for

import sereno
from sereno.app.cli import COMMANDS

MINIMAL = Path(__file__).resolve().parents[2] / "examples" / "minimal" / "reliability" / "service.yaml"


@pytest.fixture(scope="module")
def neighbour() -> Iterator[Neighbour]:
    one = Neighbour()
    yield one
    one.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, neighbour: Neighbour) -> Iterator[Running]:
    """The minimal example, its one service at hand, with an alert that fires soon after a request fails."""
    spec = MINIMAL.read_text().replace("http://127.0.0.1:8080", f"{neighbour.address}/shop")
    spec = spec.replace('shop/metrics"]', 'shop/metrics"], every: 1s, timeout: 1s')
    spec = spec.replace(
        "alerts:\n",
        "alerts:\n  - {alert: Failing, expr: 'sum(rate(http_requests_total{status=\"500\"}[10s])) > 0', severity: P1}\n",
    ).replace("{email: ana@shop.example}", f"{{webhook: '{neighbour.hook}'}}")
    with running(tmp_path_factory.mktemp("cli"), spec) as one:
        yield one


def run(up: Running, *words: str, code: int = 0, **environment: str) -> Done:
    """Run a command that must end with `code` and never with a traceback."""
    done = up.command(*words, **environment)
    assert "Traceback" not in done.err, done.err
    assert done.code == code, f"{words}: {done.code}\n{done.out}\n{done.err}"
    return done


def test_help_names_every_command(up: Running):
    shown = run(up, "--help").out
    for name in COMMANDS:
        assert f"\n│ {name} " in shown or f" {name} " in shown
    for name in COMMANDS:
        assert run(up, name, "--help").out


def test_version(up: Running):
    assert run(up, "--version").out == f"sereno {sereno.__version__}\n"


def test_wrong_use_is_explained_and_ends_with_2(up: Running):
    for words in (["pagee"], ["page", "acknowledge"], ["incident", "phase", "1", "panic"], ["status", "--jsn"]):
        done = run(up, *words, code=2)
        assert done.err or done.out


def test_check_reads_the_spec_without_a_control_plane(up: Running, tmp_path: Path):
    assert "The spec is good" in run(up, "check").out
    told = run(up, "check", "--json").json
    assert told["ok"]
    assert told["counts"]["service"] == 1
    (tmp_path / "a.yaml").write_text("service: web\nteam: nobody\n")
    assert f"{tmp_path}/a.yaml:2:7" in run(up, "check", str(tmp_path), code=1).out
    broken = run(up, "check", str(tmp_path), "--json", code=1).json
    assert not broken["ok"]
    assert (str(tmp_path / "a.yaml"), 2) in {(found["file"], found["line"]) for found in broken["diagnostics"]}
    assert "there is no folder" in run(up, "check", "/nowhere", code=2).err


def test_init_writes_a_spec_that_is_good(up: Running, tmp_path: Path):
    made = tmp_path / "made"
    run(up, "init", str(made), "--yes", "--service", "shop", "--email", "ana@shop.example")
    assert "The spec is good" in run(up, "check", str(made)).out
    again = run(up, "init", str(made), "--yes", code=2)
    assert "already there" in again.err
    assert "terminal" in run(up, "init", str(tmp_path / "other"), code=2).err, "nobody is there to be asked"


def test_build_writes_rules(up: Running, tmp_path: Path):
    run(up, "build", "--help")
    if shutil.which("promtool"):
        done = up.command("build", "reliability", "--out", str(tmp_path / "built"))
        assert "Traceback" not in done.err


def test_looking_while_all_is_calm(up: Running):
    wait_for(lambda: up.get("/targets") and up.get("/targets")[0]["health"] == "up", "the target is up")
    assert "All calm." in run(up, "status").out
    assert run(up, "status", "--json").json == {"pages": [], "incidents": [], "targets_not_up": []}
    assert "No pages." in run(up, "page", "list").out
    assert run(up, "page", "list", "--json").json == []
    assert "No incidents." in run(up, "incident", "list").out
    assert "No alert" in run(up, "alerts").out
    assert run(up, "alerts", "--json").json == []
    assert "No schedule" in run(up, "oncall").out
    assert run(up, "oncall", "--json").json == []
    wait_for(lambda: up.get("/budgets"), "budgets are counted")
    assert "availability" in run(up, "budget", "web").out
    (budget,) = run(up, "budget", "--json").json
    assert (budget["service"], budget["slo"], budget["objective"]) == ("web", "availability", "0.999")
    assert "No objectives" in run(up, "budget", "nothing").out
    told = run(up, "budget", "web").out
    assert "- trend: " in told, told
    assert "- ends: " in told


def test_a_budget_is_corrected_with_a_reason_and_the_ledger_keeps_it(up: Running):
    wait_for(lambda: up.get("/budgets"), "budgets are counted")
    assert "Nothing was corrected." in run(up, "budget", "corrections").out
    now = datetime.now(UTC)
    times = ["--start", (now - timedelta(hours=2)).isoformat(), "--end", (now - timedelta(hours=1)).isoformat()]
    made = run(up, "budget", "correct", "web", *times, "--reason", "a test", "--json").json
    assert (made["service"], made["slo"], made["author"]) == ("web", None, "local")
    assert "is in the ledger" in run(up, "budget", "correct", "web", "availability", *times, "--reason", "again").out
    assert "a test" in run(up, "budget", "corrections", "web").out
    assert f"correction {made['id']}" in run(up, "budget", "web").out
    assert "counts no more" in run(up, "budget", "withdraw", made["id"], "--reason", "it was not").out
    assert "it was not" in run(up, "budget", "corrections").out
    assert "already" in run(up, "budget", "withdraw", made["id"], "--reason", "again", code=1).err
    assert run(up, "budget", "correct", "nothing", *times, "--reason", "x", code=1).err
    assert run(up, "budget", "correct", "web", "--start", "x", "--end", "y", "--reason", "x", code=2).err


def test_a_page_and_its_incident_from_the_command_line(up: Running, neighbour: Neighbour):
    neighbour.broken.add("shop")
    wait_for(neighbour.told, "a page")
    listed = wait_for(lambda: run(up, "page", "list", "--json").json, "the page is listed")
    page = next(page for page in listed if page["summary"] == "Failing")  # the budget burns too, and says so
    assert page["state"] == "open"
    assert page["id"] in run(up, "page", "list").out
    assert page["id"] in run(up, "status", code=1).out
    assert page["id"] in {told["id"] for told in run(up, "status", "--json", code=1).json["pages"]}
    assert "firing" in run(up, "alerts", code=1).out
    assert "Failing" in {alert["alert"] for alert in run(up, "alerts", "--json", code=1).json}

    done = run(up, "page", "acknowledge", page["id"], "--json").json
    assert (done["state"], done["acknowledged_by"], done["acknowledged_via"]) == ("acknowledged", "local", "command")
    again = run(up, "page", "acknowledge", page["id"], code=1)
    assert "already acknowledged" in again.err
    assert "there is no page" in run(up, "page", "acknowledge", "pg_nothing", code=1).err

    incident = wait_for(lambda: run(up, "incident", "list", "--json").json, "an incident")[0]
    number = str(incident["number"])
    assert incident["service"] == "web"
    run(up, "incident", "note", number, "the [bold]disk[/bold] was full; ñandú")
    run(up, "incident", "note", number, "we are on it", "--public")
    run(up, "incident", "role", number, "scribe", "ana")
    assert "scribe" in run(up, "incident", "role", number, "captain", "ana", code=2).err
    assert run(up, "incident", "role", number, "scribe", "nobody", code=1).err
    run(up, "incident", "phase", number, "mitigated")
    text = run(up, "incident", "postmortem", number, "--language", "es").out
    assert "Post-mortem" in text
    assert "ñandú" in text
    assert "Cronología" in text
    english = run(up, "incident", "postmortem", number, "--language", "en").out
    assert "Timeline" in english

    neighbour.broken.clear()
    resolved = run(up, "incident", "resolve", number, "--json").json
    assert resolved["phase"] == "resolved"
    assert "already" in run(up, "incident", "resolve", number, code=1).err
    if up.get(f"/pages/{page['id']}")["state"] != "closed":
        run(up, "page", "close", page["id"])
    assert "closed" in run(up, "page", "close", page["id"], code=1).err
    assert number in run(up, "incident", "list").out
    assert "no such incident" in run(up, "incident", "postmortem", "4711", code=1).err


def test_declaring_by_hand(up: Running):
    made = run(
        up, "incident", "declare", "La caja no abre", "--service", "web", "--severity", "critical", "--json"
    ).json
    assert (made["title"], made["severity"], made["automatic"]) == ("La caja no abre", "SEV1", False)
    assert "La caja no abre" in run(up, "status", code=1).out
    for wrong in (["--service", "shop", "--severity", "SEV1"], ["--service", "web", "--severity", "awful"]):
        assert run(up, "incident", "declare", "x", *wrong, code=1 if "shop" in wrong else 2).err
    run(up, "incident", "resolve", str(made["number"]))


def test_without_a_control_plane_every_command_says_so_kindly(up: Running):
    nowhere = f"http://127.0.0.1:{free_port()}"
    for words in (
        ["status"], ["budget"], ["alerts"], ["oncall"], ["page", "list"], ["page", "acknowledge", "pg_x"],
        ["incident", "list"], ["incident", "postmortem", "1"],
    ):  # fmt: skip
        done = run(up, *words, code=1, SERENO_URL=nowhere)
        assert nowhere in done.err
        assert "sereno up" in done.err
        assert done.out == ""


def test_what_is_no_control_plane_is_told_kindly(up: Running, neighbour: Neighbour):
    done = run(up, "status", code=1, SERENO_URL=f"{neighbour.address}/shop")
    assert neighbour.address in done.err
    for url in ("not an address", "ftp://x"):
        assert run(up, "status", code=2, SERENO_URL=url).err


def test_without_a_token_or_with_a_wrong_one(up: Running, tmp_path: Path):
    done = run(up, "page", "list", code=1, SERENO_DATA_DIR=str(tmp_path))
    assert "does not know who asks" in done.err
    assert "SERENO_TOKEN" in done.err
    wrong = "sereno_operator_wrong-and-long-enough"
    done = run(up, "page", "list", code=1, SERENO_TOKEN=wrong)
    assert "token" in done.err
    assert wrong not in done.err


def test_json_is_one_document_on_stdout_and_nothing_else(up: Running):
    for words in (["budget"], ["oncall"], ["page", "list"], ["incident", "list"], ["alerts"]):
        done = up.command(*words, "--json")
        json.loads(done.out)
        assert done.err == ""
