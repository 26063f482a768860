"""Secrets are planted everywhere and looked for everywhere else: files, pages, exports, metrics, logs, errors."""

from __future__ import annotations

import io
import logging
import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from tests.app.town import SPEC, Town, opened
from tests.http.conftest import SAME, House
from tests.http.house import PASSWORD

from sereno.app.control import secret_of
from sereno.app.http import auth
from sereno.app.http.passwords import Passwords
from sereno.app.logs import configure_logs
from sereno.app.notifiers import notifiers_of
from sereno.app.settings import Settings, load_settings
from sereno.kernel.errors import DeliveryError, SerenoError, UsageError

SLACK = "https://hooks.slack.example/services/T0/B0/s1ackS3cret"
HOOK = "https://hooks.shop.example/in?key=h00kS3cret"
PLANTED = {
    "smtp_password": "smtpS3cret", "webhook_secret": "s1gnS3cret", "prometheus_token": "pr0mS3cret",
    "database": "postgresql://sereno:dbS3cret@127.0.0.1:1/none",
}  # fmt: skip
SECRET = re.compile(r"s1ackS3cret|h00kS3cret|smtpS3cret|s1gnS3cret|pr0mS3cret|dbS3cret|targetS3cret")


@dataclass
class Walked:
    """A town after an outage, with everything that was said on the way."""

    town: Town
    logs: str
    cookie: str
    token: str
    password: str


@pytest.fixture
async def walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Walked]:
    monkeypatch.setenv("ANA_SLACK", SLACK)
    monkeypatch.setenv("ANA_HOOK", HOOK)
    spec = SPEC.replace(
        "{slack: 'https://hooks.slack.example/x'}", "{slack: 'env:ANA_SLACK'}, {webhook: 'env:ANA_HOOK'}"
    )
    spec = spec.replace("http://127.0.0.1:9/metrics", "http://ana:targetS3cret@127.0.0.1:9/metrics")
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    root.handlers.clear()
    configure_logs()
    root.setLevel(logging.DEBUG)  # someone looks for a fault
    town = await opened(tmp_path, spec=spec)
    secrets = {name: SecretStr(value) for name, value in PLANTED.items() if name != "database"}
    settings = town.settings.model_copy(update=secrets)
    town.control.settings = settings
    password = await auth.ensure_admin(town.control)
    token = await auth.ensure_operator_token(town.control)
    assert password is not None
    cookie = await auth.sign_in(town.control, Passwords(), "admin", password, "192.0.2.1", None)
    with pytest.raises(SerenoError):
        await auth.sign_in(town.control, Passwords(), "admin", password + "x", "192.0.2.1", None)
    await town.control.watch_targets()
    town.delivery._notifiers = notifiers_of(settings, town.clock)  # the real ones; they reach nobody
    town.broken = True

    async def tried():
        messages = await town.control.database.read(
            lambda unit: unit.outbox.of_page((unit.pages.recent() or [None])[0].id) if unit.pages.recent() else ()
        )
        return {m.channel for m in messages if m.error} >= {"email"} and messages

    await town.until(tried, timedelta(minutes=10))
    await town.run(minutes=3)
    await town.control.scraper.scrape(next(iter(town.control.scraper._watches)))  # type: ignore[union-attr]
    for chatty in ("httpx", "httpcore.http11"):  # as httpx tells of every answer
        logging.getLogger(chatty).info("HTTP Request: POST %s", SLACK)
    logging.getLogger("anyone").debug("the night is over")
    yield Walked(town, stream.getvalue(), cookie, token, password)
    await town.close()
    root.handlers[:], _ = kept
    root.setLevel(kept[1])
    structlog.reset_defaults()


async def test_a_night_with_secrets_leaves_none_behind(walked: Walked) -> None:
    town = walked.town
    everything = re.compile("|".join([SECRET.pattern, *map(re.escape, (walked.cookie, walked.token, walked.password))]))
    assert "S3cret" not in walked.logs
    assert not everything.search(walked.logs)
    assert "the night is over" in walked.logs
    folder = town.settings.data_dir
    await town.control.database.write(lambda unit: unit.facts.set("last", 1, town.clock.now()))
    for path in folder.iterdir():
        if path.name not in ("operator.token", "secret.key"):
            held = path.read_bytes().decode("latin-1")
            assert not everything.search(held), path.name
            assert town.control.secret.decode() not in held, path.name
    assert "ana@shop.example" in (folder / "state.db").read_bytes().decode("latin-1") + (
        folder / "state.db-wal"
    ).read_bytes().decode("latin-1")
    async with town.http() as browser:
        browser.headers["authorization"] = f"Bearer {walked.token}"
        page = (await town.pages())[0].id
        for path in ("/", "/settings", "/alerts", "/pages", f"/pages/{page}", "/incidents", "/incidents/1", "/oncall",
                     "/services", "/services/payments", "/incidents/1/postmortem", "/metrics", "/status/public",
                     "/status/public.json", "/status/public/history.atom", "/api/v1/targets", "/api/v1/spec", "/api/v1/audit",
                     f"/api/v1/pages/{page}", "/api/v1/pages", "/api/v1/incidents/1", "/api/v1/openapi.json",
                     "/health/ready", "/nothing"):  # fmt: skip
            for accept in ("text/html", "application/json"):
                answer = await browser.get(path, headers={"accept": accept})
                assert answer.status_code < 500
                assert not everything.search(answer.text + str(answer.headers)), path
                assert town.control.secret.decode() not in answer.text


async def test_files_with_secrets_are_for_their_owner(walked: Walked) -> None:
    folder = walked.town.settings.data_dir
    secret_of(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("operator.token", "secret.key", "state.db", "state.db-wal", "state.db-shm"):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0, name
        assert (folder / name).stat().st_uid == os.getuid()


def test_settings_do_not_print_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(**PLANTED)  # type: ignore[arg-type]
    assert not SECRET.search(f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}")
    for name in (
        "SERENO_DATABASE",
        "SERENO_SMTP_PORT",
        "SERENO_ALLOWED_HOSTS",
        "SERENO_PROMETHEUS",
        "SERENO_PUBLIC_URL",
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, "ftp://ana:dbS3cret@[")
            patch.setenv("SERENO_SMTP_PASSWORD", "smtpS3cret")
            said = ""
            try:
                load_settings()
            except UsageError as error:
                said = error.message
            assert not SECRET.search(said), name


async def test_a_database_that_cannot_be_reached_is_not_told_with_its_password(tmp_path: Path) -> None:
    from sereno.adapters.sql.database import open_database

    for address in (
        PLANTED["database"],
        "postgresql://sereno:dbS3cret@127.0.0.1:notaport/x",
        "postgresql+none://a:dbS3cret@b/c",
    ):
        with pytest.raises(Exception) as caught:
            await open_database(address, owner="me")
        chain, error = "", caught.value
        while error is not None:
            chain += f"{error} {error!r} "
            error = error.__cause__  # type: ignore[assignment]
        assert not SECRET.search(chain), address


@pytest.mark.parametrize(
    "address",
    [SLACK, HOOK, "https://hooks.slack.example:99999/s1ackS3cret", "http://[::1/s1ackS3cret", "ftp://x/s1ackS3cret"],
)
async def test_no_error_of_a_notifier_tells_the_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.peers.messages import FixedClock, a_message

    monkeypatch.setenv("THERE", address)
    for channel in ("slack", "webhook", "email"):
        notifier = notifiers_of(
            Settings(smtp_host="127.0.0.1", smtp_port=1, smtp_password="smtpS3cret", smtp_user="u"), FixedClock()
        )[channel]  # type: ignore[arg-type, index]
        with pytest.raises(DeliveryError) as caught:
            await notifier.send(a_message(channel=channel, address="env:THERE"))
        assert not SECRET.search(f"{caught.value} {caught.value.__cause__!r} {getattr(caught.value, 'hint', '')}")


async def test_stolen_hashes_open_nothing(house: House) -> None:
    """Whoever reads the database cannot use what stands there, whichever way they try."""
    browser = await house.visitor("admin")
    await auth.add_token(house.control, name="ci", role="admin", kind="api")
    sessions, tokens = await house.control.database.read(lambda u: (u.accounts.sessions(), u.accounts.tokens()))
    (user,) = [u for u in await house.control.database.read(lambda u: u.accounts.users()) if u.name == "alba"]
    assert browser.cookies
    for stolen in (sessions[0].hash, tokens[0].hash, tokens[0].prefix, f"sereno_{tokens[0].hash}", user.password_hash):
        thief = await house.visitor(headers={"accept": "application/json"}, cookies={"sereno": stolen})
        assert (await thief.get("/api/v1/audit")).status_code == 401
        robot = await house.visitor(headers={"authorization": f"Bearer {stolen}", "accept": "application/json"})
        assert (await robot.get("/api/v1/audit")).status_code == 401
        form = await (await house.visitor()).post("/sign-in", data={"name": "alba", "password": stolen}, headers=SAME)
        assert form.status_code in (401, 429)


async def test_one_person_holds_twenty_sessions_and_the_oldest_end_first(house: House) -> None:
    first = await house.visitor("viewer")
    other = await house.visitor("admin")
    for _ in range(auth.SESSIONS_MAX):
        house.control.clock.at += timedelta(minutes=1)  # type: ignore[attr-defined]
        last = await house.visitor("viewer")
    held = await house.control.database.read(lambda unit: unit.accounts.sessions("vera"))
    assert len(held) == auth.SESSIONS_MAX
    assert (await first.get("/")).status_code == 303
    assert (await last.get("/")).status_code == (await other.get("/")).status_code == 200


@pytest.mark.parametrize("forged", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"])
async def test_the_throttle_believes_no_header(house: House, forged: str) -> None:
    browser = await house.visitor()
    answers = [
        await browser.post(
            "/sign-in", data={"name": "alba", "password": "guess"}, headers={**SAME, forged: f"198.51.100.{n}"}
        )
        for n in range(7)
    ]
    assert [a.status_code for a in answers] == [401] * 5 + [429] * 2
    deeds = await house.control.database.read(lambda unit: unit.audit.recent())
    assert {deed.details["address"] for deed in deeds} == {"192.0.2.7"}


async def test_a_whole_ipv6_network_is_one_caller(house: House) -> None:
    codes = []
    for n in range(7):
        browser = await house.visitor(client=(f"2001:db8:1:2:{n:x}::{n:x}", 1))
        codes.append(
            (await browser.post("/sign-in", data={"name": "alba", "password": "guess"}, headers=SAME)).status_code
        )
    assert codes == [401] * 5 + [429] * 2
    neighbour = await house.visitor(client=("2001:db8:1:3::1", 1))
    assert (
        await neighbour.post("/sign-in", data={"name": "alba", "password": PASSWORD}, headers=SAME)
    ).status_code == 303


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"),
     ("fe80::1%eth0", "fe80::/64"), ("unknown", "unknown"), ("", "")],
)  # fmt: skip
def test_what_one_caller_holds(address: str, network: str) -> None:
    assert auth.network_of(address) == network
