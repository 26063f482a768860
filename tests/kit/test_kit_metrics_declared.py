"""What one declares is what queries find; what goes wrong at run time is counted, and breaks nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from enum import Enum, StrEnum
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as ClientCounter
from tests.kit.metric_pages import ask, fresh, promtool_complaints, samples

from sereno_kit.metrics import faults
from sereno_kit.metrics.labels import OTHER, text_of
from sereno_kit.metrics.names import MetricError, MetricNameWarning
from sereno_kit.metrics.registry import Registry, current, use
from sereno_kit.options import Metrics


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry of the test's own, and mishaps that nobody was told of yet."""
    faults._told.clear()
    with use(fresh()) as made:
        yield made
    faults._told.clear()


def mishaps(registry: Registry) -> float:
    return registry.value("sereno_kit_errors_total", part="metrics") or 0


# -- declarations ---------------------------------------------------------------------------------------


def test_declared_values_are_there_at_zero_before_anything_happens(registry: Registry) -> None:
    registry.counter("orders_created_total", "Orders", status=["paid", "failed"], method=["card", "cash"])
    registry.gauge("payments_late", "Late", level=["1_7_days", "8_15_days"])
    registry.histogram("score_ratio", "Scores", tier=["a"])
    page = samples(ask(registry).body)
    assert {name for name in page if name.startswith("orders")} == {
        f'orders_created_total{{method="{method}",status="{status}"}}'
        for status in ("paid", "failed")
        for method in ("card", "cash")
    }
    assert page['payments_late{level="1_7_days"}'] == 0
    assert page['score_ratio_count{tier="a"}'] == 0
    assert set(page.values()) == {0.0}


def test_a_counter_is_exported_under_the_name_in_the_code(registry: Registry) -> None:
    paid = registry.counter("credits_disbursed_amount_mxn_total", "Paid out", unit="mxn")
    paid.inc(Decimal("1500.50"))
    page = ask(registry).body.decode()
    assert "\ncredits_disbursed_amount_mxn_total 1500.5\n" in page
    assert "credits_disbursed_amount_mxn_created" not in page
    assert "# UNIT credits_disbursed_amount_mxn mxn" in ask(registry, "application/openmetrics-text").body.decode()


@pytest.mark.parametrize(
    ("kind", "name", "more", "hint"),
    [
        ("counter", "credits_disbursed_amount_mxn", {}, "credits_disbursed_amount_mxn_total"),
        ("counter", "orders", {}, "orders_total"),
        ("gauge", "orders_total", {}, "_total is not for a gauge"),
        ("gauge", "orders_bucket", {}, "_bucket"),
        ("gauge", "orders_sum", {}, "_sum"),
        ("histogram", "wait_seconds_count", {}, "_count"),
        ("histogram", "request_seconds_duration", {}, "request_duration_seconds"),
        ("counter", "bytes_sent_total", {}, "sent_bytes_total"),
        ("counter", "paid_mxn_amount_total", {"unit": "mxn"}, "paid_amount_mxn_total"),
        ("gauge", "debt", {"unit": "mxn"}, "debt_mxn"),
        ("counter", "paid_total", {"unit": "mxn"}, "paid_mxn_total"),
        ("counter", "órdenes_total", {}, "letters"),
        ("counter", "9_lives_total", {}, "begins with no digit"),
        ("counter", "a-b_total", {}, "letters"),
        ("gauge", "", {}, "letters"),
        ("gauge", "x" * 300, {}, "letters"),
        ("histogram", "score", {}, "bounds"),
        ("histogram", "score", {"bounds": [3, 2, 1]}, "rise"),
        ("histogram", "score", {"bounds": [1, float("nan")]}, "rise"),
        ("gauge", "g", {"le": ["1"]}, "le"),
        ("gauge", "g", {"job": None}, "job"),
        ("gauge", "g", {"__name__": None}, "cannot be a label"),
        ("gauge", "g", {"status": "paid"}, "list"),
        ("gauge", "g", {"status": []}, "list"),
    ],
)
def test_declarations_that_would_mislead_are_refused_with_what_to_write(
    registry: Registry, kind: str, name: str, more: dict[str, Any], hint: str
) -> None:
    with pytest.raises(MetricError, match=hint):
        getattr(registry, kind)(name, "Something", **more)
    assert ask(registry).body == b""


def test_names_that_only_linters_dislike_are_warned_of_where_they_are_written(registry: Registry) -> None:
    with pytest.warns(MetricNameWarning, match="credits_active$") as caught:
        registry.gauge("credits_active_count", "Active")
    assert caught[0].filename == __file__
    with pytest.warns(MetricNameWarning, match="wait_seconds"):
        registry.gauge("wait_ms", "Waiting")


def test_a_product_of_labels_too_large_is_refused_before_it_exists(registry: Registry) -> None:
    with pytest.raises(MetricError, match="3000 series, more than the 2000"):
        registry.counter("big_total", "Too many", a=[str(i) for i in range(30)], b=[str(i) for i in range(100)])


def test_the_same_declaration_twice_is_the_same_metric_and_another_one_is_an_error(registry: Registry) -> None:
    first = registry.counter("orders_total", "Orders", status=["a", "b"])
    assert registry.counter("orders_total", "Orders", status=["a", "b"]) is first
    for help, labels in (("Other words", {"status": ["a", "b"]}), ("Orders", {"status": ["a"]}), ("Orders", {})):
        with pytest.raises(MetricError, match="declared before"):
            registry.counter("orders_total", help, **labels)
    with pytest.raises(MetricError, match="declared before"):
        registry.gauge("orders_total", "Orders")


def test_what_prometheus_client_holds_already_is_an_error_and_not_silence() -> None:
    collectors = CollectorRegistry()
    ClientCounter("http_requests_total", "Theirs", registry=collectors)
    with pytest.raises(MetricError, match="declared with prometheus_client elsewhere"):
        Registry(collectors).counter("http_requests_total", "Ours")


def test_objectives_are_always_bounds(registry: Registry) -> None:
    wait = registry.histogram("wait_seconds", "Waiting", slo=[0.2, 0.3])
    assert {0.2, 0.3} <= set(wait.bounds)
    assert list(wait.bounds) == sorted(wait.bounds)


# -- run time -------------------------------------------------------------------------------------------


class Status(StrEnum):
    PAID = "paid"


class Method(str, Enum):  # noqa: UP042 - its str() is not its value
    CARD = "card"


def test_values_are_told_as_people_write_them(registry: Registry) -> None:
    orders = registry.counter(
        "orders_total", "Orders", status=[Status.PAID], method=[Method.CARD], new=["true", "false"]
    )
    orders.inc(status=Status.PAID, method=Method.CARD, new=True)
    orders.inc(new=True, method="card", status="paid")
    assert registry.value("orders_total", status="paid", method="card", new="true") == 2
    assert mishaps(registry) == 0


def test_one_and_true_are_not_the_same_label(registry: Registry) -> None:
    open_ = registry.counter("seen_total", "Seen", what=None)
    for value in (1, True, 1.0, "1"):
        open_.inc(what=value)
    assert [registry.value("seen_total", what=value) for value in ("1", "true", "1.0")] == [2, 1, 1]


def test_undeclared_values_are_counted_as_other_and_told_once(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    orders = registry.counter("orders_total", "Orders", status=["paid", "failed"])
    with caplog.at_level(logging.WARNING, "sereno_kit"):
        for i in range(1000):
            orders.inc(status=f"'; drop table {i}")
        orders.inc(status="always the same")
        orders.inc(status="always the same")
    assert registry.value("orders_total", status=OTHER) == 1002
    assert len(orders.series()) == 3
    assert mishaps(registry) == 1002
    assert len(caplog.records) == 1
    assert "orders_total" in caplog.text
    assert "drop table" not in caplog.text


def test_open_labels_are_bounded_and_keep_what_was_declared(registry: Registry) -> None:
    calls = registry.counter("calls_total", "Calls", series_max=10, customer=None, status=["ok", "error"])
    for i in range(1000):
        calls.inc(customer=f"c{i}", status="ok" if i % 2 else "error")
    assert len(calls.series()) == 12
    page = samples(ask(registry).body)
    assert sum(value for name, value in page.items() if name.startswith("calls_total")) == 1000
    assert page[f'calls_total{{customer="{OTHER}",status="ok"}}'] == 495
    assert calls.labels(customer="c1", status="ok") is calls.labels(status="ok", customer="c1")


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "many", None, object()])
def test_amounts_that_cannot_be_are_refused_counted_and_break_nobody(registry: Registry, amount: Any) -> None:
    orders = registry.counter("orders_total", "Orders")
    waits = registry.histogram("wait_seconds", "Waiting")
    orders.inc(2)
    orders.inc(amount)
    if amount != -1:
        waits.observe(amount)
    assert registry.value("orders_total") == 2
    assert registry.value("wait_seconds_count") == 0
    assert registry.value("wait_seconds_sum") == 0
    assert mishaps(registry) == (1 if amount == -1 else 2)


def test_missing_and_unknown_labels_are_told_and_the_total_stays_right(registry: Registry) -> None:
    orders = registry.counter("orders_total", "Orders", status=["paid"], method=["card"])
    orders.inc(status="paid")
    orders.inc(status="paid", method="card", colour="red")
    orders.inc()
    orders.inc(status=["unhashable"], method="card")
    assert sum(v for n, v in samples(ask(registry).body).items() if n.startswith("orders_total")) == 4
    assert registry.value("orders_total", status="paid", method="card") == 1
    assert mishaps(registry) == 4


def test_labels_may_be_called_as_arguments_are(registry: Registry) -> None:
    seen = registry.counter("seen_total", "Seen", self=["a"], name=["b"], amount=["c"], help=["d"])
    seen.inc(2, self="a", name="b", amount="c", help="d")
    assert seen.labels(self="a", name="b", amount="c", help="d") is seen.labels(
        help="d", amount="c", name="b", self="a"
    )
    waits = registry.histogram("wait_seconds", "Waits", self=["a"], value=["b"])
    with waits.time(self="a", value="b"):
        pass
    waits.observe(1, self="a", value="b")
    assert waits.labels(self="a", value="b") is not None
    assert mishaps(registry) == 0


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_a_label_whose_text_cannot_be_made_is_other(registry: Registry) -> None:
    seen = registry.counter("seen_total", "Seen", what=None)
    seen.inc(what=Unspeakable())
    assert registry.value("seen_total", what=OTHER) == 1


@given(value=st.text(min_size=0, max_size=400) | st.integers() | st.floats() | st.booleans() | st.none())
def test_any_value_of_a_label_can_be_exposed(value: Any) -> None:
    registry = fresh()
    registry.counter("seen_total", "Seen", what=None).inc(what=value)
    registry.counter("seen_total", "Seen", what=None).inc(what='\ud800\x00\n"\\' + str(value))
    for accept in ("", "application/openmetrics-text"):
        page = ask(registry, accept).body.decode()
        assert page.count("\nseen_total{") >= 1
    assert len(text_of(value)) <= 200


def test_ten_kilobytes_of_label_are_cut(registry: Registry) -> None:
    registry.counter("seen_total", "Seen", what=None).inc(what="x" * 10_000)
    assert registry.value("seen_total", what="x" * 200) == 1


def test_gauges_are_set_moved_and_tracked(registry: Registry) -> None:
    late = registry.gauge("payments_late", "Late", level=["low", "high"])
    late.set(7, level="low")
    late.inc(3, level="low")
    late.dec(level="low")
    with late.track(level="high"):
        assert registry.value("payments_late", level="high") == 1
    late.set("a lot", level="low")
    assert registry.value("payments_late", level="low") == 9
    assert registry.value("payments_late", level="high") == 0
    assert mishaps(registry) == 1


def test_a_gauge_may_be_asked_for_and_what_it_does_not_know_is_absent(registry: Registry) -> None:
    def broken() -> float:
        raise ConnectionError("the database is away")

    facts = {"a": 3.0}
    gauge = registry.read_gauge("stock", "In stock", labels=["shop"])
    forget = gauge.read(lambda: facts["a"], shop="a")
    gauge.read(lambda: None, shop="unknown")
    gauge.read(broken, shop="broken")
    registry.read_gauge("answer", "The answer", lambda: 42)
    page = samples(ask(registry).body)
    assert page['stock{shop="a"}'] == 3
    assert page["answer"] == 42
    assert not [name for name in page if "unknown" in name or "broken" in name]
    assert mishaps(registry) >= 1
    forget()
    assert 'shop="a"' not in ask(registry).body.decode()


def test_threads_lose_nothing(registry: Registry) -> None:
    hits = registry.counter("hits_total", "Hits", worker=None)
    waits = registry.histogram("wait_seconds", "Waiting", native=True)

    def work() -> None:
        for i in range(2000):
            hits.inc(worker=f"w{i % 5}")
            waits.observe(0.01)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(registry.value("hits_total", worker=f"w{i}") or 0 for i in range(5)) == 8000
    assert registry.value("wait_seconds_count") == 8000
    assert waits.natives()[()].snapshot().count == 8000


# -- timers ---------------------------------------------------------------------------------------------


class HandClock:
    """Seconds pass when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def timed() -> tuple[Registry, HandClock]:
    clock = HandClock()
    return Registry(CollectorRegistry(), clock=clock, options=Metrics()), clock  # type: ignore[arg-type]


async def test_timers_measure_blocks_functions_coroutines_and_generators_to_their_end(
    timed: tuple[Registry, HandClock],
) -> None:
    registry, clock = timed
    took = registry.histogram("took_seconds", "Took", what=["block", "plain", "async", "generator", "stream", "failed"])

    with took.time(what="block") as timer:
        clock.seconds += 1
    assert timer.seconds == 1

    @took.time(what="plain")
    def plain() -> str:
        clock.seconds += 2
        return "done"

    @took.time(what="async")
    async def coroutine() -> str:
        await asyncio.sleep(0)
        clock.seconds += 3
        return "awaited"

    @took.time(what="generator")
    def generator() -> Iterator[int]:
        yield 1
        clock.seconds += 4
        yield 2

    @took.time(what="stream")
    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
            clock.seconds += 5
            yield 2
        finally:
            clock.seconds += 1

    assert (plain(), plain(), await coroutine()) == ("done", "done", "awaited")
    assert list(generator()) == [1, 2]
    assert [item async for item in stream()] == [1, 2]

    with pytest.raises(ZeroDivisionError), took.time(what="plain") as attempt:  # noqa: PT012 - the timer is tested
        clock.seconds += 8
        attempt.set(what="failed")
        raise ZeroDivisionError

    sums = {
        what: registry.value("took_seconds_sum", what=what)
        for what in ("block", "plain", "async", "generator", "stream", "failed")
    }
    assert sums == {"block": 1, "plain": 4, "async": 3, "generator": 4, "stream": 6, "failed": 8}
    assert registry.value("took_seconds_count", what="plain") == 2
    assert asyncio.iscoroutinefunction(coroutine)


async def test_a_stream_closed_early_is_measured_until_then(timed: tuple[Registry, HandClock]) -> None:
    registry, clock = timed
    took = registry.histogram("took_seconds", "Took")
    closed = []

    @took.time()
    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
            clock.seconds += 100
        finally:
            closed.append(True)

    one = stream()
    assert await anext(one) == 1
    clock.seconds += 2
    await one.aclose()  # type: ignore[attr-defined]
    assert closed == [True]
    assert registry.value("took_seconds_sum") == 2


# -- the process's own registry -------------------------------------------------------------------------


def test_use_gives_back_what_was_there_before() -> None:
    mine, before = fresh(), current()
    with use(mine) as got:
        assert got is mine is current()
    assert current() is before


def test_a_mishap_inside_the_kit_never_reaches_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sereno_kit.metrics.registry.current", lambda: 1 / 0)
    faults.failed("anything", ValueError("x"))


def test_promtool_finds_nothing_to_say_of_what_the_kit_declares(registry: Registry) -> None:
    registry.counter("orders_created_total", "Orders created", status=["paid"]).inc(status="paid")
    registry.gauge("payments_late", "Payments that are late").set(3)
    registry.histogram("wait_seconds", "Time spent waiting").observe(0.1)
    registry.counter("credits_disbursed_amount_mxn_total", "Paid out", unit="mxn").inc(3)
    assert promtool_complaints(ask(registry).body) == []
