"""Burn-rate alerts beside their formulae: when each tier fires and stops, by our evaluator and by promtool.

For windows of 30, 28, 7 and 1 days, targets from 90 to 99.99 %, and scrapes every 15 and 60 s, every tier is told a
fault as long as its long window, of all events and of twice its threshold. What is measured is held against
W·f·b/e and w·(1 − f·b/e) (Google SRE workbook, chapter 5) in evaluations.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np

from bench.figure import Figure
from sereno.compiler.text import yaml
from sereno.kernel.duration import format_duration, to_ms
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.promql import Columns, Grid, Selection, Settings, evaluate, matches
from sereno.slo import SloPlan, Tier, plan
from sereno.spec.model import EventsSli, Objective, Service, Slo

WINDOWS = ("30d", "28d", "7d", "1d")
TARGETS = ("90%", "99%", "99.9%", "99.99%")
SCRAPES = (15, 60)
EVENTS = 1_000_000  # a scrape
SLI = EventsSli('http_requests_total{job="shop"}', 'http_requests_total{job="shop",status="500"}', None)
GOOD = Labels(__name__="http_requests_total", job="shop", status="200")
BAD = Labels(__name__="http_requests_total", job="shop", status="500")
SETTINGS = Settings.of(3)


@dataclass(frozen=True)
class Case:
    """One tier of one objective, and a fault."""

    plan: SloPlan
    tier: Tier
    rule: Rule
    scrape_ms: int
    error: Fraction

    @property
    def share(self) -> Fraction:
        """f·b/e: the threshold as a share of the fault."""
        return Fraction(self.tier.factor) * Fraction(self.plan.slo.objective.budget) / self.error

    @property
    def detection(self) -> Fraction:
        """When the formula has it fire, in milliseconds after the fault begins."""
        return to_ms(self.tier.long) * self.share

    @property
    def reset(self) -> Fraction:
        """When the formula has it stop, in milliseconds after the fault ends."""
        return to_ms(self.tier.short) * (1 - self.share)


def plans() -> Iterator[tuple[SloPlan, int]]:
    """Every objective's plan, and how often it is scraped, in seconds."""
    days = {"30d": 30, "28d": 28, "7d": 7, "1d": 1}
    for window in WINDOWS:
        for text in TARGETS:
            for seconds in SCRAPES:
                slo = Slo("availability", Objective(text, Decimal(text[:-1]) / 100), timedelta(days=days[window]), SLI)
                every = timedelta(seconds=seconds)
                yield plan(Service("shop", "t"), slo, scrape_interval=every, evaluation_interval=every), seconds


def cases() -> Iterator[Case]:
    """Every tier with a fault of everything, and one of twice its threshold."""
    for made, seconds in plans():
        for tier, rule in zip(made.tiers, made.rules, strict=True):
            threshold = Fraction(tier.factor) * Fraction(made.slo.objective.budget)
            for error in {Fraction(1), min(Fraction(1), Fraction(round(2 * threshold * EVENTS), EVENTS))}:
                yield Case(made, tier, rule, seconds * 1000, error)


def measured(case: Case) -> tuple[Fraction, Fraction]:
    """How many evaluations later than the formulae the rule fired, and stopped; more than 99 if it never did."""
    every, long, short = case.scrape_ms, to_ms(case.tier.long), to_ms(case.tier.short)
    before, fault, after = long // every, ceil(long / every), short // every + 3
    bad = np.concatenate((np.zeros(before), np.full(fault, int(case.error * EVENTS)), np.zeros(after)))
    times = every * np.arange(len(bad) + 1)
    begin, end = before * every, (before + fault) * every

    def select(selection: Selection) -> Columns:
        counts = ((GOOD, EVENTS - bad), (BAD, bad))
        rows = [(labels, times, np.concatenate(([0.0], np.cumsum(each)))) for labels, each in counts]
        return Columns.of([row for row in rows if matches(selection.matchers, row[0])])

    fired = _first(
        case, select, begin, range(floor(case.detection / every) - 3, ceil(case.detection / every) + 4), True
    )
    stopped = _first(case, select, end, range(floor(case.reset / every) - 3, ceil(case.reset / every) + 4), False)
    return (fired - case.detection) / every, (stopped - case.reset) / every


def _first(case: Case, select: object, since: int, steps: range, firing: bool) -> Fraction:
    """How long after `since` the rule is first seen firing (or not); it is looked at around the formula's moment."""
    grid = Grid(since + steps.start * case.scrape_ms, since + (steps.stop - 1) * case.scrape_ms, case.scrape_ms)
    result = evaluate(case.rule.expr, grid, select, settings=SETTINGS)  # type: ignore[arg-type]
    held = result.present.any(axis=0) if len(result.labels) else np.zeros(len(grid.instants_ms), bool)
    found = np.flatnonzero(held == firing)
    wrong_before = bool(len(found)) and found[0] == 0
    return Fraction(10**12) if not len(found) or wrong_before else Fraction(int(grid.instants_ms[found[0]]) - since)


def by_promtool(window: str = "1d") -> tuple[int, list[str]]:
    """How many tiers of `window` promtool saw fire and stop within an evaluation of the formulae, and what failed."""
    tool, count, failed = shutil.which("promtool"), 0, []
    if tool is None:
        return 0, ["promtool is not installed (Debian: prometheus)"]
    for case in cases():
        if case.plan.slo.window != timedelta(days=1) or case.scrape_ms != 60_000:
            continue
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rules.yml").write_text(_rules(case))
            (Path(folder) / "test.yml").write_text(_story(case))
            run = subprocess.run(
                [tool, "test", "rules", f"{folder}/test.yml"], capture_output=True, text=True, timeout=120
            )
        count += 1
        if run.returncode:
            failed.append(f"{case.plan.slo.objective.text} {case.rule.name} at {case.error}: {run.stdout[:300]}")
    return count, failed


def _rules(case: Case) -> str:
    return yaml({"groups": [{"name": "g", "rules": [{"alert": case.rule.name, "expr": case.rule.expr}]}]})


def _story(case: Case) -> str:
    every, long, short = case.scrape_ms, to_ms(case.tier.long), to_ms(case.tier.short)
    before, fault, after = long // every, ceil(long / every), short // every + 5
    bad = int(case.error * EVENTS)
    ends = bad * fault
    series = {
        "500": f"0x{before} {bad}+{bad}x{fault - 1} {ends}x{after}",
        "200": f"0+{EVENTS}x{before} {EVENTS * before + EVENTS - bad}+{EVENTS - bad}x{fault - 1}"
        f" {EVENTS * before + (EVENTS - bad) * fault + EVENTS}+{EVENTS}x{after - 1}",
    }
    fires = before * every + case.detection
    stops = (before + fault) * every + case.reset
    moments = [
        (floor(fires / every) - 1, False), (ceil(fires / every) + 1, True),
        (floor(stops / every) - 1, True), (ceil(stops / every) + 1, False),
    ]  # fmt: skip
    expected = [
        {
            "eval_time": format_duration(timedelta(milliseconds=at * every)),
            "alertname": case.rule.name,
            "exp_alerts": [{"exp_labels": {}}] if firing else [],
        }
        for at, firing in moments
        if at >= 0
    ]
    inputs = [
        {"series": f'http_requests_total{{job="shop",status="{status}"}}', "values": values}
        for status, values in series.items()
    ]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": expected}
    return yaml({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})  # type: ignore[dict-item]


def unsound() -> list[str]:
    """Tiers that should not be, and drops that nobody explains."""
    found = []
    for made, seconds in plans():
        if len(made.tiers) + len(made.dropped) != 4:
            found.append(f"{made.slo.window} {made.slo.objective.text}: tiers went without a word")
        for tier in made.tiers:
            lies = tier.factor <= 1 or tier.factor * made.slo.objective.budget >= 1
            if lies or to_ms(tier.short) < 4 * seconds * 1000 or tier.long <= tier.short:
                found.append(f"{made.slo.window} {made.slo.objective.text} {tier}")
        found += [f"{one}" for one in made.dropped if not one.explanation]
    return found


def measure() -> list[Figure]:
    """The figures."""
    late, early, reset, count, failed = Fraction(0), Fraction(0), Fraction(0), 0, []
    for case in cases():
        fired, stopped = measured(case)
        count += 1
        late, early, reset = max(late, fired), min(early, fired), max(reset, abs(stopped))
        if max(abs(fired), abs(stopped)) > 1:
            window = format_duration(case.plan.slo.window)
            name = (
                f"{window} {case.plan.slo.objective.text} {case.rule.name} {case.scrape_ms} ms at {float(case.error):g}"
            )
            failed.append(f"{name}: fired {float(fired):+.2f}, stopped {float(stopped):+.2f} evaluations off")
    told, refuted = by_promtool()
    wrong = unsound()
    for line in (*failed, *refuted, *wrong):
        print(line)
    return [
        Figure("cases that fire and stop by the formulae", count - len(failed), "cases", least=count),
        Figure("latest detection", float(late), "evals", most=1, beside=f"earliest {float(early):.2f}"),
        Figure("furthest reset", float(reset), "evals", most=1),
        Figure("cases that promtool confirms", told - len(refuted), "cases", least=max(told, 1)),
        Figure("tiers that lie, or went without a word", len(wrong), "tiers", most=0),
    ]
