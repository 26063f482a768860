"""kill -9 of the whole program, again and again, while services break and people answer: no page is lost."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import Neighbour, Running, running, spec_of, wait_for

SEED = 20260303
KILLS = 12
SERVICES = tuple(f"s{n}" for n in range(8))


@pytest.mark.slow
def test_a_program_killed_over_and_over_loses_no_page(tmp_path: Path):
    chance, neighbour = random.Random(SEED), Neighbour()
    spec = spec_of(neighbour, *SERVICES).replace("[10s]", "[20s]")  # wider than any start takes
    try:
        with running(tmp_path, spec) as up:
            answered = live_through(up, neighbour, chance)
            shutil.copytree(up.data, tmp_path / "as-it-was-killed")
            up.start().ready()
            wait_for(lambda: all_told(up, neighbour), "everyone who should be paged is paged", 60)
            pages = up.get("/pages?limit=500")
            judge_pages(up, neighbour, pages, answered)
            neighbour.broken.clear()
            wait_for(lambda: all_over(up), "everything is over", 90)
            judge_incidents(up, answered)
            assert up.end() == 0
        for folder in (tmp_path / "as-it-was-killed", up.data):
            for name in ("state.db", "samples.db"):
                with sqlite3.connect(folder / name) as file:
                    assert file.execute("pragma integrity_check").fetchone() == ("ok",)
        assert "Traceback" not in up.log()
    finally:
        neighbour.close()


def live_through(up: Running, neighbour: Neighbour, chance: random.Random) -> set[str]:
    """Services break and pages are answered while the program is killed; returns the pages that were answered."""
    answered: set[str] = set()
    seen: set[str] = set()
    for kill in range(KILLS):
        if kill < len(SERVICES):
            neighbour.broken.add(SERVICES[kill])
        if kill % 4 == 3:
            time.sleep(chance.uniform(0.2, 1.0))  # it dies while it is still beginning
        else:
            if kill:
                up.ready()
            until = time.monotonic() + chance.uniform(0.1, 1.8)
            while time.monotonic() < until:
                answer_some(neighbour, seen, answered)
                time.sleep(0.02)
        assert up.end(signal.SIGKILL) == -signal.SIGKILL
        if kill < KILLS - 1:
            up.start()
    return answered


def answer_some(neighbour: Neighbour, seen: set[str], answered: set[str]) -> None:
    """Every third page is answered by the link in its message. Only a yes counts; what was cut off may be done."""
    for message in neighbour.told():
        page = message["data"]["page"]
        seen.add(page)
        if len(seen) % 3 == 0 and page not in answered and page == max(seen):
            with contextlib.suppress(httpx.TransportError):
                if httpx.post(message["ack_url"], timeout=5).status_code < 400:
                    answered.add(page)


def all_told(up: Running, neighbour: Neighbour) -> bool:
    """Every broken service has a page, and each page that nobody answered has gone to everyone."""
    pages = up.get("/pages?limit=500")
    people = {(m["data"]["page"], m["person"]) for m in neighbour.told()}
    waiting = [p for p in pages if p["state"] == "open" for person in ("ana", "bo") if (p["id"], person) not in people]
    return {page["service"] for page in pages} == {*SERVICES} and not waiting


def judge_pages(up: Running, neighbour: Neighbour, pages: list[dict[str, Any]], answered: set[str]) -> None:
    """One page a service; what was answered stays answered; what is marked as sent was taken, at most once more a
    kill."""
    assert Counter(page["service"] for page in pages) == dict.fromkeys(SERVICES, 1)
    acknowledged = {page["id"] for page in pages if page["state"] == "acknowledged"}
    assert answered, "somebody answered"
    assert acknowledged >= answered
    taken = Counter((m["data"]["page"], m["person"]) for m in neighbour.told())
    for page in pages:
        detail = up.get(f"/pages/{page['id']}")
        sent = [m for m in detail["messages"] if m["state"] == "sent"]
        assert sent
        assert all(taken[page["id"], m["person"]] >= 1 for m in sent)
        assert all(m["state"] in ("sent", "cancelled") for m in detail["messages"])
    assert sum(count - 1 for count in neighbour.keys.values()) <= 2 * KILLS


def all_over(up: Running) -> bool:
    incidents = up.get("/incidents?limit=500")
    return all(p["state"] == "closed" for p in up.get("/pages?limit=500")) and all(i["resolved_at"] for i in incidents)


def judge_incidents(up: Running, answered: set[str]) -> None:
    """One incident a service, told once from its beginning to its end, whoever was alive to write each line."""
    incidents = up.get("/incidents?limit=500")
    assert Counter(incident["service"] for incident in incidents) == dict.fromkeys(SERVICES, 1)
    for incident in incidents:
        timeline = up.get(f"/incidents/{incident['id']}")["timeline"]
        kinds = Counter(entry["kind"] for entry in timeline)
        assert (kinds["declared"], kinds["page"], kinds["resolution"]) == (1, 2, 1), timeline
        assert kinds["alert"] == 2, "it fired once and ended once"
        assert kinds["acknowledgement"] == (incident["triaged_at"] is not None)
        if answered & {*incident["pages"]}:
            assert kinds["acknowledgement"] == 1
        moments = [entry["at"] for entry in timeline]
        assert moments == sorted(moments)
