"""Where samples come from, for those who evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Selection


class SampleSource(Protocol):
    """Hands samples to the evaluator: the embedded store, or a Prometheus."""

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection; series without samples in the range are left out.

        Raises Unavailable when the source cannot answer now, QueryError when it rejects a selection.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scrape:
    """One reading of one target: `values[i]` is the sample of the series `labels[i]` at `at_ms`.

    `stream` names the target, for good: within a stream time only moves forward. Handing over the same tuple
    of labels again (the same object) is what makes the steady state cheap.
    """

    stream: str
    at_ms: int
    labels: tuple[Labels, ...]
    values: Float64s
