"""The limiter beside the library `limits`: one decision, its growth with the number of keys, a flood of them."""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from collections.abc import Callable
from random import Random

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from bench.figure import Figure
from sereno_kit.limits import MemoryLimiter, Rule, SlidingWindow, TokenBucket

CALLS, ROUNDS = 2_000, 60
FLOOD = 1_000_000
KEYS_MAX = 20_000
BUCKET, WINDOW = TokenBucket(rate=1e6, burst=10**9), SlidingWindow(10**9, 1.0)
SLOW: tuple[Rule, ...] = (TokenBucket(rate=1 / 60, burst=5), SlidingWindow(5, 300))


def measure() -> list[Figure]:
    return [*_decisions(), *_floods()]


def _decisions() -> list[Figure]:
    """Every round visits every variant in random order; the tenth percentile of CPU time per decision counts."""
    few, many = [f"user-{n}" for n in range(10)], [f"user-{n}" for n in range(20_000)]
    peer = SlidingWindowCounterRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(10**9)
    variants: dict[str, tuple[Callable[[str], object], list[str]]] = {
        "bucket, one key": (MemoryLimiter(BUCKET).take, [""]),
        "bucket, 10 keys": (MemoryLimiter(BUCKET).take, few),
        "bucket, 20,000 keys": (MemoryLimiter(BUCKET).take, many),
        "window, 10 keys": (MemoryLimiter(WINDOW).take, few),
        "window, 20,000 keys": (MemoryLimiter(WINDOW).take, many),
        "peer, 10 keys": (lambda key: peer.hit(item, key), few),
    }
    random = Random(5)
    for take, keys in variants.values():
        for key in keys:
            take(key)
    # The same number of calls, in an order that no cache of the processor knows beforehand.
    asked = {name: random.choices(keys, k=CALLS) for name, (_, keys) in variants.items()}
    seen: dict[str, list[float]] = {name: [] for name in variants}
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for name in random.sample(list(variants), len(variants)):
                take = variants[name][0]
                begun = time.thread_time_ns()
                for key in asked[name]:
                    take(key)
                seen[name].append((time.thread_time_ns() - begun) / CALLS / 1_000)
    finally:
        gc.enable()
    cost = {name: sorted(values)[math.floor(len(values) / 10)] for name, values in seen.items()}
    of_peer = f"limits' sliding window counter {cost['peer, 10 keys']:.2f} µs"
    return [
        Figure("token bucket, one decision", cost["bucket, one key"], "µs", most=1.5, beside=of_peer),
        Figure("sliding window, one decision", cost["window, 10 keys"], "µs", most=2.5, beside=of_peer),
        Figure("bucket, 20,000 keys beside 10", cost["bucket, 20,000 keys"] / cost["bucket, 10 keys"], "×", most=1.5),
        Figure("window, 20,000 keys beside 10", cost["window, 20,000 keys"] / cost["window, 10 keys"], "×", most=1.5),
    ]


def _floods() -> list[Figure]:
    figures = []
    for rule in SLOW:
        kept, megabytes, won = _flood(rule)
        name = rule.kind.replace("_", " ")
        beside = f"of them {kept:,} kept, {KEYS_MAX:,} configured"
        figures += [
            Figure(f"{name}, {FLOOD:,} keys", megabytes, "MB", most=16, beside=beside),
            Figure(f"{name}, calls a spent key wins by the flood", won, "calls", most=0),
        ]
    return figures


def _flood(rule: Rule) -> tuple[int, float, int]:
    """A key spends its quota, a million others call once: keys kept, megabytes, and what the first one then gets."""
    gc.collect()
    tracemalloc.start()
    limiter = MemoryLimiter(rule, keys_max=KEYS_MAX)
    for _ in range(rule.quota):
        limiter.take("mallory")
    for number in range(FLOOD):
        limiter.take(f"user-{number}")
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return len(limiter), megabytes, sum(limiter.take("mallory") == 0 for _ in range(rule.quota))
