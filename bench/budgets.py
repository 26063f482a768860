"""Budgets beside exact counts: six days that others get wrong, counted live, by the recorded rules and by promtool.

And the cases that were computed by hand: budgets as time, months of local time, planned work, composites.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.figure import Figure
from sereno.compiler.text import yaml
from sereno.kernel.duration import to_ms as length_ms
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Columns, Grid, Selection, Settings, evaluate, matches
from sereno.promql.columns import Select
from sereno.slo import Exclusions, budget
from sereno.slo.outlook import time_budget
from sereno.slo.periods import period_of
from sereno.slo.recording import Record, records_of
from sereno.spec.model import (
    Calendar,
    CompositeSli,
    EventsSli,
    Maintenance,
    Method,
    Objective,
    Part,
    Service,
    Slo,
    Spec,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EPSILON = 1e-6
NEVER = -1


@dataclass(frozen=True)
class Profile:
    """Events a minute and how many of them are bad, by minute of the day; when the process starts anew."""

    events: Callable[[int], int]
    bad: Callable[[int], int]
    restart: int = NEVER
    bad_is_absent: bool = False


PROFILES = {
    "uniform": Profile(lambda _: 600, lambda _: 6),
    "day and night 1000:1": Profile(lambda m: 4000 if m < 720 else 4, lambda m: 40 if m < 720 else 2),
    "idle gap": Profile(lambda m: 0 if 600 <= m < 960 else 400, lambda m: 0 if 600 <= m < 960 else 8),
    "counter reset": Profile(lambda _: 600, lambda m: 30 if m < 300 else 6, restart=700),
    "bad series absent": Profile(lambda _: 600, lambda _: 0, bad_is_absent=True),
    "total outage": Profile(lambda _: 600, lambda m: 600 if 800 <= m < 920 else 0),
}


def rows(profile: Profile, *, job: str = "shop", minutes: int = 1440, start: datetime = START) -> list[Any]:
    """The good and the bad counter, scraped each minute, from an hour before on."""
    totals = np.array([profile.events(max(m, 0)) for m in range(-60, minutes)])
    bads = np.array([profile.bad(max(m, 0)) for m in range(-60, minutes)])
    times = to_ms(start) + 60_000 * np.arange(-60, minutes + 1)
    found = []
    for status, counts in (("200", totals - bads), ("500", bads)):
        if status == "500" and profile.bad_is_absent:
            continue
        seen = np.concatenate(([0], np.cumsum(counts)))
        if profile.restart != NEVER:
            at = profile.restart + 60
            # The process counts anew from its start, right after a scrape.
            seen = np.concatenate((seen[: at + 1], seen[at + 1 :] - seen[at]))
        labels = Labels(__name__="http_requests_total", job=job, instance="a:80", status=status)
        found.append((labels, times, seen.astype(np.float64)))
    return found


def source(series: list[Any]) -> Select:
    """A source of exactly these series."""

    def select(selection: Selection) -> Columns:
        inside = [
            (labels, times[kept], values[kept])
            for labels, times, values in series
            if matches(selection.matchers, labels)
            and (kept := (times >= selection.start_ms) & (times <= selection.end_ms)).any()
        ]
        return Columns.of(inside)

    return select


def promise(text: str, window: timedelta, name: str = "availability", job: str = "shop", **more: Any) -> Slo:
    """An objective over the requests of `job`."""
    total = f'http_requests_total{{job="{job}"}}'
    sli = more.pop("sli", None) or EventsSli(total, f'http_requests_total{{job="{job}",status="500"}}', None)
    return Slo(name, Objective(text, Decimal(text[:-1]) / 100), window, sli, **more)


def truth(profile: Profile) -> Fraction:
    """The share of the day's events that were bad."""
    total = sum(profile.events(m) for m in range(1440))
    return Fraction(sum(profile.bad(m) for m in range(1440)), total)


def live(profile: Profile) -> float:
    """How far off the live budget is, and whether it is what it should be in kind."""
    found = budget("shop", promise("99%", DAY), source(rows(profile)), START + DAY)
    if found.consumed is None or found.remaining is None or found.remaining != 1 - found.consumed:
        return float("inf")
    return float(abs(Fraction(found.consumed) - truth(profile) * 100))


def recorded(profile: Profile, dialect: int) -> float:
    """How far off the recorded rules are, evaluated in their order by our own evaluator."""
    slo = promise("99%", DAY)
    service = Service("shop", "t", slos=(slo,))
    made = records_of(Spec(services={"shop": service}), service, slo, scrape_interval=MINUTE)
    series, settings = rows(profile), Settings.of(dialect)  # type: ignore[arg-type]
    # The period is looked at half a minute after the last of its counts, as groups are spread over their intervals.
    end = to_ms(START + DAY) + 30_000
    wanted: dict[str, float] = {}
    for group in made.groups:
        for record in group.records:
            period = "/period" in group.name
            grid = Grid.at(end) if period else Grid(to_ms(START), to_ms(START + DAY), length_ms(group.every))
            result = evaluate(record.expr, grid, source(series), settings=settings)
            if not len(result.labels):
                continue
            here = result.present[0]
            if not np.isfinite(result.values[0][here]).all():
                return float("inf")
            labels = Labels({"__name__": record.name, **record.labels})
            series.append((labels, grid.instants_ms[here], result.values[0][here]))
            wanted[record.name] = float(result.values[0][here][-1])
    off = abs(wanted.get("sereno:error:ratio_period", float("inf")) - float(truth(profile)))
    left = abs(wanted.get("sereno:budget:remaining_ratio", float("inf")) - float(1 - truth(profile) * 100))
    return max(off * 100, left)


def by_promtool() -> tuple[int, list[str]]:
    """On how many profiles promtool agrees with the recorded rules, and what it says of the others."""
    tool = shutil.which("promtool")
    if tool is None:
        return 0, ["promtool is not installed (Debian: prometheus)"]
    slo = promise("99%", DAY)
    service = Service("shop", "t", slos=(slo,))
    made = records_of(Spec(services={"shop": service}), service, slo, scrape_interval=MINUTE)
    groups = [
        {
            "name": group.name,
            "interval": f"{length_ms(group.every) // 1000}s",
            "rules": [_rule(r) for r in group.records],
        }
        for group in made.groups
    ]
    refuted = []
    for name, profile in PROFILES.items():
        story = [
            {"series": _named(labels), "values": " ".join(f"{value:.0f}" for value in values[60:])}
            for labels, _, values in rows(profile)
        ]
        # promtool evaluates every group at one interval, in any order: that of the counts, and it is asked one later,
        # when there is no rate any more and all of the day have been written down.
        expr = f"abs(sereno:error:ratio_period - {float(truth(profile)):.17g}) < bool 1e-6"
        expected = [{"labels": '{service="shop", slo="availability", team="t"}', "value": 1}]
        asked = {"expr": expr, "eval_time": "1445m", "exp_samples": expected}
        test = {"interval": "1m", "input_series": story, "promql_expr_test": [asked]}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rules.yml").write_text(yaml({"groups": groups}))  # type: ignore[dict-item]
            document = {"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": [test]}
            (Path(folder) / "test.yml").write_text(yaml(document))  # type: ignore[arg-type]
            run = subprocess.run(
                [tool, "test", "rules", f"{folder}/test.yml"], capture_output=True, text=True, timeout=300
            )
        if run.returncode:
            refuted.append(f"promtool, {name}: {(run.stdout + run.stderr)[-600:]}")
    return len(PROFILES), refuted


def _rule(record: Record) -> dict[str, Any]:
    return {"record": record.name, "expr": record.expr, "labels": dict(record.labels)}


def _named(labels: Labels) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{inside}}}"


def by_hand() -> Iterator[tuple[str, object, object]]:
    """What was computed by hand: its name, what we say, what it is."""
    yield from _times()
    yield from _months()
    yield from _planned()
    yield from _composites()


def _sliced(text: str, window: timedelta, method: Method = "timeslices", **more: Any) -> Slo:
    return promise(text, window, method=method, slice_target=Decimal("0.9"), **more)


def _times() -> Iterator[tuple[str, object, object]]:
    two_weeks = _sliced("95%", 14 * DAY)
    yield "95 % of two weeks", time_budget(two_weeks, period_of(two_weeks, START)), timedelta(hours=16, minutes=48)
    week = _sliced("99.95%", 7 * DAY)
    yield "99.95 % of a week", time_budget(week, period_of(week, START)), timedelta(minutes=5, seconds=2.4)
    minutes = 14 * 1440
    for bad, left in ((1007, True), (1008, False)):
        day = Profile(lambda _: 100, lambda m, bad=bad: 11 if m < bad else 0)  # type: ignore[misc]
        found = budget("shop", two_weeks, source(rows(day, minutes=minutes)), START + 14 * DAY)
        yield f"{bad} bad slices leave something", (found.remaining or 0) > 0, left
    ratios = _sliced("95%", 14 * DAY, "ratio_timeslices")
    for bad, left in ((822, True), (823, False)):  # 0.04 × 20,160 ÷ 0.98 = 822.86: 13 h 43 min
        day = Profile(lambda _: 100, lambda m, bad=bad: 99 if m < bad else 1)  # type: ignore[misc]
        found = budget("shop", ratios, source(rows(day, minutes=minutes)), START + 14 * DAY)
        yield f"{bad} slices at 1 % leave something", (found.remaining or 0) > 0, left


def _months() -> Iterator[tuple[str, object, object]]:
    hours = {("America/Lima", 3): 744, ("America/New_York", 3): 743, ("America/New_York", 11): 721,
             ("America/Santiago", 4): 721, ("America/Santiago", 9): 719}  # fmt: skip
    for (zone, month), length in hours.items():
        monthly = _sliced("99%", 30 * DAY, calendar=Calendar("month", zone))
        period = period_of(monthly, datetime(2026, month, 15, tzinfo=UTC))
        yield f"{zone} in month {month}", time_budget(monthly, period), timedelta(hours=length) / 100
    begins = datetime(2026, 6, 1, 5, tzinfo=UTC)
    fault = Profile(lambda _: 100, lambda m: 30 if 27_960 <= m < 28_080 else 0)
    samples = source(rows(fault, minutes=21 * 1440, start=begins))
    found = budget(
        "shop", promise("99%", 30 * DAY, calendar=Calendar("month", "America/Lima")), samples, begins + 21 * DAY
    )
    yield "Lima in June so far, of events", found.consumed, _decimal(Fraction(3_600, 30_240))
    yield "Lima in June at its end, of events", found.projected, _decimal(Fraction(3_600, 43_200))
    monthly = _sliced("99%", 30 * DAY, calendar=Calendar("month", "America/Lima"))
    found = budget("shop", monthly, samples, begins + 21 * DAY)
    yield "Lima in June, of slices", found.consumed, _decimal(Fraction(120, 432))


def _planned() -> Iterator[tuple[str, object, object]]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    week = Profile(lambda _: 100, lambda m: 50 if 4740 <= m < 4860 or 5760 <= m < 5790 else 0)
    samples = source(rows(week, minutes=7 * 1440, start=start))
    sundays = Maintenance("w", "", (), datetime(2026, 1, 4, 2), 2 * HOUR, "America/Lima", "FREQ=WEEKLY;BYDAY=SU")
    left_out = Exclusions((sundays,))
    found = budget("shop", promise("99%", 7 * DAY), samples, start + 7 * DAY, exclusions=left_out)
    yield "a week without its Sunday, of events", (found.bad, found.total), (1_500, 996_000)
    found = budget("shop", _sliced("99%", 7 * DAY), samples, start + 7 * DAY, exclusions=left_out)
    yield "a week without its Sunday, of slices", (found.bad, found.total), (30, 9_960)
    yield "a week without its Sunday, as time", found.time_budget, timedelta(minutes=99.6)


def _composites() -> Iterator[tuple[str, object, object]]:
    web, pay = Profile(lambda _: 100, lambda _: 1), Profile(lambda _: 50, lambda _: 4)
    samples = source([*rows(web, job="web"), *rows(pay, job="pay")])
    parts = (Part("web", promise("99%", DAY, job="web"), Decimal(2)), Part("pay", promise("99%", DAY, job="pay")))
    for mode, expected in (("weighted", Fraction(5, 3)), ("product", Fraction("4.46"))):
        whole = promise("98%", DAY, "journey", sli=CompositeSli(mode, parts))  # type: ignore[arg-type]
        yield f"{mode}, consumed", budget("shop", whole, samples, START + DAY).consumed, _decimal(expected)
    web = Profile(lambda _: 100, lambda m: 50 if 100 <= m < 110 else 0)
    pay = Profile(lambda _: 100, lambda m: 50 if 105 <= m < 120 else 0)
    samples = source([*rows(web, job="web"), *rows(pay, job="pay")])
    whole = promise("98%", DAY, "journey", sli=CompositeSli("all", parts), slice_target=Decimal("0.9"))
    found = budget("shop", whole, samples, START + DAY)
    yield "all, consumed", found.consumed, _decimal(Fraction(20) / Fraction("28.8"))


def _decimal(value: Fraction) -> Decimal:
    from sereno.slo.exact import ratio

    return ratio(value)


def measure() -> list[Figure]:
    """The figures."""
    off_live = {name: live(profile) for name, profile in PROFILES.items()}
    off_rules = {(name, d): recorded(profile, d) for name, profile in PROFILES.items() for d in (2, 3)}
    asked, refuted = by_promtool()
    cases = list(by_hand())
    wrong = [f"{name}: {got} is not {expected}" for name, got, expected in cases if got != expected]
    far = [f"rules, {key}: {off:g}" for key, off in off_rules.items() if off > EPSILON]
    for line in (*refuted, *wrong, *far):
        print(line)
    return [
        Figure("live budget beside exact counts", max(off_live.values()), "budgets", most=EPSILON),
        Figure("recorded rules beside exact counts", max(off_rules.values()), "budgets", most=EPSILON),
        Figure("profiles that promtool confirms", asked - len(refuted), "of 6", least=6),
        Figure("cases computed by hand", len(cases) - len(wrong), "cases", least=len(cases)),
    ]
