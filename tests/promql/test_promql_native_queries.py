"""Queries over native histograms: what a responder sees when latencies come as whole distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.promql import native_script

from sereno.kernel.errors import QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Grid, Limits, Result, Settings, evaluate
from sereno.promql import tiles as tiles_module
from sereno.promql.dialect import Features
from sereno.promql.native import Histogram
from sereno.promql.native_math import compact
from sereno.promql.native_notation import parse_histograms
from sereno.promql.native_text import notation

S, M = 1000, 60_000
V3 = Settings(dialect=3)


def series(name: str, points: str, every: int = 15, start: int = 0, **labels: str):
    """A series from the words of a script, a sample each `every` seconds, as they are: nothing is stored."""
    found, at = {}, start * S
    for word in native_script.words(points):
        histograms = native_script.noted(word)
        for value in [one.histogram for one in histograms] if histograms else [word]:
            if value != "_":
                found[at] = (
                    value if isinstance(value, Histogram) else float(STALE) if value == "stale" else float(value)
                )
            at += every * S
    return Labels(labels, __name__=name), found


def columns(*given) -> Columns:
    rows = [(labels, sorted(points.items())) for labels, points in given]
    cells = [value for _, points in rows for _, value in points]
    native = np.full(len(cells), None, dtype=object)
    for index, value in enumerate(cells):
        native[index] = value if isinstance(value, Histogram) else None
    return Columns(
        tuple(labels for labels, _ in rows),
        np.concatenate(([0], np.cumsum([len(points) for _, points in rows]))).astype(np.int64),
        np.array([at for _, points in rows for at, _ in points], dtype=np.int64),
        np.array([0.0 if isinstance(value, Histogram) else value for value in cells]),
        native if any(one is not None for one in native) else None,
    )


def ask(expr: str, grid: Grid, *given, settings: Settings = V3) -> Result:
    return evaluate(expr, grid, native_script.NativeStore(columns(*given)).select, settings=settings)


def at(expr: str, seconds: float, *given, settings: Settings = V3) -> dict[str, str]:
    """The vector at one instant: each series's labels, and its value or its histogram in notation."""
    return said(ask(expr, Grid.at(round(seconds * S)), *given, settings=settings))


def said(result: Result, column: int = 0) -> dict[str, str]:
    found = {}
    for row in np.flatnonzero(result.present[:, column]):
        native = None if result.histograms is None else result.histograms[row, column]
        value = f"{result.values[row, column]:g}" if native is None else notation(compact(native))[2:-2]
        found[_named(result.labels[row])] = value
    return found


def _named(labels: Labels) -> str:
    rest = str(labels.without("__name__"))
    return labels.get("__name__", "") + rest if rest != "{}" or "__name__" not in labels else labels["__name__"]


LATENCY = series("latency", "{{count:2 sum:2 buckets:[1 1]}}+{{count:3 sum:6 buckets:[1 2]}}x20", job="api")


# Seen at an instant ----------------------------------------------------------------------------------------------------


def test_the_latest_histogram_is_seen_until_it_is_stale():
    one = series("latency", "{{count:1 buckets:[1]}} {{count:2 buckets:[2]}} stale")
    assert at("latency", 20, one) == {"latency": "count:2 buckets:[2]"}
    assert at("latency", 30, one) == {}
    assert at("latency", 600, series("latency", "{{count:1}}")) == {}
    assert at("absent(latency)", 20, one) == {}
    assert at("absent(latency)", 30, one) == {"{}": "1"}


def test_floats_and_histograms_may_take_turns():
    one = series("latency", "1 {{count:1}} 3")
    result = ask("latency", Grid(0, 45 * S, 15 * S), one)
    assert [said(result, column)["latency"] for column in range(4)] == ["1", "count:1", "3", "3"]


def test_offset_and_at_look_elsewhere():
    assert at("latency offset 15s", 30, LATENCY)['latency{job="api"}'] == "count:5 sum:8 buckets:[2 3]"
    assert at("latency @ 15", 300, LATENCY)['latency{job="api"}'] == "count:5 sum:8 buckets:[2 3]"
    over = ask("latency @ 15", Grid(0, 60 * S, 30 * S), LATENCY)
    assert {said(over, column)['latency{job="api"}'] for column in range(3)} == {"count:5 sum:8 buckets:[2 3]"}


def test_the_time_of_a_sample_is_that_of_a_histogram_too():
    assert at("timestamp(latency)", 100, LATENCY) == {'{job="api"}': "90"}
    assert at("timestamp(-latency)", 100, LATENCY) == {'{job="api"}': "100"}


# Rates -----------------------------------------------------------------------------------------------------------------


def test_a_rate_by_hand():
    # From 15 s to 60 s nine observations came in 45 s; extrapolated to the minute before 60 s: 12 in 60 s.
    result = ask("rate(latency[1m])", Grid.at(60 * S), LATENCY)
    (rate,) = result.histograms[:, 0]
    assert (rate.count, rate.sum, rate.reset) == (pytest.approx(0.2), pytest.approx(0.4), "gauge")
    assert rate.positive.counts.tolist() == pytest.approx([4 / 60, 8 / 60])
    assert at("histogram_count(increase(latency[1m]))", 60, LATENCY) == {'{job="api"}': "12"}
    assert at("rate(latency[14s])", 60, LATENCY) == {}


def test_what_a_restart_lost_is_counted_again():
    one = series("latency", "{{count:2 sum:1 buckets:[2]}} {{count:9 sum:5 buckets:[9]}} {{count:3 sum:1 buckets:[3]}} "
                            "{{count:4 sum:2 buckets:[4]}}")  # fmt: skip
    # 9 − 2, then 3 after the restart, then 1: 11 in 45 s.
    assert at("histogram_count(increase(latency[45s1ms]))", 45, one) == {"{}": "11.0002"}
    assert at("resets(latency[1m])", 45, one) == {"{}": "1"}
    # A bucket that fell is a restart even if the count went on.
    hidden = series("latency", "{{count:2 buckets:[2 0]}} {{count:3 buckets:[0 3]}} {{count:4 buckets:[0 4]}}")
    assert at("resets(latency[1m])", 30, hidden) == {"{}": "1"}
    assert at("increase(latency[30s1ms])", 30, hidden)["{}"].startswith("count:4")


def test_a_counter_is_not_extrapolated_below_zero():
    # 1 at 10 s, 41 at 50 s: it was zero one second before. Version 2 reaches to the window's start.
    one = series("latency", "{{count:1 buckets:[1]}} {{count:41 buckets:[41]}}", every=40, start=10)
    assert at("histogram_count(increase(latency[1m]))", 60, one) == {"{}": "51"}
    two = at("histogram_count(increase(latency[1m]))", 60, one, settings=Settings(dialect=2))
    assert two == {"{}": "60"}


def test_a_gauge_is_no_counter_and_the_other_way_round():
    gauge = series("load", "{{count:1 counter_reset_hint:gauge}}x5")
    warned = ask("rate(load[1m])", Grid.at(60 * S), gauge)
    assert warned.warnings == ('PromQL warning: this native histogram metric is not a counter: "load" (1:6)',)
    assert said(warned) == {"{}": "counter_reset_hint:gauge"}
    assert ask("delta(load[1m])", Grid.at(60 * S), gauge).warnings == ()
    warned = ask("delta(latency[1m])", Grid.at(60 * S), LATENCY)
    assert warned.warnings == ('PromQL warning: this native histogram metric is not a gauge: "latency" (1:7)',)
    assert said(warned)['{job="api"}'].startswith("count:12 ")
    for function, told in (("irate(load[1m])", "counter"), ("idelta(latency[1m])", "gauge")):
        assert f"is not a {told}" in ask(function, Grid.at(60 * S), gauge, LATENCY).warnings[0]


def test_floats_among_histograms_give_no_rate_but_a_warning():
    one = series("latency", "1 2 {{count:3}} {{count:5}} {{count:6}}")
    for function in ("rate", "increase", "delta", "sum_over_time", "avg_over_time"):
        result = ask(f"{function}(latency[1m])", Grid.at(60 * S), one)
        assert said(result) == {}
        assert result.warnings == (
            f'PromQL warning: encountered a mix of histograms and floats for metric name "latency" (1:{len(function) + 2})',
        )
    assert at("histogram_count(irate(latency[1m]))", 60, one) == {"{}": "0.0666667"}
    assert at("idelta(latency[40s])", 30, one) == {}
    assert at("idelta(latency[40s])", 15, one) == {"{}": "1"}


def test_buckets_that_cannot_be_brought_together_give_no_rate():
    one = series(
        "latency",
        "{{count:1 buckets:[1]}} {{schema:-53 count:9 custom_values:[5] buckets:[9]}} {{count:12 buckets:[12]}}",
    )
    result = ask("rate(latency[1m])", Grid.at(30 * S), one)
    assert said(result) == {}
    assert "mix of histograms with exponential and custom buckets" in result.warnings[0]


def test_the_rate_of_a_range_is_the_rate_at_each_instant():
    grid = Grid(0, 300 * S, 7 * S)
    whole = ask("rate(latency[40s])", grid, LATENCY)
    for column, instant in enumerate(grid.instants_ms.tolist()):
        assert said(whole, column) == at("rate(latency[40s])", instant / S, LATENCY)


# Over time -------------------------------------------------------------------------------------------------------------


def test_sums_and_means_over_time():
    one = series("latency", "{{count:2 sum:4 buckets:[2]}} {{count:4 sum:4 buckets:[0 4]}}")
    assert at("sum_over_time(latency[1m])", 15, one) == {"{}": "count:6 sum:8 buckets:[2 4]"}
    assert at("avg_over_time(latency[1m])", 15, one) == {"{}": "count:3 sum:4 buckets:[1 2]"}
    assert at("count_over_time(latency[1m])", 15, one) == {"{}": "2"}
    assert at("present_over_time(latency[1m])", 15, one) == {"{}": "1"}
    assert at("last_over_time(latency[1m])", 15, one) == {"latency": "count:4 sum:4 offset:1 buckets:[4]"}
    assert at("absent_over_time(latency[1m])", 15, one) == {}


def test_changes_count_between_kinds_too():
    one = series("latency", "1 1 {{count:1}} {{count:1}} {{count:2}} 2")
    assert at("changes(latency[2m])", 75, one) == {"{}": "3"}
    assert at("resets(latency[2m])", 75, one) == {"{}": "2"}
    assert at("changes(latency[16s])", 45, one) == {"{}": "0"}


def test_functions_of_floats_pass_over_histograms_and_say_so():
    one = series("mixed", "1 7 {{count:3}} 4")
    for expr, value in (("max_over_time(mixed[1m])", "7"), ("min_over_time(mixed[1m])", "1"),
                        ("quantile_over_time(0.5, mixed[1m])", "4"), ("stdvar_over_time(mixed[1m])", "6")):  # fmt: skip
        result = ask(expr, Grid.at(45 * S), one)
        assert said(result) == {"{}": value}
        assert "ignored histograms in a range containing both floats and histograms" in result.infos[0]
    only = ask("max_over_time(latency[1m])", Grid.at(45 * S), LATENCY)
    assert (said(only), only.infos) == ({}, ())
    for expr in ("abs(latency)", "clamp_min(latency, 0)", "round(latency)", "hour(latency)", "sort(latency)"):
        assert at(expr, 45, LATENCY) == {}
    assert at("vector(scalar(latency))", 45, LATENCY) == {"{}": "nan"}


def test_a_subquery_hands_histograms_on():
    assert at("histogram_count(sum_over_time(latency[31s:15s]))", 60, LATENCY) == {'{job="api"}': str(14 + 11 + 8)}
    assert at("histogram_count(increase(latency[1m:15s]))", 60, LATENCY) == at(
        "histogram_count(increase(latency[1m]))", 60, LATENCY
    )
    # What a sample says of resets is about the sample before it, which a subquery may not see: it looks itself.
    one = series(
        "latency",
        "{{count:5 buckets:[5]}} {{count:1 buckets:[1]}} {{count:2 buckets:[2] counter_reset_hint:not_reset}}",
    )
    assert at("histogram_count(increase(latency[31s:30s]))", 30, one) == {"{}": "2.06667"}


def test_a_reset_hidden_between_the_steps_of_a_subquery_is_found_by_the_buckets():
    # At 60 s everything has moved to the next bucket, while the count stays: steps of 40 s meet no sample that says so.
    hidden = series("latency", "{{count:3 sum:3 buckets:[3]}}+{{}}x3 {{count:3 sum:3 buckets:[0 3]}}+{{}}x8")
    whole = at("increase(latency[2m:40s])", 150, hidden)["{}"]
    assert whole.startswith("count:")
    assert float(at("histogram_count(increase(latency[2m:40s]))", 150, hidden)["{}"]) > 2


def test_counts_are_read_without_buckets_but_resets_are_not_forgotten():
    hidden = series(
        "latency", "{{count:3 sum:3 buckets:[3]}} {{count:3 sum:3 buckets:[0 3]}} {{count:4 sum:4 buckets:[0 4]}}"
    )
    grown = at("histogram_count(increase(latency[30s1ms]))", 30, hidden)
    assert at("increase(latency[30s1ms])", 30, hidden)["{}"].startswith(f"count:{float(grown['{}']):.5f}"[:9])
    # What looks into the buckets has them.
    assert at("histogram_quantile(0.5, latency) * histogram_count(latency)", 0, LATENCY) == {'{job="api"}': "2"}


# Edges of their own ----------------------------------------------------------------------------------------------------

EDGES = Settings(dialect=3, features=Features(extended_ranges=True))
CLIMB = series("climb", "{{count:0}} {{count:10 buckets:[10]}} {{count:30 buckets:[30]}} {{count:5 buckets:[5]}} "
                        "{{count:6 buckets:[6]}}", every=10)  # fmt: skip


@pytest.mark.parametrize(
    ("expr", "seconds", "count"),
    [
        # Anchored at 10 s: 30 − 10, then 5 after the restart.
        ("increase(climb[20s] anchored)", 30, 25),
        ("increase(climb[19s] anchored)", 29, 20),
        # From 15 s (20) to 25 s (half way into the restart: 2.5): 10 up to the restart, and 2.5.
        ("increase(climb[10s] smoothed)", 25, 12.5),
        ("rate(climb[10s] smoothed)", 25, 1.25),
        # From 25 s on, the restart lies behind: 5 − 2.5, and half of 1.
        ("increase(climb[10s] smoothed)", 35, 3),
        ("delta(climb[10s] smoothed)", 15, 15),
        ("climb smoothed", 15, 20),
        ("climb smoothed", 25, 2.5),
        ("climb smoothed", 100, 6),
    ],
)
def test_windows_with_edges_of_their_own(expr, seconds, count):
    assert at(f"histogram_count({expr})", seconds, CLIMB, settings=EDGES) == {"{}": f"{count:g}"}


def test_an_anchor_counts_for_resets_and_changes():
    turns = series("climb", "1 {{count:3}} 2 {{count:4}} {{count:2}}", every=10)
    assert at("resets(climb[15s] anchored)", 40, turns, settings=EDGES) == {"{}": "2"}
    assert at("changes(climb[35s] anchored)", 40, turns, settings=EDGES) == {"{}": "4"}
    assert at("resets(climb[5s] anchored)", 46, turns, settings=EDGES) == {}
    mixed = ask("rate(climb[15s] anchored)", Grid.at(40 * S), turns, settings=EDGES)
    assert (said(mixed), len(mixed.warnings)) == ({}, 1)


# Inside a histogram ----------------------------------------------------------------------------------------------------


def test_quantiles_of_native_and_classic_histograms_side_by_side():
    classic = [series("old_bucket", f"{count}", le=le) for le, count in (("1", 5), ("2", 10), ("+Inf", 10))]
    assert at('histogram_quantile(0.75, {__name__=~"latency|old_bucket"})', 0, LATENCY, *classic) == {
        "{}": "1.5", '{job="api"}': f"{2**0.5:g}",
    }  # fmt: skip
    assert at("histogram_fraction(0, 1, old_bucket)", 0, *classic) == {"{}": "0.5"}
    below = [series("cold_bucket", f"{count}", le=le) for le, count in (("-1", 4), ("3", 8), ("+Inf", 10))]
    assert at("histogram_fraction(-Inf, -1, cold_bucket)", 0, *below) == {"{}": "0.4"}
    assert at("histogram_fraction(-5, 1, cold_bucket)", 0, *below) == {"{}": "0.2"}
    assert at("histogram_fraction(1, +Inf, cold_bucket)", 0, *below) == {"{}": "0.4"}
    assert at("histogram_fraction(1, 2, latency)", 0, LATENCY) == {'{job="api"}': "0.5"}
    assert at("histogram_fraction(0, 1, old_bucket)", 0, *classic, settings=Settings(dialect=2)) == {}


def test_what_is_both_native_and_classic_is_neither():
    both = [series("latency", "5", le="1"), series("latency", "{{count:1 buckets:[1]}}")]
    result = ask("histogram_quantile(0.5, latency)", Grid.at(0), *both)
    assert said(result) == {}
    assert result.warnings == ("PromQL warning: vector contains a mix of classic and native histograms (1:25)",)


def test_a_quantile_outside_zero_and_one_is_infinite_with_a_warning():
    result = ask("histogram_quantile(2, latency)", Grid.at(0), LATENCY)
    assert said(result) == {'{job="api"}': "inf"}
    assert result.warnings == ("PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)",)


def test_count_sum_average_and_spread():
    expected = {"count": "5", "sum": "8", "avg": "1.6"}
    for name, value in expected.items():
        assert at(f"histogram_{name}(latency)", 15, LATENCY) == {'{job="api"}': value}
    deviation = at("histogram_stddev(latency) ^ 2 - histogram_stdvar(latency)", 15, LATENCY)
    assert float(deviation['{job="api"}']) == pytest.approx(0, abs=1e-9)
    assert at("histogram_count(vector(1))", 0) == {}


def test_a_bucket_that_falls_is_mended_and_said():
    falling = [series("old_bucket", f"{count}", le=le) for le, count in (("1", 5), ("2", 3), ("4", 9), ("+Inf", 9))]
    result = ask("histogram_quantile(0.5, old_bucket)", Grid.at(0), *falling)
    assert said(result) == {"{}": "0.9"}
    assert "from buckets 2 to 2, with a max diff of 2, over 1 samples" in result.infos[0]
    odd = ask("histogram_quantile(0.5, old_bucket)", Grid.at(0), series("old_bucket", "5", le="low"))
    assert odd.warnings == ('PromQL warning: bucket label "le" is missing or has a malformed value of "low" (1:25)',)


# Together --------------------------------------------------------------------------------------------------------------

FLEET = [
    series("latency", "{{count:2 sum:4 buckets:[2]}}", pod="a", zone="x"),
    series("latency", "{{count:4 sum:4 buckets:[0 4]}}", pod="b", zone="x"),
    series("latency", "7", pod="c", zone="y"),
]


def test_aggregations_add_histograms_up():
    assert at("sum by (zone) (latency)", 0, *FLEET) == {'{zone="x"}': "count:6 sum:8 buckets:[2 4]", '{zone="y"}': "7"}
    assert at('avg(latency{zone="x"})', 0, *FLEET) == {"{}": "count:3 sum:4 buckets:[1 2]"}
    assert at("count(latency)", 0, *FLEET) == {"{}": "3"}
    assert at("group by (zone) (latency)", 0, *FLEET) == {'{zone="x"}': "1", '{zone="y"}': "1"}


def test_floats_and_histograms_have_no_sum():
    result = ask("sum(latency)", Grid.at(0), *FLEET)
    assert said(result) == {}
    assert result.warnings == ("PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)",)


def test_other_aggregations_pass_over_histograms_and_say_so():
    for expr, op in (("max(latency)", "max"), ("min(latency)", "min"), ("quantile(0.5, latency)", "quantile"),
                     ("topk(3, latency)", "topk"), ("bottomk(3, latency)", "bottomk")):  # fmt: skip
        result = ask(expr, Grid.at(0), *FLEET)
        assert list(said(result).values()) == ["7"]
        assert result.infos[0].startswith(f"PromQL info: ignored histogram in {op} aggregation")
    assert list(at("stddev(latency)", 0, *FLEET).values()) == ["0"]
    assert at('max(latency{zone="x"})', 0, *FLEET) == {}


def test_values_are_counted_by_their_text():
    assert at('count_values("v", latency)', 0, *FLEET) == {
        '{v="7"}': "1", '{v="{count:2, sum:4, (0.5,1]:2}"}': "1", '{v="{count:4, sum:4, (1,2]:4}"}': "1",
    }  # fmt: skip
    twice = series("latency", "{{count:2 sum:4 buckets:[2]}}", pod="d", zone="x")
    assert (
        at('count_values by (zone) ("v", latency)', 0, *FLEET, twice)['{v="{count:2, sum:4, (0.5,1]:2}", zone="x"}']
        == "2"
    )


def test_exponential_and_custom_buckets_in_one_group_give_nothing_but_a_warning():
    custom = series("latency", "{{schema:-53 count:1 custom_values:[1] buckets:[1]}}", pod="d", zone="x")
    result = ask("sum by (zone) (latency)", Grid.at(0), *FLEET, custom)
    assert said(result) == {'{zone="y"}': "7"}
    assert 'exponential and custom buckets schemas for metric name "latency" (1:16)' in result.warnings[0]


# Operators -------------------------------------------------------------------------------------------------------------


def test_operators_between_histograms():
    assert at("latency + latency", 0, *FLEET)['{pod="a", zone="x"}'] == "count:4 sum:8 buckets:[4]"
    assert at("latency - latency", 0, FLEET[0]) == {'{pod="a", zone="x"}': "counter_reset_hint:gauge"}
    assert len(at("latency == latency", 0, *FLEET)) == 3
    assert at("latency != latency", 0, *FLEET) == {}
    assert at("latency == bool latency", 0, FLEET[0]) == {'{pod="a", zone="x"}': "1"}
    assert (
        at("latency / on() group_left() sum(vector(2))", 0, FLEET[0])['{pod="a", zone="x"}']
        == "count:1 sum:2 buckets:[1]"
    )


def test_operators_between_histograms_and_numbers():
    assert at("latency * 2", 0, FLEET[0]) == at("2 * latency", 0, FLEET[0])
    assert at("latency * 2", 0, FLEET[0]) == {'{pod="a", zone="x"}': "count:4 sum:8 buckets:[4]"}
    assert at("latency / 2", 0, FLEET[0]) == {'{pod="a", zone="x"}': "count:1 sum:2 buckets:[1]"}
    assert at("-latency", 0, FLEET[0]) == {
        '{pod="a", zone="x"}': "count:-2 sum:-4 counter_reset_hint:gauge buckets:[-2]"
    }
    assert at("latency * 2", 0, *FLEET)['{pod="c", zone="y"}'] == "14"


def test_pairs_that_have_no_result_are_left_out_and_said():
    for expr, told in (
        ("latency + 1", '"+": histogram + float'),
        ("1 / latency", '"/": float / histogram'),
        ("latency > 0", '">": histogram > float'),
        ("latency * latency", '"*": histogram * histogram'),
        ("latency ^ 2", '"^": histogram ^ float'),
    ):
        result = ask(expr, Grid.at(0), FLEET[0])
        assert said(result) == {}
        assert result.infos == (f"PromQL info: incompatible sample types encountered for binary operator {told} (1:1)",)
    # The floats beside them go on.
    assert list(at("latency + 1", 0, *FLEET).values()) == ["8"]


def test_set_operators_and_label_functions_carry_histograms():
    other = series("other", "1", pod="a", zone="x")
    assert list(at("latency and on(pod) other", 0, *FLEET, other).values()) == ["count:2 sum:4 buckets:[2]"]
    assert len(at("latency unless on(pod) other", 0, *FLEET, other)) == 2
    both = at('other or on(pod) latency{zone="x"}', 0, *FLEET, other)
    assert sorted(both.values()) == ["1", "count:4 sum:4 buckets:[0 4]"] or sorted(both.values()) == [
        "1", "count:4 sum:4 offset:1 buckets:[4]",
    ]  # fmt: skip
    moved = at('label_replace(latency, "where", "$1", "zone", "(.*)")', 0, FLEET[0])
    assert moved == {'latency{pod="a", where="x", zone="x"}': "count:2 sum:4 buckets:[2]"}


def test_mismatched_custom_bounds_are_said():
    a = series("a", "{{schema:-53 count:2 custom_values:[1 2] buckets:[1 1]}}")
    b = series("b", "{{schema:-53 count:2 custom_values:[2] buckets:[2]}}")
    result = ask("a + on() b", Grid.at(0), a, b)
    assert said(result) == {"{}": "schema:-53 count:4 custom_values:[2] buckets:[4]"}
    assert result.infos == ("PromQL info: mismatched custom buckets were reconciled during addition (1:1)",)
    result = ask('sum({__name__=~"a|b"})', Grid.at(0), a, b)
    assert result.infos == ("PromQL info: mismatched custom buckets were reconciled during aggregation (1:5)",)


def test_contradicting_resets_are_said():
    a, b = series("a", "{{count:1 counter_reset_hint:reset}}"), series("b", "{{count:1 counter_reset_hint:not_reset}}")
    for expr in ('sum({__name__=~"a|b"})', "a + on() b", "a - on() b", 'avg({__name__=~"a|b"})'):
        assert "conflicting counter resets" in ask(expr, Grid.at(0), a, b).warnings[0], expr


# The machine -----------------------------------------------------------------------------------------------------------


def test_tiles_carry_histograms(monkeypatch):
    monkeypatch.setattr(tiles_module, "TILE_CELLS", 8)
    monkeypatch.setattr(tiles_module, "TILE_STEPS_MIN", 3)
    late = series("latency", "{{count:1}}x3", start=200, job="late")
    grid = Grid(0, 300 * S, 10 * S)
    parts = ask("latency", grid, LATENCY, late)
    monkeypatch.undo()
    whole = ask("latency", grid, LATENCY, late)
    assert [said(parts, c) for c in range(31)] == [said(whole, c) for c in range(31)]


def test_a_histogram_weighs_as_much_as_its_buckets():
    wide = "{{count:400 buckets:[" + " ".join(["1"] * 400) + "]}}"
    store = native_script.NativeStore(columns(series("latency", f"{wide}x9")))
    with pytest.raises(QueryLimit, match="2,110 samples"):
        evaluate("latency", Grid(0, 135 * S, 15 * S), store.select, limits=Limits(samples_max=2_000))
    evaluate("latency", Grid(0, 135 * S, 15 * S), store.select, limits=Limits(samples_max=2_110))


def test_rows_that_become_alike_are_one_if_they_never_meet():
    a = series("a", "{{count:1}} {{count:2}} stale")
    b = series("b", "{{count:5}}", start=45)
    assert [said(ask('{__name__=~"a|b"} * 1', Grid(0, 60 * S, 15 * S), a, b), c) for c in range(4)] == [
        {"{}": "count:1"}, {"{}": "count:2"}, {}, {"{}": "count:5"},
    ]  # fmt: skip
    with pytest.raises(QueryError, match="same labelset"):
        ask('{__name__=~"a|b"} * 1', Grid.at(0), a, series("b", "{{count:5}}"))


def test_without_histograms_nothing_is_different():
    floats = series("up", "1 2 3 4")
    result = ask("sum(rate(up[1m])) * 2", Grid.at(45 * S), floats)
    assert result.histograms is None
    mixed = ask('sum(rate({__name__="up"}[1m])) * 2', Grid.at(45 * S), floats, LATENCY)
    assert mixed.values.tolist() == result.values.tolist()


def test_a_nan_sum_stays_a_sample():
    one = series("latency", "{{count:1 sum:NaN buckets:[1]}}")
    assert at("histogram_count(latency)", 0, one) == {"{}": "1"}
    assert math.isnan(float(at("histogram_sum(latency)", 0, one)["{}"]))


def test_words_of_scripts_are_read_whole():
    assert native_script.words("1 {{a:1 b:2}}+{{c:3}}x4 _x2") == ["1", "{{a:1 b:2}}+{{c:3}}x4", "_x2"]
    assert len(parse_histograms("{{}}x2")) == 3
