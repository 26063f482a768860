"""Reads templates of indicators: the usual metrics of a kind of service, by their usual names.

```yaml
sli:                          # of an objective: one of these instead of events, latency …
  http: {}                                # the share of requests without a 5xx; job="SERVICE"
  http: {within: 300ms}                   # the share that took no longer
  http: {convention: opentelemetry, promises: [{objective: 95%, within: 250ms}, {objective: 99%, within: 1s}]}
  http: {select: 'job="api",region="south"', bad: '5..|429', except: 'handler="/health"'}
  grpc: {within: 100ms}
  queue: {system: kafka, name: orders, group: billing, lag_below: 1000}
  queue: {processed: jobs_processed_total, failed: jobs_failed_total}
  queue: {waited: job_wait_seconds, within: 30s}
  database: {system: postgresql}          # the time in which it is up, as its exporter sees it
  database: {system: postgresql, errors: true}   # the operations that do not fail, as its clients see them
  database: {system: postgresql, within: 100ms}
  cache: {system: redis}                  # the share of look-ups that hit
  batch: {last_success: backup_last_success_timestamp_seconds, within: 26h}
  batch: {runs: backup_runs_total, failed: 'result="error"'}
  payment: {total: payments_total, succeeded: 'status="succeeded"', declined: 'reason="insufficient_funds"'}
  time_to_complete: {histogram: disbursement_hours, unit: hours, within: 48h}
  time_to_complete: {settled: disbursements_settled_total, in_time: 'outcome="in_time"'}
  time_to_complete: {started: credits_approved_total, late: disbursements_late_total, within: 48h}
  business: {total: applications_decided_total, good: 'decision="approved"'}
```
"""

from __future__ import annotations

from collections.abc import Mapping

from sereno.spec import templates_business, templates_work, values
from sereno.spec.fields import Fields, Reader
from sereno.spec.queries import Matchers
from sereno.spec.reading import Reading
from sereno.spec.sli import Indicator, alone, events_sli, excluded, histogram_name, metric, timed
from sereno.spec.source import Node
from sereno.spec.templates_parts import refuse, selected, statuses

_CONVENTION = values.one_of("prometheus", "opentelemetry")
# What a server answers for by OpenTelemetry's conventions for gRPC; the rest is the caller's doing.
_GRPC_BAD = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")


def http(reading: Reading, node: Node) -> Indicator | None:
    """Requests that a server answered, and how."""
    fields = Fields(
        reading,
        node,
        "an indicator of HTTP",
        optional=(
            "convention", "select", "counter", "histogram", "status", "bad", "within", "promises", "native", "except",
        ),
    )  # fmt: skip
    otel = fields.read("convention", _CONVENTION) == "opentelemetry"
    select = selected(reading, fields)
    left_out = excluded(reading, fields)
    if fields.has("within") or fields.has("promises"):
        usual = "http_server_request_duration_seconds" if otel else "http_request_duration_seconds"
        return _timed(reading, fields, usual, (*select, *left_out), ("status", "bad", "counter"))
    usual = "http_server_request_duration_seconds_count" if otel else "http_requests_total"
    total = (*(fields.read("counter", metric) or (("__name__", "=", usual),)), *select)
    label = fields.read("status", values.label_name) or ("http_response_status_code" if otel else "code")
    bad = fields.read("bad", statuses) or "5.."
    refuse(reading, fields, ("histogram", "native"), "`within`")
    return alone(events_sli(total, (*total, (label, "=~", bad)), left_out, bad=True))


def grpc(reading: Reading, node: Node) -> Indicator | None:
    """Calls that a server answered, and how."""
    fields = Fields(
        reading,
        node,
        "an indicator of gRPC",
        optional=("convention", "select", "counter", "histogram", "bad", "within", "promises", "native", "except"),
    )
    otel = fields.read("convention", _CONVENTION) == "opentelemetry"
    select = selected(reading, fields)
    left_out = excluded(reading, fields)
    if fields.has("within") or fields.has("promises"):
        usual = "rpc_server_call_duration_seconds" if otel else "grpc_server_handling_seconds"
        return _timed(reading, fields, usual, (*select, *left_out), ("bad", "counter"))
    usual = "rpc_server_call_duration_seconds_count" if otel else "grpc_server_handled_total"
    total = (*(fields.read("counter", metric) or (("__name__", "=", usual),)), *select)
    codes = _GRPC_BAD if otel else tuple(code.title().replace("_", "") for code in _GRPC_BAD)
    bad = fields.read("bad", statuses) or "|".join(codes)
    label = "rpc_response_status_code" if otel else "grpc_code"
    refuse(reading, fields, ("histogram", "native"), "`within`")
    return alone(events_sli(total, (*total, (label, "=~", bad)), left_out, bad=True))


def _timed(reading: Reading, fields: Fields, usual: str, select: Matchers, others: tuple[str, ...]) -> Indicator | None:
    """The latency of requests; `others` are keys that belong to their success."""
    fields.exactly_one("within", "promises")
    refuse(reading, fields, others, "requests that fail")
    histogram = fields.read("histogram", histogram_name) or (("__name__", "=", usual),)
    native = fields.read("native", values.flag) or False
    return timed(reading, fields, (*histogram, *select), native=native)


READERS: Mapping[str, Reader[Indicator]] = {
    "http": http,
    "grpc": grpc,
    "queue": templates_work.queue,
    "database": templates_work.database,
    "cache": templates_work.cache,
    "batch": templates_work.batch,
    "payment": templates_business.payment,
    "time_to_complete": templates_business.time_to_complete,
    "business": templates_business.business,
}
