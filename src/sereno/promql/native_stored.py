"""Native histograms as Prometheus's own storage would hand them out: what they say of resets, and those made of
classic ones.

Its chunks remember of a histogram only whether it goes on counting from the one before; tests written for Prometheus
and promtool count on that. Source: tsdb/chunkenc and util/convertnhcb of Prometheus 3.14.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram
from sereno.promql.native_math import compact, detect_reset, hinted


def stored(histograms: Iterable[Histogram | None]) -> list[Histogram | None]:
    """`histograms` of one series in order of time (None: another kind of sample), saying of resets what a chunk says.

    A gauge stays one. A counter that goes on from the sample before says so; where it does not, or is the first,
    nothing is known.
    """
    found: list[Histogram | None] = []
    before: Histogram | None = None
    for h in histograms:
        if h is None or h.reset == "gauge":
            found.append(h)
        else:
            found.append(hinted(h, "not_reset" if before is not None and _goes_on(h, before) else "unknown"))
        before = h
    return found


def _goes_on(h: Histogram, before: Histogram) -> bool:
    """Whether `h` would be put into the chunk that ends with `before`."""
    if before.reset == "gauge" or h.reset == "reset":
        return False
    if (h.schema, h.zero_threshold, h.bounds) != (before.schema, before.zero_threshold, before.bounds):
        return False
    return not detect_reset(hinted(h, "unknown"), before)


def from_classic(cumulative: Mapping[float, float], *, count: float | None = None, sum_: float = 0.0) -> Histogram:
    """The histogram of custom bounds that holds what a classic histogram counts: `cumulative` by upper bound (`le`).

    Without `count` that of the last bucket is taken. Raises ValueError if the counts fall or contradict each other.
    """
    bounds = sorted(cumulative)
    counts = [cumulative[bound] for bound in bounds]
    if any(math.isnan(bound) for bound in bounds):
        raise ValueError("the bound of a bucket is not a number")
    if any(n < 0 for n in counts) or (count is not None and count < 0):
        raise ValueError("the counts of a histogram must not be negative")
    if any(after < before for before, after in pairwise(counts)):
        raise ValueError("the counts of a classic histogram must not fall from bucket to bucket")
    total = count if count is not None else counts[-1] if counts else 0.0
    if not bounds or bounds[-1] != math.inf:
        bounds, counts = [*bounds, math.inf], [*counts, total]
    if counts[-1] != total:
        raise ValueError(f"the count of a histogram is {total:g}, that of its last bucket {counts[-1]:g}")
    steps = np.diff(np.array([0.0, *counts]))
    buckets = Buckets(np.arange(len(steps), dtype=np.int64), steps)
    return compact(Histogram(CUSTOM_BOUNDS, total, sum_, positive=buckets, bounds=tuple(bounds[:-1])))
