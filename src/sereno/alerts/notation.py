"""The notation of promtool's unit tests: `up{job="a"}` and `0+1x10 _ stale {{schema:0 sum:3 count:2}}x3`.

Source: promql/parser (`series_description`) of Prometheus 3.14.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Histogram, matchers_of
from sereno.promql.columns import Float64s, Objects
from sereno.promql.native_notation import parse_histogram, parse_histograms

VALUES_MAX = 20_000_000
# No hexadecimal numbers: in a series 0x10 is eleven zeros. Nor counts of words: to Prometheus NaNx3 is one word.
_NUMBER = (
    r"(?:[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?"
    r"|(?:[iI][nN][fF]|[nN][aA][nN])(?![0-9A-Za-z_:]))"
)
_ITEM = re.compile(
    rf"(?P<blank>_)(?:x(?P<blanks>[0-9]+))?"
    rf"|(?P<histogram>\{{\{{.*?\}}\}}(?:[+-]\{{\{{.*?\}}\}})?(?:x[0-9]+)?)"
    rf"|(?P<stale>stale)(?![0-9A-Za-z_:])"
    rf"|(?P<first>[+-]?{_NUMBER})(?:(?P<step>[+-]{_NUMBER})x(?P<steps>[0-9]+)|x(?P<times>[0-9]+))?",
    re.DOTALL,
)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The values of one series, one a step; where not `present` there is none."""

    present: np.ndarray
    values: Float64s
    histograms: Objects | None = None


def parse_metric(text: str) -> Labels:
    """The labels of `name{a="b"}`; of nothing, or of `{}`, none. Raises ValueError."""
    if not text.strip() or text.strip() == "{}":
        return Labels()
    try:
        matchers = matchers_of(text)
    except QueryError as error:
        raise ValueError(error.message) from None
    if any(matcher.op != "=" for matcher in matchers):
        raise ValueError("a series has labels with =, not conditions")
    return Labels((matcher.name, matcher.value) for matcher in matchers)


def parse_values(text: str) -> Values:
    """The values that `text` writes. Raises ValueError with the place."""
    parts: list[tuple[str, int, float, float]] = []  # kind, count, first, step
    noted: dict[int, list[Histogram]] = {}
    at, total = 0, 0
    while True:
        blank = _SPACE.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            break
        if parts and blank is None:
            raise ValueError(f"a space is missing before {text[at : at + 20]!r}, at character {at + 1}")
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError(f"cannot read {text[at : at + 40]!r} as values, at character {at + 1}")
        part = _part(found)
        if part[0] == "histogram":
            noted[len(parts)] = [one.histogram for one in parse_histograms(found["histogram"])]
            part = ("histogram", len(noted[len(parts)]), 0.0, 0.0)
        parts.append(part)
        total += part[1]
        if total > VALUES_MAX:
            raise ValueError(f"more than {VALUES_MAX:,} values")
        at = found.end()
    return _values(parts, noted, total)


def _part(found: re.Match[str]) -> tuple[str, int, float, float]:
    if found["blank"]:
        return "blank", int(found["blanks"] or 1), 0.0, 0.0
    if found["histogram"]:
        return "histogram", 0, 0.0, 0.0
    if found["stale"]:
        return "value", 1, STALE, 0.0
    first = _number(found["first"])
    if found["step"]:
        return "steps", int(found["steps"]) + 1, first, _number(found["step"])
    return "value", int(found["times"] or 0) + 1, first, 0.0


def _number(text: str) -> float:
    bare, sign = text.lstrip("+-"), -1.0 if text.startswith("-") else 1.0
    bare = bare.replace("_", "")
    return sign * float(bare)


def _values(parts: Sequence[tuple[str, int, float, float]], noted: dict[int, list[Histogram]], total: int) -> Values:
    present = np.ones(total, dtype=bool)
    values = np.zeros(total)
    histograms: Objects | None = np.full(total, None, dtype=object) if noted else None
    begin = 0
    for index, (kind, count, first, step) in enumerate(parts):
        end = begin + count
        if kind == "blank":
            present[begin:end] = False
        elif kind == "histogram" and histograms is not None:
            for place, histogram in enumerate(noted[index]):
                histograms[begin + place] = histogram
        elif kind == "steps":
            # Added one after another, as Prometheus does: multiples would round otherwise.
            values[begin:end] = np.add.accumulate(np.concatenate(([first], np.full(count - 1, step))))
        else:
            values[begin:end] = first
        begin = end
    return Values(present, values, histograms)


def parse_one_histogram(text: str) -> Histogram:
    """The histogram that is expected of a sample. Raises ValueError."""
    return parse_histogram(text).histogram


def write_values(values: Sequence[float | None]) -> str:
    """Values in the notation, the shortest way; None is no sample."""
    parts: list[str] = []
    index = 0
    while index < len(values):
        first = values[index]
        end = index + 1
        while end < len(values) and values[end] == first:
            end += 1
        if first is not None and end == index + 1 and end < len(values):
            step = _step(values, index)
            while step is not None and end < len(values) and _follows(values[end - 1], values[end], step):
                end += 1
            if step is not None and end - index > 2:
                parts.append(f"{_text(first)}{'+' if step >= 0 else ''}{_text(step)}x{end - index - 1}")
                index = end
                continue
            end = index + 1
        word = "_" if first is None else _text(first)
        again = end - index if first is None else end - index - 1
        if first is not None and not math.isfinite(first):
            parts += [word] * (end - index)
        else:
            parts.append(word if end == index + 1 else f"{word}x{again}")
        index = end
    return " ".join(parts)


def _step(values: Sequence[float | None], index: int) -> float | None:
    first, second = values[index], values[index + 1]
    if first is None or second is None or not math.isfinite(first) or not math.isfinite(second):
        return None
    return second - first


def _follows(before: float | None, value: float | None, step: float) -> bool:
    return before is not None and value is not None and before + step == value


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
