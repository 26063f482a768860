"""Corrections made to do harm: at the same time, at the ends of time, too long, and with marks of HTML."""

from __future__ import annotations

import asyncio

import pytest
from tests.http.conftest import House
from tests.http.test_corrections import PATH, body


async def test_of_many_who_withdraw_at_once_one_does(house: House) -> None:
    admin = await house.program("admin")
    made = (await admin.post(PATH, json=body(slo="disponibilidad"))).json()
    path = f"/api/v1/budgets/corrections/{made['id']}/withdraw"
    answers = await asyncio.gather(*(admin.post(path, json={"reason": f"la {n}ª"}) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert [deed for _, deed in await house.deeds()].count("budget.withdraw") == 1


@pytest.mark.parametrize(
    "more",
    [
        {"start": "0001-01-01T00:00:00+14:00", "end": "0001-01-02T00:00:00+14:00"},
        {"start": "0001-01-01T00:00:00Z", "end": "9999-12-31T23:59:59-12:00"},
        {"start": "9999-12-31T23:59:58Z", "end": "9999-12-31T23:59:59-14:00"},
        {"start": "1970-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z"},
        {"start": 1e300, "end": 1e301},
        {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"},
        {"reason": "x" * 1_000_000},
        {"reason": "\0"},
        {"reason": "\u202e \u2066"},
        {"slo": "../../x"},
        {"slo": "x" * 100_000},
        {"author": "somebody else", "reason": ["a"]},
    ],
    ids=range(12),
)
async def test_what_cannot_be_is_refused_and_leaves_nothing(house: House, more: dict[str, object]) -> None:
    admin = await house.program("admin")
    answer = await admin.post(PATH, json=body(**more))
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert (await admin.get("/api/v1/budgets/corrections")).json() == []


async def test_a_reason_is_only_words(house: House) -> None:
    admin = await house.program("admin")
    assert (await admin.post(PATH, json=body(reason="</td><script>alert(1)</script>\u202eevil"))).status_code == 201
    page = (await (await house.visitor("admin")).get("/services/pagos")).text
    assert "&lt;script&gt;alert(1)" in page
    assert not [mark for mark in ("<script>alert(1)", "\u202e") if mark in page]
