"""Pages, people, incidents: the arithmetic of being right, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.insight.worlds import MONDAY, SHOP, World, during, spec_of

from sereno.insight.backtest import judge, report
from sereno.insight.budgets import budget_at, instants_for
from sereno.insight.cases import cases_of
from sereno.insight.compare import compared, failures
from sereno.insight.counts import count
from sereno.insight.declared import alike, read_incidents
from sereno.insight.history import floor, midnights
from sereno.insight.model import Incident, Question
from sereno.insight.score import Raised, score
from sereno.insight.truth import stretches
from sereno.kernel.errors import SpecError
from sereno.kernel.moment import to_ms
from sereno.slo import budget

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUESTION = Question(spec_of(), 0, 7 * 86_400_000, MINUTE)


def outcome_of(world: World, spec=None, *, until=MONDAY + DAY, incidents=None, **more):
    spec = spec or spec_of()
    question = Question(spec, to_ms(MONDAY), to_ms(until), timedelta(seconds=30), **more)
    return judge(cases_of(spec, interval=question.interval, incidents=incidents)[0], question, world.select), question


def incident(start: datetime, minutes: float, service: str | None = "shop", name: str = "bad day") -> Incident:
    return Incident(service, to_ms(start), to_ms(start + minutes * MINUTE), name)


def test_precision_recall_detection_and_reset_by_hand():
    incidents = [
        Incident("a", 100_000, 200_000, "one"),
        Incident("a", 500_000, 600_000, "two"),
        Incident("b", 0, 1, "b's"),
    ]
    raised = [
        Raised("a", 130_000, 260_000),  # about one: 30 s late, quiet 60 s after
        Raised("a", 150_000, 220_000),  # also
        Raised("a", 300_000, 310_000),  # about nothing
        Raised("c", 510_000, 520_000),  # another service's
    ]
    found = score(raised, incidents, QUESTION)
    assert (found.raised, found.right, found.incidents, found.found) == (4, 2, 3, 1)
    assert found.precision == Decimal("0.5")
    assert found.recall is not None
    assert Fraction(found.recall).limit_denominator(10**12) == Fraction(1, 3)
    assert found.f_score == Decimal("0.4")  # 2·½·⅓/(½+⅓)
    assert found.detection == timedelta(seconds=30)
    assert found.reset == timedelta(seconds=60)
    assert found.per_week == 4
    assert found.wrong_per_week == 2


def test_nothing_raised_is_neither_right_nor_wrong_but_finds_nothing():
    found = score([], [Incident(None, 0, 1, "x")], QUESTION)
    assert (found.precision, found.recall, found.f_score) == (None, 0, 0)
    assert score([], [], QUESTION).recall is None


def test_grace_lets_an_alert_be_late():
    late = [Raised("a", 210_000, 220_000)]
    incidents = [Incident("a", 100_000, 200_000, "one")]
    assert score(late, incidents, QUESTION).right == 0
    assert score(late, incidents, Question(spec_of(), 0, 1, MINUTE, grace=timedelta(seconds=10))).right == 1


@given(st.lists(st.integers(-5, 5), max_size=60))
def test_maximal_stretches_are_those_of_brute_force(excess):
    """Ruzzo and Tompa: within what remains, always the greatest stretch, the shortest of equals."""
    values = np.array(excess, float)

    def brute(low: int, high: int) -> set[tuple[int, int]]:
        best = max(
            ((values[a:b].sum(), -(b - a), -a, (a, b)) for a in range(low, high) for b in range(a + 1, high + 1)),
            default=(0, 0, 0, None),
        )
        if best[0] <= 0:
            return set()
        a, b = best[3]
        return {(a, b)} | brute(low, a) | brute(b, high)

    got = stretches(values)
    want = brute(0, len(excess))
    assert sum(values[a:b].sum() for a, b in got) == sum(values[a:b].sum() for a, b in want)
    assert max((values[a:b].sum() for a, b in got), default=0) == max((values[a:b].sum() for a, b in want), default=0)


@pytest.mark.parametrize("tile", [1, 3_000, 10**9])
def test_counting_in_pieces_is_counting_at_once(tile):
    gap = (MONDAY + 5 * HOUR, MONDAY + 5.5 * HOUR)
    world = World(MONDAY - DAY, MONDAY + DAY, during(otherwise=0.003), per_scrape=1001, gaps=[gap])
    slo = spec_of().services["shop"].slos[0]
    at = [to_ms(MONDAY + 6 * HOUR + 7 * MINUTE), to_ms(MONDAY + 20 * HOUR)]
    counts = count(slo, world.select, instants_for(slo, to_ms(MONDAY), to_ms(MONDAY + DAY), at), tile_samples=tile)
    for instant in at:
        want = budget("shop", slo, world.select, datetime.fromtimestamp(instant / 1000, UTC))
        got = budget_at(slo, counts, instant)
        assert (got.consumed, got.burn_rate, got.remaining) == (want.consumed, want.burn_rate, want.remaining)
    assert max(s.end_ms - s.start_ms for s in world.asked[:2]) <= 7 * 3_600_000


def test_why_an_incident_was_missed_is_said():
    slow = World(MONDAY - 3 * DAY, MONDAY + DAY, during((MONDAY + 3 * HOUR, 30 * MINUTE, 0.012)))
    found, _ = outcome_of(slow, incidents=[incident(MONDAY + 3 * HOUR, 30)])
    (missed,) = found.missed
    assert missed.why == "below"
    assert missed.closest is not None
    assert missed.closest.alert == "ShopAvailabilityBurn1h"
    # 30 minutes of 1.2 % are 0.6 % of the hour; the threshold is 1.44 %. The short window is beyond it all along.
    assert missed.closest.share == pytest.approx(Decimal("0.4167"), abs=Decimal("0.01"))

    dark = World(MONDAY - 3 * DAY, MONDAY + DAY, during(), gaps=[(MONDAY + 3 * HOUR, MONDAY + 5 * HOUR)])
    found, _ = outcome_of(dark, incidents=[incident(MONDAY + 3 * HOUR, 100)])
    assert found.missed[0].why == "unknown"

    waiting = SHOP.replace(
        "---\n",
        """alerts:
  - {alert: Errors, expr: 'sum(rate(http_requests_total{status="500"}[1m])) > 1', for: 2h, severity: SEV1}
---
""",
    )
    found, _ = outcome_of(slow, spec_of(waiting), incidents=[incident(MONDAY + 3 * HOUR, 30)])
    assert found.missed[0].why == "waiting"
    assert found.missed[0].waited is not None

    silent = waiting.replace("for: 2h, severity: SEV1", "severity: SEV4")
    found, _ = outcome_of(slow, spec_of(silent), incidents=[incident(MONDAY + 3 * HOUR, 30)])
    assert found.missed[0].why == "silent"
    assert found.missed[0].alerts == ("Errors",)
    assert not found.pages


def test_unanswered_pages_walk_the_whole_escalation():
    world = World(MONDAY - DAY, MONDAY + DAY, during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6)))
    found, _ = outcome_of(world, answer_after=None)
    (page,) = (one for one in found.pages if one.severity == "SEV2")
    steps = [(d.person, (d.at_ms - page.opened_ms) / 60_000, d.reason) for d in page.demands]
    # Before Monday nine o'clock in Lima last week's ring holds: bo is primary, ana secondary.
    assert steps[:4] == [
        ("bo", 0, "opened"), ("ana", 5, "not_acknowledged"), ("bo", 20, "repeated"), ("ana", 25, "not_acknowledged"),
    ]  # fmt: skip
    answered, _ = outcome_of(world, answer_after=timedelta(minutes=7))
    (page,) = (one for one in answered.pages if one.severity == "SEV2")
    assert [d.person for d in page.demands] == ["bo", "ana"]
    assert page.acknowledged_ms == page.opened_ms + 7 * 60_000


def test_history_suggests_an_objective_or_says_how_much_more_it_needs():
    bad_day = MONDAY + 9 * DAY + 13 * HOUR
    world = World(
        MONDAY - HOUR,
        MONDAY + 30 * DAY + 6 * HOUR,
        during((bad_day, 2 * HOUR, 0.05), otherwise=0.0004),
        per_scrape=20_000,
    )
    found, _ = outcome_of(world, until=MONDAY + 30 * DAY + 6 * HOUR, zone="America/Lima")
    suggestion = found.promises[0].suggestion
    assert (suggestion.days, suggestion.kept_days) == (30, 29)
    assert suggestion.kept == Decimal("0.9996")
    # 0.04 % always and 2 h of 5 % in 30 days: 0.0538 % bad; 99.95 % allows 0.05 %, 99.9 % is kept.
    assert suggestion.objective == Decimal("0.999")
    broken = {one.objective: one.windows_broken for one in suggestion.candidates}
    assert broken[Decimal("0.9995")] > 0
    assert broken[Decimal("0.999")] == 0

    short = World(MONDAY - HOUR, MONDAY + 5 * DAY, during(otherwise=0.0004))
    found, _ = outcome_of(short, until=MONDAY + 5 * DAY)
    assert found.promises[0].suggestion.objective is None
    assert found.promises[0].suggestion.missing == timedelta(days=28 - 5)


# a share, what is said to have been kept
FLOORS = [
    ("0.9934", "0.9934"),
    ("0.993456", "0.9934"),
    ("0.99934", "0.99934"),
    ("1", "1.0000"),
    ("0.5", "0.5000"),
    ("0.999999", "0.999999"),
    ("0.99995", "0.99995"),
]


@pytest.mark.parametrize(("share", "said"), FLOORS)
def test_what_was_kept_is_rounded_down_and_never_to_one(share, said):
    assert floor(Fraction(share)) == Decimal(said)
    assert Fraction(floor(Fraction(share))) <= Fraction(share)


def test_days_are_those_of_the_zone_also_where_clocks_change():
    start, end = datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    hours = np.diff(midnights(to_ms(start), to_ms(end), "Europe/Madrid")) / 3_600_000
    assert hours.tolist() == [23, 24]  # the 29th and the 30th; the 28th had begun


def test_one_failure_at_night_is_told_with_its_hours():
    night = during()

    def traffic(times):
        hour = times // 3_600_000 % 24
        return np.where((hour >= 7) & (hour < 9), 1, 400)  # one a scrape: 240 an hour

    thin = SHOP.replace("99.9%", "99.98%")
    world = World(MONDAY - DAY, MONDAY + DAY, night, per_scrape=traffic)
    found, _ = outcome_of(world, spec_of(thin), zone="America/Lima")
    low = {one.alert: one for one in found.promises[0].low_traffic}["ShopAvailabilityBurn1h"]
    assert low.needed == 348  # 1/(14.4·0.0002) = 347.2
    assert [hour for hour, _, _ in low.hours] == [3]  # the hour behind every moment of it was thin
    assert {hour: events for hour, _, events in low.hours}[3] <= 241


def test_the_beginning_of_a_history_is_not_thin_traffic():
    """The hour behind the first minutes is not known: that it holds few events says nothing of the traffic."""
    young = World(MONDAY, MONDAY + DAY, during(), per_scrape=lambda times: np.full(len(times), 40))
    found, _ = outcome_of(young)
    assert found.promises[0].low_traffic == ()


def test_two_versions_side_by_side_and_the_gate():
    world = World(
        MONDAY - 3 * DAY,
        MONDAY + DAY,
        during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6), (MONDAY + 12 * HOUR, 40 * MINUTE, 0.03)),
    )
    demanded = SHOP.replace("slos:", "backtest: {precision: 80%, recall: 95%, max_pages_per_week: 40}\nslos:")
    before, question = outcome_of(world, spec_of(demanded))
    blunt = demanded.replace("    sli:", "    tiers: [{long: 1h, short: 5m, burn: 100}]\n    sli:")
    after, _ = outcome_of(world, spec_of(blunt), incidents=list(before.incidents))
    old, new = report([before], question), report([after], question)
    assert before.score.recall == 1
    found = compared(old, new, "main")
    (service,) = found.services
    assert len(service.removed) >= 1
    assert not service.added
    assert [moved.later > timedelta(0) for moved in service.moved] == [True]
    assert service.newly_missed
    assert [(f.measure, f.by) for f in failures(new, spec_of(blunt), old)] == [("recall", "spec"), ("recall", "base")]
    assert failures(old, spec_of(demanded), old) == ()
    few = spec_of(demanded.replace("max_pages_per_week: 40", "max_pages_per_week: 1"))
    assert [(f.measure, f.limit) for f in failures(old, few)] == [("pages_per_week", 1)]


CSV = (
    "start,end,service,name\n2026-03-02T03:00:00Z,2026-03-02 03:25:00+00:00,shop,the network\n1772420400,1772424000,,\n"
)
YAML = """
incidents:
  - {start: 2026-03-02T03:00:00Z, end: 2026-03-02T03:25:00Z, service: shop, name: the network}
  - start: 1772420400
    end: 1772424000
"""


def test_incidents_are_read_from_whatever_people_keep_them_in():
    want = [("shop", 1772420400000, 1772421900000, "the network"), (None, 1772420400000, 1772424000000)]
    for name, text in (
        ("i.csv", CSV),
        ("i.yaml", YAML),
        (
            "i.json",
            '[{"start": "2026-03-02T03:00:00Z", "end": "2026-03-02T03:25:00Z", "service": "shop", "name": "the network"}, {"start": 1772420400, "end": 1772424000}]',
        ),
    ):
        got = read_incidents(name, text)
        assert [(i.service, i.start_ms, i.end_ms) for i in got] == [row[:3] for row in want], name
        assert got[0].name == "the network"
    assert alike(
        read_incidents("i.yaml", YAML.replace("- start: 1772420400", "- service: shop\n    start: 1772420400"))
    )


WRONG = [
    ("i.csv", "begin,end\n1,2\n", 1, "no column `start`"),
    ("i.yaml", "- {start: 2026-03-02, end: 2026-03-03}\n", 1, "no instant with its zone"),
    ("i.yaml", "\n- {start: 2026-03-02T03:00:00Z, end: 2026-03-02T02:00:00Z}\n", 2, "ends before it starts"),
    ("i.yaml", "- {start: 2026-03-02T03:00:00Z}\n", 1, "`end` is missing"),
    ("i.yaml", "- {begin: 1}\n", 1, "no key `begin`"),
    ("i.json", '{"a": 1}', 1, "a list of incidents"),
    ("i.yaml", "- [1, 2]\n", 1, "is a mapping"),
    ("i.yaml", "- {start: 'x\n", 1, ""),
]


@pytest.mark.parametrize(("name", "text", "line", "message"), WRONG)
def test_a_wrong_incident_is_told_with_its_place(name, text, line, message):
    with pytest.raises(SpecError) as caught:
        read_incidents(name, text)
    assert any(d.line == line and message in d.message for d in caught.value.diagnostics), caught.value.diagnostics


def test_a_page_lasts_as_long_as_its_alerts():
    world = World(MONDAY - DAY, MONDAY + DAY, during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6)))
    found, _ = outcome_of(world)
    assert found.pages
    for page in found.pages:
        mine = [one for one in found.fired if one.severity == page.severity]
        assert page.opened_ms == min(one.fired_ms for one in mine)
        assert page.closed_ms == max(one.resolved_ms or 0 for one in mine)


def test_idle_hours_page_nobody_and_are_not_called_thin():
    def traffic(times):
        return np.where(times // 3_600_000 % 24 < 12, 0, 400)

    world = World(MONDAY - DAY, MONDAY + DAY, during(), per_scrape=traffic)
    found, _ = outcome_of(world, spec_of(SHOP.replace("99.9%", "99.98%")))
    low = {one.alert: one for one in found.promises[0].low_traffic}.get("ShopAvailabilityBurn1h")
    # Only while the window empties or fills are there a few events and not many: never for a whole hour.
    assert low is None or {hour for hour, _, _ in low.hours} <= {12, 13}
    assert low is None or low.share < Decimal("0.05")


def test_the_first_bad_minute_of_a_history_is_not_an_incident():
    few = World(MONDAY, MONDAY + DAY, during((MONDAY + 30 * MINUTE, MINUTE, 0.1)))
    found, _ = outcome_of(few)
    assert found.incidents == ()


def test_a_page_about_what_nobody_saw_is_neither_right_nor_wrong():
    """The target is gone, and its alert is right to say so; events to derive an incident from there are none."""
    down = SHOP.replace(
        "---\n", "alerts:\n  - {alert: Down, expr: 'absent(up{job=\"shop\"})', for: 1m, severity: SEV1}\n---\n"
    )
    world = World(MONDAY - DAY, MONDAY + DAY, during(), gaps=[(MONDAY + 3 * HOUR, MONDAY + 5 * HOUR)])
    found, _ = outcome_of(world, spec_of(down))
    (page,) = found.pages
    assert page.right is None
    assert (found.score.raised, found.score.unknown, found.score.precision) == (1, 1, None)
    assert found.score.wrong_per_week == 0
    told, _ = outcome_of(world, spec_of(down), incidents=[incident(MONDAY + 3 * HOUR, 120)])
    assert told.pages[0].right is True
    assert told.score.precision == 1
