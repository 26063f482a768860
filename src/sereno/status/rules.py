"""Which state a component is in, and how it has been: pure and exact.

availability = 1 − Σ w(s)·t(s) / (T − unknown − maintenance), with the weights below; what no interval covers is
unknown. Times are whole microseconds and ratios are Fractions, so that splitting a span and adding its parts up
gives the span itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from sereno.kernel.moment import to_us
from sereno.kernel.severity import ComponentState
from sereno.spec.model import Spec, StatusPage
from sereno.status.model import STATES, Board, ComponentBoard, Day, Interval, PublicIncident, Uptime

Key = tuple[str, str]
"""A component: the name of its status page, and its own."""

WEIGHTS: Mapping[ComponentState, Fraction] = {
    "major_outage": Fraction(1),
    "partial_outage": Fraction(3, 10),
    "degraded": Fraction(0),
}
_TENTHS: Mapping[ComponentState, int] = {state: int(weight * 10) for state, weight in WEIGHTS.items()}
_NONE, _ALL = Fraction(0), Fraction(1)
COVERAGE_MIN = Fraction(1, 2)
DAYS = 90
GENERATED = "generated"


def worst(states: Iterable[ComponentState]) -> ComponentState:
    """The worst of `states`, operational if there are none. Unknown is worse than fine and better than trouble."""
    return max(states, key=STATES.index, default="operational")


def wanted_states(
    spec: Spec, open_incidents: Iterable[tuple[str, str]], unknown_services: Collection[str]
) -> dict[Key, ComponentState]:
    """How every public component should be shown.

    `open_incidents` are pairs of service and severity; `unknown_services` those that nobody can say how they are. A
    component is as bad as the worst of its services.
    """
    hurt: dict[str, list[ComponentState]] = {}
    for service, severity in open_incidents:
        found = spec.severities.find(severity)
        # A severity that has left the spec: something is wrong, and nobody says how bad.
        hurt.setdefault(service, []).append(found.status if found else "degraded")
    for service in unknown_services:
        hurt.setdefault(service, []).append("unknown")
    return {
        (page.name, component.name): worst(state for name in component.services for state in hurt.get(name, ()))
        for page in spec.status_pages.values()
        for component in page.components
    }


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the local `day`, in UTC.

    Where clocks jump over midnight it is the jump; where midnight comes twice it is the first one.
    """
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def first_day(now: datetime, zone: str, count: int = DAYS) -> datetime:
    """The beginning of the first of the `count` local days that end with the one of `now`, in UTC."""
    there = ZoneInfo(zone)
    return midnight(now.astimezone(there).date() - timedelta(days=count - 1), there)


def uptime(intervals: Iterable[Interval], start: datetime, end: datetime) -> Uptime:
    """Exact availability and coverage of [start, end); intervals without an end last until `end`.

    Intervals of one component, not overlapping. An empty span has no availability and no coverage.
    """
    (tally,) = _tallies(intervals, [to_us(start), max(to_us(end), to_us(start))])
    return _judge(tally, max(to_us(end) - to_us(start), 0))


def days(intervals: Iterable[Interval], zone: str, now: datetime, count: int = DAYS) -> tuple[Day, ...]:
    """The last `count` local days of `zone`, oldest first; the last one lasts until `now`.

    A day has its true length: 23 or 25 hours where clocks change. Costs O(days + intervals).
    """
    dates, starts = _calendar(zone, now.astimezone(ZoneInfo(zone)).date(), count)
    bounds = [*starts, to_us(now)]
    tallies = _tallies(intervals, bounds)
    return tuple(_day(day, tallies[i], bounds[i + 1] - bounds[i]) for i, day in enumerate(dates))


@lru_cache(maxsize=16)
def _calendar(zone: str, today: date, count: int) -> tuple[tuple[date, ...], tuple[int, ...]]:
    there = ZoneInfo(zone)
    dates = tuple(today - timedelta(days=back) for back in range(count - 1, -1, -1))
    return dates, tuple(to_us(midnight(day, there)) for day in dates)


def known_since(intervals: Iterable[Interval]) -> datetime | None:
    """When something was first known; None if nothing ever was."""
    return min((i.started_at for i in intervals if i.state != "unknown"), default=None)


def floor_ratio(ratio: Fraction, decimals: int = 2) -> Decimal:
    """`ratio` as an exact Decimal that reads as a percentage of `decimals` digits, rounded down.

    1 comes out only if `ratio` is 1: 100 % is never shown for a component that was down at all.
    """
    places = decimals + 2
    return Decimal(ratio.numerator * 10**places // ratio.denominator).scaleb(-places)


def shown(found: Uptime | Day) -> Fraction | None:
    """The availability to show: None when less than half of the time is known."""
    return found.availability if found.coverage >= COVERAGE_MIN else None


def board(page: StatusPage, intervals: Iterable[Interval], incidents: Sequence[PublicIncident], now: datetime) -> Board:
    """Everything that `page` shows at `now`, from the intervals of its last 90 local days."""
    of: dict[str, list[Interval]] = {component.name: [] for component in page.components}
    for interval in intervals:
        if interval.component in of:
            of[interval.component].append(interval)
    names = set(of)
    return Board(
        page=page,
        at=now,
        components=tuple(_component(page, c.name, c.description, of[c.name], now) for c in page.components),
        incidents=tuple(
            sorted(
                (i for i in incidents if names & set(i.components)),
                key=lambda i: (i.resolved_at is None, i.opened_at),
                reverse=True,
            )
        ),
    )


def _component(
    page: StatusPage, name: str, description: str, intervals: Sequence[Interval], now: datetime
) -> ComponentBoard:
    start = first_day(now, page.zone)
    born = known_since(intervals)
    current = next((i for i in reversed(intervals) if i.ended_at is None), None)
    return ComponentBoard(
        name=name,
        description=description,
        state=current.state if current else "unknown",
        since=current.started_at if current else None,
        known_since=born if born is None or born > start else None,
        uptime=uptime(intervals, max(start, born) if born else start, now),
        days=days(intervals, page.zone, now),
        generated=any(i.cause == GENERATED for i in intervals),
    )


def _tallies(intervals: Iterable[Interval], bounds: Sequence[int]) -> list[dict[ComponentState, int]]:
    """Microseconds in each state, for each span between two neighbours of `bounds`."""
    tallies: list[dict[ComponentState, int]] = [{} for _ in bounds[1:]]
    for interval in intervals:
        start = max(to_us(interval.started_at), bounds[0])
        end = bounds[-1] if interval.ended_at is None else min(to_us(interval.ended_at), bounds[-1])
        at = bisect_right(bounds, start) - 1
        while start < end:
            until = min(end, bounds[at + 1])
            tallies[at][interval.state] = tallies[at].get(interval.state, 0) + until - start
            start, at = until, at + 1
    return tallies


def _judge(tally: Mapping[ComponentState, int], total_us: int) -> Uptime:
    known_us = sum(us for state, us in tally.items() if state != "unknown")
    judged_us = known_us - tally.get("maintenance", 0)
    # Whole numbers in tenths as long as possible: a page judges 1,800 days, most of them without a fault.
    down = sum(_TENTHS.get(state, 0) * us for state, us in tally.items())
    judged = _share(10 * judged_us - down, 10 * judged_us) if judged_us else None
    return Uptime(judged, _share(known_us, total_us), Fraction(down, 10_000_000) if down else _NONE)


def _share(part: int, whole: int) -> Fraction:
    if part == 0:
        return _NONE
    return _ALL if part == whole else Fraction(part, whole)


def _day(day: date, tally: Mapping[ComponentState, int], total_us: int) -> Day:
    judged = _judge(tally, total_us)
    seen = worst(state for state in tally if state != "unknown")
    state: ComponentState = seen if seen in WEIGHTS or judged.coverage >= COVERAGE_MIN else "unknown"
    return Day(day, state, judged.availability, judged.coverage)
