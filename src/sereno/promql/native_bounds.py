"""Where the buckets of a native histogram begin and end.

Source: model/histogram/generic.go of Prometheus 3.14 (`getBound`, the bucket iterators).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import CUSTOM_BOUNDS, Histogram
from sereno.promql.values import Bools

FINEST, COARSEST = 8, -4
_MAX = sys.float_info.max
# Prometheus reads its bounds from a table in decimal digits that lie a few units in the last place below the true
# powers of two. Whoever would print the same bounds must err alike: a digit d stands for 1 - d units, one each bound.
_ERRORS = (
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344"
)


@lru_cache(maxsize=1)
def _fractions() -> Float64s:
    """2^(i/256 - 1) for i = 0 … 255, as Prometheus has them."""
    one = 1 << 200
    row = [one >> 1]
    for _ in range(FINEST):
        row = [y for x, z in zip(row, [*row[1:], one], strict=True) for y in (x, math.isqrt(x * z))]
    return np.array([x / one + (1 - int(error)) * 2.0**-53 for x, error in zip(row, _ERRORS, strict=True)])


def exponential_bounds(index: Int64s, schema: int) -> Float64s:
    """The upper bounds of the buckets `index` of an exponential schema.

    The last bucket before that of infinity ends at the largest float.
    """
    with np.errstate(over="ignore"):
        if schema < 0:
            exponent = index << -schema
            return np.where(exponent == 1024, _MAX, np.ldexp(1.0, exponent))
        fraction = _fractions()[:: 1 << (FINEST - schema)][index & ((1 << schema) - 1)]
        exponent = (index >> schema) + 1
        return np.where((fraction == 0.5) & (exponent == 1025), _MAX, np.ldexp(fraction, exponent))


def upper_bounds(index: Int64s, schema: int, bounds: tuple[float, ...] = ()) -> Float64s:
    """The upper bounds of the buckets `index`; one below the first of custom bounds is -Inf, one past the last +Inf."""
    if schema == CUSTOM_BOUNDS:
        return np.array((-math.inf, *bounds, math.inf))[index + 1]
    return exponential_bounds(index, schema)


@dataclass(frozen=True, slots=True)
class Cells:
    """All buckets of a histogram in ascending order, empty ones too, the zero bucket only if it holds anything.

    Buckets that overlap with the zero bucket are cut at its threshold.
    """

    lower: Float64s
    upper: Float64s
    counts: Float64s
    lower_closed: Bools
    upper_closed: Bools

    def __len__(self) -> int:
        return len(self.counts)


def cells(histogram: Histogram) -> Cells:
    """The buckets of `histogram` from the lowest to the highest."""
    schema, index = histogram.schema, histogram.positive.index
    upper = upper_bounds(index, schema, histogram.bounds)
    lower = upper_bounds(index - 1, schema, histogram.bounds)
    if schema == CUSTOM_BOUNDS:
        return Cells(lower, upper, histogram.positive.counts, index == 0, np.full(len(index), True))
    edge = histogram.zero_threshold
    below = histogram.negative.index[::-1]
    middle = np.array([edge] if histogram.zero_count > 0 else [])
    low = np.concatenate((-exponential_bounds(below, schema), -middle, np.maximum(lower, edge)))
    high = np.concatenate((np.minimum(-exponential_bounds(below - 1, schema), -edge), middle, upper))
    counts = np.concatenate(
        (histogram.negative.counts[::-1], np.full(len(middle), histogram.zero_count), histogram.positive.counts)
    )
    side = np.repeat([-1, 0, 1], [len(below), len(middle), len(index)])
    return Cells(low, high, counts, side <= 0, side >= 0)
