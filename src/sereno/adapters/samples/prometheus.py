"""Samples from a real Prometheus, with the tail fetched and the rest remembered.

What the API hides, staleness markers, is put back as far as it can be known: a series whose last sample is younger
than the lookback, but which an instant query at the end of the range does not show, has ended; a marker stands
right after its last sample, or after the last moment at which we saw it. Hence the limits: gaps that lie wholly
in the past are not seen (an instant inside one may see the sample before it for up to five minutes more), and the
marker may stand up to one scrape interval early. A server with a `--query.lookback-delta` other than five
minutes needs the same in `lookback`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from sereno.adapters.samples.judging import joined as joined_run
from sereno.adapters.samples.packing import Run
from sereno.adapters.samples.prometheus_api import PrometheusApi, Runs, joined_runs
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, Columns, Matcher, Selection
from sereno.promql.matching import selector_text

_log = logging.getLogger(__name__)
_AT_ONCE = 4
_NATIVE_BYTES = 500


@dataclass(slots=True, eq=False)
class _Held:
    """What is remembered of one selector: all its samples with start <= t <= end."""

    start_ms: int
    end_ms: int
    span_ms: int
    series: Runs
    markers: dict[Labels, list[int]] = field(default_factory=dict)
    present: frozenset[Labels] = frozenset()

    @property
    def bytes(self) -> int:
        natives = sum(len(run.times) * _NATIVE_BYTES for run in self.series.values() if run.histograms is not None)
        return natives + sum(run.times.nbytes + run.values.nbytes for run in self.series.values())


class PrometheusReader:
    """A source of samples over the HTTP API of a Prometheus.

    `lookback` is the server's; `overlap` how far back each new fetch reaches for samples that came late;
    `cache_bytes` bounds what is remembered (16 bytes a sample).
    """

    def __init__(
        self,
        api: PrometheusApi,
        *,
        lookback: timedelta = timedelta(minutes=5),
        overlap: timedelta = timedelta(minutes=1),
        cache_bytes: int = 256 << 20,
    ) -> None:
        self._api = api
        self._lookback_ms = lookback // timedelta(milliseconds=1)
        self._overlap_ms = overlap // timedelta(milliseconds=1)
        self._cache_bytes = cache_bytes
        self._held: OrderedDict[tuple[Matcher, ...], _Held] = OrderedDict()
        self._locks: dict[tuple[Matcher, ...], asyncio.Lock] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    @property
    def api(self) -> PrometheusApi:
        """The Prometheus that is asked."""
        return self._api

    def notes(self, selections: Sequence[Selection]) -> tuple[str, ...]:
        """What must be told with numbers computed from `selections`: the server's warnings when it last answered them
        (its answer may be partial), and that its clock is behind."""
        said = (self._api.warnings.get(selector_text(selection.matchers), ()) for selection in selections)
        return tuple(dict.fromkeys(warning for warnings in said for warning in warnings))

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        """The samples of every selection. Raises Unavailable when there is no answer, QueryError if one is wrong."""
        groups: dict[tuple[Matcher, ...], list[Selection]] = {}
        for selection in dict.fromkeys(selections):
            groups.setdefault(selection.matchers, []).append(selection)
        found = await asyncio.gather(*(self._group(matchers, group) for matchers, group in groups.items()))
        return {selection: columns for part in found for selection, columns in part.items()}

    async def _group(self, matchers: tuple[Matcher, ...], group: list[Selection]) -> dict[Selection, Columns]:
        start, end = min(s.start_ms for s in group), max(s.end_ms for s in group)
        async with self._locks.setdefault(matchers, asyncio.Lock()), self._gate:
            held = await self._covering(matchers, start, end)
            self._keep(matchers, held)
            return {selection: _columns(held, selection) for selection in group}

    async def _covering(self, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int) -> _Held:
        """What is remembered, completed so that it covers the range."""
        selector = selector_text(matchers)
        held = self._held.get(matchers)
        if held is None or start_ms > held.end_ms or end_ms < held.start_ms:
            held = _Held(start_ms, end_ms, end_ms - start_ms, await self._api.raw(selector, start_ms, end_ms))
            return await self._with_markers(selector, held, held.start_ms)
        if start_ms < held.start_ms:
            earlier = await self._api.raw(selector, start_ms, held.start_ms - 1)
            held = _Held(
                start_ms, held.end_ms, held.span_ms, joined_runs([earlier, held.series]), held.markers, held.present
            )
        if end_ms > held.end_ms:
            return await self._extended(selector, held, start_ms, end_ms)
        return held

    async def _extended(self, selector: str, held: _Held, start_ms: int, end_ms: int) -> _Held:
        """What is remembered and the tail; what is older than anyone has asked for is let go."""
        after = max(held.end_ms - self._overlap_ms, held.start_ms - 1)
        tail = await self._api.raw(selector, after + 1, end_ms)
        span = max(held.span_ms, end_ms - start_ms)
        first = max(held.start_ms, min(start_ms, end_ms - span))
        series = joined_runs([_between(held.series, first, after), tail])
        markers = {labels: [t for t in times if t >= first] for labels, times in held.markers.items()}
        extended = _Held(first, end_ms, span, series, {k: v for k, v in markers.items() if v}, held.present)
        return await self._with_markers(selector, extended, held.end_ms)

    async def _with_markers(self, selector: str, held: _Held, seen_ms: int) -> _Held:
        """End the series that should still be visible and are not; those present before were seen at `seen_ms`."""
        recent = [
            (labels, int(run.times[-1]))
            for labels, run in held.series.items()
            if run.times[-1] >= held.end_ms - self._lookback_ms
        ]
        present = await self._api.present(selector, held.end_ms) if recent else frozenset[Labels]()
        for labels, last in recent:
            known = held.markers.get(labels, [])
            if labels in present or (known and known[-1] > last):
                continue
            at = 1 + (max(last, seen_ms) if labels in held.present else last)
            if at <= held.end_ms:
                held.markers[labels] = [*known, at]
        held.present = present
        return held

    def _keep(self, matchers: tuple[Matcher, ...], held: _Held) -> None:
        self._held[matchers] = held
        self._held.move_to_end(matchers)
        total = sum(one.bytes for one in self._held.values())
        while total > self._cache_bytes:
            old, gone = self._held.popitem(last=False)
            total -= gone.bytes
            if gone is held:
                _log.warning("%s is too large to remember: it is fetched anew each time", selector_text(old))
        self._locks = {key: lock for key, lock in self._locks.items() if key in self._held or lock.locked()}


def _between(series: Runs, first_ms: int, last_ms: int) -> Runs:
    """The samples with first <= t <= last."""
    parts = ((labels, run.between(first_ms, last_ms)) for labels, run in series.items())
    return {labels: run for labels, run in parts if len(run.times)}


def _columns(held: _Held, selection: Selection) -> Columns:
    rows = []
    for labels, run in _between(held.series, selection.start_ms, selection.end_ms).items():
        markers = held.markers.get(labels, [])
        rows.append((labels, _marked(run, [t for t in markers if t <= selection.end_ms])))
    columns = Columns.of([(labels, run.times, run.values) for labels, run in rows])
    if all(run.histograms is None for _, run in rows):
        return columns
    return replace(columns, histograms=joined_run([run for _, run in rows]).histograms)


def _marked(run: Run, markers: Iterable[int]) -> Run:
    """The samples with staleness markers put in where no sample stands."""
    new = np.setdiff1d(np.array([t for t in markers if t >= run.times[0]], np.int64), run.times)
    if not len(new):
        return run
    places = np.searchsorted(run.times, new)
    blank = np.full(len(new), None, object)
    histograms = None if run.histograms is None else np.insert(run.histograms, places, blank)
    return Run(np.insert(run.times, places, new), np.insert(run.values, places, STALE), histograms)
