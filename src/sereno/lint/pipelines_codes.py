"""Codes of pipelines."""

from __future__ import annotations

from sereno.lint.code import Code

_COLLECTOR = """\
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:4317"}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 400}
  redaction: {allow_all_keys: true, blocked_values: ["4[0-9]{12}(?:[0-9]{3})?"]}
  batch: {}
exporters:
  otlp: {endpoint: "tempo:4317"}
service:
  pipelines:
    logs:
      receivers: [otlp]
      processors: [memory_limiter, redaction, batch]
      exporters: [otlp]
"""
_VECTOR = """\
sources:
  shop:
    type: file
    include: [/var/log/shop.log]
transforms:
  safe:
    type: remap
    inputs: [shop]
    source: |
      .message = redact(.message, filters: ["pattern"])
sinks:
  loki:
    type: loki
    inputs: [safe]
    endpoint: http://loki:3100
    buffer: {type: disk, max_size: 1073741824, when_full: block}
"""
_FLUENT = """\
pipeline:
  inputs:
    - name: tail
      path: /var/log/shop.log
      mem_buf_limit: 50MB
  filters:
    - name: modify
      match: "*"
      remove: password
  outputs:
    - name: loki
      match: "*"
"""
_INGEST = """\
{
  "description": "Lines of the shop",
  "processors": [
    {"grok": {"field": "message", "patterns": ["%{TIMESTAMP_ISO8601:at} %{GREEDYDATA:message}"]}},
    {"redact": {"field": "message", "patterns": ["%{EMAILADDRESS:EMAIL}"]}}
  ],
  "on_failure": [{"set": {"field": "error.message", "value": "{{ _ingest.on_failure_message }}"}}]
}
"""


def _code(
    number: int, title: str, why: str, wrong: str, right: str = _COLLECTOR, *, error: bool = False,
    fixable: bool = False, name: str = "otel.yaml",
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    return Code(f"SER{number}", title, why, "pipeline", wrong, right, level, fixable, name)  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(750, "Part that is not configured", "A pipeline that names a receiver, processor, exporter or input which is "
          "not configured keeps the whole collector from starting.",
          _COLLECTOR.replace("exporters: [otlp]", "exporters: [otlp, loki]"), error=True),
    _code(751, "Part that is in no pipeline", "What is configured and in no pipeline does nothing: logs that everyone "
          "believes are redacted are not.",
          _COLLECTOR.replace("  batch: {}\n", "  batch: {}\n  filter: {}\n")),
    _code(752, "No memory_limiter", "When what the collector sends to is slow it keeps what comes. Without the limiter "
          "it grows until the kernel ends it, and everything it held is lost, in the middle of the outage.",
          _COLLECTOR.replace("  memory_limiter: {check_interval: 1s, limit_mib: 400}\n", "")
          .replace("[memory_limiter, ", "[")),
    _code(753, "memory_limiter is not first", "The limiter refuses what it is handed; processors before it have taken "
          "their memory already.",
          _COLLECTOR.replace("[memory_limiter, redaction, batch]", "[redaction, memory_limiter, batch]")),
    _code(754, "No batch", "Without batches every record is a request: ten times the processor and the network.",
          _COLLECTOR.replace("  batch: {}\n", "").replace(", batch]", "]")),
    _code(755, "Nothing is hidden", "People log what they should not: tokens, passwords in addresses, card numbers, "
          "e-mails. A pipeline without a step that hides them makes them searchable by everyone, and keeps them as "
          "long as logs.",
          _COLLECTOR.replace('  redaction: {allow_all_keys: true, blocked_values: ["4[0-9]{12}(?:[0-9]{3})?"]}\n', "")
          .replace("redaction, ", "")),
    _code(756, "Exporter that was removed", "`logging` is called `debug` since 0.86 and was removed in 0.111: the "
          "collector does not start.",
          _COLLECTOR.replace("  otlp: {endpoint: \"tempo", "  logging: {}\n  otlp: {endpoint: \"tempo")
          .replace("exporters: [otlp]", "exporters: [otlp, logging]"),
          _COLLECTOR.replace("  otlp: {endpoint: \"tempo", "  debug: {}\n  otlp: {endpoint: \"tempo")
          .replace("exporters: [otlp]", "exporters: [otlp, debug]"), error=True, fixable=True),
    _code(757, "Newest logs are dropped", "`drop_newest` throws away what comes while the sink is slow, which it is "
          "during outages.",
          _VECTOR.replace("when_full: block", "when_full: drop_newest"), _VECTOR, name="vector.yaml"),
    _code(758, "Input without a limit", "Fluent Bit keeps in memory what it cannot deliver. Without a limit it is "
          "killed with all of it.",
          _FLUENT.replace("      mem_buf_limit: 50MB\n", ""), _FLUENT, name="fluent-bit.yaml"),
    _code(759, "Pipeline in an envelope", "`{\"pipeline\": …}` is what the simulation is sent. As a pipeline "
          "Elasticsearch refuses it: “processors” is missing.",
          '{"pipeline": ' + _INGEST.rstrip("\n") + "}\n", _INGEST, error=True,
          fixable=True, name="pipeline.json"),
    _code(760, "No such processor", "`mutate` is a filter of Logstash; ingest pipelines have set, rename, remove and "
          "others. Elasticsearch refuses the whole pipeline, and with it every document that names it.",
          _INGEST.replace('{"redact": {"field"', '{"mutate": {"add_field": {"service": "shop"}}},\n    {"redact": '
          '{"field"'),
          _INGEST.replace('{"redact": {"field"', '{"set": {"field": "service", "value": "shop"}},\n    {"redact": '
          '{"field"'),
          error=True, name="pipeline.json"),
    _code(761, "Lines that do not fit are lost", "A processor that fails stops its pipeline and the document is "
          "refused. A stack trace does not fit the pattern of a line: what explains the outage is what gets lost.",
          _INGEST[: _INGEST.index(',\n  "on_failure"')] + "\n}\n", _INGEST, name="pipeline.json"),
)  # fmt: skip
