"""Who gets in, for how long, and what stays behind in the database."""

from __future__ import annotations

import asyncio
import stat
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http.conftest import SAME, Furnisher, House
from tests.http.house import PASSWORD, bare

from sereno.app.http import auth, passwords
from sereno.app.http.passwords import Passwords
from sereno.app.http.security import safe_next
from sereno.kernel.errors import Unavailable, UsageError


async def test_a_person_signs_in_looks_around_and_leaves(house: House) -> None:
    browser = await house.visitor()
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    assert (await browser.get("/incidents/12?x=1")).headers["location"] == "/sign-in?next=%2Fincidents%2F12%3Fx%3D1"
    entered = await browser.post(
        "/sign-in", data={"name": " Alba ", "password": PASSWORD, "next": "/incidents/12"}, headers=SAME
    )
    assert (entered.status_code, entered.headers["location"]) == (303, "/incidents/12")
    assert (await browser.get("/")).status_code == 200
    kept = dict(browser.cookies)
    assert (await browser.post("/sign-out", headers=SAME)).headers["location"] == "/sign-in"
    # The cookie is worthless afterwards, even for whoever had copied it.
    thief = await house.visitor(cookies=kept)
    assert (await thief.get("/")).status_code == 303
    assert await house.deeds() == [("alba", "sign_in"), ("alba", "sign_out")]


async def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(house_of: Furnisher) -> None:
    plain = await (await house_of()).visitor()
    answer = await plain.post("/sign-in", data={"name": "vera", "password": PASSWORD}, headers=SAME)
    assert "sereno=" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert "Secure" not in answer.headers["set-cookie"]
    sealed = await (await house_of(public_url="https://sereno.test")).visitor()
    answer = await sealed.post("/sign-in", data={"name": "vera", "password": PASSWORD}, headers=SAME)
    assert answer.headers["set-cookie"].startswith("__Host-sereno=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "Path=/" in answer.headers["set-cookie"]
    assert "Domain" not in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_wrong_passwords_say_nothing_of_which_half_was_wrong(house: House) -> None:
    browser = await house.visitor()
    pages = []
    for name in ("alba", "nobody-here"):
        answer = await browser.post("/sign-in", data={"name": name, "password": "wrong"}, headers=SAME)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        pages.append(answer.text.replace(name, ""))
    assert pages[0] == pages[1]
    assert "no son correctos" in pages[0]
    assert await house.deeds() == [("alba", "sign_in_failed"), ("nobody-here", "sign_in_failed")]


async def test_the_sixth_attempt_in_a_minute_waits_even_with_the_right_password(house: House) -> None:
    browser = await house.visitor()
    for _ in range(5):
        await browser.post("/sign-in", data={"name": "alba", "password": "guess"}, headers=SAME)
    right = {"name": "alba", "password": PASSWORD}
    held = await browser.post("/sign-in", data=right, headers=SAME)
    assert (held.status_code, held.headers["retry-after"]) == (429, "60")
    # Someone else's name, and the same name from elsewhere, are not held.
    assert (
        await browser.post("/sign-in", data={"name": "vera", "password": PASSWORD}, headers=SAME)
    ).status_code == 303
    elsewhere = await house.visitor(client=("198.51.100.9", 1))
    assert (await elsewhere.post("/sign-in", data=right, headers=SAME)).status_code == 303
    house.control.clock.at += timedelta(seconds=13)  # type: ignore[attr-defined]
    assert (await browser.post("/sign-in", data=right, headers=SAME)).status_code == 303


async def test_one_address_cannot_try_names_for_ever(house: House) -> None:
    browser = await house.visitor()
    statuses = [
        (await browser.post("/sign-in", data={"name": f"name{n}", "password": "x" * 2000}, headers=SAME)).status_code
        for n in range(32)
    ]
    assert statuses[:30] == [401] * 30
    assert statuses[30:] == [429, 429]


@pytest.mark.parametrize(
    ("steps", "still_in"),
    [
        ([11.9], True),  # used within twelve hours
        ([12.1], False),  # left idle
        ([11.0] * 10, True),  # used now and then for days
        ([11.0] * 66, False),  # but never longer than thirty days
    ],
)
async def test_sessions_end_when_idle_and_in_any_case_after_a_month(
    house: House, steps: list[float], still_in: bool
) -> None:
    browser = await house.visitor("viewer")
    for hours in steps:
        house.control.clock.at += timedelta(hours=hours)  # type: ignore[attr-defined]
        last = await browser.get("/pages")
    assert (last.status_code == 200) is still_in


async def test_signing_in_again_ends_the_session_one_came_with(house: House) -> None:
    browser = await house.visitor("viewer")
    before = dict(browser.cookies)
    await browser.post("/sign-in", data={"name": "alba", "password": PASSWORD}, headers=SAME)
    assert dict(browser.cookies) != before
    assert (await (await house.visitor(cookies=before)).get("/")).status_code == 303


async def test_a_stolen_database_opens_no_door(house: House) -> None:
    browser = await house.visitor("admin")
    token = await auth.add_token(house.control, name="ci", role="admin", kind="api")
    folder = house.control.settings.data_dir
    house.control.database.close()
    dump = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert b"alba" in dump
    for secret in (*browser.cookies.values(), token, PASSWORD):
        assert secret.encode() not in dump


async def test_tokens_are_judged_alone_and_expire(house: House) -> None:
    now = house.control.clock.now()
    token = await auth.add_token(
        house.control, name="ci", role="viewer", kind="api", expires_at=now + timedelta(days=1)
    )
    assert token.startswith("sereno_api_")
    program = await house.visitor(headers={"authorization": f"Bearer {token}"})
    assert (await program.get("/api/v1/budgets")).status_code == 200
    house.control.clock.at += timedelta(days=1)  # type: ignore[attr-defined]
    assert (await program.get("/api/v1/budgets")).status_code == 401
    # A wrong token is not rescued by a good cookie.
    browser = await house.visitor("admin")
    mixed = await browser.get("/api/v1/budgets", headers={"authorization": "Bearer sereno_api_wrong"})
    assert mixed.status_code == 401
    assert mixed.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YWxiYTp4", "Bearer x", "Bearer sereno_" + "x" * 500]
)
async def test_broken_credentials_are_no_credentials(house: House, header: str) -> None:
    program = await house.visitor(headers={"authorization": header})
    assert (await program.get("/api/v1/budgets")).status_code == 401


async def test_the_first_start_makes_one_administrator_and_tells_the_password_once(tmp_path) -> None:  # type: ignore[no-untyped-def]
    control = bare(tmp_path / "new")
    password = await auth.ensure_admin(control)
    assert password is not None
    assert len(password) >= 20
    assert await auth.ensure_admin(control) is None
    value = await auth.sign_in(control, Passwords(), "admin", password, "192.0.2.7", None)
    assert value not in password
    control.database.close()


async def test_the_operator_token_is_private_kept_and_made_anew_if_it_no_longer_opens(tmp_path) -> None:  # type: ignore[no-untyped-def]
    control = bare(tmp_path / "new")
    first = await auth.ensure_operator_token(control)
    path = control.settings.data_dir / "operator.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == first + "\n"
    assert await auth.ensure_operator_token(control) == first
    path.write_text("")  # a crash in the middle of writing
    second = await auth.ensure_operator_token(control)
    assert second != first
    assert path.read_text() == second + "\n"
    control.database.close()


async def test_a_changed_password_ends_every_session(house: House) -> None:
    browser = await house.visitor("viewer")
    with pytest.raises(UsageError, match="10"):
        await auth.set_password(house.control, "vera", "short", actor="alba")
    await auth.set_password(house.control, "vera", "otra contraseña larga", actor="alba")
    assert (await browser.get("/")).status_code == 303
    assert ("alba", "password_changed") in await house.deeds()


async def test_unknown_names_cost_an_attacker_as_much_as_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Passwords()
    encoded = await work.hash("x")
    done: list[str] = []
    verify = work._verify
    monkeypatch.setattr(work, "_verify", lambda *given: done.append(given[0]) or verify(*given))
    assert await work.check(encoded, "x") is True
    assert await work.check(encoded, "y") is False
    assert await work.check(None, "nobody") is False
    assert len(done) == 3
    assert done[2].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await work.check("not a hash", "x") is False


async def test_a_crowd_at_the_door_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 3)
    work = Passwords()
    found = await asyncio.gather(*(work.check(None, "x") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in found) == 5
    assert await work.check(None, "x") is False  # and the door opens again


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("/incidents/12?a=b", "/incidents/12?a=b"),
        (None, "/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\tevil", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
def test_signing_in_leads_nowhere_else(target: str | None, leads: str) -> None:
    assert safe_next(target) == leads


@given(st.text())
def test_next_is_always_a_path_of_this_site(target: str) -> None:
    led = safe_next(target)
    assert led.startswith("/")
    assert not led.startswith("//")
    assert not any(ord(c) < 32 for c in led)
