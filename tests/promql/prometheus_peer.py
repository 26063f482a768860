"""A real Prometheus over generated samples: the judge of the differential tests."""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Selection, matches

START_MS = 1_700_000_000_000
HOURS = 3
END_MS = START_MS + HOURS * 3_600_000
Series = tuple[Labels, np.ndarray, np.ndarray]


def _times(rng: np.random.Generator, begin_ms: int, end_ms: int, every_ms: int = 15_000) -> np.ndarray:
    """Scrape times with jitter and a few missing scrapes."""
    grid = np.arange(begin_ms, end_ms, every_ms, dtype=np.int64)
    jittered = grid + rng.integers(0, 40, len(grid))
    return jittered[rng.random(len(grid)) > 0.02]


def _counter(rng: np.random.Generator, count: int, rate: float, restarts: int = 0) -> np.ndarray:
    values = np.cumsum(rng.poisson(rate, count)).astype(float)
    for at in rng.integers(1, count, restarts):
        values[at:] -= values[at - 1]
    return values


def generated(seed: int = 7) -> list[Series]:
    """Series of every awkward kind: resets, gaps, jitter, NaN, infinities, huge and tiny values, ends and births."""
    rng = np.random.default_rng(seed)
    found: list[Series] = []

    def add(name: str, times: np.ndarray, values: np.ndarray, **labels: str) -> None:
        found.append((Labels(labels, __name__=name), times, values))

    for instance in ("a:80", "b:80", "c:80"):
        times = _times(rng, START_MS, END_MS)
        gap = rng.integers(100, 400)
        times = np.delete(times, np.arange(gap, gap + 60))
        for status, rate in (("200", 40.0), ("404", 2.0), ("500", 0.4), ("503", 0.02)):
            for endpoint in ("/cart", "/pay"):
                values = _counter(rng, len(times), rate, restarts=2 if instance != "c:80" else 0)
                add("http_requests_total", times, values, job="shop", instance=instance, status=status,
                    endpoint=endpoint)  # fmt: skip
        cumulative = np.zeros(len(times))
        for le in ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"):
            cumulative = cumulative + _counter(rng, len(times), 5.0)
            add("latency_seconds_bucket", times, cumulative, job="shop", instance=instance, le=le)
        add("latency_seconds_count", times, cumulative, job="shop", instance=instance)
        add("latency_seconds_sum", times, cumulative * 0.3, job="shop", instance=instance)
        add("temperature", times, rng.normal(0, 10, len(times)).round(2), instance=instance, rack="r1")
        add("up", times, (rng.random(len(times)) > 0.05).astype(float), job="shop", instance=instance)
        add("build_info", times, np.ones(len(times)), instance=instance, version=f"v{instance[0]}")
        add("level", times, np.repeat(rng.integers(0, 5, len(times) // 8 + 1), 8)[: len(times)].astype(float),
            instance=instance)  # fmt: skip

    half = START_MS + HOURS * 1_800_000
    ended, born = _times(rng, START_MS, half), _times(rng, half - 600_000, END_MS)
    add("brief_total", ended, _counter(rng, len(ended), 3.0), phase="ended")
    add("brief_total", born, _counter(rng, len(born), 3.0), phase="born")
    add("brief_other_total", born, _counter(rng, len(born), 2.0), phase="born")

    times = _times(rng, START_MS, END_MS)
    odd = rng.normal(5, 3, len(times))
    odd[rng.integers(0, len(times), 25)] = np.nan
    odd[rng.integers(0, len(times), 8)] = np.inf
    odd[rng.integers(0, len(times), 4)] = -np.inf
    add("odd", times, odd, kind="all")
    nan_only = rng.normal(5, 3, len(times))
    nan_only[100:160] = np.nan
    add("odd", times, nan_only, kind="nan")
    add("wide", times, np.where(rng.random(len(times)) < 0.05, 1e15, 1e-3) * rng.random(len(times)), kind="wide")
    add("wide", times, rng.normal(0, 1, len(times)) * 1e9, kind="signed")
    add("wide", times, np.where(rng.random(len(times)) < 0.01, 8e307, 1.0), kind="huge")
    add("constant", times, np.full(len(times), 0.1), kind="tenth")
    add("constant", times, np.zeros(len(times)), kind="zero")
    add("falling", times, np.linspace(1000, -50, len(times)), mount="/")
    sparse = _times(rng, START_MS, END_MS, 240_000)
    add("sparse_total", sparse, _counter(rng, len(sparse), 10.0, restarts=3), kind="slow")
    return found


@dataclass
class Store:
    """Samples in memory that answer selections, and remember how often they were asked."""

    columns: Columns
    asked: int = 0

    @staticmethod
    def of(series: list[Series]) -> Store:
        return Store(Columns.of([(labels, t.astype(np.int64), v.astype(float)) for labels, t, v in series]))

    def select(self, selection: Selection) -> Columns:
        self.asked += 1
        found = []
        for row, labels in enumerate(self.columns.labels):
            if matches(selection.matchers, labels):
                times, values = self.columns.series(row)
                inside = slice(
                    np.searchsorted(times, selection.start_ms), np.searchsorted(times, selection.end_ms, side="right")
                )
                if inside.stop > inside.start:
                    found.append((labels, times[inside], values[inside]))
        return Columns.of(found)


def _openmetrics(series: list[Series]) -> str:
    lines = []
    for labels, times, values in series:
        inside = ",".join(f'{name}="{value}"' for name, value in labels.pairs if name != "__name__")
        for t, v in zip(times.tolist(), values.tolist(), strict=True):
            text = "NaN" if math.isnan(v) else ("+Inf" if v > 0 else "-Inf") if math.isinf(v) else repr(v)
            lines.append(f"{labels['__name__']}{{{inside}}} {text} {t / 1000:.3f}")
    return "\n".join(lines) + "\n# EOF\n"


def program(name: str) -> str:
    """The path of a program of Debian's package `prometheus`; its absence is a failure, not a skip."""
    found = shutil.which(name)
    assert found, f"{name} is missing: these tests need Debian's package `prometheus` (apt-get install prometheus)"
    return found


@dataclass
class Prometheus:
    """A running server."""

    url: str

    def _get(self, path: str, **params: object) -> dict:
        query = urllib.parse.urlencode(params)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def query(self, expr: str, grid: Grid) -> dict:
        """The API's answer on `grid`; a grid of one is an instant query."""
        if grid.start_ms == grid.end_ms:
            return self._get("/api/v1/query", query=expr, time=grid.start_ms / 1000)
        return self._get(
            "/api/v1/query_range",
            query=expr,
            start=grid.start_ms / 1000,
            end=grid.end_ms / 1000,
            step=grid.step_ms / 1000,
        )


@contextmanager
def prometheus(folder: Path, series: list[Series]) -> Iterator[Prometheus]:
    """A Prometheus on a free port that holds `series`."""
    text = folder / "samples.txt"
    text.write_text(_openmetrics(series))
    data = folder / "data"
    made = subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    config = folder / "prometheus.yml"
    config.write_text("global: {evaluation_interval: 1m}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _wait_ready(server, f"http://127.0.0.1:{port}")
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_ready(server: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None, f"prometheus ended: {server.stderr.read()}"
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("prometheus did not become ready in 30 s")
