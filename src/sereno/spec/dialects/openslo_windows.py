"""OpenSLO's windows: rolling, or by the calendar of a zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sereno.spec import values
from sereno.spec.dialects.gathered import text_of
from sereno.spec.dialects.openslo_documents import Doc, Span, listed, span
from sereno.spec.model import Calendar
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Sequence

DEFAULT_WINDOW = timedelta(days=30)
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(days=400)
Unit = Literal["day", "week", "month", "quarter", "year"]
_UNITS: dict[tuple[int, str], Unit] = {
    (1, "d"): "day",
    (1, "w"): "week",
    (7, "d"): "week",
    (1, "M"): "month",
    (1, "m"): "month",
    (1, "Q"): "quarter",
    (3, "M"): "quarter",
    (1, "Y"): "year",
    (12, "M"): "year",
    (4, "Q"): "year",
}
_NOMINAL = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


def window_of(reading: Reading, doc: Doc) -> tuple[timedelta, Calendar | None]:
    """The window of an SLO: its nominal length, and its calendar unless it rolls."""
    node = doc.at("timeWindow")
    if node is None:
        reading.complain(
            "SER159",
            doc.node,
            "there is no `timeWindow`: the last 30 days are counted",
            expected="such as [{duration: 30d, isRolling: true}]",
        )
        return DEFAULT_WINDOW, None
    items = listed(reading, node, "windows")
    if len(items) != 1:
        if isinstance(node, Sequence):
            reading.complain("SER157", node, f"an SLO has exactly one window, not {len(items)}", expected="one window")
        return DEFAULT_WINDOW, None
    inner = Doc(reading, items[0], "a window", optional=("duration", "isRolling", "calendar"))
    length = span(reading, inner.need("duration", "a window"))
    rolling_node = inner.at("isRolling")
    rolling = bool(values.flag(reading, rolling_node)) if rolling_node is not None else False
    calendar = _calendar(reading, inner, rolling)
    if length is None:
        return DEFAULT_WINDOW, None
    return counted(reading, items[0], length, calendar)


def _calendar(reading: Reading, doc: Doc, rolling: bool) -> tuple[datetime, str] | None:
    node = doc.at("calendar")
    if rolling and node is not None:
        reading.complain(
            "SER157",
            doc.key("calendar") or doc.node,
            "a rolling window has no `calendar`",
            expected="`isRolling: false`, or no `calendar`",
        )
        return None
    if node is None:
        if not rolling and isinstance(doc.node, Mapping):
            reading.complain(
                "SER157",
                doc.node,
                "a window that does not roll needs a `calendar`",
                expected="`isRolling: true`, or {startTime: …, timeZone: …}",
            )
        return None
    return calendar_of(reading, node)


def calendar_of(reading: Reading, node: Node) -> tuple[datetime, str] | None:
    """When a calendar window began (local time), and its zone."""
    doc = Doc(reading, node, "a calendar", optional=("startTime", "timeZone"))
    started, zone = doc.need("startTime", "a calendar"), doc.need("timeZone", "a calendar")
    known = values.zone(reading, zone) if zone is not None else None
    if started is None or known is None:
        return None
    try:
        return datetime.strptime(text_of(started), "%Y-%m-%d %H:%M:%S"), known  # noqa: DTZ007
    except ValueError:
        reading.complain(
            "SER155",
            started,
            f"`{text_of(started)[:40]}` is not a moment",
            expected="local time as 2022-01-01 12:00:00",
        )
        return None


def counted(
    reading: Reading, place: Node, length: Span, calendar: tuple[datetime, str] | None
) -> tuple[timedelta, Calendar | None]:
    """The window that is counted; what cannot be said as it is written is reported as a warning."""
    if calendar is None:
        if not _SHORTEST <= length.length <= _LONGEST:
            reading.complain("SER155", place, "a window of that length is not counted", expected="from 5m to 400d")
            return DEFAULT_WINDOW, None
        return length.length, None
    started, zone = calendar
    unit = _UNITS.get((length.count, length.unit))
    if unit is None:
        reading.complain(
            "SER159",
            place,
            f"calendar windows of {length.count}{length.unit} are counted as the last {length.length.days or 1} days",
            expected="1d, 1w, 1M, 1Q or 1Y",
        )
        return max(length.length, timedelta(days=1)), None
    if length.unit == "m":
        reading.complain("SER159", place, "`1m` is a minute; a calendar month is taken to be meant", expected="1M")
    if not _begins(started, unit):
        when = {
            "day": "at midnight",
            "week": "on Monday at midnight",
            "month": "on the first at midnight",
            "quarter": "with the quarter",
            "year": "with the year",
        }[unit]
        reading.complain(
            "SER159",
            place,
            f"each {unit} is counted from its own beginning ({when} in {zone}), not from {started:%Y-%m-%d %H:%M}",
        )
    return timedelta(days=_NOMINAL[unit]), Calendar(unit, zone)


def _begins(moment: datetime, unit: Unit) -> bool:
    if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
        return False
    return {
        "day": True,
        "week": moment.weekday() == 0,
        "month": moment.day == 1,
        "quarter": moment.day == 1 and moment.month in (1, 4, 7, 10),
        "year": (moment.month, moment.day) == (1, 1),
    }[unit]
