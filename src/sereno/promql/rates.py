"""rate, increase, delta and their kin: differences over windows, as Prometheus computes them, to the bit.

Source: extrapolatedRate and instantValue in promql/functions.go of Prometheus 2.42 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sereno.promql import kernels
from sereno.promql.columns import Float64s, Int64s
from sereno.promql.prefix import Prefix
from sereno.promql.values import Bools
from sereno.promql.windows import Lane

_FEW_RESETS = 64
_RESETS_IN_ORDER_MAX = 8


def extrapolated(lane: Lane, range_ms: int, *, counter: bool, per_second: bool, dialect: int = 2) -> Float64s:
    """rate, increase and delta: the difference over the window, extrapolated to its edges.

    A counter is not extrapolated below zero; version 3 applies that after, version 2 before deciding whether the
    first sample is near enough to the window's start.
    """
    sampled, average, to_start, beyond = lane.frame.spacing
    if kernels.native is not None:
        return _extrapolated_natively(lane, range_ms if per_second else 0, counter, dialect)
    first = lane.first
    value = lane.last - first
    if counter:
        value = _with_resets(lane, value)
        if dialect == 3:
            to_start = np.where(to_start < average * 1.1, to_start, average / 2)
        to_zero = sampled * (first / value)
        to_start = np.where((value > 0) & (first >= 0) & (to_zero < to_start), to_zero, to_start)
    if not counter or dialect == 2:
        to_start = np.where(to_start < average * 1.1, to_start, average / 2)
    reach = sampled + to_start + beyond
    factor = reach / sampled
    if per_second:
        factor = factor / (range_ms / 1000)
    return value * factor


def _extrapolated_natively(lane: Lane, range_ms: int, counter: bool, dialect: int) -> Float64s:
    assert kernels.native is not None
    frame = lane.frame
    value, first = np.empty(frame.low.shape), np.empty(frame.low.shape)
    kernels.native.difference(lane.values, frame.low, frame.high, value, first)
    if counter:
        value = _with_resets(lane, value)
    kernels.native.extrapolate(value, first, *frame.spacing, counter, dialect == 3, range_ms / 1000)
    return value


@dataclass(frozen=True, slots=True)
class _Resets:
    """Where a counter fell, and what it had been before."""

    at: Int64s
    before: Float64s


def _resets(values: Float64s) -> _Resets:
    if kernels.native is not None:
        found = np.empty(len(values), dtype=np.int64)
        at = found[: kernels.native.falls(values, found)].copy()
    else:
        at = np.flatnonzero(values[1:] < values[:-1]) + 1
    return _Resets(at, values[at - 1])


def _with_resets(lane: Lane, value: Float64s) -> Float64s:
    """`value` and what was lost at each reset of the counter, added in the order in which Prometheus adds it."""
    resets = lane.derived("resets", _resets)
    if not len(resets.at):
        return value
    low, last = lane.frame.low, lane.frame.last
    if len(low) == 1 and len(resets.at) <= _FEW_RESETS:
        begins = np.searchsorted(last[0], resets.at, side="left")
        ends = np.searchsorted(low[0], resets.at, side="left")
        for before, begin, end in zip(resets.before, begins, ends, strict=True):
            value[0, begin:end] += before
        return value
    begin = np.searchsorted(resets.at, low, side="right")
    end = np.maximum(begin, np.searchsorted(resets.at, last, side="right"))
    most = int((end - begin).max(initial=0))
    in_order: Bools = np.full(value.shape, True)
    if most > _RESETS_IN_ORDER_MAX:
        prefix = lane.derived("reset_prefix", lambda _: Prefix(resets.before))
        lost = prefix.between(begin, end)
        in_order = prefix.doubtful(lost, begin, end)
        value = np.where(in_order, value, value + lost)
    for ahead in range(int((end - begin)[in_order].max(initial=0))):
        live = in_order & (begin + ahead < end)
        value[live] += resets.before[begin[live] + ahead]
    return value


def instant_change(lane: Lane, *, per_second: bool) -> Float64s:
    """irate and idelta: the difference of the last two samples."""
    last, frame = lane.last, lane.frame
    before = lane.values.take(frame.last - 1, mode="clip")
    if not per_second:
        return last - before
    change = np.where(last < before, last, last - before)
    seconds = (frame.last_time - frame.times.take(frame.last - 1, mode="clip")) / 1000
    return change / seconds
