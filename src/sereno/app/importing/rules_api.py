"""Rules as a running Prometheus tells them (`/api/v1/rules`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.spec.rule_groups import GroupRule, RuleGroup


def groups_of_answer(answer: Any, address: str) -> tuple[RuleGroup, ...]:
    """The groups in Prometheus's answer. Raises UsageError if it is none."""
    try:
        return tuple(_group(group) for group in answer["data"]["groups"])
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"{address} does not answer as Prometheus tells its rules") from error


def _group(group: dict[str, Any]) -> RuleGroup:
    rules = (_rule(rule) for rule in group["rules"])
    interval = timedelta(milliseconds=round(float(group.get("interval", 0)) * 1000))
    return RuleGroup(
        str(group["name"]), tuple(rules), str(group.get("file", "")), interval or None, limit=int(group.get("limit", 0))
    )


def _rule(rule: dict[str, Any]) -> GroupRule:
    alert = rule["type"] == "alerting"
    return GroupRule(
        kind="alert" if alert else "record",
        name=str(rule["name"]),
        expr=str(rule["query"]),
        for_=timedelta(milliseconds=round(float(rule.get("duration", 0)) * 1000)),
        keep_firing_for=timedelta(milliseconds=round(float(rule.get("keepFiringFor", 0)) * 1000)),
        labels=Labels(sorted((str(k), str(v)) for k, v in (rule.get("labels") or {}).items())),
        annotations=Labels(sorted((str(k), str(v)) for k, v in (rule.get("annotations") or {}).items())),
    )
