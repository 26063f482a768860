"""Retries that help the caller and do not bury the dependency."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.guarded import HTTPError, Response, guard, metrics

from sereno_kit import context
from sereno_kit.errors import (
    BulkheadFull,
    Category,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    DependencyError,
    InternalError,
    RateLimited,
    Rejected,
    Transient,
)
from sereno_kit.resilience.budget import RetryBudget
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.retry import Retry, idempotency_key, idempotent
from sereno_kit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


class Dependency:
    """Answers from a script: exceptions are raised, the rest returned; the last entry goes on for ever."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls = 0

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, BaseException):
            raise step
        return step


def again(attempts: int = 3, **settings: Any) -> tuple[Pipeline, FakeClock]:
    clock = FakeClock()
    return guard(Retry(attempts, **{"idempotent": True, "budget": None, **settings}), clock=clock), clock


class TestWhat:
    def test_what_passes_is_tried_again(self) -> None:
        made, clock = again()
        dependency = Dependency(Transient(), ConnectionResetError(), "well")
        assert made.call(dependency) == "well"
        assert dependency.calls == 3
        assert len(clock.slept) == 2

    def test_the_last_error_is_raised_as_it_was(self) -> None:
        made, clock = again(4)
        errors = [Transient(str(n)) for n in range(4)]
        with pytest.raises(Transient) as raised:
            made.call(Dependency(*errors))
        assert raised.value is errors[3]
        assert len(clock.slept) == 3

    @pytest.mark.parametrize(
        "error",
        [ClientError(), InternalError(), DependencyError(), ValueError(), HTTPError(404), HTTPError(400), HTTPError(501),
         CircuitOpen(), BulkheadFull(), RateLimited()],
    )  # fmt: skip
    def test_nothing_else_is(self, error: Exception) -> None:
        made, _ = again()
        dependency = Dependency(error)
        with pytest.raises(type(error)):
            made.call(dependency)
        assert dependency.calls == 1

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()])
    def test_an_end_is_never_retried(self, error: BaseException) -> None:
        made, _ = again(on=lambda error: True)
        dependency = Dependency(error)
        with pytest.raises(type(error)):
            made.call(dependency)
        assert dependency.calls == 1

    @pytest.mark.parametrize(
        ("on", "error", "calls"),
        [
            (ValueError, ValueError(), 3),
            (ValueError, KeyError(), 1),
            ((ValueError, Transient), HTTPError(503), 3),
            (Category.DEPENDENCY, HTTPError(501), 3),
            (Category.DEPENDENCY, HTTPError(503), 1),
            (DependencyError, HTTPError(503), 3),
            (Rejected, CircuitOpen(), 3),
            (CircuitOpen, BulkheadFull(), 1),
            (lambda error: "soon" in str(error), RuntimeError("soon"), 3),
            (DeadlineExceeded, Transient(), 1),
        ],
    )
    def test_it_can_be_said(self, on: Any, error: Exception, calls: int) -> None:
        made, _ = again(on=on)
        dependency = Dependency(error)
        with pytest.raises(type(error)):
            made.call(dependency)
        assert dependency.calls == calls

    def test_what_cannot_be_asked_is_refused_at_once(self) -> None:
        for wrong in ("Transient", 503, int, None):
            with pytest.raises(TypeError, match="on="):
                Retry(on=wrong)  # type: ignore[arg-type]

    def test_a_response_that_may_pass_is_tried_again_though_nobody_raised(self) -> None:
        made, _ = again()
        dependency = Dependency(Response(503), Response(429), Response(200))
        assert made.call(dependency).status_code == 200
        assert dependency.calls == 3

    def test_the_last_response_is_returned(self) -> None:
        made, _ = again(2)
        assert made.call(Dependency(Response(503))).status_code == 503

    def test_a_response_of_our_fault_is_not(self) -> None:
        made, _ = again()
        dependency = Dependency(Response(404))
        made.call(dependency)
        assert dependency.calls == 1

    def test_results_can_be_judged(self) -> None:
        made, _ = again(on_result=lambda result: result == "pending")
        assert made.call(Dependency("pending", "pending", "paid")) == "paid"

    def test_an_exception_that_is_returned_is_a_result(self) -> None:
        made, _ = again()
        value = Transient("only talked about")
        assert made.call(lambda: value) is value

    async def test_tasks_wait_on_the_clock_of_their_loop(self) -> None:
        made, clock = again()
        dependency = Dependency(Transient(), "well")

        @made
        async def ask() -> str:
            return str(dependency())

        assert await ask() == "well"
        assert len(clock.slept) == 1

    def test_one_attempt_is_one_attempt(self) -> None:
        made, _ = again(1)
        dependency = Dependency(Transient())
        with pytest.raises(Transient):
            made.call(dependency)
        assert dependency.calls == 1

    @pytest.mark.parametrize(
        "wrong", [{"attempts": 0}, {"attempts": -1}, {"base": 0}, {"cap": -1}, {"deadline": 0}, {"budget": 2.0}]
    )
    def test_settings_that_cannot_be_meant_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="Retry"):
            Retry(**wrong)


class TestIdempotent:
    """What may not be done twice is not done twice."""

    def charge(self, made: Pipeline, error: Exception, function: Callable[..., Any] | None = None) -> int:
        dependency = Dependency(error)

        def charge() -> None:
            if function is not None:
                function()
            dependency()

        with pytest.raises(type(error)):
            made.call(charge)
        return dependency.calls

    def test_a_payment_is_not_repeated_unless_somebody_says_that_it_may(self) -> None:
        made = guard(Retry(3, budget=None))
        assert self.charge(made, Transient()) == 1
        assert self.charge(made, TimeoutError()) == 1
        assert self.charge(made, HTTPError(503)) == 1

    def test_a_connection_that_was_refused_cannot_have_paid(self) -> None:
        assert self.charge(guard(Retry(3, budget=None)), ConnectionRefusedError()) == 3

    def test_who_asks_for_a_key_sends_it(self) -> None:
        keys: list[str] = []
        made = guard(Retry(3, budget=None))
        assert self.charge(made, Transient(), lambda: keys.append(idempotency_key(17))) == 3
        assert len(set(keys)) == 1
        assert len(keys[0]) == 32
        self.charge(made, Transient(), lambda: keys.append(idempotency_key(17)))
        assert len(set(keys)) == 2

    def test_two_payments_of_one_call_have_two_keys(self) -> None:
        made = guard(Retry(3))
        assert len(set(made.call(lambda: [idempotency_key(n) for n in (1, 2, 2)]))) == 2

    def test_a_key_outlives_the_attempts_of_the_pipeline_around(self) -> None:
        outer, inner, keys = guard(Retry(3, idempotent=True, budget=None)), guard(Retry(3, budget=None)), []

        @outer
        def order() -> None:
            inner.call(pay)

        def pay() -> None:
            keys.append(idempotency_key("order 7"))
            raise Transient

        with pytest.raises(Transient):
            order()
        assert len(keys) == 3
        assert len(set(keys)) == 1

    def test_outside_of_a_retried_call_each_key_is_new(self) -> None:
        assert idempotency_key(1) != idempotency_key(1)

    def test_functions_can_say_so_themselves(self) -> None:
        made = guard(Retry(3, budget=None))
        dependency = Dependency(Transient())

        @idempotent
        def balance(_: int) -> None:
            dependency()

        def other(_: int) -> None:
            dependency()

        above = idempotent(made(other))
        dependency.calls = 0
        with pytest.raises(Transient):
            above(1)
        assert dependency.calls == 3
        for call in (balance, functools.partial(balance, 1)):
            dependency.calls = 0
            with pytest.raises(Transient):
                made.call(call, *([1] if call is balance else []))
            assert dependency.calls == 3

    @pytest.mark.parametrize(
        ("method", "headers", "calls"),
        [("GET", {}, 3), ("put", {}, 3), ("POST", {}, 1), ("PATCH", {}, 1), ("POST", {"Idempotency-Key": "k"}, 3)],
    )
    def test_a_clients_method_shows_it(self, method: str, headers: dict[str, str], calls: int) -> None:
        httpx = pytest.importorskip("httpx")
        seen = []
        transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(503))
        made = guard(Retry(3, budget=None))
        with httpx.Client(transport=transport) as client:
            assert made.call(client.request, method, "http://dependency/", headers=headers).status_code == 503
        assert len(seen) == calls

    def test_a_clients_function_shows_it(self) -> None:
        httpx = pytest.importorskip("httpx")
        seen = []
        transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(503))
        made = guard(Retry(3, budget=None))
        with httpx.Client(transport=transport) as client:
            made.call(client.get, "http://dependency/")
            assert len(seen) == 3
            made.call(client.post, "http://dependency/")
            assert len(seen) == 4

    def test_a_question_that_raises_is_a_no(self) -> None:
        made = guard(Retry(3, budget=None, idempotent=lambda function, args, kwargs: args[7]))
        assert self.charge(made, Transient()) == 1

    def test_it_can_be_asked_of_the_call(self) -> None:
        made = guard(Retry(3, budget=None, idempotent=lambda function, args, kwargs: args[0] == "read"))
        for what, calls in (("read", 3), ("write", 1)):
            dependency = Dependency(Transient())
            with pytest.raises(Transient):
                made.call(dependency, what)
            assert dependency.calls == calls


class TestWhen:
    @given(st.integers(1, 12), st.floats(0.001, 10), st.floats(0.001, 100), st.floats(0, 1, exclude_max=True))
    @settings(max_examples=80, deadline=None)
    def test_waits_are_full_jitter_and_never_above_the_cap(
        self, attempts: int, base: float, cap: float, luck: float
    ) -> None:
        clock = FakeClock()
        made = guard(
            Retry(attempts, idempotent=True, budget=None, base=base, cap=cap, jitter=lambda: luck), clock=clock
        )
        with pytest.raises(Transient):
            made.call(Dependency(Transient()))
        assert clock.slept == pytest.approx([luck * min(cap, base * 2**n) for n in range(attempts - 1)])
        assert all(wait <= cap for wait in clock.slept)

    def test_a_thousand_attempts_overflow_nothing(self) -> None:
        made, clock = again(1_500, jitter=lambda: 0.99)
        with pytest.raises(Transient):
            made.call(Dependency(Transient()))
        assert max(clock.slept) <= 5.0

    @pytest.mark.parametrize(
        "outcome",
        [Transient(retry_after=2.0), HTTPError(503, retry_after="2"), Response(429, retry_after="2"),
         HTTPError(503, retry_after=formatdate(1_700_000_002, usegmt=True))],
    )  # fmt: skip
    def test_it_waits_as_long_as_it_is_asked_to(self, outcome: Any) -> None:
        made, clock = again(jitter=lambda: 0.5)
        assert made.call(Dependency(outcome, "well")) == "well"
        assert clock.slept == pytest.approx([2.05])

    def test_asked_to_wait_longer_than_it_may_it_does_not_ask_earlier(self) -> None:
        made, clock = again(cap=5.0)
        dependency = Dependency(Transient(retry_after=60.0))
        with pytest.raises(Transient):
            made.call(dependency)
        assert (dependency.calls, clock.slept) == (1, [])

    @pytest.mark.parametrize("header", ["", "soon", "-3", "nan", "9" * 500, "Mon, 99 Foo 2020", "2\r\nx: y", "-inf"])
    def test_a_header_that_says_nothing_is_no_header(self, header: str) -> None:
        made, clock = again(jitter=lambda: 0.5)
        assert made.call(Dependency(HTTPError(503, retry_after=header), "well")) == "well"
        assert clock.slept == pytest.approx([0.05])

    def test_the_last_wait_ends_before_the_deadline(self) -> None:
        made, clock = again(50, deadline=3.0, base=1.0, cap=1.0, jitter=lambda: 0.9)
        with pytest.raises(Transient):
            made.call(Dependency(Transient()))
        assert clock.monotonic() - 1_000 < 3.0
        assert len(clock.slept) == 3

    def test_the_deadline_of_the_request_counts_too(self) -> None:
        made, clock = again(50, base=1.0, cap=1.0, jitter=lambda: 0.9)
        token = context.deadline.set(clock.monotonic() + 2.0)
        try:
            with pytest.raises(Transient):
                made.call(Dependency(Transient()))
        finally:
            context.deadline.reset(token)
        assert len(clock.slept) == 2

    async def test_a_thread_that_runs_a_loop_is_not_put_to_sleep(self) -> None:
        made, clock = again()
        dependency = Dependency(Transient())
        with pytest.raises(Transient):
            made.call(dependency)
        assert (dependency.calls, clock.slept) == (1, [])

    def test_a_service_that_has_retried_itself_is_believed(self) -> None:
        made, _ = again()
        dependency = Dependency(HTTPError(503, x_no_retry="1"))
        with pytest.raises(HTTPError):
            made.call(dependency)
        assert dependency.calls == 1

    async def test_a_task_cancelled_while_it_waits_ends(self) -> None:
        made = guard(Retry(3, idempotent=True, base=60, cap=60, jitter=lambda: 0.99), clock=FakeClock(auto=False))
        dependency = Dependency(Transient())

        @made
        async def ask() -> None:
            dependency()

        task = asyncio.create_task(ask())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert dependency.calls == 1


class TestBudget:
    def test_with_everything_down_retries_are_a_tenth_of_the_calls(self) -> None:
        clock = FakeClock()
        made = guard(Retry(4, idempotent=True, budget=0.1, base=1e-9, cap=1e-9), clock=clock)
        dependency = Dependency(Transient())
        for _ in range(6_000):
            clock.advance(0.01)
            with pytest.raises(Transient):
                made.call(dependency)
        floor = 0.5 * 60
        assert 6_000 * 1.08 <= dependency.calls <= 6_000 * 1.1 + floor + 30

    def test_who_calls_rarely_may_retry_all_the_same(self) -> None:
        clock = FakeClock()
        made = guard(Retry(3, idempotent=True), clock=clock)
        for _ in range(10):
            clock.advance(30)
            assert made.call(Dependency(Transient(), Transient(), "well")) == "well"

    def test_an_hour_of_calls_is_not_saved_up(self) -> None:
        clock = FakeClock()
        budget = RetryBudget(0.1, floor_per_second=0)
        budget.bind(clock)
        for _ in range(36_000):
            budget.calls += 1
        clock.advance(3_600)
        taken = 0
        while budget.take():
            taken += 1
        assert taken == 10  # a tenth of the hundred calls of ten seconds

    def test_a_burst_of_retries_is_paid_off_over_time(self) -> None:
        clock = FakeClock()
        budget = RetryBudget(0.0, floor_per_second=1.0)
        budget.bind(clock)
        assert sum(budget.take() for _ in range(100)) == 10
        assert budget.left() == 0
        clock.advance(25)
        assert budget.left() == 1
        assert budget.take()

    def test_the_window_before_still_counts(self) -> None:
        clock = FakeClock()
        budget = RetryBudget(0.0, floor_per_second=1.0)
        budget.bind(clock)
        clock.advance(9.0)
        assert sum(budget.take() for _ in range(100)) == 10
        clock.advance(2.0)  # a second into the next window: nine tenths of the ten
        assert sum(budget.take() for _ in range(100)) == 1

    def test_pipelines_can_share_one(self) -> None:
        clock = FakeClock()
        one = RetryBudget.shared("tests: the database", 0.0, floor_per_second=0.3)
        first, second = (
            guard(Retry(9, idempotent=True, budget=RetryBudget.shared("tests: the database", 0.0, floor_per_second=0.3),
                        base=1e-9, cap=1e-9), clock=clock)
            for _ in range(2)
        )  # fmt: skip
        dependency = Dependency(Transient())
        for made in (first, second):
            with pytest.raises(Transient):
                made.call(dependency)
        assert dependency.calls == 2 + 3
        with pytest.raises(ValueError, match="already"):
            RetryBudget.shared("tests: the database", 0.2)
        assert one.left() == 0

    @given(st.lists(st.tuples(st.floats(0, 8), st.integers(0, 30), st.integers(0, 8)), min_size=1, max_size=40))
    @settings(max_examples=100, deadline=None)
    def test_in_any_window_retries_are_at_most_twice_what_its_calls_allow(
        self, steps: list[tuple[float, int, int]]
    ) -> None:
        """Two windows, the earlier one weighed: as with every such counter, a window may see the end of two."""
        clock = FakeClock(start=0.0)
        budget = RetryBudget(0.2, floor_per_second=0.1)
        budget.bind(clock)
        calls: list[float] = []
        taken: list[float] = []
        for wait, fresh, asked in steps:
            clock.advance(wait)
            now = clock.monotonic()
            budget.calls += fresh
            calls += [now] * fresh
            taken += [now for _ in range(asked) if budget.take()]
            lately = sum(at > now - 10 for at in taken)
            assert lately <= 2 * (0.2 * sum(at > now - 20 for at in calls) + 0.1 * 10)

    def test_what_is_left_is_in_the_metrics(self, metrics: Any) -> None:
        made = guard(Retry(2, idempotent=True, budget=RetryBudget(0.0, floor_per_second=0.2)))
        assert metrics.value("sereno_retry_budget_ratio", pipeline=made.name) == 1.0
        with pytest.raises(Transient):
            made.call(Dependency(Transient()))
        assert metrics.value("sereno_retry_budget_ratio", pipeline=made.name) == pytest.approx(0.5)


class TestLayers:
    """Retries in every layer do not multiply."""

    def test_only_the_outermost_layer_repeats(self) -> None:
        clock = FakeClock()
        layers = [guard(Retry(3, idempotent=True, budget=None), clock=clock) for _ in range(3)]
        bottom = Dependency(Transient())
        with pytest.raises(Transient):
            layers[0].call(layers[1].call, layers[2].call, bottom)
        assert bottom.calls == 3

    async def test_in_tasks_too(self) -> None:
        clock = FakeClock()
        layers = [guard(Retry(3, idempotent=True, budget=None), clock=clock) for _ in range(3)]
        bottom = Dependency(Transient())

        async def ask() -> None:
            bottom()

        with pytest.raises(Transient):
            await layers[0].acall(layers[1].acall, layers[2].acall, ask)
        assert bottom.calls == 3

    def test_a_layer_that_may_not_repeat_leaves_it_to_the_one_within(self) -> None:
        outer, inner = guard(Retry(3, budget=None)), guard(Retry(3, idempotent=True, budget=None))
        bottom = Dependency(Transient())
        with pytest.raises(Transient):
            outer.call(inner.call, bottom)
        assert bottom.calls == 3

    async def test_what_goes_on_in_the_background_retries_by_itself_when_the_call_is_over(self) -> None:
        clock = FakeClock()
        outer, inner = (guard(Retry(3, idempotent=True, budget=None), clock=clock) for _ in range(2))
        bottom = Dependency(Transient())
        over = asyncio.Event()

        async def ask() -> None:
            bottom()

        async def later() -> None:
            await over.wait()
            await inner.acall(ask)

        async def request() -> asyncio.Task[None]:
            return asyncio.create_task(later())

        task = await outer.acall(request)
        over.set()
        with pytest.raises(Transient):
            await task
        assert bottom.calls == 3

    def test_what_is_decided_is_counted(self, metrics: Any) -> None:
        outer, inner = (guard(Retry(2, idempotent=True, budget=None)) for _ in range(2))
        with pytest.raises(Transient):
            outer.call(inner.call, Dependency(Transient()))

        def events(made: Pipeline, event: str) -> float | None:
            return metrics.value("sereno_pipeline_events_total", pipeline=made.name, policy="retry", event=event)

        assert (events(outer, "retried"), events(outer, "exhausted")) == (1, 1)
        assert events(inner, "left_to_outer") == 2
        assert outer.call(Dependency(Transient(), 7)) == 7
        assert events(outer, "recovered") == 1
