"""What a past would have been to the people on call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sereno.insight.model import Demand, Load, Paged

SHIFT_MS = 12 * 3_600_000
HUMANE_PAGES_A_SHIFT = 2
"""Google SRE (Site Reliability Engineering, chapter 11): two events in twelve hours are what one can handle well."""


def loads_of(pages: Iterable[Paged]) -> tuple[Load, ...]:
    """The load of each person that was called, the most loaded first."""
    mine: dict[str, list[tuple[str, Demand]]] = {}
    for page in pages:
        for demand in page.demands:
            mine.setdefault(demand.person, []).append((page.id + page.service, demand))
    loads = [_load(person, calls) for person, calls in mine.items()]
    return tuple(sorted(loads, key=lambda load: (-load.pages, -load.calls, load.person)))


def heat_of(pages: Iterable[Paged]) -> tuple[tuple[int, ...], ...]:
    """How many calls fell into each hour (0–23) of each weekday (Monday first), where those called live."""
    table = [[0] * 24 for _ in range(7)]
    for page in pages:
        for demand in page.demands:
            table[demand.weekday][demand.hour] += 1
    return tuple(map(tuple, table))


def _load(person: str, calls: Sequence[tuple[str, Demand]]) -> Load:
    first: dict[str, Demand] = {}
    for page, demand in sorted(calls, key=lambda call: call[1].at_ms):
        first.setdefault(page, demand)
    weeks = Counter(demand.week for demand in first.values())
    return Load(
        person=person,
        pages=len(first),
        calls=len(calls),
        night_calls=sum(demand.night for _, demand in calls),
        weekend_calls=sum(demand.weekend for _, demand in calls),
        nights_broken=len({demand.date for _, demand in calls if demand.night}),
        busiest_shift=_most_within([demand.at_ms for demand in first.values()], SHIFT_MS),
        by_week=tuple(sorted(weeks.items())),
    )


def _most_within(instants_ms: Sequence[int], length_ms: int) -> int:
    """The most of `instants_ms` that any stretch of `length_ms` holds."""
    ordered = sorted(instants_ms)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= length_ms:
            first += 1
        most = max(most, last - first + 1)
    return most
