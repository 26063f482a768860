"""What a request costs under the kit, beside nothing and beside libraries that do the same; what importing costs."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from pathlib import Path

from bench.figure import Figure

WORKER = Path(__file__).with_name("middleware_variants.py")
VARIANTS = ("bare-3", "kit-3", "bare-60", "kit-60", "libraries-3", "kit-quiet-3")
_ROUNDS = 60
_REQUESTS = 150
_TOUCH = "import sereno_kit; [getattr(sereno_kit, name) for name in sereno_kit.__all__]"


class Worker:
    """A process that serves one variant to itself, and says what each round of requests cost it."""

    def __init__(self, variant: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), variant], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def round(self, requests: int) -> float:
        """Microseconds of CPU a request, over so many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{requests}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def costs(variants: tuple[str, ...] = VARIANTS, rounds: int = _ROUNDS, requests: int = _REQUESTS) -> dict[str, float]:
    """Microseconds of CPU a request for each variant: the 10th percentile of rounds taken in random order."""
    workers = {variant: Worker(variant) for variant in variants}
    taken: dict[str, list[float]] = {variant: [] for variant in variants}
    try:
        for worker in workers.values():
            worker.round(requests)  # warm
        for _ in range(rounds):
            for variant in random.sample(variants, len(variants)):
                taken[variant].append(workers[variant].round(requests))
    finally:
        for worker in workers.values():
            worker.close()
    return {variant: sorted(values)[len(values) // 10] for variant, values in taken.items()}


def quickest_seconds(program: str, runs: int = 9) -> float:
    """CPU of a new process that runs `program`: the quickest of so many, for neighbours only ever add to it."""
    taken = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def measure() -> list[Figure]:
    """CPU a request over bare FastAPI, beside the libraries; growth with routes; the import."""
    micro = costs()
    kit, peers = micro["kit-3"] - micro["bare-3"], micro["libraries-3"] - micro["bare-3"]
    growth = (micro["kit-60"] - micro["bare-60"]) - kit
    beside = f"instrumentator + correlation-id + structlog {peers:.1f} µs; bare FastAPI {micro['bare-3']:.1f} µs"
    python = quickest_seconds("import asyncio")
    touched = quickest_seconds(_TOUCH)
    return [
        Figure("the kit, everything on, over bare FastAPI", kit, "µs", most=30, beside=beside),
        Figure("the kit beside those libraries", kit / peers, "×", most=0.35),
        Figure("what it costs more with 60 routes than with 3", growth, "µs", most=5),
        Figure("the kit without lines", micro["kit-quiet-3"] - micro["bare-3"], "µs"),
        Figure("import sereno_kit, every name touched, over asyncio, CPU", (touched - python) * 1000, "ms", most=60),
    ]
