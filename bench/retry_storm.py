"""Three layers that all retry, above a dependency that is down: how many times the traffic it gets.

A minute of 100 calls a second on a clock that obeys. "Processes" means that a layer does not see that the one above it
retries, as where each is a service of its own; only the budgets hold then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import stamina

from bench.figure import Figure
from sereno_kit.errors import Transient
from sereno_kit.resilience.pipeline import pipeline
from sereno_kit.resilience.retry import Retry
from sereno_kit.testing.clock import FakeClock

CALLS, A_SECOND, LAYERS, RETRIES = 6_000, 100, 3, 3
Layer = Callable[[Callable[[], None]], Callable[[], None]]


def naive(inner: Callable[[], None]) -> Callable[[], None]:
    """The loop that everybody writes."""

    def call() -> None:
        for retry in range(RETRIES + 1):
            try:
                return inner()
            except Transient:
                if retry == RETRIES:
                    raise
        return None

    return call


def with_stamina(inner: Callable[[], None]) -> Callable[[], None]:
    """stamina with as many attempts and no waits."""
    again = stamina.retry(on=Transient, attempts=RETRIES + 1, timeout=None, wait_initial=0, wait_max=0, wait_jitter=0)
    return again(inner)


def kit(clock: FakeClock, *, processes: bool) -> Layer:
    """Ours with the budget that it has by default."""
    number = 0

    def layer(inner: Callable[[], None]) -> Callable[[], None]:
        nonlocal number
        number += 1
        name = f"storm {number}{' of processes' if processes else ''}"
        guarded = pipeline(name, Retry(RETRIES + 1, idempotent=True), clock=clock, replace=True)(inner)
        return (lambda: Context().run(guarded)) if processes else guarded

    return layer


def load(layer: Layer, clock: FakeClock, calls: int = CALLS) -> float:
    """Calls that reach the bottom for each that comes in at the top."""
    reached = 0

    def down() -> None:
        nonlocal reached
        reached += 1
        raise Transient("down")

    top: Callable[[], None] = down
    for _ in range(LAYERS):
        top = layer(top)
    for _ in range(calls):
        clock.advance(1 / A_SECOND)
        with suppress(Transient):
            top()
    return reached / calls


def measure() -> list[Figure]:
    """Load at the bottom as a multiple of the load at the top."""
    logging.disable(logging.WARNING)
    stamina.instrumentation.set_on_retry_hooks([])  # it would log each of twenty thousand retries
    clock = FakeClock()
    loops, others = load(naive, clock, 100), load(with_stamina, clock, 100)
    beside = f"the naive loop {loops:g} ×, stamina {others:g} ×"
    return [
        Figure("three layers in one process", load(kit(clock, processes=False), clock), "×", most=1.5, beside=beside),
        Figure("three layers, each a process", load(kit(clock, processes=True), clock), "×", most=1.5, beside=beside),
    ]
