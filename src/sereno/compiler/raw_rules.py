"""Rules that a spec keeps as they were found, passed through."""

from __future__ import annotations

from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.spec.model import Spec
from sereno.spec.rule_groups import GroupRule, RuleGroup


def raw_rule_files(spec: Spec) -> dict[str, tuple[RuleGroup, ...]]:
    """The groups of each owner: a service by its name, and "" for the workspace; owners without any are left out."""
    found = {"": spec.raw.prometheus, **{name: spec.services[name].raw.prometheus for name in sorted(spec.services)}}
    return {name: groups for name, groups in found.items() if groups}


def rule_file(groups: tuple[RuleGroup, ...]) -> str:
    """`groups` as a rule file of Prometheus."""
    return yaml({"groups": [group_of(group) for group in groups]})


def group_of(group: RuleGroup) -> dict[str, Value]:
    """`group` as a rule file has it."""
    found: dict[str, Value] = {"name": group.name}
    if group.interval:
        found["interval"] = format_duration(group.interval)
    if group.query_offset:
        found["query_offset"] = format_duration(group.query_offset)
    if group.limit:
        found["limit"] = group.limit
    return {**found, "rules": [rule_of(rule) for rule in group.rules]}


def rule_of(rule: GroupRule) -> dict[str, Value]:
    """`rule` as a rule file has it, the labels of its group among its own."""
    found: dict[str, Value] = {rule.kind: rule.name, "expr": rule.expr}
    if rule.for_:
        found["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        found["keep_firing_for"] = format_duration(rule.keep_firing_for)
    if rule.labels:
        found["labels"] = dict(rule.labels)
    if rule.annotations:
        found["annotations"] = dict(rule.annotations)
    return found
