"""The sample store: what it costs to scrape and keep five services of 300 series, and to read a month back."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from bench.figure import Figure
from sereno.adapters.clock import SystemClock
from sereno.adapters.samples.exposition import Parser
from sereno.adapters.samples.fetching import client
from sereno.adapters.samples.scraper import Scraper
from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Matcher, Selection
from sereno.spec.model import ScrapeJob

T0 = 1_767_225_600_000
DAY = 86_400_000
TARGETS, SERIES, STEP = 5, 300, 15_000


def labels_of(target: int) -> tuple[Labels, ...]:
    """A service's series: 40 request counters, 15 histograms of 14 buckets, 50 gauges."""
    own = {"job": f"service{target}", "instance": f"10.0.0.{target}:8000"}
    requests = [Labels(own, __name__="http_requests_total", endpoint=f"/api/v1/e{i}") for i in range(40)]
    buckets = [
        Labels(own, __name__="http_request_duration_seconds_bucket", endpoint=f"/api/v1/e{i}", le=str(b))
        for i in range(15)
        for b in range(14)
    ]
    gauges = [Labels(own, __name__=f"process_gauge_{i}") for i in range(50)]
    return (*requests, *buckets, *gauges)


def day_of(random: np.random.Generator, count: int) -> np.ndarray:
    """Plausible values, one row a series: counters that grow unevenly, gauges in cents, gauges with all their bits."""
    counters = np.cumsum(random.poisson(20, (250, count)), axis=1).astype(float)
    cents = np.round(random.normal(50, 5, (25, count)), 2)
    noise = random.normal(50, 5, (25, count))
    return np.concatenate([counters, cents, noise])


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def measure() -> list[Figure]:
    """Every figure of the store."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *parsing(),
            *appending(Path(folder) / "append.db"),
            *scraping(Path(folder) / "scrape.db"),
            *bringing_in(Path(folder) / "history.db"),
            *reading(Path(folder) / "month.db"),
        ]


def parsing() -> list[Figure]:
    """A body like the one before, other numbers."""
    lines = [f'http_requests_total{{endpoint="/api/v1/e{i}",method="GET",status="200"}} %d\n' for i in range(SERIES)]
    bodies = ["".join(line % (k * 7) for line in lines).encode() for k in range(400)]
    parser = Parser()
    parser.parse(bodies[0])
    began = time.process_time()
    for body in bodies:
        parser.parse(body)
    rate = len(bodies) * SERIES / (time.process_time() - began)
    return [Figure("parsing, warm", round(rate / 1e6, 2), "M samples/CPU s", least=1.0)]


def appending(path: Path) -> list[Figure]:
    """Four hours of scrapes with their upkeep, as fast as they go."""
    random, before = np.random.default_rng(1), resident_mb()
    store = SampleStore(path)
    labels = [labels_of(target) for target in range(TARGETS)]
    count = 4 * 3600 * 1000 // STEP
    values = [np.ascontiguousarray(day_of(random, count).T) for _ in range(TARGETS)]
    began = time.process_time()
    for i in range(count):
        for target in range(TARGETS):
            store.append_sync(Scrape(f"t{target}", T0 + i * STEP, labels[target], values[target][i]))
        if i % 4 == 0:
            store.maintain_sync(from_ms(T0 + i * STEP))
    used = time.process_time() - began
    seconds = count * STEP / 1000
    held = resident_mb() - before - sum(v.nbytes for v in values) / 1e6
    store.close()
    return [
        Figure("appending 5 x 300 series at 15 s, with upkeep", round(used / seconds * 100, 3), "% of a core", most=1),
        Figure("memory for that", round(held, 1), "MB", most=60),
    ]


class _Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lines: tuple[str, ...] = ()

    def do_GET(self) -> None:
        """Counters that have moved on."""
        moved = int(time.time() * 100)
        body = "".join(line % moved for line in self.lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _serve(port: multiprocessing.connection.Connection) -> None:
    _Target.lines = tuple(f'http_requests_total{{endpoint="/api/v1/e{i}",method="GET"}} %d\n' for i in range(SERIES))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    port.send(server.server_address[1])
    server.serve_forever()


def scraping(path: Path) -> list[Figure]:
    """The whole way, over HTTP: asking, parsing, keeping."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    port, rounds = ours.recv(), 60

    async def run() -> float:
        store, http = SampleStore(path), client()
        scraper = Scraper(store, http, SystemClock(), allowed=lambda _: True)
        hour = timedelta(hours=1)
        jobs = [ScrapeJob(f"s{i}", (f"127.0.0.1:{port}",), hour, timedelta(seconds=5)) for i in range(TARGETS)]
        await scraper.update(jobs)
        streams = list(scraper._watches)
        for _ in range(5):
            await asyncio.gather(*map(scraper.scrape, streams))
        began = time.process_time()
        for _ in range(rounds):
            await asyncio.gather(*map(scraper.scrape, streams))
        used = time.process_time() - began
        await scraper.close()
        await http.aclose()
        store.close()
        return used

    used = asyncio.run(run())
    server.kill()
    share = used / rounds / (STEP / 1000) * 100
    return [Figure("scraping 5 x 300 series at 15 s over HTTP", round(share, 3), "% of a core", most=1)]


def bringing_in(path: Path) -> list[Figure]:
    """The demo's history: 150 series, 30 days, one sample a minute."""
    random = np.random.default_rng(2)
    times = T0 + np.arange(0, 30 * DAY, 60_000)
    values = [np.cumsum(random.poisson(100, len(times))).astype(float) for _ in range(150)]
    series = [(Labels(__name__=f"m{i % 10}", i=str(i)), times, values[i]) for i in range(150)]
    store = SampleStore(path)
    began = time.perf_counter()
    samples = store.backfill_sync(series)
    seconds = time.perf_counter() - began
    store.close()
    return [Figure(f"bringing in {samples / 1e6:.1f} M samples of history", round(seconds, 2), "s", most=3)]


def reading(path: Path) -> list[Figure]:
    """A month at 15 s: 40 series of a service, read cold; and three days of them again and again."""
    random = np.random.default_rng(3)
    store = SampleStore(path)
    labels = labels_of(0)
    for day in range(30):
        times = T0 + day * DAY + np.arange(0, DAY, STEP)
        values = day_of(random, len(times))
        store.backfill_sync([(labels[i], times, values[i]) for i in range(SERIES)])
    stats = store.stats()
    store.close()
    matchers = (Matcher("__name__", "=", "http_requests_total"), Matcher("job", "=", "service0"))
    month, days = Selection(matchers, T0, T0 + 30 * DAY), Selection(matchers, T0 + 27 * DAY, T0 + 30 * DAY)
    tries = []
    for _ in range(3):
        store = SampleStore(path)
        began = time.process_time()
        found = store.select(month)
        tries.append(time.process_time() - began)
        assert len(found.times) == 40 * 30 * DAY // STEP
        del found
        store.close()
    cold = min(tries)
    store = SampleStore(path)
    store.select(days)
    began = time.process_time()
    for _ in range(10):
        store.select(days)
    warm = (time.process_time() - began) / 10
    store.close()
    return [
        Figure("40 series x 30 days at 15 s from the file", round(cold, 3), "CPU s", most=0.3),
        Figure("40 series x 3 days again", round(warm * 1000, 1), "CPU ms", most=30),
        Figure("size on disk", round(stats.bytes / stats.samples, 2), "bytes/sample", most=2.0),
    ]
