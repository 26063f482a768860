"""A month is brought from a Prometheus that has good days and bad ones; a run that is cut off goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import cramjam
import httpx
import numpy as np
import pytest
from tests.samples.prompb import v1

from sereno.adapters.samples.download import SETTLE_MS, Downloaded, Progress, download
from sereno.adapters.samples.prometheus_api import PrometheusApi
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, STALE_BITS, Matcher, Selection

T0 = 1_790_000_000_000
HOUR = 3_600_000
NOW = T0 + 100 * HOUR
LABELS = {"__name__": "m", "job": "a"}
ALL = (Matcher("__name__", "=", "m"),)


@dataclass
class Server:
    """A Prometheus with one series, a sample a minute; `mood` may answer in its stead. `asked` are (after, until]."""

    times: Any
    values: Any
    speaks_read: bool = True
    samples_max: int = 1 << 60
    now_ms: int = NOW
    warnings: list[str] = field(default_factory=list)
    mood: Callable[[int, int, int], httpx.Response | None] = lambda number, after, until: None
    asked: list[tuple[int, int]] = field(default_factory=list)
    status: dict[str, dict[str, str]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        if "/status/" in request.url.path:
            known = self.status.get(request.url.path.rpartition("/")[2])
            return httpx.Response(200, json={"status": "success", "data": known}) if known else httpx.Response(404)
        answer = self._read(request) if request.url.path.endswith("/read") else self._query(request)
        answer.headers["date"] = formatdate(self.now_ms / 1000, usegmt=True)
        return answer

    def _range(self, after: int, until: int) -> tuple[Any, Any] | httpx.Response:
        self.asked.append((after, until))
        moody = self.mood(len(self.asked), after, until)
        if moody is not None:
            return moody
        inside = (self.times > after) & (self.times <= until)
        if inside.sum() > self.samples_max:
            return httpx.Response(400, text="exceeded sample limit (5)")
        return self.times[inside], self.values[inside]

    def _read(self, request: httpx.Request) -> httpx.Response:
        if not self.speaks_read:
            return httpx.Response(404, text="404 page not found")
        assert request.headers["content-encoding"] == "snappy"
        asked = v1["ReadRequest"].FromString(bytes(cramjam.snappy.decompress_raw(request.content)))
        (query,) = asked.queries
        assert [(m.type, m.name, m.value) for m in query.matchers] == [(0, "__name__", "m")]
        found = self._range(query.start_timestamp_ms - 1, query.end_timestamp_ms)
        if isinstance(found, httpx.Response):
            return found
        series = v1["TimeSeries"](
            labels=[v1["Label"](name=n, value=v) for n, v in LABELS.items()],
            samples=[
                v1["Sample"](timestamp=t, value=v) for t, v in zip(found[0].tolist(), found[1].tolist(), strict=True)
            ],
        )
        answer = v1["ReadResponse"](results=[v1["QueryResult"](timeseries=[series] if len(found[0]) else [])])
        return httpx.Response(200, content=bytes(cramjam.snappy.compress_raw(answer.SerializeToString())))

    def _query(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        until = round(float(form["time"][0]) * 1000)
        span = int(form["query"][0].removeprefix("m[").removesuffix("ms]"))
        found = self._range(until - span, until)
        if isinstance(found, httpx.Response):
            return found
        values = [[t / 1000, repr(v)] for t, v in zip(found[0].tolist(), found[1].tolist(), strict=True) if v == v]
        result = [{"metric": LABELS, "values": values}] if values else []
        data = {"resultType": "matrix", "result": result}
        return httpx.Response(200, json={"status": "success", "data": data, "warnings": self.warnings})


def server(hours: int = 48, **more: Any) -> Server:
    times = T0 + 60_000 * np.arange(hours * 60, dtype=np.int64)
    return Server(times, np.arange(hours * 60, dtype=np.float64) * 1.5, **more)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SampleStore]:
    opened = SampleStore(tmp_path / "history.db", retention=timedelta(days=36_500))
    yield opened
    opened.close()


async def bring(peer: Server, store: SampleStore, hours: int = 48, **more: Any) -> Downloaded:
    async def sleep(seconds: float) -> None:
        peer.waits.append(seconds)

    async with httpx.AsyncClient(transport=httpx.MockTransport(peer.handle)) as http:
        api = PrometheusApi("http://prometheus:9090", http, allowed=lambda url: True, sleep=sleep)
        span = Selection(ALL, T0, T0 + hours * HOUR - 1)
        return await download(api, store, [span], sleep=sleep, **more)


def kept(store: SampleStore) -> tuple[list[int], list[float]]:
    columns = store.select(Selection(ALL, -(1 << 60), 1 << 60))
    assert set(columns.labels) <= {Labels(LABELS)}
    return columns.times.tolist(), columns.values.tolist()


async def test_two_days_come_whole_and_a_second_run_asks_for_nothing(store: SampleStore) -> None:
    peer, seen = server(), list[Progress]()
    done = await bring(peer, store, progress=seen.append)
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())
    assert (done.samples, done.written.stored, done.exact, done.warnings) == (2880, 2880, True, ())
    assert (seen[-1].done_ms, seen[-1].total_ms) == (48 * HOUR, 48 * HOUR)
    assert [p.done_ms for p in seen] == sorted(p.done_ms for p in seen)
    asked = len(peer.asked)
    again = await bring(peer, store)
    assert (len(peer.asked), again.requests, again.known_ms) == (asked, 0, 48 * HOUR)


async def test_parts_join_without_a_sample_twice_or_missing(store: SampleStore) -> None:
    peer = server()
    await bring(peer, store)
    ends = [T0 - 1, *(until for _, until in peer.asked)]
    assert [after for after, _ in peer.asked] == ends[:-1]


async def test_staleness_markers_come_along_by_remote_read(store: SampleStore) -> None:
    peer = server()
    peer.values[100] = STALE
    await bring(peer, store)
    columns = store.select(Selection(ALL, T0, NOW))
    assert int(columns.values[100].view(np.uint64)) == STALE_BITS


async def test_without_remote_read_the_query_api_will_do_and_it_is_said(store: SampleStore) -> None:
    peer = server(speaks_read=False)
    done = await bring(peer, store)
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())
    assert not done.exact
    assert any("staleness markers" in warning for warning in done.warnings)


@pytest.mark.parametrize("speaks_read", [True, False])
async def test_killed_in_the_middle_it_goes_on_and_finished_parts_are_not_asked_for_again(
    store: SampleStore, speaks_read: bool
) -> None:
    peer = server(speaks_read=speaks_read)
    parts = 0

    def stop(progress: Progress) -> None:
        nonlocal parts
        parts += 1
        if parts == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await bring(peer, store, progress=stop)
    finished = peer.asked[-1][1]
    peer.asked.clear()
    done = await bring(peer, store)
    assert all(after >= finished for after, _ in peer.asked)
    assert done.known_ms == finished - T0 + 1
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())


async def test_killed_between_keeping_and_noting_nothing_is_kept_twice(
    store: SampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = server()
    with monkeypatch.context() as patch:
        patch.setattr(
            "sereno.adapters.samples.progress.Finished.add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            await bring(peer, store)
    done = await bring(peer, store)
    assert done.written.duplicates > 0
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())


TROUBLES: dict[str, Callable[[], httpx.Response]] = {
    "503": lambda: httpx.Response(503, text="busy"),
    "422": lambda: httpx.Response(
        422, json={"status": "error", "error": "query processing would load too many samples"}
    ),
    "cut-off JSON": lambda: httpx.Response(
        200, text='{"status":"success","data":{"resultType":"matrix","result":[{"met'
    ),
    "a web page": lambda: httpx.Response(200, text="<html>sign in</html>"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_part_that_fails_is_halved_until_it_works(store: SampleStore, trouble: str) -> None:
    def mood(number: int, after: int, until: int) -> httpx.Response | None:
        return TROUBLES[trouble]() if until - after > 2 * HOUR else None

    peer = server(hours=12, speaks_read=False, mood=mood)
    done = await bring(peer, store, hours=12)
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())
    assert done.halved > 0


async def test_a_timeout_halves_too(store: SampleStore) -> None:
    def mood(number: int, after: int, until: int) -> httpx.Response | None:
        if until - after > 2 * HOUR:
            raise httpx.ReadTimeout("too slow")
        return None

    peer = server(hours=12, mood=mood)
    done = await bring(peer, store, hours=12)
    assert (done.halved > 0, kept(store)[0]) == (True, peer.times.tolist())


async def test_more_samples_than_the_server_reads_at_once(store: SampleStore) -> None:
    peer = server(hours=12, samples_max=100)
    await bring(peer, store, hours=12)
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())


async def test_a_server_that_never_answers_ends_it_and_what_came_stays(store: SampleStore) -> None:
    peer = server(hours=48, mood=lambda n, after, until: httpx.Response(500) if until > T0 + 20 * HOUR else None)
    with pytest.raises(Unavailable):
        await bring(peer, store)
    assert len(kept(store)[0]) >= 19 * 60
    peer.mood = lambda number, after, until: None
    done = await bring(peer, store)
    assert done.known_ms >= 19 * HOUR
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())


@pytest.mark.parametrize("speaks_read", [True, False])
async def test_a_refused_selector_ends_it_soon(store: SampleStore, speaks_read: bool) -> None:
    refusal = httpx.Response(400, json={"status": "error", "error": "invalid matcher"})
    peer = server(speaks_read=speaks_read, mood=lambda *_: refusal)
    with pytest.raises(QueryError, match="invalid matcher"):
        await bring(peer, store)
    assert len(peer.asked) < 8


async def test_a_minute_that_is_too_much(store: SampleStore) -> None:
    with pytest.raises(QueryLimit, match="one minute of m"):
        await bring(server(samples_max=0), store)


async def test_a_token_that_is_refused(store: SampleStore) -> None:
    peer = server(speaks_read=False, mood=lambda *_: httpx.Response(401))
    with pytest.raises(Unavailable, match="refuses us"):
        await bring(peer, store)
    assert len(peer.asked) < 40


async def test_a_partial_answer_is_flagged_and_asked_for_again_next_time(store: SampleStore) -> None:
    peer = server(speaks_read=False, warnings=["a store did not answer: partial response"])
    done = await bring(peer, store)
    assert "a store did not answer: partial response" in done.warnings
    peer.warnings = []
    again = await bring(peer, store)
    assert again.known_ms == 0
    assert kept(store) == (peer.times.tolist(), peer.values.tolist())


async def test_what_is_still_happening_there_is_asked_for_again(store: SampleStore) -> None:
    """By the server's own clock, whatever ours says."""
    peer = server(now_ms=T0 + 24 * HOUR)
    await bring(peer, store)
    peer.now_ms = NOW
    done = await bring(peer, store)
    assert done.known_ms == 24 * HOUR - SETTLE_MS + 1
    assert kept(store)[0] == peer.times.tolist()


async def test_it_pauses_between_requests_when_asked_to(store: SampleStore) -> None:
    peer = server()
    done = await bring(peer, store, pause_seconds=0.5)
    assert peer.waits == [0.5] * len(peer.asked)  # before the first too: the version was asked for
    assert done.requests == len(peer.asked) + 1


@pytest.mark.parametrize(("version", "left_out"), [("2.42.0", True), ("2.45.0", False), ("3.5.0", False)])
async def test_old_servers_hide_native_histograms_and_it_is_said(
    store: SampleStore, version: str, left_out: bool
) -> None:
    peer = server(status={"buildinfo": {"version": version}, "flags": {"enable-feature": "native-histograms"}})
    done = await bring(peer, store)
    assert any("native histograms" in warning for warning in done.warnings) is left_out


async def test_two_servers_do_not_pass_for_one_another(store: SampleStore) -> None:
    await bring(server(), store, source="download eu")
    done = await bring(server(), store, source="download us")
    assert (done.known_ms, done.written.duplicates) == (0, 2880)


async def test_a_junk_answer_to_remote_read_falls_back(store: SampleStore) -> None:
    peer = server()
    original = peer._read
    peer._read = lambda request: httpx.Response(200, content=b"<html>", headers={"date": "never"})  # type: ignore[method-assign]
    done = await bring(peer, store)
    assert not done.exact
    assert kept(store)[0] == peer.times.tolist()
    assert original is not None


async def test_a_day_with_nothing_is_finished_too(store: SampleStore) -> None:
    peer = server(hours=0)
    done = await bring(peer, store)
    assert done.samples == 0
    assert (await bring(peer, store)).requests == 0
    assert json.dumps(kept(store)) == "[[], []]"
