"""A second attempt while the first one dawdles; the first to succeed is the answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import BulkheadFull, Category
from sereno_kit.resilience.budget import RetryBudget
from sereno_kit.resilience.matching import fault_of, plain
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter
from sereno_kit.resilience.workers import Workers

_BAD = frozenset({Category.TRANSIENT, Category.DEPENDENCY})


class Hedge(Policy):
    """Starts another attempt when one has not answered after a while, takes the first success and cancels the rest.

    It cuts the tail of what is usually fast (Dean and Barroso, "The Tail at Scale", 2013), and doubles what is always
    slow: hence the budget. A failure before that while is not hedged, retrying is `Retry`'s; a failure while another
    attempt is under way waits for that one.

    Tasks that lose are cancelled. Threads cannot be: a guarded function that is not async is refused, unless `threads`
    says how many may be occupied; then losers run on in theirs, unheard, and a call that finds no free thread is made
    as if there was no hedge. Context variables that an attempt sets stay its own.

    Args:
        after: seconds; or `p95` (any `p50` to `p99.9`) of the latest 256 successes, with no hedge before there are 20.
        idempotent: must be said: both attempts may take effect.
        attempts: at most, the first one included.
        budget: hedges as a share of calls; one in ten seconds is always allowed.
        threads: that functions which are not async may occupy.
    """

    kind = "hedge"
    repeats = True

    def __init__(
        self,
        after: float | str = "p95",
        *,
        idempotent: bool = False,
        attempts: int = 2,
        budget: float | RetryBudget = 0.1,
        threads: int = 0,
    ) -> None:
        if not idempotent:
            raise ValueError("Hedge makes a call twice at once: say idempotent=True where twice does no harm")
        if attempts < 2:
            raise ValueError(f"Hedge: attempts counts the first one too, so it must be at least 2, not {attempts}")
        if threads < 0:
            raise ValueError(f"Hedge: threads must not be negative, not {threads}")
        self._attempts = attempts
        self._recent = _Recent(_quantile(after)) if isinstance(after, str) else None
        self._after = 0.0 if isinstance(after, str) else after
        if not 0 <= self._after < math.inf:
            raise ValueError(f"Hedge: after is in seconds, not negative, not {after}")
        self._budget = budget if isinstance(budget, RetryBudget) else RetryBudget(budget, floor_per_second=0.1)
        self._workers = Workers(threads) if threads else None
        self._clock: Clock = SYSTEM
        self._bound = False
        self._losers: set[asyncio.Future[Any]] = set()
        self._started = self._won = 0

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take what the pipeline gives."""
        if self._bound:
            raise ValueError("this Hedge belongs to another pipeline already: make a second one")
        self._bound, self._clock = True, clock
        self._budget.bind(clock)
        self._count_started = reporter.counter("hedged")
        self._count_won = reporter.counter("hedge_won")
        self._count_denied = reporter.counter("budget_exhausted")

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner` guarded, for tasks."""

        async def hedged(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            self._budget.calls += 1
            begun, delay = self._clock.monotonic(), self._delay()
            if delay is None:
                result = await inner(function, args, kwargs)
            else:
                result = await self._race(lambda: asyncio.ensure_future(_tried(inner, function, args, kwargs)), delay)
            self._seen(begun)
            return result

        return hedged

    async def _race(self, start: Callable[[], asyncio.Future[Any]], delay: float) -> Any:
        first = start()
        running, started, failed = {first}, 1, None
        try:
            while running:
                patience = delay if started < self._attempts else None
                done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if _succeeded(task):
                        self._note_winner(task is first)
                        running |= done - {task}
                        return task.result()
                    failed = failed or task
                if not done:
                    started += 1
                    if self._may_hedge():
                        running.add(start())
            assert failed is not None
            return failed.result()
        finally:
            for task in running:
                self._cancel(task)

    def _cancel(self, loser: asyncio.Future[Any]) -> None:
        """Told to stop, and not waited for: the answer is there."""
        self._losers.add(loser)
        loser.add_done_callback(self._forget)
        loser.cancel()

    def _forget(self, loser: asyncio.Future[Any]) -> None:
        self._losers.discard(loser)
        if not loser.cancelled():
            loser.exception()  # seen, so that asyncio does not complain that nobody looked

    def sync(self, inner: Call) -> Call:
        """`inner` guarded, for threads. Raises TypeError unless `threads` allows it."""
        workers = self._workers
        if workers is None:
            raise TypeError(
                "Hedge cannot cancel a thread that lost: guard an async function, or say how many threads "
                "may be occupied by losers, Hedge(…, threads=8)"
            )

        def hedged(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            self._budget.calls += 1
            begun, delay = self._clock.monotonic(), self._delay()
            if delay is None:
                result = inner(function, args, kwargs)
            else:
                result = self._race_threads(workers, lambda: inner(function, args, kwargs), delay)
            self._seen(begun)
            return result

        return hedged

    def _race_threads(self, workers: Workers, call: Callable[[], Any], delay: float) -> Any:
        ended: SimpleQueue[_Ended] = SimpleQueue()
        try:
            workers.run(_report, call, ended, True)
        except BulkheadFull:
            return call()
        running, started, failed = 1, 1, None
        while running:
            try:
                one = ended.get(timeout=delay if started < self._attempts else None)
            except Empty:
                started += 1
                running += self._start_thread(workers, call, ended)
                continue
            running -= 1
            if one.succeeded:
                self._note_winner(one.first)
                return one.result()
            failed = failed or one
        assert failed is not None
        return failed.result()

    def _start_thread(self, workers: Workers, call: Callable[[], Any], ended: SimpleQueue[_Ended]) -> bool:
        if workers.busy >= workers.most or not self._may_hedge():
            return False
        try:
            workers.run(_report, call, ended, False)
        except BulkheadFull:  # another call was faster
            return False
        return True

    def view(self) -> Mapping[str, Any]:
        """The delay as it is now, hedges started and won, and what is left of the budget."""
        return {
            "after_seconds": self._delay(),
            "attempts_max": self._attempts,
            "hedged": self._started,
            "hedge_won": self._won,
            "budget_left_ratio": self._budget.left(),
        }

    def _delay(self) -> float | None:
        return self._after if self._recent is None else self._recent.value

    def _seen(self, begun: float) -> None:
        # Where a hedge won, the first attempt would have taken longer still; either way it took longer than the
        # delay, so its rank among the others, which is all that the quantile asks, is right.
        if self._recent is not None:
            self._recent.add(self._clock.monotonic() - begun)

    def _may_hedge(self) -> bool:
        if not self._budget.take():
            self._count_denied()
            return False
        self._started += 1
        self._count_started()
        return True

    def _note_winner(self, first: bool) -> None:
        if not first:
            self._won += 1
            self._count_won()


def _quantile(name: str) -> float:
    try:
        percent = float(name.removeprefix("p")) if name.startswith("p") else math.nan
    except ValueError:
        percent = math.nan
    if not 50 <= percent < 100:
        raise ValueError(f"Hedge: after is seconds, or a percentile from 'p50' to 'p99.9', not {name!r}")
    return percent / 100


class _Recent:
    """A quantile of the latest values; sorted anew after each sixteenth, so that a call pays a sixteenth of that."""

    _SIZE, _LEAST, _EVERY = 256, 20, 16

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._values: list[float] = []
        self._count = 0
        self.value: float | None = None

    def add(self, value: float) -> None:
        if len(self._values) < self._SIZE:
            self._values.append(value)
        else:
            self._values[self._count % self._SIZE] = value
        self._count += 1
        if self._count >= self._LEAST and (self.value is None or self._count % self._EVERY == 0):
            ordered = sorted(self._values)
            self.value = ordered[min(len(ordered) - 1, int(self._quantile * len(ordered)))]


async def _tried(inner: AsyncCall, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An attempt as a task of its own, also where a policy within refuses it before there is anything to await."""
    return await inner(function, args, kwargs)


def _succeeded(task: asyncio.Future[Any]) -> bool:
    return not task.cancelled() and task.exception() is None and _good(task.result())


def _good(result: object) -> bool:
    """A response that says 503 is an answer, but not one to prefer."""
    return plain(result) or fault_of(result) not in _BAD


class _Ended:
    """How an attempt in a thread ended."""

    def __init__(self, first: bool, returned: Any, raised: BaseException | None) -> None:
        self.first, self._returned, self._raised = first, returned, raised
        self.succeeded = raised is None and _good(returned)

    def result(self) -> Any:
        if self._raised is not None:
            raise self._raised
        return self._returned


def _report(call: Callable[[], Any], ended: SimpleQueue[_Ended], first: bool) -> None:
    try:
        ended.put(_Ended(first, call(), None))
    except BaseException as error:  # it is raised again where it is waited for
        ended.put(_Ended(first, None, error))
