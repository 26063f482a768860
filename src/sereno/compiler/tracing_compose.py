"""A tracing stack on one machine: the collector that redacts and samples, Jaeger that keeps, Grafana that shows."""

from __future__ import annotations

from dataclasses import replace

from sereno.compiler.kubernetes_objects import NOTICE
from sereno.compiler.otelcol import VERSION, document
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.spec.logs import KEYS, KINDS
from sereno.spec.model_delivery import Pipelines, Redaction

_COLLECTOR = f"otel/opentelemetry-collector-contrib:{VERSION}"
_JAEGER = "jaegertracing/jaeger:2.9.0"
_GRAFANA = "grafana/grafana:12.1.1"


def tracing_compose(request: Request) -> Output:
    """Compose file of a tracing stack (collector, Jaeger, Grafana) that is reached from this machine only.

    The collector redacts and samples as the workspace's `pipelines` say.
    """
    declared = request.spec.pipelines or Pipelines(Redaction(KEYS, KINDS))
    here = replace(declared, traces_otlp="http://jaeger:4318", logs_otlp="")
    files = {
        "tracing/compose.yaml": NOTICE + yaml(_stack()),
        "tracing/collector.yaml": NOTICE + yaml(document(request.spec, here, [])),
        "tracing/grafana/datasources.yaml": NOTICE + yaml(_DATASOURCES),
    }
    notes = (
        "Jaeger keeps traces in memory here: what is restarted forgets them",
        "the collector's image holds nothing that could ask it for its health; its port 13133 answers from outside",
    )
    return Output(files, notes)


_DATASOURCES: dict[str, Value] = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Jaeger",
            "uid": "sereno-jaeger",
            "type": "jaeger",
            "access": "proxy",
            "url": "http://jaeger:16686",
            "editable": False,
        }
    ],
}


def _stack() -> dict[str, Value]:
    return {
        "name": "tracing",
        "services": {
            "collector": {
                "image": _COLLECTOR,
                "command": ["--config=/etc/otelcol/config.yaml"],
                "volumes": ["./collector.yaml:/etc/otelcol/config.yaml:ro"],
                "ports": ["127.0.0.1:4317:4317", "127.0.0.1:4318:4318", "127.0.0.1:13133:13133"],
                "depends_on": {"jaeger": {"condition": "service_healthy"}},
                **_common("512M", "0.50"),
            },
            "jaeger": {
                "image": _JAEGER,
                "ports": ["127.0.0.1:16686:16686"],
                "healthcheck": _asked("http://127.0.0.1:16686/"),
                "tmpfs": ["/tmp"],  # noqa: S108 (a path inside the container)
                **_common("1G", "1.00"),
            },
            "grafana": {
                "image": _GRAFANA,
                "environment": {
                    "GF_SECURITY_ADMIN_PASSWORD": "${GRAFANA_PASSWORD:?choose a password}",
                    "GF_ANALYTICS_REPORTING_ENABLED": "false",
                },
                "volumes": [
                    "./grafana/datasources.yaml:/etc/grafana/provisioning/datasources/tracing.yaml:ro",
                    "grafana:/var/lib/grafana",
                ],
                "ports": ["127.0.0.1:3000:3000"],
                "healthcheck": _asked("http://127.0.0.1:3000/api/health"),
                "depends_on": {"jaeger": {"condition": "service_healthy"}},
                **_common("512M", "0.50", read_only=False),
            },
        },
        "volumes": {"grafana": {}},
    }


def _asked(url: str) -> Value:
    return {
        "test": ["CMD", "wget", "-q", "-O", "/dev/null", url],
        "interval": "10s",
        "timeout": "5s",
        "retries": 6,
        "start_period": "20s",
    }


def _common(memory: str, cpus: str, *, read_only: bool = True) -> dict[str, Value]:
    return {
        "restart": "unless-stopped",
        "read_only": read_only,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "deploy": {"resources": {"limits": {"memory": memory, "cpus": cpus}}},
    }
