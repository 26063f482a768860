"""Stories for `promtool test rules`: an outage, an idle hour, failures never seen, samples that are gone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil

from sereno.compiler.samples import labels_matching
from sereno.compiler.text import Value, yaml
from sereno.kernel.duration import format_duration
from sereno.kernel.errors import QueryError, UsageError
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.promql import matchers_of
from sereno.slo.model import SloPlan
from sereno.slo.recording import in_slices, series
from sereno.slo.selectors import counts_good, part_selector, total_selector
from sereno.spec.model import CompositeSli, EventsSli, GaugeSli, LatencySli, NativeLatencySli, QuerySli, Slo

_STEP = timedelta(minutes=1)
_HEALTHY = 5
_EVENTS = 60
_QUIET = 20
_RUN = re.compile(r"(-?[\d.e+-]+?)(?:\+(\d+))?x(\d+)")
Series = tuple[tuple[Labels, str], ...]


@dataclass(frozen=True, slots=True)
class _Story:
    """What is put in, and what is looked at: alerts by step and whether they fire, and results of expressions."""

    name: str
    series: tuple[tuple[Labels, str], ...]
    alerts: tuple[tuple[int, Rule, bool], ...]
    results: tuple[tuple[int, str, str | None], ...] = ()


def tests_file(
    plan: SloPlan,
    *,
    rules: str | Sequence[str] = "rules.yml",  # noqa: PT028 (no test of pytest's)
    watch: Rule | None = None,  # noqa: PT028
    recorded: bool = False,  # noqa: PT028
) -> str:
    """A unit test of the rules of `plan`, for promtool.

    Minute by minute: all is well and nothing fires; every event fails until every tier must fire; all is well until
    the longest of the short windows has passed, and nothing fires. While nothing happens nothing fires and no figure
    is a NaN; where no failure was ever seen all of the budget is left; when the samples end `watch` fires.

    Args:
        plan: the objective; its rules as they are written in the rule files.
        rules: the rule files, seen from the test's.
        watch: the alert that its samples are gone.
        recorded: whether the rule files record its period.

    Raises UsageError when the plan has no rule, or no example can be made of what its selectors select.
    """
    if not plan.tiers and watch is None:
        raise UsageError(f"{plan.service}/{plan.slo.name} has no burn-rate tier to test")
    made = _series(plan.slo)
    stories = [_outage(plan, made, watch)] if plan.tiers else []
    stories += _quiet(plan, made, watch, recorded=recorded)
    files = [rules] if isinstance(rules, str) else list(rules)
    return yaml(
        {
            "rule_files": files,
            "evaluation_interval": format_duration(_STEP),
            "tests": [_written(plan, story) for story in stories],
        }
    )


def _outage(plan: SloPlan, made: Series, watch: Rule | None) -> _Story:
    outage = _outage_steps(plan)
    quiet = max(tier.short for tier in plan.tiers) // _STEP + 2 + ceil(plan.slo.keep_firing_for / _STEP)
    if in_slices(plan.slo):
        quiet += ceil(plan.slo.slice_length / _STEP) + _HEALTHY
    shapes = _shapes(_events(plan.slo), outage, quiet)
    moments = ((_HEALTHY, False), (_HEALTHY + outage, True), (_HEALTHY + outage + quiet, False))
    alerts = [(step, rule, firing) for step, firing in moments for rule in plan.rules]
    if watch is not None:
        alerts.append((_HEALTHY + outage, watch, False))
    return _Story("", tuple((labels, shapes[shape]) for labels, shape in made), tuple(alerts))


def _quiet(plan: SloPlan, made: Series, watch: Rule | None, *, recorded: bool) -> list[_Story]:
    """The stories in which nothing burns."""
    rules = plan.rules if watch is None else (*plan.rules, watch)
    silent = tuple((_QUIET, rule, False) for rule in rules)
    stories = []
    if not isinstance(plan.slo.sli, GaugeSli):
        flat = tuple((labels, f"7x{_QUIET}") for labels, _ in made)
        nothing = () if in_slices(plan.slo) else _results(plan, ratio=None, burn=None, left=None)
        stories.append(_Story("idle", flat, silent, nothing if recorded else ()))
    shapes = _shapes(_events(plan.slo), 1, _QUIET)
    well = tuple((labels, _well(shapes, shape)) for labels, shape in made if shape != "bad")
    known = {"known": "1", "target": f"{plan.slo.objective.ratio:f}"}
    if plan.slo.unknown == "ignore":  # else all the time before the story counts too
        known |= {"ratio": "0", "burn": "0", "left": "1"}
    all_left = _results(plan, **known)
    stories.append(_Story("no failure was ever seen", well, silent, all_left if recorded else ()))
    if watch is not None:
        gone = _HEALTHY + 5 + ceil(watch.for_ / _STEP) + 5 + 2 * ceil(plan.slo.slice_length / _STEP)
        shapes = _shapes(_events(plan.slo), 1, 1)
        ends = tuple((labels, f"{_start(shapes, shape)} stale") for labels, shape in made)
        fires = tuple((gone, rule, rule is watch) for rule in rules)
        stories.append(_Story("the samples are gone", ends, (*((_HEALTHY, rule, False) for rule in rules), *fires)))
    return stories


def _results(plan: SloPlan, **wanted: str | None) -> tuple[tuple[int, str, str | None], ...]:
    """What is recorded at the end of a quiet story: a value, or nothing."""
    of = (plan.service, plan.slo.name)
    asked = {
        "ratio": f"sum({series('sereno:error:ratio_period', *of)})",
        "burn": f"sum({series('sereno:burn:rate1h', *of)})",
        "left": f"sum({series('sereno:budget:remaining_ratio', *of)})",
        "known": f"sum({series('sereno:coverage:ratio_period', *of)} > bool 0)",
        "target": f"sum({series('sereno:objective:ratio', *of)})",
    }
    return tuple((_QUIET, asked[key], value) for key, value in wanted.items())


def _well(shapes: _Shapes, shape: str) -> str:
    """A series of which nothing bad is to be told, for as long as a quiet story lasts."""
    return f"{shape.split()[1]}+0x{_QUIET}" if shape.startswith("gauge") else shapes["always"]


def _start(shapes: _Shapes, shape: str) -> str:
    """The healthy beginning of a shape."""
    return shapes[shape].partition(" ")[0] if shape != "always" else f"0+{_EVENTS}x{_HEALTHY}"


def _outage_steps(plan: SloPlan) -> int:
    """Steps of total outage after which the worst threshold is passed with room to spare, whatever the window:
    with h healthy steps before, d bad ones are d/(h + d) of the events or more."""
    threshold = max(Fraction(tier.factor) * Fraction(plan.slo.objective.budget) for tier in plan.tiers)
    patience = max((tier.for_ for tier in plan.tiers), default=timedelta(0))
    slack = ceil(plan.slo.slice_length / _STEP) if in_slices(plan.slo) else 0
    healthy = _HEALTHY + slack
    return ceil(2 * healthy * threshold / (1 - threshold)) + healthy + ceil(patience / _STEP) + slack


def _events(slo: Slo) -> int:
    """Events a minute: enough for any guard against low traffic."""
    guard = slo.low_traffic
    least = max((guard.events_min or 0, guard.failures_min or 0)) if guard else 0
    return max(_EVENTS, 60 * ceil(least))


def _series(slo: Slo) -> Series:
    """The series of the stories and how each behaves: `always` counting, only while `good`, or only while `bad`; those
    of a gauge are `up` while good."""
    match slo.sli:
        case CompositeSli(parts=parts):
            found: dict[Labels, str] = {}
            for labels, shape in (each for part in parts for each in _series(part.slo)):
                if found.setdefault(labels, shape) != shape:
                    raise UsageError(f"no example found: two parts of {slo.name} judge the same series differently")
            return tuple(found.items())
        case EventsSli() | LatencySli():
            return _counters(slo)
        case GaugeSli(value=value, operator=operator, threshold=threshold):
            return _gauge(slo, value, operator, float(threshold))
        case NativeLatencySli():
            raise UsageError("promtool 2.42 cannot write native histograms in its tests")
        case QuerySli():
            raise UsageError(f"no example is made of PromQL of one's own ({slo.name})")


def _counters(slo: Slo) -> Series:
    total, part = matchers_of(total_selector(slo)), matchers_of(part_selector(slo))
    one, other = ("good", "bad") if counts_good(slo) else ("bad", "good")
    try:
        inside = labels_matching((*total, *part))
    except UsageError:  # another metric, which the total does not include
        return ((labels_matching(total), "always"), (labels_matching(part), one))
    return ((labels_matching(total, but_not=part), other), (inside, one))


def _gauge(slo: Slo, value: str, operator: str, threshold: float) -> Series:
    try:
        labels = labels_matching(matchers_of(value))
    except QueryError as error:
        raise UsageError(f"no example is made of PromQL of one's own ({slo.name})") from error
    # The values that pass and fail, whatever is compared.
    passes = {"<": -1.0, "<=": 0.0, ">": 1.0, ">=": 0.0, "==": 0.0, "!=": 1.0}[operator]
    fails = {"<": 0.0, "<=": 1.0, ">": 0.0, ">=": -1.0, "==": -1.0, "!=": 0.0}[operator]
    return ((labels, f"gauge {threshold + passes:g} {threshold + fails:g}"),)


class _Shapes(dict[str, str]):
    """Values in promtool's notation by shape: `a+bxn` is a, a + b, … a + n·b."""

    def __init__(self, events: int, outage: int, quiet: int) -> None:
        healthy, failed = _HEALTHY * events, outage * events
        super().__init__(
            always=f"0+{events}x{_HEALTHY + outage + quiet}",
            good=f"0+{events}x{_HEALTHY} {healthy}+0x{outage - 1} {healthy + events}+{events}x{quiet - 1}",
            bad=f"0+0x{_HEALTHY} {events}+{events}x{outage - 1} {failed}+0x{quiet - 1}",
        )
        self._outage, self._quiet = outage, quiet

    def __missing__(self, shape: str) -> str:
        _, good, bad = shape.split()
        return f"{good}+0x{_HEALTHY} {bad}+0x{self._outage - 1} {good}+0x{self._quiet - 1}"


def _shapes(events: int, outage: int, quiet: int) -> _Shapes:
    return _Shapes(events, outage, quiet)


def _written(plan: SloPlan, story: _Story) -> Value:
    name = f"{plan.service}/{plan.slo.name}"
    parts = _samples_a_step(plan.slo)
    series_ = [{"series": notation(labels), "values": finer(values, parts)} for labels, values in story.series]
    written: dict[str, Value] = {
        "name": f"{name}: {story.name}" if story.name else name,
        "interval": format_duration(_STEP / parts),
        "input_series": series_,
        "alert_rule_test": [expectation(rule, step * _STEP, firing=firing) for step, rule, firing in story.alerts],
    }
    if story.results:
        written["promql_expr_test"] = [
            {
                "expr": expr,
                "eval_time": format_duration(step * _STEP),
                "exp_samples": [] if value is None else [{"labels": "{}", "value": _number(value)}],
            }
            for step, expr, value in story.results
        ]
    return written


def _samples_a_step(slo: Slo) -> int:
    """How often a minute there must be a sample: Prometheus 3 needs two in a slice, its first instant not counted."""
    return ceil(2 * _STEP / slo.slice_length) if in_slices(slo) and slo.slice_length <= _STEP else 1


def finer(values: str, parts: int) -> str:
    """`values` in promtool's notation with `parts` samples where there was one; counters rise evenly between."""
    if parts == 1:
        return values
    found: list[str] = []
    last: Fraction | None = None
    for token in values.split():
        run = _RUN.fullmatch(token)
        if run is None:  # stale, from the next moment on
            found.append(token)
            continue
        first, by, times = Fraction(run[1]), Fraction(run[2] or 0), int(run[3])
        if last is not None:
            rise = max(Fraction(0), (first - last) / parts)
            found.append(f"{_exact(last + rise)}+{_exact(rise)}x{parts - 2}" if parts > 2 else _exact(last + rise))
        found.append(f"{_exact(first)}+{_exact(by / parts)}x{times * parts}")
        last = first + by * times
    return " ".join(found)


def _exact(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else repr(float(number))


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def notation(labels: Labels) -> str:
    """A series as promtool reads it."""
    inside = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{inside}}}"


def expectation(rule: Rule, at: timedelta, *, firing: bool) -> Value:
    """What promtool must see of `rule` at `at`: that it fires just as it is written, or that it does not."""
    expected: Value = {
        "exp_labels": dict(rule.labels),
        "exp_annotations": dict(rule.annotations),
    }
    return {
        "eval_time": format_duration(at),
        "alertname": rule.name,
        "exp_alerts": [expected] if firing else [],
    }
