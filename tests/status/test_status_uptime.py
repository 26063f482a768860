"""Uptime is exact: tables for the cases others get wrong, properties for what must always hold."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.kernel.language import percent
from sereno.status.model import STATES, Interval
from sereno.status.rules import WEIGHTS, days, floor_ratio, known_since, midnight, shown, uptime

T0 = datetime(2025, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)


def timeline(*parts: tuple[str, float]) -> list[Interval]:
    """States one after the other, each lasting so many minutes."""
    at, made = T0, []
    for state, minutes in parts:
        until = at + timedelta(minutes=minutes)
        made.append(Interval("public", "API", state, at, until, "test"))
        at = until
    return made


def shown_percent(intervals, start=T0, end=T0 + DAY) -> str:
    return percent(floor_ratio(uptime(intervals, start, end).availability, 3), "en", 3)


@pytest.mark.parametrize(
    ("parts", "expected", "coverage"),
    [
        # One real outage of 60 s: a minute is a minute, whatever the checks' rhythm and retries.
        ([("operational", 700), ("major_outage", 1), ("operational", 739)], "99.930%", 1),
        # 90 s of outage between 60 s checks with five retries.
        ([("operational", 700), ("major_outage", 1.5), ("operational", 738.5)], "99.895%", 1),
        # Nobody watched for 12 h: that half is unknown, neither up nor down.
        ([("operational", 720), ("unknown", 720)], "100.000%", Fraction(1, 2)),
        # 30 minutes down, and nobody watching the other 12 h: judged over the 12 known hours.
        ([("operational", 690), ("major_outage", 30), ("unknown", 720)], "95.833%", Fraction(1, 2)),
        # 2 h of maintenance do not count; 10 minutes of outage outside it do.
        ([("maintenance", 120), ("operational", 1310), ("major_outage", 10)], "99.242%", 1),
        # Partial outages weigh 0.3, degraded ones nothing.
        ([("operational", 1340), ("partial_outage", 100)], "97.916%", 1),
        ([("operational", 1340), ("degraded", 100)], "100.000%", 1),
        # A millisecond of outage in a day is not 100 %.
        ([("operational", 700), ("major_outage", 0.001), ("operational", 739.999)], "99.999%", 1),
    ],
)
def test_a_day_is_as_available_as_it_was(parts, expected, coverage):
    intervals = timeline(*parts)
    assert shown_percent(intervals) == expected
    assert uptime(intervals, T0, T0 + DAY).coverage == coverage


def test_time_without_any_interval_is_unknown():
    found = uptime([], T0, T0 + DAY)
    assert (found.availability, found.coverage, found.down_seconds) == (None, 0, 0)
    assert uptime([], T0, T0).coverage == 0
    assert shown(found) is None


def test_a_day_of_nothing_but_maintenance_is_known_and_has_no_availability():
    found = uptime(timeline(("maintenance", 1440)), T0, T0 + DAY)
    assert (found.availability, found.coverage) == (None, 1)


def test_below_half_the_time_known_no_number_is_shown():
    assert shown(uptime(timeline(("operational", 720)), T0, T0 + DAY)) == 1
    assert shown(uptime(timeline(("operational", 719)), T0, T0 + DAY)) is None


def test_an_open_interval_lasts_until_now_and_no_longer():
    open_one = [Interval("public", "API", "major_outage", T0, None, "in_1")]
    assert uptime(open_one, T0 - DAY, T0 + DAY).down_seconds == 86400
    assert uptime(open_one, T0 - DAY, T0 - DAY / 2).coverage == 0


parts_of_a_week = st.lists(
    st.tuples(st.sampled_from(STATES), st.integers(1, 3000)), min_size=1, max_size=20
)  # fmt: skip


@given(parts_of_a_week, st.integers(0, 20000), st.integers(0, 20000))
def test_splitting_a_span_and_adding_up_gives_the_span(parts, first, second):
    intervals = timeline(*parts)
    cut, end = sorted((first, second))
    start, middle, stop = T0, T0 + timedelta(minutes=cut), T0 + timedelta(minutes=end)
    whole, left, right = (uptime(intervals, a, b) for a, b in ((start, stop), (start, middle), (middle, stop)))
    assert whole.down_seconds == left.down_seconds + right.down_seconds
    assert whole.coverage * end == left.coverage * cut + right.coverage * (end - cut)


@given(parts_of_a_week, st.integers(1, 2999))
def test_an_interval_cut_in_two_is_the_same_interval(parts, minutes):
    whole = timeline(*parts)
    first = whole[0]
    cut = first.started_at + min(timedelta(minutes=minutes), (first.ended_at - first.started_at) / 2)
    halves = [
        Interval("public", "API", first.state, first.started_at, cut, "a"),
        Interval("public", "API", first.state, cut, first.ended_at, "b"),
    ]
    end = T0 + 7 * DAY
    assert uptime(halves + whole[1:], T0, end) == uptime(whole, T0, end)


@given(parts_of_a_week)
def test_every_figure_stays_within_its_bounds(parts):
    found = uptime(timeline(*parts), T0, T0 + 3 * DAY)
    assert 0 <= found.coverage <= 1
    assert found.availability is None or 0 <= found.availability <= 1
    assert (found.availability == 1) <= (found.down_seconds == 0)
    if found.availability is not None:
        assert (floor_ratio(found.availability) == 1) == (found.down_seconds == 0)


@given(parts_of_a_week, st.sampled_from(["America/Lima", "Europe/Madrid", "America/Santiago", "Asia/Kathmandu"]))
def test_days_add_up_to_the_whole(parts, zone):
    intervals = timeline(*parts)
    now = T0 + 5 * DAY + timedelta(hours=7)
    made = days(intervals, zone, now, 30)
    there = ZoneInfo(zone)
    bounds = [midnight(day.day, there) for day in made] + [now]
    whole = uptime(intervals, bounds[0], now)
    lengths = [int((b - a).total_seconds()) for a, b in itertools.pairwise(bounds)]
    assert sum(d.coverage * s for d, s in zip(made, lengths, strict=True)) == whole.coverage * sum(lengths)
    down = sum(uptime(intervals, a, b).down_seconds for a, b in itertools.pairwise(bounds))
    assert down == whole.down_seconds


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Madrid", date(2025, 3, 30), 23),  # clocks go forward at 02:00
        ("Europe/Madrid", date(2025, 10, 26), 25),  # and back at 03:00
        ("America/Santiago", date(2025, 9, 7), 23),  # forward at midnight: the day begins at 01:00
        ("America/Havana", date(2025, 11, 2), 25),  # back at 01:00
        ("America/Santiago", date(2025, 4, 5), 25),  # back at midnight, 23:00 comes twice
        ("America/Lima", date(2025, 4, 5), 24),
    ],
)
def test_a_local_day_has_its_true_length(zone, day, hours):
    there = ZoneInfo(zone)
    start, end = midnight(day, there), midnight(day + DAY, there)
    assert end - start == timedelta(hours=hours)
    assert start.astimezone(there).date() == day
    assert (start - timedelta(microseconds=1)).astimezone(there).date() == day - DAY


def test_an_hour_down_weighs_more_in_a_day_of_23_hours():
    there = ZoneInfo("Europe/Madrid")
    start = midnight(date(2025, 3, 30), there)
    now = start + timedelta(days=2)
    intervals = [
        Interval("public", "API", "operational", start - DAY, start, ""),
        Interval("public", "API", "major_outage", start, start + timedelta(hours=1), ""),
        Interval("public", "API", "operational", start + timedelta(hours=1), None, ""),
    ]
    by_date = {day.day: day for day in days(intervals, "Europe/Madrid", now, 5)}
    assert by_date[date(2025, 3, 30)].availability == Fraction(22, 23)
    assert by_date[date(2025, 3, 30)].worst == "major_outage"
    assert by_date[date(2025, 3, 31)].availability == 1
    assert by_date[date(2025, 3, 28)].worst == "unknown"


def test_a_restart_does_not_paint_the_day_unknown_and_a_lost_day_is_not_painted_fine():
    gap = timeline(("operational", 600), ("unknown", 1), ("operational", 839))
    lost = timeline(("operational", 600), ("unknown", 840))
    hurt = timeline(("degraded", 1), ("unknown", 1439))
    now = T0 + DAY - timedelta(microseconds=1)
    assert [days(i, "UTC", now, 1)[0].worst for i in (gap, lost, hurt)] == ["operational", "unknown", "degraded"]
    assert days(gap, "UTC", now, 1)[0].coverage < 1


def test_ninety_days_end_today():
    made = days([], "America/Lima", datetime(2025, 11, 25, 3, tzinfo=UTC))
    assert (len(made), made[-1].day, made[0].day) == (90, date(2025, 11, 24), date(2025, 8, 27))


def test_rounding_is_always_down():
    assert floor_ratio(Fraction(99999, 100000)) == Decimal("0.9999")
    assert floor_ratio(1 - Fraction(1, 10**40)) == Decimal("0.9999")
    assert floor_ratio(Fraction(1)) == 1
    assert percent(floor_ratio(Fraction(99999, 100000)), "es") == "99,99 %"


def test_what_was_never_known_has_no_beginning():
    assert known_since(timeline(("unknown", 10))) is None
    assert known_since(timeline(("unknown", 10), ("operational", 5))) == T0 + timedelta(minutes=10)


def test_only_outages_weigh():
    assert {state for state in STATES if WEIGHTS.get(state)} == {"partial_outage", "major_outage"}
