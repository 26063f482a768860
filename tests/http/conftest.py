"""Houses to let, and callers who know the way in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.http.house import PASSWORD, furnish

from sereno.app.control import Control
from sereno.app.http import create_app

SAME = {"sec-fetch-site": "same-origin"}
PEOPLE = {"viewer": "vera", "responder": "rita", "admin": "alba"}


@dataclass
class House:
    """A furnished Control behind its HTTP face."""

    control: Control
    app: Any
    stack: AsyncExitStack

    async def visitor(self, role: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A browser on this house; signed in as someone of that role, if one is named."""
        transport = httpx.ASGITransport(self.app, client=options.pop("client", ("192.0.2.7", 50000)))
        values = {"base_url": self.control.settings.address, "headers": {"accept": "text/html"}, **options}
        browser = await self.stack.enter_async_context(httpx.AsyncClient(transport=transport, **values))
        if role is not None:
            answer = await browser.post("/sign-in", data={"name": PEOPLE[role], "password": PASSWORD}, headers=SAME)
            assert answer.status_code == 303, answer.text
        return browser

    async def program(self, role: str) -> httpx.AsyncClient:
        """A program with a token of that role."""
        from sereno.app.http.auth import add_token

        token = await add_token(self.control, name=f"robot-{role}", role=role, kind="api")  # type: ignore[arg-type]
        return await self.visitor(headers={"authorization": f"Bearer {token}"})

    async def deeds(self) -> list[tuple[str, str]]:
        """Who did what, oldest first."""
        found = await self.control.database.read(lambda unit: unit.audit.recent(100))
        return [(deed.actor, deed.action) for deed in reversed(found)]


Furnisher = Callable[..., Awaitable[House]]


@pytest.fixture
async def house_of(tmp_path: Path) -> AsyncIterator[Furnisher]:
    """Furnishes houses: `await house_of("calm", language="en")`."""
    async with AsyncExitStack() as stack:

        async def make(mood: str = "busy", **settings: Any) -> House:
            control = await furnish(tmp_path / f"house{len(list(tmp_path.iterdir()))}", mood, **settings)  # type: ignore[arg-type]
            stack.callback(control.database.close)
            return House(control, create_app(control), stack)

        yield make


@pytest.fixture
async def house(house_of: Furnisher) -> House:
    """A house on a bad evening."""
    return await house_of("busy")
