"""Samples that come in parts, series that are dealt out, rules that share: the same numbers, in bounded memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.promql.prometheus_peer import Store, generated
from tests.promql.test_promql_against_prometheus import EXPRESSIONS, GRIDS

from sereno.kernel.errors import NotFound, QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql import (
    Columns,
    Grid,
    Limits,
    Result,
    Select,
    Selection,
    evaluate,
    evaluate_all,
    parse,
    selections,
    supply,
    tiles,
)  # fmt: skip
from sereno.promql import run as run_module
from sereno.promql.known import one_and_the_same
from sereno.promql.late import LateLabels
from sereno.promql.matching import matches
from sereno.promql.shards import by_rows

HOUR, DAY = 3_600_000, 86_400_000


class Counting:
    """A store that keeps count of what it is asked for."""

    def __init__(self, select: Select) -> None:
        self.inner = select
        self.asked: list[Selection] = []
        self.most = 0

    def __call__(self, selection: Selection) -> Columns:
        self.asked.append(selection)
        found = self.inner(selection)
        self.most = max(self.most, len(found.times))
        return found


def days(count: int = 2, series: int = 12) -> Store:
    """Counters of four instances over some days, one sample a minute, with gaps, restarts and a late-comer."""
    rng = np.random.default_rng(4)
    made = []
    for row in range(series):
        times = np.arange(0, count * DAY, 60_000) + (row % 4) * 250
        times = times[rng.random(len(times)) > 0.02]
        values = np.cumsum(rng.poisson(2, len(times))).astype(float)
        values[len(times) // 3 :] -= values[len(times) // 3]
        if row == 7:
            times, values = times[len(times) // 2 :], values[len(times) // 2 :]
        labels = Labels(__name__="m", i=str(row), instance=f"h{row % 4}.x:80", code="500" if row % 3 == 0 else "200")
        made.append((labels, times, values))
    made.append((Labels(__name__="other", instance="h9"), np.arange(0, count * DAY, 60_000), np.ones(count * 1440)))
    return Store.of(made)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were hardly any memory."""
    monkeypatch.setattr(supply, "WHOLE_SAMPLES", 3000)
    monkeypatch.setattr(supply, "RESIDENT_SAMPLES", 3000)
    monkeypatch.setattr(run_module, "WHOLE_SAMPLES", 3000)
    monkeypatch.setattr(run_module, "RESIDENT_SAMPLES", 3000)


def alike(a: Result, b: Result) -> None:
    assert (a.kind, set(a.labels)) == (b.kind, set(b.labels))
    for row, labels in enumerate(a.labels):
        other = b.labels.index(labels)
        assert (a.present[row] == b.present[other]).all(), labels
        here = a.present[row]
        np.testing.assert_allclose(a.values[row][here], b.values[other][here], rtol=1e-12, atol=1e-300)


GRID = Grid(3 * HOUR, 2 * DAY - 1, 7 * 60_000)
LARGE = [
    "sum(rate(m[10h]))",
    "sum by (code) (increase(m[30m]))",
    "avg by (instance) (avg_over_time(m[5h]))",
    "max(m) - min by () (m)",
    "count(m) / group(m)",
    "sum(rate(m{code='500'}[6h])) / sum(rate(m[6h])) > 0.3",
    "sum(max_over_time(m[3h] offset 1h))",
    "rate(m[1h])",
    "rate(m[1h]) * 60 > bool 2",
    "-abs(m) < -100",
    "rate(m[1h]) / ignoring (i) group_left sum by (instance, code) (rate(m[1h])) > 0.3",
    "rate(m[1h]) / on (code) group_left sum by (code) (rate(m[1h])) > 0.1",
    "m unless m > 300",
    "sum without (i) (rate(m[1h])) or m",
    "sum by (code) (m) * on () group_left sum(m)",
    "round(clamp(deriv(m[1h]), 0, 5), 0.1)",
    "topk(2, increase(m[2h]))",
    "m > 100 and on (i) rate(m[3h]) > 0",
    "max_over_time(sum(rate(m[20m]))[3h:10m])",
    "sum(m @ end()) + sum(m)",
    "absent_over_time(m[1h])",
    "sum(rate(m[2h])) + scalar(other)",
]


@pytest.mark.parametrize("expr", LARGE)
def test_in_parts_it_is_the_same(expr: str, little: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store = days()
    in_parts = Counting(store.select)
    found = evaluate(expr, GRID, in_parts)
    monkeypatch.undo()
    whole = Counting(store.select)
    alike(found, evaluate(expr, GRID, whole))
    assert in_parts.most < whole.most


@pytest.mark.parametrize("expr", LARGE[:6])
def test_shares_and_tiles_together(expr: str, little: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store = days()
    monkeypatch.setattr(tiles, "TILE_CELLS", 1)
    found = evaluate(expr, GRID, store.select)
    monkeypatch.undo()
    alike(found, evaluate(expr, GRID, store.select))


@pytest.mark.parametrize(
    ("expr", "alone"),
    [
        ("a", True),
        ("rate(a[5m]) * 2 > 1", True),
        ("a / b", True),
        ("a / on (instance, job) b", True),
        ("a / on (job) b", False),
        ("a / ignoring (instance) group_left b", False),
        ("a / on (instance) group_left (job) b", True),
        ("a / ignoring (x) group_left (instance) b", False),
        ("a unless on (instance) b", True),
        ("sum by (instance) (a) / sum by (instance) (b)", True),
        ("sum by (job) (a)", False),
        ("sum without (job) (a)", True),
        ("sum without (instance) (a)", False),
        ("topk by (instance) (2, a)", False),
        ("max_over_time(a[1h:1m])", False),
        ("absent(a)", False),
        ("label_replace(a, 'instance', 'x', '', '')", False),
        ("a + scalar(b)", False),
        ("a + time()", True),
        ("histogram_quantile(0.9, a)", False),
        ("sort(a)", False),
    ],
)
def test_what_stays_within_a_share(expr: str, alone: bool) -> None:
    assert by_rows(parse(expr), "instance") is alone


def test_labels_of_another_kind_are_not_the_same() -> None:
    plain, late = (Labels(a="1"),), (LateLabels({"a": "1"}),)
    assert plain == late
    assert type(one_and_the_same(plain)[0]) is Labels
    assert type(one_and_the_same(late)[0]) is LateLabels
    assert one_and_the_same((Labels(a="1"),)) is one_and_the_same(plain)


def test_every_sample_is_read_once_but_for_the_look_ahead(little: None) -> None:
    asked = Counting(days().select)
    evaluate("topk(1, rate(m[2h]))", GRID, asked)
    spans = sorted((one.start_ms, one.end_ms) for one in asked.asked if one.end_ms - one.start_ms != 900_000)
    assert len(spans) > 3
    assert all(b[0] == a[1] + 1 for a, b in itertools.pairwise(spans))
    assert (spans[0][0], spans[-1][1]) == (GRID.start_ms - 2 * HOUR, GRID.instants_ms[-1])


def test_shares_miss_no_series_and_count_none_twice() -> None:
    weights = {Labels(instance=f"h{i}.x|y", le=str(i)): 10.0 for i in range(7)} | {Labels(job="alone"): 5.0}
    shares = run_module.shares_of(weights, 25.0)
    assert shares is not None
    for labels in [*weights, Labels(instance="new"), Labels()]:
        assert sum(matches((one,), labels) for one in shares.conditions) == 1, labels
    assert len(shares.conditions) >= 4
    assert run_module.shares_of({Labels(a="1"): 9.0}, 5.0) is None


def test_a_source_that_knows_only_whole_selections_is_asked_for_those(little: None) -> None:
    store = days()
    known = {one: store.select(one) for one in selections("sum(rate(m[2h]))", GRID)}
    found = evaluate("sum(rate(m[2h]))", GRID, known.__getitem__)
    assert found.present.any()


def test_what_is_in_memory_anyway_is_not_asked_for_in_parts(little: None) -> None:
    store = days()
    everything = store.select(Selection(selections("m", GRID)[0].matchers, 0, 2 * DAY))
    asked = Counting(lambda _: everything)
    evaluate("rate(m[2h])", GRID, asked)
    assert len(asked.asked) == 2


# Together ----------------------------------------------------------------------------------------------------------


def test_many_at_once_are_as_each_by_itself() -> None:
    store = Store.of(generated(5))
    grid = GRIDS["range-37s"]
    for expr, found in zip(EXPRESSIONS, evaluate_all(EXPRESSIONS, grid, store.select), strict=True):
        if isinstance(found, QueryError):
            with pytest.raises(QueryError) as caught:
                evaluate(expr, grid, store.select)
            assert (found.message, found.position) == (caught.value.message, caught.value.position)
            continue
        alone = evaluate(expr, grid, store.select)
        assert (found.labels, found.warnings, found.infos) == (alone.labels, alone.warnings, alone.infos), expr
        assert (found.values[found.present].view(np.int64) == alone.values[alone.present].view(np.int64)).all(), expr


def test_one_that_fails_spoils_no_other() -> None:
    asked = Counting(days().select)
    wrong = ["sum(", "m * on (code) m", "label_replace(m, 'i', '', '', '')", 'm{i=~"("}', "m[5m] + 1"]
    right = ["sum(m)", "sum(m) + 1", "count(m)"]
    found = evaluate_all([right[0], *wrong, *right[1:]], Grid.at(DAY), asked)
    assert [isinstance(one, Result) for one in found] == [True] + [False] * len(wrong) + [True] * 2


def test_samples_are_asked_for_once_for_all() -> None:
    asked = Counting(days().select)
    evaluate_all([f"sum(rate(m[{w}m])) > {k}" for w in (5, 30) for k in range(20)], Grid.at(DAY), asked)
    assert len(asked.asked) == 1


def test_equal_parts_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from sereno.promql import overtime, overtime3

    calls: list[str] = []
    rate = overtime3.function("rate", 2)
    counted = overtime.OverTime(lambda *a: (calls.append("rate"), rate.compute(*a))[1], 2)
    monkeypatch.setitem(overtime.FUNCTIONS, "rate", counted)
    evaluate_all([f"sum(rate(m[5m])) > {k}" for k in range(50)], Grid.at(DAY), days().select)
    assert len(calls) == 1


def test_what_is_noted_of_a_shared_part_is_told_to_each_with_its_own_place() -> None:
    exprs = ["rate(m[5m])", "1 + rate(m[5m])", "sum(rate(m[5m])) / sum(rate(m[5m]))", "count(m)"]
    store = days()
    found = evaluate_all(exprs, Grid.at(DAY), store.select)
    alone = [evaluate(expr, Grid.at(DAY), store.select) for expr in exprs]
    assert [one.infos for one in found if isinstance(one, Result)] == [one.infos for one in alone]
    assert [len(one.infos) for one in alone] == [1, 1, 1, 0]
    assert len({one.infos for one in alone}) == 3


def test_a_selector_that_cannot_be_had_ends_only_those_who_want_it() -> None:
    store = days()

    def select(selection: Selection) -> Columns:
        if any(m.value == "other" for m in selection.matchers):
            raise QueryError("refused")
        return store.select(selection)

    found = evaluate_all(["sum(m)", "m + on (instance) other", "other", "count(m)"], Grid.at(DAY), select)
    assert [isinstance(one, Result) for one in found] == [True, False, False, True]
    said = [(one.message, one.position) for one in found[1:3] if isinstance(one, QueryError)]
    assert said == [("refused", 18), ("refused", 0)]


def test_a_source_that_is_away_is_nobodys_mistake() -> None:
    def select(selection: Selection) -> Columns:
        raise NotFound("gone")

    with pytest.raises(NotFound):
        evaluate_all(["m"], Grid.at(0), select)


def test_a_fault_of_ours_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("sereno.promql.functions.scalar", fails)
    found = evaluate_all(["scalar(m)", "sum(m)"], Grid.at(DAY), days().select)
    assert isinstance(found[0], QueryError)
    assert isinstance(found[0].__cause__, ZeroDivisionError)
    assert isinstance(found[1], Result)
    with pytest.raises(ZeroDivisionError):
        evaluate("scalar(m)", Grid.at(DAY), days().select)


# Limits ------------------------------------------------------------------------------------------------------------


class Ticking:
    """A clock that moves on a second with each look."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def test_a_query_that_takes_too_long_ends_and_says_how_to_raise_it() -> None:
    limits = Limits(seconds_max=5, clock=Ticking())
    with pytest.raises(QueryLimit, match="seconds_max = 5") as caught:
        evaluate("m" + " + m * 0.5" * 10, Grid.at(DAY), days().select, limits=limits)
    assert "raise seconds_max" in (caught.value.hint or "")
    assert caught.value.position is not None
    assert evaluate("m", Grid.at(DAY), days().select, limits=Limits(seconds_max=1000, clock=Ticking())).labels


def test_each_rule_has_its_own_seconds() -> None:
    limits = Limits(seconds_max=8, clock=Ticking())
    slow = "m" + " + m * 0.5" * 20
    found = evaluate_all(["sum(m)", slow, "count(m)"], Grid.at(DAY), days().select, limits=limits)
    assert [isinstance(one, QueryLimit) for one in found] == [False, True, False]


def test_the_seconds_count_over_shares_as_well(little: None) -> None:
    with pytest.raises(QueryLimit, match="seconds_max"):
        evaluate("sum(rate(m[10h]))", GRID, days().select, limits=Limits(seconds_max=30, clock=Ticking()))
