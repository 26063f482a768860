"""What a backtest says in sentences: true by its own definition, and as a person would say it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sereno.insight.model import Candidate, LowTraffic, Promise, Suggestion
from sereno.insight.telling import Voice, suggestion, thin

EN, ES = Voice("en", "UTC"), Voice("es", "UTC")


def promise(declared: str, broken: dict[str, int]) -> Promise:
    """An objective of `declared` over 30 days, and how many of 5 windows each candidate would have broken."""
    candidates = tuple(Candidate(Decimal(target), 29, many, Decimal(many)) for target, many in broken.items())
    held = [one.objective for one in candidates if not one.windows_broken and str(one.objective) != "0.9993"]
    found = Suggestion(29, 28, Decimal("0.99904"), 5, max(held, default=None), candidates)
    nothing = Decimal(0)
    return Promise("shop", "availability", Decimal(declared), timedelta(days=30), nothing, nothing, None, None,
                   nothing, (), found, (), ())  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "broken", "said"),
    [
        ("0.999", {"0.999": 0, "0.9995": 0, "0.9998": 2}, "so would have anything up to 99.95%"),
        ("0.999", {"0.999": 0, "0.9995": 1}, "99.9%, held over every window of 30 d; no stricter usual one"),
        # What was declared is between two usual ones, and held: nobody is told to promise less.
        ("0.9993", {"0.999": 0, "0.9993": 0, "0.9995": 1}, "99.93%, held over every window of 30 d"),
        ("0.999", {"0.995": 0, "0.999": 2}, "broken over 2 of 5 windows of 30 d; 99.5% is the strictest"),
        ("0.999", {"0.995": 1, "0.999": 2}, "no usual objective would have held over all of them"),
    ],
)
def test_what_could_have_been_promised(declared: str, broken: dict[str, int], said: str) -> None:
    kept, sentence = suggestion(promise(declared, broken), EN)
    assert kept == "shop/availability kept 99.904% or better on 28 of 29 days."
    assert said in sentence


def test_one_is_told_as_one_and_nothing_as_nothing() -> None:
    assert (
        EN.count("verdict.pages", 1, weeks="4") + EN.count("right.all", 1) == "One page in 4 weeks, about an incident."
    )
    assert ES.count("verdict.pages", 3, pages=3, weeks="4") == "3 avisos en 4 semanas"
    assert ES.count("found.none", 1, incidents=1, found=0) == "Del único incidente no se avisó a nadie."


def test_what_was_quiet_before_the_end_is_told_in_words() -> None:
    early = timedelta(minutes=-12)
    assert (EN.reset(early), ES.reset(early)) == ("12 min before the end", "12 min antes del fin")
    assert (EN.reset(-early), EN.reset(None)) == ("12 min", "—")


def test_a_little_is_not_nothing() -> None:
    low = LowTraffic("Burn", timedelta(hours=1), 100, Decimal("0.004"), ((3, Decimal("0.5"), 40),))
    assert "So it was <1% of the time with traffic: 03:00 (50%, 40 events)." in thin(low, EN)
