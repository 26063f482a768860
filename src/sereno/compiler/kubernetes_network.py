"""What the network lets through to a service and from it: what is declared, and the names of others. Nothing else."""

from __future__ import annotations

from sereno.compiler.kubernetes_objects import Object, every_pod, metadata
from sereno.compiler.text import Value
from sereno.kernel.errors import UsageError
from sereno.spec.model import Service, Spec
from sereno.spec.model_delivery import Deployment, Peer

_NAMESPACE = "kubernetes.io/metadata.name"
_DNS: Value = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {_NAMESPACE: "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
# A sidecar that cannot reach Istio's control plane keeps its pod from ever becoming ready.
_MESH: Value = {
    "to": [{"namespaceSelector": {"matchLabels": {_NAMESPACE: "istio-system"}}}],
    "ports": [{"protocol": "TCP", "port": 15012}],
}
_INGRESS: Value = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"istio": "ingressgateway"}}}


def network_policy(spec: Spec, service: Service, deployment: Deployment) -> Object:
    """A policy for all pods of the service; with a `route` Istio's own ways are open.

    Raises UsageError for a peer whose pods are not known.
    """
    assert deployment.access is not None
    scraped = deployment.metrics.port if deployment.metrics else ""
    own = [port.number for port in deployment.ports if port.name != scraped or len(deployment.ports) == 1]
    incoming = [_rule(spec, service, "from", peer, own) for peer in deployment.access.incoming]
    if deployment.route is not None:
        incoming.append({"from": [_INGRESS], "ports": [{"protocol": "TCP", "port": port} for port in own]})
    outgoing = [_rule(spec, service, "to", peer, _ports_of(spec, peer)) for peer in deployment.access.outgoing]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(spec, service, deployment.name, deployment.namespace),
        "spec": {
            "podSelector": {"matchLabels": every_pod(deployment)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": incoming,
            "egress": [_DNS, *([_MESH] if deployment.route is not None else []), *outgoing],
        },
    }


def _rule(spec: Spec, service: Service, direction: str, peer: Peer, otherwise: list[int]) -> Value:
    ports: list[int | str] = list(peer.ports) or list(otherwise)
    found: dict[str, Value] = {direction: [_peer(spec, service, peer)]}
    if ports:
        found["ports"] = [{"protocol": "TCP", "port": port} for port in ports]
    return found


def _peer(spec: Spec, service: Service, peer: Peer) -> Value:
    if peer.cidr:
        return {"ipBlock": {"cidr": peer.cidr}}
    if peer.namespace:
        return {"namespaceSelector": {"matchLabels": {_NAMESPACE: peer.namespace}}}
    other = spec.services[peer.service].deployment
    if other is None:
        raise UsageError(
            f"{service.name}: the network cannot be opened to {peer.service}, which has no `deployment`",
            hint="name its `namespace` or its `cidr` instead",
        )
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE: other.namespace}},
        "podSelector": {"matchLabels": every_pod(other)},
    }


def _ports_of(spec: Spec, peer: Peer) -> list[int]:
    other = spec.services[peer.service].deployment if peer.service else None
    if other is None:
        return []
    scraped = other.metrics.port if other.metrics else ""
    return [port.number for port in other.ports if port.name != scraped or len(other.ports) == 1]
