"""Ratios of bad events as PromQL, guarded against idle services and against bad events never seen.

Every ratio is one number without labels, or nothing: so they can be joined with one another as they are.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from sereno.kernel.duration import format_duration
from sereno.slo.composites import part_in_slices
from sereno.slo.exact import written
from sereno.slo.methods import method_of, slice_target
from sereno.slo.model import Tier
from sereno.slo.queries import failing, whole
from sereno.spec.model import CompositeSli, EventsSli, GaugeSli, LatencySli, NativeLatencySli, QuerySli, Sli, Slo

SCRAPES_MIN = 4
_MINUTE = timedelta(minutes=1)
_SCRAPE = timedelta(seconds=15)
Counted = EventsSli | LatencySli | NativeLatencySli | QuerySli


def bad_ratio(sli: Sli, window: timedelta, *, traffic_over: timedelta | None = None) -> str:
    """The event-weighted share of bad events over `window`, as PromQL.

    No events: no result (`> 0`), so nothing fires and nothing clears by a NaN. Bad (or good) series never seen: a
    zero beside the total (`or 0 * …`), which stays absent when the total is. A latency threshold that is no
    boundary of the histogram gives no result: unknown, never fine and never all bad. With `traffic_over` the bad
    events a second are divided by all events a second over that time instead (a share of the whole period's budget).
    Of a gauge it is the share of time and series that fail, minute by minute; a ratio of one's own is itself.
    """
    span = format_duration(window)
    match sli:
        case GaugeSli():
            return f"avg_over_time(({failing(sli)})[{span}:{format_duration(min(_MINUTE, window))}])"
        case QuerySli(ratio=str(ratio)):
            return whole("ratio", ratio, span)
        case CompositeSli():
            return _joined(sli, [slo_ratio(part.slo, window) for part in sli.parts])
    over = total_rate(sli, format_duration(traffic_over or window))
    return f"{bad_rate(sli, span)} / ({over} > 0)"


def slo_ratio(slo: Slo, window: timedelta, *, scrape: timedelta = _SCRAPE) -> str:
    """The share of `window` that was bad by the objective's own method: of its events, or of its slices.

    Slices are looked at over rates of their own length, or of four scrapes where that is longer; one without any event
    is good, one that nobody watched is left out. With a `budget_fraction` the events are those of the whole period.
    """
    sli = slo.sli
    if isinstance(sli, CompositeSli):
        if sli.mode == "all":
            return _sliced(_any_bad(slo, sli, scrape), window, slo.slice_length)
        return _joined(sli, [guarded(part.slo, window, scrape=scrape) for part in sli.parts])
    if method_of(slo) == "occurrences":
        over = slo.window if slo.low_traffic and slo.low_traffic.budget_fraction else None
        return bad_ratio(sli, window, traffic_over=over)
    return _sliced(slice_badness(slo, scrape=scrape), window, slo.slice_length)


def slice_badness(slo: Slo, *, scrape: timedelta = _SCRAPE) -> str:
    """How bad the slice is that ends now, as PromQL: 0 or 1, or, for `ratio_timeslices`, its share of bad events."""
    sli, length = slo.sli, slo.slice_length
    over = max(length, SCRAPES_MIN * scrape)
    match sli:
        case GaugeSli():
            share = failing(sli)
            if length > _MINUTE:
                share = f"avg_over_time(({share})[{format_duration(length)}:{format_duration(_MINUTE)}])"
        case QuerySli(ratio=str(ratio)):
            share = whole("ratio", ratio, format_duration(over))
        case CompositeSli():
            return _any_bad(slo, sli, scrape)
        case _:
            share = f"({bad_ratio(sli, over)} or {_idle(sli, format_duration(over))})"
    if method_of(slo) == "ratio_timeslices":
        return share
    return f"({share}) > bool {written(1 - slice_target(slo)):f}"


def guarded(slo: Slo, window: timedelta, *, scrape: timedelta = _SCRAPE) -> str:
    """`slo_ratio`, but nothing while there was too little to judge by, as the objective's `low_traffic` says."""
    return " and ".join([slo_ratio(slo, window, scrape=scrape), *guards(slo, window)])


def guards(slo: Slo, window: timedelta) -> tuple[str, ...]:
    """What must hold over `window` for an alert to be worth anything: so many events, so many failures, as PromQL."""
    sli, low = slo.sli, slo.low_traffic
    if low is None or isinstance(sli, GaugeSli | CompositeSli) or (isinstance(sli, QuerySli) and sli.ratio is not None):
        return ()
    span, seconds = format_duration(window), written(Fraction(window // timedelta(milliseconds=1), 1000))
    found = []
    if low.events_min is not None:
        found.append(f"{total_rate(sli, span)} * {seconds:f} >= {low.events_min:f}")
    if low.failures_min is not None:
        found.append(f"{bad_rate(sli, span)} * {seconds:f} >= {low.failures_min:f}")
    return tuple(found)


def burns(slo: Slo, tier: Tier, threshold: Decimal, *, scrape: timedelta = _SCRAPE) -> str:
    """Whether the share of bad events exceeds `threshold` over both windows of `tier`, as PromQL; its value is the
    share over the long one. Too little traffic is judged by the long one."""
    sides = [
        f"(\n  {slo_ratio(slo, window, scrape=scrape)}\n  > {threshold:f}\n)" for window in (tier.long, tier.short)
    ]
    held_back = [f"(\n  {guard}\n)" for guard in guards(slo, tier.long)]
    return " and ".join([*sides, *held_back])


def total_rate(sli: Counted, span: str) -> str:
    """All events a second over `span`, as PromQL."""
    match sli:
        case EventsSli(total=total):
            return _rate(total, span)
        case LatencySli(count=count):
            return _rate(count, span)
        case NativeLatencySli(histogram=histogram):
            return f"histogram_count({_rate(histogram, span)})"
        case QuerySli(total=total):
            return f"({whole('total', total or '', span)} < Inf)"  # neither infinite nor NaN: that is no number


def bad_rate(sli: Counted, span: str) -> str:
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
            return f"(({whole('bad', bad, span)} or 0 * {total}) < Inf)"
        case QuerySli(good=good):
            return f"({total} - (({whole('good', good or '', span)} or 0 * {total}) < Inf))"


def _idle(sli: Counted, span: str) -> str:
    """0 where all was watched and nothing happened: good. Nothing where nobody can say which events were bad."""
    zero = f"0 * {total_rate(sli, span)}"
    return zero if isinstance(sli, EventsSli | NativeLatencySli) else f"{zero} and {bad_rate(sli, span)}"


def _sliced(badness: str, window: timedelta, length: timedelta) -> str:
    return f"avg_over_time(({badness})[{format_duration(window)}:{format_duration(length)}])"


def _any_bad(slo: Slo, sli: CompositeSli, scrape: timedelta) -> str:
    """1 where the slice of any part is bad, 0 where none is, nothing where nothing is known of any."""
    each = [f"({slice_badness(part_in_slices(part, slo), scrape=scrape)})" for part in sli.parts]
    return f"({' + '.join(f'({one} or vector(0))' for one in each)} > bool 0) and ({' or '.join(each)})"


def _joined(sli: CompositeSli, ratios: list[str]) -> str:
    """The parts' ratios as one; a part that has none takes no part in it."""
    if sli.mode == "weighted":
        terms = [(f"{part.weight:f}", ratio) for part, ratio in zip(sli.parts, ratios, strict=True)]
        sums = " + ".join(f"({weight} * ({ratio}) or vector(0))" for weight, ratio in terms)
        weights = " + ".join(f"({weight} + 0 * ({ratio}) or vector(0))" for weight, ratio in terms)
        return f"({sums}) / (({weights}) > 0)"
    kept = " * ".join(f"(1 - ({ratio}) or vector(1))" for ratio in ratios)
    # In brackets: whoever compares it with a threshold means all of it, and `and` binds less than `>`.
    return f"(1 - {kept} and ({' or '.join(f'({ratio})' for ratio in ratios)}))"


def _rate(selector: str, span: str) -> str:
    return f"sum(rate({selector}[{span}]))"
