"""Many native histograms of one layout as one table, so that they are added and compared all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram, ResetHint
from sereno.promql.native_bounds import exponential_bounds
from sereno.promql.values import Bools

CELLS_MAX = 8_000_000
"""How many numbers a table holds at most."""
FIXED = 3
"""How many columns come before the buckets."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Histograms of one schema, zero threshold and bounds, a row each.

    The columns of `table` are count, sum and zero count, then the buckets `positive` and `negative` (indices); 0 where
    a histogram has no such bucket.
    """

    schema: int
    zero_threshold: float
    bounds: tuple[float, ...]
    positive: Int64s
    negative: Int64s
    table: Float64s

    @staticmethod
    def of(histograms: Sequence[Histogram]) -> Stack | None:
        """The table of `histograms`; None if there are none, they differ in layout, or it would be too large."""
        if not histograms:
            return None
        first = histograms[0]
        layout = first.schema, first.zero_threshold, first.bounds
        if any((h.schema, h.zero_threshold, h.bounds) != layout for h in histograms):
            return None
        positive, at_positive, many = _joined([h.positive for h in histograms])
        negative, at_negative, few = _joined([h.negative for h in histograms])
        width = FIXED + len(positive) + len(negative)
        if width * len(histograms) > CELLS_MAX:
            return None
        table = np.zeros((len(histograms), width))
        table[:, :FIXED] = [(h.count, h.sum, h.zero_count) for h in histograms]
        table[at_positive[0], at_positive[1] + FIXED] = many
        table[at_negative[0], at_negative[1] + (FIXED + len(positive))] = few
        return Stack(*layout, positive, negative, table)

    def histograms(self, table: Float64s, hints: Sequence[ResetHint]) -> list[Histogram]:
        """The rows of `table`, of the same columns, as histograms without empty buckets."""
        middle = FIXED + len(self.positive)
        positive, negative = table[:, FIXED:middle], table[:, middle:]
        sides = _full_rows(self.positive, positive), _full_rows(self.negative, negative)
        return [
            Histogram(self.schema, count, total, self.zero_threshold, zero, above, below, self.bounds, hint)
            for (count, total, zero), above, below, hint in zip(table[:, :FIXED].tolist(), *sides, hints, strict=True)
        ]

    @property
    def within_zero(self) -> Bools:
        """The columns of buckets that lie within the zero bucket."""
        found = np.zeros(self.table.shape[1], dtype=bool)
        if self.schema != CUSTOM_BOUNDS and self.zero_threshold > 0:
            bounds = [exponential_bounds(side, self.schema) for side in (self.positive, self.negative)]
            found[FIXED:] = np.concatenate(bounds) <= self.zero_threshold
        return found

    @property
    def plain(self) -> bool:
        """Whether nothing is counted in a bucket that lies within the zero bucket, and nothing is negative."""
        inside = self.within_zero
        falls = np.ones(len(inside), dtype=bool)
        falls[1] = False
        return not (inside.any() and self.table[:, inside].any()) and not (self.table[:, falls] < 0).any()


def _joined(sides: list[Buckets]) -> tuple[Int64s, tuple[Int64s, Int64s], Float64s]:
    """All indices of `sides`; the row and the place among those of each bucket; and its count."""
    sizes = np.array([len(side.index) for side in sides], dtype=np.int64)
    rows = np.repeat(np.arange(len(sides)), sizes)
    first = sides[0].index
    if all(side.index is first for side in sides):
        places = np.tile(np.arange(len(first)), len(sides))
        return first, (rows, places), np.concatenate([side.counts for side in sides])
    index = np.concatenate([side.index for side in sides])
    distinct, places = np.unique(index, return_inverse=True)
    return distinct, (rows, places.reshape(-1)), np.concatenate([side.counts for side in sides])


def _full_rows(index: Int64s, table: Float64s) -> list[Buckets]:
    full = table != 0
    whole = full.all(axis=1).tolist()
    return [
        Buckets(index, row) if complete else Buckets(index[keep], row[keep])
        for row, keep, complete in zip(table, full, whole, strict=True)
    ]


def resets(stack: Stack) -> Bools:
    """Of each histogram but the first, whether any of its counts (not its sum) is below that of the one before."""
    falls = np.ones(stack.table.shape[1], dtype=bool)
    falls[1] = False
    part = stack.table[:, falls]
    return np.asarray((part[1:] < part[:-1]).any(axis=1), dtype=bool)
