"""New versions by Flagger over Istio: a Canary, and a query for each objective that judges it."""

from __future__ import annotations

from datetime import timedelta

from sereno.compiler.canary_queries import Judge, as_value, judges_of
from sereno.compiler.istio import gateways_of, port_of, retries_of
from sereno.compiler.kubernetes_objects import Object, deployed, documents, metadata, object_name, shortened
from sereno.compiler.kubernetes_pods import seconds
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Canary, Deployment, Route

_API = "flagger.app/v1beta1"
# Pods of the Deployment itself, which carries the new version; Flagger's copy is called TARGET-primary.
_PODS = "{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"


def flagger(request: Request) -> Output:
    """A Canary and its MetricTemplates, for each service whose canary goes out by Flagger."""
    files: dict[str, str] = {}
    notes: list[str] = []
    for service, deployment in deployed(request.spec):
        canary = deployment.canary
        if canary is None or canary.by != "flagger":
            continue
        _check(service, deployment, canary, request.spec)
        assert deployment.route is not None
        judges = judges_of(
            service, canary, {"namespace": "{{ namespace }}", "pod": _PODS}, patterns=("pod",)
        )  # fmt: skip
        files[f"flagger/{deployment.namespace}/{deployment.name}.yml"] = documents(
            [
                _canary(request.spec, service, deployment, canary, deployment.route, judges),
                *(_template(request.spec, service, deployment, judge) for judge in judges),
            ]
        )
        notes.append(
            f"{service.name}: Flagger checks once at the end of each step, so all of them wait "
            f"{format_duration(_interval(canary))}; a check without enough events counts as failed"
        )
    if not files:
        notes.append("no service has a `canary` by flagger: nothing to write for Flagger")
    return Output(files, tuple(notes))


def _check(service: Service, deployment: Deployment, canary: Canary, spec: Spec) -> None:
    name = service.name
    if deployment.route is None:
        raise UsageError(f"{name}: Flagger moves traffic through Istio; the deployment has no `route`")
    if deployment.metrics is None:
        raise UsageError(f"{name}: a canary is judged by its metrics; say where they are (`metrics`)")
    if not spec.addresses.prometheus:
        raise UsageError(
            f"{name}: a canary is judged by Prometheus; its address is not known",
            hint="write `addresses: {prometheus: …}` in the workspace document",
        )
    if any(step.wait is None for step in canary.steps):
        raise UsageError(f"{name}: Flagger does not wait for people; give each step a `wait`, or use argo")


def _interval(canary: Canary) -> timedelta:
    return max(step.wait for step in canary.steps if step.wait is not None)


def _canary(
    spec: Spec, service: Service, deployment: Deployment, canary: Canary, route: Route, judges: tuple[Judge, ...]
) -> Object:  # fmt: skip
    found: dict[str, Value] = {
        "provider": "istio",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.name},
    }
    if deployment.replicas.most > deployment.replicas.least:
        found["autoscalerRef"] = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "name": deployment.name,
        }
    port = port_of(service, deployment)
    name = next(each.name for each in deployment.ports if each.number == port)
    found |= {
        "progressDeadlineSeconds": max(600, 3 * seconds(deployment.slow_start)),
        "service": {
            "port": port,
            "portName": name,
            "targetPort": name,
            "gateways": gateways_of(deployment, route),
            "hosts": list(route.hosts),
            "timeout": format_duration(route.timeout),
            "retries": retries_of(route),
        },
        "analysis": {
            "interval": f"{seconds(_interval(canary))}s",
            "threshold": canary.failures + 1,
            "stepWeights": [step.weight for step in canary.steps],
            "metrics": [
                {
                    "name": judge.name,
                    "templateRef": {"name": _template_name(deployment, judge), "namespace": deployment.namespace},
                    "thresholdRange": {"max": as_value(judge.limit)},
                    "interval": f"{seconds(canary.over)}s",
                }
                for judge in judges
            ],
        },
    }
    return {
        "apiVersion": _API,
        "kind": "Canary",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": found,
    }


def _template_name(deployment: Deployment, judge: Judge) -> str:
    return shortened(object_name(f"{deployment.name}-{judge.name}"))


def _template(spec: Spec, service: Service, deployment: Deployment, judge: Judge) -> Object:
    return {
        "apiVersion": _API,
        "kind": "MetricTemplate",
        "metadata": metadata(spec, service, _template_name(deployment, judge), deployment.namespace),
        "spec": {
            "provider": {"type": "prometheus", "address": spec.addresses.prometheus},
            "query": judge.query,
        },
    }
