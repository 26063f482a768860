"""What the API speaks: strict pydantic models. Exact numbers travel as strings, instants as ISO 8601."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sereno.app.http.api_shapes import Exact as Exact
from sereno.app.http.api_shapes import In as In
from sereno.app.http.api_shapes import Name, Text
from sereno.app.http.api_shapes import Out as Out
from sereno.app.http.budget_models import BudgetOut as BudgetOut


class ErrorBody(Out):
    """What went wrong, and what to do."""

    code: str
    message: str
    hint: str | None


class ErrorOut(Out):
    """The one shape of every error."""

    error: ErrorBody


class ImpactOut(Out):
    """What an incident cost one objective while customers suffered. Null means unknown."""

    service: str
    slo: str
    objective: str
    window: str
    total: Exact | None
    bad: Exact | None
    share: Exact | None
    consumed: Exact | None
    remaining: Exact | None
    coverage: Exact | None
    started_at: datetime | None
    ended_at: datetime | None


class SloOut(Out):
    """One declared objective."""

    name: str
    objective: str
    window_seconds: int
    description: str
    runbook: str | None
    budget: BudgetOut | None


class ServiceOut(Out):
    """A declared service with its objectives."""

    name: str
    title: str
    team: str
    description: str
    component: str | None
    slos: list[SloOut]


class AlertOut(Out):
    """A symptom."""

    fingerprint: str
    alert: str
    service: str
    severity: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    value: str
    active_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None


class MessageOut(Out):
    """A message of a page. Addresses are not told."""

    id: str
    channel: str
    purpose: str
    person: str | None
    state: str
    attempt: int
    error: str | None
    created_at: datetime | None
    sent_at: datetime | None


class PageOut(Out):
    """A demand on a person."""

    id: str
    service: str
    severity: str
    state: str
    summary: str
    alerts: list[str]
    firing: list[str]
    opened_at: datetime
    due_at: datetime | None
    paged: list[str]
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_via: str | None
    closed_at: datetime | None
    closed_reason: str | None


class PageDetailOut(PageOut):
    """A page with its messages."""

    messages: list[MessageOut]


class ShiftOut(Out):
    """Who holds a role, from when until when."""

    schedule: str
    role: str
    person: str
    starts_at: datetime
    ends_at: datetime


class ScheduleOut(Out):
    """A schedule: now (by role) and the shifts to come."""

    name: str
    zone: str
    now: dict[str, str]
    shifts: list[ShiftOut]


class IncidentOut(Out):
    """People's coordinated answer."""

    id: str
    number: int
    title: str
    service: str
    severity: str
    phase: str
    started_at: datetime
    opened_at: datetime
    automatic: bool
    opened_by: str | None
    pages: list[str]
    roles: dict[str, str]
    triaged_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None


class EntryOut(Out):
    """A line of the timeline, said in the language asked for."""

    at: datetime
    kind: str
    actor: str | None
    line: str
    public: bool


class IncidentDetailOut(IncidentOut):
    """An incident with its timeline."""

    timeline: list[EntryOut]


class DeclareIn(In):
    """An incident to open."""

    service: Name
    severity: Name
    title: Text


class NoteIn(In):
    """A line for the timeline; `public` ones are shown on the status page."""

    text: Text
    public: bool = False


class PhaseIn(In):
    """The phase to enter."""

    phase: Literal["detected", "triaged", "mitigated", "resolved", "reviewed"]


class RoleIn(In):
    """Who takes which role."""

    role: Literal["commander", "technical_lead", "communications_lead", "scribe"]
    person: Name


class SeverityIn(In):
    """The severity to set."""

    severity: Name


class DiagnosticOut(Out):
    """What is wrong with the spec, and where."""

    code: str
    level: str
    message: str
    file: str
    line: int
    column: int
    expected: str | None
    hint: str | None


class SpecOut(Out):
    """The spec in force. `good` is false when the last reload failed and the one before it is kept."""

    digest: str
    loaded_at: datetime
    good: bool
    files: list[str]
    diagnostics: list[DiagnosticOut]


class TargetOut(Out):
    """A scrape target."""

    url: str
    job: str
    health: str
    last_scrape: datetime | None
    error: str | None


class DeedOut(Out):
    """A line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    details: dict[str, Any]
