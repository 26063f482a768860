"""Indicators that are no pair of counters: native histograms, PromQL of one's own, values that must be good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from tests.slo.fleet import BAD, GOOD, TOTAL
from tests.slo.minutes import minutes, of_columns, promise

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Buckets, Grid, Histogram, Settings, evaluate, matches, parse
from sereno.promql.columns import Columns, Select, Selection
from sereno.slo import budget, budget_selections, burn_chart, harm, plan
from sereno.slo.expressions import bad_ratio, slo_ratio
from sereno.spec.model import EventsSli, GaugeSli, NativeLatencySli, QuerySli, Service, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIVE = 'sum(rate(http_requests_total{job="shop",status=~"5.."}[$window]))'
ALL = 'sum(rate(http_requests_total{job="shop"}[$window]))'


def value(promised: Slo, select: Select, at: datetime, window: timedelta = HOUR, dialect: int = 3) -> float | None:
    text = slo_ratio(promised, window, scrape=timedelta(seconds=30))
    found = evaluate(text, Grid.at(to_ms(at)), select, settings=Settings.of(dialect)).instant()  # type: ignore[arg-type]
    return found[0][1] if found else None


class TestNativeHistograms:
    """Requests of 0.1 s and of 3 s; the promise is 0.5 s, a bound of every exponential layout from schema 0 on."""

    SLI = NativeLatencySli('d{job="shop"}', Decimal("0.5"))

    def histogram(self, fast: int, slow: int, schema: int = 0, reset: str = "unknown") -> Histogram:
        # Schema 0: bucket i holds (2^(i-1), 2^i]; 0.1 s lies in (0.0625, 0.125], 3 s in (2, 4].
        factor = 2**schema
        index = np.array([-3 * factor, 2 * factor], np.int64)
        return Histogram(
            schema, float(fast + slow), fast * 0.1 + slow * 3.0,
            positive=Buckets(index, np.array([fast, slow], np.float64)), reset=reset,  # type: ignore[arg-type]
        )  # fmt: skip

    def select(self, rows: list[tuple[int, Histogram]], instance: str = "a:80") -> Select:
        labels = Labels(__name__="d", job="shop", instance=instance)

        def select(selection: Selection) -> Columns:
            kept = [(t, h) for t, h in rows if selection.start_ms <= t <= selection.end_ms]
            if not kept or not matches(selection.matchers, labels):
                return Columns.of([])
            times, found = np.array([t for t, _ in kept], np.int64), np.empty(len(kept), object)
            found[:] = [h for _, h in kept]
            return Columns((labels,), np.array([0, len(kept)], np.int64), times, np.zeros(len(kept)), found)

        return select

    def rows(self, counts: list[tuple[int, int]], **more: object) -> list[tuple[int, Histogram]]:
        return [
            (to_ms(START) + 60_000 * i, self.histogram(fast, slow, **more))  # type: ignore[arg-type]
            for i, (fast, slow) in enumerate(counts)
        ]

    def test_events_are_counted_exactly(self) -> None:
        select = self.select(self.rows([(10, 1), (25, 2), (80, 7)]))
        found = budget("shop", promise("90%", HOUR, sli=self.SLI), select, START + 2 * MINUTE)
        assert (found.total, found.bad) == (76, 6)

    def test_a_restart_is_a_count_that_fell(self) -> None:
        select = self.select(self.rows([(100, 0), (120, 10), (5, 1), (9, 2)]))
        found = budget("shop", promise("90%", HOUR, sli=self.SLI), select, START + 3 * MINUTE)
        assert (found.total, found.bad) == (30 + 6 + 5, 10 + 1 + 1)

    def test_a_restart_that_is_told_counts_also_where_the_count_is_higher(self) -> None:
        rows = self.rows([(10, 0), (20, 0)])
        rows.append((to_ms(START) + 120_000, self.histogram(40, 2, reset="reset")))
        found = budget("shop", promise("90%", HOUR, sli=self.SLI), self.select(rows), START + 2 * MINUTE)
        assert (found.total, found.bad) == (10 + 42, 2)

    def test_a_coarser_layout_from_one_scrape_to_the_next_changes_nothing(self) -> None:
        rows = self.rows([(10, 0), (20, 1)], schema=3)
        rows += [(t + 120_000, h) for t, h in self.rows([(30, 2), (40, 4)])]
        found = budget("shop", promise("90%", HOUR, sli=self.SLI), self.select(rows), START + 3 * MINUTE)
        assert (found.total, found.bad) == (34, 4)

    def test_an_empty_histogram_is_an_idle_service(self) -> None:
        select = self.select(self.rows([(0, 0), (0, 0), (0, 0)]))
        found = budget("shop", promise("90%", HOUR, sli=self.SLI), select, START + 2 * MINUTE)
        assert (found.state, found.total, found.sli) == ("idle", 0, None)
        assert value(promise("90%", HOUR, sli=self.SLI), select, START + 2 * MINUTE) is None  # no NaN

    def test_the_expression_agrees(self) -> None:
        counts = [(40 * i, 2 * i if i < 80 else 160 + 20 * (i - 80)) for i in range(121)]
        select = self.select(self.rows(counts))
        promised, at = promise("90%", 2 * HOUR, sli=self.SLI), START + 2 * HOUR
        found = budget("shop", promised, select, at)
        assert found.burn_rate is not None
        ratio = value(promised, select, at, dialect=2)  # whose windows hold both their ends, as here the budget's do
        assert ratio is not None
        assert ratio * 10 == pytest.approx(float(found.burn_rate), rel=1e-9)

    def test_slices_of_it(self) -> None:
        counts = [(60 * i, 0 if i < 30 else min(i - 29, 5) * 40) for i in range(61)]
        sliced = promise("90%", HOUR, sli=self.SLI, method="timeslices", slice_target=Decimal("0.95"))
        assert budget("shop", sliced, self.select(self.rows(counts)), START + HOUR).bad == 5

    def test_a_promise_within_a_bucket_is_interpolated_as_prometheus_does(self) -> None:
        promised = promise("90%", HOUR, sli=NativeLatencySli('d{job="shop"}', Decimal("0.1")))
        select = self.select(self.rows([(0, 0), (1000, 0)]))
        found = budget("shop", promised, select, START + MINUTE)
        assert found.bad is not None
        (told,) = evaluate(
            'histogram_fraction(-Inf, 0.1, d{job="shop"})',
            Grid.at(to_ms(START + MINUTE)),
            select,
            settings=Settings.of(3),
        ).instant()
        assert 1 - told[1] == pytest.approx(float(found.bad) / 1000)


class TestQueries:
    """Two hours of a service, asked in PromQL: 5 % of all fail, in the second half-hour 50 %."""

    SELECT = staticmethod(minutes(START, 180, lambda i: 60 if 30 <= i < 60 else 6, lambda _: 120))
    AT = START + 3 * HOUR

    @pytest.mark.parametrize(
        "sli",
        [
            QuerySli(ALL, bad=FIVE),
            QuerySli(ALL, good='sum(rate(http_requests_total{job="shop",status!~"5.."}[$window]))'),
            QuerySli('rate(http_requests_total{job="shop"}[$window]) # of each series', bad=FIVE),
        ],
    )
    def test_events_are_those_of_the_rates_of_five_minutes(self, sli: QuerySli) -> None:
        found = budget("shop", promise("90%", 2 * HOUR, sli=sli), self.SELECT, self.AT)
        exact = budget("shop", promise("90%", 2 * HOUR), self.SELECT, self.AT)
        assert found.total is not None
        assert exact.total is not None
        assert float(found.total) == pytest.approx(float(exact.total), rel=1e-9)
        assert float(found.consumed or 0) == pytest.approx(float(exact.consumed or 0), rel=1e-9)
        assert found.coverage == 1
        assert value(promise("90%", 2 * HOUR, sli=sli), self.SELECT, self.AT) == pytest.approx(0.05)

    def test_bad_events_never_seen_are_none_and_no_events_no_share(self) -> None:
        quiet = minutes(START, 180, lambda _: 0, lambda i: 0)
        never = QuerySli(ALL, bad='sum(rate(http_requests_total{status="599"}[$window]))')
        assert budget("shop", promise("90%", 2 * HOUR, sli=never), self.SELECT, self.AT).bad == 0
        found = budget("shop", promise("90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE)), quiet, self.AT)
        assert (found.state, found.sli, found.remaining) == ("idle", None, 1)
        assert value(promise("90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE)), quiet, self.AT) is None

    def test_nothing_known_is_unknown(self) -> None:
        found = budget("shop", promise("90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE)), of_columns([]), self.AT)
        assert (found.state, found.remaining, found.coverage) == ("unknown", None, 0)

    def test_a_gap_is_missing_from_coverage(self) -> None:
        gap = minutes(START, 180, lambda _: 6, lambda _: 120, unseen=lambda i: 90 <= i < 120)
        found = budget("shop", promise("90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE)), gap, self.AT)
        assert Decimal("0.7") < found.coverage < Decimal("0.85")

    def test_a_ratio_that_nothing_weighs_is_the_mean_of_its_steps(self) -> None:
        promised = promise("90%", 2 * HOUR, sli=QuerySli(ratio=f"({FIVE}) / ({ALL})"))
        found = budget("shop", promised, self.SELECT, START + 2 * HOUR)
        assert found.counts == "ratios"
        # 24 steps of 5 minutes: 6 at 50 %, 18 at 5 %.
        assert float(found.sli or 0) == pytest.approx(1 - (6 * 0.5 + 18 * 0.05) / 24)

    def test_slices_by_a_query(self) -> None:
        promised = promise(
            "90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE), method="timeslices", slice_length=5 * MINUTE,
            slice_target=Decimal("0.9"),
        )  # fmt: skip
        found = budget("shop", promised, self.SELECT, START + 2 * HOUR)
        assert (found.total, found.bad) == (24, 6)
        assert found.time_budget == timedelta(minutes=12)

    def test_what_is_asked_for_is_what_was_said_and_charts_and_harm_are_there(self) -> None:
        promised = promise("90%", 2 * HOUR, sli=QuerySli(ALL, bad=FIVE))
        said = {one.matchers for one in budget_selections(promised, self.AT)}
        asked = set()

        def watched(selection: Selection) -> Columns:
            asked.add(selection.matchers)
            return self.SELECT(selection)

        found = budget("shop", promised, watched, self.AT)
        assert asked <= said
        chart = burn_chart("shop", promised, self.SELECT, self.AT, points=13)
        assert chart.remaining[-1] == found.remaining
        assert harm(promised, self.SELECT, START, self.AT) == (START + 30 * MINUTE, START + HOUR)


class TestGauges:
    """Two probes for two hours: one of them fails from 01:00 to 01:15."""

    A = Labels(__name__="probe_success", job="x", instance="a")
    B = Labels(__name__="probe_success", job="x", instance="b")
    TIMES = to_ms(START) + 15_000 * np.arange(481)
    ONES = np.ones(481)
    FAILING = np.where((to_ms(START + HOUR) < TIMES) & (to_ms(START + HOUR + 15 * MINUTE) >= TIMES), 0.0, 1.0)
    SLI = GaugeSli('probe_success{job="x"}', "==", Decimal(1))

    def select(self) -> Select:
        return of_columns([(self.A, self.TIMES, self.ONES), (self.B, self.TIMES, self.FAILING)])

    def test_a_slice_is_good_while_every_series_is(self) -> None:
        promised = promise("99%", 2 * HOUR, sli=self.SLI, method="timeslices")
        found = budget("up", promised, self.select(), START + 2 * HOUR)
        assert (found.total, found.bad, found.counts) == (120, 15, "slices")
        assert value(promised, self.select(), START + 2 * HOUR) == pytest.approx(15 / 60, rel=1e-9)

    def test_or_while_enough_of_them_are(self) -> None:
        promised = promise("99%", 2 * HOUR, sli=self.SLI, method="timeslices", slice_target=Decimal("0.5"))
        assert budget("up", promised, self.select(), START + 2 * HOUR).bad == 0

    def test_or_as_good_as_the_share_of_them(self) -> None:
        promised = promise("99%", 2 * HOUR, sli=self.SLI, method="ratio_timeslices")
        found = budget("up", promised, self.select(), START + 2 * HOUR)
        assert (found.bad, found.counts) == (Decimal("7.5"), "ratios")

    def test_an_occurrence_of_a_gauge_is_a_slice(self) -> None:
        found = budget("up", promise("99%", 2 * HOUR, sli=self.SLI), self.select(), START + 2 * HOUR)
        assert (found.total, found.bad, found.counts) == (120, 15, "slices")

    def test_no_sample_is_no_value(self) -> None:
        select = of_columns([(self.A, self.TIMES[:241], self.ONES[:241])])
        promised = promise("99%", 4 * HOUR, sli=self.SLI, method="timeslices")
        found = budget("up", promised, select, START + 4 * HOUR)
        assert (found.bad, found.state) == (0, "ok")
        assert Decimal("0.25") <= found.coverage <= Decimal("0.28")  # an hour, and five minutes of looking back
        assert budget("up", promised, of_columns([]), START + 4 * HOUR).state == "unknown"

    def test_a_value_that_is_no_number_is_unknown_too(self) -> None:
        nan = np.where(to_ms(START + HOUR) < self.TIMES, np.nan, 1.0)
        promised = promise("99%", 2 * HOUR, sli=self.SLI, method="timeslices")
        found = budget("up", promised, of_columns([(self.A, self.TIMES, nan)]), START + 2 * HOUR)
        assert (found.total, found.bad, found.coverage) == (60, 0, Decimal("0.5"))

    @pytest.mark.parametrize(("operator", "threshold", "bad"), [("<", "0.5", 4), ("<=", "0.5", 3), (">", "0.25", 2)])
    def test_every_comparison(self, operator: str, threshold: str, bad: int) -> None:
        values = np.repeat([0.1, 0.25, 0.5, 0.75, 0.9, 1.0], 20)[:121]
        times = to_ms(START) + 60_000 * np.arange(1, 7)
        rows = [(self.A, times, np.array([0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))]
        assert len(values)
        sli = GaugeSli('probe_success{job="x"}', operator, Decimal(threshold))  # type: ignore[arg-type]
        found = budget(
            "up", promise("90%", 6 * MINUTE, sli=sli, method="timeslices"), of_columns(rows), START + 6 * MINUTE
        )
        assert (found.total, found.bad) == (6, bad)


@pytest.mark.parametrize(
    "promised",
    [
        promise("99.9%", 30 * DAY, sli=QuerySli(ALL, bad=FIVE)),
        promise("99.9%", 30 * DAY, sli=QuerySli(ratio=f"{FIVE} / {ALL}")),
        promise("99.9%", 30 * DAY, sli=NativeLatencySli("d", Decimal("0.3"))),
        promise("99.9%", 30 * DAY, sli=GaugeSli("up", "==", Decimal(1)), method="timeslices"),
        promise("99.9%", 30 * DAY, method="timeslices", slice_target=Decimal("0.95")),
        promise("99.9%", 30 * DAY, method="ratio_timeslices"),
        promise("99.9%", 30 * DAY, sli=GaugeSli("up", "==", Decimal(1)), method="ratio_timeslices", slice_length=HOUR),
    ],
)
def test_every_kind_has_rules_that_are_promql_and_say_what_they_mean(promised: Slo) -> None:
    for language in ("en", "es"):
        seconds = timedelta(seconds=15)
        found = plan(
            Service("shop", "t"), promised, scrape_interval=seconds, evaluation_interval=seconds, language=language
        )  # type: ignore[arg-type]
        assert found.rules
        for rule in found.rules:
            parse(rule.expr)
            assert "{" not in rule.annotations["description"]
            assert "$window" not in rule.expr


class TestSlicesInPromql:
    """What alerts see of slices is what budgets see of them."""

    SELECT = staticmethod(minutes(START, 240, lambda i: 30 if 150 <= i < 170 else 2 if i % 2 else 0, lambda i: 100))
    AT = START + 4 * HOUR

    @pytest.mark.parametrize("counts", [EventsSli(TOTAL, BAD, None), EventsSli(TOTAL, None, GOOD)])
    @pytest.mark.parametrize("method", ["timeslices", "ratio_timeslices"])
    def test_an_hour_of_them(self, method: str, counts: EventsSli) -> None:
        promised = promise("90%", 3 * HOUR, sli=counts, method=method, slice_length=5 * MINUTE,
                           slice_target=Decimal("0.9") if method == "timeslices" else None)  # fmt: skip
        for at in (self.AT - HOUR, self.AT - 30 * MINUTE, self.AT):
            found = budget("shop", promised, self.SELECT, at)
            assert found.burn_rate is not None
            ratio = value(promised, self.SELECT, at)
            assert ratio is not None
            assert ratio * 10 == pytest.approx(float(found.burn_rate), rel=1e-9)

    def test_idle_slices_are_good_and_silence_is_silent(self) -> None:
        promised = promise("90%", 3 * HOUR, method="timeslices", slice_target=Decimal("0.9"))
        assert value(promised, minutes(START, 240, lambda _: 0, lambda _: 0), self.AT) == 0
        assert value(promised, of_columns([]), self.AT) is None


def test_shares_of_the_whole_period_s_traffic() -> None:
    """A night of one request an hour, a day of 1,000 an hour: one failure at night is not a burning budget."""
    select = minutes(
        START, 1440, lambda i: 1 if i == 1430 else 0, lambda i: 17 if 480 <= i < 1200 else int(i % 60 == 50)
    )
    at = START + DAY
    plain = promise("99%", DAY)
    from sereno.spec.model import LowTraffic

    whole = promise("99%", DAY, low_traffic=LowTraffic(budget_fraction=True))
    assert value(plain, select, at) == pytest.approx(1.0)
    total = 17 * 720 + 12
    assert value(whole, select, at) == pytest.approx(24 / total, rel=0.01)
    assert bad_ratio(plain.sli, HOUR).count("[1h]") == 3
    assert Fraction(24, total) < Fraction(1, 100)
