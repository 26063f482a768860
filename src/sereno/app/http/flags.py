"""The console's page of switches: how each stands, and the forms that override it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from sereno.app import flag_commands
from sereno.app.http.auth import Principal, require
from sereno.app.http.pages import render
from sereno.delivery.model import Explanation
from sereno.delivery.rules import explain, the_switch
from sereno.kernel.errors import UsageError

if TYPE_CHECKING:
    from sereno.app.control import Control

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]
Word = Annotated[str, Form(min_length=1, max_length=200)]
State = Annotated[Literal["on", "off", "share"], Form()]
Reason = Annotated[str, Form(min_length=1, max_length=2000)]


def router(control: Control) -> APIRouter:
    """The page /flags and its buttons."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/flags")
    async def flags(
        request: Request, me: Viewer, flag: Annotated[str, Query(max_length=200)] = "",
        user: Annotated[str, Query(max_length=1000)] = "",
    ) -> Response:  # fmt: skip
        found, now = await control.flags.switches(), control.clock.now()
        explained: Explanation | None = None
        if flag:
            one = the_switch(found, flag)
            flag, explained = one.id, explain(one, user, {}, now)
        return render(
            request, "flags.html", flags=found, today=now.date(), explained=explained, user=user, chosen=flag,
        )  # fmt: skip

    @routes.post("/flags/override")
    async def override(
        me: Responder, flag: Word, state: State, reason: Reason,
        share: Annotated[str, Form(max_length=20)] = "", minutes: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:  # fmt: skip
        until = None
        if minutes:
            if not minutes.isdecimal() or not 0 < int(minutes) <= 525_600:
                raise UsageError("minutes are a whole number")
            until = control.clock.now() + timedelta(minutes=int(minutes))
        await flag_commands.override(
            control, flag, state=state, share=_percent(share) if state == "share" else None, reason=reason,
            expires_at=until, actor=me.name,
        )  # fmt: skip
        return RedirectResponse("/flags?done=flag_set", 303)

    @routes.post("/flags/reset")
    async def reset(me: Responder, flag: Word, reason: Reason) -> Response:
        await flag_commands.reset(control, flag, reason=reason, actor=me.name)
        return RedirectResponse("/flags?done=flag_reset", 303)

    return routes


def _percent(written: str) -> Decimal:
    """A percentage as people write it in a form. Raises UsageError."""
    try:
        found = Decimal(written.strip().rstrip("%").strip().replace(",", "."))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise UsageError(f"{written[:20]!r} is no percentage", hint="such as 10 or 12.5")
    return found / 100
