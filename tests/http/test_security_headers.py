"""What every answer carries, and which writes come from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.http.conftest import SAME, House

import sereno.app

APP = Path(sereno.app.__file__).parent
TEMPLATES = sorted((APP / "templates" / "console").glob("*.html"))


@pytest.mark.parametrize(
    "path",
    ["/sign-in", "/", "/nothing", "/api/v1/budgets", "/metrics", "/static/console.css", "/ack/x", "/health/live"],
)
async def test_every_answer_is_hardened(house: House, path: str) -> None:
    answer = await (await house.visitor()).get(path)
    headers = answer.headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == ("no-referrer" if path.startswith("/ack/") else "same-origin")
    assert headers["x-frame-options"] == "DENY"
    assert re.fullmatch(r"rq_[0-9a-z]{26}", headers["x-request-id"])
    assert "strict-transport-security" not in headers  # this house is reached without TLS


async def test_pages_with_something_private_are_not_kept_by_caches(house: House) -> None:
    browser = await house.visitor("viewer")
    for path in ("/", "/settings", "/sign-in?x=1"):
        assert (await browser.get(path, follow_redirects=True)).headers["cache-control"] == "no-store"


WRITES = [
    ({"sec-fetch-site": "same-origin"}, 303),
    ({"sec-fetch-site": "none"}, 303),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),  # a sibling subdomain is not us
    ({"sec-fetch-site": "cross-site", "origin": "http://sereno.test"}, 403),
    ({"origin": "http://sereno.test"}, 303),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://sereno.test.evil.example"}, 403),
    ({"origin": "ftp://sereno.test"}, 403),
    ({}, 403),
    ({"authorization": "Basic abc"}, 403),  # only a bearer token carries its own authority
]


async def test_only_our_own_pages_make_a_browser_write(house: House) -> None:
    browser = await house.visitor("responder")
    for index, (headers, status) in enumerate(WRITES):
        text = f"note number {index}"
        answer = await browser.post("/incidents/in_01live/notes", data={"text": text}, headers=headers)
        assert answer.status_code == status, headers
        assert (text in (await browser.get("/incidents/12")).text) is (status == 303), headers


async def test_behind_a_proxy_the_public_name_is_ours_too(house: House) -> None:
    browser = await house.visitor("responder", headers={"host": "10.0.0.5:8420", "accept": "text/html"})
    answer = await browser.post("/pages/pg_01open/acknowledge", headers={"origin": "http://sereno.test"})
    assert answer.status_code == 303


async def test_programs_with_a_token_come_from_anywhere(house: House) -> None:
    program = await house.program("responder")
    answer = await program.post("/api/v1/pages/pg_01open/acknowledge", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


async def test_a_cookie_does_not_ride_along_with_a_made_up_token(house: House) -> None:
    browser = await house.visitor("responder")
    answer = await browser.post(
        "/pages/pg_01open/acknowledge", headers={"authorization": "Bearer x", "sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_inline_style_or_script(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "<style" not in text
    for unescaped in re.findall(r"\{\{[^}]*\|\s*safe[^}]*\}\}", text):
        assert unescaped == "{{ drawing | safe }}"  # the theme icons, literals of the same template


async def test_what_people_and_machines_write_is_shown_as_text(house: House) -> None:
    browser = await house.visitor("responder")
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    await browser.post("/incidents/in_01live/notes", data={"text": evil}, headers=SAME)
    for path in ("/incidents/12", "/incidents/12/postmortem"):
        text = (await browser.get(path)).text
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text
        assert "<img" not in text
