"""Sets of characters: the classes of RE2, and what may be done with them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

CharRange = tuple[int, int]
TOP = 0x10FFFF

_DIGIT: tuple[CharRange, ...] = ((48, 57),)
_SPACE: tuple[CharRange, ...] = ((9, 10), (12, 13), (32, 32))
_WORD: tuple[CharRange, ...] = ((48, 57), (65, 90), (95, 95), (97, 122))
PERL = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
POSIX: dict[str, tuple[CharRange, ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_KELVIN_AND_LONG_S = {107: 0x212A, 75: 0x212A, 0x212A: 107, 115: 0x17F, 83: 0x17F, 0x17F: 115}


def merged(ranges: list[CharRange]) -> tuple[CharRange, ...]:
    """The same characters as sorted ranges that do not touch."""
    found: list[CharRange] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def inverted(ranges: tuple[CharRange, ...]) -> tuple[CharRange, ...]:
    """All other characters."""
    found: list[CharRange] = []
    start = 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= TOP:
        found.append((start, TOP))
    return tuple(found)


def folded(ranges: tuple[CharRange, ...]) -> tuple[CharRange, ...]:
    """`ranges` with the other cases of their characters (ranges of more than 3,000 characters are left as they are)."""
    if sum(high - low + 1 for low, high in ranges) > 3000:
        return ranges
    found = list(ranges)
    for low, high in ranges:
        for code in range(low, high + 1):
            char = chr(code)
            others = {ord(other) for other in (char.lower(), char.upper(), char.title()) if len(other) == 1}
            others |= {_KELVIN_AND_LONG_S[c] for c in (code, *others) if c in _KELVIN_AND_LONG_S}
            found += [(other, other) for other in others if other < 0x250 or code >= 0x80 or other == 0x212A]
    return merged(found)


@lru_cache(maxsize=64)
def category(name: str) -> tuple[CharRange, ...]:
    """The characters of a general category of Unicode, such as L or Lu."""
    codes = [c for c in range(TOP + 1) if unicodedata.category(chr(c)).startswith(name)]
    return merged([(c, c) for c in codes])
