"""Templates of indicators of the business: payments, the time until something is done, and events that matter to it.

What begins and what ends in the same hour are different cases: their ratio may exceed 1, and says little when there are
few. So both sides are counted at one moment, or the earlier one is looked at as long ago as the later one is due.
"""

from __future__ import annotations

from datetime import timedelta

from sereno.kernel.duration import format_duration, to_ms
from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import QuerySli
from sereno.spec.queries import Matchers, selector_text
from sereno.spec.reading import Reading
from sereno.spec.sli import Indicator, alone, events_sli, excluded, histogram_name, latency_sli, metric, part
from sereno.spec.source import Node
from sereno.spec.templates_parts import chosen, refuse

_WITHIN = values.duration_within("1s", "400d")
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_UNIT = values.one_of(*_UNITS)


def payment(reading: Reading, node: Node) -> Indicator | None:
    """The share of payments that succeed; what the customer's bank declines is nobody's failure."""
    fields = Fields(
        reading,
        node,
        "an indicator of payments",
        required=("total",),
        optional=("succeeded", "failed", "declined", "select", "except"),
    )
    kind = fields.exactly_one("succeeded", "failed")
    total = fields.read("total", metric)
    select = chosen(reading, fields)
    left_out = (*excluded(reading, fields), *excluded(reading, fields, "declined"))

    def one(reading: Reading, node: Node) -> Matchers | None:
        return part(reading, node, total)

    of_these = fields.read(kind, one) if kind else None
    if total is None or of_these is None:
        return None
    return alone(events_sli((*total, *select), (*of_these, *select), left_out, bad=kind == "failed"))


def business(reading: Reading, node: Node) -> Indicator | None:
    """The share of events of the business that end well, all counted at the same moment by the same counter."""
    fields = Fields(
        reading,
        node,
        "an indicator of business events",
        required=("total",),
        optional=("good", "bad", "select", "except"),
    )
    kind = fields.exactly_one("good", "bad")
    total = fields.read("total", metric)
    select, left_out = chosen(reading, fields), excluded(reading, fields)
    of_these = fields.read(kind, _of_the_same) if kind else None
    if total is None or of_these is None:
        return None
    every = (*total, *select)
    return alone(events_sli(every, (*every, *of_these), left_out, bad=kind == "bad"))


def _of_the_same(reading: Reading, node: Node) -> Matchers | None:
    """Matchers of the counter of all events: another counter might count other cases."""
    found = part(reading, node, ())
    if found is not None and any(label == "__name__" for label, _, _ in found):
        reading.complain(
            "SER141",
            node,
            "another counter may count the cases of another hour",
            expected='matchers of `total`, counted when a case is decided: decision="approved"',
            hint="if both are counted at the same moment, use `events`",
        )
        return None
    return found


def time_to_complete(reading: Reading, node: Node) -> Indicator | None:
    """The share of cases that are done within a time of their beginning."""
    fields = Fields(
        reading,
        node,
        "an indicator of time to complete",
        optional=("histogram", "unit", "within", "settled", "in_time", "started", "late", "select", "except"),
    )
    kind = fields.exactly_one("histogram", "settled", "started")
    within = fields.read("within", _WITHIN)
    if kind in ("histogram", "started") and not fields.has("within"):
        reading.complain("SER022", node, f"`{kind}` needs `within`", expected="the key `within`, such as 48h")
    if kind != "histogram":
        refuse(reading, fields, ("unit",), "`histogram`")
    select = (*chosen(reading, fields), *excluded(reading, fields))
    if kind == "histogram":
        refuse(reading, fields, ("in_time", "late"), "`settled` or `started`")
        histogram, unit = fields.read("histogram", histogram_name), fields.read("unit", _UNIT) or "seconds"
        if histogram is None or within is None or not _is_boundary(reading, fields, within, unit):
            return None
        return alone(latency_sli((*histogram, *select), within, unit=_UNITS[unit]))
    if kind == "settled":
        refuse(reading, fields, ("late",), "`started`")
        return _settled(reading, fields, select)
    if kind is None:
        return None
    started = fields.read("started", metric)
    late = _late(reading, fields)
    if started is None or late is None or within is None:
        return None
    ago = format_duration(within)
    return alone(
        QuerySli(
            total=f"sum(rate({selector_text((*started, *select))}[$window] offset {ago}))",
            bad=f"sum(rate({selector_text((*late, *select))}[$window]))",
        )
    )


def _is_boundary(reading: Reading, fields: Fields, within: timedelta, unit: str) -> bool:
    """Whether the threshold can be written in the histogram's unit; reported otherwise."""
    milliseconds = to_ms(within)
    if milliseconds * 1000 % _UNITS[unit] == 0:
        return True
    place = fields.value("within")
    assert place is not None
    message = f"`{format_duration(within)}` is no boundary in {unit}"
    reading.complain("SER030", place, message, expected=f"a time that is a short number of {unit}")
    return False


def _late(reading: Reading, fields: Fields) -> Matchers | None:
    """The counter of cases that were not done when they were due."""
    in_time = fields.key("in_time")
    if in_time is not None:
        reading.complain(
            "SER141",
            in_time,
            "what is done now began at another time than what begins now: the two are different cases",
            expected="`late`, counted when a case is due and not done; or `settled`, counted when it is done or due",
        )
    elif not fields.has("late"):
        reading.complain("SER022", fields.node, "`started` needs `late`", expected="the key `late`")
    return fields.read("late", metric)


def _settled(reading: Reading, fields: Fields, select: Matchers) -> Indicator | None:
    settled = fields.read("settled", metric)
    if not fields.has("in_time"):
        reading.complain("SER022", fields.node, "`settled` needs `in_time`", expected="the key `in_time`")

    def one(reading: Reading, node: Node) -> Matchers | None:
        return part(reading, node, settled)

    in_time = fields.read("in_time", one)
    if settled is None or in_time is None:
        return None
    return alone(events_sli((*settled, *select), (*in_time, *select), bad=False))
