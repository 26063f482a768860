"""A grid in parts small enough to hold, and their results put together again."""

from __future__ import annotations

import numpy as np

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Grid, Result
from sereno.promql.limits import Limits
from sereno.promql.values import Ranges, Scalar, Value, Vector, pruned

TILE_CELLS = 4_000_000
TILE_STEPS_MIN = 64


def steps_of(grid: Grid) -> int:
    """How many instants `grid` has. Raises QueryError if it does not go forwards."""
    if grid.step_ms <= 0 or grid.end_ms < grid.start_ms:
        raise QueryError("a grid needs a step above zero and an end not before its start")
    return (grid.end_ms - grid.start_ms) // grid.step_ms + 1


def tiles(grid: Grid, steps: int, series: int) -> list[Grid]:
    """`grid` in parts small enough to hold."""
    size = max(TILE_STEPS_MIN, TILE_CELLS // max(1, series))
    parts = []
    for first in range(0, steps, size):
        last = min(first + size, steps) - 1
        start = grid.start_ms + first * grid.step_ms
        parts.append(Grid(start, grid.start_ms + last * grid.step_ms, grid.step_ms))
    return parts


def joined(parts: list[Value], limits: Limits) -> Result:
    """The results of all tiles as one. Raises QueryLimit if that is too large."""
    if isinstance(parts[0], Scalar):
        values = np.concatenate([tile.values for tile in parts if isinstance(tile, Scalar)])[None, :]
        return Result("scalar", (Labels(),), values, np.ones(values.shape, dtype=bool))
    if isinstance(parts[0], Ranges):
        columns = parts[0].columns
        nothing = np.zeros((len(columns), 1))
        return Result("matrix", columns.labels, nothing, nothing.astype(bool), columns=columns)
    vectors = [pruned(tile) for tile in parts if isinstance(tile, Vector)]
    if len(vectors) == 1:
        only = vectors[0]
        return Result("vector", only.labels, only.values, only.present, histograms=only.histograms)
    rows: dict[Labels, int] = {}
    for vector in vectors:
        for labels in vector.labels:
            rows.setdefault(labels, len(rows))
    steps = sum(vector.values.shape[1] for vector in vectors)
    limits.check("samples_max", len(rows) * steps, "values in its result")
    values = np.zeros((len(rows), steps))
    present = np.zeros((len(rows), steps), dtype=bool)
    native = any(vector.histograms is not None for vector in vectors)
    histograms = np.full(values.shape, None, dtype=object) if native else None
    begin = 0
    for vector in vectors:
        end = begin + vector.values.shape[1]
        ids = [rows[labels] for labels in vector.labels]
        values[ids, begin:end] = vector.values
        present[ids, begin:end] = vector.present
        if histograms is not None and vector.histograms is not None:
            histograms[ids, begin:end] = vector.histograms
        begin = end
    return Result("vector", tuple(rows), values, present, histograms=histograms)
