"""The target `terraform-cloudwatch`: the burn-rate tiers of objectives that CloudWatch counts too, as its alarms.

Each window is one period, whose sums CloudWatch slides along. Without any data point an alarm is neither well nor
firing: a load balancer at rest publishes nothing, just as one that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

from sereno.compiler.prometheus_rules import has_maintenance
from sereno.compiler.targets import Output, Request
from sereno.compiler.terraform import Block, document, labels, reference, text
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.rule import Rule
from sereno.slo.exact import written
from sereno.slo.methods import method_of
from sereno.slo.model import SloPlan, Tier
from sereno.spec.model import CompositeSli, Spec
from sereno.spec.model_cloud import CloudWatch

_PATH = "terraform/cloudwatch/sereno.tf.json"
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WINDOW_MAX = 7 * _DAY
_TAG_MAX = 256
_TAG_SIGNS = frozenset(" _.:/=+-@")


def terraform_cloudwatch(request: Request) -> Output:
    """Burn-rate alarms in CloudWatch as Terraform JSON, for objectives that say where they live there."""
    declared = [plan for plan in request.plans if plan.slo.cloudwatch is not None]
    if not declared:
        return Output({}, ("no objective has the key `cloudwatch`: nothing to write for CloudWatch",))
    notes = [f"{_named(plan)}: {note}" for plan in declared for note in _notes(request.spec, plan)]
    tiers = [
        (plan, tier, rule)
        for plan in declared
        if _refused(plan) is None
        for tier, rule in zip(plan.tiers, plan.rules, strict=True)
        if _unfit(tier) is None
    ]
    if not tiers:
        return Output({}, tuple(notes))
    return Output({_PATH: document(_Writer(tiers).parts())}, tuple(notes))


class _Writer:
    """The blocks of the tiers that CloudWatch can hold."""

    def __init__(self, tiers: list[tuple[SloPlan, Tier, Rule]]) -> None:
        self.tiers = tiers
        self.label = labels(
            f"{_title(plan, tier)} {part}" for plan, tier, _ in tiers for part in ("burn", "long", "short")
        )
        self.topic = {
            severity: f"sns_topic_{label}" for severity, label in labels({rule.severity for *_, rule in tiers}).items()
        }

    def parts(self) -> dict[str, Value]:
        topics: dict[str, Value] = {
            self.topic[severity]: {
                "type": "string", "description": text(f"The ARN of the SNS topic that hears of {severity}"),
            }
            for severity in sorted(self.topic)
        }  # fmt: skip
        metric: dict[str, Value] = {}
        composite: dict[str, Value] = {}
        for plan, tier, rule in self.tiers:
            for side, window in (("long", tier.long), ("short", tier.short)):
                metric[self._name(plan, tier, side)] = self._window(plan, tier, rule, side, window)
            composite[self._name(plan, tier, "burn")] = self._both(plan, tier, rule)
        return {
            "terraform": {
                "required_version": ">= 1.0",
                "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0, < 7.0"}},
            },
            "variable": {
                "aws_region": {"type": "string", "description": "The region in which the metrics are"},
                **topics,
            },
            "provider": {"aws": {"region": reference("var.aws_region")}},
            "resource": {"aws_cloudwatch_metric_alarm": metric, "aws_cloudwatch_composite_alarm": composite},
        }

    def _name(self, plan: SloPlan, tier: Tier, part: str) -> str:
        return self.label[f"{_title(plan, tier)} {part}"]

    def _window(self, plan: SloPlan, tier: Tier, rule: Rule, side: str, window: timedelta) -> Block:
        found = plan.slo.cloudwatch
        assert found is not None
        threshold = written(Fraction(tier.factor) * Fraction(plan.slo.objective.budget))
        chosen = "good" if found.counts_good else "bad"
        return {
            "alarm_name": f"sereno {_title(plan, tier)} {side}",
            "alarm_description": text(rule.annotations.get("description", "")),
            "comparison_operator": "GreaterThanThreshold",
            "threshold": float(threshold),
            "evaluation_periods": 1,
            "treat_missing_data": "missing",
            "metric_query": [
                {"id": "burn", "expression": _share(plan, side == "long"), "label": "bad events", "return_data": True},
                _sum("total", found, found.total, window),
                _sum(chosen, found, found.chosen, window),
            ],
            "tags": _tags(rule),
        }

    def _both(self, plan: SloPlan, tier: Tier, rule: Rule) -> Block:
        sides = [
            f'ALARM("{reference(f"aws_cloudwatch_metric_alarm.{self._name(plan, tier, side)}.alarm_name")}")'
            for side in ("long", "short")
        ]
        topics: list[Value] = [reference(f"var.{self.topic[rule.severity]}")]
        return {
            "alarm_name": f"sereno {_title(plan, tier)}",
            "alarm_description": text(rule.annotations.get("description", "")),
            "alarm_rule": " AND ".join(sides),
            "alarm_actions": topics,
            "ok_actions": topics,
            "tags": _tags(rule),
        }


def _share(plan: SloPlan, judges: bool) -> str:
    """The share of bad events as metric math. Bad or good events never seen are none; `judges` adds what must have
    happened for an alert to be worth anything."""
    found, low = plan.slo.cloudwatch, plan.slo.low_traffic
    assert found is not None
    bad = "(total - FILL(good, 0))" if found.counts_good else "FILL(bad, 0)"
    conditions = ["total > 0"]
    if judges and low is not None and low.events_min is not None:
        conditions.append(f"total >= {low.events_min:f}")
    if judges and low is not None and low.failures_min is not None:
        conditions.append(f"{bad} >= {low.failures_min:f}")
    # A condition at a time: nothing is left to the order in which CloudWatch reads AND and >.
    share = f"{bad} / total"
    for condition in reversed(conditions):
        share = f"IF({condition}, {share}, 0)"
    return share


def _sum(name: str, found: CloudWatch, metric: str, window: timedelta) -> Block:
    read: dict[str, Value] = {"namespace": text(found.namespace), "metric_name": text(metric)}
    if found.dimensions:
        read["dimensions"] = {text(key): text(value) for key, value in found.dimensions}
    return {
        "id": name,
        "return_data": False,
        "metric": {**read, "period": window // timedelta(seconds=1), "stat": "Sum"},
    }


def _tags(rule: Rule) -> Block:
    told = _told(rule)
    return {name: text(value) for name, value in told.items() if value and _fits(value)}


def _told(rule: Rule) -> dict[str, str]:
    return {
        "service": rule.service,
        "slo": rule.labels.get("slo", ""),
        "team": rule.labels.get("team", ""),
        "severity": rule.severity,
        "runbook": rule.annotations.get("runbook_url", ""),
        "dashboard": rule.annotations.get("dashboard_url", ""),
    }


def _fits(value: str) -> bool:
    """Whether AWS takes it as the value of a tag."""
    return len(value) <= _TAG_MAX and all(sign.isalnum() or sign in _TAG_SIGNS for sign in value)


def _named(plan: SloPlan) -> str:
    return f"{plan.service}/{plan.slo.name}"


def _title(plan: SloPlan, tier: Tier) -> str:
    return f"{_named(plan)} {format_duration(tier.long)}"


def _refused(plan: SloPlan) -> str | None:
    """Why CloudWatch could only count something else than the objective; None where it can count the same."""
    slo = plan.slo
    if isinstance(slo.sli, CompositeSli):
        return "left out of CloudWatch: two metrics do not count a composite"
    if method_of(slo) != "occurrences":
        return f"left out of CloudWatch: its alarms count events, not {method_of(slo)}"
    if slo.low_traffic is not None and slo.low_traffic.budget_fraction:
        return "left out of CloudWatch: no alarm there knows the traffic of the whole period"
    if not plan.tiers:
        return "left out of CloudWatch: it has no burn-rate tier"
    return None


def _unfit(tier: Tier) -> str | None:
    """Why no alarm can have the windows of `tier`; None when one can."""
    for window in (tier.long, tier.short):
        if window % _MINUTE:
            return f"periods there are whole minutes, and {format_duration(window)} is not"
        if window > _WINDOW_MAX:
            return f"an alarm there sees seven days at most, not {format_duration(window)}"
    return None


def _notes(spec: Spec, plan: SloPlan) -> Iterator[str]:
    """What CloudWatch is not told, or told otherwise."""
    refused = _refused(plan)
    if refused is not None:
        yield refused
        return
    for tier, rule in zip(plan.tiers, plan.rules, strict=True):
        long, unfit = format_duration(tier.long), _unfit(tier)
        if unfit is not None:
            yield f"the tier of {long} is left out of CloudWatch: {unfit}"
            continue
        if tier.long > _DAY:
            yield f"CloudWatch looks at the window of {long} once an hour only"
        if tier.for_:
            yield f"CloudWatch does not wait {format_duration(tier.for_)} before the tier of {long} fires"
        yield from (
            f"{name} of the tier of {long} cannot be a tag" for name, told in _told(rule).items() if not _fits(told)
        )
    if plan.slo.keep_firing_for:
        yield f"CloudWatch does not keep its alarms for {format_duration(plan.slo.keep_firing_for)}"
    if plan.slo.maintenance != "count" and has_maintenance(spec, plan.service):
        yield "CloudWatch knows of no planned maintenance: its alarms fire through it"
