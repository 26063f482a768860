"""Traces of whole services under `instrument`: what the collector has, what the lines say, what the next one is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.kit.otel_program import run
from tests.peers.otlp_receiver import Received, otlp_receiver

COMMON = """
import httpx
from sereno_kit import ClientError, DependencyError, instrument
from sereno_kit.testing import faults
from sereno_kit import outgoing
options = dict(service="orders", environment="test", version="1.2", drain=None,
               traces=Traces(share=1.0, endpoint=os.environ["RECEIVER"]))
def answer(kind):
    kit.log.info("looked up", kind=kind)
    with kit.span("look up"): pass
    if kind == "boom": raise RuntimeError("password=hunter2hunter2")
    if kind == "theirs": raise ClientError("no such order", status=404)
    if kind == "ours": raise DependencyError("the bank is away")
    return {"told": outgoing.headers().get("traceparent", "")}
async def ask(app, *paths):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        return [await client.get(path) for path in paths]
"""
FASTAPI = (
    COMMON
    + """
from fastapi import FastAPI
app = FastAPI()
@app.get("/orders/{kind}")
async def order(kind: str): return answer(kind)
kit = instrument(app, **options)
"""
)
STARLETTE = (
    COMMON
    + """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def order(request): return JSONResponse(answer(request.path_params["kind"]))
app = Starlette(routes=[Route("/orders/{kind}", order)])
kit = instrument(app, **options)
"""
)
PLAIN = (
    COMMON
    + """
async def app(scope, receive, send):
    scope["sereno_kit.route"] = "/orders/{kind}"
    body = json.dumps(answer(scope["path"].rpartition("/")[2])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
kit = instrument(app, **options)
"""
)
LITESTAR = (
    COMMON
    + """
from litestar import Litestar, get
@get("/orders/{kind:str}")
async def order(kind: str) -> dict: return answer(kind)
app = Litestar([order])
kit = instrument(app, **options)
"""
)
FLASK = (
    COMMON
    + """
from flask import Flask
app = Flask("shop")
@app.get("/orders/<kind>")
def order(kind): return answer(kind)
kit = instrument(app, **options)
async def ask(app, *paths):
    client = app.test_client()
    return [client.get(path, base_url="http://shop.test", buffered=True) for path in paths]
"""
)
STORY = """
answers = asyncio.run(ask(kit.app, "/orders/7", "/orders/boom", "/orders/theirs", "/orders/ours",
                          "/health/live", "/health/ready", "/metrics"))
first = answers[0].json() if callable(answers[0].json) else answers[0].json
say(statuses=[answer.status_code for answer in answers], told=first["told"])
kit.close()
"""


def spans_and_lines(program: str) -> tuple[dict[str, Any], list[Received], list[dict[str, Any]], bytes]:
    with otlp_receiver() as receiver:
        facts = run(program.replace("kit.close()", "kit.close()\n"), receiver.url)
    return facts, receiver.spans, [json.loads(line) for line in facts["lines"]], b"".join(receiver.raw)


@pytest.mark.parametrize(
    "framework",
    [FASTAPI, STARLETTE, PLAIN, LITESTAR, FLASK],
    ids=["fastapi", "starlette", "plain", "litestar", "flask"],
)
def test_one_span_a_request_and_its_id_on_every_line(framework: str):
    facts, spans, lines, raw = spans_and_lines(framework + STORY)
    assert facts["statuses"][:4] == [200, 500, 404, 502]
    servers = [span for span in spans if span.kind == "SERVER"]
    assert [span.attributes["http.response.status_code"] for span in servers] == [200, 500, 404, 502]
    assert [span.status for span in servers] == ["UNSET", "ERROR", "UNSET", "ERROR"]
    assert len({span.attributes["http.route"] for span in servers}) == 1
    assert all(span.name.startswith("GET /orders/") and span.name[-1] in "}>" for span in servers)
    inner = [span for span in spans if span.kind == "INTERNAL"]
    assert [span.parent_id for span in inner] == [span.span_id for span in servers]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["trace_id"], line["span_id"]) for line in requests] == [
        (span.trace_id, span.span_id) for span in servers
    ]
    inside = [line for line in lines if line["message"] == "looked up"]
    assert [line["trace_id"] for line in inside] == [span.trace_id for span in servers]
    assert facts["told"] == f"00-{servers[0].trace_id}-{servers[0].span_id}-01"
    exceptions = [[name for name, _ in span.events].count("exception") for span in servers]
    assert exceptions == [0, 1, 0, 1]
    kinds = [span.attributes.get("error.type", "").rpartition(".")[2] for span in servers]
    handled = "502" if framework is FASTAPI else "DependencyError"
    assert kinds == ["", "RuntimeError", "", handled]
    assert b"hunter2" not in raw


@pytest.mark.parametrize("framework", [FASTAPI, STARLETTE, FLASK], ids=["fastapi", "starlette", "flask"])
def test_requests_under_faults_are_slow_wrong_or_lost(framework: str):
    program = """
def get(path):
    try: return asyncio.run(ask(kit.app, path))[0].status_code
    except Exception as error: return type(error).__name__
with faults(error=503, only="request:/orders/*") as fault:
    say(struck=get("/orders/7"), spared=get("/health/live"), met=fault.met)
with faults(error=RuntimeError("on purpose")):
    say(raised=get("/orders/7"))
with faults(drop=True):
    say(lost=get("/orders/7"))
say(after=get("/orders/7"))
kit.close()
"""
    facts, _, lines, _ = spans_and_lines(framework + program)
    assert (facts["struck"], facts["spared"], facts["met"]) == (503, 200, 1)
    assert facts["raised"] in (500, "RuntimeError")
    assert facts["lost"] != 200 or framework is not FLASK  # in-process clients of ASGI do not see a broken answer
    assert facts["after"] == 200
    counted = [line["http.response.status_code"] for line in lines if line["message"] == "request"]
    assert counted[:2] == [503, 500]
    assert counted[-1] == 200


def test_pipelines_mark_the_span_with_what_they_decide():
    program = FASTAPI.replace(
        "kit = instrument",
        """
from sereno_kit import CircuitBreaker, Retry, Transient, pipeline
from sereno_kit.testing import FakeClock
stripe = pipeline("stripe", Retry(3, on=Transient, idempotent=True), clock=FakeClock())
@app.get("/charge")
async def charge():
    async def lost(): return {}
    try: await stripe.acall(lost)
    except Transient: pass
    return {}
kit = instrument""",
    )
    program += """
with faults(error=503, only="pipeline:stripe") as fault:
    asyncio.run(ask(kit.app, "/charge"))
    say(met=fault.met)
kit.close()
"""
    facts, spans, _, _ = spans_and_lines(program)
    assert facts["met"] == 3
    assert len([span for span in spans if span.kind == "SERVER"]) == 1
    assert any("retry" in name for name, _ in spans[-1].events), spans[-1].events


def test_a_drill_from_the_admin_address():
    program = FASTAPI.replace("drain=None,", "drain=None, admin=Admin(token='a-token-of-some-length', chaos=True),")
    program = (
        program.replace("options =", "from sereno_kit.options import Admin\noptions =")
        + """
async def drill():
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    who = {"authorization": "Bearer a-token-of-some-length", "x-operator": "ana"}
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        stranger = (await client.post("/-/kit/chaos", json={"error": 503})).status_code
        begun = await client.post("/-/kit/chaos", json={"error": 503, "only": "request:/orders*"}, headers=who)
        during = (await client.get("/orders/7")).status_code
        ended = await client.delete("/-/kit/chaos", headers=who)
        return stranger, begun.status_code, during, ended.json()["faults"], (await client.get("/orders/7")).status_code
say(told=asyncio.run(drill()))
kit.close()
"""
    )
    facts, spans, lines, _ = spans_and_lines(program)
    assert facts["told"] == [401, 201, 503, [], 200]
    assert [line["message"] for line in lines if line["logger"] == "sereno_kit.chaos"] == [
        "access to faults refused",
        "fault injected",
        "fault removed",
    ]
    assert not any(span.attributes.get("url.path", "").startswith("/-/kit") for span in spans)


def test_a_real_server_that_is_told_to_end_has_sent_all_its_spans():
    program = (
        COMMON.replace("drain=None", "drain=Drain(delay_seconds=0.0)").replace(
            "options =", "from sereno_kit.options import Drain\noptions ="
        )
        + """
import signal, socket, threading, time, uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
app = FastAPI()
@app.get("/orders/{kind}")
def order(kind: str): return answer(kind)
@app.get("/stream")
async def stream():
    async def pieces():
        for _ in range(200):
            yield b"x" * 1000
            await asyncio.sleep(0.02)
    return StreamingResponse(pieces())
kit = instrument(app, **options)
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
def customers():
    url = f"http://127.0.0.1:{port}"
    with httpx.Client() as client:
        for _ in range(100):
            try: client.get(url + "/health/live"); break
            except httpx.TransportError: time.sleep(0.05)
        for n in range(5): client.get(f"{url}/orders/{n}")
        with client.stream("GET", url + "/stream") as response:
            next(response.iter_raw())
    with httpx.Client() as client:
        client.get(url + "/orders/boom")
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=customers, daemon=True).start()
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
try: asyncio.run(server.serve(sockets=[listener]))
except (KeyboardInterrupt, SystemExit): pass
"""
    )
    with otlp_receiver() as receiver:
        facts = run(program, receiver.url, ends=-15)  # uvicorn passes the signal on when it has ended
        arrived = len(receiver.spans)
    servers = receiver.of_kind("SERVER")
    assert arrived == len(receiver.spans)
    assert sorted(span.attributes["http.route"] for span in servers) == ["/orders/{kind}"] * 6 + ["/stream"]
    assert [span.status for span in servers if span.attributes["http.route"] == "/orders/{kind}"].count("ERROR") == 1
    assert "hunter2" not in facts["stderr"] + "".join(facts["lines"])
