"""Logs by Fluent Bit: lines are read, redacted by a script before anything else, and sent on as OTLP or to Loki."""

from __future__ import annotations

from urllib.parse import urlsplit

from sereno.compiler.fluentbit_lua import script
from sereno.compiler.kubernetes_objects import NOTICE
from sereno.compiler.sources import name_of, require, sources
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Pipelines


def fluent_bit(request: Request) -> Output:
    """Fluent Bit: the services' logs without secrets (by a Lua script), sent on as OTLP or to Loki."""
    found = sources(request.spec)
    if not found:
        return Output({}, ("no service has `logs`: nothing to write for Fluent Bit",))
    pipelines = require(request.spec)
    outputs = _outputs(pipelines)
    if not outputs:
        return Output({}, ("Fluent Bit sends logs as OTLP or to Loki: `pipelines.logs` names neither",))
    document: dict[str, Value] = {
        "service": {"flush": 1, "log_level": "info", "http_server": True, "http_port": 2020, "health_check": True},
        "pipeline": {
            "inputs": [_input(service) for service in found],
            "filters": [
                {"name": "lua", "match": "*", "script": "redact.lua", "call": "redact"},
                *(_marked(request.spec, service) for service in found),
            ],
            "outputs": outputs,
        },
    }
    return Output(
        {
            "fluent-bit/fluent-bit.yaml": NOTICE + yaml(document),
            "fluent-bit/redact.lua": script(pipelines.redaction),
        }
    )


def _input(service: Service) -> Value:
    assert service.logs is not None
    name = name_of(service)
    return {
        "name": "tail",
        "tag": f"sereno.{name}",
        "path": ",".join(service.logs.files),
        "key": "message",
        "db": f"/var/lib/fluent-bit/{name}.db",
        "mem_buf_limit": "50MB",
        "skip_long_lines": True,
        "read_from_head": False,
    }


def _marked(spec: Spec, service: Service) -> Value:
    records = [f"service {service.name}"]
    if spec.environment:
        records.append(f"environment {spec.environment}")
    return {"name": "record_modifier", "match": f"sereno.{name_of(service)}", "record": list(records)}


def _outputs(pipelines: Pipelines) -> list[Value]:
    found: list[Value] = []
    if pipelines.logs_otlp:
        path = urlsplit(pipelines.logs_otlp).path.rstrip("/")
        found.append(
            {
                "name": "opentelemetry",
                "match": "*",
                **_address(pipelines.logs_otlp, 4318),
                "logs_uri": f"{path}/v1/logs",
            }
        )
    if pipelines.logs_loki:
        found.append(
            {"name": "loki", "match": "*", **_address(pipelines.logs_loki, 3100), "labels": "service=$service"}
        )
    return found


def _address(url: str, port: int) -> dict[str, Value]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    found: dict[str, Value] = {"host": parts.hostname or "", "port": parts.port or (443 if secure else port)}
    return found | ({"tls": True, "tls.verify": True} if secure else {"tls": False})
