"""What the store knows by heart: series, layouts and streams, as they are in the file."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Iterable, Sequence

import numpy as np

from sereno.adapters.samples.head import Layout, Stream
from sereno.adapters.samples.index import SeriesIndex
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

_log = logging.getLogger(__name__)
NUMBERS = np.dtype("<i8")
_VALUES = np.dtype("<f8")


class Registry:
    """Series, layouts and streams by name and by number; `recent` is each stream's latest labels and their layout.

    The methods `new_…` write, inside the caller's transaction, and change nothing in memory; `learn…` does that
    after the commit. So an undone transaction leaves no trace here.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.index = SeriesIndex()
        self.layouts: dict[bytes, Layout] = {}
        self.streams: dict[str, Stream] = {}
        self.recent: dict[str, tuple[tuple[Labels, ...], Layout]] = {}
        self.damaged_rows = 0
        self._load()

    def _load(self) -> None:
        for number, text in self._connection.execute("SELECT id, labels FROM series"):
            pairs = json.loads(text).items()
            self.index.add(number, Labels((sys.intern(k), sys.intern(v)) for k, v in pairs))
        by_id = {}
        for id_, blob in self._connection.execute("SELECT id, numbers FROM layout"):
            by_id[id_] = self.layouts[blob] = Layout.of(id_, np.frombuffer(blob, NUMBERS))
        by_stream = {}
        newest = dict(self._connection.execute("SELECT stream, max(t1) FROM block GROUP BY stream").fetchall())
        for id_, name in self._connection.execute("SELECT id, name FROM stream"):
            by_stream[id_] = self.streams[name] = Stream(id_, name, newest.get(id_, -(1 << 62)))
        rows = self._connection.execute("SELECT stream, at_ms, layout, data FROM head ORDER BY stream, at_ms")
        for stream, at_ms, layout, data in rows:
            known = by_id.get(layout)
            if known is None or len(data) != 8 * len(known.numbers):
                self.damaged_rows += 1
                _log.error("sample store: a scrape of stream %d is damaged and left out", stream)
                continue
            by_stream[stream].add(at_ms, known, np.frombuffer(data, _VALUES))

    def new_series(self, labels: Sequence[Labels]) -> tuple[Int64s, list[tuple[int, Labels]]]:
        """The numbers of `labels`, and which of them had to be written."""
        known = self.index.numbers
        fresh: dict[Labels, int] = {}
        numbers = np.empty(len(labels), np.int64)
        for place, one in enumerate(labels):
            number = known.get(one) or fresh.get(one)
            if number is None:
                text = json.dumps(dict(one.pairs), ensure_ascii=False)
                number = fresh[one] = self._insert("INSERT INTO series (labels) VALUES (?)", text)
            numbers[place] = number
        return numbers, [(number, one) for one, number in fresh.items()]

    def new_layout(self, numbers: Int64s) -> Layout:
        """The layout of these series, found or written. Raises ValueError if a series occurs twice."""
        blob = numbers.astype(NUMBERS).tobytes()
        found = self.layouts.get(blob)
        if found is not None:
            return found
        if len(np.unique(numbers)) != len(numbers):
            raise ValueError("a series occurs twice in one scrape")
        return Layout.of(self._insert("INSERT INTO layout (numbers) VALUES (?)", blob), numbers)

    def new_stream(self, name: str) -> Stream:
        """The stream of that name, found or written."""
        found = self.streams.get(name)
        return found or Stream(self._insert("INSERT INTO stream (name) VALUES (?)", name), name, -(1 << 62))

    def insert(self, stream: int, at_ms: int, layout: int, values: Float64s) -> None:
        """Write a scrape."""
        data = np.ascontiguousarray(values, _VALUES).tobytes()
        self._insert("INSERT INTO head (stream, at_ms, layout, data) VALUES (?, ?, ?, ?)", stream, at_ms, layout, data)

    def learn(
        self, series: Iterable[tuple[int, Labels]], layout: Layout | None = None, stream: Stream | None = None
    ) -> None:
        """What was written is now committed."""
        for number, labels in series:
            self.index.add(number, labels)
        if layout is not None:
            self.layouts[layout.numbers.astype(NUMBERS).tobytes()] = layout
        if stream is not None:
            self.streams[stream.name] = stream

    def metrics_of(self, numbers: Int64s) -> list[str]:
        """The metric of each series."""
        return [self.index.labels[number].get("__name__", "") for number in numbers.tolist()]

    def _insert(self, statement: str, *values: object) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)
