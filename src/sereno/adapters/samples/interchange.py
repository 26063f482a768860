"""Samples in and out by files, whatever their format: in portions, within bounded memory, going on where it ended."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from sereno.adapters.samples.download import added
from sereno.adapters.samples.intake import BadSamples, Keeper
from sereno.adapters.samples.progress import Finished, missing
from sereno.adapters.samples.series_text import series_text
from sereno.adapters.samples.source import Metadata, SeriesSamples, Written
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Columns, Float64s, Int64s, Matcher, Objects, Selection

Format = Literal["openmetrics", "tsdb", "parquet", "csv"]
PORTION_SAMPLES = 500_000
TIME_MAX_MS = 1 << 50
"""No time of ours is further from 1970: tens of thousands of years."""
PACKED_EVERY = 2_000_000
_PACK_DELAY = timedelta(hours=4)
_TILE_FIRST_MS = 86_400_000
_TILE_MAX_MS = 30 * 86_400_000
_TILE_MIN_MS = 60_000
_TILE_SAMPLES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Part of a file: its samples, what it says of metrics, and the place where the next part begins.

    `left_out` samples cannot be kept (native histograms in a format that does not convey them whole).
    """

    batch: Sequence[SeriesSamples]
    place: int
    metadata: Mapping[str, Metadata] = field(default_factory=dict)
    left_out: int = 0


class SampleFile(Protocol):
    """A file (or folder) of samples that can be read from a place on; places are numbers that grow up to `size`."""

    @property
    def identity(self) -> str:
        """What tells this file from others, and from itself after a change."""
        ...

    @property
    def size(self) -> int:
        """The place of the end."""
        ...

    def portions(self, place: int) -> Iterator[Portion]:
        """Everything from `place` on. Raises BadSamples, with file and line, where the file is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: samples read, what became of them, and how many were left out; `resumed_at` a place."""

    samples: int = 0
    written: Written = field(default_factory=Written)
    left_out: int = 0
    resumed_at: int = 0


class StoreIn(Keeper, Protocol):
    """A store that takes in files."""

    async def note_metadata(self, said: Mapping[str, Metadata]) -> None:
        """Remember what metrics mean."""
        ...


async def import_samples(
    store: StoreIn,
    file: SampleFile,
    *,
    source: str = "import",
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Bring the samples of `file` into `store`, whatever their age; what an earlier run finished is not read again.

    `progress` hears how far it is: place and size. Raises BadSamples where the file is wrong (what came before is
    kept), Unavailable when the disk is full.
    """
    finished = Finished(store.path)
    what = f"file {file.identity}"
    try:
        left = missing(finished.ranges(what), 0, file.size)
        if not left:
            return Imported(resumed_at=file.size)
        begin = left[0][0]
        result = Imported(resumed_at=begin)
        packing = _Packing(store)
        for portion in file.portions(begin):
            samples = sum(len(one.times) for one in portion.batch)
            written = Written()
            if portion.batch:
                written = await store.write(portion.batch, source, any_age=True)
            if portion.metadata:
                await store.note_metadata(portion.metadata)
            await packing.add(portion.batch, samples)
            finished.add(what, begin, portion.place)
            result = Imported(
                result.samples + samples, added(result.written, written), result.left_out + portion.left_out,
                result.resumed_at,
            )  # fmt: skip
            if progress is not None:
                progress(portion.place, file.size)
        await packing.now()
        return result
    finally:
        finished.close()


class _Packing:
    """Has the store pack what was written, now and then, so that memory does not grow with the file."""

    def __init__(self, store: StoreIn) -> None:
        self._store = store
        self._samples = self._latest_ms = 0

    async def add(self, batch: Sequence[SeriesSamples], samples: int) -> None:
        """So much more was written."""
        self._latest_ms = max([self._latest_ms, *(int(one.times[-1]) for one in batch)])
        self._samples += samples
        if self._samples >= PACKED_EVERY:
            await self.now()

    async def now(self) -> None:
        """Pack."""
        if self._samples:
            await self._store.maintain(from_ms(self._latest_ms) + _PACK_DELAY)
            self._samples = 0


class Grouping:
    """Puts samples that come in a file's order together by series: numbers of series, times and values, side by side.

    `labels` are the series by number.
    """

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self.known: dict[bytes, int] = {}
        self.numbers: list[int] = []
        self.times: list[float] = []
        self.values: list[float] = []

    def batch(self, times_ms: Int64s, values: Float64s, histograms: Objects | None = None) -> list[SeriesSamples]:
        """The samples so far, a series each, in order of time; `numbers` begins anew."""
        numbers = np.array(self.numbers, np.int64)
        self.numbers = []
        return grouped(self.labels, numbers, times_ms, values, histograms)


def grouped(
    labels: Sequence[Labels], numbers: Int64s, times: Int64s, values: Float64s, histograms: Objects | None = None
) -> list[SeriesSamples]:
    """Samples by series, in order of time; those of one time in the order they came."""
    if not len(numbers):
        return []
    wrong = np.flatnonzero((times > TIME_MAX_MS) | (times < -TIME_MAX_MS))
    if len(wrong):
        raise BadSamples(f"the timestamp {times[wrong[0]]} of {series_text(labels[numbers[wrong[0]]])} is no time")
    order = np.lexsort((times, numbers))
    numbers, times, values = numbers[order], times[order], values[order]
    histograms = None if histograms is None else histograms[order]
    cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    found = []
    for a, b in itertools.pairwise(cuts):
        natives = None if histograms is None else histograms[a:b]
        if natives is not None and all(one is None for one in natives.tolist()):
            natives = None
        found.append(SeriesSamples(labels[numbers[a]], times[a:b], values[a:b], natives))
    return found


# -- out -----------------------------------------------------------------------------------------------


class SampleWriter(Protocol):
    """Writes a file: a metric after the other, each in tiles of time."""

    def write(self, columns: Columns) -> int:
        """Write these samples; returns how many could not be written in this format."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...

    def abandon(self) -> None:
        """Leave nothing behind."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote; `left_out` samples have no place in the format."""

    series: int = 0
    samples: int = 0
    left_out: int = 0


def names_wanted(
    store: SampleStore, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
) -> list[Labels]:
    """The series that any of `selectors` finds between the two instants, each once, in order."""
    found = {labels for matchers in selectors for labels in store.find_series(matchers, start_ms, end_ms)}
    return sorted(found, key=lambda labels: (labels.get("__name__", ""), labels.pairs))


def export_samples(
    store: SampleStore,
    writer: SampleWriter,
    selectors: Sequence[Sequence[Matcher]],
    start_ms: int,
    end_ms: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write what `selectors` find with start <= t <= end, a metric after the other, in tiles of bounded size.

    `progress` hears how many metrics are done, of how many. Raises Unavailable if the store cannot be read, OSError if
    the file cannot be written; then nothing is left behind.
    """
    names = sorted({labels.get("__name__", "") for labels in names_wanted(store, selectors, start_ms, end_ms)})
    series: set[Labels] = set()
    samples = left_out = 0
    try:
        for place, name in enumerate(names):
            for columns in _tiles(store, name, selectors, start_ms, end_ms):
                series.update(columns.labels)
                samples += len(columns.times)
                left_out += writer.write(columns)
            if progress is not None:
                progress(place + 1, len(names))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return Exported(len(series), samples - left_out, left_out)


def _tiles(
    store: SampleStore, name: str, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
) -> Iterator[Columns]:
    """The samples of one metric, a stretch of time after the other, of about a million samples each."""
    span = _TILE_FIRST_MS
    stats = store.stats()
    if stats.oldest is None or stats.newest is None:
        return
    first = max(start_ms, int(stats.oldest.timestamp() * 1000) - 1)
    end_ms = min(end_ms, int(stats.newest.timestamp() * 1000) + 1)
    while first <= end_ms:
        last = min(first + span - 1, end_ms)
        columns = _together(
            [
                store.select(Selection((Matcher("__name__", "=", name), *matchers), first, last))
                for matchers in selectors
            ]
        )
        if len(columns.times) > 4 * _TILE_SAMPLES and span > _TILE_MIN_MS:
            span = max(_TILE_MIN_MS, span // 4)
            continue
        if len(columns.times):
            yield columns
        fitting = span * _TILE_SAMPLES // max(len(columns.times), 1)
        first, span = last + 1, max(_TILE_MIN_MS, min(fitting, span * 4, _TILE_MAX_MS))


def _together(parts: Sequence[Columns]) -> Columns:
    """The series of all parts, each once, in order of their labels."""
    places: dict[Labels, tuple[int, int]] = {}
    for part, columns in enumerate(parts):
        for row, labels in enumerate(columns.labels):
            places.setdefault(labels, (part, row))
    ordered = sorted(places, key=lambda labels: labels.pairs)
    slices = [_slice(parts[places[labels][0]], places[labels][1]) for labels in ordered]
    columns = Columns.of([(labels, *one[:2]) for labels, one in zip(ordered, slices, strict=True)])
    if all(one[2] is None for one in slices):
        return columns
    histograms = np.concatenate([np.full(len(t), None, object) if h is None else h for t, _, h in slices])
    return Columns(columns.labels, columns.offsets, columns.times, columns.values, histograms)


def _slice(columns: Columns, row: int) -> tuple[Int64s, Float64s, Objects | None]:
    times, values = columns.series(row)
    part = slice(columns.offsets[row], columns.offsets[row + 1])
    return times, values, None if columns.histograms is None else columns.histograms[part]


def replacing(path: Path) -> Path:
    """Where to write what shall become `path` once it is whole."""
    return path.with_name(f".{path.name}.partial")


def file_identity(path: Path) -> str:
    """What tells a file from others, and from itself after a change."""
    told = path.stat()
    return f"{path.resolve()} {told.st_size} {told.st_mtime_ns}"
