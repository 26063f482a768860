"""Budgets a second way: half-minute by half-minute, in plain loops, whatever the counters, the calendar and people did.

The reference here shares nothing with the house but the samples: it walks ticks of 30 s, puts each increase into the
tick in which it was seen, strikes out what is left out, and adds up.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.slo.minutes import of_columns, promise

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.slo import Correction, Exclusions, budget
from sereno.spec.model import Calendar, EventsSli, Maintenance, Slo

TICK = 30_000
TOTAL, BAD = 'http_requests_total{job="shop"}', 'http_requests_total{job="shop",status="500"}'
GOOD = 'http_requests_total{job="shop",status!="500"}'
ZONES = ("UTC", "America/Lima", "America/Santiago", "America/New_York", "Asia/Kolkata")
NEAR = (  # changes of clocks, ends of months, of quarters, of a leap February, of a year
    datetime(2026, 4, 5, 4, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC), datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2024, 3, 1, 5, tzinfo=UTC), datetime(2026, 7, 1, 5, tzinfo=UTC),
    datetime(2027, 1, 1, 5, tzinfo=UTC), datetime(2026, 3, 11, 12, tzinfo=UTC),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What was scraped: series by instance and status, each with samples (ms, value)."""

    series: dict[tuple[str, str], list[tuple[int, float]]]

    def select(self):  # type: ignore[no-untyped-def]
        return of_columns([
            (Labels(__name__="http_requests_total", job="shop", instance=i, status=s),
             np.array([t for t, _ in rows], np.int64), np.array([v for _, v in rows], np.float64))
            for (i, s), rows in self.series.items() if rows
        ])  # fmt: skip


@dataclass
class Ticks:
    """All events, bad events and whether it was watched, by the end of each tick."""

    total: dict[int, Fraction]
    bad: dict[int, Fraction]
    seen: set[int]
    scrapes: list[list[int]]


def ticks(world: World, since: int, end: int) -> Ticks:
    """The reference's reading of the samples in [since, end]."""
    found = Ticks({}, {}, set(), [])
    kept = {key: [(t, v) for t, v in rows if since <= t <= end and v >= 0] for key, rows in world.series.items()}
    for instance in sorted({i for i, _ in kept}):
        mine = {s: rows for (i, s), rows in kept.items() if i == instance and rows}
        if not mine:
            continue
        first = min(rows[0][0] for rows in mine.values())
        longest = max(mine.values(), key=len)
        grace = median([b - a for (a, _), (b, _) in zip(longest, longest[1:])] or [0]) / 2  # noqa: RUF007,B905
        for status, rows in mine.items():
            before = None
            for at, value in rows:
                more = Fraction(value) if before is not None and value < before else (
                    Fraction(value - before) if before is not None
                    else Fraction(value) if rows[0][0] - first > grace else Fraction(0))  # fmt: skip
                before = value
                for side in (found.total, found.bad)[: 2 if status == "500" else 1]:
                    side[at] = side.get(at, Fraction(0)) + more
        times = sorted({t for rows in mine.values() for t, _ in rows})
        found.scrapes.append(times)
        apart = median([b - a for a, b in zip(times, times[1:])] or [0])  # noqa: RUF007,B905
        spans = [(a, b) for a, b in zip(times, times[1:]) if b - a <= 2 * apart]  # noqa: RUF007,B905
        if end - times[-1] <= 2 * apart:
            spans.append((times[-1], end))
        for a, b in spans:
            found.seen |= set(range(a + TICK, b + 1, TICK))
    return found


def settled(world: World, since: int, end: int, at: int) -> int:
    """The first instant by which every series was seen again."""
    latest = at
    for rows in world.series.values():
        times = [t for t, v in rows if since <= t <= end and v >= 0]
        after = bisect_right(times, at - 1)
        if 0 < after < len(times):
            apart = median([b - a for a, b in zip(times, times[1:])])  # noqa: RUF007,B905
            if times[after] - times[after - 1] <= 2 * apart:
                latest = max(latest, times[after])
    return latest


def local_day(day: date, zone: str) -> datetime:
    """The first instant of a local date, found by walking through UTC."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += timedelta(minutes=15)
    return at


def period(at: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    """The days of the calendar's unit that hold the instant just before `at`."""
    day = (at - timedelta(microseconds=1)).astimezone(ZoneInfo(calendar.zone)).date()
    one = timedelta(days=1)

    def key(d: date) -> tuple[int, ...]:
        return {"day": (d.toordinal(),), "week": d.isocalendar()[:2], "month": (d.year, d.month),
                "quarter": (d.year, (d.month + 2) // 3), "year": (d.year,)}[calendar.unit]  # fmt: skip

    first = last = day
    while key(first - one) == key(day):
        first -= one
    while key(last + one) == key(day):
        last += one
    return local_day(first, calendar.zone), local_day(last + one, calendar.zone)


@st.composite
def worlds(draw: st.DrawFn, around: int) -> World:
    """Two processes, three hours around an instant, a scrape a minute; gaps, restarts, births, idle and absent."""
    rows: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for instance in draw(st.sampled_from(["a", "ab"])):
        shift = draw(st.sampled_from([0, TICK]))
        gap = draw(st.sampled_from([(0, 0), (40, 44), (60, 100), (170, 190)]))
        for status in draw(st.sampled_from([("200", "500"), ("200",), ("500",), ("200", "500")])):
            kind = draw(st.sampled_from(["steady", "idle", "burst", "reset", "born"]))
            value, restart = draw(st.integers(0, 1000)), draw(st.integers(5, 175))
            mine = rows.setdefault((instance, status), [])
            for minute in range(181):
                if kind == "born" and minute < restart:
                    value = 0
                    continue
                if kind == "reset" and minute == restart:
                    value = 0
                value += 0 if kind == "idle" else (minute % 7) * (30 if kind == "burst" and minute > 120 else 1)
                if not gap[0] <= minute < gap[1]:
                    mine.append((around - (150 - minute) * 60_000 + shift, float(value)))
    return World(rows)


@st.composite
def left_out(draw: st.DrawFn, around: int) -> list[tuple[int, int]]:
    pairs = draw(st.lists(st.tuples(st.integers(-320, 100), st.integers(1, 90)), max_size=3))
    return [(around + a * TICK, around + (a + n) * TICK) for a, n in pairs]


@st.composite
def cases(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    near = draw(st.sampled_from(NEAR))
    at = near + draw(st.integers(-60, 60)) * timedelta(milliseconds=TICK)
    ms = to_ms(at)
    calendar = draw(st.none() | st.builds(Calendar, st.sampled_from(["day", "week", "month", "quarter"]),
                                          st.sampled_from(ZONES)))  # fmt: skip
    method = draw(st.sampled_from(["occurrences", "timeslices", "ratio_timeslices"]))
    slo = promise(
        draw(st.sampled_from(["50%", "99%", "99.999%", "99.123456789%"])),
        draw(st.sampled_from([timedelta(minutes=n) for n in (1, 7, 61, 90, 150)])) if calendar is None else
        timedelta(days=30),
        sli=draw(st.sampled_from([EventsSli(TOTAL, BAD, None), EventsSli(TOTAL, None, GOOD)])),
        method=method, calendar=calendar, slice_target=draw(st.sampled_from([None, Decimal("0.5"), Decimal("0.857")])),
        slice_length=timedelta(seconds=draw(st.sampled_from([60, 90, 300]))),
        unknown=draw(st.sampled_from(["ignore", "bad", "good"])) if method != "occurrences" else "ignore",
        maintenance=draw(st.sampled_from(["exclude", "good", "count"])),
    )  # fmt: skip
    return at, slo, draw(worlds(ms)), draw(left_out(ms)), draw(left_out(ms))


def union_ticks(pairs: list[tuple[int, int]]) -> set[int]:
    return {t for a, b in pairs for t in range(a + TICK, b + 1, TICK)}


def expected(at: int, start: int, end: int, slo: Slo, world: World, planned: list[tuple[int, int]],
             corrected: list[tuple[int, int]]) -> tuple[Fraction, Fraction, int, int]:  # fmt: skip
    """All, bad, watched ticks and ticks that count, in (start, at]; `end` is when the period is over."""
    since = min(start, at - burn_ms(slo, at))
    out = corrected + (planned if slo.maintenance == "exclude" else [])
    good = planned if slo.maintenance == "good" else []
    if slo.method == "occurrences":
        seen = ticks(world, since - 300_000, at)

        def wide(pairs: list[tuple[int, int]]) -> set[int]:
            inside = [(max(a, since), min(b, at)) for a, b in pairs]
            merged = [(a, b) for a, b in _merged(inside) if b > a]
            return union_ticks([(a, settled(world, since - 300_000, at, b)) for a, b in merged])

        gone, fine = wide(out), wide(good)
        kept = [t for t in range(start + TICK, at + 1, TICK) if t not in gone]
        total = sum((seen.total.get(t, Fraction(0)) for t in kept), Fraction(0))
        bad = sum((seen.bad.get(t, Fraction(0)) for t in kept if t not in fine), Fraction(0))
        return total, bad, sum(t in seen.seen for t in kept), len(kept)
    length = slo.slice_length // timedelta(milliseconds=1)
    seen = ticks(world, since // length * length - 300_000, at)
    gone, fine = union_ticks(out), union_ticks(good)
    total = bad = Fraction(0)
    watched = counted = 0
    for begin in range(start // length * length, at // length * length, length):
        mine = range(begin + TICK, begin + length + 1, TICK)
        if gone & set(mine):
            continue
        counted += len(mine)
        n = sum((seen.total.get(t, Fraction(0)) for t in mine), Fraction(0))
        b = sum((seen.bad.get(t, Fraction(0)) for t in mine), Fraction(0))
        here = sum(t in seen.seen for t in mine)
        if fine & set(mine):
            total, watched = total + 1, watched + len(mine)
            continue
        watched += here
        if n or here:
            share = b / n if n else Fraction(0)
            target = Fraction(slo.slice_target if slo.slice_target is not None else slo.objective.ratio)
            total += 1
            bad += share if slo.method == "ratio_timeslices" else int(share > 1 - target)
        elif slo.unknown != "ignore":
            total, bad = total + 1, bad + (slo.unknown == "bad")
    return total, bad, watched, counted


def burn_ms(slo: Slo, at: int) -> int:
    steps = [m * 60_000 for m in (5, 10, 15, 30, 60)]
    window = slo.window // timedelta(milliseconds=1)
    return max((s for s in steps if s < window), default=window)


def _merged(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for a, b in sorted(pairs):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


def exclusions(planned: list[tuple[int, int]], corrected: list[tuple[int, int]]) -> Exclusions:
    def at(ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC)

    return Exclusions(
        tuple(Maintenance(f"m{i}", "", (), at(a).replace(tzinfo=None), at(b) - at(a)) for i, (a, b) in
              enumerate(planned)),
        tuple(Correction(f"c{i}", "shop", None, at(a), at(b), "r", "a", at(b)) for i, (a, b) in enumerate(corrected)),
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(cases())
def test_a_budget_is_what_plain_loops_make_of_it(case) -> None:  # type: ignore[no-untyped-def]
    at, slo, world, planned, corrected = case
    start, end = (at - slo.window, at) if slo.calendar is None else period(at, slo.calendar)
    found = budget("shop", slo, world.select(), at, exclusions=exclusions(planned, corrected))
    assert (found.starts_at, found.ends_at) == (start, end)
    total, bad, watched, counted = expected(to_ms(at), to_ms(start), to_ms(end), slo, world, planned, corrected)
    if not watched and not total:
        assert (found.state, found.consumed, found.total) == ("unknown", None, None)
        return
    assert (Fraction(found.total), abs(Fraction(found.bad) - bad) < Fraction(1, 10**20)) == (total, True)  # type: ignore[arg-type]
    assert abs(Fraction(found.coverage) - (Fraction(watched, counted) if counted else 0)) < Fraction(1, 10**20)
    if total and slo.calendar is None:
        assert found.consumed is not None
        assert abs(Fraction(found.consumed) - bad / total / Fraction(slo.objective.budget)) < Fraction(1, 10**12)
