"""What rules would have done over a past: the production state machine over a whole range at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateContext
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
    """A rule that could not be evaluated, from when to when, and why: it is unknown then, not fine.

    `until_ms` is the first evaluation that succeeded again, or the end of the replay.
    """

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
    texts: TemplateContext | None = None,
    alert_series: bool = False,
    own_series: Literal["replace", "merge"] = "replace",
    keep_recorded: bool = True,
    tile_ms: int | None = None,
) -> Replayed:
    """Evaluate `groups` at start, start + interval, … up to end, as Prometheus's rule manager would have.

    `select` gives the samples that are not recorded by the groups themselves; `interval_ms` is for groups that have
    none of their own. A recording rule's series are seen by later rules of its group at the same instant, by other
    groups as they are evaluated, in the order of `groups`. A rule that fails, or goes over its group's limit, leaves
    its series and alerts as they were, and is told in `problems`.

    Args:
        groups: the rules.
        start_ms: the first evaluation.
        end_ms: no evaluation comes after it.
        select: gives samples from outside. It is asked for each distinct selection, over the longest range needed.
        interval_ms: milliseconds between the evaluations of groups that name none.
        settings: how Prometheus would be configured.
        limits: of each expression, over one tile of time.
        texts: what templates know beside labels and value: external labels and address.
        alert_series: put ALERTS and ALERTS_FOR_STATE among what was recorded (they always exist for rules that
            read them).
        own_series: what becomes of series from `select` that are called as one that the groups make: `replace`d
            from the start on, or `merge`d (then a sample from outside stands against one made at the same instant).
        keep_recorded: hand back what was recorded. If not, it is let go as soon as no rule looks at it any more.
        tile_ms: how much time is held at once; None: as much as keeps memory in the low hundreds of MB.

    Raises what `select` raises, unless that is a QueryError: then it is a problem of the rules that ask.
    """
    from sereno.alerts.replay_run import Run

    run = Run(
        groups, start_ms, end_ms, select, interval_ms=interval_ms, settings=settings, limits=limits,
        texts=texts or TemplateContext(), alert_series=alert_series, merge=own_series == "merge",
        recorded=keep_recorded,
    )  # fmt: skip
    run.all(tile_ms)
    return run.replayed()
