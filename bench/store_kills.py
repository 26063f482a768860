"""kill -9 at random instants: a child scrapes, takes batches and records; what it acknowledged is there afterwards."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import struct
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from sereno.adapters.samples.source import Scrape, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.tiers import Tier
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms, to_ms
from sereno.promql.columns import Matcher, Selection

T0, STEP, DAY = 1_767_225_600_000, 600_000, 86_400_000
UPKEEP_EVERY = 36
SCRAPED = tuple(Labels(__name__=name, i=str(i)) for name in ("a_total", "b") for i in range(10))
SENT = tuple(Labels(__name__="sent_total", job="j", i=str(i)) for i in range(10))
RECORDED = (Labels(__name__="job:a:rate5m"),)
_FORK = multiprocessing.get_context("fork")
_TIERS = (Tier(timedelta(hours=1), timedelta(days=6)),)


@dataclass
class Told:
    """What happened: how often the child was killed, what it acknowledged, what was missing or wrong afterwards."""

    kills: int = 0
    acknowledged: set[int] = field(default_factory=set)
    missing: int = 0
    wrong: int = 0
    damaged: int = 0


def opened(path: Path) -> SampleStore:
    """The store as the child has it: days pass quickly, and so does what is kept."""
    return SampleStore(path, retention=timedelta(days=3), tiers=_TIERS, retention_bytes=100_000)


def write_until_killed(path: Path, acknowledge: int) -> None:
    """Go on from where the file ends; acknowledge round i once all of it is said to be kept."""
    store = opened(path)
    newest = store.stats().newest
    i = 0 if newest is None else (to_ms(newest) - T0) // STEP + 1
    while True:
        at = T0 + i * STEP
        assert store.append_sync(Scrape("api", at, SCRAPED, _values(at, len(SCRAPED))))
        # Two samples a series, the earlier one late: it lies before what the round before has sent.
        times = np.array([at - 3 * STEP // 2, at], np.int64)
        batch = [SeriesSamples(labels, times, times / 1e3 + row / 8) for row, labels in enumerate(SENT)]
        assert store.write_sync(batch, "remote-write").stored
        assert store.record_sync("rules", at, RECORDED, _values(at, 1))
        os.write(acknowledge, struct.pack("<q", i))
        if i % UPKEEP_EVERY == 0:
            store.maintain_sync(from_ms(at))
        i += 1


def _values(at_ms: int, count: int) -> np.ndarray:
    return np.asarray(at_ms / 1e3 + np.arange(count) / 8)


def kill_many(path: Path, times: int, seed: int = 20, until: Callable[[], bool] = lambda: True) -> Told:
    """Start the child and kill it `times` times, and on until `until` holds, checking the file each time."""
    chance, told = random.Random(seed), Told()
    while told.kills < times or (told.kills < 10 * times and not until()):
        told.acknowledged |= _run_and_kill(path, chance.uniform(0, 0.15))
        told.kills += 1
        check(path, told)
    return told


def _run_and_kill(path: Path, after_seconds: float) -> set[int]:
    read, write = os.pipe()
    process = _FORK.Process(target=write_until_killed, args=(path, write))
    process.start()
    os.close(write)
    said = os.read(read, 8)
    time.sleep(after_seconds)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while part := os.read(read, 65536):
        said += part
    os.close(read)
    return {i for (i,) in struct.iter_unpack("<q", said[: len(said) // 8 * 8])}


def check(path: Path, told: Told) -> None:
    """Look for every acknowledged sample that retention has not reached, and at every value there is."""
    store = opened(path)
    columns = store.select(Selection((Matcher("__name__", "!=", ""),), 0, 1 << 50))
    stats = store.stats()
    store.close()
    told.damaged += stats.corrupt_chunks
    assert stats.newest is not None
    young = [T0 + i * STEP for i in told.acknowledged if T0 + i * STEP > to_ms(stats.newest) - DAY // 2]
    found = {labels: columns.series(row) for row, labels in enumerate(columns.labels)}
    for series, late in ((SCRAPED, 0), (SENT, 3 * STEP // 2), (RECORDED, 0)):
        for row, labels in enumerate(series):
            times, values = found.get(labels, (np.zeros(0, np.int64), np.zeros(0)))
            told.wrong += int((values != times / 1e3 + row / 8).sum())
            told.missing += _missing(times, young) + _missing(times, [at - late for at in young])


def _missing(times: np.ndarray, wanted: Collection[int]) -> int:
    return int((~np.isin(np.array(sorted(wanted), np.int64), times)).sum())
