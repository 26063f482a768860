"""Samples leave in one format and come back: every bit that the format can carry is there again."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sereno.adapters.samples.csv_format import CsvFile, CsvWriter
from sereno.adapters.samples.intake import BadSamples
from sereno.adapters.samples.interchange import Imported, export_samples, import_samples, names_wanted
from sereno.adapters.samples.openmetrics_in import OpenMetricsFile
from sereno.adapters.samples.openmetrics_out import OpenMetricsWriter
from sereno.adapters.samples.series_text import histogram_json, histogram_of, series_of, series_text
from sereno.adapters.samples.source import Metadata, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.tsdb import TsdbFolder, TsdbWriter
from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, Columns, Matcher, Selection
from sereno.promql.native import Buckets, Histogram

T0 = 1_790_000_000_000
EVERYTHING = (Matcher("__name__", "!=", ""),)
ODD_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
NUMBERS = [
    1.0,
    0.0,
    -0.0,
    float("inf"),
    float("-inf"),
    float("nan"),
    0.1,
    5e-324,
    -1.7976931348623157e308,
    1e22,
    2**53 + 2.0,
]
ODD_LABELS = Labels({
    "__name__": "odd:metric", "quote": 'a"b', "slash": "c\\d", "line": "e\nf", "brace": "}{,= # ", "ñ_no": ""
} | {"value": "same as a column", "time_ms": "too", "label_value": "and this", "return": "x\ry", "tab": "\t", "es": "ñandú 🦤"})  # fmt: skip
NATIVE = Histogram(
    2, 12.5, 18.25, 0.001, 2.0, Buckets(np.array([-3, 0, 7]), np.array([1.0, 2.5, 3.0])),
    Buckets(np.array([1]), np.array([4.0])), reset="gauge",
)  # fmt: skip
CUSTOM = Histogram(-53, 3.0, 1.0, positive=Buckets(np.array([0, 2]), np.array([1.0, 2.0])), bounds=(0.1, 2.5))


def sample(labels: Labels, values: list[float], start: int = T0, step: int = 15_000) -> SeriesSamples:
    times = start + step * np.arange(len(values), dtype=np.int64)
    return SeriesSamples(labels, times, np.array(values, np.float64))


def natives(labels: Labels, *found: Histogram | float) -> SeriesSamples:
    times = T0 + 1000 * np.arange(len(found), dtype=np.int64)
    values = np.array([np.nan if isinstance(one, Histogram) else one for one in found], np.float64)
    histograms = np.empty(len(found), object)
    histograms[:] = [one if isinstance(one, Histogram) else None for one in found]
    return SeriesSamples(labels, times, values, histograms)


PLAIN = [
    sample(Labels(__name__="up", job="a"), NUMBERS),
    sample(ODD_LABELS, [1.5, -2.5], start=T0 + 1),
    sample(Labels(__name__="bare"), [float(n) for n in range(50)], start=T0 - 40 * 86_400_000, step=86_400_000),
]
STALED = [sample(Labels(__name__="gone", job="a"), [1.0, float(STALE), 2.0])]
HISTOGRAMS = [natives(Labels(__name__="latency"), NATIVE, CUSTOM, float(STALE), 4.0)]
ODD_NANS = [sample(Labels(__name__="nans"), [ODD_NAN, 1.0])]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Any]:
    """Makes sample stores, by name."""
    opened = {}

    def make(name: str = "one") -> SampleStore:
        from datetime import timedelta

        opened[name] = SampleStore(tmp_path / f"{name}.db", retention=timedelta(days=36_500))
        return opened[name]

    yield make
    for store in opened.values():
        store.close()


def contents(store: SampleStore) -> dict[Labels, list[tuple[int, int, str]]]:
    """All samples with all their bits."""
    columns: Columns = store.select(Selection(EVERYTHING, -(1 << 60), 1 << 60))
    found = {}
    for row, labels in enumerate(columns.labels):
        times, values = columns.series(row)
        part = slice(columns.offsets[row], columns.offsets[row + 1])
        natives = [None] * len(times) if columns.histograms is None else columns.histograms[part].tolist()
        bits = values.view(np.uint64).tolist()
        found[labels] = [
            (t, 0 if h else b, histogram_json(h) if h else "")
            for t, b, h in zip(times.tolist(), bits, natives, strict=True)
        ]
    return found


async def filled(store: SampleStore, *series: list[SeriesSamples]) -> SampleStore:
    for batch in series:
        await store.write(batch, "test", any_age=True)
    return store


def export(store: SampleStore, writer: Any) -> Any:
    return export_samples(store, writer, [EVERYTHING], -(1 << 60), 1 << 60)


async def test_openmetrics_there_and_back(stores: Any, tmp_path: Path) -> None:
    one, path = await filled(stores(), PLAIN), tmp_path / "out.om"
    assert export(one, OpenMetricsWriter(path)).left_out == 0
    assert path.read_text().endswith("# EOF\n")
    two = stores("two")
    done = await import_samples(two, OpenMetricsFile(path))
    assert done.written.stored == done.samples == sum(len(s.times) for s in PLAIN)
    assert contents(two) == contents(one)


async def test_openmetrics_packed(stores: Any, tmp_path: Path) -> None:
    one, path = await filled(stores(), PLAIN), tmp_path / "out.om.gz"
    export(one, OpenMetricsWriter(path))
    assert gzip.decompress(path.read_bytes()).endswith(b"# EOF\n")
    two = stores("two")
    await import_samples(two, OpenMetricsFile(path))
    assert contents(two) == contents(one)


async def test_openmetrics_leaves_out_what_it_cannot_say_and_counts_it(stores: Any, tmp_path: Path) -> None:
    one, path = await filled(stores(), STALED, HISTOGRAMS), tmp_path / "out.om"
    found = export(one, OpenMetricsWriter(path))
    assert (found.samples, found.left_out) == (3, 4)
    assert [line.split()[0] for line in path.read_text().splitlines()] == ['gone{job="a"}'] * 2 + ["latency", "#"]


async def test_openmetrics_says_what_metrics_are(stores: Any, tmp_path: Path) -> None:
    store = await filled(
        stores(), [sample(Labels(__name__="orders_total"), [1.0]), sample(Labels(__name__="temp"), [2.0])]
    )
    told = {"orders": Metadata("counter", "Orders.\nAll of them"), "temp": Metadata("gauge")}
    path = tmp_path / "out.om"
    export(store, OpenMetricsWriter(path, told))
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# HELP orders Orders.\\nAll of them", "# TYPE orders counter"]
    assert "# TYPE temp gauge" in lines
    two = stores("two")
    await import_samples(two, OpenMetricsFile(path))
    assert two.metadata()["orders"][0] == told["orders"]


@pytest.mark.parametrize("series", [PLAIN, STALED, HISTOGRAMS], ids=["numbers", "stale", "histograms"])
async def test_csv_there_and_back(stores: Any, tmp_path: Path, series: list[SeriesSamples]) -> None:
    one, path = await filled(stores(), series), tmp_path / "out.csv"
    assert export(one, CsvWriter(path)).left_out == 0
    two = stores("two")
    await import_samples(two, CsvFile(path))
    assert contents(two) == contents(one)


@pytest.mark.parametrize(
    "series", [PLAIN, STALED, HISTOGRAMS, ODD_NANS], ids=["numbers", "stale", "histograms", "bits of a NaN"]
)
async def test_parquet_there_and_back(stores: Any, tmp_path: Path, series: list[SeriesSamples]) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra sereno[parquet]")
    from sereno.adapters.samples.parquet_format import ParquetFile, ParquetWriter

    one, path = await filled(stores(), series), tmp_path / "out.parquet"
    names = names_wanted(one, [EVERYTHING], -(1 << 60), 1 << 60)
    assert export(one, ParquetWriter(path, names)).left_out == 0
    two = stores("two")
    await import_samples(two, ParquetFile(path))
    assert contents(two) == contents(one)


async def test_parquet_of_others(stores: Any, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra sereno[parquet]")
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sereno.adapters.samples.parquet_format import ParquetFile

    labels = pa.array(
        [[("__name__", "up"), ("job", "a")], [("__name__", "up"), ("job", "b")]], pa.map_(pa.string(), pa.string())
    )
    times = pa.array([T0 * 1000, T0 * 1000], pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table({"labels": labels, "timestamp": times, "value": pa.array([1, 2])}), tmp_path / "map.parquet"
    )
    table = {"__name__": ["up", "up"], "job": ["a", "c"], "time_ms": [T0 + 1, T0], "value": [3.0, 4.0], "note": [1, 2]}
    pq.write_table(pa.table(table), tmp_path / "columns.parquet")
    store = stores()
    for name in ("map", "columns"):
        await import_samples(store, ParquetFile(tmp_path / f"{name}.parquet"))
    found = {
        labels["job"]: [(t - T0, struct.unpack("<d", struct.pack("<Q", b))[0]) for t, b, _ in v]
        for labels, v in contents(store).items()
    }
    assert found == {"a": [(0, 1.0), (1, 3.0)], "b": [(0, 2.0)], "c": [(0, 4.0)]}
    pq.write_table(pa.table({"time": [1], "value": [1.0]}), tmp_path / "other.parquet")
    with pytest.raises(BadSamples, match="time_ms"):
        ParquetFile(tmp_path / "other.parquet")
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadSamples, match="not a Parquet file"):
        ParquetFile(tmp_path / "junk.parquet")


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    from sereno.adapters.samples.parquet_format import ParquetFile

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError) as caught:
        ParquetFile(tmp_path / "x.parquet")
    assert "sereno[parquet]" in str(caught.value.hint)


@pytest.mark.prometheus
async def test_blocks_of_a_prometheus_there_and_back(stores: Any, tmp_path: Path) -> None:
    """promtool writes the blocks and reads them; markers come back where a NaN stands alone."""
    assert shutil.which("promtool"), "promtool is missing: apt-get install prometheus"
    one, folder = await filled(stores(), PLAIN), tmp_path / "blocks"
    found = export(one, TsdbWriter(folder))
    assert found.left_out == 0
    before = sorted(p.name for p in folder.iterdir())
    two = stores("two")
    done = await import_samples(two, TsdbFolder(folder))
    assert done.samples == found.samples
    expected = contents(one)
    nan_at = NUMBERS.index(next(n for n in NUMBERS if n != n))
    up = Labels(__name__="up", job="a")
    expected[up][nan_at] = (expected[up][nan_at][0], 0x7FF0000000000002, "")
    assert contents(two) == expected
    assert sorted(p.name for p in folder.iterdir()) == before, "promtool wrote into the user's folder"
    with pytest.raises(UsageError, match="not an empty folder"):
        TsdbWriter(folder)
    with pytest.raises(BadSamples, match="neither blocks"):
        TsdbFolder(tmp_path / "reliability")


@pytest.mark.parametrize(
    ("values", "markers"),
    [("1x2", [1]), ("1xx2", []), ("1xx2x", [4]), ("x1", [0]), ("xxx", []), ("x", [0]), ("12", [])],
)
def test_a_nan_that_stands_alone_is_a_marker(values: str, markers: list[int]) -> None:
    from sereno.adapters.samples.tsdb import _marked

    found = _marked(sample(Labels(__name__="m"), [float("nan") if v == "x" else float(v) for v in values]))
    assert np.flatnonzero(found.values.view(np.uint64) == 0x7FF0000000000002).tolist() == markers


# -- going on ------------------------------------------------------------------------------------------


def long_text(path: Path, count: int) -> Path:
    lines = [f'm{{i="{n % 7}"}} {n}.5 {(T0 + 1000 * n) / 1000:.3f}\n' for n in range(count)]
    path.write_text("".join(lines) + "# EOF\n")
    return path


async def test_an_import_that_was_cut_off_goes_on(stores: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sereno.adapters.samples.openmetrics_in.PORTION_SAMPLES", 1000)
    monkeypatch.setattr("sereno.adapters.samples.openmetrics_in._BLOCK", 4096)
    path, store = long_text(tmp_path / "long.om", 5000), stores()
    seen: list[int] = []

    def stop(place: int, size: int) -> None:
        seen.append(place)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await import_samples(store, OpenMetricsFile(path), progress=stop)
    there = sum(len(v) for v in contents(store).values())
    done = await import_samples(store, OpenMetricsFile(path))
    assert done.resumed_at == seen[1]
    assert (done.samples, done.written.duplicates) == (5000 - there, 0)
    assert sum(len(v) for v in contents(store).values()) == 5000
    assert await import_samples(store, OpenMetricsFile(path)) == Imported(resumed_at=path.stat().st_size)
    path.write_text(path.read_text().replace("# EOF\n", "late 1 1790000000\n# EOF\n"))
    assert (await import_samples(store, OpenMetricsFile(path))).written.stored == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("up 1\n", ":1: it has no timestamp"),
        ("up 1 1790000000\nup x 1790000001\n", ":2: "),
        ("up 1 1790000000\nup 1_0 1790000001\n", ":2: "),
        ("up{a=b} 1 1\n", ':1: expected label="value"'),
        ('up{a="b",a="c"} 1 1\n', "occurs twice"),
        ("9up 1 1\n", ":1: "),
        ("# EOF\nup 1 1\n", ":2: something follows"),
        ("up 1 nan\n", "time"),
        ("up 1 inf\n", "time"),
        ("up 1 1 1 1\n", ":1: "),
    ],
)
async def test_a_mistake_in_a_file_has_its_place(stores: Any, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.om").write_text(text)
    with pytest.raises(BadSamples) as caught:
        await import_samples(stores(), OpenMetricsFile(tmp_path / "bad.om"))
    assert said in caught.value.message


async def test_a_packed_file_cut_off(stores: Any, tmp_path: Path) -> None:
    (tmp_path / "cut.om.gz").write_bytes(gzip.compress(b"up 1 1790000000\n" * 1000)[:-20])
    with pytest.raises(BadSamples, match="broken"):
        await import_samples(stores(), OpenMetricsFile(tmp_path / "cut.om.gz"))


async def test_exemplars_blanks_and_braces_are_no_obstacle(stores: Any, tmp_path: Path) -> None:
    text = (
        '# TYPE b histogram\nb_bucket{le="1"} 3 1790000000 # {trace="x y"} 0.5 1790000000.1\r\n'
        '\nodd{a="} 1 2 # {"} 4 1790000000\n  spaced   5   1790000000.25  \nmillis 6 1790000000500\n'
    )
    (tmp_path / "odd.prom").write_text(text)
    store = stores()
    await import_samples(store, OpenMetricsFile(tmp_path / "odd.prom"))
    assert {series_text(k): v[0][0] - T0 for k, v in contents(store).items()} == {
        'b_bucket{le="1"}': 0, 'odd{a="} 1 2 # {"}': 0, "spaced": 250, "millis": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    "line", ["up,x,1", "up,1", "up,1,abc", 'up,1,{"schema":1}', "up,99999999999999999999,1", '"up{",1,1', "up,1,{"]
)
async def test_a_csv_that_is_wrong(stores: Any, tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.csv").write_text(f"series,time_ms,value\nup,1790000000000,1\n{line}\n")
    with pytest.raises(BadSamples, match=r"bad\.csv:3: "):
        await import_samples(stores(), CsvFile(tmp_path / "bad.csv"))


def test_an_export_that_fails_leaves_nothing(stores: Any, tmp_path: Path) -> None:
    store = stores()
    store.write_sync(PLAIN, "test", any_age=True)
    (tmp_path / "out.csv").write_text("what was there before")

    class Full(CsvWriter):
        def write(self, columns: Columns) -> int:
            super().write(columns)
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        export(store, Full(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text() == "what was there before"
    assert not list(tmp_path.glob("*.partial"))


def test_texts_of_series_read_back() -> None:
    assert series_of(series_text(ODD_LABELS).encode()) == ODD_LABELS
    assert series_of(b'{__name__="up", job="a\\x41\\u00f1"}') == Labels(__name__="up", job="aAñ")
    assert json.loads(histogram_json(CUSTOM))["bounds"] == [0.1, 2.5]
    assert histogram_json(histogram_of(histogram_json(NATIVE))) == histogram_json(NATIVE)
