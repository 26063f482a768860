"""Files that lie as text in ConfigMaps and Secrets: dashboards, rules, configuration, judged where they stand."""

from __future__ import annotations

from dataclasses import replace

from sereno.lint.dashboards import check_dashboard
from sereno.lint.dashboards_embedded import alone, inside
from sereno.lint.dashboards_model import dashboard_of
from sereno.lint.documents import read
from sereno.lint.kubernetes_model import Manifest
from sereno.lint.model import Context, Document
from sereno.lint.paths import entries
from sereno.lint.reporting import Report
from sereno.spec.source import Node, Scalar

_YAML = (".yaml", ".yml", ".rules")
_JUDGED = ("rules", "alertmanager", "prometheus", "pipeline")


def check_embedded(manifest: Manifest, document: Document, context: Context, report: Report) -> None:
    """Every file inside of a ConfigMap, or of a Secret that is written as text."""
    fields = {"ConfigMap": "data", "Secret": "stringData"}
    for name, value in entries(manifest.root.get(fields.get(manifest.kind, "data"))):
        if manifest.kind not in fields:
            return
        if name.value.endswith(".json"):
            _check_dashboard(value, document, context, report)
        elif name.value.endswith(_YAML):
            _check_yaml(name.value, value, document, context, report)


def _check_dashboard(value: Node, document: Document, context: Context, report: Report) -> None:
    node = inside(value, report)
    if node is not None and (node.get("panels") is not None or node.get("dashboard") is not None):
        dashboard = dashboard_of(Document("dashboard", document.file, node))
        if dashboard is not None:
            check_dashboard(dashboard, context, report)


def _check_yaml(name: str, value: Node, document: Document, context: Context, report: Report) -> None:
    from sereno.lint.checks import checks_of

    if not isinstance(value, Scalar) or value.style != "literal":
        return
    inner = read(f"{name}.yaml", alone(value), value.file.shown).documents
    around = replace(context, documents=(*context.documents, *inner))
    for part in inner:
        if part.kind in _JUDGED:
            for check in checks_of(part.kind):
                check(part, around, report)
