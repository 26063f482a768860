"""The ledger of corrections, in every store: appended to, never changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract.conftest import Write
from tests.contract.values import T0, at

from sereno.kernel.errors import Conflict, NotFound
from sereno.slo.model import Correction, Effect


def correction(number: int = 1, service: str = "api", slo: str | None = None) -> Correction:
    return Correction(
        f"co_{number}", service, slo, T0 - timedelta(hours=2), T0 - timedelta(hours=1), "the card network was down ñ",
        "ana", at(minutes=number), (Effect("availability", Decimal("-0.25"), Decimal("0.5")), Effect("fast", None, None)),
    )  # fmt: skip


async def test_an_entry_comes_back_exactly_as_it_was_added(write: Write) -> None:
    for told in (correction(1), correction(2, slo="availability")):
        await write(lambda unit, told=told: unit.corrections.add(told))
        assert await write(lambda unit, told=told: unit.corrections.find(told.id)) == told
    assert await write(lambda unit: unit.corrections.find("co_9")) is None


async def test_an_identity_is_given_once(write: Write) -> None:
    await write(lambda unit: unit.corrections.add(correction(1)))
    with pytest.raises(Conflict):
        await write(lambda unit: unit.corrections.add(correction(1, service="web")))
    assert (await write(lambda unit: unit.corrections.find("co_1"))).service == "api"


async def test_the_newest_come_first_and_what_counts_oldest_first(write: Write) -> None:
    for number in (2, 1, 3):
        await write(lambda unit, number=number: unit.corrections.add(correction(number)))
    await write(lambda unit: unit.corrections.add(correction(4, service="web")))
    ids = [one.id for one in await write(lambda unit: unit.corrections.all())]
    assert ids == ["co_4", "co_3", "co_2", "co_1"]
    assert [one.id for one in await write(lambda unit: unit.corrections.all("api", limit=2))] == ["co_3", "co_2"]
    standing = await write(lambda unit: unit.corrections.standing())
    assert [one.id for one in standing] == ["co_1", "co_2", "co_3", "co_4"]


async def test_a_mistake_is_withdrawn_once_and_stays_to_be_seen(write: Write) -> None:
    await write(lambda unit: unit.corrections.add(correction(1)))
    undo = {"at": at(hours=3), "by": "bo", "why": "wrong day"}
    undone = await write(lambda unit: unit.corrections.withdraw("co_1", "co_7", **undo))
    assert (undone.withdrawn_at, undone.withdrawn_by, undone.withdrawn_why) == (at(hours=3), "bo", "wrong day")
    assert undone.reason == "the card network was down ñ"
    assert await write(lambda unit: unit.corrections.all()) == (undone,)
    assert await write(lambda unit: unit.corrections.find("co_1")) == undone
    assert await write(lambda unit: unit.corrections.standing()) == ()
    assert not undone.concerns("api", "availability")
    with pytest.raises(Conflict):
        await write(lambda unit: unit.corrections.withdraw("co_1", "co_8", **undo))
    with pytest.raises(NotFound):
        await write(lambda unit: unit.corrections.withdraw("co_9", "co_8", **undo))
    with pytest.raises(NotFound):  # what withdraws is no correction itself
        await write(lambda unit: unit.corrections.withdraw("co_7", "co_8", **undo))
