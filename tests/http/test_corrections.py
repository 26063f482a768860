"""Corrections to budgets over HTTP: what they change at once, who may, and what stays written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.http.conftest import SAME, House
from tests.http.shop import NOW

PATH = "/api/v1/budgets/pagos/corrections"


def body(**more: object) -> dict[str, object]:
    start, end = NOW - timedelta(minutes=26), NOW - timedelta(minutes=2)
    return {"start": start.isoformat(), "end": end.isoformat(), "reason": "la red de tarjetas cayó", **more}


async def left(program: object, service: str = "pagos") -> dict[str, Decimal]:
    told = (await program.get("/api/v1/budgets")).json()  # type: ignore[attr-defined]
    return {one["slo"]: Decimal(one["remaining"]) for one in told if one["service"] == service}


async def test_a_correction_changes_the_budget_at_once_and_says_by_how_much(house: House) -> None:
    admin = await house.program("admin")
    before = await left(admin)
    made = (await admin.post(PATH, json=body(slo="disponibilidad"))).json()
    after = await left(admin)
    assert (made["service"], made["slo"], made["author"]) == ("pagos", "disponibilidad", "robot-admin")
    (effect,) = made["effects"]
    assert effect["slo"] == "disponibilidad"
    assert Decimal(effect["after"]) == after["disponibilidad"] > Decimal(effect["before"])
    assert after["latencia"] == before["latencia"]
    assert ("robot-admin", "budget.correct") in await house.deeds()
    listed = (await (await house.program("viewer")).get("/api/v1/budgets/corrections?service=pagos")).json()
    assert listed == [made]
    assert (await admin.get("/api/v1/budgets/corrections?service=carrito")).json() == []


async def test_without_an_objective_it_is_of_all_of_the_service(house: House) -> None:
    admin = await house.program("admin")
    made = (await admin.post(PATH, json=body())).json()
    assert made["slo"] is None
    assert [one["slo"] for one in made["effects"]] == ["disponibilidad", "latencia"]


async def test_withdrawn_it_counts_no_more_and_stays_to_be_seen(house: House) -> None:
    admin = await house.program("admin")
    made = (await admin.post(PATH, json=body(slo="disponibilidad"))).json()
    path = f"/api/v1/budgets/corrections/{made['id']}/withdraw"
    undone = (await admin.post(path, json={"reason": "era otro día"})).json()
    assert (undone["withdrawn_by"], undone["withdrawn_why"]) == ("robot-admin", "era otro día")
    assert (await left(admin))["disponibilidad"] == Decimal(made["effects"][0]["before"])
    assert (await admin.post(path, json={"reason": "otra vez"})).status_code == 409
    assert (await admin.get("/api/v1/budgets/corrections")).json() == [undone]
    assert ("robot-admin", "budget.withdraw") in await house.deeds()


async def test_what_is_no_correction_is_refused_in_words_and_leaves_nothing(house: House) -> None:
    admin = await house.program("admin")
    ahead, long_ago = NOW + timedelta(minutes=1), NOW - timedelta(days=200)
    refused = {
        "a correction is about the past": body(end=ahead.isoformat()),
        "ends after it starts": body(end=(NOW - timedelta(hours=5)).isoformat()),
        "92 days": body(start=long_ago.isoformat()),
        "of which zone": body(start="2026-03-18T02:00:00"),
        "needs a reason": body(reason="   "),
    }
    for said, asked in refused.items():
        answer = await admin.post(PATH, json=asked)
        assert answer.status_code == 400, said
        assert said in answer.json()["error"]["message"]
    assert (await admin.post(PATH, json=body(slo="nada"))).status_code == 404
    assert (await admin.post(PATH.replace("pagos", "nada"), json=body())).status_code == 404
    assert (await admin.post(PATH, json={**body(), "more": 1})).status_code == 422
    assert (await admin.post(PATH, json=body(start="ayer"))).status_code == 422
    assert (await admin.get("/api/v1/budgets/corrections")).json() == []
    assert not [deed for deed in await house.deeds() if deed[1].startswith("budget")]


async def test_only_an_admin_may(house: House) -> None:
    for role in ("viewer", "responder"):
        assert (await (await house.program(role)).post(PATH, json=body())).status_code == 403


async def test_the_sum_behind_the_date_and_the_trend_travel(house: House) -> None:
    program = await house.program("viewer")
    told = {(one["service"], one["slo"]): one for one in (await program.get("/api/v1/budgets")).json()}
    overspent = told["pagos", "disponibilidad"]
    assert overspent["exhaustion"].startswith(("ya está agotado, por", "it is gone already, by"))
    assert (overspent["counts"], overspent["policy"], overspent["parts"]) == ("events", None, [])
    trend = (await program.get("/api/v1/budgets/pagos/disponibilidad/trend")).json()
    assert len(trend["times"]) == len(trend["remaining"]) == 120
    assert trend["remaining"][0] == "1"
    assert (await program.get("/api/v1/budgets/pagos/nada/trend")).status_code == 404


async def test_the_console_shows_the_sum_and_lets_an_admin_correct(house: House) -> None:
    admin = await house.visitor("admin")
    page = (await admin.get("/services/pagos")).text
    assert "Cuándo se agota" in page
    assert "Corregir un tramo" in page
    form = {"slo": "disponibilidad", "start": "2026-03-17T21:15", "end": "2026-03-17T21:39", "reason": "<b>red</b>"}
    answer = await admin.post("/budgets/pagos/corrections", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/services/pagos?done=corrected")
    page = (await admin.get("/services/pagos")).text
    assert "&lt;b&gt;red&lt;/b&gt;" in page
    assert "17/03/2026 21:15 -05" in page
    (entry,) = (await (await house.program("viewer")).get("/api/v1/budgets/corrections")).json()
    assert entry["start"] == "2026-03-18T02:15:00Z"  # as the team's clocks in Lima say
    undone = await admin.post(f"/budgets/corrections/{entry['id']}/withdraw", data={"reason": "no era"}, headers=SAME)
    assert undone.headers["location"] == "/services/pagos?done=withdrawn"
    assert "retirada por alba: no era" in (await admin.get("/services/pagos")).text
    assert (
        await admin.post("/budgets/pagos/corrections", data={**form, "start": "ayer"}, headers=SAME)
    ).status_code == 400
    assert "Corregir un tramo" not in (await (await house.visitor("responder")).get("/services/pagos")).text
