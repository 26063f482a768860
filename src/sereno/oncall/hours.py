"""Working hours: Monday to Friday, 09:00 to 18:00 on a wall clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sereno.oncall.schedule import resolve

BEGINS, ENDS = time(9), time(18)


def next_working_moment(at: datetime, zone: str) -> datetime:
    """`at` itself if people in `zone` are working then, else the instant at which they next begin."""
    there = ZoneInfo(zone)
    local = at.astimezone(there)
    if local.weekday() < 5 and BEGINS <= local.time() < ENDS:
        return at
    day = local.date()
    while True:
        begins = resolve(datetime.combine(day, BEGINS), there)
        if day.weekday() < 5 and begins > at:
            return begins
        day += timedelta(days=1)
