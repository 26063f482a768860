"""The demo as a newcomer runs it: one command, and a real outage walks through every room."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import CALM, wait_for

STAGES = [
    "fault", "alert_firing", "page_sent", "incident_opened", "status_changed", "acknowledged", "fault_cleared",
    "resolved", "postmortem",
]  # fmt: skip
EVALUATION_SECONDS = 5
DETECTION_SECONDS = 3600 * 14.4 * 0.0005
"""Long window · factor · budget, when every request fails."""


@contextmanager
def opening() -> Iterator[None]:
    """One demo at a time looks for its ports: what is free is taken a moment later."""
    with (Path(tempfile.gettempdir()) / "sereno-demo-opening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Counter:
    """Asks the API itself, over and over, how many orders it could not charge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._count, daemon=True)
        self.thread.start()

    def _count(self) -> None:
        while not self.over.wait(1):
            with suppress(OSError, AttributeError, httpx.HTTPError):
                text = (self.folder / "reliability" / "servicios" / "api.yaml").read_text()
                found = re.search(r"job: tienda-api\s+targets: \[\"(\S+)\"\]", text)
                shown = httpx.get(found[1], timeout=3).text  # type: ignore[index]
                lines = re.findall(
                    r'^sereno_pipeline_calls_total\{[^}]*outcome="(?:error|rejected)"[^}]*\} (\S+)$',
                    shown,
                    re.MULTILINE,
                )
                self.failed = max(self.failed, round(sum(map(float, lines))))


@pytest.mark.slow(minutes=7)
def test_an_outage_of_payments_walks_through_every_room(tmp_path: Path):
    """Takes about seven minutes: the alert clears when its real five-minute window is clean."""
    counter = Counter(tmp_path)
    with (tmp_path / "err").open("w") as err, opening():
        demo = subprocess.Popen(
            [sys.executable, "-m", "sereno", "demo", "--outage", "payments", "--json", "--folder", str(tmp_path)],
            env=CALM, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True,
        )  # fmt: skip
        assert demo.stdout is not None
        first = demo.stdout.readline()
    try:
        rest, _ = demo.communicate(timeout=1200)
    finally:
        demo.kill()
        counter.over.set()
    said = (tmp_path / "err").read_text()
    assert demo.returncode == 0, said
    assert "Traceback" not in said
    stages = [json.loads(line) for line in (first + rest).splitlines()]
    assert [stage["stage"] for stage in stages] == STAGES
    at = {stage["stage"]: stage for stage in stages}
    judge_times({name: stage["seconds"] for name, stage in at.items()})
    assert at["page_sent"]["by"] == "email"
    assert at["status_changed"]["state"] == "major_outage"
    judge_postmortem(at["postmortem"], counter.failed)


def judge_times(seconds: dict[str, float]) -> None:
    assert abs(seconds["alert_firing"] - DETECTION_SECONDS) <= 2 * EVALUATION_SECONDS
    assert seconds["alert_firing"] <= seconds["page_sent"] <= 90
    assert seconds["page_sent"] - seconds["alert_firing"] <= 5
    assert seconds["acknowledged"] <= seconds["fault_cleared"] < seconds["resolved"] <= seconds["postmortem"]


def judge_postmortem(stage: dict[str, Any], failed: int) -> None:
    """What the draft says is what the shop itself counted."""
    assert failed > 40
    (cost,) = [impact for impact in stage["impacts"] if impact["slo"] == "disponibilidad"]
    assert Decimal(cost["bad"]) == failed
    text = stage["draft"]
    assert text.startswith("# ")
    assert re.search(rf"\b{failed}\b", text)
    assert "Juan" in text or "María" in text or "Carlos" in text or "Ana" in text


@contextmanager
def by_hand(folder: Path, keyboard: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """The demo with a keyboard of ours, once it has said where everything is."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        with opening():
            demo = subprocess.Popen(
                [sys.executable, "-m", "sereno", "demo", "--folder", str(folder / "town")],
                env=CALM | {"PYTHONUNBUFFERED": "1"}, stdin=keyboard, stdout=out, stderr=err, text=True,
                preexec_fn=hear_interrupts,
            )  # fmt: skip
            try:
                wait_for(lambda: "to leave" in (folder / "out").read_text() or demo.poll() is not None, "it opens", 120)
            except BaseException:
                demo.kill()
                raise
        try:
            assert demo.poll() is None, (folder / "err").read_text()
            yield demo
        finally:
            demo.kill()
            demo.wait(20)


def hear_interrupts() -> None:
    """A suite that runs in the background ignores Ctrl-C, and its children would too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def press(demo: subprocess.Popen[str], key: str) -> None:
    assert demo.stdin is not None
    demo.stdin.write(f"{key}\n")
    demo.stdin.flush()


def look(address: str) -> httpx.Response:
    return httpx.get(address, timeout=10, follow_redirects=True, headers={"Accept": "text/html"})


@pytest.mark.slow
def test_by_hand_it_says_where_everything_is_breaks_mends_and_leaves(tmp_path: Path):
    with by_hand(tmp_path) as demo:
        shown = (tmp_path / "out").read_text()
        addresses = dict(re.findall(r"^  (console|status page|mailbox|the shop) +(http://\S+)", shown, re.MULTILINE))
        assert len(addresses) == 4
        assert "user admin, password " in shown
        for name, address in addresses.items():
            assert look(address).status_code == 200, name
        press(demo, "b")
        wait_for(lambda: "page_sent" in (tmp_path / "out").read_text(), "somebody is paged", 100)
        press(demo, "m")
        wait_for(lambda: "are mended" in (tmp_path / "out").read_text(), "payments are mended", 20)
        press(demo, "q")
        assert demo.wait(30) == 0
        assert "Traceback" not in (tmp_path / "err").read_text()
        for address in addresses.values():
            with pytest.raises(httpx.TransportError):
                look(address)


@pytest.mark.slow
def test_at_a_terminal_it_leaves_when_interrupted(tmp_path: Path):
    ours, theirs = pty.openpty()
    with by_hand(tmp_path, theirs) as demo:
        os.write(ours, b"x\n\n")  # keys that mean nothing are not the end
        time.sleep(1)
        assert demo.poll() is None
        os.kill(demo.pid, signal.SIGINT)
        assert demo.wait(30) == 130
        assert "Traceback" not in (tmp_path / "err").read_text()
    os.close(ours)
    os.close(theirs)
