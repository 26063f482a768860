"""Kits over HTTP, for programs: /api/v1/kits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from sereno.adapters.kit_view import BREAKER
from sereno.app import kits
from sereno.app.http.api import ERRORS
from sereno.app.http.api_shapes import In, Name, Out
from sereno.app.http.auth import Principal, require

if TYPE_CHECKING:
    from sereno.app.control import Control

Viewer = Annotated[Principal, Depends(require("viewer"))]
Responder = Annotated[Principal, Depends(require("responder"))]


class PolicyOut(Out):
    """One policy of a pipeline; what does not concern its kind, or is unknown, is null."""

    kind: str
    part: str
    commands: list[str]
    state: str | None
    failure_ratio: float | None
    calls: int | None
    in_use: int | None
    limit: int | None
    queued: int | None
    queue: int | None
    budget_left: float | None


class PipelineOut(Out):
    """A pipeline of one replica."""

    name: str
    policies: list[PolicyOut]


class FeatureOut(Out):
    """A feature of one replica; `by`, `reason` and `seconds_left` are an override's."""

    name: str
    state: str | None
    description: str
    by: str | None
    reason: str
    seconds_left: float | None


class KitFlagsOut(Out):
    """Where its flags come from."""

    source: str
    count: int | None
    stale: bool | None
    error: str | None


class KitViewOut(Out):
    """How one replica stands."""

    service: str
    environment: str
    release: str
    instance: str
    scope: str
    log_level: str
    pipelines: list[PipelineOut]
    features: list[FeatureOut]
    flags: KitFlagsOut | None
    chaos: int
    more: bool


class ReplicaOut(Out):
    """One replica: `state` is `answers`, or `unknown` with the `trouble` that says why."""

    address: str
    state: Literal["answers", "unknown"]
    trouble: str | None
    view: KitViewOut | None


class KitsOut(Out):
    """The kits of one service."""

    service: str
    replicas: list[ReplicaOut]


class KitOverrideIn(In):
    """What is commanded. Without `replicas`, which are addresses of the spec, all of them are told."""

    kind: Literal["pipeline", "feature"] = "pipeline"
    target: Name
    command: Literal["force_open", "isolate", "force_closed", "reset", "enabled", "degraded", "disabled", "clear"]
    policy: Annotated[str, Field(max_length=64, pattern="^[A-Za-z0-9_]+$")] = BREAKER
    """Of a pipeline: the kind of the policy, or its index from 0."""
    minutes: Annotated[int, Field(ge=1, le=kits.MINUTES_MAX)] | None = None
    """After so long it is reset by itself; without, it stands until somebody resets it, or the replica restarts."""
    reason: Annotated[str, Field(min_length=1, max_length=kits.REASON_LENGTH_MAX)]
    replicas: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=1000, default_factory=list)]


class KitToldOut(Out):
    """What became of it at one replica: `state` is what it stands at since, if it said so."""

    address: str
    outcome: Literal["obeyed", "refused", "unreached", "unknown"]
    said: str
    state: str | None


class KitReportOut(Out):
    """What became of a command; 200 also where some, or all, did not obey."""

    service: str
    target: str
    command: str
    obeyed: int
    asked: int
    replicas: list[KitToldOut]


def router(control: Control) -> APIRouter:
    """The routes of /api/v1/kits."""
    routes = APIRouter(prefix="/api/v1/kits", responses=ERRORS, tags=["kits"])

    @routes.get("", summary="The kits of every service that says where they are, as each replica stands now")
    async def every(me: Viewer) -> list[KitsOut]:
        return [kits_out(one) for one in await kits.look(control)]

    @routes.get("/{service}", summary="The kits of one service")
    async def one(me: Viewer, service: str) -> KitsOut:
        return kits_out((await kits.look(control, service))[0])

    @routes.post("/{service}/override", summary="Override a breaker or a feature at replicas, with a reason")
    async def override(me: Responder, service: str, body: KitOverrideIn) -> KitReportOut:
        wanted = kits.Command(
            service, body.kind, body.target, body.command, body.reason, body.policy, body.minutes, tuple(body.replicas),
        )  # fmt: skip
        return report_out(await kits.command(control, wanted, actor=me.name))

    return routes


def kits_out(found: kits.Kits) -> KitsOut:
    """The kits of a service as they travel."""
    return KitsOut(service=found.service.name, replicas=list(_replicas(found)))


def _replicas(found: kits.Kits) -> Iterable[ReplicaOut]:
    for look in found.looks:
        view = KitViewOut.model_validate(look.view) if look.view else None
        yield ReplicaOut(
            address=look.address,
            state="answers" if view else "unknown",
            trouble=kits.tell(look.trouble) or None,
            view=view,
        )


def report_out(report: kits.Report) -> KitReportOut:
    """What became of a command, as it travels."""
    wanted = report.command
    told = [
        KitToldOut(address=one.address, outcome=one.outcome, said=kits.tell(one.trouble), state=report.standing(one))
        for one in report.told
    ]
    return KitReportOut(
        service=wanted.service, target=wanted.target, command=wanted.verb, obeyed=report.obeyed, asked=len(told),
        replicas=told,
    )  # fmt: skip
