"""Switches over HTTP: the API, OFREP with OpenFeature's own client as the judge, and the stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.http.conftest import SAME, House

from sereno.app import flag_board
from sereno.kernel.errors import Unavailable
from sereno_kit.flags import Flags

OFF = {"state": "off", "reason": "it hurts"}


async def test_definitions_are_for_kits_and_are_fetched_once(house: House) -> None:
    robot = await house.program("viewer")
    found = await robot.get("/api/v1/flags/definitions", params={"service": "pagos"})
    assert set(found.json()["flags"]) == {"express", "banner", "theme", "limit"}
    assert Flags.of(found.json()).enabled("express", user="ana")
    again = await robot.get(
        "/api/v1/flags/definitions", params={"service": "pagos"}, headers={"If-None-Match": found.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = await robot.get("/api/v1/flags/definitions", params={"service": "carrito"})
    assert set(other.json()["flags"]) == {"theme", "limit"} == set(
        (await robot.get("/api/v1/flags/definitions", params={"service": "whoever"})).json()["flags"]
    )  # fmt: skip
    assert found.headers["etag"] != other.headers["etag"]


async def test_an_override_is_seen_at_once_audited_and_ends_by_itself(house: House) -> None:
    robot = await house.program("responder")
    etag = (await robot.get("/api/v1/flags/definitions")).headers["etag"]
    body = {"state": "share", "share": "0.125", "reason": "slowly", "minutes": 30}
    made = await robot.post("/api/v1/flags/express/override", json=body)
    assert made.status_code == 200, made.text
    assert made.json()["override"]["share"] == "0.125"
    found = await robot.get("/api/v1/flags/definitions", headers={"If-None-Match": etag})
    assert found.status_code == 200
    assert found.json()["flags"]["express"]["metadata"]["override"] == "share"
    deed = (await house.control.database.read(lambda unit: unit.audit.recent(1)))[0]
    assert (deed.actor, deed.action, deed.object) == ("robot-responder", "flag.override", "checkout/express")
    assert deed.details["reason"] == "slowly"
    house.control.clock.at += timedelta(minutes=30)  # type: ignore[attr-defined]
    assert (await robot.get("/api/v1/flags/definitions")).headers["etag"] == etag
    listed = {one["id"]: one for one in (await robot.get("/api/v1/flags")).json()}
    assert listed["checkout/express"]["override"] is None
    assert listed["checkout/express"]["overdue"] is True


async def test_what_another_replica_did_is_known_within_a_second(house: House) -> None:
    robot = await house.program("viewer")
    assert (await robot.get("/api/v1/flags")).status_code == 200
    from tests.delivery.test_switches import standing

    await house.control.database.write(lambda unit: unit.overrides.put(standing("looks/theme", "on")))
    house.control.clock.at += timedelta(seconds=1)  # type: ignore[attr-defined]
    found = (await robot.get("/api/v1/flags/definitions")).json()
    assert found["flags"]["theme"]["defaultVariant"] == "dark"


async def test_resetting_needs_a_reason_and_something_to_reset(house: House) -> None:
    robot = await house.program("responder")
    assert (await robot.post("/api/v1/flags/theme/reset?set=looks", json={"reason": "done"})).status_code == 404
    await robot.post("/api/v1/flags/theme/override?set=looks", json=OFF)
    assert (await robot.post("/api/v1/flags/theme/reset", json={"reason": " "})).status_code == 400
    done = await robot.post("/api/v1/flags/theme/reset", json={"reason": "done"})
    assert done.json() == {"flag": "looks/theme"}
    assert [deed[1] for deed in await house.deeds()][-2:] == ["flag.override", "flag.reset"]


async def test_viewers_look_and_responders_change(house: House) -> None:
    viewer, nobody = await house.program("viewer"), await house.visitor()
    assert (await viewer.post("/api/v1/flags/theme/override", json=OFF)).status_code == 403
    assert (await viewer.post("/api/v1/flags/theme/reset", json={"reason": "x"})).status_code == 403
    for path in ("/api/v1/flags", "/api/v1/flags/definitions", "/api/v1/flags/stream"):
        assert (await nobody.get(path, headers={"accept": "*/*"})).status_code == 401
    assert (await nobody.post("/ofrep/v1/evaluate/flags", json={})).status_code in (401, 403)
    samples = await house.program("samples")
    assert (await samples.get("/api/v1/flags/definitions")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {}, {"state": "off"}, {"state": "maybe", "reason": "x"}, {"state": "share", "share": "NaN", "reason": "x"},
        {"state": "share", "share": "2", "reason": "x"}, {"state": "share", "share": 0.1, "reason": "x"},
        {"state": "off", "reason": "x", "minutes": 0}, {"state": "off", "reason": "x", "more": 1},
        {"state": "off", "reason": "\u200b\u202e\u2060"}, {"state": "off", "reason": "..."},
    ],
)  # fmt: skip
async def test_bad_overrides_are_refused(house: House, body: dict[str, Any]) -> None:
    robot = await house.program("responder")
    assert (await robot.post("/api/v1/flags/theme/override", json=body)).status_code in (400, 422)
    assert await house.control.database.read(lambda unit: unit.overrides.all()) == ()


async def test_an_explanation_says_why(house: House) -> None:
    robot = await house.program("viewer")
    told = (await robot.post("/api/v1/flags/express/explain", json={"user": "bo"})).json()
    assert (told["value"], told["because"]) == (True, "user")
    told = (await robot.post("/api/v1/flags/express/explain?set=checkout", json={})).json()
    assert (told["value"], told["because"]) == (False, "unknown_user")
    assert (await robot.post("/api/v1/flags/nothing/explain", json={})).status_code == 404


async def test_ofrep_answers_as_its_protocol_says(house: House) -> None:
    robot = await house.program("viewer")
    url = "/ofrep/v1/evaluate/flags"
    one = await robot.post(f"{url}/express", json={"context": {"targetingKey": "ana"}})
    assert one.status_code == 200
    assert {key: one.json()[key] for key in ("key", "value", "variant", "reason")} == {
        "key": "express", "value": True, "variant": "on", "reason": "TARGETING_MATCH",
    }  # fmt: skip
    missing = await robot.post(f"{url}/nothing", json={"context": {}})
    assert (missing.status_code, missing.json()["errorCode"], missing.json()["key"]) == (
        404, "FLAG_NOT_FOUND", "nothing",
    )  # fmt: skip
    for sent in (
        b"{",
        b"[]",
        b'{"context": 3}',
        b'{"context": {"targetingKey": 3}}',
        b"\xff",
        b"[" * 5000,
        b'{"context": {"targetingKey": "' + b"x" * 1001 + b'"}}',
    ):
        wrong = await robot.post(f"{url}/express", content=sent)
        assert (wrong.status_code, wrong.json()["errorCode"]) == (400, "INVALID_CONTEXT"), sent[:40]
    every = await robot.post(url, json={"context": {"targetingKey": "ana"}})
    assert {flag["key"]: flag["value"] for flag in every.json()["flags"]}["limit"] == 20
    known = {"If-None-Match": every.headers["etag"]}
    assert (await robot.post(url, json={"context": {"targetingKey": "ana"}}, headers=known)).status_code == 304
    assert (await robot.post(url, json={"context": {"targetingKey": "bo"}}, headers=known)).status_code == 200
    assert (await robot.post(url, content=b"")).status_code == 200


async def test_the_stream_tells_each_change_and_ends_when_the_house_closes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = house.control.flags
    responder = await house.program("responder")
    async with aclosing(await board.stream("pagos", "")) as events:  # type: ignore[type-var]
        told: list[bytes] = [await anext(events), await anext(events)]
        assert board.streams == 1
        first = json.loads(told[1].partition(b"data: ")[2])
        assert set(first["flags"]) == {"express", "banner", "theme", "limit"}
        waiting = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await responder.post("/api/v1/flags/banner/override", json=OFF)
        changed = json.loads((await asyncio.wait_for(waiting, 5)).partition(b"data: ")[2])  # type: ignore[attr-defined]
        assert changed["flags"]["banner"]["metadata"]["override"] == "off"
        monkeypatch.setattr(flag_board, "KEEP_ALIVE_SECONDS", 0.01)
        assert await anext(events) == b": still here\n\n"
        board.close()
        assert [event async for event in events] in ([], [b": still here\n\n"])
    assert board.streams == 0
    with pytest.raises(Unavailable):
        await board.stream("pagos", "")


async def test_a_change_that_does_not_concern_a_service_is_not_told_to_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, responder = house.control.flags, await house.program("responder")
    monkeypatch.setattr(flag_board, "KEEP_ALIVE_SECONDS", 0.05)
    known = (await board.prepared("carrito")).etag
    async with aclosing(await board.stream("carrito", known)) as events:  # type: ignore[type-var]
        await anext(events)
        await responder.post("/api/v1/flags/banner/override", json=OFF)
        assert await anext(events) == b": still here\n\n"


async def test_streams_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_board, "STREAMS_MAX", 0)
    robot = await house.program("viewer")
    full = await robot.get("/api/v1/flags/stream")
    assert full.status_code == 503
    assert "retry-after" in full.headers


async def test_the_page_works_with_forms_alone(house: House) -> None:
    rita = await house.visitor("responder")
    page = await rita.get("/flags")
    assert page.status_code == 200
    assert "express" in page.text
    assert "Debió retirarse el 01/03/2026" in page.text
    form = {"flag": "checkout/express", "state": "share", "share": "12,5 %", "minutes": "60", "reason": "<b>con calma"}
    done = await rita.post("/flags/override", data=form, headers=SAME)
    assert (done.status_code, done.headers["location"]) == (303, "/flags?done=flag_set")
    page = await rita.get("/flags?lang=en")
    assert "For 12.500%" in page.text or "For 12.5%" in page.text
    assert "&lt;b&gt;con calma" in page.text
    asked = await rita.get("/flags", params={"flag": "checkout/express", "user": "ana", "lang": "en"})
    assert "because this user is named" in asked.text
    asked = await rita.get("/flags", params={"flag": "express", "user": "ana"})
    assert '<option value="checkout/express" selected>' in asked.text, "by its short name too"
    done = await rita.post("/flags/reset", data={"flag": "checkout/express", "reason": "listo"}, headers=SAME)
    assert done.status_code == 303
    for bad in ({"share": "nan"}, {"share": "200"}, {"minutes": "-1"}, {"state": "x"}):
        assert (await rita.post("/flags/override", data={**form, **bad}, headers=SAME)).status_code in (400, 422)


async def test_viewers_see_no_buttons_and_cannot_press_them(house: House) -> None:
    vera = await house.visitor("viewer")
    assert "/flags/override" not in (await vera.get("/flags")).text
    form = {"flag": "checkout/express", "state": "off", "reason": "x"}
    assert (await vera.post("/flags/override", data=form, headers=SAME)).status_code == 403


async def test_a_house_without_switches_says_so(house: House) -> None:
    from tests.delivery.flags import with_flags

    house.control.spec.current = with_flags(house.control.spec.current, {})
    vera = await house.visitor("viewer")
    assert "declares no flags" in (await vera.get("/flags?lang=en")).text
    assert (await (await house.program("viewer")).get("/api/v1/flags/definitions")).json()["flags"] == {}


def test_openfeature_s_own_client_understands_what_ofrep_says(sereno_server: tuple[str, str]) -> None:
    """The client of the protocol, over a real socket."""
    from openfeature.contrib.provider.ofrep import OFREPProvider
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.exception import FlagNotFoundError, OpenFeatureError, TypeMismatchError

    url, token = sereno_server
    provider = OFREPProvider(url, headers_factory=lambda: {"Authorization": f"Bearer {token}"})
    ana = EvaluationContext("ana", {"country": "PE"})
    found = provider.resolve_boolean_details("express", False, ana)
    assert (found.value, found.variant, str(found.reason)) == (True, "on", "TARGETING_MATCH")
    assert provider.resolve_integer_details("limit", 0, ana).value == 20
    assert provider.resolve_string_details("theme", "", EvaluationContext()).value == "light"
    with pytest.raises(FlagNotFoundError):
        provider.resolve_boolean_details("nothing", False, ana)
    with pytest.raises(TypeMismatchError):
        provider.resolve_boolean_details("theme", False, ana)
    stranger = OFREPProvider(url, headers_factory=lambda: {"Authorization": "Bearer sereno_api_no"})
    with pytest.raises(OpenFeatureError, match="unauthorized"):
        stranger.resolve_boolean_details("express", False, ana)
    assert httpx.get(f"{url}/health/live").status_code == 200
