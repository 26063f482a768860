"""Time-outs that end what can be ended, and are honest about the rest."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from tests.kit.guarded import guard, metrics

from sereno_kit import context
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import BulkheadFull, Category, DeadlineExceeded, classify
from sereno_kit.resilience import workers
from sereno_kit.resilience.timeout import Timeout
from sereno_kit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


async def test_a_task_is_cancelled_at_its_deadline() -> None:
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(DeadlineExceeded) as raised:
        await guard(Timeout(0.02), clock=SYSTEM).acall(hang)
    assert ended.is_set()
    assert raised.value.status == 504
    assert classify(raised.value) is Category.TRANSIENT


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(guard(Timeout(60), clock=SYSTEM).acall(asyncio.sleep, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_somebody_elses_time_out_is_not_taken_for_its_own() -> None:
    async def ask() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError) as raised:
        await guard(Timeout(60), clock=SYSTEM).acall(ask)
    assert not isinstance(raised.value, DeadlineExceeded)


async def test_what_is_within_is_told_the_earlier_deadline() -> None:
    made = guard(Timeout(60), clock=SYSTEM)

    async def left() -> float:
        until = context.deadline.get()
        assert until is not None
        return until - SYSTEM.monotonic()

    assert 59 < await made.acall(left) <= 60
    token = context.deadline.set(SYSTEM.monotonic() + 1)
    try:
        assert 0 < await made.acall(left) <= 1
    finally:
        context.deadline.reset(token)
    assert context.deadline.get() is None


async def test_the_requests_deadline_ends_a_task_too() -> None:
    token = context.deadline.set(SYSTEM.monotonic() + 0.02)
    try:
        with pytest.raises(DeadlineExceeded):
            await guard(Timeout(60), clock=SYSTEM).acall(asyncio.sleep, 60)
    finally:
        context.deadline.reset(token)


def test_nothing_is_begun_after_the_deadline() -> None:
    clock = FakeClock()
    called = []
    token = context.deadline.set(clock.monotonic())
    try:
        with pytest.raises(DeadlineExceeded) as raised:
            guard(Timeout(60), clock=clock).call(called.append, 1)
    finally:
        context.deadline.reset(token)
    assert not called
    assert classify(raised.value) is Category.REJECTED


def test_a_late_result_is_given_and_counted(metrics: Any) -> None:
    clock = FakeClock()
    made = guard(Timeout(2.0), clock=clock)

    def slow() -> str:
        clock.sleep(3.0)
        return "paid"

    assert made.call(slow) == "paid"
    late = {"pipeline": made.name, "policy": "timeout", "event": "late"}
    assert metrics.value("sereno_pipeline_events_total", **late) == 1
    made.call(lambda: 7)
    assert metrics.value("sereno_pipeline_events_total", **late) == 1


async def test_a_coroutine_that_blocks_the_loop_cannot_be_cancelled_but_is_counted(metrics: Any) -> None:
    clock = FakeClock()
    made = guard(Timeout(2.0), clock=clock)

    async def blocks() -> str:
        clock.sleep(3.0)
        return "paid"

    assert await made.acall(blocks) == "paid"
    assert metrics.value("sereno_pipeline_events_total", pipeline=made.name, policy="timeout", event="late") == 1


class TestThreads:
    """`thread=True`: the caller goes on, the thread does not."""

    def test_the_caller_is_let_go_at_the_deadline(self) -> None:
        made = guard(Timeout(0.05, thread=True), clock=SYSTEM)
        release = threading.Event()
        begun = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            made.call(release.wait, 30)
        assert time.monotonic() - begun < 10
        release.set()

    def test_results_errors_and_the_context_come_through(self) -> None:
        made = guard(Timeout(5.0, thread=True), clock=SYSTEM)
        token = context.request_id.set("req-12345")
        try:
            name, told, deadline = made.call(
                lambda: (threading.current_thread().name, context.request_id.get(), context.deadline.get())
            )
        finally:
            context.request_id.reset(token)
        assert (name, told) == ("sereno-timeout", "req-12345")
        assert deadline is not None
        with pytest.raises(ZeroDivisionError):
            made.call(lambda: 1 / 0)

    def test_stuck_calls_take_no_more_threads_than_agreed_and_say_so(self) -> None:
        policy = Timeout(0.02, thread=True, threads=2)
        made = guard(policy, clock=SYSTEM)
        release = threading.Event()
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                made.call(release.wait, 30)
        with pytest.raises(BulkheadFull):
            made.call(lambda: 7)
        assert policy.view()["busy"] == 2
        release.set()
        until = time.monotonic() + 5
        while policy.view()["busy"] and time.monotonic() < until:
            time.sleep(0.001)
        assert made.call(lambda: 7) == 7

    def test_one_thread_serves_one_after_the_other(self) -> None:
        made = guard(Timeout(5.0, thread=True, threads=1), clock=SYSTEM)
        assert [made.call(int) for _ in range(300)] == [0] * 300

    def test_threads_that_have_nothing_to_do_end_and_come_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workers, "_IDLE_SECONDS", 0.01)
        made = guard(Timeout(5.0, thread=True), clock=SYSTEM)
        thread = made.call(threading.current_thread)
        thread.join(5)
        assert not thread.is_alive()
        assert made.call(threading.current_thread) is not thread

    def test_where_no_thread_is_to_be_had_nothing_leaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        policy = Timeout(5.0, thread=True, threads=1)
        made = guard(policy, clock=SYSTEM)

        def none_left(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", none_left)
            with pytest.raises(BulkheadFull):
                made.call(lambda: 7)
        assert policy.view()["busy"] == 0
        assert made.call(lambda: 8) == 8

    def test_threads_are_used_again(self) -> None:
        made = guard(Timeout(5.0, thread=True), clock=SYSTEM)
        seen = set()
        for _ in range(20):
            seen.add(made.call(threading.get_ident))
            time.sleep(0.002)
        assert len(seen) <= 3


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan")])
def test_settings_that_cannot_be_meant_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="Timeout"):
        Timeout(wrong)
    with pytest.raises(ValueError, match="threads"):
        Timeout(1, thread=True, threads=0)
