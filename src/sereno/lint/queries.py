"""All checks of one expression."""

from __future__ import annotations

from datetime import timedelta

from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.lint import queries_counters, queries_histograms, queries_matching, queries_ratios
from sereno.lint.expressions import too_deep
from sereno.lint.model import Context
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.promql.ast import Expr
from sereno.promql.dialect import ANY
from sereno.promql.parser import parse
from sereno.spec.source import Mapping, Scalar


def check(query: Query, report: Report, context: Context) -> Expr | None:
    """Report what is wrong with the query; its tree, or None if it is no PromQL."""
    try:
        expr = parse(query.text, ANY)
    except QueryError as error:
        _refused(query, report, error)
        return None
    if too_deep(expr):
        message = "this is nested too deep, or too long, to be judged: it was not checked"
        query.complain(
            report, "SER245", expr.position, expr.end, message, expected="parts recorded by rules of their own"
        )
        return None
    queries_matching.check(query, expr, report)
    queries_histograms.check(query, expr, report, context)
    queries_counters.check(query, expr, report, scrape_interval(context))
    queries_ratios.check(query, expr, report)
    return expr


def _refused(query: Query, report: Report, error: QueryError) -> None:
    start = error.position or 0
    meant = queries_histograms.misplaced_grouping(query, start)
    if meant is not None:
        query.complain(
            report, "SER215", meant[0], meant[1], meant[2], edits=meant[3],
            expected="the grouping inside: histogram_quantile(0.95, sum by (le, …) (rate(…)))",
        )  # fmt: skip
        return
    code = "SER064" if isinstance(error, UnsupportedQuery) else "SER060"
    query.complain(report, code, start, max(start + 1, error.end or 0), error.message, hint=error.hint)


def scrape_interval(context: Context) -> timedelta | None:
    """How often targets are read, as a prometheus.yml among the documents says."""
    for document in context.documents:
        section = document.node.get("global") if isinstance(document.node, Mapping) else None
        every = section.get("scrape_interval") if isinstance(section, Mapping) else None
        if document.kind == "prometheus" and isinstance(every, Scalar):
            try:
                return parse_duration(every.value)
            except (ValueError, OverflowError):
                return None
    return None
