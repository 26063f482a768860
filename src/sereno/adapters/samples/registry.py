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
from sereno.adapters.samples.marks import crc_of, marked_numbers, marked_values, numbers_of, values_of
from sereno.adapters.samples.spans import Spans
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

_log = logging.getLogger(__name__)
NUMBERS = np.dtype("<i8")
_NEVER = 1 << 62


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
        self.spans = Spans()
        self.damaged_rows = 0
        self.lost_rows: list[int] = []
        self._load()

    def _load(self) -> None:
        for number, text, crc in self._connection.execute("SELECT id, labels, crc FROM series"):
            labels = _labels_of(text, crc)
            if labels is None:
                self._damaged("the name of series %s", number)
            else:
                self.index.add(number, labels)
        by_id = {}
        for id_, blob in self._connection.execute("SELECT id, numbers FROM layout"):
            numbers = numbers_of(blob, id_)
            if numbers is None:
                self._damaged("layout %s", id_)
            else:
                by_id[id_] = self.layouts[numbers.tobytes()] = Layout.of(id_, numbers)
        for id_, name, crc in self._connection.execute("SELECT id, name, crc FROM metric"):
            if crc is not None and crc != crc_of(str(name).encode()):
                self._damaged("the name of metric %s", id_)
        by_stream = {}
        newest = dict(self._connection.execute("SELECT stream, max(t1) FROM block GROUP BY stream").fetchall())
        for id_, name in self._connection.execute("SELECT id, name FROM stream"):
            by_stream[id_] = self.streams[name] = Stream(id_, name, newest.get(id_, -_NEVER))
        self._load_head(by_id, by_stream)

    def _load_head(self, layouts: dict[int, Layout], streams: dict[int, Stream]) -> None:
        rows = self._connection.execute("SELECT rowid, stream, at_ms, layout, data FROM head ORDER BY stream, at_ms")
        for row, stream, at_ms, layout, data in rows:
            known, owner = layouts.get(layout), streams.get(stream)
            values = values_of(data, stream, at_ms, layout)
            if known is None or owner is None or values is None or len(values) != len(known.numbers):
                self.lost_rows.append(row)
                _log.error("sample store: a scrape of stream %s is damaged and left out", stream)
                continue
            owner.add(at_ms, known, values)
            self.spans.note(known.numbers, at_ms, at_ms)

    def _damaged(self, what: str, number: int) -> None:
        self.damaged_rows += 1
        _log.error(f"sample store: {what} is damaged and left out", number)

    @property
    def whole_spans(self) -> Spans:
        """From when to when every series has samples, chunks included."""
        self.spans.load(self._connection, max(self.index.labels, default=0))
        return self.spans

    def new_series(self, labels: Sequence[Labels]) -> tuple[Int64s, list[tuple[int, Labels]]]:
        """The numbers of `labels`, and which of them had to be written."""
        known = self.index.numbers
        fresh: dict[Labels, int] = {}
        numbers = np.empty(len(labels), np.int64)
        for place, one in enumerate(labels):
            number = known.get(one) or fresh.get(one)
            if number is None:
                text = json.dumps(dict(one.pairs), ensure_ascii=False)
                crc = crc_of(text.encode())
                number = fresh[one] = self._insert("INSERT INTO series (labels, crc) VALUES (?, ?)", text, crc)
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
        id_ = self._insert("INSERT INTO layout (numbers) VALUES (?)", blob)
        self._connection.execute("UPDATE layout SET numbers=? WHERE id=?", (marked_numbers(numbers, id_), id_))
        return Layout.of(id_, numbers)

    def new_stream(self, name: str) -> Stream:
        """The stream of that name, found or written."""
        found = self.streams.get(name)
        return found or Stream(self._insert("INSERT INTO stream (name) VALUES (?)", name), name, -_NEVER)

    def insert(self, stream: int, at_ms: int, layout: int, values: Float64s) -> None:
        """Write a scrape."""
        data = marked_values(values, stream, at_ms, layout)
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

    def forget(self, numbers: Iterable[int]) -> None:
        """Series are gone from the file."""
        gone = np.array(sorted(numbers), np.int64)
        self.index.remove(gone.tolist())
        self.spans.forget(gone)

    def metrics_of(self, numbers: Int64s) -> list[str]:
        """The metric of each series."""
        labels = self.index.labels
        return [labels[number].get("__name__", "") if number in labels else "" for number in numbers.tolist()]

    def _insert(self, statement: str, *values: object) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)


def _labels_of(text: object, crc: int | None) -> Labels | None:
    """The labels of a series' row; None if it is damaged."""
    if not isinstance(text, str) or (crc is not None and crc != crc_of(text.encode("utf-8", "replace"))):
        return None
    try:
        return Labels((sys.intern(k), sys.intern(v)) for k, v in json.loads(text).items())
    except (ValueError, TypeError, AttributeError):
        return None
