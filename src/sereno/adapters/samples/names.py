"""What series there are: names of labels, their values, and who has samples when. Also what metrics mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sereno.adapters.samples.index import SeriesIndex
from sereno.adapters.samples.source import Metadata
from sereno.kernel.labels import Labels
from sereno.promql.columns import Int64s, Matcher

METRICS_MAX = 50_000
_VARIANTS_MAX = 10
_HELP_MAX = 4_096
_WORD_MAX = 256


def numbers_matching(index: SeriesIndex, matchers: Sequence[Matcher]) -> Int64s:
    """The numbers, sorted, of the series that all `matchers` match. Raises QueryError."""
    found = index.find(tuple(matchers))
    return np.sort(np.concatenate(list(found.values()))) if found else np.zeros(0, np.int64)


def names_of(series: Iterable[Labels], limit: int) -> list[str]:
    """The names of labels, sorted; no more than `limit`, 0 for all."""
    names = sorted({name for labels in series for name in labels})
    return names[:limit] if limit else names


def values_of(series: Iterable[Labels], name: str, limit: int) -> list[str]:
    """The values of one label, sorted; no more than `limit`, 0 for all."""
    values = sorted({labels[name] for labels in series if name in labels})
    return values[:limit] if limit else values


class MetadataBook:
    """What metrics mean, as they say themselves; kept in the file. The latest word of a source is heard once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._known: dict[str, list[Metadata]] = {}
        for metric, *words in connection.execute("SELECT metric, type, help, unit FROM metadata"):
            self._known.setdefault(metric, []).append(Metadata(*words))

    def all(self) -> dict[str, list[Metadata]]:
        """Every metric with what was said of it."""
        return {metric: list(said) for metric, said in self._known.items()}

    def fresh(self, said: Mapping[str, Metadata]) -> dict[str, Metadata]:
        """What of `said` is not known yet and fits: so many metrics, so many meanings of each."""
        found: dict[str, Metadata] = {}
        room = METRICS_MAX - len(self._known)
        for metric, one in said.items():
            known = self._known.get(metric)
            one = _bounded(one)
            if len(metric) > _WORD_MAX or (known is not None and (one in known or len(known) >= _VARIANTS_MAX)):
                continue
            room -= known is None
            if known is None and room < 0:
                continue
            found[metric] = one
        return found

    def insert(self, connection: sqlite3.Connection, fresh: Mapping[str, Metadata]) -> None:
        """Write, inside the caller's transaction."""
        rows = [(metric, one.type, one.help, one.unit) for metric, one in fresh.items()]
        connection.executemany("INSERT OR IGNORE INTO metadata VALUES (?, ?, ?, ?)", rows)

    def learn(self, fresh: Mapping[str, Metadata]) -> None:
        """What was written is now committed."""
        for metric, one in fresh.items():
            self._known.setdefault(metric, []).append(one)


def _bounded(one: Metadata) -> Metadata:
    return Metadata(one.type[:_WORD_MAX], one.help[:_HELP_MAX], one.unit[:_WORD_MAX])
