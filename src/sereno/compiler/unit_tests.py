"""A story for `promtool test rules`: healthy, a total outage, healthy again; each tier must fire, and then stop."""

from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction
from math import ceil

from sereno.compiler.samples import labels_matching
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.promql import matchers_of
from sereno.slo.model import SloPlan
from sereno.slo.selectors import counts_good, part_selector, total_selector
from sereno.spec.model import Slo

_STEP = timedelta(minutes=1)
_HEALTHY = 5
_EVENTS = 60


def tests_file(plan: SloPlan, *, rules: str = "rules.yml") -> str:  # noqa: PT028 (no test of pytest's)
    """A unit test of the burn-rate rules of `plan`, for promtool; `rules` is the rule file, seen from the test's.

    Minute by minute: all is well and nothing fires; every event fails until every tier must fire; all is well until
    the longest of the short windows has passed, and nothing fires. Raises UsageError when the plan has no tier, or
    no example can be made of what its selectors select.
    """
    if not plan.tiers:
        raise UsageError(f"{plan.service}/{plan.slo.name} has no burn-rate tier to test")
    outage = _outage_steps(plan)
    quiet = max(tier.short for tier in plan.tiers) // _STEP + 2
    shapes = _shapes(outage, quiet)
    series = [{"series": _notation(labels), "values": shapes[shape]} for labels, shape in _series(plan.slo)]
    moments = ((_HEALTHY, False), (_HEALTHY + outage, True), (_HEALTHY + outage + quiet, False))
    expected = [_expectation(rule, step, firing) for step, firing in moments for rule in plan.rules]
    return yaml(
        {
            "rule_files": [rules],
            "evaluation_interval": format_duration(_STEP),
            "tests": [
                {
                    "name": f"{plan.service}/{plan.slo.name}",
                    "interval": format_duration(_STEP),
                    "input_series": series,
                    "alert_rule_test": expected,
                }
            ],
        }
    )


def _outage_steps(plan: SloPlan) -> int:
    """Steps of total outage after which the worst threshold is passed with room to spare, whatever the window:
    with h healthy steps before, d bad ones are d/(h + d) of the events or more."""
    threshold = max(Fraction(tier.factor) * Fraction(plan.slo.objective.budget) for tier in plan.tiers)
    patience = max((tier.for_ for tier in plan.tiers), default=timedelta(0))
    return ceil(2 * _HEALTHY * threshold / (1 - threshold)) + _HEALTHY + ceil(patience / _STEP)


def _series(slo: Slo) -> list[tuple[Labels, str]]:
    """The series of the story and how each behaves: `always` counting, only while `good`, or only while `bad`."""
    total, part = matchers_of(total_selector(slo)), matchers_of(part_selector(slo))
    one, other = ("good", "bad") if counts_good(slo) else ("bad", "good")
    try:
        inside = labels_matching((*total, *part))
    except UsageError:  # another metric, which the total does not include
        return [(labels_matching(total), "always"), (labels_matching(part), one)]
    return [(labels_matching(total, but_not=part), other), (inside, one)]


def _shapes(outage: int, quiet: int) -> dict[str, str]:
    """promtool's notation: `a+bxn` is a, a + b, … a + n·b."""
    healthy, failed = _HEALTHY * _EVENTS, outage * _EVENTS
    return {
        "always": f"0+{_EVENTS}x{_HEALTHY + outage + quiet}",
        "good": f"0+{_EVENTS}x{_HEALTHY} {healthy}+0x{outage - 1} {healthy + _EVENTS}+{_EVENTS}x{quiet - 1}",
        "bad": f"0+0x{_HEALTHY} {_EVENTS}+{_EVENTS}x{outage - 1} {failed}+0x{quiet - 1}",
    }


def _notation(labels: Labels) -> str:
    inside = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{inside}}}"


def _expectation(rule: Rule, step: int, firing: bool) -> Value:
    expected: Value = {
        "exp_labels": dict(rule.labels),
        "exp_annotations": dict(rule.annotations),
    }
    return {
        "eval_time": format_duration(step * _STEP),
        "alertname": rule.name,
        "exp_alerts": [expected] if firing else [],
    }
