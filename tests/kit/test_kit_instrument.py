"""One line instruments a program, once; and what it did can be taken back."""

from __future__ import annotations

import gc
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.kit.asgi_worlds import QUIET, ask, counted, instrumented

import sereno_kit
from sereno_kit import Admin, Health, Logs, Metrics, Traces, instrument
from sereno_kit.kit import Kit
from sereno_kit.metrics.faults import PARTS


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"bare"})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await bare(scope, receive, send)

    async def method(self, scope: Any, receive: Any, send: Any) -> None:
        await bare(scope, receive, send)


@pytest.mark.parametrize("app", [bare, Callable3(), Callable3().method], ids=["function", "object", "method"])
async def test_any_asgi_application_is_served_as_kit_app(app: Any) -> None:
    with instrumented(app) as kit:
        assert kit.app is not app
        assert (await ask(kit.app, "/")).body == b"bare"
        assert sum(counted(kit).values()) == 1


def test_frameworks_are_instrumented_in_place_and_others_are_wrapped() -> None:
    for app in (FastAPI(), Starlette(), Flask("shop")):
        with instrumented(app) as kit:
            assert kit.app is app
    with instrumented(wsgi) as kit:
        assert kit.app is not wsgi


@pytest.mark.parametrize("thing", [7, "app", object(), lambda: None, lambda a, b, c, d: None, dict])
def test_what_is_no_application_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="application"), instrumented(thing):
        pass


@pytest.mark.parametrize("make", [FastAPI, Starlette, lambda: Flask("shop"), Callable3])
def test_instrumenting_twice_is_an_error_that_says_so(make: Any) -> None:
    app = make()
    with instrumented(app) as kit:
        with pytest.raises(RuntimeError, match="instrumented already"):
            instrument(app, service="again")
        with pytest.raises(RuntimeError, match="instrumented already"):
            instrument(kit.app, service="again")
    with instrumented(app):
        pass


def test_an_application_that_serves_already_is_refused() -> None:
    app = FastAPI()
    TestClient(app).get("/")
    with pytest.raises(RuntimeError, match="before it serves"), instrumented(app):
        pass


def test_close_puts_everything_back() -> None:
    app = FastAPI()
    handlers, middlewares = dict(app.exception_handlers), list(app.user_middleware)
    with instrumented(app):
        assert "x-request-id" in TestClient(app).get("/").headers
    assert "x-request-id" not in TestClient(app).get("/").headers
    assert app.exception_handlers == handlers
    assert app.user_middleware == middlewares
    flask = Flask("shop")
    original = flask.wsgi_app
    with instrumented(flask):
        assert flask.wsgi_app is not original
    assert flask.wsgi_app == original


def test_close_takes_the_clock_out_of_the_collector_of_garbage() -> None:
    before = list(gc.callbacks)
    with instrumented(FastAPI(), metrics=Metrics(loop_lag=False)):
        assert gc.callbacks != before
    assert gc.callbacks == before


def test_every_part_that_can_fail_is_at_zero_before_it_does() -> None:
    source = Path(str(sereno_kit.__file__)).parent
    says = re.compile(r'(?:failed|(?<!\.)count|self\._all)\(\s*"([a-z_]+)"')
    named = {part for file in source.rglob("*.py") for part in says.findall(file.read_text(encoding="utf-8"))}
    assert named == set(PARTS)
    with instrumented(FastAPI()) as kit:
        page = kit.metrics.prometheus
        assert {page.get_sample_value("sereno_kit_errors_total", {"part": part}) for part in PARTS} == {0.0}


async def test_close_twice_and_parts_that_fail_in_it_are_no_trouble() -> None:
    with instrumented(bare) as kit:
        done: list[int] = []
        kit.at_close += [lambda: done.append(1), lambda: 1 / 0, lambda: done.append(2)]  # type: ignore[list-item]
        kit.close()
        kit.close()
        assert done == [2, 1]


async def test_addresses_are_those_of_the_options_and_none_is_none() -> None:
    options: dict[str, Any] = {
        "health": Health(live="/livez", ready="/readyz"),
        "metrics": Metrics(path="/internal/metrics", process=False, loop_lag=False),
    }
    with instrumented(FastAPI(), **options) as kit:
        assert set(kit.endpoints) == {"/livez", "/readyz", "/internal/metrics"}
    with instrumented(FastAPI(), health=None, metrics=None) as kit:
        assert kit.endpoints == {}
        assert (await ask(kit.app, "/metrics")).status == 404


async def test_the_admin_endpoint_exists_only_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERENO_KIT_TOKEN", raising=False)
    app = FastAPI()
    with instrumented(app):
        assert (await ask(app, "/-/kit/")).status == 404
    app = FastAPI()
    with instrumented(app, admin=Admin(token="t" * 32)):
        assert (await ask(app, "/-/kit/")).status == 401
        assert (await ask(app, "/-/kit")).status in (401, 307, 308)
        allowed = await ask(app, "/-/kit/", headers=[(b"authorization", b"Bearer " + b"t" * 32)])
        assert allowed.status == 200


async def test_checks_decide_about_readiness() -> None:
    app = FastAPI()
    with instrumented(app) as kit:
        up = True

        @kit.readiness("db", timeout=0.5, cache=0)
        async def db() -> bool:
            return up

        assert (await ask(app, "/health/ready")).status == 200
        up = False
        caller = await ask(app, "/health/ready")
        assert caller.status == 503
        assert "db" in str(json.loads(caller.body))
        assert (await ask(app, "/health/live")).status == 200


def test_metrics_are_declared_on_the_kit() -> None:
    with instrumented(bare) as kit:
        orders = kit.counter("orders_created_total", "Orders created", status=["paid", "failed"])
        orders.inc(status="paid")
        kit.gauge("carts_open", "Carts open now").set(3)
        kit.histogram("basket_bytes", "How large baskets are").observe(300)
        assert kit.metrics.value("orders_created_total", status="paid") == 1
        assert kit.metrics.value("orders_created_total", status="failed") == 0
        assert kit.metrics.value("carts_open") == 3


def test_slo_thresholds_are_bounds_of_request_durations() -> None:
    with instrumented(bare, slo_latency=[0.2, 0.3]) as kit:
        bounds = kit.observer.http._durations.bounds  # type: ignore[union-attr]
        assert {0.2, 0.3} <= set(bounds)


def test_wrong_options_are_refused_and_leave_nothing_behind() -> None:
    app = FastAPI()
    with pytest.raises(ValueError, match="share"), instrumented(app, traces=Traces(share=7)):
        pass
    with instrumented(app):
        pass


def test_names_and_parts_are_where_the_program_looks_for_them() -> None:
    with instrumented(bare, environment="prod", version="1.2") as kit:
        assert (kit.service, kit.environment, kit.version) == ("shop", "prod", "1.2")
        assert kit.flags.enabled("unknown") is False
        assert isinstance(kit, Kit)
        with kit.span("block"):
            pass


DJANGO = """
import asyncio, sys
from django.conf import settings
settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x", MIDDLEWARE=[])
import django
django.setup()
from django.http import HttpResponse
from django.urls import include, path, re_path
async def view(request, **given): return HttpResponse("ok")
def broken(request): raise KeyError("hunter2")
inner = [path("orders/<int:number>/", view)]
urlpatterns = [path("v1/<slug:shop>/", include(inner)), path("broken", broken)]
from django.core.asgi import get_asgi_application
from tests.kit.asgi_worlds import ask, counted, instrumented
async def main():
    with instrumented(get_asgi_application()) as kit:
        for at in ("/v1/a/orders/7/", "/broken", "/none", "/health/live"):
            caller = await ask(kit.app, at)
            assert len(caller.header("x-request-id")) == 1, at
        print(sorted(counted(kit)))
asyncio.run(main())
"""


def test_django_under_asgi_tells_its_own_patterns() -> None:
    done = subprocess.run([sys.executable, "-c", DJANGO], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(
        sorted(
            [
                ("GET", "/v1/<slug:shop>/orders/<int:number>/", "200"),
                ("GET", "/broken", "500"),
                ("GET", "__unmatched__", "404"),
            ]
        )
    ), done.stderr


def test_spans_are_one_a_request_and_lines_carry_its_id() -> None:
    program = """
import asyncio, json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.kit.asgi_worlds import Lines, ask, instrumented
async def home(request=None):
    return PlainTextResponse("ok")
async def main():
    fast = FastAPI()
    fast.add_api_route("/x", home)
    for app in (fast, Starlette(routes=[Route("/x", home)])):
        with instrumented(app, traces=1.0) as kit:
            lines = Lines(kit)
            exporter.clear()
            for _ in range(10):
                await ask(app, "/x")
            servers = [span for span in exporter.get_finished_spans() if span.kind.name == "SERVER"]
            ids = {f"{span.context.trace_id:032x}" for span in servers}
            assert ids == {line[7] for line in lines.told}, (ids, lines.told)
            print(len(servers), len(ids))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["10 10", "10 10"], done.stderr[-2000:]


def test_services_of_one_process_that_promise_different_latencies_are_told_so() -> None:
    with instrumented(FastAPI(), slo_latency=[0.2]):
        instrument(FastAPI(), service="desk", logs=None, drain=None, metrics=QUIET, slo_latency=[0.2]).close()
        with pytest.raises(ValueError, match="same `slo_latency` and `metrics`"):
            instrument(FastAPI(), service="desk", logs=None, drain=None, metrics=QUIET, slo_latency=[0.37])


async def test_probes_and_scrapes_are_quiet_wherever_they_are() -> None:
    lines = io.StringIO()
    options: dict[str, Any] = {
        "health": Health(live="/livez", ready="/readyz"),
        "metrics": Metrics(path="/internal/metrics", process=False, loop_lag=False),
        "admin": Admin(token="sixteen letters at least"),
    }
    with instrumented(FastAPI(), logs=Logs(stream=lines), **options) as kit:
        for path in ("/livez", "/readyz", "/internal/metrics", "/-/kit"):
            await ask(kit.app, path)
    asked = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["url.path"] for line in asked if line["message"] == "request"] == ["/-/kit"]
    lines = io.StringIO()
    with instrumented(FastAPI(), logs=Logs(stream=lines, quiet=())) as kit:
        await ask(kit.app, "/health/live")
    assert '"/health/live"' in lines.getvalue()
