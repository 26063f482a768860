"""Whether it lives, whether it can work, and what it counts. Open to everyone, telling nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import prometheus_client
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sereno.app.http.auth import public
from sereno.kernel.errors import SerenoError

if TYPE_CHECKING:
    from sereno.app.control import Control


def router(control: Control) -> APIRouter:
    """The routes of /health and /metrics."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(public)])

    @routes.api_route("/health/live", methods=["GET", "HEAD"])
    async def live() -> Response:
        return JSONResponse({"live": True})

    @routes.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready() -> Response:
        try:
            await control.database.read(lambda unit: unit.facts.get("heartbeat"))
        except SerenoError as error:
            return JSONResponse({"ready": False, "reason": error.code}, 503, {"Retry-After": "5"})
        return JSONResponse({"ready": True})

    @routes.get("/metrics")
    async def metrics() -> Response:
        held = getattr(control, "metrics", None)
        registry = getattr(held, "registry", None) or prometheus_client.REGISTRY
        text = prometheus_client.generate_latest(registry)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_PLAIN_0_0_4)

    return routes
