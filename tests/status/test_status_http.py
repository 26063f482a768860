"""The page as it is served: once built, honest about what is not known, and telling nothing internal."""

from __future__ import annotations

import asyncio
import gzip
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import httpx
import pytest
from fastapi import FastAPI
from tests.status.shop_for_status import NOW, Shop

import sereno.app.http.status as served
from sereno.app.http.errors import answer
from sereno.incidents import service as incidents
from sereno.kernel.errors import SerenoError
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.status.service import refresh
from sereno.status.statuspage import DOCUMENTS, public_id

CSS = Path(served.__file__).parent.parent / "static" / "status.css"


def client(shop: Shop) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(served.router(shop))
    app.add_exception_handler(SerenoError, lambda request, error: answer(request, error))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://status.tienda.example")


@pytest.fixture
def shop() -> Shop:
    return Shop().with_history().with_past_incident().with_outage()


async def test_the_page_says_what_is_down_in_the_readers_language(shop):
    async with client(shop) as web:
        spanish = await web.get("/status/public")
        english = await web.get("/status/public", headers={"accept-language": "fr, en;q=0.8"})
        asked = await web.get("/status/public?lang=en", headers={"accept-language": "es"})
        kept = await web.get("/status/public", headers={"cookie": "lang=en", "accept-language": "es"})
    assert "<h1>" in spanish.text
    assert "Pagos no está disponible" in spanish.text
    assert '<html lang="es">' in spanish.text
    for answered in (english, asked, kept):
        assert "Pagos is down" in answered.text
        assert '<html lang="en">' in answered.text
    assert "<title>Pagos is down · Tienda Andina</title>" in english.text


async def test_the_page_is_whole_without_scripts_and_styles_in_attributes(shop):
    async with client(shop) as web:
        page = await web.get("/status/public")
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    for told in ("99,9", "Más noticias antes de las 14:41.", "Un índice de búsqueda", "hace 90 días", "UTC−05"):
        assert told in page.text


async def test_nothing_internal_reaches_the_public(shop):
    async with client(shop) as web:
        texts = [(await web.get(f"/status/public{end}")).text for end in ("", ".json", "/history.atom")]
        texts += [(await web.get(f"/status/public/api/v2/{name}.json")).text for name in DOCUMENTS]
    for text in texts:
        for secret in ("db-7", "internal", "ana", "pg_1", "in_0001", "SEV1"):
            assert not re.search(rf"\b{secret}\b", text), secret


async def test_text_from_outside_is_text():
    shop = Shop()
    shop.open("s0", "SEV1", 5)
    incidents.update(shop.incidents, "1", '<script>alert(1)</script> & "quotes"', NOW, "ana")
    shop.renamed(title="<b>Tienda</b>", description="<i>x</i>")
    async with client(shop) as web:
        page, atom = await web.get("/status/public"), await web.get("/status/public/history.atom")
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text
    content = Xml.fromstring(atom.content).find(".//{http://www.w3.org/2005/Atom}content")
    assert "<script" not in content.text
    assert "&lt;script&gt;" in content.text


async def test_twenty_components_over_ninety_days_fit_in_fifteen_kib():
    shop = Shop(20).with_history().with_past_incident().with_outage()
    async with client(shop) as web:
        page = await web.get("/status/public")
    assert page.headers["content-encoding"] == "gzip"
    css = CSS.read_bytes()
    assert len(css) <= 4096
    sent = int(page.headers["content-length"]) + len(gzip.compress(css, 9))
    assert sent <= 15 * 1024
    assert page.text.count('role="img"') == 20


async def test_many_at_once_cost_one_reading_and_a_change_costs_one_more(shop):
    async with client(shop) as web:
        first = await asyncio.gather(*(web.get("/status/public") for _ in range(50)))
        assert {one.status_code for one in first} == {200}
        assert shop.reads == 1
        shop.at += timedelta(seconds=1)
        refresh(shop.intervals, [], (), shop.spec.current, shop.at, "in_0001")
        assert "no está disponible" in (await web.get("/status/public")).text, "nobody said that anything changed"
        shop.status_version += 1
        after = await asyncio.gather(*(web.get("/status/public") for _ in range(50)))
        assert shop.reads == 2
        assert all("Todo funciona con normalidad" in one.text for one in after)
        assert len({one.headers["etag"] for one in (*first, *after)}) == 2


async def test_a_change_during_a_reading_is_not_missed(shop):
    read, waiting = shop.read, asyncio.Event()

    async def slow(work):
        answered = await read(work)
        if shop.reads == 1:
            waiting.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return answered

    shop.read = slow
    async with client(shop) as web:
        early = asyncio.create_task(web.get("/status/public"))
        await waiting.wait()
        refresh(shop.intervals, [], (), shop.spec.current, shop.at, "in_0001")
        shop.status_version += 1
        late = await web.get("/status/public")
        await early
    assert "Todo funciona con normalidad" in late.text


async def test_the_page_is_read_again_every_few_seconds_and_when_the_clock_goes_back(shop):
    async with client(shop) as web:
        for reads, seconds in ((1, 0), (1, 4), (2, 5), (3, -3600)):
            shop.at = NOW + timedelta(seconds=seconds)
            await web.get("/status/public")
            assert shop.reads == reads


async def test_a_new_spec_is_shown_at_once(shop):
    async with client(shop) as web:
        await web.get("/status/public")
        shop.renamed(title="Otra tienda")
        assert "Otra tienda" in (await web.get("/status/public")).text


async def test_when_the_state_cannot_be_read_the_last_page_stands_for_a_while_and_then_nothing_is_claimed(shop):
    async with client(shop) as web:
        await web.get("/status/public")
        shop.broken = True
        shop.at += timedelta(minutes=5)
        old = await web.get("/status/public")
        assert "Actualizado el 25/11/2025 14:35:12" in old.text
        shop.at += timedelta(seconds=1)
        gone = await web.get("/status/public")
        assert gone.status_code == 503
        assert gone.headers["retry-after"]
        shop.broken = False
        assert (await web.get("/status/public")).status_code == 200


async def test_what_the_reader_has_is_not_sent_again(shop):
    async with client(shop) as web:
        first = await web.get("/status/public")
        again = await web.get("/status/public", headers={"if-none-match": f'W/{first.headers["etag"]}, "x"'})
        plain = await web.get("/status/public", headers={"accept-encoding": "gzip;q=0"})
        other = await web.get("/status/public", headers={"if-none-match": '"something-else"'})
        head = await web.head("/status/public")
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != first.headers["etag"]
    assert plain.text == first.text
    assert other.status_code == 200
    assert head.status_code == 200
    assert first.headers["cache-control"] == "public, max-age=5, stale-while-revalidate=30, stale-if-error=86400"
    assert first.headers["vary"] == "Accept-Encoding, Accept-Language, Cookie"


async def test_what_differs_by_language_says_so_to_caches(shop):
    async with client(shop) as web:
        for end, spoken in (("", True), (".json", True), ("/history.atom", False), ("/api/v2/summary.json", False)):
            spanish = await web.get(f"/status/public{end}", headers={"accept-language": "es"})
            english = await web.get(f"/status/public{end}", headers={"accept-language": "en"})
            assert (spanish.text != english.text) == spoken
            assert ("Accept-Language" in spanish.headers["vary"]) == spoken


async def test_what_is_not_there_is_not_found(shop):
    async with client(shop) as web:
        for path in ("/status/nope", "/status/nope.json", "/status/public/api/v2/nope.json"):
            assert (await web.get(path, headers={"accept": "application/json"})).status_code == 404


async def test_our_json_holds_exact_numbers_and_null_for_unknown(shop):
    async with client(shop) as web:
        told = (await web.get("/status/public.json")).json()
        fresh = (await client(Shop(2)).get("/status/public.json")).json()
    assert (told["state"], told["zone"], told["generated_history"]) == ("major_outage", "America/Lima", False)
    pay = told["components"][0]
    assert (pay["name"], pay["state"]) == ("Pagos", "major_outage")
    assert len(pay["days"]) == 90
    assert pay["days"][-1]["worst"] == "major_outage"
    assert re.fullmatch(r"0\.99\d{6}", pay["uptime"]["availability"])
    assert told["components"][7]["state"] == "unknown"
    assert told["incidents"][0]["updates"][0]["next_at"] == "2025-11-25T19:41:12.000Z"
    assert [i["phase"] for i in told["incidents"]] == ["triaged", "resolved"]
    empty = fresh["components"][0]
    assert (empty["state"], empty["uptime"]["availability"], empty["days"][0]["worst"]) == ("unknown", None, "unknown")


async def test_a_new_installation_has_no_data_and_says_so():
    async with client(Shop(2)) as web:
        page = (await web.get("/status/public")).text
    assert "Todavía no tenemos datos" in page
    assert "disponibilidad sin datos suficientes" in page
    assert "100 %" not in page


async def test_a_day_of_which_less_than_half_is_known_gets_no_figure(shop):
    async with client(shop) as web:
        page = (await web.get("/status/public")).text
    assert '<th scope="row">14/11/2025</th><td>Sin datos</td><td>—</td><td>35 %</td>' in page
    assert '<th scope="row">13/11/2025</th><td>Operativo</td><td>100 %</td><td>60 %</td>' in page


async def test_made_up_history_is_called_so():
    async with client(Shop(2).with_history(generated=True)) as web:
        assert "Historial generado" in (await web.get("/status/public")).text
        assert "Generated history" in (await web.get("/status/public?lang=en")).text
    async with client(Shop(2).with_history()) as web:
        assert "Historial generado" not in (await web.get("/status/public")).text


async def test_a_promise_that_has_passed_is_not_repeated(shop):
    shop.at = NOW + timedelta(minutes=6)
    async with client(shop) as web:
        assert "Más noticias" not in (await web.get("/status/public")).text


async def test_incidents_for_information_are_not_the_publics_business():
    shop = Shop(2)
    shop.open("s0", "SEV4", 10)
    async with client(shop) as web:
        assert (await web.get("/status/public.json")).json()["incidents"] == []
        incidents.update(shop.incidents, "1", "Cambiamos de proveedor esta noche.", NOW, "ana")
        shop.status_version += 1
        assert len((await web.get("/status/public.json")).json()["incidents"]) == 1


async def test_an_incident_that_a_person_named_keeps_its_name_and_old_ones_leave_the_page():
    shop = Shop(2)
    long_ago = NOW - timedelta(days=20)
    for title, service, at in (("Cobros dobles", "s0", NOW), ("Hace mucho", "s1", long_ago)):
        incidents.declare(shop.incidents, shop.spec.current, shop.ids, service=service, severity="SEV2", title=title,
                          now=at, actor="ana")  # fmt: skip
    incidents.resolve(shop.incidents, "2", long_ago + timedelta(hours=1), "ana")
    async with client(shop) as web:
        page = (await web.get("/status/public")).text
    assert "Cobros dobles" in page
    assert "Hace mucho" not in page


# Statuspage's shape

PAGE_KEYS = {"id", "name", "url", "time_zone", "updated_at"}
COMPONENT_KEYS = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id",
    "page_id", "group", "only_show_if_degraded",
}  # fmt: skip
INCIDENT_KEYS = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink",
    "started_at", "page_id", "incident_updates", "components", "reminder_intervals",
}  # fmt: skip
UPDATE_KEYS = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components",
    "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-05:00")


async def test_the_documents_have_exactly_statuspages_keys(shop):
    async with client(shop) as web:
        got = {name: (await web.get(f"/status/public/api/v2/{name}.json")) for name in DOCUMENTS}
        head = await web.head("/status/public/api/v2/components.json")
    assert head.status_code == 200
    for one in got.values():
        assert one.headers["access-control-allow-origin"] == "*"
        assert one.headers["content-type"] == "application/json"
        assert set(one.json()["page"]) == PAGE_KEYS
    assert {name: set(one.json()) - {"page"} for name, one in got.items()} == {
        "summary": {"components", "incidents", "scheduled_maintenances", "status"},
        "status": {"status"},
        "components": {"components"},
        "incidents": {"incidents"},
        "incidents/unresolved": {"incidents"},
        "scheduled-maintenances": {"scheduled_maintenances"},
        "scheduled-maintenances/upcoming": {"scheduled_maintenances"},
        "scheduled-maintenances/active": {"scheduled_maintenances"},
    }
    summary = got["summary"].json()
    assert summary["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    assert all(set(c) == COMPONENT_KEYS for c in summary["components"])
    assert [c["status"] for c in summary["components"]][:4] == [
        "major_outage", "operational", "operational", "degraded_performance",
    ]  # fmt: skip
    assert summary["components"][7]["status"] == "degraded_performance", "unknown is not operational"
    (incident,) = summary["incidents"]
    assert set(incident) == INCIDENT_KEYS
    assert all(set(u) == UPDATE_KEYS for u in incident["incident_updates"])
    assert (incident["status"], incident["impact"], incident["resolved_at"]) == ("investigating", "critical", None)
    assert [c["name"] for c in incident["components"]] == ["Pagos"]
    times = [u["created_at"] for u in incident["incident_updates"]]
    assert times == sorted(times, reverse=True)
    for time in (*times, incident["started_at"], summary["page"]["updated_at"]):
        assert TIMESTAMP.fullmatch(time)
        datetime.fromisoformat(time)
    both = got["incidents"].json()["incidents"]
    assert [i["status"] for i in both] == ["investigating", "resolved"]
    assert both[1]["monitoring_at"]
    for identity in (summary["page"]["id"], incident["id"], incident["incident_updates"][0]["id"]):
        assert re.fullmatch(r"[0-9a-z]{12}", identity)


def test_identities_never_change():
    assert public_id("in_1") == public_id("in_1") != public_id("in_2")
    assert public_id("in_1") == "t1b5vfvtpwyr"


@pytest.mark.parametrize(
    ("severity", "indicator", "impact"),
    [("SEV1", "critical", "critical"), ("SEV2", "major", "major"), ("SEV3", "minor", "minor")],
)
async def test_the_impact_follows_the_severity(severity, indicator, impact):
    shop = Shop(2)
    shop.open("s0", severity, 1)
    refresh(shop.intervals, [("s0", severity)], (), shop.spec.current, NOW, "in_0001")
    async with client(shop) as web:
        told = (await web.get("/status/public/api/v2/summary.json")).json()
    assert (told["status"]["indicator"], told["incidents"][0]["impact"]) == (indicator, impact)


async def test_all_is_well_only_when_it_is_known_to_be():
    shop = Shop(2)
    async with client(shop) as web:
        assert (await web.get("/status/public/api/v2/status.json")).json()["status"] == {
            "indicator": "minor", "description": "No Data for Some Systems",
        }  # fmt: skip
        refresh(shop.intervals, [], (), shop.spec.current, NOW, "observed")
        shop.status_version += 1
        assert (await web.get("/status/public/api/v2/status.json")).json()["status"] == {
            "indicator": "none", "description": "All Systems Operational",
        }  # fmt: skip


async def test_the_feed_is_as_old_as_its_newest_entry(shop):
    atom = "{http://www.w3.org/2005/Atom}"
    async with client(shop) as web:
        got = await web.get("/status/public/history.atom")
        again = Xml.fromstring((await web.get("/status/public/history.atom")).content)
    root = Xml.fromstring(got.content)
    entries = root.findall(f"{atom}entry")
    assert [e.find(f"{atom}title").text for e in entries] == ["Problemas con Pagos", "Problemas con Búsqueda"]
    assert root.find(f"{atom}updated").text == "2025-11-25T19:26:12.000Z"
    assert entries[0].find(f"{atom}id").text.startswith("tag:status.tienda.example,2005:Incident/")
    assert entries[0].find(f"{atom}id").text == again.find(f"{atom}entry/{atom}id").text
    assert "<strong>En tratamiento</strong> - El equipo está" in entries[0].find(f"{atom}content").text


async def test_a_severity_that_left_the_spec_still_shows_trouble():
    shop = Shop(2)
    shop.open("s0", "SEV1", 1)
    scale = type(DEFAULT_SEVERITIES)(DEFAULT_SEVERITIES.scale[1:])
    shop.spec.current = replace(shop.spec.current, severities=scale)
    async with client(shop) as web:
        assert (await web.get("/status/public.json")).json()["incidents"][0]["impact"] == "degraded"
