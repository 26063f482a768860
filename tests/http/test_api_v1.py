"""The API as programs use it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from tests.http.conftest import Furnisher, House


async def test_budgets_travel_exactly(house: House) -> None:
    program = await house.program("viewer")
    told = {(b["service"], b["slo"]): b for b in (await program.get("/api/v1/budgets")).json()}
    assert len(told) == 5
    for key, budget in house.control.budgets.items():
        out = told[key]
        for name in ("objective", "total", "bad", "sli", "consumed", "remaining", "coverage", "burn_rate"):
            value = getattr(budget, name)
            assert out[name] is None if value is None else (isinstance(out[name], str) and Decimal(out[name]) == value)
        assert datetime.fromisoformat(out["at"]) == budget.at
    assert Decimal(told["pagos", "disponibilidad"]["remaining"]) < 0  # overspent is told as it is


async def test_unknown_travels_as_null_and_not_as_zero(house_of: Furnisher) -> None:
    program = await (await house_of("unknown")).program("viewer")
    cart = (await program.get("/api/v1/services/carrito")).json()["slos"][0]["budget"]
    assert cart["state"] == "unknown"
    assert [cart[name] for name in ("total", "bad", "sli", "consumed", "remaining")] == [None] * 5
    targets = {t["job"]: t for t in (await program.get("/api/v1/targets")).json()}
    assert (targets["carrito"]["health"], targets["carrito"]["error"]) == ("down", "connection refused")


async def test_a_responder_answers_a_page_and_the_second_hears_who_was_first(house: House) -> None:
    program = await house.program("responder")
    page = (await program.get("/api/v1/pages/pg_01open")).json()
    assert (page["state"], page["paged"]) == ("open", ["ana", "juan"])
    assert [message["state"] for message in page["messages"]] == ["sent", "failed", "pending"]
    assert "@" not in str(page["messages"])  # addresses are nobody's business here
    taken = await program.post("/api/v1/pages/pg_01open/acknowledge")
    assert (taken.json()["state"], taken.json()["acknowledged_by"]) == ("acknowledged", "robot-responder")
    again = await program.post("/api/v1/pages/pg_01open/acknowledge")
    assert again.status_code == 409
    assert "robot-responder" in again.json()["error"]["message"]
    closed = await program.post("/api/v1/pages/pg_01open/close")
    assert closed.json()["state"] == "closed"
    deeds = await house.deeds()
    assert deeds.count(("robot-responder", "page.acknowledge")) == 1  # what failed left no line
    assert ("robot-responder", "page.close") in deeds


async def test_an_incident_from_declaration_to_resolution(house: House) -> None:
    program = await house.program("responder")
    asked = {"service": "carrito", "severity": "P2", "title": "El carrito se vacía solo"}
    made = await program.post("/api/v1/incidents", json=asked)
    assert made.status_code == 201
    incident = made.json()
    path = f"/api/v1/incidents/{incident['id']}"
    assert (incident["title"], incident["phase"], incident["automatic"]) == (asked["title"], "detected", False)
    noted = await program.post(path + "/notes", json={"text": "Reinicio redis"})
    assert noted.json()["timeline"][-1]["line"].endswith("Reinicio redis")
    told = await program.post(path + "/notes", json={"text": "Lo estamos mirando", "public": True})
    assert told.json()["timeline"][-1]["public"] is True
    assert (await program.post(path + "/phase", json={"phase": "mitigated"})).json()["phase"] == "mitigated"
    roles = await program.post(path + "/roles", json={"role": "commander", "person": "ana"})
    assert roles.json()["roles"] == {"commander": "ana"}
    assert (await program.post(path + "/severity", json={"severity": "P3"})).json()["severity"] == "P3"
    done = await program.post(path + "/resolve")
    assert done.json()["resolved_by"] == "robot-responder"
    assert (await program.post(path + "/resolve")).status_code == 409
    by_number = await program.get(f"/api/v1/incidents/{incident['number']}")
    assert by_number.json()["id"] == incident["id"]
    assert (await program.get("/api/v1/incidents?limit=1")).json()[0]["id"] == incident["id"]
    actions = [action for actor, action in await house.deeds() if actor == "robot-responder"]
    assert [a.partition(".")[2] for a in actions] == ["declare", "note", "note", "phase", "role", "severity", "resolve"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("phase", {"phase": "asleep"}),
        ("roles", {"role": "king", "person": "ana"}),
        ("roles", {"role": "scribe"}),
        ("notes", {"text": ""}),
        ("notes", {"text": "x", "public": "yes"}),
        ("severity", {}),
    ],
)
async def test_what_makes_no_sense_is_refused(house: House, path: str, body: dict[str, object]) -> None:
    answer = await (await house.program("responder")).post(f"/api/v1/incidents/12/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"


@pytest.mark.parametrize("path", ["services/x", "pages/x", "incidents/x", "incidents/x/postmortem"])
async def test_what_is_not_there(house: House, path: str) -> None:
    answer = await (await house.program("viewer")).get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_the_postmortem_is_markdown_in_the_language_asked_for(house: House) -> None:
    program = await house.program("viewer")
    spanish = await program.get("/api/v1/incidents/12/postmortem")
    english = await program.get("/api/v1/incidents/12/postmortem?language=en")
    assert spanish.headers["content-type"].startswith("text/markdown")
    assert "Cronología" in spanish.text
    assert "Timeline" in english.text
    assert (await program.get("/api/v1/incidents/12/postmortem?language=fr")).status_code == 422


async def test_who_is_on_call_now_and_next(house: House) -> None:
    found = (await (await house.program("viewer")).get("/api/v1/oncall?weeks=2")).json()
    assert [schedule["name"] for schedule in found] == ["tienda"]
    now = found[0]["now"]
    assert set(now) == {"primary", "secondary", "backup"}
    current = [s for s in found[0]["shifts"] if datetime.fromisoformat(s["starts_at"]) <= house.control.clock.now()]
    assert {s["role"]: s["person"] for s in current} == now


async def test_alerts_with_labels_and_values_that_json_can_carry(house: House) -> None:
    program = await house.program("viewer")
    found = (await program.get("/api/v1/alerts")).json()
    assert [(a["alert"], a["state"]) for a in found if a["state"] != "pending"] == [
        ("PagosCaidos", "firing"), ("PagosDisponibilidadBurn1h", "firing"), ("CatalogoLento", "resolved"),
    ]  # fmt: skip
    assert found[0]["labels"]["alertname"] == "PagosCaidos"
    assert float(found[0]["value"]) == 0.6199871
    assert len((await program.get("/api/v1/alerts?limit=2")).json()) == 2


async def test_a_broken_spec_is_told_with_every_mistake(house_of: Furnisher) -> None:
    program = await (await house_of("broken")).program("viewer")
    told = (await program.get("/api/v1/spec")).json()
    assert told["good"] is False
    assert [(d["code"], d["file"], d["line"], d["column"]) for d in told["diagnostics"]] == [
        ("SER014", "reliability/tienda.yaml", 12, 16), ("SER021", "reliability/equipo.yaml", 31, 15),
    ]  # fmt: skip


async def test_the_audit_log_is_for_administrators(house: House) -> None:
    admin = await house.program("admin")
    await admin.post("/api/v1/pages/pg_01open/acknowledge")
    deed = (await admin.get("/api/v1/audit?limit=1")).json()[0]
    assert (deed["actor"], deed["action"], deed["object"]) == ("robot-admin", "page.acknowledge", "pg_01open")


async def test_the_api_describes_itself_and_shows_no_docs_page(house: House) -> None:
    anyone = await house.visitor()
    described = (await anyone.get("/api/v1/openapi.json")).json()
    assert all(path.startswith("/api/v1/") for path in described["paths"] if not path.startswith("/status"))
    assert "/api/v1/pages/{page_id}/acknowledge" in described["paths"]
    remaining = described["components"]["schemas"]["BudgetOut"]["properties"]["remaining"]
    assert {"type": "string"} in remaining["anyOf"]
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await anyone.get(path)).status_code == 404


async def test_health_and_metrics(house: House) -> None:
    anyone = await house.visitor()
    assert (await anyone.get("/health/live")).json() == {"live": True}
    assert (await anyone.get("/health/ready")).json() == {"ready": True}
    house.control.metrics.spec_good.set(1)
    metrics = await anyone.get("/metrics")
    assert "sereno_spec_good 1.0" in metrics.text
    house.control.database.close()
    unwell = await anyone.get("/health/ready")
    assert (unwell.status_code, unwell.json()["ready"]) == (503, False)
    assert (await anyone.get("/health/live")).status_code == 200
