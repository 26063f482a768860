"""New versions by Argo Rollouts: a Rollout that goes on only while the service's own objectives let it."""

from __future__ import annotations

from sereno.compiler.canary_queries import Judge, judges_of, number
from sereno.compiler.istio import CANARY, PRIMARY_ROUTE, STABLE
from sereno.compiler.kubernetes_objects import Object, deployed, documents, metadata, selector, shortened
from sereno.compiler.kubernetes_pods import pod_template, seconds
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Canary, CanaryStep, Deployment

_API = "argoproj.io/v1alpha1"
_HASH = "rollouts_pod_template_hash"
_HASH_ARG, _NAMESPACE_ARG = "canary-hash", "namespace"


def argo_rollouts(request: Request) -> Output:
    """A Rollout and the AnalysisTemplate that judges it, for each service whose canary goes out by Argo."""
    files: dict[str, str] = {}
    notes: list[str] = []
    for service, deployment in deployed(request.spec):
        canary = deployment.canary
        if canary is None or canary.by != "argo":
            continue
        if deployment.metrics is None:
            raise UsageError(f"{service.name}: a canary is judged by its metrics; say where they are (`metrics`)")
        address = request.spec.addresses.prometheus
        if not address:
            raise UsageError(
                f"{service.name}: a canary is judged by Prometheus; its address is not known",
                hint="write `addresses: {prometheus: …}` in the workspace document",
            )
        judges = judges_of(service, canary, _own(), patterns=())
        files[f"argo-rollouts/{deployment.namespace}/{deployment.name}.yml"] = documents(
            [
                _rollout(request.spec, service, deployment, canary),
                _template(request.spec, service, deployment, canary, judges, address),
            ]
        )
        if deployment.route is None:
            notes.append(
                f"{service.name}: without a `route` traffic is shared out by numbers of replicas: with "
                f"{deployment.replicas.least} of them a step of {canary.steps[0].weight}% is rounded up to one replica"
            )
    if not files:
        notes.append("no service has a `canary` by argo: nothing to write for Argo Rollouts")
    return Output(files, tuple(notes))


def _own() -> dict[str, str]:
    # The hash is of the pod's template alone: the same version in another namespace has the same.
    return {_HASH: f"{{{{args.{_HASH_ARG}}}}}", "namespace": f"{{{{args.{_NAMESPACE_ARG}}}}}"}


def _rollout(spec: Spec, service: Service, deployment: Deployment, canary: Canary) -> Object:
    replicas = deployment.replicas
    start = seconds(deployment.slow_start)
    found: dict[str, Value] = {} if replicas.most > replicas.least else {"replicas": replicas.least}
    strategy: dict[str, Value] = {"maxSurge": "25%", "maxUnavailable": 0}
    if deployment.route is not None:
        strategy["trafficRouting"] = {
            "istio": {
                "virtualService": {"name": deployment.name, "routes": [PRIMARY_ROUTE]},
                "destinationRule": {
                    "name": deployment.name,
                    "canarySubsetName": CANARY,
                    "stableSubsetName": STABLE,
                },
            }
        }
    strategy["steps"] = [part for step in canary.steps for part in _step(deployment, step)]
    found |= {
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": max(600, 3 * start),
        "progressDeadlineAbort": True,
        "minReadySeconds": 10,
        "selector": {"matchLabels": selector(deployment)},
        "strategy": {"canary": strategy},
        "template": pod_template(spec, service, deployment),
    }
    return {
        "apiVersion": _API,
        "kind": "Rollout",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": found,
    }


def _step(deployment: Deployment, step: CanaryStep) -> list[Value]:
    pause: dict[str, Value] = {"duration": format_duration(step.wait)} if step.wait is not None else {}
    return [
        {"setWeight": step.weight},
        {"pause": pause},
        {
            "analysis": {
                "templates": [{"templateName": template_name(deployment)}],
                "args": [
                    {"name": _HASH_ARG, "valueFrom": {"podTemplateHashValue": "Latest"}},
                    {"name": _NAMESPACE_ARG, "value": deployment.namespace},
                ],
            }
        },
    ]


def template_name(deployment: Deployment) -> str:
    """What the analysis is called."""
    return shortened(deployment.name, "-canary")


def _template(
    spec: Spec, service: Service, deployment: Deployment, canary: Canary, judges: tuple[Judge, ...], address: str
) -> Object:  # fmt: skip
    return {
        "apiVersion": _API,
        "kind": "AnalysisTemplate",
        "metadata": metadata(spec, service, template_name(deployment), deployment.namespace),
        "spec": {
            "args": [{"name": _HASH_ARG}, {"name": _NAMESPACE_ARG}],
            "metrics": [_metric(judge, canary, address) for judge in judges],
        },
    }


def _metric(judge: Judge, canary: Canary, address: str) -> Value:
    """Neither condition holds for an empty answer or NaN: that is inconclusive, neither passed nor failed."""
    known, limit = "len(result) > 0 && !isNaN(result[0])", number(judge.limit)
    return {
        "name": judge.name,
        "interval": format_duration(canary.every),
        "count": canary.checks,
        "failureLimit": canary.failures,
        "inconclusiveLimit": canary.undecided,
        "consecutiveErrorLimit": 4,
        "successCondition": f"{known} && result[0] <= {limit}",
        "failureCondition": f"{known} && result[0] > {limit}",
        "provider": {"prometheus": {"address": address, "timeout": 30, "query": judge.query}},
    }
