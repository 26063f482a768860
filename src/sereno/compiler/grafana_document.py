"""A dashboard as the document that declares it: what `sereno import dashboards` writes, and the loader reads back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sereno.compiler.grafana_json import number_of
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.spec.dashboard_model import Dashboard, Panel, PanelRow, Query, Variable
from sereno.spec.model import Link

Json = dict[str, Value]
_HOLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_-]*\}")
_DEPTH_MAX, _VALUES_MAX = 20, 10_000
_SINCE, _REFRESH = timedelta(hours=6), timedelta(minutes=1)


def dashboard_document(board: Dashboard) -> str:
    """The YAML document that declares `board`; what has its default is not written."""
    written: Json = {"dashboard": board.name}
    if board.title != board.name:
        written["title"] = board.title
    if board.raw:
        return yaml(_escaped({**written, "raw": _raw(board.raw)}))
    _put(written, description=board.description)
    if board.since != _SINCE:
        written["since"] = format_duration(board.since)
    if board.refresh != _REFRESH:
        written["refresh"] = format_duration(board.refresh)
    _put(written, tags=list(board.tags), links=_links(board.links))
    _put(written, template=board.template, jobs=list(board.jobs))
    _put(written, **{"with": dict(board.with_)})
    _put(written, variables=[_variable(variable) for variable in board.variables])
    _put(written, rows=[_row(row) for row in board.rows])
    return yaml(_escaped(written))


def _escaped(written: Mapping[str, Value]) -> Json:
    """`written` with its `${name}` kept from the spec's own variables: Grafana has some that are written the same."""
    return {key: _kept(value) for key, value in written.items()}


def _kept(value: Value) -> Value:
    if isinstance(value, str):
        return _HOLE.sub(r"$\g<0>", value)
    if isinstance(value, Mapping):
        return _escaped(value)
    return [_kept(item) for item in value] if isinstance(value, Sequence) else value


def _raw(text: str) -> Value:
    """Grafana's JSON as YAML; as text where it is nested too deep, or holds too much, for a document."""
    found: Value = json.loads(text)
    level: list[Value] = [found]
    count = 0
    for _ in range(_DEPTH_MAX):
        inner = [item for each in level if isinstance(each, dict | list) for item in _items(each)]
        count += len(inner)
        if not inner:
            return found
        if count > _VALUES_MAX:
            break
        level = inner
    return text


def _items(value: Value) -> Iterable[Value]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _put(written: Json, **values: Value) -> None:
    written |= {key: value for key, value in values.items() if value not in ("", None, False, [], {}, ())}


def _links(links: Iterable[Link]) -> Json:
    return {link.name: link.url for link in links}


def _variable(variable: Variable) -> Value:
    if variable.raw:
        return {"name": variable.name, "raw": _raw(variable.raw)}
    written: Json = {"name": variable.name}
    if variable.title != variable.name:
        _put(written, title=variable.title)
    _put(written, label=variable.label, of=variable.of, values=list(variable.values))
    if not variable.several:
        written["several"] = False
    return written


def _row(row: PanelRow) -> Value:
    written: Json = {}
    _put(written, title=row.title, collapsed=row.collapsed)
    written["panels"] = [_panel(panel) for panel in row.panels]
    return written


def _panel(panel: Panel) -> Value:
    size: Json = {}
    _put(size, width=panel.width, height=panel.height)
    if panel.raw:
        return {"raw": _raw(panel.raw), **size}
    written: Json = {"title": panel.title}
    if panel.kind != "timeseries":
        written["kind"] = panel.kind
    if [query for query in panel.queries if query != Query(query.expr)] or len(panel.queries) > 1:
        written["queries"] = [_query(query) for query in panel.queries]
    elif panel.queries:
        written["query"] = panel.queries[0].expr
    _put(written, unit=panel.unit, description=panel.description, text=panel.text)
    steps: list[Value] = [
        {**({} if step.at is None else {"at": number_of(step.at)}), "color": step.color} for step in panel.steps
    ]
    _put(written, thresholds=steps, lines=panel.lines)
    for key, bound in (("min", panel.least), ("max", panel.most)):
        if bound is not None:
            written[key] = number_of(bound)
    if panel.decimals is not None:
        written["decimals"] = panel.decimals
    values: list[Value] = []
    for mapping in panel.mappings:
        each: Json = {"value": mapping.value, "text": mapping.text}
        _put(each, color=mapping.color)
        values.append(each)
    columns: list[Value] = []
    for column in panel.columns:
        named: Json = {"label": column.label}
        _put(named, title=column.title)
        columns.append(named)
    _put(written, stacked=panel.stacked, values=values, columns=columns, sort=panel.sort)
    if panel.since is not None:
        written["since"] = format_duration(panel.since)
    _put(written, links=_links(panel.links))
    return written | size


def _query(query: Query) -> Value:
    written: Json = {"expr": query.expr}
    _put(written, legend=query.legend, unit=query.unit, colored=query.colored)
    return written
