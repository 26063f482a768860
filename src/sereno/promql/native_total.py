"""Sums of native histograms that lose no digits.

Source: `KahanAdd` in model/histogram/float_histogram.go of Prometheus 3.14.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sereno.promql.columns import Float64s
from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram, ResetHint
from sereno.promql.native_layout import Side, Zero, added, added_onto, kahan, side_of
from sereno.promql.native_math import Combined, IncompatibleSchemas, Parts, divided, joined_hint, zero_of

_Change = Callable[[Float64s], Float64s]


class Total:
    """A running sum of histograms that keeps the digits which rounding loses."""

    def __init__(self, first: Histogram) -> None:
        self.custom = first.schema == CUSTOM_BOUNDS
        self.hint: ResetHint = first.reset
        self.bounds = first.bounds
        self.count, self.count_low = first.count, 0.0
        self.sum, self.sum_low = first.sum, 0.0
        self._parts = Parts(
            first.schema,
            zero_of(first),
            side_of(first.positive, compensated=True),
            side_of(first.negative, compensated=True),
        )

    def copy(self) -> Total:
        """A sum of its own, the same so far."""
        other = object.__new__(Total)
        other.custom, other.hint, other.bounds = self.custom, self.hint, self.bounds
        other.count, other.count_low, other.sum, other.sum_low = self.count, self.count_low, self.sum, self.sum_low
        parts = self._parts
        other._parts = Parts(parts.schema, parts.zero, parts.positive, parts.negative)
        return other

    def add(self, h: Histogram) -> bool:
        """Add `h`; whether its custom bounds differed. Raises IncompatibleSchemas."""
        if self.custom != (h.schema == CUSTOM_BOUNDS):
            raise IncompatibleSchemas("histograms of exponential and of custom buckets have no sum")
        self.hint, _ = joined_hint(self.hint, h.reset)
        parts = self._parts
        if not self.custom:
            theirs = parts.reconcile(h)
            count, low = kahan(theirs.count, parts.zero.count, parts.zero.low)
            count, low = kahan(theirs.low, count, low)
            parts.zero = Zero(count, low, parts.zero.threshold)
        self.count, self.count_low = kahan(h.count, self.count, self.count_low)
        self.sum, self.sum_low = kahan(h.sum, self.sum, self.sum_low)
        if not self.custom:
            parts.join(h)
            return False
        if self.bounds == h.bounds:
            parts.positive = added(parts.positive, side_of(h.positive))
            return False
        parts.positive, self.bounds = added_onto(parts.positive, side_of(h.positive), self.bounds, h.bounds)
        return True

    @property
    def overflows(self) -> bool:
        """Whether any of its numbers is infinite."""
        parts = self._parts
        return (
            math.isinf(self.count)
            or math.isinf(self.sum)
            or math.isinf(parts.zero.count)
            or bool(np.isinf(parts.positive.counts).any() or np.isinf(parts.negative.counts).any())
        )

    def times(self, factor: float) -> None:
        """Multiply the sum by `factor`."""
        self._each(lambda values: values * factor)

    def by(self, divisor: float) -> None:
        """Divide the sum by `divisor`, which is not zero."""
        self._each(lambda values: values / divisor)

    def _each(self, change: _Change) -> None:
        numbers = np.array(
            (self.count, self.count_low, self.sum, self.sum_low, self._parts.zero.count, self._parts.zero.low)
        )
        self.count, self.count_low, self.sum, self.sum_low, zero, zero_low = change(numbers).tolist()
        parts = self._parts
        parts.zero = Zero(zero, zero_low, parts.zero.threshold)
        parts.positive = _changed(parts.positive, change)
        parts.negative = _changed(parts.negative, change)

    @property
    def value(self) -> Histogram:
        """The sum with all its digits."""
        parts = self._parts
        return Histogram(
            parts.schema, self.count + self.count_low, self.sum + self.sum_low,
            parts.zero.threshold, parts.zero.count + parts.zero.low,
            _whole(parts.positive), _whole(parts.negative), self.bounds, self.hint,
        )  # fmt: skip


def _changed(side: Side, change: _Change) -> Side:
    assert side.low is not None
    return Side(side.index, change(side.counts), change(side.low))


def _whole(side: Side) -> Buckets:
    assert side.low is not None
    return Buckets(side.index, side.counts + side.low)


# Of many --------------------------------------------------------------------------------------------------------------


def sum_of(histograms: Iterable[Histogram]) -> Combined:
    """The sum of `histograms`, of which there is at least one. Raises IncompatibleSchemas."""
    found = Hints()
    total: Total | None = None
    for h in histograms:
        found.see(h)
        if total is None:
            total = Total(h)
        else:
            found.reconciled |= total.add(h)
    assert total is not None
    return Combined(total.value, found.collision, found.reconciled)


def mean_of(histograms: Iterable[Histogram]) -> Combined:
    """The mean of `histograms`, of which there is at least one: the sum by their number, unless that sum is too large
    for a float. Raises IncompatibleSchemas."""
    found = Hints()
    total: Total | None = None
    count, running = 0, False
    for h in histograms:
        found.see(h)
        count += 1
        if total is None:
            total = Total(h)
            continue
        if not running:
            summed = total.copy()
            found.reconciled |= summed.add(h)
            if not summed.overflows:
                total = summed
                continue
            running = True
            total.by(count - 1)
        total.times((count - 1) / count)
        found.reconciled |= total.add(divided(h, count))
    assert total is not None
    if not running:
        total.by(count)
    return Combined(total.value, found.collision, found.reconciled)


@dataclass(slots=True)
class Hints:
    """What was seen of histograms that are added: whether some say they were reset and others that they were not."""

    reset: bool = False
    not_reset: bool = False
    reconciled: bool = False

    def see(self, h: Histogram) -> None:
        """Look at one more."""
        self.reset |= h.reset == "reset"
        self.not_reset |= h.reset == "not_reset"

    @property
    def collision(self) -> bool:
        """Whether they contradict each other."""
        return self.reset and self.not_reset
