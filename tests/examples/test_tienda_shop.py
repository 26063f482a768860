"""The shop as it runs: what its spec asks of it is there, what the demo remembers of it is what it says, and an outage
of payments sends nobody away."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.app.running import free_port
from tests.examples.test_examples import built, loaded

from sereno.app.demo.history import FLOWS, generate
from sereno.app.demo.town import JOBS, SHOP, Town
from sereno.promql import parse
from sereno.promql.ast import Expr, RangeSelector, Selector, children
from sereno.promql.columns import Matcher
from sereno.slo import rules_of
from sereno.spec.dashboard_queries import filled

EXPORTERS = re.compile(r"node_|kube_|container_|kubelet_|pg_(?!up$)|postgres|redis_|probe_|minio_|aws_")
"""What other people's exporters count, beside the shop."""
SERENO = re.compile(r"ALERTS$|up$|.*:|sereno_(?!kit_|pipeline_|circuit_|bulkhead_|retry_)|scrape_")
"""What Sereno and Prometheus write themselves."""
JOB_OF = {name: JOBS.get(name, name) for name in SHOP}
Series = dict[str, str]


@dataclass
class Shop:
    """Its processes, and a customer."""

    town: Town
    customer: httpx.Client

    def ask(self, method: str, service: str, path: str, **said: Any) -> httpx.Response:
        return self.customer.request(method, self.town.url(service) + path, **said)

    def turn(self, service: str, mode: str) -> None:
        answer = (
            self.ask("POST", service, "/_fault", json={"mode": mode})
            if mode
            else self.ask("DELETE", service, "/_fault")
        )
        assert answer.json() == {"fault": mode}

    def checkout(self) -> httpx.Response:
        return self.ask("POST", "api", "/checkout")

    def admin(self, service: str, command: str = "", method: str = "POST") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.town.kit_token}", "X-Operator": "ana"}
        answer = self.ask(method, service, f"/-/kit/{command}", headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def page(self, service: str) -> str:
        """Its metrics as they are from now on: a page may be a little old, the one after it is not."""
        old = self.ask("GET", service, "/metrics").text
        until(lambda: self.ask("GET", service, "/metrics").text != old, "a new page of metrics", self.town)
        return self.ask("GET", service, "/metrics").text

    def series(self) -> dict[str, list[Series]]:
        """What all services expose, as whoever scrapes them would keep it: by name, with the label `job`."""
        found: dict[str, list[Series]] = {}
        for service, job in JOB_OF.items():
            for family in text_string_to_metric_families(self.page(service)):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append({**sample.labels, "job": job})
        return found

    def value(self, service: str, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.page(service))
        samples = [s for family in families for s in family.samples if s.name == name]
        assert samples, name
        return sum(s.value for s in samples if labels.items() <= s.labels.items())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    town = Town(tmp_path_factory.mktemp("shop"), {name: free_port() for name in (*SHOP, "mailbox", "smtp", "control")})
    town._start_shop()
    try:
        with httpx.Client(timeout=10) as customer:
            street = Shop(town, customer)
            until(lambda: all(answers(street, name) for name in SHOP), "the shop opens", town)
            everything_is_asked_for(street)
            yield street
    finally:
        town.close()


def until(question: Any, what: str, town: Town, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert town.dead() is None, town.dead()
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def answers(shop: Shop, service: str) -> bool:
    try:
        return shop.ask("GET", service, "/health").status_code == 200
    except httpx.TransportError:
        return False


def everything_is_asked_for(shop: Shop) -> None:
    """All that customers ask for, once well and once of a shop that is down; and what only operators ask for."""
    for mode in ("", "down", ""):
        for service in SHOP:
            shop.turn(service, mode)
        for flow in FLOWS:
            service = next(name for name, job in JOB_OF.items() if job == flow.job)
            body = {"name": "ana", "password": "clave-ana"} if flow.endpoint == "/entrar" else None
            answer = shop.ask(flow.method, service, flow.endpoint, json=body)
            assert answer.status_code == (503 if mode else 200), (flow, answer.text)
    for service in SHOP:
        assert shop.ask("GET", service, "/health/ready").json()["status"] == "ok"


# -- what is asked of it -------------------------------------------------------------------------------


def selectors(text: str) -> Iterator[tuple[str, tuple[Matcher, ...]]]:
    """Each metric that a query names, with what it asks of the labels."""

    def walk(one: Expr) -> Iterator[Selector]:
        if isinstance(one, RangeSelector):
            yield one.selector
        elif isinstance(one, Selector):
            yield one
        else:
            for child in children(one):
                yield from walk(child)

    for selector in walk(parse(filled(text, {}))):
        names = [m.value for m in selector.matchers if m.name == "__name__"]
        yield names[0], tuple(m for m in selector.matchers if m.name != "__name__")


def expressions(document: Any) -> Iterator[str]:
    """All queries of a dashboard."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "expr" and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(document, list):
        for value in document:
            yield from expressions(value)


def queries() -> Iterator[tuple[str, str]]:
    """Every query of tienda's spec and of what is built of it, with the place where it stands."""
    spec = loaded("tienda")
    for rule in rules_of(spec, evaluation_interval=timedelta(seconds=15), language="es"):
        yield "rules", rule.expr
    for service in spec.services.values():
        yield from ((f"alert {alert.name}", alert.expr) for alert in service.alerts)
    for path, text in built("tienda").files.items():
        if path.startswith("grafana/dashboards/") and path.endswith(".json"):
            yield from ((path, expr) for expr in expressions(json.loads(text)) if expr)


def asked() -> set[tuple[str, str, tuple[Matcher, ...]]]:
    return {(place, name, matchers) for place, text in queries() for name, matchers in selectors(text)}


def of_the_shop(name: str, matchers: tuple[Matcher, ...]) -> bool:
    jobs = [m.value for m in matchers if m.name == "job" and m.op == "="]
    return not SERENO.match(name) and not EXPORTERS.match(name) and (not jobs or jobs[0] in JOB_OF.values())


def test_every_metric_that_its_spec_asks_for_is_there(shop: Shop) -> None:
    exposed, lacking, names = shop.series(), set(), set()
    for place, name, matchers in asked():
        if of_the_shop(name, matchers):
            names.add(name)
            jobs = {m.value for m in matchers if m.name == "job" and m.op == "="}
            labels = {m.name for m in matchers if m.name not in ("job", "instance") and m.value != ""}
            candidates = [one for one in exposed.get(name, ()) if not jobs or one["job"] in jobs]
            if not any(labels <= one.keys() for one in candidates):
                lacking.add((place, name, *map(str, matchers)))
    assert not lacking
    assert {"orders_total", "payments_total", "sereno_pipeline_calls_total", "logins_total", "pg_up"} <= names


def test_a_label_that_must_have_a_value_has_it(shop: Shop) -> None:
    """`status="paid"` finds something; so do `within` thresholds, which are bounds of the histograms."""
    exposed = shop.series()
    for place, name, matchers in asked():
        if not of_the_shop(name, matchers):
            continue
        for one in (m for m in matchers if m.op == "=" and m.name not in ("job", "instance") and m.value):
            assert any(series.get(one.name) == one.value for series in exposed[name]), (place, name, one)
        bounds = [m for m in matchers if m.name == "le"]
        assert all(any(re.fullmatch(m.value, series["le"]) for series in exposed[name]) for m in bounds), (
            place,
            name,
            bounds,
        )


def test_what_exporters_count_is_not_what_the_shop_counts(shop: Shop) -> None:
    """Nothing of the shop passes for an exporter's metric, and so goes unasked for."""
    assert [name for name in shop.series() if EXPORTERS.match(name)] == []


def test_the_month_before_is_told_in_the_shops_own_words(shop: Shop) -> None:
    """Every generated series goes on with a live one: the same name, labels, bounds."""
    exposed = shop.series()
    live = {(name, frozenset(one.items())) for name, all_ in exposed.items() for one in all_}
    instances = {job: f"127.0.0.1:{shop.town.ports[service]}" for service, job in JOB_OF.items()}
    remembered: dict[tuple[str, str], set[str]] = {}
    for labels, _, _ in generate(datetime(2026, 3, 2, 15, tzinfo=UTC), instances, days=1):
        name, told = labels["__name__"], {k: v for k, v in labels.items() if k not in ("__name__", "instance")}
        assert name == "up" or (name, frozenset(told.items())) in live, labels
        if "le" in told:
            remembered.setdefault((told["job"], name), set()).add(told["le"])
    for (job, name), bounds in remembered.items():
        assert bounds == {one["le"] for one in exposed[name] if one["job"] == job}, name


# -- how it behaves ------------------------------------------------------------------------------------


def test_an_outage_of_payments_sends_nobody_away(shop: Shop) -> None:
    assert shop.checkout().json()["status"] == "paid"
    before = {
        outcome: shop.value("api", "sereno_pipeline_calls_total", outcome=outcome)
        for outcome in ("ok", "error", "rejected")
    }
    pending = shop.value("api", "orders_total", status="payment_pending")
    shop.turn("pagos", "down")
    orders = [shop.checkout() for _ in range(20)]
    assert {(one.status_code, one.json()["status"]) for one in orders} == {(202, "payment_pending")}
    assert shop.value("api", "sereno_circuit_state", pipeline="pagos", state="open") == 1
    # Charges carry a key, so they may be asked for twice.
    assert shop.value("api", "sereno_pipeline_events_total", policy="retry", event="retried") > 0
    refused = shop.value("api", "sereno_pipeline_calls_total", outcome="rejected") - before["rejected"]
    failed = shop.value("api", "sereno_pipeline_calls_total", outcome="error") - before["error"]
    assert refused > 0
    assert failed + refused == 20  # what the objective of payments counts: each order once
    assert shop.value("api", "orders_total", status="payment_pending") - pending == 20
    shop.turn("pagos", "")
    until(lambda: shop.checkout().json()["status"] == "paid", "payments are back", shop.town, 20)
    until(
        lambda: shop.checkout() and shop.value("api", "sereno_circuit_state", pipeline="pagos", state="closed") == 1,
        "the breaker closes", shop.town, 20,
    )  # fmt: skip


def test_the_same_payment_twice_is_one(shop: Shop) -> None:
    paid = shop.value("pagos", "payments_total", gateway="yape")
    said = {"headers": {"Idempotency-Key": "order-7"}, "params": {"medio": "billetera"}}
    answers_ = [shop.ask("POST", "pagos", "/pagos", **said).json() for _ in range(3)]
    assert answers_ == [{"status": "paid"}] * 3
    assert shop.value("pagos", "payments_total", gateway="yape") == paid + 1


def test_operators_open_the_breaker_and_degrade_the_search(shop: Shop) -> None:
    shop.admin("api", "pipelines/pagos/circuit_breaker/force_open")
    assert shop.checkout().json()["status"] == "payment_pending"
    shop.admin("api", "pipelines/pagos/circuit_breaker/reset")
    assert shop.checkout().json()["status"] == "paid"
    assert shop.ask("GET", "catalogo", "/buscar?q=CAF").json() == ["Café de Jaén"]
    shop.admin("catalogo", "features/busqueda/degraded")
    assert shop.ask("GET", "catalogo", "/buscar?q=CAF").json() == ["Manta de alpaca", "Café de Jaén"]
    shop.admin("catalogo", "features/busqueda/clear")
    assert shop.ask("GET", "catalogo", "/buscar?q=CAF").json() == ["Café de Jaén"]
    assert shop.ask("GET", "api", "/-/kit/").status_code == 401


def test_who_is_let_in_and_who_is_not(shop: Shop) -> None:
    def enter(**said: Any) -> int:
        return shop.ask("POST", "api", "/entrar", json=said).status_code

    failed = shop.value("api", "logins_total", result="failed")
    assert enter(name="ana", password="clave-ana") == 200
    assert enter(name="ana", password="clave-ana", code="246810") == 200
    assert enter(name="ana", password="clave-ana", code="000000") == 401
    assert enter(name="ana", password="clave-bruno") == 401
    assert enter(name="nobody", password="") == 401
    assert shop.value("api", "logins_total", result="failed") == failed + 3
    assert enter(name="ana") == 400
    assert shop.ask("POST", "api", "/entrar", content=b"\xff{").status_code == 400
    assert shop.ask("POST", "api", "/entrar", content=b"[]").status_code == 400
    log = (shop.town.folder / "api.log").read_text()
    assert "clave-" not in log
    assert "Traceback" not in log


def test_half_of_the_customers_see_what_is_new_and_always_the_same_ones(shop: Shop) -> None:
    def sees(name: str) -> bool:
        return "Para ti" in shop.ask("GET", "api", "/", headers={"Cookie": f"cliente={name}"}).text

    told = [[sees(f"c{number}") for number in range(12)] for _ in range(2)]
    assert told[0] == told[1]
    assert 0 < sum(told[0]) < 12
    assert sees("ana")
    assert "Para ti" not in shop.ask("GET", "api", "/").text


def test_a_fault_that_is_none_changes_nothing(shop: Shop) -> None:
    for body in (b"", b"[]", b'{"mode": []}', b'{"mode": "odd"}'):
        assert shop.ask("POST", "carrito", "/_fault", content=body).status_code == 400
    assert shop.ask("GET", "carrito", "/health").json() == {"service": "carrito", "fault": ""}
    assert shop.ask("POST", "carrito", "/carrito").status_code == 200
