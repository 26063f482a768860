"""The services of the shop: `python -m shop.service --name pagos --port 9104`.

A service can be broken on purpose: `POST /_fault {"mode": "down"}` makes it answer 503 to its customers,
`"slow"` makes it take two seconds, `"hang"` half a minute; `DELETE /_fault` mends it. It listens on loopback only.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sereno_kit import Drain, Flags, Health, Logs, instrument
from sereno_kit.callers import by_client
from sereno_kit.limits import TokenBucket
from sereno_kit.rate_limiting import RateLimiting

from .cart import Cart
from .catalogue import Catalogue
from .database import Database
from .faults import Faults
from .payments import Payments
from .process import Process, Service
from .storefront import Storefront

SERVICES: Mapping[str, type[Service]] = {
    "api": Storefront,
    "catalogo": Catalogue,
    "carrito": Cart,
    "pagos": Payments,
}
VERSION = "4.12.0"
FLAGS = Path(__file__).resolve().parents[1] / "reliability" / "banderas.yaml"
LATENCY_SECONDS = (0.5, 1.0)
"""What is promised of the API, and where its alert is: bounds of the histogram, so that both are exact."""
EACH_CLIENT = TokenBucket(rate=100, burst=400)
UNWRITTEN = ("/health", "/health/live", "/health/ready", "/metrics", "/_fault")


def build(
    name: str,
    *,
    neighbours: Mapping[str, str],
    database: str = ":memory:",
    flags: Flags | None = None,
    drain_seconds: float = 0.0,
) -> Starlette:
    """The ASGI application of one service.

    Args:
        name: `api`, `catalogo`, `carrito` or `pagos`.
        neighbours: where the others are.
        database: the file that all of them share.
        flags: where feature flags come from; the spec's own file, if not given.
        drain_seconds: how long the load balancer needs to see that this process ends.
    """
    client = httpx.AsyncClient(timeout=5)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    limits = Middleware(RateLimiting, limits={"each": EACH_CLIENT}, key=by_client(proxies=0), exempt=["/health"])
    app = Starlette(lifespan=lifespan, middleware=[limits])
    kit = instrument(
        app,
        service=name,
        environment="demo",
        version=VERSION,
        slo_latency=LATENCY_SECONDS,
        logs=Logs(quiet=UNWRITTEN, levels={"httpx": "WARNING"}),
        health=Health(timeout_seconds=1.0),
        drain=Drain(delay_seconds=drain_seconds),
        flags=flags or Flags.file(FLAGS),
    )
    store = Database(database)
    kit.readiness("database")(store.answers)
    kit.metrics.read_gauge("pg_up", "Whether the shop's database answers", lambda: float(store.answers()))
    offers = SERVICES[name](Process(name, kit, store, client, neighbours, random.Random(name))).offers()
    faults = Faults([path for path, _, _ in offers])
    kit.endpoints["/_fault"] = faults.endpoint

    async def health(request: Request) -> Response:
        return JSONResponse({"service": name, "fault": faults.mode})

    app.router.routes += [Route(path, handler, methods=[method]) for path, handler, method in offers]
    app.router.routes.append(Route("/health", health))
    return app


def main() -> None:
    """Serve one of the shop's services on loopback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, choices=sorted(SERVICES))
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--database", default=":memory:")
    parser.add_argument("--neighbour", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--sereno", metavar="URL", help="where flags come from; its token is in SHOP_SERENO_TOKEN")
    parser.add_argument("--drain-seconds", type=float, default=5.0)
    args = parser.parse_args()
    token = os.environ.get("SHOP_SERENO_TOKEN", "")
    app = build(
        args.name,
        neighbours=dict(item.split("=", 1) for item in args.neighbour),
        database=args.database,
        flags=Flags.sereno(args.sereno, token=token, service=args.name) if args.sereno else None,
        drain_seconds=args.drain_seconds,
    )
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
