"""A dashboard as the linter sees it: where it begins, its panels, their queries and its variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sereno.lint.model import Document
from sereno.lint.paths import at, items, mappings, text
from sereno.spec.source import Mapping, Node, Scalar

REMOVED = {
    "graph": "timeseries",
    "singlestat": "stat",
    "table-old": "table",
    "grafana-piechart-panel": "piechart",
    "grafana-worldmap-panel": "geomap",
    "grafana-polystat-panel": "stat",
    "natel-discrete-panel": "state-timeline",
    "flant-statusmap-panel": "status-history",
    "michaeldmoore-annunciator-panel": "stat",
    "briangann-gauge-panel": "gauge",
    "jdbranham-diagram-panel": "nodeGraph",
}
"""Panels written with AngularJS, which Grafana 12 does not start any more, and what took their place."""
SILENT = ("row", "text", "news", "dashlist", "alertlist", "annolist", "welcome", "pluginlist", "gettingstarted")
"""Panels that ask no data source."""


@dataclass(frozen=True)
class Dashboard:
    """One dashboard: its mapping, whether it stands in the envelope of Grafana's API, and what lies in it."""

    root: Mapping
    envelope: Mapping | None = None

    @cached_property
    def panels(self) -> tuple[Mapping, ...]:
        """All panels, those folded into rows among them, rows themselves too."""
        return tuple(_panels(self.root.get("panels"))) + tuple(
            panel for row in mappings(self.root.get("rows")) for panel in _panels(row.get("panels"))
        )

    @cached_property
    def asking(self) -> tuple[Mapping, ...]:
        """The panels that ask a data source, as far as one can tell."""
        return tuple(p for p in self.panels if text(p.get("type")) not in SILENT and p.get("libraryPanel") is None)

    @cached_property
    def variables(self) -> tuple[Mapping, ...]:
        """The variables of the dashboard."""
        return mappings(at(self.root, "templating", "list"))

    def variable(self, kind: str) -> tuple[Mapping, ...]:
        """The variables of one type."""
        return tuple(v for v in self.variables if text(v.get("type")) == kind)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of its variables."""
        return frozenset(text(v.get("name")) for v in self.variables)

    @cached_property
    def title(self) -> Node:
        """Where complaints about the whole are shown."""
        return self.root.get("title") or self.root


def dashboard_of(document: Document) -> Dashboard | None:
    """The dashboard in `document`: bare, in the envelope of the API, or in a resource; None if it is of a schema
    that is not read (version 2, Perses)."""
    node = document.node
    if not isinstance(node, Mapping):
        return None
    inner = node.get("dashboard")
    if isinstance(inner, Mapping) and node.get("panels") is None:
        return Dashboard(inner, node)
    version = text(node.get("apiVersion"))
    if version.startswith("dashboard.grafana.app/"):
        spec = node.get("spec")
        return Dashboard(spec) if isinstance(spec, Mapping) and spec.get("elements") is None else None
    return None if version or node.get("Panels") else Dashboard(node)


def targets(panel: Mapping) -> tuple[Mapping, ...]:
    """The queries of a panel."""
    return mappings(panel.get("targets"))


def queries(panel: Mapping) -> Iterator[tuple[Mapping, Scalar]]:
    """The queries of a panel that hold an expression, with it."""
    for target in targets(panel):
        expr = target.get("expr")
        if isinstance(expr, Scalar) and expr.value.strip():
            yield target, expr


def source_type(node: Node | None) -> str:
    """The type of the data source that a panel, query or variable names; empty if it says none."""
    said = text(at(node, "datasource", "type"))
    name = text(at(node, "datasource")) or text(at(node, "datasource", "uid"))
    return said or ("loki" if "loki" in name.lower() else "")


def named(panel: Mapping) -> str:
    """A panel as people call it."""
    title, number = text(panel.get("title")), text(panel.get("id"))
    return f"the panel “{title}”" if title else f"panel {number}" if number else "a panel"


def _panels(node: Node | None) -> Iterator[Mapping]:
    for panel in items(node):
        if isinstance(panel, Mapping):
            yield panel
            yield from _panels(panel.get("panels"))
