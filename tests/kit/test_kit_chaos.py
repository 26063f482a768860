"""Faults on purpose: whom they befall, how they end, and who may ask for them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from sereno_kit import chaos, chaos_admin, chaos_requests
from sereno_kit.endpoints import Answer, Ask
from sereno_kit.errors import Category, ClientError, DependencyError, KitError, Transient, classify
from sereno_kit.options import Admin
from sereno_kit.testing import FakeClock, faults

TOKEN = "a-token-of-some-length"


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    left, chaos.active = chaos.active, ()
    assert left == ()


def test_nothing_happens_unless_something_is_injected():
    assert chaos.active == ()
    chaos.meet("pipeline", "stripe")
    assert chaos.strike("request", "/orders") is None


def test_a_wait_and_then_an_end_as_asked():
    clock = FakeClock(start=0.0)
    with faults(latency=2.5, error=TimeoutError, clock=clock), pytest.raises(TimeoutError):
        chaos.meet("pipeline", "stripe")
    assert clock.monotonic() == 2.5
    chaos.meet("pipeline", "stripe")
    assert clock.monotonic() == 2.5


async def test_the_same_for_tasks():
    clock = FakeClock(start=0.0)
    error = ValueError("this very one")
    with faults(latency=60.0, error=error, clock=clock), pytest.raises(ValueError, match="this very one") as raised:
        await chaos.ameet("pipeline", "stripe")
    assert raised.value is error
    assert clock.slept == [60.0]


@pytest.mark.parametrize(
    ("status", "kind", "category"),
    [
        (503, Transient, Category.TRANSIENT),
        (429, Transient, Category.TRANSIENT),
        (501, DependencyError, Category.DEPENDENCY),
        (404, ClientError, Category.CLIENT),
    ],
)
def test_a_status_is_raised_as_what_it_stands_for(status: int, kind: type[KitError], category: Category):
    with faults(error=status), pytest.raises(kind) as raised:
        chaos.meet("pipeline", "stripe")
    assert raised.value.status == status
    assert classify(raised.value) is category


def test_a_lost_connection_may_pass():
    with faults(drop=True), pytest.raises(ConnectionError) as raised:
        chaos.meet("pipeline", "stripe")
    assert classify(raised.value) is Category.TRANSIENT


@pytest.mark.parametrize(
    ("only", "place", "name", "befallen"),
    [
        ("*", "request", "/", True),
        ("pipeline", "pipeline", "stripe", True),
        ("pipeline", "outgoing", "stripe", False),
        ("stripe", "pipeline", "stripe", True),
        ("stripe", "pipeline", "stripe2", False),
        ("outgoing:pay*", "outgoing", "payments/charges", True),
        ("outgoing:payments", "outgoing", "payments/charges", True),
        ("payments", "outgoing", "payments/charges", True),
        ("outgoing:pay", "outgoing", "payments/charges", False),
        ("outgoing:payments/r*", "outgoing", "payments/charges", False),
        ("pipeline:a", "pipeline", "a/b", False),
        ("outgoing:pay*", "pipeline", "payments", False),
        ("/orders*", "request", "/orders/7", True),
        ("request:/orders", "request", "/orders/7", False),
        (lambda place, name: name.endswith("7"), "request", "/orders/7", True),
        (lambda place, name: name.endswith("7"), "request", "/orders/8", False),
    ],
)
def test_only_what_is_meant(only: Any, place: Any, name: str, befallen: bool):
    with faults(error=500, only=only) as fault:
        assert (chaos.strike(place, name) is not None) is befallen
    assert fault.met == befallen


def test_the_same_seed_befalls_the_same_ones_and_the_share_is_kept():
    def befallen(seed: int) -> list[bool]:
        with faults(error=500, share=0.3, seed=seed):
            return [chaos.strike("pipeline", "stripe") is not None for _ in range(2_000)]

    assert befallen(1) == befallen(1) != befallen(2)
    assert 500 < sum(befallen(1)) < 700
    with faults(error=500, share=0.0) as never:
        assert chaos.strike("pipeline", "stripe") is None
    assert never.met == 0


def test_blocks_nest_waits_add_up_and_the_innermost_end_counts():
    with faults(latency=1.0, error=500), faults(latency=2.0):
        with faults(drop=True):
            struck = chaos.strike("pipeline", "stripe")
            assert struck is not None
            assert (struck.latency_seconds, struck.drop, struck.status) == (3.0, True, None)
        struck = chaos.strike("pipeline", "stripe")
        assert struck is not None
        assert (struck.latency_seconds, struck.drop, struck.status) == (3.0, False, 500)


@pytest.mark.parametrize(
    "nonsense",
    [{}, {"share": 0.5}, {"error": 200}, {"error": 500, "share": 1.1}, {"latency": -1.0}, {"latency": float("inf")}],
)
def test_nonsense_is_refused_at_once(nonsense: dict[str, Any]):
    with pytest.raises(ValueError, match="fault"), faults(**nonsense):
        pass


async def asked(app: Any, path: str = "/orders") -> tuple[list[dict[str, Any]], BaseException | None]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await app({"type": "http", "path": path, "method": "GET", "headers": []}, None, send)
    except Exception as error:
        return sent, error
    return sent, None


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_requests_are_answered_dropped_or_spared():
    app = chaos_requests.asgi(hello)
    with faults(error=503, only="request:/orders*"):
        assert (await asked(app))[0][0]["status"] == 503
        assert (await asked(app, "/health"))[0][0]["status"] == 200
    with faults(drop=True):
        sent, error = await asked(app)
        assert isinstance(error, ConnectionError)
        assert sent[-1]["more_body"] is True
    with faults(error=RuntimeError("boom")):
        assert isinstance((await asked(app))[1], RuntimeError)
    assert (await asked(app))[0][1]["body"] == b"hello"


def test_wsgi_requests_too():
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"hello"]

    lines: list[str] = []
    befallen = chaos_requests.wsgi(app)

    def get() -> list[bytes]:
        return list(befallen({"PATH_INFO": "/orders"}, lambda line, _: lines.append(line)))

    with faults(error=503):
        assert get() == [b"injected fault"]
    with faults(error=599):
        get()
    with faults(drop=True), pytest.raises(ConnectionError):
        get()
    with faults(error=KeyError), pytest.raises(KeyError):
        get()
    assert get() == [b"hello"]
    assert lines == ["503 Service Unavailable", "599 Injected", "200 OK", "200 OK"]


class Operator:
    """Somebody with the token."""

    def __init__(self, clock: FakeClock, environment: str = "staging", **options: Any) -> None:
        found = chaos_admin.endpoint(Admin(token=TOKEN, chaos=True), environment=environment, clock=clock, **options)
        assert found is not None
        self.endpoint = found

    def ask(self, method: str, body: Any = None, query: str = "", **headers: str) -> tuple[int, Any]:
        given = {"authorization": f"Bearer {TOKEN}", "x-operator": "ana", **headers}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self.endpoint(Ask(method, "/-/kit/chaos", given, query, raw, "10.0.0.1"))
        assert isinstance(answer, Answer)
        return answer.status, json.loads(answer.body)


def test_an_operator_injects_sees_and_removes_and_all_is_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "sereno_kit.chaos")
    operator = Operator(FakeClock())
    status, told = operator.ask("POST", {"error": 503, "share": 1, "only": "outgoing:payments*", "seconds": 30})
    assert status == 201
    assert told["fault"]["error"] == 503
    assert told["fault"]["seconds_left"] == 30.0
    operator.ask("POST", {"latency_seconds": 0.5, "error": "timeout"})
    assert chaos.strike("outgoing", "payments/charges") is not None
    shown = operator.ask("GET")[1]["faults"]
    assert [(one["error"], one["met"]) for one in shown] == [(503, 1), ("timeout", 1)]
    assert operator.ask("DELETE", query=f"id={shown[0]['id']}")[1]["faults"] == shown[1:]
    assert operator.ask("DELETE", query="id=99999")[0] == 404
    assert operator.ask("DELETE")[1]["faults"] == []
    assert [record.message for record in caplog.records] == ["fault injected"] * 2 + ["fault removed"] * 2
    assert {vars(record)["operator"] for record in caplog.records} == {"ana"}


def test_faults_end_by_themselves_and_never_later_than_after_ten_minutes():
    clock = FakeClock()
    operator = Operator(clock)
    assert operator.ask("POST", {"error": 503, "seconds": 600})[0] == 201
    assert operator.ask("POST", {"error": 503, "seconds": 601})[0] == 400
    clock.sleep(599.9)
    assert chaos.strike("pipeline", "stripe") is not None
    clock.sleep(0.1)
    assert chaos.strike("pipeline", "stripe") is None
    assert operator.ask("GET")[1]["faults"] == []
    assert chaos.active == ()


async def test_the_end_is_logged_even_if_nobody_looks(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "sereno_kit.chaos")
    found = chaos_admin.endpoint(Admin(token=TOKEN, chaos=True), environment="dev")
    assert found is not None
    given = {"authorization": f"Bearer {TOKEN}", "x-operator": "ana"}
    found(Ask("POST", "/-/kit/chaos", given, body=b'{"error": 500, "seconds": 0.01}'))
    for _ in range(100):
        await asyncio.sleep(0.02)
        if not chaos.active:
            break
    assert chaos.active == ()
    assert [record.message for record in caplog.records] == ["fault injected", "fault is over"]


@pytest.mark.parametrize(
    "environment", ["prod", "PRODUCTION", "prod-eu", "live", "prd_1", "eu-prod", "mx/prod2", "Producción", "aws.live"]
)
def test_where_customers_are_faults_are_refused_unless_somebody_means_it(
    environment: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SERENO_KIT_CHAOS", raising=False)
    refused = Operator(FakeClock(), environment)
    assert refused.ask("POST", {"error": 503})[0] == 403
    assert refused.ask("GET")[1]["refused"] is True
    monkeypatch.setenv("SERENO_KIT_CHAOS", "1")
    assert Operator(FakeClock(), environment).ask("POST", {"error": 503})[0] == 403
    monkeypatch.setenv("SERENO_KIT_CHAOS", "production")
    meant = Operator(FakeClock(), environment)
    assert meant.ask("POST", {"error": 503})[0] == 201
    assert Operator(FakeClock(), environment, allow_in_production=True).ask("POST", {"drop": True})[0] == 201
    meant.ask("DELETE")


@pytest.mark.parametrize("environment", ["staging", "preprod", "pre-prod", "non_prod", "product-lab", "", "delivery"])
def test_elsewhere_they_are_not(environment: str):
    assert not chaos_admin.is_production(environment)


def test_it_is_not_there_unless_enabled_and_with_a_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SERENO_KIT_CHAOS", raising=False)
    monkeypatch.delenv("SERENO_KIT_TOKEN", raising=False)

    def there(options: Admin) -> bool:
        return chaos_admin.endpoint(options, environment="dev") is not None

    assert not there(Admin(token=TOKEN))
    assert not there(Admin(chaos=True))
    assert not there(Admin(chaos=True, token="short"))
    assert there(Admin(chaos=True, token=TOKEN))
    monkeypatch.setenv("SERENO_KIT_CHAOS", "1")
    assert there(Admin(token=TOKEN))
    monkeypatch.setenv("SERENO_KIT_TOKEN", TOKEN)
    assert there(Admin())


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \udcff"]
)
def test_nobody_else_is_let_in(authorization: str):
    operator = Operator(FakeClock())
    for method in ("GET", "POST", "DELETE", "PUT"):
        assert operator.ask(method, {"error": 503}, authorization=authorization)[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        {},
        {"eror": 503},
        {"error": 200},
        {"error": "rm -rf"},
        {"error": True},
        {"latency_seconds": 61},
        {"latency_seconds": "1"},
        {"error": 503, "share": 2},
        {"error": 503, "share": True},
        {"error": 503, "seconds": 0},
        {"error": 503, "only": ""},
        {"error": 503, "only": "x" * 201},
        {"error": 503, "only": "a\nb"},
        {"error": 503, "only": 7},
        {"drop": "yes"},
        {"drop": True, "seed": 1.5},
    ],
)
def test_what_is_no_fault_is_refused_in_words(body: Any):
    status, told = Operator(FakeClock()).ask("POST", body)
    assert status == 400
    assert len(told["title"]) > 10


def test_an_operator_says_who_it_is_and_injects_no_more_than_twenty():
    operator = Operator(FakeClock())
    assert operator.ask("POST", {"error": 503}, **{"x-operator": "a\nb"})[0] == 400
    assert operator.ask("PATCH", {"error": 503})[0] == 405
    assert [operator.ask("POST", {"error": 503})[0] for _ in range(21)] == [201] * 20 + [409]
    assert operator.ask("DELETE")[0] == 200
