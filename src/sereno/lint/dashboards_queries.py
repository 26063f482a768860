"""What the panels of a dashboard ask: PromQL as everywhere else, and what goes wrong with it only in pictures."""

from __future__ import annotations

import re
from dataclasses import replace

from sereno.lint.dashboards_model import Dashboard, named, queries, source_type
from sereno.lint.dashboards_substitution import readable, variables_in
from sereno.lint.expressions import metric_of, walk
from sereno.lint.model import Context, Edit
from sereno.lint.paths import text
from sereno.lint.query import Query, check_query
from sereno.lint.reporting import Report
from sereno.promql.ast import Aggregate, Binary, Call, Expr, RangeSelector, Selector
from sereno.spec.source import File, Mapping, Scalar, locate

_RATES = ("rate", "irate")
_LENGTH_MAX = 20_000
_WINDOW_LEAST_MS = 30 * 60_000
"""A fixed window at least this long is meant, as that of a burn rate is."""
_FIXED = re.compile(r"\[(?P<window>\d+[smh])\]")
_PLACES = re.compile(r"\b(?:instance|pod|node|host|container|device|exported_instance|server|shard)\b")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_STAND_IN = re.compile(r"0\d*5m|0+1|vv|xx")
_TOTAL = re.compile(
    r"per second|per minute|/ ?s\b|\brps\b|\bqps\b|\brate\b|por segundo|por minuto|throughput|tasa|total"
    r"|today|hoy|requests|applications|solicitudes",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\'(?:[^\'\\]|\\.)*\'')
_PIPED = re.compile(r"\||\b(?:bytes_over_time|bytes_rate)\(")
"""What follows a bar is a step of LogQL: PromQL has none outside of quotes."""
_EVENTS = re.compile(
    r"request|error|fail|call|event|message|byte|quer|operation|response|retr|timeout|drop|packet|hit|miss"
)
_LOKI_FIXED = re.compile(r"\[(?P<window>\d+[smhd])\]")


def check_queries(dashboard: Dashboard, context: Context, report: Report) -> None:
    """Every query of `dashboard`."""
    for panel in dashboard.asking:
        for target, expr in queries(panel):
            if len(expr.value) > _LENGTH_MAX:
                continue
            source = source_type(target) or source_type(panel)
            if source == "loki" or (source == "" and _PIPED.search(_QUOTED.sub('""', expr.value))):
                _check_logs(panel, expr, report)
            elif source in ("", "prometheus"):
                _check_metrics(dashboard, panel, target, expr, context, report)


class _Panels(Report):
    """Hands on what is found in a panel's query. Edits that hold what took the place of a variable are left out; a sum
    that is put around keeps the labels that the legend shows."""

    def __init__(self, report: Report, shown: frozenset[str]) -> None:
        super().__init__()
        self._report, self._shown = report, shown

    def complain_at(
        self, code: str, file: File, index: int, length: int, message: str, *,
        expected: str | None = None, hint: str | None = None, edits: tuple[Edit, ...] = (),
    ) -> None:  # fmt: skip
        if not all(_safe(edit, file) for edit in edits):
            edits = ()
        if code == "SER227" and self._shown:
            grouped = f"sum by ({', '.join(sorted(self._shown))}) ("
            expected = f"{grouped}rate(…))"
            edits = tuple(replace(edit, text=grouped if edit.text == "sum(" else edit.text) for edit in edits)
        expected = None if expected and _STAND_IN.search(expected) else expected
        self._report.complain_at(
            code, file, index, length, message, expected=expected, hint=hint, edits=edits
        )  # fmt: skip


def _safe(edit: Edit, file: File) -> bool:
    """Whether an edit touches no variable and holds nothing that stood in for one."""
    old = file.text[edit.start : edit.end]
    return "$" not in old and "[[" not in old and not _STAND_IN.search(edit.text)


def _check_metrics(
    dashboard: Dashboard, panel: Mapping, target: Mapping, expr: Scalar, context: Context, report: Report
) -> None:  # fmt: skip
    shown = frozenset(_LABEL.findall(text(target.get("legendFormat"))))
    query = Query(
        readable(expr.value), expr.file, lambda offset: locate(expr, offset), "panel", shown,
        _one_is_meant(panel, target), text(panel.get("title")), expr.style,
    )  # fmt: skip
    tree = check_query(query, _Panels(report, shown), context)
    if tree is None:
        return
    _check_window(panel, target, query, tree, expr, report)
    _check_counter(panel, query, tree, report)
    _check_matchers(dashboard, panel, query, tree, expr, report)


def _one_is_meant(panel: Mapping, target: Mapping) -> bool:
    """Whether a panel shows the whole, in one number or one line for each of few labels: not one for each process."""
    expr, legend = text(target.get("expr")), text(target.get("legendFormat"))
    if _PLACES.search(expr) or _PLACES.search(legend) or legend == "__auto" or text(panel.get("repeat")):
        return False
    whole = text(panel.get("type")) in ("stat", "gauge", "bargauge", "singlestat")
    return whole or "{{" in legend or bool(_TOTAL.search(text(panel.get("title"))))


def _check_window(
    panel: Mapping, target: Mapping, query: Query, tree: Expr, expr: Scalar, report: Report
) -> None:  # fmt: skip
    """Windows of rates are Grafana's to choose: a fixed one is empty or blind when people zoom."""
    if text(panel.get("type")) not in ("timeseries", "graph", "stat", "gauge", "bargauge", "heatmap", "table", ""):
        return
    for node, above in walk(tree):
        if not isinstance(node, RangeSelector) or not above:
            continue
        call = above[-1]
        if not isinstance(call, Call) or call.function not in _RATES or node.range_ms >= _WINDOW_LEAST_MS:
            continue
        fixed = next((f for f in _FIXED.finditer(expr.value, node.position, node.end) if f.end() == node.end), None)
        named_so = f"{text(panel.get('title'))} {text(target.get('legendFormat'))}"
        if fixed is None or re.search(rf"\b{fixed['window']}\b", named_so):
            continue
        query.complain(
            report, "SER441", fixed.start("window"), fixed.end("window"),
            f"the window of {fixed['window']} is fixed: over a week the picture leaves out most of the samples, with a "
            "scrape interval over a quarter of it there is none", expected="$__rate_interval",
            edits=(query.edit(fixed.start("window"), fixed.end("window"), "$__rate_interval"),),
        )  # fmt: skip


def _check_counter(panel: Mapping, query: Query, tree: Expr, report: Report) -> None:
    """A counter drawn as it is; one that is summed or compared is a trap everywhere, not only in pictures."""
    for node, above in walk(tree):
        name = metric_of(node) if isinstance(node, Selector) else ""
        if not isinstance(node, Selector) or not name.endswith("_total") or not _EVENTS.search(name):
            continue
        judged = any(isinstance(a, RangeSelector | Call | Aggregate) for a in above)
        if judged or any(isinstance(a, Binary) and a.op not in "*/" for a in above):
            continue
        query.complain(
            report, "SER442", node.position, node.end,
            f"{name} counts since its process began: {named(panel)} shows when that was, and falls to zero "
            "with each restart", expected="rate(…[$__rate_interval]) or increase(…)",
        )  # fmt: skip


def _check_matchers(
    dashboard: Dashboard, panel: Mapping, query: Query, tree: Expr, expr: Scalar, report: Report
) -> None:
    """A variable for the job or instance that a panel does not obey."""
    used = {name for name, _, _ in variables_in(expr.value)}
    for label in ("job", "instance"):
        if label not in dashboard.names or label in used:
            continue
        for node, _ in walk(tree):
            if isinstance(node, Selector) and not any(m.name == label for m in node.matchers) and _raw(node):
                query.complain(
                    report, "SER429", node.position, node.end,
                    f"the dashboard lets people choose {label!r}, but {named(panel)} shows all of them",
                    expected=f'{label}=~"${label}"',
                )  # fmt: skip
                break


def _raw(node: Selector) -> bool:
    """Whether the metric comes from a target, not from a recording rule (level:metric:operation)."""
    name = metric_of(node)
    return bool(name) and ":" not in name and name != "ALERTS"


def _check_logs(panel: Mapping, expr: Scalar, report: Report) -> None:
    body = re.sub(r'"(?:[^"\\]|\\.)*"|`[^`]*`', lambda f: '"' + " " * (len(f[0]) - 2) + '"', expr.value)
    depth = body.count("{") - body.count("}"), body.count("(") - body.count(")"), body.count("[") - body.count("]")
    if not re.search(r"\{[^{}]*\w", body) or any(depth):
        report.complain(
            "SER446", expr, f"the query of {named(panel)} is no LogQL: it needs a selector in braces, and brackets "
            "that close", expected='{app="shop"} |= "error"',
        )  # fmt: skip
        return
    for fixed in _LOKI_FIXED.finditer(body):
        report.complain_at(
            "SER447", expr.file, locate(expr, fixed.start("window")), len(fixed["window"]),
            f"the window of {fixed['window']} is fixed: zoomed out, {named(panel)} leaves out lines, zoomed in it "
            "smears them", expected="$__auto",
            edits=(Edit(locate(expr, fixed.start("window")), locate(expr, fixed.end("window")), "$__auto"),),
        )  # fmt: skip
