"""A second attempt while the first one dawdles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sereno_kit.clock import SYSTEM
from sereno_kit.errors import Transient
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience.hedge import Hedge
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with use(Registry(CollectorRegistry())) as one:
        yield one


def piped(hedge: Hedge, clock: Any = SYSTEM) -> Pipeline:
    made = Pipeline("search", (hedge,), clock)
    made.bind()
    return made


def eager(**more: Any) -> Hedge:
    """Hedges after a hundredth of a second, as often as it likes."""
    return Hedge(more.pop("after", 0.01), idempotent=True, budget=1.0, **more)


class Attempts:
    """What happens to the first attempt, the second … : `hang` until cancelled, an exception, or a value."""

    def __init__(self, *fates: Any) -> None:
        self.fates, self.begun, self.cancelled = fates, 0, 0
        self.release = threading.Event()

    async def __call__(self) -> Any:
        fate = self.fates[self.begun]
        self.begun += 1
        try:
            if fate == "hang":
                await asyncio.Event().wait()
            if isinstance(fate, tuple):
                await asyncio.sleep(fate[0])
                fate = fate[1]
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(fate, Exception):
            raise fate
        return fate

    def in_thread(self) -> Any:
        fate = self.fates[self.begun]
        self.begun += 1
        if fate == "hang":
            self.release.wait(10)
            return "late"
        if isinstance(fate, Exception):
            raise fate
        return fate


class Response:
    """What clients return who do not raise for a status."""

    status_code = 503


async def test_the_second_attempt_answers_where_the_first_dawdles_and_the_first_is_cancelled(
    registry: Registry,
) -> None:
    attempts = Attempts("hang", "second")
    pipe = piped(eager())
    assert await asyncio.wait_for(pipe.acall(attempts), 5) == "second"
    await asyncio.sleep(0)
    assert (attempts.begun, attempts.cancelled) == (2, 1)
    for event in ("hedged", "hedge_won"):
        labels = {"pipeline": "search", "policy": "hedge", "event": event}
        assert registry.value("sereno_pipeline_events_total", **labels) == 1
    view = pipe.policies[0].view()
    assert (view["hedged"], view["hedge_won"], view["after_seconds"]) == (1, 1, 0.01)


async def test_a_first_attempt_that_answers_soon_is_not_hedged() -> None:
    attempts = Attempts("first", "second")
    assert await piped(eager(after=5.0)).acall(attempts) == "first"
    assert attempts.begun == 1


async def test_a_failure_before_the_delay_is_raised_for_retry_to_judge() -> None:
    attempts = Attempts(Transient("down"), "second")
    with pytest.raises(Transient):
        await piped(eager(after=5.0)).acall(attempts)
    assert attempts.begun == 1


async def test_a_failure_while_another_is_under_way_waits_for_that_one() -> None:
    attempts = Attempts((0.03, Transient("down")), (0.05, "second"))
    assert await piped(eager()).acall(attempts) == "second"
    attempts = Attempts((0.03, Response()), (0.05, "second"))
    assert await piped(eager()).acall(attempts) == "second", "a response that says 503 is not one to prefer"


async def test_a_second_attempt_that_is_refused_within_does_not_end_the_first() -> None:
    made = Pipeline("search", (eager(), RateLimit.token_bucket(rate=0.001, burst=1)), SYSTEM)
    made.bind()
    attempts = Attempts((0.05, "answer"), "never")
    assert await made.acall(attempts) == "answer"
    assert (attempts.begun, attempts.cancelled) == (1, 0)


async def test_where_all_fail_the_first_failure_is_raised() -> None:
    attempts = Attempts((0.5, Transient("of the first")), (0.01, Transient("of the second")))
    with pytest.raises(Transient, match="of the second"):  # It was the first to fail.
        await piped(eager()).acall(attempts)
    assert attempts.begun == 2


async def test_no_more_attempts_are_made_than_said() -> None:
    attempts = Attempts("hang", "hang", "hang", "hang")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(piped(eager(attempts=3)).acall(attempts), 0.15)
    await asyncio.sleep(0)
    assert (attempts.begun, attempts.cancelled) == (3, 3), "whoever gives up takes all attempts along"


async def test_a_loser_that_will_not_be_cancelled_keeps_nobody_waiting() -> None:
    stubborn = asyncio.Event()

    async def call() -> str:
        if not stubborn.is_set():
            stubborn.set()
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)
                raise RuntimeError("never looked at") from None
        return "second"

    assert await asyncio.wait_for(piped(eager()).acall(call), 1) == "second"
    await asyncio.sleep(0.1)


async def test_hedges_are_a_share_of_calls() -> None:
    hedge = Hedge(0.001, idempotent=True, budget=0.1)
    pipe = piped(hedge)
    begun = 0

    async def slow() -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.02)

    await asyncio.gather(*(pipe.acall(slow) for _ in range(100)))
    assert 5 <= begun - 100 <= 12, "a tenth, and one that is always allowed"
    assert hedge.view()["hedged"] == begun - 100


async def test_the_delay_is_what_most_calls_took_lately() -> None:
    clock = FakeClock()
    hedge = Hedge("p90", idempotent=True)
    pipe = piped(hedge, clock)
    durations = iter([*(number / 100 for number in range(1, 20)), 0.2])

    async def call() -> None:
        clock.advance(next(durations))

    for _ in range(19):
        await pipe.acall(call)
        assert hedge.view()["after_seconds"] is None, "of few calls nothing is known"
    await pipe.acall(call)
    assert hedge.view()["after_seconds"] == pytest.approx(0.19)


async def test_losers_do_not_make_the_delay_shorter_and_shorter() -> None:
    """Each tenth call hangs, and a hedge answers for it; the 80th percentile stays where it was."""
    hedge = Hedge("p80", idempotent=True, budget=1.0)
    pipe = piped(hedge)
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.2 if calls % 10 == 0 else 0.004)

    delays = []
    for _ in range(100):
        await pipe.acall(call)
        delays.append(hedge.view()["after_seconds"])
    known = [delay for delay in delays if delay is not None]
    assert min(known) >= 0.004


def test_a_function_that_is_not_async_is_refused_unless_threads_may_be_occupied() -> None:
    with pytest.raises(TypeError, match="threads=8"):
        piped(eager())(lambda: "first")


def test_threads_hedge_and_losers_run_on_unheard() -> None:
    attempts = Attempts("hang", "second")
    assert piped(eager(threads=2)).call(attempts.in_thread) == "second"
    attempts.release.set()
    assert attempts.begun == 2


def test_without_a_free_thread_the_call_is_made_as_if_there_was_no_hedge() -> None:
    full = piped(eager(threads=1, after=5.0))
    gate, entered = threading.Event(), threading.Event()

    def occupy() -> None:
        entered.set()
        gate.wait(10)

    thread = threading.Thread(target=lambda: full.call(occupy))
    thread.start()
    entered.wait(10)
    assert full.call(threading.get_ident) == threading.get_ident()
    gate.set()
    thread.join()


def test_threads_raise_what_the_call_raised() -> None:
    with pytest.raises(Transient, match="down"):
        piped(eager(threads=2)).call(Attempts(Transient("down")).in_thread)


def test_it_cannot_guard_a_block() -> None:
    with pytest.raises(TypeError, match="cannot run a block again"):
        piped(eager()).attempt()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"idempotent": False},
        {"idempotent": True, "attempts": 1},
        {"idempotent": True, "after": -1},
        {"idempotent": True, "after": float("inf")},
        {"idempotent": True, "after": "p20"},
        {"idempotent": True, "after": "p100"},
        {"idempotent": True, "after": "soon"},
        {"idempotent": True, "threads": -1},
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Hedge"):
        Hedge(**options)
