"""Where an objective stands, what an incident cost it, and how its budget was spent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from sereno.kernel.duration import to_ms as length_ms
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import from_ms, to_ms
from sereno.promql.columns import Columns, Select, Selection
from sereno.slo.exact import Exact, ratio, terminating
from sereno.slo.model import Budget, BudgetState, BurnChart, SloCost
from sereno.slo.selectors import selections_between
from sereno.slo.tally import Span, tally
from sereno.slo.thinned import WHOLE, Thinned
from sereno.slo.tiers import STEPS_MS
from sereno.spec.model import Slo

_HOUR_MS = 3_600_000
_AT_RISK_BELOW = Fraction(20, 100)


def budget(service: str, slo: Slo, select: Select, at: datetime, thinned: Thinned = WHOLE) -> Budget:
    """Where `slo` stands at `at`: exact counts of events in (at − window, at], weighted by nothing else.

    - An increase belongs to the instant at which it was seen; nothing is extrapolated. The baseline of a series is
      its last sample at or before the window's start, at most 5 minutes older.
    - A series without one was born in the window. If another series of its target (same job and instance, of any
      selector of the objective) was being scraped before, the newborn counts from zero: its first value is events.
      Otherwise nobody was watching, and it counts from its first sample.
    - A lower value is a restart, also after staleness or a gap; a higher one goes on from where it was.
    - Nothing is clamped. Bad (or good) series never seen count zero. A watched window without events is `idle`
      (`sli` None, nothing consumed); a window that nobody watched is `unknown`, all figures None. A latency
      threshold that is no boundary of the histogram is `unknown` too.
    - `coverage`: see `known_intervals`. With several targets, time in which any of them was known is known.
    - Where samples are `thinned`, windows begin (and end) at the border of a step before the instant asked for: all
      counts are exact, of a window that is longer by less than a step.

    `at_risk`: less than 20 % remains, or the burn rate is above 1 and at it the rest would be gone within a window.
    Ratios are rounded once, to 24 decimal places. Raises UsageError for an objective that has no budget.
    """
    allowed = _allowed(slo)
    now_ms = to_ms(at)
    start_ms, at_ms = thinned.floor(now_ms - length_ms(slo.window)), thinned.floor(now_ms)
    found = tally(slo, select, start_ms, at_ms, thinned)
    whole = found.over(start_ms, at_ms)
    burn = _burn(found.over(thinned.floor(now_ms - burn_window_ms(slo)), at_ms), allowed)
    consumed = _burn(whole, allowed)
    remaining = None if consumed is None else 1 - consumed
    exhausts_at = _exhausts_at(slo, at, remaining, burn)
    known = whole.known
    return Budget(
        service=service,
        slo=slo.name,
        at=at,
        window=slo.window,
        objective=slo.objective.ratio,
        total=terminating(whole.total) if known else None,
        bad=terminating(whole.bad) if known else None,
        sli=None if whole.share is None else ratio(1 - whole.share),
        consumed=_decimal(consumed),
        remaining=_decimal(remaining),
        coverage=ratio(whole.coverage),
        burn_rate=_decimal(burn),
        exhausts_at=exhausts_at,
        state="idle" if whole.idle else _state(slo, at, remaining, burn, exhausts_at),
    )


def budget_selections(slo: Slo, at: datetime, thinned: Thinned = WHOLE) -> tuple[Selection, ...]:
    """The samples that `budget` and `burn_chart` will ask for."""
    at_ms = to_ms(at)
    return selections_between(slo, thinned.floor(at_ms - length_ms(slo.window)), thinned.floor(at_ms))


def impact(service: str, slo: Slo, select: Select, start: datetime, end: datetime, thinned: Thinned = WHOLE) -> SloCost:
    """What [start, end] cost `slo`: its events, and its share of the whole budget of the window that ends at `end`.

    Counted as `budget` counts. Where samples are `thinned`, all whole steps that [start, end] touches are counted:
    the answer's own start and end say what was. Raises UsageError when `end` is before `start`, or the objective has no
    budget.
    """
    if end < start:
        raise UsageError(f"an impact cannot end ({end}) before it starts ({start})")
    allowed = _allowed(slo)
    start_ms, end_ms, begin_ms = _touched(slo, start, end, thinned)
    found = tally(slo, select, min(start_ms, begin_ms), end_ms, thinned)
    cost, whole = found.over(start_ms, end_ms), found.over(begin_ms, end_ms)
    spent = _burn(whole, allowed)
    known = cost.known
    return SloCost(
        service=service,
        slo=slo.name,
        start=start if start_ms == to_ms(start) else from_ms(start_ms),
        end=end if end_ms == to_ms(end) else from_ms(end_ms),
        total=terminating(cost.total) if known else None,
        bad=terminating(cost.bad) if known else None,
        share=_decimal(cost.share),
        consumed=_decimal(_consumed_by(cost, whole, allowed)),
        remaining=None if spent is None else ratio(1 - spent),
        coverage=ratio(cost.coverage),
    )


def impact_selections(slo: Slo, start: datetime, end: datetime, thinned: Thinned = WHOLE) -> tuple[Selection, ...]:
    """The samples that `impact` will ask for."""
    start_ms, end_ms, begin_ms = _touched(slo, start, end, thinned)
    return selections_between(slo, min(start_ms, begin_ms), end_ms)


def _touched(slo: Slo, start: datetime, end: datetime, thinned: Thinned) -> tuple[int, int, int]:
    """The steps that [start, end] touches, and the beginning of the window that ends there."""
    end_ms = thinned.ceil(to_ms(end))
    return thinned.floor(to_ms(start)), end_ms, thinned.floor(end_ms - length_ms(slo.window))


def burn_chart(
    service: str, slo: Slo, select: Select, at: datetime, points: int = 120, thinned: Thinned = WHOLE
) -> BurnChart:
    """How the budget of (at − window, at] was spent, at `points` (≥ 2) evenly spaced instants, both ends among them.

    Costs O(samples + points). An instant is unknown when nothing was known since the one
    before (the first: until the one after). Where samples are `thinned`, instants lie at the borders of steps.
    """
    if points < 2:
        raise UsageError("a chart needs at least two points")
    allowed = _allowed(slo)
    at_ms, window_ms = to_ms(at), length_ms(slo.window)
    instants = [thinned.floor(at_ms - window_ms + window_ms * i // (points - 1)) for i in range(points)]
    instants = list(dict.fromkeys(instants)) if thinned.steps else instants
    if len(instants) < 2:  # a window within one step: nothing is known of it
        instants = [at_ms - window_ms, at_ms]
        select = _nothing
    found = tally(slo, select, instants[0], instants[-1], thinned)
    buckets = found.between(instants)
    whole = found.over(instants[0], instants[-1])
    remaining: list[Decimal | None] = [Decimal(1) if buckets[0].known else None]
    bad: Exact = 0
    for bucket in buckets:
        bad += bucket.bad
        so_far = _consumed_by(replace(bucket, bad=bad), whole, allowed) if bucket.known else None
        remaining.append(None if so_far is None else ratio(1 - so_far))
    return BurnChart(
        service=service,
        slo=slo.name,
        window=slo.window,
        times=tuple(from_ms(instant) for instant in instants),
        remaining=tuple(remaining),
        burn=(None, *(_decimal(_burn(bucket, allowed)) for bucket in buckets)),
    )


def _nothing(selection: Selection) -> Columns:
    return Columns.of([])


def burn_window_ms(slo: Slo) -> int:
    """Over how long `Budget.burn_rate` is taken: an hour, or the longest step below a shorter window."""
    window_ms = length_ms(slo.window)
    return max((step for step in STEPS_MS if step <= _HOUR_MS and step < window_ms), default=window_ms)


def _allowed(slo: Slo) -> Fraction:
    allowed = Fraction(slo.objective.budget)
    if not 0 < allowed < 1 or slo.window <= timedelta(0):
        raise UsageError(f"an objective of {slo.objective.text} over {slo.window} has no error budget")
    return allowed


def _burn(span: Span, allowed: Fraction) -> Fraction | None:
    """How many times faster than allowed: 0 while idle, None while unknown (or bad events without any event)."""
    if span.idle:
        return Fraction(0)
    return None if span.share is None else span.share / allowed


def _consumed_by(part: Span, whole: Span, allowed: Fraction) -> Fraction | None:
    """The share of the whole window's budget that the bad events of `part` are."""
    if not part.known or whole.share is None:
        return Fraction(0) if part.known and whole.idle else None
    return Fraction(part.bad) / (allowed * Fraction(whole.total))


def _exhausts_at(slo: Slo, at: datetime, remaining: Fraction | None, burn: Fraction | None) -> datetime | None:
    if remaining is None or burn is None or remaining <= 0 or burn <= 0:
        return None
    try:
        return at + timedelta(milliseconds=round(remaining * length_ms(slo.window) / burn))
    except OverflowError:
        return None  # in thousands of years: not being spent


def _state(
    slo: Slo, at: datetime, remaining: Fraction | None, burn: Fraction | None, exhausts_at: datetime | None
) -> BudgetState:
    if remaining is None:
        return "unknown"
    if remaining <= 0:
        return "exhausted"
    burning = burn is not None and burn > 1 and exhausts_at is not None and exhausts_at <= at + slo.window
    return "at_risk" if remaining < _AT_RISK_BELOW or burning else "ok"


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else ratio(value)
