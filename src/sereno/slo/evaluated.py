"""Objectives that PromQL of one's own measures: its results step by step, as events and as slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from sereno.kernel.duration import to_ms
from sereno.kernel.errors import QueryError
from sereno.promql import Limits, Result, evaluate_all
from sereno.promql.columns import Float64s, Grid, Int64s, Select
from sereno.slo.counters import Exacts
from sereno.slo.exact import Exact
from sereno.slo.queries import SETTINGS, Queries, queries_of
from sereno.slo.slices import Watched, borders
from sereno.slo.spans import Span
from sereno.spec.model import GaugeSli, Slo

LIMITS = Limits(steps_max=1_200_000)
_SERIES_MAX = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Events and bad events (in units of `scale`) seen by the end of each step of `step_ms` since `start_ms`, as
    running sums that begin with 0, and how much of the time was known. Floats of the evaluator are taken for what they
    are, exactly."""

    start_ms: int
    step_ms: int
    total: Exacts
    bad: Exacts
    covered_ms: Int64s
    scale: Fraction | int = 1

    def between(self, instants_ms: Sequence[int]) -> list[Span]:
        """The spans from each instant to the next, both moved back to the ends of steps."""
        at = [min(max((i - self.start_ms) // self.step_ms, 0), len(self.total) - 1) for i in instants_ms]
        return [
            Span(
                (self.total[b] - self.total[a]) * self.scale,
                (self.bad[b] - self.bad[a]) * self.scale,
                int(self.covered_ms[b] - self.covered_ms[a]),
                (b - a) * self.step_ms,
            )
            for a, b in pairwise(at)
        ]

    def over(self, start_ms: int, end_ms: int) -> Span:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """The ends of steps in (start, end); thinned out when there are too many."""
        inside = range((start_ms // self.step_ms + 1) * self.step_ms, end_ms, self.step_ms)
        return list(inside[:: len(inside) // at_most + 1])

    def settled(self, at_ms: int) -> int:
        """The end of the step that `at_ms` lies in."""
        return -(-at_ms // self.step_ms) * self.step_ms


def steps_of(slo: Slo, select: Select, start_ms: int, end_ms: int) -> Steps:
    """What the queries of `slo` say of each step that ends in (start, end], the border before `start` included.

    Raises QueryError, or QueryLimit, if they cannot be computed.
    """
    asked = queries_of(slo)
    ends = borders(asked.step_ms, start_ms, end_ms)
    start = int(ends[0])
    if len(ends) < 2:
        return Steps(start, asked.step_ms, *_empty())
    total, bad, known, scale = _counted(slo, _rows(asked, select, ends), asked.step_ms)
    covered = np.where(known, asked.step_ms, 0).astype(np.int64)
    covered_ms = np.concatenate(([0], np.cumsum(covered)))
    return Steps(start, asked.step_ms, _running(total), _running(bad), covered_ms, scale)


def watched(slo: Slo, steps: Steps) -> Watched:
    """The steps put together to slices. Events stay in the unit of `steps`, for slices are judged by shares."""
    slice_ms = to_ms(slo.slice_length)
    ends = borders(slice_ms, steps.start_ms, steps.start_ms + steps.step_ms * (len(steps.total) - 1))
    at = (ends - steps.start_ms) // steps.step_ms
    return Watched(
        int(ends[0]), slice_ms, np.diff(steps.total[at]), np.diff(steps.bad[at]), np.diff(steps.covered_ms[at])
    )


def _rows(asked: Queries, select: Select, ends: Int64s) -> dict[str, Float64s]:
    grid = Grid(int(ends[1]), int(ends[-1]), asked.step_ms)
    rows: dict[str, Float64s] = {}
    for (role, _), result in zip(asked.asked, _evaluated(asked, grid, select), strict=True):
        if isinstance(result, QueryError):
            raise result
        row = np.full(len(ends) - 1, np.nan)
        if len(result.labels):
            # A result that is no number is not the same as none: as bad events, none are zero and NaN is unknown.
            numbers = np.where(np.isnan(result.values[0]), np.inf, result.values[0])
            row = np.where(result.present[0], numbers, np.nan)
        rows[role] = row
    return rows


def _evaluated(asked: Queries, grid: Grid, select: Select) -> list[Result | QueryError]:
    return evaluate_all(asked.texts, grid, select, limits=LIMITS, settings=SETTINGS)


def _counted(
    slo: Slo, rows: dict[str, Float64s], step_ms: int
) -> tuple[list[Exact], list[Exact], np.ndarray, Fraction | int]:  # fmt: skip
    """Events, bad events and whether anything is known, step by step; and the unit of both."""
    if "total" in rows:
        total, part = rows["total"], rows.get("bad", rows.get("good", rows["total"]))
        known = np.isfinite(total) & ~np.isinf(part)
        # Never seen beside the total: none of it.
        (all_, some), unit = _whole(np.where(known, total, 0), np.where(known & np.isfinite(part), part, 0))
        bad = some if "bad" in rows else [a - b for a, b in zip(all_, some, strict=True)]
        return list(all_), list(bad), known, unit * Fraction(step_ms, 1000)
    (row,) = rows.values()
    known = np.isfinite(row)
    gauge = isinstance(slo.sli, GaugeSli)
    shares = [_share(value, gauge) if ok else 0 for value, ok in zip(row.tolist(), known.tolist(), strict=True)]
    return [int(ok) for ok in known.tolist()], shares, known, 1


def _whole(*rows: Float64s) -> tuple[list[list[int]], Fraction]:
    """Each of `rows` in whole numbers of one unit, exactly: sums of fractions would cost a hundred times as much."""
    parts = [np.frexp(row) for row in rows]  # value = mantissa · 2^exponent, mantissas of 53 bits
    least = min((int(exponents[m != 0].min()) for m, exponents in parts if m.any()), default=0)
    found = [
        [m << shift for m, shift in zip(_bits(m).tolist(), np.maximum(exponents - least, 0).tolist(), strict=True)]
        for m, exponents in parts
    ]
    return found, Fraction(2) ** (least - 53)


def _bits(mantissas: Float64s) -> Int64s:
    return np.ldexp(mantissas, 53).astype(np.int64)


def _share(value: float, gauge: bool) -> Exact:
    """The share that a float stands for: of a gauge's series, so many of so many."""
    if value.is_integer():
        return int(value)
    return Fraction(value).limit_denominator(_SERIES_MAX) if gauge else Fraction(value)


def _running(values: list[Exact]) -> Exacts:
    sums: list[Exact] = [0]
    for value in values:
        sums.append(sums[-1] + value)
    return np.array(sums, dtype=object)


def _empty() -> tuple[Exacts, Exacts, Int64s]:
    return np.zeros(1, object), np.zeros(1, object), np.zeros(1, np.int64)
