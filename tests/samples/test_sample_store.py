"""The store keeps what it was given, finds it by label, survives damage, full disks and restarts."""

import sqlite3
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.adapters.samples.source import Scrape
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.errors import Conflict, QueryError, QueryLimit, Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import STALE, Matcher, Selection

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR, DAY = 3_600_000, 86_400_000


def metric(name, **labels):
    return Labels(labels, __name__=name)


def matchers(*texts):
    return tuple(Matcher(*text) for text in texts)


def everything(store, *conditions, start=0, end=1 << 50):
    columns = store.select(Selection(conditions or matchers(("__name__", "!=", "")), start, end))
    return {
        labels: list(zip(*(part.tolist() for part in columns.series(i)), strict=True))
        for i, labels in enumerate(columns.labels)
    }


def feed(store, stream, labels, start, count, step=15_000, base=0.0):
    for i in range(count):
        values = np.arange(len(labels), dtype=float) * 1000 + base + i
        assert store.append_sync(Scrape(stream, start + i * step, labels, values))


UP, A, B = metric("up", job="api"), metric("requests_total", code="200"), metric("requests_total", code="500")


def test_a_scrape_is_found_again_by_label_and_time():
    store = SampleStore(None)
    feed(store, "api", (UP, A, B), T0, 4)
    assert everything(store, Matcher("code", "=", "500")) == {
        B: [(T0, 2000.0), (T0 + 15_000, 2001.0), (T0 + 30_000, 2002.0), (T0 + 45_000, 2003.0)]
    }
    # Both ends belong to the range.
    assert everything(store, Matcher("__name__", "=", "up"), start=T0 + 15_000, end=T0 + 30_000) == {
        UP: [(T0 + 15_000, 1.0), (T0 + 30_000, 2.0)]
    }
    assert everything(store, start=T0 + 1, end=T0 + 14_999) == {}


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([("__name__", "=", "requests_total")], {A, B}),
        ([("code", "=~", "5..|429")], {B}),
        ([("code", "=~", "20")], set()),  # patterns match whole values
        ([("code", "!~", "5.."), ("__name__", "=", "requests_total")], {A}),
        ([("code", "=", "")], {UP}),  # a missing label is an empty one
        ([("code", "=~", ".*")], {UP, A, B}),
        ([("code", "=~", ".+")], {A, B}),
        ([("code", "!=", "200")], {UP, B}),
        ([("nobody", "!=", "x"), ("__name__", "=~", "u(p)")], {UP}),
        ([("nobody", "=~", "x|y")], set()),
    ],
)
def test_matchers_choose_as_prometheus_does(conditions, wanted):
    store = SampleStore(None)
    feed(store, "api", (UP, A, B), T0, 1)
    assert set(everything(store, *matchers(*conditions))) == wanted


def test_a_wrong_pattern_is_named():
    store = SampleStore(None)
    with pytest.raises(QueryError, match=r"\[a is not|'\[a'"):
        everything(store, Matcher("code", "=~", "[a"))


def test_time_only_moves_forward_within_a_stream():
    store = SampleStore(None)
    feed(store, "api", (UP,), T0, 2)
    assert not store.append_sync(Scrape("api", T0 + 15_000, (UP,), np.array([9.0])))
    assert not store.append_sync(Scrape("api", T0, (UP,), np.array([9.0])))
    assert store.append_sync(Scrape("other", T0, (A,), np.array([9.0])))
    assert store.stats().refused == 2
    assert everything(store)[UP] == [(T0, 0.0), (T0 + 15_000, 1.0)]


def test_a_series_twice_in_one_scrape_is_refused_whole(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    with pytest.raises(ValueError, match="twice"):
        store.append_sync(Scrape("api", T0, (A, B, A), np.zeros(3)))
    assert store.stats().series == 0
    store.close()
    assert SampleStore(tmp_path / "samples.db").stats().series == 0  # nothing half-written


def test_two_streams_with_one_series_are_merged_and_the_later_writer_wins():
    store = SampleStore(None)
    store.backfill_sync([(A, np.array([T0, T0 + 10, T0 + 30]), np.array([1.0, 2.0, 3.0]))])
    store.append_sync(Scrape("api", T0 + 10, (A,), np.array([20.0])))
    store.append_sync(Scrape("api", T0 + 20, (A,), np.array([30.0])))
    assert everything(store)[A] == [(T0, 1.0), (T0 + 10, 20.0), (T0 + 20, 30.0), (T0 + 30, 3.0)]


def test_compressing_merging_and_restarting_change_nothing(tmp_path):
    path = tmp_path / "samples.db"
    store = SampleStore(path)
    layouts = [(UP, A), (UP, A, B), (UP, B)]
    at = T0 + 20 * HOUR
    for i in range(700):  # across midnight, with series that come and go
        labels = layouts[i // 50 % 3]
        values = np.full(len(labels), STALE) if i % 97 == 0 else np.arange(len(labels)) + i / 7
        assert store.append_sync(Scrape("api", at + i * 60_000, labels, values))
    before = bits(store)
    samples = store.stats().samples
    store.maintain_sync(from_ms(T0 + 36 * HOUR))
    assert bits(store) == before
    store.close()
    for _ in range(2):
        store = SampleStore(path)
        assert bits(store) == before
        assert store.stats().samples == samples
        store.maintain_sync(from_ms(T0 + 3 * DAY))
        assert bits(store) == before
        store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM head").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM block WHERE step=0").fetchone() == (2,)


def bits(store):
    columns = store.select(Selection(matchers(("__name__", "!=", "")), 0, 1 << 50))
    return {
        labels: (columns.series(i)[0].tolist(), columns.series(i)[1].view(np.uint64).tolist())
        for i, labels in enumerate(columns.labels)
    }


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_store_is_a_dictionary_of_samples(data):
    """Whatever is appended, brought in, compressed: a plain dictionary says the same."""
    store, model, now = SampleStore(None), {}, T0
    pool = [metric("m", i=str(i)) for i in range(4)] + [metric("n", i=str(i)) for i in range(2)]
    for _ in range(data.draw(st.integers(1, 12))):
        action = data.draw(st.sampled_from(["append", "append", "append", "maintain", "backfill"]))
        if action == "append":
            now += data.draw(st.sampled_from([1, 15_000, 3 * HOUR, DAY]))
            labels = tuple(data.draw(st.lists(st.sampled_from(pool), unique=True, max_size=6)))
            stream = data.draw(st.sampled_from(["x", "y"]))
            values = np.array(
                data.draw(st.lists(st.floats(allow_nan=False), min_size=len(labels), max_size=len(labels)))
            )
            assert store.append_sync(Scrape(stream, now, labels, values))
            for one, value in zip(labels, values.tolist(), strict=True):
                model.setdefault(one, {})[now] = value
        elif action == "backfill":
            times = np.array(sorted(data.draw(st.sets(st.integers(-5, 5), min_size=1))), np.int64) * HOUR + T0 - DAY
            labels = data.draw(st.sampled_from(pool))
            if any(int(t) in model.get(labels, {}) for t in times):
                continue
            values = np.arange(len(times), dtype=float)
            store.backfill_sync([(labels, times, values)])
            model.setdefault(labels, {}).update(zip(times.tolist(), values.tolist(), strict=True))
        else:
            store.maintain_sync(from_ms(now))
    a, b = sorted((data.draw(st.integers(T0 - DAY, now + 1)), data.draw(st.integers(T0 - DAY, now + 1))))
    expected = {labels: sorted((t, v) for t, v in samples.items() if a <= t <= b) for labels, samples in model.items()}
    assert everything(store, start=a, end=b) == {labels: found for labels, found in expected.items() if found}


def test_what_is_older_than_retention_is_forgotten(tmp_path):
    store = SampleStore(tmp_path / "samples.db", retention=timedelta(days=7), tiers=())
    feed(store, "old", (A, UP), T0, 3)
    feed(store, "api", (UP,), T0 + 6 * DAY, 3)
    store.maintain_sync(from_ms(T0 + 6 * DAY + HOUR))
    assert set(everything(store)) == {A, UP}
    store.maintain_sync(from_ms(T0 + 9 * DAY))
    assert set(everything(store)) == {UP}
    stats = store.stats()
    assert (stats.series, stats.samples, stats.oldest) == (1, 3, from_ms(T0 + 6 * DAY))
    # And the stream that vanished from the books can come back.
    feed(store, "old", (A, UP), T0 + 9 * DAY, 1)
    assert set(everything(store)) == {A, UP}


def test_a_quiet_stream_returns_with_the_labels_it_had(tmp_path):
    """Its layout was cleared away with its last scrape; the next scrape must be readable after a restart."""
    path, labels = tmp_path / "samples.db", (UP, A)
    store = SampleStore(path)
    feed(store, "api", labels, T0, 2)
    store.maintain_sync(from_ms(T0 + DAY))
    feed(store, "api", labels, T0 + DAY, 2)
    before = bits(store)
    store.close()
    assert bits(SampleStore(path)) == before


def test_a_corrupt_chunk_costs_itself_and_is_counted(tmp_path, caplog):
    path = tmp_path / "samples.db"
    store = SampleStore(path)
    feed(store, "api", (UP, A, B), T0, 100)
    store.maintain_sync(from_ms(T0 + 5 * HOUR))
    store.close()
    with sqlite3.connect(path) as connection:
        chunk, data = connection.execute(
            "SELECT c.id, data FROM chunk c JOIN metric m ON m.id=metric WHERE name='up'"
        ).fetchone()
        connection.execute("UPDATE chunk SET data=? WHERE id=?", (data[:20] + b"\xff" + data[21:], chunk))
    store = SampleStore(path)
    for _ in range(2):
        assert set(everything(store)) == {A, B}
    assert store.stats().corrupt_chunks == 1
    assert len([r for r in caplog.records if "corrupt" in r.message]) == 1
    store.maintain_sync(from_ms(T0 + 2 * DAY))
    assert len(everything(store)[A]) == 100


def test_a_full_disk_refuses_whole_scrapes_and_goes_on_when_there_is_room(tmp_path):
    path = tmp_path / "samples.db"
    store = SampleStore(path)
    feed(store, "api", (UP, A), T0, 10)
    execute = store._connection.execute
    pages = execute("PRAGMA page_count").fetchone()[0]
    execute(f"PRAGMA max_page_count={pages}")
    many = tuple(metric("m", i=str(i)) for i in range(2000))
    with pytest.raises(Unavailable, match="full"):
        store.append_sync(Scrape("big", T0, many, np.zeros(2000)))
    kept = fill_up(store)
    assert store.stats().series == 2
    assert len(everything(store)[UP]) == kept
    execute("PRAGMA max_page_count=1000000")
    feed(store, "big", many, T0, 1)
    feed(store, "api", (UP, A), T0 + DAY, 1)
    store.close()
    store = SampleStore(path)
    assert len(everything(store)[UP]) == kept + 1
    assert store.stats().series == 2002


def fill_up(store):
    """Append until the store refuses; returns how many scrapes of UP it took in all."""
    for i in range(10, 10_000):
        try:
            store.append_sync(Scrape("api", T0 + i * 15_000, (UP, A), np.zeros(2)))
        except Unavailable:
            return i
    raise AssertionError("the disk never filled up")


def test_one_process_holds_the_file(tmp_path):
    path = tmp_path / "samples.db"
    store = SampleStore(path)
    with pytest.raises(Conflict, match="held by process"):
        SampleStore(path)
    feed(store, "api", (UP,), T0, 2)
    reader = SampleStore(path, read_only=True)
    assert len(everything(reader)[UP]) == 2
    reader.close()
    store.close()
    SampleStore(path).close()


def test_something_else_is_not_opened_as_a_store(tmp_path):
    path = tmp_path / "samples.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable):
        SampleStore(path)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA user_version=7")
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(Unavailable, match="not a sample store"):
        SampleStore(other)


def test_the_cache_stays_within_its_bound_and_is_never_wrong():
    store = SampleStore(None, cache_bytes=100_000)
    times = T0 + np.arange(0, 10 * DAY, 60_000)
    rows = [(metric("m", i=str(i)), times, np.arange(len(times)) * float(i)) for i in range(3)]
    store.backfill_sync(rows)
    for _ in range(3):
        columns = store.select(Selection(matchers(("__name__", "=", "m")), T0, T0 + 10 * DAY))
        assert (columns.values.reshape(3, -1)[2] == rows[2][2]).all()
        assert store._looking.chunks._cached_bytes <= 100_000
    columns.values[:] = -1  # what was handed out is the caller's own
    again = store.select(Selection(matchers(("__name__", "=", "m")), T0, T0 + 10 * DAY))
    assert (again.values.reshape(3, -1)[1] == rows[1][2]).all()


def test_a_selection_that_would_fill_the_memory_is_refused():
    store = SampleStore(None, samples_max=5_000)
    times = T0 + np.arange(0, DAY, 60_000)
    store.backfill_sync([(metric(name, i=i), times, np.zeros(len(times))) for name in "ab" for i in "12"])
    assert len(everything(store, Matcher("__name__", "=", "a"))) == 2
    with pytest.raises(QueryLimit, match="more than 5000 samples"):
        everything(store)


def test_labels_that_change_at_every_scrape_do_not_pile_up():
    store = SampleStore(None, retention=timedelta(days=1), tiers=())
    for i in range(1500):
        labels = (UP, metric("job_seconds", run=str(i)))
        assert store.append_sync(Scrape("api", T0 + i * 15_000, labels, np.array([1.0, i])))
        if i % 4 == 0:
            store.maintain_sync(from_ms(T0 + i * 15_000))
    assert len(everything(store)) == 1501
    assert len(everything(store)[UP]) == 1500
    assert len(store._registry.layouts) < 1_100
    for day in (2, 3):
        store.maintain_sync(from_ms(T0 + day * DAY))
    assert store.stats().series == 0


async def test_the_same_from_a_coroutine():
    store = SampleStore(None)
    assert await store.append(Scrape("api", T0, (UP, A), np.array([1.0, 2.0])))
    await store.backfill([(B, np.array([T0 - 1000]), np.array([5.0]))])
    await store.maintain(from_ms(T0 + DAY))
    wanted = [Selection(matchers(("__name__", "=", name)), 0, 1 << 50) for name in ("up", "requests_total", "none")]
    found = await store.fetch(wanted)
    assert [len(found[one]) for one in wanted] == [1, 2, 0]
    store.close()
