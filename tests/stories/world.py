"""A small world for stories: the real rules on stores in memory, a carrier that may drop calls, and simulated time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from sereno.adapters.memory.paging import MemoryPaging
from sereno.kernel.events import AlertFired, AlertResolved, Event, MessageFailed, MessageSent, PageStepTaken
from sereno.kernel.labels import Labels
from sereno.kernel.message import Message
from sereno.oncall import service
from sereno.spec.model import Contact, Escalation, Person, Schedule, Service, Spec, Step, Team

MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROLES = ("primary", "secondary", "backup")
LEASE, RETRY, ATTEMPTS_MAX = timedelta(seconds=30), timedelta(seconds=10), 3


class CountingIds:
    """Identities in order of making."""

    def __init__(self) -> None:
        self.made = 0

    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}_{self.made:06d}"

    def secret(self) -> str:
        return self.new("secret")


class PlainLinks:
    """Links one can read."""

    def page_url(self, page_id: str) -> str:
        return f"https://sereno.example/pages/{page_id}"

    def ack_url(self, page_id: str, person: str) -> str:
        return f"https://sereno.example/ack/{page_id}.{person}"


def a_person(name: str, *channels: str, language: str = "en", zone: str = "UTC") -> Person:
    contacts = tuple(Contact(channel, f"{name}@{channel}") for channel in channels)  # type: ignore[arg-type]
    return Person(name, name.title(), contacts, zone, language)  # type: ignore[arg-type]


def a_spec(
    people: tuple[Person, ...] = (a_person("ana", "slack"), a_person("bo", "slack"), a_person("carla", "slack")),
    ring: tuple[str, ...] | None = None,
    steps: tuple[Step, ...] | None = None,
    repeat_every: timedelta = timedelta(minutes=15),
    zone: str = "UTC",
) -> Spec:
    steps = steps or tuple(Step((role,), timedelta(minutes=m)) for role, m in zip(ROLES, (0, 5, 15), strict=True))
    names = tuple(person.name for person in people) if ring is None else ring
    return Spec(
        services={name: Service(name, "team", title=name.title()) for name in ("checkout", "search")},
        teams={"team": Team("team", "default", zone=zone)},
        people={person.name: person for person in people},
        schedules={"rota": Schedule("rota", zone, names, ROLES, date(2026, 3, 2), time(9))},
        escalations={"default": Escalation("default", "rota", steps, repeat_every)},
    )


@dataclass(frozen=True)
class Delivered:
    """Someone's device rang."""

    at: timedelta
    person: str
    purpose: str
    reason: str
    channel: str
    key: str
    page: str


@dataclass
class World:
    """Time passes only when told; nothing happens on its own."""

    spec: Spec = field(default_factory=a_spec)
    began: datetime = MONDAY_NOON
    elapsed: timedelta = timedelta(0)
    clock_error: timedelta = timedelta(0)
    store: MemoryPaging = field(default_factory=MemoryPaging)
    ids: CountingIds = field(default_factory=CountingIds)
    links: PlainLinks = field(default_factory=PlainLinks)
    dead: set[str] = field(default_factory=set)
    """Addresses that refuse for good."""
    mute: set[str] = field(default_factory=set)
    """Addresses whose peer does not answer now."""
    workers: bool = True
    ticks: int = 0
    log: list[Event] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    pending: list[Event] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """What the clock on the wall shows."""
        return self.began + self.elapsed + self.clock_error

    def fire(self, alert: str, severity: str, of: str = "checkout") -> None:
        labels = {"alertname": alert, "service": of, "severity": severity}
        self.hear(AlertFired(
            at=self._moment(), fingerprint=Labels(labels).fingerprint, alert=alert, service=of, severity=severity,
            labels=labels, annotations={"summary": f"{alert} is wrong"}, value=1.0, active_at=self.now,
        ))  # fmt: skip

    def resolve(self, alert: str, severity: str, of: str = "checkout") -> None:
        labels = {"alertname": alert, "service": of, "severity": severity}
        self.hear(AlertResolved(
            at=self._moment(), fingerprint=Labels(labels).fingerprint, alert=alert, service=of, severity=severity,
            labels=labels,
        ))  # fmt: skip

    def _moment(self) -> datetime:
        """Now, but never the same moment twice."""
        self.ticks += 1
        return self.now + self.ticks * timedelta(microseconds=1)

    def acknowledge(self, page_id: str, by: str) -> None:
        with self.store.transaction() as store:
            self.pending += service.acknowledge(store.pages, store.outbox, page_id, by, "link", self.now)
        self.settle()

    def close(self, page_id: str, by: str) -> None:
        with self.store.transaction() as store:
            self.pending += service.close(
                store.pages, store.outbox, self.spec, page_id, by, self.now, self.ids, self.links
            )
        self.settle()

    def hear(self, event: Event) -> None:
        """Something happened; whoever listens acts as soon as the workers run."""
        self.pending.append(event)
        self.settle()

    def run_until(self, moment: timedelta) -> None:
        """Let time pass, stopping at every moment that matters."""
        self.settle()
        while self.workers and (next_due := self._next_due()) is not None:
            reached = max(next_due - self.began - self.clock_error, self.elapsed)
            if reached > moment:
                break
            self.elapsed = reached
            self.settle()
        self.elapsed = max(self.elapsed, moment)
        self.settle()

    def settle(self) -> None:
        """Do everything that is due now."""
        for _ in range(10_000):
            if not self.workers or not (self._dispatch() or self._step() or self._deliver()):
                return
        raise AssertionError("a storm: there is no end to what is due now")

    def _next_due(self) -> datetime | None:
        moments = (self.store.pages.next_due(), self.store.outbox.next_due())
        return min((moment for moment in moments if moment is not None), default=None)

    def _dispatch(self) -> bool:
        if not self.pending:
            return False
        event = self.pending[0]
        with self.store.transaction() as store:
            caused = self._hearer(event)(store, event) if self._hearer(event) else []
        self.pending = [*self.pending[1:], *caused]
        self.log.append(event)
        return True

    def _hearer(self, event: Event):  # type: ignore[no-untyped-def]
        hearers = {
            AlertFired: service.alert_fired, AlertResolved: service.alert_resolved,
            MessageFailed: service.message_failed,
        }  # fmt: skip
        hear = hearers.get(type(event))
        return hear and (
            lambda store, event: hear(
                store.pages,
                store.outbox,
                self.spec,
                event,
                self.now,
                self.ids,
                self.links,  # type: ignore[arg-type]
            )
        )

    def _step(self) -> bool:
        for page in self.store.pages.due(self.now, 1):
            with self.store.transaction() as store:
                self.pending += service.advance_page(
                    store.pages, store.outbox, self.spec, page, self.now, self.ids, self.links
                )
            return True
        return False

    def _deliver(self) -> bool:
        for message in self.store.outbox.claim("carrier", self.now, LEASE, 1):
            with self.store.transaction():
                self._send(message)
            return True
        return False

    def _send(self, message: Message) -> None:
        outbox, address = self.store.outbox, message.address
        if address in self.mute and message.attempt < ATTEMPTS_MAX:
            outbox.retry(message, self.now + RETRY, "no answer")
        elif address in self.dead or address in self.mute:
            outbox.failed(message, "no such address", self.now)
            self.pending.append(MessageFailed(
                at=self.now, message=message.id, page=message.page, purpose=message.purpose, person=message.person,
                contact=message.contact, channel=message.channel, error="no such address",
            ))  # fmt: skip
        else:
            outbox.sent(message, self.now)
            self.delivered.append(Delivered(
                self.elapsed, message.person or "", message.purpose, str(message.data["reason"]), message.channel,
                message.key, message.page or "",
            ))  # fmt: skip
            self.pending.append(MessageSent(
                at=self.now, message=message.id, page=message.page, purpose=message.purpose, person=message.person,
                channel=message.channel, attempt=message.attempt,
            ))  # fmt: skip

    def steps(self) -> list[PageStepTaken]:
        return [event for event in self.log if isinstance(event, PageStepTaken)]

    def with_contacts(self, name: str, *channels: str) -> None:
        """Give a person these contacts and no others."""
        people = {**self.spec.people, name: a_person(name, *channels)}
        self.spec = replace(self.spec, people=people)
