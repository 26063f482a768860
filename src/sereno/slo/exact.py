"""Exact arithmetic: counters' floats as fractions, fractions as decimals. No digit is lost unless it says so."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

Exact = int | Fraction

_WRITTEN = Context(prec=12, rounding=ROUND_HALF_EVEN)
_RATIO_PLACES = 24


def exact(value: float) -> Exact:
    """The number that a finite float is, exactly; whole numbers stay integers (and sums of them stay fast)."""
    return int(value) if value.is_integer() else Fraction(value)


def terminating(value: Exact) -> Decimal:
    """`value` with every digit, when its decimal expansion ends, as that of every float and sum of floats does.

    Raises ValueError when it does not end.
    """
    fraction = Fraction(value)
    rest, twos = _strip(fraction.denominator, 2)
    rest, fives = _strip(rest, 5)
    if rest != 1:
        raise ValueError(f"{fraction} has no finite decimal expansion")
    places = max(twos, fives)
    scaled = fraction.numerator * (10**places // fraction.denominator)
    return _plain(int(scaled < 0), str(abs(scaled)), -places)


def written(value: Exact) -> Decimal:
    """`value` as people and rule files read it: exact if its expansion ends, else 12 significant digits."""
    fraction = Fraction(value)
    rest, _ = _strip(_strip(fraction.denominator, 2)[0], 5)
    return terminating(fraction) if rest == 1 else _divided(fraction)


def ratio(value: Exact) -> Decimal:
    """`value` rounded to 24 decimal places, half to even: one rounding, at the very end of a computation.

    Places rather than digits, so that 1 − `ratio(x)` is `ratio(1 − x)` to the last.
    """
    scaled = round(Fraction(value) * 10**_RATIO_PLACES)
    return _plain(int(scaled < 0), str(abs(scaled)), -_RATIO_PLACES)


def _divided(value: Fraction) -> Decimal:
    quotient = _WRITTEN.divide(Decimal(value.numerator), Decimal(value.denominator))
    sign, digits, exponent = quotient.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number")
    return _plain(sign, "".join(map(str, digits)), exponent)


def _strip(number: int, prime: int) -> tuple[int, int]:
    """`number` without its factors `prime`, and how many there were."""
    count = 0
    while number % prime == 0:
        number //= prime
        count += 1
    return number, count


def _plain(sign: int, digits: str, exponent: int) -> Decimal:
    """The decimal without trailing zeros behind the point and without exponent form: 14.40 is 14.4, 1E+2 is 100."""
    while exponent < 0 and len(digits) > 1 and digits.endswith("0"):
        digits, exponent = digits[:-1], exponent + 1
    if exponent > 0:
        digits, exponent = digits + "0" * exponent, 0
    if not digits.strip("0"):
        return Decimal(0)
    return Decimal((sign, tuple(map(int, digits)), exponent))
