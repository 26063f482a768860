"""Native histograms cut at a value: what they observed above it, or below it.

Source: `TrimBuckets` in model/histogram/float_histogram.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram
from sereno.promql.native_bounds import upper_bounds
from sereno.promql.native_math import compact
from sereno.promql.native_quantile import share_below


def trim_upper(h: Histogram, value: float) -> Histogram:
    """`h` with only what it observed below `value` (the operator `</`); count and sum are estimated anew if anything
    was cut off."""
    return _trimmed(h, value, upper=True)


def trim_lower(h: Histogram, value: float) -> Histogram:
    """`h` with only what it observed above `value` (the operator `>/`); count and sum are estimated anew if anything
    was cut off."""
    return _trimmed(h, value, upper=False)


@dataclass(slots=True)
class _Kept:
    """What is left so far, and whether that is less than there was."""

    count: float = 0.0
    sum: float = 0.0
    cut: bool = False

    def keep(self, count: float, middle: float) -> None:
        """Keep `count` observations around `middle`."""
        self.count += count
        self.sum += middle * count


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where to cut, and which side stays; `custom` buckets are cut linearly."""

    value: float
    upper: bool
    custom: bool

    def side(self, h: Histogram, buckets: Buckets, kept: _Kept, *, positive: bool) -> Buckets:
        """The buckets of one side, cut."""
        counts = buckets.counts.copy()
        far = upper_bounds(buckets.index, h.schema, h.bounds).tolist()
        near = upper_bounds(buckets.index - 1, h.schema, h.bounds).tolist()
        for at, count in enumerate(buckets.counts.tolist()):
            if count == 0:
                continue
            lower, upper = (near[at], far[at]) if positive else (-far[at], -near[at])
            if upper <= self.value if self.upper else lower >= self.value:
                kept.keep(count, self.middle(lower, upper, positive=positive))
                continue
            left = 0.0
            if lower < self.value if self.upper else upper > self.value:
                left, middle = self.part(lower, upper, count, positive=positive)
                kept.keep(left, middle)
            kept.cut |= left != count
            counts[at] = left
        return Buckets(buckets.index, counts)

    def part(self, lower: float, upper: float, count: float, *, positive: bool) -> tuple[float, float]:
        """How much of the bucket that holds the value stays, and the middle of that."""
        if lower == -math.inf:
            return self._from_below(upper, count)
        if upper == math.inf:
            if not self.upper and self.value >= lower:
                return count, self.value
            return 0.0, _finite(lower)
        below = count * share_below(lower, upper, self.value, linear=self.custom)
        if self.upper:
            return below, self.middle(lower, self.value, positive=positive)
        return count - below, self.middle(self.value, upper, positive=positive)

    def _from_below(self, upper: float, count: float) -> tuple[float, float]:
        """The first custom bucket begins at zero if it ends above: nobody knows how it is filled otherwise."""
        value = self.value
        known = upper > 0 and not math.isinf(upper)
        if self.upper:
            if value > 0 and known:
                return count * value / upper, value / 2
            return (count, value) if upper <= 0 else (0.0, _finite(upper))
        if value >= 0 and upper > value and known:
            return count * (1 - value / upper), (value + upper) / 2
        return (count, 0.0) if value == -math.inf else (0.0, _finite(upper))

    def middle(self, lower: float, upper: float, *, positive: bool) -> float:
        """Where the observations between two bounds are taken to be."""
        if math.isinf(lower):
            if math.isinf(upper):
                return 0.0
            return upper / 2 if upper > 0 else upper
        if math.isinf(upper):
            return lower
        if self.custom:
            return (lower + upper) / 2
        mean = math.sqrt(abs(lower * upper))
        return mean if positive else -mean

    def zero(self, h: Histogram, kept: _Kept) -> float:
        """What stays in the zero bucket, which ends at zero if all else is on one side of it."""
        if h.zero_count <= 0:
            return h.zero_count
        positive, negative = bool((h.positive.counts != 0).any()), bool((h.negative.counts != 0).any())
        lower = 0.0 if positive and not negative else -h.zero_threshold
        upper = 0.0 if negative and not positive else h.zero_threshold
        left, middle = self._of_zero(lower, upper, h.zero_count)
        kept.keep(left, middle)
        kept.cut |= left != h.zero_count
        return left

    def _of_zero(self, lower: float, upper: float, count: float) -> tuple[float, float]:
        value = self.value
        if value <= lower:
            return (0.0, 0.0) if self.upper else (count, (lower + upper) / 2)
        if value >= upper:
            return (count, (lower + upper) / 2) if self.upper else (0.0, 0.0)
        if self.upper:
            return count * ((value - lower) / (upper - lower)), (lower + value) / 2
        return count * ((upper - value) / (upper - lower)), (value + upper) / 2


def _finite(value: float) -> float:
    return 0.0 if math.isinf(value) else value


def _trimmed(h: Histogram, value: float, *, upper: bool) -> Histogram:
    cut, kept = _Cut(value, upper, h.schema == CUSTOM_BOUNDS), _Kept()
    positive = cut.side(h, h.positive, kept, positive=True)
    negative = cut.side(h, h.negative, kept, positive=False)
    zero = cut.zero(h, kept)
    if not kept.cut:
        return h
    return compact(replace(h, count=kept.count, sum=kept.sum, zero_count=zero, positive=positive, negative=negative))
