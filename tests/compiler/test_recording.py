"""What a Prometheus records: the same budgets as sums done by hand, wall time as the calendar has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.promtool import accepts

from sereno.compiler.prometheus_rules import RuleFile, RuleGroup
from sereno.promql import Columns, Grid, evaluate
from sereno.slo.recording import common_records, records_of
from sereno.slo.recording_time import Unexpressed, elapsed_seconds, fixed_offset, is_active, period_index
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    EventsSli,
    GaugeSli,
    Maintenance,
    Objective,
    Part,
    Service,
    Slo,
    Spec,
)

MINUTE = timedelta(minutes=1)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: EPOCH + minutes * MINUTE)


def value(text: str, at: datetime) -> float | None:
    """What PromQL gives at an instant, over no samples."""
    found = evaluate(text, Grid.at(round(at.timestamp() * 1000)), lambda _: Columns.of([]))
    rows = [float(row[0]) for row in found.values if row[0] == row[0]]
    return rows[0] if rows else None


def began(calendar: Calendar, at: datetime) -> datetime:
    """When the period began that holds `at`, as a calendar on the wall says."""
    there = at.astimezone(ZoneInfo(calendar.zone))
    day = there.replace(hour=0, minute=0, second=0, microsecond=0)
    match calendar.unit:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("zone", ["UTC", "America/Lima", "Asia/Kolkata"])
@settings(max_examples=25, deadline=None)
@given(one=MOMENTS, other=MOMENTS)
def test_a_period_begins_at_local_midnight(unit: str, zone: str, one: datetime, other: datetime) -> None:
    calendar = Calendar(unit, zone)  # type: ignore[arg-type]
    index, elapsed = period_index(calendar), elapsed_seconds(calendar)
    assert index is not None
    assert elapsed is not None
    assert (value(index, one) == value(index, other)) == (began(calendar, one) == began(calendar, other))
    assert value(elapsed, one) == (one - began(calendar, one)).total_seconds()


def test_zones_whose_clocks_change_are_left_to_sereno() -> None:
    assert fixed_offset("America/Lima") == -5 * 3600
    for zone in ("America/Santiago", "America/New_York", "Europe/Madrid", "Africa/Casablanca"):
        assert fixed_offset(zone) is None
        assert period_index(Calendar("month", zone)) is None


RULES = [
    "", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=WEEKLY;BYDAY=MO,SU,TH",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "FREQ=DAILY;COUNT=5",
    "FREQ=WEEKLY;BYDAY=SU;UNTIL=20260301T020000", "FREQ=WEEKLY;BYDAY=SU;UNTIL=20260301T070000Z",
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40, deadline=None)
@given(
    at=st.integers(0, 120 * 24 * 12).map(lambda fives: EPOCH + fives * 5 * MINUTE),
    hours=st.sampled_from([1, 5, 20]),
)
def test_maintenance_is_under_way_when_its_rule_says_so(rule: str, at: datetime, hours: int) -> None:
    start = datetime(2026, 1, 4, 22, 30)
    duration = timedelta(hours=hours)
    maintenance = Maintenance("m", "", (), start, duration, "America/Lima", rule)
    expr = is_active(maintenance)
    assert isinstance(expr, str)
    there = at.astimezone(ZoneInfo("America/Lima")).replace(tzinfo=None)
    local = rule.replace("T070000Z", "T020000")  # an end in UTC is told in local time, as beginnings are
    starts = [start] if not rule else rrulestr(local, dtstart=start).between(there - duration, there, inc=True)
    wanted = any(each <= there < each + duration for each in starts)
    assert (value(expr, at) == 1) is wanted


@pytest.mark.parametrize(
    ("rule", "zone"),
    [
        ("FREQ=MONTHLY", "UTC"),
        ("FREQ=WEEKLY", "America/Santiago"),
        ("FREQ=DAILY;BYDAY=MO", "UTC"),
        ("FREQ=HOURLY", "UTC"),
    ],
)
def test_what_prometheus_cannot_say_is_said(rule: str, zone: str) -> None:
    start = datetime(2026, 1, 4, 22, 30)
    assert isinstance(is_active(Maintenance("m", "", (), start, timedelta(hours=1), zone, rule)), Unexpressed)


NAMES = ("error:ratio_period", "budget:remaining_ratio")
STORIES = {
    # Twelve busy hours with 1 % bad, twelve quiet ones with half bad: the truth is 7,920 of 721,440.
    "day and night": ("0+990x720 712801+1x719", "0+10x720 7201+1x719", 1440, (7200 + 720) / (720_000 + 1440)),
    "uniform": ("0+99x720", "0+1x720", 720, 0.01),
    "no failure ever": ("0+100x720", None, 720, 0.0),
    "total outage": ("7x720", "0+60x720", 720, 1.0),
    "idle": ("7x720", "7x720", 720, None),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_period_is_weighed_by_events(tmp_path: Path, name: str) -> None:
    good, bad, minutes, truth = STORIES[name]
    sli = EventsSli('r{job="x"}', 'r{job="x",status="500"}', None)
    slo = Slo("a", Objective("99%", Decimal("0.99")), timedelta(days=1), sli)
    service = Service("s", "t", slos=(slo,))
    recorded = records_of(Spec(services={"s": service}), service, slo, scrape_interval=timedelta(seconds=15))
    groups = tuple(RuleGroup(each.name, each.every, each.records) for each in recorded.groups)
    (tmp_path / "rules.yml").write_text(RuleFile(groups).text(), encoding="utf-8")
    series = [{"series": 'r{job="x",status="200"}', "values": good}]
    series += [{"series": 'r{job="x",status="500"}', "values": bad}] if bad else []
    ratio, remaining = ('{service="s",slo="a"}'.join((f"sereno:{name}", "")) for name in NAMES)
    expected = [] if truth is None else [{"labels": "{}", "value": 1}]
    near = f"sum(abs({ratio} - {truth or 0.0!r}) < bool 1e-6)"
    left = f"sum(abs({remaining} - {1 - (truth or 0.0) / 0.01!r}) < bool 1e-6)"
    story = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",  # as the group's: events of five minutes, every five minutes
        "group_eval_order": [each.name for each in groups],  # else promtool takes them in any order
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{minutes}m", "exp_samples": expected} for expr in (near, left)
                ],
            }
        ],
    }
    (tmp_path / "story.yml").write_text(yaml.safe_dump(story), encoding="utf-8")
    accepts("test", "rules", tmp_path / "story.yml")


HOUR = timedelta(hours=1)
# An hour of a day fails; for ten others, planned, nobody could watch: of 288 slices 12 are bad, and 120 are not known.
PLANNED = {
    ("exclude", "ignore"): 12 / 168, ("exclude", "bad"): 12 / 168, ("exclude", "good"): 12 / 168,
    ("good", "ignore"): 12 / 288, ("good", "bad"): 12 / 288, ("good", "good"): 12 / 288,
    ("count", "ignore"): 12 / 168, ("count", "bad"): 132 / 288, ("count", "good"): 12 / 288,
}  # fmt: skip


@pytest.mark.parametrize(("planned", "unknown"), PLANNED)
@pytest.mark.parametrize("calendar", [None, Calendar("day", "UTC")])
def test_slices_that_nobody_watched_while_work_was_planned(
    tmp_path: Path, planned: str, unknown: str, calendar: Calendar | None
) -> None:
    truth = PLANNED[planned, unknown]
    sli = GaugeSli("up_now", "==", Decimal(1))
    slo = Slo("a", Objective("99%", Decimal("0.99")), timedelta(days=1), sli, slice_length=5 * MINUTE,
              maintenance=planned, unknown=unknown, calendar=calendar)  # type: ignore[arg-type] # fmt: skip
    service = Service("s", "t", slos=(slo,))
    work = Maintenance("m", "", (), datetime(1970, 1, 1, 2), 10 * HOUR)
    spec = Spec(services={"s": service}, maintenances={"m": work})
    each = (common_records(spec), records_of(spec, service, slo, scrape_interval=timedelta(seconds=15)))
    groups = tuple(RuleGroup(one.name, one.every, one.records) for made in each for one in made.groups)
    (tmp_path / "rules.yml").write_text(RuleFile(groups).text(), encoding="utf-8")
    ratio = 'sereno:error:ratio_period{service="s",slo="a"}'
    asked = {"expr": f"sum(abs({ratio} - {truth!r}) < bool 0.012)", "eval_time": "1435m"}
    values = "1x119 _x599 1x179 0x60 1x600"
    story = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",
        "group_eval_order": [each.name for each in groups],
        "tests": [{"interval": "1m", "input_series": [{"series": "up_now", "values": values}],
                   "promql_expr_test": [{**asked, "exp_samples": [{"labels": "{}", "value": 1}]}]}],
    }  # fmt: skip
    (tmp_path / "story.yml").write_text(yaml.safe_dump(story), encoding="utf-8")
    accepts("test", "rules", tmp_path / "story.yml")


@pytest.mark.parametrize(
    ("services", "of_part", "said"),
    [(("s",), "exclude", 1), ((), "exclude", 0), (("s", "p"), "exclude", 0), ((), "count", 1)],
)
def test_maintenance_of_a_composite_that_its_parts_do_not_share_is_said(
    services: tuple[str, ...], of_part: str, said: int
) -> None:
    part = Slo("a", Objective("99%", Decimal("0.99")), timedelta(days=1), EventsSli("r", "b", None),
               maintenance=of_part)  # type: ignore[arg-type] # fmt: skip
    slo = replace(part, name="whole", maintenance="exclude", sli=CompositeSli("product", (Part("p", part),)))
    both = {"s": Service("s", "t", slos=(slo,)), "p": Service("p", "t", slos=(part,))}
    work = Maintenance("night", "", services, datetime(2026, 1, 1, 2), HOUR)
    spec = Spec(services=both, maintenances={"night": work})
    notes = records_of(spec, both["s"], slo, scrape_interval=timedelta(seconds=15)).notes
    assert len([note for note in notes if "night" in note]) == said
