"""The query API as programs use it: shapes, mistakes, limits, who may."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from tests.http.conftest import SAME, Furnisher, House
from tests.http.shop import NOW

from sereno.adapters.samples.source import Metadata, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.app.http import create_app
from sereno.app.rule_groups import GroupState, RuleState
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import STALE, Buckets, Histogram, Result, evaluate
from sereno.spec.rule_groups import GroupRule

API = "/prometheus/api/v1"
AT = to_ms(NOW) // 1000
END = AT * 1000


def series() -> list[tuple[Labels, Any, Any]]:
    """Two hours every fifteen seconds: counters of two instances, a gauge that ends, one with odd values."""
    times = np.arange(END - 7_200_000, END + 1, 15_000, dtype=np.int64)
    count = np.arange(len(times), dtype=np.float64)
    odd = np.resize(np.array([np.nan, np.inf, -np.inf, 1e21, 1e-7, 0.1, -0.0, 1e15, 123456789.5]), len(times))
    ended = np.where(times > END - 600_000, STALE, 3.5)
    return [
        (Labels(__name__="requests_total", job="api", instance="a", code="200"), times, count * 10),
        (Labels(__name__="requests_total", job="api", instance="b", code="500"), times, count),
        (Labels(__name__="temperature", job="api", instance="a"), times, 20 + np.sin(count / 20)),
        (Labels(__name__="odd", job='he said "no"\n'), times, odd),
        (Labels(__name__="ended", job="api"), times, ended),
    ]


@pytest.fixture
async def shop(house_of: Furnisher) -> AsyncIterator[House]:
    """A house whose samples lie in the embedded store."""
    house = await house_of("calm", language="en", query_timeout="20s", query_samples=2_000_000, query_series=100)
    store = SampleStore(None)
    store.backfill_sync(series())
    house.control.store = house.control.source = store
    house.control.queries = None
    house.app = create_app(house.control)
    yield house
    store.close()


@pytest.fixture
async def program(shop: House) -> httpx.AsyncClient:
    return await shop.program("viewer")


async def ask(program: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await program.get(f"{API}/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["status"] == "success"
    return told["data"]


# -- what is answered ---------------------------------------------------------------------------------------


async def test_a_number_at_an_instant(program: httpx.AsyncClient) -> None:
    assert await ask(program, "query", query="1+1", time="1.5") == {"resultType": "scalar", "result": [1.5, "2"]}
    assert await ask(program, "query", query='"hello"', time="4") == {"resultType": "string", "result": [4, "hello"]}


async def test_a_vector_at_an_instant(program: httpx.AsyncClient) -> None:
    found = await ask(program, "query", query='sum by (code) (requests_total{job="api"})', time=AT)
    assert found["resultType"] == "vector"
    assert sorted(found["result"], key=str) == [
        {"metric": {"code": "200"}, "value": [AT, "4800"]},
        {"metric": {"code": "500"}, "value": [AT, "480"]},
    ]


async def test_without_a_time_it_is_now(program: httpx.AsyncClient) -> None:
    found = await ask(program, "query", query="time()")
    assert found["result"] == [pytest.approx(NOW.timestamp(), abs=1e-3), str(int(NOW.timestamp()))]


async def test_a_range(program: httpx.AsyncClient) -> None:
    found = await ask(program, "query_range", query="requests_total", start=AT - 60, end=AT, step="30s")
    assert found["resultType"] == "matrix"
    assert [row["metric"]["instance"] for row in found["result"]] == ["a", "b"]  # in the order of their labels
    assert found["result"][1]["values"] == [[AT - 60, "476"], [AT - 30, "478"], [AT, "480"]]
    scalar = await ask(program, "query_range", query="42", start=AT - 30, end=AT, step="15")
    assert scalar["result"] == [{"metric": {}, "values": [[AT - 30, "42"], [AT - 15, "42"], [AT, "42"]]}]


async def test_samples_as_they_are(program: httpx.AsyncClient) -> None:
    found = await ask(program, "query", query='requests_total{instance="b"}[45s]', time=AT)
    assert found["resultType"] == "matrix"
    assert found["result"][0]["values"] == [[AT - 30, "478"], [AT - 15, "479"], [AT, "480"]]
    ended = await ask(program, "query", query="ended[12m]", time=AT)
    assert ended["result"][0]["values"][-1] == [AT - 607 + 7, "3.5"]  # no marker of staleness is shown
    assert await ask(program, "query", query="ended[5m]", time=AT) == {"resultType": "matrix", "result": []}
    moved = await ask(program, "query", query=f'requests_total{{instance="b"}}[30s] @ {AT - 60} offset 30s', time=AT)
    assert moved["result"][0]["values"] == [[AT - 105, "473"], [AT - 90, "474"]]


async def test_the_steps_of_a_subquery(program: httpx.AsyncClient) -> None:
    at = AT - AT % 60
    found = await ask(program, "query", query='(2 * requests_total{instance="b"})[3m:1m]', time=at)
    assert [point[0] for point in found["result"][0]["values"]] == [at - 120, at - 60, at]
    assert found["result"][0]["metric"] == {"job": "api", "instance": "b", "code": "500"}


async def test_odd_numbers_travel_as_go_writes_them(program: httpx.AsyncClient) -> None:
    found = await ask(program, "query", query="odd[135s]", time=AT)
    texts = {value for _, value in found["result"][0]["values"]}
    assert texts == {"NaN", "+Inf", "-Inf", "1e+21", "1e-07", "0.1", "-0", "1000000000000000", "123456789.5"}
    assert found["result"][0]["metric"]["job"] == 'he said "no"\n'


async def test_a_form_asks_like_an_address_and_what_is_unknown_is_passed_over(program: httpx.AsyncClient) -> None:
    form = {"query": "vector(1)", "time": "2015-07-01T20:10:51.781Z", "stats": "all", "dedup": "true", "nonce": "7"}
    answer = await program.post(f"{API}/query", data=form)
    assert answer.json()["data"]["result"] == [{"metric": {}, "value": [1435781451.781, "1"]}]


async def test_the_lookback_is_the_callers_to_choose(program: httpx.AsyncClient) -> None:
    late = {"query": "temperature", "time": AT + 400}
    assert (await ask(program, "query", **late))["result"] == []
    assert len((await ask(program, "query", lookback_delta="10m", **late))["result"]) == 1


async def test_a_limit_is_told(program: httpx.AsyncClient) -> None:
    for path, more in (("query", {"time": AT}), ("query_range", {"start": AT, "end": AT, "step": 1})):
        answer = await program.get(f"{API}/{path}", params={"query": "requests_total", "limit": 1, **more})
        assert len(answer.json()["data"]["result"]) == 1
        assert answer.json()["warnings"] == ["results truncated due to limit"]
    answer = await program.get(f"{API}/labels", params={"limit": 2})
    assert answer.json() == {
        "status": "success", "data": ["__name__", "code"], "warnings": ["results truncated due to limit"],
    }  # fmt: skip


async def test_warnings_of_the_evaluation_are_passed_on(
    program: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sereno.app.http.prometheus_run as run

    def warned(*args: Any, **options: Any) -> Result:
        return replace(evaluate(*args, **options), warnings=("mind the gap",), infos=("is it a counter?",))

    monkeypatch.setattr(run, "evaluate", warned)
    answer = (await program.get(f"{API}/query", params={"query": "temperature", "time": AT})).json()
    assert (answer["warnings"], answer["infos"]) == (["mind the gap"], ["is it a counter?"])


async def test_native_histograms_travel_as_objects(shop: House, program: httpx.AsyncClient) -> None:
    held = [
        Histogram(0, 3.0 * n, 4.5 * n, 0.001, 0.0, Buckets(np.array([1, 2]), np.array([1.0 * n, 2.0 * n])))
        for n in (1, 2)
    ]
    times = np.array([END - 15_000, END], dtype=np.int64)
    one = SeriesSamples(Labels(__name__="latency", job="api"), times, np.zeros(2), np.array(held, dtype=object))
    assert shop.control.store is not None
    shop.control.store.write_sync([one], "test")
    metric = {"__name__": "latency", "job": "api"}
    told = [
        {"count": f"{3 * n}", "sum": text, "buckets": [[0, "1", "2", f"{n}"], [0, "2", "4", f"{2 * n}"]]}
        for n, text in ((1, "4.5"), (2, "9"))
    ]
    now = await ask(program, "query", query="latency", time=AT)
    assert now["result"] == [{"metric": metric, "histogram": [AT, told[1]]}]
    raw = await ask(program, "query", query="latency[1m]", time=AT)
    assert raw["result"] == [{"metric": metric, "histograms": [[AT - 15, told[0]], [AT, told[1]]]}]
    ranged = await ask(program, "query_range", query="latency", start=AT - 30, end=AT, step=15)
    assert ranged["result"] == [{"metric": metric, "histograms": [[AT - 15, told[0]], [AT, told[1]]]}]
    mixed = await ask(program, "query", query='sum by (job) ({__name__=~"latency|requests_total"} and on () vector(0))')
    assert mixed["result"] == []
    count = await ask(program, "query", query="histogram_count(latency)", time=AT)
    assert count["result"][0]["value"] == [AT, "6"]


# -- names --------------------------------------------------------------------------------------------------


async def test_series_labels_and_values(program: httpx.AsyncClient) -> None:
    assert await ask(program, "labels") == ["__name__", "code", "instance", "job"]
    assert await ask(program, "labels", **{"match[]": "ended"}) == ["__name__", "job"]
    assert await ask(program, "label/__name__/values") == ["ended", "odd", "requests_total", "temperature"]
    assert await ask(program, "label/instance/values", **{"match[]": 'requests_total{code="500"}'}) == ["b"]
    assert await ask(program, "label/nothing/values") == []
    found = await ask(program, "series", **{"match[]": ["ended", '{job="api",code!=""}']})
    assert {row["__name__"] for row in found} == {"ended", "requests_total"}
    assert len(found) == 3


async def test_what_metrics_mean(shop: House, program: httpx.AsyncClient) -> None:
    assert shop.control.store is not None
    shop.control.store.note_metadata_sync({"odd": Metadata("gauge", "Odd numbers.", ""), "up": Metadata("gauge")})
    assert (await ask(program, "metadata"))["odd"] == [{"type": "gauge", "help": "Odd numbers.", "unit": ""}]
    assert list(await ask(program, "metadata", metric="up")) == ["up"]
    assert len(await ask(program, "metadata", limit=1)) == 1
    assert await ask(program, "metadata", limit=0) == {}
    targets = await ask(program, "targets/metadata", metric="odd", limit=2)
    assert [set(row) for row in targets] == [{"target", "type", "help", "unit"}] * 2
    assert await ask(program, "targets/metadata", match_target='{job="nobody"}') == []


async def test_series_that_ended_before_are_left_out(program: httpx.AsyncClient) -> None:
    day = 86_400
    assert await ask(program, "label/__name__/values", start=AT + 2 * day, end=AT + 3 * day) == []
    assert await ask(program, "series", **{"match[]": "odd", "end": AT - 3 * day}) == []


async def test_questions_about_names_may_be_forms_too(program: httpx.AsyncClient) -> None:
    body = "match[]=ended&match[]=odd&start=0"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert len((await program.post(f"{API}/series", content=body, headers=kind)).json()["data"]) == 2
    assert (await program.post(f"{API}/labels", content=body, headers=kind)).json()["data"] == ["__name__", "job"]


# -- texts --------------------------------------------------------------------------------------------------


async def test_an_expression_is_laid_out(program: httpx.AsyncClient) -> None:
    assert await ask(program, "format_query", query="sum(rate(a{b='c'}[90s]))by(d)>bool 1") == (
        'sum by (d) (rate(a{b="c"}[1m30s])) > bool 1'
    )


async def test_an_expression_is_told_as_a_tree(program: httpx.AsyncClient) -> None:
    found = await ask(program, "parse_query", query="-a{b!='c'} offset 5m")
    assert (found["type"], found["op"]) == ("unaryExpr", "-")
    assert found["expr"]["matchers"][-1]["type"] in ("=", "!=")
    assert (found["expr"]["name"], found["expr"]["offset"]) == ("a", 300_000)


# -- mistakes -----------------------------------------------------------------------------------------------

RANGE = {"start": AT - 60, "end": AT, "step": 15}
WRONG: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("query", {"query": "sum("}, 400, "bad_data", 'invalid parameter "query": 1:5: parse error:'),
    ("query", {"query": "a\n +* b"}, 400, "bad_data", 'invalid parameter "query": 2:3: parse error:'),
    ("query", {}, 400, "bad_data", 'invalid parameter "query"'),
    ("query", {"query": "1", "time": "never"}, 400, "bad_data", 'invalid parameter "time": cannot parse "never"'),
    ("query", {"query": "1", "time": "NaN"}, 400, "bad_data", "time"),
    ("query", {"query": "1", "time": "1e300"}, 400, "bad_data", "time"),
    ("query", {"query": "1", "time": "2026-13-01T00:00:00Z"}, 400, "bad_data", "time"),
    ("query", {"query": "1", "timeout": "soon"}, 400, "bad_data", "timeout"),
    ("query", {"query": "1", "limit": "-1"}, 400, "bad_data", "limit must be non-negative"),
    ("query", {"query": "1", "limit": "9" * 400}, 400, "bad_data", "limit"),
    ("query", {"query": "1", "lookback_delta": "x"}, 400, "bad_data", "lookback_delta"),
    ("query", {"query": "requests_total * on (job) requests_total", "time": AT}, 422, "execution", "duplicate"),
    ("query", {"query": "{__name__=~'.*'}"}, 400, "bad_data", "parse error"),
    ("query_range", {**RANGE, "query": "a[5m]"}, 400, "bad_data", 'invalid expression type "range vector"'),
    ("query_range", {**RANGE, "query": "'x'"}, 400, "bad_data", 'invalid expression type "string"'),
    ("query_range", {**RANGE, "query": "1", "end": AT - 61}, 400, "bad_data", "must not be before start"),
    ("query_range", {**RANGE, "query": "1", "step": 0}, 400, "bad_data", "zero or negative"),
    ("query_range", {**RANGE, "query": "1", "step": -5}, 400, "bad_data", "zero or negative"),
    ("query_range", {**RANGE, "query": "1", "step": "NaN"}, 400, "bad_data", "step"),
    ("query_range", {**RANGE, "query": "1", "step": "1e300"}, 400, "bad_data", "step"),
    ("query_range", {**RANGE, "query": "1", "start": 0, "step": 1}, 400, "bad_data", "11,000 points"),
    ("query_range", {"query": "1"}, 400, "bad_data", 'invalid parameter "start"'),
    ("series", {}, 400, "bad_data", "no match[] parameter provided"),
    ("series", {"match[]": "{"}, 400, "bad_data", "match[]"),
    ("series", {"match[]": '{job=~".*"}'}, 400, "bad_data", "at least one non-empty matcher"),
    ("labels", {"match[]": "rate(a[5m])"}, 400, "bad_data", "match[]"),
    ("labels", {"start": "yesterday"}, 400, "bad_data", "start"),
    ("label/a%00b/values", {}, 400, "bad_data", "invalid label name"),
    ("metadata", {"limit": "many"}, 400, "bad_data", "limit must be a number"),
    ("rules", {"type": "sometimes"}, 400, "bad_data", "type"),
    ("format_query", {"query": "a +"}, 400, "bad_data", "1:4: parse error"),
    ("parse_query", {"query": ")"}, 400, "bad_data", "1:1: parse error"),
    ("query_exemplars", {"query": ")"}, 400, "bad_data", "1:1: parse error"),
    ("status/tsdb", {"limit": 0}, 400, "bad_data", "limit"),
    ("nothing", {}, 404, "not_found", "Not Found"),
]


async def test_mistakes_are_told_as_prometheus_tells_them(program: httpx.AsyncClient) -> None:
    wrong = []
    for path, parameters, status, kind, said in WRONG:
        answer = await program.get(f"{API}/{path}", params=parameters)
        told = answer.json()
        right = answer.status_code == status and (told["status"], told["errorType"]) == ("error", kind)
        if not right or said not in told["error"] or set(told) != {"status", "errorType", "error"}:
            wrong.append((path, parameters, answer.status_code, answer.text))
    assert wrong == []


# -- what is too much ---------------------------------------------------------------------------------------


async def test_hostile_questions_end_soon_and_kindly(program: httpx.AsyncClient) -> None:
    began = time.monotonic()
    for query in (
        "(" * 10_000, "1" + "+1" * 49_000, "-" * 50_000 + "1", "sum(" * 400 + "a" + ")" * 400, "a" * 99_000,
        'a{b=~"' + "(a+)+" * 2000 + '$"}', 'a{b=~"(((((a{0,1000}){0,1000}){0,1000}))))"}', "\x00", "\ud800", "é" * 500,
    ):  # fmt: skip
        answer = await program.post(f"{API}/query", data={"query": query.encode("utf-8", "replace")})
        assert answer.status_code in (200, 400, 422), query[:20]
        if answer.status_code != 200:
            assert len(answer.json()["error"]) < 2_000
    assert time.monotonic() - began < 20


async def test_a_megabyte_is_refused_before_it_is_read(program: httpx.AsyncClient) -> None:
    answer = await program.post(f"{API}/query", data={"query": "a" * 1_000_001})
    assert (answer.status_code, answer.json()["errorType"]) == (413, "bad_data")
    answer = await program.post(f"{API}/query", data={"query": "a" * 500_000})
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
    assert "more than 100,000" in answer.json()["error"]


async def test_a_flood_of_selectors_is_refused(program: httpx.AsyncClient) -> None:
    answer = await program.post(f"{API}/series", data={"match[]": ["a"] * 5_000})
    assert (answer.status_code, answer.json()["error"]) == (400, "more than 2000 parameters")


async def test_a_regex_that_would_explode_is_matched_in_a_moment(program: httpx.AsyncClient) -> None:
    began = time.monotonic()
    found = await ask(program, "series", **{"match[]": '{job=~"(a|aa|api)+(p|pi)*i$|(a*)*b"}'})
    assert len(found) == 4
    assert time.monotonic() - began < 5


async def test_limits_say_which_and_how_to_raise_them(shop: House, program: httpx.AsyncClient) -> None:
    times = np.arange(END - 60_000, END + 1, 15_000, dtype=np.int64)
    assert shop.control.store is not None
    shop.control.store.backfill_sync(
        [(Labels(__name__="many", n=str(n)), times, np.ones(len(times))) for n in range(101)], "more"
    )
    answer = await program.get(f"{API}/query", params={"query": "many", "time": AT})
    assert (answer.status_code, answer.json()["errorType"]) == (422, "execution")
    assert "query_series = 100" in answer.json()["error"]
    wide = {"query": "sum_over_time(vector(1)[20y:1s])", "time": AT}
    answer = await program.get(f"{API}/query", params=wide)
    assert answer.status_code == 422
    assert "query_steps = 250,000" in answer.json()["error"]


async def test_who_waits_too_long_hears_so(shop: House, program: httpx.AsyncClient) -> None:
    gate = asyncio.Event()
    store = shop.control.source

    class Slow:
        async def fetch(self, selections: Any) -> Any:
            await gate.wait()
            return await store.fetch(selections)

    assert shop.control.queries is not None
    shop.control.queries._source = Slow()  # type: ignore[assignment]
    question = {"query": "temperature", "time": AT, "timeout": "100ms"}
    answer = await program.get(f"{API}/query", params=question)
    assert (answer.status_code, answer.json()["errorType"]) == (503, "timeout")
    assert "timed out" in answer.json()["error"]
    # Both places are taken by work that has not noticed yet; it gives them back when it does.
    again = await program.get(f"{API}/query", params=question)
    assert again.status_code == 503
    gate.set()
    assert len((await ask(program, "query", query="temperature", time=AT))["result"]) == 1
    assert shop.control.queries.left == set()


async def test_a_line_that_is_too_long_turns_people_away(
    shop: House, program: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sereno.app.http.prometheus_run as run

    monkeypatch.setattr(run, "WAITING_MAX", 1)
    engine = shop.control.queries
    assert engine is not None
    for _ in range(shop.control.settings.query_concurrency):
        await engine.gate.acquire()
    waiting = asyncio.create_task(program.get(f"{API}/query", params={"query": "1"}))
    while engine.waiting < 1:
        await asyncio.sleep(0.01)
    away = await program.get(f"{API}/query", params={"query": "1"})
    assert (away.status_code, away.json()["errorType"]) == (503, "unavailable")
    assert int(away.headers["retry-after"]) > 0
    engine.gate.release()
    assert (await waiting).status_code == 200


async def test_when_the_client_has_gone_the_work_stops(shop: House) -> None:
    from sereno.app.http.prometheus_params import ApiError
    from sereno.app.http.prometheus_run import Question
    from sereno.promql import Grid

    engine, gone = shop.control.queries, asyncio.Event()
    assert engine is not None
    asked: list[Any] = []

    class Slow:
        async def fetch(self, selections: Any) -> Any:
            asked.append(selections)
            gone.set()
            await asyncio.sleep(0.01)
            return await shop.control.source.fetch(selections)

    engine._source = Slow()  # type: ignore[assignment]
    with pytest.raises(ApiError, match="the client has gone"):
        await engine.ask(
            Question("sum_over_time(temperature[300d])", Grid.at(END), True, 10), lambda found: 1, gone.wait
        )
    for _ in range(100):
        if not engine.left:
            break
        await asyncio.sleep(0.01)
    assert engine.left == set()
    assert len(asked) <= 2  # of some dozens of pieces


async def test_a_client_that_hangs_up_is_noticed(shop: House, program: httpx.AsyncClient) -> None:
    """As the server tells it: the request, then that the connection is gone."""
    asked: list[Any] = []

    class Slow:
        async def fetch(self, selections: Any) -> Any:
            asked.append(selections)
            await asyncio.sleep(0.02)
            return await shop.control.source.fetch(selections)

    assert shop.control.queries is not None
    shop.control.queries._source = Slow()  # type: ignore[assignment]
    said: list[Any] = []
    messages = [{"type": "http.request", "body": b"query=max_over_time(temperature[300d])", "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(0.03)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    headers = {"authorization": program.headers["authorization"], "content-type": "application/x-www-form-urlencoded"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"{API}/query", "raw_path": f"{API}/query".encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 5), "server": ("sereno.test", 80), "state": {},
    }  # fmt: skip
    await shop.app(scope, receive, send)
    assert said[0]["status"] == 499
    while shop.control.queries.left:
        await asyncio.sleep(0.01)
    assert len(asked) <= 5  # of some dozens of pieces


@pytest.mark.parametrize("piece_ms", [15_000, 15_001, 7_200_001])
async def test_pieces_of_samples_are_whole_again(shop: House, monkeypatch: pytest.MonkeyPatch, piece_ms: int) -> None:
    from sereno.app.http import prometheus_run as run
    from sereno.promql import Matcher, Selection

    monkeypatch.setattr(run, "PIECE_MS", piece_ms)
    whole = Selection((Matcher("job", "!=", ""),), END - 7_200_000, END)
    store = shop.control.store
    assert store is not None
    straight = store.select(whole)
    pieces = run.joined(await run.gathered(store, whole, run.Limits(), run.Stop()))
    at_once = {labels: straight.series(row) for row, labels in enumerate(straight.labels)}
    assert set(pieces.labels) == set(at_once)
    for row, labels in enumerate(pieces.labels):
        times, values = pieces.series(row)
        assert (times == at_once[labels][0]).all()
        assert values.tobytes() == at_once[labels][1].tobytes()


async def test_an_evaluation_that_nobody_waits_for_ends_between_its_parts(shop: House) -> None:
    from sereno.app.http import prometheus_run as run

    stop = run.Stop()
    assert shop.control.queries is not None
    limits = shop.control.queries.limits(stop)
    store = shop.control.store
    assert store is not None
    deep = " + ".join(["max_over_time(temperature[1h])"] + [f"{n} * temperature" for n in range(50)])
    stop.raised = True
    with pytest.raises(run.Stopped):
        evaluate(deep, run.Grid(END - 3_600_000, END, 15_000), store.select, limits=limits)


# -- size ---------------------------------------------------------------------------------------------------


async def test_large_answers_are_compressed_for_those_who_read_that(program: httpx.AsyncClient) -> None:
    wide = {"query": "requests_total", "start": AT - 7200, "end": AT, "step": 15}
    plain = await program.get(f"{API}/query_range", params=wide, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = await program.send(
        program.build_request("GET", f"{API}/query_range", params=wide, headers={"accept-encoding": "gzip"}),
        stream=True,
    )
    raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert len(raw) < len(plain.content) / 3
    assert json.loads(gzip.decompress(raw)) == plain.json()
    refused = await program.get(f"{API}/query_range", params=wide, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


# -- who may ------------------------------------------------------------------------------------------------


async def test_a_token_may_come_as_a_password_as_grafana_sends_it(shop: House, program: httpx.AsyncClient) -> None:
    token = program.headers["authorization"].partition(" ")[2]
    basic = {"authorization": "Basic " + base64.b64encode(f"grafana:{token}".encode()).decode()}
    browser = await shop.visitor(headers=basic)
    assert (await browser.get(f"{API}/query", params={"query": "1"})).status_code == 200
    assert (await browser.post(f"{API}/query", data={"query": "1"})).status_code == 200
    # but nowhere else, and not when another site's page makes a browser send it
    assert (await browser.get("/api/v1/budgets")).status_code == 401
    away = {"origin": "http://evil.example"}
    assert (await browser.post(f"{API}/query", data={"query": "1"}, headers=away)).status_code == 403
    far = {"sec-fetch-site": "cross-site"}
    assert (await browser.post(f"{API}/query", data={"query": "1"}, headers=far)).status_code == 403
    wrong = {"authorization": "Basic " + base64.b64encode(b"grafana:sereno_api_wrong").decode()}
    assert (await browser.get(f"{API}/query", params={"query": "1"}, headers=wrong)).status_code == 401


async def test_nobody_is_told_anything_in_the_same_shape(shop: House) -> None:
    nobody = await shop.visitor()
    answer = await nobody.get(f"{API}/query", params={"query": "1"})
    assert (answer.status_code, answer.json()["errorType"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")  # a browser asked for Basic would remember it


async def test_a_session_asks_only_from_our_own_pages(shop: House) -> None:
    browser = await shop.visitor("viewer")
    assert (await browser.get(f"{API}/query", params={"query": "1"})).status_code == 200
    assert (await browser.post(f"{API}/query", data={"query": "1"}, headers=SAME)).status_code == 200
    assert (await browser.post(f"{API}/query", data={"query": "1"})).status_code == 403


# -- rules, alerts, targets, status -------------------------------------------------------------------------


async def test_rules_and_alerts_are_those_in_force(house: House) -> None:
    program = await house.program("viewer")
    groups = (await ask(program, "rules"))["groups"]
    assert sum(len(group["rules"]) for group in groups) == len(house.control.rules)
    for group in groups:
        assert set(group) >= {"name", "file", "rules", "interval", "limit", "evaluationTime", "lastEvaluation"}
        for rule in group["rules"]:
            assert set(rule) >= {"state", "name", "query", "duration", "labels", "annotations", "alerts", "health",
                                 "type", "evaluationTime", "lastEvaluation", "keepFiringFor"}  # fmt: skip
    alerts = (await ask(program, "alerts"))["alerts"]
    assert {alert["state"] for alert in alerts} <= {"pending", "firing"}
    assert alerts
    for alert in alerts:
        assert set(alert) >= {"labels", "annotations", "state", "activeAt", "value"}
        assert not math.isnan(float(alert["value"]))
        assert "e" in alert["value"]
    firing = {rule["name"] for group in groups for rule in group["rules"] if rule["state"] == "firing"}
    assert firing <= {alert["labels"]["alertname"] for alert in alerts}
    assert firing


async def test_a_rule_that_cannot_be_evaluated_says_so(house: House) -> None:
    one = house.control.rules[0]
    house.control.evaluation_error = f"{one.key}: it is too large; nobody/else: fails too"
    groups = (await ask(await house.program("viewer"), "rules"))["groups"]
    told = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert (told[one.name]["health"], told[one.name]["lastError"]) == ("err", "it is too large")
    assert {rule["health"] for name, rule in told.items() if name != one.name} == {"ok"}
    house.control.evaluation_error = house.control.evaluated_at = None
    groups = (await ask(await house.program("viewer"), "rules"))["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"unknown"}


async def test_rules_can_be_chosen(house: House) -> None:
    program = await house.program("viewer")
    one = house.control.rules[0]
    groups = (await ask(program, "rules", **{"rule_name[]": one.name}))["groups"]
    assert {rule["name"] for group in groups for rule in group["rules"]} == {one.name}
    assert (await ask(program, "rules", type="record"))["groups"] == []
    assert (await ask(program, "rules", **{"rule_group[]": "nobody"}))["groups"] == []
    bare = (await ask(program, "rules", exclude_alerts="true"))["groups"]
    assert all(rule["alerts"] == [] for group in bare for rule in group["rules"])
    chosen = (await ask(program, "rules", **{"match[]": f'{{service="{one.service}"}}'}))["groups"]
    assert [group["name"] for group in chosen] == [one.service]


async def test_groups_of_rule_files_stand_before_those_of_the_spec(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (
        RuleState(GroupRule("record", "job:errors:ratio", "vector(1)", labels=Labels(team="a")), health="ok"),
        RuleState(GroupRule("alert", "Slow", "up == 0", for_=timedelta(minutes=5)), "file/Slow", "err", "it failed"),
    )
    group = GroupState("a.yml;slow", "slow", "a.yml", timedelta(seconds=30), 7, timedelta(0), rules, NOW, 0.25)
    monkeypatch.setattr(type(house.control), "rule_groups_state", lambda self: (group,))
    first = (await ask(await house.program("viewer"), "rules"))["groups"][0]
    assert (first["name"], first["file"], first["interval"], first["limit"]) == ("slow", "a.yml", 30.0, 7)
    assert (first["evaluationTime"], first["lastEvaluation"]) == (0.25, "2026-03-18T02:41:07.000Z")
    record, alert = first["rules"]
    assert (record["type"], record["name"], record["labels"], record["health"]) == (
        "recording", "job:errors:ratio", {"team": "a"}, "ok",
    )  # fmt: skip
    assert not {"state", "alerts", "annotations"} & set(record)
    assert (alert["type"], alert["state"], alert["duration"], alert["health"], alert["lastError"]) == (
        "alerting", "inactive", 300.0, "err", "it failed",
    )  # fmt: skip
    recording = (await ask(await house.program("viewer"), "rules", type="record"))["groups"]
    assert [rule["name"] for one in recording for rule in one["rules"]] == ["job:errors:ratio"]


async def test_targets(house: House) -> None:
    program = await house.program("viewer")
    found = await ask(program, "targets")
    assert {target["scrapePool"] for target in found["activeTargets"]} >= {"pagos", "catalogo"}
    assert (found["droppedTargets"], found["droppedTargetCounts"]) == ([], {})
    assert [t["labels"]["job"] for t in (await ask(program, "targets", scrapePool="pagos"))["activeTargets"]] == [
        "pagos"
    ]
    assert (await ask(program, "targets", state="dropped"))["activeTargets"] == []
    assert "pagos" in (await ask(program, "scrape_pools"))["scrapePools"]


async def test_status(shop: House, program: httpx.AsyncClient) -> None:
    assert (await ask(program, "status/buildinfo"))["version"].startswith(("2.", "3."))
    assert (await ask(program, "status/runtimeinfo"))["storageRetention"] == "45d"
    assert (await ask(program, "status/flags"))["query.timeout"] == "20s"
    assert "global:" in (await ask(program, "status/config"))["yaml"]
    tsdb = await ask(program, "status/tsdb", limit=1)
    assert tsdb["headStats"]["numSeries"] == 5
    assert tsdb["seriesCountByMetricName"] == [{"name": "requests_total", "value": 2}]
    assert (await ask(program, "query_exemplars", query="a")) == []
    assert "secret" not in json.dumps(await ask(program, "status/config")).lower()
