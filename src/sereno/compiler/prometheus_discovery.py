"""How Prometheus finds targets by itself: files that others write, and what Kubernetes knows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sereno.compiler.text import Value
from sereno.spec.model_monitoring import Discovery, KubernetesTargets

_POD = "__meta_kubernetes_pod_"
_SLICE = "__meta_kubernetes_endpointslice_"
_ANNOTATION = f"{_POD}annotation_prometheus_io_"


def found_by(discovery: Discovery, job: str, labels: Mapping[str, str]) -> dict[str, Value]:
    """The sections of a scrape configuration that find targets and name them; `labels` are added to all."""
    fixed: list[Value] = [{"target_label": "job", "replacement": _literal(job)}]
    fixed += [{"target_label": name, "replacement": _literal(value)} for name, value in sorted(labels.items())]
    if discovery.kubernetes is None:
        return {"file_sd_configs": [{"files": list(discovery.files)}], "relabel_configs": fixed}
    return {
        "metrics_path": discovery.kubernetes.path,
        "scheme": discovery.kubernetes.scheme,
        "kubernetes_sd_configs": [_asked(discovery.kubernetes)],
        "relabel_configs": [*_relabelled(discovery.kubernetes), *fixed],
    }


def _literal(text: str) -> str:
    """`text` as a replacement: a dollar is a dollar."""
    return text.replace("$", "$$")


def _asked(targets: KubernetesTargets) -> Value:
    asked: dict[str, Value] = {"role": targets.role}
    if targets.namespaces:
        asked["namespaces"] = {"names": list(targets.namespaces)}
    if targets.selector:
        asked["selectors"] = [{"role": targets.role, "label": targets.selector}]
    return asked


def _relabelled(targets: KubernetesTargets) -> list[Value]:
    """Which of all ports are scraped, and what their samples are called."""
    rules: list[Value] = [
        # Pods that are done keep their address for a while; nobody answers there.
        {"source_labels": [f"{_POD}phase"], "regex": "Succeeded|Failed", "action": "drop"},
    ]
    if targets.port:
        side = f"{_POD}container_port_" if targets.role == "pod" else f"{_SLICE}port"
        number = targets.port.isdigit()
        by = f"{side}number" if number else f"{side}name" if targets.role == "pod" else f"{side}_name"
        if number and targets.role == "endpointslice":
            by = side
        rules.append({"source_labels": [by], "regex": re.escape(targets.port), "action": "keep"})
    if targets.annotations:
        rules += [
            {"source_labels": [f"{_ANNOTATION}scrape"], "regex": "true", "action": "keep"},
            {"source_labels": [f"{_ANNOTATION}path"], "regex": "(.+)", "target_label": "__metrics_path__"},
            # The port of the annotation, in place of whichever port was found; without one all ports stay.
            {
                "source_labels": ["__address__", f"{_ANNOTATION}port"],
                "regex": r"(.+?)(?::\d+)?;(\d+)",
                "target_label": "__address__",
                "replacement": "$1:$2",
            },
        ]
    rules += [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_POD}name"], "target_label": "pod"},
        {"source_labels": [f"{_POD}node_name"], "target_label": "node"},
    ]
    return rules
