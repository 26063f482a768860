"""An outage from its first failed payment to the draft of its post-mortem, told stage by stage."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import httpx

from sereno.app.cli.client import Client
from sereno.app.demo.town import STATUS_PAGE, Town
from sereno.kernel.clock import Clock
from sereno.kernel.errors import SerenoError, Unavailable

FAULT_SECONDS = 45
"""How long payments stay broken: long enough for the fast windows, too short for the slow ones to join in."""
LIMITS_SECONDS = {"alert_firing": 90, "page_sent": 100, "incident_opened": 100, "status_changed": 110}
"""What machines owe us; people take the time they take."""
RESOLVED_SECONDS = 900

Stage = dict[str, Any]
Look = Callable[[], Awaitable[Stage | None]]


class Outage:
    """Breaks payments and follows what the control plane does, over the same interfaces that people use."""

    def __init__(self, town: Town, clock: Clock) -> None:
        self.town = town
        self.clock = clock
        token = (town.folder / "data" / "operator.token").read_text().strip()
        self.api = Client(town.url("control"), token)
        self.http = httpx.AsyncClient(timeout=10)
        self.began = clock.now()
        self.limits_seconds: dict[str, int] = {}
        self.page = self.incident = ""

    async def stages(self, *, by_itself: bool = True) -> AsyncIterator[Stage]:
        """Every stage as it is reached, with seconds since the fault.

        Not `by_itself`, a person answers the page and mends payments, in their own time. Raises Unavailable if a
        stage that machines owe us is not reached.
        """
        self.limits_seconds = LIMITS_SECONDS | ({"resolved": RESOLVED_SECONDS} if by_itself else {})
        await self.http.post(f"{self.town.url('pagos')}/_fault", json={"mode": "down"})
        self.began = self.clock.now()
        yield {"stage": "fault", "seconds": 0.0, "what": "payments answer 503"}
        for name, look in (
            ("alert_firing", self._alert),
            ("page_sent", self._page),
            ("incident_opened", self._incident),
            ("status_changed", self._status),
        ):
            yield await self._reach(name, look)
        if by_itself:
            await self._answer()
        yield await self._reach("acknowledged", self._acknowledged)
        if by_itself:
            await asyncio.sleep(max(0.0, FAULT_SECONDS - self._since(self.clock.now())))
            await self.http.delete(f"{self.town.url('pagos')}/_fault")
        yield await self._reach("fault_cleared", self._mended)
        yield await self._reach("resolved", self._resolved)
        yield await self._postmortem()

    async def _reach(self, name: str, look: Look) -> Stage:
        while True:
            if found := await look():
                return {"stage": name, **found}
            if problem := self.town.dead():
                raise Unavailable(f"the demo stopped before {name}: {problem}")
            if self._since(self.clock.now()) > self.limits_seconds.get(name, math.inf):
                raise Unavailable(f"{name} was not reached within {self.limits_seconds[name]} s of the fault")
            await asyncio.sleep(0.2)

    async def _get(self, path: str) -> Any:
        return await asyncio.to_thread(self.api.get, path)

    def _since(self, instant: datetime | str) -> float:
        moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return round((moment - self.began).total_seconds(), 1)

    def _of_payments(self, item: Mapping[str, Any]) -> bool:
        return bool(item["service"] == "pagos")

    async def _alert(self) -> Stage | None:
        for alert in await self._get("/alerts"):
            if self._of_payments(alert) and alert["state"] == "firing":
                return {
                    "seconds": self._since(alert["fired_at"]),
                    "alert": alert["alert"],
                    "severity": alert["severity"],
                }
        return None

    async def _page(self) -> Stage | None:
        for page in await self._get("/pages"):
            if self._of_payments(page) and page["state"] == "open":
                detail = await self._get(f"/pages/{page['id']}")
                sent = [m for m in detail["messages"] if m["purpose"] == "page" and m["sent_at"]]
                if sent:
                    self.page = page["id"]
                    return {
                        "seconds": self._since(sent[0]["sent_at"]),
                        "person": sent[0]["person"],
                        "by": sent[0]["channel"],
                    }
        return None

    async def _incident(self) -> Stage | None:
        for incident in await self._get("/incidents"):
            if self._of_payments(incident) and incident["phase"] in ("detected", "triaged"):
                self.incident = str(incident["number"])
                return {"seconds": self._since(incident["opened_at"]), "incident": incident["number"]}
        return None

    async def _status(self) -> Stage | None:
        shown = (await self.http.get(f"{self.town.url('control')}/status/{STATUS_PAGE}.json")).json()
        for component in shown["components"]:
            if component["name"] == "Pagos" and component["state"] not in ("operational", "unknown"):
                return {"seconds": self._since(self.clock.now()), "component": "Pagos", "state": component["state"]}
        return None

    async def _answer(self) -> None:
        """Answer as a person would: by the link in the mail."""
        mails = (await self.http.get(f"{self.town.url('mailbox')}/mails.json")).json()
        link = next(link for mail in mails for link in mail["links"] if "/ack/" in link)
        answer = await self.http.post(link)
        if answer.status_code >= 400:
            raise SerenoError(f"the acknowledge link answered {answer.status_code}")

    async def _acknowledged(self) -> Stage | None:
        page = await self._get(f"/pages/{self.page}")
        if page["acknowledged_at"] is None:
            return None
        return {"seconds": self._since(page["acknowledged_at"]), "by": page["acknowledged_by"]}

    async def _mended(self) -> Stage | None:
        shop = (await self.http.get(f"{self.town.url('pagos')}/health")).json()
        return None if shop["fault"] else {"seconds": self._since(self.clock.now())}

    async def _resolved(self) -> Stage | None:
        incident = await self._get(f"/incidents/{self.incident}")
        if incident["resolved_at"]:
            return {"seconds": self._since(incident["resolved_at"])}
        return None

    async def _postmortem(self) -> Stage:
        draft = await asyncio.to_thread(self.api.get, f"/incidents/{self.incident}/postmortem")
        impacts = await self._get(f"/incidents/{self.incident}/impact")
        return {"stage": "postmortem", "seconds": self._since(self.clock.now()), "impacts": impacts, "draft": draft}
