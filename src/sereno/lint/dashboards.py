"""Dashboards as wholes: what Grafana needs to keep one, and where its panels stand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sereno.lint.dashboards_embedded import inside
from sereno.lint.dashboards_model import Dashboard, dashboard_of, named
from sereno.lint.dashboards_panels import check_panel
from sereno.lint.dashboards_queries import check_queries
from sereno.lint.dashboards_variables import check_variables
from sereno.lint.model import Context, Document, Edit
from sereno.lint.paths import at, is_true, key, number, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node

WIDTH = 24
"""Columns of Grafana's grid."""


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about the dashboard in `document`."""
    if text(at(document.node, "kind")) == "GrafanaDashboard":
        document = replace(document, node=inside(at(document.node, "spec", "json"), report))
    dashboard = dashboard_of(document)
    if dashboard is not None:
        check_dashboard(dashboard, context, report)


def check_dashboard(dashboard: Dashboard, context: Context, report: Report) -> None:
    """Everything about one dashboard."""
    _check_envelope(dashboard, report)
    _check_identity(dashboard, report)
    _check_ids(dashboard, report)
    _check_grid(dashboard, report)
    check_variables(dashboard, report)
    for panel in dashboard.panels:
        check_panel(panel, report)
    check_queries(dashboard, context, report)


def _check_envelope(dashboard: Dashboard, report: Report) -> None:
    envelope, root = dashboard.envelope, dashboard.root
    if envelope is None:
        return
    alone = len(envelope.entries) == 1
    edits = (Edit(envelope.start, root.start, ""), Edit(root.end, envelope.end, "")) if alone else ()
    report.complain(
        "SER400", key(envelope, "dashboard") or envelope,
        "this is what Grafana's API is sent, not a dashboard: provisioning finds no title in it and skips the file",
        expected="the dashboard itself, without {\"dashboard\": …} around it", edits=edits,
    )  # fmt: skip


def _check_identity(dashboard: Dashboard, report: Report) -> None:
    root = dashboard.root
    if not text(root.get("title")).strip():
        report.complain("SER401", root.get("title") or root, "the dashboard has no title: Grafana refuses to save it")
    if not text(root.get("uid")):
        report.complain(
            "SER402", root.get("uid") or dashboard.title,
            "the dashboard has no `uid`: each import gives it a new one, and links in alerts and runbooks break",
            hint='"uid": "shop-api": at most 40 letters, digits, - and _',
        )  # fmt: skip
    version = number(root.get("schemaVersion"))
    if version is None:
        report.complain(
            "SER403", root.get("schemaVersion") or dashboard.title,
            "the dashboard has no `schemaVersion`: Grafana takes it for one of its first and rewrites all panels",
            hint='"schemaVersion": 39',
        )  # fmt: skip
    if is_true(root.get("editable")):
        node = root.get("editable")
        assert node is not None
        report.complain(
            "SER422", node, "a dashboard kept in a file can be edited in Grafana: what people change there is lost",
            expected="false", edits=(Edit(node.start, node.end, "false"),),
        )  # fmt: skip


def _check_ids(dashboard: Dashboard, report: Report) -> None:
    without = [p for p in dashboard.panels if not _id_of(p)]
    if without:
        many = f"{len(without)} of {len(dashboard.panels)} panels have"
        report.complain(
            "SER404", without[0].get("id") or without[0],
            f"{many} no `id`: links to one panel, and its rendering as an image, lead nowhere", hint='"id": 1, 2, 3 …'
        )  # fmt: skip
    taken = {_id_of(p) for p in dashboard.panels}
    free = max((int(i) for i in taken if i.isascii() and i.isdigit()), default=0) + 1
    seen: dict[str, Mapping] = {}
    for panel in dashboard.panels:
        this, node = _id_of(panel), panel.get("id")
        if this and this in seen and node is not None:
            edits = (Edit(node.start, node.end, str(free)),) if this.isdigit() and not _pointed_at(dashboard) else ()
            report.complain(
                "SER405", node, f"{named(panel)} has the id {this} of {named(seen[this])}: Grafana gives one of "
                "them another, so that links and images show the wrong one", expected="an id of its own", edits=edits,
            )  # fmt: skip
            free += 1
        seen.setdefault(this, panel)


def _id_of(panel: Mapping) -> str:
    found = text(panel.get("id"))
    return "" if found == "0" else found


def _pointed_at(dashboard: Dashboard) -> bool:
    """Whether something names panels by their id, so that renumbering them would break it."""
    body = dashboard.root.file.text
    return any(word in body for word in ('"panelId"', "viewPanel=", "editPanel="))


def _check_grid(dashboard: Dashboard, report: Report) -> None:
    top = [p for p in dashboard.panels if dashboard.root.get("rows") is None]
    without = [p for p in top if not isinstance(p.get("gridPos"), Mapping)]
    if without:
        report.complain(
            "SER406", without[0],
            f"{len(without)} of {len(top)} panels do not say where they stand (`gridPos`): Grafana piles them up in "
            "the upper left corner", hint='"gridPos": {"h": 8, "w": 12, "x": 0, "y": 0}',
        )  # fmt: skip
    _check_level(dashboard.root.get("panels"), report)
    for row in dashboard.panels:
        if text(row.get("type")) == "row" and row.get("panels") is not None:
            _check_level(row.get("panels"), report)


def _check_level(node: Node | None, report: Report) -> None:
    """No two panels beside one another share a cell; none reaches out of the grid."""
    cells: dict[int, list[tuple[int, int, Mapping]]] = defaultdict(list)
    for panel in getattr(node, "items", ()):
        grid = _grid(panel)
        if grid is None:
            continue
        x, y, w, h = grid
        place = at(panel, "gridPos") or panel
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > WIDTH:
            report.complain(
                "SER408", place, f"{named(panel)} reaches from column {x} to {x + w}: the grid has {WIDTH}",
                expected=f"x + w of at most {WIDTH}, nothing negative, and a width and height of at least 1",
            )  # fmt: skip
            continue
        rows = range(y, min(y + h, y + 200))
        taken = (o for row in rows for left, right, o in cells[row] if left < x + w and x < right)
        other = next(taken, None)
        if other is not None:
            report.complain(
                "SER407", place, f"{named(panel)} lies over {named(other)}: Grafana pushes one of them "
                "down, and all that stands below", hint="give it a place of its own",
            )  # fmt: skip
        for row in rows:
            cells[row].append((x, x + w, panel))


def _grid(panel: Node) -> tuple[int, int, int, int] | None:
    """x, y, width and height of a panel, as far as all four are given; rows always are as wide as the grid."""
    if not isinstance(panel, Mapping) or text(panel.get("type")) == "row":
        return None
    found = [number(at(panel, "gridPos", name)) for name in ("x", "y", "w", "h")]
    if any(n is None or n.denominator != 1 or abs(n) > 1_000_000 for n in found):
        return None
    x, y, w, h = (int(n) for n in found if n is not None)
    return x, y, w, h
