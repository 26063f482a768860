"""Runs unit tests of rules with promtool's verdicts: a replay over the series of a test, and questions about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sereno.alerts.notation import parse_metric, parse_one_histogram, parse_values
from sereno.alerts.replay_plan import Arrangement, Task
from sereno.alerts.replay_run import Run
from sereno.alerts.replay_series import joined
from sereno.alerts.unit_tests import AlertTest, ExprTest, Failure, UnitTest, UnitTestFile, Verdict
from sereno.kernel.duration import format_duration, to_ms
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateContext, show
from sereno.promql import (
    Columns,
    Grid,
    Limits,
    Select,
    Selection,
    Settings,
    evaluate,
    matches,
    parse,
    selections,
)
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.promql.matching import quoted
from sereno.promql.native_stored import stored
from sereno.promql.native_text import notation
from sereno.spec.rule_groups import RuleGroup

Series = tuple[Labels, Int64s, Float64s, Objects | None]
_DUMP_MAX = 10_000
_FAR = 2**62

EVALUATIONS_MAX = 5_000_000


def ordered(groups: Sequence[RuleGroup], file: UnitTestFile) -> tuple[RuleGroup, ...]:
    """The groups as promtool evaluates them: in `group_eval_order` (those not named come with its first), all on the
    test's beat."""
    places = {name: place for place, name in enumerate(file.group_eval_order)}
    return tuple(
        replace(group, interval=None) for group in sorted(groups, key=lambda group: places.get(group.name, 0))
    )  # fmt: skip


def run_test(
    test: UnitTest,
    file: UnitTestFile,
    groups: Sequence[RuleGroup],
    *,
    settings: Settings | None = None,
    limits: Limits | None = None,
    dump: bool = False,
    arrangement: Arrangement | None = None,
) -> Verdict:
    """The verdict on one test.

    Args:
        test: the test.
        file: its file, for the beat of evaluation and how numbers are compared.
        groups: the rules, in the order of `ordered`.
        settings: how Prometheus would be configured; the step of subqueries is the file's evaluation interval.
        limits: of each expression.
        dump: put all series, given and made, into the verdict.
        arrangement: that of the groups for the test's start, if it is known already.
    """
    every = to_ms(file.evaluation_interval)
    settings = replace(settings or Settings(), subquery_step_ms=every)
    try:
        last_ms = test.start_ms + to_ms(test.length) // every * every
        evaluations = (last_ms - test.start_ms) // every + 1
        if evaluations > EVALUATIONS_MAX:
            raise _BadSeries(f"it has {evaluations:,} evaluations, more than {EVALUATIONS_MAX:,}", test.line)
        given = given_series(test, last_ms)
    except _BadSeries as bad:
        return Verdict(test, (Failure(str(bad), line=bad.line),))
    run = Run(
        groups, test.start_ms, last_ms, select_of(given), interval_ms=every, settings=settings, limits=limits,
        texts=TemplateContext(external_labels=test.external_labels, external_url=test.external_url),
        alert_series=True, merge=True, arrangement=arrangement,
    )  # fmt: skip
    run.all(last_ms - test.start_ms + 1)
    judge = _Judge(test, file, run, every, settings, limits)
    failures = judge.problems() or [*judge.alerts(), *judge.exprs()]
    checks = len(test.alerts) + len(test.exprs)
    return Verdict(test, tuple(failures), checks, judge.touched(), tuple(judge.dump()) if dump else ())


class _BadSeries(ValueError):
    """A test whose series cannot be read, or are too many."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def given_series(test: UnitTest, last_ms: int) -> list[Series]:
    """The series that a test feeds in, up to the last evaluation. Raises ValueError."""
    found: dict[Labels, Series] = {}
    step = to_ms(test.interval)
    for one in test.series:
        try:
            labels, values = parse_metric(one.series), parse_values(one.values)
        except ValueError as error:
            raise _BadSeries(f"the series {one.series[:200]}: {error}", one.line) from None
        times = test.start_ms + np.arange(len(values.present), dtype=np.int64) * step
        kept = values.present & (times <= last_ms)
        histograms = None if values.histograms is None else _stored(values.histograms[kept])
        found[labels] = (labels, times[kept], values.values[kept], histograms)
    return list(found.values())


def _stored(histograms: Objects) -> Objects:
    """As Prometheus's storage gives them back: it notes where a counter was reset."""
    found = np.full(len(histograms), None, dtype=object)
    for place, histogram in enumerate(stored(histograms.tolist())):
        found[place] = histogram
    return found


def select_of(given: Sequence[Series]) -> Select:
    """A way to select among `given`."""

    def select(selection: Selection) -> Columns:
        return joined(
            [(labels, (times, values, objects)) for labels, times, values, objects in given
             if len(times) and matches(selection.matchers, labels)]
        )  # fmt: skip

    return select


@dataclass(slots=True)
class _Judge:
    """Compares what a test expects with what was."""

    test: UnitTest
    file: UnitTestFile
    run: Run
    every: int
    settings: Settings
    limits: Limits | None
    _seen: set[int] = field(default_factory=set)

    def problems(self) -> list[Failure]:
        """Rules that could not be evaluated: then nothing else is asked."""
        found = self.run.problems + [p for task in self.run.tasks for p in self.run.problems_of(task)]
        if not found:
            return []
        first = min(problem.since_ms for problem in found)
        return [
            Failure(f"rule {problem.rule.name} fails at {_time(first - self.test.start_ms)}: {problem.why}",
                    line=self.test.line)
            for problem in found if problem.since_ms == first
        ]  # fmt: skip

    # Alerts ----------------------------------------------------------------------------------------------------

    def alerts(self) -> Iterable[Failure]:
        for test in sorted(self.test.alerts, key=lambda one: one.eval_time):
            tasks = [t for t in self.run.tasks if t.rule.kind == "alert" and t.rule.name == test.alertname]
            self._seen |= {task.order for task in tasks}
            expected = sorted(
                (one.labels.with_(alertname=test.alertname).pairs, one.annotations) for one in test.expected
            )
            at_ms = self.test.start_ms + to_ms(test.eval_time) // self.every * self.every
            try:
                got = sorted(alert for task in tasks for alert in self.firing(task, at_ms))
            except QueryError as error:
                yield Failure(self.title(test), got=(error.message,), line=test.line)
                continue
            if expected != got:
                yield Failure(self.title(test), _alert_lines(expected), _alert_lines(got), test.line)

    def title(self, test: AlertTest) -> str:
        return f"alert {test.alertname} at {format_duration(test.eval_time)}"

    def firing(self, task: Task, at_ms: int) -> Iterable[Alert]:
        """What fires, with the annotations of the last evaluation at which it was true."""
        for labels in self.run.firing_at(task, at_ms):
            look_ms = at_ms
            while look_ms >= self.test.start_ms:
                found = self.run.found_at(task, look_ms).get(labels)
                if found is not None:
                    yield labels.pairs, tuple(sorted(found[0].items()))
                    break
                look_ms -= self.every

    # Expressions -----------------------------------------------------------------------------------------------

    def exprs(self) -> Iterable[Failure]:
        for test in self.test.exprs:
            title = f"{test.expr.strip()} at {format_duration(test.eval_time)}"
            try:
                expected = sorted(
                    (parse_metric(one.labels).pairs,
                     notation(parse_one_histogram(one.histogram)) if one.histogram else one.value)
                    for one in test.expected
                )  # fmt: skip
            except (ValueError, TypeError) as error:
                yield Failure(title, got=(f"what is expected cannot be read: {error}",), line=test.line)
                continue
            try:
                got = self.value(test)
            except QueryError as error:
                yield Failure(title, _sample_lines(expected), (error.message,), test.line)
                continue
            if not self.same(expected, got):
                yield Failure(title, _sample_lines(expected), _sample_lines(got), test.line)

    def value(self, test: ExprTest) -> list[Sample]:
        """What the expression gives, in order of labels. Raises QueryError."""
        tree = parse(test.expr, self.settings.language)
        grid = Grid.at(self.test.start_ms + to_ms(test.eval_time))
        asked = [one.matchers for one in selections(tree, grid, settings=self.settings)]
        self._seen |= {
            made.order for made in self.run.made if any(matches(one, labels) for one in asked for labels in made.rows)
        }
        result = evaluate(tree, grid, self.everything, limits=self.limits, settings=self.settings)
        if result.kind == "string":
            raise QueryError("rule result is not a vector or scalar")
        found: list[Sample] = []
        for row in np.flatnonzero(result.present[:, 0]).tolist():
            histogram = None if result.histograms is None else result.histograms[row, 0]
            value = float(result.values[row, 0]) if histogram is None else notation(histogram)
            found.append((result.labels[row].pairs, value))
        return sorted(found, key=lambda one: one[0])

    def everything(self, selection: Selection) -> Columns:
        """What was given and what was made, the future of the instant included."""
        return self.run.overlay.seen(self.run.select(selection), selection, -1, None)

    def same(self, expected: Sequence[Sample], got: Sequence[Sample]) -> bool:
        if len(expected) != len(got):
            return False
        return all(
            one[0] == other[0] and self.equal(one[1], other[1]) for one, other in zip(expected, got, strict=True)
        )  # fmt: skip

    def equal(self, expected: float | str, got: float | str) -> bool:
        """As promtool: exactly, or with `fuzzy_compare` to the last bit; NaN equals nothing."""
        if expected == got:
            return True
        if not self.file.fuzzy or isinstance(expected, str) or isinstance(got, str):
            return False
        return got in (math.nextafter(expected, -math.inf), math.nextafter(expected, math.inf))

    # More ------------------------------------------------------------------------------------------------------

    def touched(self) -> frozenset[int]:
        """The rules that the test asks about, and those that feed them."""
        if not self._seen:
            return frozenset()
        reads = self.run.arrangement.reads
        found, rest = set[int](), list(self._seen)
        while rest:
            order = rest.pop()
            if order not in found:
                found.add(order)
                rest += reads[order]
        return frozenset(found)

    def dump(self) -> Iterable[str]:
        """All series, a sample a line."""
        columns = self.everything(Selection((), -_FAR, _FAR))
        told = 0
        for index in sorted(range(len(columns)), key=lambda index: columns.labels[index].pairs):
            times, values = columns.series(index)
            yield metric_text(columns.labels[index])
            for at, value in zip(times.tolist(), values.tolist(), strict=True):
                told += 1
                if told > _DUMP_MAX:
                    yield "…"
                    return
                yield f"  {_time(at - self.test.start_ms)} {show(value)}"


Pairs = tuple[tuple[str, str], ...]
Alert = tuple[Pairs, Pairs]
Sample = tuple[Pairs, float | str]


def _alert_lines(alerts: Sequence[Alert]) -> tuple[str, ...]:
    lines: list[str] = []
    for number, (labels, texts) in enumerate(alerts, 1):
        lines.append(f"alert {number}")
        lines += [f"  {name} = {value}" for name, value in labels]
        lines += [f"  annotation {name} = {value}" for name, value in texts]
    return tuple(line for words in lines for line in words.split("\n")) or ("no alert",)


def _sample_lines(samples: Sequence[Sample]) -> tuple[str, ...]:
    return tuple(
        f"{metric_text(Labels(pairs))} {value if isinstance(value, str) else repr(value).removesuffix('.0')}"
        for pairs, value in samples
    ) or ("no sample",)  # fmt: skip


def metric_text(labels: Labels) -> str:
    """`name{a="b"}`."""
    inside = ", ".join(f"{name}={quoted(value)}" for name, value in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}" if inside or "__name__" not in labels else labels["__name__"]


def _time(ms: int) -> str:
    from datetime import timedelta

    return (
        format_duration(timedelta(milliseconds=ms)) if ms >= 0 else f"-{format_duration(timedelta(milliseconds=-ms))}"
    )
