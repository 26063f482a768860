"""Drivers: they register, apply, wait for the money and pay, some of them late: `python -m flota.traffic --api URL`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from .measures import METHODS
from .people import Driver, driver

Habit = Literal["punctual", "late", "never"]
HABITS: tuple[tuple[Habit, float], ...] = (("punctual", 0.8), ("late", 0.15), ("never", 0.05))
LATE_DAYS_MAX = 25.0


@dataclass
class Town:
    """Where drivers live: the API, how long their days are, and how they are made up."""

    client: httpx.AsyncClient
    day_seconds: float
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    async def sleep(self, days: float) -> None:
        """Let days pass."""
        await asyncio.sleep(days * self.day_seconds)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """One request; drivers shrug at lost connections and come back."""
        try:
            return await self.client.request(method, path, **more)
        except httpx.HTTPError:
            return None


class Life:
    """One driver's dealings with us."""

    def __init__(self, town: Town, who: Driver, habit: Habit) -> None:
        self.town, self.who, self.habit = town, who, habit
        self.headers: dict[str, str] = {}

    async def live(self) -> None:
        """From the first visit to the last instalment."""
        if not await self._enter():
            return
        credit = await self._apply()
        if credit is None or not await self._wait_for_money(credit):
            return
        await self._ask("GET", f"/creditos/{credit}/vehiculo")
        await self._pay(credit)

    async def _enter(self) -> bool:
        await self._ask("POST", "/conductores", json=self.who.document())
        credentials = {"email": self.who.email, "password": self.who.password}
        if self.town.dice.random() < 0.1:
            await self._ask("POST", "/sesiones", json={**credentials, "password": "la-de-otro-sitio"})
        code = "123456" if self.town.dice.random() < 0.5 else ""
        found = await self._ask("POST", "/sesiones", json={**credentials, "code": code})
        if found is None or not found.is_success:
            return False
        self.headers = {"Authorization": f"Bearer {found.json()['token']}"}
        return True

    async def _apply(self) -> int | None:
        dice = self.town.dice
        wanted = {"amount_cents": dice.randrange(5_000_00, 30_000_00, 500_00), "weeks": dice.choice((6, 8, 12))}
        for _ in range(3):
            answer = await self._ask("POST", "/solicitudes", json=wanted)
            if answer is not None and answer.is_success:
                told = answer.json()
                return int(told["id"]) if told["status"] == "approved" else None
            await self.town.sleep(1)
        return None

    async def _wait_for_money(self, credit: int) -> bool:
        for _ in range(60):
            await self.town.sleep(0.5)
            found = await self._ask("GET", f"/creditos/{credit}")
            if found is not None and found.is_success and found.json()["disbursed_day"] is not None:
                return True
        return False

    async def _pay(self, credit: int) -> None:
        while self.habit != "never":
            found = await self._ask("GET", f"/creditos/{credit}")
            if found is None or not found.is_success:
                await self.town.sleep(1)
                continue
            told = found.json()
            owed = [due for due in told["plan"] if due["status"] == "due"]
            if not owed:
                return
            delay = self.town.dice.uniform(2, LATE_DAYS_MAX) if self.habit == "late" else -self.town.dice.random()
            await self.town.sleep(max(0.0, owed[0]["due_day"] + delay - told["today"]))
            await self._ask("POST", f"/creditos/{credit}/pagos", json={"method": self.town.dice.choice(METHODS)})
            await self.town.sleep(0.2)

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        return await self.town.ask(method, path, headers=self.headers, **more)


async def run(api: str, *, day_seconds: float, per_second: float, seed: int = 7, lives_max: int = 300) -> None:
    """New drivers at `per_second`, for ever; at most `lives_max` at a time."""
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=api, timeout=15, limits=limits) as client:
        town = Town(client, day_seconds, random.Random(seed))
        lives: set[asyncio.Task[None]] = set()
        due = asyncio.get_running_loop().time()
        while True:
            due += town.dice.expovariate(per_second)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if len(lives) < lives_max:
                habit = town.dice.choices([name for name, _ in HABITS], [share for _, share in HABITS])[0]
                life = asyncio.create_task(Life(town, driver(town.dice), habit).live())
                lives.add(life)
                life.add_done_callback(lives.discard)


def main() -> None:
    """Send drivers until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", required=True)
    parser.add_argument("--day-seconds", type=float, default=2.0, help="how long a day of the business takes")
    parser.add_argument("--per-second", type=float, default=1.0, help="new drivers")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(args.api, day_seconds=args.day_seconds, per_second=args.per_second, seed=args.seed))


if __name__ == "__main__":
    main()
