"""Flota's town, run for real: what its services expose as time passes, and what our evaluator makes of it."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from sereno.kernel.labels import Labels
from sereno.promql import Grid, evaluate, parse
from sereno.promql.columns import Columns, Matcher, Selection

EXAMPLE = Path(__file__).parents[2] / "examples" / "flota"
sys.path.append(str(EXAMPLE))

from flota.people import Driver  # noqa: E402
from flota.town import Plan, running  # noqa: E402

SERVICES = ("api", "creditos", "pagos")
T = TypeVar("T")
Series = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def ports(count: int) -> int:
    """The first of so many ports of 127.0.0.1 in a row that nobody has just now."""
    for first in range(21_000 + hash(time.monotonic_ns()) % 9_000, 32_000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(contextlib.closing(socket.socket())).bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no ports are free")


def ask(method: str, url: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def until(holds: Callable[[], T], seconds: float = 45) -> T:
    """What `holds` gives, as soon as it is something."""
    end = time.monotonic() + seconds
    while True:
        if found := holds():
            return found
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


@dataclass
class World:
    """A town, and what was scraped of it."""

    plan: Plan
    series: Series = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, name: str, path: str = "") -> str:
        return self.plan.address(name) + path

    def fault(self, provider: str, mode: str = "") -> None:
        """Break a provider, or mend it."""
        if mode:
            ask("POST", self.address(provider, "/_fault"), {"mode": mode})
        else:
            ask("DELETE", self.address(provider, "/_fault"))

    def scrape(self) -> None:
        """Read every service once, and what cannot be read is not up."""
        for name in SERVICES:
            job = {"job": f"flota-{name}", "instance": self.address(name).removeprefix("http://")}
            now = int(time.time() * 1000)
            try:
                with urllib.request.urlopen(self.address(name, "/metrics"), timeout=5) as answer:
                    page = answer.read().decode()
            except OSError:
                page = ""
            with self.lock:
                self._keep({"__name__": "up", **job}, now, float(bool(page)))
                for family in text_string_to_metric_families(page):
                    for sample in family.samples:
                        self._keep({"__name__": sample.name, **sample.labels, **job}, now, sample.value)

    def _keep(self, labels: dict[str, str], at_ms: int, value: float) -> None:
        self.series.setdefault(tuple(sorted(labels.items())), []).append((at_ms, value))

    def metrics(self) -> list[dict[str, str]]:
        """The labels of every series that was ever seen."""
        with self.lock:
            return [dict(labels) for labels in self.series]

    def query(self, expr: str, since_ms: int = 0) -> list[tuple[Labels, float]]:
        """What our evaluator says of `expr` now, over what was scraped since then."""
        now = int(time.time() * 1000)

        def select(wanted: Selection) -> Columns:
            with self.lock:
                found = [
                    (
                        dict(labels),
                        [one for one in samples if max(wanted.start_ms, since_ms) <= one[0] <= wanted.end_ms],
                    )
                    for labels, samples in self.series.items()
                    if fits(dict(labels), wanted.matchers)
                ]
            return Columns.of(
                [
                    (
                        Labels(labels),
                        np.array([at for at, _ in samples], dtype=np.int64),
                        np.array([value for _, value in samples], dtype=np.float64),
                    )
                    for labels, samples in found
                    if samples
                ]
            )

        return evaluate(parse(expr), Grid.at(now), select).instant()

    def value(self, expr: str, since_ms: int = 0) -> float:
        """The one number, or 0 where there is none."""
        found = self.query(expr, since_ms)
        assert len(found) <= 1, found
        return found[0][1] if found else 0.0

    def lines(self, *services: str) -> Iterator[dict[str, Any]]:
        """What services have logged so far."""
        for name in services or SERVICES:
            for line in (self.plan.folder / f"{name}.log").read_text().splitlines():
                yield json.loads(line)


def fits(labels: dict[str, str], matchers: tuple[Matcher, ...]) -> bool:
    for one in matchers:
        value = labels.get(one.name, "")
        same = bool(pattern(one.value).fullmatch(value)) if "~" in one.op else value == one.value
        if same == one.op.startswith("!"):
            return False
    return True


@functools.cache
def pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


@contextlib.contextmanager
def living(folder: Path, **more: Any) -> Iterator[World]:
    """A town that is scraped twice a second while the block runs."""
    first = ports(8)
    world = World(Plan(folder, services_port=first, peers_port=first + 4, **more))
    stop = threading.Event()

    def scrape() -> None:
        while not stop.wait(0.5):
            world.scrape()

    with running(world.plan):
        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            yield world
        finally:
            stop.set()
            thread.join()


def enter(world: World, who: Driver) -> dict[str, str]:
    """Register and enter: the headers of who has."""
    status, told = ask("POST", world.address("api", "/conductores"), who.document())
    assert status == 201, told
    status, told = ask("POST", world.address("api", "/sesiones"), {"email": who.email, "password": who.password})
    assert status == 201, told
    return {"Authorization": f"Bearer {told['token']}"}


def credit_of(world: World, headers: dict[str, str]) -> int | None:
    """Apply for a small credit, and its number if it is approved and the money has come."""
    wanted = {"amount_cents": 5_000_00, "weeks": 12}
    status, told = ask("POST", world.address("api", "/solicitudes"), wanted, **headers)
    if status != 201 or told["status"] != "approved":
        return None
    number = int(told["id"])
    until(lambda: ask("GET", world.address("api", f"/creditos/{number}"), **headers)[1]["disbursed_day"])
    return number
