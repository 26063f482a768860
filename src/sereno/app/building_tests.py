"""Unit tests of the alerts for which the compiler knows no story: series are made up until each fires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from sereno.alerts.generate import generated
from sereno.compiler.prometheus_rules import NOTICE, WATCHDOG, plans_by_service, service_file
from sereno.compiler.prometheus_target import rule_path, test_path
from sereno.compiler.targets import Output, Request
from sereno.kernel.rule import Rule
from sereno.promql import Settings
from sereno.spec.rule_groups import GroupRule, RuleGroup


def with_alert_tests(request: Request, output: Output) -> Output:
    """`output` of target prometheus with a test file for each alert that has none yet, where an example can be made.

    A test says what the rule does under the arithmetic of Prometheus 2 and 3 alike; where these differ there is none.
    """
    files, notes = dict(output.files), list(output.notes)
    missing: list[str] = []
    for rule in _untested(request, output):
        text = _test_of(rule)
        if text is None:
            missing.append(f"{rule.service}/{rule.name}")
        else:
            files[test_path(rule.service, rule.name, alert=True)] = text
    if missing:
        notes.append(f"no unit test for {', '.join(missing)}: no series were found that make them fire")
    return replace(output, files=files, notes=tuple(notes))


def _untested(request: Request, output: Output) -> Iterator[Rule]:
    plans = plans_by_service(request)
    for name in sorted(request.spec.services):
        mine = plans.get(name, ())
        service = request.spec.services[name]
        # The recording rules and the tiers have their tests: what is left is all that this file would hold without.
        kept = [plan for plan in mine if test_path(name, plan.slo.name) not in output.files]
        for rule in service_file(request, service, kept).alerts:
            if not rule.origin.endswith("/no-data") and rule.name != WATCHDOG:
                yield rule


def _test_of(rule: Rule) -> str | None:
    """The text of a test file, the same by either version's arithmetic; None if there is no such."""
    alone = GroupRule(
        kind="alert", name=rule.name, expr=rule.expr.strip(), for_=rule.for_, keep_firing_for=rule.keep_firing_for,
        labels=rule.labels, annotations=rule.annotations,
    )  # fmt: skip
    group = RuleGroup(rule.service, (alone,), interval=timedelta(minutes=1))
    rules = [f"../{rule_path(rule.service).removeprefix('prometheus/')}"]
    text, missing = generated(rules, [group], Settings(dialect=2))
    if missing or generated(rules, [group], Settings(dialect=3))[0] != text:
        return None
    return NOTICE + text.partition("\n")[2]
