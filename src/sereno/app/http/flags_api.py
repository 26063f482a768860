"""Switches over HTTP: /api/v1/flags for people and kits, /ofrep/v1 for every SDK of OpenFeature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sereno.app import flag_commands
from sereno.app.http import flags_models as m
from sereno.app.http.api import ERRORS
from sereno.app.http.auth import Principal, require
from sereno.delivery.rules import explain, the_switch
from sereno_kit.flags.evaluation import ERROR, NOT_FOUND, Details

if TYPE_CHECKING:
    from sereno.app.control import Control

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]
Service = Annotated[str, Query(max_length=200, description="Only the flags of this service, and those of all")]
USER_LONGEST = 1_000
_FRESH = {"Cache-Control": "no-cache"}


Set = Annotated[str, Query(max_length=200, description="Which set's, where several have a flag of that name")]


def router(control: Control) -> APIRouter:
    """The routes of /api/v1/flags."""
    routes = APIRouter(prefix="/api/v1/flags", responses=ERRORS, tags=["flags"])
    _definitions(routes, control)
    _flags(routes, control)
    return routes


def _definitions(routes: APIRouter, control: Control) -> None:
    @routes.get("/definitions", summary="Definitions in flagd's form, for evaluating locally")
    async def definitions(request: Request, me: Viewer, service: Service = "") -> Response:
        found = await control.flags.prepared(service)
        if _known(request, found.etag):
            return Response(status_code=304, headers={"ETag": found.etag, **_FRESH})
        return Response(found.body, media_type="application/json", headers={"ETag": found.etag, **_FRESH})

    @routes.get("/stream", summary="The definitions, and again whenever they change, as server-sent events")
    async def stream(request: Request, me: Viewer, service: Service = "") -> Response:
        events = await control.flags.stream(service, request.headers.get("last-event-id", ""))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _flags(routes: APIRouter, control: Control) -> None:
    async def told(flag: str) -> m.FlagOut:
        return m.flag_out(the_switch(await control.flags.switches(), flag), control.clock.now().date())

    @routes.get("", summary="Flags as they stand")
    async def flags(me: Viewer) -> list[m.FlagOut]:
        today = control.clock.now().date()
        return [m.flag_out(one, today) for one in await control.flags.switches()]

    @routes.post("/{flag}/override", summary="Make a flag on, off, or a share of users, with a reason")
    async def override(me: Responder, flag: str, body: m.OverrideIn, set: Set = "") -> m.FlagOut:
        until = None if body.minutes is None else control.clock.now() + timedelta(minutes=body.minutes)
        made = await flag_commands.override(
            control, _key(flag, set), state=body.state, share=m.share_of(body.share), reason=body.reason,
            expires_at=until, actor=me.name,
        )  # fmt: skip
        return await told(made.flag)

    @routes.post("/{flag}/reset", summary="Let a flag be as it is declared again")
    async def reset(me: Responder, flag: str, body: m.ResetIn, set: Set = "") -> dict[str, str]:
        return {"flag": await flag_commands.reset(control, _key(flag, set), reason=body.reason, actor=me.name)}

    @routes.post("/{flag}/explain", summary="What somebody gets, and why")
    async def explained(me: Viewer, flag: str, body: m.ExplainIn, set: Set = "") -> m.ExplanationOut:
        one = the_switch(await control.flags.switches(), _key(flag, set))
        return m.explanation_out(explain(one, body.user, body.attributes, control.clock.now()))


def _key(flag: str, set: str) -> str:
    return f"{set}/{flag}" if set else flag


def ofrep(control: Control) -> APIRouter:
    """The OpenFeature Remote Evaluation Protocol, version 1 (openfeature.dev, protocol, service/openapi.yaml)."""
    routes = APIRouter(prefix="/ofrep/v1/evaluate/flags", include_in_schema=False)

    @routes.post("")
    async def bulk(request: Request, me: Viewer, service: Service = "") -> Response:
        context = await _context(request)
        if context is None:
            return _wrong(400, "", "INVALID_CONTEXT", 'the body is {"context": {…}}')
        found = (await control.flags.prepared(service)).flags
        flags = [_answer(key, found.evaluate(key, context))[1] for key in found.flags]
        body = json.dumps({"flags": flags}, ensure_ascii=False, separators=(",", ":")).encode()
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        if _known(request, etag):
            return Response(status_code=304, headers={"ETag": etag})
        return Response(body, media_type="application/json", headers={"ETag": etag, "Cache-Control": "no-store"})

    @routes.post("/{key}")
    async def one(request: Request, me: Viewer, key: str, service: Service = "") -> Response:
        context = await _context(request)
        if context is None:
            return _wrong(400, key, "INVALID_CONTEXT", 'the body is {"context": {…}}')
        status, body = _answer(key, (await control.flags.prepared(service)).flags.evaluate(key, context))
        return JSONResponse(body, status, {"Cache-Control": "no-store"})

    return routes


async def _context(request: Request) -> Mapping[str, Any] | None:
    """The context that the caller sent, or None for what is none. No body at all is an empty one."""
    sent = await request.body()
    try:
        found = json.loads(sent) if sent.strip() else {}
    except (ValueError, RecursionError):
        return None
    context = found.get("context", {}) if isinstance(found, dict) else None
    key = context.get("targetingKey", "") if isinstance(context, dict) else None
    known = isinstance(key, str) and len(key) <= USER_LONGEST
    return context if isinstance(context, dict) and known else None


def _answer(key: str, found: Details) -> tuple[int, dict[str, Any]]:
    """Status and body of one evaluation."""
    if found.reason == ERROR:
        status = 404 if found.error_code == NOT_FOUND else 400
        return status, {"key": key, "errorCode": found.error_code, "errorDetails": found.error_message}
    body: dict[str, Any] = {"key": key, "reason": found.reason, "metadata": dict(found.metadata)}
    if found.variant is not None:
        body |= {"value": found.value, "variant": found.variant}
    return 200, body


def _wrong(status: int, key: str, code: str, details: str) -> Response:
    named = {"key": key} if key else {}
    return JSONResponse({**named, "errorCode": code, "errorDetails": details}, status)


def _known(request: Request, etag: str) -> bool:
    """Whether the caller has this already."""
    given = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return etag in given
