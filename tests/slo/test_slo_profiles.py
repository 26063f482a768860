"""Six days that budgets get wrong elsewhere, counted event by event and compared without tolerance."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import ceil

import pytest
from tests.slo.fleet import BAD, GOOD, MINUTE, NOON, TOTAL, Process, Scraper, Witness, every, promise

from sereno.slo import budget
from sereno.spec.model import EventsSli

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Profile:
    """Events a minute and the share of bad ones, by minute of the story; minutes at which the process restarts."""

    events: Callable[[int], int]
    bad: Callable[[int], float]
    restarts: tuple[int, ...] = ()


PROFILES = {
    "uniform": Profile(lambda _: 60, lambda _: 0.01),
    "day and night 1000:1": Profile(lambda m: 1000 if m % 1440 < 720 else 1, lambda m: 0.01 if m % 1440 < 720 else 0.5),
    "six idle hours": Profile(lambda m: 0 if 600 <= m < 960 else 40, lambda _: 0.02),
    "three restarts": Profile(lambda _: 60, lambda _: 0.01, (100, 700, 1300)),
    "no bad event ever": Profile(lambda _: 60, lambda _: 0.0),
    "two hours of total outage": Profile(lambda _: 60, lambda m: 1.0 if 800 <= m < 920 else 0.0),
}


@cache
def live(name: str, seed: int = 7) -> tuple[Scraper, Witness, datetime]:
    """A day and a bit of two processes, scraped every minute."""
    profile = PROFILES[name]
    dice = random.Random(seed)
    processes = [Process("a:80"), Process("b:80")]
    scraper, witness = Scraper(), Witness()
    for process in processes:
        process.answer("200")  # what was before anyone looked is nobody's business
        scraper.scrape(process, NOON)
    for minute, at in enumerate(every(MINUTE, NOON, NOON + DAY + 30 * MINUTE)):
        for process in processes:
            if minute in profile.restarts:
                process.restart()
            for _ in range(ceil(profile.events(minute) / 2)):
                bad = dice.random() < profile.bad(minute)
                process.answer("500" if bad else "200")
                witness.saw(at + timedelta(seconds=dice.uniform(1, 59)), bad=bad)
            scraper.scrape(process, at + MINUTE)
    return scraper, witness, NOON + DAY + 30 * MINUTE


@pytest.mark.parametrize("counts", [EventsSli(TOTAL, BAD, None), EventsSli(TOTAL, None, GOOD)], ids=["bad", "good"])
@pytest.mark.parametrize("name", PROFILES)
def test_the_budget_is_what_the_witness_saw(name: str, counts: EventsSli) -> None:
    scraper, witness, end = live(name)
    slo = promise("99%", DAY, counts)
    for at in (end, end - 17 * MINUTE):
        found = budget("shop", slo, scraper.select, at)
        total, bad = witness.count(at - DAY, at)
        assert (found.total, found.bad) == (total, bad)
        assert found.consumed is not None
        assert abs(Fraction(found.consumed) - Fraction(bad, total) * 100) < Fraction(1, 10**24)
        assert found.remaining == 1 - found.consumed
        assert found.coverage == 1


def test_a_quiet_night_of_errors_weighs_what_its_events_weigh() -> None:
    """12 h of 1,000 requests a minute with 1 % errors, 12 h of 2 a minute with 50 %: 1.10 %, not 25 %."""
    process, scraper = Process("a:80"), Scraper()
    process.answer("200")
    process.answer("500")
    scraper.scrape(process, NOON)
    ratios = []
    for minute, at in enumerate(every(MINUTE, NOON + MINUTE, NOON + DAY)):
        good, bad = (990, 10) if minute < 720 else (1, 1)
        process.answer("200", good)
        process.answer("500", bad)
        ratios.append(Decimal(bad) / (good + bad))
        scraper.scrape(process, at)
    found = budget("shop", promise("99%", DAY), scraper.select, NOON + DAY)
    assert (found.total, found.bad) == (721_440, 7_920)
    assert found.sli is not None
    assert round((1 - found.sli) * 100, 2) == Decimal("1.10")
    assert sum(ratios) / len(ratios) > Decimal("0.25")  # what an average of ratios would have said


def test_events_between_the_last_scrape_and_a_restart_are_lost_and_nothing_else_is() -> None:
    process, scraper = Process("a:80"), Scraper()
    process.answer("200", 5)
    scraper.scrape(process, NOON)
    process.answer("200", 100)
    scraper.scrape(process, NOON + MINUTE)
    process.answer("200", 7)  # nobody will ever know
    process.restart()
    process.answer("200", 20)
    scraper.scrape(process, NOON + 2 * MINUTE)
    found = budget("shop", promise(window=timedelta(minutes=2)), scraper.select, NOON + 2 * MINUTE)
    assert found.total == 120
