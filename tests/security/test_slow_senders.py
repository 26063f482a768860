"""Whoever sends samples drop by drop keeps a place for seconds, not for ever; and what is asked stays what was asked."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message
from tests.http.conftest import House

from sereno.app.http import receive
from sereno.app.http.prometheus_names import RemoteNames
from sereno.kernel.errors import Unavailable


async def test_a_body_that_does_not_arrive_gives_up_its_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may wait, each sending nothing: those who come after them must not be turned away for ever."""
    monkeypatch.setattr(receive, "BODY_SECONDS_MAX", 0.05)
    receiver = receive.Receiver(house.control)
    drops = iter([{"type": "http.request", "body": b"x", "more_body": True}] * receive.WAITING_MAX)

    async def dripping() -> Message:
        drop = next(drops, None)
        if drop is None:
            await asyncio.Event().wait()
        assert drop is not None
        return drop

    async def send() -> None:
        async with receiver._body(Request({"type": "http", "method": "POST", "headers": []}, dripping)):
            raise AssertionError("a body that is not whole was taken for one")

    found = await asyncio.gather(*(send() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) and one.status == 503 for one in found), found
    assert (receiver.gate.inside, receiver.gate.bytes_now) == (0, 0)


async def test_the_name_of_a_label_asks_prometheus_for_nothing_else() -> None:
    """With a `?` in it, a viewer had written the rest of our own request, which carries the operator's token."""
    asked: list[str] = []

    class Recorder:
        async def get(self, path: str, parameters: object = ()) -> list[str]:
            asked.append(path)
            return []

    names = RemoteNames(Recorder())  # type: ignore[arg-type]
    for name in ("job", "x?match[]=up#", "a b", "%2e%2e"):
        await names.label_values(name, (), 0, 1)
    assert asked == [
        "label/job/values", "label/x%3Fmatch%5B%5D%3Dup%23/values", "label/a%20b/values", "label/%252e%252e/values",
    ]  # fmt: skip
