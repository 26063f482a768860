"""Answers of a Prometheus beside ours: what is missing, superfluous or different."""

from __future__ import annotations

import math

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import Grid, Result

Points = list[tuple[Labels, dict[int, float]]]


def points_of(answer: dict, grid: Grid) -> tuple[Points, str]:
    """The values in an answer of the query API, by labels and instant, and the kind of the result."""
    data = answer["data"]
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return [(Labels(), {grid.start_ms: float(result[1])})], kind
    if kind == "vector":
        return [(Labels(one["metric"]), {grid.start_ms: float(one["value"][1])}) for one in result], kind
    return [(Labels(one["metric"]), {round(t * 1000): float(v) for t, v in one["values"]}) for one in result], kind


def ours(result: Result, grid: Grid) -> Points:
    """The same of one of our results."""
    instants = grid.instants_ms
    return [
        (labels, {int(instants[j]): float(result.values[i, j]) for j in np.flatnonzero(result.present[i])})
        for i, labels in enumerate(result.labels)
    ]


def same(a: float, b: float, absolute: float) -> bool:
    """Whether two values agree to a billionth, or to `absolute`."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= max(absolute, 1e-9 * max(abs(a), abs(b)))


def differences(expected: Points, found: Points, absolute: float = 0.0) -> list[str]:
    """What is missing, superfluous or different, in words."""
    said = []
    left, right = dict(expected), dict(found)
    assert len(left) == len(expected)
    assert len(right) == len(found)
    said += [f"missing {labels}" for labels in left.keys() - right.keys()]
    said += [f"superfluous {labels}" for labels in right.keys() - left.keys()]
    for labels in left.keys() & right.keys():
        a, b = left[labels], right[labels]
        said += [f"{labels} at {t}: nothing, expected {a[t]}" for t in sorted(a.keys() - b.keys())[:3]]
        said += [f"{labels} at {t}: {b[t]}, expected nothing" for t in sorted(b.keys() - a.keys())[:3]]
        wrong = [t for t in sorted(a.keys() & b.keys()) if not same(a[t], b[t], absolute)]
        said += [f"{labels} at {t}: {b[t]!r}, expected {a[t]!r} ({len(wrong)} in all)" for t in wrong[:3]]
    return said
