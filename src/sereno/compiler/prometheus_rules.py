"""Everything that Prometheus evaluates for a workspace: what is recorded, what alerts, and the watch over the watch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import ceil

from sereno.compiler.prometheus_probes import probe_rules
from sereno.compiler.prometheus_words import PHRASES
from sereno.compiler.targets import Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.language import say, span
from sereno.kernel.rule import Rule
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.slo.model import SloPlan
from sereno.slo.naming import annotated, camel, inert
from sereno.slo.planning import scrape_interval
from sereno.slo.recording import (
    EVERY,
    MAINTENANCE,
    Record,
    common_records,
    in_slices,
    records_of,
    series,
)
from sereno.slo.saturation import saturation_rules
from sereno.slo.words import target
from sereno.spec.model import CompositeSli, Service, Spec
from sereno.spec.rule_groups import GroupRule
from sereno.spec.rule_groups import RuleGroup as RawGroup

NOTICE = "# Written by `sereno build` from the declared spec. Change the spec: changes here are lost.\n"
WATCHDOG = "Watchdog"
_MINUTE = timedelta(minutes=1)
_NO_DATA_FOR = 5 * _MINUTE
_RETENTION = timedelta(days=15)
_ALL = Decimal(1)


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """A group of rules, evaluated in order every `every`."""

    name: str
    every: timedelta
    rules: tuple[Record | Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The groups of one file, and sentences about what they leave out."""

    groups: tuple[RuleGroup, ...]
    notes: tuple[str, ...] = ()
    raw: tuple[RawGroup, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to evaluate."""
        return not self.groups and not self.raw

    def text(self) -> str:
        """The file as Prometheus reads it; what is left out is said at its top."""
        said = "".join(f"# {line}\n" for line in self.notes)
        taken = {group.name for group in self.groups}
        groups = [group_value(group) for group in self.groups]
        return NOTICE + said + yaml({"groups": [*groups, *(raw_value(group, taken) for group in self.raw)]})

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """The alerting rules."""
        return tuple(rule for group in self.groups for rule in group.rules if isinstance(rule, Rule))


def plans_by_service(request: Request) -> Mapping[str, tuple[SloPlan, ...]]:
    """The plans of each service that has any, in their order."""
    found: dict[str, list[SloPlan]] = {}
    for plan in request.plans:
        found.setdefault(plan.service, []).append(plan)
    return {name: tuple(plans) for name, plans in found.items()}


def service_file(request: Request, service: Service, plans: Iterable[SloPlan]) -> RuleFile:
    """What is evaluated for `service`, with those of `plans` that are its own; no groups when it asks for nothing."""
    spec, every = request.spec, request.evaluation_interval
    groups: list[RuleGroup] = []
    notes: list[str] = []
    if service.alerts:
        groups.append(RuleGroup(f"{service.name}/alerts", every, service.alerts))
    for plan in plans:
        group = f"{service.name}/slo/{plan.slo.name}"
        interval = scrape_interval(spec, service, plan.slo, default=every)
        recorded = records_of(spec, service, plan.slo, scrape_interval=interval)
        groups += [RuleGroup(each.name, each.every, each.records) for each in recorded.groups]
        notes += recorded.notes
        watch = no_data(request, service, plan)
        if watch is not None:
            groups.append(RuleGroup(f"{group}/watch", EVERY, (watch,)))
        if plan.rules:
            groups.append(RuleGroup(group, every, plan.rules))
    asked = probe_rules(service, request.language)
    if asked:
        groups.append(RuleGroup(f"{service.name}/probes", every, asked))
    full = saturation_rules(spec, service, language=request.language)
    if full:
        groups.append(RuleGroup(f"{service.name}/saturation", every, full))
    done = tuple(replace(group, rules=tuple(_complete(spec, rule) for rule in group.rules)) for group in groups)
    return RuleFile(done, tuple(notes), service.raw.prometheus)


def common_file(request: Request) -> RuleFile:
    """What belongs to no service: planned maintenance, calendars, and the watchdog."""
    recorded = common_records(request.spec)
    groups = [RuleGroup(each.name, each.every, each.records) for each in recorded.groups]
    longest = max((plan.slo.window for plan in request.plans), default=timedelta(0))
    notes = recorded.notes
    if longest >= _RETENTION:
        kept = format_duration(longest + timedelta(days=1))
        notes = (*notes, f"Prometheus keeps 15 days of samples unless told: --storage.tsdb.retention.time={kept}")
    watchdog = RuleGroup("sereno/watchdog", EVERY, (_complete(request.spec, _watchdog(request)),))
    return RuleFile((*groups, watchdog), notes, request.spec.raw.prometheus)


def alerts_of(request: Request) -> tuple[Rule, ...]:
    """Every alert that is written for the workspace, the watchdog last; none where no service asks for any."""
    spec, plans = request.spec, plans_by_service(request)
    files = [service_file(request, spec.services[name], plans.get(name, ())) for name in sorted(spec.services)]
    found = tuple(rule for file in files for rule in file.alerts)
    return (*found, *common_file(request).alerts) if found else ()


def no_data(request: Request, service: Service, plan: SloPlan) -> Rule | None:
    """The alert that an objective's samples have gone: they were there within a day, and are not now.

    What was never there does not alert, for a service without its first event has none; composites have parts that do.
    """
    slo = plan.slo
    if not slo.alerting or isinstance(slo.sli, CompositeSli):
        return None
    recorded = series("sereno:slice:bad" if in_slices(slo) else "sereno:total:rate5m", service.name, slo.name)
    expr = f"sum(present_over_time({recorded}[1d])) unless sum({recorded})"
    if slo.maintenance != "count" and has_maintenance(request.spec, service.name):
        expr = f'({expr}) unless on () {MAINTENANCE}{{service="{service.name}"}}'
    detected = max((tier.detection(slo.objective.budget, _ALL) for tier in plan.tiers[:1]), default=timedelta(0))
    wait = max(_NO_DATA_FOR, ceil(detected / _MINUTE) * _MINUTE)
    severity = slo.ticket_severity or DEFAULT_SEVERITIES.scale[2].name
    words = {
        "service": service.title or service.name, "slo": slo.name, "for_": span(wait, request.language),
        "objective": target(slo, request.language),
    }  # fmt: skip
    rule = Rule(
        name=f"{camel(service.name)}{camel(slo.name)}NoData",
        expr=expr,
        service=service.name,
        severity=severity,
        for_=wait,
        labels=Labels(service=service.name, team=service.team, severity=severity, slo=slo.name),
        annotations=Labels(
            summary=inert(say(PHRASES, "no_data", request.language, **words)),
            description=inert(say(PHRASES, "no_data_description", request.language, **words)),
            runbook_url=slo.runbook or "",
        ),
        origin=f"slo:{slo.name}/no-data",
    )
    return annotated(request.spec, service, rule, board="slo", about=f"{service.name}/{slo.name}")


def has_maintenance(spec: Spec, service: str) -> bool:
    """Whether any planned maintenance is about `service`."""
    return any(not each.services or service in each.services for each in spec.maintenances.values())


def _watchdog(request: Request) -> Rule:
    team = next(iter(sorted(request.spec.teams)), "")
    return Rule(
        name=WATCHDOG,
        expr="vector(1)",
        service="sereno",
        severity="none",
        labels=Labels(service="sereno", team=team, severity="none"),
        annotations=Labels(
            summary=say(PHRASES, "watchdog", request.language),
            description=say(PHRASES, "watchdog_description", request.language),
        ),
    )


def _complete(spec: Spec, rule: Record | Rule) -> Record | Rule:
    return rule if isinstance(rule, Record) else complete(spec, rule)


def complete(spec: Spec, rule: Rule) -> Rule:
    """`rule` with the labels and annotations that every alert carries, as far as they are known."""
    service = spec.services.get(rule.service) or Service(rule.service, rule.labels.get("team", ""))
    labels = {"service": rule.service, "severity": rule.severity, **rule.labels}
    summary = rule.annotations.get("summary") or rule.name
    done = replace(rule, labels=Labels(labels), annotations=rule.annotations.with_(summary=summary))
    return annotated(spec, service, done)


def group_value(group: RuleGroup) -> Mapping[str, Value]:
    """The group as Prometheus reads it."""
    rules: list[Value] = [rule_value(rule) for rule in group.rules]
    return {"name": group.name, "interval": format_duration(group.every), "rules": rules}


def raw_value(group: RawGroup, taken: set[str]) -> Mapping[str, Value]:
    """A group that the spec keeps as it was found; its name gives way to those in `taken`, which it joins."""
    name, count = group.name, 2
    while name in taken:
        name, count = f"{group.name} {count}", count + 1
    taken.add(name)
    written: dict[str, Value] = {"name": name}
    if group.interval is not None:
        written["interval"] = format_duration(group.interval)
    if group.query_offset:
        written["query_offset"] = format_duration(group.query_offset)
    if group.limit:
        written["limit"] = group.limit
    if group.labels:
        written["labels"] = dict(group.labels)
    return {**written, "rules": [_raw_rule(rule) for rule in group.rules]}


def _raw_rule(rule: GroupRule) -> Value:
    written: dict[str, Value] = {rule.kind: rule.name, "expr": rule.expr}
    if rule.for_:
        written["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        written["keep_firing_for"] = format_duration(rule.keep_firing_for)
    if rule.labels:
        written["labels"] = dict(rule.labels)
    if rule.annotations:
        written["annotations"] = dict(rule.annotations)
    return written


def rule_value(rule: Record | Rule) -> Mapping[str, Value]:
    """The rule as Prometheus reads it."""
    if isinstance(rule, Record):
        return {"record": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
    written: dict[str, Value] = {"alert": rule.name, "expr": rule.expr.strip()}
    if rule.for_:
        written["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        written["keep_firing_for"] = format_duration(rule.keep_firing_for)
    written["labels"] = dict(sorted({"service": rule.service, "severity": rule.severity, **rule.labels}.items()))
    if rule.annotations:
        written["annotations"] = dict(rule.annotations)
    return written
