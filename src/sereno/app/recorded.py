"""What rules record beside a Prometheus that is not ours to write to: a store of our own, read together with it."""

from __future__ import annotations

from collections.abc import Sequence

from sereno.adapters.samples.source import SampleSource
from sereno.alerts.replay_series import Part, joined
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Selection


class WithRecorded:
    """A source that also shows what our own rules have recorded; of two samples of one instant ours stands."""

    def __init__(self, source: SampleSource, own: SampleSource) -> None:
        self.source, self.own = source, own

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection. Raises as the source does."""
        mine = await self.own.fetch(selections)
        theirs = await self.source.fetch(selections)
        return {one: _together(mine[one], theirs[one]) if len(mine[one]) else theirs[one] for one in theirs}


def _together(*sources: Columns) -> Columns:
    return joined([part for columns in sources for part in _parts(columns)])


def _parts(columns: Columns) -> list[tuple[Labels, Part]]:
    found: list[tuple[Labels, Part]] = []
    for index, labels in enumerate(columns.labels):
        place = slice(int(columns.offsets[index]), int(columns.offsets[index + 1]))
        objects = None if columns.histograms is None else columns.histograms[place]
        found.append((labels, (columns.times[place], columns.values[place], objects)))
    return found
