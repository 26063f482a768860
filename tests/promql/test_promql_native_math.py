"""Native histograms added, subtracted, cut, compared and written out, beside what one gets by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram
from sereno.promql.native_bounds import cells, exponential_bounds
from sereno.promql.native_math import (
    IncompatibleSchemas,
    add,
    compact,
    detect_reset,
    divided,
    equal,
    hinted,
    joined_hint,
    negated,
    scaled,
    subtract,
    to_schema,
    validated,
)
from sereno.promql.native_notation import parse_histogram, parse_histograms
from sereno.promql.native_quantile import fraction, quantile, variance
from sereno.promql.native_stored import from_classic, stored
from sereno.promql.native_text import json_form, json_number, notation, text
from sereno.promql.native_total import Total, mean_of, sum_of
from sereno.promql.native_trim import trim_lower, trim_upper


def h(said: str) -> Histogram:
    return parse_histogram(f"{{{{{said}}}}}").histogram


def told(histogram: Histogram) -> str:
    return notation(compact(histogram))[2:-2]


# Bounds ----------------------------------------------------------------------------------------------------------------


def test_bounds_are_powers_of_two_and_the_last_is_the_largest_float():
    assert exponential_bounds(np.array([-2, -1, 0, 1, 2]), 0).tolist() == [0.25, 0.5, 1, 2, 4]
    assert exponential_bounds(np.array([0, 1, 2]), -1).tolist() == [1, 4, 16]
    assert exponential_bounds(np.array([0, 1, 2]), -4).tolist() == [1, 65536, 2.0**32]
    assert exponential_bounds(np.array([1023, 1024, 1025]), 0).tolist() == [2.0**1023, 1.7976931348623157e308, math.inf]
    assert exponential_bounds(np.array([64, 65]), -4).tolist() == [1.7976931348623157e308, math.inf]


def test_bounds_err_in_the_last_digits_as_those_of_prometheus_do():
    # Its table has 0.7071067811865475 where the nearest float is …476; whoever prints bounds must print the same.
    assert exponential_bounds(np.array([-1, 1, 3]), 1).tolist() == [
        0.7071067811865475,
        1.414213562373095,
        2.82842712474619,
    ]
    assert exponential_bounds(np.array([1]), 2).tolist() == [2 * 0.5946035575013605]


@given(st.integers(-4, 7), st.integers(-500, 500))
def test_every_second_bound_of_the_next_finer_schema_is_the_same(schema, index):
    if schema < 0 and abs(index << -schema) > 1000:
        return
    coarse = exponential_bounds(np.array([index]), schema)
    assert coarse == exponential_bounds(np.array([2 * index]), schema + 1)
    assert coarse == pytest.approx(2.0 ** (index * 2.0**-schema), rel=1e-14)


def test_buckets_that_overlap_with_the_zero_bucket_end_at_its_threshold():
    found = cells(h("z_bucket:1 z_bucket_w:0.75 count:4 buckets:[1 1] n_buckets:[1]"))
    assert list(zip(found.lower.tolist(), found.upper.tolist(), strict=True)) == [
        (-1, -0.75), (-0.75, 0.75), (0.75, 1), (1, 2),
    ]  # fmt: skip


# Notation and texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "schema:1 count:3 sum:4.5 buckets:[1 2]",
        "count:3 sum:-4 z_bucket:1 z_bucket_w:0.001 offset:-2 buckets:[1 0 2] n_offset:3 n_buckets:[1]",
        "schema:-53 count:3 sum:7 custom_values:[5 10] buckets:[1 2]",
        "count:1 counter_reset_hint:gauge buckets:[1]",
        "count:1e+100 sum:NaN",
    ],
)
def test_what_is_read_is_written_again(said):
    assert notation(h(said)) == f"{{{{{said}}}}}"


def test_series_of_histograms_go_up_and_down():
    found = [one.histogram for one in parse_histograms("{{count:1 buckets:[1]}}+{{count:2 sum:1 buckets:[1 1]}}x2")]
    assert list(map(told, found)) == [
        "count:1 buckets:[1]", "count:3 sum:1 buckets:[2 1]", "count:5 sum:2 buckets:[3 2]",
    ]  # fmt: skip
    assert [one.histogram.count for one in parse_histograms("{{count:5}}-{{count:2}}x2")] == [5, 3, 1]
    assert len(parse_histograms("{{}}x3")) == 4


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{{sum:1 summ:2}}", "cannot read 'summ:2' in a histogram, at character 7"),
        ("{{sum:1 sum:2}}", "sum is given twice"),
        ("{{sum:x}}", "sum of a histogram is no number"),
        ("{{buckets:1}}", "buckets of a histogram is no list"),
        ("{{counter_reset_hint:maybe}}", "counter_reset_hint of a histogram is one of"),
        ("{{schema:1.5}}", "schema of a histogram is no whole number"),
        ("{{sum:1}}+{{sum:1}}", "cannot read"),
        ("{{}}x99999999", "too many"),
        ("{{schema:-53 custom_values:[1]}}+{{}}x1", "have no sum"),
        ("{{schema:2}}+{{schema:1}}x1", "cannot be added"),
    ],
)
def test_bad_notation_is_refused_with_a_reason(said, why):
    with pytest.raises(ValueError, match=why.replace("(", r"\(")):
        parse_histograms(said)


def test_texts_are_those_of_prometheus():
    both = h("count:34 sum:123.75 z_bucket:1 z_bucket_w:0.001 buckets:[2 4 0 16] n_buckets:[1 2]")
    assert (
        text(both) == "{count:34, sum:123.75, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:1, (0.5,1]:2, (1,2]:4, (4,8]:16}"
    )
    custom = h("schema:-53 count:6 sum:1e+06 custom_values:[-5 10] buckets:[1 2 3]")
    assert text(custom) == "{count:6, sum:1e+06, [-Inf,-5]:1, (-5,10]:2, (10,+Inf]:3}"
    assert text(h("")) == "{count:0, sum:0}"


def test_the_api_lists_buckets_from_the_lowest_with_their_boundary_rule():
    both = h("count:5 sum:3.5 z_bucket:1 z_bucket_w:0.25 buckets:[0 2] n_buckets:[2]")
    assert json_form(both) == {
        "count": "5",
        "sum": "3.5",
        "buckets": [(1, "-1", "-0.5", "2"), (3, "-0.25", "0.25", "1"), (0, "1", "2", "2")],
    }
    assert json_form(h("schema:-53 count:1 custom_values:[2] buckets:[1]"))["buckets"] == [(3, "-Inf", "2", "1")]
    assert json_form(h("")) == {"count": "0", "sum": "0"}


def test_numbers_of_the_api_have_an_exponent_only_far_out():
    told = [json_number(x) for x in (0.0, 1e20, 1e21, 1.5e-6, 1e-7, -2.5, math.nan, -math.inf)]
    assert told == ["0", "100000000000000000000", "1e+21", "0.0000015", "1e-07", "-2.5", "NaN", "-Inf"]


# Arithmetic ------------------------------------------------------------------------------------------------------------


def test_a_sum_has_all_buckets_of_both():
    a = h("count:3 sum:4 offset:1 buckets:[1 2]")
    b = h("count:4 sum:1 offset:-1 buckets:[1 0 0 3]")
    assert told(add(a, b).histogram) == "count:7 sum:5 offset:-1 buckets:[1 0 1 5]"
    assert told(subtract(a, b).histogram) == "count:-1 sum:3 offset:-1 buckets:[-1 0 1 -1]"


def test_the_coarser_resolution_wins():
    # Buckets 1, 2, 3, 4 of schema 1 end at √2, 2, 2√2, 4: two of them make one of schema 0.
    fine = h("schema:1 count:10 sum:1 offset:1 buckets:[1 2 3 4] n_offset:2 n_buckets:[5]")
    coarse = h("count:2 sum:1 offset:2 buckets:[2]")
    expected = "count:12 sum:2 offset:1 buckets:[3 9] n_offset:1 n_buckets:[5]"
    assert told(add(fine, coarse).histogram) == expected
    assert told(add(coarse, fine).histogram) == expected
    assert told(to_schema(fine, -1)) == "schema:-1 count:10 sum:1 offset:1 buckets:[10] n_offset:1 n_buckets:[5]"


def test_the_wider_zero_bucket_takes_in_what_lies_within():
    # Threshold 0.3 lies in the bucket (0.25, 0.5], which holds something: it moves to 0.5.
    narrow = h("count:7 z_bucket:1 z_bucket_w:0.001 offset:-3 buckets:[1 2 3]")  # (.0625,.125] (.125,.25] (.25,.5]
    wide = h("count:3 z_bucket:2 z_bucket_w:0.3 offset:1 buckets:[1]")
    expected = "count:10 z_bucket:9 z_bucket_w:0.5 offset:1 buckets:[1]"
    assert told(add(narrow, wide).histogram) == expected
    assert told(add(wide, narrow).histogram) == expected
    # An empty bucket around the threshold needs no widening.
    assert told(add(h("z_bucket_w:0.001 offset:-3 buckets:[1 2 0 4]"), wide).histogram) == (
        "count:3 z_bucket:5 z_bucket_w:0.3 buckets:[4 1]"
    )
    # On the negative side as well.
    assert told(add(h("z_bucket_w:0.001 n_offset:-1 n_buckets:[5 1]"), wide).histogram) == (
        "count:3 z_bucket:7 z_bucket_w:0.5 offset:1 buckets:[1] n_buckets:[1]"
    )


def test_custom_bounds_that_differ_are_brought_to_those_shared():
    a = h("schema:-53 count:10 sum:1 custom_values:[1 2 4] buckets:[1 2 3 4]")
    b = h("schema:-53 count:26 sum:1 custom_values:[2 3 4 5] buckets:[5 6 7 8 0]")
    found = add(a, b)
    assert found.reconciled
    assert told(found.histogram) == "schema:-53 count:36 sum:2 custom_values:[2 4] buckets:[8 16 12]"
    assert told(subtract(a, b).histogram) == "schema:-53 count:-16 custom_values:[2 4] buckets:[-2 -10 -4]"
    assert not add(a, a).reconciled
    apart = add(a, h("schema:-53 count:1 custom_values:[7] buckets:[1]")).histogram
    assert told(apart) == "schema:-53 count:11 sum:1 custom_values:[] buckets:[11]"


def test_exponential_and_custom_buckets_have_no_sum():
    a, b = h("buckets:[1]"), h("schema:-53 custom_values:[1] buckets:[1]")
    for combine in (add, subtract):
        with pytest.raises(IncompatibleSchemas):
            combine(a, b)
    with pytest.raises(IncompatibleSchemas):
        sum_of([a, b])
    with pytest.raises(ValueError, match="schema"):
        to_schema(b, 0)


def test_multiples():
    one = h("count:4 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1 2]")
    assert told(scaled(one, 2)) == "count:8 sum:4 z_bucket:2 z_bucket_w:0.5 buckets:[2 4]"
    assert told(divided(one, 2)) == "count:2 sum:1 z_bucket:0.5 z_bucket_w:0.5 buckets:[0.5 1]"
    assert told(negated(one)) == ("count:-4 sum:-2 z_bucket:-1 z_bucket_w:0.5 counter_reset_hint:gauge buckets:[-1 -2]")
    nothing = divided(one, 0)
    assert told(nothing) == "count:+Inf sum:+Inf z_bucket:+Inf z_bucket_w:0.5"
    assert math.isnan(divided(h(""), 0).count)


@pytest.mark.parametrize(
    ("a", "b", "found", "collides"),
    [
        ("gauge", "gauge", "gauge", False),
        ("gauge", "reset", "gauge", False),
        ("not_reset", "gauge", "gauge", False),
        ("unknown", "reset", "unknown", False),
        ("not_reset", "unknown", "unknown", False),
        ("not_reset", "not_reset", "not_reset", False),
        ("reset", "not_reset", "unknown", True),
    ],
)
def test_what_a_sum_says_of_resets(a, b, found, collides):
    assert joined_hint(a, b) == (found, collides)
    combined = add(hinted(h("count:1"), a), hinted(h("count:1"), b))
    assert (combined.histogram.reset, combined.collision) == (found, collides)


def test_sums_keep_the_digits_that_rounding_loses():
    parts = [h(f"count:{n} sum:{n} z_bucket:{n} buckets:[{n}]") for n in ("1e100", "1", "-1e100")]
    assert told(sum_of(parts).histogram) == "count:1 sum:1 z_bucket:1 buckets:[1]"
    fine = [h("schema:1 offset:1 buckets:[1e100 1]"), h("offset:1 buckets:[-1e100]")]
    assert told(sum_of(fine).histogram) == "offset:1 buckets:[1]"


def test_a_mean_does_not_overflow_where_its_values_do_not():
    huge = h("count:1.5e308 sum:1e308 buckets:[1.5e308]")
    with np.errstate(all="ignore"):
        found = mean_of([huge] * 5).histogram
        assert math.isinf(sum_of([huge] * 5).histogram.count)
    assert found.count == pytest.approx(1.5e308, rel=1e-12)
    assert found.positive.counts[0] == pytest.approx(1.5e308, rel=1e-12)


def test_a_sum_can_go_two_ways():
    total = Total(h("count:1"))
    other = total.copy()
    other.add(h("count:2"))
    assert (total.value.count, other.value.count) == (1, 3)


def test_equality_is_that_of_bits_but_not_of_hints():
    one = h("count:1 sum:0 buckets:[1]")
    assert equal(one, hinted(one, "gauge"))
    assert equal(h("sum:NaN"), h("sum:NaN"))
    for other in ("count:1 sum:-0.0 buckets:[1]", "count:1 buckets:[1 0]", "count:1 offset:1 buckets:[1]",
                  "schema:1 count:1 buckets:[1]", "count:1 z_bucket_w:1 buckets:[1]", "count:1 n_buckets:[1]"):  # fmt: skip
        assert not equal(one, h(other)), other


# Resets ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "reset"),
    [
        ("count:3 buckets:[1 2]", "count:3 buckets:[1 2]", False),
        ("count:3 buckets:[1 2]", "count:2 buckets:[1 2]", True),  # fewer observations
        ("count:3 sum:5 buckets:[1 2]", "count:3 sum:1 buckets:[1 2]", False),  # sums may fall
        ("count:3 buckets:[1 2]", "count:4 buckets:[2 1]", True),  # a bucket fell
        ("count:3 buckets:[1 2]", "count:9 buckets:[1]", True),  # a bucket is gone
        ("count:1 buckets:[1 0]", "count:9 buckets:[1]", False),  # an empty one may go
        ("count:1 n_buckets:[2]", "count:9 n_buckets:[1]", True),
        ("count:1 z_bucket:2", "count:9 z_bucket:1", True),
        ("count:1 buckets:[1]", "schema:1 count:9 buckets:[9]", True),  # resolution cannot grow
        ("schema:1 count:2 offset:1 buckets:[1 1]", "count:9 offset:1 buckets:[2]", False),  # it may shrink
        ("schema:1 count:2 offset:1 buckets:[1 1]", "count:9 offset:1 buckets:[1]", True),
        ("z_bucket_w:0.5", "z_bucket_w:0.25", True),  # the zero bucket cannot shrink
        ("z_bucket_w:0.001 offset:-1 buckets:[1]", "z_bucket:1 z_bucket_w:0.5", False),  # it may take buckets in
        ("z_bucket_w:0.001 offset:-1 buckets:[2]", "z_bucket:1 z_bucket_w:0.5", True),
        ("z_bucket_w:0.001 offset:-1 buckets:[2]", "z_bucket:2 z_bucket_w:0.3", True),  # but no part of one
        ("schema:-53 custom_values:[1 2] buckets:[1 1]", "schema:-53 custom_values:[1 2] buckets:[1 0]", True),
        ("schema:-53 custom_values:[1 2] buckets:[1 1 1]", "schema:-53 custom_values:[2] buckets:[2 1]", False),
        ("schema:-53 custom_values:[1 2] buckets:[1 1 1]", "schema:-53 custom_values:[2] buckets:[1 2]", True),
        ("buckets:[1]", "schema:-53 custom_values:[1]", True),
        ("schema:-53 custom_values:[1]", "buckets:[1]", True),
        ("count:5", "count:1 counter_reset_hint:not_reset", False),  # what it says of itself is believed
        ("count:1", "count:5 counter_reset_hint:reset", True),
        ("count:5", "count:1 counter_reset_hint:gauge", True),  # a gauge is taken for a counter
    ],
)
def test_a_reset_is_seen(before, after, reset):
    assert detect_reset(h(after), h(before)) is reset


def test_a_sample_that_says_it_was_reset_goes_on_from_nothing():
    series = [h("count:1"), h("count:2 counter_reset_hint:reset"), h("count:3"), h("count:3 z_bucket_w:1")]
    assert [one.reset for one in stored(series)] == ["unknown", "unknown", "not_reset", "unknown"]


def test_stored_samples_say_only_whether_they_go_on_from_the_one_before():
    series = [h("count:1"), h("count:2"), h("count:1"), h("count:2"), None, h("count:3"), h("count:4 counter_reset_hint:gauge"),
              h("count:5"), h("schema:1 count:6"), h("count:7 counter_reset_hint:reset")]  # fmt: skip
    assert [one and one.reset for one in stored(series)] == [
        "unknown", "not_reset", "unknown", "not_reset", None, "unknown", "gauge", "unknown", "unknown", "unknown",
    ]  # fmt: skip


# Quantiles and the like ------------------------------------------------------------------------------------------------


def test_quantiles_by_hand():
    one = h("count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]")  # (.5,1] (1,2] (2,4] (4,8] (8,16]
    assert quantile(1, one).value == 16
    assert quantile(0.5, one).value == pytest.approx(2 ** (2 / 3))  # two of the three in (1, 2], on a logarithmic scale
    assert quantile(0.5, one, dialect=2).value == pytest.approx(1 + 2 / 3)  # 2.42: linear
    assert quantile(1 / 12, one).value == pytest.approx(0.0005)  # linear within the zero bucket, which starts at zero
    assert quantile(-0.1, one).value == -math.inf
    assert quantile(1.1, one).value == math.inf
    assert math.isnan(quantile(math.nan, one).value)
    assert math.isnan(quantile(0.5, h("")).value)
    negative = h("count:4 sum:-8 n_buckets:[0 4]")  # [-2, -1)
    assert quantile(0.5, negative).value == pytest.approx(-math.sqrt(2))


def test_high_quantiles_are_counted_from_the_top():
    # Two of ten observations are in no bucket: from below they would be sought beyond the last one.
    short = h("count:10 sum:9 buckets:[4 4]")  # (.5,1] (1,2]
    assert quantile(0.9, short).value == pytest.approx(2 ** (3 / 4))
    assert quantile(0.9, short, dialect=2).value == 2
    assert quantile(0.4, short).value == 1


def test_a_zero_bucket_below_nothing_ends_at_zero():
    low = h("count:4 sum:-3 z_bucket:2 z_bucket_w:0.5 n_offset:1 n_buckets:[2]")
    assert quantile(1, low).value == 0
    assert quantile(0.75, low).value == -0.25
    assert fraction(-0.25, 1, low).value == 0.25
    high = h("count:4 sum:3 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[2]")
    assert quantile(0.25, high).value == 0.25
    alone = h("count:4 sum:0 z_bucket:4 z_bucket_w:0.5")
    assert quantile(0.25, alone).value == -0.25


def test_quantiles_of_custom_buckets_are_linear_and_stay_within_the_bounds():
    one = h("schema:-53 count:8 sum:1 custom_values:[5 10] buckets:[2 4 2]")
    assert quantile(0.125, one).value == 2.5
    assert quantile(0.5, one).value == 7.5
    assert quantile(0.99, one).value == 10
    assert quantile(0.1, h("schema:-53 count:1 custom_values:[-5 1] buckets:[1]")).value == -5


def test_nan_observations_make_quantiles_nan_or_too_high():
    odd = h("count:10 sum:NaN buckets:[8]")
    assert quantile(0.5, odd).nan_skew
    assert quantile(0.5, odd).value == pytest.approx(0.5 * 2 ** (5 / 8))
    assert quantile(0.9, odd).nan_result
    assert math.isnan(quantile(0.9, odd).value)
    assert fraction(-math.inf, math.inf, odd) == (0.8, True)


def test_fractions_by_hand():
    one = h("count:12 sum:100 buckets:[4 8]")  # (.5,1] (1,2]
    assert fraction(1, 2, one).value == pytest.approx(8 / 12)
    assert fraction(0, math.sqrt(2), one).value == pytest.approx(8 / 12)
    assert fraction(2, 1, one).value == 0
    assert math.isnan(fraction(0, 1, h("")).value)
    custom = h("schema:-53 count:8 sum:1 custom_values:[5 10] buckets:[2 4 2]")
    assert fraction(2.5, 7.5, custom).value == pytest.approx((1 + 2) / 8)
    assert fraction(20, math.inf, custom).value == pytest.approx(2 / 8)  # nobody knows where beyond 10 they are


def test_the_spread_takes_observations_for_the_middle_of_their_bucket():
    # √2 once and √8 once around a mean of 2.5; the zero bucket counts as zero.
    one = h("count:3 sum:7.5 z_bucket:1 z_bucket_w:0.001 offset:1 buckets:[1 1]")
    expected = ((math.sqrt(2) - 2.5) ** 2 + (math.sqrt(8) - 2.5) ** 2 + 2.5**2) / 3
    assert variance(one) == pytest.approx(expected)
    custom = h("schema:-53 count:2 sum:10 custom_values:[2 4 8] buckets:[0 1 1]")
    assert variance(custom) == pytest.approx(((3 - 5) ** 2 + (6 - 5) ** 2) / 2)


# Cutting ---------------------------------------------------------------------------------------------------------------


def test_a_histogram_is_cut_at_a_value():
    one = h("count:9 sum:20 buckets:[1 4 4]")  # (.5,1] (1,2] (2,4]
    upper, lower = trim_upper(one, math.sqrt(2)), trim_lower(one, math.sqrt(2))
    assert told(compact(upper)).startswith("count:3")
    assert upper.positive.counts.tolist() == pytest.approx([1, 2])
    assert upper.sum == pytest.approx(math.sqrt(0.5) + 2 * math.sqrt(math.sqrt(2)))
    assert lower.positive.counts.tolist() == pytest.approx([2, 4])
    assert trim_upper(one, math.inf) is one
    assert told(trim_lower(one, math.inf)) == ""


def test_custom_buckets_and_the_zero_bucket_are_cut_in_proportion():
    custom = h("schema:-53 count:15 sum:90 custom_values:[5 10] buckets:[5 10]")
    assert told(trim_upper(custom, 6)) == "schema:-53 count:7 sum:23.5 custom_values:[5 10] buckets:[5 2]"
    assert told(trim_lower(custom, 6)) == "schema:-53 count:8 sum:64 custom_values:[5 10] offset:1 buckets:[8]"
    zero = h("count:4 sum:0 z_bucket:4 z_bucket_w:0.5")
    assert told(trim_upper(zero, 0.25)) == "count:3 sum:-0.375 z_bucket:3 z_bucket_w:0.5"
    for untouched in (trim_lower(zero, -1), trim_upper(zero, 1), trim_lower(zero, -0.5), trim_upper(zero, 0.5)):
        assert untouched is zero
    for nothing in (trim_lower(zero, 1), trim_upper(zero, -1)):
        assert told(nothing) == "z_bucket_w:0.5"
    assert told(trim_lower(zero, 0.25)) == "count:1 sum:0.375 z_bucket:1 z_bucket_w:0.5"
    only_positive = h("count:6 sum:2 z_bucket:4 z_bucket_w:0.5 offset:1 buckets:[2]")
    assert trim_upper(only_positive, 0.25).zero_count == 2  # its zero bucket starts at zero


# Made of classic ones --------------------------------------------------------------------------------------------------


def test_classic_buckets_become_custom_ones():
    made = from_classic({1.0: 2, 5.0: 2, math.inf: 7}, count=7, sum_=9.0)
    assert told(made) == "schema:-53 count:7 sum:9 custom_values:[1 5] buckets:[2 0 5]"
    assert told(from_classic({1.0: 2})) == "schema:-53 count:2 custom_values:[1] buckets:[2]"
    for wrong in ({1.0: 2.0, 2.0: 1.0}, {1.0: -1.0}, {math.nan: 1.0}):
        with pytest.raises(ValueError):
            from_classic(wrong)
    with pytest.raises(ValueError, match="last bucket"):
        from_classic({math.inf: 2.0}, count=3)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Histogram(9, 1, 1), "schema"),
        (Histogram(0, -1, 1), "negative"),
        (Histogram(0, 1, 1, zero_threshold=math.nan), "threshold"),
        (Histogram(0, 1, 1, bounds=(1.0,)), "custom bounds"),
        (Histogram(0, 1, 1, positive=Buckets(np.array([2, 1]), np.ones(2))), "ascend"),
        (Histogram(0, 1, 1, positive=Buckets(np.array([1]), np.ones(2))), "one count"),
        (Histogram(0, 1, 1, negative=Buckets(np.array([1]), -np.ones(1))), "negative"),
        (Histogram(CUSTOM_BOUNDS, 1, 1, bounds=(2.0, 1.0)), "ascend"),
        (Histogram(CUSTOM_BOUNDS, 1, 1, bounds=(math.inf,)), "finite"),
        (Histogram(CUSTOM_BOUNDS, 1, 1, zero_count=1), "zero bucket"),
        (Histogram(CUSTOM_BOUNDS, 1, 1, positive=Buckets(np.array([2]), np.ones(1)), bounds=(1.0,)), "outside"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        validated(wrong)


# What always holds -----------------------------------------------------------------------------------------------------


@st.composite
def histograms(draw, schema=None, custom=False):
    """Histograms of whole counts, so that sums are exact."""
    counts = st.lists(st.integers(0, 50), max_size=8)
    positive, negative = draw(counts), [] if custom else draw(counts)
    first, below = (0, 0) if custom else (draw(st.integers(-6, 6)), draw(st.integers(-6, 6)))
    zero = 0 if custom else draw(st.integers(0, 9))
    total = float(sum(positive) + sum(negative) + zero)
    if custom:
        picked = draw(st.lists(st.integers(-9, 30), unique=True, min_size=max(0, len(positive) - 1), max_size=12))
        bounds, level, edge = tuple(map(float, sorted(picked))), CUSTOM_BOUNDS, 0.0
    else:
        bounds, level = (), draw(st.integers(-2, 3)) if schema is None else schema
        edge = draw(st.sampled_from([0.0, 0.001, 0.25, 0.3, 1.0]))
    found = Histogram(
        level, total, float(draw(st.integers(-99, 99))), edge, float(zero),
        Buckets(np.arange(first, first + len(positive)), np.array(positive, dtype=float)),
        Buckets(np.arange(below, below + len(negative)), np.array(negative, dtype=float)), bounds,
    )  # fmt: skip
    return validated(found)


def content(one: Histogram) -> float:
    return float(one.zero_count + one.positive.counts.sum() + one.negative.counts.sum())


either = st.booleans().flatmap(lambda custom: st.tuples(histograms(custom=custom), histograms(custom=custom)))


@given(either)
def test_a_sum_holds_what_both_hold_and_gives_back_what_was_put_in(pair):
    a, b = pair
    both = add(a, b).histogram
    overlaps = any(one.zero_threshold > 0 for one in pair)  # then buckets may lie within the zero bucket and are lost
    if not overlaps:
        assert content(both) == content(a) + content(b)
        assert content(subtract(both, b).histogram) == content(a)
    assert both.count == a.count + b.count
    assert both.schema == min(a.schema, b.schema)
    again = compact(subtract(both, b).histogram)
    if (a.schema, a.zero_threshold, a.bounds) == (b.schema, b.zero_threshold, b.bounds) and not overlaps:
        assert equal(again, compact(a))


@given(either)
def test_the_order_of_a_sum_is_no_matter(pair):
    a, b = pair
    one, two = compact(add(a, b).histogram), compact(add(b, a).histogram)
    if a.zero_threshold == b.zero_threshold == 0:
        assert equal(one, two)
    assert one.zero_threshold == two.zero_threshold


@given(either)
def test_the_compensated_sum_of_whole_numbers_is_the_plain_one(pair):
    a, b = pair
    assert equal(compact(sum_of([a, b]).histogram), compact(add(a, b).histogram))


@given(histograms(schema=3), st.integers(-4, 3))
def test_a_coarser_resolution_changes_no_count(one, schema):
    coarse = to_schema(one, schema)
    assert (coarse.count, content(coarse)) == (one.count, content(one))
    assert equal(to_schema(to_schema(one, max(schema, 1)), schema), to_schema(one, schema))


@given(histograms(schema=2), histograms(schema=2))
def test_counting_on_is_no_reset_and_counting_back_is_one(one, more):
    if one.zero_threshold or more.zero_threshold:
        return
    later = add(one, more).histogram
    assert not detect_reset(later, one)
    assert detect_reset(one, later) == (content(more) > 0)


@given(st.booleans().flatmap(lambda custom: histograms(custom=custom)), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_and_fractions_give_them_back(one, p, q):
    if one.zero_threshold > 0 and (one.positive.index < 2).any() | (one.negative.index < 2).any():
        return  # buckets within the zero bucket have no order
    if one.schema == CUSTOM_BOUNDS and not one.bounds:
        return  # one bucket from -Inf to +Inf
    least, most = (quantile(x, one).value for x in sorted((p, q)))
    if one.count == 0:
        assert math.isnan(least)
        return
    assert least <= most * (1 + 1e-9) + 1e-9 if most > 0 else least <= most * (1 - 1e-9) + 1e-9
    # Prometheus takes a custom bucket around zero to begin there in fractions, but not in quantiles.
    inner = one.schema != CUSTOM_BOUNDS or 0 < one.bounds[0] < most < one.bounds[-1]
    if inner and most != 0 and math.isfinite(most) and content(one) == one.count:
        assert fraction(-math.inf, most, one).value >= max(p, q) - 1e-6


@given(st.booleans().flatmap(lambda custom: histograms(custom=custom)), st.floats(-40, 40))
def test_what_is_cut_off_below_and_above_is_all_there_was(one, value):
    low, high = trim_upper(one, value), trim_lower(one, value)
    inside = one.schema != CUSTOM_BOUNDS or (one.bounds and one.bounds[0] <= value <= one.bounds[-1])
    if inside and one.zero_threshold == 0 and one.zero_count == 0:
        assert low.count + high.count == pytest.approx(one.count)


@given(either)
def test_texts_and_notation_never_fail(pair):
    for one in pair:
        assert text(one).startswith("{count:")
        again = parse_histogram(notation(one)).histogram
        assert equal(compact(again), compact(one))
        assert len(json_form(one).get("buckets", ())) == int(
            (one.positive.counts != 0).sum() + (one.negative.counts != 0).sum() + (one.zero_count > 0)
        )
