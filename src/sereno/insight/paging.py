"""Whom alerts would have called: the on-call slice itself, over stores in memory, in the time of the past."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sereno.insight.model import Demand, Paged
from sereno.kernel.errors import Conflict
from sereno.kernel.events import AlertFired, AlertResolved
from sereno.kernel.message import Message
from sereno.kernel.moment import to_ms
from sereno.oncall import service as oncall
from sereno.oncall.messages import step_of
from sereno.oncall.model import Page
from sereno.spec.model import Spec

NIGHT_FROM, NIGHT_TO = 22, 6
"""Hours of the night where a person lives."""
_TICK = timedelta(microseconds=1)
"""What happens at an instant is heard before the steps that are due at it, as the control plane's rounds do."""


def pages_of(
    events: Iterable[AlertFired | AlertResolved],
    spec: Spec,
    until: datetime,
    *,
    answer_after: timedelta | None,
) -> tuple[Paged, ...]:
    """The pages that `events` (in the order in which they happened) would have made by `until`, oldest first.

    `answer_after` is how long the first person called takes to acknowledge; None: nobody ever does, and the page
    walks its whole escalation, round after round. Every message reaches its reader at once.
    """
    town = _Town(spec, answer_after)
    for event in events:
        town.run_to(event.at - _TICK)
        town.hear(event)
    town.run_to(until)
    return tuple(town.told(page) for page in town.pages.rows.values())


class _Town:
    """One control plane's on-call slice, with nobody slow and nothing lost."""

    def __init__(self, spec: Spec, answer_after: timedelta | None) -> None:
        self.spec, self.answer_after = spec, answer_after
        self.pages, self.outbox = _Pages(), _Outbox()
        self.names, self.links = _Names(), _Links()
        self.answers: dict[str, tuple[datetime, str]] = {}

    def hear(self, event: AlertFired | AlertResolved) -> None:
        hearer = oncall.alert_fired if isinstance(event, AlertFired) else oncall.alert_resolved
        hearer(self.pages, self.outbox, self.spec, event, event.at, self.names, self.links)  # type: ignore[arg-type]
        self._await_answers(event.at)

    def run_to(self, until: datetime) -> None:
        """Take every step and every answer that is due by `until`, in order; an answer comes before a step."""
        while True:
            due, answer = self.pages.next_due(), min(self.answers.items(), key=lambda a: a[1], default=None)
            if answer is not None and answer[1][0] <= until and (due is None or answer[1][0] <= due):
                self._answer(answer[0], *answer[1])
            elif due is not None and due <= until:
                for page in self.pages.due(due, 1):
                    oncall.advance_page(self.pages, self.outbox, self.spec, page, due, self.names, self.links)
                self._await_answers(due)
            else:
                return

    def _answer(self, page_id: str, at: datetime, person: str) -> None:
        del self.answers[page_id]
        page = self.pages.rows[page_id]
        if page.state == "open":
            oncall.acknowledge(self.pages, self.outbox, page_id, person, "console", at)

    def _await_answers(self, now: datetime) -> None:
        for message in self.outbox.fresh():
            page_id, person = message.page, message.person
            if self.answer_after is None or page_id is None or person is None or message.purpose != "page":
                continue
            self.answers.setdefault(page_id, (now + self.answer_after, person))
        self.answers = {key: one for key, one in self.answers.items() if self.pages.rows[key].state == "open"}

    def told(self, page: Page) -> Paged:
        calls = [message for message in self.outbox.of_page(page.id) if message.purpose == "page"]
        return Paged(
            id=page.id, service=page.service, severity=page.severity, summary=page.summary,
            alerts=tuple(dict.fromkeys(signal.alert for signal in page.signals)),
            opened_ms=to_ms(page.opened_at),
            acknowledged_ms=None if page.acknowledged_at is None else to_ms(page.acknowledged_at),
            closed_ms=None if page.closed_at is None else to_ms(page.closed_at),
            demands=tuple(_demand(message, self.spec) for message in calls),
        )  # fmt: skip


def _demand(message: Message, spec: Spec) -> Demand:
    person = spec.people[message.person or ""]
    there = message.due_at.astimezone(ZoneInfo(person.zone))
    place = step_of(message) or (0, 0)
    night = there.hour >= NIGHT_FROM or there.hour < NIGHT_TO
    # A night belongs to the day on which it began.
    begun = (there - timedelta(hours=NIGHT_TO)).date() if night else there.date()
    year, week, _ = there.isocalendar()
    return Demand(
        person=person.name, at_ms=to_ms(message.due_at), step=place[1],
        reason=str(message.data.get("reason") or "opened"), hour=there.hour, weekday=there.weekday(),
        night=night, weekend=there.weekday() >= 5, week=f"{year}-W{week:02d}", date=begun.isoformat(),
    )  # fmt: skip


class _Pages:
    """`oncall.ports.Pages` with one writer; the newest last."""

    def __init__(self) -> None:
        self.rows: dict[str, Page] = {}
        self._open: dict[str, Page] = {}

    def get(self, page_id: str) -> Page | None:
        return self.rows.get(page_id)

    def unclosed_in(self, service: str, severity: str) -> Page | None:
        return next((p for p in self._open.values() if p.service == service and p.severity == severity), None)

    def unclosed(self, service: str | None = None) -> tuple[Page, ...]:
        return tuple(page for page in self._open.values() if service in (None, page.service))

    def holding(self, fingerprint: str) -> tuple[Page, ...]:
        return tuple(page for page in self._open.values() if fingerprint in page.alerts)

    def due(self, now: datetime, limit: int) -> tuple[Page, ...]:
        waiting = [(p.due_at, p.id) for p in self._open.values() if p.due_at is not None and p.due_at <= now]
        return tuple(self.rows[page_id] for _, page_id in sorted(waiting)[:limit])

    def next_due(self) -> datetime | None:
        return min((p.due_at for p in self._open.values() if p.due_at is not None), default=None)

    def add(self, page: Page) -> None:
        if self.unclosed_in(page.service, page.severity):
            raise Conflict(f"{page.group} already has an unclosed page")
        self._put(page)

    def save(self, page: Page, *, seen: int) -> bool:
        self._put(page)
        return True

    def recent(self, limit: int = 50) -> tuple[Page, ...]:
        return tuple(list(self.rows.values())[: -limit - 1 : -1])

    def _put(self, page: Page) -> None:
        self.rows[page.id] = page
        if page.state == "closed":
            self._open.pop(page.id, None)
        else:
            self._open[page.id] = page


class _Outbox:
    """`oncall.ports.Outbox` whose messages arrive the moment they are written."""

    def __init__(self) -> None:
        self._by_page: dict[str | None, list[Message]] = {}
        self._keys: set[str] = set()
        self._fresh: list[Message] = []

    def add(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.key not in self._keys:
                self._keys.add(message.key)
                sent = replace(message, state="sent", attempt=1, sent_at=message.due_at)
                self._by_page.setdefault(message.page, []).append(sent)
                self._fresh.append(sent)

    def fresh(self) -> list[Message]:
        """What was written since this was last asked."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def of_page(self, page_id: str) -> tuple[Message, ...]:
        return tuple(self._by_page.get(page_id, ()))

    def cancel(self, page_id: str, purpose: str, now: datetime, reason: str) -> int:
        return 0


class _Names:
    """Identities that count up, so that the same past gives the same names."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:06d}"

    def secret(self) -> str:
        return ""


class _Links:
    """There is nothing to open in the past."""

    def page_url(self, page_id: str) -> str:
        return ""

    def ack_url(self, page_id: str, person: str) -> str:
        return ""
