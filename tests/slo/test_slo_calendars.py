"""Calendars: months of local time where clocks change and where they do not, counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.slo.minutes import MINUTE, minutes, promise

from sereno.slo import Budget, budget, burn_chart
from sereno.slo.formula import exhaustion, projection
from sereno.slo.outlook import time_budget
from sereno.slo.periods import day_begins, period_of
from sereno.spec.model import Calendar, Slo

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def monthly(zone: str, text: str = "99%", **more: object) -> Slo:
    return promise(text, 30 * DAY, calendar=Calendar("month", zone), **more)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        # Lima is five hours behind all year.
        ("America/Lima", utc(2026, 2, 10), utc(2026, 2, 1, 5), utc(2026, 3, 1, 5)),
        ("America/Lima", utc(2026, 3, 1, 4, 59), utc(2026, 2, 1, 5), utc(2026, 3, 1, 5)),
        ("America/Lima", utc(2024, 2, 29, 12), utc(2024, 2, 1, 5), utc(2024, 3, 1, 5)),
        # A border belongs to what ends there.
        ("America/Lima", utc(2026, 3, 1, 5), utc(2026, 2, 1, 5), utc(2026, 3, 1, 5)),
        ("America/Lima", utc(2026, 3, 1, 5, 0, 1), utc(2026, 3, 1, 5), utc(2026, 4, 1, 5)),
        # New York: on 8 March 2026 an hour is skipped, on 1 November 2026 one comes twice.
        ("America/New_York", utc(2026, 3, 20), utc(2026, 3, 1, 5), utc(2026, 4, 1, 4)),
        ("America/New_York", utc(2026, 11, 20), utc(2026, 11, 1, 4), utc(2026, 12, 1, 5)),
        # Santiago: clocks go back an hour on 5 April 2026, and forward on 6 September 2026, at midnight itself.
        ("America/Santiago", utc(2026, 4, 20), utc(2026, 4, 1, 3), utc(2026, 5, 1, 4)),
        ("America/Santiago", utc(2026, 9, 20), utc(2026, 9, 1, 4), utc(2026, 10, 1, 3)),
    ],
)
def test_a_month_is_one_of_its_own_clocks(zone: str, at: datetime, start: datetime, end: datetime) -> None:
    found = period_of(monthly(zone), at)
    assert (found.start, found.at, found.end) == (start, at, end)


@pytest.mark.parametrize(
    ("zone", "month", "hours"),
    [
        ("America/Lima", 2, 672), ("America/Lima", 3, 744),
        ("America/New_York", 3, 743), ("America/New_York", 11, 721),
        ("America/Santiago", 4, 721), ("America/Santiago", 9, 719),
    ],
)  # fmt: skip
def test_the_budget_is_that_of_the_hours_there_really_are(zone: str, month: int, hours: int) -> None:
    promised = monthly(zone, "99.9%", method="timeslices", slice_target=Decimal("0.9"))
    period = period_of(promised, utc(2026, month, 15))
    assert period.length == timedelta(hours=hours)
    assert time_budget(promised, period) == timedelta(hours=hours) / 1000


def test_days_of_23_and_25_hours_and_a_midnight_that_is_skipped() -> None:
    daily = promise("99%", DAY, calendar=Calendar("day", "America/New_York"))
    assert period_of(daily, utc(2026, 3, 8, 18)).length == timedelta(hours=23)
    assert period_of(daily, utc(2026, 11, 1, 18)).length == timedelta(hours=25)
    # In Santiago 6 September 2026 begins at 01:00: there is no midnight. That is 04:00 UTC.
    assert day_begins(date(2026, 9, 6), ZoneInfo("America/Santiago")) == utc(2026, 9, 6, 4)
    daily = promise("99%", DAY, calendar=Calendar("day", "America/Santiago"))
    assert period_of(daily, utc(2026, 9, 6, 12)).length == timedelta(hours=23)


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("day", utc(2026, 5, 13, 5), utc(2026, 5, 14, 5)),
        ("week", utc(2026, 5, 11, 5), utc(2026, 5, 18, 5)),
        ("month", utc(2026, 5, 1, 5), utc(2026, 6, 1, 5)),
        ("quarter", utc(2026, 4, 1, 5), utc(2026, 7, 1, 5)),
        ("year", utc(2026, 1, 1, 5), utc(2027, 1, 1, 5)),
    ],
)
def test_every_unit(unit: str, start: datetime, end: datetime) -> None:
    promised = promise("99%", DAY, calendar=Calendar(unit, "America/Lima"))  # type: ignore[arg-type]
    found = period_of(promised, utc(2026, 5, 13, 12))
    assert (found.start, found.end) == (start, end)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.sampled_from(["America/Santiago", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"]),
)
def test_periods_follow_one_another_without_gap_or_overlap(at: datetime, unit: str, zone: str) -> None:
    promised = promise("99%", DAY, calendar=Calendar(unit, zone))  # type: ignore[arg-type]
    found = period_of(promised, at)
    assert found.start < at <= found.end
    assert period_of(promised, found.end).start == found.start
    assert period_of(promised, found.end + timedelta(microseconds=1)).start == found.end
    local = found.start.astimezone(ZoneInfo(zone))
    assert (local - timedelta(microseconds=1)).date() < local.date() or zone == "Pacific/Apia"


class TestAMonthInLima:
    """June 2026 in Lima: 100 requests a minute; on the 20th, two hours at 30 % errors."""

    START = utc(2026, 6, 1, 5)
    FAULT = (19 * 1440 + 600, 19 * 1440 + 720)

    def at(self, when: datetime, **more: object) -> Budget:
        begin, end = self.FAULT
        # Ten bad minutes before the month began belong to May.
        select = minutes(
            self.START - HOUR, 31 * 1440, lambda i: 100 if i < 10 else 30 if begin <= i - 60 < end else 0
        )  # fmt: skip
        return budget("shop", monthly("America/Lima", **more), select, when)

    def test_before_the_first_midnight_it_is_may_and_after_it_june_with_nothing_spent(self) -> None:
        assert self.at(self.START).bad == 1000
        after = self.at(self.START + MINUTE)
        assert (after.bad, after.total, after.consumed) == (0, 100, 0)

    def test_on_the_22nd_there_is_what_was_consumed_and_what_the_whole_month_will_make_of_it(self) -> None:
        """3,600 bad of 3,024,000 in 21 days: 11.9 % of the budget so far; of thirty days' 4,320,000 it is 8.3 %."""
        found = self.at(self.START + 21 * DAY)
        assert (found.total, found.bad, found.allowed) == (3_024_000, 3_600, 30_240)
        assert found.consumed is not None
        assert found.projected is not None
        assert abs(Fraction(found.consumed) - Fraction(3_600, 30_240)) < 10**-24
        assert abs(Fraction(found.projected) - Fraction(3_600, 43_200)) < 10**-24
        assert (found.starts_at, found.ends_at) == (self.START, utc(2026, 7, 1, 5))
        assert (found.burn_rate, found.exhausts_at) == (0, None)
        assert "11.9%" in (projection(found, "America/Lima", "en") or "")
        assert "8.3%" in (projection(found, "America/Lima", "en") or "")

    def test_in_the_fault_the_end_is_computed_from_what_will_be_left(self) -> None:
        """At the end of the fault there are 3,600; the month would have 4,320,000, so that 91.7 % would be left: at 30×
        they last 30 d × 0.91667 ÷ 30 = 22 h."""
        at = self.START + 19 * DAY + 12 * HOUR
        found = self.at(at)
        assert found.burn_rate == 30
        assert found.exhausts_at == at + timedelta(hours=22)
        said = exhaustion(found, "America/Lima", "en")
        assert said.startswith("2026-06-20 12:00 -05 + 91.66% × 30 d ÷ 30.00 = 2026-06-21 10:00 -05")

    def test_what_would_last_beyond_the_month_is_not_said_to_end(self) -> None:
        begin = self.START + 29 * DAY
        select = minutes(self.START, 30 * 1440, lambda i: 2 if i >= 29 * 1440 else 0)
        found = budget("shop", monthly("America/Lima"), select, begin + 3 * HOUR)
        assert (found.burn_rate, found.exhausts_at, found.state) == (2, None, "ok")
        assert exhaustion(found, "UTC", "en") == "at 2.00× it lasts until the period ends on 2026-07-01 05:00 UTC"

    def test_slices_are_held_against_all_slices_that_june_will_have(self) -> None:
        """120 bad minutes of 43,200: 1 % of them is 432, so 27.8 % are gone, on the 20th as on the 30th."""
        for day in (20, 25, 30):
            found = self.at(self.START + day * DAY, method="timeslices", slice_target=Decimal("0.9"))
            assert found.bad == 120
            assert (found.allowed, found.time_budget) == (432, timedelta(minutes=432))
            assert found.consumed is not None
            assert abs(Fraction(found.consumed) - Fraction(120, 432)) < 10**-24
            assert found.projected == found.consumed

    def test_the_chart_is_of_the_month_so_far(self) -> None:
        begin, end = self.FAULT
        select = minutes(self.START - HOUR, 31 * 1440, lambda i: 30 if begin <= i - 60 < end else 0)
        for more in ({}, {"method": "timeslices", "slice_target": Decimal("0.9")}):
            promised = monthly("America/Lima", **more)
            at = self.START + 21 * DAY
            chart, found = burn_chart("shop", promised, select, at), budget("shop", promised, select, at)
            assert (chart.times[0], chart.times[-1]) == (self.START, at)
            assert chart.remaining[0] == 1
            last = chart.remaining[-1]
            assert last is not None
            assert found.remaining is not None
            assert abs(last - found.remaining) < Decimal("1e-23")


def test_new_york_in_march_has_743_hours_of_slices() -> None:
    """44,580 slices, of which 1 % may be bad; 44 minutes are a tenth of that and a little less."""
    promised = monthly("America/New_York", method="timeslices", slice_target=Decimal("0.9"))
    start = utc(2026, 3, 1, 5)
    select = minutes(start, 743 * 60, lambda i: 100 if i < 44 else 0)
    found = budget("shop", promised, select, utc(2026, 4, 1, 4))
    assert (found.total, found.bad, found.allowed) == (44_580, 44, Decimal("445.8"))
    assert found.coverage == 1
