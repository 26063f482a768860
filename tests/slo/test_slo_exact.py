"""Decimals that are what the fractions are, and floats that are what they are."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.slo.exact import exact, ratio, terminating, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(72, 10_000), "0.0072"),
        (Fraction(144, 10), "14.4"),
        (Fraction(6), "6"),
        (Fraction(100), "100"),  # never 1E+2
        (Fraction(6, 100_000), "0.00006"),  # never 6E-5
        (Fraction(31, 30), "1.03333333333"),  # it never ends: 12 digits
        (Fraction(-1, 3), "-0.333333333333"),
        (Fraction(0), "0"),
    ],
)
def test_what_is_written(value: Fraction, text: str) -> None:
    assert str(written(value)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_the_number_that_it_is(value: float) -> None:
    assert Fraction(exact(value)) == Fraction(value)
    assert terminating(exact(value)) == Decimal(value)


@given(st.fractions())
def test_a_ratio_and_its_rest_are_one(value: Fraction) -> None:
    assert Fraction(ratio(value)) + Fraction(ratio(1 - value)) == 1
    assert abs(Fraction(ratio(value)) - value) <= Fraction(1, 2 * 10**24)


def test_what_does_not_end_can_not_be_written_whole() -> None:
    with pytest.raises(ValueError, match="no finite decimal"):
        terminating(Fraction(1, 3))
