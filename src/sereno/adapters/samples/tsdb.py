"""Prometheus's own blocks, read and written by `promtool`, which knows them best.

`promtool tsdb dump` prints a staleness marker as NaN, like any other NaN. A NaN with no NaN beside it in its series is
taken for a marker, which it nearly always is; the others stay NaN. Native histograms do not survive the print: they
are left out and counted. The folder itself is never written to: promtool sees a mirror of it made of links.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from sereno.adapters.samples.intake import BadLabels, BadSamples
from sereno.adapters.samples.interchange import PORTION_SAMPLES, Grouping, Portion
from sereno.adapters.samples.openmetrics_out import OpenMetricsWriter
from sereno.adapters.samples.series_text import series_of
from sereno.adapters.samples.source import Metadata, SeriesSamples
from sereno.kernel.errors import UsageError
from sereno.promql.columns import STALE, Columns

_WINDOW_MS = 86_400_000
_HEAD_MS = 30 * 86_400_000
_ERROR_BYTES = 2000


def promtool() -> str:
    """The path of promtool. Raises UsageError if it is not installed."""
    found = shutil.which("promtool")
    if found is None:
        raise UsageError("Prometheus's blocks need promtool", hint="apt-get install prometheus")
    return found


class TsdbFolder:
    """A Prometheus's data folder (or a snapshot, or blocks alone); its places are milliseconds from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._program = promtool()
        self._blocks = _blocks(path)
        if not self._blocks and not _has_log(path):
            raise BadSamples(f"{path}: neither blocks nor a write-ahead log of a Prometheus are in it")
        spans = [(int(told["minTime"]), int(told["maxTime"])) for told in self._blocks.values()]
        self._begin = min((begin for begin, _ in spans), default=0)
        self._end = max((end for _, end in spans), default=0)

    @property
    def identity(self) -> str:
        """What tells this folder from others: its blocks."""
        return f"{self._path.resolve()} {self._begin} {' '.join(sorted(self._blocks))}"

    @property
    def size(self) -> int:
        """Milliseconds of its blocks, and one more for what follows them in the log."""
        return self._end - self._begin + 1 + _has_log(self._path)

    def portions(self, place: int) -> Iterator[Portion]:
        """Everything from `place` on, a day at a time. Raises BadSamples if promtool cannot read it."""
        with tempfile.TemporaryDirectory(prefix="sereno-tsdb-") as folder:
            mirror(self._path, Path(folder))
            while self._begin + place <= self._end and self._blocks:
                until = min(place + _WINDOW_MS, self._end - self._begin + 1)
                yield from self._window(Path(folder), self._begin + place, self._begin + until - 1, place)
                yield Portion((), until)
                place = until
            if _has_log(self._path):
                first = self._end + 1 if self._blocks else -(1 << 62)
                yield from self._window(Path(folder), first, 1 << 62, place)
                yield Portion((), self.size)

    def _window(self, folder: Path, first_ms: int, last_ms: int, place: int) -> Iterator[Portion]:
        command = [
            self._program, "tsdb", "dump", f"--min-time={first_ms}", f"--max-time={last_ms}", str(folder),
        ]  # fmt: skip
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603 - our own words
            try:
                assert process.stdout is not None
                yield from _dumped(process.stdout, place, self._path)
                if process.wait() != 0:
                    errors.seek(0)
                    said = errors.read(_ERROR_BYTES).decode("utf-8", "replace").strip()
                    raise BadSamples(f"{self._path}: promtool cannot read it: {said}")
            finally:
                process.kill()
                process.wait()


def _dumped(output: IO[bytes], place: int, path: Path) -> Iterator[Portion]:
    """The samples of a dump: `{__name__="up", job="a"} 1 1700000000000`, series after series."""
    grouping = Grouping()
    left_out = 0
    while lines := output.readlines(1 << 22):
        for line in lines:
            parts = line.rsplit(b" ", 2)
            number = grouping.known.get(parts[0])
            if number is None:
                if b"} {" in line:  # a native histogram
                    left_out += 1
                    continue
                try:
                    grouping.labels.append(series_of(parts[0]))
                except BadLabels as problem:
                    raise BadSamples(f"{path}: {problem}: {line[:100]!r}") from None
                number = grouping.known[parts[0]] = len(grouping.labels) - 1
            grouping.numbers.append(number)
            grouping.values.append(float(parts[1]))
            grouping.times.append(int(parts[2]))
        if len(grouping.numbers) >= PORTION_SAMPLES:
            yield _portion(grouping, place, left_out)
            left_out = 0
    yield _portion(grouping, place, left_out)


def _portion(grouping: Grouping, place: int, left_out: int) -> Portion:
    times, values = np.array(grouping.times, np.int64), np.array(grouping.values, np.float64)
    grouping.times, grouping.values = [], []
    return Portion([_marked(one) for one in grouping.batch(times, values)], place, left_out=left_out)


def _marked(one: SeriesSamples) -> SeriesSamples:
    """A series in which each NaN that stands alone is a staleness marker."""
    nan = np.isnan(one.values)
    if not nan.any():
        return one
    alone = nan.copy()
    alone[1:] &= ~nan[:-1]
    alone[:-1] &= ~nan[1:]
    return SeriesSamples(one.labels, one.times, np.where(alone, STALE, one.values))


def _blocks(path: Path) -> dict[str, Mapping[str, int]]:
    found: dict[str, Mapping[str, int]] = {}
    for meta in sorted(path.glob("*/meta.json")):
        try:
            told = json.loads(meta.read_text())
            found[str(told["ulid"])] = {name: int(told[name]) for name in ("minTime", "maxTime")}
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise BadSamples(f"{meta}: not the description of a block: {problem}") from None
    return found


def _has_log(path: Path) -> bool:
    return (path / "wal").is_dir()


def mirror(path: Path, folder: Path) -> None:
    """Make `folder` look like the data folder `path`, by links: promtool writes beside what it reads."""
    path = path.resolve()
    for meta in path.glob("*/meta.json"):
        block = folder / meta.parent.name
        block.mkdir()
        for entry in meta.parent.iterdir():
            os.symlink(entry, block / entry.name)
    (folder / "wal").mkdir()
    if _has_log(path):
        for entry in (path / "wal").iterdir():
            os.symlink(entry, folder / "wal" / entry.name)


class TsdbWriter:
    """Writes blocks into the folder `path`, which must be empty or new, through OpenMetrics text and promtool."""

    def __init__(self, path: Path, metadata: Mapping[str, Metadata] | None = None) -> None:
        self._program, self._path = promtool(), path
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is there and not an empty folder")
        self._folder = tempfile.TemporaryDirectory(prefix=".sereno-tsdb-", dir=path.absolute().parent)
        self._text = Path(self._folder.name) / "samples.om"
        self._writer = OpenMetricsWriter(self._text, metadata)

    def write(self, columns: Columns) -> int:
        """Write these samples; returns how many have no place in the format."""
        return self._writer.write(columns)

    def close(self) -> None:
        """Have promtool make the blocks. Raises BadSamples if it cannot."""
        self._writer.close()
        blocks = Path(self._folder.name) / "blocks"
        command = [self._program, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(self._text), str(blocks)]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own words
        if done.returncode != 0:
            said = done.stderr[-_ERROR_BYTES:].decode("utf-8", "replace").strip()
            raise BadSamples(f"promtool cannot make blocks of it: {said}")
        self._path.mkdir(parents=True, exist_ok=True)
        for entry in blocks.iterdir() if blocks.exists() else ():
            shutil.move(entry, self._path / entry.name)
        self._folder.cleanup()

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._writer.abandon()
        self._folder.cleanup()
