"""Functions of instant vectors and scalars. Source: promql/functions.go of Prometheus 2.42."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sereno.kernel.errors import QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql.ast import Call, Expr, RangeSelector, Selector, bare
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.far_dates import far_date_part
from sereno.promql.regex import compile_regex
from sereno.promql.regex_machine import Effort
from sereno.promql.values import LabelRows, Scalar, Vector, drop_name, floats_only, merged, pruned

Days = npt.NDArray[np.datetime64]
Elementwise = Callable[[Float64s], Float64s]

ELEMENTWISE: dict[str, Elementwise] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda v: v * 180 / np.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda v: v * np.pi / 180,
    "sgn": lambda v: np.where(v < 0, -1.0, np.where(v > 0, 1.0, v)),
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def elementwise(name: str, vector: Vector) -> Vector:
    """A function of each value by itself."""
    vector = floats_only(vector)
    return drop_name(replace(vector, values=ELEMENTWISE[name](vector.values)))


def _lesser(a: Float64s, b: Float64s) -> Float64s:
    """Go's math.Min: −Inf wins over NaN."""
    return np.where((a == -np.inf) | (b == -np.inf), -np.inf, np.minimum(a, b))


def _greater(a: Float64s, b: Float64s) -> Float64s:
    """Go's math.Max: +Inf wins over NaN."""
    return np.where((a == np.inf) | (b == np.inf), np.inf, np.maximum(a, b))


def clamp(vector: Vector, least: Float64s | None, most: Float64s | None) -> Vector:
    """Values held between `least` and `most`; nothing where they contradict each other."""
    vector = floats_only(vector)
    values, present = vector.values, vector.present
    if most is not None:
        values = _lesser(np.broadcast_to(most, values.shape), values)
    if least is not None:
        values = _greater(np.broadcast_to(least, values.shape), values)
    if least is not None and most is not None:
        present = present & ~(most < least)
    return drop_name(Vector(vector.labels, values, present))


def rounded(vector: Vector, to: Float64s) -> Vector:
    """Values rounded to multiples of `to`, halves up."""
    vector = floats_only(vector)
    inverse = 1.0 / to
    return drop_name(replace(vector, values=np.floor(vector.values * inverse + 0.5) / inverse))


def scalar(vector: Vector) -> Scalar:
    """The value of the only series; NaN where there is not exactly one."""
    if not len(vector):
        return Scalar(np.full(vector.values.shape[1], np.nan))
    vector = floats_only(vector)
    alone = vector.present.sum(axis=0) == 1
    values = np.where(vector.present, vector.values, 0.0)
    chosen = np.take_along_axis(values, vector.present.argmax(axis=0)[None, :], axis=0)[0]
    return Scalar(np.where(alone, chosen, np.nan))


def ordered(vector: Vector, *, descending: bool) -> Vector:
    """Rows by value, NaN last, at a single instant; over a range the order means nothing and stays."""
    if vector.values.shape[1] != 1:
        return floats_only(vector)
    vector = pruned(floats_only(vector))
    values = vector.values[:, 0]
    keys = -values if descending else values
    return vector.take(np.lexsort((keys, np.isnan(values))))


def absent_labels(expr: Expr) -> Labels:
    """The labels that an absent series would certainly have: those asked for by `=` once."""
    expr = bare(expr)
    selector = expr.selector if isinstance(expr, RangeSelector) else expr
    if not isinstance(selector, Selector):
        return Labels()
    found: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers:
        if matcher.name == "__name__":
            continue
        if matcher.op == "=" and matcher.name not in seen:
            found[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            found.pop(matcher.name, None)
    return Labels(found)


def absent(expr: Expr, vector: Vector) -> Vector:
    """1 where `vector` is empty."""
    missing = ~np.logical_or.reduce(vector.present, axis=0, keepdims=True)
    return Vector((absent_labels(expr),), np.ones(missing.shape), missing)


# Labels ----------------------------------------------------------------------------------------------------


WRITTEN_MAX, _REMEMBERED_MAX = 20_000_000, 1_000_000
"""Characters read and written by one call of label_replace or label_join; those of a call that is remembered."""


class _Unremembered(Exception):
    """The labels are too long to be kept."""


def _written(most: int, left: int) -> None:
    """Raise QueryLimit, or _Unremembered where a second try has more room, when nothing is left."""
    if left < 0 and most < WRITTEN_MAX:
        raise _Unremembered
    if left < 0:
        raise QueryLimit(
            f"the query writes labels of more than {WRITTEN_MAX:,} characters",
            hint="narrow the selector, or write shorter labels",
        )


@lru_cache(maxsize=128)
def _replaced(labels: LabelRows, target: str, template: str, source: str, pattern: str, most: int) -> LabelRows:
    regex, effort, left = compile_regex(pattern), Effort(), most
    found: list[Labels] = []
    for one in labels:
        text = regex.expand(template, one.get(source, ""), effort)
        left -= 4 * len(template) + len(text or "")
        _written(most, left)
        found.append(one if text is None else one.merged({target: text}))
    return tuple(found)


@lru_cache(maxsize=128)
def _joined(labels: LabelRows, target: str, separator: str, sources: tuple[str, ...], most: int) -> LabelRows:
    left = most
    found: list[Labels] = []
    for one in labels:
        parts = [one.get(source, "") for source in sources]
        left -= sum(map(len, parts)) + (1 + len(separator)) * len(parts)
        _written(most, left)
        found.append(one.merged({target: separator.join(parts)}))
    return tuple(found)


def label_replace(vector: Vector, target: str, template: str, source: str, pattern: str) -> Vector:
    """`target` set to `template` where `pattern` matches the label `source`; untouched elsewhere."""
    given = (vector.labels, target, template, source, pattern)
    try:
        labels = _replaced(*given, _REMEMBERED_MAX)
    except _Unremembered:
        labels = _replaced.__wrapped__(*given, WRITTEN_MAX)
    return merged(replace(vector, labels=labels))


def label_join(vector: Vector, target: str, separator: str, sources: tuple[str, ...]) -> Vector:
    """`target` set to the values of `sources` with `separator` between."""
    given = (vector.labels, target, separator, sources)
    try:
        labels = _joined(*given, _REMEMBERED_MAX)
    except _Unremembered:
        labels = _joined.__wrapped__(*given, WRITTEN_MAX)
    return merged(replace(vector, labels=labels))


# Dates ----------------------------------------------------------------------------------------------------

_SECONDS_MAX = 200_000_000_000


def _days(later: Days, earlier: Days) -> Int64s:
    return later.astype(np.int64) - earlier.astype(np.int64)


def _calendar(name: str, seconds: Int64s) -> Int64s:
    """A part of the date and time, in UTC."""
    if name == "minute":
        return seconds // 60 % 60
    if name == "hour":
        return seconds // 3600 % 24
    days = seconds // 86400
    if name == "day_of_week":
        return (days + 4) % 7
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    if name == "day_of_month":
        return _days(dates, months.astype("datetime64[D]")) + 1
    if name == "day_of_year":
        return _days(dates, years.astype("datetime64[D]")) + 1
    if name == "month":
        return months.astype(np.int64) % 12 + 1
    if name == "year":
        return years.astype(np.int64) + 1970
    following = (months + np.timedelta64(1, "M")).astype("datetime64[D]")
    return _days(following, months.astype("datetime64[D]"))


DATES = frozenset(("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"))


def date_part(name: str, seconds: Float64s) -> Float64s:
    """A part of the UTC date and time `seconds` after the epoch; beyond the next 6,000 years as Go computes it."""
    sane = np.abs(seconds) <= _SECONDS_MAX
    whole = np.trunc(np.where(sane, seconds, 0)).astype(np.int64)
    found = _calendar(name, whole).astype(np.float64)
    if not sane.all():
        far, which = np.unique(seconds[~sane], return_inverse=True)
        found[~sane] = np.array([far_date_part(name, float(one)) for one in far])[which.reshape(-1)]
    return found


def label_call(call: Call, vector: Vector, texts: list[str]) -> Vector:
    """label_replace and label_join, their string arguments in `texts`."""
    if call.function == "label_replace":
        return label_replace(vector, texts[0], texts[1], texts[2], texts[3])
    return label_join(vector, texts[0], texts[1], tuple(texts[2:]))
