"""Where an objective stands, what an incident cost it, and how its budget was spent."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from operator import add

from sereno.kernel.duration import to_ms as length_ms
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import from_ms, to_ms
from sereno.promql.columns import Columns, Select, Selection
from sereno.slo.account import account
from sereno.slo.exact import ratio, written
from sereno.slo.exclusions import NONE, Exclusions
from sereno.slo.model import Budget, BudgetState, BurnChart, PartShare, SloCost
from sereno.slo.outlook import counts_of, outlook
from sereno.slo.periods import Period, period_of
from sereno.slo.selectors import selections_between
from sereno.slo.spans import AnySpan, JoinedSpan
from sereno.slo.thinned import WHOLE, Thinned
from sereno.slo.tiers import STEPS_MS
from sereno.spec.model import CompositeSli, Slo

_HOUR_MS = 3_600_000
_AT_RISK_BELOW = Fraction(20, 100)


def budget(
    service: str, slo: Slo, select: Select, at: datetime, thinned: Thinned = WHOLE, exclusions: Exclusions = NONE
) -> Budget:
    """Where `slo` stands at `at`: exact counts of events in (at − window, at], or since its calendar's period began.

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

    - Slices (see `sereno.slo.slices`) and composites (`sereno.slo.spans`) are counted likewise; of a calendar's period
      all slices that it will have are the whole. What `exclusions` leave out is in none of the figures.

    `at_risk`: less than 20 % remains, or the burn rate is above 1 and at it the rest would be gone within a window.
    Ratios are rounded once, to 24 decimal places. Raises UsageError for an objective that has no budget.
    """
    allowed, period = _allowed(slo), period_of(slo, at)
    now_ms = to_ms(at)
    start_ms, at_ms = thinned.floor(to_ms(period.start)), thinned.floor(now_ms)
    burn_ms = thinned.floor(now_ms - burn_window_ms(slo))
    found = account(service, slo, select, min(start_ms, burn_ms), at_ms, thinned, exclusions)
    whole = found.over(start_ms, at_ms)
    burn = _burn(found.over(burn_ms, at_ms), allowed)
    ahead = outlook(service, slo, period, whole, exclusions)
    consumed = None if whole.share is None or not ahead.stretch else _burn(whole, allowed)
    if consumed is not None and ahead.slices is not None:
        consumed = Fraction(whole.bad) / (allowed * ahead.slices) if ahead.slices else None
    consumed = Fraction(0) if whole.idle else consumed
    remaining = None if consumed is None else 1 - consumed
    projected = ahead.projected(consumed)
    left = remaining if projected is None else 1 - projected
    exhausts_at = _exhausts_at(period, left if remaining is None or remaining > 0 else remaining, burn)
    known = whole.known
    composite = isinstance(whole, JoinedSpan)
    return Budget(
        service=service,
        slo=slo.name,
        at=at,
        window=slo.window,
        objective=slo.objective.ratio,
        total=written(whole.total) if known and not composite else None,
        bad=written(whole.bad) if known and not composite else None,
        sli=None if whole.share is None else ratio(1 - whole.share),
        consumed=_decimal(consumed),
        remaining=_decimal(remaining),
        coverage=ratio(whole.coverage),
        burn_rate=_decimal(burn),
        exhausts_at=exhausts_at,
        state="idle" if whole.idle else _state(period, remaining, burn, exhausts_at),
        counts=counts_of(slo),
        allowed=None if not known or composite else ratio(allowed * (ahead.slices or whole.total)),
        starts_at=from_ms(start_ms),
        ends_at=period.end,
        projected=_decimal(projected),
        excluded=ahead.excluded,
        time_budget=ahead.time_budget(allowed),
        parts=_parts(slo, whole, allowed),
    )


def budget_selections(slo: Slo, at: datetime, thinned: Thinned = WHOLE) -> tuple[Selection, ...]:
    """The samples that `budget` and `burn_chart` will ask for."""
    start_ms = to_ms(period_of(slo, at).start)
    since_ms = min(start_ms, to_ms(at) - burn_window_ms(slo)) if slo.calendar else start_ms
    return selections_between(slo, thinned.floor(since_ms), thinned.floor(to_ms(at)))


def impact(
    service: str, slo: Slo, select: Select, start: datetime, end: datetime, thinned: Thinned = WHOLE,
    exclusions: Exclusions = NONE,
) -> SloCost:  # fmt: skip
    """What [start, end] cost `slo`: its events, and its share of the whole budget of the window that ends at `end`.

    Counted as `budget` counts. Where samples are `thinned`, all whole steps that [start, end] touches are counted:
    the answer's own start and end say what was. Raises UsageError when `end` is before `start`, or the objective has no
    budget.
    """
    if end < start:
        raise UsageError(f"an impact cannot end ({end}) before it starts ({start})")
    allowed = _allowed(slo)
    start_ms, end_ms, begin_ms = _touched(slo, start, end, thinned)
    found = account(service, slo, select, min(start_ms, begin_ms), end_ms, thinned, exclusions)
    cost, whole = found.over(start_ms, end_ms), found.over(begin_ms, end_ms)
    spent = _burn(whole, allowed)
    known = cost.known
    return SloCost(
        service=service,
        slo=slo.name,
        start=start if start_ms == to_ms(start) else from_ms(start_ms),
        end=end if end_ms == to_ms(end) else from_ms(end_ms),
        total=written(cost.total) if known and not isinstance(cost, JoinedSpan) else None,
        bad=written(cost.bad) if known and not isinstance(cost, JoinedSpan) else None,
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
    begin_ms = to_ms(period_of(slo, from_ms(end_ms)).start)
    return thinned.floor(to_ms(start)), end_ms, thinned.floor(begin_ms)


def burn_chart(
    service: str, slo: Slo, select: Select, at: datetime, points: int = 120, thinned: Thinned = WHOLE,
    exclusions: Exclusions = NONE,
) -> BurnChart:  # fmt: skip
    """How the budget of (at − window, at] was spent, at `points` (≥ 2) evenly spaced instants, both ends among them.

    Costs O(samples + points). An instant is unknown when nothing was known since the one
    before (the first: until the one after). Where samples are `thinned`, instants lie at the borders of steps.
    """
    if points < 2:
        raise UsageError("a chart needs at least two points")
    allowed = _allowed(slo)
    at_ms, window_ms = to_ms(at), to_ms(at) - to_ms(period_of(slo, at).start)
    instants = [thinned.floor(at_ms - window_ms + window_ms * i // (points - 1)) for i in range(points)]
    instants = list(dict.fromkeys(instants)) if thinned.steps else instants
    if len(instants) < 2:  # a window within one step: nothing is known of it
        instants = [at_ms - window_ms, at_ms]
        select = _nothing
    found = account(service, slo, select, instants[0], instants[-1], thinned, exclusions)
    buckets = found.between(instants)
    whole = found.over(instants[0], instants[-1])
    stretch = outlook(service, slo, period_of(slo, at), whole, exclusions).stretch
    remaining: list[Decimal | None] = [Decimal(1) if buckets[0].known else None]
    sums = accumulate(buckets, add)
    for bucket, until in zip(buckets, sums, strict=True):
        so_far = _consumed_by(until, whole, allowed) if bucket.known else None
        remaining.append(None if so_far is None else ratio(1 - so_far * stretch))
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


def _burn(span: AnySpan, allowed: Fraction) -> Fraction | None:
    """How many times faster than allowed: 0 while idle, None while unknown (or bad events without any event)."""
    if span.idle:
        return Fraction(0)
    return None if span.share is None else span.share / allowed


def _consumed_by(part: AnySpan, whole: AnySpan, allowed: Fraction) -> Fraction | None:
    """The share of the whole window's budget that the bad events of `part` are."""
    share = part.part_of(whole)  # type: ignore[arg-type]  # both are spans of one objective
    return None if share is None else share / allowed


def _exhausts_at(period: Period, left: Fraction | None, burn: Fraction | None) -> datetime | None:
    if left is None or burn is None or left <= 0 or burn <= 0:
        return None
    try:
        found = period.at + timedelta(milliseconds=round(left * length_ms(period.length) / burn))
    except OverflowError:
        return None  # in thousands of years: not being spent
    return found if period.rolling or found < period.end else None


def _state(
    period: Period, remaining: Fraction | None, burn: Fraction | None, exhausts_at: datetime | None
) -> BudgetState:
    if remaining is None:
        return "unknown"
    if remaining <= 0:
        return "exhausted"
    soon = exhausts_at is not None and exhausts_at <= period.at + period.length
    burning = burn is not None and burn > 1 and soon
    return "at_risk" if remaining < _AT_RISK_BELOW or burning else "ok"


def _parts(slo: Slo, whole: AnySpan, allowed: Fraction) -> tuple[PartShare, ...]:
    """What each part adds to a composite's figures."""
    if not isinstance(slo.sli, CompositeSli) or not isinstance(whole, JoinedSpan):
        return ()
    counted = [weight for weight, share in zip(whole.weights, whole.shares, strict=True) if share is not None]
    every = sum(counted, Fraction(0))
    found = []
    for part, weight, share in zip(slo.sli.parts, whole.weights, whole.shares, strict=True):
        mine = Fraction(1) if slo.sli.mode != "weighted" else weight / every if share is not None else Fraction(0)
        burn = None if share is None else mine * share / allowed
        found.append(PartShare(part.service, part.slo.name, ratio(mine), _decimal(share), _decimal(burn)))
    return tuple(found)


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else ratio(value)
