"""Signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from sereno.app.http import auth
from sereno.app.http.errors import TooMany
from sereno.app.http.pages import render
from sereno.app.http.passwords import Passwords
from sereno.app.http.security import safe_next
from sereno.kernel.errors import Unauthenticated

if TYPE_CHECKING:
    from sereno.app.control import Control


def router(control: Control) -> APIRouter:
    """The routes of signing in and out."""
    routes, passwords = APIRouter(include_in_schema=False), Passwords()

    @routes.get("/sign-in", dependencies=[Depends(auth.public)])
    async def form(request: Request, next: str = "/") -> Response:
        if await auth.identify(request) is not None:
            return RedirectResponse(safe_next(next), 303)
        return render(request, "sign_in.html", next=safe_next(next), name="", problem=None)

    @routes.post("/sign-in", dependencies=[Depends(auth.public)])
    async def enter(
        request: Request,
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=2000)] = "",
        next: Annotated[str, Form(max_length=2000)] = "/",
    ) -> Response:
        old = request.cookies.get(auth.cookie_name(control))
        try:
            value = await auth.sign_in(control, passwords, name, password, auth.caller_address(request), old)
        except (Unauthenticated, TooMany) as error:
            problem = "sign_in.too_many" if isinstance(error, TooMany) else "sign_in.wrong"
            page = render(
                request, "sign_in.html", status=error.status, next=safe_next(next), name=name, problem=problem
            )
            if isinstance(error, TooMany):
                page.headers["Retry-After"] = str(error.retry_after_seconds)
            return page
        response = RedirectResponse(safe_next(next), 303)
        auth.set_session_cookie(control, response, value)
        return response

    @routes.post("/sign-out")
    async def leave(request: Request, me: Annotated[auth.Principal, Depends(auth.require("viewer"))]) -> Response:
        value = request.cookies.get(auth.cookie_name(control))
        if value and me.via == "session":
            await auth.sign_out(control, value, me.name)
        response = RedirectResponse("/sign-in", 303)
        auth.clear_session_cookie(control, response)
        return response

    return routes
