"""Series and single samples as text, both ways: `up{job="a"}`, numbers with all the digits they need."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

import numpy as np

from sereno.adapters.samples.intake import BadLabels, BadSamples, IntakeLimits, checked
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, STALE_BITS
from sereno.promql.native import Buckets, Histogram, ResetHint

STALE_TEXT = "StaleNaN"
IMPORT_LIMITS = IntakeLimits(labels=1024, label_name_bytes=4096, label_value_bytes=1 << 20)
"""Wider than for strangers: what is brought was once kept elsewhere."""
_LABEL = re.compile(rb'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*=[ \t]*"((?:[^"\\]++|\\.)*+)"[ \t]*(,|$)', re.DOTALL)
_SERIES = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*+)?[ \t]*(?:\{(.*)\})?[ \t]*", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def series_of(text: bytes) -> Labels:
    """The labels of `up{job="a"}` or `{__name__="up", job="a"}`. Raises BadLabels."""
    found = _SERIES.fullmatch(text)
    if found is None:
        raise BadLabels('expected a series: name{label="value"}')
    pairs = [] if found.group(1) is None else [("__name__", found.group(1).decode())]
    inside = (found.group(2) or b"").strip(b" \t")
    at = 0
    while at < len(inside):
        label = _LABEL.match(inside, at)
        if label is None:
            raise BadLabels('expected label="value"')
        try:
            pairs.append((label.group(1).decode(), unescaped(label.group(2).decode())))
        except UnicodeDecodeError:
            raise BadLabels("a label's value is not UTF-8") from None
        at = label.end()
    return checked(pairs, IMPORT_LIMITS)


def unescaped(text: str) -> str:
    """A quoted text without its escapes, as Go and OpenMetrics write them."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return _ESCAPES.get(code, code)


def series_text(labels: Labels) -> str:
    """`up{job="a"}`."""
    name = labels.get("__name__", "")
    inside = ",".join(f'{n}="{v.translate(_ESCAPED)}"' for n, v in labels.pairs if n != "__name__")
    return f"{name}{{{inside}}}" if inside else name


def number_text(value: float) -> str:
    """A number that reads back with the same bits, but for the bits of a NaN."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"


def is_stale(value: float) -> bool:
    """Whether it is Prometheus's staleness marker."""
    return value != value and int(np.float64(value).view(np.uint64)) == STALE_BITS


def value_text(value: float, histogram: Histogram | None) -> str:
    """A sample's value: a number, `StaleNaN`, or a native histogram as JSON."""
    if histogram is not None:
        return histogram_json(histogram)
    return STALE_TEXT if is_stale(value) else number_text(value)


def value_of(text: str) -> tuple[float, Histogram | None]:
    """A value as `value_text` writes it. Raises ValueError."""
    if text[:1] == "{":
        return math.nan, histogram_of(text)
    return (float(STALE) if text == STALE_TEXT else float(text)), None


def histogram_json(one: Histogram) -> str:
    """A native histogram as JSON: numbers with all their digits, buckets as [index, count]."""

    def buckets(side: Buckets) -> list[list[float]]:
        return [[int(i), c] for i, c in zip(side.index.tolist(), side.counts.tolist(), strict=True)]

    found: dict[str, Any] = {"schema": one.schema, "count": one.count, "sum": one.sum}
    found |= {"zero_threshold": one.zero_threshold, "zero_count": one.zero_count}
    found |= {"positive": buckets(one.positive), "negative": buckets(one.negative)}
    if one.bounds:
        found["bounds"] = list(one.bounds)
    if one.reset != "unknown":
        found["reset"] = one.reset
    return json.dumps(found, separators=(",", ":"))


def histogram_of(text: str) -> Histogram:
    """A native histogram of its JSON. Raises ValueError."""
    from sereno.adapters.samples.protocols.histogram import check

    try:
        found = json.loads(text)
        reset: ResetHint = found.get("reset", "unknown")
        if reset not in ("unknown", "reset", "not_reset", "gauge"):
            raise ValueError(f"unknown reset {reset!r}")
        sides = []
        for side in (found.get("positive", []), found.get("negative", [])):
            index, counts = [int(i) for i, _ in side], [float(c) for _, c in side]
            if any(b <= a for a, b in itertools.pairwise(index)):
                raise ValueError("buckets out of order")
            sides.append(Buckets(np.array(index, np.int64), np.array(counts, np.float64)))
        one = Histogram(
            int(found["schema"]), float(found["count"]), float(found["sum"]), float(found.get("zero_threshold", 0)),
            float(found.get("zero_count", 0)), sides[0], sides[1], tuple(map(float, found.get("bounds", ()))), reset,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as problem:
        raise ValueError(f"not a native histogram: {problem}") from None
    check(one)
    return one


def at_line(path: object, line: int, problem: str) -> BadSamples:
    """A mistake in a file, with its place."""
    return BadSamples(f"{path}:{line}: {problem}")
