"""Logs by Logstash: lines are read, redacted before anything else, and sent to Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator

from sereno.compiler.kubernetes_objects import NOTICE
from sereno.compiler.redaction import rules_of
from sereno.compiler.sources import name_of, require, sources
from sereno.compiler.targets import Output, Request
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Redaction


def logstash(request: Request) -> Output:
    """Logstash: the services' logs without secrets, sent to Elasticsearch."""
    found = sources(request.spec)
    if not found:
        return Output({}, ("no service has `logs`: nothing to write for Logstash",))
    pipelines = require(request.spec)
    if not pipelines.logs_elasticsearch:
        return Output({}, ("Logstash sends logs to Elasticsearch: `pipelines.logs` does not name it",))
    lines = [
        "input {",
        *(f"  {line}" for service in found for line in _input(service)),
        "}",
        "filter {",
        *(f"  {line}" for line in _redaction(pipelines.redaction)),
        *(f"  {line}" for line in _parsing(request.spec, found)),
        "}",
        "output {",
        *(f"  {line}" for line in _output(pipelines.logs_elasticsearch)),
        "}",
    ]
    return Output({"logstash/pipeline.conf": NOTICE + "\n".join(lines) + "\n"})


def _input(service: Service) -> Iterator[str]:
    assert service.logs is not None
    yield "file {"
    yield f"  id => {_text(name_of(service))}"
    yield f"  path => [{', '.join(map(_text, service.logs.files))}]"
    yield '  start_position => "end"'
    yield f"  add_field => {{ {_text('[@metadata][service]')} => {_text(service.name)} }}"
    yield f"  tags => [{_text(service.logs.format)}]"
    yield "}"


def _redaction(redaction: Redaction) -> Iterator[str]:
    """One filter for each rule: within one, the order of its replacements is not promised."""
    yield 'mutate { remove_field => ["[event][original]"] }'
    for rule in rules_of(redaction):
        mark = rule.replacement("\\1")
        yield f"mutate {{ id => {_text(f'redact-{rule.name}')} gsub => [\"message\", '{rule.pattern}', '{mark}'] }}"


def _parsing(spec: Spec, found: list[Service]) -> Iterator[str]:
    yield 'if "json" in [tags] {'
    yield '  json { source => "message" skip_on_invalid_json => true }'
    yield "}"
    fields = '"service" => "%{[@metadata][service]}"'
    if spec.environment:
        fields += f' "environment" => {_text(spec.environment)}'
    yield f"mutate {{ replace => {{ {fields} }} }}"


def _output(address: str) -> Iterator[str]:
    yield "elasticsearch {"
    yield f"  hosts => [{_text(address)}]"
    yield "  data_stream => true"
    yield '  data_stream_type => "logs"'
    yield '  data_stream_dataset => "sereno"'
    yield '  data_stream_namespace => "default"'
    yield "}"


def _text(text: str) -> str:
    """A quoted text. Logstash takes backslashes as they are, so a quote cannot stand within."""
    if '"' in text or "\n" in text:
        raise UsageError(f"{text!r} cannot be written for Logstash")
    return f'"{text}"'
