"""Samples shaped to an expression: series that its selectors find, that meet each other, with values near its bounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from tests.promql.prometheus_peer import Series

from sereno.kernel.labels import Labels
from sereno.promql import Matcher, matches
from sereno.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    RangeSelector,
    Selector,
    Text,
    bare,
    children,
)
from sereno.promql.regex_syntax import Alt, Cat, Chars, Edge, Group, Node, Repeat, parse_regex

START_MS = 1_700_000_000_000
EVERY_MS = 30_000
COUNT = 150
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_CUMULATIVE = frozenset({"rate", "irate", "increase", "resets"})
_BOUNDS = ("0.05", "0.5", "1", "10", "+Inf")


def nodes(expr: Expr) -> Iterator[Expr]:
    """All parts of an expression."""
    yield expr
    for child in children(expr):
        yield from nodes(child)


def marked(expr: Expr, mark: Matcher) -> Expr:
    """`expr`, with `mark` asked of every series."""
    match expr:
        case Selector():
            return replace(expr, matchers=(*expr.matchers, mark))
        case RangeSelector():
            return replace(expr, selector=marked(expr.selector, mark))
        case Call():
            return replace(expr, args=tuple(marked(arg, mark) for arg in expr.args))
        case Aggregate():
            param = None if expr.param is None else marked(expr.param, mark)
            return replace(expr, expr=marked(expr.expr, mark), param=param)
        case Binary():
            return replace(expr, left=marked(expr.left, mark), right=marked(expr.right, mark))
        case _ if hasattr(expr, "expr"):
            return replace(expr, expr=marked(expr.expr, mark))
        case _:
            return expr


def some_match(node: Node, source: random.Random) -> str:
    """A text that a regular expression matches."""
    match node:
        case Chars():
            codes = [code for low, high in node.ranges for code in (low, high) if 33 < code < 127]
            nice = [code for code in codes if chr(code).isalnum()] or codes
            return chr(source.choice(nice)) if nice else "x"
        case Edge():
            return ""
        case Cat():
            return "".join(some_match(item, source) for item in node.items)
        case Alt():
            return some_match(source.choice(node.items), source)
        case Repeat():
            times = max(node.least, 1 if node.most is None or node.most > 0 else 0)
            return "".join(some_match(node.item, source) for _ in range(times))
        case Group():
            return some_match(node.item, source)


def _value_for(matchers: list[Matcher], source: random.Random, fallback: str) -> str | None:
    """A value of a label that satisfies all its matchers; None if none was found."""
    tried = [m.value for m in matchers if m.op == "="]
    for m in matchers:
        if m.op == "=~":
            tree, _ = parse_regex(m.value)
            tried += [some_match(tree, source) for _ in range(5)]
    tried += [fallback, "other", "", "a", "5"]
    label = matchers[0].name
    return next((value for value in tried if matches(matchers, {label: value})), None)


def _shared_labels(expr: Expr) -> list[str]:
    """The labels by which the parts of an expression meet."""
    names: set[str] = {"instance"}
    for node in nodes(expr):
        if isinstance(node, Aggregate) and not node.without:
            names |= set(node.grouping)
        elif isinstance(node, Binary):
            names |= set(node.matching.labels if node.matching.on else ()) | set(node.matching.include)
        elif isinstance(node, Call) and node.function in ("label_replace", "label_join"):
            names |= {
                arg.value for arg in map(bare, node.args[1:]) if isinstance(arg, Text) and arg.value.isidentifier()
            }
    return sorted(names - {"le", "__name__"})


def _numbers(expr: Expr) -> list[float]:
    found = [abs(node.value) for node in nodes(expr) if isinstance(node, Number) and np.isfinite(node.value)]
    seconds = START_MS / 1000
    if any(isinstance(node, Call) and node.function in ("time", "timestamp") for node in nodes(expr)):
        return [seconds + sign * number for number in (*found, 0.0, 3600.0) for sign in (1, -1)]
    return found or [1.0]


def series_for(expr: Expr, mark: Matcher, seed: int) -> list[Series]:
    """Series for every selector of `expr`, two of each that differ in the labels by which its parts meet."""
    source, rng = random.Random(seed), np.random.default_rng(seed)
    shared, numbers = _shared_labels(expr), _numbers(expr)
    cumulative = {
        id(arg.selector)
        for node in nodes(expr)
        if isinstance(node, Call) and node.function in _CUMULATIVE
        for arg in map(bare, node.args)
        if isinstance(arg, RangeSelector)
    }
    found: dict[Labels, Series] = {}
    for node in nodes(expr):
        if isinstance(node, Selector):
            for variant in range(2):
                labels = _labels(node, shared, variant, source)
                counter = id(node) in cumulative or labels.get("__name__", "").endswith(_COUNTERS)
                for one in _with_buckets(labels, node):
                    times = START_MS + np.arange(COUNT, dtype=np.int64) * EVERY_MS + int(rng.integers(0, 999))
                    values = _values(rng, numbers, counter=counter)
                    whole = one.merged({mark.name: mark.value})
                    found.setdefault(whole, (whole, times, values))
    return list(found.values())


def _labels(node: Selector, shared: list[str], variant: int, source: random.Random) -> Labels:
    labels = {name: f"{name}-{variant}" for name in shared}
    by_name: dict[str, list[Matcher]] = {}
    for matcher in node.matchers:
        by_name.setdefault(matcher.name, []).append(matcher)
    for name, asked in by_name.items():
        value = _value_for(asked, source, labels.get(name, f"{name}-{variant}"))
        if value is not None:
            labels[name] = value
    return Labels(labels)


def _with_buckets(labels: Labels, node: Selector) -> list[Labels]:
    if not labels.get("__name__", "").endswith("_bucket") or any(m.name == "le" and m.op == "=" for m in node.matchers):
        return [labels]
    return [labels.merged({"le": bound}) for bound in _BOUNDS]


def _values(rng: np.random.Generator, numbers: list[float], *, counter: bool) -> np.ndarray:
    if counter:
        values = np.cumsum(rng.poisson(rng.choice([0.1, 2, 50]), COUNT)).astype(float)
        values[COUNT // 2 :] -= values[COUNT // 2 - 1] if rng.random() < 0.3 else 0.0
        return np.maximum(values, 0.0)
    pool = np.array([n * f for n in numbers for f in (0.5, 0.99, 1.0, 1.01, 2.0)] + [0.0, 1.0])
    held = rng.choice(pool, COUNT // 10 + 1)
    return np.repeat(held, 10)[:COUNT]
