"""Logs by Vector: lines are read, redacted before anything else, and sent on."""

from __future__ import annotations

from sereno.compiler.kubernetes_objects import NOTICE
from sereno.compiler.redaction import rules_of
from sereno.compiler.sources import name_of, require, sources
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Pipelines, Redaction


def vector(request: Request) -> Output:
    """Vector: the services' logs without secrets, sent to Loki or Elasticsearch."""
    found = sources(request.spec)
    if not found:
        return Output({}, ("no service has `logs`: nothing to write for Vector",))
    pipelines = require(request.spec)
    sinks = _sinks(pipelines)
    if not sinks:
        return Output({}, ("Vector sends logs to Loki or Elasticsearch: `pipelines.logs` names neither",))
    document: dict[str, Value] = {
        "data_dir": "/var/lib/vector",
        "sources": {name_of(s): _source(s) for s in found},
        "transforms": {f"{name_of(s)}_redacted": _transform(request.spec, s, pipelines.redaction) for s in found},
        "sinks": {key: {**sink, "inputs": [f"{name_of(s)}_redacted" for s in found]} for key, sink in sinks.items()},
    }
    return Output({"vector/vector.yaml": NOTICE + yaml(document)})


def _source(service: Service) -> Value:
    assert service.logs is not None
    return {"type": "file", "include": list(service.logs.files), "read_from": "end", "max_line_bytes": 262_144}


def _transform(spec: Spec, service: Service, redaction: Redaction) -> Value:
    """A line whose redaction fails is dropped, never sent as it was."""
    return {
        "type": "remap",
        "inputs": [name_of(service)],
        "drop_on_error": True,
        "drop_on_abort": True,
        "source": program(spec, service, redaction),
    }


def program(spec: Spec, service: Service, redaction: Redaction) -> str:
    """The program (VRL) that redacts a line, and then reads it; `$` is doubled, or Vector would look for a variable of
    its environment."""
    assert service.logs is not None
    lines = ["line = string!(.message)"]
    for rule in rules_of(redaction):
        mark = rule.replacement("$${1}").replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f"line = replace(line, r'{rule.pattern}', \"{mark}\")")
    lines.append(".message = line")
    if service.logs.format == "json":
        lines += [
            "parsed, problem = parse_json(line)",
            "if problem == null && is_object(parsed) {",
            "  . = merge(., object!(parsed))",
            "}",
        ]
    lines.append(f'.service = "{service.name}"')
    if service.team:
        lines.append(f'.team = "{service.team}"')
    if spec.environment:
        lines.append(f'.environment = "{spec.environment}"')
    return "\n".join(lines)


def _sinks(pipelines: Pipelines) -> dict[str, dict[str, Value]]:
    buffer: Value = {"type": "disk", "max_size": 268_435_488, "when_full": "block"}
    found: dict[str, dict[str, Value]] = {}
    if pipelines.logs_loki:
        found["loki"] = {
            "type": "loki",
            "endpoint": pipelines.logs_loki,
            "encoding": {"codec": "json"},
            "labels": {"service": "{{ service }}"},
            "buffer": buffer,
        }
    if pipelines.logs_elasticsearch:
        found["elasticsearch"] = {
            "type": "elasticsearch",
            "endpoints": [pipelines.logs_elasticsearch],
            "mode": "data_stream",
            "data_stream": {"type": "logs", "dataset": "sereno", "namespace": "default"},
            "buffer": buffer,
        }
    return found
