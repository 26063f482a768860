"""Explore in a real browser: readable by everyone, usable without scripts, quick with the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.e2e.serving import ARGUMENTS, chromium, served
from tests.e2e.test_console_pages import LOOKS, enter, judged, looked_at

pytestmark = pytest.mark.chromium
expect.set_options(timeout=20_000)
ASKED: dict[str, dict[str, str]] = {
    "nothing": {},
    "a range": {"expr": "sum by (job, status) (rate(http_requests_total[10m]))", "since": "1d"},
    "an instant": {"expr": "http_requests_total", "mode": "instant"},
    "samples": {"expr": "http_requests_total[10m]", "mode": "instant"},
    "a string": {"expr": '"a"', "mode": "instant"},
    "nobody": {"expr": "nobody_has_this"},
    "a mistake": {"expr": "sum by (job) (\n  rat(http_requests_total[5m])\n)" + " + 1" * 60},
    "a failure": {"expr": "http_requests_total * on (job) http_requests_total"},
    "a wrong form": {"expr": "up", "since": "long ago", "until": "then", "step": "0"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("explore"), "busy") as address:
        yield address


def at(address: str, **asked: str) -> str:
    return f"{address}/explore?{urlencode(asked)}"


@pytest.mark.parametrize(("lang", "theme", "width"), LOOKS)
def test_every_answer_is_open_to_everyone(browser: Browser, shop: str, lang: str, theme: str, width: int) -> None:
    page = enter(browser, shop, viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{shop}/?lang={lang}&theme={theme}")
    wrong = [f"{name}: {one}" for name, asked in ASKED.items() for one in looked_at(page, at(shop, **asked))]
    assert wrong == []
    assert complaints == []
    page.context.close()


def test_without_scripts_one_asks_and_sees(browser: Browser, shop: str) -> None:
    page = enter(browser, shop, java_script_enabled=False)
    page.goto(at(shop))
    page.fill("#expr", "sum(rate(http_requests_total[10m]))")
    page.select_option("[name=since]", "1d")
    page.click("form.explore button[type=submit]")
    assert page.locator("svg.plot path.line").count() == 1
    assert page.locator(".series-table tbody tr").count() == 1
    page.check("[name=mode][value=instant]", force=True)
    page.click("form.explore button[type=submit]")
    assert page.locator("svg.plot").count() == 0
    assert page.locator("#expr").input_value() == "sum(rate(http_requests_total[10m]))"
    page.context.close()


def test_the_caret_stands_under_the_mistake(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    page.goto(at(shop, expr="sum(rat(http_requests_total[5m]))"))
    said = page.locator(".explore-mistake pre").inner_text().split("\n")
    line, caret = said[1], said[2]
    assert line[caret.index("^") : caret.rindex("^") + 1] == "rat"
    assert page.locator("#expr").get_attribute("aria-invalid") == "true"
    assert "expr-wrong" in (page.locator("#expr").get_attribute("aria-describedby") or "")
    page.context.close()


def suggested(page: Page) -> list[str]:
    expect(page.locator(".suggestions [role=option]").first).to_be_visible()
    return page.locator("[role=option] span:first-child").all_inner_texts()


def test_words_are_completed_with_the_keyboard_alone(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    page.goto(at(shop))
    field = page.get_by_role("textbox", name="Expresión")
    field.focus()
    page.keyboard.type("su")
    assert suggested(page)[0].startswith("su")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.type("m(rate(http_requests")
    assert suggested(page) == ["http_requests_total"]
    active = field.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert judged(page) == []
    page.keyboard.press("Tab")
    assert field.input_value() == "sum(rate(http_requests_total"
    page.keyboard.type("{jo")
    assert suggested(page) == ["job"]
    page.keyboard.press("Enter")
    page.keyboard.type('="')
    names = suggested(page)
    assert names == ["carrito", "catalogo", "pagos"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # round the corner
    page.keyboard.press("Enter")
    assert field.input_value().endswith('{job="pagos')
    page.keyboard.type('"}[')
    page.keyboard.press("Control+Space")
    assert "5m" in suggested(page)
    page.keyboard.type("5m")
    page.keyboard.press("Escape")
    page.keyboard.type("])) by (st")
    assert suggested(page)[0] == "status"  # what begins so comes before what holds it
    page.locator(".suggestions [role=option]").first.click()  # by hand too
    page.keyboard.type(")")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("expr=sum"))
    assert page.locator("svg.plot path.line").count() == 2
    page.context.close()


def test_a_name_with_quotes_is_completed_as_a_string(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    page.route("**/label/job/values*", lambda route: route.fulfill(json={"status": "success", "data": ['a"b\\c']}))
    page.goto(at(shop))
    page.locator("#expr").focus()
    page.keyboard.type('up{job="a')
    assert suggested(page) == ['a"b\\c']
    page.keyboard.press("Enter")
    assert page.locator("#expr").input_value() == 'up{job="a\\"b\\\\c'
    page.context.close()


def test_without_an_answer_one_writes_on_undisturbed(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    page.route("**/prometheus/api/**", lambda route: route.fulfill(status=503, json={"status": "error"}))
    page.goto(at(shop))
    page.locator("#expr").focus()
    page.keyboard.type("http_req")
    page.wait_for_timeout(200)
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.type("{")
    page.wait_for_timeout(100)
    assert page.locator("#expr").input_value() == "http_req{"
    page.context.close()


def figures(page: Page) -> list[str]:
    return page.locator(".series-table tbody tr td:nth-child(2) .figure-text").all_inner_texts()


def test_the_values_under_the_pointer_are_told(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    page.goto(at(shop, expr="sum by (job) (http_requests_total)", since="1d"))
    before = figures(page)
    box: Any = page.locator("svg.plot").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    assert figures(page) != before
    told = page.locator(".plot-cursor output").inner_text()
    page.mouse.move(5, 5)
    assert figures(page) == before
    slider = page.get_by_role("slider", name="Instante señalado")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert figures(page) != before
    assert slider.get_attribute("aria-valuetext") not in (None, "", told)
    page.context.close()


def test_alerts_rules_and_promises_lead_to_their_expressions(browser: Browser, shop: str) -> None:
    page = enter(browser, shop)
    for path, name in (("/alerts", r"^Explorar \w+"), ("/services/pagos", "^Explorar la proporción de fallos")):
        page.goto(shop + path)
        page.get_by_role("link", name=re.compile(name)).first.click()
        page.wait_for_url(re.compile("/explore"))
        assert page.locator("#expr").input_value()
        assert page.locator(".explore-mistake").count() == 0
    page.context.close()
