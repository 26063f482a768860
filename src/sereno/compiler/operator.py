"""For those who run the Prometheus operator: rules and what is to be scraped, as objects of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sereno.compiler import prometheus_probes
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
from sereno.compiler.prometheus_rules import common_file, plans_by_service, service_file
from sereno.compiler.raw_rules import raw_rule_files, rule_file
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.slo.selectors import jobs_of
from sereno.slo.words import left_out
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment
from sereno.spec.model_monitoring import Probe

HASH_LABEL = "rollouts-pod-template-hash"
_NAMESPACE = "monitoring"
_TIMEOUT = timedelta(seconds=10)


def prometheus_operator(request: Request) -> Output:
    """For the Prometheus operator: the rules of target prometheus, and what is scraped and probed, as its objects.

    A PrometheusRule for each rule file, a ServiceMonitor or PodMonitor for each service that says where its metrics
    are, a Probe for each probe.
    """
    files: dict[str, str] = {}
    notes: list[str] = []
    for name, service, rules in _rule_files(request, notes):
        plain = object_name(name)
        files[f"prometheus-operator/rules/{plain}.yml"] = _rule_object(request.spec, service, plain, rules)
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
    return Output(files, tuple(dict.fromkeys(notes)))


def _rule_files(request: Request, notes: list[str]) -> Iterator[tuple[str, Service | None, str]]:
    """The rule files of target prometheus, each with its name and the service that it is about; notes are added."""
    spec = request.spec
    by_service = plans_by_service(request)
    found = False
    for name in sorted(spec.services):
        rules = service_file(request, spec.services[name], by_service.get(name, ()))
        notes += rules.notes
        if not rules.empty:
            found = True
            yield name, spec.services[name], rules.text()
    for name, groups in raw_rule_files(spec).items():
        found = True
        yield f"{name}~raw", spec.services.get(name), rule_file(groups)
    if found:
        common = common_file(request)
        notes += common.notes
        yield "_common", None, common.text()
    for plan in request.plans:
        notes += left_out(plan, request.language)


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
