"""Debian's Prometheus and our own scraper watch the same shop: the same alerts fire, the same budgets are counted,
and every expression of the examples is worth the same."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import free_port
from tests.promql.prometheus_peer import Prometheus, program

from sereno.adapters.clock import SystemClock
from sereno.alerts.model import Alert
from sereno.app.control import Control, SpecHolder, open_control
from sereno.app.demo.town import SHOP, Town
from sereno.app.evaluate import BudgetRound, RuleRound
from sereno.app.serve import begin
from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import evaluate, parse, selections
from sereno.promql.ast import Expr, RangeSelector, Text, children
from sereno.promql.columns import Grid
from sereno.slo import rules_of

pytestmark = [pytest.mark.prometheus, pytest.mark.slow]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BURNING = {f"PagosDisponibilidadBurn{tier}" for tier in ("1h", "6h", "1d")}
JOBS = {"tienda-api": "api", "catalogo": "catalogo", "carrito": "carrito", "pagos": "pagos"}


# -- the street ----------------------------------------------------------------------------------------


@dataclass
class Street:
    """The shop's processes and the node exporter; a Prometheus and a scraper of our own that watch them."""

    town: Town
    node: str
    prometheus: Prometheus
    client: httpx.AsyncClient

    async def customers(self, rounds: int) -> None:
        """Some of every request that customers make, `rounds` times, a tenth of a second apart."""
        api, catalogue, cart, payments = (self.town.url(name) for name in ("api", "catalogo", "carrito", "pagos"))
        for _ in range(rounds):
            await asyncio.gather(
                self.client.get(f"{api}/"), self.client.get(f"{api}/productos"), self.client.post(f"{api}/checkout"),
                self.client.get(f"{catalogue}/productos"), self.client.get(f"{catalogue}/buscar?q=caf"),
                self.client.post(f"{cart}/carrito"), self.client.post(f"{payments}/pagos"),
            )  # fmt: skip
            await asyncio.sleep(0.1)

    async def payments(self, mode: str) -> None:
        url = f"{self.town.url('pagos')}/_fault"
        answer = await (self.client.post(url, json={"mode": mode}) if mode else self.client.delete(url))
        assert answer.status_code == 200

    def settings(self, name: str, **more: Any) -> Settings:
        return Settings(
            spec=self.town.folder / "reliability", data_dir=self.town.folder / name, language="es",
            evaluation_interval=timedelta(seconds=1), **more,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def street_in(folder: Path) -> AsyncIterator[Street]:
    """Everything but the two watchers of our own."""
    node = f"127.0.0.1:{free_port()}"
    town = Town(folder, {name: free_port() for name in (*SHOP, "mailbox", "smtp", "control")})
    town._copy_spec()
    watch_every_second(folder / "reliability", node)
    exporter = shutil.which("prometheus-node-exporter")
    assert exporter, "the node exporter is missing: apt-get install prometheus-node-exporter"
    town._start("node", [exporter, f"--web.listen-address={node}"])
    town._start_shop()
    try:
        await town._answering(*(f"{town.url(name)}/health" for name in JOBS.values()), f"http://{node}/")
        with prometheus_over(folder, {job: f"127.0.0.1:{town.ports[name]}" for job, name in JOBS.items()}, node) as url:
            async with httpx.AsyncClient(timeout=10) as client:
                yield Street(town, node, Prometheus(url), client)
    finally:
        town.close()


def watch_every_second(reliability: Path, node: str) -> None:
    for path in reliability.rglob("*.yaml"):
        text = path.read_text().replace("every: 5s", "every: 1s").replace("timeout: 4s", "timeout: 1s")
        text = text.replace("# scrape:", "scrape:").replace("#   - {job: node", "  - {job: node")
        path.write_text(text.replace("127.0.0.1:9100", node).replace("every: 15s", "every: 1s"))


@contextlib.contextmanager
def prometheus_over(folder: Path, jobs: dict[str, str], node: str) -> Iterator[str]:
    """A Prometheus that does not watch yet: its configuration is empty until `watch` fills it."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text("global: {scrape_interval: 1s, scrape_timeout: 1s}\n")
    full = config.read_text() + "scrape_configs:\n"
    for job, address in {**jobs, "node": node}.items():
        full += f"- {{job_name: {job}, static_configs: [{{targets: ['{address}']}}]}}\n"
    (folder / "prometheus.full").write_text(full)
    log = (folder / "prometheus.log").open("ab")
    server = subprocess.Popen(
        [
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle",
        ],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


async def until(question: Any, what: str, seconds: float = 40) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError, urllib.error.URLError, ConnectionError, TimeoutError):
            if await question():
                return
        assert loop.time() < end, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.1)


@dataclass
class Watcher:
    """A control plane whose rounds are walked by hand."""

    control: Control

    @staticmethod
    async def at(settings: Settings) -> Watcher:
        control = await open_control(settings, clock=SystemClock())
        await begin(control)
        await control.watch_targets()
        return Watcher(control)

    async def look(self, now: Any) -> list[Alert]:
        """Evaluate everything at `now`; the alerts that are pending or firing."""
        # Slots follow the wall clock; this one is claimed whenever we ask.
        await self.control.database.write(lambda unit: unit.duties.release())
        assert await RuleRound(self.control).once(now), "this slot was ours"
        return list(await self.control.database.read(lambda unit: unit.alerts.active()))


# -- the story -----------------------------------------------------------------------------------------


async def test_a_prometheus_and_our_own_scraper_tell_the_same_story(tmp_path: Path):
    async with street_in(tmp_path) as street:
        await street.customers(1)  # so that every series is there before anybody watches
        await street.payments("down")
        await street.customers(1)
        await street.payments("")
        own = await Watcher.at(street.settings("own"))
        reading = await Watcher.at(street.settings("reading", prometheus=street.prometheus.url))
        try:
            await both_watch(street, own)
            await asyncio.sleep(2.5)
            agree(*await both_look(own, reading), firing=set())

            await street.customers(25)
            await street.payments("down")
            await street.customers(30)
            await asyncio.sleep(2.5)  # both have seen the end of it
            mine, theirs = await both_look(own, reading)
            agree(mine, theirs, firing=BURNING)
            await budgets_agree(own.control, reading.control, failed=30)
            await every_expression(street, reading.control)

            street.town.processes["pagos"].kill()
            await asyncio.sleep(3)
            mine, theirs = await both_look(own, reading)
            agree(mine, theirs, firing=BURNING)
            assert "PagosCaidos" in {alert.alert for alert in mine if alert.state == "pending"}
            await every_expression(street, reading.control)
        finally:
            await own.control.close()
            await reading.control.close()


async def both_watch(street: Street, own: Watcher) -> None:
    """Let Prometheus begin, and wait until both have seen every target."""
    folder = street.town.folder

    async def reloaded() -> bool:
        return (await street.client.post(f"{street.prometheus.url}/-/reload")).status_code == 200

    await until(reloaded, "Prometheus answers")
    shutil.copy(folder / "prometheus.full", folder / "prometheus.yml")
    await until(reloaded, "Prometheus takes its targets")

    async def seen() -> bool:
        answer = street.prometheus._get("/api/v1/query", query="count(up == 1)")
        return [one["value"][1] for one in answer["data"]["result"]] == ["5"]

    await until(seen, "Prometheus sees five targets")

    async def scraped() -> bool:
        return [state.health for state in own.control.targets] == ["up"] * 5

    await until(scraped, "our scraper sees five targets")


async def both_look(own: Watcher, reading: Watcher) -> tuple[list[Alert], list[Alert]]:
    now = own.control.clock.now()
    return await own.look(now), await reading.look(now)


def agree(mine: Sequence[Alert], theirs: Sequence[Alert], *, firing: set[str]) -> None:
    """The same alerts in the same states; only the moments of the scrapes differ, so values are near, not equal.

    What this machine's processor does is left out: it changes between one scrape and the next.
    """
    told = [{(a.labels, a.state): a.value for a in alerts if a.service != "servidores"} for alerts in (mine, theirs)]
    assert told[0].keys() == told[1].keys()
    assert {a.alert for a in mine if a.state == "firing" and a.service == "pagos"} == firing
    for key, value in told[0].items():
        assert told[1][key] == pytest.approx(value, rel=0.25), key


async def budgets_agree(own: Control, reading: Control, *, failed: int) -> None:
    """Nothing has moved since both looked last: the counts are the same, to the last request."""
    now = own.clock.now()
    await BudgetRound(own).once(now)
    await BudgetRound(reading).once(now)
    assert own.budgets.keys() == reading.budgets.keys()
    counted = 0
    for key, mine in own.budgets.items():
        theirs = reading.budgets[key]
        assert (mine.total, mine.bad, mine.sli, mine.state) == (theirs.total, theirs.bad, theirs.sli, theirs.state), key
        counted += mine.total is not None and mine.total > 0
    assert counted >= 7
    payments = own.budgets["pagos", "disponibilidad"]
    # Orders are counted, not attempts: those whose charge was repeated, and those that the open breaker refused, once.
    assert (payments.bad, payments.total) == (failed, 25 + failed)


# -- the expressions -----------------------------------------------------------------------------------


async def every_expression(street: Street, control: Control) -> None:
    """Ask Prometheus, and our evaluator over the same samples, for each expression and each part of it."""
    at_ms = to_ms(control.clock.now()) - 1500
    asked = worth = 0
    for part in sorted({part for text in texts_of_the_examples(control) for part in parts(text)}):
        answer = street.prometheus.query(part, Grid.at(at_ms))
        assert answer["status"] == "success", (part, answer)
        expression = parse(part)
        fetched = await control.source.fetch(selections(expression, Grid.at(at_ms)))
        found = evaluate(expression, Grid.at(at_ms), fetched.__getitem__)
        expected = points(answer["data"])
        assert same(expected, dict(found.instant())), (part, expected, found.instant())
        asked, worth = asked + 1, worth + bool(expected)
    assert asked > 200
    assert worth > 200, "many of them say something: those that are about the shop"


def texts_of_the_examples(control: Control) -> set[str]:
    """Every rule that follows from the examples' objectives, and every alert that they declare."""
    specs = [SpecHolder.load(folder, control.clock.now()).current for folder in EXAMPLES.glob("*/reliability")]
    assert len(specs) >= 2
    texts = {rule.expr for rule in control.rules}
    for spec in specs:
        texts |= {rule.expr for rule in rules_of(spec, evaluation_interval=timedelta(seconds=15), language="es")}
        texts |= {alert.expr for service in spec.services.values() for alert in service.alerts}
    return texts


def parts(text: str) -> set[str]:
    """The expression and all below it that have a value by themselves."""

    def walk(one: Expr) -> Iterator[Expr]:
        yield one
        for child in () if isinstance(one, RangeSelector) else children(one):
            yield from walk(child)

    return {text[one.position : one.end] for one in walk(parse(text)) if not isinstance(one, RangeSelector | Text)}


def points(data: dict[str, Any]) -> dict[Labels, float]:
    if data["resultType"] == "scalar":
        return {Labels(): float(data["result"][1])}
    return {Labels(one["metric"]): float(one["value"][1]) for one in data["result"]}


def same(expected: dict[Labels, float], found: dict[Labels, float]) -> bool:
    """The same series, and numbers within a billionth."""
    close = pytest.approx(list(expected.values()), rel=1e-9, abs=0, nan_ok=True)
    return expected.keys() == found.keys() and [found[labels] for labels in expected] == close
