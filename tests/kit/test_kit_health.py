"""What an orchestrator hears when it asks: stories of checks that pass, fail, hang, and are asked too often."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sereno_kit.endpoints import Answer, Ask
from sereno_kit.health import HealthChecks
from sereno_kit.options import Health

LIVE = Ask("GET", "/health/live")
READY = Ask("GET", "/health/ready")


class Hands:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def asleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def health(hands: Hands) -> HealthChecks:
    return HealthChecks(Health(), hands)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds threads until the test is over, so that none is left behind."""
    event = threading.Event()
    yield event
    event.set()


def body(answer: Answer) -> dict[str, Any]:
    return dict(json.loads(answer.body))


async def test_a_service_without_checks_is_alive_and_ready(health: HealthChecks) -> None:
    assert (await health.live(LIVE)).status == 200
    answer = await health.ready(READY)
    assert (answer.status, body(answer)) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


async def test_the_database_is_away_and_the_process_is_not_restarted_for_it(health: HealthChecks) -> None:
    asked = []

    @health.check("db")
    async def db_ready() -> None:
        asked.append(1)
        raise ConnectionRefusedError("postgres://user:hunter2@db/orders refused")

    live = await health.live(LIVE)
    assert (live.status, asked) == (200, [])
    ready = await health.ready(READY)
    assert ready.status == 503
    assert body(ready)["status"] == "failed"
    assert body(ready)["checks"]["db"]["status"] == "failed"
    assert body(ready)["checks"]["db"]["error"] == "ConnectionRefusedError"
    assert "message" not in body(ready)["checks"]["db"]


async def test_messages_are_shown_only_when_asked_for_and_redacted(hands: Hands) -> None:
    class Blacken:
        def text(self, text: str) -> str:
            return text.replace("hunter2", "[redacted]")

    health = HealthChecks(Health(messages=True), hands, Blacken())  # type: ignore[arg-type]

    @health.check("db")
    def db_ready() -> None:
        raise RuntimeError("password hunter2 refused")

    shown = body(await health.ready(READY))["checks"]["db"]
    assert shown["message"] == "password [redacted] refused"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, 200), (True, 200), (0, 200), ("", 200), (False, 503)],  # only False itself says no
)
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_returning_false_is_not_ready(
    health: HealthChecks, outcome: object, status: int, asynchronous: bool
) -> None:
    if asynchronous:

        @health.check("queue")
        async def later() -> object:
            return outcome
    else:

        @health.check("queue")
        def now() -> object:
            return outcome

    assert (await health.ready(READY)).status == status


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration(), asyncio.CancelledError()])
async def test_whatever_a_check_raises_is_a_failure_of_the_check(health: HealthChecks, error: BaseException) -> None:
    @health.check("odd")
    def odd() -> None:
        raise error

    answer = await health.ready(READY)
    assert answer.status == 503
    assert body(answer)["checks"]["odd"]["status"] == "failed"


async def test_a_check_that_cancels_itself_fails_and_the_probe_goes_on(health: HealthChecks) -> None:
    @health.check("odd")
    async def odd() -> None:
        raise asyncio.CancelledError

    assert body(await health.ready(READY))["checks"]["odd"]["error"] == "CancelledError"


async def test_an_error_that_cannot_say_what_it_is_still_fails(health: HealthChecks) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    @health.check("mute")
    async def mute() -> None:
        raise Mute

    assert body(await health.ready(READY))["checks"]["mute"]["error"] == "Mute"


async def test_checks_run_at_the_same_time(health: HealthChecks) -> None:
    here, there = asyncio.Event(), asyncio.Event()

    @health.check("here", timeout=5)
    async def first() -> None:
        here.set()
        await there.wait()

    @health.check("there", timeout=5)
    async def second() -> None:
        there.set()
        await here.wait()

    assert (await health.ready(READY)).status == 200


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_hundred_probes_ask_each_dependency_once(health: HealthChecks, asynchronous: bool) -> None:
    asked = []
    if asynchronous:

        @health.check("db")
        async def later() -> None:
            asked.append(1)
            await asyncio.sleep(0.01)
    else:

        @health.check("db")
        def now() -> None:
            asked.append(1)
            time.sleep(0.01)

    answers = await asyncio.gather(*(health.ready(READY) for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert len(asked) == 1


async def test_a_result_holds_for_its_time_good_or_bad(health: HealthChecks, hands: Hands) -> None:
    asked = []

    @health.check("good", cache=2)
    async def good() -> None:
        asked.append("good")

    @health.check("bad", cache=5)
    async def bad() -> bool:
        asked.append("bad")
        return False

    for seconds in (0.0, 1.9, 0.2, 2.0, 1.0):  # asked at 0, 1.9, 2.1, 4.1, 5.1
        hands.seconds += seconds
        answer = await health.ready(READY)
        assert answer.status == 503
    assert asked.count("good") == 3  # at 0, 2.1, 4.1
    assert asked.count("bad") == 2  # at 0 and 5.1
    assert body(answer)["checks"]["good"]["age_seconds"] == 1.0


async def test_a_probe_that_gives_up_does_not_take_the_answer_from_the_others(health: HealthChecks) -> None:
    go = asyncio.Event()

    @health.check("slow", timeout=5)
    async def slow() -> None:
        await go.wait()

    impatient = asyncio.create_task(health.ready(READY))
    patient = asyncio.create_task(health.ready(READY))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0.01)
    go.set()
    assert (await patient).status == 200


async def test_a_thread_that_hangs_for_ever_is_the_only_one(
    health: HealthChecks, hands: Hands, gate: threading.Event
) -> None:
    asked = []

    @health.check("dns", timeout=0.02, cache=0)
    def dns() -> None:
        asked.append(1)
        gate.wait()

    before = threading.active_count()
    for _ in range(20):
        answer = await health.ready(READY)
        assert body(answer)["checks"]["dns"]["status"] == "timeout"
        hands.seconds += 10
    assert (len(asked), threading.active_count()) == (1, before + 1)

    gate.set()
    for thread in threading.enumerate():
        if thread.name == "health check dns":
            thread.join(5)
    assert (await health.ready(READY)).status == 200  # it has come back, and is asked again


async def test_a_task_that_does_not_let_itself_be_cancelled_is_the_only_one(health: HealthChecks) -> None:
    asked = []
    go = asyncio.Event()

    @health.check("stubborn", timeout=0.02, cache=0)
    async def stubborn() -> None:
        asked.append(1)
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    for _ in range(5):
        assert body(await health.ready(READY))["checks"]["stubborn"]["status"] == "timeout"
    assert asked == [1]
    go.set()
    await asyncio.sleep(0.01)
    assert (await health.ready(READY)).status == 200


async def test_a_hanging_check_is_cancelled_and_lets_go_of_what_it_holds(health: HealthChecks) -> None:
    let_go = asyncio.Event()

    @health.check("pool", timeout=0.02)
    async def pool() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            let_go.set()

    await health.ready(READY)
    await asyncio.wait_for(let_go.wait(), 1)


def test_a_loop_that_ended_amid_a_check_does_not_leave_it_stuck(health: HealthChecks, gate: threading.Event) -> None:
    asked = []

    @health.check("db", timeout=5, cache=0)
    async def db() -> None:
        asked.append(1)
        if len(asked) == 1:
            await asyncio.Event().wait()

    async def given_up() -> None:
        left_behind = asyncio.create_task(health.ready(READY))
        await asyncio.sleep(0.01)
        assert not left_behind.done()

    asyncio.run(given_up())
    assert asyncio.run(health.ready(READY)).status == 200
    assert len(asked) == 2


async def test_while_draining_readiness_says_so_at_once_and_asks_nobody(health: HealthChecks, hands: Hands) -> None:
    asked = []

    @health.check("db", cache=0)
    async def db() -> None:
        asked.append(1)

    assert (await health.ready(READY)).status == 200
    hands.seconds += 60
    health.draining = True
    answer = await health.ready(READY)
    assert (answer.status, body(answer)["status"], len(asked)) == (503, "draining", 1)
    assert body(answer)["checks"]["db"]["status"] == "ok"
    assert (await health.live(LIVE)).status == 200


async def test_before_the_start_is_done_it_is_alive_and_not_ready(health: HealthChecks) -> None:
    health.starting = True
    assert (await health.live(LIVE)).status == 200
    answer = await health.ready(READY)
    assert (answer.status, body(answer)["status"]) == (503, "starting")


async def test_what_is_only_shown_never_fails(health: HealthChecks) -> None:
    @health.check("recommendations", kind="info")
    async def recommendations() -> None:
        raise TimeoutError

    answer = await health.ready(READY)
    assert answer.status == 200
    assert body(answer)["checks"]["recommendations"] | {"duration_seconds": 0} == {
        "status": "failed",
        "kind": "info",
        "error": "TimeoutError",
        "duration_seconds": 0,
        "age_seconds": 0.0,
    }


async def test_a_check_of_liveness_fails_liveness_alone(health: HealthChecks) -> None:
    @health.check("consumer", kind="live")
    def consumer() -> bool:
        return False

    assert (await health.live(LIVE)).status == 503
    assert (await health.ready(READY)).status == 200


async def test_a_late_event_loop_is_told_and_forgiven_up_to_a_limit(health: HealthChecks) -> None:
    late = [1.5]
    health.lag = lambda: late[0]
    answer = await health.live(LIVE)
    assert (answer.status, body(answer)) == (200, {"status": "ok", "loop_lag_seconds": 1.5})
    late[0] = 31.0
    assert (await health.live(LIVE)).status == 503


async def test_only_reading_is_allowed(health: HealthChecks) -> None:
    for endpoint in (health.live, health.ready):
        answer = await endpoint(Ask("POST", "/health/ready"))
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert (await endpoint(Ask("HEAD", "/health/ready"))).status == 200


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda h: h.check("two words"), "letters"),
        (lambda h: h.check(""), "letters"),
        (lambda h: h.check("x" * 65), "at most 64"),
        (lambda h: h.check("db"), "already"),
        (lambda h: h.check("x", timeout=0), "above 0"),
        (lambda h: h.check("x", timeout=float("nan")), "above 0"),
        (lambda h: h.check("x", cache=-1), "not below 0"),
        (lambda h: h.check("x", kind="readiness"), "'ready', 'live' or 'info'"),
    ],
)
def test_a_wrong_declaration_is_told_when_it_is_made(
    health: HealthChecks, declare: Callable[[HealthChecks], object], says: str
) -> None:
    health.check("db")(lambda: None)
    with pytest.raises(ValueError, match=says):
        declare(health)


def test_the_decorator_gives_the_function_back(health: HealthChecks) -> None:
    def db() -> None: ...

    assert health.check("db")(db) is db


async def test_a_callable_object_and_a_partial_are_checks_too(health: HealthChecks) -> None:
    import functools

    class Pool:
        async def __call__(self) -> bool:
            return False

    async def ping(host: str) -> None:
        raise ConnectionError(host)

    health.check("pool")(Pool())
    health.check("ping")(functools.partial(ping, "db"))
    shown = body(await health.ready(READY))["checks"]
    assert (shown["pool"]["status"], shown["ping"]["status"]) == ("failed", "failed")


async def test_an_awaitable_that_nobody_awaits_is_not_taken_for_health(health: HealthChecks) -> None:
    pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    health.check("db")(lambda: pong)
    assert body(await health.ready(READY))["checks"]["db"]["error"] == "TypeError"


async def test_how_checks_went_is_a_metric_once_it_is_known(health: HealthChecks, hands: Hands) -> None:
    import prometheus_client

    from sereno_kit.metrics import registry

    with registry.use(registry.Registry(prometheus_client.CollectorRegistry())) as counted:
        passes = [True]

        @health.check("db", cache=0)
        async def db() -> bool:
            return passes[0]

        assert counted.value("health_check_up", check="db") is None
        await health.ready(READY)
        assert counted.value("health_check_up", check="db") == 1
        passes[0] = False
        await health.ready(READY)
        assert counted.value("health_check_up", check="db") == 0
        assert counted.value("health_check_duration_seconds_count", check="db") == 2


async def test_a_loop_that_was_held_up_is_heard_of(health: HealthChecks) -> None:
    import prometheus_client

    from sereno_kit.metrics import loop, registry

    watched = loop.watch(registry.Registry(prometheus_client.CollectorRegistry()), every_seconds=0.01)
    health.lag = watched.late
    await asyncio.sleep(0.02)
    time.sleep(0.2)  # what nobody should do
    assert body(await health.live(LIVE))["loop_lag_seconds"] >= 0.15
    await asyncio.sleep(0.05)
    assert body(await health.live(LIVE))["loop_lag_seconds"] < 0.15
    watched.stop()


def test_two_loops_of_two_threads_both_get_their_answer(health: HealthChecks) -> None:
    """One asks while the run that the other began is not over."""
    begun, over = threading.Event(), threading.Event()
    asked = []

    @health.check("db", timeout=5, cache=0)
    async def db() -> None:
        asked.append(1)
        if len(asked) == 1:
            begun.set()
            while not over.is_set():
                await asyncio.sleep(0.01)

    statuses: list[int] = []
    other = threading.Thread(target=lambda: statuses.append(asyncio.run(health.ready(READY)).status))
    other.start()
    assert begun.wait(5)
    statuses.append(asyncio.run(health.ready(READY)).status)
    over.set()
    other.join(5)
    assert statuses == [200, 200]


def test_a_check_that_hangs_does_not_keep_the_process_from_ending() -> None:
    import subprocess
    import sys

    program = """
import asyncio, threading
from sereno_kit.endpoints import Ask
from sereno_kit.health import HealthChecks
from sereno_kit.options import Health
health = HealthChecks(Health(timeout_seconds=0.05))
health.check("dns")(threading.Event().wait)
print(asyncio.run(health.ready(Ask("GET", "/health/ready"))).status)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=False)
    assert (done.stdout, done.returncode) == ("503\n", 0)


async def test_a_service_that_starts_up_says_so() -> None:
    from contextlib import asynccontextmanager

    import httpx
    import prometheus_client
    from fastapi import FastAPI

    from sereno_kit import instrument
    from sereno_kit.metrics import registry

    warm, ended = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        await warm.wait()
        yield

    app = FastAPI(lifespan=lifespan)
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        if "lifespan.startup.complete" not in sent:
            return {"type": "lifespan.startup"}
        await ended.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with registry.use(registry.Registry(prometheus_client.CollectorRegistry())):
        kit = instrument(app, service="warm", logs=None, drain=None)
        life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
        await asyncio.sleep(0.01)
        assert body(await kit.health.ready(READY))["status"] == "starting"
        warm.set()
        while not sent:
            await asyncio.sleep(0.001)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as client:
            assert (await client.get("/health/ready")).json() == {"status": "ok"}
        ended.set()
        await life
        kit.close()
