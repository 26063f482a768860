"""Four policies beside stamina + purgatory + limits and beside pyresilience; half-open breakers under a herd.

Every round visits every variant in random order, in one process; what is told is the tenth percentile of the CPU
time of a call beyond that of the bare function. Metrics are on.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pyresilience
import stamina
from limits import parse
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter as AsyncFixedWindowRateLimiter
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from purgatory import AsyncCircuitBreakerFactory, SyncCircuitBreakerFactory

from bench.figure import Figure
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.bulkhead import Bulkhead
from sereno_kit.resilience.pipeline import Pipeline, pipeline
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.resilience.retry import Retry

ROUNDS, CALLS = 100, 500
HERD, PROBES, OPEN_SECONDS = 50, 3, 0.05
PLENTY = 10**9


def bare(value: int) -> int:
    """What is guarded."""
    return value


async def abare(value: int) -> int:
    """What is guarded, in tasks."""
    return value


def ours(name: str) -> Pipeline:
    """Limiter, bulkhead, retry, breaker."""
    limit = RateLimit.token_bucket(rate=PLENTY, burst=PLENTY)
    return pipeline(name, limit, Bulkhead(100, queue=100), Retry(3), CircuitBreaker())


def combination() -> Callable[[int], int]:
    """The three libraries that most would take, for three of the four; they have no bulkhead."""
    limiter, item = FixedWindowRateLimiter(MemoryStorage()), parse(f"{PLENTY}/second")

    @stamina.retry(on=ConnectionError, attempts=3)
    @SyncCircuitBreakerFactory()("dependency")
    def guarded(value: int) -> int:
        return bare(value)

    def limited(value: int) -> int:
        if not limiter.hit(item, "dependency"):
            raise RuntimeError
        return guarded(value)  # type: ignore[no-any-return]

    return limited


def acombination() -> Callable[[int], Awaitable[int]]:
    """The same for tasks."""
    limiter, item = AsyncFixedWindowRateLimiter(AsyncMemoryStorage()), parse(f"{PLENTY}/second")

    @stamina.retry(on=ConnectionError, attempts=3)
    @AsyncCircuitBreakerFactory()("dependency")
    async def guarded(value: int) -> int:
        return await abare(value)

    async def limited(value: int) -> int:
        if not await limiter.hit(item, "dependency"):
            raise RuntimeError
        return await guarded(value)  # type: ignore[no-any-return]

    return limited


def rival(function: Any) -> Any:
    """pyresilience with the same four."""
    return pyresilience.resilient(
        retry=pyresilience.RetryConfig(max_attempts=3),
        circuit_breaker=pyresilience.CircuitBreakerConfig(sliding_window_size=20, minimum_calls=20),
        bulkhead=pyresilience.BulkheadConfig(max_concurrent=100),
        rate_limiter=pyresilience.RateLimiterConfig(max_calls=PLENTY, period=1.0),
    )(function)


def measure() -> list[Figure]:
    """Costs of happy calls, then herds."""
    logging.disable(logging.WARNING)
    return [*_costs(), *_herds()]


def _costs() -> list[Figure]:
    sync = {"bare": bare, "ours": ours("bench")(bare), "three": combination(), "rival": rival(bare)}
    tasks = {"bare": abare, "ours": ours("bench-tasks")(abare), "three": acombination(), "rival": rival(abare)}
    found: list[Figure] = []
    for kind, variants, one_round in (("sync", sync, _round), ("async", tasks, _around)):
        times = _interleaved(variants, one_round)
        mine, three, other = (times[name] - times["bare"] for name in ("ours", "three", "rival"))
        found += [
            Figure(f"{kind}, beside stamina + purgatory + limits", mine / three, "×", most=0.2,
                   beside=f"{mine:.2f} µs beside {three:.2f} µs"),
            Figure(f"{kind}, beside pyresilience", mine / other, "×", most=0.5, beside=f"{other:.2f} µs"),
        ]  # fmt: skip
    return found


def _interleaved(variants: dict[str, Any], one_round: Callable[[Any], float]) -> dict[str, float]:
    """Microseconds of CPU a call, the tenth percentile of all rounds."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name in order:
            times[name].append(one_round(variants[name]))
    return {name: sorted(rounds)[ROUNDS // 10] for name, rounds in times.items()}


def _round(function: Callable[[int], int]) -> float:
    begun = time.thread_time_ns()
    for _ in range(CALLS):
        function(1)
    return (time.thread_time_ns() - begun) / CALLS / 1_000


def _around(function: Callable[[int], Awaitable[int]]) -> float:
    async def calls() -> float:
        begun = time.thread_time_ns()
        for _ in range(CALLS):
            await function(1)
        return (time.thread_time_ns() - begun) / CALLS / 1_000

    return asyncio.run(calls())


# Herds: fifty callers at once, at the moment a breaker half-opens.


class Dependency:
    """Down until told; then it answers when all the herd has come."""

    def __init__(self) -> None:
        self.down = True
        self.admitted = 0
        self.refused = 0
        self.all = threading.Event()
        self.lock = threading.Lock()

    def _came(self, admitted: bool) -> None:
        with self.lock:
            self.admitted += admitted
            self.refused += not admitted
            if self.admitted + self.refused == HERD:
                self.all.set()

    def ask(self) -> None:
        """From a thread."""
        if self.down:
            raise ConnectionError
        self._came(True)
        self.all.wait(5)

    async def aask(self) -> None:
        """From a task."""
        if self.down:
            raise ConnectionError
        self._came(True)
        while not self.all.is_set():
            await asyncio.sleep(0)

    def turned_away(self) -> None:
        """One of the herd did not get to it."""
        self._came(False)


def _herds() -> list[Figure]:
    def breaker(name: str) -> Pipeline:
        return pipeline(name, CircuitBreaker(minimum=5, open_for=OPEN_SECONDS, probes=PROBES), replace=True)

    settings = pyresilience.CircuitBreakerConfig(
        failure_threshold=5, recovery_timeout=OPEN_SECONDS, success_threshold=3
    )
    threads = {
        "ours": lambda ask: breaker("herd")(ask),
        "purgatory": lambda ask: SyncCircuitBreakerFactory(5, OPEN_SECONDS)("dependency")(ask),
        "pyresilience": pyresilience.resilient(circuit_breaker=settings),
    }
    tasks = threads | {
        "ours": lambda ask: breaker("herd of tasks")(ask),
        "purgatory": lambda ask: AsyncCircuitBreakerFactory(5, OPEN_SECONDS)("dependency")(ask),
    }
    by_threads = {name: _threads(guard) for name, guard in threads.items()}
    by_tasks = {name: asyncio.run(_tasks(guard)) for name, guard in tasks.items()}
    return [
        Figure(f"admitted of {HERD} when half-open, {kind}", admitted["ours"], "calls", most=PROBES, least=PROBES,
               beside=", ".join(f"{name} {count}" for name, count in admitted.items() if name != "ours"))
        for kind, admitted in (("threads", by_threads), ("tasks", by_tasks))
    ]  # fmt: skip


def _threads(guard: Callable[[Any], Any]) -> int:
    dependency = Dependency()
    guarded = guard(dependency.ask)
    for _ in range(10):
        with suppress(Exception):
            guarded()
    dependency.down = False
    time.sleep(OPEN_SECONDS * 2)
    ready = threading.Barrier(HERD)

    def caller() -> None:
        ready.wait(10)
        try:
            guarded()
        except Exception:
            dependency.turned_away()

    with ThreadPoolExecutor(HERD) as herd:
        for _ in range(HERD):
            herd.submit(caller)
    return dependency.admitted


async def _tasks(guard: Callable[[Any], Any]) -> int:
    dependency = Dependency()
    guarded = guard(dependency.aask)
    for _ in range(10):
        with suppress(Exception):
            await guarded()
    dependency.down = False
    await asyncio.sleep(OPEN_SECONDS * 2)

    async def caller() -> None:
        try:
            await guarded()
        except Exception:
            dependency.turned_away()

    await asyncio.gather(*(caller() for _ in range(HERD)))
    return dependency.admitted
