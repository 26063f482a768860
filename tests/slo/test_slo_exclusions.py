"""What does not count: planned work by its rule of repetition, and corrections; held against sums done by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.slo.minutes import MINUTE, minutes, promise

from sereno.kernel.errors import UsageError
from sereno.slo import Correction, Exclusions, budget, burn_chart
from sereno.slo.maintenance import check_rule, occurrences
from sereno.spec.model import Calendar, Maintenance

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def planned(rrule: str = "", zone: str = "America/Lima", **more: object) -> Maintenance:
    start = more.pop("start", datetime(2026, 1, 4, 2))
    duration = more.pop("duration", 2 * HOUR)
    services = more.pop("services", ())
    return Maintenance("weekly-db", "Database", services, start, duration, zone, rrule)  # type: ignore[arg-type]


def correction(start: datetime, end: datetime, slo: str | None = None, service: str = "shop") -> Correction:
    return Correction("co_1", service, slo, start, end, "the card network was down", "ana", end)


class TestRepetition:
    def test_every_sunday_of_january_in_lima(self) -> None:
        found = occurrences(planned("FREQ=WEEKLY;BYDAY=SU"), utc(2026, 1, 1, 5), utc(2026, 2, 1, 5))
        assert [start for start, _ in found] == [utc(2026, 1, day, 7) for day in (4, 11, 18, 25)]
        assert all(end - start == 2 * HOUR for start, end in found)

    def test_two_in_the_morning_stays_two_in_the_morning_when_clocks_change(self) -> None:
        weekly = planned("FREQ=WEEKLY;BYDAY=SA", "America/Santiago", start=datetime(2026, 3, 28, 2))
        found = occurrences(weekly, utc(2026, 3, 28), utc(2026, 4, 12))
        assert [start for start, _ in found] == [utc(2026, 3, 28, 5), utc(2026, 4, 4, 5), utc(2026, 4, 11, 6)]

    def test_an_hour_that_is_skipped_is_moved_on_and_one_that_comes_twice_is_the_first(self) -> None:
        nightly = planned("FREQ=DAILY", "America/New_York", start=datetime(2026, 3, 1, 2, 30), duration=HOUR)
        (skipped,) = occurrences(nightly, utc(2026, 3, 8, 6), utc(2026, 3, 8, 9))
        assert skipped == (utc(2026, 3, 8, 7, 30), utc(2026, 3, 8, 8, 30))  # 03:30, for 02:30 is not there
        nightly = planned("FREQ=DAILY", "America/New_York", start=datetime(2026, 10, 1, 1, 30), duration=HOUR)
        (twice,) = occurrences(nightly, utc(2026, 11, 1, 4), utc(2026, 11, 1, 9))
        assert twice == (utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6, 30))

    def test_one_that_reaches_into_the_time_asked_for_is_there_as_a_whole(self) -> None:
        once = planned(start=datetime(2026, 1, 4, 2))
        assert occurrences(once, utc(2026, 1, 4, 8), utc(2026, 1, 5)) == ((utc(2026, 1, 4, 7), utc(2026, 1, 4, 9)),)
        assert occurrences(once, utc(2026, 1, 4, 9), utc(2026, 1, 5)) == ()

    def test_it_ends_with_count_and_with_until_also_in_utc(self) -> None:
        year = (utc(2026, 1, 1), utc(2027, 1, 1))
        assert len(occurrences(planned("FREQ=DAILY;COUNT=3"), *year)) == 3
        assert len(occurrences(planned("FREQ=DAILY;UNTIL=20260106T020000"), *year)) == 3
        assert len(occurrences(planned("FREQ=DAILY;UNTIL=20260106T070000Z"), *year)) == 3
        assert len(occurrences(planned("FREQ=DAILY;UNTIL=20260106T065959Z"), *year)) == 2
        assert len(occurrences(planned("FREQ=MONTHLY;BYDAY=2TU"), *year)) == 12
        assert occurrences(planned("FREQ=MONTHLY;BYDAY=2TU"), *year)[0][0] == utc(2026, 1, 13, 7)

    @pytest.mark.parametrize(
        ("rule", "said"),
        [
            ("FREQ=SECONDLY", "repeats by SECONDLY"),
            ("FREQ=MINUTELY;INTERVAL=1", "repeats by MINUTELY"),
            ("FREQ=DAILY;BYSECOND=1,2,3", "BYSECOND"),
            ("FREQ=DAILY;INTERVAL=0", "whole numbers"),
            ("FREQ=DAILY;COUNT=9999999999999999999999", "whole numbers"),
            ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "do not exist"),
            ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "never comes"),
            ("FREQ=HOURLY;INTERVAL=2;BYHOUR=3", "cannot be read"),
            ("FREQ=HOURLY;INTERVAL=168;BYDAY=MO", "never comes"),
            ("DTSTART:20200101T000000\nRRULE:FREQ=DAILY", "more than one rule"),
            ("FREQ=DAILY;EXDATE=20260101", "EXDATE"),
            ("garbage", "GARBAGE"),
            ("FREQ=WEEKLY;BYDAY=XX", "cannot be read"),
            ("FREQ=DAILY;UNTIL=never", "cannot be read"),
            ("A" * 100_000, "more than one rule"),
        ],
    )
    def test_what_would_never_end_is_refused_in_words(self, rule: str, said: str) -> None:
        assert said in (check_rule(planned(rule)) or "")

    def test_an_hourly_rule_of_a_century_ago_is_refused_and_a_daily_one_of_ten_years_ago_is_not(self) -> None:
        old = planned("FREQ=HOURLY", start=datetime(1900, 1, 1, 2))
        with pytest.raises(UsageError, match="more than 200,000 repetitions"):
            occurrences(old, utc(2026, 1, 1), utc(2026, 1, 2))
        assert (
            len(occurrences(planned("FREQ=DAILY", start=datetime(2016, 1, 1)), utc(2026, 1, 1), utc(2026, 1, 3))) == 2
        )


class TestAWeekWithMaintenance:
    """A week of 100 requests a minute; Sunday 02:00–04:00 in Lima half of them fail, and on Monday for 30 minutes."""

    SUNDAY = (3 * 1440 + 7 * 60, 3 * 1440 + 9 * 60)
    MONDAY = (4 * 1440, 4 * 1440 + 30)
    SELECT = staticmethod(
        minutes(START, 7 * 1440, lambda i: 50 if 4740 <= i < 4860 or 5760 <= i < 5790 else 0)
    )  # fmt: skip
    WEEKLY = Exclusions((planned("FREQ=WEEKLY;BYDAY=SU"),))

    def found(self, exclusions: Exclusions, **more: object):  # type: ignore[no-untyped-def]
        return budget("shop", promise("99%", 7 * DAY, **more), self.SELECT, START + 7 * DAY, exclusions=exclusions)

    def test_events_leave_both_sides(self) -> None:
        """(G − Gx)/(N − Nx): 1,500 of 996,000 instead of 7,500 of 1,008,000."""
        assert (self.found(Exclusions()).bad, self.found(Exclusions()).total) == (7_500, 1_008_000)
        found = self.found(self.WEEKLY)
        assert (found.bad, found.total, found.excluded) == (1_500, 996_000, 2 * HOUR)
        assert found.coverage == 1
        assert found.consumed is not None
        assert abs(Fraction(found.consumed) - Fraction(1_500, 9_960)) < 10**-24

    def test_or_count_as_good_or_count(self) -> None:
        good = self.found(self.WEEKLY, maintenance="good")
        assert (good.bad, good.total, good.excluded) == (1_500, 1_008_000, timedelta(0))
        assert self.found(self.WEEKLY, maintenance="count").bad == 7_500

    def test_slices_leave_the_whole_and_time_shrinks(self) -> None:
        sliced = {"method": "timeslices", "slice_target": Decimal("0.9")}
        found = self.found(self.WEEKLY, **sliced)
        assert (found.bad, found.total) == (30, 7 * 1440 - 120)
        assert found.time_budget == timedelta(minutes=(7 * 1440 - 120) / 100)  # 1 % of 166 h: 99.6 min
        assert found.coverage == 1
        good = self.found(self.WEEKLY, maintenance="good", **sliced)
        assert (good.bad, good.total) == (30, 7 * 1440)
        counted = self.found(self.WEEKLY, maintenance="count", **sliced)
        assert (counted.bad, counted.total) == (150, 7 * 1440)

    def test_only_services_that_are_named(self) -> None:
        mine, another = planned("FREQ=WEEKLY", services=("shop",)), planned("FREQ=WEEKLY", services=("database",))
        assert self.found(Exclusions((mine,))).bad == 1_500
        assert self.found(Exclusions((another,))).bad == 7_500

    def test_a_correction_leaves_out_what_people_say(self) -> None:
        monday = (START + 4 * DAY, START + 4 * DAY + 30 * MINUTE)
        both = Exclusions(self.WEEKLY.planned, (correction(*monday),))
        found = self.found(both)
        assert (found.bad, found.total) == (0, 993_000)
        assert self.found(Exclusions((), (correction(*monday, slo="availability"),))).bad == 6_000
        for elsewhere in (correction(*monday, slo="latency"), correction(*monday, service="web")):
            assert self.found(Exclusions((), (elsewhere,))).bad == 7_500

    def test_what_is_left_out_twice_is_left_out_once(self) -> None:
        sunday = correction(START + 3 * DAY + 7 * HOUR, START + 3 * DAY + 8 * HOUR)
        twice = Exclusions(self.WEEKLY.planned, (sunday, sunday))
        assert (self.found(twice).total, self.found(twice).excluded) == (996_000, 2 * HOUR)

    def test_everything_left_out_is_unknown_and_no_fraction_of_nothing(self) -> None:
        all_ = Exclusions((), (correction(START - DAY, START + 8 * DAY),))
        for more in ({}, {"method": "timeslices", "slice_target": Decimal("0.9")}):
            found = self.found(all_, **more)
            assert (found.state, found.remaining, found.coverage) == ("unknown", None, 0)

    def test_the_chart_ends_where_the_budget_is(self) -> None:
        promised = promise("99%", 7 * DAY)
        chart = burn_chart("shop", promised, self.SELECT, START + 7 * DAY, exclusions=self.WEEKLY)
        assert chart.remaining[-1] == self.found(self.WEEKLY).remaining


def test_what_happened_just_before_the_end_is_left_out_when_it_is_seen() -> None:
    """Work until 00:59:30, scraped at full minutes: the failures of its last half minute are seen at 01:00."""
    select = minutes(START, 120, lambda i: 100 if 30 <= i < 60 else 0)
    work = correction(START + 30 * MINUTE, START + 59.5 * MINUTE)
    found = budget("shop", promise("99%", 2 * HOUR), select, START + 2 * HOUR, exclusions=Exclusions((), (work,)))
    assert (found.bad, found.total) == (0, 9_000)


def test_a_calendar_month_of_slices_without_its_sundays() -> None:
    """January 2026 in Lima: 44,640 minutes less four times 120; 0.1 % of what is left is 44.16 minutes."""
    promised = promise(
        "99.9%", 30 * DAY, calendar=Calendar("month", "America/Lima"), method="timeslices",
        slice_target=Decimal("0.9"),
    )  # fmt: skip
    begins = utc(2026, 1, 1, 5)
    select = minutes(begins, 12 * 1440, lambda i: 100 if i < 11 else 0)
    weekly = Exclusions((planned("FREQ=WEEKLY;BYDAY=SU"),))
    found = budget("shop", promised, select, begins + 12 * DAY, exclusions=weekly)
    assert found.allowed == Decimal("44.16")
    assert found.time_budget == timedelta(minutes=44.16)
    assert found.excluded == 8 * HOUR
    assert found.consumed is not None
    assert abs(Fraction(found.consumed) - Fraction(11) / Fraction("44.16")) < 10**-24
