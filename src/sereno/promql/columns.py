"""Samples as columns: what every source of samples hands to the evaluator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sereno.kernel.labels import Labels

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Objects = npt.NDArray[Any]
"""An array of objects: native histograms (`sereno.promql.native.Histogram`), None where there is a float."""

STALE_BITS = 0x7FF0000000000002
STALE = np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0]
"""Prometheus's staleness marker: a NaN of its own bit pattern."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; regular expressions match whole values, as RE2 would."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Samples wanted: the series that all `matchers` match (the metric's name is the label `__name__`), with
    timestamps t, start_ms <= t <= end_ms."""

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Series side by side.

    Series i has the labels `labels[i]` (with `__name__`) and the samples `times[offsets[i]:offsets[i + 1]]`,
    `values[…]`: times in milliseconds strictly increasing, staleness markers kept as values. `histograms`, as long
    as `values`, holds the native histograms where samples are such (None elsewhere; their value means nothing);
    None as a whole when there are none. `starts`, as long as `times`, says when the counter of each sample began
    (milliseconds, 0 where that is not known); None as a whole when nobody knows.
    """

    labels: tuple[Labels, ...]
    offsets: Int64s
    times: Int64s
    values: Float64s
    histograms: Objects | None = None
    starts: Int64s | None = None

    @staticmethod
    def of(series: Sequence[tuple[Labels, Int64s, Float64s]]) -> Columns:
        """Columns from one pair of arrays a series."""
        sizes = [len(times) for _, times, _ in series]
        offsets = np.zeros(len(series) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return Columns(
            tuple(labels for labels, _, _ in series),
            offsets,
            np.concatenate([t for _, t, _ in series]) if series else np.zeros(0, dtype=np.int64),
            np.concatenate([v for _, _, v in series]) if series else np.zeros(0, dtype=np.float64),
        )

    def series(self, index: int) -> tuple[Int64s, Float64s]:
        """The times and values of one series."""
        part = slice(self.offsets[index], self.offsets[index + 1])
        return self.times[part], self.values[part]

    def __len__(self) -> int:
        return len(self.labels)


Select = Callable[[Selection], Columns]
"""How the evaluator asks for samples: once for each distinct selection, or for parts of its time or of its series
(one more matcher) where the whole is too much to be held. More than was asked for may be given; a source that has only
whole selections raises LookupError for anything else."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The instants of an evaluation: start, start + step, … up to end. An instant query is a grid of one."""

    start_ms: int
    end_ms: int
    step_ms: int

    @staticmethod
    def at(instant_ms: int) -> Grid:
        """The grid of one instant."""
        return Grid(instant_ms, instant_ms, 1)

    @property
    def instants_ms(self) -> Int64s:
        """All instants."""
        return np.arange(self.start_ms, self.end_ms + 1, self.step_ms, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Result:
    """The value of an expression on a grid: one row a series, one column an instant.

    `present[i, j]` says whether series i has a value at instant j (NaN is a legal value). `kind` is `vector`,
    `scalar`, `string` or `matrix`: the samples of a range vector at one instant, in `columns` alone. A scalar is one
    series without labels. `histograms`, of the shape of `values`, holds native histograms (None where the value is a
    float, and as a whole when there are none). `warnings` say what may be wrong with the numbers, `infos` what may be
    wrong with the question, each as Prometheus words it, with its place.
    """

    kind: Literal["vector", "scalar", "string", "matrix"]
    labels: tuple[Labels, ...]
    values: Float64s
    present: npt.NDArray[np.bool_]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    text: str = ""
    histograms: Objects | None = None
    columns: Columns | None = None

    def instant(self, column: int = 0) -> list[tuple[Labels, float]]:
        """The vector at one instant, as pairs."""
        rows = np.flatnonzero(self.present[:, column])
        return [(self.labels[row], float(self.values[row, column])) for row in rows]
