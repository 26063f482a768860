"""The written rules, run by Prometheus minute by minute: firing and stopping within one evaluation of the formulae."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from math import ceil, floor
from pathlib import Path

import pytest
import yaml
from tests.compiler.promtool import accepts
from tests.compiler.shop import SECOND, objective

from sereno.compiler import prometheus
from sereno.kernel.duration import parse_duration
from sereno.slo import plans_of
from sereno.spec.model import EventsSli, Service, Slo, Spec

MINUTE = timedelta(minutes=1)
PER_MINUTE = 10_000
SLI = EventsSli('r{job="p"}', 'r{job="p",status="500"}', None)


def spec(slo: Slo) -> Spec:
    return Spec(services={"s": Service("s", "t", slos=(slo,))})


@pytest.mark.parametrize(
    ("target", "period", "index", "error"),
    [
        ("99.9%", "30d", 0, "1"),
        ("99.9%", "30d", 0, "0.05"),
        ("99%", "30d", 1, "0.2"),
        ("99%", "7d", 0, "0.5"),
        ("99.9%", "7d", 1, "0.01"),
        ("90%", "24h", 0, "1"),
        ("99.9%", "24h", 1, "0.01"),
    ],
)
def test_prometheus_fires_and_stops_when_the_formulae_say(
    tmp_path: Path, target: str, period: str, index: int, error: str
) -> None:
    slo = objective("availability", target, parse_duration(period), SLI)
    (plan,) = plans_of(spec(slo), evaluation_interval=15 * SECOND)
    tier, rule = plan.tiers[index], plan.rules[index]
    long, short = tier.long // MINUTE, tier.short // MINUTE
    bad = int(Decimal(error) * PER_MINUTE)
    good = PER_MINUTE - bad
    detection = tier.detection(slo.objective.budget, Decimal(error)) / MINUTE
    reset = tier.reset(slo.objective.budget, Decimal(error)) / MINUTE
    outage, healthy = ceil(detection) + short + 2, long + 5
    fault = healthy - 1  # the first bad minute is the one that ends with the value after this one
    end = fault + outage
    expected = {"exp_labels": dict(rule.labels), "exp_annotations": dict(rule.annotations)}
    # One evaluation of grace on either side.
    moments = {
        fault + floor(detection) - 1: False,
        fault + ceil(detection) + 1: True,
        end: True,
        end + floor(reset) - 1: True,
        end + ceil(reset) + 1: False,
    }
    story = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": 'r{job="p",status="200"}',
                        "values": f"{shape(PER_MINUTE, healthy)} {shape(good, outage, healthy * PER_MINUTE)} "
                        + shape(PER_MINUTE, short + 5, healthy * PER_MINUTE + outage * good),
                    },
                    {
                        "series": 'r{job="p",status="500"}',
                        "values": f"{shape(0, healthy)} {shape(bad, outage)} {shape(0, short + 5, outage * bad)}",
                    },
                ],
                "alert_rule_test": [
                    {"eval_time": f"{at}m", "alertname": rule.name, "exp_alerts": [expected] if firing else []}
                    for at, firing in moments.items()
                    if at > 0
                ],
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(prometheus.rules_file(spec(slo)), encoding="utf-8")
    (tmp_path / "story.yml").write_text(yaml.safe_dump(story), encoding="utf-8")
    accepts("test", "rules", tmp_path / "story.yml")


def shape(more: int, steps: int, start: int = 0) -> str:
    """`steps` values, each `more` than the one before, beginning with `start` + `more`."""
    return f"{start + more}+{more}x{steps - 1}"
