"""Runs scripts in the language of Prometheus's own tests (promql/promqltest): load, clear, eval, expect.

As upstream does, every instant evaluation is made again as the middle of a range of three steps, and again with
every selector pinned by `@` at five other instants. Source: promql/promqltest/test.go of Prometheus 3.14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tests.promql import native_script
from tests.promql.script_reading import Case, Item, World, almost, read

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.promql import Grid, Result, Settings, evaluate, matches, parse
from sereno.promql.ast import Aggregate, Binary, Call, Expr, RangeSelector, Selector, Subquery, Unary, children
from sereno.promql.dialect import Features
from sereno.promql.native import Histogram
from sereno.promql.native_notation import Noted
from sereno.promql.native_text import notation
from sereno.promql.printer import text_of
from sereno.promql.signatures import FUNCTIONS, TRIED_AGGREGATIONS

Verdict = Literal["pass", "refused", "wrong", "said"]
"""`refused`: an error where none was expected; `said`: another message, warning or info than expected."""
Kind = Literal["core", "native", "experimental"]

UPSTREAM = Settings(
    dialect=3,
    features=Features(
        experimental_functions=True, duration_expressions=True, extended_ranges=True, fill_modifiers=True,
        delayed_name_removal=True, type_and_unit_labels=False, start_timestamps=True,
    ),
)  # fmt: skip
"""How upstream configures the engine for its scripts."""
STABLE_3 = Settings(dialect=3)

_OF_THE_QUERY = re.compile(r"(start|end|range|step)\(\)")
_UNSAFE_WITH_AT = frozenset((
    "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end", "hour", "minute", "month", "year",
    "predict_linear", "range", "start", "step", "time", "timestamp",
))  # fmt: skip
_EXPERIMENTAL_FILES = frozenset(("duration_expression", "fill-modifier", "info", "limit", "start_timestamps"))


@dataclass
class Outcome:
    """One case: where it stands, what it asks, how it ended and why."""

    line: int
    expr: str
    verdict: Verdict
    why: str = ""
    kind: Kind = "core"


@dataclass
class Failure(Exception):
    """How an evaluation disappointed."""

    verdict: Verdict
    why: str


def run(text: str, name: str = "", settings: Settings = UPSTREAM) -> list[Outcome]:
    """The outcome of every case of the script `text`, which is called `name`."""
    return [_outcome(case, world, name, settings) for case, world in read(text)]


def _outcome(case: Case, world: World, name: str, settings: Settings) -> Outcome:
    kind = kind_of_case(case, world, name, settings)
    try:
        _check(case, world, settings)
    except Failure as failure:
        return Outcome(case.line, case.expr, failure.verdict, failure.why, kind)
    return Outcome(case.line, case.expr, "pass", "", kind)


# What a case is about ------------------------------------------------------------------------------------------------


def kind_of_case(case: Case, world: World, name: str, settings: Settings = UPSTREAM) -> Kind:
    """`experimental` if it asks for what must be switched on, `native` if it meets a native histogram, else `core`."""
    if name in _EXPERIMENTAL_FILES:
        return "experimental"
    try:
        nodes = list(_nodes(parse(case.expr, settings.language)))
    except QueryError:
        nodes = []
    if any(_is_experimental(node) for node in nodes):
        return "experimental"
    native = [
        labels for labels, points in world.series.items() if any(isinstance(p, Histogram) for p in points.values())
    ]
    selectors = [node for node in nodes if isinstance(node, Selector)]
    touched = any(matches(selector.matchers, labels) for selector in selectors for labels in native)
    return "native" if touched or "{{" in case.text else "core"


def _nodes(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in children(expr):
        yield from _nodes(child)


def _is_experimental(node: Expr) -> bool:
    match node:
        case Call():
            return FUNCTIONS[node.function].experimental
        case Aggregate():
            return node.op in TRIED_AGGREGATIONS
        case Binary():
            fills = node.matching.fill_left is not None or node.matching.fill_right is not None
            return node.op in ("</", ">/") or fills
        case Selector():
            return bool(node.extended)
        case RangeSelector():
            return bool(node.selector.extended)
        case _:
            return False


# Evaluations -----------------------------------------------------------------------------------------------------------


def _check(case: Case, world: World, settings: Settings) -> None:
    """Raise Failure unless all evaluations of `case` give what it expects."""
    if case.is_range:
        result = _evaluated(case, case.expr, case.grid, world, settings)
        if result is not None:
            _compare_range(case, result, case.grid)
        return
    for expr, instant_ms in [(case.expr, case.grid.start_ms), *_pinned(case, settings)]:
        try:
            _check_instant(case, expr, instant_ms, world, settings)
        except Failure as failure:
            if expr == case.expr:
                raise
            raise Failure(failure.verdict, f"as {expr} at {instant_ms} ms: {failure.why}") from None


def _pinned(case: Case, settings: Settings) -> list[tuple[str, int]]:
    """The same expression with every selector pinned at its instant, to be evaluated at other instants."""
    at_ms = case.window.end_ms if case.window else case.grid.start_ms
    try:
        tree = parse(case.expr, settings.language)
    except QueryError:
        return []
    if any(isinstance(node, Call) and node.function in _UNSAFE_WITH_AT for node in _nodes(tree)):
        return []
    others = [-1000, 0, 1000] if at_ms == 0 else [-10 * at_ms, 0, at_ms // 5, at_ms, 10 * at_ms]
    return [(text_of(_with_at(tree, at_ms)), other) for other in others]


def _with_at(expr: Expr, at_ms: int) -> Expr:
    match expr:
        case Selector():
            return replace(expr, at=at_ms) if expr.at is None else expr
        case RangeSelector():
            return replace(expr, selector=_with_at(expr.selector, at_ms))
        case Subquery():  # what is inside a pinned subquery moves with it; inside others it is pinned by itself
            return replace(expr, at=at_ms) if expr.at is None else expr
        case Call():
            return replace(expr, args=tuple(_with_at(arg, at_ms) for arg in expr.args))
        case Aggregate():
            param = None if expr.param is None else _with_at(expr.param, at_ms)
            return replace(expr, expr=_with_at(expr.expr, at_ms), param=param)
        case Binary():
            return replace(expr, left=_with_at(expr.left, at_ms), right=_with_at(expr.right, at_ms))
        case Unary() | _ if hasattr(expr, "expr"):
            return replace(expr, expr=_with_at(expr.expr, at_ms))
        case _:
            return expr


def _evaluated(case: Case, expr: str, grid: Grid, world: World, settings: Settings) -> Result | None:
    """The result of `expr`; None if it failed, as it should have."""
    try:
        result = evaluate(expr, grid, world.store().select, settings=settings)
    except QueryError as error:
        if not case.fails or isinstance(error, UnsupportedQuery):
            raise Failure("refused", f"{type(error).__name__}: {error.message}") from None
        for expected in case.expected("fail"):
            if not expected.fits(error.message):
                raise Failure("said", f"it failed saying {error.message!r}, expected {expected}") from None
        return None
    if case.fails:
        raise Failure("wrong", "it was meant to fail")
    _compare_notes(case, result)
    return result


def _check_instant(case: Case, expr: str, instant_ms: int, world: World, settings: Settings) -> None:
    result = _evaluated(case, expr, Grid.at(instant_ms), world, settings)
    if result is None:
        return
    _compare_instant(case, result)
    if case.window is not None or case.string is not None or _OF_THE_QUERY.search(expr):
        return
    around = Grid(instant_ms - 60_000, instant_ms + 60_000, 60_000)
    try:
        whole = evaluate(expr, around, world.store().select, settings=settings)
    except QueryError as error:
        raise Failure("refused", f"as a range: {error.message}") from None
    if case.ordered:
        return
    try:
        _compare_instant(case, _middle(whole))
    except Failure as failure:
        raise Failure(failure.verdict, f"as a range: {failure.why}") from None


def _middle(whole: Result) -> Result:
    histograms = None if whole.histograms is None else whole.histograms[:, 1:2]
    return Result(whole.kind, whole.labels, whole.values[:, 1:2], whole.present[:, 1:2], histograms=histograms)


# Comparisons -----------------------------------------------------------------------------------------------------------


def _compare_notes(case: Case, result: Result) -> None:
    for kind, told in (("warn", result.warnings), ("info", result.infos)):
        expected = case.expected(kind)
        if (expected or case.mode == kind) and not told:
            raise Failure("said", f"no {kind}, expected {expected}")
        if told and case.expected(f"no_{kind}"):
            raise Failure("said", f"a {kind} not expected: {told}")
        if not expected:
            continue
        unfit = [one for one in expected if not any(one.fits(text) for text in told)]
        unfit += [text for text in told if not any(one.fits(text) for one in expected)]
        if unfit:
            raise Failure("said", f"{kind}: {told}, not fitting: {unfit}")


def _compare_instant(case: Case, result: Result) -> None:
    if result.kind == "string":
        _demand(result.text == case.string, f"{result.text!r}, expected {case.string!r}")
    elif result.kind == "matrix":
        _compare_matrix(case, result)
    elif result.kind == "scalar":
        _demand(case.scalar is not None, f"a scalar, expected {case.rows}")
        value = float(result.values[0, 0])
        _demand(almost(value, case.scalar or 0.0), f"{value}, expected {case.scalar}")
    else:
        _demand(case.scalar is None, "a vector, expected a scalar")
        found = [(result.labels[row], _point(result, row, 0)) for row in range(len(result.labels))]
        _compare_vector(case, [(labels, point) for labels, point in found if point is not None])


def _compare_vector(case: Case, found: list[tuple[Labels, float | Histogram]]) -> None:
    expected = {labels: values[0] for labels, values in case.rows}
    _same_series(expected.keys(), [labels for labels, _ in found])
    if case.ordered:
        _demand([labels for labels, _ in found] == list(expected), f"order {[str(labels) for labels, _ in found]}")
    for labels, point in found:
        _demand(_alike(expected[labels], point), f"{labels} = {_told(point)}, expected {_told(expected[labels])}")


def _compare_range(case: Case, result: Result, grid: Grid) -> None:
    _demand(case.scalar is None, "a matrix, expected a scalar")
    steps = len(grid.instants_ms)
    expected = dict(case.rows)
    found = {
        result.labels[row]: [_point(result, row, column) for column in range(steps)]
        for row in range(len(result.labels))
        if result.present[row].any()
    }
    _same_series([labels for labels, values in expected.items() if any(v is not None for v in values)], found)
    for labels, points in found.items():
        values = expected[labels]
        _demand(len(values) <= steps, f"{len(values)} values expected for {steps} instants")
        for at, point in enumerate(points):
            wanted = values[at] if at < len(values) else None
            _demand(_alike(wanted, point), f"{labels}[{at}] = {_told(point)}, expected {_told(wanted)}")


def _compare_matrix(case: Case, result: Result) -> None:
    window, columns = case.window, result.columns
    _demand(window is not None and columns is not None, "a range vector, expected none")
    assert window is not None
    assert columns is not None
    _same_series([labels for labels, values in case.rows], columns.labels)
    expected = dict(case.rows)
    for row, labels in enumerate(columns.labels):
        times, values = columns.series(row)
        part = slice(int(columns.offsets[row]), int(columns.offsets[row + 1]))
        points = list(values.tolist())
        if columns.histograms is not None:
            points = [v if h is None else h for v, h in zip(points, columns.histograms[part], strict=True)]
        wanted = [
            (window.start_ms + index * window.step_ms, value)
            for index, value in enumerate(expected[labels])
            if value is not None
        ]
        _demand([t for t, _ in wanted] == times.tolist(), f"{labels} at {times.tolist()}, expected {wanted}")
        for (at, value), point in zip(wanted, points, strict=True):
            _demand(_alike(value, point), f"{labels} at {at} = {_told(point)}, expected {_told(value)}")


def _same_series(expected, found) -> None:
    _demand(set(expected) == set(found), f"series {sorted(map(str, found))}, expected {sorted(map(str, expected))}")


def _demand(holds: bool, why: str) -> None:
    if not holds:
        raise Failure("wrong", why)


def _told(one: Item | Histogram) -> str:
    if isinstance(one, Noted):
        return notation(one.histogram)
    return notation(one) if isinstance(one, Histogram) else str(one)


def _point(result: Result, row: int, column: int) -> float | Histogram | None:
    if not result.present[row, column]:
        return None
    native = None if result.histograms is None else result.histograms[row, column]
    return float(result.values[row, column]) if native is None else native


def _alike(expected: Item, found: float | Histogram | None) -> bool:
    if expected is None or found is None:
        return expected is None and found is None
    if isinstance(expected, Noted) or isinstance(found, Histogram):
        return isinstance(expected, Noted) and isinstance(found, Histogram) and native_script.alike(expected, found)
    return almost(float(expected), float(found))
