"""A dashboard as Grafana's JSON: schema version 39, which Grafana 10 to 12 load and which obeys the rules of 42.

A figure that stands alone (stat, gauge, bar gauge, table) is asked for at one instant, the end of the range: what is
not known now is shown as unknown, never as the last that was known.
"""

from __future__ import annotations

import json
from decimal import Decimal

from sereno.compiler.grafana_layout import Place, placed
from sereno.compiler.grafana_words import say
from sereno.compiler.text import Value
from sereno.kernel.duration import format_duration
from sereno.kernel.message import Language
from sereno.spec.dashboard_model import Annotation, Dashboard, Panel, PanelKind, Query, Step, Variable
from sereno.spec.model import Link

SCHEMA_VERSION = 39
SOURCE: Value = {"type": "prometheus", "uid": "${datasource}"}
TYPES: dict[PanelKind, str] = {
    "stat": "stat",
    "timeseries": "timeseries",
    "gauge": "gauge",
    "bar_gauge": "bargauge",
    "table": "table",
    "heatmap": "heatmap",
    "state_timeline": "state-timeline",
    "text": "text",
}
_INSTANT = frozenset({"stat", "gauge", "bar_gauge", "table"})
_SHOWN: Value = {"legend": False, "tooltip": False, "viz": False}
_REDUCED: Value = {"calcs": ["lastNotNull"], "fields": "", "values": False}
Json = dict[str, Value]


def dashboard_json(board: Dashboard, uid: str, *, language: Language = "en") -> Json:
    """`board` as Grafana reads it, known as `uid` for ever. A board of raw JSON comes out as it went in."""
    if board.raw:
        whole: Json = json.loads(board.raw)
        return whole
    return {
        "annotations": {"list": [_BUILT_IN, *map(_annotation, board.annotations)]},
        "description": board.description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [_SIBLINGS, *map(_link, board.links)],
        "panels": _panels(board, language),
        "refresh": format_duration(board.refresh),
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["sereno", *board.tags],
        "templating": {"list": [_DATASOURCE, *map(_variable, board.variables)]},
        "time": {"from": f"now-{format_duration(board.since)}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": board.title,
        "uid": uid,
        "version": 1,
        "weekStart": "",
    }


def panel_json(panel: Panel, number: int, place: Place, language: Language) -> Json:
    """One panel with its id and its place. A raw one keeps all but these two."""
    where: Value = {"h": place.height, "w": place.width, "x": place.x, "y": place.y}
    if panel.raw:
        return {**json.loads(panel.raw), "id": number, "gridPos": where}
    written: Json = {
        "id": number,
        "type": TYPES[panel.kind],
        "title": panel.title,
        "description": panel.description or _computed(panel, language),
        "gridPos": where,
        "pluginVersion": "10.0.0",
    }
    if panel.links:
        written["links"] = [{"title": link.name, "url": link.url, "targetBlank": True} for link in panel.links]
    if panel.kind == "text":
        return written | {"options": {"mode": "markdown", "content": panel.text, "code": _CODE}}
    written |= {
        "datasource": SOURCE,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel, language), "overrides": _overrides(panel)},
        "options": _options(panel),
    }
    if panel.since is not None:
        written["timeFrom"] = format_duration(panel.since)
    if panel.kind == "table":
        written["transformations"] = _transformations(panel)
    return written


_CODE: Value = {"language": "plaintext", "showLineNumbers": False, "showMiniMap": False}
_BUILT_IN: Value = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
_DATASOURCE: Value = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "query": "prometheus",
    "current": {},
    "hide": 0,
    "includeAll": False,
    "multi": False,
    "options": [],
    "refresh": 1,
    "regex": "",
    "skipUrlSync": False,
}
_SIBLINGS: Value = {
    "asDropdown": True,
    "icon": "dashboard",
    "includeVars": False,
    "keepTime": True,
    "tags": ["sereno"],
    "targetBlank": False,
    "title": "Sereno",
    "tooltip": "",
    "type": "dashboards",
    "url": "",
}


def _link(link: Link) -> Value:
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": link.name,
        "tooltip": "",
        "type": "link",
        "url": link.url,
    }


def _annotation(annotation: Annotation) -> Value:
    return {
        "datasource": SOURCE,
        "enable": True,
        "expr": annotation.expr,
        "hide": False,
        "iconColor": annotation.color,
        "name": annotation.name,
        "step": "60s",
        "tagKeys": "service,slo,severity",
        "textFormat": "",
        "titleFormat": annotation.title,
    }


def _variable(variable: Variable) -> Value:
    if variable.raw:
        kept: Json = json.loads(variable.raw)
        return kept
    written: Json = {
        "type": "custom" if variable.values else "query",
        "name": variable.name,
        "label": variable.title or variable.name,
        "hide": 0,
        "includeAll": variable.several,
        "multi": variable.several,
        "skipUrlSync": False,
    }
    if variable.several:
        written |= {"allValue": ".+", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    if variable.values:
        options: list[Value] = [
            {"selected": not variable.several and value == variable.values[0], "text": value, "value": value}
            for value in variable.values
        ]
        written |= {"options": options, "query": ",".join(value.replace(",", "\\,") for value in variable.values)}
        if not variable.several:
            written["current"] = options[0]
        return written
    query = f"label_values({variable.of}, {variable.label})" if variable.of else f"label_values({variable.label})"
    return written | {
        "datasource": SOURCE,
        "definition": query,
        "query": query,
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def _panels(board: Dashboard, language: Language) -> list[Value]:
    """Rows with their panels: ids from 1 in the order of reading, nothing upon anything else. No title, no heading."""
    found: list[Value] = []
    number, y = 1, 0
    for row in board.rows:
        inner: list[Value] = []
        headed = bool(row.title) or row.collapsed
        number += headed
        head: Json = {"id": number - 1, "type": "row", "title": row.title, "collapsed": row.collapsed, "panels": []}
        head["gridPos"] = {"h": 1, "w": 24, "x": 0, "y": y}
        places, below = placed(row.panels, y + headed)
        for panel, place in zip(row.panels, places, strict=True):
            inner.append(panel_json(panel, number, place, language))
            number += 1
        if row.collapsed:
            head["panels"], inner, below = inner, [], y + 1
        found += [head, *inner] if headed else inner
        y = below
    return found


def _computed(panel: Panel, language: Language) -> str:
    """What stands for a description that nobody wrote: how the figure comes about."""
    if panel.kind == "text" or not panel.queries:
        return panel.title
    return say("computed", language, exprs=", ".join(f"`{query.expr.strip()}`" for query in panel.queries))


def _target(panel: Panel, query: Query, index: int) -> Value:
    instant = panel.kind in _INSTANT
    written: Json = {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "instant": instant,
        "range": not instant,
        "refId": _ref(index),
    }
    if panel.kind == "table":
        written["format"] = "table"
    elif panel.kind == "heatmap":
        written |= {"format": "heatmap", "legendFormat": query.legend or "{{le}}"}
    else:
        written |= {"format": "time_series", "legendFormat": query.legend or "__auto"}
    return written


def _ref(index: int) -> str:
    """A … Z, AA, AB …"""
    first = _ref(index // 26 - 1) if index >= 26 else ""
    return first + chr(ord("A") + index % 26)


def _defaults(panel: Panel, language: Language) -> Json:
    written: Json = {
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "custom": _custom(panel),
        "mappings": _mappings(panel),
        "thresholds": {"mode": "absolute", "steps": [_step(step) for step in panel.steps or (Step(None, "green"),)]},
        "unit": panel.unit or "short",
    }
    if panel.kind in _INSTANT:
        written["noValue"] = say("nothing", language)
    if panel.decimals is not None:
        written["decimals"] = panel.decimals
    for key, bound in (("min", panel.least), ("max", panel.most)):
        if bound is not None:
            written[key] = number_of(bound)
    if not written["custom"]:
        del written["custom"]
    return written


def _mappings(panel: Panel) -> list[Value]:
    if not panel.mappings:
        return []
    options: Json = {}
    for index, each in enumerate(panel.mappings):
        colored: Json = {"color": each.color} if each.color else {}
        options[each.value] = {**colored, "index": index, "text": each.text}
    return [{"type": "value", "options": options}]


def _step(step: Step) -> Value:
    return {"color": step.color, "value": None if step.at is None else number_of(step.at)}


def number_of(value: Decimal) -> int | float:
    """The JSON number that reads as `value` was written."""
    return int(value) if value == value.to_integral_value() else float(value)


def _custom(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        return {
            "axisPlacement": "auto",
            "drawStyle": "line",
            "fillOpacity": 30 if panel.stacked else 8,
            "hideFrom": _SHOWN,
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "pointSize": 5,
            "showPoints": "auto",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if panel.lines else "off"},
        }
    if panel.kind == "state_timeline":
        return {"fillOpacity": 70, "hideFrom": _SHOWN, "lineWidth": 0, "spanNulls": False}
    if panel.kind == "table":
        return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
    return {"hideFrom": _SHOWN} if panel.kind == "heatmap" else {}


def _options(panel: Panel) -> Value:
    legend: Value = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
    match panel.kind:
        case "timeseries":
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "state_timeline":
            return {
                "alignValue": "left", "legend": legend, "mergeValues": True, "rowHeight": 0.9, "showValue": "auto",
                "tooltip": {"mode": "single", "sort": "none"},
            }  # fmt: skip
        case "stat":
            return {
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "reduceOptions": _REDUCED, "textMode": "auto",
            }  # fmt: skip
        case "gauge":
            return {
                "orientation": "auto", "reduceOptions": _REDUCED, "showThresholdLabels": False,
                "showThresholdMarkers": True,
            }  # fmt: skip
        case "bar_gauge":
            return {
                "displayMode": "basic", "minVizHeight": 16, "minVizWidth": 8, "orientation": "horizontal",
                "reduceOptions": _REDUCED, "showUnfilled": True, "valueMode": "color",
            }  # fmt: skip
        case "heatmap":
            return _heatmap(panel)
        case _:
            return _table(panel)


def _heatmap(panel: Panel) -> Value:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False, "scale": "exponential",
            "scheme": "Oranges", "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-09},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit or "short"},
    }  # fmt: skip


def _table(panel: Panel) -> Value:
    by: list[Value] = []
    if panel.sort:
        by = [{"desc": panel.sort.startswith("-"), "displayName": panel.sort.removeprefix("-")}]
    footer: Value = {"countRows": False, "fields": "", "reducer": ["sum"], "show": False}
    return {"cellHeight": "sm", "footer": footer, "showHeader": True, "sortBy": by}


def value_column(panel: Panel, index: int) -> str:
    """What Grafana calls the column of a table's query before it is renamed."""
    return f"Value #{_ref(index)}" if len(panel.queries) > 1 else "Value"


def _transformations(panel: Panel) -> list[Value]:
    hidden: Json = {"Time": True}
    names: Json = {}
    order: Json = {}
    for column in panel.columns:
        if column.title:
            names[column.label] = column.title
            order[column.label] = len(order)
        else:
            hidden[column.label] = True
    for index, query in enumerate(panel.queries):
        if query.legend:
            names[value_column(panel, index)] = query.legend
            order[value_column(panel, index)] = len(order)
        elif panel.columns:
            hidden[value_column(panel, index)] = True
    organized: Value = {"excludeByName": hidden, "indexByName": order, "renameByName": names}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organized}]


def _overrides(panel: Panel) -> list[Value]:
    found: list[Value] = []
    for query in panel.queries:
        properties: list[Value] = []
        if query.unit:
            properties.append({"id": "unit", "value": query.unit})
        if query.colored:
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if properties and query.legend:
            found.append({"matcher": {"id": "byName", "options": query.legend}, "properties": properties})
    return found
