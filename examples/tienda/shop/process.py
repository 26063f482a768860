"""What every service of the shop has: its kit, its part of the database, its neighbours, its dice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx
from starlette.requests import Request
from starlette.responses import Response

from sereno_kit import Kit

from .database import Database

Handler = Callable[[Request], Awaitable[Response]]
Offered = tuple[str, Handler, str]
"""What customers may ask for: a path, who answers, and the method."""


@dataclass(frozen=True, slots=True)
class Process:
    """One running service."""

    name: str
    kit: Kit
    database: Database
    client: httpx.AsyncClient
    neighbours: Mapping[str, str]
    """Where the other services are, by name."""
    dice: random.Random

    async def work(self, median_seconds: float) -> None:
        """Take about as long as such a request takes."""
        await asyncio.sleep(self.dice.lognormvariate(0, 0.4) * median_seconds)


class Service(Protocol):
    """One of the shop's services."""

    def __init__(self, process: Process) -> None: ...

    def offers(self) -> list[Offered]:
        """What customers may ask for."""
        ...
