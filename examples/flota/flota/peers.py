"""The providers, made up: `python -m flota.peers --port 9311` serves four, on that port and the three after it.

Each behaves as such providers do: some latency, a declined card now and then, one answer for one idempotency key. Each
can be broken on purpose: `POST /_fault {"mode": "down"}` answers 503, `"busy"` 429 with Retry-After, `"slow"` takes
three seconds, `"hang"` thirty, `"lost"` does what it is asked to and loses the answer; `DELETE /_fault` mends it.
`GET /_ledger` says what was really done. They listen on loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

NAMES = ("telemetria", "identidad", "cobros", "dispersion")
MEDIAN_SECONDS = {"telemetria": 0.03, "identidad": 0.08, "cobros": 0.06, "dispersion": 0.05}
DECLINED_SHARE = 0.03
UNVERIFIED_SHARE = 0.02
Done = tuple[int, dict[str, Any]]


class Provider:
    """One of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fault = ""
        self.asked = 0
        self.ledger: dict[str, Done] = {}
        """What was answered to each idempotency key."""
        self.moved_cents = 0
        self.dice = random.Random(name)

    async def serve(self, request: Request) -> Response:
        """Answer as the fault has it, or as the provider does."""
        self.asked += 1
        if self.fault == "down":
            return JSONResponse({"mensaje": "en mantenimiento"}, status_code=503)
        if self.fault == "busy":
            return JSONResponse({"mensaje": "demasiadas llamadas"}, status_code=429, headers={"Retry-After": "1"})
        if self.fault in ("slow", "hang"):
            await asyncio.sleep(3 if self.fault == "slow" else 30)
        await asyncio.sleep(self.dice.lognormvariate(0, 0.4) * MEDIAN_SECONDS[self.name])
        status, body = await self._done(request)
        if self.fault == "lost":
            return JSONResponse({"mensaje": "se perdió la respuesta"}, status_code=504)
        return JSONResponse(body, status_code=status)

    async def _done(self, request: Request) -> Done:
        if self.name == "telemetria":
            return self._reading(request.path_params["vehicle"])
        body: dict[str, Any] = await request.json()
        if self.name == "identidad":
            return 200, {"verificada": _share(body["curp"]) >= UNVERIFIED_SHARE}
        return self._once(request.headers.get("idempotency-key", ""), body)

    def _reading(self, vehicle: str) -> Done:
        share = _share(vehicle)
        return 200, {"km_por_dia": round(60 + 180 * share, 1), "lugar": f"19.{int(share * 9999):04},-99.1332"}

    def _once(self, key: str, body: dict[str, Any]) -> Done:
        """Move the money, unless this key has moved it already; what was declined stays so under its key."""
        if not key:
            return 400, {"mensaje": "falta Idempotency-Key"}
        if key not in self.ledger:
            if self.name == "cobros" and self.dice.random() < DECLINED_SHARE:
                self.ledger[key] = 402, {"mensaje": f"fondos insuficientes en {body['origen']}"}
            else:
                self.moved_cents += int(body["centavos"])
                self.ledger[key] = 201, {"id": f"{self.name[:3]}_{len(self.ledger) + 1:06}"}
        return self.ledger[key]

    async def break_it(self, request: Request) -> Response:
        """Break or mend it."""
        self.fault = "" if request.method == "DELETE" else (await request.json())["mode"]
        return JSONResponse({"fault": self.fault})

    async def told(self, _: Request) -> Response:
        """How often it was asked, and what it did."""
        moved = [key for key, (status, _body) in self.ledger.items() if status == 201]
        return JSONResponse({"asked": self.asked, "moved": moved, "cents": self.moved_cents})


def _share(text: str) -> float:
    """A number from [0, 1) that is always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


PATHS: dict[str, tuple[str, str]] = {
    "telemetria": ("GET", "/v1/vehiculos/{vehicle}/lecturas"),
    "identidad": ("POST", "/v1/verificaciones"),
    "cobros": ("POST", "/v1/cargos"),
    "dispersion": ("POST", "/v1/transferencias"),
}


def build(name: str) -> Starlette:
    """The ASGI application of one provider."""
    provider = Provider(name)
    method, path = PATHS[name]
    serve: Callable[[Request], Awaitable[Response]] = provider.serve
    return Starlette(
        routes=[
            Route(path, serve, methods=[method]),
            Route("/_fault", provider.break_it, methods=["POST", "DELETE"]),
            Route("/_ledger", provider.told),
        ]
    )


async def serve(ports: dict[str, int]) -> None:
    """All of them, until the process is told to end."""
    servers = [
        uvicorn.Server(uvicorn.Config(build(name), host="127.0.0.1", port=port, log_level="warning", access_log=False))
        for name, port in ports.items()
    ]
    await asyncio.gather(*(server.serve() for server in servers))


def main() -> None:
    """Serve the four providers on loopback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", required=True, type=int, help="of the first; the others follow")
    first = parser.parse_args().port
    asyncio.run(serve({name: first + place for place, name in enumerate(NAMES)}))


if __name__ == "__main__":
    main()
