"""Limits in this process: the arithmetic beside exact models, floods of keys, threads."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_kit.limits import MemoryLimiter, Rule, SlidingWindow, TokenBucket
from sereno_kit.testing.clock import FakeClock

RATES = [Fraction(1, 8), Fraction(1), Fraction(5, 2), Fraction(16), Fraction(512)]
STEPS = st.lists(st.tuples(st.integers(0, 64), st.integers(1, 3)), max_size=60)
"""Sixteenths of a second that pass, then how many are taken: floats hold all of these exactly."""


class ExactBucket:
    """A bucket of tokens, refilled continuously, in fractions."""

    def __init__(self, rate: Fraction, burst: int) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, Fraction(burst), Fraction(burst), Fraction(0)

    def take(self, now: Fraction, cost: int) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


class ExactWindow:
    """Two counters of a sliding window, in fractions."""

    def __init__(self, limit: int, window: Fraction) -> None:
        self.limit, self.window, self.taken = limit, window, dict[int, int]()

    def take(self, now: Fraction, cost: int) -> bool:
        number = now // self.window
        faded = self.taken.get(number - 1, 0) * (1 - (now / self.window - number))
        if faded + self.taken.get(number, 0) + cost > self.limit:
            return False
        self.taken[number] = self.taken.get(number, 0) + cost
        return True


@given(rate=st.sampled_from(RATES), burst=st.integers(3, 20), steps=STEPS)
def test_the_token_bucket_admits_exactly_what_a_bucket_of_tokens_admits(
    rate: Fraction, burst: int, steps: list[tuple[int, int]]
) -> None:
    exact, clock = ExactBucket(rate, burst), FakeClock(start=0)
    limiter = MemoryLimiter(TokenBucket(float(rate), burst), clock=clock)
    now = Fraction(0)
    for sixteenths, cost in steps:
        now += Fraction(sixteenths, 16)
        clock.advance(sixteenths / 16)
        assert (limiter.take("ana", cost) == 0) == exact.take(now, cost)


@given(limit=st.integers(3, 20), window=st.sampled_from([Fraction(1, 2), Fraction(4), Fraction(64)]), steps=STEPS)
def test_the_sliding_window_admits_exactly_what_its_two_counters_say(
    limit: int, window: Fraction, steps: list[tuple[int, int]]
) -> None:
    exact, clock = ExactWindow(limit, window), FakeClock(start=0)
    limiter = MemoryLimiter(SlidingWindow(limit, float(window)), clock=clock)
    now = Fraction(0)
    for sixteenths, cost in steps:
        now += Fraction(sixteenths, 16)
        clock.advance(sixteenths / 16)
        assert (limiter.take("ana", cost) == 0) == exact.take(now, cost)


RULES = st.one_of(
    st.builds(TokenBucket, st.floats(0.01, 5_000), st.integers(1, 50)),
    st.builds(SlidingWindow, st.integers(1, 50), st.floats(0.01, 5_000)),
)


PAUSES = st.lists(st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 60)), min_size=1, max_size=80)
"""In calls that the quota gives in that time."""


@given(rule=RULES, waits=PAUSES, start=st.floats(0, 1e7))
def test_whoever_waits_as_long_as_told_passes_and_whoever_waits_less_does_not(
    rule: Rule, waits: list[float], start: float
) -> None:
    clock = FakeClock(start=start)
    limiter = MemoryLimiter(rule, clock=clock)
    for wait in waits:
        clock.advance(wait * rule.window_seconds / rule.quota)
        decision = limiter.hit("ana")
        if decision.allowed:
            assert decision.retry_after == 0
            assert 0 <= decision.remaining < rule.quota
            assert 0 < decision.reset_seconds <= 2 * rule.window_seconds * (1 + 1e-9) + 1e-6
            continue
        early = decision.retry_after * 0.99
        one_call = rule.window_seconds / rule.quota
        if decision.retry_after - early > 1e-3 * one_call and early > 1e-6:
            clock.advance(early)
            assert not limiter.hit("ana").allowed
            clock.advance(decision.retry_after - early)
        else:
            clock.advance(decision.retry_after)
        assert limiter.hit("ana").allowed


@pytest.mark.parametrize(
    ("hits", "now", "retry_after", "remaining", "reset"),
    [
        ([0] * 10, 0, 11, 0, 20),  # All of this window's must fade by one in the next.
        ([0] * 10, 5, 6, 0, 15),
        ([0] * 10, 12, 0, 1, 18),  # Eight of ten are still in sight; one more is taken.
        ([0] * 10 + [12, 12], 12, 1, 0, 18),  # The one before fades on: in a second there is room for one.
        ([0] * 10 + [12, 12], 15, 0, 2, 15),
        ([0] * 10, 20, 0, 9, 20),  # Two windows later everything is forgotten.
    ],
)
def test_a_sliding_window_of_ten_in_ten_seconds(
    hits: list[float], now: float, retry_after: float, remaining: int, reset: float
) -> None:
    clock = FakeClock(start=0)
    limiter = MemoryLimiter(SlidingWindow(10, 10), clock=clock)
    for at in hits:
        clock.advance(at - clock.monotonic())
        assert limiter.take("ana") == 0
    clock.advance(now - clock.monotonic())
    decision = limiter.hit("ana")
    expected = (retry_after == 0, 10, remaining, reset, retry_after)
    assert tuple(decision) == pytest.approx(expected)


@given(rule=RULES, pauses=st.lists(st.floats(0, 0.3), min_size=10, max_size=120))
def test_no_window_lets_more_pass_than_the_rule_can_explain(rule: Rule, pauses: list[float]) -> None:
    """Of a bucket: the burst and what flowed in. Of a sliding window: less than twice the limit."""
    clock, times = FakeClock(start=0), list[float]()
    limiter = MemoryLimiter(rule, clock=clock)
    for pause in pauses:
        clock.advance(pause * rule.window_seconds)
        if limiter.take("ana") == 0:
            times.append(clock.monotonic())
    for index, begin in enumerate(times):
        for last in range(index, len(times)):
            span = times[last] - begin
            count = last - index + 1
            if isinstance(rule, TokenBucket):
                assert count <= rule.burst + span * rule.rate + 1e-3
            elif span < rule.window_seconds:
                assert count < 2 * rule.quota + 1


def test_what_remains_is_told_and_what_was_not_needed_is_given_back() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(TokenBucket(rate=2, burst=3), clock=clock)
    assert limiter.hit("ana")[:3] == (True, 3, 2)
    assert limiter.hit("ana").remaining == 1
    limiter.give_back("ana")
    assert limiter.hit("ana").remaining == 1
    assert limiter.hit("ana") == (True, 3, 0, pytest.approx(1.5), 0.0)
    refused = limiter.hit("ana")
    assert refused == (False, 3, 0, pytest.approx(1.5), pytest.approx(0.5))
    assert limiter.hit("bo").allowed, "each key has a quota of its own"


def test_more_than_the_quota_at_once_never_passes() -> None:
    clock = FakeClock()
    assert MemoryLimiter(TokenBucket(1, 5), clock=clock).take("ana", 6) == math.inf
    assert MemoryLimiter(SlidingWindow(5, 1), clock=clock).take("ana", 6) == math.inf


def test_who_has_patience_is_given_turns_one_after_the_other() -> None:
    limiter = MemoryLimiter(TokenBucket(rate=10, burst=1), clock=FakeClock())
    turns = [limiter.take("ana", patience=0.35) for _ in range(6)]
    assert turns[:4] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert turns[4:] == pytest.approx([0.4, 0.4]), "beyond their patience nothing is taken"


def test_a_wall_clock_that_jumps_changes_nothing() -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(TokenBucket(rate=1, burst=1), clock=clock)
    assert limiter.take("ana") == 0
    clock.set_now(0)
    assert limiter.take("ana") == pytest.approx(1)
    clock.set_now(4e9)
    assert limiter.take("ana") == pytest.approx(1)


@pytest.mark.parametrize("rule", [TokenBucket(rate=1 / 60, burst=5), SlidingWindow(5, 300)])
def test_a_flood_of_keys_stays_in_bounds_and_wins_nobody_their_quota_back(rule: Rule) -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(rule, keys_max=500, clock=clock)
    assert [limiter.take("mallory") == 0 for _ in range(6)] == [True] * 5 + [False]
    for number in range(20_000):
        limiter.take(f"flood-{number}")
    assert len(limiter) == 500
    assert len(limiter._slots) == 500
    assert limiter.take("mallory") > 0


@pytest.mark.parametrize("rule", [TokenBucket(rate=1 / 60, burst=5), SlidingWindow(5, 300)])
def test_after_a_flood_newcomers_still_have_nearly_their_quota(rule: Rule) -> None:
    clock = FakeClock()
    limiter = MemoryLimiter(rule, keys_max=500, clock=clock)
    for number in range(20_000):
        limiter.take(f"flood-{number}")
    passed = [sum(limiter.take(f"newcomer-{number}") == 0 for _ in range(5)) for number in range(100)]
    assert min(passed) >= 4, "a slot keeps the worst of its keys, one call, not their sum"
    clock.advance(601)
    assert all(limiter.take(f"later-{number}", 5) == 0 for number in range(100)), "slots heal as buckets do"


@pytest.mark.parametrize("key", ["x" * 10_240, "\0\r\n", "\udcff", "ключ", "", "#" + "0" * 32])
def test_whatever_a_key_holds_it_is_a_key_like_others(key: str) -> None:
    limiter = MemoryLimiter(TokenBucket(rate=1, burst=2), clock=FakeClock())
    assert [limiter.take(key) == 0 for _ in range(3)] == [True, True, False]
    assert all(len(kept) <= 64 for kept in limiter._table)
    assert limiter.take(key + "?") == 0


def test_long_keys_that_differ_only_at_their_end_are_kept_apart() -> None:
    limiter = MemoryLimiter(TokenBucket(rate=1, burst=1), clock=FakeClock())
    assert [limiter.take("x" * 5_000 + end) for end in "ab"] == [0, 0]


@pytest.mark.parametrize("rule", [TokenBucket(rate=1, burst=500), SlidingWindow(500, 60)])
def test_threads_together_get_the_quota_and_not_one_more(rule: Rule) -> None:
    limiter = MemoryLimiter(rule, clock=FakeClock())
    barrier, passed, interval = Barrier(8), list[int](), sys.getswitchinterval()

    def ask() -> None:
        barrier.wait()
        passed.append(sum(limiter.take("ana") == 0 for _ in range(200)))

    threads = [Thread(target=ask) for _ in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sum(passed) == 500


@pytest.mark.parametrize(
    "make",
    [
        lambda: TokenBucket(0),
        lambda: TokenBucket(math.inf),
        lambda: TokenBucket(math.nan),
        lambda: TokenBucket(1, -1),
        lambda: SlidingWindow(0, 1),
        lambda: SlidingWindow(1, 0),
        lambda: MemoryLimiter(TokenBucket(1), keys_max=0),
    ],
)
def test_limits_that_limit_nothing_or_everything_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        make()  # type: ignore[operator]


def test_a_burst_that_is_not_given_is_a_seconds_worth() -> None:
    assert [TokenBucket(rate).burst for rate in (0.1, 1, 2.5, 100)] == [1, 1, 3, 100]


def test_a_process_share_of_a_limit_is_a_part_of_it_and_never_nothing() -> None:
    assert TokenBucket(10, 20).shared(4) == TokenBucket(2.5, 5)
    assert TokenBucket(1, 2).shared(4).burst == 1
    assert SlidingWindow(10, 60).shared(4) == SlidingWindow(2, 60)
    assert SlidingWindow(1, 60).shared(4).limit == 1
