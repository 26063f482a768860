"""What JSONLogic takes from JavaScript: truth, equality, order, numbers and texts of loose values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_EXACT = 2**53
TEXT_LONGEST = 65_536
"""Characters that a text made by a rule may have: rules that double a text in a loop end here."""


class TooLong(ValueError):
    """A text would have been longer than `TEXT_LONGEST`."""


def truthy(value: Any) -> bool:
    """JSONLogic's truth: as JavaScript's, but an empty array is false; every object is true."""
    return bool(value) if not isinstance(value, dict) else True


def number(value: Any) -> float:
    """The number that `value` stands for; NaN if none."""
    if isinstance(value, (bool, int, float)):
        return float(value) if abs(value) < 1e308 else math.inf
    if value is None:
        return 0.0
    if isinstance(value, str):
        if not value.strip():
            return 0.0
        return float(value) if len(value) <= 400 and _NUMBER.fullmatch(value) else math.nan
    if isinstance(value, list):
        return number(value[0]) if len(value) == 1 else math.nan if value else 0.0
    return math.nan


def plain(value: float) -> float | int | None:
    """A number as JSON has it: without a fraction if it has none, nothing if it is not finite."""
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def text(value: Any) -> str:
    """`value` within a text: 1.0 is `1`, true is `true`, nothing is nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        shown = plain(float(value)) if isinstance(value, float) else value
        return "" if shown is None else repr(shown)
    if isinstance(value, list):
        return joined(value, ",")
    return "[object Object]"


def joined(values: Sequence[Any], mark: str) -> str:
    """The texts of `values` with `mark` between them. Raises TooLong as soon as it would be."""
    parts: list[str] = []
    left = TEXT_LONGEST
    for value in values:
        parts.append(text(value))
        left -= len(parts[-1]) + len(mark)
        if left < 0:
            raise TooLong
    return mark.join(parts)


def same(one: Any, other: Any) -> bool:
    """`===`: equal, and of one type; 1 is 1.0, and true is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other
    return type(one) is type(other) and bool(one == other)


def equal(one: Any, other: Any) -> bool:
    """`==`: nothing equals nothing alone, and values of different types are compared as numbers."""
    if one is None or other is None:
        return one is other
    if isinstance(one, (list, dict)) and isinstance(other, (list, dict)):
        return bool(one == other)
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, (list, dict)) or isinstance(other, (list, dict)):
        return text(one) == text(other)
    return number(one) == number(other)


def less(one: Any, other: Any) -> bool:
    """`<`: texts by their letters, anything else as numbers."""
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    return number(one) < number(other)


def at_most(one: Any, other: Any) -> bool:
    """`<=`, likewise."""
    if isinstance(one, str) and isinstance(other, str):
        return one <= other
    return number(one) <= number(other)
