"""Prometheus remote write, version 2.0: `io.prometheus.write.v2.Request` straight into columns.

Specification: prometheus.io/docs/specs/prw/remote_write_spec_2_0. Texts are sent once, in a table of symbols.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sereno.adapters.samples.intake import BadLabels, BadSamples, Gathering, KnownSeries, Received, shown_series
from sereno.adapters.samples.protocols import wire
from sereno.adapters.samples.protocols.histogram import BadHistogram, WireHistogram, read_histogram
from sereno.adapters.samples.remote_write import TYPES, read_sample
from sereno.adapters.samples.source import Metadata
from sereno.adapters.samples.starts import Starts
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE
from sereno.promql.native import Histogram

_SYMBOLS_MAX = 200_000


def read_request(body: bytes, known: KnownSeries, now_ms: int, starts: Starts | None = None) -> Received:
    """What the (unpacked) request `body` holds. Raises BadSamples if it is none, or beyond a limit.

    With `starts`, a stream that began anew gets a zero where it began.
    """
    gathering = Gathering(known.limits, now_ms)
    try:
        symbols: list[str] = []
        series: list[wire.Field] = []
        for one in wire.fields(body, 0, len(body)):
            if one[0] in (4, 5):
                wire.expect(one, wire.BYTES, "a symbol" if one[0] == 4 else "a time series")
            if one[0] == 4:
                symbols.append(wire.text(body, one[2], one[3]))
                if len(symbols) > _SYMBOLS_MAX:
                    raise wire.TooBig(f"more than {_SYMBOLS_MAX} symbols")
            elif one[0] == 5:
                series.append(one)
                if len(series) > known.limits.samples:
                    raise wire.TooBig(f"more than {known.limits.samples} time series")
        if symbols[:1] not in ([], [""]):
            raise wire.WireError("the first symbol must be empty")
        for one in series:
            _series(body, one, symbols, known, gathering, starts)
    except wire.WireError as problem:
        raise BadSamples(f"not a remote-write 2.0 request: {problem}") from None
    return gathering.finish()


@dataclass(slots=True)
class _Series:
    refs: list[int] = field(default_factory=list)
    samples: list[tuple[int, float, int]] = field(default_factory=list)
    histograms: list[WireHistogram] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    metadata: Metadata | None = None
    exemplars: int = 0


def _series(
    data: bytes, where: wire.Field, symbols: list[str], known: KnownSeries, gathering: Gathering, starts: Starts | None
) -> None:
    found = _read(data, where, symbols, 8 * known.limits.labels, known.limits.samples)
    gathering.exemplars += found.exemplars
    if len(found.refs) % 2:
        raise wire.WireError("a series has a label without a value")
    texts = tuple(_symbol(symbols, ref) for ref in found.refs)
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    count = len(found.samples) + len(found.histograms) + len(found.problems)
    try:
        labels = known.get(texts) or known.learn(texts, pairs)
    except BadLabels as problem:
        gathering.refuse(f"{shown_series(pairs)}: {problem}", max(1, count))
        return
    for reason in found.problems:
        gathering.refuse(f"{shown_series(pairs)}: {reason}")
    if found.metadata is not None:
        gathering.metadata[_family(labels["__name__"], found.metadata.type)] = found.metadata
    _give(labels, found, gathering, starts)


def _give(labels: Labels, found: _Series, gathering: Gathering, starts: Starts | None) -> None:
    floats = [(at, value) for at, value, _ in found.samples]
    floats += [(one.at_ms, float(STALE)) for one in found.histograms if one.histogram is None]
    natives = [(one.at_ms, one.histogram) for one in found.histograms if one.histogram is not None]
    started = [(start, at) for at, _, start in found.samples if start > 0]
    started += [(one.start_ms, one.at_ms) for one in found.histograms if one.start_ms > 0]
    for start, at in started:
        if starts is not None and gathering.takes(at) and starts.is_new(labels, start, at, gathering.starts):
            if natives:
                natives.append((start, Histogram(natives[0][1].schema, 0.0, 0.0, bounds=natives[0][1].bounds)))
            else:
                floats.append((start, 0.0))
    if floats:
        times = wire.as_ints([at for at, _ in floats])
        gathering.floats(labels, times, _values([value for _, value in floats]))
    if natives:
        gathering.histograms(labels, wire.as_ints([at for at, _ in natives]), [one for _, one in natives])


def _values(values: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def _read(data: bytes, where: wire.Field, symbols: list[str], refs_max: int, samples_max: int) -> _Series:
    found = _Series()
    for one in wire.fields(data, where[2], where[3]):
        number, _, begin, end = one
        if number in (2, 3, 4, 5):
            wire.expect(one, wire.BYTES, "a part of a series")
        if number == 1:
            found.refs += wire.varints(data, one, "references of labels")
            if len(found.refs) > refs_max:
                raise wire.TooBig("a series has too many labels")
        elif number == 2:
            found.samples.append(read_sample(data, begin, end))
        elif number == 3:
            try:
                found.histograms.append(read_histogram(data, begin, end))
            except BadHistogram as problem:
                found.problems.append(str(problem))
        elif number == 4:
            found.exemplars += 1
        elif number == 5:
            found.metadata = _metadata(data, begin, end, symbols)
        if len(found.samples) + len(found.histograms) > samples_max:
            raise wire.TooBig(f"a series has more than {samples_max} samples")
    return found


def _metadata(data: bytes, begin: int, end: int, symbols: list[str]) -> Metadata | None:
    numbers = {1: 0, 3: 0, 4: 0}
    for one in wire.fields(data, begin, end):
        if one[0] in numbers:
            wire.expect(one, wire.VARINT, "the metadata of a series")
            numbers[one[0]] = one[2]
    if not any(numbers.values()):
        return None
    kind = TYPES[numbers[1]] if numbers[1] < len(TYPES) else "unknown"
    help_, unit = (_symbol(symbols, numbers[place]) if numbers[place] else "" for place in (3, 4))
    return Metadata(kind, help_, unit)


def _symbol(symbols: list[str], ref: int) -> str:
    if ref >= len(symbols):
        raise wire.WireError(f"there is no symbol {ref}")
    return symbols[ref]


def _family(name: str, kind: str) -> str:
    """The metric that a series of a classic histogram or summary belongs to, as metadata is asked for by it."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ())
    for suffix in suffixes:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name
