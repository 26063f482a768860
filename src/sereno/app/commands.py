"""What people ask of the control plane. Each is one transaction: the change, its events and its audit line together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sereno.adapters.samples.source import thinned_of
from sereno.app.budgeting import exclusions_of
from sereno.app.evaluate import fetch
from sereno.app.wiring import SignedLinks, tell_public
from sereno.incidents import postmortem as drafts
from sereno.incidents import service as incidents
from sereno.incidents.model import Entry, Incident, SloImpact
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import NotFound
from sereno.kernel.events import Event, IncidentOpened
from sereno.kernel.message import Language
from sereno.oncall import service as oncall
from sereno.oncall.model import Page
from sereno.slo import harm, harm_selections, impact, impact_selections
from sereno.spec.model import Slo

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.app.control import Control

LOOK_BACK = timedelta(hours=1)
"""How far before the first alert the beginning of an outage is sought: the long window of the fastest tier."""

Change = Callable[["Unit", datetime], Sequence[Event]]


async def _do(control: Control, actor: str, action: str, thing: str, change: Change, **details: str) -> list[Event]:
    now = control.clock.now()

    def work(unit: Unit) -> list[Event]:
        events = list(change(unit, now))
        unit.ledger.add(events)
        unit.audit.write(now, actor, action, thing, details)
        return events

    events = await control.database.write(work)
    control.status_version += 1
    return events


async def acknowledge_page(control: Control, page_id: str, *, actor: str, via: str) -> Page:
    """Answer a page: its escalation stops. Raises NotFound, or Conflict naming who has already answered."""
    await _do(
        control, actor, "page.acknowledge", page_id,
        lambda unit, now: oncall.acknowledge(unit.pages, unit.outbox, page_id, actor, via, now), via=via,
    )  # fmt: skip
    return await page_of(control, page_id)


async def close_page(control: Control, page_id: str, *, actor: str) -> Page:
    """Close a page by hand. Raises NotFound, or Conflict if it is closed already."""
    await _do(
        control, actor, "page.close", page_id,
        lambda unit, now: oncall.close(
            unit.pages, unit.outbox, control.spec.current, page_id, actor, now, control.ids, SignedLinks(control)
        ),
    )  # fmt: skip
    return await page_of(control, page_id)


async def page_of(control: Control, page_id: str) -> Page:
    """The page. Raises NotFound."""
    page = await control.database.read(lambda unit: unit.pages.get(page_id))
    if page is None:
        raise NotFound(f"there is no page {page_id!r}", hint="see `sereno page list`")
    return page


async def incident_of(control: Control, incident_id: str) -> tuple[Incident, tuple[Entry, ...]]:
    """The incident, by identity or number, and its timeline. Raises NotFound."""

    def read(unit: Unit) -> tuple[Incident, tuple[Entry, ...]]:
        incident = unit.incidents.get(incident_id)
        if incident is None:
            raise NotFound(f"there is no incident {incident_id!r}", hint="see `sereno incident list`")
        return incident, unit.incidents.timeline(incident.id)

    return await control.database.read(read)


async def declare_incident(control: Control, *, service: str, severity: str, title: str, actor: str) -> Incident:
    """Open an incident by a person's word. Raises NotFound, UsageError, Conflict."""
    events = await _do(
        control, actor, "incident.declare", service,
        lambda unit, now: incidents.declare(
            unit.incidents, control.spec.current, control.ids,
            service=service, severity=severity, title=title, now=now, actor=actor,
        ),
        title=title, severity=severity,
    )  # fmt: skip
    opened = next(event for event in events if isinstance(event, IncidentOpened))
    return (await incident_of(control, opened.incident))[0]


async def add_note(control: Control, incident_id: str, *, text: str, public: bool, actor: str) -> Incident:
    """Write into the timeline; a public note is shown on the status page. Raises NotFound, UsageError."""

    def change(unit: Unit, now: datetime) -> Sequence[Event]:
        if public:
            return incidents.update(unit.incidents, incident_id, text, now, actor)
        return incidents.note(unit.incidents, incident_id, text, now, actor)

    await _do(control, actor, "incident.note", incident_id, change, public=str(public).lower())
    return (await incident_of(control, incident_id))[0]


async def set_phase(control: Control, incident_id: str, phase: str, *, actor: str) -> Incident:
    """Say how far the answer has come. Raises NotFound, UsageError, Conflict."""
    await _do(
        control, actor, "incident.phase", incident_id,
        lambda unit, now: incidents.set_phase(unit.incidents, incident_id, phase, now, actor), phase=phase,
    )  # fmt: skip
    return (await incident_of(control, incident_id))[0]


async def set_severity(control: Control, incident_id: str, severity: str, *, actor: str) -> Incident:
    """Say how bad it is. Raises NotFound, UsageError."""
    await _do(
        control, actor, "incident.severity", incident_id,
        lambda unit, now: incidents.set_severity(
            unit.incidents, control.spec.current, incident_id, severity, now, actor
        ),
        severity=severity,
    )  # fmt: skip
    return (await incident_of(control, incident_id))[0]


async def assign_role(control: Control, incident_id: str, role: str, person: str, *, actor: str) -> Incident:
    """Give somebody a role. Raises NotFound, UsageError."""
    await _do(
        control, actor, "incident.role", incident_id,
        lambda unit, now: incidents.assign_role(
            unit.incidents, control.spec.current, incident_id, role, person, now, actor
        ),
        role=role, person=person,
    )  # fmt: skip
    return (await incident_of(control, incident_id))[0]


async def resolve_incident(control: Control, incident_id: str, *, actor: str) -> Incident:
    """The bad day is over. Raises NotFound, Conflict."""
    await _do(
        control, actor, "incident.resolve", incident_id,
        lambda unit, now: incidents.resolve(unit.incidents, incident_id, now, actor),
    )  # fmt: skip
    return (await incident_of(control, incident_id))[0]


async def impacts(control: Control, incident: Incident) -> tuple[SloImpact, ...]:
    """What the incident cost each objective of its service, counted from the samples; up to now if it lasts.

    Alerts notice late: what is counted is the time in which customers suffered, sought from an hour before.
    """
    service = control.spec.current.services.get(incident.service)
    end = incident.mitigated_at or incident.resolved_at or control.clock.now()
    return tuple([await _impact(control, incident, slo, end) for slo in (service.slos if service else ())])


async def _impact(control: Control, incident: Incident, slo: Slo, end: datetime) -> SloImpact:
    begin = incident.started_at - LOOK_BACK
    thinned = await asyncio.to_thread(thinned_of, control.samples)
    select = await fetch(control, harm_selections(slo, begin, end, thinned))
    suffered = await asyncio.to_thread(harm, slo, select, begin, end, thinned)
    span = suffered or (incident.started_at, end)
    select = await fetch(control, impact_selections(slo, *span, thinned))
    exclusions = await exclusions_of(control)
    cost = await asyncio.to_thread(impact, incident.service, slo, select, *span, thinned, exclusions)
    return SloImpact(
        incident.service, slo.name, slo.objective.text, format_duration(slo.window),
        cost.total, cost.bad, cost.share, cost.consumed, cost.remaining, cost.coverage, *(suffered or (None, None)),
    )  # fmt: skip


async def postmortem(control: Control, incident_id: str, language: Language | None = None) -> str:
    """The draft of the post-mortem in Markdown. Raises NotFound."""
    incident, timeline = await incident_of(control, incident_id)
    spec = control.spec.current
    service = spec.services.get(incident.service)
    team = spec.teams.get(service.team) if service else None
    return drafts.draft(
        incident, timeline, await impacts(control, incident),
        {person.name: person.title for person in spec.people.values()},
        language=language or control.settings.language, zone=team.zone if team else "UTC",
    )  # fmt: skip


async def reload_spec(control: Control, *, actor: str) -> bool:
    """Read the spec again; a broken one leaves the last good one in force. True if it is good."""
    async with control.reloading:  # two at once could end with the older reading in force
        now = control.clock.now()
        fresh = await asyncio.to_thread(control.spec.again, now)
        if fresh.good:
            control.adopt(fresh)
            await control.watch_targets()
        else:
            control.spec = fresh
        control.metrics.spec_good.set(1 if fresh.good else 0)
        control.status_version += 1
        details = {"good": str(fresh.good).lower(), "mistakes": str(len(fresh.diagnostics))}

        def write(unit: Unit) -> None:
            unit.audit.write(now, actor, "spec.reload", str(fresh.folder), details)
            if fresh.good:
                unit.ledger.lead(wait=True)
                unit.ledger.add(tell_public(unit, fresh.current, now, "the spec was changed"))

        await control.database.write(write)
    return fresh.good
