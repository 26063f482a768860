"""The rules of grafana/dashboard-linter, written anew from its documentation: what it would say of a dashboard.

The fifteen documented rules and the two that its index names besides. PromQL is parsed by promql-parser, not by us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import promql_parser
from grafana_foundation_sdk.models import units

Json = dict[str, Any]
FIGURES = {"stat", "singlestat", "graph", "table", "timeseries", "gauge"}
QUERIED = {"singlestat", "gauge", "table", "stat", "state-timeline", "timeseries"}
UNITS = frozenset(value for name, value in vars(units).items() if name.isupper() or isinstance(value, str)) | {"none"}
# Longer than any window that is meant, as the linter itself does.
_INTERVAL, _INTERVAL_SECONDS = "102d7h", 102 * 86400 + 7 * 3600
_GLOBALS = {
    "__rate_interval": _INTERVAL, "__interval": "56d5h", "__range": "70d6h", "__interval_ms": "7781188786",
    "__range_s": "9397795485", "__range_ms": "6737667980",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(\w+)|\$\{([^}:]+)(?::[^}]*)?\}|\[\[([^\[\]]+)\]\]")


def findings(board: Json) -> Iterator[tuple[str, str, str]]:
    """(rule, panel, what is wrong) for everything that the linter would find in `board`."""
    for rule, look in _BOARD.items():
        yield from ((rule, "", said) for said in look(board))
    for panel in panels(board):
        title = panel.get("title", "")
        for rule, look_at in _PANEL.items():
            yield from ((rule, title, said) for said in look_at(board, panel))
        for target in panel.get("targets") or ():
            for rule, judge in _TARGET.items():
                yield from ((rule, title, said) for said in judge(board, panel, target))


def panels(board: Json) -> Iterator[Json]:
    """Every panel, those inside of rows too; rows themselves are none."""
    for panel in board.get("panels") or ():
        if panel.get("type") == "row":
            yield from panel.get("panels") or ()
        else:
            yield panel


def expanded(expr: str, board: Json) -> str:
    """`expr` with its variables filled in outside of strings, as the linter does."""
    values: dict[str, str] = {}
    for variable in variables(board):
        current = (variable.get("current") or {}).get("value")
        options = variable.get("options") or [{}]
        value = current if isinstance(current, str) else options[0].get("value") if options else None
        values[variable["name"]] = value or variable["name"]

    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[3]
        return _GLOBALS.get(name) or values.get(name, name)

    parts = expr.split('"')
    return '"'.join(part if index % 2 else _VARIABLE.sub(fill, part) for index, part in enumerate(parts))


def variables(board: Json) -> list[Json]:
    """The variables that the reader may choose."""
    return (board.get("templating") or {}).get("list") or []


def parsed(expr: str, board: Json) -> Any:
    """The tree of `expr`. Raises ValueError when it is not PromQL."""
    return promql_parser.parse(expanded(expr, board))


def tree(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every node of a tree with those above it."""
    yield node, above
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(node, name, None)
        if inner is not None:
            yield from tree(inner, (*above, node))
    for argument in getattr(node, "args", None) or ():
        yield from tree(argument, (*above, node))


def _datasource_variable(board: Json) -> Iterator[str]:
    found = [variable for variable in variables(board) if variable["type"] == "datasource"]
    if len(found) != 1:
        yield f"{len(found)} variables choose a data source"
    for variable in found:
        if variable["name"] not in ("datasource", "prometheus_datasource"):
            yield f"the data source's variable is called {variable['name']}"
        if variable["label"] not in ("Data source", "Prometheus data source"):
            yield f"the data source's variable is labelled {variable['label']}"


def _chooser(name: str) -> Callable[[Json], Iterator[str]]:
    def look(board: Json) -> Iterator[str]:
        found = next((variable for variable in variables(board) if variable["name"] == name), None)
        if found is None:
            yield f"no variable {name}"
            return
        wanted = {"type": "query", "label": name.title(), "multi": True, "allValue": ".+"}
        yield from (f"{name}: {key} is {found.get(key)!r}" for key, value in wanted.items() if found.get(key) != value)
        if (found.get("datasource") or {}).get("uid") not in ("$datasource", "${datasource}"):
            yield f"{name} asks another data source"

    return look


def _variable_queries(board: Json) -> Iterator[str]:
    for variable in variables(board):
        if variable["type"] != "query":
            continue
        found = re.search(r"([a-z_]+)\((.+)\)", str(variable["query"]))
        if found is None or found[1] not in ("label_names", "label_values", "metrics", "query_result"):
            yield f"{variable['name']}: {variable['query']} is no question"
            continue
        try:
            promql_parser.parse(expanded(found[2].rpartition(",")[0] or found[2], board))
        except ValueError as error:
            yield f"{variable['name']}: {error}"


def _reloaded(board: Json) -> Iterator[str]:
    for variable in variables(board):
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"{variable['name']} is not asked anew when the time changes"


def _uneditable(board: Json) -> Iterator[str]:
    if board.get("editable", True):
        yield "it can be edited"


def _panel_datasource(board: Json, panel: Json) -> Iterator[str]:
    if panel["type"] in {"singlestat", "graph", "table", "timeseries"}:
        uid = (panel.get("datasource") or {}).get("uid")
        if uid not in {f"${{{v['name']}}}" for v in variables(board) if v["type"] == "datasource"}:
            yield f"asks {uid}"


def _described(board: Json, panel: Json) -> Iterator[str]:
    if panel["type"] in FIGURES and not (panel.get("title") and panel.get("description")):
        yield "has no title or no description"


def _unit(board: Json, panel: Json) -> Iterator[str]:
    if panel["type"] not in FIGURES:
        return
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if defaults.get("mappings") or (panel.get("options", {}).get("reduceOptions") or {}).get("fields"):
        return
    if defaults.get("unit") not in UNITS:
        yield f"has the unit {defaults.get('unit')!r}"


def _asks(board: Json, panel: Json) -> Iterator[str]:
    if panel["type"] in FIGURES and not panel.get("targets"):
        yield "asks nothing"


def _promql(board: Json, panel: Json, target: Json) -> Iterator[str]:
    if panel["type"] in QUERIED:
        try:
            parsed(target.get("expr", ""), board)
        except ValueError as error:
            yield f"{target.get('expr')!r}: {error}"


def _trees(board: Json, target: Json) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    try:
        found = parsed(target.get("expr", ""), board)
    except ValueError:
        return
    yield from tree(found)


def _rate_interval(board: Json, panel: Json, target: Json) -> Iterator[str]:
    if panel["type"] not in QUERIED:
        return
    for node, above in _trees(board, target):
        if not isinstance(node, promql_parser.MatrixSelector) or not above:
            continue
        chosen = int(node.range.total_seconds()) == _INTERVAL_SECONDS
        called = above[-1].func.name if isinstance(above[-1], promql_parser.Call) else ""
        if not chosen and called in ("rate", "irate"):
            yield f"{target['expr']!r} has a window of its own"


def _matched(label: str) -> Callable[[Json, Json, Json], Iterator[str]]:
    def judge(board: Json, panel: Json, target: Json) -> Iterator[str]:
        for node, _ in _trees(board, target):
            if isinstance(node, promql_parser.VectorSelector):
                found = [m for m in node.matchers.matchers if m.name == label]
                if not any(m.op == promql_parser.MatchOp.Re and m.value == f"${label}" for m in found):
                    yield f'{node} has no {label}=~"${label}"'

    return judge


def _counter(board: Json, panel: Json, target: Json) -> Iterator[str]:
    """Stricter than the linter, which overlooks selectors with matchers."""
    for node, above in _trees(board, target):
        if not isinstance(node, promql_parser.VectorSelector) or not (node.name or "").endswith("_total"):
            continue
        ranged = above and isinstance(above[-1], promql_parser.MatrixSelector)
        call = above[-2] if len(above) > 1 else None
        if not (ranged and isinstance(call, promql_parser.Call) and call.func.name in ("rate", "irate", "increase")):
            yield f"{node} is a counter as it stands"


def _logql(board: Json, panel: Json, target: Json) -> Iterator[str]:
    """Both rules of LogQL: there is none in what is generated."""
    if (target.get("datasource") or {}).get("type") == "loki":
        yield "asks Loki"


_BOARD: dict[str, Callable[[Json], Iterator[str]]] = {
    "template-datasource-rule": _datasource_variable,
    "template-job-rule": _chooser("job"),
    "template-instance-rule": _chooser("instance"),
    "template-label-promql-rule": _variable_queries,
    "template-on-time-change-reload-rule": _reloaded,
    "uneditable-dashboard": _uneditable,
}
_PANEL: dict[str, Callable[[Json, Json], Iterator[str]]] = {
    "panel-datasource-rule": _panel_datasource,
    "panel-title-description-rule": _described,
    "panel-units-rule": _unit,
    "panel-no-targets-rule": _asks,
}
_TARGET: dict[str, Callable[[Json, Json, Json], Iterator[str]]] = {
    "target-logql-rule": _logql,
    "target-logql-auto-rule": _logql,
    "target-promql-rule": _promql,
    "target-rate-interval-rule": _rate_interval,
    "target-job-rule": _matched("job"),
    "target-instance-rule": _matched("instance"),
    "target-counter-agg-rule": _counter,
}
RULES = (*_BOARD, *_PANEL, *_TARGET)
