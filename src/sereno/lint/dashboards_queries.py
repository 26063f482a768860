"""What the panels of a dashboard ask: PromQL as everywhere else, and what goes wrong with it only in pictures."""

from __future__ import annotations

import re

from sereno.kernel.errors import QueryError
from sereno.lint.dashboards_model import Dashboard, named, queries, source_type
from sereno.lint.dashboards_substitution import readable, variables_in
from sereno.lint.expressions import metric_of, walk
from sereno.lint.model import Context, Edit
from sereno.lint.paths import text
from sereno.lint.query import Query, check_query
from sereno.lint.reporting import Report
from sereno.promql import parse
from sereno.promql.ast import Aggregate, Binary, Call, Expr, Number, RangeSelector, Selector, bare
from sereno.spec.source import File, Mapping, Scalar, locate

_RATES = ("rate", "irate")
_GROWTH = ("rate", "irate", "increase")
_LENGTH_MAX = 20_000
_WINDOW_LEAST_MS = 30 * 60_000
"""A fixed window at least this long is meant, as that of a burn rate is."""
_TRAILING_BY = re.compile(
    r"histogram_quantile\s*\((?P<q>[^(),]+),\s*(?P<rate>(?:rate|irate|increase)\s*\((?:[^()]|\{[^{}]*\})*\))\s*\)"
    r"\s*by\s*\((?P<labels>[\w\s,]+)\)"
)
_FIXED = re.compile(r"\[(?P<window>\d+[smh])\]")
_PLACES = ("instance", "pod", "node", "host", "container", "device", "exported_instance", "server", "shard")
_TOTAL = re.compile(
    r"per second|per minute|/ ?s\b|\brps\b|\bqps\b|\brate\b|por segundo|por minuto|throughput|tasa|total"
    r"|today|hoy|requests|applications|solicitudes",
    re.IGNORECASE,
)
_LOKI_FIXED = re.compile(r"\[(?P<window>\d+[smhd])\]")


def check_queries(dashboard: Dashboard, context: Context, report: Report) -> None:
    """Every query of `dashboard`."""
    for panel in dashboard.asking:
        for target, expr in queries(panel):
            if len(expr.value) > _LENGTH_MAX:
                continue
            source = source_type(target) or source_type(panel)
            if source == "loki":
                _check_logs(panel, expr, report)
            elif source in ("", "prometheus"):
                _check_metrics(dashboard, panel, target, expr, report)


def query_in(expr: Scalar) -> Query:
    """The expression of a panel, its variables replaced; places are those of the file."""
    return Query(readable(expr.value), expr.file, lambda offset: locate(expr, offset), "panel")


class _Unmended(Report):
    """Hands on what is found without the edits: they were made for a query whose variables had been replaced."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def complain_at(
        self, code: str, file: File, index: int, length: int, message: str, *,
        expected: str | None = None, hint: str | None = None, edits: tuple[Edit, ...] = (),
    ) -> None:  # fmt: skip
        self._report.complain_at(code, file, index, length, message, expected=expected, hint=hint)


def _check_metrics(dashboard: Dashboard, panel: Mapping, target: Mapping, expr: Scalar, report: Report) -> None:
    if _check_trailing_by(panel, expr, report):
        return
    plain = "$" not in expr.value and "[[" not in expr.value
    query = query_in(expr)
    tree = check_query(query, report if plain else _Unmended(report))
    if tree is None:
        return
    _check_window(panel, query, tree, expr, report)
    _check_counter(panel, query, tree, report)
    _check_heatmap(panel, query, tree, report)
    _check_per_series(panel, target, query, tree, report)
    _check_budget(query, tree, report)
    _check_matchers(dashboard, panel, query, tree, expr, report)


def _check_trailing_by(panel: Mapping, expr: Scalar, report: Report) -> bool:
    """`histogram_quantile(q, rate(b[w])) by (x)`: no PromQL, and it is known what was meant."""
    found = _TRAILING_BY.search(expr.value)
    if found is None or _parses(expr.value):
        return False
    names = [name.strip() for name in found["labels"].split(",") if name.strip() and name.strip() != "le"]
    right = f"histogram_quantile({found['q'].strip()}, sum by ({', '.join(('le', *names))}) ({found['rate']}))"
    start, end = locate(expr, found.start()), locate(expr, found.end() - 1) + 1
    by = locate(expr, found.start("labels") - 1)
    report.complain_at(
        "SER440", expr.file, start, end - start,
        f"a function is not grouped with `by`: this is no PromQL, {named(panel)} shows an error",
        expected=right, edits=_rewritten(expr, found.start(), found.end(), right) if by else (),
    )  # fmt: skip
    return True


def _rewritten(expr: Scalar, start: int, end: int, new: str) -> tuple[Edit, ...]:
    """The edit of a part of a quoted text, as its quotes want it."""
    if expr.style == "double":
        new = new.replace("\\", "\\\\").replace('"', '\\"')
    elif expr.style == "single":
        new = new.replace("'", "''")
    return (Edit(locate(expr, start), locate(expr, end - 1) + 1, new),)


def _parses(query: str) -> bool:
    try:
        parse(readable(query))
    except QueryError:
        return False
    return True


def _check_window(panel: Mapping, query: Query, tree: Expr, expr: Scalar, report: Report) -> None:
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
        if fixed is None:
            continue
        query.complain(
            report, "SER441", fixed.start("window"), fixed.end("window"),
            f"the window of {fixed['window']} is fixed: over a week the picture leaves out most of the samples, with a "
            "scrape interval over a quarter of it there is none", expected="$__rate_interval",
            edits=(query.edit(fixed.start("window"), fixed.end("window"), "$__rate_interval"),),
        )  # fmt: skip


def _check_counter(panel: Mapping, query: Query, tree: Expr, report: Report) -> None:
    for node, above in walk(tree):
        if not isinstance(node, Selector) or not metric_of(node).endswith("_total"):
            continue
        around = above[-1] if above else None
        if isinstance(around, RangeSelector):
            continue
        if any(isinstance(a, Call) and a.function in ("absent", "timestamp", "count_values", "resets") for a in above):
            continue
        if any(isinstance(a, Aggregate) and a.op in ("count", "group") for a in above):
            continue
        query.complain(
            report, "SER442", node.position, node.end,
            f"{metric_of(node)} counts since its process began: {named(panel)} shows when that was, and falls to zero "
            "with each restart", expected="rate(…[$__rate_interval]) or increase(…)",
        )  # fmt: skip


def _check_heatmap(panel: Mapping, query: Query, tree: Expr, report: Report) -> None:
    if text(panel.get("type")) != "heatmap":
        return
    for node, above in walk(tree):
        if isinstance(node, Selector) and metric_of(node).endswith("_bucket") and not _growing(above):
            query.complain(
                report, "SER443", node.position, node.end,
                "a heatmap of the buckets as they are counted shows everything since the processes began, not what "
                "happens", expected=f"sum by (le) (increase({metric_of(node)}[$__rate_interval]))",
            )  # fmt: skip


def _growing(above: tuple[Expr, ...]) -> bool:
    return any(isinstance(a, Call) and a.function in (*_GROWTH, "delta", "idelta", "histogram_quantile") for a in above)


def _check_per_series(panel: Mapping, target: Mapping, query: Query, tree: Expr, report: Report) -> None:
    """A number or line of the whole that is one of each process instead."""
    inner = _scaled(tree)
    if not (isinstance(inner, Call) and inner.function in _GROWTH):
        return
    selectors = [n for n, _ in walk(inner) if isinstance(n, Selector)]
    if any(m.name in _PLACES for s in selectors for m in s.matchers):
        return
    legend = text(target.get("legendFormat"))
    if any(re.search(r"\{\{\s*" + place + r"\s*\}\}", legend) for place in _PLACES) or legend == "__auto":
        return
    whole = text(panel.get("type")) in ("stat", "gauge", "bargauge", "singlestat")
    if not (whole or "{{" in legend or _TOTAL.search(text(panel.get("title")))):
        return
    query.complain(
        report, "SER444", inner.position, inner.position + len(inner.function),
        f"{inner.function}() gives one series for each process and combination of labels: {named(panel)} shows them "
        "all "
        "and the total nowhere", expected=f"sum({inner.function}(…)), by the labels of the legend",
    )  # fmt: skip


def _scaled(tree: Expr) -> Expr:
    """What is multiplied or divided by plain numbers."""
    tree = bare(tree)
    while isinstance(tree, Binary) and tree.op in "*/" and isinstance(bare(tree.right), Number):
        tree = bare(tree.left)
    return tree


def _check_budget(query: Query, tree: Expr, report: Report) -> None:
    """`(1 - (1 - SLI)) / (1 - T)`: the good events over the budget, where the bad ones belong."""
    for node, _ in walk(tree):
        if not (isinstance(node, Binary) and node.op == "/" and _complement(node.right) is not None):
            continue
        inner = _complement(node.left)
        good = _complement(inner) if inner is not None else None
        target = _complement(node.right)
        if good is not None and isinstance(target, Number) and 0 < target.value < 1:
            sli, objective = (query.text[e.position : e.end] for e in (good, target))
            query.complain(
                report, "SER445", node.position, node.end,
                "this divides what was good by the budget: a healthy service shows 100,000 % of its budget left, a "
                "dead "
                "one 0 %", expected=f"1 - (1 - {sli}) / (1 - {objective})",
            )  # fmt: skip


def _complement(expr: Expr) -> Expr | None:
    """What is taken from 1."""
    expr = bare(expr)
    if isinstance(expr, Binary) and expr.op == "-":
        left = bare(expr.left)
        if isinstance(left, Number) and left.value == 1:
            return bare(expr.right)
    return None


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
            "that "
            "close", expected='{app="shop"} |= "error"',
        )  # fmt: skip
        return
    for fixed in _LOKI_FIXED.finditer(body):
        report.complain_at(
            "SER447", expr.file, locate(expr, fixed.start("window")), len(fixed["window"]),
            f"the window of {fixed['window']} is fixed: zoomed out, {named(panel)} leaves out lines, zoomed in it "
            "smears "
            "them", expected="$__auto",
            edits=_rewritten(expr, fixed.start("window"), fixed.end("window"), "$__auto"),
        )  # fmt: skip
