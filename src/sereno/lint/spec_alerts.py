"""Checks of what PromQL a spec holds: its alerts, its SLIs by query, what fills up. The loader has read the rest."""

from __future__ import annotations

from dataclasses import replace

from sereno.lint.model import Context, Document
from sereno.lint.paths import at, mappings
from sereno.lint.query import Purpose, Query, check_query
from sereno.lint.reporting import Report
from sereno.lint.rules import alert_of_spec
from sereno.spec.source import Node, Scalar, locate

_WINDOW = "$window"


def check(document: Document, context: Context, report: Report) -> None:
    """Every expression in a service of the spec."""
    found = Report()
    node = document.node
    for alert in mappings(at(node, "alerts")):
        _query(at(alert, "expr"), "alert", found, context)
        alert_of_spec(alert, found, context)
    for slo in mappings(at(node, "slos")):
        for key in ("total", "bad", "good", "ratio"):
            _query(at(slo, "sli", "query", key), "sli", found, context)
        _query(at(slo, "sli", "gauge", "value"), "other", found, context)
    for saturation in mappings(at(node, "saturation")):
        _query(at(saturation, "used"), "other", found, context)
    for finding in found.findings():
        if finding.diagnostic.code not in ("SER060", "SER064"):  # the loader says so, and better
            report.add(finding)


def _query(node: Node | None, purpose: Purpose, report: Report, context: Context) -> None:
    if not isinstance(node, Scalar) or "${" in node.value:
        return
    text = node.value.replace(_WINDOW, "5m".ljust(len(_WINDOW)))
    own = Report()
    check_query(Query(text, node.file, lambda offset: locate(node, offset), purpose, style=node.style), own, context)
    for finding in own.findings():
        # what an edit copies of the text would bring the stand-in for $window with it
        report.add(replace(finding, edits=()) if _WINDOW in node.value else finding)
