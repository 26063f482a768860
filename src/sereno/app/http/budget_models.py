"""What the API says of budgets: strict pydantic models. Exact numbers travel as strings, instants as ISO 8601."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from sereno.app.http.api_shapes import Exact, In, Name, Out

Instant = Annotated[datetime, Field(strict=False, description="With its zone, such as 2026-03-02T03:00:00Z")]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class StepOut(Out):
    """A step of an error-budget policy; `consumed` 1 is the whole budget."""

    consumed: Exact
    do: list[str]
    notify: list[str]
    freeze: bool
    override: list[str]


class PolicyOut(Out):
    """What an error-budget policy asks for now; `known` false where nobody knows how much is consumed."""

    name: str
    title: str
    known: bool
    frozen: bool
    override: list[str]
    steps: list[StepOut]
    next: StepOut | None
    told: list[str]


class PartOut(Out):
    """What one part adds to a composite."""

    service: str
    slo: str
    weight: Exact
    bad: Exact | None
    burn: Exact | None


class BudgetOut(Out):
    """Where one objective stands. Null means unknown; `remaining` may be negative.

    `counts` says what `total`, `bad` and `allowed` are: events, slices, ratios of slices; a composite has parts.
    `projected` is what a calendar's period will have consumed at its end if nothing else fails. `exhaustion` is the
    sum behind `exhausts_at`, in words; `quiet` names the alerts that one failure alone would fire at this traffic.
    """

    service: str
    slo: str
    at: datetime
    window_seconds: int
    objective: Exact
    total: Exact | None
    bad: Exact | None
    sli: Exact | None
    consumed: Exact | None
    remaining: Exact | None
    coverage: Exact
    burn_rate: Exact | None
    exhausts_at: datetime | None
    state: str
    counts: str
    allowed: Exact | None
    starts_at: datetime | None
    ends_at: datetime | None
    projected: Exact | None
    excluded_seconds: int
    time_budget_seconds: float | None
    parts: list[PartOut]
    policy: PolicyOut | None
    exhaustion: str
    projection: str | None
    quiet: list[str]


class TrendOut(Out):
    """What was left of a budget at evenly spaced instants, and the burn rate until each; null: nobody was watching."""

    service: str
    slo: str
    times: list[datetime]
    remaining: list[Exact | None]
    burn: list[Exact | None]


class EffectOut(Out):
    """What was left of a budget before and after a correction; null: unknown."""

    slo: str
    before: Exact | None
    after: Exact | None


class CorrectionOut(Out):
    """An entry of the ledger. `slo` null: all objectives of the service."""

    id: str
    service: str
    slo: str | None
    start: datetime
    end: datetime
    reason: str
    author: str
    at: datetime
    effects: list[EffectOut]
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_why: str | None


class CorrectIn(In):
    """A time that shall not count for one objective, or for all of the service, and why."""

    slo: Name | None = None
    start: Instant
    end: Instant
    reason: Reason


class WithdrawIn(In):
    """Why a correction shall count no more."""

    reason: Reason
