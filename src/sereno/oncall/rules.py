"""Whom to page next: the walk of a page through its escalation, as decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sereno.kernel.errors import Conflict
from sereno.kernel.events import AlertFired, AlertResolved, Event, PageStepTaken
from sereno.kernel.message import Channel
from sereno.kernel.severity import Severity
from sereno.oncall.hours import next_working_moment
from sereno.oncall.model import Page, Policy, PolicyStep, Signal
from sereno.oncall.schedule import on_call, shifts
from sereno.spec.model import Spec

__all__ = [
    "Decision", "Demand", "acknowledge", "add_alert", "advance", "close", "hurry", "on_call", "open_page",
    "people_of", "policy_of", "resolve_alert", "shifts",
]  # fmt: skip

REPEAT_MIN = timedelta(minutes=1)
DEFAULT_REPEAT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Demand:
    """A person is to be paged: for which step of which round, why, and at which of their addresses; `failed` is the
    channel that did not reach them, if this is in its stead."""

    person: str
    round: int
    step: int
    reason: str
    contact: int = 0
    failed: Channel | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The page as it now stands, whom to page, and what happened."""

    page: Page
    demands: tuple[Demand, ...] = ()
    events: tuple[Event, ...] = ()


def policy_of(spec: Spec, service: str, severity: Severity | None) -> Policy:
    """The escalation of `service` as it stands now. An unknown service has no steps: its page stays open and seen."""
    try:
        escalation = spec.escalation_of(service)
        zone = spec.teams[spec.services[service].team].zone
    except KeyError:
        return Policy("", None, (), DEFAULT_REPEAT)
    return Policy(
        escalation=escalation.name,
        schedule=escalation.schedule,
        steps=tuple(PolicyStep(step.targets, step.after, step.via) for step in escalation.steps),
        repeat_every=max(escalation.repeat_every, REPEAT_MIN),
        working_zone=zone if severity is not None and severity.page == "working_hours" else None,
    )


def open_page(event: AlertFired, severity: str, policy: Policy, now: datetime, page_id: str) -> Page:
    """A new page for the alert of `event`, its first step due `after` from now, or from the next working moment."""
    signal = _signal(event)
    page = Page(
        id=page_id, service=event.service, severity=severity, state="open", summary=_summary(signal),
        alerts=(event.fingerprint,), firing=(event.fingerprint,), policy=policy, opened_at=now, round_at=now,
        due_at=now, details=_details(signal), signals=(signal,),
    )  # fmt: skip
    return _expect(page, now, 0)


def people_of(page: Page, step: int, spec: Spec, at: datetime) -> tuple[str, ...]:
    """The people whom a step would page at `at`: its targets' holders who have a contact, each once, in order."""
    if not 0 <= step < len(page.policy.steps):
        return ()
    schedule = spec.schedules.get(page.policy.schedule or "")
    holders = on_call(schedule, at) if schedule else {}
    named = (holders.get(target, target) for target in page.policy.steps[step].targets)
    return tuple(dict.fromkeys(name for name in named if name in spec.people and spec.people[name].contacts))


def first_contacts(spec: Spec, person: str, via: tuple[Channel, ...]) -> tuple[int, ...]:
    """Which of the person's contacts a step tries at once: those of the channels `via`, or else the first."""
    wanted = [i for i, contact in enumerate(spec.people[person].contacts) if contact.channel in via]
    return tuple(wanted) or (0,)


def advance(page: Page, spec: Spec, now: datetime) -> Decision:
    """Page whoever is due at `now`, and name the next moment to look.

    A worker that comes late takes every step that is due, in order, and starts the next round no sooner than
    `repeat_every` from now. Roles mean whoever holds them now.
    """
    demands: list[Demand] = []
    events: list[Event] = []
    while page.state == "open" and (due_at := page.due_at) is not None and due_at <= now:
        page = _in_hours(page, now)
        if page.due_at != due_at:  # a late worker must not page people who have gone home
            break
        people = people_of(page, page.step, spec, now)
        reason = page.reason if people else "nobody_reachable"
        via = page.policy.steps[page.step].via if page.policy.steps else ()
        demands += [
            Demand(person, page.round, page.step, reason, contact)
            for person in people
            for contact in first_contacts(spec, person, via)
        ]
        events.append(
            PageStepTaken(at=now, page=page.id, service=page.service, step=page.step, people=people, reason=reason)
        )
        page = _stepped(page, people, now)
    return Decision(page, tuple(demands), tuple(events))


def hurry(page: Page, now: datetime) -> Page:
    """The page with its next step due at once, because nobody of the last one could be reached."""
    if page.state != "open" or page.due_at is None or page.due_at <= now:
        return page
    ahead = page.due_at - now
    return replace(page, due_at=now, round_at=page.round_at - ahead, reason="nobody_reachable")


def add_alert(page: Page, event: AlertFired) -> Page:
    """The page with one more alert in its group. Nobody is paged again; an event heard twice changes nothing."""
    # Events are recognised by the very moment they bear, never by which is later: clocks are put back.
    known = next((s for s in page.signals if s.fingerprint == event.fingerprint), None)
    if known is not None and known.fired_at == event.at:
        return page
    others = tuple(s for s in page.signals if s is not known)
    return replace(
        page,
        alerts=tuple(dict.fromkeys((*page.alerts, event.fingerprint))),
        firing=tuple(dict.fromkeys((*page.firing, event.fingerprint))),
        signals=(*others, replace(_signal(event), resolved_at=known.resolved_at if known else None)),
    )


def resolve_alert(page: Page, event: AlertResolved, now: datetime) -> Page:
    """The page without the alert among those that fire; closed if it was the last one."""
    heard = any(s.fingerprint == event.fingerprint and s.resolved_at == event.at for s in page.signals)
    if page.state == "closed" or heard or event.fingerprint not in page.firing:
        return page
    page = replace(
        page,
        firing=tuple(one for one in page.firing if one != event.fingerprint),
        signals=tuple(
            replace(s, resolved_at=event.at) if s.fingerprint == event.fingerprint else s for s in page.signals
        ),
    )
    return page if page.firing else close(page, "resolved", now)


def acknowledge(page: Page, by: str, via: str, now: datetime) -> Page:
    """The page answered by `by`. Raises Conflict, naming who, if it is answered already, or closed."""
    if page.state == "acknowledged":
        raise Conflict(f"{page.acknowledged_by} has already acknowledged this page")
    if page.state == "closed":
        raise Conflict("this page is already closed")
    return replace(
        page, state="acknowledged", due_at=None, acknowledged_at=now, acknowledged_by=by, acknowledged_via=via
    )


def close(page: Page, reason: str, now: datetime) -> Page:
    """The page at its end. `reason`: resolved (nothing fires any more) or closed (a person did it)."""
    if page.state == "closed":
        raise Conflict("this page is already closed")
    return replace(page, state="closed", due_at=None, closed_at=now, closed_reason=reason)


def _stepped(page: Page, people: tuple[str, ...], now: datetime) -> Page:
    """The page after its step was taken at `now` for `people`, with the next step named."""
    page = replace(page, paged=tuple(dict.fromkeys((*page.paged, *people))))
    following = page.step + 1
    if following >= len(page.policy.steps):
        page = replace(page, round=page.round + 1, round_at=now + page.policy.repeat_every, reason="repeated")
        return _expect(page, now, 0)
    if people:
        return _expect(replace(page, reason="not_acknowledged"), now, following)
    # Nobody to wait for: the next step comes now, and the ones after it keep their distance from it.
    page = replace(page, round_at=now - page.policy.steps[following].after, reason="nobody_reachable")
    return _expect(page, now, following)


def _expect(page: Page, now: datetime, step: int) -> Page:
    """The page waiting for `step`, at the moment its policy gives it."""
    after = page.policy.steps[step].after if page.policy.steps else timedelta(0)
    return _in_hours(replace(page, step=step, due_at=page.round_at + after), now)


def _in_hours(page: Page, now: datetime) -> Page:
    """The page with its next step moved into working hours, if it asks for them; its round stands still meanwhile."""
    if page.due_at is None or page.policy.working_zone is None:
        return page
    taken_at = max(page.due_at, now)
    allowed_at = next_working_moment(taken_at, page.policy.working_zone)
    if allowed_at == taken_at:
        return page
    return replace(page, due_at=allowed_at, round_at=page.round_at + (allowed_at - page.due_at))


def _signal(event: AlertFired) -> Signal:
    return Signal(
        fingerprint=event.fingerprint, alert=event.alert, since=event.active_at, fired_at=event.at,
        value=repr(float(event.value)), labels=dict(event.labels), annotations=dict(event.annotations),
    )  # fmt: skip


def _summary(signal: Signal) -> str:
    return signal.annotations.get("summary") or signal.alert


def _details(signal: Signal) -> dict[str, str]:
    return dict(_known(signal))


def _known(signal: Signal) -> Iterator[tuple[str, str]]:
    yield "alert", signal.alert
    notes = signal.annotations
    for name, text in (
        ("description", notes.get("description", "")),
        ("runbook", notes.get("runbook_url") or notes.get("runbook", "")),
    ):
        if text:
            yield name, text
