"""A user's history, brought from their Prometheus once and kept: in parts, kindly, and going on where it ended.

Remote read is asked first, for it tells everything: all bits, staleness markers, native histograms. Where that is not
spoken, range selectors through the HTTP API do, without markers and hints of resets. A part that is too large, or
fails, is halved. A part is noted as finished in the store's own file once its samples are kept there; finished parts
are never asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from sereno.adapters.samples.intake import Keeper, KnownSeries
from sereno.adapters.samples.judging import NAMED_MAX
from sereno.adapters.samples.progress import Finished, missing
from sereno.adapters.samples.prometheus_api import PrometheusApi, TooMuch
from sereno.adapters.samples.remote_read import NoRemoteRead, hides_histograms, read, reading_limits
from sereno.adapters.samples.source import SeriesSamples, Written
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable, UnsupportedQuery
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Matcher, Selection
from sereno.promql.matching import canonical, selector_text

PART_FIRST_MS = 6 * 3_600_000
PART_MAX_MS = 24 * 3_600_000
PART_MIN_MS = 60_000
SAMPLES_WANTED = 500_000
SETTLE_MS = 300_000
"""Samples younger than this, by the server's clock, may still be joined by others: they are kept, not noted."""
PACKED_EVERY = 2_000_000
PACK_DELAY = timedelta(hours=4)
_HALVINGS_OF_REFUSALS = 4
_WARNINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: milliseconds of history finished of all wanted, over all selectors."""

    selector: str
    done_ms: int
    total_ms: int
    samples: int
    requests: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did. `known_ms` of the `total_ms` wanted were here already.

    `exact` says whether staleness markers and all bits came along (remote read). `warnings` say where the history may
    be partial.
    """

    samples: int = 0
    written: Written = field(default_factory=Written)
    parts: int = 0
    halved: int = 0
    requests: int = 0
    known_ms: int = 0
    total_ms: int = 0
    exact: bool = True
    warnings: tuple[str, ...] = ()


class Watch(Protocol):
    """Who is told how far it is."""

    def __call__(self, progress: Progress, /) -> None:
        """Take notice."""


async def download(
    api: PrometheusApi,
    store: Keeper,
    selections: Sequence[Selection],
    *,
    progress: Watch | None = None,
    pause_seconds: float = 0.0,
    remote_read: bool = True,
    source: str = "download",
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Downloaded:
    """Bring the samples of `selections` (start <= t <= end) from a Prometheus into `store`; go on where it ended.

    One request at a time, `pause_seconds` between two. `source` names the origin in the store and in what is noted:
    another Prometheus needs another. Selections of the same matchers should not overlap. Raises QueryError when a
    selection is refused, Unavailable when even a minute of it has no answer; what is finished stays so.
    """
    finished = Finished(store.path)
    try:
        run = _Run(api, store, finished, source, progress, pause_seconds, remote_read, sleep)
        return await run.all(selections)
    finally:
        finished.close()


@dataclass(slots=True)
class _Part:
    """What one request brought."""

    series: list[SeriesSamples]
    warnings: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        return sum(len(one.times) for one in self.series)


class _Run:
    """One download, from its first request to its last."""

    def __init__(
        self,
        api: PrometheusApi,
        store: Keeper,
        finished: Finished,
        source: str,
        progress: Watch | None,
        pause_seconds: float,
        remote_read: bool,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._api, self._store, self._finished, self._source = api, store, finished, source
        self._progress, self._pause, self._sleep = progress, pause_seconds, sleep
        self._remote_read = remote_read
        self._known = KnownSeries(reading_limits())
        self._requests_before = api.requests
        self._samples = self._parts = self._halved = 0
        self._done_ms = self._total_ms = self._known_ms = 0
        self._latest_ms = self._unpacked = 0
        self._written = Written()
        self._warnings: dict[str, None] = {}

    async def all(self, selections: Sequence[Selection]) -> Downloaded:
        """Everything that is missing."""
        work: list[tuple[tuple[Matcher, ...], str, int, int]] = []
        for one in selections:
            matchers = canonical(one.matchers)
            what = f"{self._source} {selector_text(matchers)}"
            after, until = one.start_ms - 1, one.end_ms
            left = missing(self._finished.ranges(what), after, until)
            self._total_ms += max(0, until - after)
            self._known_ms += max(0, until - after) - sum(end - begin for begin, end in left)
            work += [(matchers, what, begin, end) for begin, end in left]
        self._done_ms = self._known_ms
        if work and self._remote_read and await hides_histograms(self._api):
            self._warn("native histograms are left out: before 2.45 Prometheus does not convey them by remote read")
        for matchers, what, begin, end in work:
            await self._range(matchers, what, begin, end)
        return Downloaded(
            self._samples, self._written, self._parts, self._halved, self._api.requests - self._requests_before,
            self._known_ms, self._total_ms, self._remote_read, tuple(self._warnings)[:_WARNINGS_MAX],
        )  # fmt: skip

    async def _range(self, matchers: tuple[Matcher, ...], what: str, after: int, end: int) -> None:
        """One stretch without gaps, a part at a time, each as large as the last one suggests."""
        size, refusals = PART_FIRST_MS, 0
        while after < end:
            until = min(after + size, end)
            try:
                part = await self._fetch(matchers, after, until)
            except UnsupportedQuery:  # histograms that the API does not convey whole
                raise
            except (TooMuch, Unavailable, QueryError) as problem:
                refusals += isinstance(problem, QueryError) and not isinstance(problem, QueryLimit)
                if until - after <= PART_MIN_MS or refusals > _HALVINGS_OF_REFUSALS:
                    raise _final(problem, selector_text(matchers)) from None
                size = max((until - after) // 2, PART_MIN_MS)
                self._halved += 1
                continue
            await self._keep(what, part, after, until)
            self._done_ms += until - after
            self._tell(what)
            fitting = SAMPLES_WANTED * (until - after) // max(part.samples, 1)
            size = max(PART_MIN_MS, min(fitting, size * 2, PART_MAX_MS))
            after, refusals = until, 0

    async def _fetch(self, matchers: tuple[Matcher, ...], after: int, until: int) -> _Part:
        if self._pause and self._api.requests > self._requests_before:
            await self._sleep(self._pause)
        if self._remote_read:
            try:
                series, problems = await read(self._api, Selection(matchers, after + 1, until), self._known)
                return _Part(series, problems)
            except NoRemoteRead as problem:
                self._remote_read = False
                self._warn(
                    f"remote read is not spoken there ({problem}): staleness markers and NaN's bits do not come along"
                )
        found = await self._api.piece(selector_text(matchers), after, until)
        series = [SeriesSamples(one, run.times, run.values, run.histograms) for one, run in found.runs.items()]
        return _Part(series, found.warnings)

    async def _keep(self, what: str, part: _Part, after: int, until: int) -> None:
        """Keep a part's samples, then note it; a partial answer, or one of what is still happening, is not noted."""
        if part.series:
            written = await self._store.write(part.series, self._source, any_age=True)
            self._written = added(self._written, written)
            await self._pack(part, until)
        self._samples += part.samples
        self._parts += 1
        for warning in part.warnings:
            self._warn(warning)
        server = self._api.server_ms
        settled = until if server is None else min(until, server - SETTLE_MS)
        if part.warnings and self._partial(part.warnings):
            return
        if settled > after:
            await asyncio.to_thread(self._finished.add, what, after, settled)

    async def _pack(self, part: _Part, until: int) -> None:
        """Have what is written packed from time to time, so that memory does not grow with the history."""
        self._latest_ms = max(self._latest_ms, until)
        self._unpacked += part.samples
        if self._unpacked >= PACKED_EVERY:
            await self._store.maintain(from_ms(self._latest_ms) + PACK_DELAY)
            self._unpacked = 0

    @staticmethod
    def _partial(warnings: tuple[str, ...]) -> bool:
        """Whether the server says that something is missing which it may have another time."""
        return any(not warning.startswith("{") for warning in warnings)

    def _warn(self, warning: str) -> None:
        self._warnings.setdefault(warning)

    def _tell(self, what: str) -> None:
        if self._progress is not None:
            selector = what.removeprefix(f"{self._source} ")
            requests = self._api.requests - self._requests_before
            self._progress(Progress(selector, self._done_ms, self._total_ms, self._samples, requests))


def added(one: Written, other: Written) -> Written:
    """Two fates as one."""
    return Written(
        one.stored + other.stored,
        one.duplicates + other.duplicates,
        one.conflicting + other.conflicting,
        one.too_old + other.too_old,
        (*one.refused, *other.refused)[:NAMED_MAX],
    )


def _final(problem: Exception, selector: str) -> Exception:
    if isinstance(problem, TooMuch):
        return QueryLimit(f"one minute of {selector} is more than the server can answer")
    return problem
