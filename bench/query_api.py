"""What curious people cost: a large answer written as JSON, and how long a rule's reading waits while they ask."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.figure import Figure
from sereno.adapters.samples.store import SampleStore
from sereno.app.http.prometheus import written
from sereno.app.http.prometheus_json import go_float
from sereno.app.http.prometheus_run import Engine, Found, Question
from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.promql import Grid, Matcher, Selection

SERIES, DAYS, EVERY_MS = 40, 7, 15_000
END_MS = 1_772_460_000_000
STEP_MS = 60_000


def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder))
        try:
            return asyncio.run(_measured(store))
        finally:
            store.close()


def _store(folder: Path) -> SampleStore:
    rng = np.random.default_rng(7)
    times = np.arange(END_MS - (DAYS * 86_400_000 + 3_600_000), END_MS, EVERY_MS, dtype=np.int64)
    store = SampleStore(folder / "samples.db")
    store.backfill_sync([
        (Labels(__name__="requests_total", instance=str(i)), times, np.cumsum(rng.poisson(5, len(times))).astype(float))
        for i in range(SERIES)
    ])  # fmt: skip
    return store


async def _measured(store: SampleStore) -> list[Figure]:
    control: Any = SimpleNamespace(settings=Settings(), store=store, source=store, recorded=None)
    engine = Engine(control)
    grid = Grid(END_MS - DAYS * 86_400_000, END_MS - STEP_MS, STEP_MS)
    question = Question("rate(requests_total[5m])", grid, False, 60)
    began = time.process_time()
    body, found = await engine.ask(question, lambda found: (written(found), found))
    whole = time.process_time() - began
    began = time.process_time()
    written(found)
    writing = time.process_time() - began
    began = time.process_time()
    _plainly(found)
    plainly = time.process_time() - began
    longest = await _waiting(engine, store, question)
    engine.close()
    points = SERIES * len(grid.instants_ms)
    return [
        Figure("the question answered, from disk to JSON", whole, "CPU s", most=2.0, beside=f"{points:,} points"),
        Figure("of that, JSON written", writing, "CPU s", most=0.6, beside=f"{len(body) / 1e6:.1f} MB"),
        Figure("the same by the standard library", plainly / writing, "times", least=1.5),
        Figure("a rule's reading waits at most", longest, "s", most=1.0, beside="four such questions beside it"),
    ]


def _plainly(found: Found) -> str:
    assert found.result is not None
    instants = (found.question.grid.instants_ms / 1000).tolist()
    rows = [
        {"metric": dict(labels), "values": [[t, go_float(v)] for t, v in zip(instants, values, strict=True)]}
        for labels, values in zip(found.result.labels, found.result.values.tolist(), strict=True)
    ]
    return json.dumps(rows)


async def _waiting(engine: Engine, store: SampleStore, question: Question) -> float:
    """The longest that a small reading waits while four large questions are computed, two at a time."""
    small = Selection(
        (Matcher("__name__", "=", "requests_total"), Matcher("instance", "=", "3")), END_MS - 3_600_000, END_MS
    )
    asked = asyncio.gather(*(engine.ask(question, written) for _ in range(4)))
    longest = 0.0
    while not asked.done():
        began = time.perf_counter()
        await store.fetch((small,))
        longest = max(longest, time.perf_counter() - began)
        await asyncio.sleep(0.02)
    await asked
    return longest
