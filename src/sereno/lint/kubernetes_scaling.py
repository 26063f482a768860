"""How many pods there are, who may take them away, and who finds them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from sereno.lint.kubernetes_model import WORKLOADS, Manifest, keys_of, manifests, selects
from sereno.lint.model import Context, Document
from sereno.lint.paths import at, is_true, key, mappings, number, text, texts
from sereno.lint.reporting import Report
from sereno.spec.source import Node, Scalar


def check_budget(manifest: Manifest, context: Context, report: Report) -> None:
    """A PodDisruptionBudget that lets no pod go, and one that covers none."""
    least, most = at(manifest.root, "spec", "minAvailable"), at(manifest.root, "spec", "maxUnavailable")
    selector = at(manifest.root, "spec", "selector")
    covered = [w for w in manifests(context) if _runs(w) and w.same_space(manifest) and selects(selector, w.pod_labels)]
    if isinstance(most, Scalar) and text(most) in ("0", "0%"):
        _blocks(manifest, most, "maxUnavailable is 0", report)
    for workload in covered:
        count, why = replicas(workload, context)
        needed = _of(least, count)
        if isinstance(least, Scalar) and needed is not None and needed >= count > 0:
            _blocks(manifest, least, f"minAvailable is {text(least)} and {workload.called} has {why}", report)


def _blocks(manifest: Manifest, node: Node, why: str, report: Report) -> None:
    report.complain(
        "SER520", node, f"{why}: no pod may ever be moved, so draining a node waits for ever and upgrades of the "
        "cluster stand still", expected="fewer than there are, such as maxUnavailable: 1, with two pods or more",
    )  # fmt: skip


def _of(node: Node | None, count: int) -> int | None:
    """A number of pods, or a percentage of `count`, rounded up as Kubernetes does."""
    given = text(node)
    share = given.removesuffix("%")
    if not share.isascii() or not share.isdigit() or len(share) > 9:
        return None
    return ceil(Fraction(int(share) * count, 100)) if given != share else int(share)


def _runs(manifest: Manifest) -> bool:
    return manifest.kind in WORKLOADS and manifest.pod is not None


def replicas(workload: Manifest, context: Context) -> tuple[int, str]:
    """How many pods a workload has at least, and that in words."""
    for scaler in manifests(context):
        if scaler.kind == "HorizontalPodAutoscaler" and _scales(scaler, workload):
            least = number(at(scaler.root, "spec", "minReplicas"))
            count = int(least) if least is not None else 1
            return count, f"{count} when little is asked of it"
    given = number(at(workload.root, "spec", "replicas"))
    count = int(given) if given is not None else 1
    return count, "one" if count == 1 else f"{count}"


def _scales(scaler: Manifest, workload: Manifest) -> bool:
    reference = at(scaler.root, "spec", "scaleTargetRef")
    return (
        text(at(reference, "kind")) == workload.kind
        and text(at(reference, "name")) == workload.name
        and scaler.same_space(workload)
    )


def check_scaler(manifest: Manifest, context: Context, report: Report) -> None:
    """A HorizontalPodAutoscaler that cannot scale, or fights with what it scales."""
    least, most = at(manifest.root, "spec", "minReplicas"), at(manifest.root, "spec", "maxReplicas")
    low, high = number(least), number(most)
    if least is not None and low is not None and high is not None and low >= high:
        what = "it never scales" if low == high else "Kubernetes refuses it"
        report.complain(
            "SER521", least, f"minReplicas is {text(least)} and maxReplicas {text(most)}: {what}",
            expected="a maximum over the minimum",
        )  # fmt: skip
    target = next((w for w in manifests(context) if _runs(w) and _scales(manifest, w)), None)
    if target is None:
        return
    fixed = key(at(target.root, "spec"), "replicas")
    if fixed is not None:
        report.complain(
            "SER522", fixed, f"{manifest.called} decides how many pods {target.called} has: each time this file is "
            "applied "
            f"they are set back to {text(at(target.root, 'spec', 'replicas'))}, also under load",
            hint="leave replicas out", expected="no replicas beside an autoscaler",
        )  # fmt: skip
    _check_measured(manifest, target, report)


def _check_measured(scaler: Manifest, target: Manifest, report: Report) -> None:
    """A share of what was requested needs requests."""
    for metric in mappings(at(scaler.root, "spec", "metrics")):
        resource = text(at(metric, "resource", "name"))
        if text(metric.get("type")) != "Resource" or text(at(metric, "resource", "target", "type")) != "Utilization":
            continue
        without = [
            text(c.get("name")) for c in target.containers
            if at(c, "resources", "requests", resource) is None and at(c, "resources", "limits", resource) is None
        ]  # fmt: skip
        if without:
            report.complain(
                "SER523", at(metric, "resource", "name") or metric,
                f"{scaler.called} measures the share of the {resource} requested, and {without[0]!r} requests none: it "
                "never scales (“failed to get utilization: missing request”)",
                expected=f"resources.requests.{resource} in every container",
            )  # fmt: skip


def check_service(manifest: Manifest, document: Document, context: Context, report: Report) -> None:
    """A Service that finds none of the pods it stands with."""
    selector = at(manifest.root, "spec", "selector")
    if selector is None or not keys_of(selector):
        return
    beside = [w for w in manifests(context, document) if _runs(w) and w.same_space(manifest)]
    near = [w for w in beside if keys_of(selector) & set(w.pod_labels)]
    if near and not any(selects(selector, w.pod_labels) is not False for w in beside):
        report.complain(
            "SER524", selector, f"{manifest.called} selects no pods of {near[0].called}, beside which it stands: it "
            "has no endpoints, every request to it is refused", expected=_worn(near[0]),
        )  # fmt: skip
        return
    chosen = [w for w in manifests(context) if _runs(w) and w.same_space(manifest) and selects(selector, w.pod_labels)]
    names = {text(p.get("name")) for w in chosen for c in w.containers for p in mappings(c.get("ports"))}
    for port in mappings(at(manifest.root, "spec", "ports")):
        target = port.get("targetPort")
        if isinstance(target, Scalar) and target.kind == "text" and chosen and names and target.value not in names:
            report.complain(
                "SER525", target, f"no container of {chosen[0].called} has a port named {target.value!r}: the "
                "Service has no endpoints",
                expected=f"one of {', '.join(sorted(n for n in names if n))}" if any(names) else None,
            )  # fmt: skip


def _worn(workload: Manifest) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(workload.pod_labels.items()))


def check_monitor(manifest: Manifest, context: Context, report: Report) -> None:
    """A ServiceMonitor whose Service or port is not there."""
    selector = at(manifest.root, "spec", "selector")
    spaces = texts(at(manifest.root, "spec", "namespaceSelector", "matchNames"))
    anywhere = is_true(at(manifest.root, "spec", "namespaceSelector", "any"))
    services = [
        s for s in manifests(context)
        if s.kind == "Service" and (anywhere or s.namespace in spaces or (not spaces and s.same_space(manifest)))
    ]  # fmt: skip
    found = [s for s in services if selects(selector, s.labels)]
    near = [s for s in services if keys_of(selector) & set(s.labels)] or [
        s for s in services if s.name == manifest.name
    ]
    if not found and near and keys_of(selector):
        report.complain(
            "SER526", selector or manifest.place,
            f"{manifest.called} selects no Service: nothing is scraped, and nothing says so",
            expected=", ".join(f"{k}: {v}" for k, v in sorted(near[0].labels.items())) or "labels on the Service",
        )  # fmt: skip
    for endpoint in mappings(at(manifest.root, "spec", "endpoints")):
        port = endpoint.get("port")
        names = {text(p.get("name")) for s in found for p in mappings(at(s.root, "spec", "ports"))}
        if isinstance(port, Scalar) and found and port.value not in names:
            report.complain(
                "SER527", port, f"{found[0].called} has no port named {port.value!r}: nothing is scraped",
                expected=f"one of {', '.join(sorted(n for n in names if n))}" if any(names) else "a name for its port",
            )  # fmt: skip


def check_rules_selected(document: Document, context: Context, report: Report) -> None:
    """A PrometheusRule that the Prometheus beside it does not load."""
    if not isinstance(document.node, type(None)) and text(at(document.node, "kind")) == "PrometheusRule":
        rule = Manifest(document.node)  # type: ignore[arg-type]
        for server in manifests(context):
            selector = at(server.root, "spec", "ruleSelector")
            if server.kind == "Prometheus" and keys_of(selector) and selects(selector, rule.labels) is False:
                wanted = ", ".join(f"{k}: {text(at(selector, 'matchLabels', k))}" for k in sorted(keys_of(selector)))
                report.complain(
                    "SER528", rule.place, f"{server.called} loads only rules labelled {wanted}: none of these alerts "
                    "exists", expected=wanted,
                )  # fmt: skip


def check_network(manifest: Manifest, context: Context, report: Report) -> None:
    """A workload that no NetworkPolicy covers, where others are covered."""
    policies = [p for p in manifests(context) if p.kind == "NetworkPolicy" and p.same_space(manifest)]
    if not policies or not manifest.pod_labels:
        return
    if not any(selects(at(p.root, "spec", "podSelector"), manifest.pod_labels) is not False for p in policies):
        report.complain(
            "SER529", manifest.place, f"there are network policies beside it, but none is about {manifest.called}: "
            "it may be reached from everywhere", expected="a NetworkPolicy whose podSelector chooses its pods",
        )  # fmt: skip
