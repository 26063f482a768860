"""Planned work as intervals of real time: what a start, a duration and a rule of repetition come to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sereno.kernel.errors import UsageError
from sereno.spec.model import Maintenance

if TYPE_CHECKING:
    from dateutil.rrule import rrule

OCCURRENCES_MAX = 200_000
"""How many repetitions are looked at for one answer: once an hour for twenty years."""
_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE"}
)
_LONGEST = 500
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MARGIN = timedelta(days=2)  # local and real time differ by less, whatever the clocks do


def occurrences(planned: Maintenance, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Each time of `planned` that touches (start, end], in UTC and in order, whole even where it reaches beyond.

    Repetition is counted on the wall clock of its zone: 02:00 stays 02:00 across a clock change, a time that does
    not exist that day is moved on by the gap, and one that there is twice is the first. `duration` is time that really
    passes. Raises UsageError for a rule that is none, that repeats by the minute or the second, or for which too many
    repetitions would have to be looked at.
    """
    zone = ZoneInfo(planned.zone)
    since, until = start.astimezone(zone).replace(tzinfo=None), end.astimezone(zone).replace(tzinfo=None)
    found: list[tuple[datetime, datetime]] = []
    for local in _local_starts(planned, until.year + 1):
        if since - planned.duration - _MARGIN <= local <= until + _MARGIN:
            begins = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            over = begins + planned.duration
            if over > start and begins < end:
                found.append((begins, over))
    return tuple(sorted(found))


def check_rule(planned: Maintenance) -> str | None:
    """What is wrong with the repetition of `planned`, in words; None for a good one."""
    try:
        if not _local_starts(planned, planned.start.year + 10):
            return "it never comes within ten years"
    except UsageError as error:
        return error.message
    return None


@lru_cache(maxsize=256)
def _local_starts(planned: Maintenance, before_year: int) -> tuple[datetime, ...]:
    rule = _rule(planned)
    if rule is None:
        return (planned.start,)
    found: list[datetime] = []
    for at in rule:
        if at.year >= before_year:
            break
        if len(found) >= OCCURRENCES_MAX:
            raise UsageError(
                f"maintenance {planned.name}: more than {OCCURRENCES_MAX:,} repetitions since {planned.start:%Y-%m-%d}",
                hint="declare a later start, or a rule that repeats less often",
            )
        found.append(at)
    return tuple(found)


def _rule(planned: Maintenance) -> rrule | None:
    text = planned.rrule.strip().upper().removeprefix("RRULE:")
    if not text:
        return None
    wrong = _wrong(text)
    if wrong:
        raise UsageError(f"maintenance {planned.name}: {wrong}")
    from dateutil.rrule import rrulestr

    try:
        rule = rrulestr(until_local(text, planned), dtstart=planned.start.replace(tzinfo=None))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UsageError(f"maintenance {planned.name}: its rrule cannot be read: {error}") from None
    return rule  # type: ignore[return-value]


def _wrong(text: str) -> str | None:
    """What in a rule of repetition cannot be had: more than a line, parts of other kinds, days that never come."""
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    unknown = sorted(set(parts) - _PARTS)
    if len(text) > _LONGEST or "\n" in text or unknown:
        return f"its rrule holds more than one rule such as FREQ=WEEKLY;BYDAY=SU ({', '.join(unknown)[:60]})"
    if parts.get("FREQ") not in _FREQUENCIES:
        return f"its rrule repeats by {parts.get('FREQ', 'nothing')}; it can be {', '.join(_FREQUENCIES)}"
    numbers = [parts[key] for key in ("INTERVAL", "COUNT") if key in parts]
    if any(not number.isdecimal() or not 1 <= int(number[:9]) <= 99_999 for number in numbers):
        return "INTERVAL and COUNT of its rrule are whole numbers from 1 to 99,999"
    if _never_so_many(parts):
        return f"its rrule asks for BYSETPOS={parts['BYSETPOS'][:40]} where there are never so many"
    months = [int(one) for one in parts.get("BYMONTH", "").split(",") if one.isdecimal() and 1 <= int(one) <= 12]
    days = [int(one) for one in parts.get("BYMONTHDAY", "").split(",") if one.lstrip("+-").isdecimal()]
    longest = max((_DAYS[month - 1] for month in months), default=31)
    if days and all(abs(day) > longest for day in days):
        return "the days of its rrule do not exist in any of its months"
    return None


def _never_so_many(parts: Mapping[str, str]) -> bool:
    """Whether BYSETPOS asks for more than one period can hold: whoever follows it would look for it until the end of
    all years."""
    if "BYSETPOS" not in parts:
        return False
    minutes, hours = (len(set(parts[key].split(","))) if key in parts else 1 for key in ("BYMINUTE", "BYHOUR"))
    days = {"HOURLY": 1, "DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}[parts["FREQ"]]
    most = days * minutes * (1 if parts["FREQ"] == "HOURLY" else hours)
    wanted = [one.lstrip("+-") for one in parts["BYSETPOS"].split(",")]
    return not all(one.isdecimal() and int(one[:9]) >= 1 for one in wanted) or min(map(int, wanted)) > most


def until_local(text: str, planned: Maintenance) -> str:
    """The rule with an UNTIL of UTC as the local time that it is, since repetition is counted in local time."""
    head, found, rest = text.partition("UNTIL=")
    value, semicolon, tail = rest.partition(";")
    if not found or not value.endswith("Z"):
        return text
    try:
        instant = datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return text
    local = instant.astimezone(ZoneInfo(planned.zone))
    return f"{head}UNTIL={local:%Y%m%dT%H%M%S}{semicolon}{tail}"
