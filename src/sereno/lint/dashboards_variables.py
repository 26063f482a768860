"""The variables of a dashboard and its data sources: whether it can be taken from one Grafana to another."""

from __future__ import annotations

import re

from sereno.kernel.errors import QueryError
from sereno.lint.dashboards_model import Dashboard, named, queries, source_type, targets
from sereno.lint.dashboards_substitution import readable, variables_in
from sereno.lint.model import Edit
from sereno.lint.paths import at, key, number, text
from sereno.lint.reporting import Report
from sereno.promql import parse
from sereno.spec.source import Mapping, Node, Scalar

_BUILT_IN = re.compile(r"__\w+|timeFilter|interval|server|timezone|refresh")
_SPECIAL = frozenset(("-- Mixed --", "-- Dashboard --", "-- Grafana --", "grafana", "__expr__", "Dashboard", "Mixed"))
_CALL = re.compile(r"\s*(?P<name>\w+)\s*\((?P<args>.*)\)\s*", re.DOTALL)
_FUNCTIONS = ("label_names", "label_values", "metrics", "query_result")


def check_variables(dashboard: Dashboard, report: Report) -> None:
    """Everything about the variables and data sources of `dashboard`."""
    _check_sources(dashboard, report)
    for variable in dashboard.variable("query"):
        if source_type(variable) in ("", "prometheus"):
            _check_query(variable, report)
        _check_refresh(variable, report)
    _check_declared(dashboard, report)


def _check_sources(dashboard: Dashboard, report: Report) -> None:
    asking = [p for p in dashboard.asking if targets(p)]
    without = [p for p in asking if not _source(p) and any(not _source(t) for t in targets(p))]
    if without:
        report.complain(
            "SER424", without[0].get("datasource") or without[0].get("title") or without[0],
            f"{len(without)} of {len(asking)} panels do not say which data source they ask: the default one, whatever "
            "that is where the dashboard is loaded", expected='"datasource": {"type": "prometheus", "uid": '
            '"${datasource}"}',
        )  # fmt: skip
    fixed = [node for p in asking for node in _fixed(p)]
    ours = [text(v.get("name")) for v in dashboard.variable("datasource") if text(v.get("query")) == "prometheus"]
    if fixed:
        edits = tuple(Edit(n.start, n.end, f'"${{{ours[0]}}}"') for n in fixed if n.style == "double") if ours else ()
        known = all(source_type(p) == "prometheus" for p in asking if _source(p))
        report.complain(
            "SER425", fixed[0], f"the data source {fixed[0].value[:60]!r} is written into the dashboard: it exists "
            "in one Grafana only, in all others the panels are empty",
            expected="a variable of type datasource: ${datasource}",
            edits=edits if known and len(ours) == 1 else (),
        )  # fmt: skip
    if asking and not dashboard.variable("datasource"):
        report.complain(
            "SER423", at(dashboard.root, "templating", "list") or at(dashboard.root, "templating") or dashboard.title,
            "the dashboard has no variable for its data source: it cannot be pointed at another Prometheus",
            expected='{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}',
        )  # fmt: skip


def _source(node: Mapping) -> str:
    """The data source a panel or query names."""
    found = node.get("datasource")
    return text(found) if isinstance(found, Scalar) else text(at(found, "uid")) or text(at(found, "type"))


def _fixed(panel: Mapping) -> list[Scalar]:
    found: list[Scalar] = []
    for node in (panel, *targets(panel)):
        source = node.get("datasource")
        place = source if isinstance(source, Scalar) else at(source, "uid")
        name = text(place)
        if isinstance(place, Scalar) and name and not name.startswith(("$", "[[")) and name not in _SPECIAL:
            found.append(place)
    return found


def _check_refresh(variable: Mapping, report: Report) -> None:
    node = variable.get("refresh")
    if number(node) != 2:
        name = text(variable.get("name"))
        place: Node = node or variable.get("name") or variable
        edits: tuple[Edit, ...] = ()
        if isinstance(node, Scalar):
            edits = (Edit(node.start, node.end, "2"),)
        elif (first := key(variable, "name")) is not None and first.style == "double":
            edits = (Edit(first.start, first.start, '"refresh": 2, '),)
        report.complain(
            "SER426", place, f"the variable {name!r} is not asked for again when the time range changes: what is new "
            "cannot be chosen", expected='"refresh": 2', edits=edits,
        )  # fmt: skip


def _check_query(variable: Mapping, report: Report) -> None:
    given = variable.get("query")
    place = given if isinstance(given, Scalar) else at(given, "query")
    query = text(place)
    if not isinstance(place, Scalar) or not query.strip():
        return
    call = _CALL.fullmatch(query)
    if call is None or call["name"] not in _FUNCTIONS:
        wrong = f"{call['name']}(…) is no function for variables" if call else "this is no query for variables"
        report.complain(
            "SER427", place, f"{wrong}: the list stays empty", expected=f"one of {', '.join(_FUNCTIONS)}, with "
            "arguments"
        )  # fmt: skip
        return
    selector = call["args"]
    if call["name"] == "label_values":
        selector = selector.rpartition(",")[0] if _label_last(selector) else ""
    if call["name"] in ("label_values", "query_result") and selector.strip():
        try:
            parse(readable(selector.strip()))
        except QueryError as error:
            report.complain("SER427", place, f"the query of the variable is no PromQL: {error}; the list stays empty")


def _label_last(args: str) -> bool:
    return bool(re.search(r",\s*[\w$\"'{}]+\s*$", args))


def _check_declared(dashboard: Dashboard, report: Report) -> None:
    """Every `$name` in a query of Prometheus is declared, or Grafana's own."""
    repeats = {text(p.get("repeat")) for p in dashboard.panels}
    for panel in dashboard.asking:
        for target, expr in queries(panel):
            if (source_type(target) or source_type(panel)) not in ("", "prometheus"):
                continue
            for name in dict.fromkeys(
                name for name, start, _ in variables_in(expr.value) if _is_use(expr.value, start)
            ):
                if name not in dashboard.names and name not in repeats and not _BUILT_IN.fullmatch(name):
                    report.complain(
                        "SER428", expr, f"{named(panel)} asks for ${name}, which is no variable of the dashboard: "
                        "Prometheus is sent the dollar sign", hint=f"variables: {', '.join(sorted(dashboard.names))}"
                        if dashboard.names else None,
                    )  # fmt: skip


def _is_use(query: str, start: int) -> bool:
    """Whether the dollar begins a variable: behind letters in a regular expression it ends a word."""
    return start == 0 or not (query[start - 1].isalnum() or query[start - 1] in ")]+*.\\")
