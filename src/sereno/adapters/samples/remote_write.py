"""Prometheus remote write, version 1.0: `prometheus.WriteRequest` straight into columns.

Specification: prometheus.io/docs/specs/prw/remote_write_spec. A sender says the same labels again and again: the bytes
of a series' labels are remembered, so that a usual series costs one look-up and its numbers are read all at once.
"""

from __future__ import annotations

import numpy as np

from sereno.adapters.samples.intake import (
    BadLabels,
    BadSamples,
    Gathering,
    KnownSeries,
    Received,
    shown,
    shown_series,
)
from sereno.adapters.samples.protocols import wire
from sereno.adapters.samples.protocols.histogram import BadHistogram, read_histogram
from sereno.adapters.samples.source import Metadata
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, Float64s, Int64s
from sereno.promql.native import Histogram

TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_METRICS_MAX = 50_000
_FULL, _ZERO = 18, 9
"""Bytes of a sample with a value, and of one without (it is zero), when its time is one of this century."""


def read_request(body: bytes, known: KnownSeries, now_ms: int) -> Received:
    """What the (unpacked) request `body` holds. Raises BadSamples if it is none, or beyond a limit."""
    gathering = Gathering(known.limits, now_ms)
    quick = _Quick(body, known)
    series = metrics = 0
    try:
        for field in wire.fields(body, 0, len(body)):
            number, _, begin, end = field
            if number == 1:
                wire.expect(field, wire.BYTES, "a time series")
                series += 1
                if series > known.limits.samples:
                    raise wire.TooBig(f"more than {known.limits.samples} time series")
                if not quick.take(begin, end):
                    _series(body, begin, end, known, gathering)
            elif number == 3:
                wire.expect(field, wire.BYTES, "metadata")
                metrics += 1
                if metrics > _METRICS_MAX:
                    raise wire.TooBig(f"metadata of more than {_METRICS_MAX} metrics")
                _metadata(body, begin, end, gathering)
        for begin, end in quick.give(gathering):
            _series(body, begin, end, known, gathering)
    except wire.WireError as problem:
        raise BadSamples(f"not a remote-write 1.0 request: {problem}") from None
    return gathering.finish()


class _Quick:
    """Series whose labels are known and that hold one number: nearly all of them."""

    def __init__(self, data: bytes, known: KnownSeries) -> None:
        self._data, self._known = data, known
        self._full: list[Labels] = []
        self._full_at: list[int] = []
        self._zero: list[Labels] = []
        self._zero_at: list[int] = []
        self._begins: list[tuple[int, int]] = []

    def take(self, begin: int, end: int) -> bool:
        """Remember the series data[begin:end] if it is of this kind.

        What precedes the sample is a whole sequence of labels, as it was learnt so: there is no other reading.
        """
        data, at = self._data, end - _FULL
        if at > begin and data[at] == 0x12 and data[at + 1] == 16 and data[at + 2] == 9 and data[at + 11] == 0x10:
            labels = self._known.get(data[begin:at])
            if labels is not None:
                self._full.append(labels)
                self._full_at.append(at)
                self._begins.append((begin, end))
                return True
        at = end - _ZERO
        if at > begin and data[at] == 0x12 and data[at + 1] == 7 and data[at + 2] == 0x10:
            labels = self._known.get(data[begin:at])
            if labels is not None and _one_varint(data, at + 3):
                self._zero.append(labels)
                self._zero_at.append(at)
                return True
        return False

    def give(self, gathering: Gathering) -> list[tuple[int, int]]:
        """Hand over all that was taken; what was taken wrongly comes back."""
        if not self._data:
            return []
        times, values, fine = _full_samples(self._data, np.array(self._full_at, np.int64))
        back: list[tuple[int, int]] = []
        if not fine.all():
            back = [self._begins[i] for i in np.flatnonzero(~fine).tolist()]
            self._full = [self._full[i] for i in np.flatnonzero(fine).tolist()]
            times, values = times[fine], values[fine]
        gathering.many(self._full, times, values)
        times = _times(self._data, np.array(self._zero_at, np.int64) + 3)[0]
        gathering.many(self._zero, times, np.zeros(len(times)))
        return back


def _one_varint(data: bytes, at: int) -> bool:
    """Whether the six bytes at `at` are one number."""
    return min(data[at : at + 5]) >= 0x80 and data[at + 5] < 0x80


def _times(data: bytes, places: Int64s) -> tuple[Int64s, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Numbers of six bytes at `places`, and which of them are such."""
    raw = np.frombuffer(data, np.uint8)[places[:, None] + np.arange(6)].astype(np.int64)
    fine = (raw[:, :5] >= 0x80).all(axis=1) & (raw[:, 5] < 0x80)
    return ((raw & 0x7F) << np.arange(0, 42, 7)).sum(axis=1), fine


def _full_samples(
    data: bytes, places: Int64s
) -> tuple[Int64s, Float64s, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Samples of eighteen bytes at `places`: times, values, and which of them are such."""
    bytes_of = np.frombuffer(data, np.uint8)
    values = bytes_of[places[:, None] + np.arange(3, 11)].copy().view("<f8").reshape(-1).astype(np.float64, copy=False)
    times, fine = _times(data, places + 12)
    return times, values, fine


def _series(data: bytes, begin: int, end: int, known: KnownSeries, gathering: Gathering) -> None:
    """One series, field by field."""
    found = read_series(data, begin, end, known)
    gathering.exemplars += found.exemplars
    if found.labels is None:
        gathering.refuse(f"{shown_series(found.pairs)}: {found.problem}", max(1, found.samples))
        return
    for problem in found.problems:
        gathering.refuse(f"{shown_series(found.pairs)}: {problem}")
    if len(found.times):
        gathering.floats(found.labels, found.times, found.values)
    if found.histograms:
        gathering.histograms(found.labels, wire.as_ints(found.histogram_times), found.histograms)


class SeriesRead:
    """A `prometheus.TimeSeries`; `labels` is None, and `problem` says why, if they name no series."""

    __slots__ = (
        "exemplars", "histogram_times", "histograms", "labels", "pairs", "problem", "problems", "times", "values",
    )  # fmt: skip

    def __init__(self) -> None:
        self.labels: Labels | None = None
        self.pairs: list[tuple[str, str]] = []
        self.problem = ""
        self.problems: list[str] = []
        self.times: Int64s = np.zeros(0, np.int64)
        self.values: Float64s = np.zeros(0)
        self.histogram_times: list[int] = []
        self.histograms: list[Histogram] = []
        self.exemplars = 0

    @property
    def samples(self) -> int:
        """How many samples came, of both kinds."""
        return len(self.times) + len(self.histograms)


def read_series(data: bytes, begin: int, end: int, known: KnownSeries) -> SeriesRead:
    """The message `prometheus.TimeSeries` at data[begin:end], as remote write and remote read have it.

    Raises WireError if it is none.
    """
    found = SeriesRead()
    places: list[tuple[int, int]] = []
    stale: list[int] = []
    labels_end, natives = begin, 0
    plain = True
    for field in wire.fields(data, begin, end):
        number, _, at, until = field
        if number in (1, 2, 3, 4):
            wire.expect(field, wire.BYTES, "a part of a series")
        if number == 1:
            found.pairs.append(_label(data, at, until))
            plain = plain and not places
            labels_end = until
            if len(found.pairs) > 4 * known.limits.labels:
                raise wire.TooBig(f"a series has more than {known.limits.labels} labels")
        elif number == 2:
            places.append((at, until))
        elif number == 3:
            found.exemplars += 1
        elif number == 4:
            natives += 1
            _histogram(data, at, until, found, stale)
        else:
            plain = False
        if len(places) + natives > known.limits.samples:
            raise wire.TooBig(f"a series has more than {known.limits.samples} samples")
    _name(data[begin:labels_end] if plain else None, found, known)
    found.times, found.values = _samples(data, places)
    if stale:
        found.times = np.concatenate([found.times, wire.as_ints(stale)])
        found.values = np.concatenate([found.values, np.full(len(stale), STALE)])
    return found


def _name(key: bytes | None, found: SeriesRead, known: KnownSeries) -> None:
    try:
        if key is None:
            found.labels = known.learn(tuple(found.pairs), found.pairs)
        else:
            found.labels = known.get(key) or known.learn(key, found.pairs)
    except BadLabels as problem:
        found.problem = str(problem)


def _histogram(data: bytes, at: int, until: int, found: SeriesRead, stale: list[int]) -> None:
    try:
        one = read_histogram(data, at, until)
    except BadHistogram as problem:
        found.problems.append(str(problem))
        return
    if one.histogram is None:
        stale.append(one.at_ms)
    else:
        found.histogram_times.append(one.at_ms)
        found.histograms.append(one.histogram)


def _label(data: bytes, begin: int, end: int) -> tuple[str, str]:
    name = value = ""
    for field in wire.fields(data, begin, end):
        if field[0] in (1, 2):
            wire.expect(field, wire.BYTES, "a label")
            if field[0] == 1:
                name = wire.text(data, field[2], field[3])
            else:
                value = wire.text(data, field[2], field[3])
    return name, value


def _samples(data: bytes, places: list[tuple[int, int]]) -> tuple[Int64s, Float64s]:
    """Samples wherever they lie: the usual ones all at once."""
    times, values = np.zeros(len(places), np.int64), np.zeros(len(places))
    if len(places) > 4:
        begins = np.array([begin for begin, _ in places], np.int64)
        sizes = np.array([end for _, end in places], np.int64) - begins
        bytes_of = np.frombuffer(data, np.uint8)
        usual = np.flatnonzero(sizes == 16)
        usual = usual[(bytes_of[begins[usual]] == 9) & (bytes_of[begins[usual] + 9] == 0x10)]
        found_times, found_values, fine = _full_samples(data, begins[usual] - 2)
        usual = usual[fine]
        times[usual], values[usual] = found_times[fine], found_values[fine]
        zero = np.flatnonzero(sizes == 7)
        zero = zero[bytes_of[begins[zero]] == 0x10]
        found_times, fine = _times(data, begins[zero] + 1)
        zero = zero[fine]
        times[zero] = found_times[fine]
        rest = np.ones(len(places), bool)
        rest[usual] = rest[zero] = False
        others = np.flatnonzero(rest).tolist()
    else:
        others = list(range(len(places)))
    for place in others:
        times[place], values[place], _ = read_sample(data, *places[place])
    return times, values


def read_sample(data: bytes, begin: int, end: int) -> tuple[int, float, int]:
    """The message `Sample` of either version: its time, value, and start (0 if unknown). Raises WireError."""
    at_ms = start_ms = 0
    value = 0.0
    for field in wire.fields(data, begin, end):
        if field[0] == 1:
            wire.expect(field, wire.FIXED64, "the value of a sample")
            value = wire.number(data, field[2])
        elif field[0] in (2, 3):
            wire.expect(field, wire.VARINT, "the time of a sample")
            if field[0] == 2:
                at_ms = wire.signed(field[2])
            else:
                start_ms = wire.signed(field[2])
    return at_ms, value, start_ms


def _metadata(data: bytes, begin: int, end: int, gathering: Gathering) -> None:
    kind, texts = 0, {2: "", 4: "", 5: ""}
    for field in wire.fields(data, begin, end):
        if field[0] == 1:
            wire.expect(field, wire.VARINT, "the type of a metric")
            kind = field[2]
        elif field[0] in texts:
            wire.expect(field, wire.BYTES, "the metadata of a metric")
            texts[field[0]] = wire.text(data, field[2], field[3])
    name = texts[2]
    if not name or len(name) > gathering.limits.label_value_bytes:
        gathering.remark(f"metadata of {shown(name)} was left out")
        return
    limit = gathering.limits.label_value_bytes
    gathering.metadata[name] = Metadata(
        TYPES[kind] if kind < len(TYPES) else "unknown", texts[4][:limit], texts[5][:limit]
    )
