"""Native histograms: one sample that holds a whole distribution, in buckets of exponential or custom bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sereno.promql.columns import Float64s, Int64s, Objects

CUSTOM_BOUNDS = -53
"""The schema of histograms whose bounds are listed."""

ResetHint = Literal["unknown", "reset", "not_reset", "gauge"]


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Buckets with anything in them: `index` ascending, `counts` of each (not cumulative)."""

    index: Int64s = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    counts: Float64s = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """A float histogram, as Prometheus's model/histogram.FloatHistogram.

    Bucket i of schema s (-4 … 8) holds (base^(i-1), base^i], base = 2^(2^-s); with schema -53 it holds
    (bounds[i-1], bounds[i]]. `zero_count` observations lie within ±`zero_threshold`.
    """

    schema: int
    count: float
    sum: float
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Buckets = field(default_factory=Buckets)
    negative: Buckets = field(default_factory=Buckets)
    bounds: tuple[float, ...] = ()
    reset: ResetHint = "unknown"


def weight(histograms: Objects) -> int:
    """How many samples of 16 bytes the histograms among `histograms` are worth, beyond one each; as Prometheus reckons.

    Source: `Size` in model/histogram/float_histogram.go of Prometheus 3.14.
    """
    there = [h for h in histograms.tolist() if h is not None]
    buckets = sum(len(h.positive.index) + len(h.negative.index) + len(h.bounds) for h in there)
    return (len(there) * 160 + 8 * buckets) // 16
