"""What is judged on its own: a service with the rules that the compiler would write for it, or files of rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sereno.insight.model import Case, Incident
from sereno.kernel.labels import Labels
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.slo import SloPlan, plans_of
from sereno.slo.methods import method_of
from sereno.slo.saturation import saturation_rules
from sereno.slo.selectors import counted
from sereno.spec.model import Service, Spec
from sereno.spec.rule_groups import GroupRule, RuleGroup

RULE_FILES = "rules"
"""The name of the case that rule files make together: their recording rules may feed one another."""


def cases_of(
    spec: Spec,
    *,
    interval: timedelta,
    language: Language = "en",
    incidents: Sequence[Incident] | None = None,
    services: Iterable[str] | None = None,
) -> tuple[Case, ...]:
    """One case a service of `spec` that has rules, by name, with the groups that `compiler.prometheus` writes for it.

    `incidents` are shared out by service; None leaves them to be derived. `services` keeps only those.
    """
    plans = plans_of(spec, evaluation_interval=interval, language=language)
    wanted = sorted(spec.services if services is None else set(services) & set(spec.services))
    cases = []
    for name in wanted:
        mine = tuple(plan for plan in plans if plan.service == name)
        full = saturation_rules(spec, spec.services[name], language=language)
        groups = groups_of(spec.services[name], mine, interval=interval, full=full)
        if groups:
            known = tuple(plan for plan in mine if beyond(plan) is None)
            others = tuple((plan, why) for plan in mine if plan.rules and (why := beyond(plan)) is not None)
            cases.append(Case(name, groups, known, of_service(incidents, name), others))
    return tuple(cases)


def beyond(plan: SloPlan) -> str | None:
    """Why a backtest replays only the rules of `plan` and says nothing of its budget; None where it says all."""
    slo = plan.slo
    if not counted(slo):
        return "its budget is not derived in backtests yet: its indicator is not two counters"
    if method_of(slo) != "occurrences":
        return "its budget is not derived in backtests yet: it counts slices of time"
    if slo.calendar is not None:
        return "its budget is not derived in backtests yet: it begins anew with a calendar's period"
    if slo.low_traffic is not None:
        return "its budget is not derived in backtests yet: its alerts wait for traffic"
    return None


def case_of_files(groups: Sequence[RuleGroup], *, incidents: Sequence[Incident] | None) -> Case:
    """The one case of all rule files. Without `incidents` there is nothing to judge it by: files promise nothing."""
    return Case(RULE_FILES, tuple(groups), (), None if incidents is None else tuple(incidents))


def groups_of(
    service: Service, plans: Iterable[SloPlan], *, interval: timedelta, full: Sequence[Rule] = ()
) -> tuple[RuleGroup, ...]:
    """The groups of one service as they stand in its rule file: names, order, labels and all; `full` are the rules of
    how full its things are."""
    named = [(f"{service.name}/alerts", service.alerts)]
    named += [(f"{service.name}/slo/{plan.slo.name}", plan.rules) for plan in plans]
    named.append((f"{service.name}/saturation", tuple(full)))
    return tuple(
        RuleGroup(name=name, rules=tuple(map(group_rule, rules)), file=service.name, interval=interval)
        for name, rules in named
        if rules
    )


def group_rule(rule: Rule) -> GroupRule:
    """`rule` as a rule file holds it."""
    return GroupRule(
        kind="alert", name=rule.name, expr=rule.expr.strip(), for_=rule.for_, keep_firing_for=rule.keep_firing_for,
        labels=Labels({"service": rule.service, "severity": rule.severity, **rule.labels}),
        annotations=rule.annotations,
    )  # fmt: skip


def of_service(incidents: Sequence[Incident] | None, service: str) -> tuple[Incident, ...] | None:
    """Those of `incidents` that are about `service`, or about any."""
    if incidents is None:
        return None
    return tuple(one for one in incidents if one.service in (None, service))
