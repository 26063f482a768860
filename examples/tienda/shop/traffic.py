"""Customers: a steady stream of requests, `python -m shop.traffic --api URL --catalogo URL --carrito URL`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from typing import Any

import httpx

from .accounts import CODE, NAMES

RATES_PER_SECOND = {
    ("api", "GET", "/"): 3.0,
    ("api", "GET", "/productos"): 2.0,
    ("api", "POST", "/checkout"): 2.0,
    ("api", "POST", "/entrar"): 0.5,
    ("catalogo", "GET", "/productos"): 1.0,
    ("catalogo", "GET", "/buscar?q=caf"): 2.0,
    ("carrito", "POST", "/carrito"): 1.5,
}
"""How often customers ask for what; the generated history has the same rates."""


def details(path: str, dice: random.Random) -> dict[str, Any]:
    """What a customer says besides the address: who they are, how they pay, and now and then a wrong password."""
    name = dice.choice(NAMES)
    if path == "/":
        return {"headers": {"Cookie": f"cliente={name}"}}
    if path == "/checkout":
        return {"params": {"medio": dice.choice(("tarjeta", "tarjeta", "billetera"))}}
    if path == "/entrar":
        password = f"clave-{name}" if dice.random() > 0.05 else "olvidada"
        return {"json": {"name": name, "password": password, "code": dice.choice((CODE, ""))}}
    return {}


async def ask(client: httpx.AsyncClient, method: str, url: str, said: dict[str, Any]) -> None:
    """One request; customers shrug at errors and come back."""
    with contextlib.suppress(httpx.HTTPError):
        await client.request(method, url, **said)


async def stream(
    client: httpx.AsyncClient, method: str, base: str, path: str, per_second: float, dice: random.Random
) -> None:
    """Ask for `path` at `per_second`, with a little jitter, for ever."""
    asking: set[asyncio.Task[None]] = set()
    due = asyncio.get_running_loop().time() + dice.random() / per_second
    while True:
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time() + dice.uniform(-0.05, 0.05)))
        due += 1 / per_second
        if len(asking) < 200:
            task = asyncio.create_task(ask(client, method, base + path, details(path, dice)))
            asking.add(task)
            task.add_done_callback(asking.discard)


async def run(bases: dict[str, str]) -> None:
    """All streams together."""
    dice = random.Random(7)
    async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=100)) as client:
        await asyncio.gather(
            *(
                stream(client, method, bases[service], path, rate, dice)
                for (service, method, path), rate in RATES_PER_SECOND.items()
            )
        )


def main() -> None:
    """Send customers to the shop until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("api", "catalogo", "carrito"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run({"api": args.api, "catalogo": args.catalogo, "carrito": args.carrito}))


if __name__ == "__main__":
    main()
