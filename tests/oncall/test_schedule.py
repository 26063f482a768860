"""Hand-overs are moments on a wall clock: checked against a clock that is watched minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.oncall.hours import next_working_moment
from sereno.oncall.schedule import handover, on_call, resolve, shifts
from sereno.spec.model import Schedule

ZONES = (
    "America/Lima", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Madrid",
    "Asia/Kathmandu", "Africa/Casablanca", "America/St_Johns", "Pacific/Chatham", "Asia/Tehran", "UTC",
)  # fmt: skip
ROLES = ("primary", "secondary", "backup")
MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)


def a_schedule(zone: str, start: date, at: time, people: tuple[str, ...] = ("ana", "bo", "carla", "juan")) -> Schedule:
    return Schedule("rota", zone, people, ROLES, start, at)


def watched(schedule: Schedule, start: datetime, minutes: int) -> list[int]:
    """The turn at each minute from `start` on, by watching the wall clock: a hand-over is done when the clock first
    shows its time, or first shows a later one."""
    zone = ZoneInfo(schedule.zone)
    latest = (start - timedelta(days=3)).astimezone(zone).replace(tzinfo=None)
    for step in range(3 * 24 * 60):  # the clock may have been further ahead before
        latest = max(latest, (start - timedelta(days=3) + step * MINUTE).astimezone(zone).replace(tzinfo=None))
    origin = datetime.combine(schedule.start, schedule.handover)
    turns = []
    for step in range(minutes):
        latest = max(latest, (start + step * MINUTE).astimezone(zone).replace(tzinfo=None))
        turns.append((latest - origin) // WEEK)
    return turns


@st.composite
def clock_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and an instant, often near one at which its clocks change."""
    zone = draw(st.sampled_from(ZONES))
    start = datetime(draw(st.sampled_from((2011, 2024, 2026, 2027))), 1, 1, tzinfo=UTC)
    days = draw(st.integers(0, 364))
    offsets = [(start + timedelta(days=d)).astimezone(ZoneInfo(zone)).utcoffset() for d in range(366)]
    changes = [d for d in range(365) if offsets[d] != offsets[d + 1]]
    if changes and draw(st.booleans()):
        days = draw(st.sampled_from(changes))
    return zone, start + timedelta(days=days, minutes=draw(st.integers(0, 24 * 60)))


@settings(max_examples=60, deadline=None)
@given(clock_changes(), st.times(), st.integers(-120, 120), st.integers(0, 6))
def test_turns_are_those_that_a_watched_clock_shows(
    where: tuple[str, datetime], at: time, weeks: int, weekday: int
) -> None:
    zone, instant = where
    at = at.replace(second=0, microsecond=0, fold=0)
    near = instant.astimezone(ZoneInfo(zone)).date()
    schedule = a_schedule(zone, near + timedelta(weeks=weeks, days=weekday - 3), at)
    begins = instant - timedelta(hours=12)
    for step, turn in enumerate(watched(schedule, begins, 24 * 60)):
        if step % 7 == 0 or step > 24 * 60 - 3:
            moment = begins + step * MINUTE
            assert on_call(schedule, moment) == {
                role: schedule.people[(turn + place) % 4] for place, role in enumerate(ROLES)
            }


@settings(max_examples=60, deadline=None)
@given(clock_changes(), st.times(), st.integers(1, 60))
def test_shifts_leave_no_hole_and_no_double_cover(where: tuple[str, datetime], at: time, days: int) -> None:
    zone, instant = where
    schedule = a_schedule(zone, date(2026, 3, 2), at.replace(microsecond=0, fold=0))
    end = instant + timedelta(days=days)
    found = shifts(schedule, instant, end)
    for role in ROLES:
        own = [shift for shift in found if shift.role == role]
        assert own[0].starts_at <= instant < own[0].ends_at
        assert own[-1].starts_at < end <= own[-1].ends_at
        assert all(a.ends_at == b.starts_at for a, b in pairwise(own))
        assert all(on_call(schedule, shift.starts_at)[role] == shift.person for shift in own)
        assert all(on_call(schedule, shift.ends_at - timedelta(microseconds=1))[role] == shift.person for shift in own)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), st.integers(-200, 200))
def test_roles_are_held_by_different_people_and_each_moves_up(zone: str, week: int) -> None:
    schedule = a_schedule(zone, date(2026, 3, 2), time(9))
    now, later = (on_call(schedule, handover(schedule, week + step)) for step in (0, 1))
    assert len(set(now.values())) == 3
    assert (later["primary"], later["secondary"]) == (now["secondary"], now["backup"])


def test_a_year_in_new_york_has_one_short_week_and_one_long() -> None:
    schedule = a_schedule("America/New_York", date(2026, 1, 5), time(9))
    weeks = [handover(schedule, n + 1) - handover(schedule, n) for n in range(52)]
    assert sorted({w // timedelta(hours=1) for w in weeks}) == [167, 168, 169]
    assert len([w for w in weeks if w != WEEK]) == 2


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("America/Lima", "2026-11-23T09:00", "2026-11-23T14:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00"),  # skipped: the first instant after
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),  # twice: the first
        ("America/Santiago", "2026-09-06T00:00", "2026-09-06T04:00"),  # a midnight that does not exist
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),  # half an hour is skipped
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),  # half an hour happens twice
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),  # a day that does not exist
    ],
)  # fmt: skip
def test_wall_clocks(zone: str, local: str, instant: str) -> None:
    assert resolve(datetime.fromisoformat(local), ZoneInfo(zone)) == datetime.fromisoformat(instant + "+00:00")


def test_before_the_start_the_ring_runs_backwards() -> None:
    schedule = a_schedule("UTC", date(2026, 3, 2), time(9))
    before = datetime(2026, 3, 2, 8, 59, tzinfo=UTC)
    assert on_call(schedule, before) == {"primary": "juan", "secondary": "ana", "backup": "bo"}
    assert on_call(schedule, before + MINUTE)["primary"] == "ana"


def test_small_rings() -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert on_call(a_schedule("UTC", date(2026, 3, 2), time(9), ()), at) == {}
    assert on_call(a_schedule("UTC", date(2026, 3, 2), time(9), ("ana",)), at) == dict.fromkeys(ROLES, "ana")
    assert shifts(a_schedule("UTC", date(2026, 3, 2), time(9), ()), at, at + WEEK) == ()


@pytest.mark.parametrize(
    ("at", "zone", "next_moment"),
    [
        ("2026-03-02T12:00", "UTC", "2026-03-02T12:00"),  # Monday noon
        ("2026-03-02T08:59", "UTC", "2026-03-02T09:00"),
        ("2026-03-02T09:00", "UTC", "2026-03-02T09:00"),
        ("2026-03-02T18:00", "UTC", "2026-03-03T09:00"),
        ("2026-03-06T18:00", "UTC", "2026-03-09T09:00"),  # Friday evening
        ("2026-03-07T10:00", "America/Lima", "2026-03-09T14:00"),
        ("2026-03-06T22:59", "America/Lima", "2026-03-06T22:59"),  # 17:59 in Lima
        ("2026-03-06T23:00", "America/Lima", "2026-03-09T14:00"),
        ("2011-12-30T04:00", "Pacific/Apia", "2012-01-01T19:00"),  # Thursday evening; there was no Friday
    ],
)  # fmt: skip
def test_working_hours(at: str, zone: str, next_moment: str) -> None:
    found = next_working_moment(datetime.fromisoformat(at + "+00:00"), zone)
    assert found == datetime.fromisoformat(next_moment + "+00:00")


@settings(max_examples=200, deadline=None)
@given(clock_changes())
def test_the_next_working_moment_is_one_and_is_the_first(where: tuple[str, datetime]) -> None:
    zone, instant = where
    found = next_working_moment(instant, zone)
    assert found >= instant
    assert next_working_moment(found, zone) == found
    assert found == instant or next_working_moment(found - MINUTE, zone) == found
