"""What the process uses: CPU, memory, files, threads, pauses for garbage, and how late its event loop is."""

from __future__ import annotations

import asyncio
import gc
import mmap
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from tests.kit.metric_pages import ask, fresh, promtool_complaints, samples

from sereno_kit.metrics import loop, process
from sereno_kit.metrics.registry import Registry, use


@pytest.fixture
def registry() -> Iterator[Registry]:
    callbacks = list(gc.callbacks)
    with use(fresh()) as made:
        yield made
    gc.callbacks[:] = callbacks


def test_the_process_tells_what_it_uses(registry: Registry) -> None:
    process.install(registry)
    process.install(registry)
    before = samples(ask(registry).body)
    go = threading.Event()
    threads = [threading.Thread(target=go.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    ballast = mmap.mmap(-1, 60_000_000)  # of its own, not of what the process has free
    ballast.write(b"x" * len(ballast))
    with open(__file__):
        after = samples(ask(registry).body)
    go.set()
    for thread in threads:
        thread.join()
    ballast.close()
    assert after["process_threads"] - before["process_threads"] == 3
    assert after["process_open_fds"] > before["process_open_fds"]
    assert after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"] > 20_000_000
    assert after["process_cpu_seconds_total"] > 0
    assert after["process_start_time_seconds"] > 1e9


def test_pauses_for_garbage_are_added_up(registry: Registry) -> None:
    process.install(registry)
    name = 'python_gc_pause_seconds_total{generation="2"}'
    before = samples(ask(registry).body)[name]
    began = time.perf_counter()
    gc.collect()
    took = time.perf_counter() - began
    assert 0 < samples(ask(registry).body)[name] - before <= took


def test_the_last_kit_that_is_closed_takes_its_clock_out_of_the_collector(registry: Registry) -> None:
    before = list(gc.callbacks)
    first, second = process.install(registry), process.install(registry)
    assert len(gc.callbacks) == len(before) + 1
    first()
    first()
    assert len(gc.callbacks) == len(before) + 1
    second()
    assert gc.callbacks == before


def test_garbage_that_is_collected_while_a_metric_is_held_stops_nobody(registry: Registry) -> None:
    process.install(registry)
    seen = registry.counter("seen_total", "Seen", what=None)
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for i in range(300):
            seen.inc(what=str(i))
            if i % 100 == 0:
                ask(registry)
    finally:
        gc.set_threshold(*thresholds)
    assert len(seen.series()) == 300


def test_promtool_likes_all_of_it(registry: Registry) -> None:
    process.install(registry)
    assert promtool_complaints(ask(registry).body) == []


async def test_a_loop_that_is_held_up_is_seen(registry: Registry) -> None:
    watching = loop.watch(registry, every_seconds=0.01)
    assert loop.watch(registry) is watching
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # somebody who should have awaited
    await asyncio.sleep(0.05)
    watching.stop()
    late = {bound: registry.value("event_loop_lag_seconds_bucket", le=bound) or 0 for bound in ("0.1", "+Inf")}
    assert late["+Inf"] - late["0.1"] >= 1
    assert (registry.value("event_loop_lag_seconds_sum") or 0) > 0.2
    counted = late["+Inf"]
    await asyncio.sleep(0.05)
    assert registry.value("event_loop_lag_seconds_bucket", le="+Inf") == counted, "stopped"


def test_a_watched_loop_ends_when_its_work_does() -> None:
    done = subprocess.run(
        [
            sys.executable, "-X", "dev", "-W", "error", "-c",
            "import asyncio\n"
            "from sereno_kit.metrics import loop, registry\n"
            "async def main():\n"
            "    loop.watch(registry.current())\n"
            "    assert len(asyncio.all_tasks()) == 1\n"
            "asyncio.run(main())\n"
            "asyncio.run(main())\n",
        ],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    # asyncio's debug mode tells of a slow machine; of nothing else may it have to tell.
    told = [line for line in done.stderr.splitlines() if not line.startswith("Executing ")]
    assert (done.returncode, told) == (0, [])


def test_outside_of_a_loop_there_is_none_to_watch(registry: Registry) -> None:
    with pytest.raises(RuntimeError):
        loop.watch(registry)


def test_nothing_of_metrics_imports_frameworks_or_even_the_client_before_it_is_used() -> None:
    script = (
        "import sys; import sereno_kit.metrics.registry, sereno_kit.metrics.http, sereno_kit.metrics.exposition, "
        "sereno_kit.metrics.watching, sereno_kit.metrics.process, sereno_kit.metrics.loop, sereno_kit.metrics.multiprocess\n"
        "heavy = {'prometheus_client', 'sqlalchemy', 'redis', 'asyncpg', 'psycopg_pool', 'anyio', 'starlette', 'http.server'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
