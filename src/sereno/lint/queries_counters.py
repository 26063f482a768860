"""Counters, gauges and windows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from sereno.kernel.duration import format_duration
from sereno.lint.expressions import RATES, constant, metric_of, scaled, threshold_of, walk
from sereno.lint.model import Edit
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.promql.ast import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Expr,
    RangeSelector,
    Selector,
    Subquery,
    bare,
)

_GAUGE = re.compile(
    r"(\A|_)(up|ratio|percent|percentage|celsius|temperature|info|active|available|connected|limit|max|min|(?<!txid_)current|size"
    r"|capacity|utili[sz]ation|replicas|queue_depth|queue_length|in_flight|inflight|timestamp_seconds)\Z"
)
_COUNTER = re.compile(r"_total\Z")
_REPLICATED = re.compile(r"_count\Z")
_AT_ONCE = frozenset({"rate", "irate", "increase", "resets", "changes", "absent", "absent_over_time", "count_over_time",
                      "present_over_time", "timestamp", "last_over_time", "delta", "idelta", "deriv", "predict_linear",
                      "start_timestamp", "label_replace", "ts_of_last_over_time", "ts_of_first_over_time"})  # fmt: skip
_IN_ALL = re.compile(
    r"(kube|node_memory|memory|swap|disk|cpu|size|capacity|slots|connections)_.*_?total\Z"
    r"|_(offline|online|uptime_seconds|memory|disk|size|bytes|slots|nodes|instances|members|connections|keys|documents|shards)_total\Z"
)
_OTHERS_GAUGES = re.compile(
    r"(kube|node|container|pg|mysql|redis|mongodb|rabbitmq|elasticsearch|kafka|haproxy|nginx|cilium)_"
)
SCRAPES_MIN = 4
DEFAULT_SCRAPE = timedelta(seconds=15)


def check(query: Query, expr: Expr, report: Report, scrape: timedelta | None) -> None:
    """Report counters read as gauges, gauges as counters, and windows that hold too little."""
    for part, above in walk(expr):
        if isinstance(part, Call) and part.function in RATES:
            _rate(query, part, report, scrape)
        elif isinstance(part, Selector):
            _raw(query, part, above, report)
        elif isinstance(part, Binary) and part.op in ("==", "<", "<="):
            _nothing_happened(query, expr, part, report)
    _alone(query, expr, report)


def _rate(query: Query, part: Call, report: Report, scrape: timedelta | None) -> None:
    inner = part.args[0]
    if isinstance(inner, Subquery):
        summed = bare(inner.expr)
        if isinstance(summed, Aggregate) and summed.op == "sum" and isinstance(scaled(summed.expr), Selector):
            query.complain(
                report, "SER222", part.position, part.end,
                f"{part.function} of a sum: when one instance restarts, the sum falls and is taken for a reset of all",
                expected=f"sum({part.function}(…)), the sum outside",
            )  # fmt: skip
        return
    if not isinstance(inner, RangeSelector):
        return
    name = metric_of(inner.selector)
    if _GAUGE.search(name) and not _COUNTER.search(name):
        query.complain(
            report, "SER220", part.position, part.end,
            f"`{name}` goes up and down; {part.function} takes each fall for a restart",
            expected="a counter (…_total)", hint="deriv(…) or delta(…) is for gauges",
        )  # fmt: skip
    _window(query, part, inner, report, scrape)
    if part.function == "irate" and query.purpose == "alert":
        query.complain(
            report, "SER226", part.position, part.end,
            "irate sees only the last two samples: the alert's `for` begins anew with every calm moment between them",
            expected="rate(…[5m])",
        )  # fmt: skip


def _window(query: Query, part: Call, inner: RangeSelector, report: Report, scrape: timedelta | None) -> None:
    if inner.range is not None or "$" in query.text[inner.position : inner.end]:
        return
    every = scrape or DEFAULT_SCRAPE
    least = SCRAPES_MIN * every
    window = timedelta(milliseconds=inner.range_ms)
    if window >= least:
        return
    known = f"{format_duration(every)} between scrapes"
    count = int(window / every)
    query.complain(
        report, "SER223", inner.position, inner.end,
        f"a window of {format_duration(window)} holds {count} sample{'s' * (count != 1)} at {known}: one lost scrape "
        "and there is no rate",
        expected=f"at least [{format_duration(least)}], four scrapes",
    )  # fmt: skip


def _raw(query: Query, part: Selector, above: tuple[Expr, ...], report: Report) -> None:
    """A counter whose value as such is used, though only its growth means something."""
    name = metric_of(part)
    if ":" in name or not (_COUNTER.search(name) or name.endswith("_bucket") or _REPLICATED.search(name)):
        return
    nearest = [a for a in above if not isinstance(a, RangeSelector)]
    if any(isinstance(a, Call) and a.function in _AT_ONCE for a in nearest) or _only_asked_for(nearest):
        return
    if any(isinstance(a, Binary) and a.op == "-" for a in nearest) and not name.endswith("_bucket"):
        return  # the difference of two counters is a gauge: started minus finished
    outer = next((a for a in reversed(nearest) if isinstance(a, Aggregate)), None)
    if _REPLICATED.search(name):
        if outer is not None and outer.op == "sum" and not _known_gauge(name):
            _replicated(query, part, name, report)
        return
    compared = any(isinstance(a, Binary) and a.op in COMPARISONS for a in nearest)
    summed = outer is not None and outer.op in ("sum", "avg", "max")
    if name.endswith("_bucket") or (_counts_up(name) and (compared or summed)):
        query.complain(
            report, "SER221", part.position, part.end,
            f"`{name}` only ever grows (until a restart): its value says how long it has been counting",
            expected=f"increase({name}[1h]) or rate({name}[5m])",
        )  # fmt: skip


def _counts_up(name: str) -> bool:
    """Whether `…_total` is a counter, and no gauge that says how many there are in all."""
    return not _IN_ALL.search(name)


def _only_asked_for(above: Sequence[Expr]) -> bool:
    """Whether only the presence of series matters: count(…), … unless …"""
    return any(isinstance(a, Aggregate) and a.op in ("count", "group", "count_values") for a in above) or any(
        isinstance(a, Binary) and a.op in ("and", "unless") for a in above
    )


def _known_gauge(name: str) -> bool:
    """Whether a well-known exporter, of which there is one, has this metric."""
    return bool(_OTHERS_GAUGES.match(name))


def _replicated(query: Query, part: Selector, name: str, report: Report) -> None:
    query.complain(
        report, "SER225", part.position, part.end,
        f"the sum of `{name}` as it stands: a gauge that every replica exports is counted once for each of them, and "
        "a histogram's count has no meaning without rate",
        expected="max by (…) of a gauge; sum(increase(…)) of a histogram's count",
    )  # fmt: skip


def _nothing_happened(query: Query, whole: Expr, part: Binary, report: Report) -> None:
    """`increase(x[24h]) == 0`: silent when the series itself is gone."""
    found = threshold_of(part)
    if found is None or found[2] != 0 or (found[1] not in ("==", "<=")) or query.purpose != "alert":
        return
    inner = bare(found[0])
    counted = scaled(inner)
    while isinstance(counted, Aggregate) and counted.op in ("sum", "max", "min", "avg"):
        counted = scaled(counted.expr)
    if not (isinstance(counted, Call) and counted.function in RATES) or _asks_for_absence(whole):
        return
    if any(isinstance(p, Binary) and p.op in ("and", "unless") for p, _ in walk(whole)):
        return
    query.complain(
        report, "SER224", part.position, part.end,
        "silent when the process or the series is gone, and counted for each process by itself",
        expected="(sum(increase(…)) or vector(0)) == 0, with `for`",
        edits=_or_zero(query, part, inner, whole),
    )  # fmt: skip


def _asks_for_absence(expr: Expr) -> bool:
    return any(
        (isinstance(p, Call) and p.function in ("absent", "absent_over_time", "vector"))
        or (isinstance(p, Binary) and p.op == "or")
        for p, _ in walk(expr)
    )


def _or_zero(query: Query, part: Binary, inner: Expr, whole: Expr) -> tuple[Edit, ...]:
    if query.keeps or bare(whole) is not part or constant(part.right) is None:
        return ()
    if isinstance(inner, Aggregate):
        if inner.grouping:
            return ()
        return (query.edit(inner.position, inner.position, "("), query.after(inner.end, " or vector(0))"))
    return (query.edit(inner.position, inner.position, "(sum("), query.after(inner.end, ") or vector(0))"))


def _alone(query: Query, expr: Expr, report: Report) -> None:
    """A rate of each series where one number is shown."""
    expr = bare(expr)
    if query.single and isinstance(scaled(expr), Call) and scaled(expr).function in RATES:  # type: ignore[union-attr]
        query.complain(
            report, "SER227", expr.position, expr.end,
            "this is a rate for each series, one for every instance, path and status",
            expected="sum(rate(…)), or sum by (…)",
            edits=(query.edit(expr.position, expr.position, "sum("), query.after(expr.end, ")")),
        )  # fmt: skip
