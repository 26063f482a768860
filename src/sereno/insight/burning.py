"""What the burn-rate rules of an objective would have done, read off the shares of bad events that are there anyway.

Each such rule gives one series without labels of its own, and holds where both windows exceed one threshold. So its
states follow from the same rows that every variant is judged by; `alerts.replay` says the same of the rule's text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sereno.alerts.replay import Firing
from sereno.insight.ratios import Ratios
from sereno.insight.states import Stretch, runs, stretches
from sereno.kernel.duration import to_ms
from sereno.kernel.labels import Labels
from sereno.promql.columns import Int64s
from sereno.slo import SloPlan
from sereno.spec.rule_groups import GroupRule, RuleGroup


def burns_of(plan: SloPlan, found: Ratios, group: RuleGroup) -> tuple[Firing, ...]:
    """When each rule of `plan` was pending and fired, as `alerts.replay` tells it; `group` holds those rules."""
    firings: list[Firing] = []
    for tier, rule in zip(plan.tiers, group.rules, strict=True):
        holds = found.holds(tier, plan.slo.objective.budget)
        values, at = found.by_window[tier.long], found.instants_ms
        labels = Labels(rule.labels).with_(alertname=rule.name)
        for begin, end in _alerts(holds, at, rule):
            first = int(np.searchsorted(at, begin))
            fired = _fired(holds, at, begin, end, to_ms(rule.for_))
            shown = first if fired is None else int(np.searchsorted(at, fired))
            firings.append(
                Firing(group.key, rule, labels, rule.annotations, float(values[shown]), begin, fired, end)
            )  # fmt: skip
    return tuple(sorted(firings, key=lambda one: one.active_at_ms))


def _alerts(holds: np.ndarray, at: Int64s, rule: GroupRule) -> list[tuple[int, int | None]]:
    """From when until when there was an alert, pending or firing."""
    fired = stretches(holds, at, for_ms=to_ms(rule.for_), keep_ms=to_ms(rule.keep_firing_for))
    found: list[tuple[int, int | None]] = []
    for begin, past in runs(holds):
        began, ended = int(at[begin]), int(at[past]) if past < len(at) else None
        mine = next((one for one in fired if _within(one, began, ended)), None)
        if mine is None:
            found.append((began, ended))
        elif mine.fired_ms >= began:
            found.append((began, mine.resolved_ms))
    return found


def _within(one: Stretch, began: int, ended: int | None) -> bool:
    return (ended is None or one.fired_ms < ended) and (one.resolved_ms is None or began < one.resolved_ms)


def _fired(holds: np.ndarray, at: Int64s, begin: int, end: int | None, for_ms: int) -> int | None:
    """When an alert that began at `begin` fired; None if it never did."""
    first = int(np.searchsorted(at, begin))
    due = int(np.searchsorted(at, begin + for_ms))
    past = first + int(np.argmin(np.append(holds[first:], False)))
    return int(at[due]) if due < past else None


def burning(groups: Sequence[RuleGroup], plan: SloPlan) -> RuleGroup | None:
    """The group of `groups` that holds the rules of `plan`; None for an objective that only counts."""
    name = f"{plan.service}/slo/{plan.slo.name}"
    return next((group for group in groups if group.name == name), None)
