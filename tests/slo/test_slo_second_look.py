"""Alerts asked of made-up services, beside what they ought to say: each case is one that was once said wrongly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from tests.slo.minutes import minutes, promise, together

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Grid, evaluate
from sereno.promql.columns import Select
from sereno.slo import plan
from sereno.spec.model import CompositeSli, EventsSli, Part, Service, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, QUARTER = timedelta(days=1), timedelta(seconds=15)
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
