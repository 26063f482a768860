"""`watch(engine)`: what a pool, an engine or a client does, measured from now on, whatever library it is of.

Libraries are told by the names of their classes, so none is imported, and only the object at hand is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sereno_kit.metrics import cache, database, pools

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

T = TypeVar("T")
Watcher = Callable[["Registry", Any, "str | None"], None]

_WATCHERS: dict[str, Watcher] = {
    "sqlalchemy.Engine": database.watch_engine,
    "sqlalchemy.AsyncEngine": database.watch_async_engine,
    "asyncpg.Pool": database.watch_asyncpg,
    "psycopg_pool.BasePool": pools.watch_psycopg,
    "redis.Redis": cache.watch_client,
    "redis.RedisCluster": cache.watch_client,
    "redis.ConnectionPool": pools.watch_redis,
    "concurrent.ThreadPoolExecutor": pools.watch_executor,
    "anyio.CapacityLimiter": pools.watch_limiter,
}


def watch(thing: T, /, *, name: str | None = None, registry: Registry | None = None) -> T:
    """Measure `thing` from now on, and give it back.

    An engine of SQLAlchemy (either kind) or a pool of asyncpg: connections and queries. A pool of psycopg or redis:
    connections. A client of redis (either kind): commands and connections. A ThreadPoolExecutor, a limiter of anyio:
    threads in use, allowed, waited for.

    Args:
        thing: what is measured; done twice, it is done once.
        name: the label `pool`; the name of the database's kind, if not given, with a number behind it for the second.
        registry: where; the process's own, if not given.

    Raises:
        TypeError: for what is none of those.
    """
    if registry is None:
        from sereno_kit.metrics.registry import current

        registry = current()
    for kind in type(thing).__mro__:
        watcher = _WATCHERS.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
        if watcher is not None:
            watcher(registry, thing, name)
            return thing
    known = ", ".join(sorted(_WATCHERS))
    raise TypeError(f"{type(thing).__module__}.{type(thing).__qualname__} cannot be watched; these can: {known}")
