"""Manifests of Kubernetes: each kind is handed to those who know it."""

from __future__ import annotations

from sereno.lint.argo import check_analysis, check_canary, check_rollout
from sereno.lint.istio import check_istio
from sereno.lint.kubernetes_chaos import check_engine
from sereno.lint.kubernetes_embedded import check_embedded
from sereno.lint.kubernetes_model import WORKLOADS, Manifest, manifest_of
from sereno.lint.kubernetes_pods import check_pod
from sereno.lint.kubernetes_scaling import (
    check_budget,
    check_monitor,
    check_network,
    check_scaler,
    check_service,
)
from sereno.lint.model import Context, Document, Edit
from sereno.lint.reporting import Report

_OLD = {
    ("policy/v1beta1", "PodDisruptionBudget"): ("policy/v1", "1.25", True),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.26", True),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.25", False),
    ("batch/v1beta1", "CronJob"): ("batch/v1", "1.25", True),
    ("networking.k8s.io/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22", False),
    ("extensions/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22", False),
    ("extensions/v1beta1", "Deployment"): ("apps/v1", "1.16", False),
    ("apps/v1beta1", "Deployment"): ("apps/v1", "1.16", False),
    ("apps/v1beta2", "Deployment"): ("apps/v1", "1.16", False),
    ("extensions/v1beta1", "DaemonSet"): ("apps/v1", "1.16", False),
    ("apps/v1beta2", "StatefulSet"): ("apps/v1", "1.16", False),
    ("extensions/v1beta1", "NetworkPolicy"): ("networking.k8s.io/v1", "1.16", False),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): ("rbac.authorization.k8s.io/v1", "1.22", True),
    ("rbac.authorization.k8s.io/v1beta1", "Role"): ("rbac.authorization.k8s.io/v1", "1.22", True),
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"): ("rbac.authorization.k8s.io/v1", "1.22", True),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): ("rbac.authorization.k8s.io/v1", "1.22", True),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): ("scheduling.k8s.io/v1", "1.22", True),
    ("storage.k8s.io/v1beta1", "StorageClass"): ("storage.k8s.io/v1", "1.22", True),
}
"""Versions that are gone: what took their place, with which release of Kubernetes, and whether the fields are the same.
Source: Kubernetes, Deprecated API Migration Guide."""


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about the object in `document`."""
    manifest = manifest_of(document)
    if manifest is None:
        return
    _check_version(manifest, report)
    if manifest.pod is not None:
        check_pod(manifest, report)
    if manifest.kind in WORKLOADS:
        check_network(manifest, context, report)
    _check_kind(manifest, document, context, report)
    check_istio(manifest, context, report)
    check_embedded(manifest, document, context, report)


def _check_kind(manifest: Manifest, document: Document, context: Context, report: Report) -> None:
    kind, group = manifest.kind, manifest.version.partition("/")[0]
    if kind == "PodDisruptionBudget":
        check_budget(manifest, context, report)
    elif kind == "HorizontalPodAutoscaler":
        check_scaler(manifest, context, report)
    elif kind == "Service" and manifest.version == "v1":
        check_service(manifest, document, context, report)
    elif kind == "ServiceMonitor":
        check_monitor(manifest, context, report)
    elif kind == "Rollout" and group == "argoproj.io":
        check_rollout(manifest, context, report)
    elif kind in ("AnalysisTemplate", "ClusterAnalysisTemplate"):
        check_analysis(manifest, context, report)
    elif kind == "Canary" and group == "flagger.app":
        check_canary(manifest, report)
    elif kind == "ChaosEngine":
        check_engine(manifest, report)


def _check_version(manifest: Manifest, report: Report) -> None:
    new = _OLD.get((manifest.version, manifest.kind))
    node = manifest.root.get("apiVersion")
    if new is None or node is None:
        return
    version, gone, same = new
    report.complain(
        "SER530", node, f"{manifest.version} is not served since Kubernetes {gone}: the object cannot be applied",
        expected=version, hint=None if same else "its fields changed too",
        edits=(Edit(node.start, node.end, version),) if same else (),
    )  # fmt: skip
