"""The same figures by another way: our PromQL over the same samples."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from tests.slo.fleet import BAD, GOOD, MINUTE, NOON, TOTAL, Process, Scraper, every, promise
from tests.slo.test_slo_budget import SLOW
from tests.slo.test_slo_profiles import PROFILES, live

from sereno.kernel.moment import to_ms
from sereno.promql import Grid, evaluate, parse
from sereno.slo import budget, plan
from sereno.slo.expressions import bad_ratio
from sereno.spec.model import EventsSli, Service

HOUR = timedelta(hours=1)
SLIS = {"bad": EventsSli(TOTAL, BAD, None), "good": EventsSli(TOTAL, None, GOOD), "latency": SLOW}


@pytest.mark.parametrize("sli", ["bad", "good"])
@pytest.mark.parametrize("name", PROFILES)
def test_the_burn_rate_is_that_of_the_rules(name: str, sli: str) -> None:
    scraper, _, end = live(name)
    slo = promise("99%", timedelta(hours=24), SLIS[sli])
    found = budget("shop", slo, scraper.select, end)
    ((_, ratio),) = evaluate(bad_ratio(slo.sli, HOUR), Grid.at(to_ms(end)), scraper.select).instant()
    assert found.burn_rate is not None
    assert ratio * 100 == pytest.approx(float(found.burn_rate), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sli", SLIS)
def test_every_rule_is_promql(sli: str) -> None:
    quarter = timedelta(seconds=15)
    for rule in plan(
        Service("shop", "t"), promise("99%", sli=SLIS[sli]), scrape_interval=quarter, evaluation_interval=quarter
    ).rules:
        parse(rule.expr)


class TestSilence:
    """What the expression answers when there is little to say."""

    def answer(self, scraper: Scraper, sli: str) -> list[float]:
        result = evaluate(bad_ratio(SLIS[sli], HOUR), Grid.at(to_ms(NOON)), scraper.select)
        return [value for _, value in result.instant()]

    def scraped(self, *, status: str | None = None, events: int = 1, boundaries: tuple[str, ...] = ()) -> Scraper:
        scraper, process = Scraper(), Process("a:80")
        for at in every(MINUTE, NOON - HOUR, NOON):
            if status:
                process.answer(status, events)
            if boundaries:
                process.take(0.7, boundaries)
            scraper.scrape(process, at)
        return scraper

    def test_no_samples_no_answer(self) -> None:
        assert [self.answer(Scraper(), sli) for sli in SLIS] == [[], [], []]

    def test_an_idle_service_has_no_ratio(self) -> None:
        scraper = self.scraped(status="200", events=0)
        assert [self.answer(scraper, sli) for sli in ("bad", "good")] == [[], []]

    def test_bad_events_never_seen_are_none(self) -> None:
        assert [self.answer(self.scraped(status="200"), sli) for sli in ("bad", "good")] == [[0], [0]]

    def test_good_events_never_seen_are_an_outage(self) -> None:
        assert [self.answer(self.scraped(status="503"), sli) for sli in ("bad", "good")] == [[1], [1]]

    def test_a_boundary_that_is_not_there_is_no_answer(self) -> None:
        assert self.answer(self.scraped(boundaries=("0.5", "2")), "latency") == []
        assert self.answer(self.scraped(boundaries=("0.5", "1")), "latency") == [0]


def test_a_total_outage_is_told_within_a_minute_at_five_seconds() -> None:
    """99.95 % over 30 days, scraped every 5 s, an hour of history: 1h × 14.4 × 0.0005 = 26 s."""
    step = timedelta(seconds=5)
    slo = promise("99.95%", timedelta(days=30))
    found = plan(Service("shop", "t"), slo, scrape_interval=step, evaluation_interval=step)
    scraper, process = Scraper(), Process("a:80")
    process.answer("500", 0)
    fault, end = NOON + HOUR, NOON + HOUR + 10 * MINUTE
    for at in every(step, NOON, end):
        scraper.scrape(process, at)
        process.answer("500" if at >= fault else "200", 50)
    grid = Grid(to_ms(NOON + MINUTE), to_ms(end), 5_000)
    result = evaluate(found.rules[0].expr, grid, scraper.select)
    fired = grid.instants_ms[np.argmax(result.present[0])]
    delay = timedelta(milliseconds=int(fired) - to_ms(fault))
    formula = found.tiers[0].detection(slo.objective.budget, slo.objective.ratio / slo.objective.ratio)
    assert formula <= delay <= formula + 2 * step
