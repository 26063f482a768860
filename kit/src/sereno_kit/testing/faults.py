"""Faults for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sereno_kit import chaos
from sereno_kit.chaos import Injected, Only
from sereno_kit.clock import SYSTEM, Clock


@contextmanager
def faults(
    *,
    latency: float = 0.0,
    error: BaseException | type[BaseException] | int | None = None,
    drop: bool = False,
    share: float = 1.0,
    only: Only = "*",
    seed: int = 0,
    clock: Clock = SYSTEM,
) -> Iterator[Injected]:
    """Let calls through pipelines, calls of observed clients and requests go wrong within this block.

    Blocks may be nested: waits add up, and of several ends the innermost's counts. Nothing stays behind.

    Args:
        latency: seconds that each is held up first.
        error: what it ends with: an exception, a class of them, or an HTTP status (400 to 599).
        drop: whether its connection is lost.
        share: of those that `only` matches, the share that it befalls.
        only: a pattern over `pipeline:NAME`, `outgoing:INTEGRATION/PATH`, `request:/PATH` or one half of these, or a
            function of place and name.
        seed: decides which of them; the same seed, the same ones.
        clock: what `latency` passes on.

    Yields:
        The fault at work; its `met` says how many it befell.
    """
    fault = chaos.Fault(latency_seconds=latency, error=error, drop=drop, share=share, only=only, seed=seed)
    injected = chaos.inject(fault, clock=clock)
    try:
        yield injected
    finally:
        injected.remove()
