"""For those who run the Prometheus operator: rules and what is to be scraped, as objects of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sereno.compiler import prometheus_probes, prometheus_target
from sereno.compiler.kubernetes_objects import (
    NOTICE,
    Object,
    deployed,
    documents,
    every_pod,
    labels,
    metadata,
    object_name,
    selector,
)
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.slo.selectors import jobs_of
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment
from sereno.spec.model_monitoring import Probe

HASH_LABEL = "rollouts-pod-template-hash"
_NAMESPACE = "monitoring"
_RULES = "prometheus/rules/"
_TIMEOUT = timedelta(seconds=10)


def prometheus_operator(request: Request) -> Output:
    """For the Prometheus operator: the rules of target prometheus, and what is scraped and probed, as its objects.

    A PrometheusRule for each rule file, a ServiceMonitor or PodMonitor for each service that says where its metrics
    are, a Probe for each probe.
    """
    written = prometheus_target.build(request)
    files: dict[str, str] = {}
    notes = list(written.notes)
    by_path = {prometheus_target.rule_path(name): name for name in request.spec.services}
    for path in sorted(written.files):
        if path.startswith(_RULES):
            service = request.spec.services.get(by_path.get(path, ""))
            name = object_name(service.name if service else path.removeprefix(_RULES).removesuffix(".yml"))
            files[f"prometheus-operator/rules/{name}.yml"] = _rule_object(
                request.spec, service, name, written.files[path]
            )
    for service, deployment in deployed(request.spec):
        if deployment.metrics is None:
            notes.append(f"{service.name}: its deployment does not say where its `metrics` are; nothing scrapes it")
            continue
        monitor = _monitor(request.spec, service, deployment)
        files[f"prometheus-operator/monitors/{deployment.namespace}.{deployment.name}.yml"] = documents([monitor])
        notes += _notes(service, deployment)
    for name in sorted(request.spec.services):
        service = request.spec.services[name]
        if service.probes and not request.spec.blackbox:
            notes.append(f"{name}: nobody asks its probes: `blackbox` in the workspace document is not set")
        elif service.probes:
            probes = [_probe(request.spec, service, probe) for probe in service.probes]
            files[f"prometheus-operator/probes/{object_name(name)}.yml"] = documents(probes)
    return Output(files, tuple(notes))


def _probe(spec: Spec, service: Service, probe: Probe) -> Object:
    """The job, labels and module are those of target prometheus, so the alerts about it hold here too."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Probe",
        "metadata": {
            "name": object_name(f"{service.name}-{probe.name}"),
            "namespace": service.deployment.namespace if service.deployment else _NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "sereno", "team": service.team.rstrip("-._")},
        },
        "spec": {
            "jobName": prometheus_probes.job_of(service, probe),
            "interval": format_duration(probe.every),
            "scrapeTimeout": format_duration(min(probe.timeout + timedelta(seconds=1), probe.every)),
            "module": prometheus_probes.module_of(service, probe),
            "prober": {"url": spec.blackbox},
            "targets": {
                "staticConfig": {
                    "static": [probe.server if probe.kind == "dns" else probe.target],
                    "labels": {"service": service.name, "probe": probe.name},
                }
            },
        },
    }


def _rule_object(spec: Spec, service: Service | None, name: str, rules: str) -> str:
    """A PrometheusRule around the text of a rule file: the very same groups, two spaces further in."""
    namespace = service.deployment.namespace if service and service.deployment else _NAMESPACE
    marks = labels(spec, service) if service else {"app.kubernetes.io/managed-by": "sereno"}
    if service and not service.deployment:
        marks = {key: value for key, value in marks.items() if key in ("app.kubernetes.io/managed-by", "team")}
    head = yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name, "namespace": namespace, "labels": marks},
        }
    )
    body = [line for line in rules.splitlines() if not line.startswith("#")]
    return NOTICE + head + "spec:\n" + "".join(f"  {line}\n" if line else "\n" for line in body)


def _monitor(spec: Spec, service: Service, deployment: Deployment) -> Object:
    """Flagger makes Services of its own for both versions, so its pods are read directly, as are those without one."""
    assert deployment.metrics is not None
    by_flagger = deployment.canary is not None and deployment.canary.by == "flagger"
    kind, endpoints = ("PodMonitor", "podMetricsEndpoints") if by_flagger else ("ServiceMonitor", "endpoints")
    wanted = every_pod(deployment) if by_flagger else selector(deployment)
    endpoint: dict[str, Value] = {
        "port": deployment.metrics.port,
        "path": deployment.metrics.path,
        "interval": format_duration(deployment.metrics.every),
        "scrapeTimeout": format_duration(min(deployment.metrics.every, _TIMEOUT)),
        "honorLabels": False,
    }
    job = job_of(service, deployment)
    endpoint["relabelings"] = [{"action": "replace", "targetLabel": "job", "replacement": job}]
    found: dict[str, Value] = {
        "selector": {"matchLabels": wanted},
        "namespaceSelector": {"matchNames": [deployment.namespace]},
        "sampleLimit": 50_000,
        endpoints: [endpoint],
    }
    if marks := list(_pod_labels(deployment)):
        found["podTargetLabels"] = marks
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": found,
    }


def _pod_labels(deployment: Deployment) -> Iterator[str]:
    """The labels of pods that tell a new version's samples from the old one's."""
    by = deployment.canary.by if deployment.canary else ""
    if by == "argo":
        yield HASH_LABEL
    elif by == "istio":
        yield "track"


def job_of(service: Service, deployment: Deployment) -> str:
    """The label `job` that its objectives select, where all select the same; else its name."""
    jobs = sorted({job for slo in service.slos for job in jobs_of(slo)})
    return jobs[0] if len(jobs) == 1 else deployment.name


def _notes(service: Service, deployment: Deployment) -> Iterator[str]:
    jobs = sorted({job for slo in service.slos for job in jobs_of(slo)})
    if len(jobs) > 1:
        yield f"{service.name}: its objectives select the jobs {', '.join(jobs)}; it is scraped as {deployment.name}"
    assert deployment.metrics is not None
    peers = deployment.access.incoming if deployment.access else ()
    port = deployment.metrics.port
    number = next((each.number for each in deployment.ports if each.name == port), None)
    open_to = [peer for peer in peers if port in peer.ports or number in peer.ports]
    if deployment.access is not None and not open_to:
        yield (
            f"{service.name}: its `access` lets nobody in to the port {port}; Prometheus cannot read it: "
            f"add {{namespace: {_NAMESPACE}, ports: [{port}]}}"
        )
