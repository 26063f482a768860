"""A limit that finds the knee of a server: simulated queues, half an hour in a moment."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sereno_kit.clock import Clock
from sereno_kit.errors import BulkheadFull, ClientError, Transient
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience.adaptive import AdaptiveLimit
from sereno_kit.resilience.concurrency import Aimd, Gradient2, Learner
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with use(Registry(CollectorRegistry())) as one:
        yield one


def piped(limit: AdaptiveLimit, clock: Clock) -> Pipeline:
    made = Pipeline("search", (limit,), clock)
    made.bind()
    return made


@dataclass
class Lately:
    """What callers saw in one phase's second half."""

    served: int = 0
    refused: int = 0
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)

    @property
    def latency(self) -> float:
        return sum(self.times) / len(self.times)


class Server:
    """So many workers, exponential service times, an endless queue; callers come at random and are never patient.

    It drives the policy itself, by the way its guarded calls begin and end.
    """

    def __init__(self, limit: AdaptiveLimit, workers: int, service: float) -> None:
        self.limit, self.clock = limit, FakeClock(start=0)
        piped(limit, self.clock)
        self.workers, self.service = workers, service
        self._random = Random(7)
        self._free = [0.0] * workers
        self._under_way: list[tuple[float, float, float]] = []

    def run(self, seconds: float, rate: float) -> Lately:
        """Callers come at `rate` a second for so long."""
        begun = self.clock.monotonic()
        now, seen = begun, Lately(seconds=seconds / 2)
        while now < begun + seconds:
            now += self._random.expovariate(rate)
            self._end_until(now, seen, begun + seconds / 2)
            self._go_to(now)
            try:
                began = self.limit._begin()
            except BulkheadFull:
                seen.refused += now > begun + seconds / 2
                continue
            start = max(now, heapq.heappop(self._free))
            end = start + self._random.expovariate(1 / self.service)
            heapq.heappush(self._free, end)
            heapq.heappush(self._under_way, (end, now, began))
        return seen

    def change(self, workers: int, service: float) -> None:
        now = self.clock.monotonic()
        self._free = sorted(self._free)[:workers] + [now] * (workers - self.workers)
        heapq.heapify(self._free)
        self.workers, self.service = workers, service

    def _end_until(self, now: float, seen: Lately, since: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            end, came, began = heapq.heappop(self._under_way)
            self._go_to(end)
            self.limit._end(began, False)
            if end > since:
                seen.served += 1
                seen.times.append(end - came)

    def _go_to(self, now: float) -> None:
        self.clock.advance(max(0.0, now - self.clock.monotonic()))


def test_the_gradient_finds_the_knee_and_keeps_it_through_half_an_hour_of_overload() -> None:
    """Ten workers of 50 ms: 200 a second, at best with ten under way. Twice as many come."""
    server = Server(AdaptiveLimit.gradient(minimum=1, maximum=500), workers=10, service=0.05)
    calm = server.run(60, rate=100)
    assert calm.refused == 0
    assert calm.latency < 0.06
    overload = server.run(300, rate=400)
    assert overload.served / overload.seconds > 0.95 * 200, "it stays busy"
    assert overload.latency < 3 * 0.05, "and does not queue"
    later = server.run(1_200, rate=400)
    assert 12 <= server.limit.limit <= 30
    assert later.latency < 3 * 0.05, "what is usual is not what an overload makes of it"
    again = server.run(60, rate=100)
    assert again.refused == 0


def test_the_gradient_recovers_where_the_server_becomes_slower_faster_or_larger() -> None:
    server = Server(AdaptiveLimit.gradient(minimum=1, maximum=500), workers=10, service=0.05)
    server.run(120, rate=600)
    server.change(10, 0.1)
    slower = server.run(300, rate=300)
    assert slower.served / slower.seconds > 0.9 * 100
    assert slower.latency < 3 * 0.1
    server.change(10, 0.05)
    faster = server.run(400, rate=400)
    assert faster.served / faster.seconds > 0.95 * 200
    assert faster.latency < 3 * 0.05
    server.change(40, 0.05)
    larger = server.run(300, rate=1_000)
    assert larger.served / larger.seconds > 0.9 * 800


def test_a_start_in_the_midst_of_an_overload_is_not_taken_for_normal() -> None:
    server = Server(AdaptiveLimit.gradient(initial=200, minimum=1, maximum=500), workers=10, service=0.05)
    server.run(300, rate=400)
    assert server.run(300, rate=400).latency < 4 * 0.05


def test_netflix_s_own_average_climbs_away_from_the_knee() -> None:
    """Why ours differs: all windows teach what is usual, and an overload becomes what is usual."""

    class Netflix(Gradient2):
        def learn(self, limit: float, seconds: float, in_use: int, dropped: bool) -> float:
            self._remember(seconds, 2 / (self.windows + 1))
            if in_use < limit / 2:
                return limit
            gradient = max(0.5, min(1.0, self.tolerance * self.usual / seconds))
            return limit * (1 - self.smoothing) + (limit * gradient + self.queue) * self.smoothing

    server = Server(AdaptiveLimit(minimum=1, maximum=500, learner=Netflix()), workers=10, service=0.05)
    server.run(60, rate=100)
    assert server.run(600, rate=600).latency > 3 * 0.05


def test_aimd_keeps_calls_under_its_timeout_and_recovers() -> None:
    server = Server(AdaptiveLimit.aimd(minimum=1, maximum=500, timeout=0.15), workers=10, service=0.05)
    overload = server.run(600, rate=600)
    assert overload.served / overload.seconds > 0.95 * 200
    assert overload.latency < 0.17
    assert server.run(120, rate=100).refused == 0


@pytest.mark.parametrize("learner", [Gradient2(), Aimd()])
def test_a_limit_that_nobody_uses_does_not_grow(learner: Learner) -> None:
    limit = 20.0
    for _ in range(200):
        limit = learner.learn(limit, 0.05, in_use=9, dropped=False)
    assert limit == 20
    assert learner.learn(limit, 0.05, in_use=10, dropped=False) > 20


# The policy


def test_as_many_as_learnt_are_let_in_and_the_next_is_refused(registry: Registry) -> None:
    pipe = piped(AdaptiveLimit(initial=2, minimum=1), FakeClock())
    first, second = pipe.attempt(), pipe.attempt()
    with first, second:
        with pytest.raises(BulkheadFull):
            pipe.call(lambda: None)
        assert registry.value("sereno_adaptive_in_use", pipeline="search") == 2
    assert pipe.call(lambda: "again") == "again"
    view = pipe.policies[0].view()
    assert (view["limit"], view["in_use"], view["rejected"], view["algorithm"]) == (2, 0, 1, "gradient2")
    assert registry.value("sereno_adaptive_limit", pipeline="search") == 2


async def test_places_are_given_back_whatever_happens() -> None:
    limit = AdaptiveLimit(initial=4, minimum=1)
    pipe = piped(limit, FakeClock())

    async def fail(error: BaseException) -> None:
        raise error

    for error in (Transient("down"), ClientError("no"), ValueError("bug")):
        with pytest.raises(type(error)):
            await pipe.acall(fail, error)
    with pytest.raises(KeyboardInterrupt):
        pipe.call(lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    waiting = asyncio.create_task(pipe.acall(asyncio.Event().wait))
    await asyncio.sleep(0)
    assert limit.in_use == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert limit.in_use == 0


class Told:
    """A learner that only listens."""

    name = "told"

    def __init__(self) -> None:
        self.windows: list[tuple[float, int, bool]] = []

    def learn(self, limit: float, seconds: float, in_use: int, dropped: bool) -> float:
        self.windows.append((seconds, in_use, dropped))
        return limit


class Answer503:
    status_code = 503


class Response(Answer503):
    """A response that nobody raised for."""


@pytest.mark.parametrize(
    ("outcome", "lesson"),
    [
        ("ok", False),
        (Transient("down"), True),
        (TimeoutError(), True),
        (Response(), True),
        (ClientError("no"), None),
        (ValueError("bug"), None),
        (BulkheadFull("further in"), None),
    ],
)
def test_what_a_call_teaches_depends_on_whose_fault_it_was(outcome: Any, lesson: bool | None) -> None:
    clock, learner = FakeClock(), Told()
    pipe = piped(AdaptiveLimit(window=1.0, learner=learner), clock)

    def call() -> Any:
        clock.advance(0.2)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    for _ in range(10):
        with contextlib.suppress(Exception):
            pipe.call(call)
    expected = [] if lesson is None else [(pytest.approx(0.2), 1, lesson)]
    assert learner.windows == expected


def test_a_failure_now_and_then_is_not_too_many_at_once() -> None:
    clock, learner = FakeClock(), Told()
    pipe = piped(AdaptiveLimit(window=1.0, learner=learner), clock)

    def call(fails: bool) -> None:
        clock.advance(0.01)
        if fails:
            raise Transient("down")

    for number in range(100):
        try:
            pipe.call(call, number % 25 == 0)
        except Transient:
            continue
    assert [dropped for _, _, dropped in learner.windows] == [False]


@pytest.mark.parametrize("learner", [Gradient2(), Aimd()])
def test_the_limit_stays_within_its_bounds(learner: Learner) -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(5, minimum=3, maximum=8, window=0.1, learner=learner)
    pipe = piped(limit, clock)
    for number in range(4_000):
        blocks = [pipe.attempt() for _ in range(limit.limit)]
        for block in blocks:
            block.__enter__()
        clock.advance(0.05)
        fails = number > 2_000
        for block in blocks:
            error = Transient("down") if fails else None
            try:
                block.__exit__(type(error) if error else None, error, None)
            except Transient:
                continue
        assert 3 <= limit.limit <= 8
    assert limit.limit == 3


def test_an_operator_resets_the_limit() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit.aimd(initial=10, minimum=1, window=0.1)
    pipe = piped(limit, clock)

    def down() -> None:
        clock.advance(0.02)
        raise Transient("down")

    for _ in range(100):
        with pytest.raises(Transient):
            pipe.call(down)
    assert limit.limit < 10
    limit.command("reset")
    assert limit.limit == 10
    with pytest.raises(ValueError, match="knows no command"):
        limit.command("explode")


@pytest.mark.parametrize(
    "options", [{"initial": 0}, {"minimum": 30}, {"maximum": 10}, {"minimum": 0}, {"window": 0}, {"window": -1}]
)
def test_bounds_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"does not hold|window"):
        AdaptiveLimit(**options)
