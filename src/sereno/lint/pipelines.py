"""Pipelines of logs and traces: the OpenTelemetry Collector, Fluent Bit, Vector, Logstash and ingest pipelines."""

from __future__ import annotations

import re

from sereno.lint.model import Context, Document, Edit
from sereno.lint.paths import at, entries, items, key, mappings, scalars, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar

_NAMES = """
append attachment bytes circle community_id convert csv date date_index_name dissect dot_expander drop enrich fail
fingerprint foreach geo_grid geoip grok gsub html_strip inference ip_location join json kv lowercase network_direction
normalize_for_stream pipeline redact registered_domain remove rename reroute script set set_security_user sort split
terminate trim uppercase uri_parts urldecode user_agent
"""
_INGEST = frozenset(_NAMES.split())
"""Processors of Elasticsearch's ingest pipelines (reference of 8.17)."""
_LOGSTASH = frozenset(("mutate", "ruby", "aggregate", "throttle", "clone", "translate", "dns", "useragent", "prune"))
_HIDES = re.compile(
    r"redact|gsub|fingerprint|anonymi|mask|replace_pattern|sha256|hash|pii|sensitive|delete_key|remove_key",
    re.IGNORECASE,
)
_PARSING = ("grok", "dissect", "json", "csv")
_NUMBERS = ("metrics", "_scrape", "statsd")
_OTEL_HIDES = ("redaction", "transform", "attributes", "filter")


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about a pipeline, whichever it is of."""
    root = document.node
    if not isinstance(root, Mapping):
        return
    if root.get("receivers") is not None and root.get("exporters") is not None:
        _check_collector(root, report)
    elif root.get("sources") is not None and root.get("sinks") is not None:
        _check_vector(root, report)
    elif isinstance(root.get("pipeline"), Mapping) and at(root, "pipeline", "inputs") is not None:
        _check_fluent_bit(root, report)
    else:
        inner = root.get("pipeline")
        _check_ingest(inner if isinstance(inner, Mapping) else root, root, report)


def _check_collector(root: Mapping, report: Report) -> None:
    pipelines = at(root, "service", "pipelines")
    used: set[tuple[str, str]] = set()
    for name, pipeline in entries(pipelines):
        kind = name.value.partition("/")[0]
        for part in ("receivers", "processors", "exporters"):
            for item in items(at(pipeline, part)):
                used.add((part, text(item)))
                defined = at(root, part, text(item)) is not None or key(root.get(part), text(item)) is not None
                if not defined and key(root.get("connectors"), text(item)) is None:
                    report.complain(
                        "SER750", item, f"the pipeline {name.value} uses the {part[:-1]} {text(item)!r}, which is not "
                        "configured: the collector does not start", expected=f"{part}: {{{text(item)}: …}}",
                    )  # fmt: skip
        _check_processors(name, pipeline, kind, report)
    for part in ("receivers", "exporters", "processors"):
        for component, _ in entries(root.get(part)):
            if pipelines is not None and (part, component.value) not in used:
                report.complain(
                    "SER751", component, f"the {part[:-1]} {component.value!r} is in no pipeline: it does nothing",
                    expected=f"service.pipelines.….{part}",
                )  # fmt: skip
    _check_old_exporter(root, report)


def _check_processors(name: Scalar, pipeline: Node, kind: str, report: Report) -> None:
    order = [text(item).partition("/")[0] for item in items(at(pipeline, "processors"))]
    place = key(pipeline, "processors") or name
    if "memory_limiter" not in order:
        report.complain(
            "SER752", place, f"the pipeline {name.value} has no memory_limiter: when what it sends to is slow the "
            "collector grows until it is killed, with all that it holds",
            expected="processors: [memory_limiter, …, batch]",
        )  # fmt: skip
    elif order[0] != "memory_limiter":
        report.complain(
            "SER753", place, f"memory_limiter is not the first processor of {name.value}: the ones before it still "
            "take memory",
            expected=f"[memory_limiter, {', '.join(o for o in order if o != 'memory_limiter')}]",
        )  # fmt: skip
    if "batch" not in order:
        report.complain(
            "SER754", place, f"the pipeline {name.value} has no batch: each record is a request of its own",
            expected="processors: [memory_limiter, …, batch]",
        )  # fmt: skip
    if kind == "logs" and not any(o in _OTEL_HIDES for o in order):
        _unhidden(place, f"the pipeline {name.value}", "a redaction or transform processor", report)


def _unhidden(place: Node, what: str, expected: str, report: Report) -> None:
    report.complain(
        "SER755", place, f"{what} hides nothing: tokens, card numbers and addresses that someone logs are kept and "
        "searchable",
        expected=expected,
    )  # fmt: skip


def _check_old_exporter(root: Mapping, report: Report) -> None:
    for component, _ in entries(root.get("exporters")):
        kind, slash, rest = component.value.partition("/")
        if kind != "logging":
            continue
        used = [item for _, p in entries(at(root, "service", "pipelines")) for item in items(at(p, "exporters"))]
        places = [component, *(i for i in used if isinstance(i, Scalar) and i.value == component.value)]
        plain = all(p.style == "plain" for p in places) and at(root, "exporters", component.value, "loglevel") is None
        report.complain(
            "SER756", component, "the exporter `logging` was removed in 0.111: the collector does not start",
            expected="debug", edits=tuple(Edit(p.start, p.end, f"debug{slash}{rest}") for p in places) if plain else (),
        )  # fmt: skip


def _check_vector(root: Mapping, report: Report) -> None:
    known = {name.value for part in ("sources", "transforms") for name, _ in entries(root.get(part))}
    for part in ("transforms", "sinks"):
        for name, component in entries(root.get(part)):
            for item in items(at(component, "inputs")):
                base = text(item).partition(".")[0]
                if base not in known and "*" not in text(item):
                    report.complain(
                        "SER750", item, f"{name.value} takes its input from {text(item)!r}, which is not configured: "
                        "Vector does not start", expected=f"one of {', '.join(sorted(known))}",
                    )  # fmt: skip
    logs = [
        n for n, s in entries(root.get("sources")) if not text(at(s, "type")).endswith(("metrics", "_scrape", "statsd"))
    ]
    body = " ".join(s.value for s in scalars(root.get("transforms")))
    if logs and not _HIDES.search(body):
        _unhidden(logs[0], f"what comes from {logs[0].value}", "a remap transform with redact(…)", report)
    for name, sink in entries(root.get("sinks")):
        full = at(sink, "buffer", "when_full")
        if isinstance(full, Scalar) and full.value == "drop_newest":
            report.complain(
                "SER757", full, f"when {name.value} is slow, what comes is thrown away: the logs of an outage are "
                "the first to go", expected="block, with a buffer on disk",
            )  # fmt: skip


def _check_fluent_bit(root: Mapping, report: Report) -> None:
    inputs = mappings(at(root, "pipeline", "inputs"))
    for source in inputs:
        names = {name.value.lower(): value for name, value in entries(source)}
        limited = "mem_buf_limit" in names or text(names.get("storage.type")).lower() == "filesystem"
        if text(names.get("name")) in ("tail", "forward", "tcp", "http", "systemd") and not limited:
            report.complain(
                "SER758", names.get("name") or source, f"the input {text(names.get('name'))} has no limit: when an "
                "output is slow Fluent Bit keeps everything in memory until it is killed",
                expected="mem_buf_limit: 50MB, or storage.type: filesystem",
            )  # fmt: skip
    filters = " ".join(s.value for s in scalars(at(root, "pipeline", "filters")))
    names_of = " ".join(n.value for f in mappings(at(root, "pipeline", "filters")) for n, _ in entries(f))
    hides = _HIDES.search(filters) or re.search(r"\b(?:lua|wasm)\b|remove", f"{filters} {names_of}", re.IGNORECASE)
    if inputs and not hides:
        _unhidden(
            inputs[0].get("name") or inputs[0], "this pipeline", "a filter that removes or masks (modify, lua)", report
        )


def _check_ingest(pipeline: Mapping, root: Mapping, report: Report) -> None:
    processors = mappings(pipeline.get("processors"))
    if not processors:
        return
    if pipeline is not root:
        place = key(root, "pipeline")
        alone = (Edit(root.start, pipeline.start, ""), Edit(pipeline.end, root.end, ""))
        report.complain(
            "SER759", place or pipeline, "a pipeline is sent to Elasticsearch as it is, not inside of {\"pipeline\": "
            "…}, which is how one is simulated", expected='{"description": …, "processors": […]}',
            edits=alone if len(root.entries) == 1 else (),
        )  # fmt: skip
    for processor in processors:
        name = processor.entries[0][0] if processor.entries else None
        if name is not None and name.value not in _INGEST:
            where = "a filter of Logstash's" if name.value in _LOGSTASH else "unknown"
            right = " (add_field is `set` here)" if name.value == "mutate" else ""
            report.complain(
                "SER760", name, f"{name.value!r} is no processor of an ingest pipeline ({where}): Elasticsearch "
                "refuses it",
                expected=f"set, rename, remove, gsub …{right}",
            )  # fmt: skip
    parses = next(
        (p for p in processors if any(at(p, n) is not None for n in ("grok", "dissect", "json", "csv"))), None
    )
    if parses is not None and pipeline.get("on_failure") is None and not _forgives(parses):
        report.complain(
            "SER761", parses.entries[0][0], "a line that does not fit is refused, and lost: there is no on_failure",
            expected='"on_failure": [{"set": {"field": "error.message", …}}]',
        )  # fmt: skip
    written = " ".join(n.value for p in processors for n, _ in entries(p))
    if not _HIDES.search(written) and not any(at(p, "remove") is not None for p in processors):
        place = key(pipeline, "processors")
        assert place is not None
        _unhidden(place, "this pipeline", "a redact, gsub or remove processor", report)


def _forgives(processor: Mapping) -> bool:
    inner = processor.entries[0][1] if processor.entries else None
    return at(inner, "on_failure") is not None or text(at(inner, "ignore_failure")).lower() == "true"
