"""A control plane that takes samples in, behind its HTTP face, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cramjam
import httpx
from tests.conftest import NOON, CountingIds, ManualClock

from sereno.app.control import Control, open_control
from sereno.app.http import create_app
from sereno.app.http.auth import add_token
from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.promql.columns import Matcher, Selection

T0 = int(NOON.timestamp() * 1000)
SPEC = """
{service: shop, team: all}
---
{team: all, escalation: all}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: all, steps: [{page: ana}], repeat_every: 15m}
"""
RW1 = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
RW2 = {
    **RW1,
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "x-prometheus-remote-write-version": "2.0.0",
}
PROTO = {"content-type": "application/x-protobuf"}
WRITE = "/prometheus/api/v1/write"


@dataclass
class Plane:
    """The control plane, a client with a token for samples, and its clock."""

    control: Control
    client: httpx.AsyncClient
    clock: ManualClock

    async def send(self, body: bytes, headers: dict[str, str] = RW1, path: str = WRITE) -> httpx.Response:
        """Send an unpacked remote-write request."""
        return await self.client.post(path, content=bytes(cramjam.snappy.compress_raw(body)), headers=headers)

    def kept(self, name: str = "", **labels: str) -> dict[Labels, list[tuple[int, float]]]:
        """What is in the store, by labels."""
        columns = self.columns(name, **labels)
        found = {}
        for place, one in enumerate(columns.labels):
            times, values = columns.series(place)
            found[one] = list(zip(times.tolist(), values.tolist(), strict=True))
        return found

    def columns(self, name: str = "", **labels: str) -> Any:
        wanted = {**({"__name__": name} if name else {}), **labels}
        matchers = tuple(Matcher(key, "=", value) for key, value in wanted.items())
        matchers = matchers or (Matcher("__name__", "!=", ""),)
        assert self.control.store is not None
        return self.control.store.select(Selection(matchers, -(1 << 60), 1 << 60))


@asynccontextmanager
async def plane_in(folder: Path, *, now: datetime = NOON, **settings: Any) -> AsyncIterator[Plane]:
    """A control plane in `folder`."""
    (folder / "reliability").mkdir(parents=True, exist_ok=True)
    (folder / "reliability" / "shop.yaml").write_text(SPEC)
    clock = ManualClock(now)
    async with AsyncExitStack() as stack:
        values = {"spec": folder / "reliability", "data_dir": folder / "data", **settings}
        control = await open_control(Settings(**values), clock=clock, ids=CountingIds())
        stack.push_async_callback(control.close)
        token = await add_token(control, name="prometheus-eu", role="samples", kind="samples")
        transport = httpx.ASGITransport(create_app(control))
        client = httpx.AsyncClient(
            transport=transport, base_url="http://sereno.test", headers={"authorization": f"Bearer {token}"}
        )
        yield Plane(control, await stack.enter_async_context(client), clock)
