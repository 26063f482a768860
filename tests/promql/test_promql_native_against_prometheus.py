"""Native histograms as Debian's Prometheus 2.42 computes them, sent to it by remote write."""

from __future__ import annotations

import math
import socket
import struct
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cramjam
import numpy as np
import pytest
from tests.promql import native_script
from tests.promql.prometheus_peer import Prometheus, _wait_ready, program

from sereno.kernel.labels import Labels
from sereno.promql import Grid, Result, Settings, evaluate
from sereno.promql.native import Buckets, Histogram
from sereno.promql.native_bounds import cells

BASE = 1_700_000_000_000
S = 1000

EXPRESSIONS = (
    "lat",
    "lat offset 1m",
    "rate(lat[2m])",
    "increase(lat[5m])",
    "rate(lat[40s])",
    "sum(rate(lat[2m]))",
    "sum by (zone) (lat)",
    "sum(lat) + sum(lat offset 30s)",
    "histogram_count(lat)",
    "histogram_sum(rate(lat[2m]))",
    "histogram_quantile(0.5, lat)",
    "histogram_quantile(0.99, sum(rate(lat[2m])))",
    "histogram_quantile(0.1, rate(lat[5m]))",
    "histogram_fraction(0, 1.3, lat)",
    "histogram_fraction(-0.0005, 3, sum(rate(lat[2m])))",
    "count(lat)",
    "lat and on(pod) lat{pod='1'}",
    "lat + lat",
    "count_over_time(lat[2m])",
    "present_over_time(lat[2m])",
    "absent_over_time(lat[1m])",
    "sum without (pod) (rate(lat[2m]))",
    "delta(lat[2m])",
    "timestamp(lat)",
    "group(lat)",
    "absent(lat)",
    "lat unless lat{pod='1'}",
    "lat or rate(lat[1m])",
    "lat @ 1700000400",
    "lat > 1",
    "histogram_quantile(2, lat)",
)
"""What 2.42 knows of native histograms. It takes them for 0 in label_replace, last_over_time, `-`, abs, min_over_time and
their kin, where version 3 (and we) give the histogram, or nothing and a word about it."""
GRIDS = (
    Grid(BASE + 60 * S, BASE + 900 * S, 35 * S),
    Grid(BASE - 30 * S, BASE + 1400 * S, 77 * S),
    Grid(BASE + 400_123, BASE + 400_123, 1000),
)


def _field(number: int, kind: int, body: bytes) -> bytes:
    return _varint(number << 3 | kind) + (_varint(len(body)) + body if kind == 2 else body)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 ^ value >> 63)


def _double(number: int, value: float) -> bytes:
    return _field(number, 1, struct.pack("<d", value))


def _side(buckets: Buckets, spans: int, deltas: int) -> bytes:
    out, after, before, changes = b"", 0, 0, b""
    for index, count in zip(buckets.index.tolist(), buckets.counts.tolist(), strict=True):
        out += _field(spans, 2, _field(1, 0, _zigzag(index - after)) + _field(2, 0, _varint(1)))
        changes += _zigzag(int(count) - before)
        after, before = index + 1, int(count)
    return out + (_field(deltas, 2, changes) if changes else b"")


def _histogram(h: Histogram, at: int) -> bytes:
    return (
        _field(1, 0, _varint(int(h.count))) + _double(3, h.sum) + _field(4, 0, _zigzag(h.schema))
        + _double(5, h.zero_threshold) + _field(6, 0, _varint(int(h.zero_count)))
        + _side(h.negative, 8, 9) + _side(h.positive, 11, 12) + _field(15, 0, _varint(at))
    )  # fmt: skip


def _request(rows: dict[Labels, native_script.Points]) -> bytes:
    out = b""
    for labels, points in rows.items():
        body = b"".join(
            _field(1, 2, _field(1, 2, name.encode()) + _field(2, 2, value.encode())) for name, value in labels.pairs
        )
        for at, value in sorted(points.items()):
            if isinstance(value, Histogram):
                body += _field(4, 2, _histogram(value, at))
            else:
                body += _field(2, 2, _double(1, value) + _field(2, 0, _varint(at)))
        out += _field(1, 2, body)
    return bytes(cramjam.snappy.compress_raw(out))


@contextmanager
def _server(folder: Path, rows: dict[Labels, native_script.Points]) -> Iterator[Prometheus]:
    config = folder / "prometheus.yml"
    config.write_text("global: {evaluation_interval: 1m}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
            "--web.enable-remote-write-receiver", "--enable-feature=native-histograms",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(server, url)
        sent = urllib.request.Request(f"{url}/api/v1/write", _request(rows), method="POST")
        for name, value in (("Content-Encoding", "snappy"), ("Content-Type", "application/x-protobuf")):
            sent.add_header(name, value)
        sent.add_header("X-Prometheus-Remote-Write-Version", "0.1.0")
        with urllib.request.urlopen(sent, timeout=30) as answer:
            assert answer.status in (200, 204)
        yield Prometheus(url)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _fleet() -> dict[Labels, native_script.Points]:
    """Three series at 15 s: one plain, one with a restart and a pause, one that changes its resolution."""
    random = np.random.default_rng(7)
    rows: dict[Labels, native_script.Points] = {}
    for number in range(3):
        counts, below, zero, points = np.zeros(9), np.zeros(3), 0.0, {}
        for step in range(80):
            if number == 1 and step in (30, 31, 55):
                counts, below, zero = np.zeros(9), np.zeros(3), 0.0
            counts, below, zero = counts + random.integers(0, 5, 9), below + random.integers(0, 2, 3), zero + step % 2
            if number == 1 and 40 < step < 50:
                continue
            total = float(counts.sum() + below.sum() + zero)
            schema = 0 if number == 2 and step > 40 else 1
            points[BASE + step * 15 * S + number * 777] = Histogram(
                schema, total, total * 1.3 - step, 0.001, zero,
                Buckets(np.arange(-4, 5), counts.copy()), Buckets(np.array([-2, 1, 2]), below.copy()),
            )  # fmt: skip
        rows[Labels(__name__="lat", pod=str(number), zone="ab"[number % 2])] = points
    return rows


def _ours(result: Result, grid: Grid) -> dict[str, dict[int, object]]:
    found: dict[str, dict[int, object]] = {}
    for row, column in np.argwhere(result.present).tolist():
        native = None if result.histograms is None else result.histograms[row, column]
        value = float(result.values[row, column]) if native is None else _of(native)
        found.setdefault(str(result.labels[row]), {})[int(grid.instants_ms[column])] = value
    return found


def _of(h: Histogram) -> list[float]:
    found = cells(h)
    flat = [h.count, h.sum]
    for lower, upper, count in zip(found.lower.tolist(), found.upper.tolist(), found.counts.tolist(), strict=True):
        flat += [lower, upper, count] if count else []
    return flat


def _theirs(answer: dict) -> dict[str, dict[int, object]]:
    assert answer["status"] == "success", answer
    found: dict[str, dict[int, object]] = {}
    if answer["data"]["resultType"] == "scalar":
        return {"{}": {round(answer["data"]["result"][0] * 1000): float(answer["data"]["result"][1])}}
    for one in answer["data"]["result"]:
        points = one.get("values", [one["value"]] if "value" in one else [])
        native = one.get("histograms", [one["histogram"]] if "histogram" in one else [])
        into = found.setdefault(str(Labels(one["metric"])), {})
        into.update({round(at * 1000): float(value) for at, value in points})
        for at, h in native:
            flat = [float(h["count"]), float(h["sum"])]
            for _, lower, upper, count in h.get("buckets", []):
                flat += [float(lower), float(upper), float(count)]
            into[round(at * 1000)] = flat
    return found


def _near(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_near, a, b))
    if isinstance(a, list) or isinstance(b, list):
        return False
    x, y = float(a), float(b)  # type: ignore[arg-type]
    return (math.isnan(x) and math.isnan(y)) or x == y or abs(x - y) <= 1e-9 * max(abs(x), abs(y), 1e-9)


@pytest.mark.prometheus
def test_native_histograms_as_prometheus_2_42(tmp_path):
    rows = _fleet()
    store = native_script.NativeStore(native_script.columns(rows))
    wrong = []
    with _server(tmp_path, rows) as peer:
        for expr in EXPRESSIONS:
            for grid in GRIDS:
                ours = _ours(evaluate(expr, grid, store.select, settings=Settings(dialect=2)), grid)
                theirs = _theirs(peer.query(expr, grid))
                for name in sorted(ours.keys() | theirs.keys()):
                    a, b = ours.get(name, {}), theirs.get(name, {})
                    odd = [
                        at
                        for at in sorted(a.keys() | b.keys())
                        if at not in a or at not in b or not _near(a[at], b[at])
                    ]
                    if odd:
                        wrong.append((expr, grid, name, len(odd), odd[0] - BASE, a.get(odd[0]), b.get(odd[0])))
    assert not wrong, "\n".join(map(str, wrong[:12]))
