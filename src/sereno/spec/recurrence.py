"""Reads rules of recurrence (RFC 5545), those that a computer can follow in no time."""

from __future__ import annotations

import re
from datetime import datetime

from sereno.spec import values
from sereno.spec.fields import expect
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERED_DAY = r"(?:[-+]?[1-9][0-9]?)?(?:MO|TU|WE|TH|FR|SA|SU)"
_PARTS = {
    "FREQ": re.compile("HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile("[1-9][0-9]{0,3}"),
    "COUNT": re.compile("[1-9][0-9]{0,4}"),
    "UNTIL": re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?"),
    "BYDAY": re.compile(f"{_NUMBERED_DAY}(,{_NUMBERED_DAY})*"),
    "BYMONTHDAY": re.compile(r"-?([1-9]|[12][0-9]|3[01])(,-?([1-9]|[12][0-9]|3[01]))*"),
    "BYMONTH": re.compile("([1-9]|1[0-2])(,([1-9]|1[0-2]))*"),
    "BYHOUR": re.compile("([0-9]|1[0-9]|2[0-3])(,([0-9]|1[0-9]|2[0-3]))*"),
    "BYMINUTE": re.compile("[1-5]?[0-9](,[1-5]?[0-9])*"),
    "BYSETPOS": re.compile("-?[1-9][0-9]{0,2}(,-?[1-9][0-9]{0,2})*"),
    "WKST": re.compile("|".join(_DAYS)),
}
_LONGEST = {"2": 29, "4": 30, "6": 30, "9": 30, "11": 30}
_EXPECTED = "a rule such as FREQ=WEEKLY;BYDAY=SU"


def rrule(reading: Reading, node: Node) -> str | None:
    """A rule of recurrence, in capitals and without `RRULE:` before it."""
    if not isinstance(node, Scalar):
        expect(reading, node, _EXPECTED)
        return None
    written = values.text(reading, node)
    if written is None:
        return None
    rule = written.upper().removeprefix("RRULE:").rstrip(";")
    wrong = _wrong(rule)
    if wrong is None:
        return rule
    reading.complain("SER123", node, wrong, expected=_EXPECTED)
    return None


def _wrong(rule: str) -> str | None:
    """What is wrong with `rule`, in words."""
    seen: dict[str, str] = {}
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            return f"a rule of recurrence has no part `{name[:40]}`"
        if name in seen:
            return f"`{name}` is given twice"
        if not _PARTS[name].fullmatch(value):
            return f"`{value[:40]}` is not possible for {name}"
        seen[name] = value
    if "FREQ" not in seen:
        return "how often (FREQ) is not said"
    if "COUNT" in seen and "UNTIL" in seen:
        return "COUNT and UNTIL cannot both end it"
    if "UNTIL" in seen and not _is_date(seen["UNTIL"]):
        return f"`{seen['UNTIL']}` is no date"
    if seen["FREQ"] not in ("MONTHLY", "YEARLY") and re.search("[0-9]", seen.get("BYDAY", "")):
        return "numbered days (BYDAY=1SU) are those of a month or a year"
    months, days = seen.get("BYMONTH", "").split(","), seen.get("BYMONTHDAY", "").split(",")
    longest = max(_LONGEST.get(month, 31) for month in months)
    if "BYMONTHDAY" in seen and min(abs(int(day)) for day in days) > longest:
        return "these months have no such day"
    return None


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text[:8], "%Y%m%d")  # noqa: DTZ007 -- only whether there is such a day
        return len(text) == 8 or (text[9:11] < "24" and text[11:13] < "60" and text[13:15] < "60")
    except ValueError:
        return False


def warn_of_start(reading: Reading, place: Scalar, start: datetime, rule: str) -> None:
    """Warn of a start that is not on one of the weekdays of the rule: it would never happen then."""
    parts = dict(part.split("=") for part in rule.split(";"))
    days = re.findall("[A-Z]{2}", parts.get("BYDAY", ""))
    if days and _DAYS[start.weekday()] not in days:
        named = ", ".join(values.WEEKDAY_NAMES[_DAYS.index(day)] for day in dict.fromkeys(days))
        weekday = values.WEEKDAY_NAMES[start.weekday()]
        reading.complain(
            "SER131", place, f"{start:%Y-%m-%d} is a {weekday}, but the rule says {named}", expected=f"a {named}"
        )
