"""Samples in and out: remote write and OTLP read from their bytes, files brought and written.

The decoder of remote write is measured beside Google's protobuf (upb, in C) doing the same work in the same run.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.samples.prompb import series_v1, v1, write_v1

from bench.figure import Figure
from sereno.adapters.samples import remote_write
from sereno.adapters.samples.csv_format import CsvWriter
from sereno.adapters.samples.intake import KnownSeries
from sereno.adapters.samples.interchange import export_samples, import_samples, names_wanted
from sereno.adapters.samples.openmetrics_in import OpenMetricsFile
from sereno.adapters.samples.openmetrics_out import OpenMetricsWriter
from sereno.adapters.samples.otlp import OtlpReader
from sereno.adapters.samples.parquet_format import ParquetFile, ParquetWriter
from sereno.adapters.samples.source import SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.labels import Labels
from sereno.promql.columns import Matcher

T0 = 1_790_000_000_000
SERIES, BATCH, POINTS = 20_000, 2_000, 5_000
EVERYTHING = [(Matcher("__name__", "!=", ""),)]
ALWAYS = (-(1 << 60), 1 << 60)


def labels_of(number: int) -> dict[str, str]:
    """Labels such as a cluster has them."""
    return {
        "__name__": "http_request_duration_seconds_bucket", "code": "200", "handler": f"/api/v1/e{number % 500}",
        "instance": f"10.0.{number % 40}.7:9090", "job": "shop", "le": str(number % 14), "pod": f"shop-{number}",
        "zone": "eu",
    }  # fmt: skip


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def measure() -> list[Figure]:
    """Every figure of bringing and handing out samples."""
    return [*_remote_write(), _otlp(), *_files()]


def _remote_write() -> list[Figure]:
    """20,000 series in batches of 2,000, as Prometheus sends them: the first time, and every time after."""
    rounds = [
        [
            write_v1(*(series_v1(labels_of(n), [(T0 + 15_000 * step, float(n * step))]) for n in range(b, b + BATCH)))
            for b in range(0, SERIES, BATCH)
        ]
        for step in range(3)
    ]
    known = KnownSeries()

    def ours(bodies: list[bytes]) -> None:
        for body in bodies:
            remote_write.read_request(body, known, T0 + 100_000)

    first = cpu(lambda: ours(rounds[0]))
    later = min(cpu(lambda: ours(rounds[1])), cpu(lambda: ours(rounds[2])))
    theirs = cpu(lambda: [_by_protobuf(body) for body in rounds[1]])
    beside = (
        f"(protobuf's own classes {theirs / SERIES * 1e6:.1f} µs; a series never seen {first / SERIES * 1e6:.0f} µs)"
    )
    share = 100 * later / 15
    return [
        Figure("remote write, a known series", later / SERIES * 1e6, "µs", most=10, beside=beside),
        Figure("remote write, 20,000 series each 15 s", share, "% core", most=2, beside="reading, before the store"),
    ]


def _by_protobuf(body: bytes) -> list[tuple[Labels, int, float]]:
    request = v1["WriteRequest"].FromString(body)
    return [
        (Labels((label.name, label.value) for label in one.labels), one.samples[0].timestamp, one.samples[0].value)
        for one in request.timeseries
    ]


def _otlp() -> Figure:
    """A batch of the collector's usual size."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    metric = resource.scope_metrics.add().metrics.add(name="http.server.requests")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    for number in range(POINTS):
        point = metric.sum.data_points.add(time_unix_nano=T0 * 1_000_000, as_int=number)
        for name, value in labels_of(number).items():
            point.attributes.add(key=name.strip("_")).value.string_value = value
    body = request.SerializeToString()
    reader = OtlpReader(KnownSeries())
    reader.read(body, T0)
    taken = cpu(lambda: reader.read(body, T0))
    return Figure("OTLP, a data point of a known series", taken / POINTS * 1e6, "µs", most=100)


def _files() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        return _within(Path(folder))


def _within(folder: Path) -> list[Figure]:
    """40 series, two weeks at 15 s each, out to every format and in again."""
    store = SampleStore(folder / "one.db", retention=timedelta(days=36_500))
    random = np.random.default_rng(1)
    times = T0 + 15_000 * np.arange(50_000, dtype=np.int64)
    batch = [
        SeriesSamples(Labels(labels_of(n)), times, np.cumsum(random.poisson(3, len(times))).astype(float))
        for n in range(40)
    ]
    store.write_sync(batch, "bench", any_age=True)
    total = 40 * len(times)
    names = names_wanted(store, EVERYTHING, *ALWAYS)
    figures = []
    for name, writer, least in (
        ("OpenMetrics", lambda: OpenMetricsWriter(folder / "x.om"), 0.5),
        ("CSV", lambda: CsvWriter(folder / "x.csv"), 0.5),
        ("Parquet", lambda: ParquetWriter(folder / "x.parquet", names), 2.0),
    ):
        taken = cpu(lambda: export_samples(store, writer(), EVERYTHING, *ALWAYS))  # noqa: B023 - called at once
        figures.append(Figure(f"{name} written", total / taken / 1e6, "M/s", least=least))
    size = (folder / "x.parquet").stat().st_size / total
    figures.append(Figure("Parquet, bytes a sample", size, "B", most=2.5))
    for name, file, least in (
        ("OpenMetrics", OpenMetricsFile(folder / "x.om"), 0.5),
        ("Parquet", ParquetFile(folder / "x.parquet"), 1.0),
    ):
        fresh = SampleStore(folder / f"{name}.db", retention=timedelta(days=36_500))
        taken = cpu(lambda: asyncio.run(import_samples(fresh, file)))  # noqa: B023 - called at once
        assert fresh.stats().samples >= total
        fresh.close()
        figures.append(Figure(f"{name} brought and packed", total / taken / 1e6, "M/s", least=least))
    store.close()
    return figures
