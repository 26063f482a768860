"""Quiet services: what one failure alone would do, and the three ways of not being woken by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.slo.minutes import minutes, promise

from sereno.kernel.moment import to_ms
from sereno.promql import Grid, Settings, evaluate
from sereno.promql.columns import Select
from sereno.slo import plan
from sereno.slo.traffic import events_least, too_quiet
from sereno.spec.model import LowTraffic, Service, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
AT = START + 6 * HOUR
# One request a minute, and one that fails.
ONE = minutes(START, 360, lambda i: 1 if i == 358 else 0, lambda _: 1)


def fires(promised: Slo, select: Select, tier: int = 0, at: datetime = AT) -> bool:
    seconds = timedelta(seconds=15)
    rule = plan(Service("shop", "t"), promised, scrape_interval=seconds, evaluation_interval=seconds).rules[tier]
    return bool(evaluate(rule.expr, Grid.at(to_ms(at)), select, settings=Settings.of(3)).instant())


def monthly(**low: object) -> Slo:
    return promise("99.9%", timedelta(days=30), low_traffic=LowTraffic(**low) if low else None)  # type: ignore[arg-type]


def test_one_failure_alone_pages_a_quiet_service_unless_it_is_guarded() -> None:
    assert fires(monthly(), ONE)
    assert not fires(monthly(events_min=Decimal(100)), ONE)
    assert not fires(monthly(failures_min=Decimal(2)), ONE)


def test_guards_let_a_real_outage_through() -> None:
    outage = minutes(START, 360, lambda i: 60 if i >= 330 else 0, lambda _: 60)
    for low in ({"events_min": Decimal(100)}, {"failures_min": Decimal(5)}, {"budget_fraction": True}):
        assert fires(monthly(**low), outage)


def test_a_share_of_the_period_is_the_usual_burn_at_uniform_traffic() -> None:
    """14.4 × 0.1 % = 1.44 % of all events, over an hour: 1.4 % does not fire and 1.5 % does, either way."""
    month, at = 43_200, START + timedelta(days=30)
    for share, fired in ((14, False), (15, True)):
        select = minutes(START, month, lambda i, share=share: share if i >= month - 60 else 0, lambda _: 1000)
        for low in ({}, {"budget_fraction": True}):
            assert fires(monthly(**low), select, at=at) is fired


@pytest.mark.parametrize(
    ("tier", "events"), [(0, "69.44"), (1, "166.67"), (2, "333.33")]
)  # 1 ÷ (14.4 × 0.001), 1 ÷ (6 × 0.001), 1 ÷ (3 × 0.001)
def test_below_so_many_events_a_single_failure_exceeds_the_threshold(tier: int, events: str) -> None:
    seconds = timedelta(seconds=15)
    found = plan(Service("shop", "t"), monthly(), scrape_interval=seconds, evaluation_interval=seconds)
    assert round(events_least(found.slo, found.tiers[tier]), 2) == Decimal(events)


def test_it_is_said_of_the_tiers_for_which_it_is_true() -> None:
    seconds = timedelta(seconds=15)
    found = plan(Service("shop", "t"), monthly(), scrape_interval=seconds, evaluation_interval=seconds)
    quiet = too_quiet(found, Decimal(60), "en")  # an hour
    assert [one.split(":")[0] for one in quiet] == ["1 h"]
    assert quiet[0] == (
        "1 h: with 60 events in it one failure alone is 1.66%, more than the 1.44% at which it fires; below 70 events"
        " it would page for one"
    )
    assert too_quiet(found, Decimal(10_000), "en") == ()
    assert too_quiet(found, Decimal(0), "en") == ()  # nothing happens there: nothing can fail
    guarded = plan(Service("shop", "t"), monthly(failures_min=Decimal(2)), scrape_interval=seconds,
                   evaluation_interval=seconds)  # fmt: skip
    assert too_quiet(guarded, Decimal(60), "en") == ()
