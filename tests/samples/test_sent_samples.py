"""What others send may come late, twice and out of order: it is kept once, and what is refused is counted."""

import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.adapters.samples import upkeep
from sereno.adapters.samples.source import Metadata, Scrape, SeriesSamples, Written
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import STALE, Matcher, Selection
from sereno.promql.native import Buckets, Histogram

T0 = 1_767_225_600_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
A = Labels(__name__="requests_total", job="api", instance="a:1")
B = Labels(__name__="requests_total", job="api", instance="b:1")
C = Labels(__name__="up", job="api", instance="a:1")
ALL = (Matcher("__name__", "!=", ""),)


def sent(labels, *samples):
    times, values = zip(*samples, strict=True)
    return SeriesSamples(labels, np.array(times, np.int64), np.array(values, float))


def held(store, start=0, end=1 << 50):
    columns = store.select(Selection(ALL, start, end))
    return {
        labels: list(zip(*(part.tolist() for part in columns.series(i)), strict=True))
        for i, labels in enumerate(columns.labels)
    }


def reopened(store, **settings):
    store.close()
    return SampleStore(store.path, **settings)


def test_a_batch_is_kept_at_once_and_for_good(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    batch = [sent(A, (T0, 1), (T0 + 15_000, 2)), sent(C, (T0, 1))]
    assert store.write_sync(batch, "remote-write") == Written(stored=3)
    assert held(store) == {A: [(T0, 1.0), (T0 + 15_000, 2.0)], C: [(T0, 1.0)]}
    assert held(reopened(store)) == {A: [(T0, 1.0), (T0 + 15_000, 2.0)], C: [(T0, 1.0)]}


def test_the_same_batch_again_changes_nothing(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    batch = [sent(A, *((T0 + i * MINUTE, i) for i in range(300))), sent(C, (T0, STALE))]
    assert store.write_sync(batch, "otlp") == Written(stored=301)
    before = held(store)[A]
    assert store.write_sync(batch, "otlp") == Written(duplicates=301)
    store.maintain_sync(from_ms(T0 + DAY + HOUR))
    assert store.write_sync(batch, "otlp") == Written(duplicates=301)
    store = reopened(store)
    assert store.write_sync(batch, "otlp") == Written(duplicates=301)
    assert held(store)[A] == before


def test_the_first_of_two_values_at_one_instant_stands():
    store = SampleStore(None)
    store.write_sync([sent(A, (T0, 1.0))], "x")
    assert store.write_sync([sent(A, (T0, 2.0))], "y") == Written(conflicting=1)
    assert store.write_sync([sent(A, (T0, STALE))], "y") == Written(conflicting=1)
    assert store.write_sync([sent(B, (T0, 5.0), (T0, 6.0), (T0, 5.0))], "y") == Written(1, 1, 1)
    # Two zeros are two values: bits are compared.
    assert store.write_sync([sent(C, (T0, 0.0)), sent(C, (T0, -0.0))], "y") == Written(stored=1, conflicting=1)
    assert held(store) == {A: [(T0, 1.0)], B: [(T0, 5.0)], C: [(T0, 0.0)]}


def test_late_samples_are_taken_within_the_window_and_refused_beyond():
    store = SampleStore(None, out_of_order_window=timedelta(hours=1))
    store.write_sync([sent(A, (T0 + 2 * HOUR, 9))], "x")
    late = [sent(A, (T0 + HOUR - 1, 1), (T0 + HOUR, 2), (T0 + HOUR + 5, 3))]
    assert store.write_sync(late, "x") == Written(stored=2, too_old=1)
    # The age of a series is its own: another one may be as far behind as it likes.
    assert store.write_sync([sent(B, (T0, 1), (T0 + 1, 2))], "x") == Written(stored=2)
    assert store.write_sync([sent(A, (T0, 7))], "import", any_age=True) == Written(stored=1)
    assert held(store)[A] == [(T0, 7.0), (T0 + HOUR, 2.0), (T0 + HOUR + 5, 3.0), (T0 + 2 * HOUR, 9.0)]


def test_a_sample_that_was_scraped_is_known_to_those_who_send(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    for i in range(10):
        store.append_sync(Scrape("api", T0 + i * 15_000, (A, C), np.array([i, 1.0])))
    assert store.write_sync([sent(A, (T0, 0), (T0 + 15_000, 7), (T0 + 16_000, 8))], "x") == Written(1, 1, 1)
    store.maintain_sync(from_ms(T0 + 5 * HOUR))
    assert store.write_sync([sent(A, (T0 + 30_000, 2), (T0 + 45_000, 7))], "x") == Written(0, 1, 1)
    assert (T0 + 16_000, 8.0) in held(store)[A]


def test_how_old_is_too_old_is_the_same_after_a_restart(tmp_path):
    """A series that ended hours before its target's chunk did is as old as its own last sample."""
    store = SampleStore(tmp_path / "samples.db")
    store.append_sync(Scrape("api", T0, (A, C), np.array([1.0, 1.0])))
    for i in range(1, 23):
        store.append_sync(Scrape("api", T0 + i * HOUR, (C,), np.array([1.0])))
    store.maintain_sync(from_ms(T0 + 2 * DAY))
    store = reopened(store)
    assert store.write_sync([sent(A, (T0 + HOUR, 2.0))], "x") == Written(stored=1)
    assert store.write_sync([sent(C, (T0 + 1, 2.0))], "x") == Written(too_old=1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_store_is_a_dictionary_whatever_the_order(data):
    """Batches in any order, compaction and restarts between them: the first sample at an instant is the one there."""
    with tempfile.TemporaryDirectory() as folder:
        store, model, now = SampleStore(Path(folder) / "samples.db", out_of_order_window=timedelta(days=9)), {}, T0
        store, now = play(data, store, model, now)
        wanted = {labels: sorted((t, v[0]) for t, v in known.items()) for labels, known in model.items()}
        assert held(store) == wanted
        store.maintain_sync(from_ms(now + 3 * DAY))
        assert held(store) == wanted
        store.close()


def play(data, store, model, now):
    """Write, compress and restart as chance has it, and note in `model` what must be there."""
    for _ in range(data.draw(st.integers(1, 8))):
        action = data.draw(st.sampled_from(["write", "write", "write", "maintain", "reopen"]))
        if action == "write":
            batch = [
                sent(labels, *[(now + t * HOUR, float(v)) for t, v in samples])
                for labels, samples in data.draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from([A, B, C]),
                            st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 1)), min_size=1, max_size=6),
                        ),
                        max_size=4,
                    )
                )
            ]
            expected = [0, 0, 0]
            for one in batch:
                for t, v in zip(one.times.tolist(), one.values.tolist(), strict=True):
                    known = model.setdefault(one.labels, {}).setdefault(t, (v,))
                    expected[0 if known == (v,) and type(known) is tuple else 1 if known == [v] else 2] += 1
                    if type(known) is tuple:
                        model[one.labels][t] = [v]
            written = store.write_sync(batch, "x")
            # Two rivals in one batch are compared with each other before they are with what is known.
            assert (written.stored, written.duplicates + written.conflicting) == (expected[0], sum(expected[1:]))
            assert written.too_old == 0
            if len({(one.labels, t) for one in batch for t in one.times.tolist()}) == sum(expected):
                assert written.duplicates == expected[1]
        elif action == "maintain":
            now += data.draw(st.sampled_from([MINUTE, 3 * HOUR, 2 * DAY]))
            store.maintain_sync(from_ms(now))
        else:
            store = reopened(store, out_of_order_window=timedelta(days=9))
    return store, now


def histogram(count, *buckets, negative=(), schema=0, **more):
    index, counts = np.array([i for i, _ in buckets], np.int64), np.array([c for _, c in buckets], float)
    down = Buckets(np.array([i for i, _ in negative], np.int64), np.array([c for _, c in negative], float))
    return Histogram(schema, float(count), count * 1.5, positive=Buckets(index, counts), negative=down, **more)


def test_native_histograms_are_kept_through_everything(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    wanted = []
    for i in range(200):
        buckets = [(j, float(i + j + 10)) for j in range(-3, 3 + i // 50)]
        bounds = {"schema": -53, "bounds": (0.1, 0.5, 1.0)} if i > 150 else {"zero_count": float(i)}
        wanted.append(histogram(i * 10, *buckets, negative=[(1, 2.0)] if i % 3 else (), reset="unknown", **bounds))
    times = T0 + np.arange(200) * 10 * MINUTE
    values = np.zeros(200)
    objects = np.array([*wanted[:100], None, *wanted[101:]], object)
    values[100] = STALE
    native = SeriesSamples(A, times, values, objects)
    assert store.write_sync([native, sent(C, (T0, 1.0))], "otlp") == Written(stored=201)
    for moment in (None, T0 + HOUR, T0 + DAY, T0 + 3 * DAY):
        store = reopened(store)
        if moment:
            store.maintain_sync(from_ms(moment))
        columns = store.select(Selection(ALL, 0, 1 << 50))
        row = columns.labels.index(A)
        found = columns.histograms[columns.offsets[row] : columns.offsets[row + 1]]
        assert [described(one) for one in found] == [described(one) for one in objects]
        assert columns.series(row)[1][100:101].tobytes() == np.array([STALE]).tobytes()
        assert store.select(Selection((Matcher("__name__", "=", "up"),), 0, 1 << 50)).histograms is None
        assert store.write_sync([native], "otlp") == Written(duplicates=200)
    assert store.write_sync(
        [SeriesSamples(A, times[:1], values[:1], np.array([histogram(3)], object))], "x"
    ) == Written(conflicting=1)


def described(one):
    if one is None:
        return None
    sides = [(side.index.tolist(), side.counts.tolist()) for side in (one.positive, one.negative)]
    return (one.schema, one.count, one.sum, one.zero_threshold, one.zero_count, sides, one.bounds, one.reset)


def test_a_group_of_rules_records_a_row_and_what_vanishes_ends(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    both, one = (A, B), (B,)
    assert store.record_sync("rules/slo", T0, both, np.array([1.0, 2.0]))
    assert store.record_sync("rules/slo", T0 + 15_000, both, np.array([3.0, 4.0]))
    store = reopened(store)
    assert store.record_sync("rules/slo", T0 + 30_000, one, np.array([5.0]))
    assert store.record_sync("rules/slo", T0 + 45_000, one, np.array([6.0]))
    assert not store.record_sync("rules/slo", T0 + 45_000, one, np.array([6.0]))
    found = held(store)
    assert found[B] == [(T0, 2.0), (T0 + 15_000, 4.0), (T0 + 30_000, 5.0), (T0 + 45_000, 6.0)]
    assert found[A][:2] == [(T0, 1.0), (T0 + 15_000, 3.0)]
    assert [(t, np.float64(v).tobytes()) for t, v in found[A][2:]] == [(T0 + 30_000, np.float64(STALE).tobytes())]


def test_names_and_values_of_labels_are_found_by_matcher_and_time(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    store.append_sync(Scrape("api", T0, (A, C), np.array([1.0, 1.0])))
    store.write_sync([sent(B, (T0 + 3 * DAY, 1.0))], "x")
    for _ in range(2):
        assert store.label_names() == ["__name__", "instance", "job"]
        assert store.label_values("instance") == ["a:1", "b:1"]
        assert store.label_values("instance", limit=1) == ["a:1"]
        assert store.label_values("instance", (Matcher("__name__", "=", "up"),)) == ["a:1"]
        assert store.find_series((), T0 + 2 * DAY, T0 + 4 * DAY) == [B]
        assert set(store.find_series((), T0, T0)) == {A, C}
        assert store.find_series((), T0 + DAY, T0 + 2 * DAY) == []
        assert store.label_names((), T0 + DAY, T0 + 2 * DAY) == []
        store.maintain_sync(from_ms(T0 + 5 * DAY))
        store = reopened(store)


def test_what_metrics_mean_is_kept(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    counter = Metadata("counter", "Requests.", "")
    store.note_metadata_sync({"requests_total": counter, "up": Metadata("gauge", "x" * 100_000, "")})
    store.note_metadata_sync({"requests_total": counter})
    store.note_metadata_sync({"requests_total": Metadata("counter", "Requests answered.", "")})
    store = reopened(store)
    found = store.metadata()
    assert set(found["requests_total"]) == {counter, Metadata("counter", "Requests answered.", "")}
    assert len(found["up"][0].help) == 4096
    for i in range(50):
        store.note_metadata_sync({"requests_total": Metadata("counter", str(i))})
    assert len(store.metadata()["requests_total"]) == 10


def test_another_process_reads_what_is_being_written(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    store.append_sync(Scrape("api", T0, (A, C), np.array([1.0, 1.0])))
    store.write_sync([sent(B, (T0, 4.0))], "x")
    reader = SampleStore(store.path, read_only=True)
    wanted = {A: [(T0, 1.0)], B: [(T0, 4.0)], C: [(T0, 1.0)]}
    assert held(reader) == wanted
    # The writer goes on, compresses, merges: the reader sees what there was, once.
    for i in range(1, 30):
        store.append_sync(Scrape("api", T0 + i * HOUR, (A, C), np.array([1.0, 1.0])))
    store.maintain_sync(from_ms(T0 + 3 * DAY))
    assert held(reader) == wanted
    reader.close()
    later = SampleStore(store.path, read_only=True)
    assert len(held(later)[A]) == 30
    later.close()
    store.close()
    alone = SampleStore(store.path, read_only=True)
    assert len(held(alone)[A]) == 30
    alone.close()


async def test_the_same_from_coroutines():
    store = SampleStore(None)
    assert await store.write([sent(A, (T0, 1.0))], "x") == Written(stored=1)
    assert await store.record("rules", T0, (B,), np.array([1.0]))
    await store.note_metadata({"up": Metadata("gauge")})
    assert await store.reading(lambda s: s.label_values("instance")) == ["a:1", "b:1"]
    assert store.metadata() == {"up": [Metadata("gauge")]}
    store.close()


def test_a_series_with_more_times_than_values_is_refused_whole():
    store = SampleStore(None)
    wrong = SeriesSamples(B, np.array([1, 2]), np.array([1.0]))
    with pytest.raises(ValueError, match="as many values"):
        store.write_sync([sent(A, (T0, 1.0)), wrong], "x")
    assert store.stats().series == 0


def test_a_group_whose_last_row_was_compressed_still_ends_its_series(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    store.record_sync("rules/slo", T0, (A, B), np.array([1.0, 2.0]))
    store.maintain_sync(from_ms(T0 + 3 * HOUR))
    store = reopened(store)
    store.record_sync("rules/slo", T0 + 4 * HOUR, (B,), np.array([5.0]))
    assert [t for t, _ in held(store)[A]] == [T0, T0 + 4 * HOUR]


def test_a_long_query_holds_up_neither_scrapes_nor_what_is_sent(tmp_path):
    """A reader that is in the middle of a chunk waits here until scrapes and batches, late ones too, are kept."""
    store = SampleStore(tmp_path / "samples.db")
    store.append_sync(Scrape("api", T0, (A, C), np.array([1.0, 1.0])))
    store.maintain_sync(from_ms(T0 + 3 * HOUR))
    inside, may_go_on = threading.Event(), threading.Event()
    decoded = store._looking.chunks._read

    def slow(*arguments):
        inside.set()
        assert may_go_on.wait(10)
        return decoded(*arguments)

    store._looking.chunks._read = slow
    found = []
    reader = threading.Thread(target=lambda: found.append(held(store)))
    reader.start()
    assert inside.wait(10)
    assert store.append_sync(Scrape("api", T0 + 4 * HOUR, (A, C), np.array([2.0, 1.0])))
    assert store.write_sync([sent(A, (T0 + 4 * HOUR - 1, 1.5))], "x") == Written(stored=1)
    store.maintain_sync(from_ms(T0 + 2 * DAY))
    assert store.label_values("instance") == ["a:1"]
    may_go_on.set()
    reader.join(10)
    assert found == [{A: [(T0, 1.0)], C: [(T0, 1.0)]}], "what it sees is one instant"
    assert len(held(store)[A]) == 3


def test_an_import_larger_than_memory_should_hold_is_compressed_as_it_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "_JOURNAL_SAMPLES_MAX", 5_000)
    store = SampleStore(tmp_path / "samples.db")
    labels = [Labels(__name__="m", i=str(i)) for i in range(10)]
    times = T0 + np.arange(0, 3 * DAY, 5 * MINUTE)
    for part in np.array_split(times, 20):
        batch = [SeriesSamples(one, part, part / 1e3) for one in labels]
        assert store.write_sync(batch, "import", any_age=True).stored == len(part) * 10
        assert store._journal.samples <= 5_000
    found = held(reopened(store))
    assert all([t for t, _ in found[one]] == times.tolist() for one in labels)


@pytest.mark.parametrize("at", [-(1 << 60), 1 << 60, (1 << 63) - 1])
def test_an_instant_that_is_none_is_refused(at):
    store = SampleStore(None)
    with pytest.raises(ValueError, match="at no instant"):
        store.write_sync([SeriesSamples(A, np.array([at], np.int64), np.zeros(1))], "x")


def test_a_scrape_of_another_century_does_not_stop_upkeep(tmp_path):
    store = SampleStore(tmp_path / "samples.db")
    for at in (-(10**12), 0, T0):
        assert store.append_sync(Scrape("api", at, (A,), np.array([1.0])))
    began = time.process_time()
    store.maintain_sync(from_ms(T0 + 3 * HOUR))
    assert time.process_time() - began < 2
    assert [t for t, _ in held(store, start=-(10**13))[A]] == [T0], "what is past its retention is gone"


def test_many_threads_at_once_see_only_whole_instants(tmp_path):
    """Scrapes, batches, upkeep and queries at the same time: no error, nothing lost, no scrape seen by half."""
    store = SampleStore(tmp_path / "samples.db")
    labels = tuple(Labels(__name__="m", i=str(i)) for i in range(20))
    over, problems = threading.Event(), []

    def guarded(work):
        def run():
            try:
                while not over.is_set():
                    work()
            except Exception as problem:
                problems.append(problem)

        return threading.Thread(target=run)

    def look():
        columns = store.select(Selection((Matcher("__name__", "=", "m"),), 0, 1 << 50))
        sizes = {len(columns.series(row)[0]) for row in range(len(columns))}
        assert len(sizes) <= 1, sizes
        store.label_values("i")
        store.stats()

    threads = [guarded(look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(400):
        at = T0 + i * 10 * MINUTE
        assert store.append_sync(Scrape("api", at, labels, np.full(20, float(i))))
        assert store.write_sync([sent(A, (at, i), (at - 15 * MINUTE, i))], "x").stored
        if i % 20 == 0:
            store.maintain_sync(from_ms(at))
    over.set()
    for thread in threads:
        thread.join(20)
    assert problems == []
    assert len(held(store)[labels[3]]) == 400
