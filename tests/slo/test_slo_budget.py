"""What a budget says when data is missing, new, late, strange or wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.slo.fleet import BAD, MINUTE, NOON, TOTAL, Process, Scraper, every, promise

from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.promql.columns import STALE
from sereno.slo import Budget, budget, budget_selections
from sereno.slo.budgets import burn_window_ms
from sereno.spec.model import EventsSli, LatencySli, Slo

HOUR = timedelta(hours=1)
SLOW = LatencySli(
    'http_request_duration_seconds{job="shop"}',
    r'http_request_duration_seconds_bucket{job="shop",le=~"1(\\.0)?"}',
    'http_request_duration_seconds_count{job="shop"}',
    Decimal("1"),
)


def series(status: str, instance: str = "a:80", name: str = "http_requests_total") -> Labels:
    return Labels(__name__=name, job="shop", instance=instance, status=status)


def scraped(**values: list[float | None]) -> Scraper:
    """A scraper that read `values` minute by minute up to NOON; a key is s<status> or s<status>_<instance>."""
    scraper = Scraper()
    for key, samples in values.items():
        status, _, instance = key[1:].partition("_")
        for minutes, value in enumerate(reversed(samples)):
            if value is not None:
                scraper.samples.setdefault(series(status, instance or "a:80"), []).insert(
                    0, (int((NOON - minutes * MINUTE).timestamp() * 1000), value)
                )
    return scraper


def judged(scraper: Scraper, minutes: int = 10, text: str = "90%", slo: Slo | None = None) -> Budget:
    return budget("shop", slo or promise(text, minutes * MINUTE), scraper.select, NOON)


class TestMissingData:
    def test_no_samples_at_all_is_unknown_in_every_figure(self) -> None:
        found = judged(Scraper())
        assert (found.state, found.coverage) == ("unknown", 0)
        figures = (found.total, found.bad, found.sli, found.consumed, found.remaining, found.burn_rate)
        assert figures == (None,) * 6
        assert found.exhausts_at is None

    def test_a_service_that_nobody_asks_is_idle_and_spends_nothing(self) -> None:
        found = judged(scraped(s200=[5.0] * 11))
        assert (found.state, found.total, found.bad, found.sli) == ("idle", 0, 0, None)
        assert (found.consumed, found.remaining, found.burn_rate, found.coverage) == (0, 1, 0, 1)

    def test_bad_events_never_seen_are_none_and_the_promise_is_kept(self) -> None:
        found = judged(scraped(s200=[float(i) for i in range(11)]))
        assert (found.state, found.total, found.bad, found.sli) == ("ok", 10, 0, 1)

    def test_bad_events_without_a_total_are_unknown_not_fine(self) -> None:
        scraper = scraped(s500=[float(i) for i in range(11)])
        found = judged(scraper, slo=promise("90%", 10 * MINUTE, EventsSli('nothing{job="shop"}', BAD, None)))
        assert (found.state, found.total, found.remaining) == ("unknown", None, None)

    def test_bad_events_beside_a_total_that_stands_still_are_unknown(self) -> None:
        scraper = scraped(s500=[float(i) for i in range(11)], s200=[3.0] * 11)
        sli = EventsSli('http_requests_total{status="200"}', BAD, None)
        found = judged(scraper, slo=promise("90%", 10 * MINUTE, sli))
        assert (found.state, found.total, found.bad, found.consumed) == ("unknown", 0, 10, None)

    def test_one_sample_tells_nothing(self) -> None:
        assert judged(scraped(s200=[1000.0])).state == "unknown"

    def test_a_gap_is_not_covered_and_what_happened_in_it_is_counted_when_seen(self) -> None:
        found = judged(scraped(s200=[0.0, 1, 2, 3, None, None, None, None, 8, 9, 10]))
        assert (found.total, found.coverage) == (10, Decimal("0.5"))

    def test_one_missed_scrape_is_no_gap(self) -> None:
        assert judged(scraped(s200=[0.0, 1, 2, 3, 4, None, 6, 7, 8, 9, 10])).coverage == 1

    def test_two_missed_scrapes_are_one(self) -> None:
        assert judged(scraped(s200=[0.0, 1, 2, 3, None, None, 6, 7, 8, 9, 10])).coverage == Decimal("0.7")

    def test_what_is_about_to_be_scraped_is_known(self) -> None:
        scraper = scraped(s200=[float(i) for i in range(11)])
        for late, coverage in ((timedelta(seconds=110), 1), (timedelta(seconds=130), Decimal(470) / 600)):
            assert budget("shop", promise(window=10 * MINUTE), scraper.select, NOON + late).coverage == round(
                Decimal(coverage), 24
            )

    def test_what_was_before_the_first_sample_is_unknown(self) -> None:
        found = judged(scraped(s200=[50.0, 51, 52, 53, 54, 55]))
        assert (found.total, found.coverage) == (5, Decimal("0.5"))

    def test_what_is_after_a_last_sample_long_past_is_unknown(self) -> None:
        found = judged(scraped(s200=[0.0, 1, 2, 3, 4, 5, None, None, None, None, None]))
        assert (found.total, found.coverage) == (5, Decimal("0.5"))

    def test_the_service_is_known_while_any_of_its_targets_is(self) -> None:
        found = judged(scraped(s200_a=[0.0, 1, 2, 3, 4, 5], s200_b=[1.0, 2, 3, 4, 5, 6, *[None] * 5]))
        assert (found.total, found.coverage) == (10, 1)


class TestBirthsAndDeaths:
    def test_the_first_error_counts_when_its_process_was_already_watched(self) -> None:
        found = judged(scraped(s200=[float(i) for i in range(11)], s500=[None] * 8 + [4.0, 4, 5]))
        assert (found.total, found.bad) == (15, 5)

    def test_a_new_process_counts_from_its_first_sample(self) -> None:
        found = judged(scraped(s200_a=[float(i) for i in range(11)], s200_b=[None] * 8 + [4000.0, 4001, 4002]))
        assert found.total == 12

    def test_samples_of_one_scrape_may_be_milliseconds_apart(self) -> None:
        scraper = scraped(s200=[7000.0, 7001, 7002])
        for at in (NOON - 2 * MINUTE, NOON - MINUTE):
            scraper.keep(series("500"), at + timedelta(milliseconds=40), 900)
        found = judged(scraper)
        assert (found.total, found.bad) == (2, 0)

    def test_the_baseline_may_lie_five_minutes_before_the_window_and_no_more(self) -> None:
        window = 3 * MINUTE
        near = scraped(s200=[100.0, None, None, None, None, None, None, 107, 108])  # 8 min before: 5 before the window
        assert budget("shop", promise(window=window), near.select, NOON).total == 8
        far = scraped(s200=[100.0, None, None, None, None, None, None, None, 107, 108])
        assert budget("shop", promise(window=window), far.select, NOON).total == 1

    def test_the_start_of_the_window_is_outside_and_its_end_inside(self) -> None:
        scraper = scraped(s200=[0.0, 10, 30, 60])
        assert judged(scraper, minutes=1).total == 30
        assert judged(scraper, minutes=2).total == 50

    @pytest.mark.parametrize(
        ("after", "counted"),
        [
            (3.0, 3 + 2),  # lower: a restart, so everything since
            (12.0, 2 + 2),  # higher: it went on, unseen
            (10.0, 0 + 2),  # the same: nothing happened
        ],
    )
    def test_a_counter_that_went_stale_comes_back(self, after: float, counted: int) -> None:
        found = judged(scraped(s200=[10.0, 10, STALE, None, None, None, after, after + 1, after + 2]))
        assert found.total == counted

    def test_a_restart_lower_than_before_but_seen_late_counts_from_zero(self) -> None:
        assert judged(scraped(s200=[100.0, 104, 3, 5])).total == 4 + 3 + 2

    @pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf"), -5.0])
    def test_what_is_no_count_is_no_sample(self, nonsense: float) -> None:
        found = judged(scraped(s200=[1.0, 2, nonsense, 4, 5]))
        assert (found.total, found.state) == (4, "ok")


class TestExactness:
    def test_a_budget_overspent_is_negative(self) -> None:
        found = judged(scraped(s200=[0.0, 5], s500=[0.0, 5]), text="90%")
        assert (found.sli, found.consumed, found.remaining) == (Decimal("0.5"), 5, -4)
        assert (found.state, found.exhausts_at) == ("exhausted", None)

    def test_fractions_of_events_are_summed_exactly(self) -> None:
        values = [0.1, 0.2, 0.30000000000000004, 0.7, 1e9 + 0.1]
        found = judged(scraped(s200=values))
        assert found.total is not None
        assert Fraction(found.total) == Fraction(values[-1]) - Fraction(0.1)

    def test_counters_too_great_for_a_sum_of_floats(self) -> None:
        """2⁵³ + 1 is no float; the sum of two counters is."""
        most = float(2**53)
        found = judged(scraped(s200_a=[0.0, most], s200_b=[0.0, 1.0]))
        assert found.total == 2**53 + 1

    def test_the_target_is_taken_from_its_text(self) -> None:
        found = judged(scraped(s200=[0.0, 9_995], s500=[0.0, 5]), text="99.95%")
        assert (found.consumed, found.remaining, found.objective) == (1, 0, Decimal("0.9995"))
        assert found.state == "exhausted"

    @pytest.mark.parametrize("text", ["100%", "0%"])
    def test_no_budget_no_answer(self, text: str) -> None:
        with pytest.raises(UsageError, match="no error budget"):
            judged(scraped(s200=[0.0, 1]), text=text)


class TestForecast:
    def test_the_burn_rate_is_of_the_last_hour_and_says_when_it_ends(self) -> None:
        """A day at 99 %: 23 h without a failure, then an hour with 4 %: 4 × too fast, 5/6 of the budget left."""
        process, scraper = Process("a:80"), Scraper()
        process.answer("500", 0)
        for minute, at in enumerate(every(MINUTE, NOON - 24 * HOUR, NOON)):
            process.answer("200", 96 if minute > 23 * 60 else 100)
            process.answer("500", 4 if minute > 23 * 60 else 0)
            scraper.scrape(process, at)
        found = budget("shop", promise("99%"), scraper.select, NOON)
        assert (found.total, found.bad, found.burn_rate) == (144_000, 240, 4)
        assert found.remaining is not None
        assert round(found.remaining, 20) == round(Decimal(5) / 6, 20)
        assert found.exhausts_at == NOON + 24 * HOUR * 5 / 6 / 4
        assert found.state == "at_risk"

    @pytest.mark.parametrize(
        ("bad", "state"),
        [(79, "ok"), (80, "ok"), (81, "at_risk"), (100, "exhausted"), (101, "exhausted")],
    )
    def test_the_states_by_what_remains(self, bad: int, state: str) -> None:
        """10 % of 1,000 may fail; all failures were two hours ago, so the present rate is no reason."""
        quiet = [1000.0 - bad] * 119
        scraper = scraped(s200=[0.0, *quiet, 1000.0 - bad], s500=[0.0, *[float(bad)] * 120])
        found = judged(scraper, minutes=121, text="90%")
        assert (found.burn_rate, found.state) == (0, state)

    def test_a_rate_that_would_take_ten_thousand_years_ends_nowhere(self) -> None:
        process, scraper = Process("a:80"), Scraper()
        for n, at in zip((0, 1), (NOON - MINUTE, NOON), strict=True):
            process.answer("200", 10**12 * n + 1)
            process.answer("500", n)
            scraper.scrape(process, at)
        found = budget("shop", promise("90%", timedelta(days=90)), scraper.select, NOON)
        assert found.burn_rate is not None
        assert found.burn_rate > 0
        assert found.exhausts_at is None

    @pytest.mark.parametrize(
        ("window", "minutes"),
        [(timedelta(days=30), 60), (timedelta(hours=24), 60), (HOUR, 30), (10 * MINUTE, 5), (4 * MINUTE, 4)],
    )
    def test_over_how_long_the_rate_is_taken(self, window: timedelta, minutes: int) -> None:
        assert burn_window_ms(promise(window=window)) == minutes * 60_000


class TestLatency:
    def process(self, scraper: Scraper, boundaries: tuple[str, ...]) -> Process:
        process = Process("a:80")
        process.take(0.1, boundaries)
        scraper.scrape(process, NOON - 10 * MINUTE)
        return process

    def test_slow_is_what_did_not_fit_under_the_threshold(self) -> None:
        scraper = Scraper()
        process = self.process(scraper, ("0.5", "1"))
        for minute, seconds in enumerate((0.2, 0.7, 1.0, 1.1, 30.0), start=1):
            process.take(seconds)
            scraper.scrape(process, NOON - (10 - minute) * MINUTE)
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.total, found.bad) == (5, 2)

    def test_a_threshold_that_is_no_boundary_is_unknown(self) -> None:
        scraper = Scraper()
        process = self.process(scraper, ("0.5", "2"))
        for minute in range(1, 11):
            process.take(0.1, ("0.5", "2"))
            scraper.scrape(process, NOON - (10 - minute) * MINUTE)
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.state, found.total, found.coverage) == ("unknown", None, 0)

    def test_a_boundary_exported_only_lately_counts_from_then(self) -> None:
        scraper = Scraper()
        process = self.process(scraper, ("0.5",))
        for minute in range(1, 11):
            process.take(0.1, ("0.5",) if minute < 6 else ("0.5", "1"))
            scraper.scrape(process, NOON - (10 - minute) * MINUTE)
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.total, found.bad, found.coverage) == (4, 0, Decimal("0.4"))

    def test_a_boundary_written_another_way_goes_on_counting(self) -> None:
        """Prometheus 3 writes 1.0 where 2 wrote 1: the same bucket, no thousand new events."""
        scraper, process = Scraper(), Process("a:80")
        for _ in range(1000):
            process.take(0.1, ("1",))
        for minute in range(11):
            process.take(0.1 if minute % 2 else 3.0, ("1",))
            old = renamed_boundary(process) if minute >= 5 else process
            scraper.scrape(old, NOON - (10 - minute) * MINUTE)
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.total, found.bad) == (10, 5)

    @pytest.mark.parametrize(
        ("before", "after", "later", "total", "bad"),
        [
            # Only the count fell: 100 events, 5 of them fast; since the restart 50, all fast, and 10 more.
            ((100, 5), (50, 50), (60, 60), 60, 0),
            # Only the bucket fell: 10 events, all fast; since the restart 50, of which 5 fast, and 10 slow ones more.
            ((10, 10), (50, 5), (60, 5), 60, 55),
        ],
    )
    def test_a_restart_of_one_is_a_restart_of_both(
        self, before: tuple[int, int], after: tuple[int, int], later: tuple[int, int], total: int, bad: int
    ) -> None:
        scraper = Scraper()
        for at, seen in zip((NOON - 2 * MINUTE, NOON - MINUTE, NOON), (before, after, later), strict=True):
            histogram(scraper, at, *seen)
        found = judged(scraper, slo=promise("95%", 2 * MINUTE, SLOW))
        assert (found.total, found.bad) == (total, bad)

    def test_a_newborn_whose_boundary_came_late_counts_from_the_boundary(self) -> None:
        """The pages of one process are watched; a new one is born with 100 events, its boundary known at 90 of 120."""
        scraper = Scraper()
        for minute in range(11):
            at = NOON - (10 - minute) * MINUTE
            histogram(scraper, at, 10, 10, path="/old")
            if minute >= 3:
                histogram(scraper, at, 100 + 10 * (minute - 3), 90 if minute >= 5 else None, path="/new")
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.total, found.bad) == (50, 50)

    def test_a_newborn_known_from_the_beginning_counts_from_zero(self) -> None:
        scraper = Scraper()
        for minute in range(11):
            at = NOON - (10 - minute) * MINUTE
            histogram(scraper, at, 10, 10, path="/old")
            if minute >= 3:
                histogram(scraper, at, 100, 90, path="/new")
        found = judged(scraper, slo=promise("95%", 10 * MINUTE, SLOW))
        assert (found.total, found.bad) == (100, 10)


def histogram(scraper: Scraper, at: datetime, count: float, fast: float | None, path: str = "/") -> None:
    """One scrape of one histogram; `fast` None: the boundary was not exported."""
    labels = Labels(__name__="http_request_duration_seconds_count", job="shop", instance="a", path=path)
    scraper.keep(labels, at, count)
    if fast is not None:
        scraper.keep(labels.with_(__name__="http_request_duration_seconds_bucket", le="1"), at, fast)


def renamed_boundary(process: Process) -> Process:
    """The same process under a scraper that writes le="1.0"."""
    renamed = Process(process.instance)
    for key, count in process.counts.items():
        renamed.counts[tuple((n, "1.0" if n == "le" else v) for n, v in key)] = count
    return renamed


def test_the_selections_are_what_is_asked_for() -> None:
    asked = []
    scraper = scraped(s200=[0.0, 1])

    def select(selection):  # type: ignore[no-untyped-def]
        asked.append(selection)
        return scraper.select(selection)

    slo = promise()
    budget("shop", slo, select, NOON)
    assert tuple(asked) == budget_selections(slo, NOON)
    assert [m.value for m in asked[0].matchers] == ["http_requests_total", "shop"]
    assert asked[0].end_ms - asked[0].start_ms == (24 * 60 + 5) * 60_000
    assert TOTAL.startswith(asked[0].matchers[0].value)
