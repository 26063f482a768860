"""What rules record beside a Prometheus that is not ours to write to: a store of our own, read together with it."""

from __future__ import annotations

from collections.abc import Sequence

from sereno.adapters.samples.source import SampleSource, notes_of, thinned_of
from sereno.alerts.replay_series import Part, joined
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Selection
from sereno.slo import Thinned


class WithRecorded:
    """A source that also shows what our own rules have recorded; of two samples of one instant ours stands."""

    def __init__(self, source: SampleSource, own: SampleSource) -> None:
        self.source, self.own = source, own

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection. Raises as the source does."""
        mine = await self.own.fetch(selections)
        theirs = await self.source.fetch(selections)
        return {one: _together(mine[one], theirs[one]) if len(mine[one]) else theirs[one] for one in theirs}

    def notes(self, selections: Sequence[Selection]) -> tuple[str, ...]:
        """What either has to tell with numbers computed from `selections`; ours, where it has any of the samples."""
        return tuple(dict.fromkeys((*notes_of(self.source, selections), *notes_of(self.own, self._ours(selections)))))

    def thinned(self) -> Thinned:
        """Where only a part of the samples is left, of either."""
        theirs = thinned_of(self.source)
        return theirs if theirs.steps else thinned_of(self.own)

    def _ours(self, selections: Sequence[Selection]) -> Sequence[Selection]:
        """Those that find any series of ours."""
        find = getattr(self.own, "find_series", None)
        return selections if find is None else [one for one in selections if find(one.matchers, limit=1)]


def _together(*sources: Columns) -> Columns:
    return joined([part for columns in sources for part in _parts(columns)])


def _parts(columns: Columns) -> list[tuple[Labels, Part]]:
    found: list[tuple[Labels, Part]] = []
    for index, labels in enumerate(columns.labels):
        place = slice(int(columns.offsets[index]), int(columns.offsets[index + 1]))
        objects = None if columns.histograms is None else columns.histograms[place]
        found.append((labels, (columns.times[place], columns.values[place], objects)))
    return found
