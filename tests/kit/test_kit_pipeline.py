"""Policies composed once, in an order that works, around whatever can be called."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from aiohttp.client import _RequestContextManager
from tests.kit.guarded import guard, metrics

from sereno_kit import context, traces
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import BulkheadFull, CircuitOpen, DeadlineExceeded, Transient
from sereno_kit.resilience import registry, reporting
from sereno_kit.resilience.adaptive import AdaptiveLimit
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.bulkhead import Bulkhead
from sereno_kit.resilience.fallback import Fallback
from sereno_kit.resilience.hedge import Hedge
from sereno_kit.resilience.pipeline import pipeline
from sereno_kit.resilience.policy import Policy
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.resilience.retry import Retry
from sereno_kit.resilience.timeout import Timeout
from sereno_kit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


def everything() -> list[Policy]:
    return [
        Fallback(None), RateLimit.token_bucket(rate=1e6, burst=10**6), Bulkhead(20, queue=40), Timeout(8.0),
        Retry(3, idempotent=True), CircuitBreaker(minimum=20, probes=3), Timeout(2.0),
    ]  # fmt: skip


class TestOrder:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            (lambda: [Retry(), Fallback(None)], "outermost"),
            (lambda: [CircuitBreaker(), Retry()], "CircuitBreaker is outside Retry"),
            (lambda: [Retry(), Retry()], "2 policies of the kind retry"),
            (lambda: [Timeout(1), Retry(), Timeout(1), Timeout(0.5)], "3 policies of the kind timeout"),
            (lambda: [Timeout(2), Timeout(1)], "no Retry between"),
            (lambda: [Timeout(1), Retry(), Timeout(2)], "never over before"),
            (lambda: [Timeout(2), Retry(), Timeout(2)], "never over before"),
            (lambda: [AdaptiveLimit(), Retry()], "waits between attempts"),
            (lambda: [CircuitBreaker(), Bulkhead(2, queue=5)], "queue for slowness"),
            (lambda: [Hedge(0.1, idempotent=True), Retry()], "multiply"),
        ],
    )
    def test_an_order_that_defeats_a_policy_is_refused_with_the_reason(self, wrong: Any, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            guard(*wrong())

    def test_the_refusal_says_an_order_that_works(self) -> None:
        with pytest.raises(ValueError, match=r"works: Fallback, Bulkhead, Timeout, Retry, CircuitBreaker, Timeout$"):
            guard(CircuitBreaker(), Timeout(8), Retry(), Timeout(1), Bulkhead(3), Fallback(None))
        with pytest.raises(ValueError, match=r"works: Retry, CircuitBreaker, Timeout$"):
            guard(CircuitBreaker(), Retry(), Timeout(1))

    def test_orders_that_work_are_taken(self) -> None:
        guard(*everything())
        guard(Bulkhead(2), RateLimit.token_bucket(rate=5), Retry(), CircuitBreaker())
        guard(CircuitBreaker(), Bulkhead(2))
        guard(Timeout(1), CircuitBreaker())
        guard()


class TestNames:
    def test_a_name_is_given_once(self) -> None:
        made = guard(Bulkhead(5), Retry(3, budget=0.2))
        assert pipeline(made.name, Bulkhead(5), Retry(3, budget=0.2)) is made
        with pytest.raises(ValueError, match="other policies"):
            pipeline(made.name, Bulkhead(6), Retry(3, budget=0.2))
        replaced = pipeline(made.name, Bulkhead(6), replace=True)
        assert registry.all()[made.name] is registry.get(made.name) is replaced
        with pytest.raises(ValueError, match="name"):
            pipeline("")

    def test_a_name_that_is_refused_changes_nothing(self, metrics: Any) -> None:
        made = guard(Bulkhead(5))
        with made.attempt():
            with pytest.raises(ValueError, match="other policies"):
                pipeline(made.name, Bulkhead(6))
            assert metrics.value("sereno_bulkhead_in_use", pipeline=made.name) == 1

    def test_what_can_happen_is_in_the_metrics_before_it_does(self, metrics: Any) -> None:
        made = guard(*everything())
        for policy, event in (("circuit_breaker", "opened"), ("retry", "exhausted"), ("fallback", "used")):
            labels = {"pipeline": made.name, "policy": policy, "event": event}
            assert metrics.value("sereno_pipeline_events_total", **labels) == 0
        assert metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome="rejected") == 0

    def test_a_policy_is_of_one_pipeline(self) -> None:
        for policy in everything():
            guard(policy)
            with pytest.raises(ValueError, match="another"):
                guard(policy)

    def test_it_can_be_looked_at(self) -> None:
        made = guard(*everything())
        view = made.view()
        kinds = [policy["kind"] for policy in view["policies"]]
        assert kinds == ["fallback", "rate_limit", "bulkhead", "timeout", "retry", "circuit_breaker", "timeout"]
        assert view["policies"][5]["view"]["state"] == "closed"
        assert "force_open" in view["policies"][5]["commands"]
        assert "CircuitBreaker" in repr(made)


class TestFunctions:
    def test_what_is_guarded_looks_and_behaves_as_before(self) -> None:
        made = guard(*everything())

        @made
        def price(sku: str, *, currency: str = "EUR") -> str:
            """What it costs."""
            return f"{sku} in {currency}"

        assert price("x", currency="MXN") == "x in MXN"
        assert (price.__name__, price.__doc__) == ("price", "What it costs.")
        assert str(inspect.signature(price)) == "(sku: 'str', *, currency: 'str' = 'EUR') -> 'str'"

    async def test_tasks_and_threads_share_the_state(self) -> None:
        breaker = CircuitBreaker(minimum=2)
        made = guard(breaker)

        @made
        async def ask() -> None:
            raise Transient

        @made
        def ask_too() -> None:
            raise Transient

        assert inspect.iscoroutinefunction(ask)
        with pytest.raises(Transient):
            await ask()
        with pytest.raises(Transient):
            ask_too()
        with pytest.raises(CircuitOpen):
            await ask()

    async def test_methods_partials_and_callable_objects(self) -> None:
        made = guard(*everything())

        class Client:
            rate = 2

            @made
            def twice(self, value: int) -> int:
                return self.rate * value

            @made
            async def later(self, value: int) -> int:
                return self.rate * value

            @classmethod
            @made
            def thrice(cls, value: int) -> int:
                return cls.rate * value

            @staticmethod
            @made
            def same(value: int) -> int:
                return value

            async def __call__(self, value: int) -> int:
                return value

        client = Client()
        assert (client.twice(3), client.thrice(3), client.same(3), await client.later(3)) == (6, 6, 3, 6)
        assert made(functools.partial(client.twice, 4))() == 8
        assert await made(functools.partial(client.later, 4))() == 8
        assert await made(client)(5) == 5

    def test_what_has_done_nothing_when_it_returns_is_refused(self) -> None:
        made = guard(Bulkhead(1))

        def rows() -> Iterator[int]:
            yield 1

        async def pages() -> AsyncIterator[int]:
            yield 1

        async def later() -> int:
            return 1

        for generator in (rows, pages):
            with pytest.raises(TypeError, match="nothing to guard"):
                made(generator)
        with pytest.raises(TypeError, match="acall"):
            made.call(later)
        with pytest.raises(TypeError, match="acall"):
            made(lambda: later())()
        with pytest.raises(
            TypeError, match="acall"
        ):  # aiohttp's `get` is no coroutine function, its answer no coroutine
            made(lambda: _RequestContextManager(later()))()  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="beneath @classmethod"):
            made(classmethod(later))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not int"):
            made(7)  # type: ignore[type-var]

    async def test_context_variables_are_those_of_the_caller(self) -> None:
        made, seen = guard(*everything(), clock=SYSTEM), ContextVar("seen", default="")

        async def inside() -> str:
            seen.set("changed inside")
            return context.request_id.get()

        token = context.request_id.set("req-abcdef")
        try:
            assert await made.acall(inside) == "req-abcdef"
        finally:
            context.request_id.reset(token)
        assert seen.get() == "changed inside"
        assert context.deadline.get() is None

    def test_arguments_of_any_name_go_through(self) -> None:
        names = dict.fromkeys(["self", "function", "args", "kwargs", "inner", "cls"], 1)
        assert guard(*everything()).call(dict, **names) == names


class TestBlocks:
    def test_a_block_of_a_thread(self) -> None:
        breaker, bulkhead = CircuitBreaker(minimum=1), Bulkhead(1)
        made = guard(bulkhead, Timeout(5.0), breaker)
        with made.attempt():
            assert context.deadline.get() is not None
            with pytest.raises(BulkheadFull), made.attempt():
                raise AssertionError("there is no place")
        assert context.deadline.get() is None
        with pytest.raises(Transient), made.attempt():
            raise Transient
        with pytest.raises(CircuitOpen), made.attempt():
            raise AssertionError("it is open")
        assert bulkhead.view()["in_use"] == 0

    async def test_a_block_of_a_task(self, metrics: Any) -> None:
        breaker, bulkhead = CircuitBreaker(0.6, minimum=3), Bulkhead(1, queue=1)
        made = guard(RateLimit.token_bucket(rate=1e6, burst=100), bulkhead, Timeout(0.05), breaker, clock=SYSTEM)
        async with made.attempt():
            assert context.deadline.get() is not None
            await asyncio.sleep(0)
        assert context.deadline.get() is None
        with pytest.raises(DeadlineExceeded):
            async with made.attempt():
                await asyncio.sleep(60)
        with pytest.raises(ValueError, match="ours"):
            async with made.attempt():
                raise ValueError("ours")
        assert breaker.view()["calls"] == 2
        with pytest.raises(Transient):
            async with made.attempt():
                raise Transient
        with pytest.raises(CircuitOpen):
            async with made.attempt():
                raise AssertionError("it is open")
        assert bulkhead.view()["in_use"] == 0
        assert metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome="ok") == 1

    async def test_a_block_waits_for_its_place_and_can_be_cancelled_there(self) -> None:
        bulkhead = Bulkhead(1, queue=2)
        made = guard(bulkhead, clock=SYSTEM)
        order = []

        async def enter(number: int) -> None:
            async with made.attempt():
                order.append(number)
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(enter(number)) for number in range(3)]
        await asyncio.sleep(0.001)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [0, 2]
        assert tasks[1].cancelled()
        assert bulkhead.view()["in_use"] == bulkhead.view()["queued"] == 0

    async def test_a_cancelled_block_gives_everything_back(self) -> None:
        bulkhead = Bulkhead(1)
        made = guard(bulkhead, Timeout(60), CircuitBreaker(), clock=SYSTEM)

        async def hang() -> None:
            async with made.attempt():
                await asyncio.sleep(60)

        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        assert bulkhead.view()["in_use"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bulkhead.view()["in_use"] == 0

    def test_what_would_have_to_run_a_block_again_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Retry cannot run a block again"):
            guard(Retry()).attempt()
        with pytest.raises(TypeError, match="Fallback cannot answer for a block"):
            guard(Fallback(None)).attempt()


class TestTold:
    def test_each_call_is_counted_once_by_how_it_ended(self, metrics: Any) -> None:
        made = guard(CircuitBreaker(minimum=2), Bulkhead(1))
        assert made.call(lambda: 7) == 7
        for error in (ValueError(), KeyboardInterrupt(), Transient()):
            with pytest.raises(type(error)):
                made.call(lambda error=error: (_ for _ in ()).throw(error))
        with pytest.raises(CircuitOpen):
            made.call(lambda: 7)
        outcomes = {
            o: metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome=o)
            for o in ("ok", "error", "rejected", "cancelled")
        }
        assert outcomes == {"ok": 1, "error": 2, "rejected": 1, "cancelled": 1}
        assert metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome="ok") == 1  # looking counts not

    def test_who_takes_a_pipelines_place_goes_on_counting(self, metrics: Any) -> None:
        before = guard(Bulkhead(1))
        before.call(int)
        after = pipeline(before.name, Bulkhead(2), replace=True)
        after.call(int)
        before.call(int)
        assert metrics.value("sereno_pipeline_calls_total", pipeline=after.name, outcome="ok") == 3

    def test_no_count_is_lost_between_threads(self, metrics: Any) -> None:
        made = guard(Bulkhead(64), Retry(), CircuitBreaker())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: [made.call(int) for _ in range(500)], range(8)))
        assert metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome="ok") == 4_000
        assert made.policies[2].view()["calls"] == 4_000

    def test_a_flood_of_decisions_is_one_line_a_second(self, caplog: pytest.LogCaptureFixture) -> None:
        clock = FakeClock()
        bulkhead = Bulkhead(1)
        made = guard(bulkhead, clock=clock)
        with caplog.at_level(logging.INFO, "sereno_kit.pipeline"), made.attempt():
            for _ in range(500):
                clock.advance(0.01)
                with pytest.raises(BulkheadFull):
                    made.call(lambda: 7)
        assert 4 <= len(caplog.records) <= 6
        last = caplog.records[-1]
        assert (last.__dict__["pipeline"], last.__dict__["policy"], last.levelname) == (
            made.name,
            "bulkhead",
            "WARNING",
        )
        assert 90 <= last.__dict__["unsaid"] <= 110

    def test_listeners_hear_and_cannot_break_anything(self) -> None:
        heard: list[reporting.Event] = []
        leave = [reporting.listen(heard.append), reporting.listen(lambda event: 1 / 0)]
        breaker = CircuitBreaker(minimum=1)
        made = guard(breaker)
        try:
            breaker.force_open()
            with pytest.raises(CircuitOpen):
                made.call(lambda: 7)
        finally:
            for stop in leave:
                stop()
        assert [(e.pipeline, e.policy, e.event) for e in heard] == [(made.name, "circuit_breaker", "forced_open")]
        breaker.reset()
        assert len(heard) == 1

    def test_an_error_that_cannot_be_looked_at_goes_through_as_it_is(self) -> None:
        class Odd(Exception):
            @property
            def response(self) -> None:
                raise RuntimeError("there is none")

        odd = Odd()
        for policy in (Retry(2, idempotent=True), CircuitBreaker(), Fallback(None)):
            with pytest.raises(Odd) as raised:
                guard(policy).call(lambda: (_ for _ in ()).throw(odd))
            assert raised.value is odd

    def test_decisions_are_marked_on_the_span(self, monkeypatch: pytest.MonkeyPatch) -> None:
        marks: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(traces, "event", lambda name, **attributes: marks.append((name, attributes)))
        made = guard(Retry(2, idempotent=True, jitter=lambda: 0.5))
        with pytest.raises(Transient):
            made.call(lambda: (_ for _ in ()).throw(Transient()))
        told = {"pipeline": made.name, "cause": "Transient"}
        assert marks == [
            ("retry.retried", {**told, "attempt": 1, "wait_seconds": 0.05}),
            ("retry.exhausted", {**told, "attempt": 2}),
        ]

    def test_metrics_that_cannot_be_made_break_nothing(self, metrics: Any) -> None:
        metrics.gauge("sereno_pipeline_events", "Somebody took the name's family")
        metrics.counter("sereno_pipeline_calls_total", "Of another shape", other=None)
        made = guard(*everything())
        assert made.call(lambda: 7) == 7
