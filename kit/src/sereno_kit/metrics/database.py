"""How long queries take, by table and operation; and the pools of those libraries that can tell us of queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sereno_kit.metrics import pools, statements
from sereno_kit.metrics.faults import failed
from sereno_kit.metrics.metric import Histogram
from sereno_kit.metrics.pools import Tally
from sereno_kit.metrics.sampled import Gone

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry
    from sereno_kit.metrics.timer import Timer

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SERIES_MAX = 500


def queries(registry: Registry) -> Histogram:
    """`db_query_duration_seconds{table,operation}`; at most 500 pairs, then `__other__`."""
    return registry.histogram(
        "db_query_duration_seconds", "Time from a query's start to its result, or its failure",
        table=None, operation=None, bounds=BOUNDS, series_max=_SERIES_MAX,
    )  # fmt: skip


def timed(statement: str = "", *, table: str = "", operation: str = "", registry: Registry | None = None) -> Timer:
    """Measure a `with` block, or a decorated function, as one query: for libraries that cannot be watched.

    Args:
        statement: SQL, of which table and operation are told; its values never become labels.
        table, operation: in place of what the statement says.
        registry: where; the process's own, if not given.
    """
    if registry is None:
        from sereno_kit.metrics.registry import current

        registry = current()
    read = statements.read(statement)
    return queries(registry).time(table=table or read.table, operation=operation or read.operation)


# -- SQLAlchemy -----------------------------------------------------------------------------------------


def watch_async_engine(registry: Registry, engine: Any, given: str | None) -> None:
    """An AsyncEngine: the engine within does all the work."""
    watch_engine(registry, engine.sync_engine, given)


def watch_engine(registry: Registry, engine: Any, given: str | None) -> None:
    """An Engine: its pool, what it cannot connect to or loses, and its queries, by its own events."""
    name = pools.name_of(registry, engine, given, engine.dialect.name)
    if name is None:
        return
    pools.add_gauges(
        registry,
        engine,
        name,
        {
            "active": lambda e: _ask(e.pool, "checkedout"),
            "idle": lambda e: _ask(e.pool, "checkedin"),
            "max": lambda e: _pool_max(e.pool),
            "waiting": lambda e: _waiting(e.pool),
        },
    )
    failures = Tally()
    pools.errors(registry, name, failures.read)
    _listen(engine, _EngineEvents(queries(registry), registry.clock.monotonic, failures))


class _EngineEvents:
    """What the events of one engine are answered with."""

    def __init__(self, durations: Histogram, monotonic: Callable[[], float], failures: Tally) -> None:
        self._durations = durations
        self._monotonic = monotonic
        self._failures = failures

    def before(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if context is not None:
            context._sereno_kit_began = self._monotonic()

    def after(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        self._end(statement, context)

    def error(self, happened: Any) -> None:
        if happened.connection is None or happened.is_disconnect:
            self._failures.add()
        if happened.statement is not None:
            self._end(happened.statement, happened.execution_context)

    def guard(self, engine: Any) -> None:
        """Count waits for a connection that took too long, of which there is no event."""
        connect = engine.pool.connect

        def guarded() -> Any:
            try:
                return connect()
            except Exception as error:
                if type(error).__name__ == "TimeoutError" and type(error).__module__.startswith("sqlalchemy"):
                    self._failures.add()
                raise

        engine.pool.connect = guarded

    def _end(self, statement: str, context: Any) -> None:
        try:
            began = context.__dict__.pop("_sereno_kit_began", None)
            if began is not None:
                observe(self._durations, statement, self._monotonic() - began)
        except Exception as problem:
            failed("metrics", problem, what="a query could not be counted")


def observe(durations: Histogram, statement: str, seconds: float) -> None:
    """Count one query."""
    read = statements.read(statement)
    durations.labels(table=read.table, operation=read.operation).observe(seconds)


def _listen(engine: Any, events: _EngineEvents) -> None:
    from sqlalchemy import event

    event.listen(engine, "before_cursor_execute", events.before)
    event.listen(engine, "after_cursor_execute", events.after)
    event.listen(engine, "handle_error", events.error)
    event.listen(engine, "engine_disposed", events.guard)  # it has a new pool then
    events.guard(engine)


def _ask(pool: Any, what: str) -> float | None:
    """Pools without a limit do not know."""
    method = getattr(pool, what, None)
    return None if method is None else float(method())


def _pool_max(pool: Any) -> float | None:
    size, overflow = _ask(pool, "size"), getattr(pool, "_max_overflow", None)
    return None if size is None or overflow is None or overflow < 0 else size + overflow


def _waiting(pool: Any) -> float | None:
    queue = getattr(pool, "_pool", None)
    threads = getattr(getattr(queue, "not_empty", None), "_waiters", None)
    if threads is not None:
        return float(len(threads))
    if hasattr(type(queue), "_queue") and "_queue" not in vars(queue):
        return 0.0  # The queue within is made when it is first waited at.
    return _tasks_at(getattr(queue, "_queue", None))


def _tasks_at(queue: Any) -> float | None:
    """How many tasks wait at a queue of asyncio's; unknown, where it keeps them elsewhere."""
    getters: Sequence[Any] | None = getattr(queue, "_getters", None)
    return None if getters is None else float(sum(not getter.done() for getter in list(getters)))


# -- asyncpg --------------------------------------------------------------------------------------------


def watch_asyncpg(registry: Registry, pool: Any, given: str | None) -> None:
    """A Pool of asyncpg: how full it is, connections that failed, and the queries of all its connections."""
    name = pools.name_of(registry, pool, given, "postgresql")
    if name is None:
        return
    pools.add_gauges(
        registry,
        pool,
        name,
        {
            "active": lambda p: _open(p).get_size() - p.get_idle_size(),
            "idle": lambda p: _open(p).get_idle_size(),
            "max": lambda p: _open(p).get_max_size(),
            "waiting": lambda p: _tasks_at(getattr(_open(p), "_queue", None)),
        },
    )
    failures, durations = Tally(), queries(registry)
    pools.errors(registry, name, failures.read)

    def logged(record: Any) -> None:
        observe(durations, record.query, record.elapsed)

    def lost(connection: Any) -> None:
        # It ends under its user's hands: those that the pool closes itself were taken from their users before.
        if type(connection).__name__ == "PoolConnectionProxy":
            failures.add()

    def hear(connection: Any) -> None:
        connection.add_query_logger(logged)
        connection.add_termination_listener(lost)

    _hear(pool, hear, failures)


def _open(pool: Any) -> Any:
    if pool._closed:
        raise Gone
    return pool


def _hear(pool: Any, hear: Callable[[Any], None], failures: Tally) -> None:
    """Every connection that the pool has, and every one that it will make, is heard."""
    connect, init = pool._connect, pool._init

    async def connecting(*args: Any, **kwargs: Any) -> Any:
        try:
            return await connect(*args, **kwargs)
        except Exception:
            failures.add()
            raise

    async def begin(connection: Any) -> None:
        hear(connection)
        if init is not None:
            await init(connection)

    pool._connect, pool._init = connecting, begin
    for holder in pool._holders:
        if holder._con is not None:
            hear(holder._con)
