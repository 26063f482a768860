"""Kits in the console and the API, with replicas that answer well, badly, or not at all."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.http.conftest import SAME, House
from tests.http.kit_replicas import TOKEN, VARIABLE, at, free_port, view
from tests.peers.http_peer import HttpPeer, Reply, Request, http_peer

from sereno.adapters import kit_admin
from sereno.adapters.kit_admin import KitAdmins, Order
from sereno.adapters.kit_view import Trouble

METADATA = "http://169.254.169.254/latest/meta-data/"
Hirer = Callable[..., Any]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)


@pytest.fixture
async def hire() -> AsyncIterator[Hirer]:
    """Peers at `/-/kit` that behave as told: `await hire(Reply(…))`."""
    async with AsyncExitStack() as stack:

        async def one(reply: Reply | Callable[[Request], Reply] | None = None) -> HttpPeer:
            return await stack.enter_async_context(http_peer(reply or calm))

        yield one


def calm(request: Request) -> Reply:
    """A replica that shows itself and obeys."""
    if request.method == "GET":
        return said(view())
    state = {"force_open": "forced_open", "force_closed": "forced_closed"}.get(request.path.rpartition("/")[2])
    told = view()["pipelines"][0]
    told["policies"][2]["view"]["state"] = state or "closed"
    return said({"version": 1, "pipeline": told})


def said(what: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(what).encode(), {"Content-Type": "application/json"})


def address(peer: HttpPeer) -> str:
    return f"http://127.0.0.1:{peer.port}/-/kit"


FORM = {"service": "pagos", "kind": "pipeline", "target": "banco", "verb": "force_open", "part": "circuit_breaker"}
BODY = {"target": "banco", "command": "force_open", "reason": "the bank is down"}


async def test_what_a_replica_says_is_shown(house: House, hire: Hirer) -> None:
    peer = await hire()
    at(house.control, [address(peer)])
    page = (await (await house.visitor("viewer")).get("/kits?lang=en")).text
    for told in ("banco", "closed", "5.0%", "3 / 10", "1 queued", "7.5", "recomendaciones", "enabled", "4 from flags.json",
                 "INFO", "1.4.2 · prod · host-1:17", "1 of 1 replicas answer"):  # fmt: skip
        assert told in page, told
    assert "/kits/confirm" not in page  # viewers look
    asked = peer.requests[0]
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("GET", "/-/kit/", f"Bearer {TOKEN}")
    service = (await (await house.visitor("viewer")).get("/services/pagos")).text
    assert 'href="/kits?service=pagos"' in service


async def test_a_replica_that_does_not_answer_is_unknown_and_never_closed(house: House, hire: Hirer) -> None:
    peer = await hire()
    dead = f"http://127.0.0.1:{free_port()}/-/kit"
    at(house.control, [address(peer), dead])
    robot = await house.program("viewer")
    found = (await robot.get("/api/v1/kits/pagos")).json()
    assert [one["state"] for one in found["replicas"]] == ["answers", "unknown"]
    assert found["replicas"][1]["view"] is None
    assert "cannot be reached" in found["replicas"][1]["trouble"]
    page = (await (await house.visitor("viewer")).get("/kits?lang=en")).text
    assert "1 of 2 replicas answer" in page
    dead_row = page.partition("</thead>")[2].partition(dead.removeprefix("http://").removesuffix("/-/kit"))[2]
    assert dead_row.partition("</tr>")[0].count("unknown") >= 4
    assert "closed" not in dead_row.partition("</tr>")[0]


HOSTILE = {
    "huge": Reply(200, json.dumps(view()).encode() + b" " * 600_000),
    "deep": Reply(200, b"[" * 200_000),
    "not JSON": Reply(200, b"<html>hello"),
    "another version": said(view(version=2)),
    "no version": said({"pipelines": [], "features": []}),
    "no pipelines": said({"version": 1}),
    "a list": said([1]),
    "redirect": Reply(302, b"", {"Location": METADATA}),
    "refused": said({"title": "the token is missing or wrong"}, 401),
    "not there": Reply(404, b""),
    "broken": Reply(500, b"oh"),
    "packed": Reply(200, b"\x1f\x8b" + bytes(64), {"Content-Encoding": "gzip"}),
    "reset": Reply(kind="reset"),
    "garbage": Reply(kind="garbage"),
    "hang": Reply(kind="hang"),
    "never ending": Reply(kind="drip", body=b'{"version": 1, "x": "'),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_replica_does_it_is_unknown_and_the_others_are_seen(
    house: House, hire: Hirer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await hire(), await hire(HOSTILE[name])
    house.control.__dict__["kits"] = KitAdmins(seconds=0.6)
    at(house.control, [address(bad), address(good)])
    robot = await house.program("responder")
    found = (await robot.get("/api/v1/kits")).json()[0]["replicas"]
    assert [one["state"] for one in found] == ["unknown", "answers"], found
    assert found[0]["trouble"]
    told = (await robot.post("/api/v1/kits/pagos/override", json=BODY)).json()
    assert (told["obeyed"], told["asked"]) == (1, 2)
    outcome = {"refused": "refused", "not there": "refused"}.get(name, "unknown")
    assert [one["outcome"] for one in told["replicas"]] == [outcome, "obeyed"], told
    assert told["replicas"][1]["state"] == "forced_open"
    assert all("169.254" not in request.path for request in good.requests)


async def test_a_command_reaches_all_and_is_audited_before_and_after(house: House, hire: Hirer) -> None:
    one, two = await hire(), await hire()
    dead = f"http://127.0.0.1:{free_port()}/-/kit"
    at(house.control, [address(one), address(two), dead])
    rita = await house.visitor("responder")
    asked = (await rita.get("/kits/confirm", params={**FORM, "lang": "en"})).text
    await rita.get("/kits?lang=es")
    assert "Calls through banco will be rejected at once" in asked
    assert 'value="30"' in asked
    assert one.requests[-1].method == "GET"  # asking changes nothing
    form = {**FORM, "reason": "  se cayó\n el banco ", "minutes": "15"}
    done = await rita.post("/kits/override", data=form, headers=SAME)
    assert done.status_code == 200
    assert "Obedecieron 2 de 3" in done.text
    assert "no se llegó" in done.text
    for peer in (one, two):
        sent = peer.requests[-1]
        assert (sent.method, sent.path) == ("POST", "/-/kit/pipelines/banco/circuit_breaker/force_open")
        assert sent.headers["x-operator"] == "rita"
        assert json.loads(sent.body) == {"reason": "se cayó el banco", "seconds": 900.0}
    after, before = await house.control.database.read(lambda unit: unit.audit.recent(2))
    assert (before.actor, before.action, before.object) == ("rita", "kit.command", "pagos/pipeline/banco")
    assert before.details == {
        "command": "force_open", "reason": "se cayó el banco", "replicas": [address(one), address(two), dead],
        "policy": "circuit_breaker", "minutes": 15,
    }  # fmt: skip
    assert (after.actor, after.action, after.object) == ("rita", "kit.outcome", "pagos/pipeline/banco")
    assert after.details["command"] == "force_open"
    assert after.details[address(one)] == "obeyed"
    assert after.details[dead].startswith("unreached: ")
    assert TOKEN not in str(before) + str(after)


@pytest.mark.parametrize(
    ("state", "verb", "outcome"),
    [
        ("forced_open", "force_open", "obeyed"), ("closed", "force_open", "unknown"), ("open", "force_open", "unknown"),
        ("forced_closed", "force_closed", "obeyed"), ("forced_open", "reset", "unknown"), ("open", "reset", "obeyed"),
        ("forced_open", "isolate", "obeyed"), ("molten", "force_open", "unknown"),
    ],
)  # fmt: skip
async def test_whoever_says_yes_and_does_not_is_not_believed(
    house: House, hire: Hirer, state: str, verb: str, outcome: str
) -> None:
    told = view()["pipelines"][0]
    told["policies"][2]["view"]["state"] = state
    peer = await hire(said({"version": 1, "pipeline": told}))
    at(house.control, [address(peer)])
    robot = await house.program("responder")
    found = (await robot.post("/api/v1/kits/pagos/override", json=BODY | {"command": verb})).json()
    assert found["replicas"][0]["outcome"] == outcome, found
    told["name"] = "another"
    peer.reply = said({"version": 1, "pipeline": told})
    found = (await robot.post("/api/v1/kits/pagos/override", json=BODY | {"command": verb})).json()
    assert found["replicas"][0]["outcome"] == "unknown"


async def test_one_replica_can_be_told_alone(house: House, hire: Hirer) -> None:
    one, two = await hire(), await hire()
    at(house.control, [address(one), address(two)])
    rita = await house.visitor("responder")
    done = await rita.post(
        "/kits/override", data={**FORM, "reason": "x", "replica": address(two), "verb": "reset"}, headers=SAME
    )
    assert "Obedecieron todas (1 de 1)" in done.text
    assert one.requests == []
    assert [request.path for request in two.requests] == ["/-/kit/pipelines/banco/circuit_breaker/reset"]
    elsewhere = {**FORM, "reason": "x", "replica": "http://127.0.0.1:1/-/kit"}
    assert (await rita.post("/kits/override", data=elsewhere, headers=SAME)).status_code == 404


async def test_a_feature_is_switched(house: House, hire: Hirer) -> None:
    feature = {"name": "recomendaciones", "state": "degraded", "override": {"by": "x", "reason": "slow"}}
    peer = await hire(lambda request: said({"version": 1, "feature": feature}))
    at(house.control, [address(peer)])
    robot = await house.program("responder")
    body = {"kind": "feature", "target": "recomendaciones", "command": "degraded", "reason": "slow", "minutes": 1}
    told = (await robot.post("/api/v1/kits/pagos/override", json=body)).json()
    assert told["replicas"][0] == {"address": address(peer), "outcome": "obeyed", "said": "", "state": "degraded"}
    assert peer.requests[0].path == "/-/kit/features/recomendaciones/degraded"


@pytest.mark.parametrize(
    "change",
    [
        {"reason": " "}, {"reason": "x" * 201}, {"command": "shutdown"}, {"command": "degraded"}, {"target": ".."},
        {"target": "a/../b"}, {"target": "a\nb"}, {"target": ""}, {"policy": "../x"}, {"minutes": 0},
        {"minutes": 10_081}, {"command": "reset", "minutes": 5}, {"more": 1}, {"minutes": "5"},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_not_sent(house: House, hire: Hirer, change: dict[str, Any]) -> None:
    peer = await hire()
    at(house.control, [address(peer)])
    robot = await house.program("responder")
    answer = await robot.post("/api/v1/kits/pagos/override", json=BODY | change)
    assert answer.status_code in (400, 422)
    assert peer.requests == []
    assert ("robot-responder", "kit.command") not in await house.deeds()


async def test_viewers_look_and_other_sites_do_nothing(house: House, hire: Hirer) -> None:
    peer = await hire()
    at(house.control, [address(peer)])
    viewer, rita, nobody = await house.program("viewer"), await house.visitor("responder"), await house.visitor()
    assert (await viewer.post("/api/v1/kits/pagos/override", json=BODY)).status_code == 403
    assert (await (await house.visitor("viewer")).post("/kits/override", data=FORM, headers=SAME)).status_code == 403
    assert (await nobody.get("/api/v1/kits", headers={"accept": "*/*"})).status_code == 401
    form = {**FORM, "reason": "x"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        assert (await rita.post("/kits/override", data=form, headers=headers)).status_code == 403
    assert peer.requests == []
    for path in ("/kits?service=nothing", "/kits?service=carrito", "/api/v1/kits/carrito"):
        assert (await rita.get(path)).status_code == 404
    wrong = await rita.get("/kits/confirm", params={**FORM, "verb": "shutdown"})
    assert wrong.status_code == 400


async def test_hostile_names_stay_words(house: House, hire: Hirer) -> None:
    evil = '<img src=x onerror=alert(1)>"&\u202e'
    policies = [
        {"kind": "circuit_breaker", "view": {"state": evil, "failure_ratio": 1e308, "calls": -1},
         "commands": ["reset", evil]},
        {"kind": evil, "view": {"in_use": 10**400, "queued": True, "limit": "NaN"}, "commands": 7},
    ]  # fmt: skip
    told = view(
        service=evil, instance=evil * 99, scope=evil, log_level=evil, flags={"source": evil, "error": evil},
        pipelines=[{"name": evil, "policies": policies}, {"name": 7}, None, {"name": "x", "policies": [None, 3]}],
        features=[{"name": evil, "state": evil, "override": {"by": evil, "reason": evil, "seconds_left": -5}}, 3],
        chaos="x",
    )  # fmt: skip
    peer = await hire(said(told))
    at(house.control, [address(peer)])
    rita = await house.visitor("responder")
    for path in ("/kits", "/kits?lang=en"):
        page = await rita.get(path)
        assert page.status_code == 200
        assert "<img" not in page.text
        assert "\u202e" not in page.text
    assert "says it is &lt;img" in page.text
    asked = await rita.get("/kits/confirm", params={**FORM, "target": evil})
    assert "<img" not in asked.text
    found = (await (await house.program("viewer")).get("/api/v1/kits")).json()[0]["replicas"][0]["view"]
    assert found["pipelines"][0]["policies"][0]["state"] is None
    assert found["pipelines"][0]["policies"][0]["failure_ratio"] is None
    assert found["pipelines"][0]["policies"][1]["in_use"] is None
    assert found["features"][0]["state"] is None


async def test_a_breaker_without_a_state_we_know_is_unknown(house: House, hire: Hirer) -> None:
    told = view()
    told["pipelines"][0]["policies"][2]["view"] = {"state": "molten"}
    peer = await hire(said(told))
    at(house.control, [address(peer)])
    page = (await (await house.visitor("viewer")).get("/kits?lang=en")).text
    row = page.partition(f"127.0.0.1:{peer.port}")[2].partition("</tr>")[0]
    assert "state-unknown" in row
    assert "state-check" not in row


async def test_without_the_token_nobody_is_asked(house: House, hire: Hirer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    peer = await hire()
    at(house.control, [address(peer)])
    robot = await house.program("responder")
    found = (await robot.get("/api/v1/kits/pagos")).json()["replicas"][0]
    assert found["trouble"] == f"Sereno has no token for it: {VARIABLE} is not set"
    told = (await robot.post("/api/v1/kits/pagos/override", json=BODY)).json()["replicas"][0]
    assert told["outcome"] == "unreached"
    assert peer.requests == []


async def test_nothing_is_sent_that_cannot_be_audited(
    house: House, hire: Hirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sereno.kernel.errors import Unavailable

    peer = await hire()
    at(house.control, [address(peer)])
    robot = await house.program("responder")

    async def full(*_: Any, **__: Any) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr("sereno.app.kits._note", full)
    assert (await robot.post("/api/v1/kits/pagos/override", json=BODY)).status_code == 503
    assert peer.requests == []


async def test_names_go_as_one_word_of_the_path(hire: Hirer) -> None:
    peer = await hire()
    admins = KitAdmins()
    order = Order(("pipelines", "a/b ?#%2e", "0", "reset"), "ana", "x")
    assert (await admins.command(address(peer), TOKEN, order)).outcome == "obeyed"
    assert peer.requests[0].path == "/-/kit/pipelines/a%2Fb%20%3F%23%252e/0/reset"
    for wrong in ("..", "a/..", "."):
        with pytest.raises(ValueError, match="no such name"):
            await admins.command(address(peer), TOKEN, Order(("pipelines", wrong, "0", "reset"), "ana", "x"))
    await admins.aclose()


@pytest.mark.parametrize("evil", ["two\nlines", "ñandú", ""])
async def test_a_token_that_no_header_takes_is_trouble_not_an_error(hire: Hirer, evil: str) -> None:
    peer = await hire()
    look = await KitAdmins().look(address(peer), evil)
    assert look.view is None or evil == ""


@pytest.mark.parametrize(
    ("url", "resolved", "reached"),
    [
        ("http://kit.test:{port}/-/kit", "127.0.0.1", True),
        ("http://kit.test:{port}/-/kit", "8.8.8.8", False),  # the token would be read by all
        ("http://kit.test:{port}/-/kit", "169.254.169.254", False),
        ("http://kit.test:{port}/-/kit", "fd00:ec2::254", False),
        ("https://kit.test:{port}/-/kit", "169.254.169.254", False),
    ],
)
async def test_where_a_name_leads_decides(hire: Hirer, url: str, resolved: str, reached: bool) -> None:
    peer = await hire()

    async def resolve(host: str, port: int) -> list[str]:
        return [resolved]

    look = await KitAdmins(resolve=resolve, seconds=2).look(url.format(port=peer.port), TOKEN)
    assert (look.view is not None) is reached
    assert reached or look.trouble == Trouble("policy")


async def test_many_replicas_are_asked_side_by_side_and_the_slow_do_not_hold_up_the_rest(
    house: House, hire: Hirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sereno.app.kits.LOOK_SECONDS_MAX", 1.0)
    monkeypatch.setattr(kit_admin, "AT_ONCE", 4)
    house.control.__dict__["kits"] = KitAdmins(seconds=0.5)
    good = [await hire() for _ in range(3)]
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]  # they take the call and say nothing
    try:
        hung = [f"http://127.0.0.1:{one.getsockname()[1]}/-/kit" for one in listening]
        at(house.control, [*map(address, good), *hung])
        found = (await (await house.program("viewer")).get("/api/v1/kits")).json()[0]["replicas"]
    finally:
        for one in listening:
            one.close()
    assert [one["state"] for one in found] == ["answers"] * 3 + ["unknown"] * 12
    assert {one["trouble"] for one in found[3:]} == {"no complete answer within 0.5 s", "no answer in time"}
