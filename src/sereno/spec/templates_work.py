"""Templates of indicators of what works behind the scenes: queues, databases, caches and batch jobs."""

from __future__ import annotations

from decimal import Decimal

from sereno.kernel.duration import to_ms
from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import GaugeSli, QuerySli
from sereno.spec.queries import Matchers, selector_text
from sereno.spec.reading import Reading
from sereno.spec.sli import Indicator, alone, events_sli, excluded, histogram_name, metric, part, timed
from sereno.spec.source import Node
from sereno.spec.templates_parts import chosen, refuse, selected

_LAG = values.number_within("0", "1e12")
_AGE = values.duration_within("1m", "400d")
# Which series of the usual exporters tell how much waits, and the labels of the queue and of who reads it.
_QUEUES = {
    "kafka": ("kafka_consumergroup_lag", "topic", "consumergroup"),
    "rabbitmq": ("rabbitmq_queue_messages_ready", "queue", ""),
    "sqs": ("aws_sqs_approximate_number_of_messages_visible_average", "queue_name", ""),
}
_UP = {"postgresql": "pg_up", "mysql": "mysql_up", "redis": "redis_up", "mongodb": "mongodb_up"}
_OPERATIONS = "db_client_operation_duration_seconds"
_CACHES = {
    "redis": ("redis_keyspace_hits_total", "redis_keyspace_misses_total"),
    "memcached": ("memcached_commands_total", ""),
}
_QUEUE = values.one_of(*_QUEUES)
_DATABASE = values.one_of(*_UP)
_CACHE = values.one_of(*_CACHES)


def queue(reading: Reading, node: Node) -> Indicator | None:
    """How much waits in a queue, how long things wait, or how many were processed in vain."""
    fields = Fields(
        reading,
        node,
        "an indicator of a queue",
        optional=(
            "system", "name", "group", "select", "lag_below", "processed", "failed", "waited", "within", "promises",
            "except",
        ),
    )  # fmt: skip
    kind = fields.exactly_one("lag_below", "processed", "waited")
    if kind == "lag_below":
        refuse(reading, fields, ("failed", "within", "promises", "except"), "`processed` or `waited`")
        return alone(_lag(reading, fields))
    refuse(reading, fields, ("system", "name", "group"), "`lag_below`")
    if kind == "processed":
        refuse(reading, fields, ("within", "promises"), "`waited`")
        return _parted(reading, fields, "processed", "failed", bad=True)
    refuse(reading, fields, ("failed",), "`processed`")
    if kind is None:
        return None
    fields.exactly_one("within", "promises")
    waited = fields.read("waited", histogram_name)
    select = (*chosen(reading, fields), *excluded(reading, fields))
    return timed(reading, fields, (*waited, *select) if waited else None)


def _lag(reading: Reading, fields: Fields) -> GaugeSli | None:
    system = fields.read("system", _QUEUE)
    name, group = fields.read("name", values.text), fields.read("group", values.text)
    below = fields.read("lag_below", _LAG)
    if system is None:
        place = fields.key("lag_below")
        if place is not None and not fields.has("system"):
            reading.complain("SER022", place, "the lag needs `system`", expected="kafka, rabbitmq or sqs")
        return None
    series, queue_label, group_label = _QUEUES[system]
    if group is not None and not group_label:
        refuse(reading, fields, ("group",), "kafka")
    labels = ((queue_label, name), (group_label, group))
    asked = tuple((label, "=", value) for label, value in labels if label and value)
    selector = selector_text((("__name__", "=", series), *asked, *chosen(reading, fields)))
    return None if below is None else GaugeSli(f"sum({selector})", "<", below)


def _parted(reading: Reading, fields: Fields, total_key: str, part_key: str, *, bad: bool) -> Indicator | None:
    """Events counted by the counter of one key, those chosen by another: matchers of it, or a counter of its own."""
    total = fields.read(total_key, metric)
    if not fields.has(part_key):
        reading.complain("SER022", fields.node, f"`{total_key}` needs `{part_key}`", expected=f"the key `{part_key}`")
    select, left_out = chosen(reading, fields), excluded(reading, fields)

    def one(reading: Reading, node: Node) -> Matchers | None:
        return part(reading, node, total)

    of_these = fields.read(part_key, one)
    if total is None or of_these is None:
        return None
    return alone(events_sli((*total, *select), (*of_these, *select), left_out, bad=bad))


def database(reading: Reading, node: Node) -> Indicator | None:
    """Whether a database is up as its exporter sees it, or how its clients fare (OpenTelemetry)."""
    fields = Fields(
        reading,
        node,
        "an indicator of a database",
        required=("system",),
        optional=("select", "errors", "within", "promises", "native", "except"),
    )
    system = fields.read("system", _DATABASE)
    errors = fields.read("errors", values.flag) or False
    left_out = excluded(reading, fields)
    if fields.has("within") or fields.has("promises"):
        fields.exactly_one("within", "promises")
        refuse(reading, fields, ("errors",), "another objective")
    elif not errors:
        refuse(reading, fields, ("native", "except"), "`within` or `errors`")
        up = _UP.get(system or "")
        select = selected(reading, fields)
        return alone(GaugeSli(selector_text((("__name__", "=", up), *select)), "==", Decimal(1))) if up else None
    of_system = (("db_system_name", "=", system or ""), *chosen(reading, fields), *left_out)
    if errors:
        counted = (("__name__", "=", _OPERATIONS + "_count"), *of_system)
        return alone(events_sli(counted, (*counted, ("error_type", "!=", "")), bad=True)) if system else None
    native = fields.read("native", values.flag) or False
    return timed(reading, fields, (("__name__", "=", _OPERATIONS), *of_system) if system else None, native=native)


def cache(reading: Reading, node: Node) -> Indicator | None:
    """The share of look-ups that a cache could answer."""
    fields = Fields(reading, node, "an indicator of a cache", optional=("system", "select", "hits", "misses"))
    kind = fields.exactly_one("system", "hits")
    if kind == "hits":
        hits, misses = fields.read("hits", metric), fields.read("misses", metric)
        if not fields.has("misses"):
            reading.complain("SER022", node, "`hits` needs `misses`", expected="the key `misses`")
        select = chosen(reading, fields)
        return _hit_rate((*hits, *select), (*misses, *select)) if hits and misses else None
    refuse(reading, fields, ("misses",), "`hits`")
    system = fields.read("system", _CACHE)
    select = selected(reading, fields)
    if system == "memcached":
        gets = (("__name__", "=", _CACHES[system][0]), ("command", "=", "get"), *select)
        return alone(events_sli(gets, (*gets, ("status", "=", "hit")), bad=False))
    if system is None:
        return None
    hit, missed = _CACHES[system]
    return _hit_rate((("__name__", "=", hit), *select), (("__name__", "=", missed), *select))


def _hit_rate(hits: Matchers, misses: Matchers) -> Indicator | None:
    good = f"sum(rate({selector_text(hits)}[$window]))"
    return alone(QuerySli(total=f"{good} + sum(rate({selector_text(misses)}[$window]))", good=good))


def batch(reading: Reading, node: Node) -> Indicator | None:
    """Whether the last success is young enough, or the share of runs that succeed."""
    fields = Fields(
        reading,
        node,
        "an indicator of a batch job",
        optional=("last_success", "cronjob", "namespace", "select", "within", "runs", "failed", "succeeded", "except"),
    )
    kind = fields.exactly_one("last_success", "cronjob", "runs")
    if kind == "runs":
        refuse(reading, fields, ("within", "namespace"), "`last_success` or `cronjob`")
        outcome = fields.exactly_one("failed", "succeeded")
        return _parted(reading, fields, "runs", outcome, bad=outcome == "failed") if outcome else None
    refuse(reading, fields, ("failed", "succeeded", "except"), "`runs`")
    within = fields.read("within", _AGE)
    if kind is not None and not fields.has("within"):
        reading.complain("SER022", node, f"`{kind}` needs `within`", expected="the key `within`, such as 26h")
    select = chosen(reading, fields)
    if kind == "last_success":
        refuse(reading, fields, ("namespace",), "`cronjob`")
        success = fields.read("last_success", metric)
    else:
        success = _cronjob(fields)
    if success is None or within is None or kind is None:
        return None
    age = f"time() - max({selector_text((*success, *select))})"
    return alone(GaugeSli(age, "<=", Decimal(to_ms(within)) / 1000))


def _cronjob(fields: Fields) -> Matchers | None:
    """The moment of the last success as kube-state-metrics has it."""
    name, namespace = fields.read("cronjob", values.text), fields.read("namespace", values.text)
    if name is None:
        return None
    of_namespace = (("namespace", "=", namespace),) if namespace else ()
    return (("__name__", "=", "kube_cronjob_status_last_successful_time"), ("cronjob", "=", name), *of_namespace)
