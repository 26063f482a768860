"""Dashboards in ConfigMaps, as the sidecar of Grafana finds them."""

from __future__ import annotations

from sereno.lint.dashboards import check_dashboard
from sereno.lint.dashboards_embedded import inside
from sereno.lint.dashboards_model import dashboard_of
from sereno.lint.kubernetes_model import Manifest
from sereno.lint.model import Context, Document
from sereno.lint.paths import entries
from sereno.lint.reporting import Report


def check_embedded(manifest: Manifest, document: Document, context: Context, report: Report) -> None:
    """Every dashboard inside of a ConfigMap."""
    if manifest.kind != "ConfigMap":
        return
    for name, value in entries(manifest.root.get("data")):
        node = inside(value, report) if name.value.endswith(".json") else None
        if node is not None and (node.get("panels") is not None or node.get("dashboard") is not None):
            dashboard = dashboard_of(Document("dashboard", document.file, node))
            if dashboard is not None:
                check_dashboard(dashboard, context, report)
