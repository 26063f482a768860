"""What is wrong with objectives although every word of them is understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.slo.minutes import promise

from sereno.slo.checks import check
from sereno.spec.codes import CODES
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    DeclaredTier,
    GaugeSli,
    LowTraffic,
    Maintenance,
    Part,
    QuerySli,
    ScrapeJob,
    Service,
    Slo,
    Source,
    Spec,
)

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MONTH = 30 * DAY
HERE = Source("reliability/api.yaml", 7, 5)
RATIO = QuerySli(ratio="a / b")
QUERY = QuerySli("a", bad="b")
UP = GaugeSli("up", "==", Decimal(1))
SLICED = {"method": "timeslices", "slice_target": Decimal("0.9")}


def found(slo: Slo, *, every: timedelta = timedelta(seconds=15)) -> list[tuple[str, str]]:
    service = Service("api", "t", slos=(replace(slo, source=HERE),), scrape=(ScrapeJob("api", (), every, every),))
    told = check(Spec(services={"api": service}))
    for one in told:
        assert (one.place, CODES[one.code].level) == ("reliability/api.yaml:7:5", one.level)
        assert one.message.startswith("api/availability: ")
        assert one.hint
    return [(one.code, one.message) for one in told]


@pytest.mark.parametrize(
    "slo",
    [
        promise("99.9%", MONTH),
        promise("99.9%", MONTH, unknown="bad", **SLICED),
        promise("99.9%", MONTH, sli=RATIO, method="ratio_timeslices", slice_length=5 * MINUTE),
        promise("99.9%", MONTH, low_traffic=LowTraffic(Decimal(5), Decimal(2), True)),
        promise("99.9%", MONTH, low_traffic=LowTraffic(Decimal(5)), **SLICED),
        promise("99.9%", MONTH, sli=UP, unknown="bad"),
        promise("99.9%", MONTH, sli=QUERY, slice_length=MINUTE, **SLICED),
        promise("10%", timedelta(minutes=5), alerting=False),
        promise("99.9%", 365 * DAY, calendar=Calendar("year"), **SLICED),
    ],
)
def test_nothing_is_said_of_what_is_right(slo: Slo) -> None:
    assert found(slo) == []


@pytest.mark.parametrize(
    ("slo", "code", "said"),
    [
        (promise("99.9%", MONTH, unknown="bad"), "SER180", "have no number"),
        (promise("99.9%", MONTH, unknown="good", sli=QUERY), "SER180", "unknown: good"),
        (promise("99.9%", MONTH, sli=RATIO), "SER181", "mean of every 5 minutes"),
        (promise("99.9%", MONTH, sli=UP, low_traffic=LowTraffic(Decimal(5))), "SER182", "no events"),
        (promise("99.9%", MONTH, low_traffic=LowTraffic(budget_fraction=True), **SLICED), "SER182", "budget_fraction"),
        (promise("99.9%", MONTH, sli=QUERY, slice_length=30 * timedelta(seconds=1), **SLICED), "SER183", "30s"),
        (promise("99.9%", 365 * DAY, slice_length=timedelta(seconds=10), **SLICED), "SER186", "1,000,000 slices"),
        (promise("50%", timedelta(minutes=20)), "SER184", "nobody will hear of it"),
        (
            promise("90%", MONTH, tiers=(DeclaredTier("page", timedelta(hours=1), 5 * MINUTE, Decimal(12)),)),
            "SER184", "could never fire",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_place(slo: Slo, code: str, said: str) -> None:
    ((got, message),) = found(slo)
    assert got == code
    assert said in message


def test_slices_of_a_query_are_held_against_the_scrapes_of_the_service() -> None:
    slo = promise("99.9%", MONTH, sli=QUERY, **SLICED)
    assert found(slo) == []
    ((code, message),) = found(slo, every=MINUTE)
    assert (code, "1m holds fewer than four scrapes of 1m" in message) == ("SER183", True)


def test_a_composite_may_have_unknown_parts_and_no_guard_of_its_own() -> None:
    parts = CompositeSli("weighted", (Part("a", promise("99%", MONTH)),))
    assert found(promise("99.9%", MONTH, sli=parts, unknown="bad")) == []
    ((code, _),) = found(promise("99.9%", MONTH, sli=parts, low_traffic=LowTraffic(Decimal(5))))
    assert code == "SER182"


def test_a_maintenance_that_never_comes_is_said_at_its_place() -> None:
    planned = Maintenance("m", "", (), datetime(2026, 1, 6), DAY, "UTC", "FREQ=DAILY;INTERVAL=7;BYDAY=MO", source=HERE)
    (told,) = check(Spec(maintenances={"m": planned}))
    assert (told.code, told.level, told.place) == ("SER185", "error", "reliability/api.yaml:7:5")
    assert check(Spec(maintenances={"m": replace(planned, rrule="FREQ=WEEKLY;BYDAY=TU")})) == ()
