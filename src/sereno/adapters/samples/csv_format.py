"""Samples as CSV: `series,time_ms,value`, the series as PromQL writes it, the value with all its digits.

A staleness marker is `StaleNaN`, a native histogram its JSON; so everything survives but the bits of other NaNs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sereno.adapters.samples.intake import BadLabels
from sereno.adapters.samples.interchange import PORTION_SAMPLES, Grouping, Portion, file_identity, replacing
from sereno.adapters.samples.series_text import STALE_TEXT, at_line, series_of, series_text, value_of, value_text
from sereno.promql.columns import Columns
from sereno.promql.native import Histogram

HEADER = ("series", "time_ms", "value")
_FIELD_MAX = 8 << 20


class CsvFile:
    """A CSV file at `path`; its places are lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def identity(self) -> str:
        """What tells this file from others."""
        return file_identity(self._path)

    @property
    def size(self) -> int:
        """Bytes of the file: places are bytes, as far as they are read."""
        return self._path.stat().st_size

    def portions(self, place: int) -> Iterator[Portion]:
        """Everything from byte `place` on. Raises BadSamples with the line, where it is wrong."""
        grouping, natives = Grouping(), _Natives()
        with self._path.open("rb") as file:
            header = file.readline().decode("utf-8", "replace").strip().split(",")
            if tuple(header) != HEADER:
                raise at_line(self._path, 1, f"expected the header {','.join(HEADER)}")
            place = max(place, file.tell())
            file.seek(place)
            line = 2
            while block := file.readlines(1 << 20):
                place += sum(map(len, block))
                line = self._block(block, line, grouping, natives)
                if len(grouping.numbers) >= PORTION_SAMPLES:
                    yield _portion(grouping, natives, place)
        yield _portion(grouping, natives, self.size)

    def _block(self, block: list[bytes], line: int, grouping: Grouping, natives: _Natives) -> int:
        try:
            rows = list(csv.reader(io.StringIO(b"".join(block).decode(), newline="")))
        except (csv.Error, UnicodeDecodeError) as problem:
            raise at_line(self._path, line, str(problem)) from None
        for row in rows:
            try:
                if row:
                    _take(row, grouping, natives)
            except (BadLabels, ValueError, OverflowError) as problem:
                raise at_line(self._path, line, str(problem)[:200]) from None
            line += 1
        return line


class _Natives:
    """The native histograms of a portion, by their place among its samples."""

    def __init__(self) -> None:
        self.found: dict[int, Histogram] = {}


def _take(row: list[str], grouping: Grouping, natives: _Natives) -> None:
    if len(row) != len(HEADER):
        raise ValueError(f"expected {len(HEADER)} fields, found {len(row)}")
    key = row[0].encode()
    number = grouping.known.get(key)
    if number is None:
        grouping.labels.append(series_of(key))
        number = grouping.known[key] = len(grouping.labels) - 1
    at = int(row[1])
    if abs(at) >= 1 << 62:
        raise ValueError(f"{row[1]} is no time")
    if row[2][:1] == "{" or row[2] == STALE_TEXT:
        value, native = value_of(row[2])
        if native is not None:
            natives.found[len(grouping.numbers)] = native
    else:
        value = float(row[2])
    grouping.numbers.append(number)
    grouping.times.append(at)
    grouping.values.append(value)


def _portion(grouping: Grouping, natives: _Natives, place: int) -> Portion:
    histograms = None
    if natives.found:
        histograms = np.full(len(grouping.numbers), None, object)
        for at, one in natives.found.items():
            histograms[at] = one
        natives.found = {}
    times, values = np.array(grouping.times, np.int64), np.array(grouping.values, np.float64)
    grouping.times, grouping.values = [], []
    return Portion(grouping.batch(times, values, histograms), place)


class CsvWriter:
    """Writes `path`."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, replacing(path)
        self._file = self._partial.open("w", encoding="utf-8", newline="")
        self._file.write(",".join(HEADER) + "\n")

    def write(self, columns: Columns) -> int:
        """Write these samples; all have a place here."""
        for row, labels in enumerate(columns.labels):
            times, values = columns.series(row)
            part = slice(columns.offsets[row], columns.offsets[row + 1])
            natives = [None] * len(times) if columns.histograms is None else columns.histograms[part].tolist()
            head = _quoted(series_text(labels))
            plain = columns.histograms is None and bool(np.isfinite(values).all())
            texts = map(repr, values.tolist()) if plain else map(value_text, values.tolist(), natives)
            lines = [
                f"{head},{at},{text if text[:1] != '{' else _quoted(text)}\n"
                for at, text in zip(times.tolist(), texts, strict=True)
            ]
            self._file.write("".join(lines))
        return 0

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
        self._partial.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text or "\r" in text else text
