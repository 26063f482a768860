"""kill -9 at any moment: every scrape that was acknowledged is there, and the next start goes on."""

import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import struct
import time

import numpy as np
import pytest

from bench.store_kills import kill_many
from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Matcher, Selection

T0 = 1_767_225_600_000
STEP = 60_000
LABELS = tuple(Labels(__name__=name, i=str(i)) for name in ("a", "b") for i in range(10))
EXTRA = Labels(__name__="c")
FORK = multiprocessing.get_context("fork")


def scrape(i):
    """The i-th scrape: what it holds follows from i; every seventh has one more series."""
    labels = (*LABELS, EXTRA) if i % 7 == 0 else LABELS
    return Scrape("api", T0 + i * STEP, labels, i + np.arange(len(labels), dtype=float) / 8)


def write_until_killed(path, acknowledge):
    """Append on from where the file ends, compress now and then, and say which scrapes are acknowledged."""
    store = SampleStore(path)
    newest = store.stats().newest
    i = 0 if newest is None else (round(newest.timestamp() * 1000) - T0) // STEP + 1
    while True:
        assert store.append_sync(scrape(i))
        os.write(acknowledge, struct.pack("<q", i))
        if i % 60 == 0:
            store.maintain_sync(from_ms(T0 + i * STEP))
        i += 1


def acknowledged(path, after_seconds):
    """Run the writer, kill it, and return the last scrape it acknowledged."""
    read, write = os.pipe()
    process = FORK.Process(target=write_until_killed, args=(path, write))
    process.start()
    os.close(write)
    first = os.read(read, 8)
    time.sleep(after_seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    said = first
    while part := os.read(read, 65536):
        said += part
    os.close(read)
    return struct.unpack("<q", said[len(said) // 8 * 8 - 8 : len(said) // 8 * 8])[0]


def held(path):
    """How many scrapes the file holds, every value of them checked."""
    store = SampleStore(path)
    columns = store.select(Selection((Matcher("__name__", "!=", ""),), 0, 1 << 50))
    store.close()
    counts = set()
    for index, labels in enumerate(columns.labels):
        times, values = columns.series(index)
        i = (times - T0) // STEP
        if labels == EXTRA:
            assert (i == np.arange(len(i)) * 7).all()
            assert (values == i + len(LABELS) / 8).all()
        else:
            counts.add(len(i))
            assert (i == np.arange(len(i))).all(), "no scrape is missing and none is there twice"
            assert (values == i + LABELS.index(labels) / 8).all()
    assert len(counts) == 1, "a scrape is there whole or not at all"
    return counts.pop()


def test_twenty_times_killed_nothing_acknowledged_is_lost(tmp_path):
    path, chance = tmp_path / "samples.db", random.Random(20)
    for _ in range(20):
        last = acknowledged(path, chance.uniform(0, 0.12))
        assert last + 1 <= held(path) <= last + 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM chunk").fetchone()[0] > 10


def test_a_dozen_kills_amid_batches_tiers_and_retention_lose_nothing(tmp_path):
    """`bench/run store` does it 200 times."""
    path = tmp_path / "samples.db"

    def forgotten():
        with sqlite3.connect(path) as connection:
            return "whole_from_0" in dict(connection.execute("SELECT name, value FROM note"))

    told = kill_many(path, 12, until=forgotten)
    assert len(told.acknowledged) > 300
    assert (told.missing, told.wrong, told.damaged) == (0, 0, 0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert forgotten(), "retention was at work"


def append_beyond_a_limit(path, results):
    """A file may not grow beyond 2 MB: SIGXFSZ is ignored by Python, so that writing fails as on a full disk."""
    store = SampleStore(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    i, refused = 0, 0
    while refused < 3:
        try:
            store.append_sync(scrape(i))
            i += 1
        except Unavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for _ in range(10):
        assert store.append_sync(scrape(i))
        i += 1
    results.send(i)
    store.close()


@pytest.mark.parametrize("killed", [False, True])
def test_a_disk_that_was_really_full_costs_nothing_that_was_kept(tmp_path, killed):
    path = tmp_path / "samples.db"
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=append_beyond_a_limit, args=(path, theirs))
    process.start()
    assert ours.poll(20), "the writer ended without a word"
    kept = ours.recv()
    if killed:
        os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert kept > 100
    assert held(path) == kept
