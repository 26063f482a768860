"""Working hours: Monday to Friday, 09:00 to 18:00 on a wall clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sereno.oncall.schedule import resolve

BEGINS, ENDS = time(9), time(18)


def next_working_moment(at: datetime, zone: str) -> datetime:
    """`at` itself if people in `zone` are working then, else the instant at which they next begin."""
    there = ZoneInfo(zone)
    if _working(at, there):
        return at
    day = at.astimezone(there).date()
    while True:
        begins = resolve(datetime.combine(day, BEGINS), there)
        # Asked again because a clock change may have swallowed the morning, or, in Apia in 2011, the Friday.
        if begins > at and _working(begins, there):
            return begins
        day += timedelta(days=1)


def _working(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone)
    return local.weekday() < 5 and BEGINS <= local.time() < ENDS
