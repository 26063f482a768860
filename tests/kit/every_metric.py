"""Makes a service use all of the kit, and prints every metric that it then shows: `python -m tests.kit.every_metric`.

The table of docs/reference/kit-metrics.md is what this prints.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import redis
import sqlalchemy
from fastapi import FastAPI, WebSocket
from prometheus_client import CollectorRegistry
from sqlalchemy.pool import QueuePool
from starlette.testclient import TestClient

from sereno_kit import (
    AdaptiveLimit,
    Bulkhead,
    CircuitBreaker,
    Fallback,
    Flags,
    Hedge,
    Logs,
    RateLimit,
    Retry,
    Timeout,
    instrument,
    pipeline,
)
from sereno_kit.kit import Kit
from sereno_kit.limits import RedisStore, TokenBucket
from sereno_kit.metrics.cache import Lookups
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.rate_limiting import RateLimiting


def closed_port() -> int:
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def everything() -> Kit:
    """Use each part once."""
    app = FastAPI()
    flags = Flags.file(Path(tempfile.mkdtemp()) / "none.json")
    kit = instrument(
        app, service="shop", slo_latency=[0.2], drain=None, flags=flags, logs=Logs(stream=io.StringIO(), queue_lines_max=9)
    )  # fmt: skip
    app.add_middleware(RateLimiting, limits={"default": TokenBucket(rate=100, burst=100)})
    with contextlib.suppress(redis.ConnectionError):
        kit.watch(redis.Redis(port=closed_port(), socket_timeout=0.1)).get("a")
    engine = kit.watch(sqlalchemy.create_engine("sqlite://", poolclass=QueuePool))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    kit.watch(ThreadPoolExecutor(1))
    Lookups("prices").hit()
    kit.features.declare("recommendations")
    kit.flags.enabled("new")

    @kit.readiness("db")
    async def ready() -> None:
        """Always."""

    store = RedisStore(f"redis://127.0.0.1:{closed_port()}")
    policies: list[Any] = [
        Fallback(None), RateLimit.token_bucket(rate=9, store=store), Bulkhead(9), Retry(3, idempotent=True),
        CircuitBreaker(), AdaptiveLimit(), Timeout(5),
    ]  # fmt: skip
    await pipeline("all", *policies).acall(asyncio.sleep, 0)
    await pipeline("hedged", Hedge(0.5, idempotent=True)).acall(asyncio.sleep, 0)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    await kit.outgoing(client, integration="bank").get("http://bank.example/")

    @app.get("/orders/{order}")
    async def order(order: int) -> int:
        return order

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    def visit() -> None:
        with TestClient(app) as caller:
            caller.get("/orders/7")
            caller.get("/health/ready")
            with caller.websocket_connect("/talk"):
                pass

    await asyncio.to_thread(visit)
    engine.dispose()
    await client.aclose()
    return kit


def table() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and help of each metric that is shown, in the order of their names."""
    made = Registry(CollectorRegistry())
    with use(made):
        kit = asyncio.run(everything())
        found = []
        for family in made.prometheus.collect():
            name = family.name + "_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found.append((name, family.type, tuple(sorted(labels)), family.documentation))
        kit.close()
        return sorted(found)


if __name__ == "__main__":
    for name, kind, labels, help in table():
        print(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {help.rstrip('.')} |")
