"""Queries of a real PostgreSQL, by table and operation; what is in them stays in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import psycopg
import psycopg_pool
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine
from tests.conftest import free_port
from tests.kit.metric_pages import ask, fresh, promtool_complaints, samples

from sereno_kit.metrics import database, pools
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.metrics.statements import Statement, read
from sereno_kit.metrics.watching import watch


@pytest.fixture
def registry() -> Iterator[Registry]:
    with use(fresh()) as made:
        yield made


def queries(registry: Registry) -> dict[tuple[str, str], float]:
    """How many by table and operation."""
    found = {}
    for family in registry.prometheus.collect():
        for sample in family.samples:
            if sample.name == "db_query_duration_seconds_count":
                found[sample.labels["table"], sample.labels["operation"]] = sample.value
    return found


def pool_of(registry: Registry, name: str) -> dict[str, float]:
    """active, idle, max, waiting, errors: those that are told."""
    page = samples(ask(registry).body)
    names = {
        "active": "db_connections_active", "idle": "db_connections_idle", "max": "db_connections_max",
        "waiting": "db_connection_pool_waiting", "errors": "db_connection_errors_total",
    }  # fmt: skip
    return {key: page[full] for key, at in names.items() if (full := f'{at}{{pool="{name}"}}') in page}


# -- statements -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "table", "operation"),
    [
        ("SELECT * FROM orders WHERE id = 1", "orders", "select"),
        ("select\n\t*\nfrom\n  public.orders o join people p on p.id = o.person", "orders", "select"),
        ('SELECT "from" FROM "public"."Orders"', "Orders", "select"),
        ("SELECT `x` FROM `shop`.`orders`", "orders", "select"),
        ("SELECT [x] FROM [dbo].[orders]", "orders", "select"),
        ("INSERT INTO orders (a) VALUES ('x from secret')", "orders", "insert"),
        ("INSERT OR REPLACE INTO orders VALUES (1)", "orders", "insert"),
        ("REPLACE INTO orders VALUES (1)", "orders", "replace"),
        ("UPDATE ONLY orders SET total = 1 WHERE id = 2", "orders", "update"),
        ("UPDATE orders SET a = (SELECT b FROM other)", "orders", "update"),
        ("DELETE FROM orders USING people", "orders", "delete"),
        ("/* from comments */ -- from here\nSELECT 1 FROM orders", "orders", "select"),
        ("WITH recent AS (SELECT * FROM logs) SELECT * FROM orders JOIN recent USING (id)", "orders", "select"),
        ("WITH gone AS (DELETE FROM logs RETURNING *) INSERT INTO archive SELECT * FROM gone", "archive", "insert"),
        ("SELECT * FROM (SELECT * FROM inner_table) t", "inner_table", "select"),
        ("SELECT * FROM (orders JOIN people USING (id))", "orders", "select"),
        ("SELECT (SELECT max(x) FROM sub) FROM orders", "orders", "select"),
        ("SELECT extract(year FROM at) FROM orders", "orders", "select"),
        ("SELECT ' from secret ' FROM orders", "orders", "select"),
        ("SELECT 'it''s from secret' FROM orders", "orders", "select"),
        ("SELECT E'a\\' from secret ' FROM orders", "", "select"),
        ("SELECT $$ from secret $$ FROM orders", "orders", "select"),
        ("SELECT $q$ from $$ secret $q$ FROM orders", "orders", "select"),
        ("SELECT * FROM generate_series(1, 10)", "", "select"),
        ("SELECT 1", "", "select"),
        ("SELECT 1 FROM 'a literal'", "", "select"),
        ("SELECT pg_advisory_lock($1)", "", "select"),
        ("BEGIN", "", "begin"),
        ("commit;", "", "commit"),
        ("TRUNCATE TABLE orders", "orders", "truncate"),
        ("TRUNCATE orders", "orders", "truncate"),
        ("CREATE TABLE IF NOT EXISTS shop.orders (id int)", "orders", "create"),
        ("DROP TABLE IF EXISTS orders", "orders", "drop"),
        ("ALTER TABLE ONLY orders ADD x int", "orders", "alter"),
        ("COPY orders FROM STDIN", "orders", "copy"),
        ("MERGE INTO orders USING news ON true WHEN MATCHED THEN DELETE", "orders", "merge"),
        ("EXPLAIN ANALYZE SELECT * FROM orders", "orders", "select"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY totals", "totals", "refresh"),
        ("(SELECT * FROM orders) UNION (SELECT * FROM people)", "orders", "select"),
        ("FROBNICATE orders", "", "other"),
        ('SELECT * FROM "a b; drop"', "", "select"),
        (f"SELECT * FROM {'x' * 100}", "", "select"),
        ("", "", "other"),
        ("'", "", "other"),
        ("SELECT * FROM", "", "select"),
        ("SELECT * FROM (", "", "select"),
        ("\udcff\x00", "", "other"),
    ],
)
def test_a_statement_is_read_by_its_structure(sql: str, table: str, operation: str) -> None:
    assert read(sql) == Statement(table, operation)


VERBS = ("select a, {} from orders where b = {}", "insert into orders (a, b) values ({}, {})",
         "update orders set a = {} where b = {}", "delete from orders where a = {} or b in ({})")  # fmt: skip


@given(
    verb=st.sampled_from(VERBS),
    values=st.tuples(*[st.text(alphabet="abz '\"\\;()-/*$\n from into update", max_size=40)] * 2),
)
def test_no_value_ever_becomes_a_table(verb: str, values: tuple[str, str]) -> None:
    quoted = ["'" + value.replace("'", "''") + "'" for value in values]
    assert read(verb.format(*quoted)).table in ("orders", "")


@given(sql=st.text(max_size=300))
def test_anything_is_read(sql: str) -> None:
    table, operation = read(sql)
    assert len(table) <= 63
    assert operation.isascii()


def test_long_statements_are_read_at_their_beginning_and_not_remembered_whole() -> None:
    values = ",".join(["('x from secret')"] * 200_000)
    assert read(f"INSERT INTO orders VALUES {values}") == Statement("orders", "insert")
    assert read("SELECT '" + "\\" * 100_000) == Statement("", "select")
    assert read("(" * 100_000 + "select 1 from t").table == ""


# -- SQLAlchemy -----------------------------------------------------------------------------------------


def test_queries_and_connections_of_an_engine(registry: Registry, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    engine = watch(sqlalchemy.create_engine(url, pool_size=2, max_overflow=1, pool_timeout=0.1))
    assert watch(engine) is engine, "twice is once"
    with engine.begin() as conn:
        conn.execute(sqlalchemy.text("CREATE TABLE orders (id int, note text)"))
        conn.execute(
            sqlalchemy.text("INSERT INTO orders VALUES (:id, :note)"),
            [{"id": 1, "note": "s3cret"}, {"id": 2, "note": "x"}],
        )
        conn.execute(sqlalchemy.text("SELECT * FROM orders WHERE note = 's3cret'")).all()
        with pytest.raises(sqlalchemy.exc.ProgrammingError), conn.begin_nested():
            conn.execute(sqlalchemy.text("UPDATE nowhere SET x = 1"))
        assert pool_of(registry, "postgresql") == {"active": 1, "idle": 0, "max": 3, "waiting": 0, "errors": 0}
    counted = queries(registry)
    for pair in (("orders", "create"), ("orders", "insert"), ("orders", "select"), ("nowhere", "update")):
        assert counted[pair] == 1, pair
    assert b"s3cret" not in ask(registry).body

    held = [engine.connect() for _ in range(3)]
    assert pool_of(registry, "postgresql")["active"] == 3
    with pytest.raises(sqlalchemy.exc.TimeoutError):
        engine.connect()
    assert pool_of(registry, "postgresql")["errors"] == 1, "waited in vain"
    for conn in held:
        conn.close()
    engine.dispose()
    held = [engine.connect() for _ in range(3)]
    with pytest.raises(sqlalchemy.exc.TimeoutError):
        engine.connect()
    assert pool_of(registry, "postgresql")["errors"] == 2, "the new pool is watched too"
    for conn in held:
        conn.close()
    assert pool_of(registry, "postgresql")["active"] == 0
    assert promtool_complaints(ask(registry).body) == []
    engine.dispose()


def test_a_server_that_hangs_up_or_is_away_is_a_connection_error(registry: Registry, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    engine = watch(sqlalchemy.create_engine(url, pool_size=1), name="main")
    with engine.connect() as conn:
        pid = conn.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(sqlalchemy.exc.OperationalError):
            conn.execute(sqlalchemy.text("SELECT 1 FROM pg_class"))
    assert pool_of(registry, "main")["errors"] == 1
    assert queries(registry)["pg_class", "select"] == 1, "a failed query took time too"
    engine.dispose()
    away = watch(sqlalchemy.create_engine(f"postgresql+psycopg://u@127.0.0.1:{free_port()}/x"), name="away")
    with pytest.raises(sqlalchemy.exc.OperationalError):
        away.connect()
    assert pool_of(registry, "away")["errors"] == 1


async def test_an_asynchronous_engine(registry: Registry, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = watch(create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=5))
    async with engine.connect() as conn:
        await conn.execute(sqlalchemy.text("SELECT count(*) FROM pg_class"))
        waiting = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0.05)
        assert pool_of(registry, "postgresql") == {"active": 1, "idle": 0, "max": 1, "waiting": 1, "errors": 0}
    await (await waiting).close()
    assert pool_of(registry, "postgresql") == {"active": 0, "idle": 1, "max": 1, "waiting": 0, "errors": 0}
    assert queries(registry)["pg_class", "select"] == 1
    await engine.dispose()


def test_pools_without_limits_tell_what_they_know(registry: Registry) -> None:
    engine = watch(sqlalchemy.create_engine("sqlite://"))
    with engine.connect() as conn:
        conn.execute(sqlalchemy.text("CREATE TABLE t (x int)"))
    assert queries(registry)["t", "create"] == 1
    assert "max" not in pool_of(registry, "sqlite")
    second = watch(sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.NullPool))
    assert pool_of(registry, "sqlite-2") == {"errors": 0}
    assert second.dialect.name == "sqlite"


def test_an_engine_that_is_gone_is_no_more_asked(registry: Registry) -> None:
    import gc

    engine = watch(sqlalchemy.create_engine("sqlite:///x.db"), name="short")
    assert "active" in pool_of(registry, "short")
    del engine
    gc.collect()
    assert "active" not in pool_of(registry, "short")
    assert pools.family(registry, "active")._readers == {}, "nor kept"


# -- asyncpg, psycopg -----------------------------------------------------------------------------------


async def test_a_pool_of_asyncpg(registry: Registry, postgres_url: str) -> None:
    begun = []

    async def init(connection: asyncpg.Connection) -> None:
        begun.append(connection)

    async with asyncpg.create_pool(postgres_url, min_size=1, max_size=2, init=init) as pool:
        watch(pool, name="main")
        await pool.execute("CREATE TABLE orders (id int)")
        await pool.execute("INSERT INTO orders VALUES ($1)", 4711)
        async with pool.acquire() as first, pool.acquire() as second:
            await second.fetch("SELECT * FROM orders")
            await first.fetch("SELECT * FROM orders")
            waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
            await asyncio.sleep(0.05)
            assert pool_of(registry, "main") == {"active": 2, "idle": 0, "max": 2, "waiting": 1, "errors": 0}
        await waiting
        assert len(begun) == 2, "the user's own init is still called"
        assert pool_of(registry, "main")["active"] == 0
        with pytest.raises(asyncpg.UndefinedTableError):
            await pool.fetch("SELECT * FROM nowhere")
        async with pool.acquire() as doomed, pool.acquire() as killer:
            pid = doomed.get_server_pid()
            asleep = asyncio.create_task(doomed.fetch("SELECT pg_sleep(60)"))
            await asyncio.sleep(0.05)
            await killer.execute(f"SELECT pg_terminate_backend({pid})")
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await asleep
        await asyncio.sleep(0)
        assert queries(registry)["orders", "select"] >= 2
        assert queries(registry)["orders", "insert"] == 1
        assert pool_of(registry, "main")["errors"] == 1
        await pool.expire_connections()
        await pool.fetchval("SELECT 1")
        assert pool_of(registry, "main")["errors"] == 1, "what the pool closes itself is no error"
        assert b"4711" not in ask(registry).body
    assert pool_of(registry, "main") == {"errors": 1}, "closed: nothing more is known"


async def test_a_pool_of_asyncpg_whose_server_is_away(registry: Registry) -> None:
    pool = asyncpg.create_pool(f"postgresql://u@127.0.0.1:{free_port()}/x", min_size=0, max_size=1)
    watch(pool, name="away")
    await pool
    with pytest.raises(ConnectionError):
        await pool.fetch("SELECT 1")
    assert pool_of(registry, "away")["errors"] >= 1
    await pool.close()


def test_a_pool_of_psycopg(registry: Registry, postgres_url: str) -> None:
    with psycopg_pool.ConnectionPool(postgres_url, min_size=1, max_size=2, open=True, timeout=5) as pool:
        watch(pool, name="main")
        pool.wait()
        assert pool_of(registry, "main") == {"active": 0, "idle": 1, "max": 2, "waiting": 0, "errors": 0}
        with pool.connection() as one, pool.connection():
            assert pool_of(registry, "main")["active"] == 2
            with pytest.raises(psycopg_pool.PoolTimeout), pool.connection(timeout=0.05):
                pass
            with database.timed("SELECT * FROM pg_class WHERE relname = 's3cret'"):
                one.execute("SELECT * FROM pg_class WHERE relname = 's3cret'")
        assert pool_of(registry, "main")["errors"] == 1
    assert queries(registry) == {("pg_class", "select"): 1}


async def test_the_asynchronous_pool_of_psycopg(registry: Registry, postgres_url: str) -> None:
    async with psycopg_pool.AsyncConnectionPool(postgres_url, min_size=1, max_size=3, open=False) as pool:
        watch(pool)
        await pool.wait()
        async with pool.connection():
            assert pool_of(registry, "postgresql")["active"] == 1
        assert pool_of(registry, "postgresql")["max"] == 3


async def test_whatever_cannot_be_watched_is_timed(registry: Registry) -> None:
    @database.timed(table="ledger", operation="post")
    async def post() -> None:
        await asyncio.sleep(0)

    await post()
    await post()
    assert queries(registry) == {("ledger", "post"): 2}


def test_ten_thousand_tables_are_bounded(registry: Registry) -> None:
    for i in range(10_000):
        with database.timed(f"SELECT * FROM events_{i}"):
            pass
    counted = queries(registry)
    assert len(counted) <= 501
    assert sum(counted.values()) == 10_000
