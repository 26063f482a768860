"""Planted secrets through everything that leaves the program: none may be seen, nothing may be missing.

The same corpus goes through the redactor itself, through lines of structlog and `logging` in every field set, spans,
headers and error bodies, and through a real Sentry client to a peer that decodes its envelopes; then once
more with a redactor that raises.
"""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from tests.kit.planted import INNOCENTS, VALUE, Planted, everything
from tests.peers.sentry_envelopes import SentryPeer

from bench.figure import Figure
from sereno_kit import logs
from sereno_kit.errors import ClientError
from sereno_kit.options import Logs
from sereno_kit.problems import problem
from sereno_kit.redact import Redactor

ROOT = Path(__file__).resolve().parents[1]


def measure() -> list[Figure]:
    """Leaks, losses, innocents, and what a clean line costs."""
    planted = everything()
    return [
        Figure("secrets planted", len(planted), "", least=120, beside="in ten notations, by name and by shape"),
        *_directly(planted),
        *_logged(planted),
        *_to_sentry(planted),
        *_costs(),
    ]


def leaked(planted: list[Planted], output: str) -> int:
    """How many of the secrets can be read in `output`."""
    wanted = {form for one in planted for secret in one.secrets for form in (secret, json.dumps(secret)[1:-1])}
    return sum(form in output for form in wanted)


def _directly(planted: list[Planted]) -> list[Figure]:
    redactor = Redactor()
    values = "\n".join(repr(redactor.redact(one.value, one.key)) for one in planted)
    texts = [one for one in planted if isinstance(one.value, str) and one.key == "value"]
    attributes = "\n".join(repr(redactor.redact({"app.note": one.value})) for one in texts)
    headers = "\n".join(repr(redactor.headers([("X-Note", one.value)])) for one in texts)
    bodies = "\n".join(problem(ClientError(detail=one.value), "req-12345678", "en")[2].decode() for one in texts)
    touched = sum(redactor.redact(value, key) != value for key, value in INNOCENTS)
    return [
        Figure("leaks: values", leaked(planted, values), "", most=0),
        Figure("leaks: attributes of spans", leaked(texts, attributes), "", most=0),
        Figure("leaks: headers", leaked(texts, headers), "", most=0),
        Figure("leaks: error bodies", leaked(texts, bodies), "", most=0),
        Figure("innocents touched", touched, "", most=0, beside=f"of {len(INNOCENTS)}"),
    ]


def _logged(planted: list[Planted]) -> list[Figure]:
    found: list[Figure] = []
    planted = [one for one in planted if one.name != "deep"]  # the text of its error names nothing
    for fields in ("otel", "elastic", "cloudwatch", "azure"):
        stream = io.StringIO()
        made = logs.configure(Logs(stream=stream, fields=fields), service="shop")  # type: ignore[arg-type]
        try:
            for one in planted:
                logs.get_logger("a").info("structlog", **{one.key: one.value})
                logging.getLogger("a").info("logging", extra={one.key: one.value})
                _raised(one)
        finally:
            made.close()
        lines = stream.getvalue().splitlines()
        whole = sum(isinstance(orjson.loads(line), dict) for line in lines)
        found += [
            Figure(f"leaks: lines, {fields}", leaked(planted, stream.getvalue()), "", most=0),
            Figure(f"lines lost, {fields}", 3 * len(planted) - whole, "", most=0),
        ]
    return found


def _raised(one: Planted) -> None:
    try:
        raise ValueError(one.value if one.key == "value" else {one.key: one.value})
    except ValueError:
        logs.get_logger("a").exception("raised")


def _to_sentry(planted: list[Planted]) -> list[Figure]:
    sent = [one for one in planted if one.name != "deep"]
    with SentryPeer() as peer:
        _story(peer, "corpus")
        # The errors of this test's own story name what they carry: read all that was sent.
        leaks = leaked(sent, peer.raw.decode("utf-8", "replace"))
        lost = 2 * len(sent) - len(peer.items("event")) - len(peer.items("transaction")) + len(peer.refused)
    with SentryPeer() as peer:
        _story(peer, "broken")
        broken = 12 - len(peer.items("event")) - len(peer.items("transaction"))
        seen = int(VALUE.encode() in peer.raw)
    with SentryPeer() as peer:
        cost = _story(peer, "cost")["microseconds"]
    return [
        Figure("leaks: Sentry's envelopes", leaks, "", most=0),
        Figure("events lost", lost, "", most=0, beside=f"of {2 * len(sent)}"),
        Figure("events lost by a redactor that raises", broken, "", most=0, beside="of 12"),
        Figure("leaks by a redactor that raises", seen, "", most=0),
        Figure("Sentry's scope around a request that goes well", cost, "µs", most=15),
    ]


def _story(peer: SentryPeer, name: str) -> Any:
    command = [sys.executable, "-m", "tests.kit.sentry_program", peer.dsn, name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=600, check=True)
    return json.loads(done.stdout) if done.stdout else None


def _costs() -> list[Figure]:
    """CPU of one clean line each, the null device for a sink, p10 of rounds that take turns."""
    with open("/dev/null", "w") as nowhere:
        made = logs.configure(Logs(stream=nowhere), service="shop", environment="prod", version="1.2")
        log, plain, redactor = logs.get_logger("a"), logging.getLogger("a"), Redactor()
        number = iter(range(10**9))
        works: dict[str, Callable[[], object]] = {
            "access": lambda: made.access.write(
                "GET", "/orders/{id}", f"/orders/{next(number)}", 200, 0.0123, "10.0.0.7", None, "a" * 32, "b" * 16
            ),
            "structlog": lambda: log.info("order created", order_id=f"ORD-{next(number)}", total=12.5, currency="PEN"),
            "logging": lambda: plain.info(
                "order created", extra={"order_id": f"ORD-{next(number)}", "total": 12.5, "currency": "PEN"}
            ),
            "redactor": lambda: redactor.redact(
                {"order_id": f"ORD-{next(number)}", "total": 12.5, "currency": "PEN", "items": 3}
            ),
        }
        try:
            costs = _interleaved(works)
        finally:
            made.close()
    return [
        Figure("an access line", costs["access"], "µs", most=6),
        Figure("a clean line of structlog", costs["structlog"], "µs", most=20),
        Figure("a clean line of logging", costs["logging"], "µs", most=20),
        Figure("the redactor on four clean fields", costs["redactor"], "µs", most=10),
    ]


def _interleaved(works: dict[str, Callable[[], object]], rounds: int = 30, calls: int = 1_000) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begin = time.thread_time()
            for _ in range(calls):
                work()
            taken[name].append((time.thread_time() - begin) / calls * 1e6)
    return {name: sorted(values)[rounds // 10] for name, values in taken.items()}
