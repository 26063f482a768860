"""Who is on call: rotations whose hand-overs are moments on a wall clock.

The n-th hand-over is the start date plus n weeks at the hand-over time, local; then it is resolved to an
instant: a local time that a clock change skips becomes the first instant after the gap, one that happens twice
its first happening. Everything after that is arithmetic in UTC, because Python subtracts two instants of one
zone by their wall clocks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sereno.oncall.model import Shift
from sereno.spec.model import Schedule

_SECOND = timedelta(seconds=1)


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the wall clock of `zone` first shows `local` (naive), or jumps over it."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # Skipped: fold 1 reads it with the offset after the gap (too early), fold 0 with the one before (too late).
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset_after = high.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset_after:
            high = middle
        else:
            low = middle
    return high


def handover(schedule: Schedule, index: int) -> datetime:
    """The instant (UTC) of hand-over number `index`; 0 is the one at `schedule.start`, before it they are negative."""
    day = schedule.start + timedelta(weeks=index)
    return resolve(datetime.combine(day, schedule.handover), ZoneInfo(schedule.zone))


def turn(schedule: Schedule, at: datetime) -> int:
    """The number of the last hand-over at or before `at`."""
    there = at.astimezone(ZoneInfo(schedule.zone)).date()
    index = (there - schedule.start).days // 7
    while handover(schedule, index) > at:
        index -= 1
    while handover(schedule, index + 1) <= at:
        index += 1
    return index


def on_call(schedule: Schedule, at: datetime) -> dict[str, str]:
    """Who holds each role at `at`. With fewer people than roles someone holds more than one; with none, nobody."""
    return _holders(schedule, turn(schedule, at))


def shifts(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """Every shift that touches [start, end), whole, by time and then by role; each begins where the last ended."""
    found: list[Shift] = []
    index = turn(schedule, start)
    begins = handover(schedule, index)
    while begins < end:
        ends = handover(schedule, index + 1)
        holders = _holders(schedule, index)
        found += [Shift(schedule.name, role, person, begins, ends) for role, person in holders.items()]
        index, begins = index + 1, ends
    return tuple(found)


def _holders(schedule: Schedule, index: int) -> dict[str, str]:
    ring = schedule.people
    if not ring:
        return {}
    return {role: ring[(index + place) % len(ring)] for place, role in enumerate(schedule.roles)}
