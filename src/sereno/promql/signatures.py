"""What each function takes and gives, and the kind of every expression."""

from __future__ import annotations

from dataclasses import dataclass

from sereno.promql.ast import Aggregate, Binary, Call, Expr, Kind, Number, Paren, RangeSelector, Subquery, Text, Unary


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's arguments and result. `optional` of the last arguments may be left out; `variadic` repeats
    the last one any number of times."""

    args: tuple[Kind, ...]
    result: Kind = "vector"
    optional: int = 0
    variadic: bool = False


# fmt: off
_ELEMENTWISE = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor", "ln",
    "log10", "log2", "rad", "sgn", "sin", "sinh", "sqrt", "tan", "tanh",
)
_DATES = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")
_OVER_TIME = (
    "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets", "sum_over_time", "avg_over_time",
    "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time",
    "stddev_over_time", "stdvar_over_time", "absent_over_time",
)
LATER = frozenset((
    "double_exponential_smoothing", "histogram_avg", "histogram_stddev", "histogram_stdvar", "histogram_quantiles",
    "info", "mad_over_time", "sort_by_label", "sort_by_label_desc", "ts_of_max_over_time", "ts_of_min_over_time",
    "ts_of_last_over_time", "ts_of_first_over_time", "first_over_time", "max_of", "min_of", "range", "step",
))
"""Functions that later versions of Prometheus have."""
AGGREGATIONS = frozenset((
    "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile",
))
# fmt: on

FUNCTIONS: dict[str, Signature] = {
    **{name: Signature(("vector",)) for name in _ELEMENTWISE},
    **{name: Signature(("vector",), optional=1) for name in _DATES},
    **{name: Signature(("range",)) for name in _OVER_TIME},
    "absent": Signature(("vector",)),
    "clamp": Signature(("vector", "scalar", "scalar")),
    "clamp_max": Signature(("vector", "scalar")),
    "clamp_min": Signature(("vector", "scalar")),
    "histogram_count": Signature(("vector",)),
    "histogram_fraction": Signature(("scalar", "scalar", "vector")),
    "histogram_quantile": Signature(("scalar", "vector")),
    "histogram_sum": Signature(("vector",)),
    "holt_winters": Signature(("range", "scalar", "scalar")),
    "label_join": Signature(("vector", "string", "string", "string"), optional=1, variadic=True),
    "label_replace": Signature(("vector", "string", "string", "string", "string")),
    "pi": Signature((), "scalar"),
    "predict_linear": Signature(("range", "scalar")),
    "quantile_over_time": Signature(("scalar", "range")),
    "round": Signature(("vector", "scalar"), optional=1),
    "scalar": Signature(("vector",), "scalar"),
    "sort": Signature(("vector",)),
    "sort_desc": Signature(("vector",)),
    "time": Signature((), "scalar"),
    "timestamp": Signature(("vector",)),
    "vector": Signature(("scalar",)),
}
"""The functions of Prometheus 2.42."""

WITH_PARAM: dict[str, Kind] = {"topk": "scalar", "bottomk": "scalar", "quantile": "scalar", "count_values": "string"}


def kind_of(expr: Expr) -> Kind:
    """What `expr` evaluates to."""
    match expr:
        case Number():
            return "scalar"
        case Text():
            return "string"
        case RangeSelector() | Subquery():
            return "range"
        case Call():
            return FUNCTIONS[expr.function].result
        case Paren() | Unary():
            return kind_of(expr.expr)
        case Binary():
            both = {kind_of(expr.left), kind_of(expr.right)}
            return "scalar" if both == {"scalar"} else "vector"
        case Aggregate():
            return "vector"
        case _:
            return "vector"
