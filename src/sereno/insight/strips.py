"""Time as one line of characters: when something was, how high it rose, which days were kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sereno.insight.model import Day

_LEVELS = "▁▂▃▄▅▆▇█"
_QUIET, _SOME = "·", "█"


def strip_of(spans: Iterable[tuple[int, int]], start_ms: int, end_ms: int, width: int) -> str:
    """`width` cells of time, filled where any of `spans` was: the shortest is still seen."""
    length = max(end_ms - start_ms, 1)
    cells = [_QUIET] * width
    for begin, finish in spans:
        first = min(max((begin - start_ms) * width // length, 0), width - 1)
        last = min(max((finish - start_ms) * width // length, first), width - 1)
        cells[first : last + 1] = [_SOME] * (last - first + 1)
    return "".join(cells)


def sparkline(values: Sequence[float | None], width: int, *, full: float = 1.0) -> str:
    """`width` cells, each as high as the highest of its values; `full` and more is whole, unknown is a space."""
    if not values:
        return ""
    width = min(width, len(values))
    cells = []
    for cell in range(width):
        part = values[cell * len(values) // width : (cell + 1) * len(values) // width]
        known = [value for value in part if value is not None]
        top = max(known, default=None)
        cells.append(" " if top is None else _LEVELS[min(int(max(top, 0) / full * 7), 7)])
    return "".join(cells)


def day_strip(days: Iterable[Day], objective: Decimal) -> str:
    """A character a day: kept, broken, or unknown."""
    return "".join("?" if day.sli is None else "█" if day.sli >= objective else "░" for day in days)
