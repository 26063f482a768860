"""Logs and traces by the OpenTelemetry Collector: redacted on the way; failed and slow traces always kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from sereno.compiler.kubernetes_objects import NOTICE
from sereno.compiler.redaction import name_pattern, rules_of
from sereno.compiler.sources import name_of, require, sources
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import to_ms
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Pipelines, Redaction

VERSION = "0.133.0"
"""The version of the collector (contrib) whose documentation this follows."""


def otel_collector(request: Request) -> Output:
    """OpenTelemetry Collector (contrib): traces and logs without secrets; failed and slow traces always kept."""
    spec = request.spec
    found = sources(spec)
    if spec.pipelines is None and not found:
        return Output({}, ("the workspace has no `pipelines`: nothing to write for the collector",))
    pipelines = require(spec)
    if not pipelines.logs_otlp and not pipelines.traces_otlp:
        return Output({}, ("the collector sends OTLP: `pipelines` names no address that takes it",))
    return Output({"otel-collector/config.yaml": NOTICE + yaml(document(spec, pipelines, found))})


def document(spec: Spec, pipelines: Pipelines, found: list[Service]) -> dict[str, Value]:
    """The whole configuration."""
    parts: dict[str, Value] = {}
    exporters: dict[str, Value] = {}
    processors: dict[str, Value] = {
        "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20}
    }
    if pipelines.traces_otlp:
        processors["transform/redact_traces"] = _transform("trace", pipelines.redaction, ("span", "spanevent"))
        processors["tail_sampling"] = sampling(spec, pipelines)
        exporters["otlphttp/traces"] = _exporter(pipelines.traces_otlp)
        parts["traces"] = {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "transform/redact_traces", "tail_sampling", "batch"],
            "exporters": ["otlphttp/traces"],
        }
    if pipelines.logs_otlp:
        processors["transform/redact_logs"] = _transform("log", pipelines.redaction, ("log",))
        exporters["otlphttp/logs"] = _exporter(pipelines.logs_otlp)
        parts["logs"] = {
            "receivers": ["otlp", *(f"filelog/{name_of(service)}" for service in found)],
            "processors": ["memory_limiter", "transform/redact_logs", "batch"],
            "exporters": ["otlphttp/logs"],
        }
    processors["batch"] = {"timeout": "5s", "send_batch_size": 8192}
    receivers: dict[str, Value] = {
        "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"}}}
    }
    if pipelines.logs_otlp:
        receivers |= {f"filelog/{name_of(service)}": _filelog(service) for service in found}
    return {
        "extensions": {"health_check": {"endpoint": "0.0.0.0:13133"}},
        "receivers": receivers,
        "processors": processors,
        "exporters": exporters,
        "service": {"extensions": ["health_check"], "pipelines": parts},
    }


def _filelog(service: Service) -> Value:
    """Lines as they are: they are parsed only where they arrive, after redaction."""
    assert service.logs is not None
    return {
        "include": list(service.logs.files),
        "start_at": "end",
        "resource": {"service.name": service.name},
    }


def _exporter(endpoint: str) -> Value:
    return {
        "endpoint": endpoint,
        "compression": "gzip",
        "sending_queue": {"enabled": True, "queue_size": 5000},
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "15m"},
    }


def _transform(signal: str, redaction: Redaction, contexts: tuple[str, ...]) -> Value:
    """`propagate`: what cannot be redacted is dropped, never sent as it was."""
    groups = [
        {"context": context, "statements": [_escaped(each) for each in _statements(context, redaction)]}
        for context in ("resource", *contexts)
    ]
    return {"error_mode": "propagate", f"{signal}_statements": groups}


def _statements(context: str, redaction: Redaction) -> Iterator[str]:
    attributes = f"{context}.attributes"
    if redaction.keys:
        yield f"delete_matching_keys({attributes}, {_text(f'(?i){name_pattern(redaction.keys)}$')})"
    if context == "log":
        yield "set(log.body, String(log.body)) where not IsString(log.body)"
    for rule in rules_of(redaction):
        pattern, mark = _text(rule.pattern), _text(rule.replacement("${1}"))
        yield f'replace_all_patterns({attributes}, "value", {pattern}, {mark})'
        if context == "log":
            yield f"replace_pattern(log.body, {pattern}, {mark})"
        if context == "span":
            yield f"replace_pattern(span.name, {pattern}, {mark})"
            yield f"replace_pattern(span.status.message, {pattern}, {mark})"


def _escaped(statement: str) -> str:
    """`$` may begin a variable of the environment; `$$` is `$`."""
    return statement.replace("$", "$$")


def _text(text: str) -> str:
    """A text of OTTL: in double quotes, in which backslashes escape."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sampling(spec: Spec, pipelines: Pipelines) -> Value:
    """Which traces are kept, decided once they are whole: what failed and what was slow always, of the rest a share.

    A trace of several services is kept if any of them would keep it.
    """
    own = [spec.services[name] for name in sorted(spec.services) if spec.services[name].traces is not None]
    policies: list[Value] = [{"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]
    for service in own:
        assert service.traces is not None
        condition: Value = {
            "name": "of-service",
            "type": "string_attribute",
            "string_attribute": {"key": "service.name", "values": [service.name]},
        }
        policies += _policies(service.name, condition, service.traces.share, service.traces.slow)
    others: Value = None
    if own:
        condition_text = " and ".join(f'resource.attributes["service.name"] != {_text(each.name)}' for each in own)
        others = {
            "name": "of-others",
            "type": "ottl_condition",
            "ottl_condition": {"error_mode": "ignore", "span": [condition_text]},
        }
    policies += _policies("others", others, pipelines.share, pipelines.slow)
    return {
        "decision_wait": "30s",
        "num_traces": 100_000,
        "policies": policies,
    }


def _policies(name: str, condition: Value, share: Decimal, slow: timedelta) -> Iterator[Value]:
    kept = share * 100
    percentage: Value = int(kept) if kept == kept.to_integral_value() else float(kept)
    each: tuple[tuple[str, dict[str, Value]], ...] = (
        ("slow", {"type": "latency", "latency": {"threshold_ms": to_ms(slow)}}),
        ("share", {"type": "probabilistic", "probabilistic": {"sampling_percentage": percentage}}),
    )
    for what, policy in each:
        if condition is None:
            yield {"name": f"{name}-{what}", **policy}
        else:
            both: Value = [condition, {"name": what, **policy}]
            yield {"name": f"{name}-{what}", "type": "and", "and": {"and_sub_policy": both}}
