"""Alerts asked of made-up services, beside what they ought to say: each case is one that was once said wrongly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.slo.minutes import minutes, of_columns, promise, together

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Grid, evaluate
from sereno.promql.columns import Select
from sereno.slo import Correction, Exclusions, budget, plan
from sereno.slo.expressions import bad_rate, slice_badness
from sereno.slo.periods import period_of
from sereno.spec.model import CompositeSli, EventsSli, LatencySli, Maintenance, Part, QuerySli, Service, Sli, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY, QUARTER = timedelta(hours=1), timedelta(days=1), timedelta(seconds=15)
AT = START + timedelta(hours=2)


def series(job: str) -> tuple[Labels, Labels]:
    name = {"__name__": "http_requests_total", "job": job, "instance": f"{job}:80"}
    return Labels(name, status="200"), Labels(name, status="500")


def part(job: str) -> Part:
    total, bad = f'http_requests_total{{job="{job}"}}', f'http_requests_total{{job="{job}",status="500"}}'
    return Part(job, promise("99%", 30 * DAY, sli=EventsSli(total, bad, None)), Decimal(1))


def fires(slo: Slo, select: Select) -> list[bool]:
    """Whether each alert of `slo` would be pending at AT, the fastest first."""
    rules = plan(Service("shop", "t"), slo, scrape_interval=QUARTER, evaluation_interval=QUARTER).rules
    return [bool(evaluate(rule.expr, Grid.at(to_ms(AT)), select).instant()) for rule in rules]


def joined(mode: str, web: Decimal, pay: Decimal) -> Decimal:
    if mode == "weighted":
        return (web + pay) / 2
    return 1 - (1 - web) * (1 - pay) if mode == "product" else Decimal(web > Decimal("0.01") or pay > Decimal("0.01"))


class TestComposites:
    @pytest.mark.parametrize("mode", ["weighted", "product", "all"])
    def test_an_alert_is_about_the_whole_and_not_about_its_first_part(self, mode: str) -> None:
        """Whatever of a hundred a minute fails in one part or the other, for two hours: above 14.4 % in all, and only
        then, the fastest alert of 99 % over 30 days is there; above 6 % the next one."""
        slo = promise(
            "99%",
            30 * DAY,
            name="journey",
            sli=CompositeSli(mode, (part("web"), part("pay"))),  # type: ignore[arg-type]
        )
        for web, pay in product((0, 8, 14, 20, 40), repeat=2):
            select = together(
                minutes(START, 120, lambda _, n=web: n, series=series("web")),  # type: ignore[misc]
                minutes(START, 120, lambda _, n=pay: n, series=series("pay")),  # type: ignore[misc]
            )
            share = joined(mode, Decimal(web) / 100, Decimal(pay) / 100)
            assert fires(slo, select)[:2] == [share > Decimal("0.144"), share > Decimal("0.06")], (web, pay)


class TestUnknownSlices:
    """What nobody can tell is no good slice: neither in PromQL nor in a budget."""

    TIMES = to_ms(START) + 60_000 * np.arange(121)

    def select(self, **series: object) -> Select:
        rows = [(Labels(__name__=name, job="shop", instance="a:80"), self.TIMES, values) for name, values in
                series.items()]  # fmt: skip
        return of_columns(rows)

    def said(self, sli: Sli, select: Select) -> tuple[list[float], str, list[float]]:
        slo = promise("99%", DAY, sli=sli, method="timeslices", slice_length=timedelta(minutes=5))
        asked = [slice_badness(slo), bad_rate(sli, "5m")]  # type: ignore[arg-type]
        slice_, bad = ([v for _, v in evaluate(one, Grid.at(to_ms(AT)), select).instant()] for one in asked)
        return slice_, budget("shop", slo, select, AT).state, bad

    def test_a_boundary_that_the_histogram_has_not(self) -> None:
        sli = LatencySli("lat", 'lat_bucket{le="0.3"}', "lat_count", Decimal("0.3"))
        assert self.said(sli, self.select(lat_count=100.0 * np.arange(121))) == ([], "unknown", [])

    @pytest.mark.parametrize("side", ["bad", "good"])
    def test_a_query_that_is_no_number(self, side: str) -> None:
        sli = QuerySli("sum(rate(t[$window]))", **{side: "sum(rate(t[$window])) * (sum(z) / sum(z))"})
        select = self.select(t=100.0 * np.arange(121), z=np.zeros(121))
        assert self.said(sli, select) == ([], "unknown", [])
        assert self.said(sli, self.select(t=100.0 * np.arange(121), z=np.ones(121)))[0] == [float(side == "bad")]

    def test_a_total_that_is_no_number(self) -> None:
        sli = QuerySli("sum(rate(t[$window])) / sum(z)", bad="0 * sum(rate(t[$window]))")
        assert self.said(sli, self.select(t=100.0 * np.arange(121), z=np.zeros(121)))[:2] == ([], "unknown")

    def test_idle_is_good_all_the_same(self) -> None:
        idle = np.zeros(121)
        for sli in (
            QuerySli("sum(rate(t[$window]))", bad="sum(rate(b[$window]))"),
            LatencySli("t", "b", "t", Decimal(1)),
        ):
            assert self.said(sli, self.select(t=idle, b=idle))[:2] == ([0.0], "ok")


def test_a_window_is_time_that_passes_whatever_the_clocks_do() -> None:
    """Santiago turned its clocks back in the night to 5 April 2026: two days before noon of the 6th are 48 hours."""
    at = datetime(2026, 4, 6, 12, tzinfo=ZoneInfo("America/Santiago"))
    found = period_of(promise("99%", 2 * DAY), at)
    assert found.length == 2 * DAY
    assert found.start == datetime(2026, 4, 4, 16, tzinfo=UTC)


class TestCompositesLeaveOut:
    """What is left out of a composite itself is left out, though its parts count it."""

    @pytest.mark.parametrize("mode", ["weighted", "product", "all"])
    @pytest.mark.parametrize("how", ["correction", "planned", "good"])
    def test_an_hour_of_the_whole(self, mode: str, how: str) -> None:
        select = together(
            minutes(START, 120, lambda i: 50 if i < 60 else 0, series=series("web")),
            minutes(START, 120, lambda _: 0, series=series("pay")),
        )
        slo = promise(
            "99%", 2 * HOUR, name="journey", sli=CompositeSli(mode, (part("web"), part("pay"))),  # type: ignore[arg-type]
            maintenance="good" if how == "good" else "exclude",
        )  # fmt: skip
        end = START + HOUR + timedelta(minutes=1)
        left = (
            Exclusions(corrections=(Correction("c", "shop", "journey", START, end, "r", "a", AT),))
            if how == "correction"
            else Exclusions((Maintenance("m", "", ("shop",), START.replace(tzinfo=None), end - START),))
        )
        assert budget("shop", slo, select, AT).consumed
        assert budget("shop", slo, select, AT, exclusions=left).consumed == 0
        other = Exclusions((Maintenance("m", "", ("other",), START.replace(tzinfo=None), end - START),))
        assert budget("shop", slo, select, AT, exclusions=other).consumed
