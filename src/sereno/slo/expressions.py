"""Ratios of bad events as PromQL, guarded against idle services and against bad events never seen."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.duration import format_duration
from sereno.slo.model import Tier
from sereno.spec.model import EventsSli, LatencySli


def bad_ratio(sli: EventsSli | LatencySli, window: timedelta) -> str:
    """The event-weighted share of bad events over `window`, as PromQL.

    No events: no result (`> 0`), so nothing fires and nothing clears by a NaN. Bad (or good) series never seen: a
    zero beside the total (`or 0 * …`), which stays absent when the total is. A latency threshold that is no
    boundary of the histogram gives no result: unknown, never fine and never all bad.
    """
    span = format_duration(window)
    if isinstance(sli, LatencySli):
        total = _rate(sli.count, span)
        bad = f"({total} - {_rate(sli.buckets, span)})"
    elif sli.bad is not None:
        total = _rate(sli.total, span)
        bad = f"({_rate(sli.bad, span)} or 0 * {total})"
    else:
        total = _rate(sli.total, span)
        bad = f"({total} - ({_rate(sli.good or '', span)} or 0 * {total}))"
    return f"{bad} / ({total} > 0)"


def burns(sli: EventsSli | LatencySli, tier: Tier, threshold: Decimal) -> str:
    """Whether the share of bad events exceeds `threshold` over both windows of `tier`, as PromQL; its value is the
    share over the long one."""
    sides = [f"(\n  {bad_ratio(sli, window)}\n  > {threshold:f}\n)" for window in (tier.long, tier.short)]
    return " and ".join(sides)


def _rate(selector: str, span: str) -> str:
    return f"sum(rate({selector}[{span}]))"
