"""Istio: routes whose subsets, weights and order do not add up."""

from __future__ import annotations

from sereno.lint.kubernetes_model import Manifest, manifests
from sereno.lint.model import Context, Edit
from sereno.lint.paths import at, key, mappings, number, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Scalar

_GROUP = "networking.istio.io"
_KINDS = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "WorkloadEntry", "WorkloadGroup")


def check_istio(manifest: Manifest, context: Context, report: Report) -> None:
    """Everything about an object of Istio's networking."""
    group, _, version = manifest.version.partition("/")
    if group != _GROUP or manifest.kind not in _KINDS:
        return
    node = manifest.root.get("apiVersion")
    if version in ("v1beta1", "v1alpha3") and node is not None:
        report.complain(
            "SER560", node, f"{manifest.version} is the version of before Istio 1.22; its fields are those of v1",
            expected=f"{_GROUP}/v1", edits=(Edit(node.start, node.end, f"{_GROUP}/v1"),),
        )  # fmt: skip
    if manifest.kind == "VirtualService":
        _check_routes(manifest, context, report)


def _check_routes(manifest: Manifest, context: Context, report: Report) -> None:
    for protocol in ("http", "tcp", "tls"):
        routes = mappings(at(manifest.root, "spec", protocol))
        for index, route in enumerate(routes):
            destinations = mappings(route.get("route"))
            _check_weights(route, destinations, report)
            for destination in destinations:
                _check_subset(manifest, destination, context, report)
            if protocol != "tls" and route.get("match") is None and index + 1 < len(routes):
                report.complain(
                    "SER563", routes[index + 1], "the route before this one matches everything: this one is never "
                    "reached",
                    expected="the route without `match` last",
                )  # fmt: skip
                break


def _check_weights(route: Mapping, destinations: tuple[Mapping, ...], report: Report) -> None:
    given = [(d, number(d.get("weight"))) for d in destinations]
    total = sum((weight for _, weight in given if weight is not None), start=number(None) or 0)
    if len(destinations) > 1 and any(weight is not None for _, weight in given) and total != 100:
        report.complain(
            "SER562", key(route, "route") or route, f"the weights of this route add up to {total}, not to 100: "
            "shares are not the percentages that people read", expected="weights that add up to 100",
        )  # fmt: skip


def _check_subset(manifest: Manifest, destination: Mapping, context: Context, report: Report) -> None:
    subset, host = at(destination, "destination", "subset"), text(at(destination, "destination", "host"))
    if not isinstance(subset, Scalar) or not subset.value:
        return
    rules = [r for r in manifests(context) if r.kind == "DestinationRule" and _same_host(r, host, manifest)]
    names = {text(s.get("name")) for r in rules for s in mappings(at(r.root, "spec", "subsets"))}
    if subset.value not in names:
        known = f"the DestinationRule of {host} has {', '.join(sorted(names))}" if names else "no rule about it"
        report.complain(
            "SER561", subset, f"the subset {subset.value!r} of {host} is not there ({known}): Envoy answers 503",
            expected="a DestinationRule of that host with this subset, checked together with this file",
        )  # fmt: skip


def _same_host(rule: Manifest, host: str, manifest: Manifest) -> bool:
    """Whether a rule is about `host`: short names are within the namespace of their object."""
    other = text(at(rule.root, "spec", "host"))
    return (
        bool(other)
        and (other == host or (other.partition(".")[0] == host.partition(".")[0] and (("." in other) != ("." in host))))
        and (rule.same_space(manifest) or "." in other or "." in host)
    )
