"""Tokens of programs: shown once, kept as a digest, named in the audit log, withdrawn for good."""

from __future__ import annotations

import pytest
from tests.http.conftest import House

from sereno.adapters.sql.audit import SqlAudit


async def test_a_token_is_made_used_and_withdrawn(house: House) -> None:
    admin = await house.program("admin")
    made = (await admin.post("/api/v1/tokens", json={"name": "grafana", "role": "viewer", "days": 30})).json()
    visitor = await house.visitor(headers={"authorization": f"Bearer {made['token']}"})
    assert (await visitor.get("/api/v1/budgets")).status_code == 200
    listed = (await admin.get("/api/v1/tokens")).json()
    (shown,) = [one for one in listed if one["name"] == "grafana"]
    assert made["token"] not in str(listed)
    assert made["token"].startswith(shown["prefix"])
    assert len(made["token"]) - len(shown["prefix"]) > 16
    assert (await admin.post("/api/v1/tokens/grafana/withdraw")).status_code == 200
    assert (await visitor.get("/api/v1/budgets")).status_code == 401
    assert (await admin.post("/api/v1/tokens/grafana/withdraw")).status_code == 404
    deeds = [deed for deed in await house.deeds() if deed[0] == "robot-admin"]
    assert deeds == [("robot-admin", "token.make"), ("robot-admin", "token.withdraw")]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Grafana", "role": "viewer"}, {"name": "", "role": "viewer"}, {"name": "a" * 64, "role": "viewer"},
        {"name": "a/b", "role": "viewer"}, {"name": "x", "role": "root"}, {"name": "x"}, {"name": "x", "role": "viewer", "days": 0},
        {"name": "x", "role": "viewer", "more": 1},
    ],
)  # fmt: skip
async def test_what_is_no_token(house: House, body: dict[str, object]) -> None:
    admin = await house.program("admin")
    assert (await admin.post("/api/v1/tokens", json=body)).status_code == 422


async def test_names_are_taken_once_and_the_operators_is_nobodys(house: House) -> None:
    admin = await house.program("admin")
    for name in ("robot-admin", "local"):
        assert (await admin.post("/api/v1/tokens", json={"name": name, "role": "admin"})).status_code == 409
    assert (await admin.post("/api/v1/tokens/local/withdraw")).status_code == 404


async def test_without_its_line_in_the_audit_log_there_is_no_token(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await house.program("admin")
    before = (await admin.get("/api/v1/tokens")).json()

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the line cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(SqlAudit, "write", refuse)
        assert (await admin.post("/api/v1/tokens", json={"name": "x", "role": "viewer"})).status_code == 500
        assert (await admin.post("/api/v1/tokens/robot-admin/withdraw")).status_code == 500
    assert (await admin.get("/api/v1/tokens")).json() == before


async def test_a_token_for_samples_neither_looks_nor_touches(house: House) -> None:
    admin = await house.program("admin")
    made = (await admin.post("/api/v1/tokens", json={"name": "prometheus", "role": "samples"})).json()
    assert made["token"].startswith("sereno_samples_")
    sender = await house.visitor(headers={"authorization": f"Bearer {made['token']}"})
    for method, path in (
        ("GET", "/api/v1/budgets"), ("GET", "/"), ("GET", "/api/v1/tokens"), ("POST", "/api/v1/incidents"),
        ("POST", "/api/v1/tokens"), ("GET", "/prometheus/api/v1/query?query=up"),
    ):  # fmt: skip
        assert (await sender.request(method, path, json={})).status_code == 403, path
    assert (await sender.post("/prometheus/api/v1/write", content=b"")).status_code == 415
