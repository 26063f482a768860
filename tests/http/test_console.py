"""The console as people read it."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from tests.http.conftest import SAME, Furnisher, House

import sereno.app
from sereno.app.http.pages import accepted
from sereno.app.words import PHRASES

PAGES = ["/", "/services", "/services/pagos", "/services/carrito", "/alerts", "/oncall", "/incidents", "/incidents/12", "/incidents/11", "/incidents/12/postmortem", "/pages", "/pages/pg_01open", "/pages/pg_02taken", "/pages/pg_00closed", "/flags", "/flags?flag=checkout/express&user=ana", "/settings"]  # fmt: skip


@pytest.mark.parametrize("mood", ["busy", "calm", "unknown", "broken"])
async def test_every_page_is_there_in_both_languages(house_of: Furnisher, mood: str) -> None:
    browser = await (await house_of(mood)).visitor("admin")
    for path in PAGES:
        for language in ("es", "en"):
            answer = await browser.get(path, params={"lang": language})
            if "/1" in path or "/pg_" in path:
                assert answer.status_code == (200 if mood in ("busy", "broken") else 404), path
            else:
                assert answer.status_code == 200, answer.text[-2000:]
            assert f'<html lang="{language}"' in answer.text
            assert answer.text.count("<h1") == 1, path
            assert "None" not in re.sub(r"<pre.*?</pre>", "", answer.text, flags=re.S), path
            ids = re.findall(r'\sid="([^"]+)"', answer.text)
            assert len(ids) == len(set(ids)), path


async def test_a_bad_evening_says_who_is_needed(house: House) -> None:
    text = (await (await house.visitor("responder")).get("/")).text
    assert "Se necesita a alguien" in text
    assert "1 aviso sin respuesta" in text
    assert 'action="/pages/pg_01open/acknowledge"' in text
    assert "PagosCaidos" in text
    assert "−58,0\u00a0%" in text or "−58,0 %" in text  # overspent, with a true minus
    assert "Historial generado" in text
    assert "Juan Pérez" in text


async def test_calm_is_said_only_when_everything_answers(house_of: Furnisher) -> None:
    house = await house_of("calm")
    browser = await house.visitor("viewer")
    assert "Todo en calma" in (await browser.get("/")).text
    house.control.evaluated_at = None
    assert "Todo en calma" not in (await browser.get("/")).text


async def test_unknown_is_not_calm(house_of: Furnisher) -> None:
    browser = await (await house_of("unknown")).visitor("viewer")
    text = (await browser.get("/")).text
    assert "Todo en calma" not in text
    assert "No lo sabemos todo" in text
    assert "http://carrito:9100/metrics no responde: connection refused" in text
    assert "Carrito · disponibilidad: sin datos" in text
    row = (await browser.get("/services")).text.split("Carrito</a>")[1].split("</table>")[0]
    assert "state-unknown" in row
    assert "100" not in re.sub(r"<svg.*?</svg>", "", row, flags=re.S)
    service = (await browser.get("/services/carrito")).text
    assert "sin datos" in service


async def test_a_spec_that_failed_to_load_is_told_everywhere(house_of: Furnisher) -> None:
    browser = await (await house_of("broken")).visitor("viewer")
    for path in ("/", "/services", "/oncall"):
        assert "La última recarga de la especificación falló" in (await browser.get(path)).text
    settings = (await browser.get("/settings")).text
    assert "SER014" in settings
    assert "^^^^" in settings


async def test_contacts_are_masked(house: House) -> None:
    text = (await (await house.visitor("admin")).get("/settings")).text
    assert "a…@tienda.example" in text
    for secret in ("ana.quispe", "secreto", "clave", "/sofia", "/services/T0"):
        assert secret not in text
    page = (await (await house.visitor("admin")).get("/pages/pg_01open")).text
    assert "secreto" not in page


async def test_the_chart_is_told_in_words_and_in_a_table(house: House) -> None:
    text = (await (await house.visitor("viewer")).get("/services/pagos")).text
    assert 'role="img" aria-labelledby="c-disponibilidad-t c-disponibilidad-d"' in text
    described = re.search(r'<desc id="c-disponibilidad-d">([^<]+)</desc>', text)
    assert described is not None
    assert "−58,07 %" in described.group(1)
    assert "Los mismos datos en una tabla" in text
    assert "Descartados" in text
    assert "detectada en 26 s" in text  # 3600 s · 14.4 · 0.0005


async def test_pressing_buttons_does_things_and_leads_back(house: House) -> None:
    browser = await house.visitor("responder")

    async def press(path: str, **form: str) -> str:
        answer = await browser.post(path, data=form, headers=SAME)
        assert answer.status_code == 303, answer.text[-800:]
        shown = await browser.get(answer.headers["location"])
        assert 'role="status"' in shown.text
        return shown.text

    assert "El aviso es tuyo" in await press("/pages/pg_01open/acknowledge")
    assert "Aviso cerrado" in await press("/pages/pg_01open/close")
    assert "Reinicié" in await press("/incidents/in_01live/notes", text="Reinicié el conector")
    assert "pública" in await press("/incidents/in_01live/notes", text="Ya funciona", public="yes")
    assert "mitigado" in await press("/incidents/in_01live/phase", phase="mitigated")
    assert "Sofía Huamán" in await press("/incidents/in_01live/roles", role="scribe", person="sofia")
    assert "Severidad cambiada" in await press("/incidents/in_01live/severity", severity="P2")
    assert "Que descanses" in await press("/incidents/in_01live/resolve")
    assert "Incidente abierto" in await press("/incidents", service="carrito", severity="P2", title="Se vacía")


async def test_a_button_pressed_too_late_is_answered_kindly(house: House) -> None:
    browser = await house.visitor("responder")
    await browser.post("/pages/pg_01open/acknowledge", headers=SAME)
    late = await browser.post("/pages/pg_01open/acknowledge", headers=SAME)
    assert late.status_code == 409
    assert "Alguien se adelantó" in late.text
    wrong = await browser.post("/incidents/in_01live/phase", data={"phase": "asleep"}, headers=SAME)
    assert wrong.status_code == 400


async def test_the_draft_can_be_taken_home(house: House) -> None:
    browser = await house.visitor("viewer")
    answer = await browser.get("/incidents/12/postmortem?download=true&language=en")
    assert answer.headers["content-disposition"] == 'attachment; filename="postmortem-12-en.md"'
    assert answer.text.startswith("#")


async def test_charts_are_drawn_once_a_round_however_many_look(house: House) -> None:
    drawn: list[tuple[str, str]] = []
    real = house.control.chart

    async def count(service: str, slo: str) -> object:
        drawn.append((service, slo))
        return await real(service, slo)

    house.control.chart = count  # type: ignore[method-assign, assignment]
    browser = await house.visitor("viewer")
    for _ in range(3):
        await browser.get("/services")
    await browser.get("/services/pagos")
    assert sorted(drawn) == sorted(house.control.plans)


async def test_language_and_theme_are_remembered(house: House) -> None:
    browser = await house.visitor(headers={"accept": "text/html", "accept-language": "en-GB,es;q=0.5"})
    assert '<html lang="en" data-theme="auto">' in (await browser.get("/sign-in")).text
    chosen = await browser.get("/sign-in?lang=es&theme=dark")
    assert '<html lang="es" data-theme="dark">' in chosen.text
    assert '<html lang="es" data-theme="dark">' in (await browser.get("/sign-in")).text
    assert '<html lang="es" data-theme="dark">' in (await browser.get("/sign-in?lang=xx&theme=<b>")).text
    assert "next=%2Fincidents%2F12&amp;lang=en" in (await browser.get("/sign-in?next=/incidents/12")).text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "es"), ("fr", "es"), ("en", "en"), ("es-PE,es;q=0.9,en;q=0.8", "es"), ("fr,en;q=0.3,es;q=0.2", "en"),
        ("en;q=x", "es"), ("en;q=0", "es"),
    ],
)  # fmt: skip
def test_the_browsers_wish_is_heard(header: str, language: str) -> None:
    assert accepted(header, "es") == language


def test_every_phrase_is_whole_in_both_languages() -> None:
    for key, said in PHRASES.items():
        assert set(said) == {"es", "en"}, key
        assert all(said.values()), key
        holes = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in said.values()]
        assert holes[0] == holes[1], key


def test_templates_say_only_phrases_that_exist() -> None:
    used = set()
    for template in (Path(sereno.app.__file__).parent / "templates" / "console").glob("*.html"):
        used |= set(re.findall(r"""\bt\(["']([a-z_.]+[a-z])["'][,)]""", template.read_text()))
    assert len(used) > 100
    assert used - set(PHRASES) == set()
