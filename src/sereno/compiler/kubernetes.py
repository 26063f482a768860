"""What a cluster needs to run the declared services: workload, address, scaling, disruption, network, identity."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sereno.compiler.kubernetes_network import network_policy
from sereno.compiler.kubernetes_objects import Object, deployed, documents, every_pod, metadata, selector, shortened
from sereno.compiler.kubernetes_pods import pod_template, seconds
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.spec.model import CompositeSli, GaugeSli, QuerySli, Service, Spec
from sereno.spec.model_delivery import Deployment

EVENTS_METRIC = "sereno_events_per_second"
_ADAPTER = "kubernetes-adapter/config.yml"


def kubernetes(request: Request) -> Output:
    """Deployment, Service, scaling, disruption and network of each service with a `deployment`.

    They are for Kubernetes 1.30 and newer. Where replicas follow events, also the rules by which prometheus-adapter
    offers them to the autoscaler.
    """
    files: dict[str, str] = {}
    notes: list[str] = []
    scaled = False
    for service, deployment in deployed(request.spec):
        files[f"kubernetes/{deployment.namespace}/{deployment.name}.yml"] = documents(
            _objects(request.spec, service, deployment)
        )
        notes += _notes(service, deployment)
        scaled = scaled or deployment.replicas.events_per_replica is not None
    if scaled:
        files[_ADAPTER] = adapter_config()
    if not files:
        notes.append("no service has a `deployment`: nothing to write for Kubernetes")
    return Output(files, tuple(notes))


def adapter_config() -> str:
    """The configuration of prometheus-adapter that offers the recorded rates of events as an external metric."""
    return yaml(
        {
            "externalRules": [
                {
                    "seriesQuery": 'sereno:total:rate5m{service!="",slo!=""}',
                    "resources": {"namespaced": False},
                    "name": {"as": EVENTS_METRIC},
                    "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
                }
            ]
        }
    )


def workload_ref(deployment: Deployment) -> dict[str, Value]:
    """What runs the pods: a Deployment, or the Rollout that Argo steers."""
    if deployment.canary is not None and deployment.canary.by == "argo":
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": deployment.name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.name}


def _objects(spec: Spec, service: Service, deployment: Deployment) -> Iterator[Object]:
    by = deployment.canary.by if deployment.canary else ""
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "automountServiceAccountToken": False,
    }
    if by == "istio":
        yield workload(spec, service, deployment, track="stable")
        yield workload(spec, service, deployment, track="canary")
    elif by != "argo":
        yield workload(spec, service, deployment)
    if deployment.ports and by != "flagger":
        yield address(spec, service, deployment, deployment.name)
    if deployment.replicas.most > deployment.replicas.least:
        yield _autoscaler(spec, service, deployment)
    yield _disruption_budget(spec, service, deployment)
    if deployment.access is not None:
        yield network_policy(spec, service, deployment)


def workload(spec: Spec, service: Service, deployment: Deployment, *, track: str = "") -> Object:
    """A Deployment; with `track` that of the stable or the canary version beside the other."""
    canary = track == "canary"
    image = deployment.canary.image if canary and deployment.canary else deployment.image
    name = shortened(deployment.name, "-canary") if canary else deployment.name
    fixed = deployment.replicas.most == deployment.replicas.least
    start = seconds(deployment.slow_start)
    found: dict[str, Value] = {}
    if canary:
        found["replicas"] = 1
    elif fixed:  # else the autoscaler's number would be undone by every apply
        found["replicas"] = deployment.replicas.least
    found |= {
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": max(600, 3 * start),
        "minReadySeconds": 10,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "selector": {"matchLabels": selector(deployment, track)},
        "template": pod_template(spec, service, deployment, image=image, track=track),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(spec, service, name, deployment.namespace),
        "spec": found,
    }


def address(spec: Spec, service: Service, deployment: Deployment, name: str) -> Object:
    """A Service called `name` before all pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(spec, service, name, deployment.namespace),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(deployment),
            "ports": [{"name": p.name, "port": p.number, "targetPort": p.name} for p in deployment.ports],
        },
    }


def _autoscaler(spec: Spec, service: Service, deployment: Deployment) -> Object:
    replicas = deployment.replicas
    metrics: list[Value] = []
    if replicas.cpu is not None:
        target: Value = {"type": "Utilization", "averageUtilization": int((replicas.cpu * 100).to_integral_value())}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if replicas.events_per_replica is not None and (slo := counted_slo(service)):
        marks: Value = {"service": service.name, "slo": slo}
        metrics.append(
            {
                "type": "External",
                "external": {
                    "metric": {"name": EVENTS_METRIC, "selector": {"matchLabels": marks}},
                    "target": {"type": "AverageValue", "averageValue": _quantity(replicas.events_per_replica)},
                },
            }
        )
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": {
            "scaleTargetRef": workload_ref(deployment),
            "minReplicas": replicas.least,
            "maxReplicas": replicas.most,
            "metrics": metrics,
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 30},
                        {"type": "Pods", "value": 4, "periodSeconds": 30},
                    ],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
                },
            },
        },
    }


def counted_slo(service: Service) -> str:
    """The first objective that counts events per second; "" without one."""
    for slo in service.slos:
        if isinstance(slo.sli, GaugeSli | CompositeSli) or (isinstance(slo.sli, QuerySli) and slo.sli.total is None):
            continue
        return slo.name
    return ""


def _quantity(amount: Decimal) -> str:
    """A Kubernetes quantity: whole, or in thousandths."""
    if amount == amount.to_integral_value():
        return f"{amount.to_integral_value():f}"
    return f"{(amount * 1000).to_integral_value():f}m"


def _disruption_budget(spec: Spec, service: Service, deployment: Deployment) -> Object:
    """One replica at a time may leave. Said as the most that may be missing, never as the fewest that must stay: the
    latter, at the number that runs, would keep a node from ever being drained."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": every_pod(deployment)},
        },
    }


def _notes(service: Service, deployment: Deployment) -> Iterator[str]:
    name, replicas = service.name, deployment.replicas
    if deployment.canary is not None and deployment.canary.by == "argo":
        yield f"{name}: its pods are run by the Rollout of the target argo-rollouts; no Deployment is written"
    if deployment.canary is not None and deployment.canary.by == "flagger" and deployment.ports:
        yield f"{name}: its Services are made by Flagger (target flagger); none is written"
    if deployment.health is None:
        yield f"{name}: without `health` Kubernetes takes a started process for a working one"
    if deployment.access is None:
        yield f"{name}: without `access` every pod of the cluster may talk to it; no NetworkPolicy is written"
    if replicas.least < 2:
        yield f"{name}: with one replica every restart and every drained node is an outage"
    if replicas.events_per_replica is not None and not counted_slo(service):
        yield f"{name}: replicas cannot follow events, since none of its objectives counts any"
