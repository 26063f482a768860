"""The native API under /api/v1: typed, strict, one error shape; tokens or a session."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import PlainTextResponse, Response

from sereno.app import commands
from sereno.app.http import api_models as m
from sereno.app.http.auth import Principal, require
from sereno.app.http.budgets import add_budgets, budget_out
from sereno.app.http.pages import language_of, zone_of
from sereno.app.http.situation import without_userinfo
from sereno.incidents.words import render as render_line
from sereno.kernel.errors import NotFound
from sereno.kernel.message import Language
from sereno.oncall.schedule import on_call, shifts

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.alerts.model import Alert
    from sereno.app.control import Control
    from sereno.incidents.model import Incident
    from sereno.oncall.model import Page
    from sereno.spec.model import Service

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]
Admin = Annotated[Principal, Depends(require("admin"))]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Unended = Annotated[bool, Query(description="All that are not over, however old; `limit` does not count")]
ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": m.ErrorOut, "description": "What went wrong"}}


def router(control: Control) -> APIRouter:
    """The routes of /api/v1."""
    routes = APIRouter(prefix="/api/v1", responses=ERRORS)
    for part in (_services, add_budgets, _pages, _oncall, _incidents, _spec):
        part(routes, control)
    return routes


def _services(routes: APIRouter, control: Control) -> None:
    @routes.get("/services", tags=["services"], summary="Declared services with their budgets")
    async def services(me: Viewer) -> list[m.ServiceOut]:
        return [service_out(control, service) for service in control.spec.current.services.values()]

    @routes.get("/services/{name}", tags=["services"], summary="One service")
    async def service(me: Viewer, name: str) -> m.ServiceOut:
        found = control.spec.current.services.get(name)
        if found is None:
            raise NotFound(f"there is no service {name}")
        return service_out(control, found)

    @routes.get("/alerts", tags=["alerts"], summary="Pending and firing alerts, and those resolved in the last day")
    async def alerts(me: Viewer, limit: Limit = 100) -> list[m.AlertOut]:
        since = control.clock.now() - timedelta(hours=24)

        def gather(unit: Unit) -> list[Alert]:
            return [*unit.alerts.active(), *unit.alerts.resolved_since(since, limit)]

        return [alert_out(alert) for alert in (await control.database.read(gather))[:limit]]

    @routes.get("/targets", tags=["services"], summary="Scrape targets and how they are")
    async def targets(me: Viewer) -> list[m.TargetOut]:
        return [
            m.TargetOut(
                url=without_userinfo(target.url), job=target.job, health=target.health,
                last_scrape=target.last_scrape, error=target.error,
            )
            for target in control.targets
        ]  # fmt: skip


def _pages(routes: APIRouter, control: Control) -> None:
    async def told(page_id: str) -> m.PageDetailOut:
        def gather(unit: Unit) -> tuple[Page | None, Any]:
            return unit.pages.get(page_id), unit.outbox.of_page(page_id)

        page, messages = await control.database.read(gather)
        if page is None:
            raise NotFound("there is no such page")
        out = m.PageOut.model_validate(page)
        sent = [m.MessageOut.model_validate(message) for message in messages]
        return m.PageDetailOut(**dict(out), messages=sent)

    @routes.get("/pages", tags=["pages"], summary="Pages, newest first")
    async def pages(me: Viewer, limit: Limit = 50, unclosed: Unended = False) -> list[m.PageOut]:
        found = await control.database.read(
            lambda unit: unit.pages.unclosed() if unclosed else unit.pages.recent(limit)
        )
        return [m.PageOut.model_validate(page) for page in found]

    @routes.get("/pages/{page_id}", tags=["pages"], summary="One page with its messages")
    async def page(me: Viewer, page_id: str) -> m.PageDetailOut:
        return await told(page_id)

    @routes.post("/pages/{page_id}/acknowledge", tags=["pages"], summary="I have it")
    async def acknowledge(me: Responder, page_id: str) -> m.PageDetailOut:
        via = "command" if me.via == "token" and me.name == "local" else "api"
        await commands.acknowledge_page(control, page_id, actor=me.name, via=via)
        return await told(page_id)

    @routes.post("/pages/{page_id}/close", tags=["pages"], summary="Close by hand")
    async def close(me: Responder, page_id: str) -> m.PageDetailOut:
        await commands.close_page(control, page_id, actor=me.name)
        return await told(page_id)


def _oncall(routes: APIRouter, control: Control) -> None:
    @routes.get("/oncall", tags=["on call"], summary="Who is on call now, and the shifts to come")
    async def oncall(me: Viewer, weeks: Annotated[int, Query(ge=1, le=12)] = 4) -> list[m.ScheduleOut]:
        at = control.clock.now()
        return [
            m.ScheduleOut(
                name=schedule.name, zone=schedule.zone, now=on_call(schedule, at),
                shifts=[m.ShiftOut.model_validate(s) for s in shifts(schedule, at, at + timedelta(weeks=weeks))],
            )
            for schedule in control.spec.current.schedules.values()
        ]  # fmt: skip


def _incidents(routes: APIRouter, control: Control) -> None:
    async def told(request: Request, incident_id: str) -> m.IncidentDetailOut:
        def gather(unit: Unit) -> tuple[Incident | None, Any]:
            found = unit.incidents.get(incident_id)
            return found, unit.incidents.timeline(found.id) if found else ()

        incident, timeline = await control.database.read(gather)
        if incident is None:
            raise NotFound("there is no such incident")
        spec, language = control.spec.current, language_of(request, control.settings.language)
        people = {person.name: person.title or person.name for person in spec.people.values()}
        zone = zone_of(spec, incident.service)
        lines = [
            m.EntryOut(
                at=entry.at, kind=entry.kind, actor=entry.actor, public=entry.public,
                line=render_line(entry, language, zone, people),
            )
            for entry in timeline
        ]  # fmt: skip
        return m.IncidentDetailOut(**dict(m.IncidentOut.model_validate(incident)), timeline=lines)

    @routes.get("/incidents", tags=["incidents"], summary="Incidents, newest first")
    async def incidents(me: Viewer, limit: Limit = 50, unresolved: Unended = False) -> list[m.IncidentOut]:
        found = await control.database.read(
            lambda unit: unit.incidents.unresolved() if unresolved else unit.incidents.recent(limit)
        )
        return [m.IncidentOut.model_validate(incident) for incident in found]

    @routes.post("/incidents", tags=["incidents"], status_code=201, summary="Declare an incident")
    async def declare(request: Request, me: Responder, body: m.DeclareIn) -> m.IncidentDetailOut:
        made = await commands.declare_incident(
            control, service=body.service, severity=body.severity, title=body.title, actor=me.name
        )
        return await told(request, made.id)

    @routes.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident with its timeline")
    async def incident(request: Request, me: Viewer, incident_id: str) -> m.IncidentDetailOut:
        return await told(request, incident_id)

    @routes.get("/incidents/{incident_id}/impact", tags=["incidents"], summary="What it cost, counted from the samples")
    async def impact(me: Viewer, incident_id: str) -> list[m.ImpactOut]:
        found, _ = await commands.incident_of(control, incident_id)
        return [m.ImpactOut.model_validate(one) for one in await commands.impacts(control, found)]

    @routes.post("/incidents/{incident_id}/notes", tags=["incidents"], summary="Write a line, public or not")
    async def note(request: Request, me: Responder, incident_id: str, body: m.NoteIn) -> m.IncidentDetailOut:
        await commands.add_note(control, incident_id, text=body.text, public=body.public, actor=me.name)
        return await told(request, incident_id)

    @routes.post("/incidents/{incident_id}/phase", tags=["incidents"], summary="Enter a phase")
    async def phase(request: Request, me: Responder, incident_id: str, body: m.PhaseIn) -> m.IncidentDetailOut:
        await commands.set_phase(control, incident_id, body.phase, actor=me.name)
        return await told(request, incident_id)

    @routes.post("/incidents/{incident_id}/roles", tags=["incidents"], summary="Give a role")
    async def role(request: Request, me: Responder, incident_id: str, body: m.RoleIn) -> m.IncidentDetailOut:
        await commands.assign_role(control, incident_id, body.role, body.person, actor=me.name)
        return await told(request, incident_id)

    @routes.post("/incidents/{incident_id}/severity", tags=["incidents"], summary="Set the severity")
    async def severity(request: Request, me: Responder, incident_id: str, body: m.SeverityIn) -> m.IncidentDetailOut:
        await commands.set_severity(control, incident_id, body.severity, actor=me.name)
        return await told(request, incident_id)

    @routes.post("/incidents/{incident_id}/resolve", tags=["incidents"], summary="It is over")
    async def resolve(request: Request, me: Responder, incident_id: str) -> m.IncidentDetailOut:
        await commands.resolve_incident(control, incident_id, actor=me.name)
        return await told(request, incident_id)

    @routes.get(
        "/incidents/{incident_id}/postmortem", tags=["incidents"], summary="The draft of the post-mortem",
        response_class=PlainTextResponse, responses={200: {"content": {"text/markdown": {}}}},
    )  # fmt: skip
    async def postmortem(request: Request, me: Viewer, incident_id: str, language: Language | None = None) -> Response:
        found = await control.database.read(lambda unit: unit.incidents.get(incident_id))
        if found is None:
            raise NotFound("there is no such incident")
        spoken = language or language_of(request, control.settings.language)
        draft = await commands.postmortem(control, found.id, spoken)
        return PlainTextResponse(draft, media_type="text/markdown")


def _spec(routes: APIRouter, control: Control) -> None:
    def told() -> m.SpecOut:
        holder = control.spec
        return m.SpecOut(
            digest=holder.current.digest, loaded_at=holder.loaded_at, good=holder.good,
            files=[str(file) for file in holder.files],
            diagnostics=[m.DiagnosticOut.model_validate(found) for found in holder.diagnostics],
        )  # fmt: skip

    @routes.get("/spec", tags=["spec"], summary="The spec in force, and what is wrong with the one on disk")
    async def spec(me: Viewer) -> m.SpecOut:
        return told()

    @routes.post("/spec/reload", tags=["spec"], summary="Read the spec again; a bad one is not taken")
    async def reload(me: Admin) -> m.SpecOut:
        await commands.reload_spec(control, actor=me.name)
        return told()

    @routes.get("/audit", tags=["audit"], summary="Who did what, newest first")
    async def audit(me: Admin, limit: Limit = 100) -> list[m.DeedOut]:
        found = await control.database.read(lambda unit: unit.audit.recent(limit))
        return [m.DeedOut.model_validate(deed) for deed in found]


def service_out(control: Control, service: Service) -> m.ServiceOut:
    """A service as it travels."""
    slos = []
    for slo in service.slos:
        budget = control.budgets.get((service.name, slo.name))
        slos.append(
            m.SloOut(
                name=slo.name,
                objective=slo.objective.text,
                window_seconds=int(slo.window.total_seconds()),
                description=slo.description,
                runbook=slo.runbook,
                budget=budget_out(control, budget) if budget else None,
            )
        )
    return m.ServiceOut(
        name=service.name, title=service.title, team=service.team, description=service.description,
        component=service.component, slos=slos,
    )  # fmt: skip


def alert_out(alert: Alert) -> m.AlertOut:
    """An alert as it travels; its value as text, since JSON knows neither NaN nor infinity."""
    return m.AlertOut(
        fingerprint=alert.fingerprint, alert=alert.alert, service=alert.service, severity=alert.severity,
        state=alert.state, labels=dict(alert.labels), annotations=dict(alert.annotations), value=repr(alert.value),
        active_at=alert.active_at, fired_at=alert.fired_at, resolved_at=alert.resolved_at,
    )  # fmt: skip
