"""Everything that happens. Read aloud, this is the product.

Slices return events; the wiring writes them to the ledger in the transaction that caused them and hands each
to whoever `app/wiring.py` says hears it, at least once. `at` is when it happened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from datetime import datetime

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFired(Event):
    """An alert began to fire (or came back)."""

    fingerprint: str
    alert: str
    service: str
    severity: str
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    active_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved(Event):
    """An alert stopped firing. `reason` is `cleared` (the expression is no longer true) or `rule_removed`."""

    fingerprint: str
    alert: str
    service: str
    severity: str
    labels: dict[str, str]
    reason: str = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOpened(Event):
    """A group of alerts now demands a person."""

    page: str
    service: str
    severity: str
    summary: str
    alerts: tuple[str, ...]
    incident_wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStepTaken(Event):
    """The page walked a step of its escalation. `reason`: opened, not_acknowledged, nobody_reachable, repeated."""

    page: str
    service: str
    step: int
    people: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAcknowledged(Event):
    """A person answered. `via`: link, console, command, api."""

    page: str
    service: str
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageClosed(Event):
    """Nothing in the group fires any more, or a person closed it."""

    page: str
    service: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent(Event):
    """A peer took a message."""

    message: str
    page: str | None
    purpose: str
    person: str | None
    channel: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailed(Event):
    """A message was given up: its address is permanently bad, or it did not get through in time."""

    message: str
    page: str | None
    purpose: str
    person: str | None
    contact: int
    channel: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened(Event):
    """People's coordinated answer began."""

    incident: str
    service: str
    severity: str
    title: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChanged(Event):
    """Phase, severity, title or roles changed; or an update for the public was written."""

    incident: str
    service: str
    severity: str
    title: str
    phase: str
    update: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResolved(Event):
    """The incident is over; its post-mortem can be drafted."""

    incident: str
    service: str
    severity: str
    title: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceObserved(Event):
    """Whether there is data about a service changed: `known` false means nobody can say how it is."""

    service: str
    known: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Event):
    """A public component changed state. `cause` is an incident's identity, or words."""

    status_page: str
    component: str
    before: str
    after: str
    cause: str
    services: tuple[str, ...] = field(default_factory=tuple)


EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}
_FLOATS = {name: tuple(f.name for f in fields(kind) if f.type == "float") for name, kind in EVENTS.items()}


def encode_event(event: Event) -> tuple[str, str]:
    """The kind of `event` and its JSON. NaN and infinities are written as text: JSON has no such numbers."""
    raw = msgspec.to_builtins(event)
    for name in _FLOATS[type(event).__name__]:
        if not math.isfinite(raw[name]):
            raw[name] = str(raw[name])
    return type(event).__name__, msgspec.json.encode(raw).decode()


def decode_event(kind: str, payload: str | bytes) -> Event:
    """The event that `encode_event` wrote. Raises KeyError for an unknown kind."""
    event = EVENTS[kind]
    raw = msgspec.json.decode(payload)
    for name in _FLOATS[kind]:
        raw[name] = float(raw[name])
    return msgspec.convert(raw, type=event)
