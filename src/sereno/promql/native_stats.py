"""Native histograms of which only count and sum are asked for: read without their buckets.

Resets are told by the buckets while those are there, and noted in what is left. Source:
promql/histogram_stats_iterator.go and `detectHistogramStatsDecoding` in promql/engine.go of Prometheus 3.14.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sereno.promql.ast import Aggregate, Binary, Call, Expr, Paren, RangeSelector, Selector, Subquery, Unary, children
from sereno.promql.columns import Objects
from sereno.promql.native import Buckets, Histogram
from sereno.promql.native_math import detect_reset
from sereno.promql.native_series import NativeSeries, native_series
from sereno.promql.windows import Samples

_NO_BUCKETS = Buckets()
_COUNTING = frozenset(("histogram_count", "histogram_sum", "histogram_avg"))
_LOOKING = frozenset(("histogram_quantile", "histogram_quantiles", "histogram_fraction", "count_values"))
_COMPARING = frozenset(("</", ">/", "==", "!="))


def marked(expr: Expr) -> Expr:
    """`expr`, its selectors marked as `counted` of whose histograms only counts and sums matter."""
    return _marked(expr, counted=False) if _counts(expr) else expr


def _counts(expr: Expr) -> bool:
    return (isinstance(expr, Call) and expr.function in _COUNTING) or any(_counts(child) for child in children(expr))


def _marked(expr: Expr, *, counted: bool) -> Expr:
    match expr:
        case Selector():
            return replace(expr, counted=True) if counted else expr
        case RangeSelector():
            return replace(expr, selector=replace(expr.selector, counted=True)) if counted else expr
        case Subquery():
            return expr  # what lies between its steps could hide a reset: it needs the buckets
        case Call():
            if expr.function in _LOOKING:
                return expr
            within = counted or expr.function in _COUNTING
            return replace(expr, args=tuple(_marked(arg, counted=within) for arg in expr.args))
        case Aggregate():
            return expr if expr.op in _LOOKING else replace(expr, expr=_marked(expr.expr, counted=counted))
        case Binary():
            if expr.op in _COMPARING:
                return expr
            return replace(expr, left=_marked(expr.left, counted=counted), right=_marked(expr.right, counted=counted))
        case Paren() | Unary():
            return replace(expr, expr=_marked(expr.expr, counted=counted))
        case _:
            return expr


def counted(samples: Samples, first_ms: int) -> Samples:
    """`samples` without the buckets of their histograms, each saying whether it was reset since the one before, those
    before `first_ms` left out of that."""
    if samples.histograms is None:
        return samples
    kept: tuple[int, Samples] | None = samples.known.get("counted")  # type: ignore[assignment]
    if kept is None or kept[0] != first_ms:
        histograms = np.full(len(samples.times), None, dtype=object)
        series = [one for _, one in native_series(samples)]
        for (_, begin, end), one in zip(samples.native_rows, series, strict=True):
            histograms[begin:end] = _stripped(one, first_ms)
        kept = first_ms, samples.with_histograms(histograms)
        samples.known["counted"] = kept
    return kept[1]


def _stripped(series: NativeSeries, first_ms: int) -> Objects:
    found = np.full(len(series.times), None, dtype=object)
    reset, seen = series.reset.tolist(), (series.times >= first_ms).tolist()
    before = -1
    for index in np.flatnonzero(series.native).tolist():
        h = series.at(index)
        hint = h.reset
        if hint == "unknown" and before >= 0:
            fell = reset[index] if before == index - 1 else detect_reset(h, series.at(before))
            hint = "reset" if fell else "not_reset"
        found[index] = Histogram(h.schema, h.count, h.sum, 0.0, 0.0, _NO_BUCKETS, _NO_BUCKETS, (), hint)
        if seen[index]:
            before = index
    return found
