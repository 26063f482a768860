"""Numbers, times and histograms as Prometheus writes them."""

from __future__ import annotations

import json
import struct
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.app.http.prometheus_json import exponential, float_texts, go_float, histogram_text, time_text
from sereno.app.http.prometheus_params import parse_seconds, parse_time
from sereno.promql import Buckets, Histogram

# What Go's strconv.FormatFloat(v, 'f' or 'e', -1, 64) prints, as Prometheus chooses between them.
WRITTEN = [
    (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (1e-4, "0.0001"), (1.5e-5, "0.000015"),
    (1e-6, "0.000001"), (-9.99e-7, "-9.99e-07"), (5e-324, "5e-324"), (1e15, "1000000000000000"),
    (1e16, "10000000000000000"), (123456789012345680000.0, "123456789012345680000"), (1e21, "1e+21"),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"),
    (float("nan"), "NaN"), (100.0, "100"), (1e22, "1e+22"), (2.5e-7, "2.5e-07"), (9007199254740993.0, "9007199254740992"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_a_number_is_written_as_go_writes_it(value: float, text: str) -> None:
    assert go_float(value) == text
    assert float_texts(np.array([value])) == [text]
    assert float_texts(np.array([0.25, value, 3.0])) == ["0.25", text, "3"]


@given(st.lists(st.floats(), min_size=1, max_size=20))
def test_many_are_written_as_one_is_and_read_back_the_same(values: list[float]) -> None:
    texts = float_texts(np.array(values))
    assert texts == [go_float(value) for value in values]
    for value, text in zip(values, texts, strict=True):
        back = float(text)
        assert struct.pack("d", back) == struct.pack("d", value) or (back != back and value != value)
        assert "e" not in text or not 1e-6 <= abs(value) < 1e21


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_with_an_exponent_it_is_the_same_number(value: float) -> None:
    text = exponential(value)
    digits, _, power = text.partition("e")
    assert float(text) == value
    assert 1 <= abs(Decimal(digits)) < 10 or value == 0
    assert power[0] in "+-"
    assert len(power) >= 3


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0"), (1500, "1.500"), (1001, "1.001"), (-1, "-0.001"), (1435781451781, "1435781451.781")]
)
def test_times_are_seconds_with_at_most_three_decimals(ms: int, text: str) -> None:
    assert time_text(ms) == text


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0), ("1.0006", 1001), ("1.0004", 1000), ("0.0005", 1), ("-1.5", -1500), ("1e3", 1_000_000), (".5", 500),
        ("1435781451.781", 1435781451781), ("2015-07-01T20:10:51.781Z", 1435781451781),
        ("2015-07-01T22:10:51.7819+02:00", 1435781451781), ("1970-01-01T00:00:00Z", 0),
        ("-292273086-05-16T16:47:06Z", -(2**53)), ("292277025-08-18T07:12:54.999999999Z", 2**53),
        ("", None), ("NaN", None), ("Inf", None), ("1_000", None), ("0x10", None), ("1e400", None), ("١", None),
        ("2015-07-01", None), ("2015-07-01 20:10:51Z", None), ("2015-02-30T00:00:00Z", None), (" 1", None),
    ],
)  # fmt: skip
def test_times_are_read_as_prometheus_reads_them(text: str, ms: int | None) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15", 15), ("0.5", 0.5), ("5m", 300), ("1h30m", 5400), ("-3", -3), ("0", 0), ("", None), ("5 m", None),
     ("m5", None), ("1e300", None), ("9" * 500, None), ("9" * 30 + "y", None)],
)  # fmt: skip
def test_durations_are_numbers_or_prometheus_durations(text: str, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


def test_a_native_histogram_tells_its_buckets_and_which_edges_they_hold() -> None:
    held = Histogram(
        0, 21.0, 5.5, 0.5, 2.0,
        Buckets(np.array([1, 2, 3]), np.array([4.0, 0.0, 8.0])), Buckets(np.array([0, 1]), np.array([3.0, 4.0])),
    )  # fmt: skip
    assert json.loads(histogram_text(held)) == {
        "count": "21", "sum": "5.5",
        "buckets": [[1, "-2", "-1", "4"], [1, "-1", "-0.5", "3"], [3, "-0.5", "0.5", "2"], [0, "1", "2", "4"],
                    [0, "4", "8", "8"]],
    }  # fmt: skip
    custom = Histogram(-53, 3.0, 4.0, positive=Buckets(np.array([0, 2]), np.array([1.0, 2.0])), bounds=(0.1, 1.0))
    assert json.loads(histogram_text(custom))["buckets"] == [[3, "-Inf", "0.1", "1"], [0, "1", "+Inf", "2"]]
    assert json.loads(histogram_text(Histogram(0, 0.0, 0.0))) == {"count": "0", "sum": "0"}


def test_pieces_with_and_without_distributions_become_one() -> None:
    from sereno.app.http.prometheus_run import joined
    from sereno.kernel.labels import Labels
    from sereno.promql import Columns

    a, b, held = Labels(a="1"), Labels(b="2"), Histogram(0, 1.0, 2.0)
    early = Columns.of([(a, np.array([1, 2]), np.array([1.0, 2.0]))])
    late = Columns(
        (b, a), np.array([0, 1, 2]), np.array([3, 3]), np.array([0.0, 3.0]), np.array([held, None]), np.array([1, 2])
    )  # fmt: skip
    whole = joined([early, late])
    assert whole.labels == (a, b)
    assert whole.offsets.tolist() == [0, 3, 4]
    assert whole.times.tolist() == [1, 2, 3, 3]
    assert whole.histograms is not None
    assert whole.starts is not None
    assert whole.histograms.tolist() == [None, None, None, held]
    assert whole.starts.tolist() == [0, 0, 2, 1]
    assert (len(joined([])), joined([early])) == (0, early)
