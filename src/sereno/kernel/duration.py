"""Durations as Prometheus writes them: `30d`, `1h30m`, `500ms`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?",
    re.ASCII,  # the digits of other scripts are no digits to Prometheus
)
_ORDER = ("y", "w", "d", "h", "m", "s", "ms")


def parse_duration(text: str) -> timedelta:
    """The duration that `text` writes, by the grammar of Prometheus (each unit once, largest first).

    Raises ValueError for anything else, the empty text included; `0` alone is zero.
    """
    if text == "0":
        return timedelta(0)
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m, 1h30m or 30d")
    total_ms = sum(int(n) * _UNITS_MS[u] for n, u in zip(found.groups(), _ORDER, strict=True) if n)
    return timedelta(milliseconds=total_ms)


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as `duration` (never in weeks or years)."""
    rest = to_ms(duration)
    if rest == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def to_ms(duration: timedelta) -> int:
    """Whole milliseconds of `duration`, exactly."""
    return duration // timedelta(milliseconds=1)
