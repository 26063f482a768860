"""Budgets in the API: where they stand, what follows from that, how they got there, and the ledger of corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from sereno.app.http import budget_models as m
from sereno.app.http.auth import Principal, require
from sereno.app.http.pages import language_of, zone_of
from sereno.kernel.errors import NotFound
from sereno.slo import formula, policies
from sereno.slo.traffic import quiet_tiers

if TYPE_CHECKING:
    from sereno.app.control import Control
    from sereno.kernel.message import Language
    from sereno.slo.model import Budget

Viewer = Annotated[Principal, Depends(require("viewer"))]
Admin = Annotated[Principal, Depends(require("admin"))]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]


def add_budgets(routes: APIRouter, control: Control) -> None:
    """The routes below /budgets."""

    @routes.get("/budgets", tags=["services"], summary="Where every objective stands")
    async def budgets(request: Request, me: Viewer) -> list[m.BudgetOut]:
        language = language_of(request, control.settings.language)
        return [budget_out(control, budget, language) for budget in control.budgets.values()]

    @routes.get("/budgets/corrections", tags=["services"], summary="The ledger of corrections, newest first")
    async def corrections(
        me: Viewer, service: Annotated[str | None, Query(max_length=200)] = None, limit: Limit = 100
    ) -> list[m.CorrectionOut]:
        found = await control.database.read(lambda unit: unit.corrections.all(service, limit=limit))
        return [m.CorrectionOut.model_validate(one) for one in found]

    @routes.post(
        "/budgets/{service}/corrections", tags=["services"], status_code=201, summary="Leave a time out, with a reason"
    )
    async def correct(me: Admin, service: str, body: m.CorrectIn) -> m.CorrectionOut:
        from sereno.app import budgeting

        made = await budgeting.correct(
            control, service=service, slo=body.slo, start=body.start, end=body.end, reason=body.reason,
            actor=me.name,
        )  # fmt: skip
        return m.CorrectionOut.model_validate(made)

    @routes.post(
        "/budgets/corrections/{correction_id}/withdraw", tags=["services"], summary="A correction counts no more"
    )
    async def withdraw(me: Admin, correction_id: str, body: m.WithdrawIn) -> m.CorrectionOut:
        from sereno.app import budgeting

        found = await budgeting.withdraw(control, correction_id, reason=body.reason, actor=me.name)
        return m.CorrectionOut.model_validate(found)

    @routes.get("/budgets/{service}/{slo}/trend", tags=["services"], summary="How one budget was spent over its window")
    async def trend(me: Viewer, service: str, slo: str) -> m.TrendOut:
        if (service, slo) not in control.plans:
            raise NotFound(f"there is no objective {service}/{slo}")
        return m.TrendOut.model_validate(await control.chart(service, slo))


def budget_out(control: Control, budget: Budget, language: Language = "en") -> m.BudgetOut:
    """A budget as it travels, with what its policy asks for and the sum that says when it ends."""
    spec, zone = control.spec.current, zone_of(control.spec.current, budget.service)
    plan = control.plans.get((budget.service, budget.slo))
    standing = policies.standing(spec, plan.slo, budget) if plan else None
    plain: dict[str, Any] = {
        name: getattr(budget, name) for name in m.BudgetOut.model_fields if hasattr(budget, name) and name != "parts"
    }
    return m.BudgetOut(
        **plain,
        window_seconds=int(budget.window.total_seconds()),
        excluded_seconds=int(budget.excluded.total_seconds()),
        time_budget_seconds=None if budget.time_budget is None else budget.time_budget.total_seconds(),
        parts=[m.PartOut.model_validate(part) for part in budget.parts],
        policy=None if standing is None else policy_out(standing, language),
        exhaustion=formula.exhaustion(budget, zone, language),
        projection=formula.projection(budget, zone, language),
        quiet=list(quiet_tiers(plan, budget, language)),
    )


def policy_out(found: policies.InForce, language: Language) -> m.PolicyOut:
    """What a policy asks for, as it travels."""
    return m.PolicyOut(
        name=found.policy.name, title=found.policy.title, known=found.known, frozen=found.frozen,
        override=list(found.override), steps=[m.StepOut.model_validate(step) for step in found.steps],
        next=None if found.next is None else m.StepOut.model_validate(found.next),
        told=list(policies.told(found, language)),
    )  # fmt: skip
