"""`sereno diff`: rule by rule, on disk, live and since a commit."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.compiler.test_build_command import SPEC

from sereno.app.cli import run
from sereno.app.cli.build import build
from sereno.app.differing import changes, of_configuration, rules_in

RULE = "groups: [{name: g, rules: [{alert: A, expr: %s, for: %s, labels: {severity: %s}}]}]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability").mkdir()
    (tmp_path / "reliability" / "checkout.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path / "reliability"


def edited(folder: Path, old: str, new: str) -> None:
    path = folder / "checkout.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return list(json.loads(capsys.readouterr().out)["changes"])


def test_nothing_changes_between_two_builds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(folder) == 0
    assert run(["diff"]) == 0
    assert capsys.readouterr().out.endswith("nothing would change\n")


def test_a_stricter_objective_is_told_as_its_thresholds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(folder)
    edited(folder, "objective: 99.9%", "objective: 99.5%")
    capsys.readouterr()
    assert run(["diff", "--json", "--target", "prometheus"]) == 1
    found = {change["name"]: change["parts"] for change in told(capsys)}
    burn = found["checkout/slo/availability · CheckoutAvailabilityBurn1h"]
    assert burn["threshold"] == {"was": "0.0144", "becomes": "0.072"}  # type: ignore[index]
    assert "expr" not in burn  # type: ignore[operator]


def test_rules_come_and_go(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(folder)
    edited(folder, "alert: CheckoutDown", "alert: CheckoutGone")
    capsys.readouterr()
    assert run(["diff", "--json", "--target", "prometheus"]) == 1
    found = [(change["what"], str(change["name"]).rpartition(" ")[2]) for change in told(capsys)]
    assert found == [("added", "CheckoutGone"), ("removed", "CheckoutDown")]


def test_layout_is_no_change_and_words_are() -> None:
    one = rules_in({"a": RULE % ("'sum(x)>1'", "5m", "a")})
    assert changes(one, rules_in({"a": RULE % ("'sum( x ) > 1'", "5m", "a")})) == []
    (changed,) = changes(one, rules_in({"a": RULE % ("'sum(y) > 2'", "10m", "b")}))
    assert changed.parts == {"expr": ("sum(x) > 1", "sum(y) > 2"), "for": ("5m", "10m"), "label severity": ("a", "b")}
    (changed,) = changes(one, rules_in({"a": RULE % ("'sum(x) > 2'", "5m", "a")}))
    assert changed.parts == {"threshold": ("1", "2")}


def test_since_a_commit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x.example", "-C", str(folder)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    assert run(["diff", "--git", "HEAD"]) == 0
    edited(folder, "window: 30d", "window: 28d")
    assert run(["diff", "--git", "HEAD"]) == 1
    capsys.readouterr()
    assert run(["diff", "--git", "nosuch"]) == 2
    assert run(["diff", "--git", "--upload-pack=x"]) == 2


@contextmanager
def server(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.get(self.path, (404, "{}"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    serving = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


def test_against_what_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = {
        "type": "alerting", "name": "CheckoutDown", "duration": 60,
        "query": 'absent(up{job="checkout"}) or max(up{job="checkout"}) == 1',
        "labels": {"service": "checkout", "severity": "SEV1", "team": "payments"},
        "annotations": {"summary": "Nobody can pay", "owner": "payments"},
    }  # fmt: skip
    text = json.dumps({"status": "success", "data": {"groups": [{"name": "old", "rules": [running]}]}})
    with server({"/api/v1/rules": (200, text)}) as address:
        assert run(["diff", "--json", "--prometheus", address]) == 1
    found = [change for change in told(capsys) if change["what"] != "added"]
    assert [change["name"] for change in found] == ["checkout/alerts · CheckoutDown"]
    assert found[0]["parts"] == {"threshold": {"was": "1", "becomes": "0"}}


@pytest.mark.parametrize("answer", [(200, "[]"), (200, "nonsense"), (500, "{}"), (200, '{"data": {"groups": 3}}')])
def test_an_answer_that_is_none_is_said_kindly(
    folder: Path, capsys: pytest.CaptureFixture[str], answer: tuple[int, str]
) -> None:
    with server({"/api/v1/rules": answer, "/api/v2/status": answer}) as address:
        assert run(["diff", "--prometheus", address]) == 1
        assert run(["diff", "--alertmanager", address]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_an_address_of_the_cloud_is_not_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "--prometheus", "http://169.254.169.254"]) == 1
    assert "not allowed" in capsys.readouterr().err


def test_a_servers_own_defaults_are_no_change() -> None:
    running = "global: {resolve_timeout: 5m, smtp_hello: localhost}\nroute: {receiver: a, group_wait: 60s}\n"
    assert of_configuration(running, "global: {resolve_timeout: 5m}\nroute: {receiver: a, group_wait: 1m}\n", "f") == []
    (changed,) = of_configuration(running, "route: {receiver: b}\n", "f")
    assert changed.parts == {"route.receiver": ("a", "b")}


def test_only_one_thing_is_compared(folder: Path) -> None:
    assert run(["diff", "--git", "HEAD", "--prometheus", "http://127.0.0.1:1"]) == 2
    assert run(["diff", "--against", "nowhere"]) == 2
