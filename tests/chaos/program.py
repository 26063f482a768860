"""A small control plane that can be killed: the real store, loops, on-call service and webhook notifier.

It takes its orders over a connection that it opens to the test, and answers each once its write has returned.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from sereno.adapters.clock import RandomIds, SystemClock
from sereno.adapters.notify.egress import Policy
from sereno.adapters.notify.webhook import WebhookNotifier
from sereno.adapters.sql.database import Database, open_database
from sereno.adapters.sql.unit import Unit
from sereno.alerts.model import Alert
from sereno.app.audit import audit_once
from sereno.app.dispatch import Hearer, Hearing
from sereno.app.workers import DeliveryLoop, DispatchLoop, Loop, StepLoop
from sereno.kernel.errors import Conflict
from sereno.kernel.events import AlertFired, AlertResolved, Event, MessageFailed
from sereno.kernel.labels import Labels
from sereno.oncall import service as oncall
from sereno.oncall.model import Page
from sereno.spec.model import Contact, Escalation, Person, Service, Spec, Step, Team

PEOPLE = ("ana", "bo", "carla")
STEP = timedelta(seconds=0.4)
SERVICES = 400


@dataclass(frozen=True)
class Plan:
    """What one run of the program is told."""

    database: str
    owner: str
    orders_port: int
    peer: str
    lease_seconds: float = 3.0
    send_seconds: float = 1.0
    slots: int = 8


class Links:
    """Addresses that lead nowhere."""

    def page_url(self, page_id: str) -> str:
        return f"http://sereno.example/pages/{page_id}"

    def ack_url(self, page_id: str, person: str) -> str:
        return f"http://sereno.example/ack/{page_id}/{person}"


LINKS = Links()


def spec_for(peer: str) -> Spec:
    """Many services of one team; three people in three steps, one webhook each."""
    return Spec(
        services={f"s{n}": Service(f"s{n}", "team") for n in range(SERVICES)},
        teams={"team": Team("team", "ladder")},
        people={name: Person(name, name.title(), (Contact("webhook", f"{peer}?{name}"),)) for name in PEOPLE},
        escalations={
            "ladder": Escalation(
                "ladder", None, tuple(Step((name,), n * STEP) for n, name in enumerate(PEOPLE)), timedelta(hours=1)
            )
        },
    )


def fire(unit: Unit, service: str, now: datetime) -> None:
    """What an evaluation that fires writes."""
    labels = Labels(alertname="Down", service=service, severity="SEV1")
    alert = Alert(
        fingerprint=labels.fingerprint, rule=f"{service}/alert:Down", alert="Down", service=service, severity="SEV1",
        state="firing", labels=labels, annotations=Labels(summary=f"{service} is down"), value=1.0, active_at=now,
        last_true_at=now, evaluated_at=now, fired_at=now,
    )  # fmt: skip
    unit.alerts.save([alert])
    unit.ledger.add(
        [
            AlertFired(
                at=now, fingerprint=alert.fingerprint, alert=alert.alert, service=service, severity="SEV1",
                labels=dict(labels), annotations=dict(alert.annotations), value=1.0, active_at=now,
            )
        ]
    )  # fmt: skip


def hearers() -> Mapping[type[Event], Sequence[Hearer]]:
    """The on-call slice alone."""

    def fired(h: Hearing[AlertFired]) -> Sequence[Event]:
        return oncall.alert_fired(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, LINKS)

    def resolved(h: Hearing[AlertResolved]) -> Sequence[Event]:
        return oncall.alert_resolved(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, LINKS)

    def failed(h: Hearing[MessageFailed]) -> Sequence[Event]:
        return oncall.message_failed(h.unit.pages, h.unit.outbox, h.spec, h.event, h.now, h.ids, LINKS)

    return {AlertFired: [fired], AlertResolved: [resolved], MessageFailed: [failed]}


def advance(unit: Unit, page: Page, spec: Spec, now: datetime, ids: Any) -> Sequence[Event]:
    """The next step of a page."""
    return oncall.advance_page(unit.pages, unit.outbox, spec, page, now, ids, LINKS)


def acknowledge(unit: Unit, page_id: str, now: datetime) -> None:
    """A person answers."""
    try:
        unit.ledger.add(oncall.acknowledge(unit.pages, unit.outbox, page_id, "ana", "link", now))
    except Conflict:
        return


class Program:
    """The loops and the taker of orders."""

    def __init__(self, plan: Plan, database: Database) -> None:
        self.plan = plan
        self.database = database
        self.clock = SystemClock()
        self.spec = spec_for(plan.peer)
        self.notifier = WebhookNotifier(Policy.of(["127.0.0.0/8"]), self.clock, timeout_seconds=plan.send_seconds)

    def loops(self) -> list[Loop]:
        """The same as in production, with a shorter lease: a dead replica's messages wait for its end."""
        ids, database, clock = RandomIds(), self.database, self.clock
        delivery = DeliveryLoop(
            database, clock, {"webhook": self.notifier}, random.SystemRandom().random, slots=self.plan.slots
        )
        delivery.send_seconds = self.plan.send_seconds
        delivery.lease = timedelta(seconds=self.plan.lease_seconds)
        return [
            DispatchLoop(database, clock, ids, lambda: self.spec, hearers()),
            StepLoop(database, clock, ids, lambda: self.spec, advance),
            delivery,
        ]

    async def run(self) -> None:
        """Work until killed."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self.loops():
                tasks.create_task(loop.run())
            tasks.create_task(self._orders())

    async def _orders(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.orders_port)
        async with asyncio.TaskGroup() as tasks:
            while line := await reader.readline():
                tasks.create_task(self._obey(json.loads(line), writer))
        raise SystemExit(0)  # the test is over

    async def _obey(self, order: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        answer = await self.database.write(lambda unit: self._do(unit, order), snapshot=order["do"] == "audit")
        writer.write(json.dumps({"id": order["id"], "answer": answer}).encode() + b"\n")

    def _do(self, unit: Unit, order: dict[str, Any]) -> Any:
        now = self.clock.now()
        if order["do"] == "fire":
            return fire(unit, order["service"], now)
        if order["do"] == "acknowledge":
            return acknowledge(unit, order["page"], now)
        audit = audit_once(unit, self.spec, now)
        return {**asdict(audit), "passed": audit.passed}


def main(plan: Plan) -> None:
    """Run until killed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))

    async def run() -> None:
        await Program(plan, await open_database(plan.database, owner=plan.owner)).run()

    asyncio.run(run())
