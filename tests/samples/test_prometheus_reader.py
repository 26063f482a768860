"""The reader of a Prometheus fetches what it must, remembers the rest, and knows an end when it sees one."""

import json
import re
from urllib.parse import parse_qs

import httpx
import numpy as np
import pytest

from sereno.adapters.samples.prometheus import PrometheusReader
from sereno.adapters.samples.prometheus_api import PrometheusApi
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE_BITS, Matcher, Selection

T0 = 1_767_225_600_000
A, B = Labels(__name__="up", job="a"), Labels(__name__="up", job="b")
UP = (Matcher("__name__", "=", "up"),)
RANGE = re.compile(r"(.*?)(?:\[(\d+)ms\])?")


def packed(request, encoding):
    """An answer packed in a way that was not asked for; what is inside does not matter."""
    assert request.headers["accept-encoding"] == "gzip"
    return httpx.Response(200, headers={"content-encoding": encoding}, stream=httpx.ByteStream(b"\x1f\x8b"))


class FakePrometheus:
    """Answers raw and instant queries of one metric as Prometheus 2.42 does: markers hidden, ranges closed."""

    def __init__(self, samples_max=1_000_000):
        self.series = {}
        self.ended = {}
        self.samples_max = samples_max
        self.asked = []
        self.trouble = []
        self.headers = []

    def add(self, labels, times, value=None):
        self.series.setdefault(labels, []).extend(
            (t, float(i) if value is None else value) for i, t in enumerate(times)
        )

    def end(self, labels, at):
        self.ended[labels] = at

    def __call__(self, request):
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        selector, length = RANGE.fullmatch(form["query"]).groups()
        at = round(float(form["time"]) * 1000)
        self.asked.append((selector, None if length is None else at - int(length), at))
        self.headers.append(dict(request.headers))
        if self.trouble:
            return self.trouble.pop(0)(request)
        return self.instant(at) if length is None else self.matrix(at - int(length), at)

    def matrix(self, start, end):
        found = [
            {"metric": dict(labels), "values": [[t / 1000, repr(v)] for t, v in samples if start <= t <= end]}
            for labels, samples in self.series.items()
        ]
        if sum(len(one["values"]) for one in found) > self.samples_max:
            error = "query processing would load too many samples into memory in query execution"
            return answer(422, {"status": "error", "errorType": "execution", "error": error})
        return success("matrix", [one for one in found if one["values"]])

    def instant(self, at):
        found = []
        for labels, samples in self.series.items():
            last = max((t for t, _ in samples if t <= at), default=None)
            ended = self.ended.get(labels)
            if last is not None and last >= at - 300_000 and not (ended is not None and last < ended <= at):
                found.append({"metric": dict(labels), "value": [at / 1000, "1"]})
        return success("vector", found)


def answer(status, content):
    return httpx.Response(status, content=json.dumps(content).encode())


def success(kind, result):
    return answer(200, {"status": "success", "data": {"resultType": kind, "result": result}})


async def no_wait(_seconds):
    pass


def reader(server, headers=None, allowed=lambda url: True, url="http://prom:9090", **more):
    http = httpx.AsyncClient(transport=httpx.MockTransport(server))
    return PrometheusReader(PrometheusApi(url, http, allowed=allowed, headers=headers, sleep=no_wait), **more)


async def read(source, start, end, matchers=UP):
    selection = Selection(matchers, start, end)
    columns = (await source.fetch([selection]))[selection]
    return {
        labels: [
            (t, "stale" if bits == STALE_BITS else v)
            for t, v, bits in zip(
                *(part.tolist() for part in columns.series(i)), columns.series(i)[1].view("u8").tolist(), strict=True
            )
        ]
        for i, labels in enumerate(columns.labels)
    }


def every(seconds, start, end):
    return list(range(start, end + 1, seconds * 1000))


async def test_a_range_is_read_with_both_its_ends_and_nothing_beyond():
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 60_000))
    found = await read(reader(server), T0 + 15_000, T0 + 45_000)
    assert found == {A: [(T0 + 15_000, 1.0), (T0 + 30_000, 2.0), (T0 + 45_000, 3.0)]}


async def test_the_next_tick_fetches_only_the_tail():
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 7_200_000))
    source = reader(server)
    for tick in range(4):
        end = T0 + 3_600_000 + tick * 15_000
        found = await read(source, end - 3_600_000, end)
        assert [t for t, _ in found[A]] == every(15, end - 3_600_000, end)
    raw = [(start, end) for _, start, end in server.asked if start is not None]
    assert [end - start for start, end in raw] == [3_600_001, 75_000, 75_000, 75_000]
    asked = len(server.asked)
    await read(source, T0 + 1_800_000, T0 + 3_600_000)  # known already
    assert len(server.asked) == asked


async def test_late_samples_within_the_overlap_are_found():
    server = FakePrometheus()
    server.add(A, [T0, T0 + 15_000])
    source = reader(server)
    await read(source, T0, T0 + 40_000)
    server.series[A] = [(T0, 0.0), (T0 + 15_000, 1.0), (T0 + 30_000, 2.0), (T0 + 45_000, 3.0)]
    assert len((await read(source, T0, T0 + 50_000))[A]) == 4


async def test_more_history_is_put_in_front():
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 600_000))
    source = reader(server)
    await read(source, T0 + 300_000, T0 + 600_000)
    found = await read(source, T0, T0 + 600_000)
    assert [t for t, _ in found[A]] == every(15, T0, T0 + 600_000)


async def test_a_series_that_ended_gets_its_marker_back():
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 300_000), 1.0)
    server.add(B, every(15, T0, T0 + 60_000), 1.0)
    server.end(B, T0 + 75_000)
    source = reader(server)
    first = await read(source, T0, T0 + 70_000)
    assert first[B][-1] == (T0 + 60_000, 1.0)  # still visible then
    second = await read(source, T0, T0 + 90_000)
    assert second[B][-2:] == [(T0 + 60_000, 1.0), (T0 + 70_001, "stale")]  # after we last saw it
    assert second[A][-1] == (T0 + 90_000, 1.0)
    server.add(B, every(15, T0 + 120_000, T0 + 300_000), 1.0)
    third = await read(source, T0, T0 + 300_000)
    assert [v for t, v in third[B] if T0 + 60_000 <= t <= T0 + 120_000] == [1.0, "stale", 1.0]
    # And who never saw it alive puts the marker right after the last sample.
    fresh = reader(server)
    server.series[B] = server.series[B][:5]
    assert (await read(fresh, T0, T0 + 90_000))[B][-1] == (T0 + 60_001, "stale")


async def test_a_series_that_is_merely_old_has_no_marker():
    server = FakePrometheus()
    server.add(A, [T0], 1.0)
    assert await read(reader(server), T0, T0 + 400_000) == {A: [(T0, 1.0)]}


async def test_selections_of_one_selector_share_one_fetch():
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 600_000))
    wanted = [Selection(UP, T0 + 300_000, T0 + 600_000), Selection(UP, T0, T0 + 60_000)]
    found = await reader(server).fetch(wanted)
    assert [len(found[one].times) for one in wanted] == [21, 5]
    assert len([1 for _, start, _ in server.asked if start is not None]) == 1


async def test_a_month_is_asked_in_pieces_and_none_is_lost():
    server = FakePrometheus(samples_max=20_000)
    server.add(A, every(60, T0, T0 + 30 * 86_400_000))
    found = await read(reader(server), T0, T0 + 30 * 86_400_000)
    assert [t for t, _ in found[A]] == every(60, T0, T0 + 30 * 86_400_000)
    assert len(server.asked) < 30


async def test_what_is_too_large_to_remember_is_still_answered(caplog):
    server = FakePrometheus()
    server.add(A, every(15, T0, T0 + 600_000))
    source = reader(server, cache_bytes=100)
    for _ in range(2):
        assert len((await read(source, T0, T0 + 600_000))[A]) == 41
    assert "too large to remember" in caplog.text


@pytest.mark.parametrize(
    ("troubles", "wrong", "message"),
    [
        ([lambda r: httpx.Response(503, text="warming up")] * 3, Unavailable, "503: warming up"),
        ([lambda r: httpx.Response(401)], Unavailable, "refuses us"),
        ([lambda r: packed(r, "gzip, gzip")], Unavailable, "did not ask for"),  # a thousand times a thousand times
        ([lambda r: packed(r, "deflate")], Unavailable, "did not ask for"),
        ([lambda r: httpx.Response(200, text="<html>Welcome to nginx")], Unavailable, "no Prometheus"),
        ([lambda r: answer(400, {"status": "error", "error": "parse error"})], QueryError, "parse error"),
    ],
)
async def test_troubles_are_told_apart(troubles, wrong, message):
    server = FakePrometheus()
    server.trouble = list(troubles)
    with pytest.raises(wrong, match=message) as raised:
        await read(reader(server, url="http://ana:s3cret@prom:9090"), T0, T0 + 1000)
    assert "s3cret" not in str(raised.value)
    assert server.trouble == []


async def test_a_selector_that_finds_too_much_is_its_own_fault_and_not_the_servers():
    server = FakePrometheus(samples_max=3)
    server.add(A, every(15, T0, T0 + 600_000))
    with pytest.raises(QueryLimit, match="more than Prometheus can answer"):
        await read(reader(server), T0, T0 + 600_000)


async def test_a_passing_trouble_is_tried_again():
    def refuse(request):
        raise httpx.ConnectError("connection refused")

    server = FakePrometheus()
    server.add(A, [T0])
    server.trouble = [refuse, lambda r: httpx.Response(502)]
    source = reader(server, headers={"Authorization": "Bearer t0ken"})
    assert await read(source, T0, T0 + 1000) == {A: [(T0, 0.0)]}
    assert {headers["authorization"] for headers in server.headers} == {"Bearer t0ken"}
    server.trouble = [refuse] * 3
    with pytest.raises(Unavailable, match="connection refused"):
        await read(source, T0, T0 + 20_000)
    # And what was remembered is not spoiled by the failure.
    assert (await read(source, T0, T0 + 30_000))[A] == [(T0, 0.0)]


async def test_policy_is_asked_first():
    server = FakePrometheus()
    with pytest.raises(Unavailable, match="policy"):
        await read(reader(server, allowed=lambda url: False), T0, T0 + 1000)
    assert server.asked == []


async def test_what_was_handed_out_is_the_callers_own():
    server = FakePrometheus()
    server.add(A, [T0])
    source = reader(server)
    selection = Selection(UP, T0, T0 + 10)
    columns = (await source.fetch([selection]))[selection]
    columns.values[:] = -1
    assert np.array_equal((await source.fetch([selection]))[selection].values, [0.0])


def cut_off(request):
    return httpx.Response(200, content=b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__na')


async def test_an_answer_that_was_cut_off_is_asked_for_again_and_never_taken_for_whole():
    server = FakePrometheus()
    server.add(A, [T0])
    server.trouble = [cut_off]
    assert await read(reader(server), T0, T0 + 1000) == {A: [(T0, 0.0)]}
    server.trouble = [cut_off] * 3
    with pytest.raises(Unavailable, match="cut off after 76 bytes"):
        await read(reader(server), T0, T0 + 1000)


@pytest.mark.parametrize(
    "values",
    [
        [[1, "one"]], [["x", "1"]], [[2, "1"], [1, "1"]], [[1, "1"], [1, "1"]], [[1e300, "1"]], [[1]], [[1, None]],
        "none", [[float("nan"), "1"]],
    ],
)  # fmt: skip
async def test_samples_that_are_none_are_no_prometheus(values):
    server = FakePrometheus()
    server.trouble = [lambda r: success("matrix", [{"metric": dict(A), "values": values}])]
    with pytest.raises(Unavailable, match="no Prometheus"):
        await read(reader(server), 0, T0)


async def test_a_server_that_limits_samples_is_asked_for_less_until_it_answers():
    server = FakePrometheus(samples_max=50)
    server.add(A, every(15, T0, T0 + 7_200_000))
    found = await read(reader(server), T0, T0 + 7_200_000)
    assert [t for t, _ in found[A]] == every(15, T0, T0 + 7_200_000)


async def test_warnings_and_a_clock_that_is_behind_are_passed_on():
    def partial(request):
        body = json.loads(server.matrix(T0, T0 + 60_000).content)
        body["warnings"] = ["No StoreAPIs matched for this query"]
        headers = {"date": "Wed, 31 Dec 2025 23:59:00 GMT"}
        return httpx.Response(200, content=json.dumps(body).encode(), headers=headers)

    server = FakePrometheus()
    server.add(A, [T0])
    server.trouble = [partial]
    source, selection = reader(server), Selection(UP, T0, T0 + 60_000)
    assert source.notes([selection]) == ()
    assert len((await source.fetch([selection]))[selection]) == 1
    first, second = source.notes([selection, selection])
    assert first == "No StoreAPIs matched for this query"
    assert second.startswith("the clock of Prometheus at http://prom:9090/api/v1/query is 120 s behind")
    await read(source, T0, T0 + 120_000)
    assert source.notes([selection]) == (), "an answer without warnings takes them back"


def native(at, *buckets, count="10", total="3.5"):
    return [at / 1000, {"count": count, "sum": total, "buckets": [list(b) for b in buckets]}]


async def test_native_histograms_in_answers_are_read():
    wide = [(3, "-0.001", "0.001", "1"), (1, "-2", "-1.4142135623730951", "2"), (0, "0.5", "0.7071067811865475", "3"),
            (0, "1", "1.414213562373095", "4")]  # fmt: skip
    entry = {"metric": dict(A), "values": [[T0 / 1000, "7"]], "histograms": [native(T0 + 15_000, *wide)]}
    server = FakePrometheus()
    server.trouble = [lambda r: success("matrix", [entry])]
    selection = Selection(UP, T0, T0 + 60_000)
    columns = (await reader(server).fetch([selection]))[selection]
    assert columns.times.tolist()[:2] == [T0, T0 + 15_000]
    found = columns.histograms[1]
    assert columns.histograms[0] is None
    assert (found.schema, found.count, found.sum, found.zero_threshold, found.zero_count) == (1, 10, 3.5, 0.001, 1)
    assert (found.positive.index.tolist(), found.positive.counts.tolist()) == ([-1, 1], [3, 4])
    assert (found.negative.index.tolist(), found.negative.counts.tolist()) == ([2], [2])


async def test_histograms_with_bounds_of_their_own_are_refused_by_name():
    for buckets in ([(0, "0.1", "0.5", "1"), (0, "0.5", "1", "2")], [(0, "-Inf", "0.1", "1")], [(0, "1", "+Inf", "1")]):
        entry = {"metric": dict(A), "histograms": [native(T0, *buckets)]}
        server = FakePrometheus()
        server.trouble = [lambda r, entry=entry: success("matrix", [entry])]
        with pytest.raises(UnsupportedQuery, match="bounds of their own"):
            await read(reader(server), T0, T0 + 1000)
