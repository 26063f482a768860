"""Maintenance as time intervals: quiet exactly while it is under way, whatever its rule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.compiler.alertmanager_times import Unexpressed, intervals_of
from sereno.spec.model import Maintenance

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
START = datetime(2026, 1, 4, 22, 30)


def holds(interval: dict[str, Any], at: datetime) -> bool:
    """Whether a time interval holds at a wall time, as Alertmanager's documentation has it."""
    if "weekdays" in interval and DAYS[at.weekday()] not in interval["weekdays"]:
        return False
    if "months" in interval and str(at.month) not in interval["months"]:
        return False
    if "days_of_month" in interval:
        following = (at.replace(day=28) + timedelta(days=4)).replace(day=1)
        length = (following - timedelta(days=1)).day
        days = [int(day) for day in interval["days_of_month"]]
        if at.day not in [day if day > 0 else length + 1 + day for day in days]:
            return False
    if "years" in interval:
        low, _, high = interval["years"][0].partition(":")
        if not int(low) <= at.year <= int(high or low):
            return False
    clock = f"{at:%H:%M}"
    return not interval.get("times") or any(t["start_time"] <= clock < t["end_time"] for t in interval["times"])


RULES = [
    "", "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=SU,WE", "FREQ=WEEKLY;COUNT=4;BYDAY=SU",
    "FREQ=DAILY;UNTIL=20260120T223000", "FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=4,20", "FREQ=YEARLY",
    "FREQ=MONTHLY;BYMONTHDAY=10;BYMONTH=3,9", "FREQ=MONTHLY;BYDAY=1SU", "FREQ=MONTHLY;BYDAY=1MO,+3TH",
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(
    at=st.integers(0, 2 * 365 * 24 * 12).map(lambda fives: START + fives * timedelta(minutes=5)),
    hours=st.sampled_from([1, 5, 30]),
)
def test_quiet_exactly_while_it_is_under_way(rule: str, at: datetime, hours: int) -> None:
    duration = timedelta(hours=hours)
    found = intervals_of(Maintenance("m", "", (), START, duration, "America/Lima", rule))
    assert not isinstance(found, Unexpressed), found.reason
    starts = [START] if not rule else rrulestr(rule, dtstart=START).between(at - duration, at, inc=True)
    assert any(holds(each, at) for each in found) is any(s <= at < s + duration for s in starts)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["BYDAY=5FR", "BYDAY=-1SU", "BYDAY=-5WE", "BYDAY=2SU,-2SU;BYMONTH=2,7"])
def test_weekdays_counted_from_either_end_of_the_month(rule: str) -> None:
    """Every hour of three years; each within its day."""
    rule = f"FREQ=MONTHLY;{rule}"
    start = datetime(2026, 1, 1, 2)
    found = intervals_of(Maintenance("m", "", (), start, timedelta(hours=2), "America/Lima", rule))
    assert not isinstance(found, Unexpressed), found.reason
    until = start + timedelta(days=3 * 365)
    starts = rrulestr(rule, dtstart=start).between(start, until, inc=True)
    under_way = {one + timedelta(hours=hour) for one in starts for hour in (0, 1)}
    assert len(under_way) > 20
    at = start
    while at < until:
        assert any(holds(each, at) for each in found) is (at in under_way), at  # type: ignore[arg-type]
        at += timedelta(hours=1)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=MONTHLY;BYDAY=SU",
        "FREQ=MONTHLY;BYDAY=-1SU",
        "FREQ=HOURLY",
        "FREQ=DAILY;COUNT=500",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
    ],
)
def test_what_has_no_form_is_said(rule: str) -> None:
    assert isinstance(intervals_of(Maintenance("m", "", (), START, timedelta(hours=5), "UTC", rule)), Unexpressed)
