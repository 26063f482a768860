"""The clock that tests hold: time passes only when somebody waits for it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from sereno_kit.clock import Clock
from sereno_kit.testing import FakeClock, settle


def test_it_is_a_clock_and_a_sleep_moves_both_its_hands():
    clock: Clock = FakeClock(start=5.0, now=100.0)
    clock.sleep(2.5)
    assert (clock.monotonic(), clock.now()) == (7.5, 102.5)


async def test_hours_of_waiting_take_no_time():
    clock, began = FakeClock(start=0.0), time.perf_counter()
    await clock.asleep(3 * 3600)
    assert clock.monotonic() == 3 * 3600
    assert time.perf_counter() - began < 5


async def test_tasks_wake_in_the_order_of_their_moments_and_see_their_own():
    clock, seen = FakeClock(start=0.0), []

    async def wait(name: str, seconds: float, times: int = 1) -> None:
        for _ in range(times):
            await clock.asleep(seconds)
            seen.append((name, clock.monotonic()))

    await asyncio.gather(wait("late", 5.0), wait("early", 1.0), wait("often", 2.0, 3), wait("same", 1.0))
    assert seen == [("early", 1.0), ("same", 1.0), ("often", 2.0), ("often", 4.0), ("late", 5.0), ("often", 6.0)]


async def test_time_waits_for_whoever_is_still_working():
    clock, seen = FakeClock(start=0.0), []

    async def work() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        seen.append(("worked", clock.monotonic()))

    async def wait() -> None:
        await clock.asleep(1.0)
        seen.append(("waited", clock.monotonic()))

    await asyncio.gather(wait(), work())
    assert seen == [("worked", 0.0), ("waited", 1.0)]


async def test_by_hand_nothing_happens_before_its_moment():
    clock, seen = FakeClock(start=0.0, auto=False), []

    async def tick() -> None:
        for _ in range(3):
            await clock.asleep(1.0)
            seen.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await settle()
    assert seen == []
    clock.advance(0.5)
    await settle()
    assert seen == []
    await clock.run_for(2.0)
    assert seen == [1.0, 2.0]
    assert clock.monotonic() == 2.5
    await clock.run_for(1.0)
    assert seen == [1.0, 2.0, 3.0]
    await task


async def test_who_no_longer_waits_holds_nobody_up():
    clock = FakeClock(start=0.0)
    given_up = asyncio.create_task(clock.asleep(1.0))
    await asyncio.sleep(0)
    given_up.cancel()
    await clock.asleep(10.0)
    assert clock.monotonic() == 10.0
    assert given_up.cancelled()


async def test_two_clocks_on_one_loop_do_not_wait_for_each_other_for_ever():
    one, two = FakeClock(start=0.0), FakeClock(start=0.0)
    await asyncio.wait_for(asyncio.gather(one.asleep(10.0), two.asleep(20.0)), 5.0)
    assert (one.monotonic(), two.monotonic()) == (10.0, 20.0)


async def test_a_thread_that_sleeps_wakes_the_tasks_that_are_due():
    clock = FakeClock(start=0.0, auto=False)
    task = asyncio.create_task(clock.asleep(4.0))
    await settle()
    thread = threading.Thread(target=clock.sleep, args=(5.0,))
    thread.start()
    await asyncio.wait_for(task, 5.0)
    thread.join()
    assert clock.monotonic() == 5.0
    assert clock.slept == [4.0, 5.0]


def test_the_wall_clock_may_jump_and_durations_do_not():
    clock = FakeClock(start=0.0, now=1_000.0)
    clock.sleep(10.0)
    clock.set_now(400.0)
    assert (clock.now(), clock.monotonic()) == (400.0, 10.0)
    clock.sleep(1.0)
    assert (clock.now(), clock.monotonic()) == (401.0, 11.0)


def test_loops_that_do_not_say_what_is_ready_are_waited_for_too():
    uvloop = pytest.importorskip("uvloop")
    clock, seen = FakeClock(start=0.0), []

    async def wait(seconds: float) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await clock.asleep(seconds)
        seen.append(clock.monotonic())

    async def main() -> None:
        await asyncio.gather(wait(3.0), wait(1.0), wait(2.0))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert seen == [1.0, 2.0, 3.0]
