"""The console in a real browser: every page judged for access, width, scripts, keyboard and the reader's wishes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.e2e.axe import TAGS, axe_source, violations
from tests.e2e.serving import ARGUMENTS, chromium, house, served

pytestmark = pytest.mark.chromium
expect.set_options(timeout=20_000)  # two cores, shared
PAGES = [
    "/", "/services", "/services/pagos", "/alerts", "/oncall", "/incidents", "/incidents/12", "/incidents/11",
    "/incidents/12/postmortem", "/pages", "/pages/pg_01open", "/flags?flag=theme&user=ana", "/settings", "/nothing-here",
]  # fmt: skip
LOOKS = [(lang, theme, width) for lang in ("es", "en") for theme in ("light", "dark") for width in (320, 1280)]
WIDER_THAN_ITS_WINDOW = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > room + 1)
    .slice(0, 5).map(e => e.tagName + "." + e.className + ": " + e.textContent.trim().slice(0, 60));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("busy"), "busy") as address:
        yield address


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with (
        served(tmp_path_factory.mktemp("calm"), "calm") as calm,
        served(tmp_path_factory.mktemp("unknown"), "unknown") as unknown,
        served(tmp_path_factory.mktemp("broken"), "broken") as broken,
    ):
        yield {"calm": calm, "unknown": unknown, "broken": broken}


KEPT: dict[tuple[str, str], Any] = {}


def enter(browser: Browser, address: str, name: str = "alba", **options: Any) -> Page:
    """A page of someone who has signed in; each person signs in once, for the door lets nobody try all the time."""
    values = {"viewport": {"width": 1280, "height": 860}, "locale": "es-PE", **options}
    page = browser.new_context(**values, storage_state=KEPT.get((address, name))).new_page()
    if (address, name) in KEPT:
        page.goto(f"{address}/")
        return page
    page.goto(f"{address}/sign-in")
    page.fill("[name=name]", name)
    page.fill("[name=password]", house.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{address}/")
    KEPT[address, name] = page.context.storage_state()
    return page


def judged(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands."""
    page.evaluate(axe_source())
    rules = {"runOnly": {"type": "tag", "values": TAGS}}
    return violations(page.evaluate("rules => axe.run(document, rules)", rules))


def looked_at(page: Page, address: str) -> list[str]:
    """Everything wrong with the page at `address`, with its place."""
    page.goto(address)
    wrong = judged(page) + page.evaluate(WIDER_THAN_ITS_WINDOW)
    return [f"{page.url}: {one}" for one in wrong]


@pytest.mark.parametrize(("lang", "theme", "width"), LOOKS)
def test_every_page_is_open_to_everyone(browser: Browser, busy: str, lang: str, theme: str, width: int) -> None:
    page = enter(browser, busy, viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{busy}/?lang={lang}&theme={theme}")
    assert page.locator(f"html[lang={lang}][data-theme={theme}]").count() == 1
    wrong = [one for path in PAGES for one in looked_at(page, busy + path)]
    assert wrong == []
    assert [text for text in complaints if "404" not in text] == []  # nothing that the security policy refused
    page.context.close()


@pytest.mark.parametrize(("lang", "theme", "width"), LOOKS)
def test_the_door_is_open_to_everyone(browser: Browser, busy: str, lang: str, theme: str, width: int) -> None:
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    for path in (f"/sign-in?lang={lang}&theme={theme}", "/ack/v1.broken"):
        assert looked_at(page, busy + path) == []
    page.goto(f"{busy}/sign-in")
    page.fill("[name=name]", f"nobody-{lang}-{theme}-{width}")
    page.fill("[name=password]", "wrong")
    page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_be_visible()
    assert judged(page) == []
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("mood", ["calm", "unknown", "broken"])
def test_other_days_are_open_to_everyone_too(browser: Browser, others: dict[str, str], mood: str, theme: str) -> None:
    address = others[mood]
    page = enter(browser, address, viewport={"width": 320, "height": 800})
    page.goto(f"{address}/?theme={theme}")
    assert [one for path in ("/", "/services", "/alerts", "/settings") for one in looked_at(page, address + path)] == []
    heading = page.goto(address + "/") and page.locator("h1").inner_text()
    assert (
        heading == {"calm": "Todo en calma", "unknown": "No lo sabemos todo", "broken": "Se necesita a alguien"}[mood]
    )
    page.context.close()


def test_the_judge_is_not_asleep(browser: Browser, busy: str) -> None:
    page = enter(browser, busy)
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x><p class=wide>x</p>')")
    page.evaluate("document.querySelector('.wide').style.width = '4000px'")
    assert any("image-alt" in one for one in judged(page))
    assert any("wide" in one for one in page.evaluate(WIDER_THAN_ITS_WINDOW))
    page.context.close()


def test_everything_works_without_scripts(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "busy") as address:
        page = enter(browser, address, "rita", java_script_enabled=False)
        assert page.locator("h1").inner_text() == "Se necesita a alguien"
        page.locator("form[action$='/acknowledge'] button").first.click()
        assert "El aviso es tuyo" in page.locator("[role=status]").inner_text()
        page.goto(f"{address}/incidents/12")
        page.fill("form:has(h3:text('Anotar')) textarea", "Reinicié el conector")
        page.click("button:text-is('Anotar')")
        assert "Reinicié el conector" in page.locator(".timeline").inner_text()
        page.click("text=Resolver el incidente")
        assert "Que descanses" in page.locator("[role=status]").inner_text()
        page.goto(f"{address}/services/pagos")
        page.locator("summary").first.click()
        assert page.locator("details[open] tbody tr").count() >= 20
        page.click("button:has-text('Salir')")
        assert page.url == f"{address}/sign-in"
        page.context.close()


def test_the_page_keeps_itself_true_while_someone_looks(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "busy") as address:
        watcher, doer = enter(browser, address, "vera"), enter(browser, address, "rita")
        assert watcher.locator("h1").inner_text() == "Se necesita a alguien"
        doer.locator("form[action$='/acknowledge'] button").first.click()
        doer.wait_for_url("**/pages/**")
        watcher.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(watcher.locator("h1")).to_have_text("Hay quien se ocupa")
        assert watcher.title().startswith("Hay quien se ocupa")
        watcher.context.close()
        doer.context.close()


def test_an_old_page_does_not_pass_for_the_present(browser: Browser, busy: str) -> None:
    page = enter(browser, busy)
    page.goto(f"{busy}/services/pagos")
    expect(page.locator("#lost")).to_be_hidden()
    look_again = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate("document.querySelector('[data-live=as-of]').textContent = 'old'")
    page.evaluate("document.querySelector('h1').textContent = 'old'")
    page.locator("summary").first.click()
    with page.expect_response(re.compile("/services/pagos")):
        page.evaluate(look_again)
    page.wait_for_timeout(100)
    assert page.locator("[data-live=as-of]").inner_text() == "old"  # the reader holds a table open: nothing is swapped
    page.locator("summary").first.click()
    page.evaluate("document.activeElement.blur()")
    page.evaluate(look_again)
    expect(page.locator("h1")).to_have_text("Pagos")
    expect(page.locator("[data-live=as-of]")).to_contain_text("Visto")
    page.route("**/services/pagos", lambda route: route.abort())
    for _ in range(2):
        with page.expect_event("requestfailed"):
            page.evaluate(look_again)
        page.wait_for_timeout(50)
    expect(page.locator("#lost")).to_be_visible()
    assert "lo que ves es de la hora de abajo" in page.locator("#lost").inner_text()
    page.unroute("**/services/pagos")
    page.evaluate(look_again)
    expect(page.locator("#lost")).to_be_hidden()
    page.context.close()


def test_the_keyboard_reaches_everything_and_one_sees_where_one_is(browser: Browser, busy: str) -> None:
    page = enter(browser, busy)
    page.goto(f"{busy}/incidents/12")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Saltar al contenido"
    assert (skip.bounding_box() or {"y": -1})["y"] >= 0  # it shows itself
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        tag, name, outline = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.innerText || e.name || '', s.outlineStyle + ' ' + s.outlineWidth] }"
        )
        if tag == "BODY":
            break
        assert outline == "solid 3px", (tag, name)
        reached.add(f"{tag} {name.strip()}")
    assert {"BUTTON Resolver el incidente", "BUTTON Anotar", "SELECT phase", "A Leer el borrador"} <= {
        re.sub(r"^SELECT .*detectado.*$", "SELECT phase", one, flags=re.S) for one in reached
    }
    page.context.close()


def test_who_wants_rest_gets_no_motion_and_who_needs_colours_keeps_them(
    browser: Browser, others: dict[str, str]
) -> None:
    still = enter(browser, others["calm"], reduced_motion="reduce", forced_colors="active")
    assert still.evaluate("document.getAnimations().length") == 0
    border = still.evaluate("getComputedStyle(document.querySelector('.side nav a[aria-current]')).outlineStyle")
    assert border == "solid"
    still.context.close()
    moving = enter(browser, others["calm"], reduced_motion="no-preference")
    assert moving.evaluate("document.getAnimations().length") >= 1
    moving.context.close()


def test_twice_the_text_still_fits_a_small_window(browser: Browser, busy: str) -> None:
    page = enter(browser, busy, viewport={"width": 640, "height": 800})
    for path in ("/", "/services", "/incidents/12", "/settings"):
        page.goto(busy + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(WIDER_THAN_ITS_WINDOW) == [], path
    page.context.close()


def test_a_small_page_for_a_slow_night(browser: Browser, busy: str) -> None:
    page = enter(browser, busy)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{busy}/")
    assert all(url.startswith(busy) for url in asked)  # no third party
    assert len(asked) <= 4
    page.context.close()
