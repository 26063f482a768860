"""Native histograms written out: as Prometheus's String() does, for its HTTP API, and in the notation of its tests.

Source: model/histogram/float_histogram.go and util/jsonutil/marshal.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
from decimal import Decimal

from sereno.promql.annotations import go_number
from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram
from sereno.promql.native_bounds import cells, upper_bounds

JsonBucket = tuple[int, str, str, str]


def text(h: Histogram) -> str:
    """`{count:4, sum:5, [-0.001,0.001]:1, (1,2]:3}`, empty buckets left out: what count_values and templates show."""
    parts = [f"count:{go_number(h.count)}", f"sum:{go_number(h.sum)}"]
    parts += reversed(_side(h, h.negative, positive=False))
    if h.zero_count != 0:
        edge = h.zero_threshold
        parts.append(f"[{go_number(-edge)},{go_number(edge)}]:{go_number(h.zero_count)}")
    parts += _side(h, h.positive, positive=True)
    return "{" + ", ".join(parts) + "}"


def _side(h: Histogram, buckets: Buckets, *, positive: bool) -> list[str]:
    upper = upper_bounds(buckets.index, h.schema, h.bounds).tolist()
    lower = upper_bounds(buckets.index - 1, h.schema, h.bounds).tolist()
    found = []
    for index, low, high, count in zip(buckets.index.tolist(), lower, upper, buckets.counts.tolist(), strict=True):
        if count == 0:
            continue
        if positive:
            first = "[" if h.schema == CUSTOM_BOUNDS and index == 0 else "("
            found.append(f"{first}{go_number(low)},{go_number(high)}]:{go_number(count)}")
        else:
            found.append(f"[{go_number(-high)},{go_number(-low)}):{go_number(count)}")
    return found


def json_buckets(h: Histogram) -> list[JsonBucket]:
    """The buckets with anything in them, lowest first, as the HTTP API of Prometheus lists them.

    Each is its boundary rule (0: open at the left, 1: open at the right, 2: open, 3: closed), its bounds and its count.
    """
    found = cells(h)
    rules = (3 * found.lower_closed * found.upper_closed + found.lower_closed * ~found.upper_closed).tolist()
    rows = zip(rules, found.lower.tolist(), found.upper.tolist(), found.counts.tolist(), strict=True)
    return [(rule, json_number(a), json_number(b), json_number(n)) for rule, a, b, n in rows if n != 0]


def json_form(h: Histogram) -> dict[str, str | list[JsonBucket]]:
    """`h` as the HTTP API of Prometheus writes it: count, sum and, where there are any, buckets."""
    found: dict[str, str | list[JsonBucket]] = {"count": json_number(h.count), "sum": json_number(h.sum)}
    buckets = json_buckets(h)
    if buckets:
        found["buckets"] = buckets
    return found


def json_number(value: float) -> str:
    """`value` as Prometheus's API writes it: no exponent between 1e-06 and 1e21."""
    if math.isnan(value) or math.isinf(value) or value == 0:
        return go_number(value)
    if 1e-6 <= abs(value) < 1e21:
        plain = format(Decimal(repr(value)), "f")
        return plain[:-2] if plain.endswith(".0") else plain
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = len(digits) - 1 + exponent
    shortest = "".join(map(str, digits))
    body = shortest[0] + ("." + shortest[1:] if len(shortest) > 1 else "")
    return f"{'-' if sign else ''}{body}e{'-' if power < 0 else '+'}{abs(power):02d}"


def notation(h: Histogram) -> str:
    """`h` in the notation of promtool's unit tests: `{{schema:1 count:3 sum:4 buckets:[1 2]}}`.

    Gaps between buckets are written as zeros; None of its fields is written where it is zero.
    """
    parts = [
        f"{name}:{go_number(value)}"
        for name, value in (
            ("schema", float(h.schema)),
            ("count", h.count),
            ("sum", h.sum),
            ("z_bucket", h.zero_count),
            ("z_bucket_w", h.zero_threshold),
        )
        if value != 0
    ]
    if h.schema == CUSTOM_BOUNDS:
        parts.append(f"custom_values:[{' '.join(map(go_number, h.bounds))}]")
    if h.reset != "unknown":
        parts.append(f"counter_reset_hint:{h.reset}")
    return "{{" + " ".join(parts + _noted("", h.positive) + _noted("n_", h.negative)) + "}}"


def _noted(prefix: str, buckets: Buckets) -> list[str]:
    counts = {i: n for i, n in zip(buckets.index.tolist(), buckets.counts.tolist(), strict=True) if n != 0}
    if not counts:
        return []
    first, last = min(counts), max(counts)
    listed = " ".join(go_number(counts.get(i, 0.0)) for i in range(first, last + 1))
    return ([f"{prefix}offset:{first}"] if first else []) + [f"{prefix}buckets:[{listed}]"]
