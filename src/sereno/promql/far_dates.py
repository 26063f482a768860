"""Dates that no calendar shows: what Go's time package makes of any number of seconds, overflow included.

Source: time.Time.abs and absDate of Go, and its conversion of floats to int64 on amd64.
"""

from __future__ import annotations

import math

_WRAP = 2**64
_TO_ABSOLUTE = 62_135_596_800 + 9_223_371_966_579_724_800
_ZERO_YEAR = -292_277_022_399
_DAY = 86_400
_DAYS_400, _DAYS_100, _DAYS_4 = 146_097, 36_524, 1461
_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


def _whole(seconds: float) -> int:
    """`seconds` as an int64: what does not fit becomes the least of them."""
    if not math.isfinite(seconds) or not -(2.0**63) <= seconds < 2.0**63:
        return -(2**63)
    return int(seconds)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _date(days: int) -> tuple[int, int, int, int]:
    """Year, month, day and day of the year (from 0) of a count of days since Go's absolute year zero."""
    cycles, days = divmod(days, _DAYS_400)
    centuries = min(3, days // _DAYS_100)
    days -= centuries * _DAYS_100
    fours, days = divmod(days, _DAYS_4)
    years = min(3, days // 365)
    days -= years * 365
    year = 400 * cycles + 100 * centuries + 4 * fours + years + _ZERO_YEAR
    yday = days
    if _leap(year):
        if days == 59:
            return year, 2, 29, yday
        days -= days > 59
    month = next(number for number in range(1, 13) if days < _BEFORE[number])
    return year, month, days - _BEFORE[month - 1] + 1, yday


def far_date_part(name: str, seconds: float) -> float:
    """A part of the UTC date and time `seconds` after the epoch, for seconds of any size, NaN and infinities too."""
    absolute = (_whole(seconds) + _TO_ABSOLUTE) % _WRAP
    if name == "minute":
        return float(absolute % 3600 // 60)
    if name == "hour":
        return float(absolute % _DAY // 3600)
    if name == "day_of_week":
        return float((absolute + _DAY) % (7 * _DAY) // _DAY)
    year, month, day, yday = _date(absolute // _DAY)
    parts = {"day_of_month": day, "day_of_year": yday + 1, "month": month, "year": year}
    if name in parts:
        return float(parts[name])
    return float(29 if month == 2 and _leap(year) else _BEFORE[month] - _BEFORE[month - 1])
