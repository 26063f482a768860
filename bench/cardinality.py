"""Labels beside the framework's own templates, and what ten thousand hostile requests add."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
_REQUESTS = 10_000


def measure() -> list[Figure]:
    """Routes whose label is FastAPI's `http.route`; series that an attacker makes."""
    judged = json.loads(_run("-m", "tests.kit.asgi_routes", "--traced"))
    fastapis = [one for one in judged if not one[1].startswith(("/stars/", "/raw/"))]
    equal = sum((theirs or "__unmatched__") == ours for *_, theirs, ours in fastapis)
    routes = len({ours for *_, ours in judged})
    attacked = json.loads(_run("-m", "bench.cardinality", "--attack"))
    peer = f"instrumentator beside it: {attacked['libraries']:,}"
    return [
        Figure("routes in ten shapes", routes, "routes", least=200),
        Figure("labels other than FastAPI's own http.route", len(fastapis) - equal, "of them", most=0),
        Figure("series that 10,000 hostile requests add", attacked["kit"], "series", most=0, beside=peer),
        Figure("hostile requests that were counted", attacked["counted"], "requests", least=_REQUESTS, most=_REQUESTS),
    ]


def _run(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def hostile(number: int, chance: random.Random) -> dict[str, object]:
    """One of ten thousand requests by somebody who wishes us ill."""
    rest = "".join(chance.choices("abcdefghij/%.{}_-é\x00\udcff", k=chance.randint(1, 40)))
    paths = (
        f"/{rest}",
        f"/things{number % 80}/{number}/",
        f"/things{number % 80}/{rest}",
        f"/tenant/{rest}/rooms{number % 30}/{number}",
        f"/static/../{rest}",
        f"//{number}//",
        f"/files/{rest}",
        f"/{'x' * 10_000}{number}",
        f"/api/v1/shops/{number}/items/kind{number % 20}/{number}/",
    )
    method = f"M{number}" if number % 5 == 0 else chance.choice(("GET", "POST", "get", "TRACE", "DELETE"))
    headers = [
        (b"x-request-id", (b"x" * 10_240, f"id-{number}-\r\nx: y".encode(), b"\xff" * 20)[number % 3]),
        (b"host", f"h{number}.example\r\n".encode()),
        (b"traceparent", rest.encode("utf-8", "surrogateescape")),
        (b"x-forwarded-for", f"10.0.{number % 256}.1".encode()),
        (b"content-type", b"\xfe\xff"),
    ]
    return {"path": paths[number % len(paths)], "method": method, "headers": headers}


def attack() -> None:
    """Print how many series they add to ours, and how many to the instrumentator's."""
    import asyncio

    from prometheus_client import CollectorRegistry
    from prometheus_fastapi_instrumentator import Instrumentator
    from tests.kit.asgi_routes import application
    from tests.kit.asgi_worlds import ask, counted, instrumented, series

    from sereno_kit import Metrics

    methods = ("GET", "POST", "TRACE", "DELETE", "BREW")

    async def storm(app: object) -> None:
        for number in range(_REQUESTS):
            await ask(app, **hostile(number, random.Random(number)))  # type: ignore[arg-type]

    async def every_series(app: object) -> None:
        """Each route in each way that it can be met by anybody: what is there before the storm."""
        asks = [*(path for _, path in application()[1]), "/\udcff", "/files/\udcff", "/static/\x00", "/things1/\udcff"]
        for path in (*asks, *(f"{path}/" for path in asks), *(path.rstrip("/") for path in asks)):
            for method in methods:
                for one in (path, path.replace("/1", "/%00")):
                    await ask(app, one, method=method)
        for number in range(2_000):
            await ask(app, **hostile(number, random.Random(-number - 1)))  # type: ignore[arg-type]

    async def ours() -> tuple[int, int]:
        app, _ = application()
        roomy = Metrics(series_max=100_000, process=False, loop_lag=False)  # so that its limit hides nothing here
        with instrumented(app, metrics=roomy) as kit:
            await every_series(app)
            before, requests = series(kit), sum(counted(kit).values())
            await storm(app)
            return series(kit) - before, sum(counted(kit).values()) - requests

    async def theirs() -> int:
        app, _ = application()
        registry = CollectorRegistry()
        Instrumentator(registry=registry).instrument(app)
        await every_series(app)
        before = sum(len(family.samples) for family in registry.collect())
        await storm(app)
        return sum(len(family.samples) for family in registry.collect()) - before

    kit, requests = asyncio.run(ours())
    print(json.dumps({"kit": kit, "counted": requests, "libraries": asyncio.run(theirs())}))


if __name__ == "__main__" and "--attack" in sys.argv:
    attack()
