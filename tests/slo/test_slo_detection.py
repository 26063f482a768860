"""When an alert fires and when it stops: every rule of every tier against a service counted minute by minute.

The simulation reads windows and threshold from the rule's own expression; the formulae are those of the tier.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from tests.slo.fleet import promise

from sereno.kernel.duration import parse_duration
from sereno.kernel.rule import Rule
from sereno.slo import Tier, plan
from sereno.spec.model import Service

MINUTE = timedelta(minutes=1)
PER_MINUTE = 100_000
CASES = [
    (target, period, index, error)
    for period in ("30d", "28d", "7d", "24h")
    for target in ("90%", "99%", "99.9%", "99.99%")
    for index in range(3)
    for error in ("1", "0.5", "0.144", "0.05", "0.01", "0.001")
]


def minutes(duration: timedelta) -> int:
    return duration // MINUTE


class Simulated:
    """A service with the same number of events every minute, of which some are bad, and a rule that looks."""

    def __init__(self, bad_by_minute: list[int]) -> None:
        self.bad = np.concatenate(([0], np.cumsum(np.array(bad_by_minute, dtype=np.int64))))

    def firing(self, rule: Rule) -> np.ndarray:
        """At which minutes the expression of `rule` holds."""
        spans = [minutes(parse_duration(text)) for text in re.findall(r"\[(\w+)\]", rule.expr)]
        (threshold,) = {Fraction(text) for text in re.findall(r"^  > ([\d.]+)$", rule.expr, re.MULTILINE)}
        held = [self.exceeds(threshold, span) for span in sorted(set(spans))]
        assert len(held) == 2
        return held[0] & held[1]

    def exceeds(self, threshold: Fraction, span: int) -> np.ndarray:
        now = np.arange(len(self.bad))
        since = np.maximum(now - span, 0)
        bad, total = self.bad[now] - self.bad[since], (now - since) * PER_MINUTE
        return bad * threshold.denominator > threshold.numerator * total


def told(tier: Tier, error: Decimal) -> tuple[Simulated, int, int]:
    """Healthy for a long window; bad for a long window; healthy for a short one. Minutes of the fault and its end."""
    long, short = minutes(tier.long), minutes(tier.short)
    bad = int(error * PER_MINUTE)
    return Simulated([0] * long + [bad] * long + [0] * (short + 2)), long, 2 * long


@pytest.mark.parametrize(("target", "period", "index", "error"), CASES)
def test_detection_and_reset_are_those_of_the_formulae(target: str, period: str, index: int, error: str) -> None:
    slo = promise(target, parse_duration(period))
    quarter = timedelta(seconds=15)
    found = plan(Service("shop", "team"), slo, scrape_interval=quarter, evaluation_interval=quarter)
    if index >= len(found.tiers):
        assert len(found.tiers) + len(found.dropped) == 4
        return
    tier, rule, budget = found.tiers[index], found.rules[index], slo.objective.budget
    simulated, fault, end = told(tier, Decimal(error))
    firing = simulated.firing(rule)
    if Decimal(error) <= tier.factor * budget:
        assert not firing.any()  # burning no faster than the factor: not this tier's to tell
        return
    first = int(np.argmax(firing))
    last = len(firing) - int(np.argmax(firing[::-1]))
    detection, reset = tier.detection(budget, Decimal(error)), tier.reset(budget, Decimal(error))
    assert detection - MINUTE / 60 <= (first - fault) * MINUTE <= detection + MINUTE
    assert reset - MINUTE / 60 <= (last - end) * MINUTE <= reset + MINUTE
    assert firing[first:last].all()


@pytest.mark.parametrize(
    ("error", "index", "detection", "reset"),
    [("1", 0, 0.9, 4.9), ("0.144", 0, 6.0, 4.5), ("0.05", 0, 17.3, 3.6), ("0.01", 1, 216.0, 12.0)],
)
def test_the_figures_of_the_workbook(error: str, index: int, detection: float, reset: float) -> None:
    """99.9 % over 30 days: minutes until the page, minutes until it stops."""
    slo = promise("99.9%", timedelta(days=30))
    quarter = timedelta(seconds=15)
    tier = plan(Service("shop", "team"), slo, scrape_interval=quarter, evaluation_interval=quarter).tiers[index]
    assert tier.detection(slo.objective.budget, Decimal(error)) / MINUTE == pytest.approx(detection, abs=0.05)
    assert tier.reset(slo.objective.budget, Decimal(error)) / MINUTE == pytest.approx(reset, abs=0.05)
