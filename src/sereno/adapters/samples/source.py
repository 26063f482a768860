"""Where samples come from, for those who evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Float64s, Int64s, Objects, Selection

if TYPE_CHECKING:
    from sereno.slo.thinned import Thinned


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


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSamples:
    """Samples of one series that somebody sends or brings: times in ms, increasing; `histograms` as in Columns."""

    labels: Labels
    times: Int64s
    values: Float64s
    histograms: Objects | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch, in samples: kept; known already with the same value (`duplicates`, harmless); known
    with another value (`conflicting`, refused: the first stands); older than is taken (`too_old`). `refused` are the
    first few series of which some were."""

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    too_old: int = 0
    refused: tuple[Labels, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metric is: its type (counter, gauge, histogram, summary, unknown …), help and unit."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


def notes_of(source: object, selections: Sequence[Selection]) -> tuple[str, ...]:
    """What `source` has to tell with numbers computed from `selections`; nothing if it never does. May read a file."""
    notes: Callable[[Sequence[Selection]], tuple[str, ...]] | None = getattr(source, "notes", None)
    return () if notes is None else notes(selections)


def thinned_of(source: object) -> Thinned:
    """Where `source` holds only a part of its samples. May read a file."""
    from sereno.slo.thinned import WHOLE  # here: the promises behind it take a while to import

    thinned: Callable[[], Thinned] | None = getattr(source, "thinned", None)
    return WHOLE if thinned is None else thinned()
