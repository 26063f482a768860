"""What each function takes and gives, since which version it is there, and the kind of every expression."""

from __future__ import annotations

from dataclasses import dataclass

from sereno.promql.ast import Aggregate, Binary, Call, Expr, Kind, Number, Paren, RangeSelector, Subquery, Text, Unary


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's arguments and result. `optional` of the last arguments may be left out; `variadic` repeats
    the last one any number of times, `more` that many times. `since` and `until` are the dialects that have it;
    `experimental` ones must be switched on in version 3."""

    args: tuple[Kind, ...]
    result: Kind = "vector"
    optional: int = 0
    variadic: bool = False
    more: int = 0
    since: int = 2
    until: int = 3
    experimental: bool = False

    @property
    def least(self) -> int:
        """How many arguments it needs."""
        return len(self.args) - self.optional

    @property
    def most(self) -> int | None:
        """How many arguments it takes; None without a limit."""
        return None if self.variadic else len(self.args) + self.more


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
_OVER_TIME_TRIED = (
    "mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time",
)
AGGREGATIONS = frozenset((
    "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile",
    "limitk", "limit_ratio",
))
TRIED_AGGREGATIONS = frozenset(("limitk", "limit_ratio"))
"""The aggregations that version 3 has as experiments, and version 2 not at all."""
LATER: frozenset[str] = frozenset()
"""Functions that later versions of Prometheus have, and we do not."""
# fmt: on

FUNCTIONS: dict[str, Signature] = {
    **{name: Signature(("vector",)) for name in _ELEMENTWISE},
    **{name: Signature(("vector",), optional=1) for name in _DATES},
    **{name: Signature(("range",)) for name in _OVER_TIME},
    **{name: Signature(("range",), since=3, experimental=True) for name in _OVER_TIME_TRIED},
    **{name: Signature((), "scalar", since=3, experimental=True) for name in ("start", "end", "step", "range")},
    **{name: Signature(("scalar", "scalar"), "scalar", since=3, experimental=True) for name in ("min_of", "max_of")},
    "absent": Signature(("vector",)),
    "clamp": Signature(("vector", "scalar", "scalar")),
    "clamp_max": Signature(("vector", "scalar")),
    "clamp_min": Signature(("vector", "scalar")),
    "double_exponential_smoothing": Signature(("range", "scalar", "scalar"), since=3, experimental=True),
    "first_over_time": Signature(("range",), since=3),
    "histogram_avg": Signature(("vector",), since=3),
    "histogram_count": Signature(("vector",)),
    "histogram_fraction": Signature(("scalar", "scalar", "vector")),
    "histogram_quantile": Signature(("scalar", "vector")),
    "histogram_quantiles": Signature(
        ("vector", "string", "scalar", "scalar"), optional=1, more=8, since=3, experimental=True
    ),
    "histogram_stddev": Signature(("vector",), since=3),
    "histogram_stdvar": Signature(("vector",), since=3),
    "histogram_sum": Signature(("vector",)),
    "holt_winters": Signature(("range", "scalar", "scalar"), until=2),
    "info": Signature(("vector", "vector"), optional=1, since=3, experimental=True),
    "label_join": Signature(("vector", "string", "string", "string"), optional=1, variadic=True),
    "label_replace": Signature(("vector", "string", "string", "string", "string")),
    "pi": Signature((), "scalar"),
    "predict_linear": Signature(("range", "scalar")),
    "quantile_over_time": Signature(("scalar", "range")),
    "round": Signature(("vector", "scalar"), optional=1),
    "scalar": Signature(("vector",), "scalar"),
    "sort": Signature(("vector",)),
    "sort_by_label": Signature(("vector", "string"), optional=1, variadic=True, since=3, experimental=True),
    "sort_by_label_desc": Signature(("vector", "string"), optional=1, variadic=True, since=3, experimental=True),
    "sort_desc": Signature(("vector",)),
    "start_timestamp": Signature(("vector",), since=3, experimental=True),
    "time": Signature((), "scalar"),
    "timestamp": Signature(("vector",)),
    "vector": Signature(("scalar",)),
}
"""The functions of Prometheus 2.42 and 3."""

WITH_PARAM: dict[str, Kind] = {
    "topk": "scalar",
    "bottomk": "scalar",
    "quantile": "scalar",
    "count_values": "string",
    "limitk": "scalar",
    "limit_ratio": "scalar",
}


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
