"""What happens to numbers when targets vanish, counters restart and people ask too much."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.promql.prometheus_peer import Series, Store, generated
from tests.promql.test_promql_against_prometheus import EXPRESSIONS, GRIDS

from sereno.kernel.errors import QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Grid, Limits, Settings, evaluate, selections
from sereno.promql import tiles as tiles_module

S, M, H = 1000, 60_000, 3_600_000


def series(name: str, points: dict[float, float], **labels: str) -> Series:
    """A series from {seconds: value}."""
    times = np.array([round(t * 1000) for t in points], dtype=np.int64)
    return Labels(labels, __name__=name), times, np.array(list(points.values()), dtype=float)


def at(expr: str, seconds: float, *given: Series, **options: object) -> list[tuple[dict[str, str], float]]:
    store = Store.of(list(given)) if given else Store(Columns.of([]))
    result = evaluate(expr, Grid.at(round(seconds * 1000)), store.select, **options)
    return [(dict(labels), value) for labels, value in result.instant()]


# Staleness --------------------------------------------------------------------------------


def test_a_series_that_was_marked_stale_is_gone_at_once():
    up = series("up", {0: 1, 15: 1, 30: float(STALE)})
    assert at("up", 29.999, up) == [({"__name__": "up"}, 1.0)]
    assert at("up", 30, up) == []
    assert at("up", 60, up) == []
    assert at("absent(up)", 30, up) == [({}, 1.0)]


def test_a_series_without_a_marker_is_looked_back_for_five_minutes():
    up = series("up", {0: 1})
    assert at("up", 300, up) == [({"__name__": "up"}, 1.0)]
    assert at("up", 300.001, up) == []
    assert at("up", 60, up, settings=Settings(lookback_ms=59_999)) == []


def test_windows_pass_over_markers_and_take_what_came_before():
    total = series("total", {0: 10, 15: 20, 30: float(STALE), 45: 5, 60: 7})
    assert at("count_over_time(total[1m])", 60, total) == [({}, 4.0)]
    assert at("last_over_time(total[20s])", 44, total) == []
    assert at("last_over_time(total[30s])", 44, total) == [({"__name__": "total"}, 20.0)]
    assert at("resets(total[1m])", 60, total) == [({}, 1.0)]


def test_a_nan_is_a_value_and_no_marker():
    odd = series("odd", {0: math.nan})
    ((_, value),) = at("odd", 10, odd)
    assert math.isnan(value)
    assert at("odd != odd", 10, odd)
    assert at("odd > 0", 10, odd) == []


def test_over_a_range_a_gap_is_a_gap():
    up = series("up", {0: 1, 15: float(STALE), 120: 1})
    result = evaluate("up", Grid(0, 180 * S, 30 * S), Store.of([up]).select)
    assert result.present[0].tolist() == [True, False, False, False, True, True, True]


# Windows and versions --------------------------------------------------------------------------------


def test_the_sample_at_the_very_beginning_of_a_window_counts_in_version_2_only():
    total = series("total", {0: 0, 60: 60, 120: 120})
    assert at("count_over_time(total[1m])", 120, total) == [({}, 2.0)]
    assert at("count_over_time(total[1m])", 120, total, settings=Settings(dialect=3)) == [({}, 1.0)]
    assert at("rate(total[1m])", 120, total) == [({}, 1.0)]
    assert at("rate(total[1m])", 120, total, settings=Settings(dialect=3)) == []


def test_rate_by_hand():
    # 100 at 10 s to 160 at 50 s with a restart (130 lost): 60 + 130 = 190 in 40 s. The first sample is 10 s after
    # the window's start and the neighbours are 20 s apart: extrapolated to both edges, 190 · 60/40 in 60 s.
    total = series("total", {10: 100, 30: 130, 50: 160 - 0})
    reset = series("total", {10: 100, 30: 130, 50: 60})
    assert at("increase(total[1m])", 60, total) == [({}, pytest.approx(60 * 60 / 40))]
    assert at("increase(total[1m])", 60, reset) == [({}, pytest.approx((130 - 100 + 60) * 60 / 40))]
    assert at("rate(total[1m])", 60, reset) == [({}, pytest.approx(90 * 60 / 40 / 60))]


def test_a_counter_is_not_extrapolated_below_zero():
    # From 2 to 42 in 40 s it was zero 2 s before the first sample: only those 2 s are added at the left.
    total = series("total", {10: 2, 30: 22, 50: 42})
    assert at("increase(total[1m])", 60, total) == [({}, pytest.approx(40 * (40 + 2 + 10) / 40))]


def test_at_fixes_the_instant_for_every_step_and_parameter():
    # 2.42 itself lets the window slide when a parameter varies; later versions and the documentation do not.
    arg = series("arg", {0: 0, 30: 0.5, 60: 1, 90: 0.75})
    metric = series("metric", {0: 1, 30: 2, 60: 3, 90: 4, 120: 5})
    result = evaluate("quantile_over_time(scalar(arg), metric[2m1s] @ 120)", Grid(0, 90 * S, 30 * S),
                      Store.of([arg, metric]).select)  # fmt: skip
    assert result.values.tolist() == [[1.0, 3.0, 5.0, 4.0]]


# Selections --------------------------------------------------------------------------------


def test_a_burn_rate_rule_asks_once_for_each_selector():
    rule = (
        '(sum(rate(m{c="5"}[1h])) or 0 * sum(rate(m[1h]))) / (sum(rate(m[1h])) > 0) > 0.01'
        ' and (sum(rate(m{c="5"}[5m])) or 0 * sum(rate(m[5m]))) / (sum(rate(m[5m])) > 0) > 0.01'
    )
    found = selections(rule, Grid.at(10 * H))
    assert [(len(one.matchers), one.start_ms, one.end_ms) for one in found] == [(2, 9 * H, 10 * H), (1, 9 * H, 10 * H)]


def test_selections_know_offsets_lookback_at_and_subqueries():
    grid = Grid(10 * H, 12 * H, M)

    def span(expr: str) -> list[tuple[int, int]]:
        return [(one.start_ms, one.end_ms) for one in selections(expr, grid)]

    assert span("up") == [(10 * H - 5 * M, 12 * H)]
    assert span("up offset 1h") == [(9 * H - 5 * M, 11 * H)]
    assert span("up[10m] offset -1h") == [(11 * H - 10 * M, 13 * H)]
    assert span("up[10m] @ end()") == [(12 * H - 10 * M, 12 * H)]
    assert span("max_over_time(rate(up[5m])[1h:1m])") == [(9 * H - 5 * M, 12 * H)]
    assert span("max_over_time(up[1h:7m] @ 36000)") == [(9 * H + 6 * M - 5 * M, 10 * H)]
    assert span("up + up offset 1d") == [(10 * H - 24 * H - 5 * M, 12 * H - 24 * H), (10 * H - 5 * M, 12 * H)]
    assert span("time()") == []


# Limits --------------------------------------------------------------------------------


def test_limits_say_which_and_how_to_raise_it():
    store = Store.of([series("up", {0: 1, 15: 1}, i=str(n)) for n in range(10)])
    cases = [
        ("up", Limits(series_max=9), "series_max = 9"),
        ("up", Limits(samples_max=19), "samples_max = 19"),
        ("max_over_time(up[1h:1s])", Limits(steps_max=100), "steps_max = 100"),
        ("max_over_time(up[1h:1s])", Limits(samples_max=10_000), "samples_max"),
    ]
    for expr, limits, said in cases:
        with pytest.raises(QueryLimit, match=said) as caught:
            evaluate(expr, Grid.at(15 * S), store.select, limits=limits)
        assert "raise" in (caught.value.hint or "")
    with pytest.raises(QueryLimit, match="steps_max"):
        evaluate("up", Grid(0, 10**12, 1), store.select)


def test_a_grid_must_go_forwards():
    for grid in (Grid(10, 0, 1), Grid(0, 10, 0), Grid(0, 10, -5)):
        with pytest.raises(QueryError, match="grid"):
            evaluate("1", grid, Store(Columns.of([])).select)


def test_a_range_vector_is_the_samples_of_its_window_at_one_instant_and_nothing_over_a_range():
    store = Store.of([series("up", {0: 1, 30: 0, 60: 1}, i="1"), series("up", {500: 1}, i="2")])
    found = evaluate("up[40s]", Grid.at(60 * S), store.select)
    assert (found.kind, found.labels) == ("matrix", (Labels(__name__="up", i="1"),))
    assert found.columns.times.tolist() == [30 * S, 60 * S]
    assert found.columns.values.tolist() == [0, 1]
    subquery = evaluate("(up + 1)[1m:30s]", Grid.at(60 * S), store.select).columns
    assert (subquery.times.tolist(), subquery.values.tolist()) == ([0, 30 * S, 60 * S], [2, 1, 2])
    with pytest.raises(QueryError, match="range vector") as caught:
        evaluate("up[5m]", Grid(0, 60 * S, 30 * S), store.select)
    assert (caught.value.position, caught.value.end) == (0, 6)


def test_series_that_become_alike_are_refused_where_it_happens():
    given = [series("a", {0: 1}, i="1"), series("b", {0: 2}, i="1")]
    for expr, position in (
        ("1 + -{__name__=~'a|b'}", 4),
        ("1 + abs({__name__=~'a|b'})", 4),
        ("1 + label_replace({i='1'}, '__name__', 'c', '', '')", 4),
        ("a * on (i) {__name__=~'a|b'}", 2),
        ("{__name__=~'a|b'} * on (i) group_left {__name__='a'}", 18),
    ):
        with pytest.raises(QueryError) as caught:
            at(expr, 1, *given)
        assert caught.value.position == position, expr


def test_kinds_of_results():
    nothing = Store(Columns.of([])).select
    assert evaluate("1 + 1", Grid.at(0), nothing).kind == "scalar"
    assert evaluate("1 + 1", Grid.at(0), nothing).instant() == [(Labels(), 2.0)]
    assert evaluate("'hola'", Grid.at(0), nothing).text == "hola"
    empty = evaluate("up", Grid(0, 120 * S, 60 * S), nothing)
    assert (empty.kind, empty.values.shape) == ("vector", (0, 3))


# What must always hold --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store():
    return Store.of(generated(3))


ANYWHERE = [one for one in EXPRESSIONS if not any(word in one for word in ("start()", "end()", "sort"))]
"""Expressions whose value at an instant does not depend on the rest of the grid."""


@pytest.mark.parametrize("expr", ANYWHERE)
def test_a_range_is_the_same_as_its_instants_and_as_its_tiles(expr, store, monkeypatch):
    """One grid of many instants, small tiles and single instants must agree to the last bit but one."""
    grid = Grid(GRIDS["range-37s"].start_ms, GRIDS["range-37s"].end_ms, 61_000)
    whole = evaluate(expr, grid, store.select)
    monkeypatch.setattr(tiles_module, "TILE_CELLS", 1)
    tiled = evaluate(expr, grid, store.select)
    assert set(tiled.labels) == set(whole.labels)
    for row, labels in enumerate(whole.labels):
        other = tiled.labels.index(labels)
        assert (whole.present[row] == tiled.present[other]).all()
        here = whole.present[row]
        np.testing.assert_allclose(whole.values[row][here], tiled.values[other][here], rtol=1e-12)
    for column in (0, 40, 77):
        alone = evaluate(expr, Grid.at(int(grid.instants_ms[column])), store.select)
        assert {labels for labels, _ in alone.instant()} == {labels for labels, _ in whole.instant(column)}
        expected = dict(whole.instant(column))
        for labels, value in alone.instant():
            np.testing.assert_allclose(value, expected[labels], rtol=1e-12)


steps = st.lists(st.floats(0, 1e6).map(lambda v: round(v, 3)), min_size=3, max_size=60)


def counter(increments: list[float], restarts: set[int]) -> tuple[np.ndarray, float]:
    """A counter's readings and what it truly counted after the first reading."""
    readings, value, truth = [], 0.0, 0.0
    for index, step in enumerate(increments):
        value = step if index in restarts else value + step
        truth += step if index else 0.0
        readings.append(value)
    return np.array(readings), truth


@settings(max_examples=60, deadline=None)
@given(steps, st.sets(st.integers(1, 59), max_size=12))
def test_restarts_do_not_change_what_is_counted(increments, restarts):
    """A window that begins and ends at a sample counts every increment, unless a restart hides in a larger step."""
    seen = {i for i in restarts if i < len(increments) and increments[i] < sum(increments[:i])}
    readings, _ = counter(increments, seen)
    hidden = {i for i in seen if not readings[i] < readings[i - 1]}
    readings, truth = counter(increments, seen - hidden)
    if any(i in seen and not readings[i] < readings[i - 1] for i in seen - hidden):
        return
    times = np.arange(len(readings), dtype=np.int64) * 15_000
    store = Store.of([(Labels(__name__="total"), times, readings)])
    window = int(times[-1]) // 1000
    ((_, found),) = evaluate(f"increase(total[{window}s])", Grid.at(int(times[-1])), store.select).instant()
    assert found == pytest.approx(truth, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=80), st.integers(1, 79))
def test_a_window_is_the_sum_of_its_parts(values, cut):
    cut = min(cut, len(values) - 1)
    times = np.arange(1, len(values) + 1, dtype=np.int64) * 10_000
    store = Store.of([(Labels(__name__="m"), times, np.array(values))])

    def over(function: str, first: int, last: int) -> float:
        window = int(times[last] - times[first]) // 1000 or 1
        ((_, found),) = evaluate(
            f"{function}_over_time(m[{window}s])", Grid.at(int(times[last])), store.select
        ).instant()
        return found

    end = len(values) - 1
    exact = math.fsum(values)
    assert over("sum", 0, end) == pytest.approx(exact, rel=1e-13, abs=1e-300)
    assert over("count", 0, end) == over("count", 0, cut - 1) + over("count", cut, end) == len(values)
    assert over("max", 0, end) == max(over("max", 0, cut - 1), over("max", cut, end)) == max(values)
    assert over("min", 0, end) == min(values)
    parts = over("sum", 0, cut - 1) + over("sum", cut, end)
    assert abs(parts - exact) <= 1e-12 * sum(map(abs, values))


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(range(6)), st.sampled_from(["sum(m)", "topk(2, m)", "quantile(0.3, m)", "avg by (i) (m)", "m * 2"])
)
def test_the_order_of_the_series_means_nothing(order, expr):
    rows = [series("m", {0: float(i % 4), 15: i * 1.5}, i=str(i)) for i in range(6)]
    expected = at(expr, 20, *rows)
    found = at(expr, 20, *[rows[i] for i in order])
    assert sorted(map(str, found)) == sorted(map(str, expected))


def last_of(expr: str, *given: Series) -> float:
    """The value at the last instant of a range that takes in everything before it."""
    end = int(max(times[-1] for _, times, _ in given))
    return float(evaluate(expr, Grid(0, end, 10 * S), Store.of(list(given)).select).values[0, -1])


def test_small_numbers_after_giants_keep_their_digits():
    """Plain prefix sums would say 0 here."""
    wide = series("wide", {t * 10: v for t, v in enumerate([1e20, -1e20, 1e20, 0.1, 0.2, 0.3])})
    assert last_of("sum_over_time(wide[20s])", wide) == 0.6
    assert last_of("avg_over_time(wide[20s])", wide) == pytest.approx(0.2, rel=1e-15)
    assert last_of("sum_over_time(wide[1m])", wide) == pytest.approx(1e20)


def test_numbers_of_four_magnitudes_are_summed_afresh():
    wide = series("wide", {t * 10: v for t, v in enumerate([1e200, 1e100, 1e50, 1.0, 2.0])})
    assert last_of("sum_over_time(wide[10s])", wide) == 3.0
    assert last_of("avg_over_time(wide[10s])", wide) == 1.5


def test_a_quantile_on_the_edge_of_an_empty_bucket_is_its_lower_edge():
    counts = {"1": 10.0, "2": 10.0, "3": 20.0, "+Inf": 20.0}
    buckets = [series("b", {0: count}, le=le) for le, count in counts.items()]
    assert at("histogram_quantile(0.5, b)", 1, *buckets) == [({}, 1.0)]
    assert at("histogram_quantile(0.51, b)", 1, *buckets) == [({}, pytest.approx(2.02))]


def test_series_that_match_twice_hurt_only_where_there_is_something_to_match():
    left = series("left", {0: 1}, i="1")
    right = [series("right", {600: 2}, i="1", copy=copy) for copy in "ab"]
    grid = Grid(0, 660 * S, 60 * S)
    assert evaluate("left * on (i) right", grid, Store.of([left, *right]).select).labels == ()
    with pytest.raises(QueryError, match=r"duplicate series for the match group .* on the right hand-side"):
        evaluate("left * on (i) right", grid, Store.of([series("left", {600: 1}, i="1"), *right]).select)


def test_many_resets_are_added_without_walking_the_window():
    saw = np.arange(10_000) % 3 * 1.0
    times = np.arange(10_000, dtype=np.int64) * S
    store = Store.of([(Labels(__name__="saw"), times, saw)])
    result = evaluate("increase(saw[5000s])", Grid(5000 * S, 9999 * S, S), store.select)
    by_hand = sum(now - before if now >= before else now for before, now in itertools.pairwise(saw[4999:]))
    assert result.values[0, -1] == pytest.approx(by_hand, rel=1e-12)
