"""Samples from elsewhere: a Prometheus whose download was cut off, a Parquet file, a store that somebody is writing."""

from __future__ import annotations

import importlib.util
import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.insight.worlds import MONDAY, PEOPLE, SHOP, World, during
from tests.promql.prometheus_peer import prometheus

from sereno.adapters.samples import download
from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql.columns import Columns

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BASE = ["backtest", "--since", "12h", "--until", "2026-03-02T12:00:00Z", "--interval", "1m", "--json"]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    (tmp_path / "reliability").mkdir()
    (tmp_path / "reliability" / "shop.yaml").write_text(SHOP + PEOPLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def world() -> World:
    return World(MONDAY - 6 * HOUR, MONDAY + 12 * HOUR, during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6)), per_scrape=1000)


def stored(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    store = SampleStore(path, retention=timedelta(days=36500))
    store.backfill_sync(world().series)
    store.close()
    return path


def test_a_store_is_read_while_somebody_writes_it(place, capsys):
    path = stored(place / ".sereno" / "samples.db")
    writer = SampleStore(path, retention=timedelta(days=36500))
    try:
        labels = (Labels(__name__="up", job="other", instance="b"),)
        writer.append_sync(Scrape("other", to_ms(MONDAY + DAY), labels, np.array([1.0])))
        assert run(BASE) == 0
        assert len(json.loads(capsys.readouterr().out)["cases"][0]["pages"]) >= 1
        writer.append_sync(Scrape("other", to_ms(MONDAY + DAY + MINUTE), labels, np.array([1.0])))
    finally:
        writer.close()


def test_the_last_sample_of_a_named_store_is_when_it_ends(place, capsys):
    stored(place / "old" / "samples.db")
    assert run(["backtest", "--since", "6h", "--from", "store", "old", "--interval", "1m", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["end"] == "2026-03-02T12:00:00.000Z"


def test_a_parquet_file_says_the_same_as_the_store_it_came_from(place, capsys):
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs sereno[parquet]")
    from sereno.adapters.samples.parquet_format import ParquetWriter

    stored(place / ".sereno" / "samples.db")
    assert run(BASE) == 0
    own = capsys.readouterr().out
    series = world().series
    writer = ParquetWriter(place / "samples.parquet", [labels for labels, _, _ in series])
    writer.write(Columns.of(series))
    writer.close()
    for _ in range(2):  # the second time it is there already
        assert run([*BASE, "--from", "parquet", "samples.parquet"]) == 0
        assert capsys.readouterr().out == own


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's prometheus")
def test_a_download_goes_on_where_it_was_and_says_the_same(place, capsys, monkeypatch):
    stored(place / ".sereno" / "samples.db")
    assert run(BASE) == 0
    own = json.loads(capsys.readouterr().out)
    asked: list[object] = []
    fetch = download._Run._fetch

    async def counted(self, *arguments, **more):
        asked.append(arguments)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return await fetch(self, *arguments, **more)

    monkeypatch.setattr(download._Run, "_fetch", counted)
    (place / "prometheus").mkdir()
    with prometheus(place / "prometheus", world().series) as server:
        command = [*BASE, "--from", "prometheus", server.url]
        with pytest.raises(SystemExit, match="130"):
            run(command)
        cut = len(asked)
        assert run(command) == 0
        whole = len(asked)
        capsys.readouterr()
        assert run(command) == 0
        found = json.loads(capsys.readouterr().out)
        assert len(asked) == whole > cut, "what is there is not asked for again"
    for what in ("pages", "fired", "incidents"):
        assert found["cases"][0][what] == own["cases"][0][what]
