"""Requests through Istio: by which gateway they come in, how they are shared out, how long they may take."""

from __future__ import annotations

from collections.abc import Iterator

from sereno.compiler.kubernetes_objects import NAME, TRACK, Object, deployed, documents, metadata
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment, Route

_API = "networking.istio.io/v1"
STABLE, CANARY = "stable", "canary"
PRIMARY_ROUTE = "primary"


def istio(request: Request) -> Output:
    """VirtualService, DestinationRule and Gateway of Istio for each service with a `route`.

    The subsets of two versions with a canary, the Gateway where a certificate is named.
    """
    files: dict[str, str] = {}
    notes: list[str] = []
    for service, deployment in deployed(request.spec):
        route = deployment.route
        if route is None:
            continue
        objects = list(_objects(request.spec, service, deployment, route))
        if objects:
            files[f"istio/{deployment.namespace}/{deployment.name}.yml"] = documents(objects)
        if deployment.canary is not None and deployment.canary.by == "flagger":
            notes.append(f"{service.name}: its VirtualService and DestinationRule are made by Flagger")
        if deployment.canary is not None and deployment.canary.by == "istio":
            first = deployment.canary.steps[0].weight
            notes.append(f"{service.name}: by hand; {first}% go to the new version, and nobody judges it but people")
        if route.retries and (route.retries + 1) * route.retry_within > route.timeout:
            notes.append(
                f"{service.name}: {route.retries + 1} tries of {format_duration(route.retry_within)} do not fit into "
                f"the timeout of {format_duration(route.timeout)}; the last are cut off"
            )
    if not files and not notes:
        notes.append("no service has a `route`: nothing to write for Istio")
    return Output(files, tuple(notes))


def gateways_of(deployment: Deployment, route: Route) -> list[str]:
    """The gateways that the route is reached through, the mesh itself among them."""
    if route.secret:
        return [f"{deployment.namespace}/{deployment.name}", "mesh"]
    return [route.gateway, "mesh"] if route.gateway else ["mesh"]


def host_of(deployment: Deployment) -> str:
    """The address of the service inside the cluster."""
    return f"{deployment.name}.{deployment.namespace}.svc.cluster.local"


def retries_of(route: Route) -> dict[str, Value]:
    """The retries of a route, for VirtualServices and for Flagger."""
    if not route.retries:
        return {"attempts": 0}  # without it Istio would retry twice by itself
    return {
        "attempts": route.retries,
        "perTryTimeout": format_duration(route.retry_within),
        "retryOn": ",".join(route.retry_on),
    }


def port_of(service: Service, deployment: Deployment) -> int:
    """The port that requests are sent to: the first that is not for metrics alone. Raises UsageError without one."""
    scraped = deployment.metrics.port if deployment.metrics else ""
    ports = [port for port in deployment.ports if port.name != scraped] or list(deployment.ports)
    if not ports:
        raise UsageError(f"{service.name}: a `route` leads to a port, and the deployment has none")
    return ports[0].number


def _objects(spec: Spec, service: Service, deployment: Deployment, route: Route) -> Iterator[Object]:
    by = deployment.canary.by if deployment.canary else ""
    if route.secret:
        yield _gateway(spec, service, deployment, route)
    if by == "flagger":
        return
    yield {
        "apiVersion": _API,
        "kind": "VirtualService",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": {
            "hosts": [*route.hosts, host_of(deployment)],
            "gateways": gateways_of(deployment, route),
            "http": [
                {
                    "name": PRIMARY_ROUTE,
                    "route": _destinations(service, deployment),
                    "timeout": format_duration(route.timeout),
                    "retries": retries_of(route),
                }
            ],
        },
    }
    if by:
        yield {
            "apiVersion": _API,
            "kind": "DestinationRule",
            "metadata": metadata(spec, service, deployment.name, deployment.namespace),
            "spec": {"host": host_of(deployment), "subsets": [_subset(deployment, each) for each in (STABLE, CANARY)]},
        }


def _destinations(service: Service, deployment: Deployment) -> Value:
    """Where requests go. With Argo all to the stable version: it moves the weights itself from there."""
    to: dict[str, Value] = {"host": host_of(deployment), "port": {"number": port_of(service, deployment)}}
    canary = deployment.canary
    if canary is None:
        return [{"destination": to}]
    weight = canary.steps[0].weight if canary.by == "istio" else 0
    return [
        {"destination": {**to, "subset": STABLE}, "weight": 100 - weight},
        {"destination": {**to, "subset": CANARY}, "weight": weight},
    ]


def _subset(deployment: Deployment, name: str) -> Value:
    """Argo adds the label that tells its two versions apart; by hand it is `track`."""
    assert deployment.canary is not None
    marks = {NAME: deployment.name} if deployment.canary.by == "argo" else {TRACK: name}
    return {"name": name, "labels": dict(marks)}


def _gateway(spec: Spec, service: Service, deployment: Deployment, route: Route) -> Object:
    hosts = list(route.hosts)
    return {
        "apiVersion": _API,
        "kind": "Gateway",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": hosts,
                    "tls": {"mode": "SIMPLE", "credentialName": route.secret, "minProtocolVersion": "TLSV1_2"},
                },
                {
                    "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                    "hosts": hosts,
                    "tls": {"httpsRedirect": True},
                },
            ],
        },
    }
