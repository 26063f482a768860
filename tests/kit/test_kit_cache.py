"""Commands of a real Redis, counted by their names; keys and values never are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio
from tests.kit.metric_pages import ask, fresh, promtool_complaints, samples
from tests.kit.redis_of_ours import redis_server

from sereno_kit.metrics import cache
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.metrics.watching import watch


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as at:
        yield at


@pytest.fixture
def registry() -> Iterator[Registry]:
    with use(fresh()) as made:
        yield made


def counted(registry: Registry, name: str = "redis_commands_total") -> dict[str, float]:
    found = samples(ask(registry).body)
    return {key[len(name) :]: value for key, value in found.items() if key.startswith(name + "{") and value}


def test_commands_are_counted_by_name_and_outcome(registry: Registry, port: int) -> None:
    client = watch(redis.Redis(port=port))
    assert client.set("user:4711", "s3cret")
    assert client.get("user:4711") == b"s3cret"
    assert client.get("user:nobody") is None
    with pytest.raises(redis.ResponseError):
        client.incr("user:4711")
    client.config_get("maxmemory")
    with pytest.raises(redis.ResponseError):
        client.execute_command("s3cret-4711 x")
    client.execute_command(b"PING")
    assert counted(registry) == {
        '{command="SET",status="ok"}': 1,
        '{command="GET",status="ok"}': 2,
        '{command="INCRBY",status="error"}': 1,
        '{command="CONFIG",status="ok"}': 1,
        '{command="_OTHER",status="error"}': 1,
        '{command="PING",status="ok"}': 1,
    }
    page = ask(registry).body
    assert b"4711" not in page
    assert registry.value("redis_command_duration_seconds_count", command="GET") == 2
    assert promtool_complaints(page) == []
    client.close()


def test_a_pipeline_is_its_commands_and_one_round_trip(registry: Registry, port: int) -> None:
    client = watch(redis.Redis(port=port))
    with client.pipeline() as pipe:
        pipe.set("a", 1).incr("a").get("a")
        assert pipe.execute() == [True, 2, b"2"]
    pipe = client.pipeline(transaction=False)
    pipe.get("a").lpush("a", 1)
    answers = pipe.execute(raise_on_error=False)
    assert isinstance(answers[1], redis.ResponseError)
    with pytest.raises(redis.ResponseError):
        client.pipeline().lpush("a", 1).execute()
    assert counted(registry) == {
        '{command="SET",status="ok"}': 1,
        '{command="INCRBY",status="ok"}': 1,
        '{command="GET",status="ok"}': 2,
        '{command="LPUSH",status="error"}': 2,
        '{command="PIPELINE",status="ok"}': 2,
        '{command="PIPELINE",status="error"}': 1,
    }
    client.close()


async def test_the_asynchronous_client_too_whatever_becomes_of_it(registry: Registry, port: int) -> None:
    client = watch(redis.asyncio.Redis(port=port))
    assert watch(client) is client, "twice is once"
    await client.set("b", "1")
    async with client.pipeline() as pipe:
        assert await pipe.get("b").execute() == [b"1"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.blpop(["nothing"], timeout=5)
    assert counted(registry) == {
        '{command="SET",status="ok"}': 1,
        '{command="GET",status="ok"}': 1,
        '{command="PIPELINE",status="ok"}': 1,
        '{command="BLPOP",status="error"}': 1,
    }
    await client.aclose()


def test_a_redis_that_is_away_is_an_error_of_the_command(registry: Registry) -> None:
    client = watch(redis.Redis(port=1, retry=None))
    with pytest.raises(redis.ConnectionError):
        client.get("x")
    assert counted(registry) == {'{command="GET",status="error"}': 1}


def test_other_clients_are_left_alone(registry: Registry, port: int) -> None:
    watched, other = watch(redis.Redis(port=port)), redis.Redis(port=port)
    other.ping()
    assert counted(registry) == {}
    watched.ping()
    assert len(counted(registry)) == 1
    watched.close()
    other.close()


def test_thousands_of_made_up_commands_are_bounded(registry: Registry, port: int) -> None:
    client = watch(redis.Redis(port=port))
    commands = cache.Commands(registry)
    for i in range(3000):
        name = "".join(chr(ord("A") + int(digit)) for digit in str(i))
        commands.count((name,), ok=True)
    found = counted(registry)
    assert sum(found.values()) == 3000
    assert len(found) <= 402
    client.close()


def test_connections_of_the_pool(registry: Registry, port: int) -> None:
    client = watch(redis.Redis(connection_pool=redis.BlockingConnectionPool(port=port, max_connections=2, timeout=5)))
    held = [client.connection_pool.get_connection() for _ in range(2)]
    waiter = threading.Thread(target=client.ping)
    waiter.start()
    for _ in range(100):
        page = samples(ask(registry).body)
        if page['db_connection_pool_waiting{pool="redis"}'] == 1:
            break
        threading.Event().wait(0.02)
    assert page['db_connection_pool_waiting{pool="redis"}'] == 1
    assert page['db_connections_active{pool="redis"}'] == 2
    assert page['db_connections_max{pool="redis"}'] == 2
    for one in held:
        client.connection_pool.release(one)
    waiter.join()
    page = samples(ask(registry).body)
    assert page['db_connections_active{pool="redis"}'] == 0
    assert page['db_connections_idle{pool="redis"}'] >= 1
    assert page['db_connection_pool_waiting{pool="redis"}'] == 0
    client.close()


async def test_connections_of_the_asynchronous_pool(registry: Registry, port: int) -> None:
    pool = watch(redis.asyncio.ConnectionPool(port=port, max_connections=7), name="sessions")
    one = await pool.get_connection()
    page = samples(ask(registry).body)
    assert page['db_connections_active{pool="sessions"}'] == 1
    assert page['db_connections_max{pool="sessions"}'] == 7
    await pool.release(one)
    assert samples(ask(registry).body)['db_connections_idle{pool="sessions"}'] == 1
    await pool.aclose()


def test_a_cache_of_any_kind_tells_what_it_found(registry: Registry) -> None:
    prices = cache.Lookups("prices")
    prices.hit()
    prices.hit()
    prices.miss()
    assert samples(ask(registry).body) == {
        'cache_requests_total{cache="prices",result="hit"}': 2,
        'cache_requests_total{cache="prices",result="miss"}': 1,
        'cache_requests_total{cache="prices",result="error"}': 0,
    }
