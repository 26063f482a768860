"""What is too old to be kept all is thinned: what it says of increases, lows and highs stays true to the bit."""

import sqlite3
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.adapters.samples.assembly import Piece
from sereno.adapters.samples.source import Scrape, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.thinning import thinned, totals
from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import STALE, STALE_BITS, Matcher, Selection

T0 = 1_767_225_600_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
STEP = 5 * MINUTE
COUNTER = Labels(__name__="requests_total", job="api", instance="a:1")
GAUGE = Labels(__name__="temperature", job="api", instance="a:1")
ALL = (Matcher("__name__", "!=", ""),)


def increase(times, values, start, end):
    """Reset-corrected last minus first over (start, end], added as Prometheus does; None for fewer than two."""
    inside = (times > start) & (times <= end) & (values.view(np.uint64) != STALE_BITS)
    found = values[inside].tolist()
    if len(found) < 2:
        return None
    total = found[-1] - found[0]
    for before, after in pairwise(found):
        if after < before:
            total += before
    return total


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_increases_lows_highs_and_lasts_over_whole_steps_are_exact(data):
    gaps = data.draw(
        st.lists(st.sampled_from([1, 15_000, 15_001, 60_000, 299_999, STEP, HOUR]), min_size=1, max_size=80)
    )
    times = T0 + np.cumsum(np.array(gaps, np.int64))
    values = np.array(
        data.draw(
            st.lists(
                st.one_of(st.integers(0, 9).map(float), st.floats(0, 1e9), st.just(STALE)),
                min_size=len(times),
                max_size=len(times),
            )
        )
    )
    present = np.array(data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times))))
    piece = Piece(np.array([7]), times, values[None, :], present[None, :])
    for step in (STEP, HOUR):
        kept = thinned(piece, step, counter=True)
        old_times, old = times[present], values[present]
        new_times, new = kept.times, kept.values[0] if len(kept.numbers) else np.zeros(0)
        if kept.present is not None and len(kept.numbers):
            new_times, new = new_times[kept.present[0]], new[kept.present[0]]
        places = np.searchsorted(old_times, new_times)
        assert (old_times[places] == new_times).all(), "no sample is made up"
        assert (old[places].view(np.uint64) == new.view(np.uint64)).all()
        first, last = T0 // step * step - step, int(times[-1]) // step * step + 2 * step
        bounds = np.arange(first, last, step).tolist()
        for a in bounds[:: max(1, len(bounds) // 4)]:
            for b in bounds[:: max(1, len(bounds) // 5)]:
                assert increase(new_times, new, a, b) == increase(old_times, old, a, b)
                for find in (np.nanmin, np.nanmax, lambda v: v[-1]):
                    assert over(find, new_times, new, a, b) == over(find, old_times, old, a, b)


def over(find, times, values, start, end):
    inside = values[(times > start) & (times <= end) & ~np.isnan(values)]
    return find(inside) if len(inside) else None


def test_the_wider_tier_is_a_part_of_the_narrower_and_a_series_end_is_kept():
    times = T0 + np.arange(0, 6 * HOUR, 15_000)
    random = np.random.default_rng(4)
    values = np.stack([np.cumsum(random.poisson(3, len(times))).astype(float), random.normal(20, 2, len(times))])
    values[0, 705:] -= values[0, 705]
    values[1, 900], values[1, 901:] = STALE, 0
    present = np.ones(values.shape, bool)
    present[1, 901:] = False
    piece = Piece(np.array([1, 2]), times, values, present)
    narrow, wide = thinned(piece, STEP), thinned(piece, HOUR)
    at_narrow = set(narrow.times[narrow.present[0]].tolist())
    assert set(wide.times[wide.present[0]].tolist()) <= at_narrow
    assert int(narrow.present[0].sum()) == 2 * 72 + 2 + 1  # first and last of each step, the reset, midnight itself
    assert narrow.values[1, np.flatnonzero(narrow.times == times[900])[0]].tobytes() == np.float64(STALE).tobytes()
    assert times[901] not in narrow.times[narrow.present[1]]


def test_counts_and_sums_are_kept_beside():
    times = T0 + np.array([0, 1, STEP, STEP + 1])
    values = np.array([[1.0, 2.0, 4.0, np.nan], [STALE, 1.0, 1.0, 1.0]])
    found = totals(Piece(np.array([1, 2]), times, values), STEP)
    assert found.counts.tolist() == [[1, 2, 1], [0, 2, 1]]
    assert found.sums[:, :2].tolist() == [[1.0, 6.0], [0.0, 2.0]]
    assert np.isnan(found.sums[0, 2])


def month(path, days=10, **settings):
    """A store that has scraped for `days`, with its upkeep; and all samples that it was given."""
    store = SampleStore(path, **settings)
    times = T0 + np.arange(0, days * DAY, MINUTE)
    random = np.random.default_rng(6)
    counter = np.cumsum(random.poisson(5, len(times))).astype(float)
    counter[len(times) // 3 :] -= counter[len(times) // 3]
    counter[len(times) // 2 :] -= counter[len(times) // 2]
    gauge = np.round(random.normal(20, 3, len(times)), 2)
    for i, at in enumerate(times.tolist()):
        store.append_sync(Scrape("api", at, (COUNTER, GAUGE), np.array([counter[i], gauge[i]])))
        if at % HOUR == 0:
            store.maintain_sync(from_ms(at))
    return store, times, counter, gauge


def found(store, labels, start=0, end=1 << 50):
    columns = store.select(Selection((Matcher("__name__", "=", labels["__name__"]),), start, end))
    return columns.series(0) if len(columns) else (np.zeros(0, np.int64), np.zeros(0))


def test_what_is_older_than_its_retention_is_thinned_and_those_who_ask_are_told(tmp_path):
    store, times, counter, gauge = month(tmp_path / "samples.db", retention=timedelta(days=3))
    now = T0 + 10 * DAY
    store.maintain_sync(from_ms(now))
    for _ in range(2):
        at, values = found(store, COUNTER)
        recent = at > now - 2 * DAY
        assert recent.sum() == 2 * 1440 - 1, "what is young is all there"
        assert (~recent).sum() < 0.6 * len(times), "what is old is thinned"
        for a in range(T0, now, 6 * HOUR):
            for b in (a + STEP, a + HOUR, a + DAY, now):
                assert increase(at, values, a, b) == increase(times, counter, a, b)
        at, values = found(store, GAUGE)
        for a in range(T0, now, 7 * HOUR):
            assert over(np.max, at, values, a, a + HOUR) == over(np.max, times, gauge, a, a + HOUR)
        (note,) = store.notes([Selection(ALL, T0, now), Selection(ALL, T0 + 1, now)])
        assert note.startswith("samples before 2026-01-07T23:59:00Z are thinned")
        assert store.notes([Selection(ALL, T0 + 8 * DAY, now)]) == ()
        store.close()
        store = SampleStore(tmp_path / "samples.db", read_only=True)


def test_without_retention_nothing_is_thinned_and_nothing_is_read_twice(tmp_path):
    store, times, counter, _ = month(tmp_path / "samples.db", days=4)
    store.maintain_sync(from_ms(T0 + 5 * DAY))
    at, values = found(store, COUNTER)
    assert at.tolist() == times.tolist()
    assert values.tolist() == counter.tolist()
    assert store.notes([Selection(ALL, 0, T0 + 5 * DAY)]) == ()


def test_late_samples_of_a_finished_day_reach_its_tiers(tmp_path):
    store, _, _, _ = month(tmp_path / "samples.db", days=3, retention=timedelta(days=20))
    store.maintain_sync(from_ms(T0 + 4 * DAY))
    late = SeriesSamples(GAUGE, np.array([T0 + 7 * MINUTE + 1]), np.array([1e6]))
    assert store.write_sync([late], "x", any_age=True).stored == 1
    store.maintain_sync(from_ms(T0 + 5 * DAY))
    store.maintain_sync(from_ms(T0 + 30 * DAY))
    at, values = found(store, GAUGE)
    assert values.max() == 1e6
    # And once a day's samples are forgotten, those that come after are added to what its tiers hold.
    before = len(at)
    other = SeriesSamples(GAUGE, np.array([T0 + 17 * MINUTE + 1]), np.array([2e6]))
    assert store.write_sync([other], "x", any_age=True).stored == 1
    for day in (31, 32, 33):
        store.maintain_sync(from_ms(T0 + day * DAY))
    at, values = found(store, GAUGE)
    assert (len(at), values.max()) == (before + 1, 2e6)


def test_each_tier_is_forgotten_in_its_turn(tmp_path):
    tiers = (tier(STEP, 5), tier(HOUR, 8))
    store, times, counter, _ = month(tmp_path / "samples.db", retention=timedelta(days=2), tiers=tiers)
    now = T0 + 10 * DAY
    store.maintain_sync(from_ms(now))
    at, values = found(store, COUNTER)
    assert from_ms(int(at[0])) == from_ms(T0 + 2 * DAY)
    for a, b in ((T0 + 2 * DAY, T0 + 5 * DAY), (T0 + 3 * DAY, now), (T0 + 7 * DAY, T0 + 7 * DAY + 3 * HOUR)):
        assert increase(at, values, a, b) == increase(times, counter, a, b)
    per_day = [int(((at >= T0 + d * DAY) & (at < T0 + (d + 1) * DAY)).sum()) for d in range(10)]
    assert per_day[:2] == [0, 0]
    assert max(per_day[2:5]) <= 52 < 500 < min(per_day[5:8]) < 600 < min(per_day[8:])


def tier(step_ms, days):
    from sereno.adapters.samples.tiers import Tier

    return Tier(timedelta(milliseconds=step_ms), timedelta(days=days))


def test_a_bound_on_bytes_forgets_the_oldest_samples_first(tmp_path):
    store, times, counter, _ = month(tmp_path / "samples.db", days=20)
    now = T0 + 20 * DAY
    store.maintain_sync(from_ms(now))
    store.close()
    whole = (tmp_path / "samples.db").stat().st_size
    store = SampleStore(tmp_path / "samples.db", retention_bytes=whole * 2 // 3)
    store.maintain_sync(from_ms(now))
    at, values = found(store, COUNTER)
    assert at[0] == T0, "the tiers still reach back to the beginning"
    assert store.notes([Selection(ALL, T0, now)])
    assert increase(at, values, T0, now) == increase(times, counter, T0, now)
    store.close()
    with sqlite3.connect(tmp_path / "samples.db") as connection:
        used = connection.execute("PRAGMA page_count").fetchone()[0] * 4096
    assert used <= whole * 2 // 3 + 4096 * 2000
    store = SampleStore(tmp_path / "samples.db", retention_bytes=1)
    store.maintain_sync(from_ms(now))
    assert len(found(store, COUNTER)[0]) >= 1440, "the last day is kept whatever the bound"
    assert store.append_sync(Scrape("api", now, (COUNTER, GAUGE), np.array([1.0, 2.0])))


@pytest.mark.parametrize("kind", ["counter", "gauge"])
def test_native_histograms_are_thinned_too(kind):
    from sereno.promql.native import Buckets, Histogram

    count = 600
    objects = np.full((1, count), None, object)
    for i in range(count):
        level = float(i % 200) if kind == "counter" else float(i * i % 101)
        buckets = Buckets(np.array([1]), np.array([level + 1]))
        objects[0, i] = Histogram(0, level, level, positive=buckets, reset="unknown" if kind == "counter" else "gauge")
    times = T0 + 15_000 * np.arange(1, count + 1)
    kept = thinned(Piece(np.array([1]), times, np.zeros((1, count)), None, objects), STEP)
    wanted = 2 * 30 + (4 if kind == "counter" else 0)
    assert abs(kept.values.size - wanted) <= 4
    if kind == "counter":
        assert {times[199], times[200], times[399], times[400]} <= set(kept.times.tolist())


@pytest.mark.parametrize("retention", [2, 50])
def test_counts_sums_and_extremes_by_the_hour_are_exact_however_old(tmp_path, retention):
    tiers = (tier(STEP, 5), tier(HOUR, 50))
    store, times, counter, gauge = month(tmp_path / "samples.db", retention=timedelta(days=retention), tiers=tiers)
    now = T0 + 10 * DAY
    store.maintain_sync(from_ms(now))
    for labels, values in ((COUNTER, counter), (GAUGE, gauge)):
        wanted = Selection((Matcher("__name__", "=", labels["__name__"]),), 0, now)
        (one,) = store.aggregates(wanted, HOUR)
        assert one.labels == labels
        assert one.ends.tolist() == sorted({-(-t // HOUR) * HOUR for t in times.tolist()})
        for place, end in enumerate(one.ends.tolist()):
            inside = values[(times > end - HOUR) & (times <= end)]
            assert one.count[place] == len(inside)
            assert (one.min[place], one.max[place]) == (inside.min(), inside.max())
            assert (one.first[place], one.last[place]) == (inside[0], inside[-1])
            if labels == GAUGE:
                assert one.sum[place] == pytest.approx(inside.sum(), rel=1e-12)
        gains = np.where(np.diff(values) < 0, values[1:], np.diff(values))
        if labels == COUNTER:
            assert one.increase.sum() == gains.sum()
    if retention == 2:
        with pytest.raises(UsageError, match="multiples"):
            store.aggregates(wanted, 7 * MINUTE)
    else:
        assert len(store.aggregates(wanted, 7 * MINUTE)) == 1
