"""Pools of threads tell how full they are, and what can be watched is told by its class."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import pytest
from tests.kit.metric_pages import ask, fresh, samples

from sereno_kit.metrics import pools
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.metrics.watching import watch


@pytest.fixture
def registry() -> Iterator[Registry]:
    with use(fresh()) as made:
        yield made


def threads_of(registry: Registry, name: str) -> tuple[float | None, ...]:
    """At work, allowed, waited for."""
    page = samples(ask(registry).body)
    keys = ("thread_pool_threads_active", "thread_pool_threads_max", "thread_pool_waiting")
    return tuple(page.get(f'{key}{{pool="{name}"}}') for key in keys)


def test_a_pool_of_threads(registry: Registry) -> None:
    go, begun = threading.Event(), threading.Barrier(3)

    def work() -> None:
        begun.wait(10)
        go.wait(10)

    with watch(ThreadPoolExecutor(2), name="reports") as pool:
        assert threads_of(registry, "reports") == (0, 2, 0)
        futures = [pool.submit(work) for _ in range(2)]
        begun.wait(10)
        futures += [pool.submit(go.wait, 10) for _ in range(3)]
        assert threads_of(registry, "reports") == (2, 2, 3)
        go.set()
        for future in futures:
            future.result()
        for _ in range(200):
            if threads_of(registry, "reports") == (0, 2, 0):
                break
            threading.Event().wait(0.01)
        assert threads_of(registry, "reports") == (0, 2, 0)


async def test_anyios_own_threads_in_which_starlette_runs_plain_functions(registry: Registry) -> None:
    pools.watch_anyio(registry)
    pools.watch_anyio(registry)
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    go = threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, go.wait)
        group.start_soon(anyio.to_thread.run_sync, go.wait)
        for _ in range(200):
            await anyio.sleep(0.01)
            if threads_of(registry, "anyio") == (1, 1, 1):
                break
        assert threads_of(registry, "anyio") == (1, 1, 1)
        go.set()
    assert threads_of(registry, "anyio") == (0, 1, 0)


def test_two_of_a_kind_are_told_apart(registry: Registry) -> None:
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(2) as second:
        for pool in (first, second, first):
            watch(pool)
        assert threads_of(registry, "threads")[1] == 1
        assert threads_of(registry, "threads-2")[1] == 2
        assert threads_of(registry, "threads-3") == (None, None, None)


def test_what_cannot_be_watched_is_refused_with_what_can() -> None:
    with pytest.raises(TypeError, match=r"builtins\.list cannot be watched; these can: .*asyncpg\.Pool"):
        watch([])


def test_who_waits_is_unknown_where_a_library_keeps_it_elsewhere(registry: Registry) -> None:
    from types import SimpleNamespace

    from sereno_kit.metrics.database import _tasks_at, _waiting

    class Pool:
        max_size = 4

        def get_stats(self) -> dict[str, int]:
            return {"pool_size": 3, "pool_available": 1}

    pool = Pool()
    pools.watch_psycopg(registry, pool, "elsewhere")
    page = samples(ask(registry).body)
    assert page['db_connections_active{pool="elsewhere"}'] == 2
    assert 'db_connection_pool_waiting{pool="elsewhere"}' not in page
    assert _tasks_at(SimpleNamespace(waiters=[1])) is None
    assert _waiting(SimpleNamespace(_pool=SimpleNamespace(qsize=lambda: 0))) is None
