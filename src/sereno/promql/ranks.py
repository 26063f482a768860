"""The k-th smallest sample of any window, at the cost of a search: a wavelet matrix over the ranks of the samples.

Source: F. Claude, G. Navarro, A. Ordóñez, "The wavelet matrix", Information Systems 47 (2015). Level by level, from
the highest bit of the rank down, samples are parted into those with a 0 and those with a 1; how many zeros lie
before each place says where a window goes on.
"""

from __future__ import annotations

import numpy as np

from sereno.promql.columns import Float64s, Int64s


class Ranks:
    """`values`, asked for order statistics of many windows. NaN sorts before everything else, as in Prometheus."""

    def __init__(self, values: Float64s) -> None:
        nan = np.isnan(values)
        order = np.lexsort((values, ~nan))
        self._ascending = values[order]
        ranks = np.empty(len(values), dtype=np.int32)
        ranks[order] = np.arange(len(values), dtype=np.int32)
        self._zeros: list[np.ndarray[tuple[int], np.dtype[np.int32]]] = []
        self._bits = list(range(max(1, int(len(values) - 1).bit_length()) - 1, -1, -1))
        for bit in self._bits:
            ones = (ranks >> bit) & 1 == 1
            zeros = np.zeros(len(values) + 1, dtype=np.int32)
            np.cumsum(~ones, out=zeros[1:])
            self._zeros.append(zeros)
            ranks = np.concatenate((ranks[~ones], ranks[ones]))

    def smallest(self, low: Int64s, high: Int64s, k: Int64s) -> Float64s:
        """The k-th smallest (from 0) of values[low:high], 0 <= k < high − low."""
        rank = np.zeros(low.shape, dtype=np.int64)
        low, high, k = low.copy(), high.copy(), k.copy()
        for bit, zeros in zip(self._bits, self._zeros, strict=True):
            begin, end = zeros[low].astype(np.int64), zeros[high].astype(np.int64)
            is_one = k >= end - begin
            k = np.where(is_one, k - (end - begin), k)
            rank |= is_one.astype(np.int64) << bit
            low = np.where(is_one, zeros[-1] + low - begin, begin)
            high = np.where(is_one, zeros[-1] + high - end, end)
        return self._ascending[rank]
