"""Over which time a budget is: a window that rolls, or a day, week, month, quarter or year of local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sereno.spec.model import Calendar, Slo


@dataclass(frozen=True, slots=True)
class Period:
    """A budget's time at `at`: (start, at] is over, (at, end] is to come; a rolling window ends at `at` itself."""

    start: datetime
    at: datetime
    end: datetime
    rolling: bool

    @property
    def length(self) -> timedelta:
        """How long it is as a whole, in time that really passes."""
        return self.end - self.start


def period_of(slo: Slo, at: datetime) -> Period:
    """The period of `slo` that `at` (aware) lies in: (at − window, at], or the unit of its calendar.

    An instant that is a border belongs to what ends there, as everywhere in budgets. Bounds are in UTC; a local
    midnight that a clock change skips, or has twice, is the first instant of that date.
    """
    if slo.calendar is None:
        at = at.astimezone(UTC)  # or else a window over a clock change would be an hour off
        return Period(at - slo.window, at, at, rolling=True)
    zone = ZoneInfo(slo.calendar.zone)
    first = _first_day(at.astimezone(zone).date(), slo.calendar)
    start = day_begins(first, zone)
    if start >= at:
        first = _first_day(first - timedelta(days=1), slo.calendar)
        start = day_begins(first, zone)
    return Period(start, at.astimezone(UTC), day_begins(_next_first_day(first, slo.calendar), zone), False)


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` on the clocks of `zone`, in UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    if midnight.astimezone(zone).date() == day and midnight.astimezone(zone).hour == 0:
        return midnight
    # Midnight is skipped: the day begins where the clock jumps, which is where its date changes.
    low, high = midnight - timedelta(hours=3), midnight + timedelta(hours=3)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (low, middle) if middle.astimezone(zone).date() >= day else (middle, high)
    return high.replace(microsecond=0)


def _first_day(day: date, calendar: Calendar) -> date:
    match calendar.unit:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


def _next_first_day(first: date, calendar: Calendar) -> date:
    if calendar.unit in ("day", "week"):
        return first + timedelta(days=1 if calendar.unit == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[calendar.unit]
    whole = first.year * 12 + first.month - 1 + months
    return date(whole // 12, whole % 12 + 1, 1)
