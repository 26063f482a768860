"""The breaker beside a model that is too simple to be wrong, under whatever happens; its windows beside lists."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry
from tests.kit.guarded import Flight, guard

from sereno_kit.errors import CircuitOpen, Transient
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience import registry as pipelines
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.window import CountWindow, TimeWindow
from sereno_kit.testing.clock import FakeClock

MINIMUM, PROBES, OPEN_FOR, HALF_OPEN_MAX, SLOW, WINDOW = 4, 3, 8.0, 32.0, 2.0, 10.0


class Breaker(RuleBasedStateMachine):
    """Calls begin, take time, end well or badly or say nothing; operators interfere."""

    def __init__(self) -> None:
        super().__init__()
        self.use = use(Registry(CollectorRegistry()))
        self.clock = FakeClock(start=0.0)
        self.breaker = CircuitBreaker(
            0.5, minimum=MINIMUM, window=WINDOW, slow_call=SLOW, slow_ratio=1.0, open_for=OPEN_FOR, probes=PROBES,
            half_open_max=HALF_OPEN_MAX,
        )  # fmt: skip
        self.made = guard(self.breaker, clock=self.clock)
        self.flights: list[tuple[Flight, int, float]] = []
        # The model: what state, since which change, and what it has seen.
        self.state, self.era = "closed", 0
        self.ended: list[tuple[float, bool, bool]] = []
        self.first: float | None = None
        self.until = 0.0
        self.permits = 0

    def teardown(self) -> None:
        for flight, _, _ in self.flights:
            flight.raises(ValueError())
        pipelines.forget(self.made.name)
        self.use.__exit__()

    def turn(self, state: str, **more: Any) -> None:
        self.state, self.era = state, self.era + 1
        self.ended, self.first = [], None
        self.until = more.get("until", 0.0)
        self.permits = PROBES if state == "half_open" else 0

    def admits(self, now: float) -> bool:
        if self.state == "open" and now >= self.until:
            self.turn("half_open", until=now + HALF_OPEN_MAX)
        elif self.state == "half_open" and now >= self.until and self.permits + len(self.ended) < PROBES:
            self.turn("open", until=now + OPEN_FOR)
        if self.state == "half_open" and self.permits:
            self.permits -= 1
            self.until = now + HALF_OPEN_MAX
            return True
        return self.state in ("closed", "forced_closed")

    def recent(self, now: float) -> list[tuple[float, bool, bool]]:
        """By buckets of a tenth of the window, counted from the first call."""
        width = WINDOW / 10
        here = (now - (self.first or 0.0)) // width
        return [e for e in self.ended if here - (e[0] - (self.first or 0.0)) // width < 10]

    def over(self, era: int, begun: float, bad: bool | None) -> None:
        now = self.clock.monotonic()
        if era != self.era or self.state not in ("closed", "half_open"):
            return
        slow = now - begun >= SLOW
        if bad is None:
            self.permits += self.state == "half_open"
            return
        if self.state == "closed":
            self.first = now if self.first is None else self.first
        self.ended.append((now, bad, slow))
        seen, of = (self.recent(now), None) if self.state == "closed" else (self.ended, PROBES)
        if of is None and len(seen) < MINIMUM:
            return
        of = of or len(seen)
        if sum(e[1] for e in seen) >= 0.5 * of or sum(e[2] for e in seen) >= of:
            self.turn("open", until=now + OPEN_FOR)
        elif self.state == "half_open" and len(self.ended) == PROBES:
            self.turn("closed")

    @rule()
    def begin(self) -> None:
        expected = self.admits(self.clock.monotonic())
        try:
            flight = Flight(self.made)
        except CircuitOpen:
            assert not expected
        else:
            assert expected
            self.flights.append((flight, self.era, self.clock.monotonic()))

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), how=st.sampled_from(["well", "badly", "badly", "saying nothing"]))
    def end(self, data: st.DataObject, how: str) -> None:
        flight, era, begun = self.flights.pop(data.draw(st.integers(0, len(self.flights) - 1)))
        if how == "well":
            flight.returns()
        else:
            flight.raises(Transient() if how == "badly" else ValueError())
        self.over(era, begun, {"well": False, "badly": True}.get(how))

    @rule(quarters=st.integers(1, 48))
    def time_passes(self, quarters: int) -> None:
        self.clock.advance(quarters / 4)

    @rule(command=st.sampled_from(["force_open", "force_closed", "reset", "reset", "reset"]))
    def an_operator(self, command: str) -> None:
        self.breaker.command(command)
        self.turn({"force_open": "forced_open", "force_closed": "forced_closed", "reset": "closed"}[command])

    @invariant()
    def they_agree(self) -> None:
        assert self.breaker.state == self.state
        view = self.breaker.view()
        if self.state == "half_open":
            assert view["probes_left"] == self.permits


Breaker.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestBreaker = Breaker.TestCase

_calls = st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=60)


@given(_calls)
@settings(deadline=None)
def test_a_window_of_time_counts_what_its_ten_buckets_hold(calls: list[tuple[int, bool, bool]]) -> None:
    window, now, seen = TimeWindow(10.0), 100.0, []
    for quarters, failed, slow in calls:
        now += quarters / 4
        window.add(now, failed, slow)
        seen.append((now, failed, slow))
        here = (now - seen[0][0]) // 1
        recent = [e for e in seen if here - (e[0] - seen[0][0]) // 1 < 10]
        assert (window.calls, window.failures, window.slow) == (
            len(recent), sum(e[1] for e in recent), sum(e[2] for e in recent),
        )  # fmt: skip


@given(_calls, st.integers(1, 12))
@settings(deadline=None)
def test_a_window_of_calls_counts_the_last_ones(calls: list[tuple[int, bool, bool]], size: int) -> None:
    window = CountWindow(size)
    for at, (_, failed, slow) in enumerate(calls):
        window.add(0.0, failed, slow)
        recent = calls[max(0, at + 1 - size) : at + 1]
        assert (window.calls, window.failures, window.slow) == (
            len(recent), sum(e[1] for e in recent), sum(e[2] for e in recent),
        )  # fmt: skip
