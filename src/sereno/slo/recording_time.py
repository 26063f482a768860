"""Wall time as PromQL: which calendar period it is, how much of it has passed, whether there is maintenance.

Prometheus knows seconds since 1970 and nothing of time zones; what is written here holds for zones whose offset from
UTC does not change. Others are computed by Sereno itself, which reads the zones' rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sereno.slo.maintenance import until_local
from sereno.spec.model import Calendar, Maintenance

_DAY = 86_400
_WEEK = 7 * _DAY
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONDAY = 4 * _DAY  # 1970-01-01 was a Thursday: the first Monday began four days later
_LOOKED_AT = range(2024, 2038)
_LONGEST = {"day": "1d", "week": "7d", "month": "31d", "quarter": "92d", "year": "366d"}


@lru_cache(maxsize=256)
def fixed_offset(zone: str) -> int | None:
    """The offset of `zone` from UTC in seconds, if it is the same all through the years 2024 to 2037."""
    there = ZoneInfo(zone)
    offsets = {
        datetime(year, month, day, tzinfo=UTC).astimezone(there).utcoffset()
        for year in _LOOKED_AT
        for month in range(1, 13)
        for day in (1, 8, 15, 22)
    }
    only = offsets.pop() if len(offsets) == 1 else None
    return None if only is None else round(only.total_seconds())


def period_index(calendar: Calendar) -> str | None:
    """A number that changes when a period of `calendar` begins, as PromQL; None where the offset changes."""
    offset = fixed_offset(calendar.zone)
    if offset is None:
        return None
    now = _now(offset)
    match calendar.unit:
        case "day":
            return f"floor(vector(({now}) / {_DAY}))"
        case "week":
            return f"floor(vector(({now} - {_MONDAY}) / {_WEEK}))"
        case "month":
            return f"12 * year(vector({now})) + month(vector({now}))"
        case "quarter":
            return f"4 * year(vector({now})) + ceil(month(vector({now})) / 3)"
        case "year":
            return f"year(vector({now}))"


def elapsed_seconds(calendar: Calendar) -> str | None:
    """How much of the running period has passed, as PromQL; None where the offset changes. Right until 2099."""
    offset = fixed_offset(calendar.zone)
    if offset is None:
        return None
    now = _now(offset)
    of_day = f"({now}) % {_DAY}"
    date = f"vector({now})"
    match calendar.unit:
        case "day":
            return f"vector({of_day})"
        case "week":
            return f"vector(({now} - {_MONDAY}) % {_WEEK})"
        case "month":
            return f"(day_of_month({date}) - 1) * {_DAY} + {of_day}"
        case "quarter":
            leap = f"(year({date}) % 4 == bool 0)"
            before = (
                f"(90 + {leap}) * (month({date}) > bool 3) + 91 * (month({date}) > bool 6)"
                f" + 92 * (month({date}) > bool 9)"
            )
            return f"(day_of_year({date}) - 1 - ({before})) * {_DAY} + {of_day}"
        case "year":
            return f"(day_of_year({date}) - 1) * {_DAY} + {of_day}"


def longest(calendar: Calendar) -> str:
    """The longest that a period of `calendar` can last."""
    return _LONGEST[calendar.unit]


def _now(offset: int) -> str:
    return "time()" if not offset else f"time() + {offset}" if offset > 0 else f"time() - {-offset}"


@dataclass(frozen=True, slots=True)
class Unexpressed:
    """Why something cannot be said in PromQL."""

    reason: str


def is_active(maintenance: Maintenance, *, padding: timedelta = timedelta(0)) -> str | Unexpressed:
    """Whether `maintenance` is under way, or ended less than `padding` ago, as PromQL: 1, or no result.

    Single ones always; daily and weekly ones (with INTERVAL, BYDAY, UNTIL, COUNT) in zones whose offset does not
    change.
    """
    start = maintenance.start.replace(tzinfo=ZoneInfo(maintenance.zone))
    began = int(start.timestamp())
    length = int((maintenance.duration + padding).total_seconds())
    if not maintenance.rrule:
        return _within(f"time() >= bool {began}", f"(time() < bool {began + length})")
    if fixed_offset(maintenance.zone) is None:
        return Unexpressed(f"the clocks of {maintenance.zone} change, and Prometheus knows no time zones")
    rule = dict(part.split("=", 1) for part in maintenance.rrule.split(";"))
    period = {"DAILY": _DAY, "WEEKLY": _WEEK}.get(rule.get("FREQ", ""))
    beyond = set(rule) - {"FREQ", "INTERVAL", "BYDAY", "UNTIL", "COUNT", "WKST"}
    if period is None or beyond or (rule["FREQ"] == "DAILY" and "BYDAY" in rule):
        return Unexpressed(f"`{maintenance.rrule}` is more than days and weeks")
    every = period * int(rule.get("INTERVAL", 1))
    if length >= every:
        return Unexpressed("it lasts longer than the time between its beginnings")
    within = [_term(first, began, every, length) for first in _firsts(start, rule)]
    ends = _last_end(maintenance, start, length)
    bounds = [f"time() >= bool {began}", *([f"(time() < bool {ends})"] if ends is not None else [])]
    return _within(*bounds, f"({' + '.join(within)} > bool 0)" if len(within) > 1 else within[0])


def _within(first: str, *more: str) -> str:
    return f"vector({' * '.join([f'({first})', *more])}) == 1"


def _term(first: int, began: int, every: int, length: int) -> str:
    """Whether an occurrence of one weekday lasts. The remainder of a negative number is negative: count from before."""
    before = first if first <= began else first - every
    term = f"((time() - {before}) % {every} < bool {length})"
    leaks = before < began < before + length  # an occurrence that never was would still last
    return f"({term} * (time() >= bool {before + every}))" if leaks else term


def _firsts(start: datetime, rule: dict[str, str]) -> list[int]:
    """An instant at which each weekday of the rule would begin, in the week of the rule in which `start` lies."""
    began = int(start.timestamp())
    days = re.findall("[A-Z]{2}", rule.get("BYDAY", "")) if rule["FREQ"] == "WEEKLY" else []
    if not days:
        return [began]
    # Weeks of the rule begin on WKST: with an INTERVAL it matters in which of them a day lies.
    week = _DAYS.index(rule.get("WKST", "MO"))
    own = (start.weekday() - week) % 7
    shifts = ((_DAYS.index(day) - week) % 7 - own for day in dict.fromkeys(days))
    return sorted(began + shift * _DAY for shift in shifts)


def _last_end(maintenance: Maintenance, start: datetime, length: int) -> int | None:
    """When the last occurrence is over, in seconds since 1970; None where it goes on for ever."""
    if "COUNT=" not in maintenance.rrule and "UNTIL=" not in maintenance.rrule:
        return None
    from dateutil.rrule import rrulestr

    last = None
    # Bounded by the loader: at most 99,999 occurrences by COUNT, and until the year 9999 by UNTIL.
    for last in rrulestr(until_local(maintenance.rrule, maintenance), dtstart=maintenance.start.replace(tzinfo=None)):
        if last.year > 2100:
            return None
    began = start if last is None else last.replace(tzinfo=start.tzinfo)
    return int(began.timestamp()) + length
