"""Composites: three ways of making one promise of several, held against sums done by hand and against our PromQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.slo.minutes import minutes, promise, together

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Grid, evaluate, parse
from sereno.promql.columns import Select
from sereno.slo import Correction, Exclusions, budget, burn_chart, plan
from sereno.slo.expressions import slo_ratio
from sereno.spec.model import CompositeSli, EventsSli, LowTraffic, Part, Service, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT = START + DAY


def series(job: str) -> tuple[Labels, Labels]:
    name = {"__name__": "http_requests_total", "job": job, "instance": f"{job}:80"}
    return Labels(name, status="200"), Labels(name, status="500")


def part(job: str, weight: str = "1", **more: object) -> Part:
    total, bad = f'http_requests_total{{job="{job}"}}', f'http_requests_total{{job="{job}",status="500"}}'
    promised = promise("99%", DAY, name="availability", sli=EventsSli(total, bad, None), **more)
    return Part(job, promised, Decimal(weight))


def composite(mode: str, *parts: Part, text: str = "98%", **more: object) -> Slo:
    return promise(text, DAY, name="journey", sli=CompositeSli(mode, parts), **more)  # type: ignore[arg-type]


def day(*, web: int = 1, pay: int = 4, idle: bool = False) -> Select:
    """A day: `web` of 100 a minute fail, of payments `pay` of 50 a minute; search has nothing to do if `idle`."""
    return together(
        minutes(START, 1440, lambda _: web, lambda _: 100, series=series("web")),
        minutes(START, 1440, lambda _: pay, lambda _: 50, series=series("pay")),
        minutes(START, 1440, lambda _: 0, lambda _: 0 if idle else 1, series=series("search")),
    )


def exactly(value: Decimal | None, expected: Fraction) -> None:
    assert value is not None
    assert abs(Fraction(value) - expected) <= Fraction(1, 10**24)


class TestWeighted:
    def test_shares_count_by_weight_and_not_by_traffic(self) -> None:
        """(2 × 1 % + 1 × 8 %) ÷ 3 = 10/3 %, against 2 %: 5/3 of the budget."""
        promised = composite("weighted", part("web", "2"), part("pay"))
        found = budget("shop", promised, day(), AT)
        exactly(found.consumed, Fraction(5, 3))
        exactly(found.remaining, Fraction(-2, 3))
        exactly(found.sli, 1 - Fraction(10, 300))
        exactly(found.burn_rate, Fraction(5, 3))
        assert (found.total, found.bad, found.counts, found.state) == (None, None, "parts", "exhausted")
        web, pay = found.parts
        exactly(web.weight, Fraction(2, 3))
        exactly(web.burn, Fraction(1, 3))  # 2/3 × 1 % ÷ 2 %
        exactly(pay.burn, Fraction(4, 3))  # 1/3 × 8 % ÷ 2 %
        assert (web.service, web.slo, web.bad) == ("web", "availability", Decimal("0.01"))

    def test_a_part_without_events_takes_no_part(self) -> None:
        promised = composite("weighted", part("web", "2"), part("search", "97"), part("pay"))
        found = budget("shop", promised, day(idle=True), AT)
        exactly(found.consumed, Fraction(5, 3))
        assert [one.weight > 0 for one in found.parts] == [True, False, True]

    def test_a_part_that_nobody_watched_is_what_unknown_says(self) -> None:
        """Weights 2, 1 and 1: without the third 10/3 %; as all bad (2 + 8 + 100) ÷ 4 = 27.5 %; as good 2.5 %."""
        parts = (part("web", "2"), part("pay"), part("gone"))
        for unknown, share in {"ignore": "10/300", "bad": "11/40", "good": "1/40"}.items():
            found = budget("shop", composite("weighted", *parts, unknown=unknown), day(), AT)
            exactly(found.consumed, Fraction(share) * 50)
            assert found.coverage == 0  # of one of them nothing is known


class TestProduct:
    def test_a_journey_succeeds_where_every_part_does(self) -> None:
        """1 − 0.99 × 0.92 = 8.92 %, against 2 %: 4.46 budgets."""
        found = budget("shop", composite("product", part("web"), part("pay")), day(), AT)
        exactly(found.consumed, Fraction("4.46"))
        exactly(found.sli, Fraction("0.9108"))


class TestAll:
    SELECT = staticmethod(
        together(
            minutes(START, 1440, lambda i: 50 if 100 <= i < 110 else 0, series=series("web")),
            minutes(START, 1440, lambda i: 50 if 105 <= i < 120 else 0, series=series("pay")),
        )
    )

    def test_a_slice_is_bad_if_any_part_is(self) -> None:
        """Ten minutes and fifteen, five of them the same: 20 bad ones of 1,440, of which 28.8 may be."""
        promised = composite("all", part("web"), part("pay"), slice_target=Decimal("0.9"))
        found = budget("shop", promised, self.SELECT, AT)
        assert (found.total, found.bad, found.counts) == (1440, 20, "slices")
        exactly(found.consumed, Fraction(20) / Fraction("28.8"))
        assert found.time_budget == timedelta(minutes=28.8)

    def test_each_part_is_judged_by_its_own_slice_target_first(self) -> None:
        lenient = part("pay", method="timeslices", slice_target=Decimal("0.4"))
        found = budget("shop", composite("all", part("web"), lenient, slice_target=Decimal("0.9")), self.SELECT, AT)
        assert found.bad == 10

    def test_without_any_slice_target_a_part_is_judged_by_its_objective(self) -> None:
        select = together(
            minutes(START, 1440, lambda i: 1 if i < 7 else 2 if i < 10 else 0, series=series("web")),
            minutes(START, 1440, lambda _: 0, series=series("pay")),
        )
        assert budget("shop", composite("all", part("web"), part("pay")), select, AT).bad == 3

    def test_what_is_left_out_of_a_part_counts_for_the_others(self) -> None:
        promised = composite("all", part("web"), part("pay"), slice_target=Decimal("0.9"))
        web_out = Correction(
            "co_1", "web", None, START + timedelta(minutes=100), START + timedelta(minutes=110), "x", "ana", AT
        )
        found = budget("shop", promised, self.SELECT, AT, exclusions=Exclusions((), (web_out,)))
        assert (found.total, found.bad) == (1440, 15)
        whole_out = replace(web_out, service="shop", slo="journey")
        found = budget("shop", promised, self.SELECT, AT, exclusions=Exclusions((), (whole_out,)))
        assert (found.total, found.bad) == (1430, 10)


@pytest.mark.parametrize("mode", ["weighted", "product", "all"])
def test_the_chart_ends_where_the_budget_is(mode: str) -> None:
    promised = composite(mode, part("web", "2"), part("pay"), slice_target=Decimal("0.5") if mode == "all" else None)
    chart, found = burn_chart("shop", promised, day(), AT), budget("shop", promised, day(), AT)
    assert (chart.remaining[0], chart.remaining[-1]) == (1, found.remaining)
    known = [value for value in chart.remaining if value is not None]
    assert known == sorted(known, reverse=True)


class TestInPromql:
    """The burn that alerts see is the burn that budgets see."""

    def ratio(self, promised: Slo, select: Select, window: timedelta = HOUR) -> float | None:
        parse(slo_ratio(promised, window))
        # At 15 s a minute's rate needs four scrapes; these are a minute apart.
        text = slo_ratio(promised, window, scrape=timedelta(seconds=30))
        found = evaluate(text, Grid.at(to_ms(AT)), select).instant()
        assert len(found) <= 1
        return found[0][1] if found else None

    @pytest.mark.parametrize("mode", ["weighted", "product", "all"])
    def test_of_events(self, mode: str) -> None:
        parts = (part("web", "2"), part("pay"))
        promised = composite(mode, *parts, slice_target=Decimal("0.95") if mode == "all" else None)
        found = budget("shop", promised, day(), AT)
        assert found.burn_rate is not None
        ratio = self.ratio(promised, day())
        assert ratio is not None
        assert ratio / 0.02 == pytest.approx(float(found.burn_rate), rel=1e-9)

    @pytest.mark.parametrize(("mode", "share"), [("weighted", 10 / 300), ("product", 0.0892), ("all", 1)])
    def test_an_idle_part_takes_no_part(self, mode: str, share: float) -> None:
        parts = (part("web", "2"), part("search", "9"), part("pay"))
        promised = composite(mode, *parts, slice_target=Decimal("0.95") if mode == "all" else None)
        assert self.ratio(promised, day(idle=True)) == pytest.approx(share)

    @pytest.mark.parametrize("mode", ["weighted", "product", "all"])
    def test_of_parts_of_which_nothing_is_known_nothing_is_said(self, mode: str) -> None:
        promised = composite(mode, part("gone"), part("away"), slice_target=Decimal("0.95") if mode == "all" else None)
        assert self.ratio(promised, day()) is None

    def test_a_parts_own_guard_is_kept(self) -> None:
        """With 3,000 payments an hour a guard of 5,000 leaves the composite to the other part: 1 %."""
        guarded = part("pay", low_traffic=LowTraffic(events_min=Decimal(5000)))
        assert self.ratio(composite("weighted", part("web", "2"), guarded), day()) == pytest.approx(0.01)


@pytest.mark.parametrize("mode", ["weighted", "product", "all"])
def test_a_composite_has_burn_alerts_of_its_own_in_words(mode: str) -> None:
    promised = replace(composite(mode, part("web", "2"), part("pay"), text="99.9%"), window=timedelta(days=30))
    seconds = timedelta(seconds=15)
    for language in ("en", "es"):
        found = plan(
            Service("shop", "t"), promised, scrape_interval=seconds, evaluation_interval=seconds, language=language
        )  # type: ignore[arg-type]
        assert [rule.name for rule in found.rules] == [f"ShopJourneyBurn{w}" for w in ("1h", "6h", "1d")]
        for rule in found.rules:
            parse(rule.expr)
            assert "{" not in rule.annotations["description"]
