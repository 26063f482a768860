"""Native histograms read from the notation of promtool's unit tests: `{{schema:1 count:3 sum:4 buckets:[1 2]}}`.

Source: promql/parser (`buildHistogramFromMap`, `histogramsSeries`) of Prometheus 3.14.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, get_args

import numpy as np

from sereno.promql.native import Buckets, Histogram, ResetHint
from sereno.promql.native_math import IncompatibleSchemas, add, subtract

_ITEM = re.compile(r"([a-z_]+):(\[[^\]]*\]|[^\s\[\]]+)\s*")
_REPEATED = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x(\d+))?", re.DOTALL)
_HINTS = get_args(ResetHint)
_TIMES_MAX = 1_000_000


class Noted(NamedTuple):
    """A histogram, and whether its text said anything of resets."""

    histogram: Histogram
    hint_set: bool


def parse_histogram(text: str) -> Noted:
    """The histogram that `text`, with or without its double braces, describes. Raises ValueError."""
    inside = text.strip()
    if inside.startswith("{{") and inside.endswith("}}"):
        inside = inside[2:-2]
    inside, at = inside.strip(), 0
    items: dict[str, str] = {}
    while at < len(inside):
        match = _ITEM.match(inside, at)
        if match is None or match[1] not in _READERS:
            raise ValueError(f"cannot read {inside[at : at + 40]!r} in a histogram, at character {at + 1}")
        if match[1] in items:
            raise ValueError(f"{match[1]} is given twice in a histogram")
        items[match[1]], at = match[2], match.end()
    return Noted(
        _built({name: _READERS[name](name, value) for name, value in items.items()}), "counter_reset_hint" in items
    )


def parse_histograms(text: str) -> list[Noted]:
    """The histograms of one word of a series: `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3` or `{{…}}-{{…}}x3`.

    Raises ValueError if it is none of these, or one cannot be added to the other.
    """
    match = _REPEATED.fullmatch(text.strip())
    if match is None or (match[2] and match[4] is None):
        raise ValueError(f"cannot read {text[:60]!r} as histograms")
    first, times = parse_histogram(match[1]), int(match[4] or 0)
    if times > _TIMES_MAX:
        raise ValueError(f"{times:,} histograms are too many; at most {_TIMES_MAX:,}")
    if not match[2]:
        return [first] * (times + 1)
    step = parse_histogram(match[3])
    found, current = [Noted(first.histogram, step.hint_set)], first.histogram
    for _ in range(times):
        if current.schema > step.histogram.schema:
            raise ValueError(
                f"a histogram of schema {step.histogram.schema} cannot be added to one of {current.schema}"
            )
        try:
            current = (add if match[2] == "+" else subtract)(current, step.histogram).histogram
        except IncompatibleSchemas as error:
            raise ValueError(str(error)) from None
        found.append(Noted(current, step.hint_set))
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} of a histogram is no number: {text!r}") from None


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise ValueError(f"{name} of a histogram is no whole number: {text!r}")
    return int(text)


def _list(name: str, text: str) -> list[float]:
    if not text.startswith("["):
        raise ValueError(f"{name} of a histogram is no list: {text!r}")
    return [_number(name, one) for one in text[1:-1].split()]


def _hint(name: str, text: str) -> ResetHint:
    if text not in _HINTS:
        raise ValueError(f"{name} of a histogram is one of {', '.join(_HINTS)}, not {text!r}")
    return text  # type: ignore[return-value]


_READERS: dict[str, Callable[[str, str], object]] = {
    "schema": _whole,
    "sum": _number,
    "count": _number,
    "z_bucket": _number,
    "z_bucket_w": _number,
    "custom_values": _list,
    "buckets": _list,
    "offset": _whole,
    "n_buckets": _list,
    "n_offset": _whole,
    "counter_reset_hint": _hint,
}


def _built(items: dict[str, object]) -> Histogram:
    def number(name: str) -> float:
        return float(items.get(name, 0.0))  # type: ignore[arg-type]

    def side(prefix: str) -> Buckets:
        counts = np.array(items.get(f"{prefix}buckets", []), dtype=np.float64)
        first = int(number(f"{prefix}offset"))
        return Buckets(np.arange(first, first + len(counts), dtype=np.int64), counts)

    bounds: list[float] = items.get("custom_values", [])  # type: ignore[assignment]
    hint: ResetHint = items.get("counter_reset_hint", "unknown")  # type: ignore[assignment]
    return Histogram(
        int(number("schema")), number("count"), number("sum"), number("z_bucket_w"), number("z_bucket"),
        side(""), side("n_"), tuple(bounds), hint,
    )  # fmt: skip
