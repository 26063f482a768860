"""What history says of an objective: how well each day went, what could be promised, and when traffic is too thin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from sereno.insight.budgets import window_ms
from sereno.insight.counts import Counts
from sereno.insight.model import Candidate, Day, LowTraffic, Suggestion
from sereno.kernel.moment import from_ms, to_ms
from sereno.slo import SloPlan
from sereno.slo.exact import ratio, terminating
from sereno.slo.spans import Span
from sereno.spec.model import Slo

LADDER = tuple(
    Decimal(text)
    for text in ("0.9", "0.95", "0.98", "0.99", "0.995", "0.998", "0.999", "0.9995", "0.9998", "0.9999", "0.99999")
)
DAY_MS = 86_400_000
COVERED = Fraction(9, 10)
"""A day of which less is known is no witness."""
DAYS_LEAST, DAYS_MOST = 7, 28
"""How many known days it takes to suggest an objective: its window, within these bounds."""
HOUR_MS = 3_600_000


def days_of(counts: Counts, start_ms: int, end_ms: int, zone: str) -> tuple[Day, ...]:
    """The calendar days of `zone` that lie wholly in [start, end], each exactly."""
    bounds = midnights(start_ms, end_ms, zone)
    found = []
    for begin, end in pairwise(bounds):
        span = counts.over(begin, end)
        date = from_ms(begin).astimezone(ZoneInfo(zone)).date().isoformat()
        found.append(Day(date, terminating(span.total), terminating(span.bad), _sli(span), ratio(span.coverage)))
    return tuple(found)


def midnights(start_ms: int, end_ms: int, zone: str) -> list[int]:
    """The first instants of the days of `zone` from `start_ms` to `end_ms`."""
    there = ZoneInfo(zone)
    day = from_ms(start_ms).astimezone(there).date()
    found: list[int] = []
    while True:
        at = to_ms(datetime(day.year, day.month, day.day, tzinfo=there))
        if at > end_ms:
            return found
        if at >= start_ms:
            found.append(at)
        day += timedelta(days=1)


def suggest(slo: Slo, counts: Counts, days: Sequence[Day], start_ms: int, end_ms: int) -> Suggestion:
    """What could have been promised over the time asked about; refuses when too few days are known.

    Windows are judged at each midnight that has a whole window (at least nine tenths of it known) behind it, and at
    the end; where no window is whole, the known time itself stands for one.
    """
    known = [day for day in days if day.sli is not None and Fraction(day.coverage) >= COVERED]
    needed = min(max(slo.window.days, DAYS_LEAST), DAYS_MOST)
    spans = _windows(slo, counts, start_ms, end_ms)
    if len(known) < needed:
        return Suggestion(len(known), 0, None, len(spans), None, (), timedelta(days=needed - len(known)))
    kept_days = max(1, len(known) - max(1, len(known) // 30))
    best = sorted((Fraction(day.sli) for day in known if day.sli is not None), reverse=True)[kept_days - 1]
    candidates = tuple(_candidate(target, known, spans) for target in sorted({*LADDER, slo.objective.ratio}))
    good = [one.objective for one in candidates if not one.windows_broken and one.objective in LADDER]
    return Suggestion(
        days=len(known),
        kept_days=sum(Fraction(day.sli or 0) >= floor(best) for day in known),
        kept=floor(best),
        windows=len(spans),
        objective=max(good, default=None),
        candidates=candidates,
    )


def floor(share: Fraction) -> Decimal:
    """`share` in hundredths of a per cent, rounded down, with more digits where it is nearer to 1 than that."""
    places = 4
    while places < 12 and share < 1 and 1 - share < Fraction(1, 10 ** (places - 1)):
        places += 1
    scaled = Decimal(share.numerator * 10**places // share.denominator)
    return scaled.scaleb(-places).quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR)


def _windows(slo: Slo, counts: Counts, start_ms: int, end_ms: int) -> list[Span]:
    length = window_ms(slo)
    ends = [end_ms - back for back in range(0, max(end_ms - start_ms, 1), DAY_MS)]
    spans = [counts.over(end - length, end) for end in ends]
    whole = [span for span in spans if span.coverage >= COVERED and span.total]
    if whole:
        return whole
    rest = counts.over(int(counts.instants_ms[0]), end_ms)
    return [rest] if rest.total else []


def _candidate(target: Decimal, known: Sequence[Day], spans: Sequence[Span]) -> Candidate:
    allowed = 1 - Fraction(target)
    consumed = [(span.share or Fraction(0)) / allowed for span in spans]
    return Candidate(
        objective=target,
        days_kept=sum(day.sli is not None and Fraction(day.sli) >= Fraction(target) for day in known),
        windows_broken=sum(one > 1 for one in consumed),
        worst_consumed=ratio(max(consumed)) if consumed else None,
    )


def low_traffic(plan: SloPlan, counts: Counts, start_ms: int, end_ms: int, zone: str) -> tuple[LowTraffic, ...]:
    """The tiers that page for a single failure at some hours: there total(long) < 1/(factor·budget).

    One failure among fewer events than that exceeds the threshold in the long window, and in the short one with it.
    Idle time pages nobody: it is not counted. Nor are windows of which too little is known, as at the beginning.
    """
    first, past = counts.place(start_ms), counts.place(end_ms) + 1
    hours = _local_hours(counts.instants_ms[first:past], zone)
    found = []
    for tier, rule in zip(plan.tiers, plan.rules, strict=True):
        if tier.kind != "page":
            continue
        needed = Fraction(1) / (Fraction(tier.factor) * Fraction(plan.slo.objective.budget))
        length = tier.long // timedelta(milliseconds=1)
        back = counts.back(length)
        known = (counts.covered_ms - counts.covered_ms[back])[first:past] >= float(COVERED) * length
        total = (counts.total - counts.total[back])[first:past].astype(np.float64)
        busy = (total > 0) & known
        thin = busy & (total < float(needed))
        if thin.any():
            share = Fraction(int(thin.sum()), int(busy.sum()))
            found.append(LowTraffic(rule.name, tier.long, -(-needed.numerator // needed.denominator), ratio(share),
                                    _by_hour(thin, busy, total, hours)))  # fmt: skip
    return tuple(found)


def _by_hour(
    thin: np.ndarray, busy: np.ndarray, total: np.ndarray, hours: np.ndarray
) -> tuple[tuple[int, Decimal, int], ...]:
    rows = []
    for hour in range(24):
        here = busy & (hours == hour)
        count = int((thin & here).sum())
        if count:
            rows.append((hour, ratio(Fraction(count, int(here.sum()))), int(np.median(total[thin & here]))))
    return tuple(rows)


def _local_hours(instants_ms: np.ndarray, zone: str) -> np.ndarray:
    """The hour of the day at each instant on the wall clock of `zone`; its offset is asked once an hour."""
    there = ZoneInfo(zone)
    base = instants_ms // HOUR_MS
    offsets = {}
    for hour in np.unique(base).tolist():
        moved = from_ms(hour * HOUR_MS).astimezone(there).utcoffset() or timedelta(0)
        offsets[hour] = moved // timedelta(milliseconds=1)
    shift = np.array([offsets[hour] for hour in base.tolist()], np.int64)
    return np.asarray((instants_ms + shift) // HOUR_MS % 24)


def _sli(span: Span) -> Decimal | None:
    return None if span.share is None else ratio(1 - span.share)
