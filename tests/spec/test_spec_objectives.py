"""Every key of an objective, of a policy, of planned work and of saturation, as it comes out of a good spec."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.spec.shop import PEOPLE, good, rendered

from sereno.app.promql_checker import Checker
from sereno.spec.loader import load_text
from sereno.spec.model import (
    Addresses,
    Calendar,
    CompositeSli,
    EventsSli,
    GaugeSli,
    LatencySli,
    LowTraffic,
    Maintenance,
    NativeLatencySli,
    PolicyStep,
    QuerySli,
    Slo,
    Spec,
    Threshold,
)

WORKSPACE = """\
workspace: shop
addresses: {console: https://sereno.shop.example/, grafana: https://grafana.shop.example}
targets: [prometheus, grafana]
---
policy: standard
title: What we do
steps:
  - {at: 80%, do: [Only safe changes], notify: [shop]}
  - {at: 100%, do: No releases, freeze: true, override: [ana]}
---
maintenance: weekly-db
title: Databases are tended to
services: [pay]
start: 2026-01-04T02:00
duration: 2h
zone: America/Lima
rrule: FREQ=WEEKLY;BYDAY=SU
"""
SERVICE = """\
service: pay
team: shop
slos:
  - name: availability
    title: People can pay
    objective: 99.9%
    window: {calendar: month, zone: America/Lima}
    method: timeslices
    slice: 5m
    slice_objective: 95%
    unknown: bad
    maintenance: good
    low_traffic: {min_events: 100, min_failures: 5, budget_fraction: true}
    policy: standard
    keep_firing_for: 3m
    alerting: false
    sli: {events: {total: t_total, bad: 'code=~"5.."'}}
  - name: latency
    title: Fast
    window: 7d
    sli:
      latency:
        histogram: d_seconds{job="pay"}
        except: path="/x"
        promises: [{objective: 95%, within: 300ms}, {objective: 99.5%, within: 1s}]
  - {name: native, objective: 95%, window: 7d, sli: {latency: {histogram: d_seconds, within: 300ms, native: true}}}
  - {name: own, objective: 95%, window: 7d, sli: {query: {total: 'sum(rate(a_total[$window])) + 1',
     bad: 'sum(rate(b_total[$window]))'}}}
  - {name: counters, objective: 95%, window: 7d, sli: {query: {total: 'sum(rate(a_total{x="1"}[$window]))',
     good: ' sum ( rate(b_total [$window]) ) '}}}
  - {name: mixed, objective: 95%, window: 7d, sli: {query: {total: 'sum(rate(a_total[$window]))',
     bad: 'sum(increase(b_total[$window]))'}}}
  - {name: ratio, objective: 95%, window: 7d, sli: {query: {ratio: 'avg_over_time(r[$window])'}}}
  - {name: up, objective: 95%, window: 7d, sli: {gauge: {value: 'probe_success{job="x"}', is: '== 1'}}}
  - {name: journey, objective: 95%, window: 7d,
     sli: {composite: {mode: weighted, of: [{slo: pay/availability, weight: 2}, latency-p99.5, {slo: own}]}}}
saturation:
  - name: pool
    used: max(used_connections) / 100
    levels: [{at: 80%, for: 10m, severity: SEV3}, {at: 92.5%, for: 5m, severity: SEV2}]
    ahead: 7d
    over: 12h
"""


@pytest.fixture(scope="module")
def spec() -> Spec:
    return good({"people.yaml": PEOPLE, "workspace.yaml": WORKSPACE, "pay.yaml": SERVICE})


def slos(spec: Spec) -> dict[str, Slo]:
    return {slo.name: slo for slo in spec.services["pay"].slos}


def test_everything_that_can_be_said_of_an_objective(spec: Spec) -> None:
    slo = slos(spec)["availability"]
    assert (slo.title, slo.objective.ratio) == ("People can pay", Decimal("0.999"))
    assert (slo.window, slo.calendar) == (timedelta(days=30), Calendar("month", "America/Lima"))
    assert (slo.method, slo.slice_length, slo.slice_target) == ("timeslices", timedelta(minutes=5), Decimal("0.95"))
    assert (slo.unknown, slo.maintenance, slo.policy) == ("bad", "good", "standard")
    assert slo.low_traffic == LowTraffic(Decimal(100), Decimal(5), budget_fraction=True)
    assert (slo.keep_firing_for, slo.alerting) == (timedelta(minutes=3), False)


def test_several_percentiles_are_several_objectives(spec: Spec) -> None:
    low, high = slos(spec)["latency-p95"], slos(spec)["latency-p99.5"]
    assert "latency" not in slos(spec)
    assert (low.objective.text, high.objective.text, high.title) == ("95%", "99.5%", "Fast p99.5")
    assert isinstance(low.sli, LatencySli)
    assert isinstance(high.sli, LatencySli)
    assert low.sli.buckets == 'd_seconds_bucket{job="pay",path!="/x",le="0.3"}'
    assert high.sli.buckets == r'd_seconds_bucket{job="pay",path!="/x",le=~"1(\\.0)?"}'


def test_the_other_indicators(spec: Spec) -> None:
    found = {name: slo.sli for name, slo in slos(spec).items()}
    assert found["native"] == NativeLatencySli("d_seconds", Decimal("0.3"))
    assert found["own"] == QuerySli(total="sum(rate(a_total[$window])) + 1", bad="sum(rate(b_total[$window]))")
    assert found["counters"] == EventsSli('a_total{x="1"}', None, "b_total")
    assert isinstance(found["mixed"], QuerySli), "a rate and an increase are no two counters of the same kind"
    assert found["ratio"] == QuerySli(ratio="avg_over_time(r[$window])")
    assert found["up"] == GaugeSli('probe_success{job="x"}', "==", Decimal(1))
    assert slos(spec)["up"].method == "timeslices", "a gauge has no events to count"


def test_a_composite_holds_the_objectives_themselves(spec: Spec) -> None:
    journey = slos(spec)["journey"].sli
    assert isinstance(journey, CompositeSli)
    assert [(part.service, part.slo.name, part.weight) for part in journey.parts] == [
        ("pay", "availability", Decimal(2)), ("pay", "latency-p99.5", Decimal(1)), ("pay", "own", Decimal(1)),
    ]  # fmt: skip
    assert journey.parts[0].slo == slos(spec)["availability"]


def test_saturation(spec: Spec) -> None:
    (pool,) = spec.services["pay"].saturation
    assert pool.used == "max(used_connections) / 100"
    assert pool.levels == (
        Threshold(Decimal("0.80"), timedelta(minutes=10), "SEV3"),
        Threshold(Decimal("0.925"), timedelta(minutes=5), "SEV2"),
    )
    assert (pool.ahead, pool.over) == (timedelta(days=7), timedelta(hours=12))


def test_the_workspace_its_policies_and_plans(spec: Spec) -> None:
    assert (spec.name, spec.targets) == ("shop", ("prometheus", "grafana"))
    assert spec.addresses == Addresses(console="https://sereno.shop.example", grafana="https://grafana.shop.example")
    assert spec.policies["standard"].steps == (
        PolicyStep(Decimal("0.80"), ("Only safe changes",), ("shop",)),
        PolicyStep(Decimal("1.00"), ("No releases",), (), freeze=True, override=("ana",)),
    )
    weekly = spec.maintenances["weekly-db"]
    assert weekly == Maintenance(
        "weekly-db", "Databases are tended to", ("pay",), datetime(2026, 1, 4, 2), timedelta(hours=2), "America/Lima",
        "FREQ=WEEKLY;BYDAY=SU", source=weekly.source,
    )  # fmt: skip


def test_markdown_with_a_front_is_a_runbook() -> None:
    text = SERVICE.replace("    ahead: 7d", "    ahead: 7d\n    runbook: books/pool.md")
    files = {
        "people.yaml": PEOPLE, "workspace.yaml": WORKSPACE, "pay.yaml": text,
        "books/pool.md": "# The pool is full #\n\n## What to do\n\n```\n## not a section\n```\n## Why\n",
        "books/front.md": "---\ntitle: Nobody can pay\nalerts: [Down, Slow]\n---\n# Other\n## One\n",
        "books/broken.md": "---\ntitle: a: b\n---\n# Text\n",
        "README.md": "# Not a runbook\n## Nor is this\n",
    }  # fmt: skip
    loaded = load_text(files, promql=Checker())
    assert loaded.spec is not None, rendered(loaded)
    books = loaded.spec.runbooks
    assert sorted(books) == ["books/broken.md", "books/front.md", "books/pool.md"]
    assert (books["books/pool.md"].title, books["books/pool.md"].sections) == (
        "The pool is full",
        ("What to do", "Why"),
    )
    front = books["books/front.md"]
    assert (front.title, front.sections, front.text) == ("Nobody can pay", ("One",), "# Other\n## One\n")
    assert front.front == {"title": "Nobody can pay", "alerts": "Down, Slow"}
    assert [(d.code, d.file, d.line, d.column) for d in loaded.diagnostics] == [("SER124", "books/broken.md", 2, 9)]
    assert loaded.spec.runbooks["books/broken.md"].title == "Text"
    changed = {**files, "books/pool.md": "# Changed\n"}
    again = load_text(changed, promql=Checker()).spec
    assert again is not None
    assert again.digest != loaded.spec.digest
