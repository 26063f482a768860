"""The page of kits in a real browser: for everyone, without scripts, on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.serving import ARGUMENTS, chromium, served
from tests.e2e.test_console_pages import WIDER_THAN_ITS_WINDOW, enter, judged, looked_at
from tests.http import house as houses
from tests.http.kit_replicas import TOKEN, VARIABLE, Replica, at, free_port, replicas

from sereno.app.control import Control

pytestmark = pytest.mark.chromium
CONFIRM = "/kits/confirm?service=pagos&kind=pipeline&target=banco&part=circuit_breaker&verb="
LOOKS = [("es", "light", 320), ("en", "dark", 320), ("es", "dark", 1280), ("en", "light", 1280)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    with replicas(2, tmp_path_factory.mktemp("fleet")) as found:
        yield found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, fleet: list[Replica]) -> Iterator[str]:
    """A console whose service has two replicas that answer and one that does not."""
    furnish = houses.furnish

    async def with_kits(*given: object, **options: object) -> Control:
        control = await furnish(*given, **options)  # type: ignore[arg-type]
        at(control, [*(one.address for one in fleet), f"http://127.0.0.1:{free_port()}/-/kit"])
        return control

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(houses, "furnish", with_kits)
        patch.setenv(VARIABLE, TOKEN)
        with served(tmp_path_factory.mktemp("console"), "calm") as address:
            yield address


@pytest.mark.parametrize(("lang", "theme", "width"), LOOKS)
def test_the_page_is_open_to_everyone(browser: Browser, console: str, lang: str, theme: str, width: int) -> None:
    page = enter(browser, console, viewport={"width": width, "height": 800})
    page.goto(f"{console}/?lang={lang}&theme={theme}")
    paths = ("/kits", CONFIRM + "force_open", CONFIRM + "reset")
    assert [one for path in paths for one in looked_at(page, console + path)] == []
    page.fill("input[name=reason]", "prueba")
    page.click("form.panel button[type=submit]")
    page.wait_for_selector("h1[role=status]")
    assert judged(page) + page.evaluate(WIDER_THAN_ITS_WINDOW) == []
    page.context.close()


def test_it_works_by_keyboard_and_without_scripts(browser: Browser, console: str, fleet: list[Replica]) -> None:
    page = enter(browser, console, "rita", java_script_enabled=False)
    page.goto(f"{console}/kits?lang=es")
    page.get_by_role("link", name="Abrir a mano: banco, pagos").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/kits/confirm?**")
    page.get_by_label("Por qué").focus()
    page.keyboard.type("se cayó el banco")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1[role=status]")
    assert page.locator("h1").inner_text() == "Obedecieron 2 de 3"
    assert [one.pay().status_code for one in fleet] == [503, 503]
    page.goto(console + CONFIRM + "reset")
    page.get_by_label("Por qué").fill("volvió")
    page.get_by_role("button", name="Restablecer").click()
    page.wait_for_selector("h1[role=status]")
    assert [one.pay().status_code for one in fleet] == [200, 200]
    page.context.close()
