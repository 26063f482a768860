"""Time in slices, held against sums done by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.slo.minutes import MINUTE, minutes, promise

from sereno.slo import budget, burn_chart, impact
from sereno.slo.outlook import time_budget
from sereno.slo.periods import period_of

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
TWO_WEEKS = 20_160


def slices(text: str, window: timedelta, **more: object):  # type: ignore[no-untyped-def]
    return promise(text, window, method="timeslices", **{"slice_target": Decimal("0.9"), **more})


@pytest.mark.parametrize(
    ("text", "window", "expected"),
    [
        ("95%", 2 * WEEK, timedelta(hours=16, minutes=48)),  # 0.05 × 20,160 min = 1,008 min
        ("99.95%", WEEK, timedelta(minutes=5, seconds=2.4)),  # 0.0005 × 604,800 s = 302.4 s
        ("99.9%", timedelta(days=30), timedelta(minutes=43, seconds=12)),  # 0.001 × 43,200 min
    ],
)
def test_the_budget_as_time(text: str, window: timedelta, expected: timedelta) -> None:
    promised = slices(text, window)
    assert time_budget(promised, period_of(promised, START)) == expected
    found = budget("shop", promised, minutes(START - window, window // MINUTE, lambda _: 0), START)
    assert found.time_budget == expected


def test_sixteen_hours_and_forty_eight_minutes_of_bad_slices_are_exactly_the_budget() -> None:
    """OpenSLO's example: two weeks, slices of a minute, 95 %."""
    promised = slices("95%", 2 * WEEK)
    for bad, remaining in ((1007, Fraction(1, 1008)), (1008, 0), (1009, Fraction(-1, 1008))):
        select = minutes(START, TWO_WEEKS, lambda i, bad=bad: 11 if 5000 <= i < 5000 + bad else 10)
        found = budget("shop", promised, select, START + 2 * WEEK)
        assert (found.total, found.bad, found.allowed, found.counts) == (TWO_WEEKS, bad, 1008, "slices")
        assert found.remaining is not None
        assert abs(Fraction(found.remaining) - remaining) < Fraction(1, 10**24)
        assert found.coverage == 1
    assert found.state == "exhausted"


def test_thirteen_hours_and_forty_three_minutes_of_ratios() -> None:
    """OpenSLO's example: 99 % at rest, slices at 1 %: 0.04 × 20,160 / 0.98 = 822.86 slices, 13 h 43 min, end it."""
    promised = promise("95%", 2 * WEEK, method="ratio_timeslices")
    assert round(Decimal("0.04") * TWO_WEEKS / Decimal("0.98")) == 823 == 13 * 60 + 43
    for worst, exhausted in ((822, False), (823, True)):
        select = minutes(START, TWO_WEEKS, lambda i, worst=worst: 99 if 300 <= i < 300 + worst else 1)
        found = budget("shop", promised, select, START + 2 * WEEK)
        assert found.bad == worst * Decimal("0.99") + (TWO_WEEKS - worst) * Decimal("0.01")
        assert found.remaining is not None
        assert (found.remaining <= 0) is exhausted
        assert abs(Fraction(found.remaining) - (1 - Fraction(found.bad) / TWO_WEEKS / Fraction("0.05"))) < 10**-24


def test_occurrences_of_the_same_two_weeks() -> None:
    """336,000 requests, of which 16,800 may fail."""
    select = minutes(START, TWO_WEEKS, lambda i: 50 if i < 336 else 0, lambda i: 50 if i < 6720 else 0)
    found = budget("shop", promise("95%", 2 * WEEK), select, START + 2 * WEEK)
    assert (found.total, found.bad, found.allowed, found.remaining) == (336_000, 16_800, 16_800, 0)
    assert found.counts == "events"


def test_a_slice_is_bad_below_its_target_and_not_at_it() -> None:
    promised = slices("99%", timedelta(hours=1), slice_target=Decimal("0.95"))
    select = minutes(START, 60, lambda i: {0: 5, 1: 6, 2: 100}.get(i, 0))
    assert budget("shop", promised, select, START + timedelta(hours=1)).bad == 2


def test_a_heavy_minute_weighs_what_a_light_one_does() -> None:
    select = minutes(START, 60, lambda i: 1 if i == 7 else 0, lambda i: 1 if i == 7 else 1_000_000)
    hour = START + timedelta(hours=1)
    assert budget("shop", slices("90%", timedelta(hours=1)), select, hour).bad == 1
    assert budget("shop", promise("90%", timedelta(hours=1), method="ratio_timeslices"), select, hour).bad == 1
    events = budget("shop", promise("90%", timedelta(hours=1)), select, hour)
    assert (events.bad, events.total) == (1, 59_000_001)


def test_idle_slices_are_good_and_unwatched_ones_are_what_the_objective_says() -> None:
    """An hour: ten bad minutes, ten idle ones, twenty that nobody watched."""
    select = minutes(
        START, 60, lambda i: 100 if i < 10 else 0, lambda i: 0 if 10 <= i < 20 else 100, unseen=lambda i: 30 <= i < 50
    )  # fmt: skip
    hour = timedelta(hours=1)
    # The slice in which somebody looked again holds the events of all that time: it is known, though not watched.
    for unknown, counted in {"ignore": (40, 10), "bad": (60, 30), "good": (60, 10)}.items():
        found = budget("shop", slices("90%", hour, unknown=unknown), select, START + hour)
        assert (found.total, found.bad) == counted
        assert found.coverage == Decimal("0.65")  # 39 of 60 minutes, whatever the others count as


def test_nothing_watched_is_unknown_and_never_fine() -> None:
    found = budget("shop", slices("90%", DAY), minutes(START, 0, lambda _: 0), START + 3 * DAY)
    assert (found.state, found.remaining, found.sli, found.total, found.coverage) == ("unknown", None, None, None, 0)
    worst = budget("shop", slices("90%", DAY, unknown="bad"), minutes(START, 0, lambda _: 0), START + 3 * DAY)
    assert (worst.state, worst.remaining, worst.coverage) == ("exhausted", -9, 0)


def test_windows_lie_on_the_borders_of_slices() -> None:
    promised = slices("90%", timedelta(hours=1))
    select = minutes(START, 120, lambda i: 100 if i == 59 else 0)
    late = START + timedelta(hours=1, minutes=59, seconds=59)
    assert budget("shop", promised, select, late).bad == 1  # from 0:59 on
    assert budget("shop", promised, select, late + timedelta(seconds=1)).bad == 0


def test_the_chart_ends_where_the_budget_is_and_an_incident_costs_its_slices() -> None:
    promised = slices("95%", DAY)
    select = minutes(START, 1440, lambda i: 100 if 600 <= i < 636 else 0)
    at = START + DAY
    found, chart = budget("shop", promised, select, at), burn_chart("shop", promised, select, at, points=25)
    assert (chart.remaining[0], chart.remaining[-1], found.remaining) == (1, Decimal("0.5"), Decimal("0.5"))
    cost = impact("shop", promised, select, START + timedelta(hours=10), START + timedelta(hours=10, minutes=36))
    assert (cost.total, cost.bad) == (36, 36)
