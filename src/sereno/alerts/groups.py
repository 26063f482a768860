"""One look of one group of rules: what it records and which alerts it finds. The replay's words, at one instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from sereno.alerts.model import Alert, Evaluation, Found
from sereno.alerts.outcome import Outcome, judge, recorded_rows
from sereno.alerts.replay_plan import ALERTS
from sereno.alerts.replay_series import Made, Overlay
from sereno.alerts.rules import advance
from sereno.kernel.duration import to_ms
from sereno.kernel.errors import QueryError
from sereno.kernel.inert import without_nul
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms as moment_ms
from sereno.kernel.rule import Rule
from sereno.kernel.template import TemplateContext, expand
from sereno.promql import (
    Columns,
    Expr,
    Grid,
    Limits,
    Result,
    Select,
    Selection,
    Settings,
    evaluate_all,
    parse,
    selections,
)
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.dialect import ANY
from sereno.spec.rule_groups import GroupRule, RuleGroup

PREFIX = "/rules:"
"""How the keys of rules begin that come from rule files."""
Place = Callable[[Labels], tuple[str, str]]
"""Whose an alert of those labels is, and how bad: a service and a severity."""


def from_files(key: str) -> bool:
    """Whether the rule of that key comes from a rule file."""
    return key.startswith(PREFIX)


@dataclass(frozen=True, slots=True, eq=False)
class LiveRule:
    """A rule ready to be evaluated. `alert` is the rule of its alerts (None: it records), `tree` None if its
    expression cannot be read, which `error` then tells."""

    rule: GroupRule
    tree: Expr | None
    alert: Rule | None
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LiveGroup:
    """A group ready to be evaluated."""

    group: RuleGroup
    rules: tuple[LiveRule, ...]

    @property
    def alerting(self) -> dict[str, Rule]:
        """The rules that alert, by key."""
        return {one.alert.key: one.alert for one in self.rules if one.alert is not None}

    def wanted(self, at: datetime, settings: Settings | None = None) -> list[Selection]:
        """The samples that a look at `at` will ask for."""
        grid = Grid.at(moment_ms(at) - to_ms(self.group.query_offset))
        return [
            one for rule in self.rules if rule.tree is not None
            for one in selections(rule.tree, grid, settings=settings)
        ]  # fmt: skip


def prepare(group: RuleGroup, settings: Settings | None = None) -> LiveGroup:
    """`group` with its expressions read and its rules given keys, which they keep over reloads: a rule is known by
    its name and labels, as in Prometheus, and those alike by their order."""
    counts: dict[tuple[str, Labels], int] = {}
    rules = []
    for rule in group.rules:
        number = counts[rule.name, rule.labels] = counts.get((rule.name, rule.labels), 0) + 1
        tree, error = _parsed(rule.expr, settings)
        alert = None
        if rule.kind == "alert":
            told = "".join(f" {name}={text!r}" for name, text in rule.labels.items())
            origin = f"{group.key}/{rule.name}{told}" + (f"#{number}" if number > 1 else "")
            alert = Rule(
                rule.name, rule.expr, "", "", rule.for_, rule.keep_firing_for, rule.labels, rule.annotations,
                origin=f"{PREFIX[1:]}{origin}",
            )  # fmt: skip
        rules.append(LiveRule(rule, tree, alert, error))
    return LiveGroup(group, tuple(rules))


def _parsed(text: str, settings: Settings | None) -> tuple[Expr | None, str]:
    try:
        return parse(text, settings.language if settings else ANY), ""
    except QueryError as error:
        return None, error.message


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one instant, markers of vanished series left out."""

    at_ms: int
    labels: tuple[Labels, ...] = ()
    values: tuple[float, ...] = ()
    histograms: tuple[tuple[Labels, object], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What one look came to: the evaluations of the alerting rules, what was recorded (ALERTS included), what failed
    by the rule's index, which series each rule has now (for the next look), and which have `ended` with this one."""

    evaluations: tuple[Evaluation, ...]
    samples: Samples
    errors: Mapping[int, str]
    there: tuple[frozenset[Labels], ...]
    ended: tuple[Labels, ...] = ()
    warnings: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def look(
    live: LiveGroup,
    at: datetime,
    select: Select,
    active: Mapping[str, Sequence[Alert]],
    there: Sequence[frozenset[Labels]],
    place: Place,
    *,
    texts: TemplateContext | None = None,
    settings: Settings | None = None,
    limits: Limits | None = None,
) -> Looked:
    """Evaluate every rule of the group at `at`, each seeing what those before it have made.

    Args:
        live: the group.
        at: the instant.
        select: samples from outside, what was recorded before included.
        active: the pending and firing alerts of each alerting rule, by its key.
        there: which series each rule had at the look before; empty at the first.
        place: whose an alert is.
        texts: what templates know.
        settings: how Prometheus would be configured.
        limits: of each expression.
    """
    work = _Look(live, at, select, active, there, place, texts or TemplateContext(), settings, limits)
    batch: list[int] = []
    for index, rule in enumerate(live.rules):
        if rule.tree is None:
            work.errors[index] = rule.error
            continue
        if batch and work.reads(rule.tree, batch):
            work.evaluate(batch)
            batch = []
        batch.append(index)
    work.evaluate(batch)
    return work.looked()


class _Look:
    """One look, rule by rule."""

    def __init__(
        self, live: LiveGroup, at: datetime, select: Select, active: Mapping[str, Sequence[Alert]],
        there: Sequence[frozenset[Labels]], place: Place, texts: TemplateContext, settings: Settings | None,
        limits: Limits | None,
    ) -> None:  # fmt: skip
        self.live, self.at, self.active, self.place = live, at, active, place
        self.outside, self.texts, self.settings, self.limits = select, texts, settings, limits
        offset = to_ms(live.group.query_offset)
        self.grid = Grid.at(moment_ms(at) - offset)
        self.made = tuple(
            Made(
                index, ALERTS if one.alert else frozenset({one.rule.name}), one.rule.name if one.alert else None, offset
            )
            for index, one in enumerate(live.rules)
        )
        for made, known in zip(self.made, there, strict=False):
            made.there = set(known)
            made.rows = {}
        self.overlay = Overlay(self.made, 0, merge=True)
        self.errors: dict[int, str] = {}
        self.warnings: dict[int, tuple[str, ...]] = {}
        self.evaluations: dict[int, Evaluation] = {}
        self.touched = False

    def reads(self, tree: Expr, batch: Sequence[int]) -> bool:
        """Whether `tree` may look at a series that a rule of the batch makes now."""
        wanted = selections(tree, self.grid, settings=self.settings)
        return any(self.made[index].may_match(one.matchers) for index in batch for one in wanted)

    def select(self, selection: Selection) -> Columns:
        """The samples that a rule sees."""
        outside = self.outside(selection)
        if not self.touched or not self.overlay.touches(selection.matchers):
            return outside
        return self.overlay.seen(outside, selection, -1, None)

    def evaluate(self, batch: Sequence[int]) -> None:
        """Evaluate rules that do not see each other, together."""
        trees = [tree for index in batch if (tree := self.live.rules[index].tree) is not None]
        results = evaluate_all(trees, self.grid, self.select, limits=self.limits, settings=self.settings)
        for index, result in zip(batch, results, strict=True):
            if not isinstance(result, Result):
                self.fail(index, result.message)
            elif result.kind == "string":
                self.fail(index, "rule result is not a vector or scalar")
            else:
                self.take(index, result)
        self.touched = True

    def fail(self, index: int, why: str) -> None:
        self.errors[index] = why
        alert = self.live.rules[index].alert
        if alert is not None:
            self.evaluations[index] = Evaluation(alert.key, self.at, error=why)

    def take(self, index: int, result: Result) -> None:
        one, limit = self.live.rules[index], self.live.group.limit
        if result.warnings:
            self.warnings[index] = result.warnings
        instants = np.array([moment_ms(self.at)], dtype=np.int64)
        outcome = judge(one.rule, 0 if one.alert else limit, instants, result, self.context(one))
        if outcome.failed:
            self.fail(index, outcome.failed[0][1])
        elif one.alert is None:
            self.made[index].add(self.grid.instants_ms, recorded_rows(outcome))
        else:
            self.alert(index, one, one.alert, outcome)

    def context(self, one: LiveRule) -> TemplateContext:
        return replace(self.texts, name=one.rule.name, at_ms=moment_ms(self.at))

    def alert(self, index: int, one: LiveRule, rule: Rule, outcome: Outcome) -> None:
        """The alerts found, and the series ALERTS that follow from them."""
        found = tuple(self.found(one, row.labels, outcome, row.source) for row in outcome.block.rows)
        evaluation = Evaluation(rule.key, self.at, found=found)
        changes = advance(rule, self.active.get(rule.key, ()), evaluation)
        alive = [alert for alert in changes.save if alert.state != "resolved"]
        limit = self.live.group.limit
        if changes.unknown is not None:
            self.fail(index, changes.unknown)
        elif limit and len(alive) > limit:
            self.fail(index, f"exceeded limit of {limit} with {len(alive)} alerts")
        else:
            self.evaluations[index] = evaluation
            self.made[index].add(self.grid.instants_ms, list(_alert_series(alive)))

    def found(self, one: LiveRule, labels: Labels, outcome: Outcome, source: Int64s | int) -> Found:
        row = source if isinstance(source, int) else int(source[0])
        series, value = outcome.block.series[row], float(outcome.block.values[row, 0])
        context = self.context(one)
        texts = {name: expand(text, series, value, context) for name, text in one.rule.annotations.items()}
        if any("\0" in text for pair in labels.pairs for text in pair):
            labels = Labels((without_nul(name), without_nul(text)) for name, text in labels.pairs)
        service, severity = self.place(labels)
        return Found(labels, Labels(texts), value, service, severity)

    def looked(self) -> Looked:
        labels: list[Labels] = []
        values: list[float] = []
        histograms: list[tuple[Labels, object]] = []
        for made in self.made:
            for series in made.there if made.rows else ():
                if series not in made.rows:
                    continue
                _, numbers, objects = made.rows[series].between(self.grid.start_ms, self.grid.start_ms)
                if objects is not None and objects[0] is not None:
                    histograms.append((series, objects[0]))
                elif len(numbers):
                    labels.append(series)
                    values.append(float(numbers[0]))
        first = dict(zip(reversed(labels), reversed(values), strict=True))  # of two rules' samples the first stands
        samples = Samples(
            self.grid.start_ms, tuple(reversed(first)), tuple(reversed(first.values())), tuple(histograms)
        )
        evaluations = tuple(self.evaluations[index] for index in sorted(self.evaluations))
        there = tuple(frozenset(made.there) for made in self.made)
        alive = frozenset().union(*there)
        ended = dict.fromkeys(one for made in self.made for one in made.rows if one not in alive)
        return Looked(evaluations, samples, self.errors, there, tuple(ended), self.warnings)


def _alert_series(alive: Sequence[Alert]) -> list[tuple[Labels, np.ndarray, Float64s, Objects | None]]:
    """ALERTS and ALERTS_FOR_STATE of alerts that are pending or firing."""
    here = np.ones(1, dtype=bool)
    found: list[tuple[Labels, np.ndarray, Float64s, Objects | None]] = []
    for alert in alive:
        state = alert.labels.with_(__name__="ALERTS", alertstate=alert.state)
        since = np.array([float(moment_ms(alert.active_at) // 1000)])
        found.append((state, here, np.ones(1), None))
        found.append((alert.labels.with_(__name__="ALERTS_FOR_STATE"), here, since, None))
    return found
