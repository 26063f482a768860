"""Counting: one request, one count, by route template, whatever happens."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNCOUNTED = ("/metrics", "/_fault")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ShopMetrics:
    """What one process of the shop exposes."""

    def __init__(self) -> None:
        disable_created_metrics()
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "Requests answered", ["method", "endpoint", "status"], registry=registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer",
            ["method", "endpoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self.search = Histogram(
            "search_latency_seconds", "Time to search", buckets=(0.1, 0.5, 1, 2, 5), registry=registry
        )
        self.query = Histogram(
            "db_query_duration_seconds", "Time of a query", ["table", "operation"],
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1), registry=registry,
        )  # fmt: skip
        self.page_load = Histogram(
            "page_load_seconds", "Time until a page has loaded", buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8), registry=registry
        )
        self.payments = Counter("payments", "Payments by their end", ["gateway", "status"], registry=registry)
        self.orders = Counter("orders", "Orders by their end", ["status"], registry=registry)
        self.database_up = Gauge("pg_up", "Whether the shop's database answers", registry=registry)

    def expose(self, request: Request) -> Response:
        """The metrics in the format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), media_type=content_type)


class CountRequests:
    """ASGI middleware: counts and times every request once, even if it fails half-way."""

    def __init__(self, app: ASGIApp, metrics: ShopMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and count it."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        status = "500"
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = scope.get("route")
            endpoint = getattr(route, "path", None) or "unmatched"
            self.metrics.requests.labels(scope["method"], endpoint, status).inc()
            self.metrics.duration.labels(scope["method"], endpoint).observe(time.perf_counter() - began)
