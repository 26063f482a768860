"""Answering a page by its signed link: no sign-in, one button. Opening the link never acknowledges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from sereno.app import commands
from sereno.app.http import auth
from sereno.app.http.errors import Gone
from sereno.app.http.pages import render, zone_of
from sereno.kernel.errors import Conflict, NotFound, SerenoError, Unauthenticated
from sereno.oncall import signing

if TYPE_CHECKING:
    from sereno.app.control import Control
    from sereno.oncall.model import Page


def router(control: Control) -> APIRouter:
    """The routes of `/ack/{token}`. The token is the authority; no cookie is read."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ack/{token}", dependencies=[Depends(auth.public)])
    async def look(request: Request, token: str) -> Response:
        try:
            page, person = await _page_of(control, token)
        except SerenoError as error:
            return _bad(request, error)
        return _show(request, control, page, person)

    @routes.post("/ack/{token}", dependencies=[Depends(auth.public)])
    async def acknowledge(request: Request, token: str) -> Response:
        try:
            page, person = await _page_of(control, token)
        except SerenoError as error:
            return _bad(request, error)
        just_now = False
        if page.state == "open":
            try:
                await commands.acknowledge_page(control, page.id, actor=person, via="link")
                just_now = True
            except Conflict:
                pass  # someone was faster; the page below says who
            page = await _read(control, page.id) or page
        return _show(request, control, page, person, just_now=just_now)

    return routes


async def _page_of(control: Control, token: str) -> tuple[Page, str]:
    page_id, person = signing.verify(control.secret, token, control.clock.now())
    page = await _read(control, page_id)
    if page is None:
        raise NotFound("the page of this link is no longer kept")
    return page, person


async def _read(control: Control, page_id: str) -> Page | None:
    return await control.database.read(lambda unit: unit.pages.get(page_id))


def _show(request: Request, control: Control, page: Page, person: str, *, just_now: bool = False) -> Response:
    spec = control.spec.current
    service = spec.services.get(page.service)
    titles = {known.name: known.title or known.name for known in spec.people.values()}
    return _unreferred(render(
        request, "ack.html", zone=zone_of(spec, page.service), page=page, person=titles.get(person, person),
        service=service.title or service.name if service else page.service, just_now=just_now,
        by=titles.get(page.acknowledged_by or "", page.acknowledged_by), since=page.opened_at,
    ))  # fmt: skip


def _bad(request: Request, error: SerenoError) -> Response:
    # Whoever holds a link that was once good is told so; a forged one learns nothing more than that it is not.
    if not isinstance(error, (Unauthenticated, NotFound)):
        raise error
    status = Gone.status if isinstance(error, NotFound) else error.status
    return _unreferred(render(request, "ack_bad.html", status=status))


def _unreferred(response: Response) -> Response:
    """The address is a credential: no later request may carry it along, not even to ourselves."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
