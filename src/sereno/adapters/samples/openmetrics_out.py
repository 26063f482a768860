"""OpenMetrics text with timestamps, written as a stream: `promtool tsdb create-blocks-from openmetrics` reads it.

The format has no staleness markers and no native histograms: they are left out and counted. All bits of other numbers
survive, but for those of a NaN.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sereno.adapters.samples.interchange import replacing
from sereno.adapters.samples.series_text import number_text, series_text
from sereno.adapters.samples.source import Metadata
from sereno.promql.columns import STALE_BITS, Columns, Float64s

_TYPES = {"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"}
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count", ""),
    "gauge": ("",),
    "unknown": ("",),
}


class OpenMetricsWriter:
    """Writes `path` (packed if it ends in `.gz`); `metadata` are the types and helps of metrics."""

    def __init__(self, path: Path, metadata: Mapping[str, Metadata] | None = None) -> None:
        self._path, self._partial = path, replacing(path)
        self._metadata = metadata or {}
        packed = path.suffix == ".gz"
        self._file = gzip.GzipFile(self._partial, "wb", 4) if packed else self._partial.open("wb")
        self._family = ""

    def write(self, columns: Columns) -> int:
        """Write these samples; returns how many have no place in the format."""
        left_out = 0
        for row, labels in enumerate(columns.labels):
            times, values = columns.series(row)
            kept = values.view(np.uint64) != STALE_BITS
            if columns.histograms is not None:
                part = columns.histograms[columns.offsets[row] : columns.offsets[row + 1]]
                kept &= np.array([one is None for one in part.tolist()], bool)
            if not kept.all():
                left_out += int((~kept).sum())
                times, values = times[kept], values[kept]
            if len(times):
                self._head(labels.get("__name__", ""))
                head = series_text(labels)
                lines = [
                    f"{head} {value} {at // 1000}.{at % 1000:03d}\n"
                    for value, at in zip(_texts(values), times.tolist(), strict=True)
                ]
                self._file.write("".join(lines).encode())
        return left_out

    def close(self) -> None:
        """Finish the file."""
        self._file.write(b"# EOF\n")
        self._file.close()
        self._partial.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def _head(self, name: str) -> None:
        """What is said of a metric, before its first sample."""
        family, said = family_of(name, self._metadata)
        if family == self._family:
            return
        self._family = family
        if said is None:
            return
        lines = [f"# HELP {family} {_escaped(said.help)}\n"] if said.help else []
        lines.append(f"# TYPE {family} {said.type if said.type in _TYPES else 'unknown'}\n")
        self._file.write("".join(lines).encode())


def family_of(name: str, metadata: Mapping[str, Metadata]) -> tuple[str, Metadata | None]:
    """The metric family of a series' name (OpenMetrics names counters without `_total`), if its meaning is known."""
    for suffix in ("_total", "_bucket", "_sum", "_count", ""):
        family = name.removesuffix(suffix) if suffix else name
        for known in (family, name) if suffix == "_total" else (family,):
            said = metadata.get(known)
            if said is not None and name.endswith(suffix) and suffix in _SUFFIXES.get(said.type, ()):
                return family, said
    return name, None


def _texts(values: Float64s) -> list[str]:
    if np.isfinite(values).all():
        return list(map(repr, values.tolist()))
    return list(map(number_text, values.tolist()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
