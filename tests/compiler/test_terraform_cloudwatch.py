"""CloudWatch's alarms fire when Prometheus's do, and keep still where nobody knows."""

from __future__ import annotations

import ast
import json
import operator
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.terraform import check, complaints

from sereno.app.spec_folder import read_texts
from sereno.compiler.targets import Output, Request, build
from sereno.slo.model import SloPlan
from sereno.slo.planning import plans_of

SHOP = """
workspace: shop
addresses: {grafana: "https://grafana.shop.example", runbooks: "https://git.shop.example/runbooks"}
---
service: api
team: web
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    severity: SEV1
    runbook: https://git.shop.example/api.md
    sli: {events: {total: 'r{job="p"}', bad: 'status="500"'}}
    cloudwatch: CLOUDWATCH
---
{team: web, escalation: web}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: web, steps: [{page: ana}]}
"""
BAD = "{namespace: AWS/ApplicationELB, dimensions: {LoadBalancer: 'app/$${shop}/1'}, total: RequestCount, bad: Failed}"
GOOD = "{namespace: Shop, total: Calls, good: Fine}"
Point = float | None


def made(text: str) -> tuple[tuple[SloPlan, ...], Output]:
    loaded = read_texts({"shop.yaml": text})
    assert loaded.spec is not None, [one.render() for one in loaded.diagnostics]
    plans = plans_of(loaded.spec, evaluation_interval=timedelta(seconds=15))
    return plans, build("terraform-cloudwatch", Request(loaded.spec, plans))


def resources(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    [found] = output.files.values()
    resource = json.loads(found, parse_float=Decimal)["resource"]
    return resource["aws_cloudwatch_metric_alarm"], resource["aws_cloudwatch_composite_alarm"]


def shop(cloudwatch: str = BAD) -> str:
    return SHOP.replace("CLOUDWATCH", cloudwatch)


def test_the_provider_takes_it(tmp_path: Path) -> None:
    _, output = made(shop())
    assert check(output.files, tmp_path) == []
    [right] = output.files.values()
    assert '"LoadBalancer": "app/$${shop}/1"' in right
    for old, new, said in (
        ('"evaluation_periods"', '"evaluations"', "lacks evaluation_periods"),
        (".alarm_name}", ".name}", "no attribute"),
        ("api_availability_1h_long.", "api_availability_2h_long.", "refers to nothing"),
    ):
        assert any(said in line for line in complaints(right.replace(old, new))), said


def test_every_tier_is_two_windows_and_their_conjunction() -> None:
    plans, output = made(shop())
    metric, composite = resources(output)
    [plan] = plans
    assert len(composite) == len(plan.tiers) == 3
    assert len(metric) == 6
    for tier, rule in zip(plan.tiers, plan.rules, strict=True):
        label = f"api_availability_{rule.labels['window_long']}"
        both = composite[f"{label}_burn"]
        assert both["alarm_description"] == rule.annotations["description"]
        assert both["alarm_actions"] == both["ok_actions"] == [f"${{var.sns_topic_{rule.severity}}}"]
        for side, window in (("long", tier.long), ("short", tier.short)):
            alarm = metric[f"{label}_{side}"]
            assert Decimal(alarm["threshold"]) == tier.factor * Decimal("0.001")
            periods = {one["metric"]["period"] for one in alarm["metric_query"] if "metric" in one}
            assert periods == {window.total_seconds()}
            for period in periods:
                assert period % 60 == 0
                assert period * alarm["evaluation_periods"] <= (604_800 if period >= 3600 else 86_400)
            assert [one["id"] for one in alarm["metric_query"] if one["return_data"]] == ["burn"]
            assert alarm["tags"] == both["tags"]
    tags = composite["api_availability_1h_burn"]["tags"]
    assert {**tags, "dashboard": ""} == {
        "service": "api", "slo": "availability", "team": "web", "severity": "SEV1",
        "runbook": "https://git.shop.example/api.md", "dashboard": "",
    }  # fmt: skip
    assert tags["dashboard"].startswith("https://grafana.shop.example/d/sereno-slo-")


def calculate(expression: str, known: dict[str, Point]) -> Point:
    """Metric math of one point of each metric; None is no data point."""

    def value(node: ast.expr) -> Point:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return known[name]
            case ast.Call(func=ast.Name(id="FILL"), args=[metric, otherwise]):
                found = value(metric)
                return value(otherwise) if found is None else found
            case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no]):
                holds = value(condition)
                return None if holds is None else value(yes) if holds else value(no)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = value(left), value(right)
                if a is None or b is None:
                    return None
                return float(a > b if isinstance(op, ast.Gt) else a >= b)
            case ast.BinOp(left=left, op=sign, right=right):
                a, b = value(left), value(right)
                if a is None or b is None:
                    return None
                return a - b if isinstance(sign, ast.Sub) else (a / b if b else None)
        raise AssertionError(ast.dump(node))

    return value(ast.parse(expression, mode="eval").body)


def state(alarm: dict[str, Any], series: dict[str, list[Point]], now: int) -> str:
    """What the alarm says after minute `now` of the metrics by name: sums of what there is, over one period."""
    known: dict[str, Point] = {}
    expression = ""
    for one in alarm["metric_query"]:
        if "metric" in one:
            minutes = series[one["metric"]["metric_name"]][max(0, now + 1 - one["metric"]["period"] // 60) : now + 1]
            there = [point for point in minutes if point is not None]
            known[one["id"]] = sum(there) if there else None
        else:
            expression = one["expression"]
    found = calculate(expression, known)
    if found is None:
        return {"missing": "INSUFFICIENT_DATA", "notBreaching": "OK", "breaching": "ALARM"}[alarm["treat_missing_data"]]
    breaches = {"GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge}
    return "ALARM" if breaches[alarm["comparison_operator"]](found, float(alarm["threshold"])) else "OK"


def fires(output: Output, tier: str, series: dict[str, list[Point]], now: int) -> bool:
    metric, composite = resources(output)
    rule = composite[f"api_availability_{tier}_burn"]["alarm_rule"]
    named = re.fullmatch(r'ALARM\("\$\{\w+\.(\w+)\.alarm_name\}"\) AND ALARM\("\$\{\w+\.(\w+)\.alarm_name\}"\)', rule)
    assert named is not None
    assert named[1] != named[2]
    return all(state(metric[name], series, now) == "ALARM" for name in named.groups())


@pytest.mark.parametrize("error", ["1", "0.05", "0.02", "0.01"])
@pytest.mark.parametrize("kind", ["bad", "good"])
def test_it_fires_and_stops_when_the_formulae_of_prometheus_say(kind: str, error: str) -> None:
    """The formulae with which tests/compiler/test_compiler_detection.py measures Prometheus itself."""
    plans, output = made(shop(BAD if kind == "bad" else GOOD))
    tier = plans[0].tiers[0]
    healthy, outage, after = 70, 60, 20
    share = [0.0] * healthy + [float(error)] * outage + [0.0] * after
    series: dict[str, list[Point]] = {
        "RequestCount": [10_000.0] * len(share),
        "Calls": [10_000.0] * len(share),
        # Neither metric has a point where there is nothing to count.
        "Failed": [10_000 * one or None for one in share],
        "Fine": [10_000 * (1 - one) or None for one in share],
    }
    firing = [minute for minute in range(len(share)) if fires(output, "1h", series, minute)]
    budget, minute = plans[0].slo.objective.budget, timedelta(minutes=1)
    if Decimal(error) <= tier.factor * budget:
        assert firing == []
        return
    detected = tier.detection(budget, Decimal(error)) / minute
    stopped = tier.reset(budget, Decimal(error)) / minute
    assert abs(firing[0] - (healthy + detected - 1)) <= 1
    assert abs(firing[-1] - (healthy + outage - 1 + stopped)) <= 1
    assert firing == list(range(firing[0], firing[-1] + 1))


@pytest.mark.parametrize(
    ("cloudwatch", "total", "chosen", "said"),
    [
        (BAD, 100.0, 100.0, "ALARM"),  # a total outage
        (BAD, 100.0, 2.0, "ALARM"),
        (BAD, 1000.0, 14.4, "OK"),  # at the threshold, not above it
        (BAD, 100.0, None, "OK"),  # nothing bad was ever seen
        (BAD, 0.0, 0.0, "OK"),  # at rest
        (BAD, 0.0, None, "OK"),
        (BAD, None, None, "INSUFFICIENT_DATA"),  # nobody knows: neither well nor firing
        (BAD, None, 5.0, "INSUFFICIENT_DATA"),
        (GOOD, 100.0, None, "ALARM"),  # nothing good was seen
        (GOOD, 100.0, 100.0, "OK"),
        (GOOD, 0.0, None, "OK"),
        (GOOD, None, None, "INSUFFICIENT_DATA"),
    ],
)
def test_rest_is_well_and_silence_is_unknown(cloudwatch: str, total: Point, chosen: Point, said: str) -> None:
    _, output = made(shop(cloudwatch))
    metric, _ = resources(output)
    series = {"RequestCount": [total], "Calls": [total], "Failed": [chosen], "Fine": [chosen]}
    assert state(metric["api_availability_1h_long"], series, 0) == said


def test_too_little_traffic_is_judged_by_the_long_window() -> None:
    guarded = shop(BAD + "\n    low_traffic: {min_events: 100, min_failures: 5}")
    metric, _ = resources(made(guarded)[1])
    for total, bad, long in ((99.0, 50.0, "OK"), (100.0, 4.0, "OK"), (100.0, 5.0, "ALARM"), (100.0, None, "OK")):
        series: dict[str, list[Point]] = {"RequestCount": [total], "Failed": [bad]}
        assert state(metric["api_availability_1h_long"], series, 0) == long
    assert state(metric["api_availability_1h_short"], {"RequestCount": [9.0], "Failed": [9.0]}, 0) == "ALARM"


@pytest.mark.parametrize(
    ("more", "said", "files"),
    [
        ("method: timeslices\n    slice_objective: 95%", "not timeslices", 0),
        ("low_traffic: {budget_fraction: true}", "traffic of the whole period", 0),
        ("alerting: false", "no burn-rate tier", 0),
        ("keep_firing_for: 5m", "does not keep its alarms for 5m", 1),
        ("tiers: [{long: 10d, short: 1d, burn: 2}, {long: 7d, short: 14h, burn: 3}]", "seven days at most, not 10d", 1),
        ("tiers: [{long: 1h, short: 90s, burn: 2}]", "1m30s is not", 0),
        ("tiers: [{long: 2d, short: 4h, burn: 2, for: 2m}]", "does not wait 2m", 1),
        ("tiers: [{long: 2d, short: 4h, burn: 2, for: 2m}]", "window of 2d once an hour", 1),
    ],
)
def test_what_cloudwatch_cannot_say_is_said(more: str, said: str, files: int) -> None:
    _, output = made(shop(f"{BAD}\n    {more}"))
    assert any(said in note for note in output.notes), output.notes
    assert len(output.files) == files
    assert output.files == {} or "864000" not in next(iter(output.files.values()))


def test_without_the_key_nothing_is_written() -> None:
    _, output = made(SHOP.replace("    cloudwatch: CLOUDWATCH\n", ""))
    assert output.files == {}
    assert "cloudwatch" in output.notes[0]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{namespace: A, total: T}", "SER024"),
        ("{namespace: A, total: T, bad: B, good: G}", "SER024"),
        ("{total: T, bad: B}", "SER022"),
        ("{namespace: ':A', total: T, bad: B}", "SER020"),
        ("{namespace: A, total: Señal, bad: B}", "SER020"),
        ("{namespace: A, total: T, bad: B, dimensions: [x]}", "SER020"),
        (f"{{namespace: A, total: T, bad: B, dimensions: {{x: {'y' * 1025}}}}}", "SER020"),
        ("7", "SER020"),
    ],
)
def test_what_is_no_metric_is_told_where_it_stands(written: str, code: str) -> None:
    loaded = read_texts({"shop.yaml": shop(written)})
    assert [(one.code, one.line) for one in loaded.diagnostics if one.level == "error"][:1] == [(code, 14)]


def test_several_promises_are_not_counted_by_two_metrics() -> None:
    promised = "sli: {latency: {histogram: h, promises: [{objective: 95%, within: 1s}]}}"
    text = re.sub(r"sli: .*", promised, shop().replace("    objective: 99.9%\n", ""))
    assert "SER024" in [one.code for one in read_texts({"shop.yaml": text}).diagnostics]
