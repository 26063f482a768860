"""Evaluating what people and dashboards ask, so that pages and rules never wait for it.

At most `query_concurrency` questions are computed at once, each in a thread of its own pool and within its limits;
others wait in line, and a line that is too long turns people away with the request to come again. Samples are read
from the embedded store a piece at a time: between two pieces it is the turn of the rules and the scraper.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import structlog

from sereno.adapters.samples.source import notes_of
from sereno.app.http.prometheus_params import ApiError, bad_data, invalid, told
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable
from sereno.promql import Columns, Expr, Grid, Limits, Result, Selection, Settings, evaluate, kind_of, parse
from sereno.promql.ast import KIND_NAMES, RangeSelector, Subquery, bare
from sereno.promql.columns import STALE_BITS, Matcher
from sereno.promql.evaluate import selections
from sereno.promql.plan import Query

if TYPE_CHECKING:
    from sereno.adapters.samples.source import SampleSource
    from sereno.app.control import Control

T = TypeVar("T")
WAITING_MAX = 64
PIECE_MS = 3_600_000
PIECE_SAMPLES = 1_000_000
_log = structlog.get_logger("sereno.http")


@dataclass(frozen=True, slots=True)
class Question:
    """An expression, and the instants at which it is asked; `instant` asks at one."""

    text: str
    grid: Grid
    instant: bool
    seconds: float
    lookback_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: a `result` on the grid, or for a range vector at one instant its `samples`; the source's `notes`."""

    question: Question
    result: Result | None = None
    samples: Columns | None = None
    notes: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Prometheus's `resultType`."""
        if self.result is None:
            return "matrix"
        if self.question.instant:
            return self.result.kind
        return "matrix"


class Stopped(Exception):
    """Nobody waits for the answer any more."""


@dataclass(eq=False)
class Stop:
    """A flag that the thread looks at."""

    raised: bool = False
    begun: bool = False

    def check(self) -> None:
        """Raise Stopped once the flag is up."""
        if self.raised:
            raise Stopped

    def clock(self) -> float:
        """A clock that stands still: the evaluation looks at it between its parts, and so at the flag."""
        self.check()
        return 0.0


Gone = Callable[[], Awaitable[object]]
Work = Callable[[Stop], Awaitable[T]]


class Engine:
    """Answers questions over the control plane's samples, a few at a time."""

    def __init__(self, control: Control) -> None:
        self.control = control
        settings = control.settings
        self.pool = ThreadPoolExecutor(settings.query_concurrency, thread_name_prefix="queries")
        self.gate = asyncio.Semaphore(settings.query_concurrency)
        self.waiting = 0
        self.left: set[asyncio.Future[Any]] = set()
        self._source: SampleSource | None = None

    @property
    def source(self) -> SampleSource:
        """Where samples come from. Of a Prometheus there is a reader of our own: rules never wait for its locks."""
        if self._source is None:
            from sereno.adapters.samples.prometheus import PrometheusReader

            own: SampleSource = self.control.source
            if isinstance(own, PrometheusReader):
                own = PrometheusReader(own.api, cache_bytes=64 << 20)
            recorded = self.control.recorded
            if recorded is not None and recorded is not self.control.store:
                from sereno.app.recorded import WithRecorded

                own = WithRecorded(own, recorded)
            self._source = own
        return self._source

    def close(self) -> None:
        """Begin nothing more; what is being computed ends by itself."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def settings(self, lookback_ms: int | None = None) -> Settings:
        """How expressions are evaluated here."""
        settings = self.control.settings.promql
        return settings if lookback_ms is None else replace(settings, lookback_ms=lookback_ms)

    def limits(self, stop: Stop) -> Limits:
        """How much one question may take; once `stop` is raised, nothing more."""
        settings = self.control.settings
        return Limits(
            samples_max=settings.query_samples, series_max=settings.query_series, steps_max=settings.query_steps,
            clock=stop.clock,
        )  # fmt: skip

    async def ask(self, question: Question, finish: Callable[[Found], T], gone: Gone | None = None) -> T:
        """What `finish` makes, in the same thread, of the answer.

        `gone` returns when the client has left; then the work stops. Raises ApiError as Prometheus would answer.
        """

        async def work(stop: Stop) -> T:
            settings = self.settings(question.lookback_ms)
            tree = await self.in_thread(lambda: parsed(question, settings))
            wanted = await self.in_thread(lambda: wanted_by(tree, question, settings))
            select = await self._fetched(wanted, stop)
            limits = self.limits(stop)
            notes = await self.in_thread(lambda: notes_of(self.source, wanted))
            found = await self.in_thread(lambda: computed(tree, question, select, settings, limits))
            return await self.in_thread(lambda: finish(replace(found, notes=notes)))

        return await self.take_turn(work, question.seconds, gone)

    async def take_turn(self, work: Work[T], seconds: float = math.inf, gone: Gone | None = None) -> T:
        """Do `work` when it is its turn, within `seconds` and the setting `query_timeout`.

        Work that nobody waits for any more keeps its place until it has noticed: a place is a thread.
        """
        stop = Stop()
        task = asyncio.ensure_future(self._in_place(work, stop))
        watch = asyncio.ensure_future(gone()) if gone is not None else None
        seconds = min(seconds, self.control.settings.query_timeout.total_seconds())
        try:
            waited = {task} if watch is None else {task, watch}
            await asyncio.wait(waited, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if watch is not None and watch.done():
                raise ApiError("canceled", 499, "query was canceled: the client has gone")
            raise ApiError("timeout", 503, f"query timed out: no answer within {seconds:g} s (setting query_timeout)")
        finally:
            stop.raised = True
            if watch is not None:
                watch.cancel()
            if not stop.begun:
                task.cancel()
            if not task.done():
                self.left.add(task)
                task.add_done_callback(self._over)

    def _over(self, task: asyncio.Future[Any]) -> None:
        self.left.discard(task)
        if not task.cancelled():
            task.exception()  # whoever would have heard of it has gone

    async def _in_place(self, work: Work[T], stop: Stop) -> T:
        if self.gate.locked() and self.waiting >= WAITING_MAX:
            raise ApiError("unavailable", 503, "too many queries are waiting; try again later", retry_after_seconds=5)
        self.waiting += 1
        try:
            await self.gate.acquire()
        finally:
            self.waiting -= 1
        stop.begun = True
        try:
            return await work(stop)
        except QueryError as error:
            raise ApiError("execution", 422, _said(error)) from None
        except Unavailable as error:
            wait = error.retry_after_seconds
            raise ApiError("unavailable", 503, error.message, retry_after_seconds=wait) from None
        except MemoryError:
            raise ApiError("execution", 422, "the query needs more memory than there is") from None
        finally:
            self.gate.release()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread of the pool; for those who have their turn."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    async def small(self, work: Callable[[], T]) -> T:
        """Run something short in a thread of the pool when it is its turn."""
        return await self.take_turn(lambda _: self.in_thread(work))

    async def _fetched(self, wanted: Sequence[Selection], stop: Stop) -> Callable[[Selection], Columns]:
        """Samples of every selection, the widest of those that ask for the same series."""
        widest: dict[tuple[Matcher, ...], Selection] = {}
        for one in wanted:
            known = widest.get(one.matchers, one)
            span = min(known.start_ms, one.start_ms), max(known.end_ms, one.end_ms)
            widest[one.matchers] = Selection(one.matchers, *span)
        columns: dict[tuple[Matcher, ...], Columns] = {}
        limits, loaded = self.limits(stop), 0
        if self.control.store is None:
            found = await self.source.fetch(tuple(widest.values()))
            columns = {one.matchers: held for one, held in found.items()}
        else:
            for one in widest.values():
                parts = await gathered(self.source, one, limits, stop, loaded)
                columns[one.matchers] = await self.in_thread(partial(joined, parts))
                loaded += len(columns[one.matchers].times)
        return lambda selection: columns[selection.matchers]


def computed(
    tree: Expr, question: Question, select: Callable[[Selection], Columns], settings: Settings, limits: Limits
) -> Found:
    """The answer, of samples that are there already."""
    inner = bare(tree)
    if isinstance(inner, RangeSelector):
        return Found(question, samples=raw(inner, question.grid, select, settings))
    if isinstance(inner, Subquery):
        return Found(question, samples=stepped(inner, question.grid, select, settings, limits))
    return Found(question, result=evaluate(question.text, question.grid, select, settings=settings, limits=limits))


def tree_of(text: str, settings: Settings) -> Expr:
    """The tree of an expression. Raises QueryError."""
    return parse(text, settings.language)


def parsed(question: Question, settings: Settings) -> Expr:
    """The tree of the question. Raises ApiError with the place of what is wrong."""
    try:
        tree = tree_of(question.text, settings)
    except QueryError as error:
        raise invalid("query", told(question.text, error)) from None
    kind = kind_of(tree)
    if not question.instant and kind in ("range", "string"):
        name = KIND_NAMES[kind]
        raise invalid("query", f'invalid expression type "{name}" for range query, must be Scalar or instant Vector')
    return tree


def wanted_by(tree: Expr, question: Question, settings: Settings) -> tuple[Selection, ...]:
    """The samples that the question needs. Raises ApiError for instants beyond what numbers can hold."""
    try:
        wanted = selections(tree, question.grid, settings=settings)
    except RecursionError:
        raise bad_data("the expression is nested too deep") from None
    if any(abs(edge) >= 2**62 for one in wanted for edge in (one.start_ms, one.end_ms)):
        raise bad_data("the query looks further back or ahead than time goes")
    return wanted


async def gathered(
    source: SampleSource, selection: Selection, limits: Limits, stop: Stop, loaded: int = 0
) -> list[Columns]:
    """The samples of `selection`, asked for in pieces of about a million, so that others get their turn in between.

    Raises QueryLimit as soon as they are too many (`loaded` of them count already), Stopped when nobody waits.
    """
    parts: list[Columns] = []
    at, span = selection.start_ms, PIECE_MS
    while True:
        stop.check()
        until = min(at + span - 1, selection.end_ms)
        piece = Selection(selection.matchers, at, until)
        columns = (await source.fetch((piece,)))[piece]
        limits.check("series_max", len(columns), "series")
        loaded += len(columns.times)
        limits.check("samples_max", loaded, "samples")
        if len(columns):
            parts.append(columns)
        if until >= selection.end_ms:
            return parts
        at = until + 1
        span = max(60_000, min(span * 8, span * PIECE_SAMPLES // max(1, len(columns.times))))


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns that follow one another in time as one."""
    if len(parts) <= 1:
        return parts[0] if parts else Columns.of([])
    rows: dict[object, list[tuple[int, slice]]] = {}
    names = {}
    for number, part in enumerate(parts):
        for row, labels in enumerate(part.labels):
            names[labels] = labels
            span = slice(int(part.offsets[row]), int(part.offsets[row + 1]))
            rows.setdefault(labels, []).append((number, span))
    pieces = [piece for placed in rows.values() for piece in placed]
    sizes = [sum(span.stop - span.start for _, span in placed) for placed in rows.values()]
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    histograms = None
    if any(part.histograms is not None for part in parts):
        held = [np.full(len(p.times), None) if p.histograms is None else p.histograms for p in parts]
        histograms = np.concatenate([held[number][span] for number, span in pieces])
    starts = None
    if any(part.starts is not None for part in parts):
        known = [np.zeros(len(p.times), np.int64) if p.starts is None else p.starts for p in parts]
        starts = np.concatenate([known[number][span] for number, span in pieces])
    return Columns(
        tuple(names),
        offsets,
        np.concatenate([parts[number].times[span] for number, span in pieces]),
        np.concatenate([parts[number].values[span] for number, span in pieces]),
        histograms,
        starts,
    )


def raw(expr: RangeSelector, grid: Grid, select: Callable[[Selection], Columns], settings: Settings) -> Columns:
    """The samples of a range selector at one instant, as they are, without markers of staleness."""
    query = Query(grid.start_ms, grid.end_ms, settings)
    end = query.reference(expr.selector, grid).end_ms
    start = end - expr.range_ms + settings.left_ms
    (wanted,) = selections(expr, grid, settings=settings)
    columns = select(wanted)
    keep = (columns.times >= start) & (columns.times <= end) & (columns.values.view(np.uint64) != STALE_BITS)
    return _kept(columns, keep)


def _kept(columns: Columns, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Columns:
    counts = np.concatenate(([0], np.cumsum(keep)))[columns.offsets]
    rows = np.flatnonzero(np.diff(counts) > 0)
    return Columns(
        tuple(columns.labels[row] for row in rows.tolist()),
        np.concatenate((counts[rows], counts[-1:])).astype(np.int64),
        columns.times[keep],
        columns.values[keep],
        None if columns.histograms is None else columns.histograms[keep],
    )


def stepped(
    expr: Subquery, grid: Grid, select: Callable[[Selection], Columns], settings: Settings, limits: Limits
) -> Columns:
    """The values of a subquery at one instant, as samples."""
    inner = Query(grid.start_ms, grid.end_ms, settings).inner(expr, grid)
    if inner.start_ms > inner.end_ms:
        return Columns.of([])
    result = evaluate(expr.expr, inner, select, settings=settings, limits=limits)
    instants = inner.instants_ms
    counts = result.present.sum(axis=1)
    return _kept(
        Columns(
            result.labels,
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            np.broadcast_to(instants, result.present.shape)[result.present],
            result.values[result.present],
            None if result.histograms is None else result.histograms[result.present],
        ),
        np.ones(int(counts.sum()), dtype=bool),
    )


def _said(error: QueryError) -> str:
    said = error.message if not error.hint else f"{error.message}; {error.hint}"
    if isinstance(error, QueryLimit):
        for name in ("samples", "series", "steps"):
            said = said.replace(f"{name}_max", f"query_{name}")
    return said


def step_for(start_ms: int, end_ms: int, points: int) -> int:
    """A step of a round number of seconds that gives about `points` points over the range."""
    seconds = max(1, (end_ms - start_ms) / 1000 / max(1, points))
    for nice in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400):
        if seconds <= nice:
            return nice * 1000
    return math.ceil(seconds / 86400) * 86_400_000
