"""What a source of samples has to tell reaches whoever asks: programs, terminals, the page, backtests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.http.conftest import Furnisher, House, house_of  # noqa: F401
from tests.http.shop import NOW
from tests.insight.worlds import MONDAY, PEOPLE, SHOP, World, during

from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.app.http import create_app
from sereno.app.http.prometheus_names import BothNames, StoreNames
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms, to_ms

END = to_ms(NOW) // 60_000 * 60_000
DAY = 86_400_000
UP = Labels(__name__="http_requests_total", job="api", instance="a:1", status="200")


def thinned(path: Path | None) -> SampleStore:
    """A store with twenty days of samples, all but three of them thinned."""
    store = SampleStore(path, retention=timedelta(days=3))
    times = np.arange(END - 20 * DAY, END + 1, 60_000, dtype=np.int64)
    store.backfill_sync([(UP, times, np.arange(len(times), dtype=float))])
    for _ in range(2):
        store.maintain_sync(from_ms(END))
    return store


@pytest.fixture
async def house(house_of: Furnisher) -> AsyncIterator[House]:  # noqa: F811
    house = await house_of("calm", language="en")
    store = thinned(None)
    house.control.store = house.control.source = store
    house.control.queries = None
    house.app = create_app(house.control)
    yield house
    store.close()


async def test_programs_and_the_page_are_told_that_samples_are_thinned(house: House) -> None:
    program = await house.program("viewer")
    path, at = "/prometheus/api/v1/query", END / 1000
    old = (await program.get(path, params={"query": "http_requests_total[10d]", "time": at})).json()
    assert "are thinned" in old["infos"][0]
    young = (await program.get(path, params={"query": "rate(http_requests_total[1h])", "time": at})).json()
    assert "infos" not in young
    span = {"query": "sum(rate(http_requests_total[1d]))", "start": at - 9 * 86400, "end": at, "step": "1h"}
    assert "are thinned" in (await program.get(f"{path}_range", params=span)).json()["infos"][0]


def test_a_terminal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thinned(tmp_path / "samples.db").close()
    ask = ["query", "increase(http_requests_total[9d])", "--at", str(END // 1000), "--json"]
    assert run([*ask, "--from", "store", str(tmp_path / "samples.db")]) == 0
    said = capsys.readouterr()
    assert "are thinned" in said.err
    assert json.loads(said.out)["result"]


def test_a_backtest_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reliability").mkdir()
    (tmp_path / "reliability" / "shop.yaml").write_text(SHOP + PEOPLE)
    monkeypatch.chdir(tmp_path)
    thinned(tmp_path / "samples.db").close()
    until = from_ms(END).isoformat().replace("+00:00", "Z")
    ask = ["backtest", "--since", "8d", "--until", until, "--interval", "10m", "--json"]
    run([*ask, "--from", "store", str(tmp_path / "samples.db")])
    told = json.loads(capsys.readouterr().out)
    assert any("are thinned" in warning for warning in told["warnings"])


async def test_beside_a_prometheus_the_query_api_shows_what_rules_record(house_of: Furnisher) -> None:  # noqa: F811
    house = await house_of("calm", language="en")
    theirs, recorded = SampleStore(None), SampleStore(None)
    theirs.append_sync(Scrape("t", END, (UP,), np.array([7.0])))
    ours = Labels(__name__="job:requests:sum", job="api")
    recorded.record_sync("rules:a", END, (ours,), np.array([9.0]))
    house.control.store, house.control.source, house.control.recorded = None, Remote(theirs), recorded
    house.control.queries = None
    house.app = create_app(house.control)
    program = await house.program("viewer")
    asked = {"query": '{job="api"} or vector(1)', "time": END / 1000}
    told = (await program.get("/prometheus/api/v1/query", params=asked)).json()
    found = {one["metric"].get("__name__"): one["value"][1] for one in told["data"]["result"]}
    assert found == {"http_requests_total": "7", "job:requests:sum": "9", None: "1"}
    assert told["infos"] == ["its answer may be partial"]
    theirs.close()


class Remote:
    """A Prometheus with something to say."""

    def __init__(self, store: SampleStore) -> None:
        self.fetch = store.fetch

    def notes(self, selections: object) -> tuple[str, ...]:
        return ("its answer may be partial",)


async def test_names_beside_a_prometheus_are_those_of_both() -> None:
    theirs, recorded = SampleStore(None), SampleStore(None)
    theirs.append_sync(Scrape("t", END, (UP,), np.array([7.0])))
    recorded.record_sync("rules:a", END, (Labels(__name__="job:requests:sum", dc="x"),), np.array([9.0]))
    both = BothNames(StoreNames(theirs), StoreNames(recorded))
    assert await both.label_values("__name__", (), 0, END + 1) == ["http_requests_total", "job:requests:sum"]
    assert await both.label_names((), 0, END + 1) == ["__name__", "dc", "instance", "job", "status"]
    assert len(await both.series((), 0, END + 1)) == 2
    theirs.close()
    recorded.close()


def test_a_backtest_over_thinned_time_counts_what_one_over_all_samples_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reliability").mkdir()
    (tmp_path / "reliability" / "shop.yaml").write_text(SHOP + PEOPLE)
    monkeypatch.chdir(tmp_path)
    day, end = timedelta(days=1), MONDAY + timedelta(hours=12)
    world = World(MONDAY - 4 * day, end, during((MONDAY - 3 * day, timedelta(minutes=45), 0.6)), per_scrape=1000)
    told = []
    for name, kept in (("full", 365 * day), ("thin", day)):
        store = SampleStore(tmp_path / f"{name}.db", retention=kept)
        store.backfill_sync(world.series)
        for _ in range(2):
            store.maintain_sync(end)
        store.close()
        run([
            "backtest", "--since", "3d", "--until", end.isoformat().replace("+00:00", "Z"), "--interval", "5m", "--json",
            "--from", "store", str(tmp_path / f"{name}.db"),
        ])  # fmt: skip
        told.append(json.loads(capsys.readouterr().out))
    full, thin = told
    assert full["cases"][0]["promises"]
    assert not full["warnings"]
    assert thin["warnings"]
    for whole, part in zip(full["cases"][0]["promises"], thin["cases"][0]["promises"], strict=True):
        assert (part["total"], part["bad"]) == (whole["total"], whole["bad"])
        assert abs(float(part["coverage"]) - float(whole["coverage"])) < 0.01
