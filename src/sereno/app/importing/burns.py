"""Burn-rate alerts of others told from their expressions: which counters, which objective, which windows.

An alert is one if all of it is `ratio > factor * budget` over two windows, once or joined by `or`, where each ratio is
bad events over all (or 1 − good over all), of counters, written in place or recorded under one name. Then an objective
of these events with these tiers is the same alert, but where there are no events (nothing, not NaN) or no bad ones yet
(zero, not nothing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sereno.kernel.errors import QueryError
from sereno.promql import parse, selector_text
from sereno.promql.ast import Aggregate, Binary, Call, Expr, Number, RangeSelector, Selector, bare
from sereno.spec.rule_groups import GroupRule

_EXACT = Decimal("1e-12")
Records = Mapping[str, list[tuple[GroupRule, Expr]]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Events counted: `part` of `total` is `bad` or `good`."""

    total: str
    kind: str
    part: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A tier: `ratio` above `factor` times `budget` over both windows."""

    ratio: Ratio
    long: timedelta
    short: timedelta
    factor: Decimal
    budget: Decimal


@dataclass(frozen=True, slots=True)
class _Side:
    ratio: Ratio
    window: timedelta
    factor: Decimal
    budget: Decimal


def recorded(rules: Iterable[GroupRule]) -> dict[str, list[tuple[GroupRule, Expr]]]:
    """The recording rules by the name of their series, with their parsed expressions."""
    found: dict[str, list[tuple[GroupRule, Expr]]] = {}
    for rule in rules:
        if rule.kind == "record":
            found.setdefault(rule.name, []).append((rule, parse(rule.expr)))
    return found


def tiers_in(text: str, records: Records) -> tuple[Pair, ...] | None:
    """The tiers that an alert's expression is, or None if it is anything else."""
    try:
        sides = list(_joined(parse(text), "or"))
        found = [_pair(side, records) for side in sides]
    except QueryError:
        return None
    pairs = tuple(pair for pair in found if pair is not None)
    same = len({(pair.ratio, pair.budget) for pair in pairs}) == 1
    return pairs if len(pairs) == len(found) and same else None


def _joined(expr: Expr, operator: str) -> Iterator[Expr]:
    expr = bare(expr)
    if isinstance(expr, Binary) and expr.op == operator and not expr.matching.labels:
        yield from _joined(expr.left, operator)
        yield from _joined(expr.right, operator)
    else:
        yield expr


def _pair(expr: Expr, records: Records) -> Pair | None:
    sides = [_side(half, records) for half in _joined(expr, "and")]
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        return None
    long, short = sorted(sides, key=lambda side: side.window if side else timedelta(0), reverse=True)
    assert long is not None
    assert short is not None
    if (long.ratio, long.factor, long.budget) != (short.ratio, short.factor, short.budget):
        return None
    return Pair(long.ratio, long.window, short.window, long.factor, long.budget) if long.window > short.window else None


def _side(expr: Expr, records: Records) -> _Side | None:
    expr = bare(expr)
    if isinstance(expr, Aggregate) and expr.op == "max" and expr.param is None and (expr.without or not expr.grouping):
        expr = bare(expr.expr)
    if not isinstance(expr, Binary) or expr.op != ">" or expr.bool_:
        return None
    limit = _product(bare(expr.right))
    left = bare(expr.left)
    found = _recorded_ratio(left, records) if isinstance(left, Selector) else _ratio(left)
    if limit is None or found is None:
        return None
    return _Side(found[0], found[1], *limit)


def _product(expr: Expr) -> tuple[Decimal, Decimal] | None:
    """Factor and budget of `14.4 * 0.001`, `14.4 * (1 - 0.999)` or either way round."""
    if not isinstance(expr, Binary) or expr.op != "*":
        return None
    sides = [_number(bare(expr.left)), _number(bare(expr.right))]
    if None in sides:
        return None
    low, high = sorted(value for value in sides if value is not None)
    budget = round(low, 12).normalize()
    return (high.normalize(), budget) if 0 < budget < 1 <= high and abs(budget - low) <= _EXACT else None


def _number(expr: Expr) -> Decimal | None:
    if isinstance(expr, Number):
        return Decimal(repr(expr.value))
    if isinstance(expr, Binary) and expr.op == "-":
        left, right = _number(bare(expr.left)), _number(bare(expr.right))
        return left - right if left is not None and right is not None else None
    return None


def _recorded_ratio(selector: Selector, records: Records) -> tuple[Ratio, timedelta] | None:
    """What a recorded series is, if all rules that the selector can mean record the same ratio."""
    if selector.offset_ms or selector.at is not None:
        return None
    name = next((m.value for m in selector.matchers if m.name == "__name__" and m.op == "="), "")
    wanted = [m for m in selector.matchers if m.name != "__name__"]
    if any(m.op != "=" for m in wanted):
        return None
    meant = {
        _ratio(bare(expr)) for rule, expr in records.get(name, ())
        if all(rule.labels.get(m.name, "") == m.value for m in wanted)
    }  # fmt: skip
    return meant.pop() if len(meant) == 1 else None


def _ratio(expr: Expr) -> tuple[Ratio, timedelta] | None:
    kind = "bad"
    if isinstance(expr, Binary) and expr.op == "-" and _number(bare(expr.left)) == 1:
        expr, kind = bare(expr.right), "good"
    if not isinstance(expr, Binary) or expr.op != "/" or expr.matching.labels:
        return None
    total, left = _counter(bare(expr.right)), bare(expr.left)
    if kind == "bad" and isinstance(left, Binary) and left.op == "-" and not left.matching.labels:
        if _counter(bare(left.left)) != total:
            return None
        left, kind = bare(left.right), "good"
    part = _counter(left)
    if total is None or part is None or total[1:] != part[1:]:
        return None
    return Ratio(total[0], kind, part[0]), timedelta(milliseconds=total[1])


def _counter(expr: Expr) -> tuple[str, int, str] | None:
    """Selector, window and function of `sum(rate(x[5m]))`."""
    if not isinstance(expr, Aggregate) or expr.op != "sum" or expr.grouping or expr.without:
        return None
    call = bare(expr.expr)
    if not isinstance(call, Call) or call.function not in ("rate", "increase"):
        return None
    (argument,) = call.args
    if not isinstance(argument, RangeSelector) or argument.range is not None:
        return None
    selector = argument.selector
    plain = not selector.offset_ms and selector.at is None and selector.offset is None and not selector.extended
    return (selector_text(selector.matchers), argument.range_ms, call.function) if plain else None
