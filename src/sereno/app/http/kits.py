"""The console's page of kits: how running services stand, and the forms that override them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from sereno.adapters.kit_view import BREAKER
from sereno.app import kits
from sereno.app.http.auth import Principal, require
from sereno.app.http.pages import Speech, render
from sereno.kernel.errors import UsageError

if TYPE_CHECKING:
    from sereno.app.control import Control

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]
Asked = Annotated[str, Query(max_length=200)]
Word = Annotated[str, Form(min_length=1, max_length=200)]
MINUTES = 30
"""What the form proposes: a breaker that was forced open and forgotten is an outage of its own."""


def router(control: Control) -> APIRouter:
    """The page /kits, what it asks before anything is done, and what came of it."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/kits")
    async def every(request: Request, me: Viewer, service: Asked = "") -> Response:
        found = await kits.look(control, service or None)
        return render(
            request, "kits.html", kits=found, only=service, brief=brief, percent_of=percent_of, left=left,
            tell=kits.tell,
        )  # fmt: skip

    @routes.get("/kits/confirm")
    async def confirm(
        request: Request, me: Viewer, service: Asked, kind: kits.Kind, target: Asked, verb: Asked,
        part: Asked = BREAKER,
    ) -> Response:  # fmt: skip
        if verb not in kits.VERBS[kind]:
            raise UsageError(f"{verb[:40]!r} is no command")
        found = (await kits.look(control, service))[0]
        return render(
            request, "kits_confirm.html", one=found, kind=kind, target=target, verb=verb, part=part, brief=brief,
            tell=kits.tell, minutes=MINUTES if verb in kits.LASTING else None,
        )  # fmt: skip

    @routes.post("/kits/override")
    async def override(
        request: Request, me: Responder, service: Word, kind: Annotated[kits.Kind, Form()], target: Word, verb: Word,
        reason: Annotated[str, Form(min_length=1, max_length=2000)], part: Word = BREAKER,
        replica: Annotated[str, Form(max_length=2000)] = "", minutes: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:  # fmt: skip
        if minutes.strip() and not minutes.strip().isdecimal():
            raise UsageError("minutes are a whole number")
        wanted = kits.Command(
            service, kind, target, verb, reason, part, int(minutes) if minutes.strip() else None,
            (replica,) if replica else (),
        )  # fmt: skip
        report = await kits.command(control, wanted, actor=me.name)
        return render(
            request, "kits_done.html", report=report, wanted=wanted, brief=brief, tell=kits.tell,
            one=kits.declared(control, service),
        )  # fmt: skip

    return routes


def brief(address: str) -> str:
    """An address as people tell replicas apart: host and port, and the path if it is not the usual one."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    return parts.netloc + ("" if path == "/-/kit" else path)


def left(speech: Speech, seconds: float) -> str:
    """How long that is, in whole seconds."""
    return speech.span(timedelta(seconds=min(round(seconds), 10 * 365 * 86_400)))


def percent_of(ratio: float | None) -> float | None:
    """A ratio for `Speech.percent`, rounded to what is shown: 0.3 is 30 %, not 29.99 %."""
    return None if ratio is None else round(ratio, 3)
