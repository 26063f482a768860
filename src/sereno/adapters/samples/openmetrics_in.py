"""OpenMetrics text with timestamps, read as a stream (`.gz` too), to be kept as history.

Format: OpenMetrics 1.0, and Prometheus's text format when its samples have times (in ms there, in seconds here: a time
beyond the year 5000 is taken for ms). Exemplars are passed over.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from sereno.adapters.samples.intake import BadLabels, BadSamples
from sereno.adapters.samples.interchange import PORTION_SAMPLES, TIME_MAX_MS, Grouping, Portion, file_identity
from sereno.adapters.samples.series_text import at_line, series_of, series_text
from sereno.adapters.samples.source import Metadata

_BLOCK = 4 << 20
_LINE_MAX = 8 << 20
_SECONDS_MAX = 95_617_584_000.0  # the year 5000
_WORDS = {b"HELP": "help", b"TYPE": "type", b"UNIT": "unit"}


class OpenMetricsFile:
    """A file of OpenMetrics text at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = path.suffix == ".gz"

    @property
    def identity(self) -> str:
        """What tells this file from others."""
        return file_identity(self._path)

    @property
    def size(self) -> int:
        """Bytes of the file; of a packed one they count only as the whole."""
        return self._path.stat().st_size

    def portions(self, place: int) -> Iterator[Portion]:
        """Everything from byte `place` on (a packed file always from its beginning)."""
        reading = _Reading(self._path)
        with cast(IO[bytes], gzip.open(self._path) if self._packed else self._path.open("rb")) as file:
            if place and not self._packed:
                file.seek(place)
            line = 1
            for block, end in _blocks(file, 0 if self._packed else place, self._path):
                line = reading.block(block, line)
                if len(reading.grouping.numbers) >= PORTION_SAMPLES:
                    yield reading.portion(0 if self._packed else end)
                if reading.ended:
                    break
        yield reading.portion(self.size)


def _blocks(file: IO[bytes], place: int, path: Path) -> Iterator[tuple[bytes, int]]:
    """The file in blocks of whole lines, and where each ends. Raises BadSamples for a line without end."""
    rest = b""
    try:
        while block := file.read(_BLOCK):
            block = rest + block
            cut = block.rfind(b"\n") + 1
            if not cut and len(block) > _LINE_MAX:
                raise at_line(path, 0, f"a line is longer than {_LINE_MAX} bytes")
            rest = block[cut:]
            place += cut
            if cut:
                yield block[:cut], place
        if rest:
            yield rest, place + len(rest)
    except (EOFError, gzip.BadGzipFile) as problem:
        raise at_line(path, 0, f"the compressed file is broken: {problem}") from None


class _Reading:
    """What was read of one file since the last portion."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.grouping = Grouping()
        self.ended = False
        self._metadata: dict[str, dict[str, str]] = {}

    def portion(self, place: int) -> Portion:
        """What was read since."""
        grouping = self.grouping
        times = np.array(grouping.times, np.float64)
        # Seconds become ms exactly: fractions of a ms are rounded as Prometheus does.
        times = np.rint(np.where(np.abs(times) > _SECONDS_MAX, times, times * 1000.0))
        fine = np.abs(times) < TIME_MAX_MS
        if not fine.all():
            bad = int(np.flatnonzero(~fine)[0])
            series = series_text(grouping.labels[grouping.numbers[bad]])
            raise BadSamples(f"{self._path}: the timestamp {grouping.times[bad]} of {series} is no time")
        times_ms = times.astype(np.int64)
        batch = grouping.batch(times_ms, np.array(grouping.values, np.float64))
        grouping.times, grouping.values = [], []
        metadata = {name: Metadata(**words) for name, words in self._metadata.items()}
        self._metadata = {}
        return Portion(batch, place, metadata)

    def block(self, block: bytes, line: int) -> int:
        """Read whole lines, the first of them number `line`; returns the number of the next. Raises BadSamples."""
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        known, numbers = self.grouping.known, self.grouping.numbers
        add_time, add_value, add = self.grouping.times.append, self.grouping.values.append, numbers.append
        simple = b" # " not in block
        for text in lines:
            if simple:
                parts = text.rsplit(b" ", 2)
                if len(parts) == 3:
                    number = known.get(parts[0])
                    if number is not None and b"_" not in text[len(parts[0]) :]:  # Python would read 1_000
                        try:
                            add_value(float(parts[1]))
                            add_time(float(parts[2]))
                        except ValueError:
                            raise at_line(
                                self._path, line, f"expected value and timestamp, found {_shown(text)}"
                            ) from None
                        add(number)
                        line += 1
                        continue
            self._line(text, line)
            line += 1
        return line

    def _line(self, text: bytes, line: int) -> None:
        text = text.strip(b" \t\r")
        if not text:
            return
        if self.ended:
            raise at_line(self._path, line, "something follows # EOF")
        if text[:1] == b"#":
            self._comment(text)
            return
        series, _, tail = text.partition(b" ")
        if b"{" in text:
            series, tail = _split(text)
        words = tail.partition(b" # ")[0].split()
        if len(words) != 2 or b"_" in tail:
            what = "it has no timestamp" if len(words) == 1 else "expected value and timestamp"
            raise at_line(self._path, line, f"{what}: {_shown(text)}")
        grouping = self.grouping
        try:
            number = grouping.known.get(series)
            if number is None:
                grouping.labels.append(series_of(series))
                number = len(grouping.labels) - 1
                grouping.known[series] = number
            value, at = float(words[0]), float(words[1])
        except (BadLabels, ValueError) as problem:
            raise at_line(self._path, line, f"{problem}: {_shown(text)}") from None
        grouping.values.append(value)
        grouping.times.append(at)
        grouping.numbers.append(number)

    def _comment(self, text: bytes) -> None:
        parts = text.split(b" ", 3)
        if text == b"# EOF":
            self.ended = True
        elif len(parts) == 4 and parts[1] in _WORDS:
            name, told = (part.decode("utf-8", "replace") for part in parts[2:])
            self._metadata.setdefault(name, {})[_WORDS[parts[1]]] = told.replace("\\n", "\n").replace("\\\\", "\\")


def _split(text: bytes) -> tuple[bytes, bytes]:
    """A line at the brace that ends its labels, which may themselves hold braces in quotes."""
    at, quoted = text.index(b"{") + 1, False
    while at < len(text):
        one = text[at]
        if one == 0x5C and quoted:
            at += 1
        elif one == 0x22:
            quoted = not quoted
        elif one == 0x7D and not quoted:
            return text[: at + 1], text[at + 1 :]
        at += 1
    return text, b""


def _shown(text: bytes) -> str:
    return repr(text[:80].decode("utf-8", "backslashreplace"))
