"""Sums and means of native histograms of one layout, for many instants or windows at once.

The same compensated sums as one by one: see `sereno.promql.native_total`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sereno.promql import overtime
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.native import Histogram, ResetHint
from sereno.promql.native_layout import kahan_many
from sereno.promql.native_math import joined_hint
from sereno.promql.native_series import NativeSeries
from sereno.promql.native_stack import Stack
from sereno.promql.native_total import Hints
from sereno.promql.windows import Frame, Lane

_HINTS: tuple[ResetHint, ...] = ("unknown", "reset", "not_reset", "gauge")


def sums_across(table: Sequence[Sequence[Histogram | None]], *, mean: bool) -> list[tuple[Histogram, Hints]] | None:
    """The sum or mean of each column of `table`, rows in their order; None where that cannot be done at once.

    Every column holds at least one histogram.
    """
    cells = [(row, column, h) for row, line in enumerate(table) for column, h in enumerate(line) if h is not None]
    stack = Stack.of([h for _, _, h in cells])
    if stack is None or not stack.plain:
        return None
    rows, columns = np.array([row for row, _, _ in cells]), np.array([column for _, column, _ in cells])
    count = len(table[0])
    total = np.zeros((count, stack.table.shape[1]))
    low = np.zeros(total.shape)
    there = np.zeros(count, dtype=np.int64)
    for row in np.unique(rows).tolist():
        at = np.flatnonzero(rows == row)
        into = columns[at]
        first = there[into] == 0
        added, lost = kahan_many(stack.table[at], total[into], low[into])
        total[into] = np.where(first[:, None], stack.table[at], added)
        low[into] = np.where(first[:, None], 0.0, lost)
        there[into] += 1
    if mean:
        if np.isinf(total).any():
            return None
        total, low = total / there[:, None], low / there[:, None]
    hints, seen = _hints(columns.tolist(), [h.reset for _, _, h in cells], count)
    return list(zip(stack.histograms(total + low, hints), seen, strict=True))


def _hints(columns: list[int], said: list[ResetHint], count: int) -> tuple[list[ResetHint], list[Hints]]:
    """What the sums say of resets, and what was seen for that."""
    if len(set(said)) == 1:
        one = Hints(reset=said[0] == "reset", not_reset=said[0] == "not_reset")
        return [said[0]] * count, [one] * count
    found: list[ResetHint | None] = [None] * count
    seen = [Hints() for _ in range(count)]
    for column, hint in zip(columns, said, strict=True):
        before = found[column]
        found[column] = hint if before is None else joined_hint(before, hint)[0]
        seen[column].reset |= hint == "reset"
        seen[column].not_reset |= hint == "not_reset"
    return [hint or "unknown" for hint in found], seen


def sums_over_time(
    series: NativeSeries, stack: Stack, low: Int64s, high: Int64s, *, mean: bool
) -> tuple[list[Histogram | None], bool] | None:
    """The sum or mean of each window low … high − 1 of the histograms in `stack` (None where it is empty), and whether
    some windows hold histograms that contradict each other about resets. None where that cannot be done at once."""
    some = np.flatnonzero(high > low)
    begin, end = low[some], high[some]
    table = np.zeros((len(some), stack.table.shape[1]))
    nothing = np.zeros(len(some), dtype=np.int64)
    frame = Frame(series.times, begin[None, :], end[None, :], nothing, nothing)
    for column in range(table.shape[1]):
        values: Float64s = np.ascontiguousarray(stack.table[:, column])
        table[:, column] = overtime.sum_over_time(Lane(frame, values, nothing, {}))[0]
    if mean:
        if np.isinf(table).any():
            return None
        table /= (end - begin)[:, None]
    counts = {hint: _within(series, hint, begin, end) for hint in _HINTS}
    size = end - begin
    hints: list[ResetHint] = [
        "gauge" if gauge else hint
        for gauge, hint in zip(
            (counts["gauge"] > 0).tolist(),
            np.select(
                [counts[hint] == size for hint in ("reset", "not_reset")], ["reset", "not_reset"], "unknown"
            ).tolist(),
            strict=True,
        )
    ]
    found: list[Histogram | None] = [None] * len(low)
    for place, histogram in zip(some.tolist(), stack.histograms(table, hints), strict=True):
        found[place] = histogram
    return found, bool(((counts["reset"] > 0) & (counts["not_reset"] > 0)).any())


def _within(series: NativeSeries, hint: ResetHint, begin: Int64s, end: Int64s) -> Int64s:
    """How many histograms of each window say `hint`."""
    running = series.hints(hint)
    return running[end] - running[begin]
