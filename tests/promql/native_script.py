"""Native histograms in scripts of promqltest: their notation, and how results are compared with them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Selection, matches
from sereno.promql.native import Histogram
from sereno.promql.native_math import compact
from sereno.promql.native_notation import Noted, parse_histograms
from sereno.promql.native_stored import from_classic, stored

WORD = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x\d+)?|\S+", re.DOTALL)
"""One word of the samples of a series."""

Point = float | Histogram
Points = dict[int, Point]


def words(text: str) -> list[str]:
    """The words of the samples of a series, histograms whole."""
    return WORD.findall(text)


def noted(word: str) -> list[Noted] | None:
    """The histograms of `word`; None if it is none."""
    return parse_histograms(word) if word.startswith("{{") else None


def columns(series: dict[Labels, Points]) -> Columns:
    """The samples as Prometheus's storage would hand them out."""
    labels, times, values, histograms, offsets = [], [], [], [], [0]
    for one, points in series.items():
        labels.append(one)
        ordered = sorted(points)
        times += ordered
        of_one = [points[at] if isinstance(points[at], Histogram) else None for at in ordered]
        values += [0.0 if isinstance(points[at], Histogram) else points[at] for at in ordered]
        histograms += stored(of_one)
        offsets.append(len(times))
    native = None
    if any(h is not None for h in histograms):
        native = np.full(len(histograms), None, dtype=object)
        for index, h in enumerate(histograms):
            native[index] = h
    return Columns(
        tuple(labels), np.array(offsets, dtype=np.int64), np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64), native,
    )  # fmt: skip


@dataclass
class NativeStore:
    """Samples in memory, native histograms too, that answer selections."""

    columns: Columns

    def select(self, selection: Selection) -> Columns:
        held = self.columns
        rows = [row for row, labels in enumerate(held.labels) if matches(selection.matchers, labels)]
        parts = []
        for row in rows:
            times, _ = held.series(row)
            begin = int(held.offsets[row] + np.searchsorted(times, selection.start_ms))
            parts.append(np.arange(begin, held.offsets[row] + np.searchsorted(times, selection.end_ms, side="right")))
        full = [number for number, part in enumerate(parts) if len(part)]
        chosen = np.concatenate([parts[number] for number in full]) if full else np.zeros(0, dtype=np.int64)
        offsets = np.concatenate(([0], np.cumsum([len(parts[number]) for number in full], dtype=np.int64)))
        native = None if held.histograms is None else held.histograms[chosen]
        labels = tuple(held.labels[rows[number]] for number in full)
        return Columns(labels, offsets.astype(np.int64), held.times[chosen], held.values[chosen], native)


def with_custom_buckets(loaded: dict[Labels, Points]) -> dict[Labels, Points]:
    """The native histograms of custom bounds made of the classic ones among `loaded`."""
    parts: dict[Labels, dict[int, dict[str, object]]] = {}
    for labels, points in loaded.items():
        name = labels.get("__name__", "")
        kind = next((kind for kind in ("_bucket", "_count", "_sum") if name.endswith(kind)), None)
        if kind is None:
            continue
        base = labels.without("le").merged({"__name__": name.removesuffix(kind)})
        for at, value in points.items():
            if isinstance(value, Histogram):
                continue
            part = parts.setdefault(base, {}).setdefault(at, {"buckets": {}})
            if kind == "_bucket":
                bound = _bound(labels.get("le", ""))
                if bound is not None:
                    part["buckets"].setdefault(bound, value)
            else:
                part[kind] = value
    return {
        base: {
            at: from_classic(part["buckets"], count=part.get("_count"), sum_=part.get("_sum", 0.0))
            for at, part in moments.items()
            if not any(_stale(value) for value in (*part["buckets"].values(), part.get("_count", 0.0)))
        }
        for base, moments in parts.items()
    }


def _stale(value: float) -> bool:
    return math.isnan(value) and np.float64(value).tobytes() == np.float64(STALE).tobytes()


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound


def alike(expected: Noted, found: Histogram) -> bool:
    """Whether `found` is the histogram expected, rounding errors aside; of resets only if the script speaks of them."""
    a, b = compact(expected.histogram), compact(found)
    return (
        a.schema == b.schema
        and a.bounds == b.bounds
        and a.zero_threshold == b.zero_threshold
        and all(_near(x, y) for x, y in ((a.count, b.count), (a.sum, b.sum), (a.zero_count, b.zero_count)))
        and all(_same(x, y) for x, y in ((a.positive, b.positive), (a.negative, b.negative)))
        and (not expected.hint_set or a.reset == b.reset)
    )


def _same(a, b) -> bool:
    return a.index.tolist() == b.index.tolist() and _all_near(a.counts.tolist(), b.counts.tolist())


def _all_near(a: Iterable[float], b: Iterable[float]) -> bool:
    return all(_near(x, y) for x, y in zip(a, b, strict=True))


def _near(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= 1e-6 * min(abs(a) + abs(b), 1.7976931348623157e308)
