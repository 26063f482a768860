"""Bad input on real parts: what the control plane refuses, what it outlives, and what it says meanwhile."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.app.running import Neighbour, Running, free_port, running, spec_of, wait_for
from tests.app.town import SPEC, opened
from tests.peers.http_peer import Reply, http_peer
from tests.samples import peers

from sereno.adapters.clock import SystemClock
from sereno.app.control import open_control
from sereno.app.evaluate import RuleRound
from sereno.app.notifiers import notifiers_of
from sereno.app.serve import begin
from sereno.app.settings import Settings
from sereno.app.workers import DeliveryLoop
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms

MISTAKES = """\
service: payments
team: payment
slos:
  - {name: availability, objective: 99,95%, window: 30d, sli: {events: {total: 'x', bad: 'code="5"'}}}
alerts:
  - {alert: Down, expr: 'sum(rate(x[5m])', severity: SEV1}
"""


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    one = Neighbour()
    yield one
    one.close()


# -- the spec ------------------------------------------------------------------------------------------


def test_a_broken_spec_at_start_is_refused_with_every_mistake_and_touches_no_data(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop"), start=False) as up:
        broken = up.write(MISTAKES, "payments.yaml")
        other = up.write("person: ana\ncontacts: [{email: nobody}]\n", "people.yaml")
        done = up.command("up")
        assert done.code == 1
        assert "Traceback" not in done.err
        for line in (2, 4, 6):
            assert f"{broken}:{line}:" in done.err, "every mistake is told at once, with its place"
        assert f"{other}:" in done.err
        assert not up.data.exists(), "nothing was made"


def test_a_spec_that_breaks_while_running_keeps_the_last_good_one_and_says_so(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop")) as up:
        assert up.metric("sereno_spec_good") == 1
        digest = up.get("/spec")["digest"]

        up.write("service: shop\nteam: [nobody\n", "zz.yaml")
        wait_for(lambda: up.metric("sereno_spec_good") == 0, "the metric says that the spec is bad")
        told = up.get("/spec")
        assert (told["good"], told["digest"]) == (False, digest)
        mistake = next(found for found in told["diagnostics"] if found["level"] == "error")
        assert mistake["file"].endswith("zz.yaml")
        assert mistake["line"] >= 2
        with up.browser() as browser:
            assert "/settings#diagnostics" in browser.get("/").text
            assert "zz.yaml:" in browser.get("/settings").text

        neighbour.broken.add("shop")
        wait_for(neighbour.told, "the last good spec still pages")

        (up.folder / "reliability" / "zz.yaml").unlink()
        wait_for(lambda: up.metric("sereno_spec_good") == 1, "the metric says that the spec is good again")
        with up.browser() as browser:
            assert "/settings#diagnostics" not in browser.get("/").text


def test_a_folder_that_disappears_is_a_bad_spec_and_not_the_end(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop")) as up:
        kept = (up.folder / "reliability" / "all.yaml").read_text()
        shutil.rmtree(up.folder / "reliability")
        wait_for(lambda: up.metric("sereno_spec_good") == 0, "the metric says that the spec is bad")
        told = up.get("/spec")
        assert not told["good"]
        assert "there is no folder" in told["diagnostics"][0]["message"]
        with up.browser() as browser:
            assert "/settings#diagnostics" in browser.get("/").text

        assert up.process is not None
        up.process.send_signal(signal.SIGHUP)  # an impatient operator
        neighbour.broken.add("shop")
        wait_for(neighbour.told, "the last good spec still pages")
        assert up.alive

        (up.folder / "reliability").mkdir()
        up.write(kept.replace("99.9%", "99.5%"))
        wait_for(lambda: up.metric("sereno_spec_good") == 1, "the folder is back")
        assert up.get("/services/shop")["slos"][0]["objective"] == "99.5%"


# -- targets -------------------------------------------------------------------------------------------

TERRIBLE = {
    "hangs": peers.hangs, "garbage": peers.garbage, "huge": peers.fifty_megabytes, "many": peers.many_series,
    "drips": peers.drips,
}  # fmt: skip


def test_terrible_targets_are_unhealthy_and_nothing_else_is_touched(tmp_path: Path, neighbour: Neighbour):
    terrible = peers.Peer()
    jobs = [
        f"  - {{job: {name}, targets: ['{terrible.serve(f'/{name}', behave)}'], every: 2s, timeout: 1s}}"
        for name, behave in TERRIBLE.items()
    ]
    service = "service: terrible\nteam: shop\nscrape:\n" + "\n".join(jobs) + "\n---\n"
    try:
        with running(tmp_path, service + spec_of(neighbour, "shop")) as up:
            names = {*TERRIBLE}

            def judged() -> bool:
                return {t["job"] for t in up.get("/targets") if t["health"] == "down"} >= names

            wait_for(judged, "all five are unhealthy")
            assert all(t["error"] for t in up.get("/targets") if t["job"] in names)

            slowest = 0.0
            until = time.monotonic() + 6
            while time.monotonic() < until:
                began = time.monotonic()
                assert up.get("/oncall")
                slowest = max(slowest, time.monotonic() - began)
                healthy = [t for t in up.get("/targets") if t["job"] == "shop"]
                assert [t["health"] for t in healthy] == ["up"]
                age = datetime.now().astimezone() - datetime.fromisoformat(healthy[0]["last_scrape"])
                assert age < timedelta(seconds=4), "the healthy target has its turn every second"
            assert slowest < 2.5, "the API answers meanwhile"

            neighbour.broken.add("shop")
            wait_for(neighbour.told, "the healthy target's failure pages")
            assert {page["service"] for page in up.get("/pages")} == {"shop"}
            with sqlite3.connect(f"file:{up.data / 'samples.db'}?mode=ro", uri=True) as samples:
                (series,) = samples.execute("select count(*) from series").fetchone()
            assert series < 200, "nothing of what was too much was kept"
            resident = int(Path(f"/proc/{up.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            assert resident < 400 << 20
    finally:
        terrible.close()


# -- the disk ------------------------------------------------------------------------------------------


def test_a_full_disk_answers_503_loses_nothing_and_goes_on_when_there_is_room(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop", "cart", after="1h")) as up:
        neighbour.broken.add("shop")
        wait_for(neighbour.told, "a page before the disk is full")
        page = up.get("/pages")[0]["id"]
        incident = wait_for(lambda: up.get("/incidents"), "its incident")[0]["id"]
        with up.api() as api:
            kept = [f"kept {n}" for n in range(3)]
            assert [note(api, incident, text).status_code for text in kept] == [200] * 3
            fill(up)
            for refused in (
                note(api, incident, "refused"),
                api.post("/incidents", json={"service": "cart", "severity": "SEV3", "title": "trouble"}),
                api.post(f"/pages/{page}/acknowledge"),
            ):
                assert refused.status_code == 503, refused.text
                assert int(refused.headers["Retry-After"]) >= 1
                assert refused.json()["error"]["code"] == "unavailable"
            assert up.get(f"/pages/{page}")["state"] == "open", "what was refused did not happen"
            assert len(up.get("/incidents")) == 1
            assert httpx.get(f"{up.url}/status/public", timeout=10).status_code == 200, "the public can still look"
            neighbour.broken.add("cart")  # and things go on breaking
            time.sleep(3)
            assert up.alive

            make_room(up)
            wait_for(lambda: len(neighbour.told()) == 2, "what broke meanwhile pages when there is room")
            assert note(api, incident, "after").status_code == 200
            assert api.post(f"/pages/{page}/acknowledge").status_code == 200
        lines = [entry["line"] for entry in up.get(f"/incidents/{incident}")["timeline"]]
        assert [sum(text in line for line in lines) for text in (*kept, "refused", "after")] == [1, 1, 1, 0, 1]
        neighbour.broken.clear()
        wait_for(lambda: len(neighbour.told("closed")) == 2, "both alerts clear", 40)
        assert up.end() == 0
        with sqlite3.connect(up.data / "state.db") as state:
            assert state.execute("pragma integrity_check").fetchone() == ("ok",)


def note(api: httpx.Client, incident: str, text: str) -> httpx.Response:
    return api.post(f"/incidents/{incident}/notes", json={"text": text})


def fill(up: Running) -> None:
    """From now on no file of that process can grow: the same failing write that a full disk gives."""
    assert up.process is not None
    resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def make_room(up: Running) -> None:
    assert up.process is not None
    resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


# -- the clock -----------------------------------------------------------------------------------------


class Shifted(SystemClock):
    """The system's clock, set wrong."""

    shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift


async def test_a_clock_that_goes_back_makes_everything_unknown_until_it_has_caught_up(
    tmp_path: Path, neighbour: Neighbour
):
    town, clock = Running(tmp_path, spec_of(neighbour, "shop")), Shifted()
    settings = Settings(
        spec=tmp_path / "reliability", data_dir=town.data, evaluation_interval=timedelta(seconds=1), allow_private=True
    )
    control = await open_control(settings, clock=clock)
    rounds = RuleRound(control)

    async def known() -> bool | None:
        """Evaluate once more, a slot later than before, and say whether anything is known about the shop."""
        await asyncio.sleep(1.1)
        assert await rounds.once(clock.now()), "a slot that a wrong clock named does not stop the next"
        return (await control.database.read(lambda unit: unit.facts.get("known"))).get("shop")

    async def firing() -> bool:
        return "Failing" in {alert.alert for alert in await control.database.read(lambda unit: unit.alerts.firing())}

    try:
        await begin(control)
        assert control.store is not None
        times = to_ms(clock.now()) - np.arange(7200, 5, -1, dtype=np.int64) * 1000
        up = Labels(__name__="up", job="shop", instance=neighbour.address.removeprefix("http://"))
        control.store.backfill_sync([(up, times, np.ones(len(times)))])  # an hour ago all was well
        await control.watch_targets()
        neighbour.broken.add("shop")
        async with asyncio.timeout(60):
            while not (await known() and await firing()):
                pass
            clock.shift = timedelta(hours=-1)
            assert await until_false(known)
            assert await firing(), "what fired has not ended by looking at yesterday"
            clock.shift = timedelta(0)
            while not await known():
                pass
    finally:
        await control.close()


async def until_false(question: Callable[[], Awaitable[bool | None]]) -> bool:
    """Whether the answer becomes no; one scrape may still be under way."""
    return any([await question() is False for _ in range(4)])


# -- the mail server -----------------------------------------------------------------------------------


async def test_mail_is_down_so_it_is_tried_again_then_the_next_contact_then_the_next_step(tmp_path: Path):
    closed = free_port()
    async with http_peer(Reply(404)) as gone, http_peer() as phone:
        spec = (
            SPEC.replace("{slack: 'https://hooks.slack.example/x'}", f"{{webhook: '{gone.url}'}}")
            .replace("{email: bo@shop.example}", f"{{email: bo@shop.example}}, {{webhook: '{phone.url}'}}")
        )  # fmt: skip
        town = await opened(tmp_path, spec=spec)
        told = {"smtp_host": "127.0.0.1", "smtp_port": closed, "smtp_security": "none", "allow_private": True}
        notifiers = notifiers_of(town.settings.model_copy(update=told), town.clock)
        town.delivery = DeliveryLoop(town.control.database, town.clock, notifiers, lambda: 0.5)
        town.broken = True

        async def heard() -> bool:
            return bool(phone.requests)

        await town.until(heard)
        (page,) = await town.pages()
        messages = await town.control.database.read(lambda unit: unit.outbox.of_page(page.id))
        walked = [(m.person, m.channel, m.state, m.attempt) for m in sorted(messages, key=lambda m: m.created_at)]
        assert walked == [
            ("ana", "email", "failed", 3),
            ("ana", "webhook", "failed", 1),
            ("bo", "email", "failed", 3),
            ("bo", "webhook", "sent", 1),
        ]
        assert len(gone.requests) == 1
        assert town.clock.now() - page.opened_at < timedelta(minutes=1), "nobody waits for someone unreachable"
        incident = await town.incident()
        timeline = await town.control.database.read(lambda unit: unit.incidents.timeline(incident.id))
        said = [entry.kind for entry in timeline if entry.kind == "delivery"]
        assert len(said) == 4, "three failures and one success are in the timeline"
        await town.close()


# -- the process ---------------------------------------------------------------------------------------


def test_a_second_one_on_the_same_file_refuses_and_says_who_holds_it(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop")) as first:
        assert first.process is not None
        second = Running(tmp_path / "second", first.spec, {"DATA_DIR": str(first.data)})
        done = second.command("up")
        assert done.code == 1
        assert f"process {first.process.pid} " in done.err
        assert "hint:" in done.err
        assert "Traceback" not in done.err
        assert first.get("/services"), "the first is not disturbed"


def test_a_port_that_is_taken_is_told_kindly(tmp_path: Path, neighbour: Neighbour):
    with socket.create_server(("127.0.0.1", 0)) as taken, running(tmp_path, spec_of(neighbour, "a"), start=False) as up:
        up.port = taken.getsockname()[1]
        done = up.command("up")
        assert done.code == 1
        assert f"cannot listen on 127.0.0.1:{up.port}" in done.err
        assert "SERENO_PORT" in done.err
        assert "Traceback" not in done.err
        assert not up.data.exists()


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("PORT", "99999", "port"),
        ("EVALUATION_INTERVAL", "soon", "evaluation_interval"),
        ("EVALUATION_INTERVAL", "0s", "evaluation_interval"),
        ("PROMETHEUS", "prom:9090", "prometheus"),
        ("LANGUAGE", "fr", "language"),
        ("ALLOWED_HOSTS", "no list", "allowed_hosts"),
        ("DATABASE", "mysql://u:hidden-word@h/d", "mysql"),
        ("SPEC", "/nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, neighbour: Neighbour, name: str, value: str, named: str):
    with running(tmp_path, spec_of(neighbour, "shop"), start=False, **{name: value}) as up:
        done = up.command("up")
        assert done.code == 2
        assert named in done.err
        assert "Traceback" not in done.err
        assert "hidden-word" not in done.err


def test_a_broken_settings_file_is_named(tmp_path: Path, neighbour: Neighbour):
    with running(tmp_path, spec_of(neighbour, "shop"), start=False) as up:
        (up.folder / "sereno.toml").write_text("port = = 1")
        done = up.command("up")
        assert done.code == 2
        assert "sereno.toml" in done.err
        assert "Traceback" not in done.err
