"""A budget that looks further back than samples are kept counts what it would have counted of all of them."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from sereno.adapters.samples.store import SampleStore
from sereno.adapters.samples.tiers import Tier
from sereno.insight.counts import count
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms, to_ms
from sereno.slo import WHOLE, Thinned, budget, budget_selections, burn_chart, harm, impact
from sereno.slo.tally import tally
from sereno.spec.model import EventsSli, LatencySli, Objective, Slo

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DAYS = 100
NOW = T0 + DAYS * DAY
TIERS = (Tier(timedelta(minutes=5), timedelta(days=40)), Tier(timedelta(hours=1), timedelta(days=400)))
EVENTS = EventsSli('requests_total{job="shop"}', 'requests_total{job="shop",code="500"}', None)
LATENCY = LatencySli(
    "seconds", 'seconds_bucket{job="shop",le="0.5"}', 'seconds_count{job="shop"}', Decimal("0.5")
)  # fmt: skip

FLAT = LatencySli("seconds", 'seconds_bucket{job="shop",le="0.1"}', 'seconds_count{job="shop"}', Decimal("0.1"))


def slo(days, sli=EVENTS):
    return Slo("availability", Objective("99%", Decimal("0.99")), timedelta(days=days), sli)


def lives(random, start, end):
    """The scrapes of a process between gaps, and after which of them it began anew."""
    times = np.arange(start, end, MINUTE) + 7_000
    for _ in range(14):  # gaps of two minutes to five hours, some within a step, some over its border
        begin = int(random.integers(0, len(times) - 400))
        gap = int(random.choice([2, 12, 40, 300]))
        times = np.delete(times, slice(begin, begin + gap))
    return times, np.sort(random.choice(np.arange(1, len(times)), 25, replace=False))


def counter(random, times, restarts, rate):
    """What a counter of the process shows; its restarts put it back."""
    seen = random.poisson(rate, len(times))
    total = np.cumsum(seen)
    for at in restarts:
        total[at:] -= total[at] - seen[at]
    return total.astype(float)


def history():
    random = np.random.default_rng(11)
    found = []
    for instance, start, end in (("a:1", T0, NOW), ("b:1", T0 + 9 * DAY + 17 * MINUTE, T0 + 70 * DAY)):
        times, restarts = lives(random, start, end)
        base = {"job": "shop", "instance": instance}
        ok = Labels(__name__="requests_total", code="200", **base)
        found.append((ok, times, counter(random, times, restarts, 20.0)))
        late = int(np.searchsorted(times, T0 + 20 * DAY + 3 * MINUTE))  # the first error comes within a step
        bad = counter(random, times[late:], restarts[restarts > late] - late, 0.3)
        born = np.flatnonzero(bad)[0]
        found.append((Labels(__name__="requests_total", code="500", **base), times[late + born :], bad[born:]))
        whole = counter(random, times, restarts, 9.0)
        found.append((Labels(__name__="seconds_count", **base), times, whole))
        found.append((Labels(__name__="seconds_bucket", le="0.5", **base), times, np.floor(whole * 0.8)))
        found.append((Labels(__name__="seconds_bucket", le="0.1", **base), times, whole * 0.0))
    return found


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store that kept everything, and one that thinned what was older than ten days."""
    folder = tmp_path_factory.mktemp("stores")
    full = SampleStore(folder / "full.db", retention=timedelta(days=4000))
    thin = SampleStore(folder / "thin.db", retention=timedelta(days=10), tiers=TIERS)
    for store in (full, thin):
        store.backfill_sync(history())
        store.maintain_sync(from_ms(NOW))
        store.maintain_sync(from_ms(NOW + MINUTE))
    yield full, thin
    full.close()
    thin.close()


def test_the_store_says_from_when_on_it_holds_steps_only(stores):
    full, thin = stores
    assert full.thinned() == WHOLE
    (raw, five), (fine, hour) = thin.thinned().steps
    assert (five, hour) == (5 * MINUTE, HOUR)
    assert abs(raw - (NOW - 10 * DAY)) <= DAY
    assert abs(fine - (NOW - 40 * DAY)) <= DAY
    assert len(thin.select(budget_selections(slo(90), from_ms(NOW))[0]).times) < 100_000


@pytest.mark.parametrize("sli", [EVENTS, LATENCY, FLAT], ids=["events", "latency", "flat"])
@pytest.mark.parametrize("at", [NOW, NOW - 3 * DAY - 123_456, NOW - 25 * DAY - 61_000, NOW - 50 * DAY])
@pytest.mark.parametrize("days", [7, 30, 45, 90, 365])
def test_counts_are_those_of_all_samples_and_coverage_within_a_step_a_gap(stores, days, at, sli):
    full, thin = stores
    thinned, promise = thin.thinned(), slo(days, sli)
    start, end = thinned.floor(at - days * DAY), thinned.floor(at)
    expected = tally(promise, full.select, start, end).over(start, end)
    told = budget("shop", promise, thin.select, from_ms(at), thinned)
    assert (told.total, told.bad) == (expected.total, expected.bad)
    assert expected.total > 0
    missed = float(told.coverage) * (end - start) - expected.covered_ms
    assert -MINUTE <= missed <= 56 * HOUR, "28 gaps at most, each within a step"
    assert told.coverage <= 1


def test_without_being_told_thinned_time_would_look_unwatched(stores):
    _, thin = stores
    blind = budget("shop", slo(90), thin.select, from_ms(NOW))
    told = budget("shop", slo(90), thin.select, from_ms(NOW), thin.thinned())
    assert blind.coverage < Decimal("0.5") < Decimal("0.95") < told.coverage


def test_a_gap_in_thinned_time_stays_unknown(stores):
    _, thin = stores
    dark = T0 + 75 * DAY
    kept = thin.select

    def select(selection):  # nothing for six days, ten of the 5-minute tier
        from sereno.promql.columns import Columns

        columns = kept(selection)
        rows = [(labels, *columns.series(i)) for i, labels in enumerate(columns.labels)]
        return Columns.of([(one, t[m], v[m]) for one, t, v in rows for m in [(t < dark) | (t > dark + 6 * DAY)]])

    told = budget("shop", slo(30), select, from_ms(NOW), thin.thinned())
    assert abs(float(told.coverage) - 24 / 30) < 0.02


@pytest.mark.parametrize("length", [3 * MINUTE, 47 * MINUTE, 9 * HOUR])
@pytest.mark.parametrize("ago", [5 * DAY, 20 * DAY + 77_777, 60 * DAY + 1_234_567])
def test_what_an_old_incident_cost_is_exact_for_the_steps_that_it_touched(stores, ago, length):
    full, thin = stores
    start, end = from_ms(NOW - ago), from_ms(NOW - ago + length)
    told = impact("shop", slo(30), thin.select, start, end, thin.thinned())
    assert told.start <= start
    assert told.end >= end
    assert told.end - told.start <= end - start + 2 * timedelta(hours=1)
    exact = impact("shop", slo(30), full.select, told.start, told.end)
    assert (told.total, told.bad) == (exact.total, exact.bad)


def test_the_chart_and_the_worst_hours_are_exact_too(stores):
    full, thin = stores
    thinned = thin.thinned()
    chart = burn_chart("shop", slo(90), thin.select, from_ms(NOW), thinned=thinned)
    at = [to_ms(one) for one in chart.times]
    whole = tally(slo(90), full.select, at[0], at[-1])
    bad = np.cumsum([span.bad for span in whole.between(at)])
    total = whole.over(at[0], at[-1]).total
    for told, spent in zip(chart.remaining[1:], bad, strict=True):
        assert told is None or abs(float(told) - (1 - float(spent) / (0.01 * total))) < 1e-12
    assert sum(told is None for told in chart.remaining) < 5
    begin, end = from_ms(NOW - 60 * DAY - 99_000), from_ms(NOW - 58 * DAY)
    worst = harm(slo(30), thin.select, begin, end, thinned)
    if worst is not None:
        assert all(to_ms(edge) % HOUR == 0 for edge in worst)


@pytest.mark.parametrize("sli", [EVENTS, LATENCY, FLAT], ids=["events", "latency", "flat"])
@pytest.mark.parametrize("tile", [20_000, 2_000_000])
def test_a_backtest_counts_at_borders_only(stores, tile, sli):
    full, thin = stores
    instants = np.arange(NOW - 60 * DAY, NOW, 7 * MINUTE)
    told = count(slo(30, sli), thin.select, instants, tile_samples=tile, thinned=thin.thinned())
    exact = count(slo(30, sli), full.select, told.instants_ms)
    assert told.total.tolist() == exact.total.tolist()
    assert told.bad.tolist() == exact.bad.tolist()
    span = told.over(NOW - 55 * DAY, NOW - 10 * DAY)
    assert 0.9 < span.coverage <= 1


def test_floors_and_ceilings():
    thinned = Thinned(((10 * HOUR + 1, 5 * MINUTE), (5 * HOUR + 1, HOUR)))
    assert thinned.floor(11 * HOUR + 1) == 11 * HOUR + 1
    assert thinned.floor(7 * HOUR + 299_999) == 7 * HOUR
    assert thinned.ceil(7 * HOUR + 1) == 7 * HOUR + 5 * MINUTE
    assert (thinned.floor(3 * HOUR - 1), thinned.ceil(3 * HOUR - 1), thinned.ceil(3 * HOUR)) == (
        2 * HOUR, 3 * HOUR, 3 * HOUR,
    )  # fmt: skip
    assert thinned.floors(np.array([3 * HOUR + 1, 3 * HOUR + 2, 7 * HOUR + 1])).tolist() == [3 * HOUR, 7 * HOUR]
