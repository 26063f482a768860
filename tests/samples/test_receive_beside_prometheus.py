"""Debian's Prometheus scrapes itself and a node exporter and sends all of it to us: both then know the same.

Native histograms and staleness markers reach it by its own remote-write receiver; from there they come to us by its
queue, and once more by `sereno import`'s download.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import cramjam
import httpx
import numpy as np
import pytest
import uvicorn
from tests.samples.peers import free_port, program
from tests.samples.prompb import series_v1, v1, write_v1
from tests.samples.receiving import RW1, SPEC

from sereno.adapters.clock import RandomIds, SystemClock
from sereno.adapters.samples.download import download
from sereno.adapters.samples.interchange import import_samples
from sereno.adapters.samples.prometheus_api import PrometheusApi, Runs
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.tsdb import TsdbFolder
from sereno.app.control import Control, open_control
from sereno.app.http import create_app
from sereno.app.http.auth import add_token
from sereno.app.settings import Settings
from sereno.kernel.labels import Labels
from sereno.promql import evaluate, parse, selections
from sereno.promql.columns import STALE, STALE_BITS, Columns, Grid, Matcher, Selection

pytestmark = [pytest.mark.prometheus, pytest.mark.slow(minutes=0.5)]
SECONDS = 10
EVERYTHING = (Matcher("__name__", "!=", ""),)
EXPRESSIONS = [
    'sum by (handler) (rate(prometheus_http_requests_total[5s]))',
    'histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[6s])))',
    "count by (job) ({__name__=~'.+'})",
    'sum without (cpu) (irate(node_cpu_seconds_total{mode!="idle"}[5s]))',
    "up == 1",
    "avg_over_time(go_goroutines[5s])",
]  # fmt: skip


@dataclass
class Street:
    control: Control
    url: str
    begin_ms: int
    end_ms: int

    async def get(self, query: str, at_ms: int) -> list[dict[str, object]]:
        async with httpx.AsyncClient(base_url=self.url) as http:
            answer = await http.get("/api/v1/query", params={"query": query, "time": at_ms / 1000})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"]["result"])


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Control, int, str]]:
    """A control plane on a port of 127.0.0.1, and a token that may send samples."""
    (folder / "reliability").mkdir()
    (folder / "reliability" / "shop.yaml").write_text(SPEC)
    async with AsyncExitStack() as stack:
        settings = Settings(spec=folder / "reliability", data_dir=folder / "data")
        control = await open_control(settings, clock=SystemClock(), ids=RandomIds())
        stack.push_async_callback(control.close)
        token = await add_token(control, name="peer", role="samples", kind="samples")
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = uvicorn.Server(uvicorn.Config(create_app(control), log_config=None, lifespan="off", ws="none"))
        server.capture_signals = nullcontext  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield control, listener.getsockname()[1], token
        finally:
            server.should_exit = server.force_exit = True
            await task


def configuration(folder: Path, port: int, node: int, own: int, token: str) -> Path:
    (folder / "token").write_text(token)
    path = folder / "prometheus.yml"
    path.write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
remote_write:
  - url: http://127.0.0.1:{port}/prometheus/api/v1/write
    authorization: {{credentials_file: {folder}/token}}
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 300ms, max_samples_per_send: 700}}
    metadata_config: {{send_interval: 2s}}
scrape_configs:
  - {{job_name: prometheus, static_configs: [{{targets: ["127.0.0.1:{own}"]}}]}}
  - {{job_name: node, static_configs: [{{targets: ["127.0.0.1:{node}"]}}]}}
""")
    return path


def pushed(now_ms: int) -> bytes:
    """Native histograms and a series that ends, for Prometheus's own receiver."""
    histograms = []
    for step in range(4):
        one = v1["Histogram"](
            count_int=10 + step * 10, sum=1.5 * step, schema=3, zero_threshold=1e-128, zero_count_int=1 + step,
            timestamp=now_ms + step * 1000, positive_deltas=[2 + 2 * step, 1, step], negative_deltas=[1],
        )  # fmt: skip
        one.positive_spans.add(offset=-2, length=2)
        one.positive_spans.add(offset=5, length=1)
        one.negative_spans.add(offset=1, length=1)
        histograms.append(one)
    ended = [(now_ms, 1.0), (now_ms + 1000, float(STALE))]
    return write_v1(
        series_v1({"__name__": "pushed_latency", "job": "push"}, histograms=histograms),
        series_v1({"__name__": "pushed_brief", "job": "push"}, ended),
    )


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with served(tmp_path) as (control, port, token):
        own, node = free_port(), free_port()
        commands = [
            [program("prometheus-node-exporter", "prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{node}"],
            [
                program("prometheus", "prometheus"), f"--config.file={configuration(tmp_path, port, node, own, token)}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address=127.0.0.1:{own}",
                "--enable-feature=native-histograms", "--web.enable-remote-write-receiver", "--log.level=warn",
            ],
        ]  # fmt: skip
        with (tmp_path / "log").open("wb") as log:
            running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
            try:
                url = f"http://127.0.0.1:{own}"
                await ready(url)
                begin = time.time_ns() // 1_000_000
                async with httpx.AsyncClient() as http:
                    body = bytes(cramjam.snappy.compress_raw(pushed(begin)))
                    answer = await http.post(f"{url}/api/v1/write", content=body, headers=RW1)
                    assert answer.status_code == 204, answer.text
                await asyncio.sleep(SECONDS)
                end = time.time_ns() // 1_000_000 - 3000
                yield Street(control, url, begin, end)
            finally:
                for process in running:
                    process.kill()  # at its leisure it would send what is left to us, who answer no more
                for process in running:
                    process.wait(10)


async def ready(url: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(200):
            try:
                if (await http.get(f"{url}/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    pytest.fail("Prometheus did not start")


async def test_both_know_the_same(street: Street, tmp_path: Path) -> None:
    """One street, looked at in every way: starting it takes longer than looking."""
    store = street.control.store
    assert store is not None
    ours = store.select(Selection(EVERYTHING, street.begin_ms, street.end_ms))
    async with httpx.AsyncClient() as http:
        api = PrometheusApi(street.url, http, allowed=lambda url: True)
        theirs = await api.raw('{__name__!=""}', street.begin_ms, street.end_ms)
        fetched = SampleStore(tmp_path / "fetched.db", retention=timedelta(days=36_500))
        try:
            done = await download(api, fetched, [Selection(EVERYTHING, street.begin_ms, street.end_ms)])
            again = fetched.select(Selection(EVERYTHING, street.begin_ms, street.end_ms))
        finally:
            fetched.close()
    assert len(theirs) > 500
    same_samples(ours, theirs)
    assert done.exact
    assert [warning.partition(":")[0] for warning in done.warnings] == ["native histograms are left out"]  # it is 2.42
    same_bits(again, ours)
    native_histograms(ours)
    the_end_is_marked(ours)
    await same_answers(street)
    await same_on_disk(ours, tmp_path)
    said = store.metadata()["prometheus_http_requests_total"][0]
    assert (said.type, said.help) == ("counter", "Counter of HTTP requests.")


def same_samples(ours: Columns, theirs: Runs) -> None:
    """Every series and sample that their API shows, and no other but markers, which it hides."""
    visible = {}
    for row, labels in enumerate(ours.labels):
        times, values = ours.series(row)
        part = slice(ours.offsets[row], ours.offsets[row + 1])
        shown = values.view(np.uint64) != STALE_BITS
        if ours.histograms is not None:
            shown &= np.array([one is None for one in ours.histograms[part].tolist()], bool)
        if shown.any():
            visible[labels] = (times[shown], values[shown])
    floats = {labels: run for labels, run in theirs.items() if run.histograms is None}
    assert visible.keys() == floats.keys()
    for labels, run in floats.items():
        np.testing.assert_array_equal(visible[labels][0], run.times, err_msg=str(labels))
        np.testing.assert_array_equal(visible[labels][1], run.values, err_msg=str(labels))


def same_bits(again: Columns, ours: Columns) -> None:
    """What came by download is what came by remote write, markers and all."""
    rows = {labels: row for row, labels in enumerate(ours.labels)}
    assert set(again.labels) == {one for one in ours.labels if one["__name__"] != "pushed_latency"}
    for row, labels in enumerate(again.labels):
        for one, other in zip(again.series(row), ours.series(rows[labels]), strict=True):
            assert one.tobytes() == other.tobytes(), labels


async def same_on_disk(ours: Columns, folder: Path) -> None:
    """Its data folder, still in use, read by promtool from a mirror: the same once more, up to what promtool prints."""
    before = sorted(str(path) for path in (folder / "tsdb").rglob("*"))
    store = SampleStore(folder / "disk.db", retention=timedelta(days=36_500))
    try:
        await import_samples(store, TsdbFolder(folder / "tsdb"))
        span = Selection(EVERYTHING, int(ours.times.min()), int(ours.times.max()))
        disk = store.select(span)
    finally:
        store.close()
    rows = {labels: row for row, labels in enumerate(disk.labels)}
    for row, labels in enumerate(ours.labels):
        if labels["__name__"] != "pushed_latency":
            times, values = ours.series(row)
            again = disk.series(rows[labels])
            np.testing.assert_array_equal(again[0], times, err_msg=str(labels))
            if not (
                np.isnan(values[1:]) & np.isnan(values[:-1])
            ).any():  # markers that stand alone come back, neighbours may not
                assert again[1].tobytes() == values.tobytes(), labels
    assert sorted(str(path) for path in (folder / "tsdb").rglob("*")) == before


def native_histograms(ours: Columns) -> None:
    row = next(i for i, labels in enumerate(ours.labels) if labels["__name__"] == "pushed_latency")
    assert ours.histograms is not None
    found = ours.histograms[ours.offsets[row] : ours.offsets[row + 1]].tolist()
    assert [one.count for one in found] == [10.0, 20.0, 30.0, 40.0]
    for step, one in enumerate(found):
        assert (one.schema, one.sum, one.zero_count) == (3, 1.5 * step, 1.0 + step)
        assert one.positive.index.tolist() == [-2, -1, 5]
        assert one.positive.counts.tolist() == [2.0 + 2 * step, 3.0 + 2 * step, 3.0 + 3 * step]
        assert (one.negative.index.tolist(), one.negative.counts.tolist()) == ([1], [1.0])


def the_end_is_marked(ours: Columns) -> None:
    row = next(i for i, labels in enumerate(ours.labels) if labels["__name__"] == "pushed_brief")
    _, values = ours.series(row)
    assert [int(bits) for bits in values.view(np.uint64)] == [int(np.float64(1.0).view(np.uint64)), STALE_BITS]


async def same_answers(street: Street) -> None:
    """Expressions are worth the same through our evaluator as through theirs."""
    at = street.end_ms
    for text in EXPRESSIONS:
        expr = parse(text)
        grid = Grid.at(at)
        columns = await street.control.source.fetch(selections(expr, grid))
        ours = evaluate(expr, grid, columns.__getitem__).instant()
        theirs = {
            Labels(one["metric"]): float(one["value"][1])  # type: ignore[arg-type,index]
            for one in await street.get(text, at)
        }
        found = dict(ours)
        assert found.keys() == theirs.keys(), text
        for labels, value in theirs.items():
            assert found[labels] == pytest.approx(value, rel=1e-9, nan_ok=True), (text, labels)
