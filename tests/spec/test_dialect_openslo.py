"""OpenSLO documents: right ones become objectives, wrong ones are refused at the place that is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import yaml
from tests.spec import openslo_cases

from sereno.app.promql_checker import Checker
from sereno.spec.dialects.diagnosing import diagnose
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import Calendar, CompositeSli, DeclaredTier, EventsSli, GaugeSli, LatencySli, QuerySli, Slo
from sereno.spec.source import File, Mapping, Node, Sequence
from sereno.spec.tree import documents

CASES = {case.name: case for case in openslo_cases.cases()}
TEAM = """
team: shop
escalation: shop
---
escalation: shop
steps: [{page: [ana]}]
---
person: ana
contacts: [{email: ana@shop.example}]
"""


def loaded(*texts: str) -> Loaded:
    return load_text({f"{number}.yaml": text for number, text in enumerate((TEAM, *texts))}, promql=Checker())


def slos(*texts: str) -> dict[str, Slo]:
    found = loaded(*texts)
    assert found.spec is not None, [d.render() for d in found.diagnostics if d.level == "error"]
    return {f"{s.name}/{slo.name}": slo for s in found.spec.services.values() for slo in s.slos}


def _places(text: str, path: openslo_cases.Path) -> set[tuple[int, int]]:
    """Where a report about `path` may point: its key, its value, or its mapping's first key."""
    file = File.of("a.yaml", text)
    node: Node = documents(file, lambda *_: None)[0]
    found = {file.place(node.start)}
    for step in path:
        if isinstance(node, Sequence):
            assert isinstance(step, int)
            node = node.items[step]
            found = {file.place(node.start)}
        else:
            assert isinstance(node, Mapping)
            key, node = next((k, v) for k, v in node.entries if k.value == step)
            found = {file.place(key.start), file.place(node.start)}
    return found


@pytest.mark.parametrize("base", openslo_cases.BASES)
def test_what_the_changes_are_made_to_is_right(base: str) -> None:
    found = diagnose("a.yaml", yaml.safe_dump(openslo_cases.BASES[base], sort_keys=False), Checker())

    assert [d.render() for d in found if d.level == "error"] == []


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_document_is_refused_at_its_place(name: str) -> None:
    case = CASES[name]

    found = [d for d in diagnose("a.yaml", case.text, Checker()) if d.level == "error"]

    for path in case.places:
        at = _places(case.text, path)
        assert any((d.line, d.column) in at and d.code in case.codes for d in found), (
            case.text, at, [(d.code, d.line, d.column, d.message) for d in found],
        )  # fmt: skip


SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability, displayName: People can pay, labels: {team: shop}}
spec:
  description: Payments go through
  service: payments
  indicator:
    metadata: {name: paid}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'sum(pay_total{ok="1"})'}}}
        total: {metricSource: {type: Prometheus, spec: {query: sum(pay_total)}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""


def test_counters_become_selectors_so_budgets_are_exact() -> None:
    slo = slos(SLO)["payments/availability"]

    assert slo.sli == EventsSli("pay_total", None, 'pay_total{ok="1"}')
    assert (slo.objective.text, slo.objective.ratio) == ("99.9%", Decimal("0.999"))
    assert (slo.window, slo.calendar, slo.method) == (timedelta(days=28), None, "occurrences")
    assert (slo.title, slo.description) == ("People can pay", "Payments go through")


@pytest.mark.parametrize(
    ("window", "length", "calendar"),
    [
        ("{duration: 1d, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: America/Lima}}", 1,
         Calendar("day", "America/Lima")),
        ("{duration: 1w, isRolling: false, calendar: {startTime: '2026-01-05 00:00:00', timeZone: UTC}}", 7,
         Calendar("week", "UTC")),
        ("{duration: 1M, isRolling: false, calendar: {startTime: 2026-03-01 00:00:00, timeZone: America/Santiago}}", 30,
         Calendar("month", "America/Santiago")),
        ("{duration: 1Q, isRolling: false, calendar: {startTime: 2026-04-01 00:00:00, timeZone: UTC}}", 90,
         Calendar("quarter", "UTC")),
        ("{duration: 1Y, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}", 365,
         Calendar("year", "UTC")),
        ("{duration: 2w, isRolling: true}", 14, None),
        ("{duration: 1M, isRolling: true}", 30, None),
    ],
)  # fmt: skip
def test_windows_roll_or_follow_the_calendar(window: str, length: int, calendar: Calendar | None) -> None:
    found = loaded(SLO.replace("{duration: 28d, isRolling: true}", window))

    assert found.spec is not None
    assert not [d for d in found.diagnostics if d.code == "SER159"]
    slo = found.spec.services["payments"].slos[0]
    assert (slo.window, slo.calendar) == (timedelta(days=length), calendar)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("{duration: 1w, isRolling: false, calendar: {startTime: 2022-01-01 12:00:00, timeZone: UTC}}", "Monday"),
        ("{duration: 1m, isRolling: false, calendar: {startTime: 2022-01-01 00:00:00, timeZone: UTC}}", "a minute"),
        ("{duration: 2w, isRolling: false, calendar: {startTime: 2022-01-03 00:00:00, timeZone: UTC}}", "14 days"),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_had_is_said(window: str, said: str) -> None:
    found = loaded(SLO.replace("{duration: 28d, isRolling: true}", window))

    assert any(said in d.message for d in found.diagnostics if d.code == "SER159")
    assert found.spec is not None


def test_several_objectives_become_one_each() -> None:
    text = SLO.replace(
        "[{target: 0.999}]", "[{displayName: Ours, target: 0.999}, {displayName: The contract, targetPercent: 99.5}]"
    )

    found = slos(text)

    assert {name: slo.objective.text for name, slo in found.items()} == {
        "payments/availability-ours": "99.9%", "payments/availability-the-contract": "99.5%",
    }  # fmt: skip


def test_a_threshold_is_a_gauge_counted_moment_by_moment() -> None:
    text = SLO.replace("[{target: 0.999}]", "[{target: 0.999, op: lte, value: 200.0}]")
    head, tail = text.split("      ratioMetric:"), text.split("  timeWindow:")[1]
    query = "{metricSource: {type: prometheus, spec: {query: 'max(queue{job=\"x\"})'}}}"

    slo = slos(f"{head[0]}      thresholdMetric: {query}\n  timeWindow:{tail}")["payments/availability"]

    assert slo.sli == GaugeSli('max(queue{job="x"})', "<=", Decimal("200.0"))
    assert slo.method == "ratio_timeslices"


def test_a_latency_in_buckets_is_seen_to_be_one() -> None:
    text = SLO.replace(
        'sum(pay_total{ok="1"})', 'sum(rate(pay_seconds_bucket{job="p",le="0.5"}[{{.window}}]))'
    ).replace("{query: sum(pay_total)}", "{query: 'sum(rate(pay_seconds_count{job=\"p\"}[{{.window}}]))'}")

    sli = slos(text)["payments/availability"].sli

    assert isinstance(sli, LatencySli)
    assert (sli.histogram, sli.within_seconds) == ('pay_seconds{job="p"}', Decimal("0.5"))


@pytest.mark.parametrize(
    ("kind", "ratio"), [("failure", "bad:ratio_rate$window"), ("success", "1 - (bad:ratio_rate$window)")]
)
def test_a_raw_ratio_is_taken_as_it_is(kind: str, ratio: str) -> None:
    head, tail = SLO.split("        counter: true")[0], SLO.split("  timeWindow:")[1]
    raw = f"        rawType: {kind}\n        raw: {{metricSource: {{type: Prometheus, spec: {{query: 'avg_over_time(bad[{{{{.window}}}}])'}}}}}}\n"

    sli = slos(f"{head}{raw}  timeWindow:{tail}")["payments/availability"].sli

    assert sli == QuerySli(ratio=ratio.replace("bad:ratio_rate$window", "avg_over_time(bad[$window])"))


def test_data_from_elsewhere_is_right_but_not_watched() -> None:
    found = loaded(SLO.replace("Prometheus", "Datadog"))

    assert {d.code for d in found.diagnostics if "Datadog" in d.message} == {"SER153"}
    assert found.spec is not None
    assert not [slo for service in found.spec.services.values() for slo in service.slos]


POLICY = """
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec: {conditions: [{conditionRef: burning}], notificationTargets: [{targetRef: mail}]}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: burning}
spec: {severity: critical, condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 2m}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
"""


def test_a_policy_in_another_file_becomes_a_tier() -> None:
    slo = slos(SLO + "  alertPolicies: [{alertPolicyRef: fast}]\n", POLICY)["payments/availability"]

    hour, five = timedelta(hours=1), timedelta(minutes=5)
    assert slo.tiers == (DeclaredTier("page", hour, five, Decimal("14.4"), timedelta(minutes=2)),)
    assert slo.page_severity == "SEV1"


@pytest.mark.parametrize("missing", ["burning", "mail"])
def test_a_reference_that_leads_nowhere_is_refused_where_it_stands(missing: str) -> None:
    text = POLICY.replace(f"metadata: {{name: {missing}}}", "metadata: {name: another}")

    found = loaded(SLO + "  alertPolicies: [{alertPolicyRef: fast}]\n", text)

    wrong = [d for d in found.diagnostics if d.level == "error"]
    assert [(d.code, missing in d.message, d.line) for d in wrong] == [("SER151", True, 5)]


@pytest.mark.parametrize(
    ("condition", "why"),
    [("op: lte, threshold: 2, lookbackWindow: 1h", "hardly spent"), ("op: gt, threshold: 1, lookbackWindow: 1h", "inside"),
     ("op: gt, threshold: 2, lookbackWindow: 1Y", "90d")],
)  # fmt: skip
def test_a_condition_that_would_alert_wrongly_is_left_out(condition: str, why: str) -> None:
    text = POLICY.replace("op: gt, threshold: 14.4, lookbackWindow: 1h", condition)

    found = loaded(SLO + "  alertPolicies: [{alertPolicyRef: fast}]\n", text)

    assert found.spec is not None
    assert found.spec.services["payments"].slos[0].tiers == ()
    assert any(why in d.message for d in found.diagnostics if d.code == "SER163")


COMPOSITE = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: journey}
spec:
  service: shop
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {displayName: api, target: 0.99, compositeWeight: 3, indicatorRef: one}
    - {displayName: pay, target: 0.98, indicatorRef: two}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: one}
spec: {ratioMetric: {counter: true, bad: &bad {metricSource: {type: Prometheus, spec: {query: a_bad_total}}},
                     total: {metricSource: {type: Prometheus, spec: {query: a_total}}}}}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: two}
spec: {ratioMetric: {counter: true, bad: {metricSource: {type: Prometheus, spec: {query: b_bad_total}}},
                     total: {metricSource: {type: Prometheus, spec: {query: b_total}}}}}
"""


def test_a_composite_burns_as_the_sum_of_its_parts_burns_times_their_weights() -> None:
    found = slos(COMPOSITE)

    whole = found["shop/journey"]
    assert isinstance(whole.sli, CompositeSli)
    assert set(found) == {"shop/journey", "shop/journey-api", "shop/journey-pay"}
    assert not found["shop/journey-api"].alerting
    errors = {"journey-api": Decimal("0.004"), "journey-pay": Decimal("0.03")}
    weights = {part.slo.name: part.weight for part in whole.sli.parts}
    error = sum((weights[name] * errors[name] for name in errors), Decimal(0)) / sum(weights.values(), Decimal(0))
    burn = Decimal(error) / whole.objective.budget
    assert abs(burn - (3 * Decimal("0.004") / Decimal("0.01") + Decimal("0.03") / Decimal("0.02"))) < Decimal("1e-20")


def test_in_slices_a_composite_is_bad_when_any_part_is() -> None:
    text = COMPOSITE.replace("Occurrences", "Timeslices").replace("0.98", "0.99")
    text = text.replace("displayName", "timeSliceTarget: 0.9, timeSliceWindow: 1m, displayName")

    whole = slos(text)["shop/journey"]

    assert isinstance(whole.sli, CompositeSli)
    assert (whole.sli.mode, whole.objective.text) == ("all", "99%")


def test_json_is_read_as_well() -> None:
    text = json.dumps(list(yaml.safe_load_all(SLO)), indent=2)

    assert list(slos(text)) == ["payments/availability"]


def test_the_service_of_a_native_document_gets_the_objectives() -> None:
    native = "service: payments\nteam: shop\ntitle: Pagos\nalerts: [{alert: Down, expr: up == 0, severity: SEV1}]\n"

    found = loaded(native, SLO)

    assert found.spec is not None
    service = found.spec.services["payments"]
    assert (service.title, service.team, [slo.name for slo in service.slos]) == ("Pagos", "shop", ["availability"])


def test_nobody_owning_a_service_is_said() -> None:
    found = load_text({"a.yaml": SLO}, promql=Checker())

    assert found.spec is not None
    assert found.spec.escalation_of("payments").steps == ()
    assert [d.code for d in found.diagnostics] == ["SER160"]


def test_of_several_teams_the_labels_name_one() -> None:
    other = "team: search\nescalation: shop\n"
    named, unnamed = SLO, SLO.replace(", labels: {team: shop}", "")

    teams = [
        [found.spec.services["payments"].team, [d.code for d in found.diagnostics if d.code == "SER160"]]
        for text in (named, unnamed)
        if (found := loaded(other, text)).spec is not None
    ]

    assert teams == [["shop", []], ["unowned", ["SER160"]]]


def test_the_next_version_is_refused_kindly() -> None:
    found = loaded("apiVersion: openslo.com/v2alpha\nkind: Service\nmetadata: {name: a}\n")

    wrong = [d for d in found.diagnostics if d.level == "error"]
    assert [(d.code, d.line, d.column) for d in wrong] == [("SER150", 1, 13)]
    assert wrong[0].hint is not None


def test_one_objective_twice_is_refused() -> None:
    found = loaded(SLO, SLO)

    assert [d.code for d in found.diagnostics if d.level == "error"] == ["SER012"]
