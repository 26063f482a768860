"""How full pools are: of connections and of threads. Asked for when somebody scrapes; it costs nothing in between."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sereno_kit import forks
from sereno_kit.metrics.sampled import Gone, Sampled

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

Ask = Callable[[Any], "float | None"]


class Tally:
    """A total that grows by ones."""

    __slots__ = ("_lock", "total")

    def __init__(self) -> None:
        self.total = 0
        self._lock = forks.lock()

    def add(self) -> None:
        """One more."""
        with self._lock:
            self.total += 1

    def read(self) -> float:
        """How many it were."""
        return float(self.total)


_GAUGES: dict[str, tuple[str, str]] = {
    "active": ("db_connections_active", "Connections of the pool that are in use"),
    "idle": ("db_connections_idle", "Connections of the pool that are open and not in use"),
    "max": ("db_connections_max", "Connections that the pool may have"),
    "waiting": ("db_connection_pool_waiting", "Callers that wait for a connection of the pool"),
    "thread_active": ("thread_pool_threads_active", "Threads of the pool that are at work"),
    "thread_max": ("thread_pool_threads_max", "Threads that the pool may have"),
    "thread_waiting": ("thread_pool_waiting", "Calls that wait for a thread of the pool"),
}


def add_gauges(registry: Registry, thing: Any, name: str, asks: dict[str, Ask]) -> None:
    """Ask `thing` as `asks` say, under the label `pool`, for as long as it is there."""
    get = held_weakly(thing)
    for key, ask in asks.items():
        family(registry, key).add(_reader(get, ask), pool=name)


def family(registry: Registry, key: str) -> Sampled:
    """One of the gauges of pools."""
    name, help = _GAUGES[key]
    return registry.sampled("gauge", name, help, ("pool",))


def errors(registry: Registry, name: str, read: Callable[[], float | None]) -> None:
    """Ask `read` for `db_connection_errors_total` of the pool `name`."""
    registry.sampled(
        "counter",
        "db_connection_errors_total",
        "Connections that could not be had or were lost, and waits that took too long",
        ("pool",),
    ).add(read, pool=name)


def _reader(get: Callable[[], Any], ask: Ask) -> Callable[[], float | None]:
    def read() -> float | None:
        thing = get()
        if thing is None:
            raise Gone
        return ask(thing)

    return read


def held_weakly(thing: Any) -> Callable[[], Any]:
    """Gives `thing` for as long as somebody else holds it, where its class allows that."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing


# -- names ----------------------------------------------------------------------------------------------

_naming = forks.lock()


def name_of(registry: Registry, thing: Any, given: str | None, kind: str) -> str | None:
    """The label `pool` for `thing`; None, if it is watched already. A second one of a kind has a number behind it."""
    with _naming:
        named = registry.watched
        if any(get() is thing for get in named.values()):
            return None
        name, number = given or kind, 1
        while not given and name in named and named[name]() is not None:
            number += 1
            name = f"{kind}-{number}"
        named[name] = held_weakly(thing)
        return name


# -- psycopg, redis -------------------------------------------------------------------------------------


def watch_psycopg(registry: Registry, pool: Any, given: str | None) -> None:
    """A pool of psycopg_pool, of either kind."""
    name = name_of(registry, pool, given, "postgresql")
    if name is None:
        return
    add_gauges(
        registry,
        pool,
        name,
        {
            "active": lambda p: (s := p.get_stats()).get("pool_size", 0) - s.get("pool_available", 0),
            "idle": lambda p: p.get_stats().get("pool_available", 0),
            "max": lambda p: p.max_size,
            "waiting": lambda p: p.get_stats().get("requests_waiting"),
        },
    )
    get = held_weakly(pool)
    errors(registry, name, _reader(get, _psycopg_errors))


def _psycopg_errors(pool: Any) -> float:
    stats = pool.get_stats()
    return float(sum(stats.get(key, 0) for key in ("requests_errors", "connections_errors", "connections_lost")))


def watch_redis(registry: Registry, pool: Any, given: str | None) -> None:
    """A pool of redis-py, of either kind."""
    name = name_of(registry, pool, given, "redis")
    if name is None:
        return
    add_gauges(
        registry,
        pool,
        name,
        {"active": _redis_active, "idle": _redis_idle, "max": lambda p: p.max_connections, "waiting": _redis_waiting},
    )


def _redis_active(pool: Any) -> float | None:
    in_use = getattr(pool, "_get_in_use_connections", None)
    used = in_use() if in_use is not None else getattr(pool, "_in_use_connections", None)
    return None if used is None else float(len(used))


def _redis_idle(pool: Any) -> float | None:
    idle = getattr(pool, "_get_free_connections", None)
    free = idle() if idle is not None else getattr(pool, "_available_connections", None)
    return None if free is None else float(len(free))


def _redis_waiting(pool: Any) -> float | None:
    """Only blocking pools let callers wait."""
    waiters = getattr(getattr(getattr(pool, "pool", None), "not_empty", None), "_waiters", None)
    if waiters is None:
        waiters = getattr(getattr(pool, "_condition", None), "_waiters", None)
    return None if waiters is None else float(len(waiters))


# -- threads --------------------------------------------------------------------------------------------


def watch_executor(registry: Registry, executor: Any, given: str | None) -> None:
    """A concurrent.futures.ThreadPoolExecutor."""
    name = name_of(registry, executor, given, "threads")
    if name is None:
        return
    add_gauges(
        registry,
        executor,
        name,
        {
            "thread_active": lambda e: max(0, len(e._threads) - e._idle_semaphore._value),
            "thread_max": lambda e: e._max_workers,
            "thread_waiting": lambda e: e._work_queue.qsize(),
        },
    )


def watch_limiter(registry: Registry, limiter: Any, given: str | None) -> None:
    """A CapacityLimiter of anyio, such as the one for the threads in which Starlette runs plain functions."""
    name = name_of(registry, limiter, given, "anyio")
    if name is None:
        return
    add_gauges(
        registry,
        limiter,
        name,
        {
            "thread_active": lambda one: one.borrowed_tokens,
            "thread_max": lambda one: one.total_tokens,
            "thread_waiting": lambda one: one.statistics().tasks_waiting,
        },
    )


def watch_anyio(registry: Registry) -> None:
    """The limiter of anyio's own threads, in the loop that runs now; nothing, if anyio was not imported.

    Raises:
        RuntimeError: outside of an event loop.
    """
    import sys

    if "anyio" not in sys.modules:
        return
    import anyio.to_thread

    watch_limiter(registry, anyio.to_thread.current_default_thread_limiter(), None)
