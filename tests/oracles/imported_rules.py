"""Rules that were imported, loaded and built again, beside those that they came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import yaml

from sereno.app.importing.rules import Wishes, bring
from sereno.app.promql_checker import Checker
from sereno.compiler.targets import Request, build
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.promql import parse
from sereno.slo import plans_of
from sereno.spec.loader import load_text
from sereno.spec.model import Spec
from sereno.spec.rule_files import read_rules
from sereno.spec.rule_groups import GroupRule, RuleGroup


def groups_of(files: dict[str, str]) -> list[RuleGroup]:
    """The groups in rule files; those that Prometheus would not take are left out."""
    return [
        group for name, text in files.items() for group in read_rules(name, text, promql=Checker(), strict=False).groups
    ]


def spec_of(groups: list[RuleGroup], wishes: Wishes | None = None) -> Spec:
    """The workspace that importing `groups` makes."""
    loaded = load_text(bring(groups, wishes).texts(), promql=Checker())
    assert loaded.spec is not None, "\n".join(d.render() for d in loaded.diagnostics if d.level == "error")
    return loaded.spec


def built_rules(spec: Spec) -> list[dict[str, object]]:
    """Every rule that `sereno build` writes for a Prometheus."""
    interval = timedelta(seconds=30)
    request = Request(spec, plans_of(spec, evaluation_interval=interval), interval)
    files = build("prometheus", request).files
    return [
        rule
        for name, text in files.items()
        if name.startswith("prometheus/rules/")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]  # fmt: skip


def lost(groups: list[RuleGroup], built: Iterable[dict[str, object]]) -> list[str]:
    """The rules of `groups` of which `built` has no same one: name, expression by its tree, waiting times and labels.

    A severity may be called as the scale calls it, and labels and annotations may be added.
    """
    known: dict[tuple[str, str], list[dict[str, object]]] = {}
    for made in built:
        kind = "alert" if "alert" in made else "record"
        known.setdefault((kind, str(made[kind])), []).append(made)
    missing = []
    for group in groups:
        for rule in group.rules:
            if not any(_same(rule, other) for other in known.get((rule.kind, rule.name), ())):
                missing.append(f"{group.file}:{rule.line}: {rule.name}")
    return missing


def _same(rule: GroupRule, other: dict[str, object]) -> bool:
    labels, annotations = other.get("labels") or {}, other.get("annotations") or {}
    assert isinstance(labels, dict)
    assert isinstance(annotations, dict)
    severity = DEFAULT_SEVERITIES.find(rule.labels.get("severity", ""))
    wanted = dict(rule.labels)
    if severity is not None and labels.get("severity") == severity.name:
        wanted["severity"] = severity.name
    return (
        wanted.items() <= labels.items()
        and dict(rule.annotations).items() <= annotations.items()
        and _duration(other.get("for")) == rule.for_
        and _duration(other.get("keep_firing_for")) == rule.keep_firing_for
        and parse(rule.expr) == parse(str(other["expr"]))
    )


def _duration(text: object) -> timedelta:
    from sereno.kernel.duration import parse_duration

    return parse_duration(str(text)) if text else timedelta(0)
