"""A whole control plane in simulated time: real stores, real rules, real pages; only the clock and the peers are ours."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np

from sereno.adapters.samples.source import Scrape
from sereno.app import wiring
from sereno.app.control import Control, open_control
from sereno.app.dispatch import dispatch_once
from sereno.app.evaluate import BudgetRound, RuleRound
from sereno.app.http import create_app
from sereno.app.serve import begin
from sereno.app.settings import Settings
from sereno.app.workers import AuditorLoop, DeliveryLoop, IncidentLoop, StepLoop
from sereno.kernel.errors import DeliveryError
from sereno.kernel.labels import Labels
from sereno.kernel.message import Message
from sereno.kernel.moment import to_ms
from sereno.promql.columns import STALE

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SPEC = """
service: payments
team: payments
scrape: [{job: payments, targets: [http://127.0.0.1:9/metrics], every: 5s, timeout: 4s}]
slos:
  - name: availability
    objective: 99.95%
    window: 30d
    sli:
      events: {total: 'http_requests_total{job="payments"}', bad: 'status=~"5.."'}
    severity: SEV1
    ticket: SEV4
alerts:
  - alert: PaymentsDown
    expr: max(up{job="payments"}) == 0 or absent(up{job="payments"})
    for: 1m
    severity: SEV1
    summary: Nobody can pay
status: {page: public, component: Payments}
---
{team: payments, escalation: payments, zone: America/Lima}
---
{person: ana, title: Ana Torres, language: es, zone: America/Lima, contacts: [{email: ana@shop.example}, {slack: 'https://hooks.slack.example/x'}]}
---
{person: bo, title: Bo Díaz, language: en, contacts: [{email: bo@shop.example}]}
---
{schedule: payments, zone: America/Lima, handover: monday 09:00, start: 2026-03-02, people: [ana, bo], roles: [primary, secondary]}
---
escalation: payments
schedule: payments
steps: [{page: primary}, {page: secondary, after: 5m}]
repeat_every: 15m
---
{status_page: public, title: Shop, language: en, components: [{component: Payments}]}
"""


class ManualClock:
    """Stands still until it is told to go."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()


@dataclass
class Peer:
    """Takes messages, or refuses them."""

    taken: list[Message] = field(default_factory=list)
    refusal: DeliveryError | None = None

    async def send(self, message: Message) -> str:
        if self.refusal:
            raise self.refusal
        self.taken.append(message)
        return "ok"


class Town:
    """Payments at 2 requests a second, watched every five seconds."""

    interval = timedelta(seconds=5)

    def __init__(self, folder: Path, spec: str = SPEC, database: str | None = None) -> None:
        self.folder = folder
        (folder / "reliability").mkdir(exist_ok=True)
        (folder / "reliability" / "all.yaml").write_text(spec)
        self.settings = Settings(
            spec=folder / "reliability", data_dir=folder / "data", evaluation_interval=self.interval, language="en",
            settle=timedelta(seconds=30), database=database, secret="what the replicas of one street share",
        )  # fmt: skip
        self.clock = ManualClock(MONDAY)
        self.mail, self.slack = Peer(), Peer()
        self.good = self.bad = 0.0
        self.broken = False
        self.scraped = True
        base = {"job": "payments", "instance": "127.0.0.1:9"}
        self.labels = (
            Labels(__name__="http_requests_total", status="200", **base),
            Labels(__name__="http_requests_total", status="503", **base),
            Labels(__name__="up", **base),
        )
        self.control: Control

    async def open(self) -> Control:
        """Start a control plane, or start it again."""
        self.control = control = await open_control(self.settings, clock=self.clock)
        self.rules, self.budgets = RuleRound(control), BudgetRound(control)
        self.hearers = wiring.hearers(control)
        shared = (control.database, self.clock)

        def spec():
            return control.spec.current

        self.steps = StepLoop(*shared, control.ids, spec, wiring.advance_page(control))
        self.incidents = IncidentLoop(*shared, control.ids, spec, wiring.advance_incident)
        self.delivery = DeliveryLoop(*shared, {"email": self.mail, "slack": self.slack}, lambda: 0.5)
        self.auditor = AuditorLoop(*shared, spec)
        await begin(control)
        return control

    async def close(self) -> None:
        await self.delivery.drain()
        await self.control.close()

    def remember(self, hours: float = 8) -> None:
        """Steady traffic before now, as it was scraped."""
        count = int(hours * 720)
        times = to_ms(self.clock.now()) - np.arange(count, 0, -1, dtype=np.int64) * 5000
        good = np.arange(1, count + 1) * 10.0
        self.good = float(good[-1])
        store = self.control.store
        assert store is not None
        store.backfill_sync(
            [
                (self.labels[0], times, good),
                (self.labels[1], times, np.zeros(count)),
                (self.labels[2], times, np.ones(count)),
            ]
        )

    def scrape(self) -> None:
        """One reading of the target at the present instant."""
        assert self.control.store is not None
        if self.broken:
            self.bad += 10
        else:
            self.good += 10
        values = [self.good, self.bad, 1.0] if self.scraped else [STALE, STALE, 0.0]
        at = to_ms(self.clock.now())
        self.control.store.append_sync(Scrape("payments", at, self.labels, np.array(values)))

    async def settle(self) -> None:
        """Let every loop do what is due at this instant."""
        for _ in range(20):
            handed = await dispatch_once(
                self.control.database, self.hearers, self.clock, self.control.ids, lambda: self.control.spec.current
            )
            await self.steps.tick()
            await self.incidents.tick()
            await self.delivery.tick()
            await self.delivery.drain()
            if handed == 0 and await self._quiet():
                return
        raise AssertionError("the loops never come to rest")

    async def _quiet(self) -> bool:
        now = self.clock.now()

        def waiting(unit) -> bool:
            dues = (unit.ledger.next_due(), unit.outbox.next_due(), unit.pages.next_due(), unit.incidents.next_due())
            return any(due is not None and due <= now for due in dues)

        return not await self.control.database.read(waiting)

    async def tick(self) -> None:
        """Five seconds pass: scrape, evaluate, and whatever follows."""
        self.clock.instant += self.interval
        self.scrape()
        await self.rules.once(self.clock.now())
        await self.settle()

    async def run(self, **duration: float) -> None:
        """Let time pass."""
        until = self.clock.now() + timedelta(**duration)
        while self.clock.now() < until:
            await self.tick()

    async def until(self, question, limit: timedelta = timedelta(minutes=30)):
        """Let time pass until `question()` has an answer; the answer."""
        end = self.clock.now() + limit
        while self.clock.now() < end:
            await self.tick()
            if answer := await question():
                return answer
        raise AssertionError(f"nothing within {limit}")

    async def pages(self):
        return await self.control.database.read(lambda unit: unit.pages.recent())

    async def incident(self):
        found = await self.control.database.read(lambda unit: unit.incidents.recent())
        return found[0] if found else None

    async def component(self) -> str:
        current = await self.control.database.read(lambda unit: unit.intervals.current("public", "Payments"))
        return current.state

    def http(self) -> httpx.AsyncClient:
        """A browser on the control plane's own pages."""
        transport = httpx.ASGITransport(create_app(self.control))
        return httpx.AsyncClient(transport=transport, base_url=self.settings.address)

    def link(self, message: Message) -> str:
        found = re.search(r"https?://\S+/ack/\S+", message.text)
        assert found, message.text
        return found[0]


async def opened(folder: Path, **options) -> Town:
    """A town with eight hours of quiet behind it."""
    town = Town(folder, **options)
    await town.open()
    await asyncio.to_thread(town.remember)
    await town.run(seconds=30)
    return town
