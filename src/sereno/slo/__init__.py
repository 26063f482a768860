"""The arithmetic of promises: SLIs, budgets, burn rates, windows."""

from sereno.slo.budgets import budget, budget_selections, burn_chart, impact, impact_selections
from sereno.slo.exclusions import NONE, Exclusions
from sereno.slo.harm import harm, harm_selections
from sereno.slo.model import Budget, BurnChart, Correction, DroppedTier, Effect, SloCost, SloPlan, Tier
from sereno.slo.planning import plan, plans_of, rules_of
from sereno.slo.thinned import WHOLE, Thinned

__all__ = [
    "NONE",
    "WHOLE",
    "Budget",
    "BurnChart",
    "Correction",
    "DroppedTier",
    "Effect",
    "Exclusions",
    "SloCost",
    "SloPlan",
    "Thinned",
    "Tier",
    "budget",
    "budget_selections",
    "burn_chart",
    "harm",
    "harm_selections",
    "impact",
    "impact_selections",
    "plan",
    "plans_of",
    "rules_of",
]
