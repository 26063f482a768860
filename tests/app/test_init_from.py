"""`sereno init --from URL`: what an instrumented service's metrics say becomes a spec that is good and counts right."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app.running import free_port

from sereno.adapters.samples.exposition import Parser
from sereno.app.cli import run
from sereno.app.cli.init import Answers, files_of
from sereno.app.discovering import Discovered, Seen, discover
from sereno.app.promql_checker import Checker
from sereno.spec.loader import load_text
from sereno.spec.model import EventsSli, LatencySli, Spec

KIT = """
sereno_kit_info{service="orders",environment="prod",version="1"} 1
sereno_kit_slo_seconds{threshold="0.2"} 0.2
sereno_kit_slo_seconds{threshold="0.3"} 0.3
http_requests_total{method="GET",endpoint="/orders/{id}",status="200"} 90
http_requests_total{method="GET",endpoint="/health/live",status="200"} 900
http_request_duration_seconds_bucket{method="GET",endpoint="/orders/{id}",le="0.2"} 80
http_request_duration_seconds_bucket{method="GET",endpoint="/orders/{id}",le="0.3"} 90
http_request_duration_seconds_bucket{method="GET",endpoint="/orders/{id}",le="+Inf"} 90
integration_api_calls_total{integration="stripe",endpoint="/charges",status="200"} 3
db_connections_active{pool="main"} 1
db_connections_max{pool="main"} 10
sereno_circuit_state{pipeline="stripe",state="open"} 0
orders_created_total{status="paid"} 3
orders_created_total{status="failed"} 0
"""
STARLETTE_EXPORTER = """
starlette_requests_total{app_name="a",method="GET",path="/x",status_code="200"} 9
starlette_request_duration_seconds_bucket{app_name="a",le="0.5",method="GET",path="/x",status_code="200"} 9
starlette_request_duration_seconds_bucket{app_name="a",le="+Inf",method="GET",path="/x",status_code="200"} 9
"""
OPENTELEMETRY = """
http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/x"} 200
http_server_request_duration_seconds_bucket{http_response_status_code="200",http_route="/x",le="0.25"} 100
http_server_request_duration_seconds_bucket{http_response_status_code="200",http_route="/x",le="0.75"} 195
http_server_request_duration_seconds_bucket{http_response_status_code="200",http_route="/x",le="+Inf"} 200
"""
MICROMETER = """
http_server_requests_seconds_count{method="GET",outcome="SUCCESS",status="200",uri="/x"} 4
http_server_requests_seconds_sum{method="GET",outcome="SUCCESS",status="200",uri="/x"} 1
"""


def found_in(text: str) -> Discovered:
    parsed = Parser().parse(text.encode())
    return discover(Seen.of(((dict(a), float(b)) for a, b in zip(parsed.labels, parsed.values, strict=True))))


def spec_of(found: Discovered, language: str = "en") -> Spec:
    """The spec that is written, which must have nothing that the checker complains of."""
    answers = Answers("shop", "http://127.0.0.1:1/metrics", "owners", "ana", "", "99.9%", language)  # type: ignore[arg-type]
    files = files_of(answers, found)
    specs = {name: text for name, text in files.items() if name.endswith(".yaml")}
    loaded = load_text(specs, promql=Checker(), exists=lambda name: name in files)
    assert loaded.diagnostics == (), [d.render() for d in loaded.diagnostics]
    assert loaded.spec is not None
    return loaded.spec


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_kits_metrics_become_promises_pools_and_breakers(language: str):
    found = found_in(KIT)
    assert (found.service, found.kit) == ("orders", True)
    service = spec_of(found, language).services["shop"]
    names = [slo.name for slo in service.slos]
    assert len(names) == 4, names
    availability = service.slos[0].sli
    assert isinstance(availability, EventsSli)
    assert [slo.objective.ratio for slo in service.slos[1:3]] == [Decimal("0.95"), Decimal("0.99")]
    assert [slo.sli.within_seconds for slo in service.slos[1:3] if isinstance(slo.sli, LatencySli)] == [
        Decimal("0.2"), Decimal("0.3"),
    ]  # fmt: skip
    assert len(service.saturation) == 1
    assert len(service.alerts) == 2
    assert found.outcomes[0].values == ("failed", "paid")


def test_routes_that_no_customer_asks_for_are_left_out():
    found = found_in(KIT)
    assert found.requests is not None
    assert found.requests.internal == ("/health/live",)


@pytest.mark.parametrize(
    ("text", "counter", "status", "seconds"),
    [
        (STARLETTE_EXPORTER, "starlette_requests_total", "status_code", Decimal("0.5")),
        (OPENTELEMETRY, "http_server_request_duration_seconds_count", "http_response_status_code", Decimal("0.75")),
        (MICROMETER, "http_server_requests_seconds_count", "status", None),
        ('shop_requests_total{code="200"} 1\nshop_requests_total{code="503"} 1\n', "shop_requests_total", "code", None),
        ('http_requests_total{handler="/x",method="GET",status="2xx"} 1\n', "http_requests_total", "status", None),
    ],
)
def test_other_instrumentations_are_known_by_their_shape(text: str, counter: str, status: str, seconds: Decimal | None):
    found = found_in(text)
    assert found.requests is not None
    assert (found.requests.counter, found.requests.status) == (counter, status)
    assert (found.times.promises[0][1] if found.times else None) == seconds
    assert spec_of(found).services["shop"].slos


def test_a_threshold_is_the_lowest_bound_that_was_kept():
    found = found_in(OPENTELEMETRY)
    assert found.times is not None
    assert found.times.promises == ((Decimal(95), Decimal("0.75")),), "100 of 200 within 250 ms is not 95 %"


def test_what_is_not_recognised_is_said():
    found = found_in("go_goroutines 4\n")
    assert found.requests is None
    assert any("no counter of HTTP requests" in remark for remark in found.remarks)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(service=TEXTS, route=TEXTS, integration=TEXTS, outcome=TEXTS)
def test_hostile_labels_write_nothing_but_a_good_spec(service: str, route: str, integration: str, outcome: str):
    rows = [
        ({"__name__": "sereno_kit_info", "service": service}, 1.0),
        ({"__name__": "http_requests_total", "endpoint": route, "status": "200"}, 1.0),
        ({"__name__": "http_requests_total", "endpoint": "/health" + route, "status": "200"}, 1.0),
        ({"__name__": "integration_api_calls_total", "integration": integration, "status": "200"}, 1.0),
        ({"__name__": "jobs_total", "status": outcome + "failed"}, 1.0),
        ({"__name__": "jobs_total", "status": "ok"}, 1.0),
    ]
    service_spec = spec_of(discover(Seen.of(rows))).services["shop"]
    assert 1 <= len(service_spec.slos) <= 2


# The command, asking real addresses. ----------------------------------------------------------------------


@contextmanager
def answering(body: bytes, status: int = 200, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "status", "headers", "said"),
    [
        (b"<!doctype html><p>hello", 200, {}, "line 1"),
        (b"", 404, {}, "status 404"),
        (b"", 302, {"Location": "http://169.254.169.254/latest"}, "another host"),
        (b"go_goroutines 4\n", 200, {}, "no counter of HTTP requests"),
        (b"a 1\n" * 5_000_000, 200, {}, "larger than the limit"),
    ],
)
def test_what_cannot_be_read_is_explained_and_nothing_is_written(
    body: bytes, status: int, headers: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with answering(body, status, **headers) as url:
        assert run(["init", str(tmp_path / "made"), "--from", url, "--yes"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    url = f"http://127.0.0.1:{free_port()}/metrics"
    assert run(["init", str(tmp_path / "made"), "--from", url, "--yes"]) == 2
    assert "ConnectError" in capsys.readouterr().err


def test_the_command_tells_what_it_derived_from_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with answering(KIT.encode()) as url:
        assert run(["init", str(tmp_path / "made"), "--from", url, "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["service"] == "orders"
    assert [part["key"] for part in told["derived"]].count("slos") == 4
    assert not [part["what"] for part in told["derived"] if "{" in part["what"]], "told to people, not to the spec"
    with answering(KIT.encode()) as url:
        assert run(["init", str(tmp_path / "es"), "--from", url, "--yes", "--language", "es"]) == 0
    assert "los umbrales que el servicio declaró" in capsys.readouterr().out
    assert run(["check", str(tmp_path / "es")]) == 0


SERVICE = """
    from fastapi import FastAPI
    {instrument}

    @app.get("/items/{{item}}")
    async def item(item: int) -> int:
        return item
"""
INSTRUMENTED = {
    "kit": 'from sereno_kit import instrument\napp = FastAPI()\ninstrument(app, service="items", slo_latency=[0.2, 0.3])',
    "instrumentator": "from prometheus_fastapi_instrumentator import Instrumentator\napp = FastAPI()\n"
    "Instrumentator().instrument(app).expose(app)",
}


@pytest.mark.parametrize("kind", INSTRUMENTED)
def test_a_service_that_runs_becomes_a_spec_whose_rules_pass(kind: str, tmp_path: Path):
    lines = textwrap.dedent(SERVICE).format(instrument=INSTRUMENTED[kind])
    (tmp_path / "items.py").write_text(lines)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "items:app", "--port", str(port), "--log-level", "error"]
    service = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{address}/items/1")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the service did not start"
                time.sleep(0.1)
        made = tmp_path / "made"
        assert run(["init", str(made), "--from", f"{address}/metrics", "--yes", "--service", "items"]) == 0
    finally:
        service.terminate()
        service.wait(20)
    text = (made / "service.yaml").read_text()
    assert 'http_requests_total{job="items"}' in text
    assert ("within: 200ms" in text) == (kind == "kit"), text
    assert run(["check", str(made)]) == 0
    assert run(["build", str(made), "--out", str(tmp_path / "built")]) == 0
    for tests in (tmp_path / "built").rglob("*test*.y*ml"):
        assert run(["test", str(tests)]) == 0, tests
