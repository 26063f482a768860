"""What the keys of objectives and their indicators mean, for the reference of the spec."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "its name: letters a-z, digits, `-`, `_`, `.`; at most 63"
TITLE = "what people read; its name by default"
ZONE = "IANA time zone; `UTC` by default"
EXTENDS = "a template whose keys hold where it says nothing itself: its name, `{template: …, with: {…}}`, or a list"
CONVENTION = "`prometheus` (the default) or `opentelemetry`: how the metrics are called"
SELECT = 'matchers that are added to its metrics; by default the service\'s name as the job: `job="api"`'
PROMISES = "as in an indicator of latency"
EXCEPT = "events that do not count, as in an indicator of events"
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "a calendar window": {
        "calendar": "`day`, `week` (from Monday), `month`, `quarter` or `year`: the budget begins anew with each",
        "zone": ZONE,
    },
    "a guard of low traffic": {
        "min_events": "at least so many events in the long window of a burn alert",
        "min_failures": "at least so many bad ones",
        "budget_fraction": "`true`: a tier fires when its windows' bad events are that share of the whole period's "
        "budget, whatever the traffic meanwhile",
    },
    "an indicator": {
        "events": "good and bad events; or",
        "latency": "events that were fast enough; or",
        "query": "PromQL of one's own; or",
        "gauge": "time in which a value was good; or",
        "composite": "several objectives as one; or",
        "http": "HTTP requests; or",
        "grpc": "gRPC calls; or",
        "queue": "what waits; or",
        "database": "a database; or",
        "cache": "a cache; or",
        "batch": "a batch job; or",
        "payment": "payments; or",
        "time_to_complete": "the time until something is done; or",
        "business": "events of the business. Exactly one of all these",
    },
    "an indicator of events": {
        "total": "the counter of all events: one metric with matchers",
        "bad": "the bad ones: matchers added to `total`, or a counter of its own; or",
        "good": "the good ones, likewise. Exactly one of the two",
        "except": "events that do not count: one condition, or a list (what matches any is left out)",
    },
    "an indicator of latency": {
        "histogram": "the histogram, without `_bucket`",
        "within": "the threshold; it must be a boundary (`le`) of a classic histogram; or",
        "promises": "several percentiles, each an objective of its own: NAME-p95, NAME-p99. Exactly one of the two",
        "native": "`true`: a native histogram; `false` by default",
        "except": "events that do not count, as above",
    },
    "a promise": {
        "objective": "the share of events: 95 % within 300 ms is what people call p95 under 300 ms",
        "within": "the threshold, as above",
    },
    "an indicator in PromQL": {
        "total": "all events, a second; with `[$window]` as the ranges",
        "bad": "the bad ones; or",
        "good": "the good ones. Exactly one of the two",
        "ratio": "instead of all these: the share of bad events, 0 … 1",
    },
    "an indicator of a gauge": {
        "value": "PromQL; each series of the result is judged",
        "is": "when it is good: `== 1`, `<= 0.8`",
    },
    "a composite": {
        "mode": "`weighted` (the mean of the parts), `all` (a slice is bad when any part's is) or `product` (the parts "
        "multiplied: a serial journey at best)",
        "of": "its parts, at least two: `service/objective`, or `objective` of the same service",
    },
    "a part of a composite": {
        "slo": "`service/objective`, or `objective` of the same service",
        "weight": "how much it counts in the mode `weighted`; 1 by default",
    },
    "an indicator of HTTP": {
        "convention": CONVENTION,
        "select": SELECT,
        "counter": "the counter of requests; by default `http_requests_total`, or the `_count` of OpenTelemetry's "
        "`http_server_request_duration_seconds`",
        "histogram": "the histogram of their times; by default `http_request_duration_seconds` or OpenTelemetry's",
        "status": "the label with the status; `code`, or OpenTelemetry's `http_response_status_code`",
        "bad": "a regular expression of the statuses that are failures; `5..` by default",
        "within": "then it is about time instead of failures; a boundary of the histogram. OpenTelemetry's are 5, 10, "
        "25, 50, 75, 100, 250, 500, 750 ms, 1, 2.5, 5, 7.5 and 10 s",
        "promises": PROMISES,
        "native": "`true`: a native histogram",
        "except": EXCEPT,
    },
    "an indicator of gRPC": {
        "convention": CONVENTION,
        "select": SELECT,
        "counter": "the counter of calls; by default `grpc_server_handled_total`, or the `_count` of OpenTelemetry's "
        "`rpc_server_call_duration_seconds`",
        "histogram": "the histogram of their times; by default `grpc_server_handling_seconds` or OpenTelemetry's",
        "bad": "a regular expression of the codes that are failures; by default those that a server answers for: "
        "unknown, deadline exceeded, unimplemented, internal, unavailable, data loss",
        "within": "then it is about time instead of failures; a boundary of the histogram",
        "promises": PROMISES,
        "native": "`true`: a native histogram",
        "except": EXCEPT,
    },
    "an indicator of a queue": {
        "lag_below": "how much may wait: the time in which less does is counted; or",
        "processed": "the counter of what was taken from the queue; or",
        "waited": "the histogram of how long things waited. Exactly one of the three",
        "system": "`kafka` (`kafka_consumergroup_lag`), `rabbitmq` (`rabbitmq_queue_messages_ready`) or `sqs`: with "
        "`lag_below`",
        "name": "the queue or topic: with `lag_below`",
        "group": "the consumer group (Kafka): with `lag_below`",
        "failed": "with `processed`: matchers of it, or a counter",
        "within": "with `waited`: how long things may wait",
        "promises": PROMISES,
        "select": "matchers that are added to its metrics",
        "except": EXCEPT,
    },
    "an indicator of a database": {
        "system": "`postgresql` (`pg_up`), `mysql` (`mysql_up`), `redis` (`redis_up`) or `mongodb` (`mongodb_up`)",
        "select": SELECT + " where it is about being up, none otherwise",
        "errors": "`true`: the share of operations without an error, as clients see them (OpenTelemetry's "
        "`db_client_operation_duration_seconds`)",
        "within": "the share of operations that took no longer, as clients see them",
        "promises": PROMISES,
        "native": "`true`: a native histogram",
        "except": EXCEPT,
    },
    "an indicator of a cache": {
        "system": "`redis` (`redis_keyspace_hits_total`, `redis_keyspace_misses_total`) or `memcached` "
        "(`memcached_commands_total`); or",
        "hits": "a counter of look-ups that hit. Exactly one of the two",
        "misses": "with `hits`: a counter of those that did not",
        "select": SELECT + " with `system`, none otherwise",
    },
    "an indicator of a batch job": {
        "last_success": "the gauge of the moment of the last success, in seconds since 1970: the time in which it is "
        "young enough is counted; or",
        "cronjob": "the name of a CronJob of Kubernetes (`kube_cronjob_status_last_successful_time`); or",
        "runs": "the counter of runs. Exactly one of the three",
        "namespace": "of the CronJob",
        "within": "how old the last success may be: its period and some time to run",
        "failed": "with `runs`: matchers of it, or a counter; or",
        "succeeded": "with `runs`, likewise",
        "select": "matchers that are added to its metrics",
        "except": EXCEPT,
    },
    "an indicator of payments": {
        "total": "the counter of payments that ended, well or not",
        "succeeded": "the good ones: matchers added to `total`, or a counter of its own; or",
        "failed": "the bad ones, likewise. Exactly one of the two",
        "declined": "those that do not count, for the customer's bank said no: a condition, or a list",
        "select": "matchers that are added to its metrics",
        "except": EXCEPT,
    },
    "an indicator of time to complete": {
        "histogram": "of the times until cases were done; those that are never done are not in it; or",
        "settled": "the counter of cases that are done, or due and not done; or",
        "started": "the counter of cases that begin: they are looked at as long ago as `within`. Exactly one of "
        "the three",
        "within": "how long a case may take",
        "unit": "of the histogram's boundaries: `seconds` (the default), `minutes`, `hours` or `days`",
        "in_time": "with `settled`: matchers of it, or a counter",
        "late": "with `started`: the counter of cases that were not done when they were due, counted then",
        "select": "matchers that are added to its metrics",
        "except": EXCEPT,
    },
    "an indicator of business events": {
        "total": "the counter of events, counted when they are decided",
        "good": "those that ended well: matchers added to `total`; or",
        "bad": "those that did not, likewise. Exactly one of the two",
        "select": "matchers that are added to its metrics",
        "except": EXCEPT,
    },
    "a saturation": {
        "name": NAME,
        "used": "PromQL of how full it is, 0 … 1",
        "title": TITLE,
        "levels": "what is too full, lowest first. This or `ahead` is needed",
        "ahead": "say so when the trend will reach 100 % within that time, 1h to 365d",
        "over": "how long the trend is that is looked at; `1d` by default",
        "runbook": "as in an alert",
    },
    "a level": {
        "at": "a percentage, up to 100%",
        "severity": "a name or alias of the scale",
        "for": "how long it must be above; `0s` by default",
    },
    "a tier": {
        "long": "the window that says how much was spent",
        "short": "the window that says that it goes on; about a twelfth of the long one",
        "burn": "how many times faster than the budget allows, above 1, in both windows",
        "for": "how long that must hold; `0s` by default",
        "kind": "`page` (the default) or `ticket`",
    },
    "an objective": {
        "name": NAME,
        "objective": "a percentage above 0 and below 100, with its sign, exactly as meant: `99.95%`. Needed, unless "
        "each of several `promises` has its own",
        "title": TITLE,
        "window": "a rolling window, 5m to 400d, or a calendar",
        "sli": "what is counted",
        "method": "what is counted up: `occurrences` (events, the default), `timeslices` (slices of time that are good "
        "or bad; the default of a gauge), or `ratio_timeslices` (the mean of the slices' own ratios)",
        "slice": "how long a slice is, 10s to 1d; `1m` by default",
        "slice_objective": "a slice is good when at least so many of its events are; `timeslices` needs it",
        "unknown": "what time without any samples counts as: `ignore` (the default; it shows as less coverage), `bad` "
        "or `good`",
        "maintenance": "what planned time counts as: `exclude` (the default), `good`, or `count` (as any other)",
        "low_traffic": "when burn alerts are held back because too little happened to judge",
        "extends": EXTENDS,
        "policy": "what is done as the budget goes: the name of a `policy`",
        "keep_firing_for": "how long its alerts go on after they have become false; `0s` by default",
        "alerting": "`false`: its budget is counted, but it alerts nobody",
        "description": "one sentence for people",
        "runbook": "as in an alert",
        "severity": "of a fast burn, which pages; the second of the scale by default",
        "ticket": "of a slow burn; the third of the scale by default",
        "tiers": "its burn-rate tiers; by default those that follow from its window",
        "labels": "labels of its alerts, beside those that Sereno sets itself",
        "cloudwatch": "the metrics that count the same events in CloudWatch, for the target `terraform-cloudwatch`",
    },
}
