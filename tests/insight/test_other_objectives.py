"""Backtests of objectives whose budgets they cannot derive yet: rules are replayed, and it is said what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.slo.minutes import MINUTE, minutes, promise
from tests.slo.test_slo_slices import START

from sereno.insight.backtest import judge
from sereno.insight.cases import cases_of
from sereno.insight.model import Question
from sereno.kernel.moment import to_ms
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    Escalation,
    LowTraffic,
    Maintenance,
    Part,
    QuerySli,
    Saturation,
    Service,
    Slo,
    Spec,
    Team,
    Threshold,
)  # fmt: skip

DAY = timedelta(days=1)
SLICED = {"method": "timeslices", "slice_target": Decimal("0.9")}
PLAIN = promise("99%", DAY)
ALL = 'sum(rate(http_requests_total{job="shop"}[$window]))'
BAD = 'sum(rate(http_requests_total{job="shop",status=~"5.."}[$window]))'


def spec(*slos: Slo) -> Spec:
    service = Service("shop", "t", slos=tuple(replace(slo, name=f"slo{i}") for i, slo in enumerate(slos)))
    return Spec(services={"shop": service}, teams={"t": Team("t", "e")}, escalations={"e": Escalation("e", None, ())})


@pytest.mark.parametrize(
    ("slo", "why"),
    [
        (promise("99%", DAY, **SLICED), "slices of time"),
        (promise("99%", DAY, calendar=Calendar("day", "America/Lima")), "calendar"),
        (promise("99%", DAY, sli=QuerySli(ALL, bad=BAD)), "not two counters"),
        (promise("99%", DAY, sli=CompositeSli("product", (Part("shop", PLAIN), Part("web", PLAIN)))), "not two counters"),
        (promise("99%", DAY, low_traffic=LowTraffic(events_min=Decimal(10))), "wait for traffic"),
    ],
)  # fmt: skip
def test_its_rules_fire_and_what_is_not_known_is_said(slo: Slo, why: str) -> None:
    select = minutes(START - DAY, 2 * 1440, lambda i: 60 if 2000 <= i < 2060 else 0)
    declared = spec(slo)
    (case,) = cases_of(declared, interval=MINUTE)
    assert case.plans == ()
    question = Question(spec=declared, start_ms=to_ms(START), end_ms=to_ms(START + DAY), interval=MINUTE)  # type: ignore[call-arg]
    found = judge(case, question, select)
    assert [one for one in found.unknown if one.what == "shop/slo0" and why in one.why]
    assert found.fired
    assert all(to_ms(START) <= one.fired_ms < to_ms(START + DAY) for one in found.fired)


def test_beside_it_a_plain_one_is_judged_as_ever() -> None:
    declared = spec(PLAIN, promise("99%", DAY, **SLICED), promise("99%", DAY, alerting=False))
    (case,) = cases_of(declared, interval=MINUTE)
    assert [plan.slo.name for plan in case.plans] == ["slo0", "slo2"]
    assert [plan.slo.name for plan, _ in case.beyond] == ["slo1"]


def question(declared: Spec) -> Question:
    return Question(spec=declared, start_ms=to_ms(START), end_ms=to_ms(START + DAY), interval=MINUTE)  # type: ignore[call-arg]


def test_one_that_only_counts_is_counted_beside_others() -> None:
    declared = spec(PLAIN, promise("99%", DAY, alerting=False))
    (case,) = cases_of(declared, interval=MINUTE)
    found = judge(case, question(declared), minutes(START - DAY, 2 * 1440, lambda i: 60 if 2000 <= i < 2060 else 0))
    assert [one.slo for one in found.promises] == ["slo0", "slo1"]
    assert found.fired


def test_how_full_things_were_is_replayed_too() -> None:
    full = Saturation("pool", 'http_requests_total{status="500"} / 100', (Threshold(Decimal("0.5"), MINUTE, "SEV2"),))
    declared = spec(PLAIN)
    service = replace(declared.services["shop"], saturation=(full,))
    declared = replace(declared, services={"shop": service})
    (case,) = cases_of(declared, interval=MINUTE)
    found = judge(case, question(declared), minutes(START - DAY, 2 * 1440, lambda i: 60 if 2000 <= i < 2060 else 0))
    assert {rule.name for group in case.groups for rule in group.rules} > {"ShopPoolSaturation50"}
    assert "ShopPoolSaturation50" in {one.alert for one in found.fired}


@pytest.mark.parametrize(("what", "said"), [("exclude", 1), ("good", 1), ("count", 0)])
def test_planned_work_that_the_figures_hold_is_named(what: str, said: int) -> None:
    work = Maintenance("night", "", (), datetime(2026, 3, 2, 2), timedelta(hours=2))
    declared = replace(spec(promise("99%", DAY, maintenance=what)), maintenances={"night": work})
    (case,) = cases_of(declared, interval=MINUTE)
    found = judge(case, question(declared), minutes(START - DAY, 2 * 1440, lambda _: 0))
    planned = [one for one in found.unknown if "planned maintenance" in one.why]
    assert len(planned) == said
    assert all((one.start_ms, one.end_ms) == (to_ms(START) + 7_200_000, to_ms(START) + 14_400_000) for one in planned)
