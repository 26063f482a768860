"""What each template of an indicator becomes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.spec.shop import PEOPLE, good

from sereno.app.promql_checker import Checker
from sereno.spec.model import EventsSli, GaugeSli, LatencySli, NativeLatencySli, QuerySli, Sli

JOB = '{job="api"}'


def slis(written: str, promises: str = "objective: 95%") -> dict[str, Sli]:
    head = "objective: 95%\n    " if "promises" not in written else ""
    text = f"service: api\nteam: shop\nslos:\n  - name: a\n    {head}window: 7d\n    sli: {{{written}}}\n"
    return {slo.name: slo.sli for slo in good({"p.yaml": PEOPLE, "s.yaml": text}).services["api"].slos}


CASES: list[tuple[str, Sli]] = [
    ("http: {}", EventsSli(f"http_requests_total{JOB}", 'http_requests_total{job="api",code=~"5.."}', None)),
    ("http: {select: 'app=\"x\"', counter: r_total, status: status, bad: '5..|429', except: 'path=\"/health\"'}",
     EventsSli('r_total{app="x",path!="/health"}', 'r_total{app="x",status=~"5..|429",path!="/health"}', None)),
    ("http: {convention: opentelemetry}", EventsSli(
        f"http_server_request_duration_seconds_count{JOB}",
        'http_server_request_duration_seconds_count{job="api",http_response_status_code=~"5.."}', None)),
    ("http: {within: 300ms}", LatencySli(
        f"http_request_duration_seconds{JOB}", 'http_request_duration_seconds_bucket{job="api",le="0.3"}',
        f"http_request_duration_seconds_count{JOB}", Decimal("0.3"))),
    ("http: {within: 1s, native: true, histogram: h_seconds}", NativeLatencySli(f"h_seconds{JOB}", Decimal(1))),
    ("grpc: {}", EventsSli(
        f"grpc_server_handled_total{JOB}", 'grpc_server_handled_total{job="api",grpc_code=~"Unknown|DeadlineExceeded|'
        'Unimplemented|Internal|Unavailable|DataLoss"}', None)),
    ("grpc: {convention: opentelemetry, bad: UNAVAILABLE}", EventsSli(
        f"rpc_server_call_duration_seconds_count{JOB}",
        'rpc_server_call_duration_seconds_count{job="api",rpc_response_status_code=~"UNAVAILABLE"}', None)),
    ("queue: {system: kafka, name: orders, group: billing, lag_below: 1000}",
     GaugeSli('sum(kafka_consumergroup_lag{topic="orders",consumergroup="billing"})', "<", Decimal(1000))),
    ("queue: {processed: jobs_total, failed: 'result=\"error\"'}",
     EventsSli("jobs_total", 'jobs_total{result="error"}', None)),
    ("queue: {waited: wait_seconds, within: 30s}", LatencySli(
        "wait_seconds", r'wait_seconds_bucket{le=~"30(\\.0)?"}', "wait_seconds_count", Decimal(30))),
    ("database: {system: postgresql}", GaugeSli(f"pg_up{JOB}", "==", Decimal(1))),
    ("database: {system: postgresql, errors: true}", EventsSli(
        'db_client_operation_duration_seconds_count{db_system_name="postgresql"}',
        'db_client_operation_duration_seconds_count{db_system_name="postgresql",error_type!=""}', None)),
    ("database: {system: mysql, within: 100ms, select: 'job=\"x\"'}", LatencySli(
        'db_client_operation_duration_seconds{db_system_name="mysql",job="x"}',
        'db_client_operation_duration_seconds_bucket{db_system_name="mysql",job="x",le="0.1"}',
        'db_client_operation_duration_seconds_count{db_system_name="mysql",job="x"}', Decimal("0.1"))),
    ("cache: {system: redis}", QuerySli(
        f"sum(rate(redis_keyspace_hits_total{JOB}[$window])) + sum(rate(redis_keyspace_misses_total{JOB}[$window]))",
        None, f"sum(rate(redis_keyspace_hits_total{JOB}[$window]))")),
    ("cache: {system: memcached}", EventsSli(
        'memcached_commands_total{command="get",job="api"}', None,
        'memcached_commands_total{command="get",job="api",status="hit"}')),
    ("batch: {last_success: done_seconds, within: 26h}", GaugeSli("time() - max(done_seconds)", "<=", Decimal(93600))),
    ("batch: {cronjob: nightly, namespace: ops, within: 90m}", GaugeSli(
        'time() - max(kube_cronjob_status_last_successful_time{cronjob="nightly",namespace="ops"})', "<=",
        Decimal(5400))),
    ("batch: {runs: runs_total, succeeded: ok_total}", EventsSli("runs_total", None, "ok_total")),
    ("payment: {total: p_total, succeeded: 'status=\"ok\"', declined: ['reason=\"funds\"']}",
     EventsSli('p_total{reason!="funds"}', None, 'p_total{status="ok",reason!="funds"}')),
    ("time_to_complete: {histogram: h_hours, unit: hours, within: 48h}", LatencySli(
        "h_hours", r'h_hours_bucket{le=~"48(\\.0)?"}', "h_hours_count", Decimal(172800))),
    ("time_to_complete: {histogram: h_hours, unit: hours, within: 90m}", LatencySli(
        "h_hours", 'h_hours_bucket{le="1.5"}', "h_hours_count", Decimal(5400))),
    ("time_to_complete: {settled: s_total, in_time: 'outcome=\"in_time\"'}",
     EventsSli("s_total", None, 's_total{outcome="in_time"}')),
    ("time_to_complete: {started: s_total, late: l_total, within: 48h}", QuerySli(
        "sum(rate(s_total[$window] offset 2d))", "sum(rate(l_total[$window]))")),
    ("business: {total: decided_total, good: 'decision=\"yes\"'}",
     EventsSli("decided_total", None, 'decided_total{decision="yes"}')),
]  # fmt: skip


@pytest.mark.parametrize(("written", "becomes"), CASES, ids=[written for written, _ in CASES])
def test_a_template_becomes_what_the_reference_says(written: str, becomes: Sli) -> None:
    assert slis(written) == {"a": becomes}


@pytest.mark.parametrize("sli", [sli for _, sli in CASES])
def test_what_a_template_becomes_is_promql(sli: Sli) -> None:
    texts = [getattr(sli, name, None) for name in ("total", "bad", "good", "ratio", "value", "buckets", "count")]
    for text in filter(None, texts):
        Checker().check(text.replace("$window", "5m"))


def test_a_template_can_promise_several_percentiles() -> None:
    found = slis("http: {promises: [{objective: 95%, within: 300ms}, {objective: 99%, within: 1s}]}")
    assert list(found) == ["a-p95", "a-p99"]
