"""A pipeline's rate limit, and the middlewares that answer 429."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sereno_kit import context
from sereno_kit.callers import Caller, by_client, by_header
from sereno_kit.errors import RateLimited
from sereno_kit.limits import MemoryStore, SlidingWindow, TokenBucket
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.rate_limiting import RateLimiting, RateLimitingWsgi
from sereno_kit.resilience.pipeline import Pipeline
from sereno_kit.resilience.policy import Policy
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with use(Registry(CollectorRegistry())) as one:
        yield one


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def piped(clock: FakeClock, *policies: Policy) -> Pipeline:
    """A pipeline that nobody else in this process knows."""
    made = Pipeline("orders", policies, clock)
    made.bind()
    return made


async def test_a_synchronous_call_on_a_loops_thread_does_not_wait(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=1, burst=1, wait=5.0))
    assert pipe.call(lambda: 7) == 7
    before = clock.monotonic()
    with pytest.raises(RateLimited):
        pipe.call(lambda: 7)
    with pytest.raises(RateLimited), pipe.attempt():
        pass
    assert clock.monotonic() == before


def test_users_may_be_numbers(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=1, burst=1, key=lambda user: user))
    for user in (0, 7):
        assert pipe.call(lambda user: user, user) == user
        with pytest.raises(RateLimited):
            pipe.call(lambda user: user, user)


def test_what_comes_faster_than_the_rule_is_refused_and_told_when_to_come_back(
    clock: FakeClock, registry: Registry
) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=2, burst=2))
    assert [pipe.call(lambda: "paid") for _ in range(2)] == ["paid"] * 2
    with pytest.raises(RateLimited) as refused:
        pipe.call(lambda: "paid")
    assert refused.value.retry_after == pytest.approx(0.5)
    assert refused.value.status == 429
    clock.advance(0.5)
    assert pipe.call(lambda: "paid") == "paid"
    events = {"pipeline": "orders", "policy": "rate_limit", "event": "rejected"}
    assert registry.value("sereno_pipeline_events_total", **events) == 1
    view = pipe.policies[0].view()
    assert (view["rule"], view["quota"], view["rejected"]) == ("token_bucket", 2, 1)


async def test_threads_and_tasks_share_one_quota(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.sliding_window(limit=3, window=60))

    async def pay() -> str:
        return "paid"

    assert pipe.call(lambda: "paid") == "paid"
    assert await pipe.acall(pay) == "paid"
    with pipe.attempt():
        pass
    for refused in (lambda: pipe.call(lambda: "paid"), pipe.attempt().__enter__):
        with pytest.raises(RateLimited):
            refused()
    with pytest.raises(RateLimited):
        await pipe.acall(pay)


def test_each_key_has_a_quota_and_those_without_share_one(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=1, burst=1, key=lambda user, **_: user))
    pay = pipe(lambda user, amount=0: f"{user} paid")
    assert pay("ana", amount=3) == "ana paid"
    assert pay("bo") == "bo paid"
    assert pay(None) == "None paid"
    for user in ("ana", "bo", None):
        with pytest.raises(RateLimited):
            pay(user)


async def test_who_may_wait_gets_a_turn_and_nobody_waits_longer_than_said(clock: FakeClock, registry: Registry) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=10, burst=1, wait=0.35))
    ends: list[float] = []

    async def pay() -> None:
        ends.append(clock.monotonic())

    begun = clock.monotonic()
    done = await asyncio.gather(*(pipe.acall(pay) for _ in range(6)), return_exceptions=True)
    assert [end - begun for end in ends] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [type(one) for one in done] == [type(None)] * 4 + [RateLimited] * 2
    events = {"pipeline": "orders", "policy": "rate_limit"}
    assert registry.value("sereno_pipeline_events_total", event="waited", **events) == 3
    assert registry.value("sereno_pipeline_events_total", event="rejected", **events) == 2


def test_a_thread_waits_for_its_turn_too(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=10, burst=1, wait=1))
    for _ in range(3):
        pipe.call(lambda: None)
    assert clock.slept == pytest.approx([0.1, 0.1])


def test_nobody_waits_beyond_the_deadline_of_the_request(clock: FakeClock) -> None:
    pipe = piped(clock, RateLimit.token_bucket(rate=1, burst=1, wait=30))
    pipe.call(lambda: None)
    token = context.deadline.set(clock.monotonic() + 0.5)
    try:
        with pytest.raises(RateLimited):
            pipe.call(lambda: None)
    finally:
        context.deadline.reset(token)
    assert clock.slept == []


async def test_a_task_cancelled_while_it_waits_gives_its_turn_back() -> None:
    clock = FakeClock(auto=False)
    pipe = piped(clock, RateLimit.token_bucket(rate=1, burst=1, wait=10))

    async def pay() -> None:
        return None

    await pipe.acall(pay)
    waiting = asyncio.create_task(pipe.acall(pay))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    clock.advance(1)
    await asyncio.wait_for(pipe.acall(pay), 5)


def test_a_policy_is_of_one_pipeline_and_says_what_it_cannot_do(clock: FakeClock) -> None:
    limit = RateLimit.token_bucket(rate=1)
    piped(clock, limit)
    with pytest.raises(ValueError, match="another pipeline"):
        piped(clock, limit)
    with pytest.raises(ValueError, match="wait must not be negative"):
        RateLimit.token_bucket(rate=1, wait=-1)
    with pytest.raises(ValueError, match="only a token bucket"):
        RateLimit(SlidingWindow(1, 1), wait=1)


# The middlewares


def app_of(**options: Any) -> RateLimiting:
    async def orders(request: Any) -> PlainTextResponse:
        return PlainTextResponse("orders", headers={"x-own": "kept"})

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    routes = [Route("/orders", orders), Route("/health/live", orders), WebSocketRoute("/live", live)]
    return RateLimiting(Starlette(routes=routes), **options)


def wsgi_of(**options: Any) -> RateLimitingWsgi:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Own", "kept")])
        return [b"orders"]

    return RateLimitingWsgi(app, **options)


class Both:
    """The same requests to both middlewares, each by its own protocol."""

    def __init__(self, kind: str, **options: Any) -> None:
        self._kind = kind
        self._app = app_of(**options) if kind == "asgi" else wsgi_of(**options)

    def get(
        self, path: str = "/orders", *, client: str = "192.0.2.1", method: str = "GET", **headers: str
    ) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._kind == "asgi":
            transport = httpx.ASGITransport(self._app, client=(client, 1))  # type: ignore[arg-type]

            async def ask() -> httpx.Response:
                async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
                    return await http.request(method, path, headers=names)

            return asyncio.run(ask())
        transport_wsgi = httpx.WSGITransport(self._app, remote_addr=client)  # type: ignore[arg-type]
        with httpx.Client(transport=transport_wsgi, base_url="http://shop") as http:
            return http.request(method, path, headers=names)


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


ITEM = re.compile(r'"[ -~]{1,64}"(;[a-z]+=\d+)+')


def fields(header: str) -> dict[str, dict[str, int]]:
    """A list of structured field items with parameters, as RFC 9651 has them."""
    read = {}
    for item in header.split(", "):
        assert ITEM.fullmatch(item), item
        name, *parameters = item.split(";")
        read[name.strip('"')] = {key: int(value) for key, _, value in (one.partition("=") for one in parameters)}
    return read


def test_answers_say_what_is_left_and_429_says_when_to_come_back(
    kind: str, clock: FakeClock, registry: Registry
) -> None:
    served = Both(kind, limits={"default": TokenBucket(rate=0.5, burst=2)}, clock=clock)
    first, second, third = (served.get() for _ in range(3))
    assert (first.status_code, first.text, first.headers["x-own"]) == (200, "orders", "kept")
    assert fields(first.headers["ratelimit-policy"]) == {"default": {"q": 2, "w": 4}}
    assert fields(first.headers["ratelimit"]) == {"default": {"r": 1, "t": 2}}
    assert fields(second.headers["ratelimit"]) == {"default": {"r": 0, "t": 4}}
    assert third.status_code == 429
    assert third.headers["retry-after"] == "2"
    assert fields(third.headers["ratelimit"]) == {"default": {"r": 0, "t": 2}}
    assert third.headers["content-type"] == "application/problem+json"
    assert third.json() == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Too many requests",
        "status": 429,
        "violated-policies": ["default"],
        "retry_after": 2,
    }
    clock.advance(int(third.headers["retry-after"]))
    assert served.get().status_code == 200
    assert registry.value("http_requests_rate_limited_total", limit="default") == 1


def test_the_problem_is_in_the_callers_language_and_head_has_no_body(kind: str, clock: FakeClock) -> None:
    served = Both(kind, limits={"default": TokenBucket(rate=1, burst=1)}, clock=clock)
    served.get()
    spanish = served.get(accept_language="es-MX,en;q=0.5")
    assert (spanish.json()["title"], spanish.headers["content-language"]) == ("Demasiadas solicitudes", "es")
    head = served.get(method="HEAD")
    assert (head.status_code, head.content) == (429, b"")


def test_all_limits_must_agree_and_what_one_refused_is_given_back_to_the_others(kind: str, clock: FakeClock) -> None:
    limits = {"daily": SlidingWindow(5, 86_400), "burst": TokenBucket(rate=1, burst=2)}
    served = Both(kind, limits=limits, x_headers=True, clock=clock)
    first = served.get()
    assert fields(first.headers["ratelimit-policy"]) == {"burst": {"q": 2, "w": 2}, "daily": {"q": 5, "w": 86_400}}
    assert fields(first.headers["ratelimit"])["daily"]["r"] == 4
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("2", "1")
    clock.advance(10)
    assert [served.get().status_code for _ in range(3)] == [200, 200, 429]
    for _ in range(5):
        assert served.get().json()["violated-policies"] == ["burst"]
    clock.advance(10)
    assert [served.get().status_code for _ in range(2)] == [200, 200]
    clock.advance(10)
    refused = served.get()
    assert refused.json()["violated-policies"] == ["daily"]
    assert int(refused.headers["retry-after"]) > 3_600
    assert refused.headers["x-ratelimit-remaining"] == "0"


def test_exempt_paths_and_those_beneath_them_are_not_limited(kind: str, clock: FakeClock) -> None:
    served = Both(kind, limits={"default": TokenBucket(rate=1, burst=1)}, exempt=["/health/"], clock=clock)
    for _ in range(5):
        answer = served.get("/health/live")
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers
    assert [served.get("/orders").status_code for _ in range(2)] == [200, 429]


async def test_a_websocket_is_refused_before_it_is_accepted(clock: FakeClock) -> None:
    app = app_of(limits={"default": TokenBucket(rate=1, burst=1)}, clock=clock)
    scope = {"type": "websocket", "path": "/live", "headers": [], "client": ("192.0.2.1", 1), "subprotocols": []}

    async def connect() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await app(dict(scope), receive, send)
        return sent

    assert [one["type"] for one in await connect()] == ["websocket.accept", "websocket.close"]
    assert await connect() == [{"type": "websocket.close", "code": 1013, "reason": "Too many requests"}]


def test_a_limiter_that_fails_lets_requests_pass_and_is_counted(kind: str, registry: Registry) -> None:
    def broken(_: Caller) -> str:
        raise RuntimeError("no session")

    served = Both(kind, limits={"default": TokenBucket(rate=1, burst=1)}, key=broken)
    assert [served.get().status_code for _ in range(3)] == [200] * 3
    assert registry.value("sereno_kit_errors_total", part="rate_limiting") == 3


def test_keys_from_headers_cannot_pass_for_addresses_and_are_bounded(kind: str, clock: FakeClock) -> None:
    store = MemoryStore(keys_max=100)
    served = Both(
        kind, limits={"default": TokenBucket(rate=0.01, burst=1)}, key=by_header("X-Api-Key"), store=store, clock=clock
    )
    assert served.get(client="192.0.2.7").status_code == 200
    assert served.get(x_api_key="192.0.2.7").status_code == 200
    assert served.get(x_api_key="a:192.0.2.7").status_code == 200
    assert served.get(client="192.0.2.7").status_code == 429, "whoever leaves the key out is known by the address"
    for number in range(300):
        served.get(x_api_key=f"{number}" * 400)
    limiter = served._app.limits._limiters[0][1]
    assert len(limiter) == 100  # type: ignore[arg-type]
    assert all(len(key) <= 64 for key in limiter._table)  # type: ignore[attr-defined]
    assert served.get(client="192.0.2.7").status_code == 429


def caller(client: str, *forwarded: str) -> Caller:
    header = ", ".join(forwarded) if forwarded else None
    return Caller("/", client, lambda name: header if name == "x-forwarded-for" else None, {})


@pytest.mark.parametrize(
    ("proxies", "client", "forwarded", "expected"),
    [
        (0, "192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # Nobody trusted: what the client writes says nothing.
        (1, "10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (1, "10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),  # The first one is the client's invention.
        (2, "10.0.0.1", ["6.6.6.6", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (2, "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),  # Somebody came around a proxy.
        (1, "10.0.0.1", [], "10.0.0.1"),
        (1, "10.0.0.1", ["nonsense"], "10.0.0.1"),
        (1, "10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        (1, "10.0.0.1", ['"[2001:db8:1:2::7]:4711"'], "2001:db8:1:2::/64"),
        (1, "10.0.0.1", ["6.6.6.6," * 5_000 + "203.0.113.9"], "203.0.113.9"),
        (0, "2001:db8:1:2:ffff::9", [], "2001:db8:1:2::/64"),  # One customer has all of that.
        (0, "::ffff:192.0.2.1", [], "192.0.2.1"),
        (0, "fe80::1%eth0", [], "fe80::/64"),
        (0, "", [], "unknown"),
    ],
)
def test_a_client_is_who_the_outermost_of_our_proxies_saw(
    proxies: int, client: str, forwarded: list[str], expected: str
) -> None:
    assert by_client(proxies)(caller(client, *forwarded)) == expected


@pytest.mark.parametrize("name", ["", 'a"b', "a\r\nSet-Cookie: x", "ñ", "x" * 65])
def test_a_name_that_cannot_stand_in_a_header_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="stands in a header"):
        app_of(limits={name: TokenBucket(1)})


def test_no_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one limit"):
        app_of(limits={})


def test_nothing_is_limited_twice_when_many_threads_ask_a_wsgi_server(clock: FakeClock) -> None:
    served = Both("wsgi", limits={"default": TokenBucket(rate=0.001, burst=20)}, clock=clock)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(served.get().status_code for _ in range(10))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (20, 40)


def test_problems_carry_the_requests_id(clock: FakeClock) -> None:
    served = Both("wsgi", limits={"default": TokenBucket(rate=1, burst=1)}, clock=clock)
    token = context.request_id.set("req-12345678")
    try:
        served.get()
        assert json.loads(served.get().content)["request_id"] == "req-12345678"
    finally:
        context.request_id.reset(token)


async def test_messages_that_are_constants_of_the_application_stay_as_they_are() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)

    async def send(message: Any) -> None:
        sent.append(message["headers"])

    limited = RateLimiting(app, limits={"default": TokenBucket(rate=1, burst=9)})
    for _ in range(2):
        await limited({"type": "http", "path": "/", "headers": [], "client": ("192.0.2.7", 1)}, None, send)
    assert [len(headers) for headers in sent] == [2, 2]
    assert start["headers"] == []
