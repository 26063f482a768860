"""Writes unit tests of rules: series are made up from the selectors of an expression until its alert fires.

What a test expects is what the replay gives: it says what the rule does, and people judge whether it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice, product
from typing import Any

import yaml

from sereno.alerts.notation import write_values
from sereno.alerts.replay_plan import selectors, walk
from sereno.alerts.unit_test_run import metric_text, ordered, run_test
from sereno.alerts.unit_tests import (
    MINUTE,
    AlertTest,
    ExprTest,
    InputSeries,
    UnitTest,
    UnitTestFile,
)
from sereno.compiler.samples import labels_matching
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import QueryError, UsageError
from sereno.kernel.labels import Labels
from sereno.promql import Expr, Settings, parse
from sereno.promql.ast import Aggregate, Binary, Number, RangeSelector, Subquery
from sereno.spec.rule_groups import GroupRule, RuleGroup

TRIES_MAX = 400
Value = dict[str, Any]
_SERIES_MAX = 6
_SHAPES = ("rise", "one", "zero", "many", "fall", "steep", "little", "none")


def generated(
    rule_files: Sequence[str], groups: Sequence[RuleGroup], settings: Settings
) -> tuple[str, tuple[GroupRule, ...]]:
    """The text of a test file for the rules of `groups`, and the rules for which no series were found.

    Args:
        rule_files: the names of their files, seen from the test file.
        groups: the rules.
        settings: how Prometheus would be configured.
    """
    file = UnitTestFile("", tuple(rule_files))
    arranged = ordered(groups, file)
    tests: list[Value] = []
    missing: list[GroupRule] = []
    for group in arranged:
        for rule in group.rules:
            found = _tests_of(rule, group, file, settings)
            tests += found
            if not found:
                missing.append(rule)
    head: Value = {"rule_files": list(rule_files), "evaluation_interval": "1m", "tests": tests}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120)
    return "# Written by `sereno test --generate`: look through what is expected.\n" + text, tuple(missing)


def _tests_of(rule: GroupRule, group: RuleGroup, file: UnitTestFile, settings: Settings) -> list[Value]:
    """The first candidate in which the rule does something, as a test of what it does; of an alert also the first in
    which it stays quiet."""
    try:
        tree = parse(rule.expr, settings.language)
        inputs = _inputs(tree)
    except (QueryError, UsageError):
        return []
    steps = _steps(tree, rule)
    alone = replace(group, rules=(rule,))
    active: Value | None = None
    quiet: Value | None = None
    for shapes in islice(product(_SHAPES, repeat=len(inputs)), TRIES_MAX):
        series = tuple(
            InputSeries(metric_text(labels), write_values(_values(shape, steps, _threshold(tree))))
            for labels, shape in zip(inputs, shapes, strict=True) if shape != "none"
        )  # fmt: skip
        found, passed = _tried(rule, alone, file, settings, series, steps)
        active = active or found
        if passed and quiet is None and rule.kind == "alert":
            checks = [{"eval_time": format_duration(steps * MINUTE), "alertname": rule.name, "exp_alerts": []}]
            quiet = {**_head(UnitTest(f"{rule.name}, quiet", MINUTE, series)), "alert_rule_test": checks}
        if active is not None and (quiet is not None or rule.kind == "record"):
            break
    return [] if active is None else [one for one in (active, quiet) if one is not None]


def _inputs(tree: Expr) -> list[Labels]:
    """A series for each selector that differs; labels that expressions group or match by are the same in all.

    Raises UsageError for selectors too clever, or too many.
    """
    common = dict.fromkeys(sorted(_shared(tree)), "x")
    found: dict[Labels, None] = {}
    for selector, _, _ in selectors(tree):
        labels = labels_matching(selector.matchers)
        found[Labels({**common, **labels})] = None
    if len(found) > _SERIES_MAX or any("__name__" not in labels for labels in found):
        raise UsageError("too many series, or some without a name")
    return list(found)


def _shared(tree: Expr) -> set[str]:
    names: set[str] = set()
    for part in walk(tree):
        if isinstance(part, Aggregate) and not part.without:
            names |= set(part.grouping)
        if isinstance(part, Binary) and part.matching.on:
            names |= set(part.matching.labels)
    return names - {"le", "quantile", "__name__"}


def _steps(tree: Expr, rule: GroupRule) -> int:
    """Minutes enough for the longest window and for what the alert waits."""
    longest = max([0, *(p.range_ms for p in walk(tree) if isinstance(p, RangeSelector | Subquery))])
    offset = max([0, *(offset for _, offset, _ in selectors(tree))])
    return min((longest + offset) // 60_000 + rule.for_ // MINUTE + 5, 20_000)


def _threshold(tree: Expr) -> float:
    return max([1.0, *(abs(part.value) for part in walk(tree) if isinstance(part, Number))])


def _values(shape: str, steps: int, threshold: float) -> list[float | None]:
    rates = {"rise": 60.0, "steep": 60.0 * threshold * 100}
    if shape in rates:
        return [step * rates[shape] for step in range(steps + 1)]
    if shape == "fall":
        return [threshold * 10 * (steps - step) for step in range(steps + 1)]
    level = {"one": 1.0, "zero": 0.0, "many": threshold * 10 + 1, "little": 0.001}[shape]
    return [level] * (steps + 1)


def _tried(
    rule: GroupRule,
    group: RuleGroup,
    file: UnitTestFile,
    settings: Settings,
    series: tuple[InputSeries, ...],
    steps: int,
) -> tuple[Value | None, bool]:
    """The test over these series if the rule does something at their end, and whether it certainly does nothing."""
    at = steps * MINUTE
    blank = UnitTest(rule.name, MINUTE, series)
    if rule.kind == "alert":
        asked = replace(blank, alerts=(AlertTest(at, rule.name, ()),))
    else:
        asked = replace(blank, exprs=(ExprTest(rule.name, at, ()),))
    verdict = run_test(asked, file, (group,), settings=settings)
    if verdict.passed or len(verdict.failures) != 1 or not verdict.failures[0].expected:
        return None, verdict.passed
    if rule.kind == "alert":
        return _alert_test(rule, verdict.failures[0].got, blank, at), False
    return _expr_test(rule, group, blank, at, settings), False


def _alert_test(rule: GroupRule, got: Sequence[str], blank: UnitTest, at: timedelta) -> Value | None:
    """What fires now, and that nothing did at the beginning of what it waits for."""
    alerts: list[Value] = []
    for line in got:
        if line.startswith("alert "):
            alerts.append({"exp_labels": {}, "exp_annotations": {}})
            continue
        key = "exp_annotations" if line.startswith("  annotation ") else "exp_labels"
        # Spaces at the end of a value are part of it.
        name, parted, value = line[2:].removeprefix("annotation ").partition(" = ")
        if not parted or not alerts or not line.startswith("  "):
            return None  # a text of several lines: written by hand
        if name != "alertname":
            alerts[-1][key][name] = value
    if any("<error expanding" in line for line in got):
        return None
    checks: list[Value] = [{"eval_time": format_duration(at), "alertname": rule.name, "exp_alerts": alerts}]
    if rule.for_:
        checks.insert(0, {"eval_time": "0s", "alertname": rule.name, "exp_alerts": []})
    return {**_head(blank), "alert_rule_test": checks}


def _expr_test(
    rule: GroupRule, group: RuleGroup, blank: UnitTest, at: timedelta, settings: Settings
) -> Value | None:  # fmt: skip
    from sereno.alerts.replay_run import Run
    from sereno.alerts.unit_test_run import given_series, select_of
    from sereno.kernel.duration import to_ms
    from sereno.kernel.template import TemplateContext

    end = to_ms(at)
    run = Run(
        (group,), 0, end, select_of(given_series(blank, end)), interval_ms=60_000, settings=settings, limits=None,
        texts=TemplateContext(), alert_series=False, merge=True,
    )  # fmt: skip
    run.all(end + 1)
    samples: list[Value] = []
    for labels, row in run.made[0].rows.items():
        times, values, objects = row.between(end, end)
        if len(times) and objects is None and values[0] == values[0]:
            samples.append({"labels": metric_text(labels), "value": float(values[0])})
    if not samples:
        return None
    return {**_head(blank), "promql_expr_test": [
        {"expr": rule.name, "eval_time": format_duration(at), "exp_samples": samples}
    ]}  # fmt: skip


def _head(blank: UnitTest) -> Value:
    series = [{"series": one.series, "values": one.values} for one in blank.series]
    return {"name": blank.name, "interval": "1m", "input_series": series}
