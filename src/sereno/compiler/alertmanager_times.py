"""Maintenance and working hours as Alertmanager's time intervals: wall time in a zone, clock changes and all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise

from sereno.compiler.text import Value
from sereno.spec.model import Maintenance

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MIDNIGHT = 24 * 60
_OCCURRENCES_MAX = 60
_YEAR_MAX = 2099
_SIMPLE = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST"}


@dataclass(frozen=True, slots=True)
class Unexpressed:
    """Why something is no time interval of Alertmanager's."""

    reason: str


def working_hours(zone: str) -> dict[str, Value]:
    """Monday to Friday, 09:00 to 18:00 in `zone`."""
    return {
        "weekdays": ["monday:friday"],
        "times": [{"start_time": "09:00", "end_time": "18:00"}],
        "location": zone,
    }


def intervals_of(maintenance: Maintenance) -> list[Value] | Unexpressed:
    """`maintenance` as time intervals, any of which holds while it is under way."""
    if maintenance.duration > timedelta(days=31):
        return Unexpressed("it lasts longer than a month")
    if not maintenance.rrule:
        return list(_single(maintenance, maintenance.start))
    rule = dict(part.split("=", 1) for part in maintenance.rrule.split(";"))
    if "COUNT" in rule or "UNTIL" in rule:
        return _counted(maintenance)
    if set(rule) - _SIMPLE or int(rule.get("INTERVAL", "1")) != 1:
        return Unexpressed(f"`{maintenance.rrule}` has no form there")
    match rule["FREQ"]:
        case "DAILY":
            return (
                _weekly(maintenance, range(7)) if set(rule) <= {"FREQ", "INTERVAL", "WKST"} else _no_form(maintenance)
            )
        case "WEEKLY":
            if set(rule) & {"BYMONTHDAY", "BYMONTH"}:
                return _no_form(maintenance)
            named = [_DAYS.index(day) for day in re.findall("[A-Z]{2}", rule.get("BYDAY", ""))]
            return _weekly(maintenance, named or [maintenance.start.weekday()])
        case "MONTHLY" | "YEARLY":
            return _monthly(maintenance, rule)
    return _no_form(maintenance)


def _no_form(maintenance: Maintenance) -> Unexpressed:
    return Unexpressed(f"`{maintenance.rrule}` has no form there")


def _counted(maintenance: Maintenance) -> list[Value] | Unexpressed:
    """One that ends, occurrence by occurrence."""
    from dateutil.rrule import rrulestr

    starts = list(islice(rrulestr(maintenance.rrule, dtstart=maintenance.start), _OCCURRENCES_MAX + 1))
    if len(starts) > _OCCURRENCES_MAX:
        return Unexpressed(f"`{maintenance.rrule}` ends, but only after more than {_OCCURRENCES_MAX} times")
    return [part for start in starts for part in _single(maintenance, start)]


def _single(maintenance: Maintenance, start: datetime) -> Iterator[Value]:
    for day, times in _split(start, maintenance.duration):
        date = start + timedelta(days=day)
        yield {
            **_times(times),
            "days_of_month": [str(date.day)],
            "months": [str(date.month)],
            "years": [str(date.year)],
            "location": maintenance.zone,
        }


def _weekly(maintenance: Maintenance, weekdays: range | list[int]) -> list[Value]:
    found: list[Value] = []
    for day, times in _split(maintenance.start, min(maintenance.duration, timedelta(days=7))):
        shifted = sorted({(weekday + day) % 7 for weekday in weekdays})
        only: dict[str, Value] = {} if len(shifted) == 7 else {"weekdays": [_NAMES[weekday] for weekday in shifted]}
        found.append({**_times(times), **only, **_years(maintenance), "location": maintenance.zone})
    return list({repr(one): one for one in found}.values())


def _monthly(maintenance: Maintenance, rule: dict[str, str]) -> list[Value] | Unexpressed:
    if "BYDAY" in rule:
        return _nth_weekdays(maintenance, rule)
    yearly = rule["FREQ"] == "YEARLY"
    if yearly and "BYMONTHDAY" in rule and "BYMONTH" not in rule:
        return _no_form(maintenance)
    days = [int(day) for day in rule.get("BYMONTHDAY", str(maintenance.start.day)).split(",")]
    months = rule.get("BYMONTH", str(maintenance.start.month) if yearly else "")
    parts = list(_split(maintenance.start, maintenance.duration))
    last = parts[-1][0]
    # The day after the 28th may be of the next month, that after the last one is.
    if last and any(day < 0 or day + last > 28 for day in days):
        return Unexpressed("it lasts past midnight, perhaps into another month")
    only: dict[str, Value] = {"months": months.split(",")} if months else {}
    return [
        {
            **_times(times),
            "days_of_month": [str(each + day) for each in sorted(days)],
            **only,
            **_years(maintenance),
            "location": maintenance.zone,
        }
        for day, times in parts
    ]


def _nth_weekdays(maintenance: Maintenance, rule: dict[str, str]) -> list[Value] | Unexpressed:
    """The first Sunday of each month, say: the Sunday among its first seven days."""
    if rule["FREQ"] != "MONTHLY" or "BYMONTHDAY" in rule:
        return _no_form(maintenance)
    parts = list(_split(maintenance.start, maintenance.duration))
    months: dict[str, Value] = {"months": rule["BYMONTH"].split(",")} if "BYMONTH" in rule else {}
    found: list[Value] = []
    for each in rule["BYDAY"].split(","):
        named = re.fullmatch(r"\+?(-?[1-5])([A-Z]{2})", each)
        if named is None:
            return _no_form(maintenance)
        nth = int(named[1])
        first = 7 * nth - 6 if nth > 0 else 7 * nth
        days = [day for day in range(first, first + 7) if -31 <= day <= 31]
        if parts[-1][0] and (nth < 0 or days[-1] + parts[-1][0] > 28 or months):
            return Unexpressed("it lasts past midnight, perhaps into another month")
        for day, times in parts:
            found.append(
                {
                    **_times(times),
                    "weekdays": [_NAMES[(_DAYS.index(named[2]) + day) % 7]],
                    "days_of_month": [str(one + day) for one in days],
                    **months,
                    **_years(maintenance),
                    "location": maintenance.zone,
                }
            )
    return found


def _years(maintenance: Maintenance) -> dict[str, Value]:
    return {"years": [f"{maintenance.start.year}:{_YEAR_MAX}"]}


def _split(start: datetime, duration: timedelta) -> Iterator[tuple[int, tuple[int, int]]]:
    """The part of each day on which it lasts: days after that of `start`, minutes from and until."""
    began = start.hour * 60 + start.minute
    ends = began + -(-duration // timedelta(minutes=1))
    marks = [began, *range(_MIDNIGHT, ends, _MIDNIGHT), ends]
    for low, high in pairwise(marks):
        day = low // _MIDNIGHT
        yield day, (low - day * _MIDNIGHT, high - day * _MIDNIGHT)


def _times(minutes: tuple[int, int]) -> dict[str, Value]:
    if minutes == (0, _MIDNIGHT):
        return {}
    return {"times": [{"start_time": _clock(minutes[0]), "end_time": _clock(minutes[1])}]}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
