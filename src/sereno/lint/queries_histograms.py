"""Quantiles and buckets."""

from __future__ import annotations

import re

from sereno.lint.expressions import RATES, labels_of, matcher_of, metric_of, selectors_of, walk
from sereno.lint.model import Context, Edit
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.promql.ast import Aggregate, Call, Expr, RangeSelector, Selector, bare
from sereno.promql.matching import predicate

_GROUPING = re.compile(r"\s*(by|without)\s*\(([^()]*)\)", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]+")


def check(query: Query, expr: Expr, report: Report, context: Context) -> None:
    """Report quantiles of the wrong thing, and buckets that are not there."""
    for part, above in walk(expr):
        if isinstance(part, Call) and part.function == "histogram_quantile":
            _quantile(query, part, report, above)
        elif isinstance(part, Aggregate) and part.op == "avg":
            _averaged(query, part, report)
        elif isinstance(part, Selector):
            _boundary(query, part, report, context)
            _values(query, part, report, context)


def _quantile(query: Query, part: Call, report: Report, above: tuple[Expr, ...]) -> None:
    inner = bare(part.args[1])
    if isinstance(inner, Selector) or not any(metric_of(s).endswith("_bucket") for s in selectors_of(inner)):
        return
    labels = labels_of(inner)
    if not labels.can("le"):
        query.complain(
            report, "SER214", part.position, part.end,
            "the sum has lost the label `le`: there are no buckets any more, and no quantile comes of it",
            expected="`le` among the labels that stay", edits=_with_le(query, inner),
        )  # fmt: skip
    elif isinstance(inner, Call) and inner.function in RATES and not _in_aggregation(above):
        kept = ", ".join(("le", *sorted(query.keeps - {"le"})))
        edits = () if query.purpose == "record" else (  # other rules may read the labels of what is recorded
            query.edit(inner.position, inner.position, f"sum by ({kept}) ("),
            query.after(inner.end, ")"),
        )  # fmt: skip
        query.complain(
            report, "SER213", part.position, part.end,
            "this is one quantile for each series, none for the service: quiet instances count as much as busy ones",
            expected=f"the buckets summed first: sum by ({kept}) (…)", edits=edits,
        )  # fmt: skip


def _in_aggregation(above: tuple[Expr, ...]) -> bool:
    """Whether the quantiles of the series are counted or compared by themselves, as `count(… > 1)` does."""
    return any(isinstance(a, Aggregate) and a.op in ("count", "max", "min", "topk") for a in above)


def _with_le(query: Query, inner: Expr) -> tuple[Edit, ...]:
    """Add `le` to the grouping of the outermost sum."""
    if not isinstance(inner, Aggregate) or inner.op != "sum":
        return ()
    if not inner.grouping and not inner.without:
        found = re.compile(r"sum\s*\(").match(query.text, inner.position)
        return (query.edit(inner.position, found.end(), "sum by (le) ("),) if found else ()
    written = re.compile(r"\bby\s*\(", re.IGNORECASE)
    stretch = written.search(query.text, inner.position, inner.expr.position) or written.search(
        query.text, inner.expr.end, inner.end
    )
    if inner.without or stretch is None:
        return ()
    return (query.after(stretch.end(), "le, "),)


def _averaged(query: Query, part: Aggregate, report: Report) -> None:
    inner = bare(part.expr)
    quantile = isinstance(inner, Call) and inner.function == "histogram_quantile"
    summary = isinstance(inner, Selector) and matcher_of(inner, "quantile") is not None
    if quantile or summary:
        query.complain(
            report, "SER216", part.position, part.end,
            "percentiles cannot be averaged: the mean of two p95 is the p95 of nothing",
            expected="one histogram_quantile over the summed buckets", hint="or max(…), the worst of them",
        )  # fmt: skip


def _boundary(query: Query, part: Selector, report: Report, context: Context) -> None:
    name = metric_of(part)
    condition = matcher_of(part, "le")
    if not name.endswith("_bucket") or condition is None or condition[0] != "=" or condition[1] in ("+Inf", ""):
        return
    known = context.boundaries.get(name.removesuffix("_bucket"), frozenset())
    value = condition[1]
    if known and value not in known and f"{value}.0" not in known and value.removesuffix(".0") not in known:
        near = ", ".join(sorted(known - {"+Inf"}, key=_number)[:20])
        query.complain(
            report, "SER217", part.position, part.end, f"`{name}` has no bucket le=\"{value}\": nothing is selected",
            expected=f"one of {near}",
        )  # fmt: skip
    elif not known and _WHOLE.fullmatch(value):
        written = re.compile(rf"""le\s*=\s*(["'`]){value}\1""").search(query.text, part.position, part.end)
        better = f"{value}([.]0)?"
        edits = (query.edit(*written.span(), f"le=~{written[1]}{better}{written[1]}"),) if written else ()
        query.complain(
            report, "SER218", part.position, part.end,
            f"Prometheus 3 writes this bucket le=\"{value}.0\": after the upgrade nothing is selected",
            expected=f'le=~"{better}"', edits=edits,
        )  # fmt: skip


def _values(query: Query, part: Selector, report: Report, context: Context) -> None:
    """A condition that no value the label has been seen with meets."""
    for condition in part.matchers:
        known = context.label_values.get((metric_of(part), condition.name), frozenset())
        if not known or condition.name == "__name__" or condition.op not in ("=", "=~"):
            continue
        matches = predicate(condition)
        if not matches("") and not any(map(matches, known)):
            query.complain(
                report, "SER219", part.position, part.end,
                f"`{condition.name}` of `{metric_of(part)}` has never been {condition.op}\"{condition.value}\"",
                expected=f"what it is: {', '.join(sorted(known)[:10])}",
            )  # fmt: skip


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def misplaced_grouping(query: Query, position: int) -> tuple[int, int, str, tuple[Edit, ...]] | None:
    """What is meant where a function is followed by `by (…)`, which is no PromQL: start, end, message and edits.

    `position` is where the parser stopped.
    """
    grouping = _GROUPING.match(query.text, position)
    before = query.text[:position].rstrip()
    if grouping is None or not before.endswith(")"):
        return None
    opening = _opening(before)
    name = re.search(r"[a-z_0-9]+\s*\Z", before[:opening]) if opening else None
    if name is None:
        return None
    function = name.group().strip()
    message = f"`{grouping[1]}` follows an aggregation such as sum; {function} takes no grouping"
    edits = _inside(query, function, name.start(), opening, len(before), grouping) if opening else ()
    return position + len(grouping.group()) - len(grouping.group().lstrip()), grouping.end(), message, edits


def _opening(before: str) -> int | None:
    """Where the parenthesis that the last one closes was opened."""
    depth = 0
    for index in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[index], 0)
        if depth == 0:
            return index
    return None


def _inside(
    query: Query, function: str, start: int, opening: int | None, end: int, grouping: re.Match[str]
) -> tuple[Edit, ...]:
    """Move the labels into a sum inside of histogram_quantile."""
    from sereno.kernel.errors import QueryError
    from sereno.promql.parser import parse

    if function != "histogram_quantile" or grouping[1].lower() != "by":
        return ()
    try:
        call = bare(parse(query.text[start:end]))
    except QueryError:
        return ()
    inner = bare(call.args[1]) if isinstance(call, Call) else None
    names = [name.strip() for name in grouping[2].split(",") if name.strip() and name.strip() != "le"]
    gone = query.edit(end, grouping.end(), "")
    if isinstance(inner, Call) and inner.function in RATES and isinstance(inner.args[0], RangeSelector):
        summed = query.edit(start + inner.position, start + inner.position, f"sum by ({', '.join(['le', *names])}) (")
        return (summed, query.after(start + inner.end, ")"), gone)
    return ()
