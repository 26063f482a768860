"""Two languages, equals: catalogues of phrases, and numbers and dates as their readers write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from sereno.kernel.message import Language

LANGUAGES: tuple[Language, ...] = ("es", "en")
Phrases = Mapping[str, Mapping[Language, str]]


def say(phrases: Phrases, key: str, language: Language, **values: object) -> str:
    """The phrase `key` in `language`, with `values` put in. Raises KeyError if there is no such phrase."""
    return phrases[key][language].format(**values)


def number(value: Decimal | float | int, language: Language, decimals: int = 0) -> str:
    """`value` with grouping and `decimals` digits: 1.234,5 in Spanish, 1,234.5 in English."""
    text = f"{value:,.{decimals}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "es" else text


def figure(value: str, language: Language) -> str:
    """A measured value in four digits, as its readers write numbers."""
    measured = float(value)
    if not math.isfinite(measured):
        return "∞" if measured > 0 else "−∞" if measured < 0 else "NaN"
    if measured and not 1e-4 <= abs(measured) < 1e15:
        return f"{measured:.4g}"
    digits = (
        max(0, 4 - len(f"{abs(measured):.0f}"))
        if abs(measured) >= 1
        else -math.floor(math.log10(abs(measured) or 1)) + 3
    )
    text = number(measured, language, digits)
    point = "," if language == "es" else "."
    return text.rstrip("0").rstrip(point) if point in text else text


def percent(ratio: Decimal, language: Language, decimals: int = 2) -> str:
    """`ratio` (1 is 100 %) as a percentage, rounded down so that 99.999 never reads 100, and -0.001 never 0.

    Below zero it is cut off, so that what is left and what is consumed have the same digits: -166.4 and 266.4.
    """
    step = Decimal(1).scaleb(-decimals)
    exact = ratio * 100
    shown = exact.quantize(step, rounding=ROUND_DOWN if exact <= -step else ROUND_FLOOR)
    return f"{number(shown, language, decimals)} %" if language == "es" else f"{shown:,.{decimals}f}%"


def span(duration: timedelta, language: Language) -> str:
    """A duration for people, in its two largest units: `2 h 5 min`, `45 s`."""
    seconds = max(0, round(duration.total_seconds()))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"


def local(instant: datetime, zone: str, language: Language, *, seconds: bool = False) -> str:
    """Date and time of `instant` on the wall clock of `zone`, with the zone's abbreviation or offset."""
    there = instant.astimezone(ZoneInfo(zone))
    date = there.strftime("%d/%m/%Y" if language == "es" else "%Y-%m-%d")
    return f"{date} {there.strftime('%H:%M:%S' if seconds else '%H:%M')} {there.strftime('%Z')}"
