"""The services of the shop: `python -m shop.service --name pagos --port 9104`.

A service can be broken on purpose: `POST /_fault {"mode": "down"}` makes it answer 503 to its customers,
`"slow"` makes it take two seconds, `"hang"` half a minute; `DELETE /_fault` mends it. It listens on loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .metrics import CountRequests, ShopMetrics

PRODUCTS = ("Manta de alpaca", "Café de Jaén", "Chullo", "Cerámica de Chulucanas", "Quinua", "Sombrero de paja")
Handler = Callable[[Request], Awaitable[Response]]


class Shop:
    """One process: its metrics, its fault, its neighbours and its part of the database."""

    def __init__(self, name: str, neighbours: dict[str, str], database: str) -> None:
        self.name = name
        self.metrics = ShopMetrics()
        self.fault = ""
        self.client = httpx.AsyncClient(timeout=5)
        self.neighbours = neighbours
        self.database = sqlite3.connect(database, check_same_thread=False, timeout=5)
        self.database.execute("pragma journal_mode=wal")
        self.database.execute("create table if not exists orders (id integer primary key, status text, at real)")
        self.random = random.Random(name)

    def query(self, table: str, operation: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run and time one statement."""
        with self.metrics.query.labels(table, operation).time():
            rows = self.database.execute(sql, values).fetchall()
            self.database.commit()
        return rows

    async def misbehave(self) -> Response | None:
        """The answer that the fault gives instead of the service's own, if it gives one."""
        if self.fault == "down":
            return JSONResponse({"error": "gateway unavailable"}, status_code=503)
        if self.fault in ("slow", "hang"):
            await asyncio.sleep(2 if self.fault == "slow" else 30)
        return None

    async def work(self, median_seconds: float) -> None:
        """Take about as long as such a request takes."""
        await asyncio.sleep(self.random.lognormvariate(0, 0.4) * median_seconds)

    # What customers ask for. ------------------------------------------------------------------------------

    async def home(self, request: Request) -> Response:
        """The shop window."""
        await self.work(0.03)
        self.metrics.page_load.observe(self.random.lognormvariate(-0.6, 0.35))
        return HTMLResponse("<!doctype html><title>Tienda</title><h1>Tienda</h1>" + "".join(PRODUCTS))

    async def products(self, request: Request) -> Response:
        """The catalogue."""
        await self.work(0.02)
        self.query("products", "select", "select 1")
        return JSONResponse(PRODUCTS)

    async def search(self, request: Request) -> Response:
        """Products whose name holds the words."""
        with self.metrics.search.time():
            await self.work(0.06)
            words = request.query_params.get("q", "").lower()
            found = [name for name in PRODUCTS if words in name.lower()]
        return JSONResponse(found)

    async def cart(self, request: Request) -> Response:
        """Put something into the cart."""
        await self.work(0.015)
        return JSONResponse({"items": 1})

    async def pay(self, request: Request) -> Response:
        """Charge the customer."""
        await self.work(0.08)
        self.metrics.payments.labels("culqi", "paid").inc()
        return JSONResponse({"status": "paid"})

    async def checkout(self, request: Request) -> Response:
        """Take the order; if it cannot be paid now it is kept and paid later, so the customer is not sent away."""
        try:
            answer = await self.client.post(f"{self.neighbours['pagos']}/pagos")
            paid = answer.status_code == 200
        except httpx.HTTPError:
            paid = False
        status = "paid" if paid else "payment_pending"
        self.query("orders", "insert", "insert into orders (status, at) values (?, ?)", status, time.time())
        self.metrics.orders.labels(status).inc()
        return JSONResponse({"status": status}, status_code=200 if paid else 202)

    # What operators ask for. ------------------------------------------------------------------------------

    async def health(self, request: Request) -> Response:
        """Whether this process can do its work."""
        return JSONResponse({"service": self.name, "fault": self.fault})

    async def scrape(self, request: Request) -> Response:
        """Metrics; the database is asked first."""
        try:
            self.database.execute("select 1").fetchone()
            self.metrics.database_up.set(1)
        except sqlite3.Error:
            self.metrics.database_up.set(0)
        return self.metrics.expose(request)

    async def break_it(self, request: Request) -> Response:
        """Break or mend this service."""
        self.fault = "" if request.method == "DELETE" else (await request.json())["mode"]
        return JSONResponse({"fault": self.fault})


def routes_of(shop: Shop) -> list[Route]:
    """The endpoints of the service by its name."""
    served: dict[str, list[tuple[str, Handler, str]]] = {
        "api": [("/", shop.home, "GET"), ("/productos", shop.products, "GET"), ("/checkout", shop.checkout, "POST")],
        "catalogo": [("/productos", shop.products, "GET"), ("/buscar", shop.search, "GET")],
        "carrito": [("/carrito", shop.cart, "POST")],
        "pagos": [("/pagos", shop.pay, "POST")],
    }

    def guarded(handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            return await shop.misbehave() or await handler(request)

        return endpoint

    return [
        *(Route(path, guarded(handler), methods=[method]) for path, handler, method in served[shop.name]),
        Route("/health", shop.health),
        Route("/metrics", shop.scrape),
        Route("/_fault", shop.break_it, methods=["POST", "DELETE"]),
    ]


def build(name: str, neighbours: dict[str, str], database: str) -> Starlette:
    """The ASGI application of one service."""
    shop = Shop(name, neighbours, database)
    return Starlette(routes=routes_of(shop), middleware=[Middleware(CountRequests, metrics=shop.metrics)])


def main() -> None:
    """Serve one of the shop's services on loopback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, choices=["api", "catalogo", "carrito", "pagos"])
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--database", default=":memory:")
    parser.add_argument("--neighbour", action="append", default=[], metavar="NAME=URL")
    args = parser.parse_args()
    neighbours = dict(item.split("=", 1) for item in args.neighbour)
    app = build(args.name, neighbours, args.database)
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
