"""One limit over many processes, counted by a real Redis; and what happens when it is away."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from random import Random
from threading import Thread
from typing import Any

import pytest
import redis
from prometheus_client import CollectorRegistry
from tests.peers.redis_peer import RedisPeer, running_redis

from sereno_kit.errors import RateLimited
from sereno_kit.limits import MemoryLimiter, RedisStore, Rule, SlidingWindow, TokenBucket
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.testing.clock import FakeClock


@pytest.fixture(scope="module")
def server() -> Iterator[RedisPeer]:
    with running_redis() as peer:
        yield peer


@pytest.fixture
def peer(server: RedisPeer) -> Iterator[RedisPeer]:
    """The server, empty, and back for the next test."""
    redis.Redis(port=server.port).flushall()
    redis.Redis(port=server.port).script_flush()
    yield server
    server.kill()
    server.start()


@pytest.fixture
def store(server: RedisPeer) -> Iterator[RedisStore]:
    redis.Redis(port=server.port).flushall()
    made = RedisStore(server.url, timeout_seconds=2.0)
    yield made
    made.close()


RULES = [TokenBucket(rate=0.001, burst=7), SlidingWindow(7, 5_000)]

ASK = """
import asyncio, sys
from sereno_kit.limits import RedisStore, SlidingWindow, TokenBucket
store = RedisStore(sys.argv[1], timeout_seconds=5.0)
limiter = store.limiter("orders", eval(sys.argv[2]))
async def ask():
    return sum([await limiter.atake("ana") == 0 for _ in range(40)])
print(sum(limiter.take("ana") == 0 for _ in range(40)) + asyncio.run(ask()))
"""


@pytest.mark.parametrize("rule", [TokenBucket(rate=0.001, burst=50), SlidingWindow(50, 5_000)])
def test_one_limit_holds_over_processes_that_ask_at_once_by_threads_and_by_tasks(
    server: RedisPeer, store: RedisStore, rule: Rule
) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", ASK, server.url, repr(rule)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    passed = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(passed) == 50


@pytest.mark.parametrize("rule", RULES)
def test_redis_says_what_memory_says(store: RedisStore, rule: Rule) -> None:
    there, here = store.limiter("orders", rule), MemoryLimiter(rule, clock=FakeClock(start=0))
    for cost in (1, 2, 3, 2, 1, 1):
        told, expected = there.hit("ana", cost), here.hit("ana", cost)
        assert told[:3] == expected[:3]
        if rule.kind == "token_bucket":
            assert told.reset_seconds == pytest.approx(expected.reset_seconds, rel=0.01)
            assert told.retry_after == pytest.approx(expected.retry_after, rel=0.01)
    assert there.take("ana", rule.quota + 1) == float("inf")
    there.give_back("ana", 3)
    assert there.take("ana", 3) == 0


def test_a_bucket_in_redis_fills_at_its_rate_and_tells_how_long_that_takes(store: RedisStore) -> None:
    limiter = store.limiter("orders", TokenBucket(rate=20, burst=2))
    assert [limiter.take("ana") for _ in range(2)] == [0, 0]
    wait = limiter.take("ana")
    assert 0 < wait <= 0.05
    time.sleep(wait)
    assert limiter.take("ana") == 0
    turns = [limiter.take("ana", patience=0.16) for _ in range(5)]
    assert turns[0] < turns[1] < turns[2] <= 0.16
    assert turns[4] > 0.16, "beyond their patience nothing is taken"


def test_a_window_in_redis_slides(store: RedisStore) -> None:
    limiter = store.limiter("orders", SlidingWindow(3, 0.2))
    passed = refused = 0
    begun = time.monotonic()
    while time.monotonic() - begun < 1.0:
        wait = limiter.take("ana")
        passed += wait == 0
        refused += wait > 0
        assert 0 <= wait <= 0.4
        time.sleep(0.005)
    assert 3 <= passed <= 3 * 6
    assert refused > 0


def test_what_redis_keeps_ends_by_itself_and_holds_no_hostile_text(server: RedisPeer, store: RedisStore) -> None:
    for rule in (TokenBucket(rate=10, burst=5), SlidingWindow(5, 1)):
        limiter = store.limiter(rule.kind, rule)
        for key in ("ana", "x" * 10_240, "\r\nFLUSHALL\r\n", "\udcff\0", "{a}{b}", "clé"):
            assert limiter.take(key) == 0
    client = redis.Redis(port=server.port)
    keys = [key.decode() for key in client.keys("*")]
    assert len(keys) == 12
    assert all(key.startswith("sereno:limit:") and len(key) < 100 and key.isprintable() for key in keys)
    assert all(0 < client.pttl(key) <= 3_000 for key in keys)


def test_scripts_that_redis_forgot_are_told_again(server: RedisPeer, store: RedisStore) -> None:
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=2))
    assert limiter.take("ana") == 0
    redis.Redis(port=server.port).script_flush()
    assert limiter.take("ana") == 0
    assert limiter.take("ana") > 0


def test_a_decision_is_one_question(server: RedisPeer, store: RedisStore) -> None:
    limiter = store.limiter("orders", TokenBucket(rate=1_000, burst=1_000))
    limiter.take("ana")
    client = redis.Redis(port=server.port)
    before = client.info("commandstats")
    for _ in range(20):
        limiter.take("ana")
    after = client.info("commandstats")
    assert after["cmdstat_evalsha"]["calls"] - before["cmdstat_evalsha"]["calls"] == 20
    assert after.get("cmdstat_eval", {}).get("calls", 0) == before.get("cmdstat_eval", {}).get("calls", 0)


def test_while_redis_is_away_each_process_counts_for_itself_and_people_are_told(
    peer: RedisPeer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    store = RedisStore(peer.url, timeout_seconds=0.5, processes=2)
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=8), clock)
    assert limiter.take("ana") == 0
    peer.kill()
    with caplog.at_level(logging.WARNING, "sereno_kit.limits"):
        assert [limiter.take("ana") == 0 for _ in range(5)] == [True] * 4 + [False], "half of the limit is ours"
        assert limiter.hit("bo").allowed
        peer.start()
        assert limiter.hit("bo").allowed, "Redis is left alone for a second"
        assert redis.Redis(port=peer.port).dbsize() == 0
        clock.advance(1.5)
        assert limiter.take("ana") == 0
    assert redis.Redis(port=peer.port).dbsize() == 1
    assert [record.getMessage() for record in caplog.records] == ["rate limit store away", "rate limit store back"]
    store.close()


def test_a_redis_that_hangs_costs_one_timeout_a_second_not_one_a_call(peer: RedisPeer) -> None:
    store = RedisStore(peer.url, timeout_seconds=0.2, retry_seconds=30)
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=3))
    assert limiter.take("ana") == 0
    peer.hang()
    begun = time.monotonic()
    assert [limiter.take("ana") == 0 for _ in range(4)] == [True, True, True, False]
    for number in range(200):
        limiter.take(f"key-{number}")
    assert time.monotonic() - begun < 1.5
    store.close()


async def test_tasks_do_not_wait_for_a_redis_that_hangs(peer: RedisPeer) -> None:
    store = RedisStore(peer.url, timeout_seconds=0.2, retry_seconds=30)
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=3))
    assert await limiter.atake("ana") == 0
    peer.hang()
    begun = time.monotonic()
    passed = await asyncio.gather(*(limiter.atake("ana") for _ in range(30)))
    assert sum(wait == 0 for wait in passed) == 3
    assert time.monotonic() - begun < 2.5
    peer.go_on()
    await store.aclose()


@pytest.mark.parametrize(("away", "allowed"), [("allow", True), ("refuse", False)])
def test_what_was_chosen_for_when_redis_is_away_happens(peer: RedisPeer, away: str, allowed: bool) -> None:
    store = RedisStore(peer.url, timeout_seconds=0.2, away=away, retry_seconds=30)  # type: ignore[arg-type]
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=1))
    peer.kill()
    assert [limiter.hit("ana").allowed for _ in range(3)] == [allowed] * 3
    assert [limiter.take("ana", patience=60.0) <= 60.0 for _ in range(3)] == [allowed] * 3
    assert (limiter.hit("ana").retry_after > 0) is not allowed
    store.close()


def test_a_redis_whose_clock_is_set_back_does_not_refuse_until_it_catches_up(
    server: RedisPeer, store: RedisStore
) -> None:
    client = redis.Redis(port=server.port)
    for rule in (TokenBucket(rate=10, burst=2), SlidingWindow(2, 0.2)):
        limiter = store.limiter(rule.kind, rule)
        while limiter.take("ana") == 0:
            pass
        key = client.keys(f"sereno:limit:{rule.kind}:*")[0]
        if rule.kind == "token_bucket":
            client.hset(key, "at", str(float(client.hget(key, "at")) + 3_600e6))
        else:
            client.hset(key, "window", str(int(client.hget(key, "window")) + 18_000))
        limiter.take("ana")
        time.sleep(0.5)
        assert limiter.take("ana") == 0


def test_threads_may_share_a_store(store: RedisStore) -> None:
    limiter, passed = store.limiter("orders", TokenBucket(rate=0.001, burst=30)), list[int]()

    def ask() -> None:
        passed.append(sum(limiter.take("ana") == 0 for _ in range(20)))

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 30


def test_each_event_loop_has_connections_of_its_own(store: RedisStore) -> None:
    limiter = store.limiter("orders", TokenBucket(rate=0.001, burst=4))

    async def ask() -> float:
        try:
            return await limiter.atake("ana")
        finally:
            await store.aclose()

    assert [asyncio.run(ask()) for _ in range(3)] == [0, 0, 0]


def test_a_random_story_told_to_redis_and_to_memory_is_the_same(store: RedisStore) -> None:
    """Time stands still for memory, and nearly so for Redis: the rates are that slow."""
    random = Random(20261121)
    for rule in (TokenBucket(rate=1e-6, burst=12), SlidingWindow(12, 1e7)):
        there, here = store.limiter(rule.kind, rule), MemoryLimiter(rule, clock=FakeClock(start=0))
        for _ in range(150):
            key, cost = f"key-{random.randrange(4)}", random.randrange(1, 4)
            if random.random() < 0.2:
                there.give_back(key, cost)
                here.give_back(key, cost)
                # More than was taken is never given back: neither of them lets a quota grow.
            assert there.hit(key, cost)[:3] == here.hit(key, cost)[:3], rule


async def test_a_pipeline_s_limit_is_shared_under_the_pipeline_s_name(server: RedisPeer, store: RedisStore) -> None:
    with use(Registry(CollectorRegistry())):
        limits = [RateLimit.token_bucket(rate=0.001, burst=3, store=store, wait=wait) for wait in (0.0, 0.01)]
        for limit in limits:
            Pipeline("payments", (limit,)).bind()

        async def inner(function: Any, args: Any, kwargs: Any) -> str:
            return "paid"

        by_thread, by_task = limits[0].sync(lambda *_: "paid"), limits[1].asynchronous(inner)
        assert [by_thread(print, (), {}), await by_task(print, (), {}), by_thread(print, (), {})] == ["paid"] * 3
        with pytest.raises(RateLimited):
            by_thread(print, (), {})
        with pytest.raises(RateLimited):
            await by_task(print, (), {})
    assert redis.Redis(port=server.port).keys("*") == [b"sereno:limit:payments:"]
    await store.aclose()


def test_what_cannot_work_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        RedisStore("redis://127.0.0.1:1/0").limiter("", TokenBucket(1))
    with pytest.raises(ValueError, match="away must be"):
        RedisStore("redis://127.0.0.1:1/0", away="pray")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="processes"):
        RedisStore("redis://127.0.0.1:1/0", processes=0)


def test_failures_are_at_zero_before_the_first(server: RedisPeer) -> None:
    with use(Registry(CollectorRegistry())) as registry:
        store = RedisStore(server.url)
        store.limiter("orders", RULES[0])
        store.close()
        assert registry.value("rate_limit_store_errors_total", store="redis") == 0
