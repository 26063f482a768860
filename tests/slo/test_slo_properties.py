"""What must hold of every budget, whatever the counters did."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.slo.fleet import GOOD, MINUTE, NOON, TOTAL, Scraper, promise

from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE
from sereno.slo import Budget, budget, burn_chart, impact
from sereno.spec.model import EventsSli

STEPS = 40


def value_of(kind: int, before: float, more: float) -> float | None:
    """The next value of a counter: mostly more; now and then a restart, a missed scrape, a marker, nonsense."""
    if kind == 0:
        return more  # perhaps lower than before: a restart
    if kind == 1:
        return None
    if kind == 2:
        return STALE
    if kind == 3:
        return float("nan")
    return before + more


@st.composite
def scrapers(draw: st.DrawFn) -> Scraper:
    """Up to three targets with up to three series each, a scrape a minute up to NOON, some missing."""
    scraper = Scraper()
    sizes = st.integers(0, 50).map(float) | st.floats(0, 1e6, allow_subnormal=False)
    for instance in "abc"[: draw(st.integers(1, 3))]:
        for status in draw(st.lists(st.sampled_from(["200", "500", "503"]), unique=True, max_size=3)):
            labels = Labels(__name__="http_requests_total", job="shop", instance=instance, status=status)
            value = draw(sizes)
            for minute in range(draw(st.integers(0, STEPS)), STEPS + 1):
                read = value_of(draw(st.integers(0, 40)), value, draw(sizes))
                if read is not None:
                    scraper.keep(labels, NOON - (STEPS - minute) * MINUTE, read)
                value = read if read is not None and read >= 0 else value
    return scraper


def figures(found: Budget) -> list[Decimal]:
    every = (found.total, found.bad, found.sli, found.consumed, found.remaining, found.burn_rate, found.coverage)
    return [figure for figure in every if figure is not None]


@settings(max_examples=60, deadline=None)
@given(scrapers(), st.sampled_from(["50%", "99%", "99.99%"]), st.integers(1, STEPS + 10))
def test_every_figure_is_a_number_and_they_agree(scraper: Scraper, text: str, minutes: int) -> None:
    slo = promise(text, minutes * MINUTE)
    found = budget("shop", slo, scraper.select, NOON)
    assert all(figure.is_finite() for figure in figures(found))
    assert 0 <= found.coverage <= 1
    assert (found.state == "unknown") == (found.consumed is None)
    if found.consumed is None or found.remaining is None:
        return
    assert found.remaining == 1 - found.consumed  # below zero when it must be
    assert (found.state == "exhausted") == (found.remaining <= 0)
    if found.total and found.sli is not None and found.bad is not None:
        assert 0 <= found.bad <= found.total
        spent = Fraction(found.bad) / Fraction(found.total) / Fraction(slo.objective.budget)
        assert abs(Fraction(found.consumed) - spent) <= Fraction(1, 10**24)


@settings(max_examples=60, deadline=None)
@given(scrapers(), st.integers(1, 14), st.integers(1, 14))
def test_windows_side_by_side_add_up(scraper: Scraper, before: int, after: int) -> None:
    """(a, b] and (b, c] together hold the events of (a, c], whatever happens at b."""
    slo = promise("99%", STEPS * MINUTE)
    a, b, c = NOON - (before + after) * MINUTE, NOON - after * MINUTE, NOON

    def count(start, end):  # type: ignore[no-untyped-def]
        cost = impact("shop", slo, until_noon(scraper), start, end)
        return Fraction(cost.total or 0), Fraction(cost.bad or 0)

    for one, two, both in zip(count(a, b), count(b, c), count(a, c), strict=True):
        assert one + two == both


def until_noon(scraper: Scraper):  # type: ignore[no-untyped-def]
    """All samples whatever is asked: the same knowledge for every window."""
    everything = (int((NOON - timedelta(days=1)).timestamp() * 1000), int(NOON.timestamp() * 1000))

    def select(selection):  # type: ignore[no-untyped-def]
        return scraper.select(type(selection)(selection.matchers, *everything))

    return select


@settings(max_examples=40, deadline=None)
@given(scrapers(), st.integers(2, 50))
def test_the_chart_ends_where_the_budget_stands(scraper: Scraper, points: int) -> None:
    slo = promise("99%", 30 * MINUTE)
    chart = burn_chart("shop", slo, scraper.select, NOON, points)
    found = budget("shop", slo, scraper.select, NOON)
    assert len(chart.times) == len(chart.remaining) == len(chart.burn) == points
    assert (chart.times[0], chart.times[-1]) == (NOON - slo.window, NOON)
    if chart.remaining[-1] is not None:
        assert chart.remaining[-1] == found.remaining
    known = [value for value in chart.remaining if value is not None]
    assert known == sorted(known, reverse=True)  # what is spent stays spent
    assert all(value.is_finite() for value in (*known, *(b for b in chart.burn if b is not None)))


@settings(max_examples=40, deadline=None)
@given(scrapers())
def test_good_and_bad_are_two_sides(scraper: Scraper) -> None:

    one = budget("shop", promise(window=20 * MINUTE), scraper.select, NOON)
    other = budget("shop", promise(window=20 * MINUTE, sli=EventsSli(TOTAL, None, GOOD)), scraper.select, NOON)
    assert one == other
