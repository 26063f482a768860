"""The embedded scraper: one task per target, spread over the interval, none waiting for another."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

from sereno.adapters.samples.exposition import Limits, Parsed, Parser, ScrapeError
from sereno.adapters.samples.fetching import Allowed, ask
from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.target import Memory, Target, TargetState, answered, ended, failed
from sereno.kernel.clock import Clock
from sereno.kernel.errors import Unavailable
from sereno.kernel.moment import from_ms, to_ms
from sereno.spec.model import ScrapeJob

_log = logging.getLogger(__name__)
_TOLERANCE_MS = 2
"""How far from its planned instant a scrape may be and still be written at it, as Prometheus does
(scrape/scrape.go, `scrapeTimestampTolerance`): regular timestamps take hardly any room."""
_DRIFT_MS = 100
_AHEAD_MS = 600_000
"""How far in the future a sample's own timestamp may lie (Prometheus: scrape/scrape.go, `maxAheadTime`)."""
_THREAD_BYTES = 256_000
_CLOCK_WENT_BACK = "the clock has gone back behind the last scrape; waiting for it"


@dataclass(slots=True)
class ScraperStats:
    """Counters. `skipped` scrapes: the clock had gone back; `dropped` scrapes: the store could not take them;
    `refused` samples carried timestamps that are too old, in the future, or those of another value."""

    scrapes: int = 0
    failures: int = 0
    samples: int = 0
    skipped: int = 0
    dropped: int = 0
    refused: int = 0


@dataclass(slots=True, eq=False)
class _Watch:
    """One target being watched."""

    target: Target
    parser: Parser
    state: TargetState
    memory: Memory = field(default_factory=Memory)
    newest_ms: int = -(1 << 62)
    planned_ms: int | None = None
    task: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Scraper:
    """Reads targets into `store`.

    `http` is best made by `fetching.client`; `allowed` is the policy on outbound addresses; `limits` bound what one
    target may say. Samples that carry a timestamp are kept at it unless `honor_timestamps` is false; such series do
    not end when they are left out, as with Prometheus. Time comes from `clock` and passes in `sleep`.
    """

    def __init__(
        self,
        store: SampleStore,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        allowed: Allowed,
        limits: Limits | None = None,
        honor_timestamps: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._http = http
        self._clock = clock
        self._allowed = allowed
        self._limits = limits or Limits()
        self._honor = honor_timestamps
        self._sleep = sleep
        self._watches: dict[str, _Watch] = {}
        self._wrong: tuple[TargetState, ...] = ()
        self._updating = asyncio.Lock()
        self.stats = ScraperStats()

    def states(self) -> tuple[TargetState, ...]:
        """Every target as it is now."""
        return (*(watch.state for watch in self._watches.values()), *self._wrong)

    async def update(self, jobs: Iterable[ScrapeJob]) -> None:
        """Watch exactly the targets of `jobs` from now on. The series of those that are left out end at once."""
        async with self._updating:
            await self._update(jobs)

    async def _update(self, jobs: Iterable[ScrapeJob]) -> None:
        wanted, self._wrong = _targets(jobs)
        for stream in self._watches.keys() - wanted.keys():
            gone = self._watches.pop(stream)
            await self._stop(gone)
            await self._end(gone)
        for stream, target in wanted.items():
            watch = self._watches.get(stream)
            if watch is not None and watch.target == target:
                continue
            if watch is None:
                state = TargetState(target.job, target.shown, target.labels)
                watch = self._watches[stream] = _Watch(target, self._parser(target), state)
            else:
                await self._stop(watch)
                watch.target, watch.planned_ms = target, None
            watch.task = asyncio.create_task(self._run(watch), name=f"scrape {target.shown}")

    def _parser(self, target: Target) -> Parser:
        return Parser(target.finish, self._limits, honor_timestamps=self._honor)

    async def close(self) -> None:
        """Stop asking. Series do not end by this: after a restart they go on."""
        for watch in self._watches.values():
            await self._stop(watch)
        self._watches.clear()

    async def scrape(self, stream: str) -> TargetState:
        """Ask one target now, whatever its turn."""
        watch = self._watches[stream]
        await self._scrape(watch)
        return watch.state

    async def _run(self, watch: _Watch) -> None:
        interval = watch.target.every.total_seconds()
        due = self._clock.monotonic() + first_wait(watch.target, self._clock.now()).total_seconds()
        while True:
            await self._sleep(max(0.0, due - self._clock.monotonic()))
            try:
                await self._scrape(watch)
            except Exception:
                _log.exception("scraping %s failed in an unforeseen way", watch.target.shown)
            # Turns that passed meanwhile are left out, never made up for.
            turns = max(1, int((self._clock.monotonic() - due) // interval) + 1)
            due += turns * interval
            if watch.planned_ms is not None:
                watch.planned_ms += turns * (watch.target.every // timedelta(milliseconds=1))

    async def _scrape(self, watch: _Watch) -> None:
        at_ms = self._instant(watch)
        if at_ms <= watch.newest_ms:
            self.stats.skipped += 1
            watch.state = replace(watch.state, health="unknown", error=_CLOCK_WENT_BACK)
            return
        began = self._clock.monotonic()
        parsed: Parsed | None = None
        error: str | None = None
        try:
            parsed = await self._read(watch)
        except ScrapeError as problem:
            error = problem.message
        seconds = max(0.0, self._clock.monotonic() - began)
        self.stats.scrapes += 1
        self.stats.failures += parsed is None
        async with watch.lock:
            await self._keep(watch, parsed, at_ms, seconds, error)

    async def _read(self, watch: _Watch) -> Parsed:
        target = watch.target
        answer = await ask(
            self._http,
            target.url,
            timeout_seconds=target.timeout.total_seconds(),
            body_bytes_max=self._limits.body_bytes,
            allowed=self._allowed,
        )
        if len(answer.body) > _THREAD_BYTES:
            return await asyncio.to_thread(watch.parser.parse, answer.body, openmetrics=answer.openmetrics)
        return watch.parser.parse(answer.body, openmetrics=answer.openmetrics)

    async def _keep(self, watch: _Watch, parsed: Parsed | None, at_ms: int, seconds: float, error: str | None) -> None:
        """Write what came of it; what the store did not take is not remembered as written."""
        target = watch.target
        if parsed is None:
            scrape, memory = failed(target, watch.memory, at_ms, seconds)
        else:
            scrape, memory = answered(target, watch.memory, parsed, at_ms, seconds)
        complaint = await self._append(scrape)
        if complaint is None:
            watch.memory = memory
            self.stats.samples += len(scrape.values)
            complaint = await self._keep_more(parsed, at_ms) if parsed is not None else None
        watch.newest_ms = max(watch.newest_ms, at_ms)
        watch.state = replace(
            watch.state,
            health="down" if parsed is None else "up",
            last_scrape=from_ms(at_ms),
            duration_seconds=seconds,
            samples=0 if parsed is None else len(parsed.values) + len(parsed.sent),
            error=error or complaint,
        )

    async def _append(self, scrape: Scrape) -> str | None:
        """Write; the text says why the store did not take it."""
        try:
            if await self._store.append(scrape):
                return None
        except Unavailable as problem:
            self.stats.dropped += 1
            return problem.message
        self.stats.skipped += 1  # the store has later samples of this target, from before a restart
        return _CLOCK_WENT_BACK

    async def _keep_more(self, parsed: Parsed, at_ms: int) -> str | None:
        """Write samples that carry their own timestamps, and what is said of metrics; the text says why not."""
        sent = [one for one in parsed.sent if int(one.times[0]) <= at_ms + _AHEAD_MS]
        self.stats.refused += len(parsed.sent) - len(sent)
        try:
            if sent:
                written = await self._store.write(sent, "scrape")
                self.stats.samples += written.stored
                self.stats.refused += written.too_old + written.conflicting
            if parsed.metadata:
                await self._store.note_metadata(parsed.metadata)
        except Unavailable as problem:
            self.stats.dropped += 1
            return problem.message
        return None

    def _instant(self, watch: _Watch) -> int:
        """Now, or the planned instant if that is as good as now."""
        now_ms = to_ms(self._clock.now())
        planned = watch.planned_ms
        if planned is not None and abs(now_ms - planned) <= _TOLERANCE_MS:
            return planned
        if planned is None or abs(now_ms - planned) > _DRIFT_MS:
            watch.planned_ms = now_ms
        return now_ms

    async def _stop(self, watch: _Watch) -> None:
        """Cancel the task, but never while it writes."""
        if watch.task is None:
            return
        async with watch.lock:
            watch.task.cancel()
        await asyncio.gather(watch.task, return_exceptions=True)
        watch.task = None

    async def _end(self, watch: _Watch) -> None:
        at_ms = max(to_ms(self._clock.now()), watch.newest_ms + 1)
        if not watch.memory.steady:
            return
        complaint = await self._append(ended(watch.target, watch.memory, at_ms))
        if complaint is not None:
            _log.warning("the series of %s could not be ended: %s", watch.target.shown, complaint)


def first_wait(target: Target, now: datetime) -> timedelta:
    """How long until the first turn of `target`: its place in the interval is fixed by its name.

    So targets are spread evenly, a restart keeps everyone's place, and no two replicas differ.
    """
    every_ms = max(1, target.every // timedelta(milliseconds=1))
    offset = zlib.crc32(target.stream.encode()) % every_ms
    return timedelta(milliseconds=(offset - to_ms(now)) % every_ms)


def _targets(jobs: Iterable[ScrapeJob]) -> tuple[dict[str, Target], tuple[TargetState, ...]]:
    """The targets of `jobs` by stream, and those whose address is none."""
    found: dict[str, Target] = {}
    wrong = []
    for job in jobs:
        for address in job.targets:
            try:
                target = Target.of(job, address)
            except ValueError as problem:
                wrong.append(TargetState(job.job, "", job.labels, "down", error=str(problem)))
            else:
                found.setdefault(target.stream, target)
    return found, tuple(wrong)
