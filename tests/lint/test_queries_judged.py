"""Expressions, and what is to be said of each; and that what is said of them is true, by evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from sereno.kernel.labels import Labels
from sereno.lint.expressions import labels_of
from sereno.lint.fixing import apply
from sereno.lint.model import Context, Finding
from sereno.lint.query import Query, check_query
from sereno.lint.reporting import Report
from sereno.promql import Columns, Grid, evaluate, matches, parse
from sereno.promql.columns import Selection
from sereno.spec.source import File


def look(text: str, purpose: str = "alert", *, keeps: frozenset[str] = frozenset(), single: bool = False,
         context: Context | None = None) -> tuple[Finding, ...]:  # fmt: skip
    report = Report()
    query = Query(text, File.of("q.promql", text), lambda offset: offset, purpose, keeps, single)  # type: ignore[arg-type]
    check_query(query, report, context)
    return report.findings()


def codes(text: str, purpose: str = "alert", **more: object) -> list[str]:
    return sorted({finding.diagnostic.code for finding in look(text, purpose, **more)})  # type: ignore[arg-type]


GOOD = """
sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 0.05
sum by (job) (rate(a_total{status=~"5.."}[5m])) / sum by (job) (rate(a_total[5m])) > 0.05
rate(a_errors_total[5m]) / ignoring(code) group_left sum without(code) (rate(a_total[5m])) > 0.1
histogram_quantile(0.9, sum by (le, job) (rate(a_seconds_bucket[5m]))) > 1
histogram_quantile(0.9, sum without (pod) (rate(a_seconds_bucket[5m]))) > 1
histogram_quantile(0.9, rate(a_seconds[5m])) > 1
count(histogram_quantile(0.9, rate(a_seconds_bucket[5m])) > 1) > 3
node_filesystem_avail_bytes{fstype!~"tmpfs"} / node_filesystem_size_bytes{fstype!~"tmpfs"} < 0.1
kube_pod_info * on(namespace, pod) group_left(node) kube_pod_spec
absent(up{job="api"})
(sum(increase(a_total[24h])) or vector(0)) == 0
sum(increase(a_total[1h])) == 0 and hour() > 8
count(up == 0) / count(up) > 0.1
avg(up) < 0.5
a_started_total - a_finished_total > 10
time() - last_success_timestamp_seconds > 3600
rate(a_seconds_sum[5m]) / rate(a_seconds_count[5m]) > 1
delta(queue_size[10m]) > 5
max by (queue) (queue_depth) > 100
100 * sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 5
sum(rate(a_total{status=~"5.."}[1h])) / sum(rate(a_total[1h])) > 14.4 * 0.001 and sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 14.4 * 0.001
sum by (namespace) (a) / on(namespace) sum by (namespace, team) (b)
job:a:rate5m / job:b:rate5m > 0.1
sum(job:a:rate5m) / job:b:rate5m > 0.1
ALERTS{severity="info"} == 1 unless on(namespace) ALERTS{severity=~"warning|critical"} == 1
vector(1)
"""


@pytest.mark.parametrize("text", [line for line in GOOD.splitlines() if line])
def test_what_is_right_is_left_alone(text: str) -> None:
    assert codes(text) == []


WRONG = {
    'rate(a_total{code="500"}[5m]) / rate(a_total[5m]) > 0.05': "SER210",
    'a_total{code="500"} / a_total > 0.05': "SER210",
    '100 * (rate(a_total{code="500"}[5m]) / rate(a_total[5m])) > 5': "SER210",
    "sum by (job) (a) / sum(b) > 1": "SER211",
    "sum(rate(a_total[5m])) / rate(b_total[5m]) > 1": "SER211",
    "sum by (job) (a) and on(instance) b > 1": "SER211",
    "sum without (job) (a) * on(job) b > 1": "SER211",
    "sum by (job) (a) unless sum by (namespace) (b)": "SER211",
    "db_connections_active / db_connections_max > 0.9": "SER212",
    "rate(slo_errors_total[1h]) / (0.001 * rate(slo_requests_total[1h])) > 14": "SER212",
    "histogram_quantile(0.9, rate(a_seconds_bucket[5m])) > 1": "SER213",
    "histogram_quantile(0.9, sum by (job) (rate(a_seconds_bucket[5m]))) > 1": "SER214",
    "histogram_quantile(0.9, sum without (le) (rate(a_seconds_bucket[5m]))) > 1": "SER214",
    "histogram_quantile(0.9, rate(a_seconds_bucket[5m])) by (job) > 1": "SER215",
    "rate(a_total[5m]) by (job) > 1": "SER215",
    "avg(histogram_quantile(0.9, sum by (le, pod) (rate(a_seconds_bucket[5m])))) > 1": "SER216",
    "rate(queue_depth[5m]) > 1": "SER220",
    "increase(up[5m]) > 1": "SER220",
    "a_errors_total > 100": "SER221",
    "sum(a_errors_total) > 100": "SER221",
    "rate(sum(a_total)[5m:1m]) > 1": "SER222",
    "rate(a_total[30s]) > 1": "SER223",
    "increase(a_total[1d]) == 0": "SER224",
    "sum(rate(a_total[1h])) <= 0": "SER224",
    "sum(late_count) > 50": "SER225",
    "irate(a_total[5m]) > 1": "SER226",
    "count(up == 1) / count(up) < 0.5": "SER230",
    "sum(up == 1) / sum(up) < 0.5": "SER230",
    "count by (job) (up > 0) / count by (job) (up) < 0.5": "SER230",
    "avg(up == 1) < 0.5": "SER231",
    "(1 - (1 - a:sli)) / (1 - 0.999) < 0.2": "SER232",
    "avg_over_time(up[7d]) / (1 - 0.999) < 0.2": "SER232",
    "avg_over_time(a:availability:ratio[7d]) < 0.9": "SER233",
    "avg(rate(a_errors_total[5m]) / rate(a_errors_total[5m])) > 1": "SER233",
    'sum(rate(a_total{ok="1"}[5m])) / sum(rate(a_total[5m])) < 0.9': "SER234",
    'sum(rate(a_total{status=~"[45].."}[5m])) / sum(rate(a_total[5m])) > 0.1': "SER236",
    'sum(rate(a_total{status=~"5.."}[5m])) / sum(rate(a_total[5m])) > 5': "SER238",
    'sum(rate(a_total{status=~"5.."}[1h])) / sum(rate(a_total[1h])) > 14.4 * 0.1': "SER238",
    '1 - (sum(rate(a_total{status!~"5.."}[1h])) / sum(rate(a_total[1h]))) > 0.001 * 14.4': "SER239",
    "sum by (user_id) (rate(a_total[5m])) > 1": "SER242",
    "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1": "SER243",
    "sum(rate(a_total[5m]) > 1": "SER060",
}


@pytest.mark.parametrize(("text", "code"), WRONG.items(), ids=list(WRONG))
def test_what_is_wrong_is_told(text: str, code: str) -> None:
    assert code in codes(text)


def test_samples_at_hand_tell_buckets_and_values() -> None:
    known = Context(
        boundaries={"a_seconds": frozenset({"0.1", "0.5", "+Inf"})},
        label_values={("a_total", "status"): frozenset({"ok", "error"})},
    )
    assert codes('sum(rate(a_seconds_bucket{le="0.25"}[5m])) > 1', context=known) == ["SER217"]
    assert codes('sum(rate(a_seconds_bucket{le="0.5"}[5m])) > 1', context=known) == []
    (found,) = look('sum(rate(a_seconds_bucket{le="0.25"}[5m])) > 1', context=known)
    assert found.diagnostic.expected == "one of 0.1, 0.5"
    assert codes('sum(rate(a_total{status=~"5.."}[5m])) > 1', context=known) == ["SER219"]
    assert codes('sum(rate(a_total{status=~"err.*"}[5m])) > 1', context=known) == []


def test_places_are_those_of_the_part_that_is_meant() -> None:
    text = "vector(1) > 0 and histogram_quantile(0.9, rate(a_seconds_bucket[5m])) > 1"
    (found,) = [f for f in look(text) if f.diagnostic.code == "SER213"]
    at = found.diagnostic.column - 1
    assert text[at : at + found.diagnostic.length] == "histogram_quantile(0.9, rate(a_seconds_bucket[5m]))"


def test_labels_that_texts_show_stay_when_it_is_mended() -> None:
    text = "histogram_quantile(0.9, rate(a_seconds_bucket[5m])) > 1"
    (found,) = look(text, keeps=frozenset({"table", "job"}))
    assert apply(text, found.edits) == (
        "histogram_quantile(0.9, sum by (le, job, table) (rate(a_seconds_bucket[5m]))) > 1"
    )


@pytest.mark.parametrize(
    "text",
    [
        " + ".join(["rate(a_total[5m])"] * 800),
        "sum(rate(a_total[5m])) / (" * 70 + "sum(rate(b_total[5m]))" + ")" * 70,
        "(" * 150 + "up" + ")" * 150,
    ],
    ids=["long", "nested", "parentheses"],
)
def test_what_nobody_can_mean_is_said_not_to_be_judged(text: str) -> None:
    assert codes(text) == ["SER245"]


LABELS = {
    "sum by (a, b) (x)": ("ab", "c"),
    "sum(x)": ("", "a"),
    "sum without (a) (x)": ("bc", "a"),
    "sum by (a, b) (sum by (b, c) (x))": ("b", "ac"),
    'label_replace(sum(x), "a", "$1", "b", ".*")': ("a", "b"),
    "sum by (a) (x) * on(a) group_left(b) y": ("ab", "c"),
    "x * on(a) y": ("a", "b"),
    "sum by (a) (x) or sum by (b) (y)": ("ab", "c"),
    "sum by (a) (x) and y": ("a", "b"),
    'absent(x{a="1", b=~"2"})': ("a", "b"),
    "histogram_quantile(0.9, x_bucket)": ("ab", ("le",)),
    "topk(3, sum by (a) (x))": ("a", "b"),
    'count_values("a", x)': ("a", "b"),
    "time() - sum by (a) (x)": ("a", "b"),
}


@pytest.mark.parametrize(("text", "labels"), LABELS.items(), ids=list(LABELS))
def test_the_labels_that_a_result_can_have_are_known(text: str, labels: tuple[str, str]) -> None:
    has = labels_of(parse(text))
    assert all(has.can(label) for label in labels[0])
    assert not any(has.can(label) for label in labels[1])


# What is said is true: each claim by evaluation, once wrong and once put right.

T = np.arange(0, 3_600_001, 15_000)


def series(name: str, a_second: float, begin: float = 0.0, **labels: str) -> tuple[Labels, np.ndarray, np.ndarray]:
    return Labels(__name__=name, **labels), T.astype(np.int64), begin + a_second * T / 1000


def gauge(name: str, value: float, **labels: str) -> tuple[Labels, np.ndarray, np.ndarray]:
    return Labels(__name__=name, **labels), T.astype(np.int64), np.full(len(T), float(value))


def value(text: str, *found: tuple[Labels, np.ndarray, np.ndarray]) -> list[float]:
    def select(selection: Selection) -> Columns:
        kept = [one for one in found if matches(selection.matchers, one[0])]
        return Columns.of(kept)

    result = evaluate(parse(text), Grid.at(3_600_000), select)
    return [round(float(v), 6) for row in result.values for v in row if not np.isnan(v)]


WEB = (
    series("http_requests_total", 9.0, status="200", pod="a"),
    series("http_requests_total", 1.0, status="500", pod="a"),
)


def mended(text: str, code: str, purpose: str = "alert", **more: object) -> str:
    found = [f for f in look(text, purpose, **more) if f.diagnostic.code == code]  # type: ignore[arg-type]
    return apply(text, found[0].edits)


def test_a_series_divided_by_itself_is_one_and_mended_it_is_the_share() -> None:
    text = 'rate(http_requests_total{status="500"}[5m]) / rate(http_requests_total[5m])'
    assert value(text, *WEB) == [1.0]
    assert value(mended(text, "SER210"), *WEB) == [0.1]


def test_a_share_of_targets_has_no_value_in_a_total_outage_and_mended_it_is_zero() -> None:
    down = (gauge("up", 0, job="api", instance="a"), gauge("up", 0, job="api", instance="b"))
    text = 'count(up{job="api"} == 1) / count(up{job="api"})'
    assert value(text, *down) == []
    assert value(mended(text, "SER230"), *down) == [0.0]


def test_the_budget_left_is_not_a_thousand() -> None:
    well = gauge("a:sli", 1.0)
    text = "(1 - (1 - a:sli)) / (1 - 0.999)"
    assert value(text, well) == [1000.0]
    assert value(mended(text, "SER232"), well) == [1.0]
    assert value(mended(text, "SER232"), gauge("a:sli", 0.997)) == [-2.0], "overspent is below nothing"


def test_nothing_happened_is_told_when_the_series_is_gone_once_it_is_mended() -> None:
    text = "increase(credits_disbursed_total[1h]) == 0"
    assert value(text) == []
    assert value(mended(text, "SER224")) == [0.0]


def test_a_share_of_successes_is_zero_before_the_first_once_it_is_mended() -> None:
    failing = series("payments_total", 1.0, outcome="failed")
    text = 'sum(rate(payments_total{outcome="ok"}[5m])) / sum(rate(payments_total[5m])) < 0.9'
    assert value(text, failing) == []
    assert value(mended(text, "SER234"), failing) == [0.0]
    assert value(mended(text, "SER234")) == [], "without any traffic there is nothing to say"


def test_a_share_of_failures_is_zero_before_the_first_once_it_is_mended() -> None:
    fine = series("http_requests_total", 9.0, status="200")
    text = 'sum(rate(http_requests_total{status="500"}[5m])) / sum(rate(http_requests_total[5m]))'
    assert value(text, fine) == []
    assert value(mended(text, "SER244", "record"), fine) == [0.0]
    assert value(mended(text, "SER244", "record"), *WEB) == [0.1]


def test_sides_that_never_meet_give_nothing() -> None:
    both = (series("a_total", 1.0, job="x"), series("b_total", 2.0, job="x"))
    assert value("sum by (job) (rate(a_total[5m])) / sum(rate(b_total[5m]))", *both) == []
    assert value("sum by (job) (rate(a_total[5m])) / sum by (job) (rate(b_total[5m]))", *both) == [0.5]


def test_a_quantile_of_sums_without_le_gives_nothing_and_mended_it_does() -> None:
    buckets = (series("a_seconds_bucket", 1.0, le="1"), series("a_seconds_bucket", 2.0, le="+Inf"))
    text = "histogram_quantile(0.5, sum(rate(a_seconds_bucket[5m])))"
    assert value(text, *buckets) == []
    assert value(mended(text, "SER214"), *buckets) == [1.0]


def test_filesystems_of_memory_fall_away_once_it_is_mended() -> None:
    disks = [
        gauge(f"node_filesystem_{word}_bytes", amount, fstype=kind, mountpoint=kind)
        for kind, free in (("ext4", 50.0), ("tmpfs", 1.0))
        for word, amount in (("avail", free), ("size", 100.0))
    ]
    text = "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1"
    assert value(text, *disks) == [0.01]
    assert value(mended(text, "SER243"), *disks) == []
