"""Who gets which share: the same for the same user in every process, every language and at every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mmh3

WEIGHT_MOST = 2**31 - 1
"""What the weights of one division may add up to (flagd's limit)."""

_hash = mmh3.hash


def bucket(key: str, total: int) -> int:
    """The place of `key` in [0, total): MurmurHash3 x86 32 of its UTF-8, scaled as flagd's `fractional` does.

    Source: flagd, specification of the fractional operation: (hash * total) >> 32, the hash unsigned and seeded with 0.
    """
    return (_hash(key.encode("utf-8", "surrogatepass"), 0, signed=False) * total) >> 32


def divide(key: str, weighted: Sequence[tuple[Any, int]]) -> Any:
    """What `key` gets of `weighted` values; None if all weights are 0."""
    total = sum([weight for _, weight in weighted])
    if not 0 < total <= WEIGHT_MOST:
        return None
    place = bucket(key, total)
    for value, weight in weighted:
        place -= weight
        if place < 0:
            return value
    return None


def weighted(entry: Any) -> tuple[Any, int] | None:
    """One entry of a `fractional`, `[value, weight]` or `[value]`; None if it is none.

    A negative weight is 0; one that is not whole, or too large, makes the entry, and so the whole division, invalid.
    """
    if not isinstance(entry, list) or not entry or isinstance(entry[0], (list, dict)):
        return None
    weight = entry[1] if len(entry) > 1 and entry[1] is not None else 1
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight != weight // 1:
        return None
    return (entry[0], max(0, int(weight))) if weight <= WEIGHT_MOST else None
