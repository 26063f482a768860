"""Flota, running: what its spec asks for is exposed, what breaks is withstood, and nobody's papers are in the lines."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.examples.flota_worlds import EXAMPLE, SERVICES, World, ask, credit_of, enter, fits, living, ports, until

from sereno.app.building import compile_spec
from sereno.app.spec_folder import read_folder
from sereno.promql import parse
from sereno.promql.ast import Aggregate, Expr, Selector, children
from sereno.spec.model import Spec

from flota.people import driver  # isort: skip - of the example, which the line above makes importable

SPEC = EXAMPLE / "reliability"
PAPERS = ("curp", "rfc", "clabe", "email", "phone", "card")
OTHERS = {
    "node exporter": "node_",
    "PostgreSQL exporter": "pg_",
    "Redis exporter": "redis_",
    "blackbox exporter": "probe_",
    "kube-state-metrics": "kube_",
    "kubelet": "kubelet_",
    "cAdvisor": "container_",
    "the job that makes backups": "backup_",
    "whoever evaluates the rules": "ALERTS",
}
"""Who exposes what flota's own code does not, and how the names begin."""


THEIR_JOBS = ("flota-nodos", "flota-postgres", "flota-redis", "flota-respaldos")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("flota")
    flags = shutil.copy(SPEC / "banderas.yaml", folder / "banderas.yaml")
    with living(folder, day_seconds=0.5, per_second=4, flags=str(flags), drain_seconds=0.2) as world:
        until(lambda: world.value('sum(payments_processed_total{status="success"})') >= 5)
        yield world


# What the spec asks for. ----------------------------------------------------------------------------------


@cache
def spec() -> Spec:
    loaded = read_folder(SPEC)
    assert loaded.spec is not None
    return loaded.spec


@cache
def built() -> Mapping[str, str]:
    """The rules and the dashboards."""
    every = timedelta(seconds=15)
    return compile_spec(spec(), every=every, language="es", targets=("prometheus", "grafana")).files


@cache
def asked() -> dict[str, tuple[Expr, ...]]:
    """Every expression that is built of the spec, by the files in which it stands."""
    found: dict[str, list[Expr]] = {}
    for name, text in built().items():
        document = yaml.safe_load(text) if name.startswith("prometheus/rules/") else None
        if name.startswith("grafana/dashboards/") and name.endswith(".json"):
            document = json.loads(text)
        found.setdefault(name, []).extend(parse(plain(expr)) for expr in expressions(document))
    return {name: tuple(exprs) for name, exprs in found.items() if exprs}


def expressions(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("expr"), str):
            yield document["expr"]
        for value in document.values():
            yield from expressions(value)
    elif isinstance(document, list):
        for value in document:
            yield from expressions(value)


def plain(expr: str) -> str:
    """Without Grafana's variables."""
    expr = re.sub(r"\$__(rate_)?interval|\$__range", "1m", expr)
    return re.sub(r"\$\{?\w+(:\w+)?\}?", ".*", expr)


@cache
def recorded() -> frozenset[str]:
    """What the rules themselves make."""
    return frozenset(
        rule["record"]
        for name, text in built().items()
        if name.startswith("prometheus/rules/")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "record" in rule
    )


def selectors(expr: Expr) -> Iterator[Selector]:
    if isinstance(expr, Selector):
        yield expr
    for child in children(expr):
        yield from selectors(child)


def name_of(selector: Selector) -> str:
    return next(one.value for one in selector.matchers if one.name == "__name__" and one.op == "=")


def ours(selector: Selector) -> bool:
    """Whether flota's own code exposes it: neither a rule of the spec, nor an exporter beside it."""
    name = name_of(selector)
    elsewhere = any(one.name == "job" and one.value in THEIR_JOBS
                    for one in selector.matchers)  # fmt: skip
    return name not in recorded() and not name.startswith(tuple(OTHERS.values())) and not elsewhere


def test_all_that_the_spec_queries_is_exposed_with_the_labels_that_it_asks_for(world: World) -> None:
    """Each selector finds series; those that ask for a bad end (5xx, failed) find at least the label."""
    missing = []
    known = world.metrics()
    for place, exprs in asked().items():
        for selector in {one for expr in exprs for one in selectors(expr) if ours(one)}:
            named = [labels for labels in known if labels["__name__"] == name_of(selector)]
            of_job = [one for one in selector.matchers if one.name in ("job", "integration", "le", "level", "instance")]
            there = [labels for labels in named if fits(labels, tuple(of_job))]
            lacking = {one.name for one in selector.matchers} - {name for labels in there for name in labels}
            if not there or lacking - {"__name__"}:
                missing.append((place, name_of(selector), selector.matchers, sorted(lacking)))
    assert missing == []


def test_what_is_grouped_by_exists(world: World) -> None:
    known: dict[str, set[str]] = {}
    for labels in world.metrics():
        known.setdefault(labels["__name__"], set()).update(labels)
    absent = []

    def look(place: str, expr: Expr) -> None:
        if isinstance(expr, Aggregate) and not expr.without:
            for selector in selectors(expr.expr):
                if ours(selector) and (more := set(expr.grouping) - known[name_of(selector)]):
                    absent.append((place, name_of(selector), more))
        for child in children(expr):
            look(place, child)

    for place, exprs in asked().items():
        for expr in exprs:
            look(place, expr)
    assert absent == []


def test_bad_ends_that_the_spec_asks_for_can_be_said(world: World) -> None:
    """A value that no code ever says would keep an alert quiet for ever."""
    values = {
        "payments_processed_total": ("status", {"success", "declined", "failed", "queued"}),
        "disbursements_settled_total": ("outcome", {"in_time", "late"}),
        "payments_late_count": ("level", {f"late_{days}_days" for days in ("1_7", "8_15", "16_30", "over_30")}),
        "credits_approved_pending_count": ("age", {"0_24_h", "24_48_h", "over_48_h"}),
        "applications_approved_total": ("sinosure_tier", {"AAA", "AA", "A", "B"}),
        "applications_rejected_total": ("reason", {"puntaje", "identidad", "ingresos"}),
        "logins_total": ("result", {"ok", "failed"}),
    }
    for name, (label, wanted) in values.items():
        assert {labels[label] for labels in world.metrics() if labels["__name__"] == name} == wanted, name
        for selector in {one for exprs in asked().values() for expr in exprs for one in selectors(expr)}:
            if name_of(selector) == name:
                matchers = tuple(one for one in selector.matchers if one.name == label)
                assert any(fits({label: value}, matchers) for value in wanted), (name, matchers)


def test_what_others_expose_is_said_of_them(world: World) -> None:
    """The list above is no excuse for what we forgot: each entry is asked for, and none of it is ours."""
    names = {name_of(one) for exprs in asked().values() for expr in exprs for one in selectors(expr)}
    assert all(any(name.startswith(start) for name in names) for start in OTHERS.values())
    assert not [one for one in world.metrics() if one["__name__"].startswith(tuple(OTHERS.values()))]


# What breaks. ---------------------------------------------------------------------------------------------


def alert(name: str) -> str:
    service = next(service for service in spec().services.values() if name in {one.name for one in service.alerts})
    return str(next(one for one in service.alerts if one.name == name).expr)


def test_an_outage_of_collections_opens_its_breaker_queues_payments_and_is_an_alert(world: World) -> None:
    began = int(time.time() * 1000)
    assert world.query(alert("CobrosCaidos"), began) == []
    world.fault("cobros", "down")
    try:
        until(lambda: world.value('max(sereno_circuit_state{pipeline="cobros",state="open"})') == 1)
        until(lambda: world.query(alert("CobrosCaidos"), began))
        # Drivers are not sent away: they are told 202, and are charged later.
        assert until(lambda: world.value('sum(payments_processed_total{status="queued"})'))
        until(lambda: world.value('sum(http_requests_total{job="flota-api",endpoint=~".*pagos",status="202"})'))
        assert world.value('sum(http_requests_total{job="flota-api",endpoint=~".*pagos",status=~"50[02]"})') == 0
        assert world.query(alert("TelemetriaCaida"), began) == []
    finally:
        world.fault("cobros")
    until(lambda: world.value("sum(payments_recovered_total)"), 60)
    until(lambda: world.value('max(sereno_circuit_state{pipeline="cobros",state="closed"})') == 1)


def test_answers_that_are_lost_move_no_money_twice(world: World) -> None:
    """The providers did it and could not say so; under the same key they say what they did."""
    for provider in ("cobros", "dispersion"):
        world.fault(provider, "lost")
    time.sleep(2.5)
    for provider in ("cobros", "dispersion"):
        world.fault(provider)

    def even(table: str, done: str, column: str, provider: str) -> bool:
        with sqlite3.connect(world.plan.database) as database:
            count, cents = database.execute(f"select count(*), sum(amount_cents) from {table} where {done}").fetchone()
            kept = {key for (key,) in database.execute(f"select {column} from {table} where {done}")}
        ledger = ask("GET", world.address(provider, "/_ledger"))[1]
        return (count, cents, len(kept)) == (len(ledger["moved"]), ledger["cents"], count)

    until(lambda: even("credits", "disbursed_day is not null", "transfer", "dispersion"), 60)
    until(lambda: even("dues", "status = 'paid'", "charge", "cobros"), 60)


def test_without_telematics_the_last_reading_is_good_enough(world: World) -> None:
    """First the provider hangs, then an operator turns the flag so that it is not even asked."""
    dice = random.Random(11)
    headers, credit = settled(world, dice)

    def place() -> Any:
        status, told = ask("GET", world.address("api", f"/creditos/{credit}/vehiculo"), **headers)
        assert status == 200
        return told

    fresh = place()
    assert fresh["fresh"]
    world.fault("telemetria", "down")
    try:
        assert place() == {**fresh, "fresh": False}
    finally:
        world.fault("telemetria")
    until(lambda: place()["fresh"], 60)

    flags = Path(world.plan.flags)
    declared = flags.read_text()
    flags.write_text(declared.replace("default: enabled", "default: degraded"))
    try:
        until(lambda: not place()["fresh"])
        state = 'min(feature_state{job="flota-api",feature="telemetria",state="degraded"})'
        until(lambda: world.value(state) == 1)
    finally:
        flags.write_text(declared)
    until(lambda: place()["fresh"], 60)


def test_the_new_score_is_for_some(world: World) -> None:
    """A fifth of the drivers, by the flags file; both models have been at work."""

    def share() -> float:
        newer = world.value('sum(hase_scores_calculated_total{model="telematics"})')
        both = world.value("sum(hase_scores_calculated_total)")
        return newer / both if both >= 60 else 0.0

    assert 0.05 < until(share, 90) < 0.45


def settled(world: World, dice: random.Random) -> tuple[dict[str, str], int]:
    """Somebody with a credit whose money has come."""
    for _ in range(20):
        headers = enter(world, driver(dice))
        if credit := credit_of(world, headers):
            return headers, credit
    raise AssertionError("nobody gets a credit")


# Who asks. ------------------------------------------------------------------------------------------------


def test_what_is_anothers_does_not_exist_and_guessing_ends(world: World) -> None:
    dice = random.Random(12)
    _, credit = settled(world, dice)
    other = driver(dice)
    headers = enter(world, other)
    status, told = ask("GET", world.address("api", f"/creditos/{credit}"), **headers)
    assert (status, told["title"]) == (404, "No existe")
    assert ask("GET", world.address("api", f"/creditos/{credit}"), Authorization="Bearer 1.abc")[0] == 401
    wrong = {"email": other.email, "password": "no-es-esta"}
    statuses = [ask("POST", world.address("api", "/sesiones"), wrong)[0] for _ in range(7)]
    assert statuses[:4] == [401] * 4
    assert statuses[-1] == 429
    right = {"email": other.email, "password": other.password}
    assert ask("POST", world.address("api", "/sesiones"), right)[0] == 429
    for kind in ("token_ajeno", "fuerza_bruta"):
        until(lambda kind=kind: world.value(f'sum(attacks_blocked_total{{kind="{kind}"}})'))
    until(lambda: world.value("sum(invalid_tokens_total)"))


def test_nobodys_papers_are_in_the_lines(world: World) -> None:
    """Of all drivers, of the wire and of what fails, including papers put where none belong."""
    dice = random.Random(13)
    tempting = [driver(dice) for _ in range(5)]
    for who in tempting:
        headers = enter(world, who)
        for paper in PAPERS:
            value = getattr(who, paper)
            escaped = value.replace(" ", "%20").replace("+", "%2B")
            ask("GET", world.address("api", f"/solicitudes/{escaped}"), **headers)  # not a number: a 422
            ask("GET", world.address("api", f"/solicitudes?{paper}={escaped}"), **headers)
            ask("POST", world.address("api", "/sesiones"), {"email": who.email, "password": value, "code": value * 3})
        ask("POST", world.address("api", "/conductores"), who.document())  # known already: a 409
        ask("POST", world.address("api", "/conductores"), {**who.document(), "income_cents": who.curp})
    until(lambda: world.value('sum(payments_processed_total{status="declined"})'), 90)  # its reason names the account
    time.sleep(0.5)
    with sqlite3.connect(world.plan.database) as database:
        rows = database.execute(f"select {', '.join(PAPERS)}, password_digest from drivers").fetchall()
    assert len(rows) > 20
    text = "\n".join((world.plan.folder / f"{name}.log").read_text() for name in SERVICES)
    found = {value for row in rows for value in row if value in text}
    assert found == set()
    assert not [one.password for one in tempting if one.password in text]
    assert any(line["message"] == "payment declined" and "[redacted]" in line["why"] for line in world.lines("pagos"))


def test_one_request_has_one_id_in_all_services(world: World) -> None:
    def both() -> bool:
        seen = [
            {line["request_id"] for line in world.lines(name) if line["message"] == "request" and "request_id" in line}
            for name in ("api", "creditos")
        ]
        return bool(seen[1]) and len(seen[1] - seen[0]) <= 2  # the door's own line comes last

    until(both)


def test_nothing_went_wrong_inside_the_kit_nor_unseen(world: World) -> None:
    inside = world.query("sereno_kit_errors_total > 0")
    assert inside == []
    assert world.query("sereno_kit_log_lines_dropped_total > 0") == []
    # A request that a loaded machine was too slow for is a 503 and says so itself; nothing else may be an error.
    failures = [
        line for line in world.lines()
        if line["level"] == "ERROR" and line.get("http.response.status_code") not in (503, 504)
    ]  # fmt: skip
    assert failures == []


# The end. -------------------------------------------------------------------------------------------------


def test_a_service_that_is_told_to_end_answers_everybody_first(tmp_path: Path) -> None:
    port = ports(1)
    nobody = "http://127.0.0.1:9"
    peers = [
        part for name in ("identidad", "telemetria", "creditos", "pagos") for part in ("--peer", f"{name}={nobody}")
    ]
    log = (tmp_path / "api.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "flota.service", "--name", "api", "--port", str(port), "--database",
         str(tmp_path / "flota.sqlite"), "--drain-seconds", "1.5", *peers],
        cwd=EXAMPLE, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(EXAMPLE)},
    )  # fmt: skip
    answers: list[int] = []
    door = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is None and reachable(door))
        told = threading.Event()
        thread = threading.Thread(target=knock, args=(door, answers, told), daemon=True)
        thread.start()
        until(lambda: len(answers) > 20)
        process.send_signal(signal.SIGTERM)
        until(lambda: ask("GET", f"{door}/health/ready")[0] == 503, 5)
        assert ask("GET", f"{door}/health/live")[0] == 200
        before = len(answers)
        time.sleep(0.5)
        assert len(answers) > before, "it serves on while it drains"
        told.set()  # a balancer has seen the 503 by now
        assert process.wait(15) in (0, -signal.SIGTERM)
        thread.join(10)
    finally:
        process.kill()
        process.wait()
        log.close()
    assert set(answers) == {201}
    said = [json.loads(line)["message"] for line in (tmp_path / "api.log").read_text().splitlines()]
    assert "draining" in said
    assert "not drained in time" not in said


def reachable(door: str) -> bool:
    try:
        return ask("GET", f"{door}/health/ready")[0] == 200
    except OSError:
        return False


def knock(door: str, answers: list[int], told: threading.Event) -> None:
    """Register people until told of the end; a connection that is refused was never a request."""
    dice = random.Random(3)
    while not told.wait(0.02):
        try:
            answers.append(ask("POST", f"{door}/conductores", driver(dice).document())[0])
        except ConnectionRefusedError:
            return
        except OSError as error:
            if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                return
            answers.append(0)
            return
