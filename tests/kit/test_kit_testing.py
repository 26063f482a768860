"""What tests capture: metrics and spans of a block, and nothing of what was before or comes after."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace

from sereno_kit import traces
from sereno_kit.metrics import registry
from sereno_kit.testing import capture_metrics, capture_spans


def test_metrics_of_the_block_are_counted_apart():
    outside = registry.current()
    with capture_metrics() as metrics:
        orders = registry.current().counter(
            "orders_created_total", "Orders created", status=["paid", "failed"], method=["card", "cash"]
        )
        orders.inc(status="paid", method="card")
        orders.inc(2, status="paid", method="cash")
        assert metrics.value("orders_created_total", status="paid", method="card") == 1
        assert metrics.value("orders_created_total", status="paid") == 3
        assert metrics.value("orders_created_total", status="failed") == 0
        assert metrics.value("orders_created_total", status="unheard of") == 0
        assert len(metrics.series("orders_created_total")) == 4
        assert registry.current() is not outside
    assert registry.current() is outside
    assert outside.value("orders_created_total", status="paid", method="card") is None


def test_what_changed_since():
    with capture_metrics() as metrics:
        registry.current().gauge("jobs_waiting", "Jobs waiting").set(5)
        assert metrics.delta("jobs_waiting") == 5
        metrics.mark()
        registry.current().gauge("jobs_waiting", "Jobs waiting").set(3)
        assert metrics.delta("jobs_waiting") == -2


def test_a_registry_that_is_there_can_be_looked_at():
    with capture_metrics() as outer:
        done = outer.registry.counter("jobs_done_total", "Jobs done", kind=None)
        done.inc(7, kind="mail")
        with capture_metrics(outer.registry) as metrics:
            assert metrics.value("jobs_done_total", kind="mail") == 7
            assert metrics.delta("jobs_done_total", kind="mail") == 0
            done.inc(kind="mail")
            done.inc(kind="sms")
            assert metrics.delta("jobs_done_total", kind="mail") == 1
            assert metrics.delta("jobs_done_total") == 2


def test_a_name_that_nobody_exports_is_a_mistake_and_not_a_zero():
    with capture_metrics() as metrics:
        registry.current().counter("orders_created_total", "Orders created", kind=None)
        assert metrics.value("orders_created_total", kind="web") == 0
        with pytest.raises(LookupError, match="near to it: orders_created_total"):
            metrics.value("order_created_total")
        with pytest.raises(LookupError):
            metrics.delta("nothing_like_it")


def test_spans_of_the_block_and_a_provider_only_for_as_long():
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    kept = trace.get_tracer("a library that keeps its tracer")
    with capture_spans() as spans:
        with traces.span("outer", **{"order.id": 7}) as outer:
            outer.event("paid", amount=3)
            with traces.span("inner"):
                assert traces.current() is not None
        with kept.start_as_current_span("library"):
            pass
    assert [span.name for span in spans] == ["inner", "outer", "library"]
    assert spans.one("outer").attributes == {"order.id": 7}
    assert spans.one("outer").events == [("paid", {"amount": 3})]
    assert spans.one("inner").parent_id == spans.one("outer").span_id
    assert spans.one("inner").trace_id == spans.one("outer").trace_id
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    with traces.span("after"):
        assert traces.current() is None
    with kept.start_as_current_span("after") as span:
        assert not span.is_recording()
    assert len(spans) == 3
    with capture_spans() as again, kept.start_as_current_span("library again"):
        pass
    assert [span.name for span in again] == ["library again"]


def test_captures_nest():
    with capture_spans() as outer:
        with capture_spans() as inner, traces.span("both"):
            pass
        with traces.span("outer only"):
            pass
    assert [span.name for span in inner] == ["both"]
    assert [span.name for span in outer] == ["both", "outer only"]


def test_one_span_is_one_or_a_mistake():
    with capture_spans() as spans:
        for _ in range(2):
            with traces.span("twice"):
                pass
        with pytest.raises(LookupError, match="2 spans"):
            spans.one("twice")
        with pytest.raises(LookupError, match="0 spans"):
            spans.one("never")


def test_a_failure_marks_its_span_and_goes_on():
    with capture_spans() as spans, pytest.raises(KeyError), traces.span("charge"):
        raise KeyError("card")
    failed = spans.one("charge")
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "KeyError")
    assert [name for name, _ in failed.events] == ["exception"]


async def test_events_find_the_span_of_their_own_task():
    async def work(name: str) -> None:
        with traces.span(name):
            await asyncio.sleep(0)
            traces.event("worked", by=name)

    with capture_spans() as spans:
        await asyncio.gather(*(work(f"task {n}") for n in range(5)))
    assert {span.name: span.events[0][1]["by"] for span in spans} == {f"task {n}": f"task {n}" for n in range(5)}


def test_attributes_that_opentelemetry_does_not_take_become_text():
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError

    with capture_spans() as spans, traces.span("odd", number=3, none=None, mixed=[1, "a"], bad=Silent(), big=10**30):
        traces.event("odd", where=("a", "b"), error=ValueError("no"))
    attributes = spans.one("odd").attributes
    assert attributes["mixed"] == "[1, 'a']"
    assert attributes["bad"] == "[Silent without text]"
    assert "none" not in attributes
    assert spans.one("odd").events[0][1] == {"where": ("a", "b"), "error": "no"}
