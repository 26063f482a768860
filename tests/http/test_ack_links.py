"""Answering from a phone, half asleep, by the link in a message."""

from __future__ import annotations

from datetime import timedelta

from tests.http.conftest import House
from tests.http.house import SECRET

from sereno.oncall import signing


def link(house: House, page: str = "pg_01open", person: str = "ana", hours: float = 24) -> str:
    return "/ack/" + signing.sign(SECRET, page, person, house.control.clock.now() + timedelta(hours=hours))


async def state_of(house: House, page_id: str = "pg_01open") -> tuple[str, str | None, str | None]:
    page = await house.control.database.read(lambda unit: unit.pages.get(page_id))
    assert page is not None
    return page.state, page.acknowledged_by, page.acknowledged_via


async def test_looking_acknowledges_nothing_pressing_does(house: House) -> None:
    phone = await house.visitor()
    for _ in range(3):  # a mail scanner follows every link
        shown = await phone.get(link(house))
    assert shown.status_code == 200
    assert "Nadie puede pagar" in shown.text
    assert "Hola, Ana Quispe" in shown.text
    assert "Reconocer" in shown.text
    assert (await phone.head(link(house))).status_code in (200, 405)
    assert await state_of(house) == ("open", None, None)
    done = await phone.post(link(house), headers={"origin": "null"})  # mail programs open pages in odd ways
    assert done.status_code == 200
    assert "Gracias, Ana Quispe" in done.text
    assert await state_of(house) == ("acknowledged", "ana", "link")
    assert ("ana", "page.acknowledge") in await house.deeds()
    assert "set-cookie" not in done.headers


async def test_the_second_to_press_hears_who_was_first(house: House) -> None:
    phone = await house.visitor()
    await phone.post(link(house))
    late = await phone.post(link(house, person="juan"))
    assert late.status_code == 200
    assert "Ana Quispe lo reconoció" in late.text
    assert await state_of(house) == ("acknowledged", "ana", "link")
    assert "Juan Pérez lo reconoció" in (await phone.get(link(house, page="pg_02taken"))).text


async def test_a_closed_page_says_so(house: House) -> None:
    shown = await (await house.visitor()).get(link(house, page="pg_00closed"))
    assert "Ya terminó" in shown.text
    assert "<form" not in shown.text.replace('action="/sign-out"', "")


async def test_bad_old_and_orphaned_links_are_refused_kindly(house: House) -> None:
    phone = await house.visitor()
    good = link(house)
    cases = [(good[:-2] + "xx", 401), ("/ack/x", 401), ("/ack/" + "v1." * 300, 401), (link(house, hours=-1), 410), (link(house, page="pg_none"), 410)]  # fmt: skip
    for path, status in cases:
        for answer in (await phone.get(path), await phone.post(path)):
            assert answer.status_code == status, path
            assert "Este enlace no sirve" in answer.text
            assert answer.headers["content-type"].startswith("text/html")
    assert await state_of(house) == ("open", None, None)


async def test_a_link_for_one_page_opens_no_other_and_no_console(house: House) -> None:
    phone = await house.visitor()
    await phone.post(link(house, page="pg_02taken"))
    assert await state_of(house) == ("open", None, None)
    assert (await phone.get("/")).status_code == 303
