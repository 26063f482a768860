"""Every route asked by everyone, and every change with its line in the audit log: both or neither."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.http.conftest import SAME, Furnisher, House

from sereno.adapters.sql.audit import SqlAudit
from sereno.app.control import Control
from sereno.app.http import every_route, is_open
from sereno.app.http.auth import ROLES, guard_of

CALLERS = ("nobody", *ROLES)
LEADS = {
    "page_id": "pg_01open",
    "incident_id": "in_01live",
    "name": "pagos",
    "token": "x",
    "service": "pagos",
    "slo": "disponibilidad",
    "correction_id": "co_01none",
    "page": "publica",
    "document": "status",
    "state": "firing",
    "flag": "theme",
    "key": "theme",
}


def guarded(house: House) -> list[tuple[str, str, str]]:
    """Method, address and guard of every route that has one."""
    found = []
    for route in every_route(house.app.routes):
        if isinstance(route, APIRoute) and not is_open(route):
            path = re.sub(r"{(\w+)[^}]*}", lambda m: LEADS[m[1]], route.path)
            found += [(method, path, str(guard_of(route))) for method in sorted(route.methods)]
    return sorted(found)


def let_in(caller: str, guard: str) -> bool:
    if guard == "samples":  # beside the ladder: programs with that role, and administrators
        return caller == "admin"
    return guard == "public" or (caller != "nobody" and ROLES.index(caller) >= ROLES.index(guard))  # type: ignore[arg-type]


async def dump(control: Control) -> dict[str, list[Any]]:
    """Everything that the state holds, but for when a session was last used."""
    import sqlalchemy as sa

    from sereno.adapters.sql.tables import metadata

    def read(unit: Any) -> dict[str, list[Any]]:
        return {
            table.name: [tuple(row) for row in unit.connection.execute(sa.select(table))]
            for table in metadata.sorted_tables
            if table.name not in ("session", "throttle")
        }

    return await control.database.read(read)


@pytest.mark.parametrize("means", ["session", "token"])
@pytest.mark.parametrize("caller", CALLERS)
async def test_the_whole_matrix(house: House, caller: str, means: str) -> None:
    """Below a route's role: 401 or 403 and nothing changed. At it or above: never either of them."""
    if caller == "nobody":
        client = await house.visitor(headers={"accept": "application/json"})
    else:
        client = await (
            house.visitor(caller, headers={"accept": "application/json"})
            if means == "session"
            else house.program(caller)
        )
    client.headers.update(SAME)
    routes = guarded(house)
    assert len(routes) > 40
    before = await dump(house.control)
    for method, path, guard in routes:
        if not let_in(caller, guard):
            answer = await client.request(method, path, json={})
            assert answer.status_code == (401 if caller == "nobody" else 403), (method, path)
            prometheus = path.startswith("/prometheus/")  # in the shape that its clients know
            assert list(answer.json()) == (["status", "errorType", "error"] if prometheus else ["error"])
    assert await dump(house.control) == before
    for method, path, guard in routes:
        if let_in(caller, guard) and path != "/sign-out":
            answer = await client.request(method, path, json={})
            assert answer.status_code not in ((401, 403) if path not in ("/ack/x", "/sign-in") else ()), (method, path)
            assert answer.status_code < 500


async def test_no_write_of_the_whole_house_can_be_sent_from_another_site(house: House) -> None:
    browser = await house.visitor("admin")
    before = await dump(house.control)
    for method, path, _ in guarded(house):
        if method in ("GET", "HEAD") or path.startswith("/ack/"):
            continue
        for headers in (
            {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": ""},
            {"origin": "http://evil.example"}, {"origin": "null"}, {},
            {"sec-fetch-site": "cross-site", "origin": "http://sereno.test"},
            {"origin": "http://sereno.test@evil.example"}, {"authorization": "Basic YQ=="}, {"authorization": "Bearerx"},
        ):  # fmt: skip
            answer = await browser.request(method, path, headers=headers, data={"text": "x", "service": "pagos"})
            # Grafana and Prometheus send a password by Basic: it alone is judged there, and no cookie is read.
            basic = headers.get("authorization") == "Basic YQ==" and path.startswith("/prometheus/")
            assert answer.status_code == (401 if basic else 403), (method, path, headers)
    assert await dump(house.control) == before


async def test_a_cookie_gives_nothing_to_a_request_with_a_forged_bearer(house: House) -> None:
    """The exemption for bearer tokens must not carry a cookie past the check of origins."""
    browser = await house.visitor("admin")
    before = await dump(house.control)
    for method, path, guard in guarded(house):
        if guard != "public" and method == "POST":
            headers = {
                "authorization": "Bearer sereno_api_forged",
                "sec-fetch-site": "cross-site",
                "accept": "application/json",
            }
            assert (await browser.request(method, path, headers=headers)).status_code == 401, path
    assert await dump(house.control) == before


async def test_methods_nobody_declared_do_nothing(house: House) -> None:
    program = await house.program("admin")
    declared: dict[str, set[str]] = {}
    for method, path, _ in guarded(house):
        declared.setdefault(path, set()).add(method)
    before = await dump(house.control)
    for path, methods in declared.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
            headers = {"x-http-method-override": "POST", "x-method-override": "POST"}
            assert (await program.request(method, path, headers=headers)).status_code == 405, (method, path)
    assert await dump(house.control) == before


ADMINS = ("budget.correct",)
"""Deeds that a responder may not do."""
WRITES: list[tuple[str, dict[str, object], str]] = [
    ("/api/v1/pages/pg_01open/acknowledge", {}, "page.acknowledge"),
    ("/api/v1/pages/pg_01open/close", {}, "page.close"),
    ("/api/v1/incidents", {"service": "catalogo", "severity": "P2", "title": "lento"}, "incident.declare"),
    ("/api/v1/incidents/in_01live/notes", {"text": "reinicio"}, "incident.note"),
    ("/api/v1/incidents/in_01live/notes", {"text": "seguimos", "public": True}, "incident.note"),
    ("/api/v1/incidents/in_01live/phase", {"phase": "mitigated"}, "incident.phase"),
    ("/api/v1/incidents/in_01live/roles", {"role": "scribe", "person": "juan"}, "incident.role"),
    ("/api/v1/incidents/in_01live/severity", {"severity": "P2"}, "incident.severity"),
    ("/api/v1/incidents/in_01live/resolve", {}, "incident.resolve"),
    (
        "/api/v1/budgets/pagos/corrections",
        {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T10:05:00Z", "reason": "una prueba de carga"},
        "budget.correct",
    ),
    ("/api/v1/flags/theme/override", {"state": "off", "reason": "duele"}, "flag.override"),
]


@pytest.mark.parametrize(("path", "body", "action"), WRITES)
async def test_a_change_leaves_one_line_and_a_failed_one_leaves_nothing(
    house: House, path: str, body: dict[str, object], action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = "admin" if action in ADMINS else "responder"
    program = await house.program(role)
    before = await dump(house.control)
    for broken in (SqlAudit, None):  # first the line cannot be written, then it can
        with monkeypatch.context() as patch:
            if broken:
                patch.setattr(SqlAudit, "write", _refuse)
            answer = await program.post(path, json=body)
        after = await dump(house.control)
        if broken:
            assert answer.status_code == 500
            assert after == before
        else:
            assert answer.status_code < 300, answer.text
            lines = [row for row in after["audit"] if row not in before["audit"]]
            assert [(line[2], line[3]) for line in lines] == [(f"robot-{role}", action)]
            assert {name for name in after if after[name] != before[name]} > {"audit"}
    again = await dump(house.control)
    refused = await program.post(
        path.replace("in_01live", "nowhere")
        .replace("pg_01open", "nowhere")
        .replace("/pagos/", "/nowhere/")
        .replace("/theme/", "/nowhere/"),
        json={**body, "service": "nowhere"} if "service" in body else body,
    )
    assert refused.status_code in (404, 409)
    assert await dump(house.control) == again  # a refusal is no deed


def _refuse(*_: object, **__: object) -> None:
    raise RuntimeError("the line cannot be written")


async def test_every_documented_write_is_in_the_list_above(house: House) -> None:
    wanted = {path for method, path, _ in guarded(house) if method == "POST" and path.startswith("/api/v1")}
    told_elsewhere = {
        "/api/v1/spec/reload", "/api/v1/tokens", "/api/v1/tokens/pagos/withdraw",
        "/api/v1/budgets/corrections/co_01none/withdraw",
        "/api/v1/flags/theme/reset", "/api/v1/flags/theme/explain",
        "/api/v1/kits/pagos/override",
    }  # fmt: skip
    assert wanted - told_elsewhere == {path for path, *_ in WRITES}


async def test_answering_by_link_is_a_deed_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.http.test_ack_links import link

    before = await dump(house.control)
    with monkeypatch.context() as patch:
        patch.setattr(SqlAudit, "write", _refuse)
        assert (await (await house.visitor()).post(link(house))).status_code == 500
    assert await dump(house.control) == before
    await (await house.visitor()).post(link(house))
    assert await house.deeds() == [("ana", "page.acknowledge")]


async def test_the_reload_is_a_deed(house_of: Furnisher, tmp_path: Path) -> None:
    house = await house_of("calm")
    program = await house.program("admin")
    house.control.spec.folder = tmp_path / "gone"
    answer = await program.post("/api/v1/spec/reload")
    assert (answer.status_code, answer.json()["good"]) == (200, False)
    deeds = await program.get("/api/v1/audit")
    assert deeds.json()[0]["action"] == "spec.reload"
    assert deeds.json()[0]["details"]["good"] == "false"


async def test_the_last_door_is_shut_when_the_store_cannot_be_asked(house: House) -> None:
    """Fail closed: a database that does not answer lets nobody in."""
    browser, program = await house.visitor("admin"), await house.program("admin")
    house.control.database.close()
    for client in (browser, program):
        answer = await client.get("/api/v1/audit", headers={"accept": "application/json"})
        assert answer.status_code == 503
        assert isinstance(answer, httpx.Response)
