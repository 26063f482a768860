"""Codes of expressions in PromQL."""

from __future__ import annotations

from sereno.lint.code import Code
from sereno.lint.examples import alert, record

_SECONDS = "{{ $value }} s"


def _errors(window: str) -> str:
    return f'sum(rate(http_requests_total{{status=~"5.."}}[{window}])) / sum(rate(http_requests_total[{window}]))'


TABLE: tuple[Code, ...] = (
    Code(
        "SER210",
        "Series divided by themselves",
        "A division pairs series whose labels are all equal. On both sides of `rate(x{status=~\"5..\"}[5m]) / "
        "rate(x[5m])` the series with status 500 meets itself: the result is 1.0, where 0.1 was true (measured). Sum "
        "both sides with the same grouping.",
        "rules",
        alert('rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m]) > 0.05'),
        alert('sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'),
        level="error", fixable=True,
    ),
    Code(
        "SER211",
        "Sides that never meet",
        "An operator pairs series by their labels. Where one side surely has a label that the other surely lacks, no "
        "pair is found, the result is empty, and an alert made of it can never fire (measured).",
        "rules",
        alert("sum by (job) (rate(failures_total[5m])) / sum(rate(orders_total[5m])) > 0.05"),
        alert("sum by (job) (rate(failures_total[5m])) / sum by (job) (rate(orders_total[5m])) > 0.05"),
        level="error",
    ),
    Code(
        "SER212",
        "Two metrics matched label by label",
        "Without `on` or a sum, two different metrics must agree in every label they have. One label more on one of "
        "them (`error_type`, say), or two exporters, and nothing is left (measured).",
        "rules",
        alert("db_connections_active / db_connections_max > 0.9"),
        alert("max by (pool) (db_connections_active) / max by (pool) (db_connections_max) > 0.9"),
    ),
    Code(
        "SER213",
        "One quantile for each series",
        "`histogram_quantile(q, rate(b[5m]))` gives a quantile for every instance, path and status; none is the "
        "service's. Measured: 0.095 and 0.955 s from two instances, where the merged p95 was 0.096 s. Sum the buckets "
        "first, keeping `le`.",
        "rules",
        alert("histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 1", value=_SECONDS),
        alert("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1",
              value=_SECONDS),
        fixable=True,
    ),
    Code(
        "SER214",
        "Quantile without buckets",
        "The buckets of a histogram are told apart by `le`. A sum that drops it leaves no buckets, and "
        "histogram_quantile gives nothing, always.",
        "rules",
        alert("histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[5m]))) > 1", value=_SECONDS),
        alert("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1",
              value=_SECONDS),
        level="error", fixable=True,
    ),
    Code(
        "SER215",
        "Grouping after a function",
        "`by (…)` belongs to an aggregation such as sum; after a function it is no PromQL, and Prometheus refuses the "
        "whole file. For a quantile by table, the table goes into the sum, beside `le`.",
        "rules",
        alert("histogram_quantile(0.95, rate(query_seconds_bucket[5m])) by (table) > 1", value=_SECONDS),
        alert("histogram_quantile(0.95, sum by (le, table) (rate(query_seconds_bucket[5m]))) > 1", value=_SECONDS),
        level="error", fixable=True,
    ),
    Code(
        "SER216",
        "Mean of percentiles",
        "Percentiles cannot be averaged: the mean of the p95 of a busy and of an idle instance is the p95 of nothing. "
        "Sum the buckets and take one quantile; of a summary's quantiles take the worst.",
        "rules",
        alert('avg(rpc_duration_seconds{quantile="0.95"}) > 1', value=_SECONDS),
        alert('max(rpc_duration_seconds{quantile="0.95"}) > 1', value=_SECONDS),
    ),
    Code(
        "SER217",
        "No such bucket",
        "A threshold must be one of the histogram's boundaries. A selector of any other `le` finds nothing, so "
        "there is "
        "no SLI at all (measured). Known only where samples are at hand (`--history`).",
        "rules",
        record('sum(rate(http_request_duration_seconds_bucket{le="0.25"}[5m]))', name="job:fast:rate5m"),
        record('sum(rate(http_request_duration_seconds_bucket{le="0.5"}[5m]))', name="job:fast:rate5m"),
        level="error",
    ),
    Code(
        "SER218",
        "Whole boundary as Prometheus 2 wrote it",
        "Prometheus 3 writes the boundary 1 as `le=\"1.0\"`; a selector `le=\"1\"` returns nothing after the upgrade "
        "(measured). Match both.",
        "rules",
        record('sum(rate(http_request_duration_seconds_bucket{le="1"}[5m]))', name="job:fast:rate5m"),
        record('sum(rate(http_request_duration_seconds_bucket{le=~"1([.]0)?"}[5m]))', name="job:fast:rate5m"),
        fixable=True,
    ),
    Code(
        "SER219",
        "Value that the label never has",
        "One program says status=\"success\", another status=\"200\". A condition that no series meets selects "
        "nothing: "
        "an error counted by it is never seen. Known only where samples are at hand (`--history`).",
        "rules",
        record('sum(rate(integration_calls_total{status=~"5.."}[5m]))', name="job:failed:rate5m"),
        record('sum(rate(integration_calls_total{status="error"}[5m]))', name="job:failed:rate5m"),
    ),
    Code(
        "SER220",
        "Rate of a gauge",
        "rate, irate and increase take every fall for a restart of the counter and add it up again: of a gauge they "
        "give numbers that mean nothing. `deriv` and `delta` are for gauges.",
        "rules",
        alert("rate(pool_connections_active[5m]) > 3", value="{{ $value }}"),
        alert("deriv(pool_connections_active[5m]) > 3", value="{{ $value }}"),
    ),
    Code(
        "SER221",
        "Counter read as it stands",
        "A counter's value says how long it has been counting: it passes any threshold in time and falls to 0 at every "
        "restart. What happened is its rate or increase.",
        "rules",
        alert("sum(payment_errors_total) > 100", value="{{ $value }}"),
        alert("sum(increase(payment_errors_total[1h])) > 100", value="{{ $value }}"),
    ),
    Code(
        "SER222",
        "Rate of a sum",
        "When one of many instances restarts, the sum of their counters falls; rate takes that for a reset of all and "
        "adds the whole sum once more: a spike that never was. Rate first, then sum.",
        "rules",
        record("rate(sum(http_requests_total)[5m:])"),
        record("sum(rate(http_requests_total[5m]))"),
    ),
    Code(
        "SER223",
        "Window too short",
        "A rate needs two samples in its window. With fewer than four scrapes in it, one that is late or lost leaves a "
        "gap, and the alert's `for` begins anew. The interval is taken from a prometheus.yml that is checked along, or "
        "else 15 s.",
        "rules",
        alert("sum(rate(payment_errors_total[30s])) > 3", value="{{ $value }}"),
        alert("sum(rate(payment_errors_total[1m])) > 3", value="{{ $value }}"),
    ),
    Code(
        "SER224",
        "Nothing happened, unless nobody says so",
        "`increase(x[24h]) == 0` is silent when the process, or the series, is gone: the very case it was written for "
        "(measured). It also asks each process by itself. Sum, and put 0 where there is nothing; think of nights, "
        "weekends and holidays, too.",
        "rules",
        alert("increase(credits_disbursed_total[24h]) == 0", value="{{ $value }}"),
        alert("(sum(increase(credits_disbursed_total[24h])) or vector(0)) == 0", value="{{ $value }}"),
        fixable=True,
    ),
    Code(
        "SER225",
        "Sum of what each replica repeats",
        "A gauge of business (cases that are late, orders in the database) is exported by every replica of the "
        "program: "
        "the sum counts it once for each. If it is a histogram's count, its value as it stands means nothing.",
        "rules",
        alert('sum(payments_late_count{level="late_16_30_days"}) > 50', value="{{ $value }}"),
        alert('max by (level) (payments_late_count{level="late_16_30_days"}) > 50', value="{{ $value }}"),
    ),
    Code(
        "SER226",
        "irate in an alert",
        "irate looks at the last two samples alone. One calm scrape between them and the alert's `for` begins "
        "anew; one "
        "busy one and it is pending.",
        "rules",
        alert("sum(irate(payment_errors_total[5m])) > 3", value="{{ $value }}"),
        alert("sum(rate(payment_errors_total[5m])) > 3", value="{{ $value }}"),
    ),
    Code(
        "SER227",
        "Rate of each series where one number is meant",
        "`rate(http_requests_total[5m])` is one line for every instance, method, path and status; none of them is the "
        "requests per second of the service.",
        "promql",
        "requests_per_second = rate(http_requests_total[5m])\n",
        "requests_per_second = sum(rate(http_requests_total[5m]))\n",
        fixable=True, name="queries.promql",
    ),
    Code(
        "SER230",
        "Share that vanishes in a total outage",
        "`count(up == 1) / count(up)` has no numerator once nothing is up: the panel says no data and the alert stays "
        "silent in the worst hour (measured). The mean of a gauge that is 0 or 1 has no such hole.",
        "rules",
        alert("count(up{job='api'} == 1) / count(up{job='api'}) < 0.5"),
        alert("avg(up{job='api'}) < 0.5"),
        level="error", fixable=True,
    ),
    Code(
        "SER231",
        "Mean of what was picked out",
        "A comparison without `bool` keeps the series that pass it, with their values. The mean, least or greatest of "
        "those that equal 1 is 1.",
        "rules",
        alert("avg(probe_success{job='shop'} == 1) < 0.9"),
        alert("avg(probe_success{job='shop'}) < 0.9"),
        level="error", fixable=True,
    ),
    Code(
        "SER232",
        "Budget from the wrong share",
        "`(1 - (1 - sli)) / (1 - target)` is the good share over the budget. It prints 100,000 % when all is well "
        "(measured), where 100 % of the budget is left. What is left is 1 - (1 - sli) / (1 - target); below 0 once "
        "more than all is spent.",
        "rules",
        record("(1 - (1 - job:sli:ratio30d)) / (1 - 0.999)", name="job:budget:remaining"),
        record("1 - (1 - job:sli:ratio30d) / (1 - 0.999)", name="job:budget:remaining"),
        level="error", fixable=True,
    ),
    Code(
        "SER233",
        "Mean of shares",
        "Every minute, or instance, counts alike, whether it served one request or a thousand. Measured over a "
        "day with "
        "1 % bad of 1000 a minute and 50 % bad of 2 a minute: 25.4 %, where 1.10 % was true. Record the counts, and "
        "divide their sums.",
        "rules",
        record("avg_over_time(job:availability:ratio5m[30d])", name="job:sli:ratio30d"),
        record("sum_over_time(job:good:rate5m[30d]) / sum_over_time(job:all:rate5m[30d])", name="job:sli:ratio30d"),
    ),
    Code(
        "SER234",
        "Share of successes with no successes",
        "A counter with labels begins to exist at its first event. Until something has succeeded (after a deployment "
        "that breaks everything) there is no numerator, so no result, so no alert (measured). `or 0 * total` puts 0 "
        "there, and nothing when there is no traffic.",
        "rules",
        alert('sum(rate(payments_total{outcome="ok"}[5m])) / sum(rate(payments_total[5m])) < 0.95'),
        alert('(sum(rate(payments_total{outcome="ok"}[5m])) or 0 * sum(rate(payments_total[5m]))) / '
              "sum(rate(payments_total[5m])) < 0.95"),
        fixable=True,
    ),
    Code(
        "SER235",
        "Share of two different crowds",
        "Those approved this hour were submitted in others: the share can exceed 1, falls when the queue is "
        "worked off, "
        "and at three cases an hour one of them decides. Count outcomes of finished cases, and ask for a least number.",
        "rules",
        alert("(sum(increase(loans_approved_total[1h])) or 0 * sum(increase(loans_submitted_total[1h]))) / "
              "sum(increase(loans_submitted_total[1h])) < 0.3"),
        alert('(sum(increase(loans_decided_total{outcome="approved"}[1h])) '
              "or 0 * sum(increase(loans_decided_total[1h])))"
              " / "
              "sum(increase(loans_decided_total[1h])) < 0.3 and sum(increase(loans_decided_total[1h])) >= 20"),
    ),
    Code(
        "SER236",
        "Client errors as failures",
        "An answer of 404 to a broken link is the service at work. Counted as failures, 4xx let anyone spend the "
        "budget; "
        "429 alone is the service's own refusal.",
        "rules",
        alert('sum(rate(http_requests_total{status=~"4..|5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'),
        alert('sum(rate(http_requests_total{status=~"5..|429"}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'),
    ),
    Code(
        "SER237",
        "Good that was not",
        "`status!~\"5..\"` counts those turned away with 429 as served, and `status=~\"2..\"` counts every redirect as "
        "failed. Bad is 5xx and 429; health checks belong in neither side.",
        "promql",
        'success_rate = sum(rate(http_requests_total{status!~"5.."}[5m])) / sum(rate(http_requests_total[5m]))\n',
        'success_rate = sum(rate(http_requests_total{status!~"5..|429"}[5m])) / sum(rate(http_requests_total[5m]))\n',
        name="queries.promql",
    ),
    Code(
        "SER238",
        "Threshold out of reach",
        "A share lies between 0 and 1. Compared with 5 (for 5 %), or with a burn rate times a budget that exceeds 1 "
        "(14.4 × 10 %), it never fires. A burn rate can only be alerted on where factor × budget is below 1.",
        "rules",
        alert('sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 5'),
        alert('sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05'),
        level="error",
    ),
    Code(
        "SER239",
        "Burn rate over one window",
        "14.4 times the budget over one hour alone goes on firing up to 59 minutes after all is well, and a burn "
        "of six "
        "times, which empties the month's budget in five days, is never seen (measured: a night at 1 % missed). "
        "Ask for a short window as well, and have slower tiers beside it.",
        "rules",
        alert(f"{_errors('1h')} > 14.4 * 0.001"),
        alert(f"{_errors('1h')} > 14.4 * 0.001 and {_errors('5m')} > 14.4 * 0.001"),
    ),
    Code(
        "SER240",
        "Longer than samples are kept",
        "Prometheus keeps samples for 15 days unless `--storage.tsdb.retention.time` says otherwise. Over [30d] of raw "
        "samples the answer is then that of 15 days, and slow to compute.",
        "rules",
        record("sum(increase(http_requests_total[30d]))", name="job:requests:increase30d"),
        record("sum_over_time(job:requests:rate5m[30d])", name="job:requests:increase30d"),
    ),
    Code(
        "SER241",
        "up as availability",
        "`up` is 1 when Prometheus could read the metrics page. It stays 1 while every request fails, and 0 while the "
        "page alone is slow. Availability is the share of good requests, or what a probe from outside finds.",
        "promql",
        'availability = avg_over_time(up{job="api"}[7d])\n',
        'availability = avg_over_time(probe_success{job="api"}[7d])\n',
        name="queries.promql",
    ),
    Code(
        "SER242",
        "A series for every person",
        "Each value of a label is a series of its own. Ids, addresses and messages have as many values as there are "
        "people or requests: memory ends before they do.",
        "rules",
        record("sum by (user_id) (rate(logins_total[5m]))", name="user:logins:rate5m"),
        record("sum by (method) (rate(logins_total[5m]))", name="method:logins:rate5m"),
    ),
    Code(
        "SER243",
        "Disks that are no disks",
        "tmpfs, overlay and squashfs are memory or read-only images: always full, or gone at the next restart. "
        "An alert "
        "on all filesystems fires for them (measured).",
        "rules",
        alert("node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1"),
        alert('node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"} / '
              'node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"} < 0.1'),
        fixable=True,
    ),
    Code(
        "SER244",
        "Share of failures before the first failure",
        "A counter with labels begins to exist at its first event. Until something has failed there is no "
        "numerator, so "
        "no share: gaps in what is recorded, a budget that cannot be computed, a panel without data (measured). "
        "`or 0 * total` puts 0 there, and nothing when there is no traffic.",
        "rules",
        record('sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
               name="job:errors:ratio5m"),
        record('(sum(rate(http_requests_total{status=~"5.."}[5m])) or 0 * sum(rate(http_requests_total[5m]))) '
               "/ sum(rate(http_requests_total[5m]))", name="job:errors:ratio5m"),
        fixable=True,
    ),
    Code(
        "SER245",
        "Too deep to be judged",
        "The expression is nested more than sixty deep, or has more than two thousand parts. Nobody can read it, "
        "and it "
        "was not checked. Record its parts by rules of their own.",
        "rules",
        record("abs(" * 61 + "job:a:rate5m" + ")" * 61),
        record("abs(job:a:rate5m)"),
    ),
)  # fmt: skip
