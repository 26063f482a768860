"""What Sloth generates from a document, beside what Sereno makes of the same one: tiers, thresholds, ratios."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sereno.app.promql_checker import Checker
from sereno.kernel.duration import parse_duration
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Selection, evaluate, matches, parse
from sereno.promql.ast import Binary, Expr, Number, Selector, bare, children
from sereno.slo import plans_of
from sereno.slo.expressions import slo_ratio
from sereno.slo.model import SloPlan
from sereno.spec.loader import load_text
from sereno.spec.model import Slo

NO_FACTOR_ONE = "3d/6h left out: a burn of 1 is inside the budget"
MORE_ALERTS = "Sloth makes no alerts from OpenSLO"
NEVER_SEEN = "bad events never seen: 0, where Sloth has nothing"
IDLE = "no events: nothing, where Sloth has NaN"
TOLERANCE = 1e-12
_RATIO = "slo:sli_error:ratio_rate"
_CORRECTION = re.compile(r"slo:numerator_correction:ratio(\w+)\{[^}]*\}")
_NOW = 1_760_000_000_000
_SPANS = ("5m", "30m", "1h", "2h", "6h")


@dataclass(frozen=True)
class Burn:
    """One tier of an alert: its windows, factor and threshold."""

    long: timedelta
    short: timedelta
    factor: Decimal
    threshold: Decimal


@dataclass
class Compared:
    """One objective: tiers that both have, what differs, and how many ratios were the same."""

    name: str
    equal_tiers: int
    deviations: set[str]
    wrong: list[str]
    ratios: int = 0


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Each document with what Sloth made of it."""
    return [(path, folder / "out" / path.name) for path in sorted((folder / "in").iterdir())]


def compare(written: Path, generated: Path) -> list[Compared]:
    """Every objective of a pair compared."""
    loaded = load_text({"sloth.yaml": written.read_text()}, promql=Checker())
    if loaded.spec is None:
        return [Compared(written.name, 0, set(), [d.render() for d in loaded.diagnostics if d.level == "error"])]
    rules = list(_rules(generated))
    plans = plans_of(loaded.spec, evaluation_interval=timedelta(seconds=30))
    found = [_compare(plan, rules, written) for plan in plans]
    known = {_identity(plan, rules) for plan in plans}
    for missing in sorted(
        {rule["labels"]["sloth_id"] for rule in rules if "sloth_id" in rule.get("labels", {})} - known
    ):
        found.append(Compared(f"{written.name}: {missing}", 0, set(), ["Sereno has no such objective"]))
    return found


def _rules(path: Path) -> Iterator[dict[str, Any]]:
    for document in yaml.safe_load_all(path.read_text()):
        if document:
            for group in document.get("spec", document)["groups"]:
                yield from group["rules"]


def _compare(plan: SloPlan, rules: list[dict[str, Any]], path: Path) -> Compared:
    identity = _identity(plan, rules)
    theirs = [burn for rule in rules if "alert" in rule for burn in sloth_tiers(rule["expr"], identity)]
    ours = [] if not plan.slo.alerting else [
        Burn(tier.long, tier.short, tier.factor, _threshold(rule.expr))
        for tier, rule in zip(plan.tiers, plan.rules, strict=True)
    ]  # fmt: skip
    result = Compared(f"{path.name}: {plan.service}-{plan.slo.name}", 0, set(), [])
    for burn in theirs:
        same = next((own for own in ours if (own.long, own.short) == (burn.long, burn.short)), None)
        if same is None and burn.factor == 1:
            result.deviations.add(NO_FACTOR_ONE)
        elif same is None or same.factor != burn.factor or abs(same.threshold - burn.threshold) > Decimal(TOLERANCE):
            result.wrong.append(f"Sloth has {burn}, Sereno {same}")
        else:
            result.equal_tiers += 1
    if not theirs and ours:
        result.deviations.add(MORE_ALERTS)
    elif len(ours) != result.equal_tiers:
        result.wrong.append(f"Sereno has tiers of its own: {ours}")
    _compare_ratios(plan.slo, [r for r in rules if r.get("labels", {}).get("sloth_id") == identity], result)
    return result


def _identity(plan: SloPlan, rules: list[dict[str, Any]]) -> str:
    """What Sloth calls an objective; those from OpenSLO end in the number of the objective."""
    name = f"{plan.service}-{plan.slo.name}"
    known = {rule.get("labels", {}).get("sloth_id") for rule in rules}
    return f"{name}-0" if f"{name}-0" in known else name


def sloth_tiers(text: str, identity: str) -> Iterator[Burn]:
    """The tiers in an alert's expression of Sloth's, if it is about that objective."""
    if f'sloth_id="{identity}"' not in text:
        return
    for side in _sides(parse(text), "or"):
        found = [comparison for half in _sides(side, "and") for comparison in _comparisons(half)]
        (first, factor, threshold), (second, *_) = found
        long, short = max(first, second), min(first, second)
        yield Burn(long, short, factor, threshold)


def _sides(expr: Expr, operator: str) -> list[Expr]:
    expr = bare(expr)
    if isinstance(expr, Binary) and expr.op == operator:
        return [*_sides(expr.left, operator), *_sides(expr.right, operator)]
    return [expr]


def _comparisons(expr: Expr) -> Iterator[tuple[timedelta, Decimal, Decimal]]:
    if isinstance(expr, Binary) and expr.op == ">" and isinstance(bare(expr.left), Selector):
        selector, product = bare(expr.left), bare(expr.right)
        assert isinstance(selector, Selector)
        assert isinstance(product, Binary)
        left, right = bare(product.left), bare(product.right)
        assert isinstance(left, Number)
        assert isinstance(right, Number)
        name = next(m.value for m in selector.matchers if m.name == "__name__")
        factor, budget = Decimal(repr(left.value)), Decimal(repr(right.value))
        yield parse_duration(name.removeprefix(_RATIO)), factor.normalize(), factor * budget
        return
    for child in children(expr):
        yield from _comparisons(child)


def _threshold(text: str) -> Decimal:
    """The threshold that both sides of one of our alerts have."""
    sides = [bare(side) for side in _sides(parse(text), "and")]
    found = [side.right.value for side in sides if isinstance(side, Binary) and side.op == ">"
             and isinstance(side.right, Number)]  # fmt: skip
    assert len(set(found)) == 1, text
    return Decimal(repr(found[0]))


def _compare_ratios(slo: Slo, rules: list[dict[str, Any]], result: Compared) -> None:
    """The same samples asked both ways; what is known of one and not of the other is a deviation."""
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    for kind, columns in _worlds().items():
        for span in _SPANS:
            text = recorded.get(f"{_RATIO}{span}")
            if text is None:
                continue
            text = _CORRECTION.sub(lambda m: f"({recorded[f'slo:numerator_correction:ratio{m[1]}']})", text)
            theirs = _value(text, columns)
            ours = _value(slo_ratio(slo, parse_duration(span)), columns)
            if (
                theirs is not None
                and ours is not None
                and math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
            ):
                result.ratios += 1
            elif theirs is None and ours == 0:
                result.deviations.add(NEVER_SEEN)
            elif theirs is not None and math.isnan(theirs) and ours is None:
                result.deviations.add(IDLE)
            elif theirs is not None or ours is not None:
                result.wrong.append(f"{kind}, {span}: Sloth has {theirs}, Sereno {ours}")


def _value(text: str, columns: Columns) -> float | None:
    def select(selection: Selection) -> Columns:
        rows = [row for row, labels in enumerate(columns.labels) if matches(selection.matchers, labels)]
        found = []
        for row in rows:
            times, values = columns.series(row)
            kept = (times >= selection.start_ms) & (times <= selection.end_ms)
            if kept.any():
                found.append((columns.labels[row], times[kept], values[kept]))
        return Columns.of(found)

    instant = evaluate(text, Grid.at(_NOW), select).instant()
    assert len(instant) <= 1, text
    return instant[0][1] if instant else None


def _worlds() -> dict[str, Columns]:
    """Made-up samples: an ordinary day with a restart, one without a failure, and one without any event."""
    return {
        "ordinary": _world(lambda base, _: base),
        "no failures": _world(lambda base, bad: 0.0 if bad else base, seen=False),
        "idle": _world(lambda *_: 0.0),
    }


def _world(rate: Any, *, seen: bool = True) -> Columns:
    step = 30_000
    times = np.arange(_NOW - 7 * 3_600_000, _NOW + 1, step, dtype=np.int64)
    series = []

    def counter(labels: dict[str, str], per_second: float, bad: bool) -> None:
        if bad and not seen:
            return
        wave = 1 + 0.5 * np.sin(np.arange(len(times)) / 50 + per_second)
        values = np.cumsum(wave * rate(per_second, bad) * step / 1000)
        values[len(values) // 2 :] -= values[len(values) // 2]  # the process restarts
        series.append((Labels(labels), times, values))

    for job in ("myservice", "myapp"):
        for code, per_second in (("200", 50.0), ("404", 2.0), ("429", 0.2), ("503", 0.05)):
            counter({"__name__": "http_request_duration_seconds_count", "job": job, "code": code, "f1": "v1", "f2": "v2"},
                    per_second, code in ("429", "503"))  # fmt: skip
    for code, per_second in (("200", 30.0), ("500", 0.4)):
        counter({"__name__": "apiserver_request_total", "code": code}, per_second, code == "500")
    for verb, per_second in (("GET", 20.0), ("WATCH", 9.0)):
        name = "apiserver_request_duration_seconds"
        counter({"__name__": f"{name}_count", "verb": verb}, per_second, False)
        counter({"__name__": f"{name}_bucket", "verb": verb, "le": "0.4"}, per_second * 0.97, False)
    for number in range(5):
        values = 0.8 + 0.2 * np.cos(np.arange(len(times)) / 30 + number) - 0.1 * number
        series.append((Labels({"__name__": "unifipoller_client_satisfaction_ratio", "name": str(number)}), times,
                       values if seen else np.ones(len(times))))  # fmt: skip
    return Columns.of(series)
