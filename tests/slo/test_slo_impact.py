"""What an incident cost, and the line that a budget draws."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.slo.fleet import MINUTE, NOON, Process, Scraper, every, promise

from sereno.kernel.errors import UsageError
from sereno.slo import budget, burn_chart, impact, impact_selections

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def outage() -> Scraper:
    """A day at 100 a minute; from 06:00 to 06:30 before the end every request fails."""
    process, scraper = Process("a:80"), Scraper()
    process.answer("500", 0)
    for at in every(MINUTE, NOON - 24 * HOUR, NOON):
        scraper.scrape(process, at)
        process.answer("500" if NOON - 6 * HOUR <= at < NOON - 5.5 * HOUR else "200", 100)
    return scraper


def test_an_outage_costs_its_events_and_its_share_of_the_whole_budget(outage: Scraper) -> None:
    cost = impact("shop", promise("99%"), outage.select, NOON - 6 * HOUR, NOON - 5 * HOUR)
    assert (cost.total, cost.bad, cost.share, cost.coverage) == (6000, 3000, Decimal("0.5"), 1)
    # The window that ends with the incident: 19 h of samples, 114,000 events of which 1,140 may fail.
    assert cost.consumed is not None
    assert round(cost.consumed, 12) == round(Decimal(3000) / 1140, 12)
    assert cost.remaining == 1 - cost.consumed
    assert (cost.start, cost.end) == (NOON - 6 * HOUR, NOON - 5 * HOUR)


def test_an_incident_longer_than_the_window_is_counted_whole(outage: Scraper) -> None:
    slo = promise("99%", HOUR)
    cost = impact("shop", slo, outage.select, NOON - 7 * HOUR, NOON)
    assert (cost.total, cost.bad) == (42_000, 3_000)
    assert cost.consumed == 3_000 / (Decimal("0.01") * 6_000)
    assert cost.remaining == 1
    assert impact_selections(slo, NOON - 7 * HOUR, NOON)[0].start_ms == ms(NOON - 7 * HOUR - 5 * MINUTE)
    assert impact_selections(slo, NOON - MINUTE, NOON)[0].start_ms == ms(NOON - HOUR - 5 * MINUTE)


def test_nobody_watched_nobody_knows(outage: Scraper) -> None:
    cost = impact("shop", promise("99%"), outage.select, NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert (cost.total, cost.bad, cost.share, cost.consumed, cost.coverage) == (None, None, None, None, 0)
    assert cost.remaining is not None  # of the window there is something to say


def test_nothing_happened_costs_nothing(outage: Scraper) -> None:
    cost = impact("shop", promise("99%"), outage.select, NOON - 2 * HOUR, NOON - HOUR)
    assert (cost.bad, cost.share, cost.consumed) == (0, 0, 0)
    assert cost.remaining is not None
    assert cost.remaining < 0


def test_an_end_before_its_start_is_refused(outage: Scraper) -> None:
    with pytest.raises(UsageError, match="before it starts"):
        impact("shop", promise("99%"), outage.select, NOON, NOON - HOUR)


def test_the_line_falls_during_the_outage_and_nowhere_else(outage: Scraper) -> None:
    slo = promise("90%")
    chart = burn_chart("shop", slo, outage.select, NOON, 25)
    assert chart.remaining[0] == 1
    assert chart.remaining[:19] == (1,) * 19
    assert chart.remaining[19:] == (budget("shop", slo, outage.select, NOON).remaining,) * 6
    assert chart.burn == (None, *[0] * 18, 5, *[0] * 5)


def test_a_gap_is_a_gap_in_the_line() -> None:
    process, scraper = Process("a:80"), Scraper()
    process.answer("500", 0)
    for at in every(MINUTE, NOON - 10 * HOUR, NOON):
        process.answer("200", 10)
        if not NOON - 6 * HOUR < at < NOON - 3 * HOUR:
            scraper.scrape(process, at)
    chart = burn_chart("shop", promise("99%", 12 * HOUR), scraper.select, NOON, 13)
    known = [value is not None for value in chart.remaining]
    # What happened in the gap is seen at its end, so the hour that ends there is known.
    assert known == [False] * 3 + [True] * 4 + [False] * 2 + [True] * 4
    assert [value is not None for value in chart.burn] == known


def test_a_line_needs_two_points(outage: Scraper) -> None:
    with pytest.raises(UsageError, match="two points"):
        burn_chart("shop", promise(), outage.select, NOON, 1)


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
