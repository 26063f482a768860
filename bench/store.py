"""The sample store: what it costs to scrape and keep 20,000 series, to take in what is sent, to read a month back."""

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
from bench.store_kills import kill_many
from sereno.adapters.clock import SystemClock
from sereno.adapters.samples.exposition import Parser
from sereno.adapters.samples.fetching import client
from sereno.adapters.samples.scraper import Scraper
from sereno.adapters.samples.source import Scrape, SeriesSamples
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
            *many(Path(folder) / "many.db"),
            *sending(Path(folder) / "sent.db"),
            *finishing(Path(folder) / "day.db"),
            *reading(Path(folder) / "month.db"),
            *killing(Path(folder) / "killed.db"),
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
        Figure("40 series x 30 days at 15 s from the file", round(cold, 3), "CPU s", most=0.25),
        Figure("40 series x 3 days again", round(warm * 1000, 1), "CPU ms", most=30),
        Figure("size on disk", round(stats.bytes / stats.samples, 2), "bytes/sample", most=1.6),
    ]


def series_of(target: int) -> tuple[Labels, ...]:
    """100 series of one of 200 targets: 80 counters of 8 metrics, 20 gauges."""
    own = {"job": f"service{target % 20}", "instance": f"10.0.{target // 250}.{target % 250}:8000"}
    counters = [Labels(own, __name__=f"metric_{i // 10}_total", route=f"/r{i % 10}") for i in range(80)]
    return (*counters, *(Labels(own, __name__=f"gauge_{i}") for i in range(20)))


def rows_of(random: np.random.Generator, count: int) -> np.ndarray:
    """Their values, one row a scrape."""
    counters = np.cumsum(random.poisson(20, (count, 80)), axis=0).astype(float)
    return np.concatenate([counters, np.round(random.normal(50, 5, (count, 20)), 2)], axis=1)


def many(path: Path) -> list[Figure]:
    """200 targets of 100 series for an hour, across a compaction; then the bodies' parsing too, for a few minutes."""
    values = rows_of(np.random.default_rng(5), 242)
    labels = [series_of(target) for target in range(200)]
    store, begin, most = SampleStore(path), T0 + 3_600_000, 0.0
    began = time.process_time()
    for i, row in enumerate(values):
        at = begin + i * STEP
        for target in range(200):
            store.append_sync(Scrape(f"t{target}", at + target, labels[target], row + target))
        if i % 4 == 0:
            store.maintain_sync(from_ms(at))
            most = max(most, resident_mb())
    store.maintain_sync(from_ms(begin + len(values) * STEP))
    used = time.process_time() - began
    most = max(most, resident_mb())
    store.close()
    share = used / (len(values) * STEP / 1000) * 100
    return [
        Figure("20,000 series every 15 s: append and compact", round(share, 3), "% of a core", most=5),
        Figure("20,000 series: resident, the whole process", round(most), "MB", most=512),
        Figure(
            "the same with parsing their text", round(share + _parse_share(labels, values), 3), "% of a core", most=5
        ),
    ]


def _parse_share(labels: list[tuple[Labels, ...]], values: np.ndarray) -> float:
    texts = [f'{one["__name__"]}{{route="{one.get("route", "")}"}}' for one in labels[0]]
    bodies = ["\n".join(f"{t} {v:g}" for t, v in zip(texts, row, strict=True)).encode() for row in values[:20]]
    parsers = [Parser() for _ in labels]
    began = time.process_time()
    for body in bodies:
        for parser in parsers:
            parser.parse(body)
    return (time.process_time() - began) / (len(bodies) * STEP / 1000) * 100


def sending(path: Path) -> list[Figure]:
    """The same 20,000 series sent in batches of 2,000 samples, as remote write does, for ten minutes."""
    values = rows_of(np.random.default_rng(5), 41)
    labels = [series_of(target) for target in range(200)]
    store, rounds = SampleStore(path), len(values)
    began = time.process_time()
    for i, row in enumerate(values):
        for first in range(0, 200, 20):
            batch = [
                SeriesSamples(one, np.array([T0 + i * STEP + target]), np.array([value]))
                for target in range(first, first + 20)
                for one, value in zip(labels[target], row, strict=True)
            ]
            store.write_sync(batch, "remote-write")
    used = time.process_time() - began
    store.close()
    share = used / (rounds * STEP / 1000) * 100
    return [Figure("20,000 series every 15 s, sent in batches of 2,000", round(share, 2), "% of a core", most=5)]


def finishing(path: Path) -> list[Figure]:
    """A day of five targets put into its final chunks and into the tiers, as 200 would cost; what the tiers add."""
    values = rows_of(np.random.default_rng(6), DAY // STEP)
    store = SampleStore(path)
    times = T0 + np.arange(len(values)) * STEP
    for target in range(5):
        labels = series_of(target)
        store.backfill_sync([(labels[i], times, values[:, i] + target) for i in range(100)], f"t{target}")
    before = store.stats()
    began = time.process_time()
    store.maintain_sync(from_ms(T0 + DAY + 1))
    used = time.process_time() - began
    after = store.stats()
    store.close()
    added = after.bytes - before.bytes
    return [
        Figure("finishing a day of 20,000 series", round(used * 40 / 86_400 * 100, 3), "% of a core", most=1),
        Figure("room of both tiers beside that of the samples", round(added / before.bytes, 2), "x", most=0.75),
    ]


def killing(path: Path) -> list[Figure]:
    """200 times kill -9."""
    told = kill_many(path, 200)
    lost = told.missing + told.wrong + told.damaged
    beside = f"{len(told.acknowledged)} rounds acknowledged: scrapes, batches with late samples, records"
    return [Figure(f"lost or wrong after {told.kills} times kill -9", lost, "samples", most=0, beside=beside)]
