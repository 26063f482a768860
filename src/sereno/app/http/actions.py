"""The console's buttons: forms that change something, then lead back to where they were pressed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from sereno.app import budgeting, commands
from sereno.app.http.auth import Principal, require
from sereno.app.http.markdown import to_html
from sereno.app.http.pages import render, speech_of, zone_of
from sereno.app.http.security import safe_next
from sereno.kernel.errors import NotFound, UsageError
from sereno.kernel.message import Language

if TYPE_CHECKING:
    from sereno.app.control import Control

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]
Admin = Annotated[Principal, Depends(require("admin"))]
Word = Annotated[str, Form(min_length=1, max_length=200)]
Text = Annotated[str, Form(min_length=1, max_length=10_000)]
Next = Annotated[str, Form(max_length=2000)]


def _back(path: str, done: str) -> Response:
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}", 303)


def local_instant(text: str, zone: ZoneInfo) -> datetime:
    """What a form's date and time, on the clocks of `zone`, is as an instant. Raises UsageError for anything else."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text[:40]!r} is no date and time", hint="such as 2026-03-02T03:00") from None


def router(control: Control) -> APIRouter:
    """The routes behind the buttons."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/pages/{page_id}/acknowledge")
    async def acknowledge(page_id: str, me: Responder, next: Next = "") -> Response:
        await commands.acknowledge_page(control, page_id, actor=me.name, via="console")
        return _back(safe_next(next, f"/pages/{page_id}"), "acknowledged")

    @routes.post("/pages/{page_id}/close")
    async def close(page_id: str, me: Responder) -> Response:
        await commands.close_page(control, page_id, actor=me.name)
        return _back(f"/pages/{page_id}", "closed")

    @routes.post("/incidents")
    async def declare(me: Responder, service: Word, severity: Word, title: Word) -> Response:
        opened = await commands.declare_incident(
            control, service=service, severity=severity, title=title.strip(), actor=me.name
        )
        return _back(f"/incidents/{opened.id}", "declared")

    @routes.post("/incidents/{incident_id}/notes")
    async def note(incident_id: str, me: Responder, text: Text, public: Literal["", "yes"] = Form("")) -> Response:
        await commands.add_note(control, incident_id, text=text, public=public == "yes", actor=me.name)
        return _back(f"/incidents/{incident_id}", "updated" if public else "noted")

    @routes.post("/incidents/{incident_id}/phase")
    async def phase(incident_id: str, me: Responder, phase: Word) -> Response:
        await commands.set_phase(control, incident_id, phase, actor=me.name)
        return _back(f"/incidents/{incident_id}", "phase")

    @routes.post("/incidents/{incident_id}/roles")
    async def role(incident_id: str, me: Responder, role: Word, person: Word) -> Response:
        await commands.assign_role(control, incident_id, role, person, actor=me.name)
        return _back(f"/incidents/{incident_id}", "role")

    @routes.post("/incidents/{incident_id}/severity")
    async def severity(incident_id: str, me: Responder, severity: Word) -> Response:
        await commands.set_severity(control, incident_id, severity, actor=me.name)
        return _back(f"/incidents/{incident_id}", "severity")

    @routes.post("/incidents/{incident_id}/resolve")
    async def resolve(incident_id: str, me: Responder) -> Response:
        await commands.resolve_incident(control, incident_id, actor=me.name)
        return _back(f"/incidents/{incident_id}", "resolved")

    @routes.get("/incidents/{incident_id}/postmortem")
    async def postmortem(
        request: Request, me: Viewer, incident_id: str, download: bool = False, language: Language | None = None
    ) -> Response:
        spoken = language or speech_of(request).language
        found = await control.database.read(lambda unit: unit.incidents.get(incident_id))
        if found is None:
            raise NotFound("there is no such incident")
        draft = await commands.postmortem(control, found.id, spoken)
        if download:
            name = f"postmortem-{found.number}-{spoken}.md"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return PlainTextResponse(draft, media_type="text/markdown", headers=headers)
        return render(request, "postmortem.html", incident=found, draft_html=to_html(draft), spoken=spoken)

    @routes.post("/budgets/{service}/corrections")
    async def correct(
        service: str, me: Admin, slo: Annotated[str, Form(max_length=200)], start: Word, end: Word, reason: Text
    ) -> Response:
        zone = ZoneInfo(zone_of(control.spec.current, service))
        await budgeting.correct(
            control, service=service, slo=slo or None, start=local_instant(start, zone), end=local_instant(end, zone),
            reason=reason, actor=me.name,
        )  # fmt: skip
        return _back(f"/services/{quote(service, safe='')}", "corrected")

    @routes.post("/budgets/corrections/{correction_id}/withdraw")
    async def withdraw(correction_id: str, me: Admin, reason: Text) -> Response:
        found = await budgeting.withdraw(control, correction_id, reason=reason, actor=me.name)
        return _back(f"/services/{quote(found.service, safe='')}", "withdrawn")

    @routes.post("/settings/reload")
    async def reload(me: Admin) -> Response:
        good = await commands.reload_spec(control, actor=me.name)
        return _back("/settings", "reloaded" if good else "not_reloaded")

    return routes
