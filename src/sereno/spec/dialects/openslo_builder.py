"""OpenSLO's checked objectives made into ours.

A composite's burn is the sum of its parts' burns times their weights. Ours weighs errors and has one target, so a part
weighs wᵢ/bᵢ (bᵢ its budget) and the budget of the whole is 1 / Σ(wᵢ/bᵢ): the same burn, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Literal

from sereno.spec.dialects.annotations import restored
from sereno.spec.dialects.gathered import Promise, absent, inside, objective_of, slug
from sereno.spec.dialects.openslo_documents import OPERATORS, Meta, Span
from sereno.spec.dialects.openslo_sli import Sources, indicator
from sereno.spec.model import CompositeSli, GaugeSli, Part, Sli, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Node


@dataclass(frozen=True, slots=True)
class Goal:
    """One of an SLO's objectives: `indicator` is its own (in a composite), a spec or a reference."""

    place: Node
    title: str
    target: Decimal | None
    operator: str
    value: Decimal | None
    slice_target: Decimal | None
    slice_window: Span | None
    indicator: Node | None
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes objectives of one SLO."""

    reading: Reading
    sources: Sources
    service: str
    meta: Meta
    base: Slo

    def several(self, goals: list[Goal], node: Node) -> list[Promise]:
        """Each objective of one indicator."""
        names = self._names(goals)
        made = [self._made(goal, node, name) for goal, name in zip(goals, names, strict=True)]
        if len(made) == 1 and made[0] is not None:
            made = [restored(self.reading, made[0], self.meta.annotations, goals[0].place)]
        return [self._promise(slo, goal.place) for slo, goal in zip(made, goals, strict=True) if slo is not None]

    def composite(self, goals: list[tuple[Goal, Node | None]]) -> list[Promise]:
        """Each part as an objective that only counts, and the whole."""
        names = self._names([goal for goal, _ in goals], always=True)
        made = [
            self._made(goal, node, name) if node is not None else None
            for (goal, node), name in zip(goals, names, strict=True)
        ]
        parts = [(slo, goal) for slo, (goal, _) in zip(made, goals, strict=True) if slo is not None]
        if len(parts) != len(goals):
            return []
        alone = [self._promise(replace(slo, alerting=False, tiers=()), goal.place) for slo, goal in parts]
        whole = self._whole(parts)
        return [*alone, *([self._promise(whole, parts[0][1].place)] if whole is not None else [])]

    def _whole(self, parts: list[tuple[Slo, Goal]]) -> Slo | None:
        if self.base.method == "timeslices":
            targets = {slo.objective.ratio for slo, _ in parts}
            if len(targets) > 1:
                self.reading.complain(
                    "SER158",
                    parts[1][1].place,
                    "a slice is bad when any part's is, so the whole has one target",
                    expected="the same target in every objective of a composite in slices",
                )
                return None
            mode: Literal["weighted", "all"] = "all"
            objective, weights = parts[0][0].objective, [Decimal(1) for _ in parts]
        else:
            mode = "weighted"
            with localcontext() as exact:
                exact.prec = 40
                weights = [goal.weight / slo.objective.budget for slo, goal in parts]
                objective = objective_of(1 - 1 / sum(weights, Decimal(0)))
        sli = CompositeSli(
            mode,
            tuple(
                Part(self.service, replace(slo, alerting=False, tiers=()), weight)
                for (slo, _), weight in zip(parts, weights, strict=True)
            ),
        )
        first = parts[0][0]
        return replace(self.base, sli=sli, objective=objective, slice_length=first.slice_length)

    def _names(self, goals: list[Goal], *, always: bool = False) -> list[str]:
        if len(goals) == 1 and not always:
            return [self.meta.name]
        slugs = [slug(goal.title) for goal in goals]
        distinct = all(slugs) and len(set(slugs)) == len(slugs)
        ends = slugs if distinct else [str(number) for number in range(1, len(goals) + 1)]
        return [f"{self.meta.name[: max(1, 62 - len(end[:40]))].rstrip('-')}-{end[:40].rstrip('-._')}" for end in ends]

    def _made(self, goal: Goal, node: Node, name: str) -> Slo | None:
        reading = self.reading
        ratio = not absent(inside(node, "ratioMetric"))
        if ratio and goal.operator:
            reading.complain(
                "SER159", goal.place, "`op` means nothing beside a ratio; it is not used", expected="no `op`"
            )
        if not ratio and goal.value is None:
            reading.complain("SER022", goal.place, "a threshold's objective needs `value`", expected="a number")
        if not ratio and not goal.operator:
            reading.complain("SER022", goal.place, "a threshold's objective needs `op`", expected="gt, gte, lt or lte")
        if goal.target is None:
            return None
        if goal.target == 0:
            reading.complain("SER163", goal.place, "a target of 0 promises nothing; this objective is left out")
            return None
        sli = self._sli(goal, node, ratio)
        if sli is None:
            return None
        title = f"{self.meta.title or self.meta.name}: {goal.title}" if goal.title and name != self.meta.name else ""
        method = self.base.method
        if method == "occurrences" and isinstance(sli, GaugeSli):
            method = "ratio_timeslices"  # a moment is an occurrence: a slice's share of good ones, averaged
        sliced = self.base.method != "occurrences" and goal.slice_window is not None
        if sliced and goal.slice_window and 2 * goal.slice_window.length > self.base.window:
            reading.complain("SER155", goal.place, "the window holds no two such slices", expected="a shorter slice")
            return None
        target = None if isinstance(sli, GaugeSli) and goal.slice_target == 1 else goal.slice_target
        return replace(
            self.base,
            name=name,
            method=method,
            objective=objective_of(goal.target),
            sli=sli,
            title=title or self.base.title,
            slice_length=goal.slice_window.length if sliced and goal.slice_window else timedelta(minutes=1),
            slice_target=target if self.base.method == "timeslices" else None,
        )

    def _sli(self, goal: Goal, node: Node, ratio: bool) -> Sli | None:
        if not ratio and (goal.value is None or not goal.operator):
            return None
        compared = None if ratio or goal.value is None else (OPERATORS[goal.operator], goal.value)
        return indicator(self.reading, node, self.sources, compared)

    def _promise(self, slo: Slo, place: Node) -> Promise:
        return Promise(self.service, slo, place, self.meta.team)
