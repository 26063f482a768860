"""The admin endpoint: who may in, what is shown, what is obeyed and by how many processes."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sereno_kit.admin import endpoint
from sereno_kit.endpoints import Answer, Ask, Endpoint
from sereno_kit.features import Features
from sereno_kit.flags import Flags
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.options import Admin
from sereno_kit.resilience import registry as pipelines
from sereno_kit.resilience.adaptive import AdaptiveLimit
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.pipeline import pipeline
from sereno_kit.resilience.rate_limit import RateLimit
from sereno_kit.resilience.retry import Retry
from sereno_kit.resilience.timeout import Timeout
from sereno_kit.testing.clock import FakeClock

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    for name in ("SERENO_KIT_SHARED_DIR", "PROMETHEUS_MULTIPROC_DIR", "SERENO_KIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    before = set(pipelines.all())
    with use(Registry(CollectorRegistry())) as one:
        yield one
    for name in set(pipelines.all()) - before:
        pipelines.forget(name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Levels:
    """Logging as the kit has it: a level that can be read and set."""

    level = "INFO"

    def set_level(self, level: str) -> None:
        self.level = level


@pytest.fixture
def kit(clock: FakeClock) -> Iterator[Any]:
    """What the endpoint asks of a kit."""
    made = SimpleNamespace(
        service="orders", environment="prod", version="1.2", clock=clock, flags=Flags(), logging=Levels(),
        features=Features(clock=clock), at_start=[], at_close=[],
    )  # fmt: skip
    yield made
    for close in made.at_close:
        close()


@pytest.fixture
def admin(kit: Any) -> Endpoint:
    return endpoint(Admin(token=TOKEN), kit)


def get(
    admin: Endpoint, path: str = "/-/kit/", *, method: str = "GET", client: str = "192.0.2.1", **headers: str
) -> Answer:
    names = {"authorization": f"Bearer {TOKEN}", **{key.replace("_", "-"): value for key, value in headers.items()}}
    answer = admin(Ask(method, path, {k: v for k, v in names.items() if v}, client=client))
    assert isinstance(answer, Answer)
    return answer


def post(admin: Endpoint, path: str, body: Any = None, **headers: str) -> Answer:
    names = {"authorization": f"Bearer {TOKEN}", "x_operator": "ana", **headers}
    names = {key.replace("_", "-"): value for key, value in names.items() if value}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    answer = admin(Ask("POST", f"/-/kit/{path}", names, body=raw, client="192.0.2.1"))
    assert isinstance(answer, Answer)
    return answer


def told(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


# Who may in


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}", TOKEN,
     "Bearer \xff\xfe", "Basic !!!", "Basic " + base64.b64encode(b"ana:wrong").decode(), "Basic " + "A" * 10_000],
)  # fmt: skip
def test_without_the_token_nobody_gets_in(admin: Endpoint, authorization: str) -> None:
    answer = get(admin, authorization=authorization)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert b"orders" not in answer.body
    assert TOKEN.encode() not in answer.body


def test_guessing_is_slowed_down_and_locks_out_nobody_who_knows(admin: Endpoint, clock: FakeClock) -> None:
    statuses = [get(admin, authorization=f"Bearer guess-{number}").status for number in range(20)]
    assert statuses == [401] * 10 + [429] * 10
    refused = get(admin, authorization="Bearer guess")
    assert int(refused.headers["retry-after"]) >= 1
    assert get(admin).status == 200, "an operator behind the same proxy"
    assert get(admin, authorization="Bearer guess", client="192.0.2.2").status == 401
    clock.advance(60)
    assert get(admin, authorization="Bearer guess").status == 401


def test_a_browser_may_look_with_the_token_as_its_password_and_not_command(admin: Endpoint) -> None:
    password = "Basic " + base64.b64encode(f"ana:{TOKEN}".encode()).decode()
    asked = get(admin, authorization="", accept="text/html,*/*")
    assert asked.headers["www-authenticate"].startswith("Basic")
    assert get(admin, authorization=password).status == 200
    assert post(admin, "log-level", {"level": "DEBUG"}, authorization=password).status == 401


@pytest.mark.parametrize("token", ["", "short", "x" * 15])
def test_a_token_that_can_be_guessed_is_refused_at_once(kit: Any, token: str) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        endpoint(Admin(token=token or None), kit)


def test_the_token_may_come_from_the_environment(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERENO_KIT_TOKEN", TOKEN)
    assert get(endpoint(Admin(), kit)).status == 200


@pytest.mark.parametrize("operator", ["", " ana", "a" * 65, "ana\r\nX: y", "<b>", "ñ", "ana\0"])
def test_whoever_commands_says_who_they_are(admin: Endpoint, operator: str) -> None:
    assert post(admin, "log-level", {"level": "DEBUG"}, x_operator=operator).status == 400


# What is shown


def test_the_view_is_what_sereno_s_console_reads(admin: Endpoint, kit: Any) -> None:
    pipeline("payments", Retry(3), CircuitBreaker(), Timeout(2.0))
    kit.features.declare("shelf", degraded=None, description="What others bought")
    view = told(get(admin))
    assert {key: view[key] for key in ("version", "service", "environment", "release", "log_level")} == {
        "version": 1, "service": "orders", "environment": "prod", "release": "1.2", "log_level": "INFO",
    }  # fmt: skip
    assert view["instance"].endswith(f":{os.getpid()}")
    (payments,) = [one for one in view["pipelines"] if one["name"] == "payments"]
    assert [policy["kind"] for policy in payments["policies"]] == ["retry", "circuit_breaker", "timeout"]
    breaker = payments["policies"][1]
    assert breaker["view"]["state"] == "closed"
    assert {"force_open", "reset"} <= set(breaker["commands"])
    assert view["features"] == [
        {"name": "shelf", "state": "enabled", "description": "What others bought", "flag": None, "breaker": None,
         "override": None},
    ]  # fmt: skip
    assert view["flags"] == {"source": "none", "count": 0, "stale": False, "error": None}
    assert view["chaos"] == []


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("href", "src", "action") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_people_read_a_page_without_scripts_forms_or_anything_from_elsewhere(admin: Endpoint, kit: Any) -> None:
    pipeline("<script>alert(1)</script>", CircuitBreaker())
    kit.features.declare("<img src=x>", degraded=None, description='"><script>')
    answer = get(admin, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.content_type == "text/html; charset=utf-8"
    page = Page()
    page.feed(answer.body.decode())
    assert not {"script", "form", "img", "input", "iframe", "link"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.text, "shown as text"
    assert 'curl -X POST -H "Authorization: Bearer $TOKEN" -H "X-Operator: $USER"' in page.text
    assert TOKEN not in page.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_says_numbers_and_truths_as_people_do(admin: Endpoint, kit: Any) -> None:
    kit.features.declare("shelf", degraded=list)
    kit.features.set("shelf", "degraded", by="ana", seconds=1_800)
    page = Page()
    page.feed(get(admin, accept="text/html").body.decode())
    assert "seconds left 1800" in page.text, "not 1.8e+03"
    assert "stale no" in page.text
    assert "main" in page.tags, "screen readers go there"


def test_only_its_own_addresses_and_methods_exist(admin: Endpoint) -> None:
    assert get(admin, "/-/kit").status == 200
    assert get(admin, "/api/-/kit/").status == 200, "beneath a prefix that a proxy took away"
    assert get(admin, "/-/kit/nothing").status == 404
    assert get(admin, method="HEAD").status == 200
    for method in ("DELETE", "PUT", "OPTIONS"):
        answer = get(admin, method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


# What is obeyed


def test_an_operator_opens_a_breaker_and_resets_it(admin: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    pipe = pipeline("payments", Retry(3), CircuitBreaker())
    with caplog.at_level(logging.WARNING, "sereno_kit.admin"):
        now = told(post(admin, "pipelines/payments/circuit_breaker/force_open", {"reason": "provider is down"}))
    assert now["pipeline"]["policies"][1]["view"]["state"] == "forced_open"
    (said,) = [record.__dict__ for record in caplog.records if record.name == "sereno_kit.admin"]
    fields = {key: value for key, value in said.items() if key.startswith("admin.")}
    assert fields == {
        "admin.kind": "pipelines", "admin.target": "payments", "admin.part": "circuit_breaker",
        "admin.verb": "force_open", "admin.by": "ana", "admin.reason": "provider is down",
    }  # fmt: skip
    told(post(admin, "pipelines/payments/1/reset"))
    assert pipe.policies[1].view()["state"] == "closed"


def test_a_command_with_a_time_ends_by_itself_and_a_newer_one_takes_its_place(admin: Endpoint) -> None:
    pipe = pipeline("payments", CircuitBreaker())
    state = lambda: pipe.policies[0].view()["state"]  # noqa: E731
    told(post(admin, "pipelines/payments/circuit_breaker/force_open", {"seconds": 0.1}))
    assert state() == "forced_open"
    _until(lambda: state() == "closed")
    told(post(admin, "pipelines/payments/circuit_breaker/force_open", {"seconds": 0.1}))
    told(post(admin, "pipelines/payments/circuit_breaker/force_open"))
    time.sleep(0.3)
    assert state() == "forced_open"


def test_names_with_slashes_and_policies_of_one_kind_are_told_apart(admin: Endpoint) -> None:
    pipeline("eu/payments", Timeout(8.0), Retry(3), CircuitBreaker(), Timeout(2.0))
    told(post(admin, "pipelines/eu/payments/circuit_breaker/reset"))
    ambiguous = post(admin, "pipelines/eu/payments/timeout/reset")
    assert (ambiguous.status, b"by its index" in ambiguous.body) == (409, True)


def test_a_feature_is_degraded_for_a_while(admin: Endpoint, kit: Any, clock: FakeClock) -> None:
    kit.features.declare("shelf", degraded=None)
    now = told(post(admin, "features/shelf/degraded", {"seconds": 60, "reason": "slow"}))["feature"]
    assert (now["state"], now["override"]["by"]) == ("degraded", "ana")
    clock.advance(61)
    assert kit.features.state("shelf") == "enabled"
    told(post(admin, "features/shelf/disabled"))
    assert kit.features.state("shelf") == "disabled"
    told(post(admin, "features/shelf/clear"))
    assert kit.features.state("shelf") == "enabled"


def test_the_log_level_is_lowered_for_a_while_and_comes_back_to_what_it_was(admin: Endpoint, kit: Any) -> None:
    assert told(post(admin, "log-level", {"level": "debug", "seconds": 0.4}))["log_level"] == "DEBUG"
    assert told(post(admin, "log-level", {"level": "ERROR", "seconds": 0.1}))["log_level"] == "ERROR"
    _until(lambda: kit.logging.level == "INFO")
    assert told(post(admin, "log-level", {"level": "WARNING"}))["log_level"] == "WARNING"
    time.sleep(0.5)
    assert kit.logging.level == "WARNING"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", None, 404),
        ("pipelines", None, 404),
        ("pipelines/payments", None, 404),
        ("pipelines/nobody/circuit_breaker/reset", None, 404),
        ("pipelines/payments/bulkhead/reset", None, 404),
        ("pipelines/payments/7/reset", None, 404),
        ("pipelines/payments/-1/reset", None, 404),
        ("pipelines/payments/²/reset", None, 404),
        ("pipelines/payments/circuit_breaker/explode", None, 404),
        ("pipelines/payments/circuit_breaker/__init__", None, 404),
        ("pipelines/payments/rate_limit/reset", None, 404),
        ("features/nothing/degraded", None, 404),
        ("features/shelf/broken", None, 404),
        ("features/shelf/degraded", {"seconds": 0}, 400),
        ("features/shelf/degraded", {"minutes": 3}, 400),  # taken for nothing, it would hold for ever
        ("features/shelf/degraded", {"seconds": -5}, 400),
        ("features/shelf/degraded", {"seconds": 1e9}, 400),
        ("features/shelf/degraded", {"seconds": True}, 400),
        ("features/shelf/degraded", {"seconds": "60"}, 400),
        ("features/shelf/degraded", b'{"seconds": NaN}', 400),
        ("features/shelf/degraded", {"reason": "x" * 201}, 400),
        ("features/shelf/degraded", {"reason": "a\nb"}, 400),
        ("features/shelf/degraded", {"reason": 7}, 400),
        ("features/shelf/degraded", b"{", 400),
        ("features/shelf/degraded", b"[]", 400),
        ("features/shelf/degraded", b"\xff\xfe", 400),
        ("log-level", None, 400),
        ("log-level", {"level": "LOUD"}, 400),
        ("log-level", {"level": 10}, 400),
        ("log-level/DEBUG", {"level": "DEBUG"}, 404),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(
    admin: Endpoint, kit: Any, path: str, body: Any, status: int
) -> None:
    pipeline("payments", RateLimit.token_bucket(rate=1), CircuitBreaker())
    kit.features.declare("shelf", degraded=None)
    answer = post(admin, path, body)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert json.loads(answer.body)["title"]
    assert kit.features.state("shelf") == "enabled"
    assert kit.logging.level == "INFO"


def test_a_policy_that_fails_to_show_itself_is_an_answer_too(admin: Endpoint, registry: Registry) -> None:
    pipe = pipeline("payments", AdaptiveLimit())
    pipe.policies[0].view = lambda: 1 / 0  # type: ignore[method-assign]
    assert get(admin).status == 500
    assert registry.value("sereno_kit_errors_total", part="admin") == 1


# All workers of a server

WORKER = textwrap.dedent(
    """
    import logging, sys, time
    from types import SimpleNamespace
    from sereno_kit.admin import endpoint
    from sereno_kit.clock import SYSTEM
    from sereno_kit.endpoints import Ask
    from sereno_kit.features import Features
    from sereno_kit.flags import Flags
    from sereno_kit.options import Admin
    from sereno_kit.resilience.breaker import CircuitBreaker
    from sereno_kit.resilience.pipeline import pipeline

    features = Features()
    kit = SimpleNamespace(service="orders", environment="", version="", clock=SYSTEM, flags=Flags(), logging=None,
                          features=features, at_start=[], at_close=[])
    features.declare("shelf", degraded=None)
    pipe = pipeline("payments", CircuitBreaker())
    admin = endpoint(Admin(token="correct-horse-battery-staple"), kit)
    for start in kit.at_start:
        start()
    class Count(logging.Handler):
        commands = 0

        def emit(self, record):
            Count.commands += record.getMessage() == "admin command"

    logging.getLogger("sereno_kit.admin").addHandler(Count())
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "post":
            headers = {"authorization": "Bearer correct-horse-battery-staple", "x-operator": "ana"}
            body = " ".join(words[2:]).encode()
            print(admin(Ask("POST", "/-/kit/" + words[1], headers, body=body)).status, flush=True)
        elif words[0] == "count":
            print(Count.commands, flush=True)
        else:
            print(features.state("shelf"), pipe.policies[0].view()["state"], flush=True)
    """
)


class Worker:
    def __init__(self, shared: Path) -> None:
        environ = {**os.environ, "SERENO_KIT_SHARED_DIR": str(shared)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
        )
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()


def test_what_one_worker_is_told_all_workers_obey_also_one_that_joins_later(tmp_path: Path) -> None:
    workers = [Worker(tmp_path), Worker(tmp_path)]
    try:
        assert workers[0].ask('post features/shelf/degraded {"seconds": 600}') == "200"
        assert workers[0].ask("post pipelines/payments/circuit_breaker/force_open") == "200"
        assert workers[0].ask("post pipelines/payments/circuit_breaker/explode") == "404"
        _until(lambda: workers[1].ask("state") == "degraded forced_open")
        time.sleep(1.2)
        assert [worker.ask("count") for worker in workers] == ["2", "2"], "nobody obeys his own words again"
        (journal,) = tmp_path.glob("sereno-kit-*.jsonl")
        with journal.open("a") as file:
            file.write('{"nonsense"\n{"from": "x", "at": 0, "command": {"kind": "explode"}}\n')
        workers.append(Worker(tmp_path))
        assert workers[2].ask("state") == "degraded forced_open"
        assert workers[2].ask("post features/shelf/clear") == "200"
        assert workers[2].ask("post pipelines/payments/circuit_breaker/reset") == "200"
        for worker in workers:
            _until(lambda worker=worker: worker.ask("state") == "enabled closed")  # type: ignore[misc]
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.communicate()


def test_what_was_said_before_a_restart_is_not_obeyed_after_it(tmp_path: Path) -> None:
    """Another parent, or the same number started at another time, is another server."""
    for name in ("sereno-kit-1-17.jsonl", f"sereno-kit-{os.getpid()}-0.jsonl"):
        (tmp_path / name).write_text(
            '{"from": "x", "at": 1, "command": {"kind": "features", "target": "shelf", "part": "", "verb": "disabled",'
            ' "by": "ana", "seconds": null, "reason": ""}}\n'
        )
    worker = Worker(tmp_path)
    try:
        assert worker.ask("state") == "enabled closed"
    finally:
        worker.process.kill()
        worker.process.communicate()


def _until(holds: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
