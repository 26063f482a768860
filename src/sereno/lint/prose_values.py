"""Configuration in a format of nobody's: what it says beside its query, and what nothing acts on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sereno.lint.model import Context, Document
from sereno.lint.paths import entries, items, key, scalars, text
from sereno.lint.query import check_query, query_of
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar

_QUERIES = ("implementation", "query", "promql", "expr", "expression")
_PROMQL = re.compile(
    r"\b(?:rate|sum|avg|increase|histogram_quantile|count|max|min)\s*(?:by\s*\([^)]*\)\s*)?\(|\{[^{}]*=[^{}]*\}"
)
_HELD = ("sustained_period", "for", "duration", "sustained", "period", "window", "durante")


def check_values(document: Document, context: Context, report: Report) -> None:
    """Everything about the tree of a text."""
    for mapping in _mappings(document.node):
        query = next((mapping.get(name) for name in _QUERIES if mapping.get(name) is not None), None)
        if isinstance(query, Scalar) and _PROMQL.search(query.value) and "$" not in query.value:
            check_query(query_of(query, "sli"), report, context)
            _check_exclusions(mapping, query, report)
        _check_thresholds(mapping, report)


def _mappings(node: Node | None) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
    for child in (*items(node), *(value for _, value in entries(node))):
        yield from _mappings(child)


def _check_exclusions(mapping: Mapping, query: Scalar, report: Report) -> None:
    """What is to be left out, or kept in, and does not show in the query."""
    for item in scalars(mapping.get("exclusions") or mapping.get("exclude") or mapping.get("excluye")):
        said = item.value
        missing = ""
        if re.search(r"health|salud", said, re.IGNORECASE) and not re.search(r"health|live|ready", query.value):
            missing = "the query counts them"
        elif "429" in said and "429" not in query.value:
            missing = "the query counts 429 as good"
        elif (
            re.search(r"4xx|client", said, re.IGNORECASE) and "429" not in said and not re.search(r"[45]", query.value)
        ):
            missing = "the query does not look at the status"
        if missing:
            report.complain(
                "SER787", item, f"“{said}” is said, and {missing}",
                expected='bad: status=~"5..|429", with health checks left out of both sides',
            )  # fmt: skip


def _check_thresholds(mapping: Mapping, report: Report) -> None:
    """Levels for warning and critical, as for processors, memory, disks."""
    groups = [
        (name, value) for name, value in mapping.entries
        if isinstance(value, Mapping) and value.get("warning") is not None and value.get("critical") is not None
    ]  # fmt: skip
    without = [name for name, value in groups if not any(value.get(held) is not None for held in _HELD)]
    if groups and without:
        named = ", ".join(name.value for name in without)
        report.complain(
            "SER788", without[0], f"{named}: levels without a time for which they must hold, so that one sample over "
            "them is enough", expected="sustained_period: 5m",
        )  # fmt: skip
    for _, value in groups:
        place = key(value, "forecast_days")
        if place is not None:
            days = text(value.get("forecast_days")) if isinstance(value, Mapping) else ""
            report.complain(
                "SER789", place, f"nothing acts on a forecast of {days} days: there is no rule that predicts it",
                expected=f"predict_linear(…[1d], {days} * 86400) < 0, excluding tmpfs",
            )  # fmt: skip
