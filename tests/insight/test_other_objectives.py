"""Backtests of objectives whose budgets they cannot derive yet: rules are replayed, and it is said what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.slo.minutes import MINUTE, minutes, promise
from tests.slo.test_slo_slices import START

from sereno.insight.backtest import judge
from sereno.insight.cases import cases_of
from sereno.insight.model import Question
from sereno.kernel.moment import to_ms
from sereno.spec.model import Calendar, CompositeSli, Escalation, LowTraffic, Part, QuerySli, Service, Slo, Spec, Team

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
