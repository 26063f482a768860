"""What nothing is known of: gaps in the samples, and rules that could not be evaluated. Unknown is not quiet."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from sereno.alerts.replay import Replayed
from sereno.insight.counts import Counts
from sereno.insight.model import Covered, Question, Unknown
from sereno.insight.states import runs
from sereno.promql import Grid, Limits, Select, evaluate, selections, selector_text
from sereno.promql.columns import Matcher
from sereno.slo import SloPlan
from sereno.slo.exact import ratio
from sereno.spec.rule_groups import GroupRule, RuleGroup

LOOK_MS = 300_000
GAPS_MAX = 200


def of_promise(plan: SloPlan, counts: Counts, question: Question) -> tuple[Covered, tuple[Unknown, ...]]:
    """How much of the time an objective's events were watched, and the gaps of five minutes or more."""
    name = f"{plan.service}/{plan.slo.name}"
    first, past = counts.place(question.start_ms), counts.place(question.end_ms) + 1
    at, covered = counts.instants_ms[first:past], counts.covered_ms[first:past]
    watched = int(covered[-1] - covered[0])
    length = max(int(at[-1] - at[0]), 1)
    dark = np.diff(covered) * 2 < np.diff(at)
    gaps = [(int(at[a]), int(at[b])) for a, b in runs(dark) if at[b] - at[a] >= LOOK_MS]
    unknown = tuple(Unknown(name, begin, end, "no_samples") for begin, end in gaps[:GAPS_MAX])
    return Covered(name, ratio(Fraction(watched, length))), unknown


def of_rules(
    groups: Sequence[RuleGroup], select: Select, question: Question, limits: Limits
) -> tuple[tuple[Covered, ...], tuple[Unknown, ...]]:
    """For each alert, how much of the time any of the samples that it looks at were there, and the gaps.

    Looked at every five minutes, with the evaluator's own lookback. What the groups record themselves is left out.
    """
    recorded = {rule.name for group in groups for rule in group.rules if rule.kind == "record"}
    grid = Grid(question.start_ms, question.end_ms, LOOK_MS)
    seen: dict[tuple[Matcher, ...], np.ndarray] = {}
    covered: dict[str, Covered] = {}
    unknown: list[Unknown] = []
    for group in groups:
        for rule in group.rules:
            present = _present(rule, grid, recorded, seen, select, question, limits) if rule.kind == "alert" else None
            if present is None:
                continue
            # Of rules that share a name the least seen one counts: what the others see does not make it known.
            one = Covered(rule.name, ratio(Fraction(int(present.sum()), len(present))))
            covered[rule.name] = min(covered.get(rule.name, one), one, key=lambda each: each.coverage)
            at = grid.instants_ms
            gaps = [(int(at[a]), int(at[min(b, len(at) - 1)])) for a, b in runs(~present)]
            unknown += [Unknown(rule.name, begin, end, "no_samples") for begin, end in gaps[:GAPS_MAX] if end > begin]
    return tuple(covered.values()), tuple(dict.fromkeys(unknown))


def of_replay(replayed: Replayed) -> tuple[Unknown, ...]:
    """The stretches in which a rule could not be evaluated."""
    return tuple(Unknown(one.rule.name, one.since_ms, one.until_ms, one.why) for one in replayed.problems)


def _present(
    rule: GroupRule,
    grid: Grid,
    recorded: set[str],
    seen: dict[tuple[Matcher, ...], np.ndarray],
    select: Select,
    question: Question,
    limits: Limits,
) -> np.ndarray | None:
    """At which instants any selector of `rule` finds something; None if it has none but recorded ones."""
    found: np.ndarray | None = None
    for selection in selections(rule.expr, Grid.at(grid.end_ms), settings=question.settings):
        if any(m.name == "__name__" and m.op == "=" and m.value in recorded for m in selection.matchers):
            continue
        if selection.matchers not in seen:
            text = f"count({selector_text(selection.matchers)})"
            result = evaluate(text, grid, select, limits=limits, settings=question.settings)
            seen[selection.matchers] = np.array(result.present.any(axis=0), dtype=bool).reshape(-1)
        here = seen[selection.matchers]
        found = here if found is None else np.logical_or(found, here)
    return found
