"""Prometheus remote read: raw samples with all their bits, staleness markers and native histograms among them.

Specification: prometheus.io/docs/prometheus/latest/querying/remote_read_api. The plain kind of answer is asked for
(`SAMPLES`): one snappy block, which every server that knows remote read can give.
"""

from __future__ import annotations

import re

import httpx
import numpy as np

from sereno.adapters.samples.intake import IntakeLimits, KnownSeries, shown_series
from sereno.adapters.samples.prometheus_api import PrometheusApi, TooMuch
from sereno.adapters.samples.protocols import wire
from sereno.adapters.samples.remote_write import SeriesRead, read_series
from sereno.adapters.samples.source import SeriesSamples
from sereno.kernel.errors import QueryError, Unavailable
from sereno.promql.columns import Matcher, Selection

_OPS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
_UNPACKED_MAX = 256 << 20
_TOO_MUCH = (b"exceeded sample limit", b"too many samples", b"query processing would load")


class NoRemoteRead(Exception):
    """What answers there does not speak remote read."""


async def read(
    api: PrometheusApi, selection: Selection, known: KnownSeries
) -> tuple[list[SeriesSamples], tuple[str, ...]]:
    """The series of `selection` as the server has them, and what is wrong with some of them.

    Raises NoRemoteRead, TooMuch when one answer cannot hold them, QueryError when the selection is refused,
    Unavailable when there is no usable answer.
    """
    try:
        status, body = await api.read(wire.snapped(request(selection)))
    except (httpx.HTTPError, TimeoutError) as problem:
        raise Unavailable(f"no answer to remote read: {type(problem).__name__}: {problem}") from problem
    if status in (404, 405, 501):
        raise NoRemoteRead(f"HTTP status {status}")
    if any(words in body for words in _TOO_MUCH) and status != 200:
        raise TooMuch
    if status == 400:
        raise QueryError(f"Prometheus rejects the selection: {body[:300].decode('utf-8', 'replace')}")
    if status != 200:
        raise Unavailable(f"remote read answers with HTTP status {status}: {body[:120].decode('utf-8', 'replace')}")
    try:
        return answer(wire.unsnapped(body, _UNPACKED_MAX), known)
    except wire.TooBig:
        raise TooMuch from None
    except wire.WireError as problem:
        raise NoRemoteRead(str(problem)) from None


async def hides_histograms(api: PrometheusApi) -> bool:
    """Whether that server may hold native histograms and leave them out of remote read, as it did before 2.45."""
    try:
        build = await api.get("status/buildinfo")
        found = re.match(r"2\.(\d+)\.", str(build.get("version", "")))
        if found is None or int(found.group(1)) >= 45:
            return False
        return "native-histograms" in str((await api.get("status/flags")).get("enable-feature", ""))
    except (Unavailable, QueryError, AttributeError):
        return False


def request(selection: Selection) -> bytes:
    """The message `prometheus.ReadRequest` for one selection."""
    query = _number(1, selection.start_ms) + _number(2, selection.end_ms)
    query += b"".join(_bytes(3, _matcher(one)) for one in selection.matchers)
    return _bytes(1, query)


def answer(body: bytes, known: KnownSeries) -> tuple[list[SeriesSamples], tuple[str, ...]]:
    """The series of a (unpacked) `prometheus.ReadResponse`. Raises WireError."""
    found: list[SeriesSamples] = []
    problems: list[str] = []
    for result in wire.fields(body, 0, len(body)):
        wire.expect(result, wire.BYTES, "a result")
        for one in wire.fields(body, result[2], result[3]):
            wire.expect(one, wire.BYTES, "a time series")
            series = read_series(body, one[2], one[3], known)
            if series.labels is None:
                problems.append(f"{shown_series(series.pairs)}: {series.problem}")
                continue
            problems += [f"{shown_series(series.pairs)}: {problem}" for problem in series.problems]
            if series.samples:
                found.append(_samples(series))
    return found, tuple(problems[:5])


def reading_limits() -> IntakeLimits:
    """Limits for what a Prometheus already accepted: wider than for strangers."""
    return IntakeLimits(samples=50_000_000, labels=1024, label_name_bytes=4096, label_value_bytes=1 << 20)


def _samples(series: SeriesRead) -> SeriesSamples:
    assert series.labels is not None
    if not series.histograms:
        return SeriesSamples(series.labels, series.times, series.values)
    times = np.concatenate([series.times, wire.as_ints(series.histogram_times)])
    order = np.argsort(times, kind="stable")
    histograms = np.empty(len(times), object)
    histograms[len(series.times) :] = series.histograms
    values = np.concatenate([series.values, np.full(len(series.histograms), np.nan)])
    return SeriesSamples(series.labels, times[order], values[order], histograms[order])


def _matcher(one: Matcher) -> bytes:
    return _number(1, _OPS[one.op]) + _bytes(2, one.name.encode()) + _bytes(3, one.value.encode())


def _number(place: int, value: int) -> bytes:
    return bytes([place << 3]) + _varint(value & ((1 << 64) - 1))


def _bytes(place: int, value: bytes) -> bytes:
    return bytes([place << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
