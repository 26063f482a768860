"""A page: a demand on a person for a group of alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sereno.kernel.message import Channel

PageState = Literal["open", "acknowledged", "closed"]


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """A step of the escalation as it stood when the page opened: roles are resolved when it is taken.

    `via` are channels that are tried at once; without any a person's contacts are tried one after the other.
    """

    targets: tuple[str, ...]
    after: timedelta
    via: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A snapshot of the escalation: later edits do not change a running page.

    `working_zone`, when set, lets steps be taken only in the working hours (Mon–Fri 09–18) of that zone.
    """

    escalation: str
    schedule: str | None
    steps: tuple[PolicyStep, ...]
    repeat_every: timedelta
    working_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a page knows of one of its alerts, enough to tell people about it.

    `since` is when its expression became true, `fired_at` the moment of the AlertFired that brought it here.
    `resolved_at` is that of the last AlertResolved heard. `value` is the repr of a float: NaN and Inf survive JSON.
    """

    fingerprint: str
    alert: str
    since: datetime
    fired_at: datetime
    value: str
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A demand on a person for the firing alerts of one service and severity.

    `due_at` is the next moment at which the page matters to a worker: the next step to take. It is None only
    when the page is acknowledged or closed. `step` is the index of the next step in `round`, `reason` why it will
    be taken; `round_at` is the instant from which the round's steps count. `version` grows with every change and
    fences writers. `alerts` are fingerprints, firing or not; `firing` those that fire; `signals` say what each is.
    `paged` are the people told, in order. `details` are those of the first alert: alert, description, runbook.
    """

    id: str
    service: str
    severity: str
    state: PageState
    summary: str
    alerts: tuple[str, ...]
    firing: tuple[str, ...]
    policy: Policy
    opened_at: datetime
    round_at: datetime
    due_at: datetime | None
    step: int = 0
    round: int = 0
    reason: str = "opened"
    paged: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_via: str | None = None
    closed_at: datetime | None = None
    closed_reason: str | None = None
    version: int = 0
    details: dict[str, str] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()

    @property
    def group(self) -> str:
        """Pages are grouped by service and severity: at most one unclosed page a group."""
        return f"{self.service}/{self.severity}"


@dataclass(frozen=True, slots=True)
class Shift:
    """Who holds which role of a schedule, from when until when (UTC)."""

    schedule: str
    role: str
    person: str
    starts_at: datetime
    ends_at: datetime
