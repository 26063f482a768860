"""Components follow incidents and data, through restarts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sereno.adapters.memory.incidents import MemoryIntervals
from sereno.spec.model import Component, Service, Spec, StatusPage
from sereno.status.rules import wanted_states
from sereno.status.service import begin, reconcile, refresh, services_of, unknown_services

T0 = datetime(2025, 11, 25, 19, 35, tzinfo=UTC)
PAGE = StatusPage(
    "public", "Tienda", (Component("Pagos", ("payments", "cards")), Component("Búsqueda", ("search",)))
)  # fmt: skip
SPEC = Spec(
    services={name: Service(name, "t") for name in ("payments", "cards", "search")}, status_pages={"public": PAGE}
)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def states(intervals: MemoryIntervals) -> dict[str, str]:
    return {key[1]: found.state for key in services_of(SPEC) if (found := intervals.current(*key))}


def test_a_component_is_as_bad_as_the_worst_of_its_services():
    def wanted(incidents, unknown=()):
        return wanted_states(SPEC, incidents, unknown)[("public", "Pagos")]

    assert wanted([]) == "operational"
    assert wanted([("cards", "SEV3")]) == "degraded"
    assert wanted([("cards", "SEV3"), ("payments", "SEV1")]) == "major_outage"
    assert wanted([("search", "SEV1")]) == "operational"
    assert wanted([], {"cards"}) == "unknown"
    assert wanted([("payments", "SEV4")], {"cards"}) == "unknown", "an incident for information hides nothing"
    assert wanted([("payments", "P2")], {"payments"}) == "partial_outage", "an incident says worse"
    assert wanted([("payments", "a severity since removed")]) == "degraded"


def test_an_outage_is_shown_and_goes_away():
    intervals = MemoryIntervals()
    begin(intervals, SPEC, at(0), None)
    assert states(intervals) == {"Pagos": "unknown", "Búsqueda": "unknown"}
    first = refresh(intervals, [], (), SPEC, at(1), "observed")
    assert [(e.component, e.before, e.after) for e in first] == [
        ("Pagos", "unknown", "operational"), ("Búsqueda", "unknown", "operational"),
    ]  # fmt: skip
    (down,) = refresh(intervals, [("payments", "SEV1")], (), SPEC, at(5), "in_1")
    assert (down.component, down.after, down.cause, down.services) == (
        "Pagos", "major_outage", "in_1", ("payments", "cards"),
    )  # fmt: skip
    assert refresh(intervals, [("payments", "SEV1")], (), SPEC, at(6), "in_1") == [], "heard twice, shown once"
    (up,) = refresh(intervals, [], (), SPEC, at(9), "in_1")
    assert up.after == "operational"
    told = [
        (i.state, i.started_at, i.ended_at)
        for i in intervals.between("public", at(0), at(99))
        if i.component == "Pagos"
    ]
    assert told == [
        ("unknown", at(0), at(1)), ("operational", at(1), at(5)), ("major_outage", at(5), at(9)),
        ("operational", at(9), None),
    ]  # fmt: skip


def test_a_short_restart_changes_nothing():
    intervals = MemoryIntervals()
    refresh(intervals, [], (), SPEC, at(0), "observed")
    assert begin(intervals, SPEC, at(60), at(60) - timedelta(seconds=30)) == []
    assert states(intervals) == {"Pagos": "operational", "Búsqueda": "operational"}
    assert unknown_services(intervals, SPEC) == frozenset()


def test_a_night_without_sereno_is_unknown_and_not_fine():
    intervals = MemoryIntervals()
    refresh(intervals, [], (), SPEC, at(0), "observed")
    events = begin(intervals, SPEC, at(600), at(60))
    assert {(e.before, e.after, e.at) for e in events} == {("operational", "unknown", at(600))}
    assert unknown_services(intervals, SPEC) == {"payments", "cards", "search"}
    refresh(intervals, [], (), SPEC, at(601), "observed")
    told = [(i.state, i.started_at) for i in intervals.between("public", at(0), at(999)) if i.component == "Pagos"]
    assert told == [("operational", at(0)), ("unknown", at(60)), ("operational", at(601))]
    assert begin(intervals, SPEC, at(602), at(601.8)) == []


def test_without_a_heartbeat_on_record_nothing_of_the_past_is_claimed():
    intervals = MemoryIntervals()
    refresh(intervals, [], (), SPEC, at(0), "observed")
    begin(intervals, SPEC, at(600), None)
    assert {i.state for i in intervals.between("public", at(0), at(999))} == {"unknown"}


def test_a_clock_that_goes_back_makes_no_interval_that_ends_before_it_begins():
    intervals = MemoryIntervals()
    refresh(intervals, [], (), SPEC, at(60), "observed")
    refresh(intervals, [("search", "SEV1")], (), SPEC, at(0), "in_1")
    refresh(intervals, [], (), SPEC, at(90), "in_1")
    for one in intervals.between("public", at(-999), at(999)):
        assert one.ended_at is None or one.started_at < one.ended_at


happenings = st.lists(
    st.tuples(
        st.integers(1, 600),
        st.lists(
            st.tuples(
                st.sampled_from(["payments", "cards", "search"]), st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"])
            ),
            max_size=3,
        ),
        st.sets(st.sampled_from(["payments", "cards", "search"])),
    ),
    max_size=15,
)  # fmt: skip


@given(happenings)
def test_whatever_happens_intervals_are_seamless_and_the_newest_is_what_is_wanted(steps):
    intervals, now = MemoryIntervals(), T0
    begin(intervals, SPEC, now, None)
    for seconds, incidents, unknown in steps:
        now += timedelta(seconds=seconds)
        wanted = wanted_states(SPEC, incidents, unknown)
        reconcile(intervals, wanted, now, {})
        assert {key: intervals.current(*key).state for key in wanted} == wanted
    for component in ("Pagos", "Búsqueda"):
        mine = [i for i in intervals.between("public", T0, now + timedelta(1)) if i.component == component]
        assert mine[0].started_at == T0
        assert mine[-1].ended_at is None
        assert all(a.ended_at == b.started_at and a.state != b.state for a, b in itertools.pairwise(mine))
