"""Ratios of bad events as PromQL, guarded against idle services and against bad events never seen."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.duration import format_duration
from sereno.slo.model import Tier
from sereno.slo.queries import failing, whole
from sereno.spec.model import CompositeSli, EventsSli, GaugeSli, LatencySli, NativeLatencySli, QuerySli, Sli, Slo

_GAUGE_POINTS = 60
_MINUTE = timedelta(minutes=1)


def bad_ratio(sli: Sli, window: timedelta, *, traffic_over: timedelta | None = None) -> str:
    """The event-weighted share of bad events over `window`, as PromQL.

    No events: no result (`> 0`), so nothing fires and nothing clears by a NaN. Bad (or good) series never seen: a
    zero beside the total (`or 0 * …`), which stays absent when the total is. A latency threshold that is no
    boundary of the histogram gives no result: unknown, never fine and never all bad. With `traffic_over` the bad
    events a second are divided by all events a second over that time instead (a share of the whole period's budget).
    """
    span = format_duration(window)
    match sli:
        case GaugeSli():
            step = format_duration(max(_MINUTE, window / _GAUGE_POINTS))
            return f"avg_over_time(({failing(sli)})[{span}:{step}])"
        case QuerySli(ratio=str(ratio)):
            return whole("ratio", ratio, span)
        case CompositeSli():
            return _joined(sli, [part_ratio(part.slo, window) for part in sli.parts])
    over = total_rate(sli, format_duration(traffic_over or window))
    return f"{bad_rate(sli, span)} / ({over} > 0)"


def part_ratio(slo: Slo, window: timedelta) -> str:
    """The share of bad events of an objective over `window`, by its own method."""
    return bad_ratio(slo.sli, window)


def burns(slo: Slo, tier: Tier, threshold: Decimal) -> str:
    """Whether the share of bad events exceeds `threshold` over both windows of `tier`, as PromQL; its value is the
    share over the long one."""
    sides = [f"(\n  {part_ratio(slo, window)}\n  > {threshold:f}\n)" for window in (tier.long, tier.short)]
    return " and ".join(sides)


def total_rate(sli: EventsSli | LatencySli | NativeLatencySli | QuerySli, span: str) -> str:
    """All events a second over `span`, as PromQL."""
    match sli:
        case EventsSli(total=total):
            return _rate(total, span)
        case LatencySli(count=count):
            return _rate(count, span)
        case NativeLatencySli(histogram=histogram):
            return f"histogram_count({_rate(histogram, span)})"
        case QuerySli(total=total):
            return whole("total", total or "", span)


def bad_rate(sli: EventsSli | LatencySli | NativeLatencySli | QuerySli, span: str) -> str:
    """Bad events a second over `span`, as PromQL: zero, not absent, where none was ever seen beside the total."""
    total = total_rate(sli, span)
    match sli:
        case EventsSli(bad=str(bad)):
            return f"({_rate(bad, span)} or 0 * {total})"
        case EventsSli(good=good):
            return f"({total} - ({_rate(good or '', span)} or 0 * {total}))"
        case LatencySli(buckets=buckets):
            return f"({total} - {_rate(buckets, span)})"
        case NativeLatencySli(histogram=histogram, within_seconds=within):
            rate = _rate(histogram, span)
            return f"((1 - histogram_fraction(-Inf, {within:f}, {rate})) * ({total} > 0) or 0 * {total})"
        case QuerySli(bad=str(bad)):
            return f"({whole('bad', bad, span)} or 0 * {total})"
        case QuerySli(good=good):
            return f"({total} - ({whole('good', good or '', span)} or 0 * {total}))"


def _joined(sli: CompositeSli, ratios: list[str]) -> str:
    return ratios[0]


def _rate(selector: str, span: str) -> str:
    return f"sum(rate({selector}[{span}]))"
