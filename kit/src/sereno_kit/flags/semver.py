"""Versions compared as flagd's `sem_ver` compares them (semver.org 2.0.0, and the shorter forms that Go's take)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

_NATURAL = r"(?:0|[1-9][0-9]*)"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"[vV]?({_NATURAL})(?:\.({_NATURAL})(?:\.({_NATURAL})(?:-({_PART}(?:\.{_PART})*))?(?:\+[0-9A-Za-z.-]+)?)?)?",
    re.ASCII,
)
Version = tuple[tuple[int, int, int], tuple[tuple[int, int, str], ...]]
_LONGEST = 256
_RELEASE = ((2, 0, ""),)


@lru_cache(maxsize=1024)
def parse(written: str) -> Version | None:
    """The version in an order that tuples have, or None for what is none. What follows `+` does not count.

    `1` is 1.0.0 and `1.2` is 1.2.0; a pre-release comes before its release (semver.org, item 11).
    """
    found = _VERSION.fullmatch(written) if len(written) <= _LONGEST else None
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    numbers = (int(major), int(minor or 0), int(patch or 0))
    if before is None:
        return numbers, _RELEASE
    parts = ((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split("."))
    return numbers, tuple(parts)


OPERATORS: Mapping[str, Callable[[Version, Version], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "^": lambda one, other: one[0][0] == other[0][0],
    "~": lambda one, other: one[0][:2] == other[0][:2],
}


def compare(one: Any, operator: Any, other: Any) -> bool | None:
    """Whether `one` stands in the relation to `other`; None if a version or the operator is none."""
    relation = OPERATORS.get(operator) if isinstance(operator, str) else None
    left, right = _of(one), _of(other)
    if relation is None or left is None or right is None:
        return None
    return relation(left, right)


def _of(value: Any) -> Version | None:
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return parse(f"{value:.15g}" if isinstance(value, float) else str(value))
