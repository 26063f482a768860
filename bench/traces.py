"""What traces and observed calls cost: a SERVER span beside OpenTelemetry's own, a call beside a bare one.

One process, interleaved rounds in random order, CPU time, tenth percentile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bench.figure import Figure
from sereno_kit import context, outgoing, traces
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.traces_server import ServerSpans

ROUNDS, CALLS = 40, 150
Work = Callable[[int], Awaitable[None]]
SCOPE = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
    "path": "/items/7", "raw_path": b"/items/7", "query_string": b"page=1", "root_path": "",
    "headers": [(b"host", b"shop.test"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
    "client": ("10.0.0.2", 3), "server": ("10.0.0.1", 80),
}  # fmt: skip


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def provider(share: float) -> TracerProvider:
    made = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
    made.add_span_processor(BatchSpanProcessor(Nowhere()))
    return made


def starlette() -> Starlette:
    async def item(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/items/{item}", item)])


def asked(app: Any) -> Work:
    async def send(message: Any) -> None:
        return

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def work(times: int) -> None:
        for _ in range(times):
            await app(dict(SCOPE), receive, send)

    return work


def called(client: httpx.AsyncClient) -> Work:
    async def work(times: int) -> None:
        for _ in range(times):
            await client.get("http://pay.test/v1/charges/82f3")

    return work


async def nothing(times: int) -> None:
    for _ in range(times):
        pass


async def off(times: int) -> None:
    for _ in range(times):
        with traces.span("score", order=7):
            traces.event("scored")


async def rounds(variants: dict[str, Work]) -> dict[str, float]:
    """CPU microseconds of one call of each, tenth percentile."""
    seen: dict[str, list[float]] = {name: [] for name in variants}
    for work in variants.values():
        await work(CALLS)
    for _ in range(ROUNDS):
        names = list(variants)
        random.shuffle(names)
        for name in names:
            began = time.process_time_ns()
            await variants[name](CALLS)
            seen[name].append((time.process_time_ns() - began) / CALLS / 1_000)
    return {name: sorted(all_)[len(all_) // 10] for name, all_ in seen.items()}


def measure() -> list[Figure]:
    """One interleaved run."""
    context.request_id.set("req-12345678")
    with use(Registry(CollectorRegistry())):
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        calls = {
            "bare call": called(httpx.AsyncClient(transport=transport)),
            "observed call": called(outgoing.observe(httpx.AsyncClient(transport=transport), integration="payments")),
        }
        before = asyncio.run(rounds({"nothing": nothing, "off": off, **calls}))
        every, tenth = provider(1.0), provider(0.1)
        trace.set_tracer_provider(every)
        contrib = {"exclude_spans": ["receive", "send"]}
        took = asyncio.run(
            rounds(
                {
                    "bare": asked(starlette()),
                    "ours, all": asked(ServerSpans(every, ()).asgi(starlette())),
                    "ours, tenth": asked(ServerSpans(tenth, ()).asgi(starlette())),
                    "contrib, all": asked(OpenTelemetryMiddleware(starlette(), tracer_provider=every, **contrib)),
                    "contrib, tenth": asked(OpenTelemetryMiddleware(starlette(), tracer_provider=tenth, **contrib)),
                    **calls,
                }
            )
        )
    figures = [
        Figure(
            f"a SERVER span, {share} sampled, beside contrib",
            (took[f"ours, {share}"] - took["bare"]) / (took[f"contrib, {share}"] - took["bare"]),
            "×",
            most=0.6,
            beside=f"ours {took[f'ours, {share}'] - took['bare']:.1f} µs, "
            f"opentelemetry-instrumentation-asgi {took[f'contrib, {share}'] - took['bare']:.1f} µs",
        )
        for share in ("all", "tenth")
    ]
    for run, what, most in ((before, "traces off", 0.6), (took, "with its CLIENT span", 2.0)):
        extra, bare = run["observed call"] - run["bare call"], run["bare call"]
        beside = f"{extra:.1f} µs; a bare call of httpx, without network, {bare:.0f} µs"
        figures.append(Figure(f"an observed call beside the bare one, {what}", extra / bare, "×", most, beside=beside))
    none = (before["off"] - before["nothing"]) * 1_000
    return [*figures, Figure("a span and an event, traces off", none, "ns", most=5_000)]
