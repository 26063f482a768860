"""Results as Prometheus writes them in JSON, fast: a matrix of hundreds of thousands of points is one join.

Values are texts in Go's format ('NaN', '+Inf', the shortest digits that read back as the same number), times are
seconds with at most three decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import add
from typing import Any

import msgspec
import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Histogram, Result
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native_bounds import cells

_PLAIN_MIN, _PLAIN_MAX = 1e-4, 1e15
"""Between these Python and Go write the same digits (Python adds `.0` to whole numbers)."""


def go_float(value: float) -> str:
    """`value` as Prometheus writes it: without exponent from 1e-6 up to 1e21 (util/jsonutil, MarshalFloat)."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        return exponential(value)
    text = f"{Decimal(repr(value)):f}"
    return text[:-2] if text.endswith(".0") else text


def exponential(value: float) -> str:
    """`value` in Go's format 'e' with the fewest digits: `1.5e+06`, `0e+00`."""
    if value != value or value in (float("inf"), float("-inf")):
        return go_float(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = exponent + len(digits) - 1 if any(digits) else 0
    tail = "." + "".join(map(str, digits[1:])) if len(digits) > 1 else ""
    return f"{'-' if sign else ''}{digits[0]}{tail}e{'-' if power < 0 else '+'}{abs(power):02d}"


def float_texts(values: Float64s) -> list[str]:
    """Every value as `go_float` writes it, many at a time."""
    size = np.abs(values)
    whole = (size < _PLAIN_MAX) & (values == np.trunc(values)) & ((values != 0) | ~np.signbit(values))
    if whole.all():
        return list(map(str, values.astype(np.int64).tolist()))
    texts = list(map(repr, values.tolist()))
    plain = (size >= _PLAIN_MIN) & (size < _PLAIN_MAX)
    if whole.any():
        places = np.flatnonzero(whole)
        for place, number in zip(places.tolist(), values[places].astype(np.int64).tolist(), strict=True):
            texts[place] = str(number)
    small = (size >= 1e-6) & (size < _PLAIN_MIN)
    for place in np.flatnonzero(small).tolist():
        texts[place] = _unfolded(texts[place])
    for place in np.flatnonzero(~plain & ~whole & ~small & ~(size < 1e-6)).tolist():
        texts[place] = go_float(float(values[place]))
    for place in np.flatnonzero((values == 0) & ~whole).tolist():
        texts[place] = "-0"
    return texts


def _unfolded(text: str) -> str:
    """`1.5e-05` as `0.000015`."""
    digits, _, zeros = text.partition("e-0")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return f"{sign}0.{'0' * (int(zeros) - 1)}{digits.replace('.', '')}"


def time_text(at_ms: int) -> str:
    """Milliseconds as seconds, with three decimals if it is not a whole second."""
    sign, size = ("-", -at_ms) if at_ms < 0 else ("", at_ms)
    whole, rest = divmod(size, 1000)
    return f"{sign}{whole}.{rest:03d}" if rest else f"{sign}{whole}"


def labels_text(labels: Labels) -> str:
    """A label set as a JSON object."""
    return dumps(dict(labels.pairs)).decode()


def dumps(value: Any) -> bytes:
    """`value` as JSON; bytes that were no UTF-8 become the replacement character, as Go has it."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_valid(value))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_valid(key): _valid(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_valid(one) for one in value]
    return value


def histogram_text(histogram: Histogram) -> str:
    """A native histogram: its count, its sum and the buckets that hold anything (util/jsonutil, MarshalHistogram)."""
    held = cells(histogram)
    edges = 2 - 2 * held.upper_closed.astype(np.int64) - held.lower_closed + 4 * (held.upper_closed & held.lower_closed)
    columns = (float_texts(part) for part in (held.lower, held.upper, held.counts))
    rows = ",".join(
        f'[{edge},"{lower}","{upper}","{count}"]'
        for edge, lower, upper, count in zip(edges.tolist(), *columns, strict=True)
        if count != "0"
    )
    buckets = f',"buckets":[{rows}]' if rows else ""
    return f'{{"count":"{go_float(histogram.count)}","sum":"{go_float(histogram.sum)}"{buckets}}}'


def series_text(labels: str, times: Sequence[str], values: Float64s, histograms: Sequence[Any] | None = None) -> str:
    """One series of a matrix: `times` are the texts of the instants at which it has `values`."""
    parts = [f'"metric":{labels}']
    floats = np.array([one is None for one in histograms], dtype=bool) if histograms is not None else None
    if floats is None or floats.any():
        chosen = list(times) if floats is None else [t for t, here in zip(times, floats.tolist(), strict=True) if here]
        texts = float_texts(values if floats is None else values[floats])
        points = '"],['.join(map(add, [f'{t},"' for t in chosen], texts))
        parts.append(f'"values":[[{points}"]]' if texts else '"values":[]')
    if histograms is not None and floats is not None and not floats.all():
        rows = ",".join(
            f"[{t},{histogram_text(one)}]" for t, one in zip(times, histograms, strict=True) if one is not None
        )
        parts.append(f'"histograms":[{rows}]')
    return "{" + ",".join(parts) + "}"


def matrix_text(result: Result, instants: Int64s, limit: int = 0) -> tuple[str, bool]:
    """A result over a range, its series in order of their labels; and whether `limit` left any out."""
    rows = sorted(
        np.flatnonzero(result.present.any(axis=1)).tolist(), key=lambda row: result.labels[row].pairs
    )  # fmt: skip
    cut = 0 < limit < len(rows)
    times = list(map(time_text, instants.tolist()))
    prefixes = [f'{t},"' for t in times]
    parts = []
    for row in rows[:limit] if cut else rows:
        here, values = result.present[row], result.values[row]
        labels = labels_text(result.labels[row])
        if result.histograms is not None and any(one is not None for one in result.histograms[row][here]):
            places = np.flatnonzero(here)
            shown = [times[place] for place in places.tolist()]
            parts.append(series_text(labels, shown, values[places], list(result.histograms[row][places])))
            continue
        whole = bool(here.all())
        texts = float_texts(values if whole else values[here])
        before = prefixes if whole else [prefixes[place] for place in np.flatnonzero(here).tolist()]
        points = '"],['.join(map(add, before, texts))
        parts.append(f'{{"metric":{labels},"values":[[{points}"]]}}')
    return f"[{','.join(parts)}]", cut


def columns_text(columns: Columns, limit: int = 0) -> tuple[str, bool]:
    """Samples as they are, a matrix; and whether `limit` left any series out."""
    order = sorted(range(len(columns)), key=lambda row: columns.labels[row].pairs)
    cut = 0 < limit < len(order)
    parts = []
    for row in order[:limit] if cut else order:
        span = slice(int(columns.offsets[row]), int(columns.offsets[row + 1]))
        times = list(map(time_text, columns.times[span].tolist()))
        histograms = None if columns.histograms is None else list(columns.histograms[span])
        parts.append(series_text(labels_text(columns.labels[row]), times, columns.values[span], histograms))
    return f"[{','.join(parts)}]", cut


def vector_text(result: Result, at_ms: int, limit: int = 0) -> tuple[str, bool]:
    """A result at one instant, in its own order (that of `sort`); and whether `limit` left any series out."""
    rows = np.flatnonzero(result.present[:, 0])
    cut = 0 < limit < len(rows)
    rows = rows[:limit] if cut else rows
    time = time_text(at_ms)
    texts = float_texts(result.values[rows, 0])
    parts = []
    for row, text in zip(rows.tolist(), texts, strict=True):
        one = None if result.histograms is None else result.histograms[row, 0]
        value = f'"value":[{time},"{text}"]' if one is None else f'"histogram":[{time},{histogram_text(one)}]'
        parts.append(f'{{"metric":{labels_text(result.labels[row])},{value}}}')
    return f"[{','.join(parts)}]", cut


def body_of(data: str, warnings: Iterable[str] = (), infos: Iterable[str] = ()) -> bytes:
    """A whole successful answer around `data`, which is JSON already."""
    more = "".join(
        f',"{name}":{dumps(list(said)).decode()}' for name, said in (("warnings", warnings), ("infos", infos)) if said
    )
    return f'{{"status":"success","data":{data}{more}}}'.encode("utf-8", "replace")
