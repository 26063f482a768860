"""A breaker that opens when it should, asks exactly as often as it said, and never wedges."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.kit.guarded import Flight, HTTPError, Response, guard, metrics

from sereno_kit import context
from sereno_kit.clock import SYSTEM
from sereno_kit.errors import (
    BulkheadFull,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    DependencyError,
    InternalError,
    KitError,
    Transient,
)
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.timeout import Timeout
from sereno_kit.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


def fails(error: BaseException | None = None) -> None:
    raise error or Transient("down")


def fail(made: Pipeline, times: int = 1, error: BaseException | None = None) -> None:
    for _ in range(times):
        with pytest.raises(type(error or Transient())):
            made.call(fails, error)


def succeed(made: Pipeline, times: int = 1) -> None:
    for _ in range(times):
        assert made.call(lambda: 7) == 7


def opened(clock: FakeClock, **settings: object) -> tuple[Pipeline, CircuitBreaker]:
    """A pipeline whose breaker has just opened."""
    breaker = CircuitBreaker(**{"minimum": 4, "open_for": 10.0, "probes": 3, **settings})  # type: ignore[arg-type]
    made = guard(breaker, clock=clock)
    fail(made, 4)
    assert breaker.state == "open"
    return made, breaker


class TestOpening:
    def test_opens_at_its_ratio_once_there_are_enough_calls(self) -> None:
        breaker = CircuitBreaker(0.5, minimum=10)
        made = guard(breaker)
        succeed(made, 5)
        fail(made, 4)
        assert breaker.state == "closed"
        fail(made)
        assert breaker.state == "open"
        with pytest.raises(CircuitOpen):
            made.call(lambda: 7)

    def test_two_failures_in_five_open_it_by_twice_the_minimum(self) -> None:
        breaker = CircuitBreaker(0.3, minimum=20)
        made = guard(breaker)
        calls = 0
        while breaker.state == "closed":
            fail(made) if calls % 5 in (1, 3) else succeed(made)
            calls += 1
        assert calls <= 40

    def test_a_success_that_completes_the_minimum_opens_it_too(self) -> None:
        breaker = CircuitBreaker(0.5, minimum=4)
        made = guard(breaker)
        fail(made, 3)
        succeed(made)
        assert breaker.state == "open"

    def test_few_calls_conclude_nothing(self) -> None:
        breaker = CircuitBreaker(minimum=20)
        fail(guard(breaker), 19)
        assert breaker.state == "closed"

    def test_what_is_older_than_the_window_is_forgotten(self) -> None:
        clock = FakeClock()
        breaker = CircuitBreaker(minimum=4, window=10.0)
        made = guard(breaker, clock=clock)
        fail(made, 3)
        clock.advance(11)
        fail(made)
        assert breaker.state == "closed"
        assert breaker.view()["calls"] == 1

    def test_looking_at_it_changes_nothing(self) -> None:
        calls = []
        for look in (True, False):
            clock = FakeClock(start=0.0)
            breaker = CircuitBreaker(minimum=9, window=10.0)
            made = guard(breaker, clock=clock)
            if look:
                assert breaker.view()["calls"] == 0
            clock.advance(2.5)
            succeed(made)
            clock.advance(9.5)
            succeed(made)
            calls.append(breaker.view()["calls"])
        assert calls == [2, 2]

    def test_a_window_of_calls_forgets_the_oldest_call(self) -> None:
        breaker = CircuitBreaker(0.5, minimum=4, window_calls=4)
        made = guard(breaker)
        fail(made, 1)
        succeed(made, 3)
        fail(made, 1)  # the first failure has left
        assert breaker.state == "closed"
        fail(made, 1)
        assert breaker.state == "open"

    def test_slow_calls_open_it_though_they_succeed(self) -> None:
        clock = FakeClock()
        breaker = CircuitBreaker(minimum=4, slow_call=2.0, slow_ratio=0.75)
        made = guard(breaker, clock=clock)
        for seconds in (0.1, 2.0, 3.0, 9.0):
            made.call(clock.sleep, seconds)
        assert breaker.state == "open"

    @pytest.mark.parametrize(
        "error",
        [ClientError(), InternalError(), BulkheadFull(), ValueError(), KeyError(), HTTPError(404), HTTPError(401)],
    )
    def test_what_says_nothing_about_the_dependency_is_not_counted(self, error: Exception) -> None:
        breaker = CircuitBreaker(minimum=2)
        made = guard(breaker)
        fail(made, 10, error)
        assert breaker.state == "closed"
        assert breaker.view()["calls"] == 0

    @pytest.mark.parametrize(
        "error",
        [Transient(), DependencyError(), DeadlineExceeded(), HTTPError(503), HTTPError(429), HTTPError(501),
         ConnectionResetError(), TimeoutError()],
    )  # fmt: skip
    def test_what_the_dependency_did_is(self, error: Exception) -> None:
        breaker = CircuitBreaker(minimum=2)
        fail(guard(breaker), 2, error)
        assert breaker.state == "open"

    @pytest.mark.parametrize(
        ("status", "state"), [(500, "open"), (503, "open"), (429, "open"), (404, "closed"), (200, "closed")]
    )
    def test_a_response_counts_though_nobody_raised(self, status: int, state: str) -> None:
        breaker = CircuitBreaker(minimum=2)
        made = guard(breaker)
        for _ in range(2):
            assert made.call(lambda: Response(status)).status_code == status
        assert breaker.state == state

    def test_people_may_say_which_errors_and_results_count(self) -> None:
        class Declined(Exception):
            pass

        breaker = CircuitBreaker(0.5, minimum=2, failures=(Declined,), failed=lambda result: result is None)
        made = guard(breaker)
        fail(made, 1)  # Transient is not among them: neither failure nor success
        assert breaker.view()["calls"] == 0
        fail(made, 1, Declined())
        assert made.call(lambda: None) is None
        assert breaker.state == "open"

    def test_a_question_that_raises_breaks_nothing(self) -> None:
        breaker = CircuitBreaker(minimum=2, failed=lambda result: result["x"], failures=lambda error: 1 / 0 > 0)
        made = guard(breaker)
        succeed(made, 3)
        fail(made, 3)
        assert breaker.state == "closed"


class TestHalfOpen:
    def test_says_when_it_will_ask_again(self) -> None:
        clock = FakeClock()
        made, _ = opened(clock)
        clock.advance(4)
        with pytest.raises(CircuitOpen) as refused:
            made.call(lambda: 7)
        assert refused.value.retry_after == pytest.approx(6)

    def test_fifty_threads_are_admitted_exactly_as_often_as_there_are_probes(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=3)
        clock.advance(10)
        ready, asked = threading.Barrier(50), threading.Event()
        outcomes = []

        def probe() -> str:
            assert asked.wait(10)
            return "admitted"

        def caller() -> None:
            ready.wait(10)
            try:
                outcomes.append(made.call(probe))
            except CircuitOpen:
                outcomes.append("refused")
                if outcomes.count("refused") == 47:
                    asked.set()

        with ThreadPoolExecutor(50) as herd:
            for _ in range(50):
                herd.submit(caller)
        assert (outcomes.count("admitted"), outcomes.count("refused")) == (3, 47)
        assert breaker.state == "closed"

    async def test_fifty_tasks_too(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=3)
        clock.advance(10)
        asked = asyncio.Event()

        @made
        async def probe() -> str:
            await asked.wait()
            return "admitted"

        herd = [asyncio.create_task(probe()) for _ in range(50)]
        for _ in range(3):
            await asyncio.sleep(0)
        asked.set()
        outcomes = await asyncio.gather(*herd, return_exceptions=True)
        assert outcomes.count("admitted") == 3
        assert sum(isinstance(o, CircuitOpen) for o in outcomes) == 47
        assert breaker.state == "closed"

    def test_threads_and_tasks_share_the_probes(self) -> None:
        clock = FakeClock()
        made, _ = opened(clock, probes=2)
        clock.advance(10)
        task = Flight(made)
        succeed(made)
        with pytest.raises(CircuitOpen):
            Flight(made)
        task.returns()

    def test_probes_that_fail_open_it_again_and_longer_each_time(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1, open_growth=2.0, open_for_max=30.0)
        for seconds in (10, 20, 30, 30):
            clock.advance(seconds - 1)
            with pytest.raises(CircuitOpen):
                made.call(lambda: 7)
            clock.advance(1)
            fail(made)
            assert breaker.state == "open"
        clock.advance(30)
        succeed(made)
        assert breaker.state == "closed"
        fail(made, 4)
        assert breaker.view()["open_seconds_left"] == pytest.approx(10)

    def test_a_result_from_before_the_opening_closes_nothing_and_opens_nothing(self) -> None:
        clock = FakeClock()
        breaker = CircuitBreaker(minimum=2, open_for=10.0, probes=1)
        made = guard(breaker, clock=clock)
        early = [Flight(made) for _ in range(3)]
        fail(made, 2)
        early[0].returns()
        assert breaker.state == "open"
        clock.advance(10)
        probe = Flight(made)
        early[1].returns()
        assert breaker.state == "half_open"
        probe.returns()
        assert breaker.state == "closed"
        early[2].raises(Transient())
        assert breaker.view()["calls"] == 0

    @pytest.mark.parametrize("error", [ValueError(), ClientError(), asyncio.CancelledError(), KeyboardInterrupt()])
    def test_a_probe_that_says_nothing_gives_its_place_to_another(self, error: BaseException) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1)
        clock.advance(10)
        for _ in range(5):
            probe = Flight(made)
            with pytest.raises(CircuitOpen):
                Flight(made)
            probe.raises(error)
            assert breaker.state == "half_open"
        succeed(made)
        assert breaker.state == "closed"

    def test_probes_that_never_come_back_count_as_failed(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1, half_open_max=60.0)
        clock.advance(10)
        lost = Flight(made)
        clock.advance(60)
        with pytest.raises(CircuitOpen):
            made.call(lambda: 7)
        assert breaker.state == "open"
        clock.advance(10)
        succeed(made)
        lost.raises(Transient())
        assert breaker.state == "closed"

    def test_where_calls_are_rare_it_closes_all_the_same(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=3, half_open_max=60.0)
        for _ in range(3):
            clock.advance(3600)
            succeed(made)
        assert breaker.state == "closed"

    def test_where_probes_say_nothing_it_goes_on_asking(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1, half_open_max=60.0)
        for _ in range(10):
            clock.advance(50)
            fail(made, error=ClientError())
        assert breaker.state == "half_open"
        succeed(made)
        assert breaker.state == "closed"

    def test_slow_probes_open_it_again(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1, slow_call=1.0)
        clock.advance(10)
        made.call(clock.sleep, 2.0)
        assert breaker.state == "open"


class TestCancelled:
    async def test_whoever_hangs_up_says_nothing(self) -> None:
        breaker = CircuitBreaker(minimum=1)
        made = guard(breaker, clock=SYSTEM)
        task = asyncio.create_task(made.acall(asyncio.sleep, 60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert breaker.view()["calls"] == 0

    async def test_a_total_time_out_around_it_is_the_dependencys_slowness(self) -> None:
        breaker = CircuitBreaker(minimum=2)
        made = guard(Timeout(0.02), breaker, clock=SYSTEM)
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                await made.acall(asyncio.sleep, 60)
        assert breaker.state == "open"

    def test_a_deadline_that_had_passed_before_is_not(self) -> None:
        breaker = CircuitBreaker(minimum=1)
        clock = FakeClock()
        made = guard(breaker, Timeout(1.0), clock=clock)
        token = context.deadline.set(clock.monotonic() - 1)
        try:
            with pytest.raises(DeadlineExceeded):
                made.call(lambda: 7)
        finally:
            context.deadline.reset(token)
        assert breaker.view()["calls"] == 0


class TestPeople:
    def test_force_it_open_and_it_stays(self) -> None:
        clock = FakeClock()
        breaker = CircuitBreaker()
        made = guard(breaker, clock=clock)
        breaker.command("isolate")
        clock.advance(10_000)
        with pytest.raises(CircuitOpen):
            made.call(lambda: 7)
        assert breaker.state == "forced_open"
        breaker.command("reset")
        succeed(made)

    def test_force_it_closed_and_failures_do_not_matter(self) -> None:
        breaker = CircuitBreaker(minimum=2)
        made = guard(breaker)
        breaker.command("force_closed")
        fail(made, 50)
        assert breaker.state == "forced_closed"
        breaker.command("reset")
        fail(made, 2)
        assert breaker.state == "open"

    def test_a_probe_under_way_does_not_undo_what_an_operator_did(self) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1)
        clock.advance(10)
        probe = Flight(made)
        breaker.force_open()
        probe.returns()
        assert breaker.state == "forced_open"

    def test_unknown_commands_are_refused(self) -> None:
        with pytest.raises(ValueError, match="force_open"):
            CircuitBreaker().command("explode")

    def test_the_state_is_in_the_metrics(self, metrics: object) -> None:
        clock = FakeClock()
        made, breaker = opened(clock, probes=1)

        def state() -> set[str]:
            said = {
                s: metrics.value("sereno_circuit_state", pipeline=made.name, state=s)
                for s in ("closed", "open", "half_open")
            }  # type: ignore[attr-defined]
            assert set(said.values()) <= {0.0, 1.0}
            return {s for s, value in said.items() if value == 1.0}

        assert state() == {"open"}
        clock.advance(10)
        probe = Flight(made)
        assert state() == {"half_open"}
        probe.returns()
        assert state() == {"closed"}
        assert breaker.state == "closed"

    def test_the_error_can_be_answered_with(self) -> None:
        made, _ = opened(FakeClock())
        with pytest.raises(KitError) as refused:
            made.call(lambda: 7)
        assert refused.value.status == 503

    @pytest.mark.parametrize(
        "wrong",
        [{"failure_ratio": 0}, {"failure_ratio": 1.5}, {"slow_ratio": 0}, {"minimum": 0}, {"probes": 0}, {"window": 0},
         {"open_for": -1}, {"slow_call": 0}, {"open_growth": 0.5}, {"window_calls": 5, "minimum": 10},
         {"open_for": float("inf")}, {"half_open_max": float("nan")}],
    )  # fmt: skip
    def test_settings_that_cannot_be_meant_are_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="CircuitBreaker"):
            CircuitBreaker(**wrong)  # type: ignore[arg-type]
