"""The arithmetic of promises: SLIs, budgets, burn rates, windows.

What is named here is imported when it is first used: who only checks a spec waits for none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sereno.slo.budgets import budget as budget
    from sereno.slo.budgets import budget_selections as budget_selections
    from sereno.slo.budgets import burn_chart as burn_chart
    from sereno.slo.budgets import impact as impact
    from sereno.slo.budgets import impact_selections as impact_selections
    from sereno.slo.exclusions import NONE as NONE
    from sereno.slo.exclusions import Exclusions as Exclusions
    from sereno.slo.harms import harm as harm
    from sereno.slo.harms import harm_selections as harm_selections
    from sereno.slo.model import Budget as Budget
    from sereno.slo.model import BurnChart as BurnChart
    from sereno.slo.model import Correction as Correction
    from sereno.slo.model import DroppedTier as DroppedTier
    from sereno.slo.model import Effect as Effect
    from sereno.slo.model import SloCost as SloCost
    from sereno.slo.model import SloPlan as SloPlan
    from sereno.slo.model import Tier as Tier
    from sereno.slo.planning import plan as plan
    from sereno.slo.planning import plans_of as plans_of
    from sereno.slo.planning import rules_of as rules_of
    from sereno.slo.thinned import WHOLE as WHOLE
    from sereno.slo.thinned import Thinned as Thinned

_PLACES = {
    "Budget": "model",
    "BurnChart": "model",
    "Correction": "model",
    "DroppedTier": "model",
    "Effect": "model",
    "Exclusions": "exclusions",
    "NONE": "exclusions",
    "SloCost": "model",
    "SloPlan": "model",
    "Thinned": "thinned",
    "Tier": "model",
    "WHOLE": "thinned",
    "budget": "budgets",
    "budget_selections": "budgets",
    "burn_chart": "budgets",
    "harm": "harms",
    "harm_selections": "harms",
    "impact": "budgets",
    "impact_selections": "budgets",
    "plan": "planning",
    "plans_of": "planning",
    "rules_of": "planning",
}

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


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'sereno.slo' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"sereno.slo.{_PLACES[name]}"), name)
    return found
