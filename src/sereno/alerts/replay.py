"""What rules would have done over a past: the production state machine over a whole range at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Limits, Select, Settings
from sereno.spec.rule_groups import GroupRule, RuleGroup


@dataclass(frozen=True, slots=True)
class Firing:
    """One stretch of time in which one alert was pending or firing.

    `fired_at_ms` is None if `for` had not passed before it ended, `resolved_at_ms` None if it had not ended by the
    end of the replay. `value` and `annotations` are those of the evaluation at which it fired (or, pending, began).
    """

    group: str
    rule: GroupRule
    labels: Labels
    annotations: Labels
    value: float
    active_at_ms: int
    fired_at_ms: int | None
    resolved_at_ms: int | None


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """A rule that could not be evaluated, from when to when, and why: it is unknown then, not fine."""

    group: str
    rule: GroupRule
    since_ms: int
    until_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What happened: alerts by the time at which they became active, the series that were recorded (staleness
    markers where one vanished), and rules that failed."""

    firings: tuple[Firing, ...]
    recorded: Columns
    problems: tuple[RuleProblem, ...] = ()


def replay(
    groups: Sequence[RuleGroup],
    start_ms: int,
    end_ms: int,
    select: Select,
    *,
    interval_ms: int,
    settings: Settings | None = None,
    limits: Limits | None = None,
) -> Replayed:
    """Evaluate `groups` at start, start + interval, … up to end, as Prometheus's rule manager would have.

    `select` gives the samples that are not recorded by the groups themselves; `interval_ms` is for groups that have
    none of their own. A recording rule's series are seen by later rules of its group at the same instant, by other
    groups as they are evaluated, in the order of `groups`.
    """
    raise NotImplementedError
