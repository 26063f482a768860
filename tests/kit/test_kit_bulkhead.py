"""A bulkhead whose counts are right whatever happens to those who wait."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from tests.kit.guarded import Flight, guard, metrics

from sereno_kit import context
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import BulkheadFull
from sereno_kit.resilience.bulkhead import Bulkhead
from sereno_kit.resilience.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


def bulkhead(limit: int, queue: int = 0, timeout: float | None = 5.0) -> tuple[Pipeline, Bulkhead]:
    policy = Bulkhead(limit, queue=queue, queue_timeout=timeout)
    return guard(policy, clock=SYSTEM), policy


def counts(policy: Bulkhead) -> tuple[int, int]:
    view = policy.view()
    return view["in_use"], view["queued"]


def eventually(holds: Any) -> None:
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_beyond_the_limit_and_the_queue_nobody_is_accepted() -> None:
    made, policy = bulkhead(2)
    flights = [Flight(made), Flight(made)]
    for _ in range(100):
        with pytest.raises(BulkheadFull):
            made.call(lambda: 7)
    assert counts(policy) == (2, 0)
    flights[0].returns()
    assert made.call(lambda: 7) == 7
    flights[1].raises(ValueError())
    assert counts(policy) == (0, 0)


async def test_tasks_that_wait_come_in_their_order() -> None:
    made, policy = bulkhead(1, queue=5)
    order: list[int] = []
    gate = asyncio.Event()

    async def call(number: int) -> None:
        order.append(number)
        await gate.wait()

    tasks = []
    for number in range(6):
        tasks.append(asyncio.create_task(made.acall(call, number)))
        await asyncio.sleep(0)
    assert counts(policy) == (1, 5)
    with pytest.raises(BulkheadFull):
        await made.acall(call, 99)
    gate.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4, 5]
    assert counts(policy) == (0, 0)


def test_threads_that_wait_come_in_their_order() -> None:
    made, policy = bulkhead(1, queue=4)
    first, order = Flight(made), []
    with ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(made.call, order.append, number)
            eventually(lambda n=number: counts(policy) == (1, n + 1))
        first.returns()
    assert order == [0, 1, 2, 3]
    assert counts(policy) == (0, 0)


async def test_a_task_waits_for_a_thread_and_a_thread_for_a_task() -> None:
    made, policy = bulkhead(1, queue=1)
    leave = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(made.call, leave.wait, 5)
        while counts(policy) != (1, 0):
            await asyncio.sleep(0.001)
        task = asyncio.create_task(made.acall(asyncio.sleep, 0.02, "task"))
        while counts(policy) != (1, 1):
            await asyncio.sleep(0.001)
        leave.set()
        assert busy.result(5)
        while counts(policy) != (1, 0):  # the task has it
            await asyncio.sleep(0.001)
        thread: Future[str] = pool.submit(made.call, lambda: "thread")
        assert await task == "task"
        assert await asyncio.wrap_future(thread) == "thread"
    assert counts(policy) == (0, 0)


async def test_who_gives_up_while_waiting_leaves_no_trace() -> None:
    made, policy = bulkhead(1, queue=3)
    gate = asyncio.Event()
    busy = asyncio.create_task(made.acall(gate.wait))
    waiting = [asyncio.create_task(made.acall(asyncio.sleep, 0, n)) for n in range(3)]
    await asyncio.sleep(0.01)
    waiting[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[1]
    assert counts(policy) == (1, 2)
    gate.set()
    assert await asyncio.gather(busy, waiting[0], waiting[2]) == [True, 0, 2]
    assert counts(policy) == (0, 0)


async def test_a_place_given_to_whoever_is_cancelled_that_moment_goes_to_the_next() -> None:
    made, policy = bulkhead(1, queue=2)
    gate = asyncio.Event()
    busy = asyncio.create_task(made.acall(gate.wait))
    await asyncio.sleep(0)
    second = asyncio.create_task(made.acall(asyncio.sleep, 0, "second"))
    third = asyncio.create_task(made.acall(asyncio.sleep, 0, "third"))
    await asyncio.sleep(0.01)
    gate.set()
    busy.add_done_callback(lambda _: second.cancel())  # it has the place by then, and does not know yet
    assert await third == "third"
    assert second.cancelled()
    assert counts(policy) == (0, 0)


async def test_nobody_waits_longer_than_agreed() -> None:
    made, policy = bulkhead(1, queue=2, timeout=0.02)
    flight = Flight(made)
    with pytest.raises(BulkheadFull):
        await made.acall(asyncio.sleep, 0)
    with pytest.raises(BulkheadFull):
        await asyncio.to_thread(made.call, lambda: 7)
    assert counts(policy) == (1, 0)
    flight.returns()
    assert counts(policy) == (0, 0)


async def test_nobody_waits_beyond_their_deadline() -> None:
    made, _ = bulkhead(1, queue=2, timeout=None)
    flight = Flight(made)
    token = context.deadline.set(SYSTEM.monotonic() + 0.02)
    try:
        with pytest.raises(BulkheadFull):
            await made.acall(asyncio.sleep, 0)
    finally:
        context.deadline.reset(token)
        flight.returns()


async def test_a_thread_that_runs_a_loop_does_not_wait() -> None:
    made, policy = bulkhead(1, queue=5, timeout=60.0)
    flight = Flight(made)
    with pytest.raises(BulkheadFull):
        made.call(lambda: 7)
    assert counts(policy) == (1, 0)
    flight.returns()


def test_whoever_waited_on_a_loop_that_is_closed_is_passed_over() -> None:
    made, policy = bulkhead(1, queue=2)
    flight = Flight(made)
    loop = asyncio.new_event_loop()
    lost = loop.create_task(made.acall(asyncio.sleep, 0))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    assert counts(policy) == (1, 1)
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(made.call, lambda: "thread")
        eventually(lambda: counts(policy) == (1, 2))
        flight.returns()
        assert thread.result(5) == "thread"
    assert counts(policy) == (0, 0)
    lost._log_destroy_pending = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(3))
async def test_a_crowd_of_threads_and_tasks_that_come_go_and_give_up(seed: int) -> None:
    chance = random.Random(seed)
    made, policy = bulkhead(3, queue=6, timeout=0.01)
    lock, inside, most, done = threading.Lock(), 0, 0, 0

    def arrive(by: int) -> None:
        nonlocal inside, most, done
        with lock:
            inside += by
            most = max(most, inside)
            done += by < 0

    def work(seconds: float) -> None:
        arrive(1)
        time.sleep(seconds)
        arrive(-1)

    async def task(seconds: float) -> None:
        arrive(1)
        try:
            await asyncio.sleep(seconds)
        finally:
            arrive(-1)

    def thread(times: list[float]) -> None:
        for seconds in times:
            with suppress(BulkheadFull):
                made.call(work, seconds)

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(thread, [chance.random() / 500 for _ in range(60)]) for _ in range(4)]
        for _ in range(40):
            tasks = [asyncio.create_task(made.acall(task, chance.random() / 500)) for _ in range(8)]
            await asyncio.sleep(chance.random() / 500)
            for cancelled in chance.sample(tasks, 3):
                cancelled.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert outcome is None or isinstance(outcome, (BulkheadFull, asyncio.CancelledError)), outcome
        for one in threads:
            await asyncio.wrap_future(one)
    assert most <= 3
    assert done > 100
    assert counts(policy) == (0, 0)
    assert inside == 0


def test_its_counts_are_in_the_metrics(metrics: Any) -> None:
    made, _ = bulkhead(2)
    flight = Flight(made)
    assert metrics.value("sereno_bulkhead_in_use", pipeline=made.name) == 1
    assert metrics.value("sereno_bulkhead_queued", pipeline=made.name) == 0
    flight.returns()
    assert metrics.value("sereno_bulkhead_in_use", pipeline=made.name) == 0


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 1, "queue": -1}, {"limit": 1, "queue_timeout": 0}])
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Bulkhead"):
        Bulkhead(**wrong)
