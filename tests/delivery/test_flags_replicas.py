"""What one replica is told, the other knows within a second."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

from tests.delivery.flags import only_flags
from tests.delivery.test_switches import standing

from sereno.adapters.clock import SystemClock
from sereno.adapters.sql.database import connect
from sereno.app.flag_board import FlagBoard
from sereno.app.metrics import Metrics


async def test_a_switch_thrown_at_one_replica_is_thrown_at_the_other(postgres_url: str) -> None:
    one, other = (connect(postgres_url, owner=name) for name in ("one", "other"))
    control = SimpleNamespace(
        database=other, clock=SystemClock(), metrics=Metrics(), spec=SimpleNamespace(current=only_flags())
    )
    board = FlagBoard(control)  # type: ignore[arg-type]
    following = asyncio.create_task(board.run())
    try:
        etag = (await board.prepared()).etag
        events = await board.stream("", etag)
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await one.write(lambda unit: unit.overrides.put(standing("looks/theme", "on")))
        told = await asyncio.wait_for(waiting, 10)
        assert b'"override":"on"' in told  # type: ignore[operator]
        assert time.monotonic() - began < 5  # a second on a machine that does nothing else
        await events.aclose()  # type: ignore[attr-defined]
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        one.close()
        other.close()
