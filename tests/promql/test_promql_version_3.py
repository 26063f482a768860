"""What version 3 computes beside version 2, told in the language of Prometheus's own scripts."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from tests.promql.prometheus_peer import Store
from tests.promql.promqltest import STABLE_3, UPSTREAM, run
from tests.promql.shaped import marked, series_for

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Matcher, Settings, evaluate, parse
from sereno.promql.annotations import SHOWN_MAX, Annotations, go_number, go_quoted, place, possible_non_counter
from sereno.promql.dialect import Features
from sereno.promql.far_dates import far_date_part
from sereno.promql.functions import DATES, date_part
from sereno.promql.sampling import place_of, xxh64
from sereno.promql.sorting import natural_less

STORIES = {
    "windows with functions of their own": """
load 10s
  x_total{i="1"} 0+1x9 50
  x_total{i="2"} 5 NaN 3 9 1

eval instant at 40s first_over_time(x_total[25s])
  x_total{i="1"} 2
  x_total{i="2"} 3

eval instant at 40s mad_over_time(x_total[50s])
  {i="1"} 1
  {i="2"} NaN

eval instant at 40s ts_of_max_over_time(x_total[50s])
  {i="1"} 40
  {i="2"} 30

eval instant at 40s ts_of_min_over_time(x_total{i="1"}[50s]) + ts_of_first_over_time(x_total{i="1"}[25s])
  {i="1"} 20

eval instant at 40s double_exponential_smoothing(x_total{i="1"}[50s], 1.5, 0.5)
  expect fail msg: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.5
""",
    "anchored and smoothed": """
load 10s
  x_total 10 20 30 5 15

eval instant at 35s increase(x_total[20s] anchored)
  {} 15

eval instant at 35s rate(x_total[20s] smoothed)
  {} 0.75

eval instant at 35s x_total smoothed
  x_total 10

eval instant at 35s changes(x_total[20s] anchored)
  {} 2

eval instant at 35s max_over_time(x_total[20s] anchored)
  expect fail msg: anchored modifier can only be used with: changes, delta, increase, rate, resets - not with max_over_time
""",
    "missing series filled in": """
load 1m
  a{l="x"} 1
  a{l="y"} 2
  b{l="y"} 10
  b{l="z"} 20

eval instant at 0 a + fill(0) b
  {l="x"} 1
  {l="y"} 12
  {l="z"} 20

eval instant at 0 a + fill_right(100) b
  {l="x"} 101
  {l="y"} 12

eval instant at 0 a > bool fill_left(30) b
  {l="y"} 0
  {l="z"} 1
""",
    "labels of info metrics": """
load 1m
  up{instance="a", job="j"} 1 1 1
  up{instance="b", job="j"} 0 0 0
  target_info{instance="a", job="j", region="eu"} 1 _ _
  target_info{instance="a", job="j", region="us"} _ 1 1
  build_info{instance="b", job="j", version="7", region="xx"} 1 1 1

eval range from 0 to 2m step 1m info(up)
  up{instance="a", job="j", region="eu"} 1 _ _
  up{instance="a", job="j", region="us"} _ 1 1
  up{instance="b", job="j"} 0 0 0

eval instant at 1m info(up, {__name__="build_info", version=~".+"})
  up{instance="b", job="j", version="7"} 0
""",
    "some of the series": """
load 1m
  m{i="10", g="a"} 1
  m{i="9", g="a"} 2
  m{i="2", g="b"} 3

eval instant at 0 sort_by_label(m, "i")
  expect ordered
  m{i="2", g="b"} 3
  m{i="9", g="a"} 2
  m{i="10", g="a"} 1

eval instant at 0 count(limitk by (g) (1, m))
  {} 2

eval instant at 0 count(limit_ratio(0.3, m) or limit_ratio(-0.7, m))
  {} 3

eval instant at 0 limitk(NaN, m)
  expect fail msg: Parameter value is NaN

eval instant at 0 limit_ratio(1.5, m) and m
  expect warn msg: PromQL warning: ratio value should be between -1 and 1, got 1.5, capping to 1 (1:13)
  m{i="10", g="a"} 1
  m{i="9", g="a"} 2
  m{i="2", g="b"} 3
""",
    "names dropped at the end": """
load 1m
  a_total{i="1"} 0 60
  b_total{i="1"} 0 120

eval instant at 1m label_replace(rate({i="1"}[2m]), "__name__", "r_$1", "__name__", "(.)_total")
  r_a{i="1"} 0.5
  r_b{i="1"} 1

eval instant at 1m sum by (__name__) ({i="1"})
  a_total 60
  b_total 120

eval instant at 1m -{i="1"}
  expect fail msg: vector cannot contain metrics with the same labelset

eval range from 0 to 1m step 1m last_over_time(abs(a_total)[1m:])
  {i="1"} 0 60
""",
    "when counters began": """
load 1m
  x_total@st _ -30s -90s -10s
  x_total    _  10   20   15

eval instant at 3m increase(x_total[5m])
  {} 35

eval instant at 3m resets(x_total[5m])
  {} 1

eval instant at 2m start_timestamp(x_total)
  {} 30

eval instant at 3m start_timestamp(x_total + 0)
""",
    "what may be wrong": """
load 1m
  level 1 2 3

eval instant at 2m rate(level[5m])
  expect info msg: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "level" (1:6)
  expect no_warn
  {} 0.008333333333333333

eval instant at 2m 1 + quantile(1.5, level)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:14)
  {} +Inf

eval range from 0 to 2m step 1m sort(level)
  expect warn regex: sort is ineffective .*\\(1:1\\)
  level 1 2 3
""",
    "functions of the query": """
load 1m
  m 1 2 3

eval range from 0 to 2m step 1m step() + range() + end() - start() + max_of(1, NaN) * 0 + min_of(2, 3)
  {} NaN NaN NaN

eval range from 0 to 2m step 1m min_of(step(), range()) + m * 0
  {} 60 60 60

eval instant at 1m m[step() + 1m1s]
  expect range vector from 0 to 1m step 1m
  m 1 2
""",
}


@pytest.mark.parametrize("title", STORIES)
def test_story(title):
    outcomes = run(STORIES[title])
    assert outcomes
    assert [f"{one.line} {one.expr}: {one.verdict} {one.why}" for one in outcomes if one.verdict != "pass"] == []


def test_the_runner_sees_what_is_wrong():
    """A judge that never objects is none."""
    text = """
load 1m
  m{i="1"} 1 2

eval instant at 1m m
  {} 2

eval instant at 1m m
  m{i="1"} 3

eval instant at 1m m * 2
  {i="1"} 5

eval instant at 1m rate(m[2m])
  expect no_info
  {i="1"} 0.0125

eval instant at 1m m
  expect fail

eval instant at 1m m + on (x) fill(m) m
  {i="1"} 4

eval instant at 1m timestamp(m) + m
  expect warn
  {i="1"} 62

eval range from 0 to 1m step 1m m
  m{i="1"} 1 2 3
"""
    assert [one.verdict for one in run(text)] == [
        "wrong", "wrong", "wrong", "said", "wrong", "refused", "said", "wrong",
    ]  # fmt: skip


def test_experiments_are_refused_when_they_are_off_whatever_the_data():
    text = "\n\n".join(STORIES[title] for title in ("labels of info metrics", "some of the series"))
    verdicts = Counter(one.verdict for one in run(text, settings=STABLE_3))
    assert verdicts["refused"] == sum(verdicts.values()) - verdicts["pass"]
    assert verdicts["wrong"] == verdicts["said"] == 0


# Warnings ------------------------------------------------------------------------------------------------------------


def test_warnings_are_gathered_once_each_and_no_more_than_ten():
    notes = Annotations()
    for index in range(SHOWN_MAX + 5):
        notes.add(possible_non_counter(f"m{index}", 3))
        notes.add(possible_non_counter("m0", 3))
    warnings, infos = notes.texts("a +\nrate(b)")
    assert warnings == ()
    assert len(infos) == SHOWN_MAX + 1
    assert infos[-1] == "5 more info annotations omitted"
    assert infos[0].endswith('"m0" (1:4)')
    assert [place("a +\nrate(b)", position) for position in (0, 2, 4, 9)] == ["1:1", "1:3", "2:1", "2:6"]


def test_numbers_and_strings_as_go_prints_them():
    numbers = {0.1: "0.1", 1e6: "1e+06", 123456.0: "123456", 1e-5: "1e-05", -2.5: "-2.5", float("nan"): "NaN",
               float("-inf"): "-Inf", 0.0: "0", 1e21: "1e+21"}  # fmt: skip
    assert [go_number(value) for value in numbers] == list(numbers.values())
    assert go_quoted('a"b\\\n\x01é') == '"a\\"b\\\\\\n\\u0001é"'


def test_buckets_that_were_mended_are_told_once_with_their_extent():
    labels = [("0.1", [5.0, 5.0]), ("1", [3.0, 2.0]), ("+Inf", [9.0, 9.0])]
    times = np.array([0, 60_000])
    store = Store.of([(Labels(__name__="b", le=le), times, np.array(values)) for le, values in labels])
    found = evaluate("histogram_quantile(0.9, b)", Grid(0, 60_000, 60_000), store.select, settings=Settings(dialect=3))
    (info,) = found.infos
    assert "needed to be fixed for monotonicity" in info
    assert "over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z" in info


# Small parts ---------------------------------------------------------------------------------------------------------


def test_digits_are_compared_as_numbers():
    ordered = ["1", "a1", "a2", "a10", "a10b", "b"]
    assert [natural_less(a, b) for a, b in itertools.pairwise(ordered)] == [True] * 5
    assert not natural_less("a10", "a9")
    assert natural_less("9" * 30, "a")


def test_the_hash_that_samples_series_is_xxh64():
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"a") == 0xD24EC4F1A98C6E5B
    assert xxh64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1
    assert 0 <= place_of(Labels(__name__="m", long="x" * 300)) < 1


def test_dates_far_away_follow_the_same_calendar():
    rng = np.random.default_rng(5)
    seconds = np.concatenate((rng.uniform(-2e11, 2e11, 300), [0.0, -1.0, 951_782_400.0, 4_107_542_399.0]))
    for name in DATES:
        assert date_part(name, seconds).tolist() == [far_date_part(name, float(s)) for s in seconds], name
    assert far_date_part("year", float("nan")) == far_date_part("year", float("inf"))
    assert far_date_part("day_of_week", 1127466509438.4941) == 5.0  # as a live Prometheus said


def test_samples_shaped_to_an_expression_are_found_by_it():
    mark = Matcher("rule", "=", "7")
    tree = parse('sum by (job) (rate(x_total{code=~"5..|429",env!="dev"}[5m])) / on (job) group_left (team) owner > 0')
    series = series_for(tree, mark, 1)
    found = evaluate(marked(tree, mark), Grid(series[0][1][0] + 600_000, series[0][1][-1], 60_000),
                     Store.of(series).select)  # fmt: skip
    assert found.present.any()


def test_range_vectors_over_a_range_and_strings():
    nothing = Store(Columns.of([])).select
    with pytest.raises(QueryError, match="invalid expression type"):
        evaluate("up[5m]", Grid(0, 60_000, 1000), nothing)
    assert evaluate('"a\\tb"', Grid.at(0), nothing).text == "a\tb"


def test_types_tell_counters_when_that_is_switched_on():
    typed = Settings(dialect=3, features=Features(type_and_unit_labels=True))
    times = np.arange(5, dtype=np.int64) * 15_000
    store = Store.of(
        [(Labels(__name__="x", __type__=kind, of=kind), times, times * 1.0) for kind in ("counter", "gauge")]
    )
    found = evaluate("sum(rate(x[1m]))", Grid.at(60_000), store.select, settings=typed)
    assert found.infos == (
        'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got '
        '"gauge": "x" (1:10)',
    )


def test_start_timestamps_mean_nothing_until_they_are_asked_for():
    story = STORIES["when counters began"]
    without = Settings(dialect=3, features=Features(experimental_functions=True))
    assert {one.verdict for one in run(story, settings=without)} >= {"wrong"}
    assert {one.verdict for one in run(story, settings=UPSTREAM)} == {"pass"}


def test_what_is_unsupported_is_a_query_error():
    assert issubclass(UnsupportedQuery, QueryError)
