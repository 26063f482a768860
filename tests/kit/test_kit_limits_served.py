"""Rate limits and the admin endpoint beneath a whole kit, under ASGI and under WSGI, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import free_port

ASKING = """
import json, sys, asyncio
import httpx
from sereno_kit import CircuitBreaker, instrument, pipeline
from sereno_kit.limits import TokenBucket
from sereno_kit.metrics.registry import current
from sereno_kit.options import Admin, Drain, Logs
from sereno_kit.rate_limiting import RateLimiting, RateLimitingWsgi

TOKEN = "correct-horse-battery-staple"
pipeline("payments", CircuitBreaker())
options = dict(service="orders", admin=Admin(token=TOKEN), drain=None, logs=Logs(stream=sys.stderr))
limits = {"default": TokenBucket(rate=0.001, burst=2)}

def asked(request):
    headers = {"authorization": "Bearer " + TOKEN, "x-operator": "ana"}
    answers = [request("GET", "/orders/7") for _ in range(4)]
    admin = request("GET", "/-/kit/", headers=headers)
    opened = request("POST", "/-/kit/pipelines/payments/circuit_breaker/force_open", headers=headers, content=b"{}")
    degraded = request("POST", "/-/kit/features/shelf/degraded", headers=headers, content=b'{"seconds": 60}')
    level = request("POST", "/-/kit/log-level", headers=headers, content=b'{"level": "DEBUG"}')
    stranger = request("GET", "/-/kit/")
    counts = {}
    for family in current().prometheus.collect():
        for sample in family.samples:
            if sample.name in ("http_requests_total", "http_requests_rate_limited_total") and sample.value:
                key = sample.labels.get("status") or "limited"
                counts[key] = counts.get(key, 0) + sample.value
    print(json.dumps({
        "statuses": [one.status_code for one in answers],
        "ids": [len(one.headers.get_list("x-request-id")) for one in answers],
        "problem_id": answers[3].json().get("request_id") == answers[3].headers["x-request-id"],
        "retry_after": answers[3].headers["retry-after"],
        "view": admin.json(), "opened": opened.json(), "degraded": degraded.json(), "level": level.json(),
        "stranger": stranger.status_code, "counts": counts,
    }))
"""
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()

@app.get("/orders/{number}")
def order(number: int):
    return {"number": number}

app.add_middleware(RateLimiting, limits=limits)
kit = instrument(app, **options)
kit.features.declare("shelf", degraded=None)

def request(method, path, **more):
    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(kit.app), base_url="http://shop") as http:
            return await http.request(method, path, **more)
    return asyncio.run(ask())
"""
FLASK = """
from flask import Flask
app = Flask("shop")

@app.get("/orders/<int:number>")
def order(number):
    return {"number": number}

app.wsgi_app = RateLimitingWsgi(app.wsgi_app, limits=limits)
kit = instrument(app, **options)
kit.features.declare("shelf", degraded=None)

def request(method, path, **more):
    with httpx.Client(transport=httpx.WSGITransport(kit.app), base_url="http://shop") as http:
        return http.request(method, path, **more)
"""


@pytest.fixture(scope="module", params=[FASTAPI, FLASK], ids=["fastapi", "flask"])
def seen(request: pytest.FixtureRequest) -> Any:
    program = textwrap.dedent(ASKING) + request.param + "\nasked(request)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "log": done.stderr}


def test_what_is_refused_is_counted_once_as_429_and_carries_one_request_id(seen: Any) -> None:
    assert seen["statuses"] == [200, 200, 429, 429]
    assert seen["ids"] == [1] * 4
    assert seen["problem_id"]
    assert int(seen["retry_after"]) in (999, 1_000)
    assert (seen["counts"]["200"], seen["counts"]["429"], seen["counts"]["limited"]) == (2, 2, 2)


def test_the_admin_endpoint_shows_and_obeys(seen: Any) -> None:
    view = seen["view"]
    assert (view["version"], view["service"], view["log_level"]) == (1, "orders", "INFO")
    assert [one["name"] for one in view["pipelines"]] == ["payments"]
    assert [one["name"] for one in view["features"]] == ["shelf"]
    assert seen["opened"]["pipeline"]["policies"][0]["view"]["state"] == "forced_open"
    assert seen["degraded"]["feature"]["override"]["by"] == "ana"
    assert seen["level"]["log_level"] == "DEBUG"
    assert seen["stranger"] == 401


def test_what_operators_do_stands_in_the_log_with_their_name_and_without_the_token(seen: Any) -> None:
    lines = [json.loads(line) for line in seen["log"].splitlines() if line.startswith("{")]
    commands = [line for line in lines if "admin command" in json.dumps(line)]
    assert len(commands) == 3
    assert all('"ana"' in json.dumps(line) for line in commands)
    assert "correct-horse" not in seen["log"]


SHOP = """
import os
from fastapi import FastAPI
from sereno_kit import CircuitBreaker, chaos, instrument, pipeline
from sereno_kit.options import Admin

app = FastAPI()
payments = pipeline("payments", CircuitBreaker())

@app.get("/state")
def state():
    return [os.getpid(), payments.policies[0].view()["state"], [one.id for one in chaos.active]]

kit = instrument(app, service="orders", admin=Admin(token="correct-horse-battery-staple", chaos=True), drain=None)
"""


def test_one_word_reaches_both_workers_of_a_gunicorn_that_loaded_the_kit_before_it_forked(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "-k", "uvicorn_worker.UvicornWorker"]
    server = subprocess.Popen(
        [*command, "-b", f"127.0.0.1:{port}", "shop:app"], cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "SERENO_KIT_SHARED_DIR": str(tmp_path)}, start_new_session=True,
    )  # fmt: skip
    try:
        states: dict[int, Any] = {}
        _ask_until(port, states, lambda: len(states) == 2 and list(states.values()) == [["closed", []]] * 2)
        headers = {"authorization": "Bearer correct-horse-battery-staple", "x-operator": "ana"}
        where = f"http://127.0.0.1:{port}/-/kit/pipelines/payments/circuit_breaker/force_open"
        assert httpx.post(where, headers=headers).status_code == 200
        _ask_until(port, states, lambda: list(states.values()) == [["forced_open", []]] * 2)
        drills, drill = f"http://127.0.0.1:{port}/-/kit/chaos", {"drop": True, "only": "pipeline:none", "seconds": 60}
        fault = httpx.post(drills, headers=headers, json=drill).json()["fault"]["id"]
        _ask_until(port, states, lambda: list(states.values()) == [["forced_open", [fault]]] * 2)
        assert "all workers" in httpx.delete(drills, headers=headers, params={"id": fault}).json()["scope"]
        _ask_until(port, states, lambda: list(states.values()) == [["forced_open", []]] * 2)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _ask_until(port: int, states: dict[int, Any], holds: Any) -> None:
    """Each request on a connection of its own, so that both workers get some."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, states
        try:
            process, *state = httpx.get(f"http://127.0.0.1:{port}/state").json()
            states[process] = state
        except httpx.TransportError:
            time.sleep(0.1)
