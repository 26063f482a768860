"""The public page in a real browser: anyone can read it, on any screen, in any colours, without scripts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.staticfiles import StaticFiles
from tests.e2e.axe import TAGS, axe_source, violations
from tests.status.shop_for_status import Shop

import sereno.app.http.status as served

pytestmark = pytest.mark.chromium
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
MOODS = {
    "outage": lambda: Shop(8).with_history(generated=True).with_past_incident().with_outage(),
    "calm": lambda: Shop(20).with_history().with_past_incident(),
    "new": lambda: Shop(3),
}


@contextlib.contextmanager
def serving(shop: Shop) -> Iterator[str]:
    app = FastAPI()
    app.include_router(served.router(shop))
    app.mount("/static", StaticFiles(directory=Path(served.__file__).parent.parent / "static"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/status/public"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with contextlib.ExitStack() as stack:
        yield {mood: stack.enter_context(serving(shop())) for mood, shop in MOODS.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("the pages are judged in Chromium: install the Debian package `chromium`")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield launched
        launched.close()


@contextlib.contextmanager
def looking(browser: Browser, address: str, width: int = 1280, **wishes) -> Iterator[Page]:
    """The page as one visitor sees it; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **wishes)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield page
    assert complaints == []
    context.close()


LOOKS = [(lang, scheme, width) for lang in ("es", "en") for scheme in ("light", "dark") for width in (320, 1280)]


@pytest.mark.parametrize(
    ("mood", "language", "scheme", "width"),
    [("outage", *look) for look in LOOKS]
    + [(mood, *look) for mood in ("calm", "new") for look in (("es", "light", 320), ("en", "dark", 1280))],
)
def test_everyone_can_read_it(browser, addresses, mood, language, scheme, width):
    with looking(browser, f"{addresses[mood]}?lang={language}", width, color_scheme=scheme) as page:
        for details in page.query_selector_all("details"):
            details.evaluate("it => it.open = true")
        page.evaluate(axe_source())
        found = page.evaluate("tags => axe.run({runOnly: tags})", TAGS)
        assert violations(found) == []
        wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1]
        assert page.evaluate("document.documentElement.lang") == language


def test_without_scripts_nothing_is_missing(browser, addresses):
    with looking(browser, addresses["outage"], java_script_enabled=False, locale="es-PE") as page:
        text = page.locator("body").inner_text()
        rows = page.locator("table").first.locator("tbody tr").count()
    for told in (
        "Pagos no está disponible", "Interrupción total", "Más noticias antes de las 14:41.",
        "Historial generado", "Detalle de 4 días", "Últimos 14 días", "Sin datos",
    ):  # fmt: skip
        assert told in text
    assert rows == 4


def test_a_first_visit_is_small_and_stays_at_home(browser, addresses):
    seen: list[tuple[str, int]] = []
    with looking(browser, "about:blank") as page:
        page.on("requestfinished", lambda request: seen.append((request.url, request.sizes()["responseBodySize"])))
        page.goto(addresses["calm"], wait_until="networkidle")
    home = addresses["calm"].rsplit("/status", 1)[0]
    assert all(url.startswith((home, "data:")) for url, _ in seen)
    assert len([url for url, _ in seen if url.startswith(home)]) <= 5
    assert sum(size for _, size in seen) <= 15 * 1024


def test_the_worse_the_day_the_taller_its_bar(browser, addresses):
    with looking(browser, f"{addresses['outage']}?lang=en") as page:
        strip = page.locator(".strip svg").first
        heights = {
            state: strip.locator(f"path.{state}").evaluate("it => parseFloat(getComputedStyle(it).strokeWidth)")
            for state in ("operational", "degraded", "partial_outage", "major_outage")
        }
        label = strip.get_attribute("aria-label")
    assert list(heights.values()) == sorted(set(heights.values()))
    assert label == "Pagos, past 90 days: 99.927% available over 90 days. 4 days with trouble."


def test_it_can_be_walked_with_the_keyboard(browser, addresses):
    with looking(browser, f"{addresses['outage']}?lang=en") as page:
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        assert skip.evaluate("it => it === document.activeElement")
        assert skip.bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "services"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"
        page.keyboard.press("Enter")
        assert page.locator("details[open] tbody tr").count() == 4


def test_what_can_be_pressed_is_large_enough(browser, addresses):
    with looking(browser, addresses["outage"], 320, has_touch=True) as page:
        for place in page.locator("header a, footer a, summary").all():
            assert place.bounding_box()["height"] >= 24


def test_wider_letters_and_larger_text_do_not_overflow(browser, addresses):
    spaced = """() => { for (const it of document.querySelectorAll('body *')) {
        it.style.setProperty('line-height', '1.5', 'important');
        it.style.setProperty('letter-spacing', '.12em', 'important');
        it.style.setProperty('word-spacing', '.16em', 'important');
    }}"""
    with looking(browser, addresses["outage"], 320) as page:
        page.evaluate(spaced)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    with looking(browser, addresses["outage"], 640) as page:
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_with_forced_colours_the_states_still_differ(browser, addresses):
    with looking(browser, f"{addresses['outage']}?lang=en", forced_colors="active", reduced_motion="reduce") as page:
        assert page.locator("p.state svg.icon").first.is_visible()
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        assert set(page.locator("p.state").all_inner_texts()) == {"Major outage", "Operational", "Degraded", "No data"}


def test_the_language_switch_leads_to_the_other_language(browser, addresses):
    with looking(browser, f"{addresses['calm']}?lang=es") as page:
        page.get_by_role("link", name="English").click()
        assert page.locator("h1").inner_text() == "Everything is working"
        assert page.title() == "Everything is working · Tienda Andina"
