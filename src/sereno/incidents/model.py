"""An incident: people's coordinated answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

Phase = Literal["detected", "triaged", "mitigated", "resolved", "reviewed"]
PHASES: tuple[Phase, ...] = ("detected", "triaged", "mitigated", "resolved", "reviewed")
Role = Literal["commander", "technical_lead", "communications_lead", "scribe"]
ROLES: tuple[Role, ...] = ("commander", "technical_lead", "communications_lead", "scribe")
EntryKind = Literal[
    "declared", "alert", "page", "acknowledgement", "escalation", "delivery", "phase", "role", "severity",
    "status", "note", "update", "resolution", "postmortem",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incident:
    """One bad day of one service.

    `started_at` is when the trouble began as far as is known (the alert's `active_at`), `opened_at` when the
    incident was. `due_at` is the next moment that matters to a worker (resolve by itself once quiet), or None.
    `automatic` means a page opened it and no person has taken it over: then it may resolve by itself.
    `pages` are the pages attached; `open_pages` those of them that asked for an incident and are not yet closed:
    a ticket that burns for days is on the record, and does not keep the incident going.
    """

    id: str
    number: int
    title: str
    service: str
    severity: str
    phase: Phase
    started_at: datetime
    opened_at: datetime
    automatic: bool
    opened_by: str | None = None
    pages: tuple[str, ...] = ()
    open_pages: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    triaged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    reviewed_at: datetime | None = None
    due_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline. Never changed, never removed.

    `key` makes writing idempotent: an event heard twice writes one line. `phrase` and `values` give the line in
    any language (see words.py); `text` is what a person wrote. `public` entries are shown on the status page.
    """

    incident: str
    at: datetime
    kind: EntryKind
    key: str
    actor: str | None = None
    phrase: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    text: str = ""
    public: bool = False


@dataclass(frozen=True, slots=True)
class SloImpact:
    """What the incident cost one objective, computed from the samples of [start, end].

    Counts are events; `consumed` is the share of the whole window's budget; None means unknown. `started_at` and
    `ended_at` bound the time in which customers suffered, as the events themselves show; None when no more failed
    than the objective allows.
    """

    service: str
    slo: str
    objective: str
    window: str
    total: Decimal | None
    bad: Decimal | None
    share: Decimal | None
    consumed: Decimal | None
    remaining: Decimal | None
    coverage: Decimal | None
    started_at: datetime | None = None
    ended_at: datetime | None = None
