"""Words that want to be more than words, followed from where they come in to every place where they are shown."""

from __future__ import annotations

import io
import json
import logging
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.app.town import MONDAY, SPEC, opened
from tests.http.conftest import SAME, House
from tests.peers.messages import a_message

from sereno.adapters.notify.email import mail_of
from sereno.adapters.notify.slack import payload_of
from sereno.adapters.notify.terminal import block
from sereno.alerts.model import Evaluation
from sereno.alerts.rules import advance
from sereno.app.cli.client import print_json, print_line, print_table
from sereno.app.http.auth import add_token
from sereno.app.logs import Plain, harmless
from sereno.kernel.inert import inert, inert_line, numbered, without_nul
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)><a href=javascript:alert(3)>x</a>\"'>"
MARKDOWN = "[x](javascript:alert(1)) ![x](http://evil.example/t.png) **b** `c` <!-- --> | a | b |\n# h"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\x7f"
BIDI = "a\u202egnp.exe\u2066\u200f"
FORGED = "ok\r\nBcc: thief@evil.example\n\nX-Forged: 1\u2028\x85line"
SLACK = "<!channel> <!here> <@U123> <https://evil.example|click> @channel @here @Everyone"
EVIL = " ".join((MARKUP, MARKDOWN, TERMINAL, BIDI, FORGED, SLACK, "\0\ufffe"))
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe]")


class Reader(HTMLParser):
    """Gathers the elements, the attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless_page(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    for tag, attributes in reader.found:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("href", "src", "action"):
            assert re.match(
                r"(/|#|\?|data:image/|data:,$|https?://sereno\.test|http://127\.0\.0\.1|\.|$)",
                attributes.get(name) or "",
            )
        assert tag not in ("iframe", "object", "embed", "base")
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
    assert not OBEYED.search(html)
    return reader


async def test_a_title_and_notes_from_hell_are_words_on_every_page_feed_and_draft(house: House) -> None:
    browser = await house.visitor("responder")
    await browser.post("/incidents/in_01live/resolve", headers=SAME)
    answer = await browser.post(
        "/incidents",
        data={"service": "pagos", "severity": "P1", "title": f"{MARKUP[:90]} {BIDI} {TERMINAL}"},
        headers=SAME,
    )
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"].partition("?")[0]
    for text in (EVIL, MARKDOWN, SLACK):
        for public in ("", "yes"):
            note = await browser.post(f"{where}/notes", data={"text": text, "public": public}, headers=SAME)
            assert note.status_code == 303
    for path in (where, f"{where}/postmortem", "/incidents", "/", "/status/publica", "/pages", "/alerts"):
        reader = harmless_page((await browser.get(path)).text)
        if path == where:
            assert "<script>alert(1)</script>" in reader.text
    for path in ("/status/publica.json", "/status/publica/api/v2/incidents.json", f"/api/v1{where}"):
        found = await browser.get(path)
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert not OBEYED.search(json.dumps(found.json(), ensure_ascii=False))
    feed = Xml.fromstring((await browser.get("/status/publica/history.atom")).content)
    told = list(feed.iter("{http://www.w3.org/2005/Atom}content"))
    assert told
    for content in told:
        harmless_page(content.text or "")
    draft = (await browser.get(f"{where}/postmortem?download=true")).text
    assert "<script" not in draft
    assert not re.search(r"(?<!\\)\]\(javascript", draft)  # nothing that another Markdown reader makes a link of


async def test_an_alert_from_hell_walks_through_the_house(tmp_path: Path) -> None:
    """Labels and annotations go from a target into pages, incidents, mails and the public status page."""
    spec = SPEC.replace("summary: Nobody can pay", f"summary: {json.dumps('No pay: {{ $labels.instance }} ' + EVIL)}")
    spec = spec.replace('max(up{job="payments"}) == 0 or absent(up{job="payments"})', 'up{job="payments"} == 0')
    town = await opened(tmp_path, spec=spec)
    base = {"job": "payments", "instance": "127.0.0.1:9"}
    evil = Labels(__name__="up", **{**base, "instance": EVIL})
    town.labels = (*town.labels[:2], evil)
    town.scraped = False

    async def paged():
        return town.mail.taken

    first = (await town.until(paged, timedelta(minutes=12)))[0]
    async with town.http() as browser:
        shown = await browser.get(town.link(first))
        assert shown.status_code == 200
        harmless_page(shown.text)
        harmless_page((await browser.get("/status/public")).text)
        token = await add_token(town.control, name="reader", role="viewer", kind="api")
        browser.headers["authorization"] = f"Bearer {token}"
        for path in (
            "/",
            "/alerts",
            "/pages",
            f"/pages/{first.page}",
            "/incidents",
            "/incidents/1",
            "/services/payments",
        ):
            found = await browser.get(path, headers={"accept": "text/html"})
            assert found.status_code == 200
            harmless_page(found.text)
        (alert,) = (await browser.get("/api/v1/alerts")).json()
        assert alert["labels"]["instance"] == without_nul(EVIL)  # to programs the label is what the target said
    mail = mail_of(replace(first, subject=first.subject + EVIL), "sereno@shop.example").as_bytes()
    assert b"\nBcc:" not in mail.partition(b"\r\n\r\n")[0]
    assert town.clock.now() > MONDAY
    await town.close()


def test_a_nul_in_a_label_harms_one_alert_at_most() -> None:
    """PostgreSQL keeps no NUL: unhandled, one odd target would keep every rule's round from being stored."""
    rule = Rule(service="shop", name="Down", expr="up == 0", severity="SEV1", for_=timedelta(0),
                labels={"l": "{{ $labels.a }}"}, annotations={"summary": "{{ $labels.a }}"})  # fmt: skip
    series = (Labels(a="x\0y", **{"n": "1"}), 0.0)
    (alert,) = advance(rule, (), Evaluation(rule.key, MONDAY, (series,))).save
    assert "\0" not in "".join(text for pair in (*alert.labels.pairs, *alert.annotations.pairs) for text in pair)
    assert alert.labels["a"] == "x\ufffdy"


def test_a_mail_stays_one_mail() -> None:
    for subject in (FORGED, EVIL.replace("\ud800", ""), "x" * 100_000):
        mail = mail_of(
            a_message(subject=subject, text=EVIL, channel="email", address="ana@shop.example"), "s@shop.example"
        )
        head = mail.as_bytes().partition(b"\r\n\r\n")[0].decode()
        names = {line.partition(":")[0].lower() for line in head.split("\r\n") if not line.startswith((" ", "\t"))}
        assert "bcc" not in names
        assert "x-forged" not in names
        html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
        assert "<script" not in html
        assert "<img" not in html


def test_slack_calls_nobody_and_links_nowhere() -> None:
    told = payload_of(a_message(subject=SLACK, text=f"{SLACK}\n\n{EVIL}", channel="slack"))
    sections = [b["text"]["text"] for b in told["blocks"] if b["type"] == "section"]
    for text in (told["text"], *sections):
        assert not re.search(r"<[!@#h]", text)
        assert not re.search(r"@(channel|here|everyone)", text, re.IGNORECASE)
    assert [b["text"]["type"] for b in told["blocks"] if b["type"] == "header"] == ["plain_text"]
    assert len(json.dumps(payload_of(a_message(subject="s" * 10**6, text="t" * 10**6)))) < 1_010_000


def test_a_terminal_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    written = block(a_message(subject=EVIL, text=EVIL, person=EVIL))
    assert not OBEYED.search(written)
    print_table(EVIL[:0] + "t", ["a"], [[EVIL], ["[red]x[/red]"], [None]], empty="")
    print_line(EVIL)
    print_json({"a": EVIL, EVIL: 1})
    out = capsys.readouterr().out
    assert not OBEYED.search(out)
    assert "[red]x[/red]" in out
    assert json.loads(out[out.index("\n{") :]) == {"a": EVIL, EVIL: 1}  # to programs it is what it was


@pytest.mark.parametrize("renderer", [structlog.dev.ConsoleRenderer(colors=False), structlog.processors.JSONRenderer()])
def test_a_log_line_is_one_line(renderer) -> None:  # type: ignore[no-untyped-def]
    event = harmless(None, "info", {"event": EVIL, "path": FORGED, "error": EVIL, "n": 1, "labels": {"a": EVIL}})
    line = renderer(None, "info", dict(event))
    assert not OBEYED.search(line)
    assert "\n" not in line


def test_the_standard_librarys_log_lines_too() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Plain("%(levelname)s %(name)s %(message)s"))
    logger = logging.Logger("probe")
    logger.addHandler(handler)
    logger.warning("the series of %s could not be ended", EVIL)
    assert stream.getvalue().count("\n") == 1
    try:
        raise ValueError(EVIL)
    except ValueError:
        logger.exception("it failed")
    assert not OBEYED.search(stream.getvalue())


@given(st.text(st.characters(codec=None)))
def test_inert_words_are_legal_everywhere_and_stay_so(text: str) -> None:
    told = inert(text)
    assert inert(told) == told
    assert not OBEYED.search(told)
    Xml.fromstring(Xml.tostring(_element(told)))
    told.encode()
    assert "\n" not in inert_line(text)


@given(st.text())
def test_what_is_told_by_number_is_the_same_to_programs(text: str) -> None:
    told = numbered(json.dumps(text, ensure_ascii=False))
    assert json.loads(told) == text
    assert not OBEYED.search(told)


def _element(text: str) -> Xml.Element:
    element = Xml.Element("a")
    element.text = text
    return element
