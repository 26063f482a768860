"""One way to serve a request, in a process of its own: reads how many, prints the CPU that each took."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from fastapi import APIRouter, FastAPI

HEADERS = [
    (b"host", b"shop.example"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"es-MX,es;q=0.9"),
]


def application(routes: int) -> FastAPI:
    """An application of so many routes, the one that is asked for last."""
    app = FastAPI()
    router = APIRouter(prefix="/api")
    for number in range(routes - 1):
        router.add_api_route(f"/others{number}/{{item_id}}", _another(), methods=["GET"])
    router.add_api_route("/items/{item_id}", item, methods=["GET"])
    app.include_router(router)
    return app


async def item(item_id: int) -> dict[str, int]:
    """What is asked for."""
    return {"id": item_id}


def _another() -> Any:
    async def other(item_id: int) -> dict[str, int]:
        return {"id": item_id}

    return other


def bare(app: FastAPI) -> None:
    """Nothing around it."""


def kit(app: FastAPI) -> None:
    """Request id, RED, one line a request, the redactor."""
    from sereno_kit import Logs, instrument

    instrument(app, service="orders", environment="prod", version="1.2", logs=Logs(stream=_sink()))


def kit_quiet(app: FastAPI) -> None:
    """The same without lines."""
    from sereno_kit import Logs, instrument

    instrument(app, service="orders", environment="prod", version="1.2", logs=Logs(stream=_sink(), access=False))


def libraries(app: FastAPI) -> None:
    """The same from three libraries, each set up as its own manual says is fastest."""
    import orjson
    import structlog
    from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
    from prometheus_fastapi_instrumentator import Instrumentator

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=open(os.devnull, "wb")),  # noqa: SIM115
        cache_logger_on_first_use=True,
    )
    log = structlog.get_logger()

    class AccessLine:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await self.app(scope, receive, send)
                return
            began, status = time.perf_counter(), 500

            async def started(message: Any) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await self.app(scope, receive, started)
            finally:
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    duration=time.perf_counter() - began,
                    client=scope["client"][0],
                    request_id=correlation_id.get(),
                    service="orders",
                    environment="prod",
                )

    Instrumentator(should_instrument_requests_inprogress=True, inprogress_labels=False).instrument(app)
    app.add_middleware(AccessLine)
    app.add_middleware(CorrelationIdMiddleware)


def _sink() -> Any:
    return open(os.devnull, "w")


async def requests(app: Any, count: int) -> None:
    """So many requests, one after the other."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    for number in range(count):
        path = f"/api/items/{number}"
        await app(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "root_path": "",
                "headers": list(HEADERS),
                "client": ("192.0.2.7", 4711),
                "server": ("127.0.0.1", 8000),
                "state": {},
            },
            receive,
            send,
        )


def main() -> None:
    """Serve rounds until standard input ends."""
    name, _, routes = sys.argv[1].rpartition("-")
    app = application(int(routes))
    {"bare": bare, "kit": kit, "kit-quiet": kit_quiet, "libraries": libraries}[name](app)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            count = int(line)
            began = time.process_time()
            runner.run(requests(app, count))
            print((time.process_time() - began) / count * 1e6, flush=True)


if __name__ == "__main__":
    main()
