"""The arithmetic of native histograms: sums, differences, multiples, resets.

Every function leaves its arguments as they are. Source: model/histogram/float_histogram.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram, ResetHint
from sereno.promql.native_bounds import COARSEST, FINEST, exponential_bounds
from sereno.promql.native_layout import (
    Side,
    Zero,
    added,
    added_onto,
    beyond,
    coarser,
    onto,
    outside,
    shared_bounds,
    side_of,
    widened,
)

_NOTHING = Buckets()


class IncompatibleSchemas(ValueError):
    """Two histograms of which one has exponential and the other custom buckets: they have no sum."""


class Combined(NamedTuple):
    """A sum or difference; whether the two said opposite things of a reset, and whether their bounds differed."""

    histogram: Histogram
    collision: bool = False
    reconciled: bool = False


# One histogram --------------------------------------------------------------------------------------------------------


def _over(value: float, divisor: float) -> float:
    """`value` / `divisor` as floats divide, by zero too."""
    with np.errstate(all="ignore"):
        return float(np.divide(value, divisor))


def scaled(h: Histogram, factor: float) -> Histogram:
    """All counts of `h`, and its sum, `factor` times; a negative factor makes a gauge of it."""
    return replace(
        h,
        count=h.count * factor,
        sum=h.sum * factor,
        zero_count=h.zero_count * factor,
        positive=Buckets(h.positive.index, h.positive.counts * factor),
        negative=Buckets(h.negative.index, h.negative.counts * factor),
        reset="gauge" if factor < 0 else h.reset,
    )


def divided(h: Histogram, divisor: float) -> Histogram:
    """All counts of `h`, and its sum, by `divisor`; nothing is left in the buckets if that is zero."""
    empty = divisor == 0
    return replace(
        h,
        count=_over(h.count, divisor),
        sum=_over(h.sum, divisor),
        zero_count=_over(h.zero_count, divisor),
        positive=_NOTHING if empty else Buckets(h.positive.index, h.positive.counts / divisor),
        negative=_NOTHING if empty else Buckets(h.negative.index, h.negative.counts / divisor),
        reset="gauge" if divisor < 0 else h.reset,
    )


def negated(h: Histogram) -> Histogram:
    """`h` times −1: a gauge."""
    return scaled(h, -1.0)


def compact(h: Histogram) -> Histogram:
    """`h` without its empty buckets."""
    positive, negative = _full(h.positive), _full(h.negative)
    if positive is h.positive and negative is h.negative:
        return h
    return replace(h, positive=positive, negative=negative)


def _full(buckets: Buckets) -> Buckets:
    keep = buckets.counts != 0
    return buckets if keep.all() else Buckets(buckets.index[keep], buckets.counts[keep])


def to_schema(h: Histogram, schema: int) -> Histogram:
    """`h` at the coarser resolution `schema`, of unknown resets. Raises ValueError if that is finer, or custom."""
    if schema == h.schema:
        return h
    if CUSTOM_BOUNDS in (schema, h.schema) or schema > h.schema:
        raise ValueError(f"no histogram of schema {h.schema} can be brought to schema {schema}")
    return replace(
        h,
        schema=schema,
        positive=coarser(side_of(h.positive), h.schema, schema).buckets,
        negative=coarser(side_of(h.negative), h.schema, schema).buckets,
        reset="unknown",
    )


def hinted(h: Histogram, reset: ResetHint) -> Histogram:
    """`h` that says `reset` of itself."""
    return h if h.reset == reset else replace(h, reset=reset)


def equal(a: Histogram, b: Histogram) -> bool:
    """Whether both hold the same buckets, empty ones too, and the same bits; what they say of resets is no matter."""
    return (
        a.schema == b.schema
        and a.zero_threshold == b.zero_threshold
        and a.bounds == b.bounds
        and struct.pack("3d", a.count, a.sum, a.zero_count) == struct.pack("3d", b.count, b.sum, b.zero_count)
        and all(
            np.array_equal(one.index, two.index) and one.counts.tobytes() == two.counts.tobytes()
            for one, two in ((a.positive, b.positive), (a.negative, b.negative))
        )
    )


def overflows(h: Histogram) -> bool:
    """Whether any of its numbers is infinite."""
    if math.isinf(h.zero_count) or math.isinf(h.count) or math.isinf(h.sum):
        return True
    return bool(np.isinf(h.positive.counts).any() or np.isinf(h.negative.counts).any() or np.isinf(h.bounds).any())


def validated(h: Histogram) -> Histogram:
    """`h`, if it makes sense. Raises ValueError that says what does not: for what comes from outside."""
    for side in (h.positive, h.negative):
        if len(side.index) != len(side.counts):
            raise ValueError("a native histogram needs one count for each bucket")
        if len(side.index) > 1 and not (side.index[1:] > side.index[:-1]).all():
            raise ValueError("the buckets of a native histogram must ascend")
        if (side.counts < 0).any():
            raise ValueError("the counts of a native histogram must not be negative")
    if h.count < 0 or h.zero_count < 0:
        raise ValueError("the counts of a native histogram must not be negative")
    if h.schema == CUSTOM_BOUNDS:
        return _validated_custom(h)
    if not COARSEST <= h.schema <= FINEST:
        raise ValueError(
            f"a native histogram has a schema of {COARSEST} to {FINEST} or {CUSTOM_BOUNDS}, not {h.schema}"
        )
    if h.bounds:
        raise ValueError("an exponential histogram has no custom bounds")
    if not h.zero_threshold >= 0:
        raise ValueError("the zero threshold of a native histogram must not be negative")
    return h


def _validated_custom(h: Histogram) -> Histogram:
    if h.zero_count or h.zero_threshold or len(h.negative.index):
        raise ValueError("a histogram of custom bounds has no zero bucket and no negative buckets")
    if any(not math.isfinite(bound) for bound in h.bounds):
        raise ValueError("custom bounds must be finite; that of infinity is understood")
    if any(not a < b for a, b in pairwise(h.bounds)):
        raise ValueError("custom bounds must ascend")
    if len(h.positive.index) and not (h.positive.index[0] >= 0 and h.positive.index[-1] <= len(h.bounds)):
        raise ValueError("a bucket lies outside the custom bounds")
    return h


# Sums and differences -------------------------------------------------------------------------------------------------


def joined_hint(a: ResetHint, b: ResetHint) -> tuple[ResetHint, bool]:
    """What the sum of two histograms says of resets, and whether the two contradict each other."""
    if a == b:
        return a, False
    if "gauge" in (a, b):
        return "gauge", False
    return "unknown", "unknown" not in (a, b)


def add(a: Histogram, b: Histogram) -> Combined:
    """`a` + `b`, at the coarser resolution and the wider zero bucket. Raises IncompatibleSchemas."""
    return _combined(a, b, negative=False)


def subtract(a: Histogram, b: Histogram) -> Combined:
    """`a` − `b`, at the coarser resolution and the wider zero bucket. Raises IncompatibleSchemas.

    What it says of resets is as of a sum; the operator `-` makes it a gauge.
    """
    return _combined(a, b, negative=True)


def _check(a: Histogram, b: Histogram) -> None:
    if (a.schema == CUSTOM_BOUNDS) != (b.schema == CUSTOM_BOUNDS):
        raise IncompatibleSchemas("histograms of exponential and of custom buckets have no sum")


def _combined(a: Histogram, b: Histogram, *, negative: bool) -> Combined:
    _check(a, b)
    hint, collision = joined_hint(a.reset, b.reset)
    sign = -1.0 if negative else 1.0
    count, total = a.count + sign * b.count, a.sum + sign * b.sum
    ours, theirs = side_of(a.positive), side_of(b.positive)
    if a.schema == CUSTOM_BOUNDS:
        reconciled = a.bounds != b.bounds
        if reconciled:
            # The lost digits are looked at here, though dropped: they say which buckets are empty.
            side, bounds = added_onto(ours, theirs, a.bounds, b.bounds, negative=negative)
        else:
            side, bounds = added(ours, theirs, negative=negative), a.bounds
        found = Histogram(a.schema, count, total, positive=side.buckets, bounds=bounds, reset=hint)
        return Combined(found, collision, reconciled)
    work = Parts(a.schema, zero_of(a), ours, side_of(a.negative))
    their_zero = work.reconcile(b).count
    work.join(b, negative=negative)
    found = Histogram(
        work.schema, count, total, work.zero.threshold, work.zero.count + sign * their_zero,
        work.positive.buckets, work.negative.buckets, (), hint,
    )  # fmt: skip
    return Combined(found, collision)


def zero_of(h: Histogram) -> Zero:
    """The zero bucket of `h`."""
    return Zero(h.zero_count, 0.0, h.zero_threshold)


class Parts:
    """The buckets of an exponential histogram that others are added to."""

    def __init__(self, schema: int, zero: Zero, positive: Side, negative: Side) -> None:
        self.schema, self.zero, self.positive, self.negative = schema, zero, positive, negative

    def reconcile(self, other: Histogram) -> Zero:
        """Widen our zero bucket, and that of `other` in thought, until both are alike; what the other's holds then."""
        theirs = zero_of(other)
        while theirs.threshold != self.zero.threshold:
            if self.zero.threshold > theirs.threshold:
                sides = side_of(other.positive), side_of(other.negative)
                theirs = widened(zero_of(other), *sides, other.schema, self.zero.threshold)
            if theirs.threshold > self.zero.threshold:
                self.zero = widened(self.zero, self.positive, self.negative, self.schema, theirs.threshold)
                self.positive = outside(self.positive, self.schema, self.zero.threshold)
                self.negative = outside(self.negative, self.schema, self.zero.threshold)
        return theirs

    def join(self, other: Histogram, *, negative: bool = False) -> None:
        """Add (or subtract) the positive and negative buckets of `other`."""
        schema = min(self.schema, other.schema)
        self.positive = coarser(self.positive, self.schema, schema)
        self.negative = coarser(self.negative, self.schema, schema)
        self.schema = schema
        compensated = self.positive.low is not None and other.schema > schema
        self.positive = self._with(self.positive, other.positive, other.schema, compensated, negative)
        self.negative = self._with(self.negative, other.negative, other.schema, compensated, negative)

    def _with(self, ours: Side, buckets: Buckets, schema: int, compensated: bool, negative: bool) -> Side:
        theirs = coarser(side_of(buckets, compensated=compensated), schema, self.schema)
        return added(ours, beyond(theirs, self.schema, self.zero.threshold), negative=negative)


# Resets ---------------------------------------------------------------------------------------------------------------


def detect_reset(h: Histogram, previous: Histogram) -> bool:
    """Whether a counter was reset between `previous` and `h`: any of its counts fell, or a bucket is gone.

    What `h` itself says of a reset is believed. A finer resolution or a smaller zero bucket come only with a reset.
    """
    if h.reset in ("reset", "not_reset"):
        return h.reset == "reset"
    if h.count < previous.count:
        return True
    if h.schema == CUSTOM_BOUNDS:
        if previous.schema != CUSTOM_BOUNDS:
            return True
        if h.bounds != previous.bounds:
            return _fell_onto(h, previous)
    if h.schema > previous.schema or h.zero_threshold < previous.zero_threshold:
        return True
    before = zero_of(previous)
    if h.zero_threshold != previous.zero_threshold:
        before = widened(
            before, side_of(previous.positive), side_of(previous.negative), previous.schema, h.zero_threshold
        )
    if before.threshold != h.zero_threshold or h.zero_count < before.count:
        return True
    return _fell(h, previous, h.positive, previous.positive) or _fell(h, previous, h.negative, previous.negative)


def _fell(h: Histogram, previous: Histogram, now: Buckets, before: Buckets) -> bool:
    if not len(before.index):
        return False
    plain = h.schema == previous.schema and (h.schema == CUSTOM_BOUNDS or h.zero_threshold == 0)
    if plain and len(now.index) == len(before.index) and (now.index == before.index).all():
        return bool((now.counts < before.counts).any())
    mine, theirs = side_of(now), side_of(before)
    if h.schema != CUSTOM_BOUNDS:
        theirs = coarser(theirs, previous.schema, h.schema)
        if h.zero_threshold > 0:
            mine, theirs = _past(mine, h), _past(theirs, h)
    index = np.union1d(mine.index, theirs.index)
    counts, there = np.zeros(len(index)), np.zeros(len(index), dtype=bool)
    place = np.searchsorted(index, mine.index)
    counts[place], there[place] = mine.counts, True
    at = np.searchsorted(index, theirs.index)
    gone = ~there[at]
    return bool((theirs.counts[gone] != 0).any() or (counts[at][~gone] < theirs.counts[~gone]).any())


def _past(side: Side, h: Histogram) -> Side:
    return side.where(exponential_bounds(side.index, h.schema) > h.zero_threshold)


def _fell_onto(h: Histogram, previous: Histogram) -> bool:
    common = shared_bounds(h.bounds, previous.bounds)
    now, before = np.zeros(len(common) + 1), np.zeros(len(common) + 1)
    np.add.at(now, onto(h.positive.index, h.bounds, common), h.positive.counts)
    np.add.at(before, onto(previous.positive.index, previous.bounds, common), previous.positive.counts)
    return bool((now < before).any())
