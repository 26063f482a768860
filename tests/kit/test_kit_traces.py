"""Traces as a receiver of OTLP sees them: one SERVER span a request, whoever the framework is."""

from __future__ import annotations

import pytest
from tests.kit.otel_program import run
from tests.peers.otlp_receiver import otlp_receiver

ASK = """
import httpx
async def ask(app, *paths, headers=None):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        return [(await client.get(path, headers=headers)).status_code for path in paths]
"""

FASTAPI = (
    ASK
    + """
from fastapi import FastAPI, HTTPException
app = FastAPI()
@app.get("/items/{item}")
async def item(item: str):
    if item == "none": raise HTTPException(404)
    if item == "boom": raise RuntimeError("s3cret went wrong")
    return {"trace": list(traces.current() or ())}
@app.get("/health/live")
def live(): return {}
tracing = configured(app)
app = tracing.asgi(app)
"""
)

STARLETTE = (
    ASK
    + """
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route
async def item(request):
    name = request.path_params["item"]
    if name == "none": raise HTTPException(404)
    if name == "boom": raise RuntimeError("s3cret went wrong")
    return JSONResponse({"trace": list(traces.current() or ())})
async def live(request): return JSONResponse({})
app = Starlette(routes=[Route("/items/{item}", item), Route("/health/live", live)])
tracing = configured(app)
app = tracing.asgi(app)
"""
)

FLASK = """
from flask import Flask, abort
flask = Flask("shop")
@flask.get("/items/<item>")
def item(item):
    if item == "none": abort(404)
    if item == "boom": raise RuntimeError("s3cret went wrong")
    return {"trace": list(traces.current() or ())}
@flask.get("/health/live")
def live(): return {}
tracing = configured(flask)
flask.wsgi_app = tracing.wsgi(flask.wsgi_app)
async def ask(app, *paths, headers=None):
    client = app.test_client()
    return [client.get(path, headers=headers, base_url="http://shop.test", buffered=True).status_code for path in paths]
app = flask
"""

TEN = """
paths = [f"/items/{n}?token=s3cret" for n in range(8)] + ["/items/none", "/items/boom", "/health/live"]
say(statuses=asyncio.run(ask(app, *paths)))
say(stopped=tracing.shutdown())
"""


@pytest.mark.parametrize("framework", [FASTAPI, STARLETTE, FLASK], ids=["fastapi", "starlette", "flask"])
def test_ten_requests_are_ten_server_spans(framework: str):
    with otlp_receiver() as receiver:
        facts = run(framework + TEN, receiver.url)
        spans = receiver.of_kind("SERVER")
    assert facts["statuses"] == [200] * 8 + [404, 500, 200]
    assert facts["stopped"] is True
    assert len(spans) == len(receiver.spans) == 10
    assert [span.attributes["http.response.status_code"] for span in spans] == [200] * 8 + [404, 500]
    assert [span.status for span in spans] == ["UNSET"] * 9 + ["ERROR"]
    assert {span.attributes["url.path"] for span in spans} >= {"/items/0", "/items/none"}
    assert {span.attributes["server.address"] for span in spans} == {"shop.test"}
    assert spans[9].attributes["error.type"] in {"RuntimeError", "500"}
    assert "s3cret" not in b"".join(receiver.raw).decode("latin-1")
    resource = spans[0].resource
    said = ("service.name", "service.version", "deployment.environment.name")
    assert [resource[name] for name in said] == ["orders", "1.2", "test"]
    assert resource["service.instance.id"]


CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
SAMPLING = """
caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%s"
asyncio.run(ask(app, "/items/1", headers={"traceparent": caller % "01"}))
asyncio.run(ask(app, "/items/2", headers={"traceparent": caller % "00"}))
asyncio.run(ask(app, *["/items/3"] * 20))
asyncio.run(ask(app, "/items/4", headers={"traceparent": "00-zz", "tracestate": "\\x7f" * 3000, "baggage": "," * 9000}))
tracing.shutdown()
"""


@pytest.mark.parametrize("framework", [FASTAPI, STARLETTE, FLASK], ids=["fastapi", "starlette", "flask"])
def test_the_caller_decides_and_otherwise_the_share(framework: str):
    with otlp_receiver() as receiver:
        run(framework.replace("configured(", "configured(share=0.0, app=") + SAMPLING, receiver.url)
        spans = receiver.spans
    assert [span.trace_id for span in spans] == ["0af7651916cd43dd8448eb211c80319c"]
    assert spans[0].parent_id == "b7ad6b7169203331"
    assert spans[0].attributes["url.path"] == "/items/1"


def test_who_looks_inside_a_request_sees_the_very_span_that_is_sent():
    program = """
    import httpx
    async def main():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.test") as client:
            return (await client.get("/items/1")).json()["trace"]
    say(trace=asyncio.run(main()), after=traces.current())
    tracing.shutdown()
    """
    for framework in (FASTAPI, STARLETTE):
        with otlp_receiver() as receiver:
            from textwrap import dedent

            facts = run(framework + dedent(program), receiver.url)
        assert facts["trace"][:2] == [receiver.spans[0].trace_id, receiver.spans[0].span_id]
        assert facts["trace"][2] is True
        assert facts["after"] is None


def test_spans_of_ones_own_are_children_and_say_what_failed():
    program = (
        STARLETTE
        + """
tracer_spans = []
async def work(request):
    with traces.span("score application", **{"order.id": 7, "password": "s3cret", "tags": ["a", "s3cret"]}) as span:
        span.set(amount=12.5, odd=object, nothing=None)
        traces.event("circuit_breaker.opened", pipeline="stripe", why=ValueError("s3cret"))
    try:
        with traces.span("charge"):
            raise KeyError("s3cret")
    except KeyError:
        pass
    return JSONResponse({})
app.app.router.routes.append(Route("/work", work))
asyncio.run(ask(app, "/work"))
tracing.shutdown()
"""
    )
    with otlp_receiver() as receiver:
        run(program, receiver.url)
    score, charge, server = receiver.spans
    assert [span.parent_id for span in (score, charge)] == [server.span_id] * 2
    assert (score.name, score.kind, score.status) == ("score application", "INTERNAL", "UNSET")
    assert score.attributes["order.id"] == 7
    assert score.attributes["amount"] == 12.5
    assert score.attributes["password"] == "[redacted]"
    assert score.attributes["tags"] == ["a", "[redacted]"]
    assert "nothing" not in score.attributes
    assert score.events == [("circuit_breaker.opened", {"pipeline": "stripe", "why": "[redacted]"})]
    assert (charge.status, charge.attributes["error.type"]) == ("ERROR", "KeyError")
    assert charge.events[0][1]["exception.message"] == "'[redacted]'"
    assert "s3cret" not in b"".join(receiver.raw).decode("latin-1")


def test_a_redactor_that_raises_lets_nothing_out_and_loses_no_span():
    program = STARLETTE.replace("configured(app)", "configured(app, redactor=Broken())").replace(
        "tracing =", "class Broken:\n    def text(self, *_): raise ValueError\n    url = redact = text\ntracing =", 1
    )
    program = program.replace("def text(self, *_)", "def text(self, *_, **__)")
    with otlp_receiver() as receiver:
        run(program + 'asyncio.run(ask(app, "/items/1?token=s3cret"))\ntracing.shutdown()', receiver.url)
    assert len(receiver.spans) == 1
    assert receiver.spans[0].attributes["http.response.status_code"] == 200
    assert receiver.spans[0].attributes["url.query"] == "[unredactable]"
    assert "s3cret" not in b"".join(receiver.raw).decode("latin-1")


def test_no_value_costs_the_others_their_batch():
    program = """
    from opentelemetry import trace
    from sereno_kit.redact import DEFAULT
    tracing = configured(redactor=DEFAULT)
    odd = {"surrogate": "\\udcff", "\\udcfe": 1, "big": 10**30, "inf": float("inf"), "nul": "\\x00", "mixed": [1, "a"],
           "http.route": "/\\udcff", "url.path": "/\\udcff", "bytes": b"\\xff", "empty": [], "long": "x" * 1_000_000}
    with trace.get_tracer("theirs").start_as_current_span("odd \\udcff", attributes=odd) as span:
        span.add_event("odd \\udcff", odd)
        span.set_status(trace.StatusCode.ERROR, "odd \\udcff")
    with traces.span("plain", big=10**30, list=[1, 2.0], none=None): pass
    tracing.shutdown()
    """
    with otlp_receiver() as receiver:
        facts = run(program, receiver.url)
    assert [span.name for span in receiver.spans] == ["odd ?", "plain"], facts["stderr"]
    assert receiver.spans[0].attributes["surrogate"] == "?"
    assert receiver.spans[0].attributes["big"] == str(10**30)
    assert receiver.spans[0].attributes["http.route"] == "/?"
    assert len(receiver.spans[0].attributes["long"]) < 20_000
    assert receiver.spans[0].description == "odd ?"


def test_a_provider_that_is_set_already_is_used_and_left_alone():
    program = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    theirs, kept = TracerProvider(), InMemorySpanExporter()
    theirs.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(theirs)
    """
    from textwrap import dedent

    after = """
say(statuses=asyncio.run(ask(app, *["/items/1"] * 10)), same=trace.get_tracer_provider() is theirs, owned=tracing.owned)
tracing.shutdown()
with traces.span("still working"): pass
say(names=[span.name for span in kept.get_finished_spans()])
"""
    for framework in (FASTAPI, STARLETTE):
        with otlp_receiver() as receiver:
            facts = run(dedent(program) + framework + after, receiver.url)
        assert (facts["same"], facts["owned"], receiver.spans) == (True, False, [])
        assert len(facts["names"]) == 11
        assert facts["names"][-1] == "still working"


def test_another_instrumentation_around_the_application_is_not_repeated():
    program = """
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
around = OpenTelemetryMiddleware(app, exclude_spans=["receive", "send"])
asyncio.run(ask(around, *["/items/1"] * 10))
tracing.shutdown()
"""
    for framework in (FASTAPI, STARLETTE):
        with otlp_receiver() as receiver:
            run(framework + program, receiver.url)
        assert len(receiver.of_kind("SERVER")) == 10


def test_fastapi_below_starlette_is_one_span():
    program = (
        STARLETTE
        + """
from fastapi import FastAPI
from starlette.routing import Mount
below = FastAPI()
@below.get("/things/{thing}")
def thing(thing): return {}
app.app.router.routes.append(Mount("/below", below))
asyncio.run(ask(app, *["/below/things/1"] * 5))
tracing.shutdown()
"""
    )
    with otlp_receiver() as receiver:
        run(program, receiver.url)
    assert len(receiver.of_kind("SERVER")) == 5


def test_forks_send_their_own_spans_once():
    program = """
    tracing = configured()
    with traces.span("before the fork"): pass
    tracing.flush()
    with traces.span("waits in the parent"): pass
    children = []
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            with traces.span(f"child {child}"): pass
            done = tracing.shutdown()
            os._exit(0 if done else 1)
        children.append(pid)
    say(exits=[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
    tracing.shutdown()
    """
    with otlp_receiver() as receiver:
        facts = run(program, receiver.url)
    assert facts["exits"] == [0, 0]
    assert sorted(span.name for span in receiver.spans) == [
        "before the fork",
        "child 0",
        "child 1",
        "waits in the parent",
    ]
    assert len(set(receiver.connections)) == 3, "each process has a connection of its own"


def test_two_services_in_one_process_have_their_own_names_and_may_come_again():
    program = (
        STARLETTE.split("tracing =")[0]
        + """
async def here(request): return JSONResponse({})
def service(name):
    app = Starlette(routes=[Route("/", here)])
    tracing = configured(app, service=name)
    return tracing, tracing.asgi(app)
first, shop = service("shop")
second, bank = service("bank")
asyncio.run(ask(shop, "/")); asyncio.run(ask(bank, "/"))
first.shutdown(); second.shutdown()
again, shop = service("shop")
asyncio.run(ask(shop, "/"))
with again.span("of the third"): pass
again.shutdown()
say(again=again.shutdown())
"""
    )
    with otlp_receiver() as receiver:
        facts = run(program, receiver.url)
    names = [(span.name, span.resource["service.name"]) for span in receiver.spans]
    assert names == [("GET", "shop"), ("GET", "bank"), ("GET", "shop"), ("of the third", "shop")]
    assert facts["again"] is True


def test_what_waits_is_sent_when_the_program_just_ends():
    with otlp_receiver() as receiver:
        run('configured()\nwith traces.span("last words"): pass', receiver.url)
    assert [span.name for span in receiver.spans] == ["last words"]


def test_the_end_does_not_wait_for_a_collector_that_hangs():
    program = """
    import time
    tracing = configured()
    with traces.span("nobody takes it"): pass
    began = time.perf_counter()
    stopped = tracing.shutdown(timeout_seconds=0.5)
    say(stopped=stopped, seconds=time.perf_counter() - began)
    """
    with otlp_receiver(delay_seconds=30.0) as receiver:
        facts = run(program, receiver.url)
    assert facts["stopped"] is False
    assert facts["seconds"] < 5


def test_headers_reach_the_collector_and_no_log():
    program = """
    import logging
    logging.basicConfig(level=logging.DEBUG)
    tracing = configured(headers={"x-api-key": "k-s3cret-k"}, endpoint=os.environ["RECEIVER"] + "/otlp")
    with traces.span("one"): pass
    print(Traces(headers={"x-api-key": "k-s3cret-k"}))
    tracing.shutdown()
    """
    with otlp_receiver() as receiver:
        facts = run(program, receiver.url)
        path, headers = receiver.requests[0]
    assert path == "/otlp/v1/traces"
    assert headers["x-api-key"] == "k-s3cret-k"
    assert "s3cret" not in facts["stderr"]

    with otlp_receiver(status=500) as receiver:
        facts = run(program, receiver.url)
    assert "500" in facts["stderr"]
    assert "s3cret" not in facts["stderr"]


def test_without_an_endpoint_the_program_is_told_and_trace_ids_exist_all_the_same():
    facts = run(
        """
        tracing = configured(endpoint=None)
        with traces.span("seen by logs only"): say(trace=list(traces.current()))
        tracing.shutdown()
        """
    )
    assert len(facts["trace"][0]) == 32
    assert "sent nowhere" in facts["stderr"]


def test_without_the_extra_the_error_says_what_to_install():
    facts = run(
        """
        class Hidden:
            def find_spec(self, name, path=None, target=None):
                if name.startswith("opentelemetry.sdk"): raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Hidden())
        try: configured()
        except ImportError as error: say(said=str(error))
        with traces.span("nothing", a=1) as span: span.set(b=2); span.event("c")
        traces.event("nothing"); traces.record(ValueError())
        say(current=traces.current())
        """
    )
    assert "pip install 'sereno-kit[otel]'" in facts["said"]
    assert facts["current"] is None


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector/", "http://"])
def test_an_endpoint_that_is_none_is_refused_at_once(endpoint: str):
    facts = run(f"try: configured(endpoint={endpoint!r})\nexcept ValueError as error: say(said=str(error))")
    assert "OTLP" in facts["said"]
