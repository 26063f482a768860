"""Perses: the same dashboards as its resources, for those who keep dashboards without Grafana."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sereno.compiler.grafana import boards_of
from sereno.compiler.grafana_json import number_of
from sereno.compiler.grafana_layout import placed
from sereno.compiler.grafana_words import say
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.message import Language
from sereno.slo.queries import inside
from sereno.spec.dashboard_model import Dashboard, Panel, PanelRow, Query, Variable

FOLDER = "perses"
Json = dict[str, Value]
_NAME_MAX = 75
_UNITS: Mapping[str, str] = {
    "percentunit": "percent-decimal", "percent": "percent", "s": "seconds", "dtdurations": "seconds",
    "ms": "milliseconds", "dtdurationms": "milliseconds", "m": "minutes", "h": "hours", "d": "days", "bytes": "bytes",
    "decbytes": "bytes", "Bps": "bytes/sec", "binBps": "bytes/sec", "bps": "bits/sec", "ops": "ops/sec",
    "reqps": "requests/sec", "rps": "reads/sec", "wps": "writes/sec", "pps": "packets/sec", "cps": "counts/sec",
    "eps": "events/sec", "recps": "records/sec", "rowsps": "rows/sec", "currencyUSD": "usd", "currencyEUR": "eur",
    "currencyGBP": "gbp", "currencyJPY": "jpy", "currencyCHF": "chf", "currencyINR": "inr", "currencyKRW": "krw",
    "currencyNOK": "nok", "currencySEK": "sek",
}  # fmt: skip
_COLORS: Mapping[str, str] = {
    "green": "#56A64B", "yellow": "#F2CC0C", "orange": "#FF780A", "red": "#E02F44", "blue": "#3274D9",
    "purple": "#A352CC", "gray": "#8E8E8E", "text": "#8E8E8E",
}  # fmt: skip
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")


def perses(request: Request) -> Output:
    """Perses dashboards (overview, services, objectives, declared ones) as resources of one project."""
    project = _slug(request.spec.name) or "sereno"
    files: dict[str, str] = {}
    notes: list[str] = []
    taken: set[str] = set()
    for file, uid, board in boards_of(request):
        if board.raw:
            notes.append(f"{board.name} is left out of Perses: it is kept as Grafana's JSON")
            continue
        name = _apart(_slug(file)[:_NAME_MAX] or uid, uid, taken)
        resource, said = dashboard_resource(board, name, project, language=request.language)
        files[f"{FOLDER}/{file}.yaml"] = yaml(resource)
        notes += said
    return Output(files, tuple(dict.fromkeys(notes)))


def _apart(name: str, uid: str, taken: set[str]) -> str:
    """`name`, or the dashboard's identity where two names would be the same."""
    found = name if name not in taken else uid
    taken.add(found)
    return found


def _slug(text: str) -> str:
    return _SLUG.sub("-", text).strip("-")


def dashboard_resource(
    board: Dashboard, name: str, project: str, *, language: Language = "en"
) -> tuple[Json, tuple[str, ...]]:  # fmt: skip
    """`board` as a resource of Perses, called `name` in `project`, and sentences about what it cannot show."""
    panels: Json = {}
    layouts: list[Value] = []
    notes: list[str] = []
    for row_number, row in enumerate(board.rows):
        shown = []
        for panel in row.panels:
            if panel.kind == "raw":
                notes.append(f"{board.title}: a panel kept as Grafana's JSON is left out of Perses")
            else:
                shown.append(panel)
        items: list[Value] = []
        places, _ = placed(shown, 0)
        for number, (panel, place) in enumerate(zip(shown, places, strict=True)):
            key = f"panel-{row_number}-{number}"
            panels[key] = _panel(panel, language)
            items.append(
                {
                    "x": place.x, "y": place.y, "width": place.width, "height": place.height,
                    "content": {"$ref": f"#/spec/panels/{key}"},
                }
            )  # fmt: skip
            if panel.kind == "heatmap":
                notes.append(
                    f"{board.title}: {panel.title} is drawn as lines: heat maps of Perses want native histograms"
                )
        if items:
            layouts.append(_layout(row, items))
    resource: Json = {
        "kind": "Dashboard",
        "metadata": {"name": name, "project": project},
        "spec": {
            "display": {"name": board.title, "description": board.description},
            "duration": format_duration(board.since),
            "refreshInterval": format_duration(board.refresh),
            "variables": list(_variables(board, notes)),
            "panels": panels,
            "layouts": layouts,
        },
    }
    return resource, tuple(notes)


def _layout(row: PanelRow, items: list[Value]) -> Value:
    spec: Json = {"items": items}
    if row.title or row.collapsed:
        spec = {"display": {"title": row.title, "collapse": {"open": not row.collapsed}}, **spec}
    return {"kind": "Grid", "spec": spec}


def _variables(board: Dashboard, notes: list[str]) -> Iterator[Value]:
    for variable in board.variables:
        if variable.raw:
            notes.append(f"{board.title}: the variable {variable.name} is left out of Perses: it is Grafana's own")
        else:
            yield {"kind": "ListVariable", "spec": _list_variable(variable)}


def _list_variable(variable: Variable) -> Value:
    written: Json = {
        "name": variable.name,
        "display": {"name": variable.title or variable.name},
        "allowMultiple": variable.several,
        "allowAllValue": variable.several,
    }
    if variable.several:
        written |= {"customAllValue": ".+", "defaultValue": "$__all"}
    elif variable.values:
        written["defaultValue"] = variable.values[0]
    if variable.values:
        return written | {"plugin": {"kind": "StaticListVariable", "spec": {"values": list(variable.values)}}}
    spec: Json = {"labelName": variable.label, "matchers": [variable.of] if variable.of else []}
    return written | {"sort": "alphabetical-asc", "plugin": {"kind": "PrometheusLabelValuesVariable", "spec": spec}}


def _panel(panel: Panel, language: Language) -> Value:
    spec: Json = {
        "display": {"name": panel.title, **({"description": panel.description} if panel.description else {})},
        "plugin": _plugin(panel, language),
    }
    if panel.kind != "text":
        spec["queries"] = [_query(panel, query) for query in panel.queries]
    if panel.links:
        spec["links"] = [{"name": link.name, "url": link.url, "targetBlank": True} for link in panel.links]
    return {"kind": "Panel", "spec": spec}


def _query(panel: Panel, query: Query) -> Value:
    """Figures are the last of a range with Perses, so that what is not known now must be a value of its own: NaN."""
    figure = panel.kind in ("stat", "gauge", "bar_gauge")
    spec: Json = {"query": f"{inside(query.expr)} or on () vector(NaN)" if figure else query.expr}
    if query.legend and panel.kind != "table":
        spec["seriesNameFormat"] = query.legend
    elif panel.kind == "heatmap":
        spec["seriesNameFormat"] = "{{le}}"
    return {"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}}


def _plugin(panel: Panel, language: Language) -> Value:
    format_ = _format(panel.unit, panel.decimals)
    legend: Value = {"position": "bottom", "mode": "list"}
    match panel.kind:
        case "text":
            return {"kind": "Markdown", "spec": {"text": panel.text}}
        case "stat":
            unknown: Value = {"kind": "Misc", "spec": {"value": "NaN", "result": {"value": say("nothing", language)}}}
            mappings = [*_mappings(panel), unknown]
            spec: Json = {"calculation": "last", "format": format_, "mappings": mappings}
            return {"kind": "StatChart", "spec": spec | _thresholds(panel)}
        case "gauge":
            most: Json = {} if panel.most is None else {"max": number_of(panel.most)}
            return {
                "kind": "GaugeChart",
                "spec": {"calculation": "last", "format": format_, **_thresholds(panel), **most},
            }
        case "bar_gauge":
            return {"kind": "BarChart", "spec": {"calculation": "last", "format": format_, "sort": "asc"}}
        case "table":
            return {"kind": "Table", "spec": _table(panel)}
        case "state_timeline":
            return {"kind": "StatusHistoryChart", "spec": {"legend": legend, "mappings": _mappings(panel)}}
    axis: Json = {"format": format_}
    for key, bound in (("min", panel.least), ("max", panel.most)):
        if bound is not None:
            axis[key] = number_of(bound)
    visual: Json = {"lineWidth": 1, "areaOpacity": 0.3 if panel.stacked else 0.08, "connectNulls": False}
    if panel.stacked:
        visual["stack"] = "all"
    chart: Json = {"legend": legend, "yAxis": axis, "visual": visual}
    return {"kind": "TimeSeriesChart", "spec": chart | (_thresholds(panel) if panel.lines else {})}


def _format(unit: str, decimals: int | None) -> Value:
    known = _UNITS.get(unit, "decimal")
    return {"unit": known, **({"decimalPlaces": decimals} if decimals is not None else {})}


def _thresholds(panel: Panel) -> Json:
    if not panel.steps:
        return {}
    steps: list[Value] = [
        {"value": number_of(step.at), "color": _hex(step.color)} for step in panel.steps if step.at is not None
    ]
    return {"thresholds": {"mode": "absolute", "defaultColor": _hex(panel.steps[0].color), "steps": steps}}


def _hex(color: str) -> str:
    return color if _HEX.fullmatch(color) else _COLORS.get(color.rpartition("-")[2], "#8E8E8E")


def _mappings(panel: Panel) -> list[Value]:
    found: list[Value] = []
    for mapping in panel.mappings:
        result: Json = {"value": mapping.text, **({"color": _hex(mapping.color)} if mapping.color else {})}
        found.append({"kind": "Value", "spec": {"value": mapping.value, "result": result}})
    return found


def _table(panel: Panel) -> Value:
    """Several questions have numbered columns, which are joined by the labels that are shown."""
    several = len(panel.queries) > 1
    shown = [column for column in panel.columns if column.title]
    columns: list[Value] = [{"name": "timestamp", "hide": True}]
    for column in panel.columns:
        named: Json = {"header": column.title, "enableSorting": True} if column.title else {"hide": True}
        columns.append({"name": column.label, **named})
    for number, query in enumerate(panel.queries, start=1):
        name = f"value #{number}" if several else "value"
        value: Json = {"name": name, "format": _format(query.unit or panel.unit, panel.decimals), "enableSorting": True}
        if query.legend:
            value["header"] = query.legend
        elif panel.columns:
            value = {"name": name, "hide": True}
        if panel.sort and panel.sort.removeprefix("-") == query.legend:
            value["sort"] = "desc" if panel.sort.startswith("-") else "asc"
        columns.append(value)
    written: Json = {"density": "compact", "columnSettings": columns}
    if several:
        joined = [column.label for column in shown]
        merged: list[Value] = [{"kind": "MergeIndexedColumns", "spec": {"column": label}} for label in joined]
        written["transforms"] = [*merged, {"kind": "JoinByColumnValue", "spec": {"columns": joined}}]
    return written
