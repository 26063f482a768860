"""A Prometheus sends what it scraped; nothing is lost, nothing is invented, and what cannot be kept is named."""

from __future__ import annotations

import base64
import contextlib
import struct
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import cramjam
import numpy as np
import pytest
from tests.samples.prompb import Symbols, series_v1, v1, v2, write_v1
from tests.samples.receiving import RW1, RW2, T0, WRITE, Plane, plane_in

from sereno.adapters.samples import remote_write, remote_write_v2
from sereno.adapters.samples.intake import BadSamples, IntakeLimits, KnownSeries
from sereno.adapters.samples.remote_write import read_request
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE, STALE_BITS


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with plane_in(tmp_path) as made:
        yield made


UP = {"__name__": "up", "instance": "a:9100", "job": "node"}


def bits(value: float) -> int:
    return int(np.float64(value).view(np.uint64))


async def test_what_is_answered_with_204_is_kept(plane: Plane) -> None:
    answer = await plane.send(write_v1(series_v1(UP, [(T0 - 15_000, 1.0), (T0, 0.0)])))
    assert (answer.status_code, answer.content) == (204, b"")
    assert plane.kept("up") == {Labels(UP): [(T0 - 15_000, 1.0), (T0, 0.0)]}


async def test_the_same_labels_again_go_the_quick_way_with_the_same_result(plane: Plane) -> None:
    """The second request of a series is read by another road than its first: values of every kind arrive on both."""
    payload = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    values = [1.0, 0.0, -0.0, float("inf"), float("-inf"), float("nan"), float(STALE), payload, 5e-324, -1.5e300]
    for step, value in enumerate([*values, *values]):
        assert (await plane.send(write_v1(series_v1(UP, [(T0 + step, value)])))).status_code == 204
    (found,) = plane.kept("up").values()
    assert [t for t, _ in found] == list(range(T0, T0 + 20))
    # protobuf leaves out +0.0 only
    assert [bits(v) for _, v in found] == [bits(v) for v in [*values, *values]]
    assert bits(found[6][1]) == STALE_BITS


async def test_times_of_every_size_survive_the_quick_way() -> None:
    """A sample's time takes six bytes in this century; before and after it takes others."""
    known = KnownSeries()
    for t in (1, 127, 128, 1 << 34, (1 << 35) - 1, 1 << 35, T0, (1 << 42) - 1, 1 << 42):
        for value in (2.5, 0.0):
            for _ in range(2):
                received = read_request(write_v1(series_v1(UP, [(t, value)])), known, 1 << 50)
                (one,) = received.batch
                assert (one.times.tolist(), one.values.tolist(), received.refused) == ([t], [value], 0)


async def test_samples_that_only_look_usual_are_read_by_their_fields() -> None:
    """Sixteen bytes too, but the time first, or short beside a field we do not know: never taken for the usual ones."""
    known, head = KnownSeries(), series_v1(UP).SerializeToString()

    def usual(t: int, v: float) -> bytes:
        return bytes(v1["Sample"](timestamp=t, value=v).SerializeToString())

    tricky = struct.unpack("<d", bytes([7, 0x10, 0x81, 0x82, 0x83, 0x84, 0x85, 0x01]))[0]
    turned = usual(T0, tricky)[9:] + usual(T0, tricky)[:9]
    short = usual(1 << 24, 2.5) + b"\x18\x01"
    assert (len(turned), len(short)) == (16, 16)
    for sample, t, value in ((usual(T0, 1.0), T0, 1.0), (turned, T0, tricky), (short, 1 << 24, 2.5)):
        body = nested(b"\x0a", inside=head + nested(b"\x12", inside=sample))
        (one,) = read_request(body, known, T0).batch
        assert (one.times.tolist(), one.values.tolist()) == ([t], [value])


async def test_a_series_that_comes_in_pieces_is_one_series() -> None:
    """Prometheus's queues send a series as often as it has samples."""
    known = KnownSeries()
    for _ in range(2):
        pieces = [series_v1(UP, [(T0 + step, float(step))]) for step in (2, 0, 1)]
        received = read_request(write_v1(*pieces), known, T0)
        (one,) = received.batch
        assert (one.times.tolist(), one.values.tolist()) == ([T0, T0 + 1, T0 + 2], [0.0, 1.0, 2.0])


async def test_many_samples_of_one_series_are_read_at_once_and_rightly() -> None:
    rng = np.random.default_rng(7)
    times = T0 + np.cumsum(rng.integers(1, 30_000, 3000))
    values = np.where(rng.random(3000) < 0.3, 0.0, rng.normal(size=3000))
    samples = list(zip(times.tolist(), values.tolist(), strict=True))
    received = read_request(write_v1(series_v1(UP, samples)), KnownSeries(), int(times[-1]))
    assert received.batch[0].times.tolist() == times.tolist()
    assert received.batch[0].values.tolist() == values.tolist()


async def test_a_retry_changes_nothing_and_is_welcome(plane: Plane) -> None:
    body = write_v1(series_v1(UP, [(T0, 1.0)]))
    assert [(await plane.send(body)).status_code for _ in range(3)] == [204, 204, 204]
    assert plane.kept("up") == {Labels(UP): [(T0, 1.0)]}


async def test_another_value_at_the_same_time_is_refused_and_the_first_stands(plane: Plane) -> None:
    await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])))
    answer = await plane.send(write_v1(series_v1(UP, [(T0, 0.0), (T0 + 1, 1.0)])))
    assert answer.status_code == 400
    assert "another value" in answer.text
    assert "the first of them: {__name__=" in answer.text
    assert plane.kept("up") == {Labels(UP): [(T0, 1.0), (T0 + 1, 1.0)]}


async def test_what_comes_too_late_is_refused_and_said(plane: Plane) -> None:
    await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])))
    answer = await plane.send(write_v1(series_v1(UP, [(T0 - 86_400_000, 1.0)])))
    assert answer.status_code == 400
    assert "too old" in answer.text
    assert "the first of them: {__name__=" in answer.text


async def test_of_many_refused_the_first_few_are_named(plane: Plane) -> None:
    many = [{**UP, "number": str(i)} for i in range(9)]
    await plane.send(write_v1(*(series_v1(one, [(T0, 1.0)]) for one in many)))
    answer = await plane.send(write_v1(*(series_v1(one, [(T0, 2.0)]) for one in many)))
    assert "9 have another value" in answer.text
    assert answer.text.count("number=") == 3


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"instance": "a"}, "no metric's name"),
        ({"__name__": "9up"}, "no metric's name"),
        ({"__name__": "up", "bad-name": "x"}, "'bad-name' is not the name of a label"),
        ({"__name__": "up", "": "x"}, "is not the name of a label"),
        ({"__name__": "up", "l": "x" * 20_000}, "longer than the limit"),
        ({"__name__": "up", **{f"l{i}": "x" for i in range(70)}}, "more than the limit of 64"),
    ],
)
async def test_a_bad_series_is_named_and_its_neighbours_are_kept(
    plane: Plane, labels: dict[str, str], said: str
) -> None:
    answer = await plane.send(write_v1(series_v1(labels, [(T0, 1.0)]), series_v1(UP, [(T0, 1.0)])))
    assert answer.status_code == 400
    assert said in answer.text
    assert "1 of 2 samples were refused" in answer.text
    assert plane.kept() == {Labels(UP): [(T0, 1.0)]}


async def test_a_label_that_occurs_twice_is_refused(plane: Plane) -> None:
    twice = v1["TimeSeries"](
        labels=[v1["Label"](name=n, value=v) for n, v in (("__name__", "up"), ("a", "1"), ("a", "2"))],
        samples=[v1["Sample"](timestamp=T0, value=1)],
    )
    answer = await plane.send(write_v1(twice))
    assert answer.status_code == 400
    assert "occurs twice" in answer.text
    assert plane.kept() == {}


async def test_labels_in_any_order_and_empty_ones_are_the_same_series(plane: Plane) -> None:
    mixed = {"job": "node", "zone": "", "__name__": "up", "instance": "a:9100"}
    await plane.send(write_v1(series_v1(UP, [(T0, 1.0)]), series_v1(mixed, [(T0 + 1, 2.0)])))
    assert plane.kept("up") == {Labels(UP): [(T0, 1.0), (T0 + 1, 2.0)]}


@pytest.mark.parametrize("t", [-1, -(1 << 63), T0 + 3_600_000, (1 << 63) - 1])
async def test_a_time_out_of_this_world_is_refused_by_name(plane: Plane, t: int) -> None:
    answer = await plane.send(write_v1(series_v1(UP, [(t, 1.0)]), series_v1({**UP, "job": "b"}, [(T0, 1.0)])))
    assert answer.status_code == 400
    assert f"the timestamp {t} is" in answer.text
    assert "a:9100" in answer.text
    assert len(plane.kept()) == 1


async def test_metadata_is_kept(plane: Plane) -> None:
    told = v1["MetricMetadata"](type=1, metric_family_name="http_requests_total", help="Requests.", unit="")
    assert (await plane.send(write_v1(metadata=[told]))).status_code == 204
    assert plane.control.store is not None
    (one,) = plane.control.store.metadata()["http_requests_total"]
    assert (one.type, one.help) == ("counter", "Requests.")


async def test_native_histograms_of_integers_and_floats(plane: Plane) -> None:
    span = v1["BucketSpan"]
    whole = v1["Histogram"](
        count_int=12, sum=18.4, schema=1, zero_threshold=0.001, zero_count_int=2, timestamp=T0, reset_hint=2,
        positive_spans=[span(offset=0, length=2), span(offset=1, length=2)], positive_deltas=[1, 1, -1, 0],
        negative_spans=[span(offset=-3, length=2)], negative_deltas=[2, 1],
    )  # fmt: skip
    real = v1["Histogram"](
        count_float=3.5, sum=1.25, schema=-53, custom_values=[1.0, 2.5], timestamp=T0 + 1,
        positive_spans=[span(offset=0, length=1), span(offset=1, length=1)], positive_counts=[1.5, 2.0],
    )  # fmt: skip
    ended = v1["Histogram"](count_int=0, sum=float(STALE), timestamp=T0 + 2)
    answer = await plane.send(write_v1(series_v1(UP, histograms=[whole, real, ended])))
    assert answer.status_code == 204, answer.text
    columns = plane.columns("up")
    first, second, third = columns.histograms.tolist()
    assert (first.schema, first.count, first.sum, first.zero_count, first.reset) == (1, 12.0, 18.4, 2.0, "not_reset")
    assert (first.positive.index.tolist(), first.positive.counts.tolist()) == ([0, 1, 3, 4], [1.0, 2.0, 1.0, 1.0])
    assert (first.negative.index.tolist(), first.negative.counts.tolist()) == ([-3, -2], [2.0, 3.0])
    assert (second.schema, second.bounds, second.count) == (-53, (1.0, 2.5), 3.5)
    assert (second.positive.index.tolist(), second.positive.counts.tolist()) == ([0, 2], [1.5, 2.0])
    assert third is None
    assert bits(columns.values[2]) == STALE_BITS


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schema": 9, "count_int": 1}, "not 9"),
        ({"schema": 0, "count_int": 1, "positive_deltas": [1]}, "differ in number"),
        (
            {"schema": 0, "count_int": 1, "zero_threshold": -1.0},
            "zero threshold of a native histogram must not be negative",
        ),
        ({"schema": 0, "count_int": 1, "positive_deltas": [-1], "positive_spans": [(0, 1)]}, "negative"),
        ({"schema": 0, "count_int": 1, "positive_deltas": [5], "positive_spans": [(0, 1)]}, "more than the count"),
        (
            {"schema": 0, "count_int": 2, "positive_deltas": [1, 0], "positive_spans": [(0, 1), (-1, 1)]},
            "before the one",
        ),
        ({"schema": 0, "count_int": 1, "positive_deltas": [1], "positive_spans": [(0, 4_000_000_000)]}, "differ"),
        ({"schema": -53, "count_int": 1, "custom_values": [2.0, 1.0]}, "custom bounds must ascend"),
    ],
)
async def test_a_histogram_that_contradicts_itself_is_refused(
    plane: Plane, wrong: dict[str, object], said: str
) -> None:
    spans = [v1["BucketSpan"](offset=o, length=n) for o, n in wrong.get("positive_spans", ())]  # type: ignore[attr-defined]
    one = v1["Histogram"](**{**wrong, "positive_spans": spans, "timestamp": T0})
    answer = await plane.send(write_v1(series_v1(UP, histograms=[one]), series_v1(UP, [(T0, 1.0)])))
    assert answer.status_code == 400
    assert said in answer.text
    assert plane.kept() == {Labels(UP): [(T0, 1.0)]}


# -- version 2.0 ---------------------------------------------------------------------------------------


async def test_version_two_with_everything_in_it(plane: Plane) -> None:
    symbols = Symbols()
    metadata = v2["Metadata"](type=1, help_ref=symbols.ref("Requests."), unit_ref=0)
    histogram = v2["Histogram"](count_int=1, sum=1.0, schema=0, timestamp=T0, positive_deltas=[1])
    histogram.positive_spans.add(offset=3, length=1)
    exemplar = v2["Exemplar"](value=1.0, timestamp=T0)
    total = {"__name__": "http_requests_total", "job": "shop"}
    body = symbols.request(
        symbols.series(total, [(T0, 7.0, 0), (T0 + 1, 8.0, 0)], metadata=metadata, exemplars=[exemplar]),
        symbols.series({"__name__": "latency", "job": "shop"}, histograms=[histogram]),
    )
    answer = await plane.send(body, RW2)
    assert answer.status_code == 204
    written = {key: value for key, value in answer.headers.items() if key.endswith("-written")}
    assert written == {
        "x-prometheus-remote-write-samples-written": "2",
        "x-prometheus-remote-write-histograms-written": "1",
        "x-prometheus-remote-write-exemplars-written": "0",
    }
    assert plane.kept("http_requests_total") == {Labels(total): [(T0, 7.0), (T0 + 1, 8.0)]}
    assert plane.columns("latency").histograms[0].positive.index.tolist() == [3]
    assert plane.control.store is not None
    assert plane.control.store.metadata()["http_requests_total"][0].type == "counter"


async def test_version_two_counts_what_it_wrote_of_a_partial_request(plane: Plane) -> None:
    symbols = Symbols()
    body = symbols.request(
        symbols.series({"__name__": "up"}, [(T0, 1.0, 0)]), symbols.series({"job": "nameless"}, [(T0, 1.0, 0)])
    )
    answer = await plane.send(body, RW2)
    assert answer.status_code == 400
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"
    assert "nameless" in answer.text


async def test_a_counter_that_starts_anew_counts_from_zero_at_its_start(plane: Plane) -> None:
    """It restarted between two scrapes and has already passed its old value: only its start tells."""
    symbols = Symbols()
    total = {"__name__": "orders_total"}
    began, again = T0 - 3_600_000, T0 + 5_000
    for samples in ([(T0, 10.0, began)], [(T0 + 15_000, 50.0, again)], [(T0 + 30_000, 60.0, again)]):
        assert (await plane.send(symbols.request(symbols.series(total, samples)), RW2)).status_code == 204
    assert plane.kept() == {Labels(total): [(T0, 10.0), (again, 0.0), (T0 + 15_000, 50.0), (T0 + 30_000, 60.0)]}


async def test_a_start_before_the_last_sample_is_not_believed(plane: Plane) -> None:
    """The sender dated it anew: a zero there would invent an increase."""
    symbols = Symbols()
    total = {"__name__": "orders_total"}
    for samples in ([(T0, 10.0, T0 - 3_600_000)], [(T0 + 15_000, 50.0, T0 - 5_000)]):
        assert (await plane.send(symbols.request(symbols.series(total, samples)), RW2)).status_code == 204
    assert plane.kept() == {Labels(total): [(T0, 10.0), (T0 + 15_000, 50.0)]}


@pytest.mark.parametrize(
    "body",
    [
        Symbols().request(v2["TimeSeries"](labels_refs=[0])),
        Symbols().request(v2["TimeSeries"](labels_refs=[1, 2])),
        bytes(v2["Request"](symbols=["up"]).SerializeToString()),
        b"\x2a\x05\x0a\xff\xff\xff\xff",
    ],
)
async def test_version_two_that_is_none_is_refused_whole(plane: Plane, body: bytes) -> None:
    answer = await plane.send(body, RW2)
    assert answer.status_code == 400
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "0"
    assert plane.kept() == {}


# -- strangers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json", "content-encoding": "snappy"}, 415),
        ({"content-type": "application/x-protobuf;proto=other.Request", "content-encoding": "snappy"}, 415),
        ({"content-type": "application/x-protobuf"}, 415),
        ({"content-type": "application/x-protobuf", "content-encoding": "gzip"}, 415),
        (
            {"content-type": 'application/x-protobuf; proto="prometheus.WriteRequest"', "content-encoding": "snappy"},
            204,
        ),
    ],
)
async def test_only_what_is_spoken_here_is_listened_to(plane: Plane, headers: dict[str, str], status: int) -> None:
    assert (await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])), headers)).status_code == status


async def test_a_bomb_is_refused_before_it_goes_off(plane: Plane) -> None:
    bomb = bytes(cramjam.snappy.compress_raw(b"\0" * (17 << 20)))
    assert len(bomb) < 1 << 20
    answer = await plane.client.post(WRITE, content=bomb, headers=RW1)
    assert answer.status_code == 400
    assert "would unpack to" in answer.text
    liar = b"\xff\xff\xff\x07" + b"\0" * 20  # says sixteen megabytes, brings none
    assert (await plane.client.post(WRITE, content=liar, headers=RW1)).status_code == 400
    for junk in (b"", b"\xff" * 12, b"\x05abc", b"hello world", bytes(range(256))):
        assert (await plane.client.post(WRITE, content=junk, headers=RW1)).status_code == 400, junk


async def test_a_body_beyond_the_limit_is_not_read(plane: Plane) -> None:
    answer = await plane.client.post(WRITE, content=b"x" * (9 << 20), headers=RW1)
    assert answer.status_code == 413

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * (1 << 20)

    assert (await plane.client.post(WRITE, content=drip(), headers=RW1)).status_code == 413


async def test_a_request_cut_off_anywhere_is_refused_and_never_half_understood(plane: Plane) -> None:
    whole = write_v1(*(series_v1({**UP, "n": str(i)}, [(T0, 1.0)]) for i in range(3)))
    ends = {len(write_v1(*(series_v1({**UP, "n": str(i)}, [(T0, 1.0)]) for i in range(n)))) for n in range(4)}
    known = KnownSeries()
    for end in range(len(whole)):
        try:
            read_request(whole[:end], known, T0)
        except Exception as problem:
            assert "not a remote-write 1.0 request" in str(problem)  # noqa: PT017
        else:
            assert end in ends


async def test_a_hundred_thousand_labels_and_megabytes_of_one(plane: Plane) -> None:
    many = v1["TimeSeries"](labels=[v1["Label"](name=f"l{i}", value="x") for i in range(100_000)])
    assert (await plane.send(write_v1(many))).status_code == 400
    large = series_v1({"__name__": "up", "l": "x" * (4 << 20)}, [(T0, 1.0)])
    answer = await plane.send(write_v1(large))
    assert answer.status_code == 400
    assert len(answer.content) < 2000
    assert plane.kept() == {}


async def test_text_that_is_no_text(plane: Plane) -> None:
    body = write_v1(series_v1({"__name__": "up", "l": "abcd"}, [(T0, 1.0)])).replace(b"abcd", b"\xff\xfe\x80\x00")
    answer = await plane.send(body)
    assert answer.status_code == 400
    assert "UTF-8" in answer.text


async def test_more_samples_than_allowed(tmp_path: Path) -> None:
    async with plane_in(tmp_path, receive_samples=100) as plane:
        body = write_v1(series_v1(UP, [(T0 - i, 1.0) for i in range(101)]))
        answer = await plane.send(body)
        assert answer.status_code == 400
        assert "more than 100 samples" in answer.text
        assert plane.kept() == {}


# -- who, and when not ---------------------------------------------------------------------------------


async def test_a_token_may_come_as_the_password_of_basic_authentication(plane: Plane) -> None:
    token = plane.client.headers["authorization"].removeprefix("Bearer ")
    body = write_v1(series_v1(UP, [(T0, 1.0)]))
    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    assert (await plane.send(body, {**RW1, "authorization": f"Basic {basic}"})).status_code == 204
    for wrong in ("Basic", "Basic %%%", "Basic " + base64.b64encode(b"a:b").decode(), "Bearer x", "Digest x"):
        assert (await plane.send(body, {**RW1, "authorization": wrong})).status_code == 401, wrong


async def test_a_token_for_samples_opens_nothing_else(plane: Plane) -> None:
    for method, path in (
        ("GET", "/api/v1/budgets"),
        ("POST", "/api/v1/incidents"),
        ("GET", "/prometheus/api/v1/labels"),
    ):
        assert (await plane.client.request(method, path, json={})).status_code == 403, path


async def test_who_began_to_send_is_in_the_audit_log_once_a_day(plane: Plane) -> None:
    for day in range(2):
        for step in range(3):
            await plane.send(write_v1(series_v1(UP, [(T0 + day * 86_400_000 + step, 1.0)])))
        plane.clock.advance(days=1)
    deeds = await plane.control.database.read(lambda unit: unit.audit.recent(100))
    assert [(d.actor, d.action) for d in deeds if d.action == "samples.receive"] == [
        ("prometheus-eu", "samples.receive")
    ] * 2


async def test_a_full_disk_says_when_to_come_back(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise Unavailable("the sample store cannot be written: disk is full")

    monkeypatch.setattr(type(plane.control.store), "write", full)
    answer = await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_crowd_is_asked_to_wait(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sereno.app.http.receive.WAITING_MAX", 0)
    answer = await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert plane.kept() == {}


async def test_without_a_store_of_its_own_nothing_is_taken(tmp_path: Path) -> None:
    async with plane_in(tmp_path, prometheus="http://127.0.0.1:1") as plane:
        answer = await plane.send(write_v1(series_v1(UP, [(T0, 1.0)])))
        assert answer.status_code == 404
        assert "reads those of a Prometheus" in answer.text


async def test_it_counts_what_it_took(plane: Plane) -> None:
    await plane.send(write_v1(series_v1(UP, [(T0, 1.0)]), series_v1({"job": "x"}, [(T0, 1.0)])))
    text = (await plane.client.get("/metrics")).text
    assert 'sereno_received_samples_total{outcome="stored",protocol="remote_write_1"} 1.0' in text
    assert 'sereno_received_samples_total{outcome="refused",protocol="remote_write_1"} 1.0' in text


def nested(*keys: bytes, inside: bytes) -> bytes:
    """`inside` within messages of these keys, the last one innermost."""
    for key in reversed(keys):
        size, head = len(inside), bytearray()
        while size > 127:
            head.append(size & 127 | 128)
            size >>= 7
        inside = key + bytes([*head, size]) + inside
    return inside


MEGABYTES = 1 << 19
MANY = {
    "empty series": b"\x0a\x00" * (MEGABYTES // 2),
    "empty metadata": b"\x1a\x00" * (MEGABYTES // 2),
    "empty labels": nested(b"\x0a", inside=b"\x0a\x00" * (MEGABYTES // 2)),
    "empty samples": nested(b"\x0a", inside=b"\x12\x00" * (MEGABYTES // 2)),
    "empty exemplars": nested(b"\x0a", inside=b"\x1a\x00" * (MEGABYTES // 2)),
    "empty histograms": nested(b"\x0a", inside=b"\x22\x00" * (MEGABYTES // 2)),
    "spans of a histogram": nested(b"\x0a", b"\x22", inside=b"\x5a\x00" * (MEGABYTES // 2)),
    "differences of a histogram": nested(b"\x0a", b"\x22", b"\x62", inside=b"\x01" * MEGABYTES),
    "counts of a histogram, one by one": nested(b"\x0a", b"\x22", inside=(b"\x69" + bytes(8)) * (MEGABYTES // 9)),
    "series of version 2": b"\x2a\x00" * (MEGABYTES // 2),
    "symbols of version 2": b"\x22\x00" * (MEGABYTES // 2),
    "references of version 2": nested(b"\x2a", b"\x0a", inside=b"\x00" * MEGABYTES),
    "samples of version 2": nested(b"\x2a", inside=b"\x12\x00" * (MEGABYTES // 2)),
    "histograms of version 2": nested(b"\x2a", inside=b"\x1a\x00" * (MEGABYTES // 2)),
}


@pytest.mark.parametrize("kind", MANY)
def test_millions_of_nothings_cost_little(kind: str) -> None:
    """Two bytes each on the wire; what they would be in memory is never built."""
    reader = remote_write_v2 if "version 2" in kind else remote_write
    known = KnownSeries(IntakeLimits(samples=1_000))
    tracemalloc.start()
    try:
        with contextlib.suppress(BadSamples):
            assert not reader.read_request(MANY[kind], known, T0).batch
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40e6, f"{peak / 1e6:.0f} MB"
